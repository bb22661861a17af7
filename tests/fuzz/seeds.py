"""Writes the hand-made part of the corpus: tests/fuzz/corpus/NAME/seed-*.

  PYTHONPATH=BUILD/python /usr/bin/python3 tests/fuzz/seeds.py

Run it again when a message or a target's steps change; what the fuzzers have found lies beside it.
"""

import gzip
import pathlib
import struct

import client_pb2
import command_pb2
import event_pb2
import frame_pb2
import order_pb2
import owner_pb2
import replay_pb2
import saga_pb2
import view_pb2

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
MORE = 0x80  # The turn goes on (participants: 0x40).
SAGA = bytes([1]) + bytes(14) + bytes([1])
written = {}


def seed(target, data):
    number = written[target] = written.get(target, 0) + 1
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{number:02}").write_bytes(data)


def step(op, payload=b""):
    if not isinstance(payload, bytes):
        payload = payload.SerializeToString()
    return struct.pack("<BH", op, len(payload)) + payload


def story(*steps):
    return b"".join(steps)


def driver(epoch=1, nonce=11, last=bytes(16)):
    return frame_pb2.Driver(id=b"suite", epoch=epoch, nonce=nonce, last_saga=last)


def frame(*entries, name=b"orchestrator", store=bytes([7]) + bytes(15), by=None, number=1):
    header = frame_pb2.Header(version=1, number=number, name=name, store=store, incarnation=77)
    if by is not None:
        header.driver.CopyFrom(by)
    return frame_pb2.Frame(
        header=header, entries=[e if isinstance(e, bytes) else e.SerializeToString() for e in entries])


def order(order_id=b"A-7", items=((b"10002", 2, 85),), country=b"France"):
    return order_pb2.OrderInput(
        order_id=order_id, customer_id=b"c1", country=country,
        items=[order_pb2.OrderItem(sku=s, quantity=q, unit_price_cents=p) for s, q, p in items])


def command(name, **more):
    more = {"saga": SAGA, "attempt": 1, "input": order().SerializeToString(), **more}
    return command_pb2.Request(command=command_pb2.Command(name=name, **more))


def hello(number=1, floor=None):
    return command_pb2.Request(hello=command_pb2.Hello(number=number, floor=floor))


def owner(**kind):
    return owner_pb2.OwnerRequest(id=5, **kind)


def rows(*lines):
    return [owner_pb2.ExportRow(fields=[f.encode() for f in line]) for line in lines]


def fetch(after=0, store=b"", after_id=b""):
    return replay_pb2.ReplayRequest(
        id=3, fetch=replay_pb2.Fetch(after=after, store=store, after_id=after_id))


def saga_event(what, step_name=b"", state=1, **more):
    return saga_pb2.SagaEvent(key=b"k1", definition=b"toy", number=2, state=state, step=step_name,
                              participant=b"p0", **more)


def event(payload=b"x", kind=b"StepDone", number=1):
    return event_pb2.Event(id=bytes([1]) + bytes(14) + bytes([number]), saga=SAGA, type=kind,
                           time_ms=1700000000000, causation=SAGA + b"\0\0",
                           traceparent=b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01",
                           payload=payload)


def frames():
    request = hello(7)
    answer = command_pb2.Answer(welcome=command_pb2.Welcome(number=7, head=40))
    row = event_pb2.LogRow(first=41, count=1,
                           events=event_pb2.EventBatch(events=[event()]).SerializeToString())
    publication = event_pb2.Publication(row=row)
    for made in (frame(request, by=driver()), frame(answer, name=b"payment"),
                 frame(publication, name=b"payment"), frame(name=b"zsaga", store=b""),
                 frame(*[request] * 32, by=driver(2**63 - 1)), frame(b"\xff" * 700, by=driver())):
        seed("frame", made.SerializeToString())
    yield from ((0, frame(request, by=driver())), (1, request), (1, command(b"create")), (2, answer),
                (5, publication))


