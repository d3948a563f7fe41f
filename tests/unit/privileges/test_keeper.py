"""The keeper and those who ask it, as real processes; what it does for them is a stand-in where root would be needed."""

import errno
import json
import os
import random
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.pipeline.probe_process import until
from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.offload import Switched
from tmon_probe.privileges.keeper import Keeper
from tmon_probe.privileges.kept import Kept
from tmon_probe.privileges.messages import FILTER, HARDWARE_TIMESTAMPS, MAX_MESSAGE_OCTETS, SOCKET, Request, pack, parse_request

LONGEST = tuple((0xFFFF, n % 256, 255, 0xFFFFFFFF - n) for n in range(4096))


class Stand:
    """Privileges that only remember; also its own offloads."""

    def __init__(self):
        self.switched_off, self.restored, self.warnings, self.asked = [], [], [], []

    def packet_socket(self):
        self.asked.append("socket")
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def switch_on_hardware_timestamps(self, device):
        if device == "none0":
            raise OSError(errno.EPERM, "not for you")
        return device == "eth0", f"of {device}"

    def libpcap_program(self, interface):
        if interface.bpf == "wrong":
            raise CaptureError(f"interface {interface.name}: wrong")
        return {"udp": LONGEST, "": None}[interface.bpf]

    def offloads(self):
        return self

    def switch_off(self, device):
        self.asked.append(f"off {device}")
        self.switched_off.append(Switched(device, ("rx-gro", "rx-lro")))
        self.warnings.append(f"device {device}: something")

    def restore(self):
        self.asked.append("restore")
        self.restored.append(Switched("eth0", ("rx-gro",)))
        return ["a warning at the end"]


@pytest.fixture
def stand():
    return Stand()


