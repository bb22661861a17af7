#!/usr/bin/python3
"""rooms: a hotel's rooms as a participant of a zsaga suite, in Python.

    participant
        name = rooms
        program = /path/to/participant.py
        settings
            double = 40
            suite = 5

A booking is an order whose items are rooms (proto/order.proto), so that the shipped `payment` can
charge it in the same saga: see booking.zpl. Refuses with `malformed`, `booked_already`,
`unknown_room` and `no_room`.
"""
import json

from order_pb2 import OrderInput
from zsaga_participant import Participant, Refused
from zsaga_wire import ConfigError, Malformed, Process, Suite, decode, is_name, run_process

SCHEMA = """
CREATE TABLE IF NOT EXISTS room(kind TEXT PRIMARY KEY, rooms INTEGER NOT NULL, held INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS booking(
    id TEXT PRIMARY KEY, saga BLOB NOT NULL UNIQUE, status TEXT NOT NULL); -- held, confirmed, released
CREATE TABLE IF NOT EXISTS booking_room(
    id TEXT NOT NULL, kind TEXT NOT NULL, rooms INTEGER NOT NULL, PRIMARY KEY (id, kind));
"""


def told(booking, **more):
    return json.dumps({"booking": booking, **more}).encode()


def read_booking(call):
    """The booking's id and how many rooms of each kind it wants."""
    try:
        order = decode(OrderInput, call.input)
    except Malformed as error:
        raise Refused("malformed", str(error)) from None
    texts = [order.order_id] + [item.sku for item in order.items]
    if not order.items or not all(map(is_name, texts)) or not all(i.quantity for i in order.items):
        raise Refused("malformed", "a booking needs an id, and rooms with a kind and a number")
    wanted = {}
    for item in order.items:
        kind = item.sku.decode()
        wanted[kind] = wanted.get(kind, 0) + item.quantity
    return order.order_id.decode(), wanted


def hold(call):
    booking, wanted = read_booking(call)

    def refuse(code, words):
        raise Refused(code, words, ("HoldRefused", told(booking, code=code)))

    if call.db.execute("SELECT 1 FROM booking WHERE id = ?", (booking,)).fetchone():
        refuse("booked_already", f"another saga owns {booking}")
    call.db.execute("INSERT INTO booking VALUES (?, ?, 'held')", (booking, call.saga))
    for kind, rooms in wanted.items():
        row = call.db.execute("SELECT rooms - held FROM room WHERE kind = ?", (kind,)).fetchone()
        if row is None:
            refuse("unknown_room", f"there is no room '{kind}'")
        if row[0] < rooms:
            refuse("no_room", f"{rooms} of '{kind}' are wanted, {row[0]} are left")
        call.db.execute("UPDATE room SET held = held + ? WHERE kind = ?", (rooms, kind))
        call.db.execute("INSERT INTO booking_room VALUES (?, ?, ?)", (booking, kind, rooms))
    call.event("RoomsHeld", told(booking, rooms=wanted))
    return json.dumps(wanted).encode()


def move_on(call, status, event):
    (booking,) = call.db.execute("SELECT id FROM booking WHERE saga = ?", (call.saga,)).fetchone()
    call.db.execute("UPDATE booking SET status = ? WHERE id = ?", (status, booking))
    call.event(event, told(booking))
    return booking


def release(call):
    booking = move_on(call, "released", "RoomsReleased")
    rows = call.db.execute("SELECT rooms, kind FROM booking_room WHERE id = ?", (booking,)).fetchall()
    call.db.executemany("UPDATE room SET held = held - ? WHERE kind = ?", rows)


def confirm(call):
    move_on(call, "confirmed", "BookingConfirmed")


class Rooms(Participant):
    def __init__(self, name, suite):
        actions = {"hold": (hold, "release", release), "confirm": (confirm, None, None)}
        super().__init__(name, suite, SCHEMA, actions)
        for setting in suite.settings(name).children:
            if setting.value is None or not setting.value.isdecimal():
                raise ConfigError(f"{suite.directory}/suite.zpl: {setting.key}: how many rooms?")
            self.db.execute(
                "INSERT INTO room VALUES (?1, ?2, 0) ON CONFLICT DO UPDATE SET rooms = ?2",
                (setting.key, int(setting.value)),
            )

    def checks(self):
        """What is held of each kind is what living bookings hold, and no more than there is."""
        wrong = self.db.execute(
            "SELECT kind FROM room WHERE held > rooms OR held <> (SELECT coalesce(sum(b.rooms), 0)"
            " FROM booking_room b JOIN booking USING (id)"
            " WHERE b.kind = room.kind AND status <> 'released')"
        ).fetchall()
        yield "held", not wrong, ", ".join(kind for (kind,) in wrong) or "all rooms add up"


def main():
    process = Process("Holds a hotel's rooms for bookings.", "rooms")
    suite, name = Suite(process.options.data), process.options.name
    Rooms(name, suite).serve(process, suite, name)


if __name__ == "__main__":
    run_process(main)
