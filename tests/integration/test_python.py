#!/usr/bin/python3
"""A suite with a participant and a consumer in Python, and a client in Python, while all are killed.

The bookings of tests/python/booking.zpl go through `rooms` (Python) and `payment` (C). At the end each
has ended as it must, the books of both say so, each effect once, and `ledger` (Python) has written
down each event of each log, once, in order, with the bytes that lie in the publisher's database.
"""
import collections
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

import zmq

from event_pb2 import EventBatch
from owner_pb2 import Audit, Health, OwnerAnswer, OwnerRequest
from saga_pb2 import SagaEvent
from zsaga_wire import Speaker, Suite, open_socket, read_frame

BUILD = os.environ["ZSAGA_BUILD"]
ZSAGA = os.path.join(BUILD, "zsaga")
PYTHON = os.path.join(BUILD, "python")
WAVES = 3  # With more, who dies is started again ever later.
BOOKINGS = 20 if os.environ.get("ZSAGA_SLOW") else 80  # In a wave.
KILLED = ("rooms", "orchestrator", "ledger", "payment")
ROOMS = 10_000
PRICE_CENTS = 12_000
WAIT_S = 60
PUBLISHERS = ("orchestrator", "rooms", "payment", "order", "inventory", "shipping")

SUITE = f"""
suite
    id = hotel
observer
    run = no
participant
    name = rooms
    program = {PYTHON}/participant.py
    settings
        double = {ROOMS}
participant
    name = payment
participant
    name = order
participant
    name = inventory
participant
    name = shipping
consumer
    name = ledger
    program = {PYTHON}/consumer.py
"""

# How a booking differs, and what it must come to.
KINDS = {
    6: ("unknown_room", {"room": "cave"}),
    7: ("no_room", {"rooms": ROOMS + 1}),
    8: ("unknown_customer", {"customer": "nobody"}),
    9: ("insufficient_credit", {"customer": "poor"}),
}


def reason_of(number):
    return KINDS.get(number % 10, ("", {}))[0]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