def messages():
    kinds = list(frames())
    submit = client_pb2.Submit(definition=b"booking", key=b"b1", nonce=bytes(8), input=b"anna 2")
    kinds += [
        (1, hello(2, command_pb2.Floor(version=1, id=SAGA, open=SAGA))),
        (2, command_pb2.Answer(reply=command_pb2.Reply(
            saga=SAGA, outcome=2, code=b"out_of_stock", message=b"none left", attempt=1))),
        (2, command_pb2.Answer(stale_epoch=command_pb2.StaleEpoch(refused_epoch=1, held_epoch=2))),
        (3, client_pb2.ClientRequest(id=1, submit=submit)),
        (3, client_pb2.ClientRequest(id=2, find=client_pb2.Find(keys=[b"a", b"b"], watch=True))),
        (4, client_pb2.ClientAnswer(id=2, found=client_pb2.Found(
            sagas=[client_pb2.Brief(key=b"a", state=3)]))),
        (4, client_pb2.ClientAnswer(id=2, shown=client_pb2.Shown(
            row=client_pb2.SagaRow(id=SAGA, key=b"a", state=1, created_ms=5),
            steps=[client_pb2.StepRow(name=b"s")],
            history=[client_pb2.HistoryRow(at_ms=1, what=b"accepted")]))),
        (6, fetch(4, SAGA, SAGA)),
        (7, replay_pb2.ReplayAnswer(id=3, truncated=replay_pb2.Truncated(
            range=event_pb2.LogRange(tail=5, head=9)))),
        (8, owner(export=owner_pb2.Export(table=b"stock"))),
        (9, owner_pb2.OwnerAnswer(id=5, page=owner_pb2.ExportPage(
            columns=[b"sku", b"on_hand"], rows=rows(("a", "1"))))),
        (10, event_pb2.EventBatch(events=[event(), event(number=2)])),
        (11, saga_event("SagaAccepted", steps=[
            saga_pb2.SagaEventStep(name=b"s0", participant=b"p0", kind=b"retriable")])),
        (12, order_pb2.OrderEvent(order_id=b"A-7", customer_id=b"c1", amount_cents=1999)),
        (13, order()),
        (14, view_pb2.ViewRequest(id=1, rows=20)),
        (15, report()),
    ]
    for kind, message in kinds:
        seed("messages", bytes([kind]) + message.SerializeToString())


def report():
    return view_pb2.ViewReport(
        id=1, now_ms=1700000000000, as_of_ms=1699999999000, unfinished=3, stuck=1,
        counts=[view_pb2.ViewCount(state=s, count=s * 7) for s in range(1, 6)],
        rates=view_pb2.ViewRates(started_10s=1.5, completed_60s=2.5, timed=9, p50_ms=12, p99_ms=90,
                                 finished=list(range(60))),
        streams=[view_pb2.ViewStream(publisher=b"payment", state=b"behind", head=90, applied=40,
                                     lag_ms=-1, heard_ms=300, per_s=1.5, gaps=1,
                                     detail="seit gestern: \u00fcber Nacht".encode())],
        sagas=[view_pb2.ViewSaga(key="k\u4e2d\u6587".encode(), definition=b"order", state=5,
                                 step=b"charge", waiting_on=b"payment", attempts=3,
                                 started_ms=1699999990000, last_error=b"busy: not now", why=1)])


