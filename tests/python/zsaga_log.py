"""A publisher's log: events written in the transaction of what they tell, told live, and fetched.

A row holds events that were committed together. Numbers are per event, without gaps, and go on
across restarts. What a reader of the PUB socket missed it fetches from the rows themselves.
"""
import secrets
import time

import zmq

from event_pb2 import Event, EventBatch, LogRange, LogRow, Publication
from replay_pb2 import Diverged, Fetched, ReplayAnswer, ReplayRefusal, ReplayRequest, Truncated
from zsaga_wire import Malformed, decode, drain, open_socket, read_frame, send

ROW_BYTES = 60 << 10  # A row ends before it would exceed this; a larger event has its own.
FETCH_BYTES = 256 << 10  # Of rows in one answer; a larger row alone.
FETCH_ROWS = 1024
FETCHES_MAX = 64  # Waiting to be answered; one a peer.
RANGE_S = 0.5  # Between two ranges on the PUB socket.
TRIM_ROWS = 64  # Removed at most in one transaction.

SCHEMA = """
CREATE TABLE IF NOT EXISTS log(
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, events BLOB NOT NULL, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS log_end(
    -- The last number given, and number and id of the last event that was removed.
    head INTEGER NOT NULL, removed INTEGER NOT NULL, removed_id BLOB NOT NULL);
INSERT INTO log_end SELECT 0, 0, x'' WHERE NOT EXISTS (SELECT * FROM log_end);
"""


