"""A consumer: follows publishers' logs and applies each event once, in its publisher's order.

The effect and the cursor's move are one transaction. What is live is only the fast path: gaps, what
was told while we were away, and the start of each new life of a publisher are fetched. When a log no
longer reaches down to the cursor, or is another one than was read, that publisher is left alone until
an operator has decided (`zsaga resync`).
"""
import time

import zmq

from event_pb2 import EventBatch, LogRange, Publication
from replay_pb2 import Fetch, ReplayAnswer, ReplayRequest
from zsaga_owner import NotDone, Owner, answer_owner
from zsaga_participant import open_database
from zsaga_wire import Malformed, Speaker, decode, drain, is_name, open_socket, read_frame, send

ASK_AGAIN_S = 1.0  # After a fetch that was not answered, doubling
ASK_AGAIN_MAX_S = 5.0  # to this.
REASON_MAX = 512
SILENT_S = 10.0  # Then the sockets are made anew: one that saw a protocol error is deaf for ever.

SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor(
    publisher TEXT PRIMARY KEY,
    store BLOB NOT NULL, -- the database whose log it is
    seq INTEGER NOT NULL, -- number of the last event applied
    id BLOB NOT NULL); -- and its id; empty: not known, after an operator's word
CREATE TABLE IF NOT EXISTS resync(
    publisher TEXT NOT NULL, seq INTEGER NOT NULL, who BLOB NOT NULL, reason BLOB NOT NULL,
    at_ms INTEGER NOT NULL);
"""


class Stream:
    """One publisher's log: where we stand in it, and what we wait for."""

    def __init__(self, consumer, context, suite, publisher):
        self.consumer, self.context, self.publisher = consumer, context, publisher
        self.endpoints = [suite.endpoint(publisher, which) for which in ("events", "replay")]
        self.load()
        self.number = 0  # Of the last fetch.
        self.out = False  # It waits for its answer.
        self.wanted = True
        self.ask_at, self.wait_s = 0.0, ASK_AGAIN_S
        self.incarnation = None  # The publisher's life that spoke last, ...
        self.synced = False  # ... and whether we have fetched from it: nothing live counts before.
        self.told_store, self.range = b"", None
        self.stopped = ""  # Why, in words.
        self.live = self.replay = None
        self.connect()

    def connect(self):
        for opened in filter(None, (self.live, self.replay)):
            opened.close()
        # Subscribed before the first fetch is sent, so that nothing falls between the two.
        self.live = open_socket(self.context, zmq.SUB, self.endpoints[0])
        self.replay = open_socket(self.context, zmq.DEALER, self.endpoints[1])
        self.heard_at = time.monotonic()

    def load(self):
        row = self.consumer.db.execute(
            "SELECT store, seq, id FROM cursor WHERE publisher = ?", (self.publisher,)
        ).fetchone()
        self.store, self.seq, self.id = row or (b"", 0, b"")

    def save(self):
        self.consumer.db.execute(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)",
            (self.publisher, self.store, self.seq, self.id),
        )

    # Asking.

    def ask_if_due(self):
        now = time.monotonic()
        if now - self.heard_at > SILENT_S:
            self.connect()
        if self.stopped or not self.wanted or now < self.ask_at:
            return
        self.wait_s = min(2 * self.wait_s, ASK_AGAIN_MAX_S) if self.out else ASK_AGAIN_S
        self.number, self.out, self.ask_at = self.number + 1, True, now + self.wait_s
        fetch = Fetch(store=self.store, after=self.seq, after_id=self.id)
        for frame in self.consumer.speaker.frames([ReplayRequest(id=self.number, fetch=fetch)]):
            send(self.replay, None, frame)

    def want(self):
        """A fetch is needed: at once, unless one is out already."""
        if not self.wanted:
            self.wanted, self.ask_at = True, 0.0

    # Hearing, within a transaction.

    def hear(self, opened):
        for _, data in drain(opened):
            try:
                frame = read_frame(data)
                if frame.header.name.decode() != self.publisher or not frame.header.store:
                    continue
                for entry in frame.entries:
                    if opened is self.live:
                        self.take_publication(frame.header, decode(Publication, entry))
                    else:
                        self.take_answer(frame.header, decode(ReplayAnswer, entry))
            except Malformed:
                continue  # What it should have told is fetched.

    def meet(self, header):
        """Each life of a publisher is asked before anything of it is applied."""
        self.heard_at = time.monotonic()
        self.told_store = header.store
        if header.incarnation != self.incarnation:
            self.incarnation, self.synced = header.incarnation, False
            self.want()

    def take_publication(self, header, publication):
        self.meet(header)
        if publication.HasField("row"):
            if self.synced and not self.stopped:
                self.apply(header, publication.row)
        elif publication.HasField("range"):
            self.range = publication.range
            if self.range.head != self.seq:
                self.want()

    def take_answer(self, header, answer):
        lived = self.incarnation in (None, header.incarnation)
        self.meet(header)
        if not self.out or answer.id != self.number:
            return
        self.out, self.wanted = False, False
        kind = answer.WhichOneof("kind")
        if not lived or kind in (None, "refusal"):
            self.wanted, self.ask_at = True, time.monotonic() + ASK_AGAIN_S
        elif kind == "fetched":
            self.take_fetched(header, answer.fetched)
        elif kind == "truncated":
            self.stop(answer.truncated.range, "events that it has not seen are gone")
        else:
            words = answer.diverged.message.decode(errors="replace")
            self.stop(answer.diverged.range, f"it is another log than the one read: {words}")

    def take_fetched(self, header, fetched):
        self.range, before = fetched.range, self.seq
        for row in fetched.rows:
            self.apply(header, row)
        self.synced = True
        if self.seq < fetched.range.head:
            self.want()
            if self.seq == before:
                self.ask_at = time.monotonic() + ASK_AGAIN_S  # It should have brought something.

    def apply(self, header, row):
        """What of a row comes after the cursor; nothing when there is a gap before it."""
        events = decode(EventBatch, row.events).events
        if row.first == 0 or len(events) != row.count or any(len(e.id) != 16 for e in events):
            raise Malformed("a row breaks its rules")
        if row.first > self.seq + 1:
            self.want()
            return
        at = self.seq - row.first
        if self.id and 0 <= at < len(events) and events[at].id != self.id:
            self.stop(self.range, f"event {self.seq} is another one than the one applied")
        if self.stopped:
            return
        for number, event in enumerate(events, row.first):
            if number > self.seq:
                self.consumer.effect(self.publisher, number, event)
                self.store, self.seq, self.id = header.store, number, event.id
        self.save()

    # Standing still.

    def stop(self, span, words):
        self.range, self.stopped = span, words

    def resync(self, from_tail):
        span = self.range or LogRange(tail=1, head=0)
        self.store = self.told_store
        self.seq, self.id = (span.tail - 1 if from_tail else span.head), b""
        self.save()
        self.stopped, self.synced, self.wanted, self.ask_at = "", False, True, 0.0


