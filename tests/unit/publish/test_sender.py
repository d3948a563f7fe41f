"""The socket of a publisher, on loopback."""

import errno
import select
import socket

import pytest

from tmon_probe.publish.sender import MAX_ERRORS, RENEW_EVERY_NS, RESOLVE_AGAIN_NS, Sender

WAIT_S = 5


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"),
                                                 (socket.AF_UNSPEC, "localhost")])
def test_datagrams_out_and_answers_in(family, address):
    """IPv4, IPv6 and host names."""
    family = family or socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as collector:
        try:
            collector.bind((address, 0))
        except OSError as error:
            pytest.skip(f"{address} cannot be bound here: {error}")
        collector.settimeout(WAIT_S)
        sender = Sender(address, collector.getsockname()[1])
        sender.send([b"one", b"two"], 0)
        data, where = collector.recvfrom(100)
        assert data == b"one"
        assert collector.recv(100) == b"two"
        collector.sendto(b"answer", where)
        select.select([sender.fileno()], [], [], WAIT_S)
        assert sender.received() == [b"answer"]
        assert sender.received() == []
        sender.close()


def test_nobody_listens():
    """The ICMP error is counted; sending goes on."""
    sender = Sender("127.0.0.1", free_port())
    sender.send([b"x"], 0)
    select.select([sender.fileno()], [], [], WAIT_S)
    assert sender.received() == []
    assert sender.errors == {"ECONNREFUSED": 1}
    sender.send([b"y"], 0)
    sender.close()


class Full:
    """A socket without room."""

    def __init__(self):
        self.room = 1
        self.sent = []

    def send(self, datagram):
        if not self.room:
            raise OSError(errno.ENOBUFS, "No buffer space available")
        self.room -= 1
        self.sent.append(datagram)


def test_no_room():
    """What did not fit goes first the next time, in order."""
    sender = Sender("127.0.0.1", free_port())
    sender._socket.close()
    sender._socket = full = Full()
    sender.send([b"1", b"2", b"3"], 0)
    assert sender.blocked
    full.room = 5
    sender.send([b"4"], 0)
    assert full.sent == [b"1", b"2", b"3", b"4"]
    assert not sender.blocked
    assert sender.errors == {"ENOBUFS": 1}


def test_a_host_name_without_address(monkeypatch):
    """Tried again later; until then there is nothing to wait for."""

    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        sender = Sender("collector.invalid", free_port())
        assert sender.fileno() is None
        sender.send([b"x"], 1)
        assert sender.received() == []
        assert sender.errors == {"unresolved": 1}
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *a, **k: real("127.0.0.1", *a, **k))
    sender.send([b"x"], RESOLVE_AGAIN_NS)
    assert sender.fileno() is not None
    sender.close()


def test_a_persistent_error_is_bounded_and_counted():
    """Asking for answers ends."""

    class Broken:
        calls = 0

        def recv(self, _):
            self.calls += 1
            assert self.calls < 10_000, "asked for ever"
            raise OSError(errno.ENETDOWN, "Network is down")

    sender = Sender("127.0.0.1", free_port())
    sender.close()
    sender._socket = Broken()
    for n in (1, 2):
        assert sender.received() == []
        assert sender.errors == {"ENETDOWN": n * MAX_ERRORS}


def test_another_socket_while_nothing_is_answered():
    """The machine may have another address since; seldom."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(WAIT_S)
        sender = Sender("127.0.0.1", collector.getsockname()[1])
        seen = []
        for now_ns in (RENEW_EVERY_NS, 2 * RENEW_EVERY_NS - 1, 2 * RENEW_EVERY_NS):
            sender.renew(now_ns)
            sender.send([b"x"], now_ns)
            data, where = collector.recvfrom(100)
            assert data == b"x"
            seen.append(where)
        assert seen[0] == seen[1] != seen[2]
        sender.close()


def test_no_way_to_the_collector_when_the_socket_is_renewed(monkeypatch):
    """It goes on with the one that it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(WAIT_S)
        sender = Sender("127.0.0.1", collector.getsockname()[1])
        with monkeypatch.context() as patch:
            patch.setattr(sender, "_where", (socket.AF_INET, socket.SOCK_DGRAM, 0, ("255.255.255.255", 9)))  # EACCES
            sender.renew(RENEW_EVERY_NS)
        assert sender.errors == {"EACCES": 1}
        sender.send([b"x"], RENEW_EVERY_NS)
        assert collector.recv(100) == b"x"
        sender.close()