def participants():
    create = bytes([1, 0, 0]) + order().SerializeToString()
    undo = bytes([1, 1, 0]) + order().SerializeToString()
    audit = owner(audit=owner_pb2.Audit())
    imports = {
        0: None,
        1: (b"stock", rows(("10002", "5"), ("x", "0")), b"sku,on_hand\n10002,7\n\"a,b\",1\n"),
        2: (b"customers", rows(("c1", "500")), b"customer_id,credit_cents\nc1,100000\nc2,0\n"),
        3: None,
    }
    names = {0: (b"create", b"cancel"), 1: (b"reserve", b"release"), 2: (b"charge", b"refund"),
             3: (b"schedule", b"cancel")}
    for which, (action, compensation) in names.items():
        before = b""
        if imports[which] is not None:
            table, lines, text = imports[which]
            before = story(step(7, text),
                           step(4, owner(**{"import": owner_pb2.Import(
                               table=table, session=1, part=0, last=True, rows=lines)})),
                           step(4, owner(export=owner_pb2.Export(table=table))))
        seed("participant", bytes([which]) + before + story(
            step(6, create), step(6, create), step(6, undo), step(6, create), step(4, audit)))
        seed("participant", bytes([which]) + before + story(
            step(6, bytes([2, 1, 0])), step(6, bytes([2, 0, 0]) + order().SerializeToString()),
            step(3, command(action)), step(3, command(compensation, direction=1)),
            step(9), step(5, fetch()), step(5, fetch(1, bytes(16))), step(4, audit)))
    seed("participant", bytes([0]) + story(
        step(0, frame(hello(), by=driver(1, 11))), step(0, frame(hello(), by=driver(2, 12, SAGA))),
        step(3, hello(2)), step(0, frame(command(b"create"), hello(3), b"\x0f", by=driver(2, 12))),
        step(0, b"nonsense"), step(1, b"\0"), step(2, b"\xff" * 9)))
    seed("participant", bytes([1]) + story(
        step(0x46, create), step(0x46, bytes([2, 0, 0]) + order(b"A-8").SerializeToString()),
        step(0x46, create), step(3, hello(4, command_pb2.Floor(version=1, id=SAGA, open=b""))),
        step(8, struct.pack("<H", 30000)), step(6, create), step(9), step(6, undo)))
    seed("participant", bytes([2]) + story(
        step(7, b"customer_id,credit_cents\nc1,900\n"),
        *[step(0x46, bytes([i, 0, 0]) + order(b"A-%d" % i).SerializeToString()) for i in range(8)],
        step(8, b"\0\0"), step(7, b"customer_id,credit_cents\nc1,10\n"),
        step(4, owner(audit=owner_pb2.Audit()))))


def orchestrator():
    done = lambda p, output=b"": step(10 | p << 4, output)
    reply = lambda p, **more: step(9 | p << 4, command_pb2.Reply(**more))
    pass_ms = lambda ms: step(11, struct.pack("<H", ms))
    submit = lambda n, text=b"input": step(8, bytes([n]) + text)
    seed("orchestrator", story(submit(0), done(0, b"out"), done(1), done(2), step(12)))
    seed("orchestrator", story(submit(0), done(0), reply(1, outcome=2, code=b"no", message=b"never"),
                               done(0), step(12), submit(0)))
    seed("orchestrator", story(submit(1), done(0), reply(1, outcome=3, retry_after_ms=50),
                               pass_ms(500), reply(1, outcome=6), pass_ms(2000), done(1), step(12),
                               pass_ms(100), reply(2, outcome=3), pass_ms(1000), done(2)))
    seed("orchestrator", story(submit(0), pass_ms(5000), pass_ms(30000), step(12), pass_ms(30000),
                               reply(0, outcome=4), step(14, b"\0"), pass_ms(60000)))
    seed("orchestrator", story(submit(0x82), reply(1, outcome=7), step(14, bytes([2])), step(13 | 16),
                               pass_ms(1000), done(1)))
    seed("orchestrator", story(*[step(8 | MORE, bytes([n]) + b"x" * n) for n in range(6)], submit(3),
                               done(0), done(0), done(0), step(12), done(0), done(1)))
    asks = [client_pb2.ClientRequest(id=2, find=client_pb2.Find(keys=[b"k0", b"k9"], watch=True)),
            client_pb2.ClientRequest(id=3, list=client_pb2.List(states=[1, 3], limit=2)),
            client_pb2.ClientRequest(id=4, show=client_pb2.Show(key=b"k0")),
            client_pb2.ClientRequest(id=5, status=client_pb2.Status()),
            client_pb2.ClientRequest(id=6, trust=client_pb2.Trust(participant=b"p0", who=b"me",
                                                                  reason=b"it is well")),
            client_pb2.ClientRequest(id=7, resume=client_pb2.Resume(key=b"k0", who=b"me",
                                                                    reason=b"again")),
            client_pb2.ClientRequest(id=8, submit=client_pb2.Submit(
                definition=b"toy", key=b"free", nonce=b"n", input=b"i", watch=True))]
    seed("orchestrator", story(submit(0), *[step(4, ask) for ask in asks],
                               *[step(4, ask) for ask in asks]))
    seed("orchestrator", story(
        step(0, frame(*asks, name=b"zsaga", store=b"")), step(0, b"junk"), step(1, b"\x0a"),
        step(3, b"\x12\x01x"), step(5, owner(health=owner_pb2.Health())),
        step(5, owner(export=owner_pb2.Export(table=b"sagas"))), step(6, fetch()),
        step(5, owner(audit=owner_pb2.Audit()))))
    answers = [command_pb2.Answer(welcome=command_pb2.Welcome(number=1, head=0, records=0)),
               command_pb2.Answer(reject=command_pb2.Reject(frame=2, index=0, code=b"malformed",
                                                            message=b"no such action")),
               command_pb2.Answer(stale_epoch=command_pb2.StaleEpoch(
                   refused_epoch=1, held_epoch=9, held_last_saga=SAGA)),
               command_pb2.Answer(reply=command_pb2.Reply(saga=SAGA, outcome=1, attempt=1))]
    seed("orchestrator", story(submit(0), *[step(7, answer) for answer in answers],
                               step(3, frame(*answers, name=b"p0", store=bytes([1]) + bytes(15)))))
    seed("orchestrator", story(submit(0), reply(0, outcome=1, output=b"x" * 17000), step(14, b"\0"),
                               reply(0, outcome=1), done(1), done(2)))


