"""The log and the consumer in Python keep the rules of docs/protocol.md, "The event plane"."""
import os
import tempfile
import time
import unittest

import zsaga_log
from event_pb2 import LogRange, LogRow, Publication
from frame_pb2 import Frame
from replay_pb2 import Fetch, ReplayAnswer, ReplayRequest
from zsaga_consumer import SCHEMA as CURSOR_SCHEMA
from zsaga_consumer import Stream
from zsaga_log import Log
from zsaga_participant import open_database
from zsaga_wire import Malformed, Speaker

STORE = bytes(range(16))


class Sockets:
    """Takes what is sent; nothing arrives."""

    def __init__(self):
        self.sent = []

    def send_multipart(self, parts, _flags):
        self.sent.append(parts[-1])

    def entries(self, kind):
        frames = [Frame.FromString(data) for data in self.sent]
        self.sent = []
        return [kind.FromString(entry) for frame in frames for entry in frame.entries]


class Publisher:
    """A log that a test writes to, with its two sockets."""

    def __init__(self, path, store=STORE, **keep):
        self.db = open_database(path)
        self.log = Log(self.db, Speaker("rooms", store), **keep)
        self.log.events, self.log.replay = Sockets(), Sockets()
        self.header = self.log.speaker.header

    def tell(self, *payloads):
        self.db.execute("BEGIN IMMEDIATE")
        for payload in payloads:
            self.log.add(type=b"Told", payload=payload)
        self.log.write()
        self.db.execute("COMMIT")
        self.log.turn()
        return self.log.events.entries(Publication)

    def answer(self, **fetch):
        request = ReplayRequest(id=1, fetch=Fetch(**fetch))
        return self.log.answer(request)


