#!/usr/bin/python3
"""ledger: a consumer in Python. Writes down all events, and counts them by type.

    consumer
        name = ledger
        program = /path/to/consumer.py

The count is an effect that would show if an event were applied twice, or passed by.
"""
from zsaga_consumer import Consumer
from zsaga_wire import Process, Suite, run_process

SCHEMA = """
CREATE TABLE IF NOT EXISTS event(
    -- Numbers would be no key: after a restored backup they come again, with other events.
    id BLOB PRIMARY KEY, publisher TEXT NOT NULL, seq INTEGER NOT NULL, saga BLOB NOT NULL,
    type TEXT NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tally(
    publisher TEXT NOT NULL, type TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (publisher, type)) WITHOUT ROWID;
"""


class Ledger(Consumer):
    def effect(self, publisher, number, event):
        kind = event.type.decode(errors="replace")
        self.db.execute(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)",
            (event.id, publisher, number, event.saga, kind, event.payload),
        )
        self.db.execute(
            "INSERT INTO tally VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            (publisher, kind),
        )

    def checks(self):
        wrong = self.db.execute(
            "SELECT publisher, type FROM tally WHERE count <> (SELECT count(*) FROM event"
            " WHERE event.publisher = tally.publisher AND event.type = tally.type)"
        ).fetchall()
        read = self.db.execute("SELECT publisher, seq FROM cursor ORDER BY publisher").fetchall()
        yield "read", True, ", ".join(f"{publisher} {seq}" for publisher, seq in read)
        yield "tally", not wrong, "; ".join(map(" ".join, wrong)) or "each event is counted once"


def main():
    process = Process("Writes down all events of a suite.", "ledger")
    suite = Suite(process.options.data)
    Ledger(process.options.name, suite, SCHEMA).serve(process)


if __name__ == "__main__":
    run_process(main)