def followers():
    batch = event_pb2.EventBatch(events=[event(b"one"), event(b"two", b"OrderCreated", 2)])
    pub_range = event_pb2.Publication(range=event_pb2.LogRange(tail=1, head=4))
    row = event_pb2.LogRow(first=1, count=2, events=batch.SerializeToString())
    fetched = replay_pb2.ReplayAnswer(fetched=replay_pb2.Fetched(
        rows=[row], range=event_pb2.LogRange(tail=1, head=2)))
    truncated = replay_pb2.ReplayAnswer(truncated=replay_pb2.Truncated(
        range=event_pb2.LogRange(tail=7, head=9)))
    diverged = replay_pb2.ReplayAnswer(diverged=replay_pb2.Diverged(
        code=b"other_event", message=b"it is another one", range=event_pb2.LogRange(tail=1, head=9)))
    refusal = replay_pb2.ReplayAnswer(refusal=replay_pb2.ReplayRefusal(code=b"busy", message=b"no"))
    resync = owner(resync=owner_pb2.Resync(publisher=b"order", from_tail=True, who=b"me",
                                           reason=b"lost"))
    second = struct.pack("<H", 1500)
    stories = [
        story(step(8, batch), step(8 | 16, batch), step(12), step(8, batch), step(13 | OLDER),
              step(8, batch), step(11, second)),
        story(step(4, pub_range), step(4, event_pb2.Publication(row=row)), step(9, b"junk"),
              step(9, batch), step(0, b"junk"), step(1, b"\0"), step(2, b"x"), step(3, b"y")),
        story(step(14), step(8, batch), step(5, fetched), step(11, second), step(5, truncated),
              step(11, second), step(5, refusal), step(11, second), step(6, resync),
              step(6, owner(health=owner_pb2.Health()))),
        story(step(14), step(8 | 16, batch), step(5 | 16, diverged), step(11, second),
              step(6, resync), step(5 | 16, diverged), step(12), step(14), step(8 | 16, batch)),
        story(step(10, b"\0bad"), step(11, second), step(10, b"\0good"), step(8 | MORE, batch),
              step(8, batch)),
    ]
    for made in stories:
        seed("consumer", b"\0" + made)
        seed("observer", made)
    seed("consumer", b"\1" + stories[0])
    seed("consumer", b"\1" + stories[2])
    steps = [saga_pb2.SagaEventStep(name=b"s%d" % i, participant=b"p%d" % i, kind=b"compensatable")
             for i in range(3)]
    tell = lambda kind, message: step(10, bytes([kind]) + message.SerializeToString())
    seed("observer", story(
        tell(0, saga_event("", steps=steps)), tell(1, saga_event("", b"s0")),
        tell(5, saga_event("", b"s1", attempts=2, code=b"busy", words=b"not now")),
        tell(2, saga_event("", b"s1", state=2, reason=b"no")), tell(4, saga_event("", b"s0", state=2)),
        tell(9, saga_event("", state=4, reason=b"no")), step(12),
        step(7, view_pb2.ViewRequest(id=1, rows=5)),
        step(6, owner(export=owner_pb2.Export(table=b"sagas")))))
    seed("observer", story(
        tell(0, saga_event("", steps=steps)), tell(64, saga_event("", steps=steps)),
        tell(6, saga_event("", state=5, code=b"patience", words=b"spent")), step(12),
        step(7, view_pb2.ViewRequest(id=2)), step(11, second), tell(7, saga_event("", state=1)),
        tell(8, saga_event("", state=3))))
    told = order_pb2.OrderEvent(order_id=b"A-7", customer_id=b"c1", amount_cents=1999, units=2)
    seed("observer", story(*[step(10 | 16, bytes([kind]) + told.SerializeToString())
                             for kind in (10, 12, 13, 11)], step(12)))