@pytest.fixture
def kept(stand):
    """Asks a keeper that is a thread of this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=Keeper(stand).serve, args=(theirs,))
    thread.start()
    yield Kept(ours, 0, ())
    ours.close()
    thread.join(10)
    theirs.close()
    assert not thread.is_alive()


@pytest.fixture
def forked():
    """Asks a real one, without any capability."""
    kept = Kept.start(())
    yield kept
    if not kept.dead:
        kept.close()


def test_what_it_gives(kept, stand):
    """A socket; what the clock of a device said; what became of offloads, each time what is new."""
    with kept.packet_socket() as given:
        assert given.type == socket.SOCK_DGRAM
        assert not given.get_inheritable()
    assert kept.switch_on_hardware_timestamps("eth0") == (True, "of eth0")
    assert kept.switch_on_hardware_timestamps("none0") == (False, "not for you")
    offloads = kept.offloads()
    offloads.switch_off("eth0")
    offloads.switch_off("eth1")
    assert offloads.switched_off == [Switched("eth0", ("rx-gro", "rx-lro")), Switched("eth1", ("rx-gro", "rx-lro"))]
    assert offloads.warnings == ["device eth0: something", "device eth1: something"]
    offloads.restore()
    assert offloads.restored == [Switched("eth0", ("rx-gro",))]
    assert stand.asked == ["socket", "off eth0", "off eth1", "restore"]


def test_filters(kept):
    """The longest that a kernel takes comes whole; none; what is wrong with one in the words of whoever compiles it."""
    assert kept.libpcap_program(Interface("lan", device="eth0", bpf="udp")) == LONGEST
    assert kept.libpcap_program(Interface("lan", device="eth0")) is None
    with pytest.raises(CaptureError, match="interface lan: wrong"):
        kept.libpcap_program(Interface("lan", device="eth0", bpf="wrong"))


def test_nothing_is_restored_that_was_not_switched(kept, stand):
    assert kept.offloads().restore() == []
    assert stand.asked == []


def test_at_the_end_all_is_put_back(stand, caplog):
    """However those who asked have ended: the channel is closed."""
    caplog.set_level("INFO")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    Keeper(stand).serve(theirs)
    theirs.close()
    assert stand.asked == ["restore"]
    assert "a warning at the end" in caplog.text
    assert "device eth0: offloads switched on again: GRO" in caplog.text


@pytest.mark.parametrize("octets", [
    b"x", b"[]", b"{}", b"null", b"[" * 60_000, b"\xff" * 100, json.dumps({"what": "shell", "device": "x"}).encode(),
    pack(Request(SOCKET, "x" * 65)), pack(Request(SOCKET, 7)), pack(Request([SOCKET])), pack(Request(SOCKET, snaplen=-1)),
    pack(Request(HARDWARE_TIMESTAMPS, "eth0\0")), pack(Request(FILTER, bpf="x" * 16385)), pack(Request(FILTER, snaplen=1 << 40)),
    b'{"what": "socket", "device": "", "x": ' + b"9" * (MAX_MESSAGE_OCTETS - 100) + b"}"])
def test_requests_that_are_none(kept, stand, octets):
    """They get an empty answer, and the keeper goes on."""
    assert parse_request(octets) is None
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(kept.channel, [octets], [theirs.fileno()])
    theirs.close()
    mine.settimeout(10)
    assert mine.recv(100) == b"{}"
    mine.close()
    kept.packet_socket().close()
    assert stand.asked == ["socket"]


def descriptors_now() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def test_answers_that_nobody_can_take(kept, stand):
    """No socket for it, several, one that is closed, a file, a pipe that is full: it is left, and no descriptor stays behind."""
    before = descriptors_now()
    request = pack(Request(SOCKET))
    kept.channel.send(request)
    for _ in range(3):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.close()
        reader, writer = os.pipe2(os.O_NONBLOCK)
        with Path(__file__).open() as file:
            for descriptors in ([theirs.fileno()], [file.fileno()], [writer], [theirs.fileno(), file.fileno(), writer]):
                socket.send_fds(kept.channel, [request], descriptors)
        theirs.close()
        os.close(reader)
        os.close(writer)
    kept.packet_socket().close()
    assert descriptors_now() == before
    assert stand.asked.count("socket") >= 1


def test_anything_at_random(kept):
    """It answers afterwards as before."""
    source = random.Random(8)
    for _ in range(500):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        octets = bytearray(pack(Request(SOCKET, "eth0")))
        for _ in range(source.randrange(1, 6)):
            octets[source.randrange(len(octets))] = source.randrange(256)
        socket.send_fds(kept.channel, [bytes(octets)], [theirs.fileno()])
        theirs.close()
        mine.settimeout(10)
        assert mine.recv(1000)[:1] == b"{"
        mine.close()
    kept.packet_socket().close()


def test_several_processes_ask_at_once(forked):
    """Each gets its own answers: of a keeper without capabilities, the reason."""
    def asked() -> bool:
        for n in range(50):
            if forked.switch_on_hardware_timestamps(f"none{n}")[0]:
                return False
            try:
                forked.packet_socket()
            except PermissionError:
                continue
            return False
        return True

    children = []
    for _ in range(3):
        if not (pid := os.fork()):
            os._exit(0 if asked() else 1)
        children.append(pid)
    assert asked()
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 3


def test_it_lives_as_long_as_somebody_may_ask(forked):
    """Not by signals that are meant for the probe; then it ends by itself."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(forked.pid, number)
    with pytest.raises(PermissionError):
        forked.packet_socket()
    assert forked.look()
    forked.close()
    assert forked.dead
    assert not Path(f"/proc/{forked.pid}").exists()


def test_its_death_is_seen_and_told(forked):
    """By whoever looks, and by whoever asks, with the cure."""
    os.kill(forked.pid, signal.SIGKILL)
    until(lambda: not forked.look(), "its death is seen")
    for _ in range(2):
        with pytest.raises(OSError, match="the keeper of the probe's privileges is dead; restart the probe"):
            forked.packet_socket()
    offloads = forked.offloads()
    offloads.switch_off("eth0")
    assert offloads.warnings == ["device eth0: offloads off: the keeper of the probe's privileges is dead; restart the probe"]
    forked.close()