class Consumer(Owner):
    """`effect(publisher, number, event)` writes to self.db; each event is given to it once."""

    def __init__(self, name, suite, schema, follow=None):
        self.db = open_database(suite.database(name))
        self.db.executescript(SCHEMA + schema)
        self.speaker = Speaker(name)
        follow = follow or [line.value for line in suite.section(name).all("follow")]
        context = zmq.Context.instance()
        self.streams = {
            publisher: Stream(self, context, suite, publisher)
            for publisher in follow or suite.publishers()
        }
        self.owner = open_socket(context, zmq.ROUTER, suite.endpoint(name, "owner"))

    def effect(self, publisher, number, event):
        raise NotImplementedError

    def trouble(self):
        stopped = (f"{name}: {it.stopped}" for name, it in self.streams.items() if it.stopped)
        return "; ".join(stopped)

    def resync(self, asked):
        stream = self.streams.get(asked.publisher.decode(errors="replace"))
        last = self.db.execute(
            "SELECT seq, who, reason FROM resync WHERE publisher = ? ORDER BY rowid DESC LIMIT 1",
            (asked.publisher.decode(errors="replace"),),
        ).fetchone()
        if stream and not stream.stopped and last and last[1:] == (asked.who, asked.reason):
            return f"goes on behind event {last[0]}"  # Said again: the answer was lost.
        if stream is None or not stream.stopped:
            raise NotDone("it has not stopped following such a publisher")
        if not is_name(asked.who) or not 1 <= len(asked.reason) <= REASON_MAX:
            raise NotDone("who must be 1 to 64, and reason 1 to 512 bytes")
        self.db.execute("BEGIN IMMEDIATE")
        stream.resync(asked.from_tail)
        values = (stream.publisher, stream.seq, asked.who, asked.reason, int(time.time() * 1000))
        self.db.execute("INSERT INTO resync VALUES (?, ?, ?, ?, ?)", values)
        self.db.execute("COMMIT")
        return f"goes on behind event {stream.seq}"

    def serve(self, process):
        process.ready()
        while True:
            poller = zmq.Poller()
            process.watch(poller)
            poller.register(self.owner, zmq.POLLIN)
            for stream in self.streams.values():
                stream.ask_if_due()
                poller.register(stream.live, zmq.POLLIN)
                poller.register(stream.replay, zmq.POLLIN)
            events = dict(poller.poll(ASK_AGAIN_S * 100))
            if process.must_end(events):
                return
            self.turn(events)
            if self.owner in events:
                answer_owner(self.owner, self.speaker, self)

    def turn(self, events):
        """All that has arrived, in one transaction: effects and cursors move together."""
        self.db.execute("BEGIN IMMEDIATE")
        for stream in self.streams.values():
            for opened in (stream.live, stream.replay):
                if opened in events:
                    stream.hear(opened)
        self.db.execute("COMMIT")