class Log:
    def __init__(self, db, speaker, keep_bytes=256 << 20, keep_days=7):
        self.db, self.speaker = db, speaker
        self.keep_bytes, self.keep_ms = keep_bytes, keep_days * 86_400_000
        db.executescript(SCHEMA)
        self.head, self.removed, self.removed_id = db.execute("SELECT * FROM log_end").fetchone()
        self.bytes = db.execute("SELECT coalesce(sum(length(events)), 0) FROM log").fetchone()[0]
        self.collected = []  # Events of the transaction that is going on.
        self.fresh = []  # Rows that were committed and not yet told.
        self.fetches = {}  # What each peer waits for.
        self.range_due = 0.0
        self.id_base = 0
        if self.head > self.removed:
            self.id_base = int.from_bytes(self.id_at(self.head), "big") >> 48

    def bind(self, context, suite, name):
        self.events = open_socket(context, zmq.PUB, suite.endpoint(name, "events"))
        self.replay = open_socket(context, zmq.ROUTER, suite.endpoint(name, "replay"))

    # Writing, within the transaction of what is told.

    def new_id(self, wall_ms):
        """16 bytes that sort by time and never go back: milliseconds, a counter, randomness."""
        self.id_base = max(wall_ms << 32, self.id_base + 1)
        return (self.id_base << 48 | secrets.randbits(48)).to_bytes(16, "big")

    def add(self, **fields):
        wall_ms = time.time_ns() // 1_000_000
        self.collected.append(Event(id=self.new_id(wall_ms), time_ms=wall_ms, **fields))

    def write(self):
        """Before the commit: numbers what was collected, and removes what is not kept any more."""
        before = self.head, self.removed
        self._trim()
        batch = EventBatch()
        for event in self.collected:
            if batch.events and batch.ByteSize() + event.ByteSize() + 8 > ROW_BYTES:
                self._write_row(batch)
                batch = EventBatch()
            batch.events.append(event)
        if batch.events:
            self._write_row(batch)
        self.collected = []
        if (self.head, self.removed) != before:
            self.db.execute(
                "UPDATE log_end SET head = ?, removed = ?, removed_id = ?",
                (self.head, self.removed, self.removed_id),
            )

    def _write_row(self, batch):
        row = LogRow(first=self.head + 1, count=len(batch.events), events=batch.SerializeToString())
        values = (row.first, row.count, row.events, time.time_ns() // 1_000_000)
        self.db.execute("INSERT INTO log VALUES (?, ?, ?, ?)", values)
        self.head += row.count
        self.bytes += len(row.events)
        self.fresh.append(row)

    def _trim(self):
        """From the tail, whoever has not read it yet. The last row always stays."""
        old_ms = time.time_ns() // 1_000_000 - self.keep_ms
        rows = self.db.execute(
            "SELECT first, count, length(events), at_ms FROM log ORDER BY first LIMIT ?", (TRIM_ROWS,)
        ).fetchall()
        for first, count, size, at_ms in rows:
            last = first + count - 1
            if last == self.head or (self.bytes <= self.keep_bytes and at_ms >= old_ms):
                break
            self.removed, self.removed_id = last, self.id_at(last)
            self.bytes -= size
            self.db.execute("DELETE FROM log WHERE first = ?", (first,))

    # Telling, once it is committed.

    def range(self):
        return LogRange(tail=self.removed + 1, head=self.head)

    def turn(self):
        """Publishes what was committed, says twice a second what there is, answers one fetch."""
        told = [Publication(row=row) for row in self.fresh]
        self.fresh = []
        if time.monotonic() >= self.range_due:
            told.append(Publication(range=self.range()))
            self.range_due = time.monotonic() + RANGE_S
        for frame in self.speaker.frames(told):
            send(self.events, None, frame)
        if self.fetches:
            peer = next(iter(self.fetches))
            self._answer(peer, self.answer(self.fetches.pop(peer)))

    def next_turn_s(self):
        return 0.0 if self.fetches else max(0.0, self.range_due - time.monotonic())

    # Replay.

    def receive(self):
        """Fetches wait for their turn; a peer's newer one replaces the one that waits."""
        for peer, data in drain(self.replay):
            try:
                entries = read_frame(data).entries
            except Malformed as error:
                self._answer(peer, refusal(ReplayRequest(), "malformed", str(error)))
                continue
            for entry in entries:
                self._receive(peer, entry)

    def _receive(self, peer, entry):
        request = ReplayRequest()
        try:
            request = decode(ReplayRequest, entry)
            check(request)
        except Malformed as error:
            self._answer(peer, refusal(request, "malformed", str(error)))
            return
        if len(self.fetches) < FETCHES_MAX or peer in self.fetches:
            self.fetches[peer] = request
        else:
            self._answer(peer, refusal(request, "busy", "too many fetches wait: ask again"))

    def _answer(self, peer, answer):
        for frame in self.speaker.frames([answer]):
            send(self.replay, peer, frame)

    def answer(self, request):
        """How a fetch is judged: the order of these checks is the page's."""
        fetch, span = request.fetch, self.range()
        if fetch.store and fetch.store != self.speaker.header.store:
            return diverged(request, "other_store", "this log belongs to another database", span)
        if fetch.after > self.head:
            return diverged(request, "behind", f"this log ends at {self.head}", span)
        if fetch.after < self.removed:
            return ReplayAnswer(id=request.id, truncated=Truncated(range=span))
        if fetch.after_id and fetch.after_id != self.id_at(fetch.after):
            return diverged(request, "other_event", f"event {fetch.after} is another one here", span)
        fetched = Fetched(rows=self._rows_after(fetch.after), range=span)
        return ReplayAnswer(id=request.id, fetched=fetched)

    def _rows_after(self, after):
        rows, size = [], 0
        found = self.db.execute(
            "SELECT first, count, events FROM log WHERE first >="
            " coalesce((SELECT max(first) FROM log WHERE first <= ?1), 0) AND first + count > ?1"
            " ORDER BY first",
            (after + 1,),
        )
        for first, count, events in found:
            size += len(events)
            if rows and (size > FETCH_BYTES or len(rows) == FETCH_ROWS):
                break
            rows.append(LogRow(first=first, count=count, events=events))
        found.close()  # An open read would keep the WAL from being reused.
        return rows

    def id_at(self, number):
        """Of an event that is kept, or of the last one removed."""
        if number == self.removed:
            return self.removed_id
        first, events = self.db.execute(
            "SELECT first, events FROM log WHERE first <= ? ORDER BY first DESC LIMIT 1", (number,)
        ).fetchone()
        return EventBatch.FromString(events).events[number - first].id


def check(request):
    fetch = request.fetch
    if request.id == 0:
        raise Malformed("a request needs an id")
    if request.WhichOneof("kind") != "fetch":
        raise Malformed("the entry is no fetch")
    if len(fetch.store) not in (0, 16) or len(fetch.after_id) not in (0, 16):
        raise Malformed("fetch.store and fetch.after_id must be empty or 16 bytes")
    if fetch.after >= 2**63:
        raise Malformed("fetch.after is too large")
    if fetch.after == 0 and fetch.after_id:
        raise Malformed("fetch.after_id must be empty when fetch.after is 0")
    if fetch.after != 0 and not fetch.store:
        raise Malformed("fetch.store must say whose log was read up to fetch.after")


def refusal(request, code, words):
    return ReplayAnswer(
        id=request.id, refusal=ReplayRefusal(code=code.encode(), message=words.encode())
    )


def diverged(request, code, words, span):
    return ReplayAnswer(
        id=request.id, diverged=Diverged(code=code.encode(), message=words.encode(), range=span)
    )
