#!/usr/bin/python3
"""A client in Python: submits bookings to a suite and waits until each has ended.

    client.py --data DIR BOOKINGS.csv

The file has the columns booking,customer,room,rooms,price_cents; each row is a saga of booking.zpl.
Says as JSON how they were answered and how they ended. Whatever is killed meanwhile, it asks again
until it knows, for at most --timeout seconds.
"""
import argparse
import collections
import csv
import json
import os
import secrets
import sys
import time

import zmq

from client_pb2 import (
    ATTENTION,
    BUSY,
    COMPENSATED,
    COMPLETED,
    ClientAnswer,
    ClientRequest,
    Find,
    SagaState,
    Submit,
    Verdict,
)
from order_pb2 import OrderInput, OrderItem
from zsaga_wire import ConfigError, Malformed, Speaker, Suite, decode, drain, open_socket, read_frame, send

WINDOW = 64  # Requests that wait for their answer.
ASK_AGAIN_S = 1.0
SILENT_S = 3.0  # Then the socket is made anew.
FIND_KEYS_MAX = 1000
FIND_AGAIN_S = 0.2
RESTING = (COMPLETED, COMPENSATED, ATTENTION)


class Timeout(Exception):
    """It was not known in time."""


def is_not_now(answer):
    if answer.WhichOneof("kind") == "refusal":
        return answer.refusal.code in (b"busy", b"disk_full")
    return answer.WhichOneof("kind") == "submitted" and answer.submitted.verdict == BUSY


class Client:
    def __init__(self, suite, timeout_s):
        self.endpoint = suite.endpoint("orchestrator", "client")
        self.context = zmq.Context.instance()
        self.speaker = Speaker("booking-client")
        self.deadline = time.monotonic() + timeout_s
        self.number = 0
        self.opened = None
        self.connect()

    def connect(self):
        if self.opened is not None:
            self.opened.close()
        self.opened = open_socket(self.context, zmq.DEALER, self.endpoint)
        self.heard_at = time.monotonic()

    def ask(self, requests):
        """Yields (request, answer) for each; asks again, under the same id, until there is one."""
        left, out = collections.deque(requests), {}  # id -> [request, when to ask again]
        while left or out:
            now = time.monotonic()
            if now > self.deadline:
                raise Timeout(f"{len(left) + len(out)} requests have no answer")
            if out and now - self.heard_at > SILENT_S:
                self.connect()
            while left and len(out) < WINDOW:
                self.number += 1
                request = left.popleft()
                request.id = self.number
                out[self.number] = [request, now]
            self.send_due(out, now)
            for answer in self.hear():
                if answer.id not in out:
                    continue
                if not is_not_now(answer):
                    yield out.pop(answer.id)[0], answer
                elif answer.submitted.retry_after_ms:
                    out[answer.id][1] = now + answer.submitted.retry_after_ms / 1000

    def send_due(self, out, now):
        due = [waiting for waiting in out.values() if waiting[1] <= now]
        for waiting in due:
            waiting[1] = now + ASK_AGAIN_S
        for frame in self.speaker.frames(request for request, _ in due):
            send(self.opened, None, frame)

    def hear(self):
        self.opened.poll(50)
        for _, data in drain(self.opened):
            self.heard_at = time.monotonic()
            try:
                yield from [decode(ClientAnswer, entry) for entry in read_frame(data).entries]
            except Malformed:
                continue

    def submit(self, submits):
        """Yields (submit, answer). The nonce makes asking again harmless, and `accepted` certain."""
        run = secrets.token_bytes(12)
        requests = []
        for number, submit in enumerate(submits):
            submit.nonce = run + number.to_bytes(4, "big")
            requests.append(ClientRequest(submit=submit))
        for request, answer in self.ask(requests):
            yield request.submit, answer

    def wait(self, keys):
        """Until all rest: {key: (state, reason)}."""
        rest, left = {}, list(keys)
        while left:
            asked_at = time.monotonic()
            requests = [
                ClientRequest(find=Find(keys=left[at : at + FIND_KEYS_MAX]))
                for at in range(0, len(left), FIND_KEYS_MAX)
            ]
            for _, answer in self.ask(requests):
                for brief in answer.found.sagas:
                    if brief.state in RESTING:
                        rest[brief.key] = (brief.state, brief.reason.decode())
            left = [key for key in left if key not in rest]
            if left:
                time.sleep(max(0, asked_at + FIND_AGAIN_S - time.monotonic()))
        return rest


def read_bookings(path):
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            item = OrderItem(
                sku=row["room"].encode(),
                quantity=int(row["rooms"]),
                unit_price_cents=int(row["price_cents"]),
            )
            key = row["booking"].encode()
            booking = OrderInput(order_id=key, customer_id=row["customer"].encode(), items=[item])
            booking.country = b"-"  # An order needs one; nobody here asks for it.
            yield Submit(definition=b"booking", key=key, input=booking.SerializeToString())


def run(client, path):
    answered, keys = collections.Counter(), []
    for submit, answer in client.submit(read_bookings(path)):
        if answer.WhichOneof("kind") == "submitted":
            answered[Verdict.Name(answer.submitted.verdict).lower()] += 1
            keys.append(submit.key)
        else:
            answered["refused"] += 1
            print(submit.key.decode(), answer.refusal.message.decode(), file=sys.stderr)
    ended, reasons = collections.Counter(), collections.Counter()
    for state, reason in client.wait(keys).values():
        ended[SagaState.Name(state).lower()] += 1
        reasons[reason] += bool(reason)
    return {"answered": answered, "ended": ended, "reasons": +reasons}


def main():
    parser = argparse.ArgumentParser(description="Submits bookings and waits for their end.")
    parser.add_argument("--data", default=os.environ.get("ZSAGA_DATA", "zsaga-data"))
    parser.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    parser.add_argument("bookings", metavar="BOOKINGS.csv")
    options = parser.parse_args()
    try:
        print(json.dumps(run(Client(Suite(options.data), options.timeout), options.bookings)))
    except (ConfigError, OSError, KeyError, ValueError) as error:
        sys.exit(f"client.py: {error}")
    except Timeout as error:
        print(f"client.py: {error}", file=sys.stderr)
        sys.exit(5)


if __name__ == "__main__":
    main()