class WithDirectory(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.opened = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def publisher(self, name="rooms.db", **more):
        made = Publisher(self.path(name), **more)
        self.addCleanup(made.db.close)
        return made


class LogTest(WithDirectory):
    def expect(self, answer, kind, code=b""):
        self.assertEqual(answer.WhichOneof("kind"), kind, answer)
        if code:
            self.assertEqual(getattr(answer, kind).code, code)

    def test_numbers_have_no_gaps_and_go_on_after_a_restart(self):
        publisher = self.publisher()
        publisher.tell(b"1", b"2")
        publisher.db.close()
        publisher = self.publisher()
        (row,) = [told.row for told in publisher.tell(b"3") if told.HasField("row")]
        self.assertEqual((row.first, row.count, publisher.log.head), (3, 1, 3))

    def test_ids_never_go_back(self):
        publisher = self.publisher()
        ids = [publisher.log.new_id(10**12), publisher.log.new_id(10**12 - 5)]
        self.assertLess(ids[0], ids[1])

    def test_what_is_fetched_is_what_was_published(self):
        publisher = self.publisher()
        told = [told.row for n in range(3) for told in publisher.tell(b"%d" % n) if told.HasField("row")]
        fetched = publisher.answer(store=STORE).fetched
        self.assertEqual(list(fetched.rows), told)
        self.assertEqual(fetched.range, LogRange(tail=1, head=3))

    def test_a_fetch_in_the_middle_of_a_row_gets_the_whole_row(self):
        publisher = self.publisher()
        publisher.tell(b"1", b"2", b"3")
        (row,) = publisher.answer(store=STORE, after=2).fetched.rows
        self.assertEqual((row.first, row.count), (1, 3))

    def test_a_fetch_at_the_head_gets_no_rows(self):
        publisher = self.publisher()
        self.expect(publisher.answer(), "fetched")
        publisher.tell(b"1")
        self.assertEqual(list(publisher.answer(store=STORE, after=1).fetched.rows), [])

    def test_rows_and_answers_are_bounded(self):
        publisher = self.publisher()
        told = publisher.tell(*[bytes(20_000)] * 30, bytes(100_000))
        rows = [told.row for told in told if told.HasField("row")]
        self.assertTrue(all(len(row.events) <= zsaga_log.ROW_BYTES for row in rows[:-1]))
        self.assertEqual(rows[-1].count, 1)
        fetched = publisher.answer(store=STORE).fetched.rows
        size = sum(len(row.events) for row in fetched)
        self.assertLessEqual(size, zsaga_log.FETCH_BYTES)
        self.assertLess(fetched[-1].first + fetched[-1].count - 1, publisher.log.head)

    def test_each_check_of_a_fetch_has_its_answer(self):
        publisher = self.publisher(keep_bytes=1)
        for n in range(4):
            publisher.tell(b"%d" % n)
        removed = publisher.log.removed_id
        known = {"store": STORE, "after": 2}
        self.assertEqual(publisher.log.range(), LogRange(tail=3, head=4))
        self.expect(publisher.answer(store=bytes(16), after=2), "diverged", b"other_store")
        self.expect(publisher.answer(store=STORE, after=5), "diverged", b"behind")
        self.expect(publisher.answer(store=STORE, after=1), "truncated")
        self.expect(publisher.answer(**known, after_id=bytes(16)), "diverged", b"other_event")
        self.expect(publisher.answer(**known, after_id=removed), "fetched")
        self.expect(publisher.answer(**known), "fetched")

    def receive(self, publisher, peer, **request):
        publisher.log._receive(peer, ReplayRequest(**request).SerializeToString())
        return publisher.log.replay.entries(ReplayAnswer)

    def test_malformed_fetches_are_refused(self):
        publisher = self.publisher()
        cases = [
            {"fetch": Fetch()},
            {"id": 1},
            {"id": 1, "fetch": Fetch(store=b"short")},
            {"id": 1, "fetch": Fetch(after_id=bytes(16))},
            {"id": 1, "fetch": Fetch(after=1)},
        ]
        for request in cases:
            with self.subTest(request):
                (answer,) = self.receive(publisher, b"peer", **request)
                self.expect(answer, "refusal", b"malformed")

    def test_one_fetch_a_turn_and_one_a_peer_and_64_in_all(self):
        publisher = self.publisher()
        for number in range(zsaga_log.FETCHES_MAX):
            self.assertEqual(self.receive(publisher, b"peer%d" % number, id=1, fetch=Fetch()), [])
        (refused,) = self.receive(publisher, b"late", id=7, fetch=Fetch())
        self.expect(refused, "refusal", b"busy")
        self.assertEqual(self.receive(publisher, b"peer0", id=2, fetch=Fetch()), [])
        publisher.log.turn()
        answers = publisher.log.replay.entries(ReplayAnswer)
        self.assertEqual([answer.id for answer in answers], [2])


class Follower:
    """Stands for the process around a stream: keeps what was applied."""

    def __init__(self, path):
        self.db = open_database(path)
        self.db.executescript(CURSOR_SCHEMA)
        self.speaker = Speaker("ledger")
        self.applied = []

    def effect(self, publisher, number, event):
        self.applied.append((number, event.payload))


class Unconnected(Stream):
    def connect(self):
        self.live, self.replay, self.heard_at = Sockets(), Sockets(), float("inf")


class Nowhere:
    def endpoint(self, name, which):
        return ""


class StreamTest(WithDirectory):
    def setUp(self):
        super().setUp()
        self.rooms = self.publisher()
        self.follower = Follower(self.path("ledger.db"))
        self.addCleanup(self.follower.db.close)
        self.restart()

    def restart(self):
        self.stream = Unconnected(self.follower, None, Nowhere(), "rooms")

    def hear(self, publications, publisher=None):
        for publication in publications:
            self.stream.take_publication((publisher or self.rooms).header, publication)

    def fetch(self, publisher=None):
        """Lets the stream ask if it wants to, and answers; returns what it asked."""
        publisher = publisher or self.rooms
        self.stream.ask_if_due()
        asked = self.stream.replay.entries(ReplayRequest)
        for request in asked:
            self.stream.take_answer(publisher.header, publisher.log.answer(request))
        return [request.fetch for request in asked]

    def expect_applied(self, *payloads):
        self.assertEqual(self.follower.applied, list(enumerate(payloads, 1)))

    def test_nothing_live_is_applied_before_the_first_fetch_is_answered(self):
        self.rooms.tell(b"a")
        self.hear(self.rooms.tell(b"b"))
        self.expect_applied()
        self.fetch()
        self.expect_applied(b"a", b"b")
        self.hear(self.rooms.tell(b"c"))
        self.expect_applied(b"a", b"b", b"c")

    def test_a_row_that_comes_again_is_passed_by(self):
        self.fetch()
        told = self.rooms.tell(b"a")
        self.hear(told + told)
        self.expect_applied(b"a")

    def test_a_gap_is_fetched_and_never_skipped(self):
        self.fetch()
        self.rooms.tell(b"a")
        self.hear([p for p in self.rooms.tell(b"b") if p.HasField("row")])
        self.expect_applied()
        self.assertEqual(len(self.fetch()), 1)
        self.expect_applied(b"a", b"b")

    def test_a_malformed_row_is_not_applied_in_part(self):
        self.fetch()
        (row,) = [told.row for told in self.rooms.tell(b"a", b"b") if told.HasField("row")]
        row.count = 3
        with self.assertRaises(Malformed):
            self.hear([Publication(row=row)])
        self.expect_applied()

    def test_an_answer_that_brings_nothing_is_not_asked_for_again_at_once(self):
        self.rooms.tell(b"a")
        self.stream.ask_if_due()
        (asked,) = self.stream.replay.entries(ReplayRequest)
        answer = self.rooms.log.answer(asked)
        del answer.fetched.rows[:]
        self.stream.take_answer(self.rooms.header, answer)
        self.assertEqual(self.fetch(), [])

    def test_a_lost_tail_shows_in_the_range(self):
        self.fetch()
        self.rooms.tell(b"a")
        self.hear([Publication(range=self.rooms.log.range())])
        self.assertEqual(len(self.fetch()), 1)
        self.expect_applied(b"a")

    def test_one_fetch_is_out_at_a_time(self):
        self.stream.ask_if_due()
        self.hear([Publication(range=LogRange(tail=1, head=9))])
        self.stream.ask_if_due()
        self.assertEqual(len(self.stream.replay.entries(ReplayRequest)), 1)

    def test_a_fetch_without_an_answer_is_repeated_less_and_less_often(self):
        waits = []
        for _ in range(5):
            self.stream.ask_at, before = 0.0, time.monotonic()
            self.stream.ask_if_due()
            waits.append(round(self.stream.ask_at - before))
        self.assertEqual(waits, [1, 2, 4, 5, 5])
        self.stream.ask_at = 0.0
        self.fetch()
        self.stream.want()
        before = time.monotonic()
        self.stream.ask_if_due()
        self.assertEqual(round(self.stream.ask_at - before), 1)

    def test_an_answer_to_an_older_fetch_is_ignored(self):
        self.rooms.tell(b"a")
        self.stream.ask_if_due()
        (first,) = self.stream.replay.entries(ReplayRequest)
        self.stream.ask_at = 0.0
        self.stream.ask_if_due()
        self.stream.take_answer(self.rooms.header, self.rooms.log.answer(first))
        self.expect_applied()

    def test_it_goes_on_from_its_cursor(self):
        self.rooms.tell(b"a")
        self.fetch()
        self.restart()
        self.rooms.tell(b"b")
        (asked,) = self.fetch()
        self.assertEqual((asked.store, asked.after, len(asked.after_id)), (STORE, 1, 16))
        self.expect_applied(b"a", b"b")

    def test_a_new_incarnation_is_asked_before_anything_of_it_is_applied(self):
        self.fetch()
        self.rooms.header.incarnation ^= 1
        self.hear([p for p in self.rooms.tell(b"a") if p.HasField("row")])
        self.expect_applied()
        self.fetch()
        self.expect_applied(b"a")

    def test_the_answer_of_an_earlier_incarnation_does_not_count_as_asked(self):
        self.stream.ask_if_due()
        (asked,) = self.stream.replay.entries(ReplayRequest)
        answer = self.rooms.log.answer(asked)
        old = Speaker("rooms", STORE).header
        self.hear(self.rooms.tell(b"a"))
        self.stream.take_answer(old, answer)
        self.assertFalse(self.stream.synced)

    def expect_stopped(self, words):
        self.assertIn(words, self.stream.stopped)
        before = list(self.follower.applied)
        self.hear(self.rooms.tell(b"x"))
        self.assertEqual(self.fetch(), [])
        self.assertEqual(self.follower.applied, before)

    def test_truncated_stops_it_and_an_operator_lets_it_go_on_from_the_tail(self):
        self.rooms.tell(b"a")
        self.fetch()
        self.rooms.log.keep_bytes = 1
        for payload in (b"b", b"c", b"d", b"e"):
            self.rooms.tell(payload)
        self.rooms.log.keep_bytes = 1 << 20
        self.restart()
        self.fetch()
        self.expect_stopped("are gone")
        self.stream.resync(from_tail=True)
        (asked,) = self.fetch()
        self.assertEqual((asked.after, asked.after_id), (3, b""))
        self.assertEqual([number for number, _ in self.follower.applied], [1, 4, 5, 6])

    def restore(self, *payloads, store=STORE):
        """The publisher's database is another one from now on."""
        self.rooms = self.publisher("restored.db", store=store)
        self.rooms.tell(*payloads)

    def test_another_store_stops_it(self):
        self.rooms.tell(b"a")
        self.fetch()
        self.restore(b"z", store=bytes(16))
        self.hear([Publication(range=self.rooms.log.range())])
        self.fetch()
        self.expect_stopped("another database")

    def test_a_log_that_ends_before_the_cursor_stops_it(self):
        self.rooms.tell(b"a", b"b")
        self.fetch()
        self.restore(b"a")
        self.hear([Publication(range=self.rooms.log.range())])
        self.fetch()
        self.expect_stopped("ends at 1")
        self.stream.resync(from_tail=False)
        self.fetch()
        self.hear(self.rooms.tell(b"y"))
        self.assertEqual(self.follower.applied[-1], (3, b"y"))

    def test_another_event_under_the_cursors_number_stops_it(self):
        self.rooms.tell(b"a")
        self.fetch()
        self.restore(b"z")
        self.hear([Publication(range=self.rooms.log.range())])
        self.fetch()
        self.expect_stopped("another one")

    def test_a_live_row_with_another_event_under_the_cursors_number_stops_it(self):
        self.fetch()
        self.hear(self.rooms.tell(b"a"))
        self.restore(b"z", b"y")
        self.rooms.header.incarnation = self.stream.incarnation
        (row,) = self.rooms.answer(store=STORE).fetched.rows
        self.hear([Publication(row=LogRow(first=1, count=2, events=row.events))])
        self.expect_stopped("another one")
        self.expect_applied(b"a")


if __name__ == "__main__":
    unittest.main()
