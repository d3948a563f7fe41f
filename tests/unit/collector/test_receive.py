"""The collector's socket, and how it tells that it is ready."""

import errno
import os
import select
import socket

import pytest

from tmon_collector.ready import tell_ready
from tmon_collector.receive import MAX_ERRORS, MAX_RECEIVED, ListenError, Receiver
from tmon_common.pdu.header import MAX_PDU_OCTETS

WAIT_S = 5
HERE = ("127.0.0.1", 4000)


@pytest.fixture(params=["127.0.0.1", "::1", "::", "0.0.0.0"])
def receiver(request):
    try:
        made = Receiver(request.param, 0, 1 << 20)
    except ListenError as error:
        if ":" in request.param:
            pytest.skip(f"no IPv6 here: {error}")
        raise
    yield made
    made.close()


def test_datagrams_come_and_answers_go(receiver):
    """IPv4 and IPv6; :: listens to both."""
    family, to = (socket.AF_INET6, "::1") if receiver.address == "::1" else (socket.AF_INET, "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.settimeout(WAIT_S)
        probe.connect((to, receiver.port))
        probe.send(b"one")
        select.select([receiver], [], [], WAIT_S)
        [(datagram, address)] = receiver.received()
        assert datagram == b"one"
        receiver.send([(b"answer", address)])
        assert probe.recv(100) == b"answer"
        assert receiver.received() == []


def test_a_wake_up_is_bounded_and_long_datagrams_show():
    receiver = Receiver("127.0.0.1", 0, 8 << 20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", receiver.port))
        probe.send(bytes(20_000))
        for _ in range(MAX_RECEIVED + 10):
            probe.send(b"x")
        first = receiver.received()
        assert len(first) <= MAX_RECEIVED
        assert len(first[0][0]) == MAX_PDU_OCTETS + 1
    receiver.close()


@pytest.mark.parametrize(("address", "reason"), [("192.0.2.1", "no interface of this machine"), ("127.0.0.1", "in use")])
def test_addresses_that_cannot_be_listened_on(address, reason):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=rf"{address} port {port}: {reason}"):
            Receiver(address, port, 1 << 16)


def test_a_closed_probe_is_no_error():
    """Answers to nobody are counted at most."""
    receiver = Receiver("127.0.0.1", 0, 1 << 16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        address = gone.getsockname()
    receiver.send([(b"x", address), (b"y", ("127.0.0.1", 0))])
    assert receiver.received() == []
    assert sum(receiver.errors.values()) >= 1
    receiver.close()


def test_ready_is_told(monkeypatch, tmp_path):
    """The port on the descriptor, which is closed then; READY=1 to the service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        end, told = os.pipe()
        tell_ready(9777, told)
        with os.fdopen(end) as reading:
            assert reading.read() == "9777\n"
        assert systemd.recv(100) == b"READY=1\nSTATUS=listening on port 9777"


def test_nobody_waits_any_more(caplog):
    """Whoever started the collector has gone: no error, and the descriptor is closed."""
    end, told = os.pipe()
    os.close(end)
    tell_ready(9777, told)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(told)
    assert not caplog.records


class Broken:
    """A socket of which every call fails, in the same way for ever."""

    def __init__(self):
        self.calls = 0

    def recvfrom(self, _):
        self.calls += 1
        assert self.calls < 10_000, "asked for ever"
        raise OSError(errno.ENETDOWN, "Network is down")


def test_a_persistent_error_is_bounded_and_counted(caplog):
    """A wake-up ends, what the error was is told once."""
    receiver = Receiver("127.0.0.1", 0, 1 << 16)
    receiver.close()
    receiver._socket = Broken()
    for n in (1, 2):
        assert receiver.received() == []
        assert receiver.errors == {"ENETDOWN": n * MAX_ERRORS}
    assert [r.getMessage() for r in caplog.records] == [
        f"127.0.0.1 port {receiver.port}: Network is down (counted, told once)"]


def test_errors_between_datagrams_lose_none():
    """Queued errors of earlier answers come before the datagrams."""

    class Mixed:
        def __init__(self):
            self.left = [b"1", OSError(errno.ECONNREFUSED, "refused"), b"2", BlockingIOError()]

        def recvfrom(self, _):
            next_one = self.left.pop(0)
            if isinstance(next_one, OSError):
                raise next_one
            return next_one, HERE

    receiver = Receiver("127.0.0.1", 0, 1 << 16)
    receiver.close()
    receiver._socket = Mixed()
    assert receiver.received() == [(b"1", HERE), (b"2", HERE)]