def flights():
    submitted = lambda **more: client_pb2.ClientAnswer(submitted=client_pb2.Submitted(**more))
    found = lambda state: client_pb2.ClientAnswer(found=client_pb2.Found(
        sagas=[client_pb2.Brief(key=b"k1", state=state, reason=b"no")]))
    refusal = lambda code: client_pb2.ClientAnswer(refusal=client_pb2.Refusal(
        code=code, message=b"the disk is full"))
    second = struct.pack("<H", 1100)
    for first in (b"\0", b"\1"):
        seed("flights", first + story(step(0, b"\1"), step(3, submitted(verdict=1, saga=SAGA, state=1)),
                                      step(5, second), step(2, found(3)), step(3, found(3))))
        seed("flights", first + story(step(0, b"\1"), step(3, submitted(verdict=4, code=b"disk_full",
                                                                       message=b"full",
                                                                       retry_after_ms=500)),
                                      step(5, second), step(3, refusal(b"disk_full")),
                                      step(5, second), step(3, submitted(verdict=2, saga=SAGA,
                                                                         state=4, reason=b"no"))))
    seed("flights", b"\1" + story(step(1, b"\1"), step(5, second), step(3, found(0)),
                                  step(0, b"\2"), step(3, refusal(b"malformed")), step(4, found(5)),
                                  step(0, b"\1"), step(3, submitted(verdict=3)), step(4 | 32, found(5))))


def client():
    row = client_pb2.SagaRow(id=SAGA, key=b"k0", definition=b"toy", state=1, step=b"s0",
                             waiting_on=b"p0", attempts=2, last_error="\u4e2d".encode(), created_ms=5)
    answer = lambda **kind: client_pb2.ClientAnswer(id=1, **kind)
    page = lambda following: answer(listed=client_pb2.Listed(rows=[row, row], next=following))
    lower = bytes(15) + b"\1"
    seed("client", b"\0" + story(step(0, page(SAGA)), step(0, page(lower)), step(0, page(b""))))
    seed("client", b"\0" + story(step(0, page(b"short"))))
    seed("client", b"\1" + story(step(0, answer(found=client_pb2.Found(sagas=[
        client_pb2.Brief(key=b"k0", state=3), client_pb2.Brief(key=b"k1", reason=b"no")])))))
    seed("client", b"\2" + story(step(0, answer(shown=client_pb2.Shown(
        row=row, steps=[client_pb2.StepRow(name=b"s0", state=b"out")],
        history=[client_pb2.HistoryRow(at_ms=1, what=b"accepted", detail=b"\xff")])))))
    seed("client", b"\3" + story(step(0, answer(status=client_pb2.StatusReport(
        sagas=[client_pb2.StateCount(state=3, count=7)], oldest_key=b"k0",
        channels=[client_pb2.Channel(participant=b"p0", state=b"up", window=3)])))))
    seed("client", b"\3" + story(step(0, answer(refusal=client_pb2.Refusal(code=b"busy")))))


