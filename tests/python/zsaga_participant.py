"""A durable participant: the fence, the floor and the barrier of docs/protocol.md over SQLite.

A service is a table of actions, each a function that gets a Call and writes to its database. What
it wrote, what is answered, and the events that tell of it are one transaction. An action returns
its output (bytes, or None), or raises Refused (a "no" of the business, final) or Retry (not now).
Here an action knows its result at once: none is ever `pending`.

The process ends on any failure of its database, before anything is answered: what it was asked for
is asked again when it has been started anew.
"""
import sqlite3

import zmq

from command_pb2 import (
    ACTION,
    BLOCKED,
    COMPENSATION,
    DONE,
    EXPIRED,
    REJECTED,
    RETRY,
    Answer,
    Reject,
    Reply,
    Request,
    StaleEpoch,
    Welcome,
)
from zsaga_log import Log
from zsaga_owner import Owner, answer_owner
from zsaga_wire import (
    WHOLE_FRAME,
    Malformed,
    Speaker,
    decode,
    drain,
    is_token,
    open_socket,
    read_frame,
    send,
)

STEPS_MAX = 32
INPUT_MAX = 256 << 10
OUTPUT_MAX = 16 << 10
MESSAGE_MAX = 256
OPEN_MAX = 2000  # Ids in a floor.
DRIVERS_MAX = 64
NO_ID = bytes(16)

SCHEMA = """
CREATE TABLE IF NOT EXISTS zsaga_self(store BLOB NOT NULL, records INTEGER NOT NULL);
INSERT INTO zsaga_self SELECT randomblob(16), 0 WHERE NOT EXISTS (SELECT * FROM zsaga_self);
CREATE TABLE IF NOT EXISTS zsaga_driver(
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, epoch INTEGER NOT NULL, nonce BLOB NOT NULL,
    last_saga BLOB NOT NULL, floor_epoch INTEGER NOT NULL DEFAULT 0,
    floor_version INTEGER NOT NULL DEFAULT 0, floor BLOB NOT NULL DEFAULT x'',
    open BLOB NOT NULL DEFAULT x'');
CREATE TABLE IF NOT EXISTS zsaga_barrier(
    saga BLOB NOT NULL, step INTEGER NOT NULL, driver INTEGER NOT NULL,
    forward TEXT, -- done, rejected; NULL: it never took effect
    backward TEXT, -- done, tombstone; NULL: not taken back
    code TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '', output BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (saga, step)) WITHOUT ROWID;
"""


class Refused(Exception):
    """An action's "no": nothing it wrote stays. `event` is (type, payload) that tells of it."""

    def __init__(self, code, message, event=None):
        super().__init__(message)
        self.code, self.message, self.event = code, message, event


class Retry(Exception):
    """Not now: nothing it wrote stays, nothing is recorded, and it is asked again."""

    def __init__(self, code, message, after_ms=0):
        super().__init__(message)
        self.code, self.message, self.after_ms = code, message, after_ms


class Call:
    """What an action sees of its command."""

    def __init__(self, command, db, log):
        self.saga, self.input = command.saga, command.input
        self.outputs = {output.step.decode(): output.output for output in command.outputs}
        self.db = db
        self._command, self._log = command, log

    def event(self, kind, payload):
        """Told if the action is done; in the same transaction."""
        command = self._command
        self._log.add(
            saga=command.saga,
            type=kind.encode(),
            causation=command.saga + bytes([command.step, command.direction]),
            traceparent=command.traceparent,
            payload=payload,
        )