class Hotel(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="zsaga-python-")
        self.data = os.path.join(self.directory, "data")
        write(os.path.join(self.data, "suite.zpl"), SUITE)
        os.mkdir(os.path.join(self.data, "definitions"))
        shutil.copy(os.path.join(PYTHON, "booking.zpl"), os.path.join(self.data, "definitions"))
        self.supervisor = None
        self.clients = []
        self.kills = collections.Counter()
        self.addCleanup(self.clean)

    def clean(self):
        for started in filter(None, [self.supervisor, *self.clients]):
            started.kill()  # The supervisor's children die with it.
            started.wait()
            started.stdout.close()
        if os.environ.get("ZSAGA_KEEP"):
            print("kept:", self.directory)
        else:
            shutil.rmtree(self.directory, ignore_errors=True)

    # The suite.

    def tool(self, *arguments):
        ran = subprocess.run(
            [ZSAGA, *arguments, "--data", self.data], capture_output=True, text=True, timeout=WAIT_S
        )
        said = f"{arguments}: {ran.stdout}{ran.stderr}"
        self.assertEqual(ran.returncode, 0, said)
        return ran.stdout

    def up(self):
        customers = "customer_id,credit_cents\nrich,1000000000\npoor,1\n"
        path = write(os.path.join(self.directory, "customers.csv"), customers)
        errors = open(os.path.join(self.directory, "up.err"), "w", encoding="utf-8")
        with errors:
            self.supervisor = subprocess.Popen(
                [ZSAGA, "up", "--data", self.data, "--customers", path],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )
        line = self.supervisor.stdout.readline()
        self.assertTrue(line.startswith("ready"), line or self.log("up"))

    def down(self):
        self.supervisor.terminate()
        self.assertEqual(self.supervisor.wait(WAIT_S), 0, self.log("up"))

    def log(self, name):
        path = f"{self.directory}/up.err" if name == "up" else f"{self.data}/log/{name}.log"
        with open(path, encoding="utf-8") as file:
            return file.read()

    def await_that(self, condition, words):
        until = time.monotonic() + WAIT_S
        while not condition():
            self.assertLess(time.monotonic(), until, f"waited in vain: {words}")
            time.sleep(0.01)

    def process(self, name):
        rows = json.loads(self.tool("ps", "--json"))
        return next(row for row in rows if row["name"] == name)

    def running(self, name):
        """Its pid, once it runs."""
        row = {}

        def runs():
            row.update(self.process(name))
            return row["state"] == "running"

        self.await_that(runs, f"{name} runs")
        return row["pid"]

    def kill(self, name):
        """kill -9, and until another one is there."""
        pid = self.running(name)
        os.kill(pid, signal.SIGKILL)
        self.kills[name] += 1
        self.await_that(lambda: self.process(name)["pid"] not in (pid, None), f"{name} again")

    def head(self, name):
        return self.ask_owner(name, health=Health()).health.head

    def kill_before_it_hears(self, submit):
        """The orchestrator dies when rooms has done what it was told, and before it knows: the same
        command comes again."""
        rooms, orchestrator = self.running("rooms"), self.running("orchestrator")
        head = self.head("rooms")
        os.kill(rooms, signal.SIGSTOP)
        submit()

        def underway():  # The orchestrator alone is asked: rooms would not answer.
            return json.loads(self.tool("list", "--state", "running", "--limit", "1", "--json")) != []

        self.await_that(underway, "a saga has begun")
        os.kill(orchestrator, signal.SIGSTOP)
        os.kill(rooms, signal.SIGCONT)
        self.await_that(lambda: self.head("rooms") > head, "rooms has done something")
        os.kill(orchestrator, signal.SIGKILL)
        self.kills["orchestrator"] += 1

    # Bookings.

    def bookings(self, wave):
        lines = ["booking,customer,room,rooms,price_cents"]
        for number in range(wave * BOOKINGS, (wave + 1) * BOOKINGS):
            row = {"customer": "rich", "room": "double", "rooms": 1}
            row.update(KINDS.get(number % 10, ("", {}))[1])
            lines.append(f"b{number},{row['customer']},{row['room']},{row['rooms']},{PRICE_CENTS}")
        return write(os.path.join(self.directory, f"wave{wave}.csv"), "\n".join(lines) + "\n")

    def run_wave(self, wave):
        def submit():
            self.clients.append(subprocess.Popen(
                [os.path.join(PYTHON, "client.py"), "--data", self.data, self.bookings(wave)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            ))

        self.kill_before_it_hears(submit)
        client = self.clients[-1]
        for name in KILLED:
            self.kill(name)
        said, _ = client.communicate(timeout=WAIT_S)
        self.assertEqual(client.returncode, 0, said)
        numbers = range(wave * BOOKINGS, (wave + 1) * BOOKINGS)
        reasons = collections.Counter(filter(None, map(reason_of, numbers)))
        refused = sum(reasons.values())
        wanted = {
            "answered": {"accepted": BOOKINGS},
            "ended": {"completed": BOOKINGS - refused, "compensated": refused},
            "reasons": dict(reasons),
        }
        self.assertEqual(json.loads(said), wanted)

    # The owner plane.

    def ask_owner(self, name, **request):
        speaker, context = Speaker("test"), zmq.Context.instance()
        opened = open_socket(context, zmq.DEALER, Suite(self.data).endpoint(name, "owner"))
        until = time.monotonic() + WAIT_S
        with opened:
            while time.monotonic() < until:
                if opened.poll(100, zmq.POLLOUT):
                    for frame in speaker.frames([OwnerRequest(id=1, **request)]):
                        opened.send(frame)
                if opened.poll(1000):
                    return OwnerAnswer.FromString(read_frame(opened.recv()).entries[0])
        self.fail(f"{name} does not answer its owner")

    def await_ledger(self):
        """It has read all logs to their heads."""
        heads = {name: self.head(name) for name in PUBLISHERS}
        self.assertGreater(heads["rooms"], 0)
        wanted = ", ".join(f"{name} {head}" for name, head in sorted(heads.items()) if head)

        def there():
            checks = self.ask_owner("ledger", audit=Audit()).audit.checks
            details = {check.name: check.detail.decode() for check in checks}
            return details[b"read"] == wanted

        self.await_that(there, f"the ledger has read {wanted}")
        health = self.ask_owner("ledger", health=Health()).health
        self.assertEqual((health.name, health.state), (b"ledger", b"ok"))

    # Books, of the stopped suite.

    def rows(self, name, query):
        db = sqlite3.connect(os.path.join(self.data, "db", f"{name}.db"))
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def expect_rooms(self):
        wanted = {}
        for number in range(WAVES * BOOKINGS):
            reason = reason_of(number)
            if reason in ("", "unknown_customer", "insufficient_credit"):
                wanted[f"b{number}"] = "released" if reason else "confirmed"
        self.assertEqual(dict(self.rows("rooms", "SELECT id, status FROM booking")), wanted)
        ended = collections.Counter(wanted.values())
        held = self.rows("rooms", "SELECT held FROM room")
        self.assertEqual(held, [(ended["confirmed"],)])
        told = collections.Counter(event.type.decode() for _, event in self.events("rooms"))
        refused = WAVES * BOOKINGS - len(wanted)
        self.assertEqual(told, {
            "RoomsHeld": len(wanted), "BookingConfirmed": ended["confirmed"],
            "RoomsReleased": ended["released"], "HoldRefused": refused,
        })
        return {name for name, status in wanted.items() if status == "confirmed"}

    def expect_payments(self, confirmed):
        lines = self.tool("export", "payments").split()[1:]
        self.assertEqual(sorted(lines), sorted(f"{b},{PRICE_CENTS},charged" for b in confirmed))

    def expect_sagas(self):
        """The orchestrator's log tells of each saga's start and end once, and nothing behind it."""
        by_key = collections.defaultdict(list)
        for _, event in self.events("orchestrator"):
            by_key[SagaEvent.FromString(event.payload).key.decode()].append(event.type.decode())
        self.assertEqual(set(by_key), {f"b{number}" for number in range(WAVES * BOOKINGS)})
        for key, types in by_key.items():
            wanted = "SagaCompensated" if reason_of(int(key[1:])) else "SagaCompleted"
            ends = [kind for kind in types if kind in ("SagaCompleted", "SagaCompensated")]
            self.assertEqual((types[0], types[-1], ends), ("SagaAccepted", wanted, [wanted]), key)

    def events(self, name):
        """(number, event) of all that lies in a publisher's log."""
        query = (
            "SELECT first, events FROM log ORDER BY first" if name == "rooms"
            else "SELECT first_seq, events FROM zsaga_outbox ORDER BY first_seq"
        )
        for first, packed in self.rows(name, query):
            yield from enumerate(EventBatch.FromString(packed).events, first)

    def expect_ledger(self):
        for name in PUBLISHERS:
            query = (
                "SELECT seq, id, saga, type, payload FROM event"
                f" WHERE publisher = '{name}' ORDER BY seq"
            )
            wanted = [
                (number, event.id, event.saga, event.type.decode(), event.payload)
                for number, event in self.events(name)
            ]
            self.assertEqual([row[0] for row in wanted], list(range(1, len(wanted) + 1)))
            self.assertEqual(self.rows("ledger", query), wanted, name)
            tally = f"SELECT type, count FROM tally WHERE publisher = '{name}'"
            counted = collections.Counter(row[3] for row in wanted)
            self.assertEqual(dict(self.rows("ledger", tally)), counted, name)

    def test_all_end_and_each_effect_and_event_is_there_once(self):
        self.up()
        for wave in range(WAVES):
            self.run_wave(wave)
        self.await_ledger()
        self.tool("status")
        self.tool("audit")
        self.assertEqual(self.kills, {**dict.fromkeys(KILLED, WAVES), "orchestrator": 2 * WAVES})
        self.down()
        confirmed = self.expect_rooms()
        self.expect_payments(confirmed)
        self.expect_sagas()
        self.expect_ledger()
        for name in ("rooms", "ledger"):
            self.assertNotIn("Traceback", self.log(name))


if __name__ == "__main__":
    unittest.main()