def texts():
    definitions = [p.read_bytes() for p in sorted(TREE.glob("orchestrator/definitions/*.zpl"))]
    definitions += [p.read_bytes() for p in sorted(TREE.glob("participants/examples/*/*.zpl"))]
    definitions.append(b"""saga
    name = "toy" # a comment
    step
        name = s0
        participant = p0
        action = do
        compensation = undo
        timeout = 250ms
        patience = 5m
        retry
            attempts = 9
            first = 1s
            factor = 3
            max = 1h
        undo
            first = 2s
            max = 24h
            patience = 7d
    step
        name = s1
        participant = 'p1'
        action = end
        kind = retriable
""")
    for text in definitions:
        seed("definition", text)
        seed("config", text)
    for text in (b"a = 1\n    b = \"two # \"\n        c = 3ms # end\nd\n\te\n", b"x\n  y = 5\n",
                 b"a = \xff\na = 'x\n", b"\xef\xbb\xbfa = 1\r\nb\r\n", b""):
        seed("config", text)
    suite = b"""suite
    id = 0123456789abcdef
orchestrator
    client = tcp://127.0.0.1:5570
    active_sagas_max = 20000
    window_max = 16
events
    keep_bytes = 1048576
    keep_days = 2
participant
    name = order
    program = /opt/x
    command = tcp://127.0.0.1:5571
    settings
        anything = 40
participant
    name = payment
observer
    run = no
consumer
    name = ledger
    owner = tcp://127.0.0.1:5588
    follow = orchestrator
    follow = order
"""
    for text in (suite, b"suite\n    id = x\n", suite.replace(b"order", b"orchestrator"),
                 suite.replace(b"5571", b"99999"), b"suite\nobserver\n    run = maybe\n"):
        seed("suite", text)
    orders = (TREE / "tests/data/edge-orders.csv").read_bytes()
    second = (TREE / "tests/data/edge-orders-2.csv").read_bytes()
    some = b"\n".join(gzip.decompress(
        (TREE / "tests/data/online-retail-2010-12.csv.gz").read_bytes()).split(b"\n")[:8])
    totals = [b"sku,on_hand\n10002,270\n\"a\"\"b\",0\n10002,3\n",
              b"customer_id,credit_cents\nc1,100\n,5\nc2,-1\nc3,99999999999999999999\n"]
    for text in (orders, second, some):
        seed("orders", b"\0" + text)
        seed("csv", text)
    for text in totals:
        seed("orders", b"\1" + text)
        seed("csv", text)
    for text in (b"a,b\r\n\"c\r\nd\",\"e\"\"f\"\n\n\"open", b"\xef\xbb\xbfx\ry,\"z\"w\n", b"\r\n\n,\n"):
        seed("csv", text)
    for text in (b"--count\n7\n--rate=1.5\n--quiet\nx", b"00042", b"caf\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87",
                 b"\xff\xfe\xed\xa0\x80\x1b[31m", b"out_of_stock", bytes(range(16)),
                 b"--rate\n1e400", b"--count=9999999999999999999"):
        seed("text", text)
    for message in (order(), order(items=[(b"s%d" % i, i + 1, 10**9) for i in range(20)]),
                    order(items=()), order(order_id=b"", country=b"\xff")):
        seed("order_input", message.SerializeToString())
    seed("order_input", b"\x0510002\x02\x01x\x80\x01")
    for size in (b"\x4f\x17\x00", b"\x09\x04\x0f", b"\xff\xff\x01"):
        seed("view", size + report().SerializeToString())
    seed("view", b"\x50\x20\x00" + view_pb2.ViewReport(now_ms=5, trouble=b"disk full").SerializeToString())


def stored():
    """Damage of each kind, to the one database or the other; and to a file itself."""
    at = lambda row, column: struct.pack("<HB", row, column)
    values = (b"other", struct.pack("<q", -1), b"\0\0\1", b"", b"\1\0", b"", b"more")
    for which in range(6):
        for damage in range(which % 2, len(values), 2):
            seed("stored", bytes([which]) + step(damage | (which + damage) << 3,
                                                 at(damage, damage + which) + values[damage]))
        where = (0, 100, 4096 + 3, 3 * 4096 + 500)[which % 4]
        seed("stored", bytes([which]) + step(7, where.to_bytes(3, "little") + b"\xff\0\x80"))


OLDER = 0x40
messages()
participants()
orchestrator()
followers()
flights()
client()
texts()
stored()
for target, count in sorted(written.items()):
    print(target, count)
