"""What every zsaga peer needs: frames, sockets, the suite's file, and manners towards its supervisor.

Written from docs/protocol.md. Needs python3-zmq, python3-protobuf, and the *_pb2 modules that
`protoc --python_out=DIR proto/*.proto` makes: the build does it, see CMakeLists.txt beside this.
"""
import argparse
import fcntl
import os
import re
import secrets
import signal
import socket
import sys
import traceback

import zmq
from google.protobuf.message import DecodeError

from frame_pb2 import Frame, Header

VERSION = 1
ENTRIES_MAX = 32
FRAME_BYTES = 64 << 10  # A frame of several entries; a larger entry travels alone.
FRAME_MAX = 1 << 20
WHOLE_FRAME = 2**32 - 1
HIGH_WATER = 4000
HIGH_WATER_EVENTS = 256  # Of rows little is held: what is dropped can be fetched.
SOCKET_PATH_MAX = 107

# Exit codes that the supervisor understands: after the last two it does not start us again.
EXIT_FAILED, EXIT_CONFIG, EXIT_CORRUPT = 1, 2, 11


class Malformed(Exception):
    """A frame, or an entry, that breaks the rules; `number` is that of its frame, if it has one."""

    def __init__(self, words, number=0):
        super().__init__(words)
        self.number = number


class ConfigError(Exception):
    """The suite's file, or how we were called, is wrong."""


def is_name(data):
    """1 to 64 bytes of UTF-8 without control characters."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return 1 <= len(data) <= 64 and not re.search("[\x00-\x1f\x7f-\x9f]", text)


def is_token(data):
    """1 to 64 of a-z A-Z 0-9 _ - ."""
    return re.fullmatch(rb"[A-Za-z0-9_.-]{1,64}", data) is not None


# Frames.


def read_frame(data):
    """The frame in a message; Malformed when it is none."""
    frame = decode(Frame, data)
    header = frame.header
    if header.version != VERSION:
        raise Malformed(f"protocol version {header.version}: this side speaks {VERSION}", header.number)
    if not is_name(header.name):
        raise Malformed("header.name must be 1 to 64 bytes of UTF-8 without control characters", header.number)
    if len(header.store) not in (0, 16):
        raise Malformed("header.store must be empty or 16 bytes", header.number)
    if header.HasField("driver"):
        check_driver(header)
    if len(frame.entries) > ENTRIES_MAX:
        raise Malformed(f"a frame has at most {ENTRIES_MAX} entries", header.number)
    return frame


def check_driver(header):
    driver = header.driver
    if not is_name(driver.id):
        raise Malformed("header.driver.id must be 1 to 64 bytes of UTF-8 without control characters", header.number)
    if not 1 <= driver.epoch < 2**63:
        raise Malformed("header.driver.epoch must be 1 to 2^63 - 1", header.number)
    if len(driver.last_saga) != 16:
        raise Malformed("header.driver.last_saga must be 16 bytes", header.number)


def decode(kind, data):
    """A message of this kind; Malformed when the bytes are none."""
    try:
        return kind.FromString(data)
    except DecodeError:
        raise Malformed(f"not a {kind.DESCRIPTOR.name}") from None


class Speaker:
    """Makes the frames of this process: says in each who speaks, and counts them."""

    def __init__(self, name, store=b""):
        self.header = Header(
            version=VERSION, name=name.encode(), store=store, incarnation=secrets.randbits(64)
        )

    def frames(self, messages):
        """Packs messages for one peer into as few frames as the limits allow."""
        entries, size = [], 0
        for message in messages:
            entry = message.SerializeToString()
            # 512 bytes are more than a header takes; 4, than what stands before an entry.
            full = len(entries) == ENTRIES_MAX or 512 + size + len(entry) + 4 > FRAME_BYTES
            if entries and full:
                yield self._frame(entries)
                entries, size = [], 0
            entries.append(entry)
            size += len(entry) + 4
        if entries:
            yield self._frame(entries)

    def _frame(self, entries):
        self.header.number += 1
        return Frame(header=self.header, entries=entries).SerializeToString()


# Sockets.


def open_socket(context, kind, endpoint):
    """A socket as the page says: zmq.ROUTER and zmq.PUB bind, zmq.DEALER and zmq.SUB connect."""
    endpoint = short_endpoint(endpoint)
    opened = context.socket(kind)
    opened.linger = 0
    opened.maxmsgsize = FRAME_MAX
    opened.handshake_ivl = 2000
    opened.tcp_keepalive = 1
    opened.tcp_keepalive_idle, opened.tcp_keepalive_intvl, opened.tcp_keepalive_cnt = 15, 5, 3
    events = kind in (zmq.PUB, zmq.SUB)
    opened.sndhwm = opened.rcvhwm = HIGH_WATER_EVENTS if events else HIGH_WATER
    if kind == zmq.ROUTER:
        opened.router_mandatory = opened.router_handover = 1
    if kind in (zmq.ROUTER, zmq.PUB):
        guard(endpoint)
        opened.bind(endpoint)
        return opened
    opened.reconnect_ivl, opened.reconnect_ivl_max = 100, 500
    if kind == zmq.DEALER:
        opened.immediate = 1
        opened.heartbeat_ivl = 1000
        opened.heartbeat_timeout = opened.heartbeat_ttl = 3000
    if kind == zmq.SUB:
        opened.subscribe(b"")
    opened.connect(endpoint)
    return opened


def guard(endpoint):
    """Binding an ipc path steals it from whoever has it; this lock, held to our end, forbids it."""
    if not endpoint.startswith("ipc://"):
        return
    path = endpoint[len("ipc://") :] + ".lock"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(f"{endpoint} belongs to another process, which holds {path}") from None


def short_endpoint(endpoint):
    """A socket's path is limited, a directory's is not: reach it through an open descriptor."""
    path = endpoint[len("ipc://") :]
    if not endpoint.startswith("ipc://") or len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return endpoint
    fd = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return f"ipc:///proc/self/fd/{fd}/{os.path.basename(path)}"


def drain(opened, at_most=256):
    """What has arrived: pairs of who sent it (None but at a ROUTER) and the frame's bytes."""
    routed = opened.type == zmq.ROUTER
    for _ in range(at_most):
        try:
            parts = opened.recv_multipart(zmq.DONTWAIT)
        except zmq.Again:
            return
        if len(parts) == 1 + routed:
            yield parts[0] if routed else None, parts[-1]


