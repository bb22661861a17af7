"""The participant in Python keeps the rules of docs/protocol.md, "The command plane"."""
import json
import os
import sqlite3
import tempfile
import unittest

import zsaga_participant
from command_pb2 import ACTION, COMPENSATION, VOID, Command, Floor, Hello, Outcome, Request
from event_pb2 import EventBatch
from frame_pb2 import Driver, Frame
from order_pb2 import OrderInput, OrderItem
from participant import Rooms
from zsaga_participant import Refused
from zsaga_wire import WHOLE_FRAME, Speaker, Suite

SUITE = """
suite
    id = test
participant
    name = rooms
    settings
        double = 3
"""


def saga(number):
    return number.to_bytes(16, "big")


def booking(name, rooms=1, kind=b"double"):
    items = [OrderItem(sku=kind, quantity=rooms)]
    return OrderInput(order_id=name.encode(), items=items).SerializeToString()


class Participant(unittest.TestCase):
    """`self.rooms` under an orchestrator's hand; what it told is read back from its log."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        os.mkdir(os.path.join(directory.name, "db"))
        with open(os.path.join(directory.name, "suite.zpl"), "w", encoding="utf-8") as file:
            file.write(SUITE)
        self.suite = Suite(directory.name)
        self.orchestrator = Speaker("orchestrator", bytes(range(16)))
        self.drive(epoch=1, nonce=11, last_saga=saga(0))
        self.start()
        self.addCleanup(lambda: self.rooms.db.close())

    def start(self):
        self.rooms = Rooms("rooms", self.suite)

    def crash(self):
        """All that was not committed is gone."""
        self.rooms.db.close()
        self.start()

    def drive(self, **claim):
        self.orchestrator.header.driver.CopyFrom(Driver(id=b"test", **claim))

    def batch(self, *messages):
        return [answer for _, answer in self.rooms.batch((b"peer", data) for data in messages)]

    def ask(self, *requests):
        return self.batch(*self.orchestrator.frames(requests))

    def command(self, number, name, direction=ACTION, step=0, attempt=1, given=None):
        return Request(
            command=Command(
                saga=saga(number),
                step=step,
                direction=direction,
                attempt=attempt,
                name=name.encode(),
                input=booking(f"b{number}") if given is None else given,
                traceparent=b"00-trace",
            )
        )

    def reply(self, *args, **more):
        (answer,) = self.ask(self.command(*args, **more))
        self.assertEqual(answer.WhichOneof("kind"), "reply", answer)
        return answer.reply

    def outcome(self, *args, **more):
        reply = self.reply(*args, **more)
        return Outcome.Name(reply.outcome), reply.code.decode()

    def held(self):
        return self.rooms.db.execute("SELECT held FROM room").fetchone()[0]

    def told(self):
        rows = self.rooms.db.execute("SELECT events FROM log ORDER BY first").fetchall()
        batches = (EventBatch.FromString(events).events for (events,) in rows)
        return [event.type.decode() for batch in batches for event in batch]

    def expect_reject(self, answers, index, words):
        (answer,) = answers
        self.assertEqual(answer.WhichOneof("kind"), "reject", answer)
        self.assertEqual((answer.reject.index, answer.reject.code), (index, b"malformed"))
        self.assertIn(words, answer.reject.message.decode())


class Barrier(Participant):
    def test_an_action_that_comes_twice_takes_effect_once_and_is_answered_the_same(self):
        first = self.reply(1, "hold")
        self.crash()
        again = self.reply(1, "hold", attempt=7)
        self.assertEqual((first.outcome, first.output), (again.outcome, again.output))
        self.assertEqual(json.loads(first.output), {"double": 1})
        self.assertEqual(again.attempt, 7)
        self.assertEqual((self.held(), self.told()), (1, ["RoomsHeld"]))

    def test_twice_in_one_batch_takes_effect_once(self):
        answers = self.ask(self.command(1, "hold"), self.command(1, "hold", attempt=2))
        self.assertEqual([answer.reply.outcome for answer in answers], [Outcome.Value("DONE")] * 2)
        self.assertEqual((self.held(), self.told()), (1, ["RoomsHeld"]))

    def test_a_compensation_takes_back_once(self):
        self.reply(1, "hold")
        for _ in range(2):
            self.assertEqual(self.outcome(1, "release", COMPENSATION), ("DONE", ""))
        self.assertEqual((self.held(), self.told()), (0, ["RoomsHeld", "RoomsReleased"]))

    def test_an_action_after_its_compensation_is_blocked(self):
        self.reply(1, "hold")
        self.reply(1, "release", COMPENSATION)
        self.assertEqual(self.outcome(1, "hold"), ("BLOCKED", "blocked"))
        self.assertEqual(self.held(), 0)

    def test_a_compensation_of_what_never_came_changes_nothing_and_bars_it(self):
        for _ in range(2):
            self.assertEqual(self.outcome(1, "release", COMPENSATION), ("DONE", "nothing_to_undo"))
        self.crash()
        self.assertEqual(self.outcome(1, "hold"), ("BLOCKED", "blocked"))
        self.assertEqual((self.held(), self.told()), (0, []))

    def test_a_refusal_is_durable_and_leaves_nothing_but_its_event(self):
        wanted = {"given": booking("b1", 4)}
        first = self.reply(1, "hold", **wanted)
        self.rooms.db.execute("UPDATE room SET rooms = 10")
        self.crash()
        again = self.reply(1, "hold", **wanted)
        self.assertEqual(first.code, b"no_room")
        self.assertEqual((first.outcome, first.message), (again.outcome, again.message))
        self.assertEqual((self.held(), self.told()), (0, ["HoldRefused"]))
        count = self.rooms.db.execute("SELECT count(*) FROM booking").fetchone()[0]
        self.assertEqual(count, 0)
        self.assertEqual(self.outcome(1, "release", COMPENSATION), ("DONE", "nothing_to_undo"))

    def test_a_refusal_does_not_take_its_batch_with_it(self):
        refused = self.command(2, "hold", given=booking("b2", 9))
        answers = self.ask(self.command(1, "hold"), refused, self.command(3, "hold"))
        outcomes = [Outcome.Name(answer.reply.outcome) for answer in answers]
        self.assertEqual(outcomes, ["DONE", "REJECTED", "DONE"])
        self.assertEqual(self.told(), ["RoomsHeld", "HoldRefused", "RoomsHeld"])

    def test_what_a_refused_action_wrote_and_told_is_taken_back(self):
        def changes_its_mind(call):
            call.db.execute("UPDATE room SET held = 3")
            call.event("RoomsHeld", b"{}")
            raise Refused("no", "after all", ("HoldRefused", b"{}"))

        self.rooms.actions["hold"] = changes_its_mind
        self.assertEqual(self.outcome(1, "hold"), ("REJECTED", "no"))
        self.assertEqual((self.held(), self.told()), (0, ["HoldRefused"]))

    def test_a_failing_handler_is_answered_retry_and_recorded_nowhere(self):
        # There is no booking to confirm: the handler stumbles.
        self.assertEqual(self.outcome(1, "confirm", step=2), ("RETRY", "error"))
        self.assertEqual(self.rooms.db.execute("SELECT * FROM zsaga_barrier").fetchall(), [])

    def test_nothing_of_a_batch_stays_when_its_commit_fails(self):
        self.rooms.db.execute("PRAGMA max_page_count = 1")
        with self.assertRaises(sqlite3.Error):
            self.ask(*[self.command(n, "hold", given=booking("b" * 60 + str(n))) for n in range(30)])
        self.crash()
        self.assertEqual((self.held(), self.told()), (0, []))
        self.assertEqual(self.outcome(1, "hold"), ("DONE", ""))


class Fence(Participant):
    def expect_stale(self, for_saga_id=False):
        held = self.held()
        answers = self.ask(self.command(9, "hold"), Request(hello=Hello(number=1)))
        self.assertEqual([answer.WhichOneof("kind") for answer in answers], ["stale_epoch"])
        stale, driver = answers[0].stale_epoch, self.orchestrator.header.driver
        refused = (stale.refused_epoch, stale.refused_nonce, stale.for_saga_id)
        self.assertEqual(refused, (driver.epoch, driver.nonce, for_saga_id))
        self.assertEqual((stale.held_epoch, stale.held_nonce), (5, 2**64 - 1))
        self.assertEqual(self.held(), held)

    def setUp(self):
        super().setUp()
        self.drive(epoch=5, nonce=2**64 - 1, last_saga=saga(100))
        self.reply(1, "hold")
        self.crash()

    def test_a_lower_epoch_is_refused_once_for_its_frame(self):
        self.drive(epoch=4, nonce=2**64 - 1, last_saga=saga(200))
        self.expect_stale()

    def test_the_same_epoch_with_another_nonce_is_refused(self):
        self.drive(epoch=5, nonce=1, last_saga=saga(200))
        self.expect_stale()

    def test_a_higher_epoch_with_a_lower_last_saga_is_an_old_copy(self):
        self.drive(epoch=6, nonce=1, last_saga=saga(99))
        self.expect_stale(for_saga_id=True)

    def test_a_higher_epoch_takes_over(self):
        self.drive(epoch=6, nonce=1, last_saga=saga(100))
        self.assertEqual(self.outcome(2, "hold"), ("DONE", ""))

    def test_a_late_frame_does_not_lower_the_last_saga(self):
        self.drive(epoch=5, nonce=2**64 - 1, last_saga=saga(50))
        self.reply(2, "hold")
        self.drive(epoch=6, nonce=1, last_saga=saga(60))
        self.expect_stale(for_saga_id=True)

    def test_another_orchestrator_has_a_fence_of_its_own(self):
        self.drive(epoch=1, nonce=1, last_saga=saga(0))
        self.orchestrator.header.driver.id = b"other"
        self.assertEqual(self.outcome(2, "hold"), ("DONE", ""))

    def test_a_fenced_frame_is_still_read_for_malformed_entries(self):
        self.drive(epoch=1, nonce=1, last_saga=saga(0))
        frame = Frame.FromString(next(self.orchestrator.frames([self.command(9, "hold")])))
        frame.entries.append(b"\xff")
        answers = self.batch(frame.SerializeToString())
        kinds = [answer.WhichOneof("kind") for answer in answers]
        self.assertEqual(kinds, ["stale_epoch", "reject"])


class Floors(Participant):
    def hello(self, **floor):
        hello = Hello(number=3, floor=Floor(**floor)) if floor else Hello(number=3)
        return self.ask(Request(hello=hello))[0].welcome

    def test_a_welcome_tells_what_is_held(self):
        self.reply(1, "hold")
        self.reply(2, "release", COMPENSATION)
        welcome = self.hello(version=4, id=saga(1))
        held = (welcome.number, welcome.head, welcome.records, welcome.floor_version)
        self.assertEqual(held, (3, 1, 2, 4))
        self.assertEqual(self.hello(version=3, id=saga(0)).floor_version, 4)

    def test_below_the_floor_all_is_forgotten_but_what_is_open(self):
        for number in (1, 2, 3):
            self.reply(number, "hold")
        self.hello(version=1, id=saga(3), open=saga(2))
        self.crash()
        self.assertEqual(self.outcome(2, "hold", step=1), ("REJECTED", "booked_already"))
        self.assertEqual(self.outcome(1, "hold"), ("EXPIRED", "expired"))
        self.assertEqual(self.outcome(0, "release", COMPENSATION), ("EXPIRED", "expired"))
        self.assertEqual(self.outcome(2, "release", COMPENSATION), ("DONE", ""))
        self.assertEqual(self.outcome(3, "release", COMPENSATION), ("DONE", ""))
        self.assertEqual(self.hello().records, 6)

    def test_a_malformed_floor_is_rejected(self):
        descending = Floor(version=1, id=saga(9), open=saga(2) + saga(1))
        answers = self.ask(Request(hello=Hello(number=1, floor=descending)))
        self.expect_reject(answers, 0, "ascending")
        self.assertEqual(self.hello().floor_version, 0)


class Malformed(Participant):
    def test_what_is_no_frame_is_rejected_as_a_whole(self):
        self.expect_reject(self.batch(b"\xff\xff"), WHOLE_FRAME, "not a Frame")
        self.expect_reject(self.batch(b""), WHOLE_FRAME, "protocol version 0")

    def test_a_frame_of_another_version_is_refused_with_both_versions(self):
        self.orchestrator.header.version = 2
        answers = self.ask(self.command(1, "hold"))
        self.expect_reject(answers, WHOLE_FRAME, "protocol version 2: this side speaks 1")
        self.assertEqual(answers[0].reject.frame, 1)

    def test_a_frame_without_a_driver_is_rejected(self):
        self.orchestrator.header.ClearField("driver")
        self.expect_reject(self.ask(self.command(1, "hold")), WHOLE_FRAME, "driver")

    def test_one_bad_entry_is_rejected_and_the_others_count(self):
        frame = Frame.FromString(next(self.orchestrator.frames([self.command(1, "hold")])))
        frame.entries.insert(0, b"\xff")
        answers = self.batch(frame.SerializeToString())
        self.expect_reject(answers[:1], 0, "not a Request")
        self.assertEqual(answers[1].reply.outcome, Outcome.Value("DONE"))

    def test_fields_that_break_their_rules_are_rejected(self):
        cases = {
            "step": self.command(1, "hold", step=32),
            "attempt": self.command(1, "hold", attempt=0),
            "direction": self.command(1, "hold", direction=VOID),
            "a-z": self.command(1, "no such name"),
            "no action": self.command(1, "release"),
            "no compensation": self.command(1, "hold", direction=COMPENSATION),
        }
        for words, request in cases.items():
            with self.subTest(words):
                self.expect_reject(self.ask(request), 0, words)
        self.assertEqual(self.held(), 0)

    def test_a_frame_without_entries_does_nothing(self):
        empty = Frame(header=self.orchestrator.header)
        self.assertEqual(self.batch(empty.SerializeToString()), [])

    def test_the_65th_orchestrator_is_rejected_entry_by_entry(self):
        for number in range(zsaga_participant.DRIVERS_MAX):
            self.orchestrator.header.driver.id = b"driver%d" % number
            self.ask(Request(hello=Hello(number=1)))
        self.orchestrator.header.driver.id = b"one too many"
        self.expect_reject(self.ask(self.command(1, "hold")), 0, "at most 64")


if __name__ == "__main__":
    unittest.main()