class Fence:
    """Row of an orchestrator, and how the claim of a frame is judged by it."""

    def __init__(self, row):
        self.number, self.id, self.epoch, self.nonce, self.last_saga = row[:5]
        self.floor_epoch, self.floor_version, self.floor, open_ids = row[5:]
        self.open = {open_ids[at : at + 16] for at in range(0, len(open_ids), 16)}

    def stale(self, driver):
        """StaleEpoch when the frame's sender has been overtaken, else None."""
        nonce = driver.nonce.to_bytes(8, "big")
        old_copy = driver.epoch > self.epoch and driver.last_saga < self.last_saga
        lower = driver.epoch < self.epoch or (driver.epoch == self.epoch and nonce != self.nonce)
        if not lower and not old_copy:
            return None
        return StaleEpoch(
            refused_epoch=driver.epoch,
            refused_nonce=driver.nonce,
            held_epoch=self.epoch,
            held_nonce=int.from_bytes(self.nonce, "big"),
            held_last_saga=self.last_saga,
            for_saga_id=old_copy,
        )

    def is_final(self, saga):
        return saga < self.floor and saga not in self.open


class Participant(Owner):
    """`actions` maps an action's name to (function, compensation's name, its function)."""

    def __init__(self, name, suite, schema, actions):
        self.actions = {action: entry[0] for action, entry in actions.items()}
        self.undos = {entry[1]: entry[2] for entry in actions.values() if entry[1]}
        self.db = open_database(suite.database(name))
        self.db.executescript(SCHEMA + schema)
        store = self.db.execute("SELECT store FROM zsaga_self").fetchone()[0]
        self.speaker = Speaker(name, store)
        self.log = Log(self.db, self.speaker, *suite.keep())

    def head(self):
        return self.log.head

    # Frames and their entries.

    def batch(self, messages):
        """Works off what has arrived in one transaction; returns (peer, answer) pairs."""
        self.db.execute("BEGIN IMMEDIATE")
        answers = []
        for peer, data in messages:
            answers += [(peer, answer) for answer in self.judge_message(data)]
        self.log.write()
        self.db.execute("COMMIT")
        return answers

    def judge_message(self, data):
        try:
            frame = read_frame(data)
            if not frame.header.HasField("driver"):
                raise Malformed("header.driver is missing", frame.header.number)
        except Malformed as error:
            return [reject(error.number, WHOLE_FRAME, str(error))]
        if not frame.entries:
            return []
        fence, stale = self.claim(frame.header.driver)
        answers, told = [], False
        for index, entry in enumerate(frame.entries):
            try:
                request = decode(Request, entry)
                kind = request.WhichOneof("kind")
                if kind is None:
                    raise Malformed("the entry is neither a command nor a hello")
                if stale:
                    answers += [] if told else [Answer(stale_epoch=stale)]
                    told = True
                elif fence is None:
                    raise Malformed(f"at most {DRIVERS_MAX} orchestrators can drive one participant")
                elif kind == "hello":
                    answers.append(self.hello(fence, request.hello))
                else:
                    answers.append(Answer(reply=self.command(fence, request.command)))
            except Malformed as error:
                answers.append(reject(frame.header.number, index, str(error)))
        return answers

    def claim(self, driver):
        """The orchestrator's row, or why it is refused; (None, None): there are too many."""
        row = self.db.execute("SELECT * FROM zsaga_driver WHERE id = ?", (driver.id,)).fetchone()
        nonce = driver.nonce.to_bytes(8, "big")
        if row is None:
            count, highest = self.db.execute(
                "SELECT count(*), coalesce(max(number), 0) FROM zsaga_driver"
            ).fetchone()
            if count == DRIVERS_MAX:
                return None, None
            row = (highest + 1, driver.id, driver.epoch, nonce, NO_ID, 0, 0, b"", b"")
            self.db.execute("INSERT INTO zsaga_driver VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        fence = Fence(row)
        stale = fence.stale(driver)
        if stale:
            return fence, stale
        claimed = (driver.epoch, nonce, max(fence.last_saga, driver.last_saga))
        if claimed != (fence.epoch, fence.nonce, fence.last_saga):
            fence.epoch, fence.nonce, fence.last_saga = claimed
            self.db.execute(
                "UPDATE zsaga_driver SET epoch = ?, nonce = ?, last_saga = ? WHERE number = ?",
                (*claimed, fence.number),
            )
        return fence, None

    def hello(self, fence, hello):
        if hello.HasField("floor"):
            self.raise_floor(fence, hello.floor)
        records = self.db.execute("SELECT records FROM zsaga_self").fetchone()[0]
        welcome = Welcome(
            number=hello.number,
            head=self.log.head,
            floor_epoch=fence.floor_epoch,
            floor_version=fence.floor_version,
            records=records,
        )
        return Answer(welcome=welcome)

    def raise_floor(self, fence, floor):
        """Below the newest floor, what happened to a saga can be forgotten."""
        open_ids = [floor.open[at : at + 16] for at in range(0, len(floor.open), 16)]
        if len(floor.id) != 16 or not 1 <= floor.version < 2**63:
            raise Malformed("floor.id or floor.version breaks its rule")
        ascends = open_ids == sorted(set(open_ids))
        if len(floor.open) % 16 or len(open_ids) > OPEN_MAX or not ascends:
            raise Malformed("floor.open must be at most 2,000 ids, ascending")
        if (fence.epoch, floor.version) <= (fence.floor_epoch, fence.floor_version):
            return
        fence.floor_epoch, fence.floor_version = fence.epoch, floor.version
        fence.floor, fence.open = floor.id, set(open_ids)
        self.db.execute(
            "UPDATE zsaga_driver SET floor_epoch = ?, floor_version = ?, floor = ?, open = ?"
            " WHERE number = ?",
            (fence.floor_epoch, fence.floor_version, floor.id, floor.open, fence.number),
        )
        below = self.db.execute(
            "SELECT DISTINCT saga FROM zsaga_barrier WHERE driver = ? AND saga < ?",
            (fence.number, floor.id),
        ).fetchall()
        final = [(saga,) for (saga,) in below if saga not in fence.open]
        self.db.executemany("DELETE FROM zsaga_barrier WHERE saga = ?", final)

    # The barrier.

    def command(self, fence, command):
        undo = command.direction == COMPENSATION
        handler = self.find_handler(command, undo)
        row = self.db.execute(
            "SELECT forward, backward, code, message, output FROM zsaga_barrier"
            " WHERE saga = ? AND step = ?",
            (command.saga, command.step),
        ).fetchone()
        answer = Reply(
            saga=command.saga,
            step=command.step,
            direction=command.direction,
            attempt=command.attempt,
            epoch=fence.epoch,
        )
        if row is None and fence.is_final(command.saga):
            return told(answer, EXPIRED, "expired", "the floor says that this saga is final")
        judge = self.judge_compensation if undo else self.judge_action
        return judge(answer, fence, command, handler, row or (None, None, "", "", b""))

    def find_handler(self, command, undo):
        fault = fault_of(command)
        if fault:
            raise Malformed(fault)
        name = command.name.decode()
        handler = (self.undos if undo else self.actions).get(name)
        if handler is None:
            kind = "compensation" if undo else "action"
            raise Malformed(f"{self.speaker.header.name.decode()} has no {kind} \"{name}\"")
        return handler

    def judge_action(self, answer, fence, command, handler, row):
        forward, backward, code, message, output = row
        if backward:
            return told(answer, BLOCKED, "blocked", "its compensation came before it")
        if forward is None:
            try:
                output = self.run(handler, command)
                forward = "done"
            except Refused as no:
                if command.retriable:  # Behind the point of no return nothing is refused.
                    return told(answer, RETRY, no.code, no.message)
                forward, code, message = "rejected", no.code, no.message
                if no.event:
                    Call(command, self.db, self.log).event(*no.event)
            except Retry as later:
                return told(answer, RETRY, later.code, later.message, later.after_ms)
            self.record(fence, command, (forward, None, code, message, output))
        answer.output = output
        return told(answer, DONE if forward == "done" else REJECTED, code, message)

    def judge_compensation(self, answer, fence, command, handler, row):
        forward, backward, code, message, output = row
        if backward is None and forward == "done":
            try:
                self.run(handler, command)
            except (Refused, Retry) as later:  # A compensation cannot refuse.
                return told(answer, RETRY, later.code, later.message)
            backward = "done"
            self.record(fence, command, (forward, backward, code, message, output))
        elif backward is None:
            backward = "tombstone"
            self.record(fence, command, (forward, backward, code, message, output))
        if backward == "tombstone":
            return told(answer, DONE, "nothing_to_undo", "the action never took effect")
        return told(answer, DONE)

    def run(self, handler, command):
        """Calls a handler in a savepoint, which takes back what it wrote and told when it fails."""
        mark = len(self.log.collected)
        self.db.execute("SAVEPOINT handler")
        try:
            output = handler(Call(command, self.db, self.log)) or b""
            if len(output) > OUTPUT_MAX:
                raise ValueError("the output is over 16 KiB")
        except Exception as error:
            del self.log.collected[mark:]
            self.db.execute("ROLLBACK TO handler")  # Fails when the transaction is gone: we end.
            self.db.execute("RELEASE handler")
            if isinstance(error, (Refused, Retry)):
                raise
            raise Retry("error", str(error)) from error
        self.db.execute("RELEASE handler")
        return output

    def record(self, fence, command, row):
        self.db.execute(
            "INSERT OR REPLACE INTO zsaga_barrier VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (command.saga, command.step, fence.number, *row),
        )
        self.db.execute("UPDATE zsaga_self SET records = records + 1")

    # The process.

    def serve(self, process, suite, name):
        context = zmq.Context.instance()
        commands = open_socket(context, zmq.ROUTER, suite.endpoint(name, "command"))
        owner = open_socket(context, zmq.ROUTER, suite.endpoint(name, "owner"))
        self.log.bind(context, suite, name)
        poller = zmq.Poller()
        for opened in (commands, owner, self.log.replay):
            poller.register(opened, zmq.POLLIN)
        process.watch(poller)
        process.ready()
        while True:
            events = dict(poller.poll(self.log.next_turn_s() * 1000))
            if process.must_end(events):
                return
            if commands in events:
                self.answer(commands, self.batch(drain(commands)))
            if self.log.replay in events:
                self.log.receive()
            if owner in events:
                answer_owner(owner, self.speaker, self)
            self.log.turn()

    def answer(self, commands, answers):
        for peer in dict.fromkeys(peer for peer, _ in answers):
            for frame in self.speaker.frames(answer for to, answer in answers if to == peer):
                send(commands, peer, frame)


def open_database(path):
    """One connection for all: a second process fails here, and a commit is on disk when it returns."""
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    return db


def fault_of(command):
    """Words for what is wrong with a command, or None."""
    if len(command.saga) != 16:
        return "command.saga must be 16 bytes"
    if command.step >= STEPS_MAX:
        return "command.step must be 0 to 31"
    if command.direction not in (ACTION, COMPENSATION):
        return "command.direction must be action or compensation"
    if command.attempt == 0:
        return "command.attempt counts from 1"
    if command.remaining_ms >= 2**63:
        return "command.remaining_ms is too large"
    if not is_token(command.name):
        return "command.name must be 1 to 64 of a-z A-Z 0-9 _ - ."
    if len(command.input) > INPUT_MAX or len(command.traceparent) > 64:
        return "command.input is over 256 KiB, or its traceparent over 64 bytes"
    if len(command.outputs) > STEPS_MAX or not all(
        is_token(output.step) and len(output.output) <= OUTPUT_MAX for output in command.outputs
    ):
        return "command.outputs breaks its rules"
    return None


def told(answer, outcome, code="", message="", retry_after_ms=0):
    answer.outcome = outcome
    words = message.encode(errors="replace")[:MESSAGE_MAX].decode(errors="ignore")
    answer.code, answer.message = code.encode(), words.encode()
    answer.retry_after_ms = retry_after_ms
    return answer


def reject(frame, index, words):
    return Answer(
        reject=Reject(frame=frame, index=index, code=b"malformed", message=words.encode())
    )
