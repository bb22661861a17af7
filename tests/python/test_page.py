"""The bytes that docs/protocol.md shows are those that the code makes."""
import os
import re
import unittest

from client_pb2 import ClientRequest, Submit
from command_pb2 import ACTION, Answer, Hello, Request, Welcome
from event_pb2 import Event, EventBatch, LogRange, LogRow, Publication
from frame_pb2 import Driver
from order_pb2 import OrderEvent
from replay_pb2 import Fetch, Fetched, ReplayAnswer, ReplayRequest
from zsaga_wire import LINE, Speaker, read_frame

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "protocol.md")
STORE = bytes([0xFF] + list(range(1, 16)))
SAGA = bytes.fromhex("0198c5a30000000000010a0b0c0d0e0f")


def frame(name, number, entry, store=b"", incarnation=0x33 * 0x0101010101010101, driver=None):
    speaker = Speaker(name, store)
    speaker.header.number, speaker.header.incarnation = number - 1, incarnation
    if driver:
        speaker.header.driver.CopyFrom(driver)
    (only,) = speaker.frames([entry])
    return only


def hello():
    driver = Driver(
        id=b"demo", epoch=2, nonce=0x22 * 0x0101010101010101, last_saga=bytes(16)
    )
    request = Request(hello=Hello(number=7))
    ones = 0x11 * 0x0101010101010101
    return frame("orchestrator", 3, request, bytes(range(16)), ones, driver)


def welcome():
    return frame("payment", 1, Answer(welcome=Welcome(number=7, head=40)), STORE)


def row():
    charged = OrderEvent(order_id=b"A-7", customer_id=b"c1", amount_cents=1999)
    event = Event(
        id=bytes.fromhex("0198c5a3004d00000001aabbccddeeff"),
        saga=SAGA,
        type=b"PaymentCharged",
        time_ms=0x0198C5A3004D,
        causation=SAGA + bytes([2, ACTION]),
        traceparent=f"00-{SAGA.hex()}-{SAGA[3:10].hex()}05-01".encode(),
        payload=charged.SerializeToString(),
    )
    return LogRow(first=41, count=1, events=EventBatch(events=[event]).SerializeToString())


def publication():
    return frame("payment", 2, Publication(row=row()), STORE)


def fetch():
    after_id = bytes.fromhex("0198c5a2fff000000001a0a1a2a3a4a5")
    request = ReplayRequest(id=5, fetch=Fetch(store=STORE, after=40, after_id=after_id))
    return frame("ledger", 9, request, incarnation=0x44 * 0x0101010101010101)


def fetched():
    answer = ReplayAnswer(id=5, fetched=Fetched(rows=[row()], range=LogRange(tail=1, head=41)))
    return frame("payment", 3, answer, STORE)


def submit():
    nonce = bytes(range(0xB0, 0xB8))
    saga = Submit(definition=b"booking", key=b"b1", nonce=nonce, input=b"anna 2 4000")
    request = ClientRequest(id=1, submit=saga)
    return frame("book", 1, request, incarnation=0x55 * 0x0101010101010101)


EXAMPLES = (hello, welcome, publication, fetch, fetched, submit)


CODE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def chapter():
    with open(PAGE, encoding="utf-8") as file:
        return file.read().partition("\n## An example in bytes\n")[2]


def blocks():
    """The examples on the page: lines of hexadecimal bytes, each with words behind."""
    for block in CODE.findall(chapter()):
        yield b"".join(
            bytes.fromhex(re.match(r"(?:[0-9a-f]{2} )*[0-9a-f]{2}(?= {2}|$)", line.strip())[0])
            for line in block.splitlines()
        )


class Page(unittest.TestCase):
    def test_examples_are_what_the_code_makes(self):
        shown = list(blocks())
        self.assertEqual(len(shown), len(EXAMPLES))
        for bytes_shown, example in zip(shown, EXAMPLES):
            with self.subTest(example.__name__):
                self.assertEqual(bytes_shown.hex(" "), example().hex(" "))

    def test_examples_are_valid_frames(self):
        for example in blocks():
            self.assertEqual(len(read_frame(example).entries), 1)

    def test_words_tell_each_size(self):
        sizes = re.findall(r"\b(\d+) bytes", CODE.sub("", chapter()))
        self.assertEqual(list(map(int, sizes)), [len(example()) for example in EXAMPLES])


class SuiteFile(unittest.TestCase):
    def test_a_comment_begins_at_a_hash_behind_a_space(self):
        values = {
            "a = b # c": "b", "a = b#c # d": "b#c", "a = # c": "", 'a = "b # c" # d': "b # c",
            "a = 'b' # c": "b", "a = b c": "b c",
        }
        for line, value in values.items():
            with self.subTest(line):
                match = LINE.fullmatch(line)
                found = match["double"] or match["single"] or match["plain"]
                self.assertEqual(found.strip(), value)


if __name__ == "__main__":
    unittest.main()
