#!/usr/bin/python3
"""`zsaga conformance` passes what is right and finds what is wrong.

Right are the shipped participants, the tutorial's in C, and the one in Python, each killed on the way.
Wrong are the participants in WRONG: the Python one with a few lines changed, as somebody might write it.
Each must fail the checks that are named there.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import zsaga_log
import zsaga_participant
import zsaga_wire
from command_pb2 import REJECTED, Reply
from participant import Rooms
from zsaga_participant import NO_ID, Fence, Participant, Retry

BUILD = os.environ["ZSAGA_BUILD"]
SOURCE = os.environ["ZSAGA_SOURCE"]
ZSAGA = os.path.join(BUILD, "zsaga")
WAIT_S = 120

SUITE = """
suite
    id = tried
participant
    name = rooms
    settings
        double = 1000000
participant
    name = order
participant
    name = inventory
participant
    name = payment
participant
    name = shipping
"""
ORDERS = """order_id,customer_id,sku,quantity,unit_price_cents,country,placed_at
any,rich,double,1,100,France,2024-01-01
"""
NOTHING = (None, None, "", "", b"")  # As when nothing is recorded.


# Mistakes: each changes the participant before it starts.


def forgets_what_is_done():
    right = Participant.judge_action
    Participant.judge_action = lambda self, answer, fence, command, handler, row: right(
        self, answer, fence, command, handler, NOTHING if row[0] == "done" and not row[1] else row)


def keeps_no_tombstone():
    right = Participant.record
    Participant.record = lambda self, fence, command, row: (
        None if row[0] is None and row[1] else right(self, fence, command, row))


def runs_late_actions():
    right = Participant.judge_action
    Participant.judge_action = lambda self, answer, fence, command, handler, row: right(
        self, answer, fence, command, handler, (row[0], None, *row[2:]))


def takes_back_twice():
    right = Participant.judge_compensation
    Participant.judge_compensation = lambda self, answer, fence, command, handler, row: right(
        self, answer, fence, command, handler, (row[0], None, *row[2:]))


def forgets_refusals():
    right = Participant.record
    Participant.record = lambda self, fence, command, row: (
        None if row[0] == "rejected" and not row[1] else right(self, fence, command, row))


def refuses_the_retriable():
    right = Participant.judge_action

    def judge(self, answer, fence, command, handler, row):
        command.retriable = False
        return right(self, answer, fence, command, handler, row)

    Participant.judge_action = judge


def hears_everybody():
    Fence.stale = lambda self, driver: None


def hears_twins():
    right = Fence.stale

    def stale(self, driver):
        self.nonce = driver.nonce.to_bytes(8, "big")
        return right(self, driver)

    Fence.stale = stale


def hears_old_copies():
    right = Fence.stale

    def stale(self, driver):
        self.last_saga = NO_ID
        return right(self, driver)

    Fence.stale = stale


def has_no_floor():
    Fence.is_final = lambda self, saga: False


def takes_any_floor():
    right = Participant.raise_floor

    def raise_floor(self, fence, floor):
        fence.floor_epoch = 0
        right(self, fence, floor)

    Participant.raise_floor = raise_floor


def speaks_every_version():
    right = zsaga_participant.read_frame

    def read(data):
        frame = zsaga_wire.decode(zsaga_wire.Frame, data)
        frame.header.version = 1
        return right(frame.SerializeToString())

    zsaga_participant.read_frame = read


def drops_the_frame_for_an_entry():
    right = Participant.judge_message

    def judge(self, data):
        answers = right(self, data)
        rejects = [answer for answer in answers if answer.WhichOneof("kind") == "reject"]
        return rejects or answers

    Participant.judge_message = judge


def refuses_what_it_does_not_know():
    right = Participant.command

    def command(self, fence, command):
        try:
            return right(self, fence, command)
        except zsaga_wire.Malformed as words:
            return Reply(saga=command.saga, step=command.step, direction=command.direction,
                         attempt=command.attempt, epoch=fence.epoch, outcome=REJECTED,
                         code=b"malformed", message=str(words).encode())

    Participant.command = command


def checks_no_limits():
    zsaga_participant.fault_of = lambda command: None


def answers_backwards():
    right = Participant.judge_message
    Participant.judge_message = lambda self, data: right(self, data)[::-1]


def echoes_the_first_attempt():
    right = Participant.command

    def command(self, fence, command):
        reply = right(self, fence, command)
        reply.attempt = 1
        return reply

    Participant.command = command


def answers_in_new_words():
    right = Participant.judge_action

    def judge(self, answer, *rest):
        reply = right(self, answer, *rest)
        reply.output += str(self.speaker.header.number).encode()
        return reply

    Participant.judge_action = judge


def says_too_much():
    right = Participant.hello

    def hello(self, fence, hello):
        answer = right(self, fence, hello)
        self.telling = not getattr(self, "telling", False)
        answer.welcome.head += self.telling
        return answer

    Participant.hello = hello


def tells_again():
    right = Participant.judge_action

    def judge(self, answer, fence, command, handler, row):
        if row[0] == "done" and not row[1]:
            zsaga_participant.Call(command, self.db, self.log).event("RoomsHeld", b"{}")
        return right(self, answer, fence, command, handler, row)

    Participant.judge_action = judge


def skips_numbers():
    right = zsaga_log.Log._write_row

    def write(self, batch):
        self.head += 1
        right(self, batch)

    zsaga_log.Log._write_row = write


def tells_other_bytes():
    right = zsaga_log.Log.turn

    def turn(self):
        for row in self.fresh:
            batch = zsaga_log.EventBatch.FromString(row.events)
            batch.events[0].payload += b" "
            row.events = batch.SerializeToString()
        right(self)

    zsaga_log.Log.turn = turn


def knows_no_store():
    right = zsaga_log.Log.answer

    def answer(self, request):
        request.fetch.store = b""
        return right(self, request)

    zsaga_log.Log.answer = answer


def forgets_its_barrier():
    zsaga_participant.SCHEMA += "DELETE FROM zsaga_barrier;"


def forgets_its_fence():
    zsaga_participant.SCHEMA += "DELETE FROM zsaga_driver;"


def answers_before_it_commits():
    # What one batch has done is on disk with the next one.
    class Late:
        def __init__(self, db):
            self.db = db

        def __getattr__(self, name):
            return getattr(self.db, name)

        def execute(self, sql, *rest):
            if sql == "COMMIT" and not self.due:
                self.due = True
                return None
            if sql == "BEGIN IMMEDIATE" and self.due:
                self.due = False
                self.db.execute("COMMIT")
            return self.db.execute(sql, *rest)

        due = False

    opens = zsaga_participant.open_database
    zsaga_participant.open_database = lambda path: Late(opens(path))


def is_always_the_same_start():
    zsaga_wire.secrets.randbits = lambda bits: 77


def always_comes_later():
    def later(self, handler, command):
        raise Retry("later", "not now")

    Participant.run = later


def calls_itself_otherwise():
    right = zsaga_wire.Speaker.__init__
    zsaga_participant.Speaker.__init__ = lambda self, name, store: right(self, "spaces", store)


# What must be found, by the checks whose names begin so.
WRONG = {
    forgets_what_is_done: ("duplicate/", ["duplicate/later attempt", "duplicate/in one frame"]),
    keeps_no_tombstone: (
        "compensation/", ["compensation/before its action", "compensation/before, in one frame"]),
    runs_late_actions: ("compensation/", ["compensation/then the action"]),
    takes_back_twice: ("compensation/", ["compensation/twice"]),
    forgets_refusals: ("refusal/", ["refusal/when its cause is gone"]),
    refuses_the_retriable: ("retriable/", ["retriable/not refused"]),
    hears_everybody: ("fence/", ["fence/lower epoch", "fence/other nonce", "fence/old copy"]),
    hears_twins: ("fence/", ["fence/other nonce"]),
    hears_old_copies: ("fence/", ["fence/old copy"]),
    has_no_floor: ("floor/", ["floor/below it"]),
    takes_any_floor: ("floor/", ["floor/older one"]),
    speaks_every_version: ("frame/", ["frame/other version"]),
    drops_the_frame_for_an_entry: ("entry/", ["entry/undecodable"]),
    refuses_what_it_does_not_know: ("entry/", ["entry/unknown action", "entry/command fields"]),
    checks_no_limits: ("entry/", ["entry/command fields"]),
    answers_backwards: ("hello/", ["hello/each"]),
    echoes_the_first_attempt: ("duplicate/", ["duplicate/later attempt"]),
    answers_in_new_words: ("duplicate/", ["duplicate/later attempt"]),
    says_too_much: ("all/", ["all/head"]),
    tells_again: ("events/", ["events/once", "events/once in one frame"]),
    skips_numbers: ("events/", ["events/once", "events/no gaps"]),
    tells_other_bytes: ("live/", ["live/row"]),
    knows_no_store: ("replay/", ["replay/other store"]),
    forgets_its_barrier: ("crash/a", ["crash/after an answer", "crash/a refusal", "crash/a tombstone"]),
    forgets_its_fence: ("crash/the f", ["crash/the fence", "crash/the floor"]),
    answers_before_it_commits: ("crash/after", ["crash/after an answer"]),
    is_always_the_same_start: ("crash/after", ["crash/after an answer"]),
    always_comes_later: ("action/", ["action/done"]),
    calls_itself_otherwise: ("all/", ["all/headers"]),
}


class Tried(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="zsaga-conformance-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def make_suite(self):
        self.orders = self.write("orders.csv", ORDERS)
        data = os.path.join(self.directory, "data")
        self.write("data/suite.zpl", SUITE)
        for below in ("db", "run", "log"):
            os.makedirs(os.path.join(data, below), exist_ok=True)
        return data

    def run_checks(self, *arguments):
        ran = subprocess.run([ZSAGA, "conformance", *arguments, "--json"], capture_output=True,
                             text=True, timeout=WAIT_S)
        self.assertIn(ran.returncode, (0, 1), ran.stdout + ran.stderr)
        return ran.returncode, json.loads(ran.stdout)

    def expect_right(self, *arguments):
        code, said = self.run_checks(*arguments)
        wrong = [check for check in said["checks"] if check["result"] != "passed"]
        self.assertEqual(wrong, [], "\n".join(map(str, wrong)))
        self.assertEqual(code, 0)
        self.assertGreater(said["passed"], 70)
        self.assertEqual((said["failed"], said["skipped"]), (0, 0))

    def rooms(self, mistake):
        data = self.make_suite()
        me = f"/usr/bin/python3 {os.path.abspath(__file__)} --wrong {mistake} --data {data}"
        return ("rooms", "--data", data, "--action", "hold", "--compensation", "release", "--input",
                f"order:{self.orders}", "--refused-input", "nonsense", "--restart", me)


class Right(Tried):
    # A participant of the suite, with each of its input files imported.
    def expect_shipped(self, name, action, compensation, **imports):
        data = self.make_suite()
        program = os.path.join(BUILD, f"zsaga-{name}")
        for table, rows in imports.items():
            subprocess.run([program, "--data", data, "--import", table], input=rows, text=True,
                           check=True, capture_output=True)
        self.expect_right(name, "--data", data, "--action", action, "--compensation", compensation,
                          "--input", f"order:{self.orders}", "--refused-input", "nonsense",
                          "--restart", f"{program} --data {data}")

    def test_order__as_shipped__is_right(self):
        """The shipped order service does what the page says, also when it is killed."""
        self.expect_shipped("order", "create", "cancel")

    def test_inventory__as_shipped__is_right(self):
        """So does inventory."""
        self.expect_shipped("inventory", "reserve", "release", stock="sku,on_hand\ndouble,1000000\n")

    def test_payment__as_shipped__is_right(self):
        """So does payment."""
        self.expect_shipped("payment", "charge", "refund",
                            customers="customer_id,credit_cents\nrich,1000000000\n")

    def test_shipping__as_shipped__is_right(self):
        """So does shipping."""
        self.expect_shipped("shipping", "schedule", "cancel")

    def test_tutorial__seats__are_right(self):
        """What the tutorial teaches is right, told by endpoints alone, and started by somebody else."""
        install = os.path.join(self.directory, "installed")
        booking = os.path.join(self.directory, "booking")
        data = os.path.join(self.directory, "data")
        subprocess.run(["cmake", "--install", BUILD, "--prefix", install], check=True,
                       capture_output=True)
        shutil.copytree(os.path.join(SOURCE, "participants/examples/booking"), booking)
        found = next(root for root, _, files in os.walk(install) if "zsaga.pc" in files)
        subprocess.run(["make", "-C", booking, f"PKG_CONFIG_PATH={found}", "seats"],
                       check=True, capture_output=True, env=os.environ | {"PKG_CONFIG_PATH": found})
        self.write("data/suite.zpl", "suite\n    id = seats\nparticipant\n    name = seats\n")
        for below in ("db", "run"):
            os.makedirs(os.path.join(data, below), exist_ok=True)
        command = [os.path.join(booking, "seats"), "--data", data]
        started = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            sockets = f"ipc://{data}/run/seats"
            self.expect_right(
                f"{sockets}-command.sock", "--participant", "seats", "--action", "hold",
                "--compensation", "release", "--input", "anna 1 100", "--refused-input", "nonsense",
                "--replay", f"{sockets}-replay.sock", "--events", f"{sockets}-events.sock",
                "--restart", " ".join(command), "--pid", str(started.pid))
            self.assertEqual(started.wait(WAIT_S), -signal.SIGKILL)
        finally:
            started.kill()
            started.wait()

    def test_rooms__in_python__are_right(self):
        """A participant in another language, written from the page alone, is right too."""
        self.expect_right(*self.rooms("none"))

    def test_rooms__run_again__are_right(self):
        """The checks can be run again on the same database."""
        for _ in range(2):
            code, said = self.run_checks(*self.rooms("none"), "--only", "fence/")
            self.assertEqual((code, said["failed"]), (0, 0), said)


class Wrong(Tried):
    def test_mistakes__each__is_found(self):
        """Each mistake fails the checks that are there for it."""
        for mistake, (only, wanted) in WRONG.items():
            with self.subTest(mistake.__name__):
                code, said = self.run_checks(*self.rooms(mistake.__name__), "--only", only,
                                             "--timeout", "2")
                failed = {check["name"]: check for check in said["checks"] if check["result"] == "failed"}
                self.assertLessEqual(set(wanted), set(failed), said)
                self.assertEqual((code, said["failed"]), (1, len(failed)))
                for check in failed.values():
                    self.assertTrue(check["why"] and check["page"], check)
            shutil.rmtree(os.path.join(self.directory, "data"), ignore_errors=True)


def serve_wrong(mistake):
    if mistake != "none":
        {wrong.__name__: wrong for wrong in WRONG}[mistake]()
    process = zsaga_wire.Process("Holds rooms, with a mistake.", "rooms")
    suite = zsaga_wire.Suite(process.options.data)
    Rooms("rooms", suite).serve(process, suite, "rooms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--wrong"]:
        name = sys.argv[2]
        del sys.argv[1:3]
        zsaga_wire.run_process(lambda: serve_wrong(name))
    else:
        unittest.main(argv=[sys.argv[0], *(word.capitalize() for word in sys.argv[1:])])
