"""The owner plane: a process answers the tool for its own data. Health and books; no tables."""
import os

from owner_pb2 import (
    AuditCheck,
    AuditReport,
    HealthReport,
    OwnerAnswer,
    OwnerRefusal,
    OwnerRequest,
    Resynced,
)
from zsaga_wire import Malformed, decode, drain, read_frame, send


class NotDone(Exception):
    """What was asked is refused, in words."""


class Owner:
    """What a service overrides to tell of itself."""

    def head(self):
        """Number of the last event in its log."""
        return 0

    def trouble(self):
        """What hinders it, in words; empty: nothing."""
        return ""

    def checks(self):
        """Its books: (name, whether it holds, words) for each rule."""
        return []

    def resync(self, asked):
        """An operator's word to a consumer: what was done, or NotDone."""
        raise NotDone("this process follows nobody's events")


def answer_owner(opened, speaker, owner):
    for peer, data in drain(opened):
        try:
            entries = read_frame(data).entries
        except Malformed:
            continue
        answers = [answer_entry(entry, speaker, owner) for entry in entries]
        for frame in speaker.frames(answers):
            send(opened, peer, frame)


def answer_entry(entry, speaker, owner):
    try:
        request = decode(OwnerRequest, entry)
    except Malformed as error:
        return refusal(0, "malformed", str(error))
    kind = request.WhichOneof("kind")
    if request.id == 0 or kind is None:
        return refusal(request.id, "malformed", "a request needs an id, and something asked")
    if kind == "health":
        return OwnerAnswer(id=request.id, health=health(speaker, owner))
    if kind == "audit":
        checks = [
            AuditCheck(name=name.encode(), ok=ok, detail=words.encode())
            for name, ok, words in owner.checks()
        ]
        return OwnerAnswer(id=request.id, audit=AuditReport(checks=checks))
    if kind == "resync":
        return answer_resync(request, owner)
    return refusal(request.id, "unknown_table", "this service has no tables")


def health(speaker, owner):
    trouble = owner.trouble()
    return HealthReport(
        name=speaker.header.name,
        pid=os.getpid(),
        head=owner.head(),
        state=b"trouble" if trouble else b"ok",
        detail=trouble.encode(),
    )


def answer_resync(request, owner):
    try:
        words = owner.resync(request.resync)
    except NotDone as error:
        return refusal(request.id, "refused", str(error))
    return OwnerAnswer(id=request.id, resynced=Resynced(message=words.encode()))


def refusal(number, code, words):
    return OwnerAnswer(id=number, refusal=OwnerRefusal(code=code.encode(), message=words.encode()))