def send(opened, peer, frame):
    """Sends, or drops what cannot go now: whoever waits for it asks again."""
    try:
        opened.send_multipart([frame] if peer is None else [peer, frame], zmq.DONTWAIT)
    except zmq.Again:
        pass
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise


# The suite's file.


class Section:
    """A key of the file with what stands indented below it."""

    def __init__(self, key, value=None):
        self.key, self.value, self.children = key, value, []

    def all(self, key):
        return [child for child in self.children if child.key == key]

    def text(self, key, default=None):
        return next((child.value for child in self.all(key)), default)


LINE = re.compile(
    r"""(?P<indent>(?:[ ]{4})*) (?P<key>[\w$@.&+-]+) \s*
        (?: = \s* (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>(?:(?!(?<=\s)\#).)*) ) )? \s* (?:\#.*)?""",
    re.VERBOSE,
)


def read_zpl(path):
    """The file as a tree; see docs/protocol.md, "The suite's file"."""
    stack = [Section("")]
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip()
            if not line.lstrip() or line.lstrip().startswith("#"):
                continue
            match = LINE.fullmatch(line)
            depth = len(match["indent"]) // 4 + 1 if match else 0
            if not match or depth > len(stack):
                raise ConfigError(f"{path}:{number}: is not understood")
            values = [match[name] for name in ("double", "single", "plain")]
            value = next((value for value in values if value is not None), None)
            section = Section(match["key"], value.strip() if value is not None else None)
            del stack[depth:]
            stack[-1].children.append(section)
            stack.append(section)
    return stack[0]


class Suite:
    """Who there is in a data directory, and where each of them is found."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        path = os.path.join(self.directory, "suite.zpl")
        try:
            self.tree = read_zpl(path)
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None

    def section(self, name):
        """The part of the file that speaks of this process."""
        if name == "orchestrator":
            return next(iter(self.tree.all("orchestrator")), Section(name))
        for kind in ("participant", "consumer"):
            for section in self.tree.all(kind):
                if section.text("name") == name:
                    return section
        raise ConfigError(f"{self.directory}/suite.zpl: there is no '{name}'")

    def settings(self, name):
        return next(iter(self.section(name).all("settings")), Section("settings"))

    def endpoint(self, name, which):
        default = f"ipc://{self.directory}/run/{name}-{which}.sock"
        return self.section(name).text(which, default)

    def publishers(self):
        return ["orchestrator"] + [part.text("name") for part in self.tree.all("participant")]

    def keep(self):
        """How much of a log is kept: bytes, days."""
        section = next(iter(self.tree.all("events")), Section("events"))
        return int(section.text("keep_bytes", 256 << 20)), int(section.text("keep_days", 7))

    def database(self, name):
        return os.path.join(self.directory, "db", f"{name}.db")


# Manners towards the supervisor.


class Process:
    """One of the suite's processes: its arguments, and when it has to end."""

    def __init__(self, about, name):
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument("--name", default=name, help="in suite.zpl (default: %(default)s)")
        parser.add_argument("--data", default=os.environ.get("ZSAGA_DATA", "zsaga-data"))
        parser.add_argument("--lifeline-fd", type=int, help="end when this reads end-of-file")
        parser.add_argument("--ready-fd", type=int, help='write "ready" here')
        self.options = parser.parse_args()
        ours, self._told = socket.socketpair()
        self._told.setblocking(False)
        signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._ends = [ours.fileno()]
        self._ours = ours
        if self.options.lifeline_fd is not None:
            self._ends.append(self.options.lifeline_fd)

    def watch(self, poller):
        for fd in self._ends:
            poller.register(fd, zmq.POLLIN)

    def must_end(self, events):
        """After a poll: a signal has come, or the lifeline is cut (nothing is ever written there)."""
        return any(fd in events for fd in self._ends)

    def ready(self):
        if self.options.ready_fd is not None:
            os.write(self.options.ready_fd, b"ready\n")
            os.close(self.options.ready_fd)
            self.options.ready_fd = None


def run_process(main):
    """Runs main() and ends with the exit code that tells the supervisor what it should know."""
    try:
        main()
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_CONFIG)
    except Exception as error:  # Whatever it is: end, and be started again.
        traceback.print_exc()
        damaged = getattr(error, "sqlite_errorname", "") in ("SQLITE_CORRUPT", "SQLITE_NOTADB")
        sys.exit(EXIT_CORRUPT if damaged else EXIT_FAILED)
