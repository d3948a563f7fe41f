"""Names from a real name server, and from servers that are silent, refuse, lie or are not there."""

import asyncio
import signal
import socket
import threading
from contextlib import contextmanager

import dns.message
import dns.rcode
import pytest

from tests.dns_server import name_server
from tmon_common.config.store_model import Names
from tmon_store.ip_info import resolver as module
from tmon_store.ip_info.answers import Answer
from tmon_store.ip_info.resolver import Resolver

FAST = {"rate": 10_000, "timeout_ns": 200_000_000}


def resolve(names, addresses):
    found = []
    resolver = Resolver(names)
    resolver.resolve(addresses, found.append)
    return sorted(found), resolver


@contextmanager
def udp_server(answer=None):
    """A server in a thread; answer: query -> octets, or None for silence. Gives its port and what it was asked."""
    asked = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))

        def serve():
            while (received := own.recvfrom(4096))[0]:
                query = dns.message.from_wire(received[0])
                asked.append(query.question[0].name.to_text())
                octets = answer(query) if answer else None
                if octets:
                    own.sendto(octets, received[1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield own.getsockname()[1], asked
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", own.getsockname())
            thread.join()


def with_code(code):
    def answer(query):
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response.to_wire()
    return answer


def test_a_real_server(tmp_path):
    """Names of IPv4 and IPv6, of private addresses, too; and none."""
    with name_server(tmp_path, "--host-record=Mail.Example.org,198.51.100.25,2001:db8::25",
                     "--host-record=printer.example,10.1.0.7",
                     "--ptr-record=9.100.51.198.in-addr.arpa,nine.example") as server:
        answers, resolver = resolve(Names(servers=(("127.0.0.1", server.port),)),
                                    ["198.51.100.25", "2001:db8::25", "10.1.0.7", "198.51.100.9", "198.51.100.10", "2001:db8::26"])
    assert sorted([Answer("198.51.100.25", "found", "mail.example.org"), Answer("2001:db8::25", "found", "mail.example.org"),
                   Answer("10.1.0.7", "found", "printer.example"), Answer("198.51.100.9", "found", "nine.example"),
                   Answer("198.51.100.10", "none"), Answer("2001:db8::26", "none")]) == answers
    assert not resolver.gave_up


def test_a_second_server_helps(tmp_path):
    """The first one is not there, or refuses: the next one is asked, and from then on first."""
    addresses = [f"10.0.0.{i}" for i in range(1, 9)]
    with name_server(tmp_path, *(f"--host-record=h{i}.example,10.0.0.{i}" for i in range(1, 9))) as server, \
            udp_server(with_code(dns.rcode.REFUSED)) as (refusing, refused), udp_server() as (silent, unheard):
        names = Names(servers=(("127.0.0.1", silent), ("127.0.0.1", refusing), ("127.0.0.1", server.port)), parallel=1, **FAST)
        answers, _ = resolve(names, addresses)
    assert [Answer(a, "found", f"h{i}.example") for i, a in enumerate(addresses, 1)] == answers
    assert (1, 1) == (len(refused), len(unheard))


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP])
def test_servers_that_do_not_know(code):
    """Failed, after a second try; but someone is there."""
    with udp_server(with_code(code)) as (port, asked):
        answers, resolver = resolve(Names(servers=(("127.0.0.1", port),), **FAST), [f"10.0.0.{i}" for i in range(60)])
    assert [("failed", None)] * 60 == [(a.status, a.name) for a in answers]
    assert 120 == len(asked)
    assert not resolver.gave_up


def test_nobody_there():
    """After GIVE_UP_AFTER addresses without a word, and the root in vain, the rest is left."""
    with udp_server() as (port, asked):
        names = Names(servers=(("127.0.0.1", port),), parallel=20, **FAST)
        answers, resolver = resolve(names, [f"10.0.{i}.1" for i in range(200)])
    assert resolver.gave_up
    assert module.GIVE_UP_AFTER <= len(answers) <= module.GIVE_UP_AFTER + 20
    assert {"failed"} == {a.status for a in answers}
    assert "." in asked
    assert len(asked) < 2 * 60 + 25


def test_a_dead_part_of_the_dns_does_not_stop_the_rest():
    """Silence about many addresses in a row, while the server lives: each fails, those behind them are found."""
    def answer(query):
        name = query.question[0].name.to_text()
        if name.endswith(".10.in-addr.arpa."):
            return None
        code = dns.rcode.REFUSED if name == "." else dns.rcode.NXDOMAIN
        return with_code(code)(query)

    with udp_server(answer) as (port, _):
        names = Names(servers=(("127.0.0.1", port),), parallel=30, **FAST)
        answers, resolver = resolve(names, [*(f"10.0.{i}.1" for i in range(90)), "192.0.2.1"])
    assert not resolver.gave_up
    assert [("failed", 90), ("none", 1)] == [(s, sum(a.status == s for a in answers)) for s in ("failed", "none")]


def test_answers_that_are_not_for_us():
    """Another identifier, another question, noise: passed over, as if nothing had come."""
    def lie(query):
        other = dns.message.make_query("1.1.1.1.in-addr.arpa", "PTR", id=query.id)
        stranger = dns.message.make_response(query)
        stranger.id = query.id ^ 1
        return [b"\x00\x01", stranger.to_wire(), dns.message.make_response(other).to_wire()][len(lies.append(1) or lies) % 3]

    lies: list[int] = []
    with udp_server(lie) as (port, _):
        answers, _ = resolve(Names(servers=(("127.0.0.1", port),), **FAST), ["10.0.0.1", "10.0.0.2"])
    assert [Answer("10.0.0.1", "failed"), Answer("10.0.0.2", "failed")] == answers


def test_a_port_where_nobody_listens():
    """Told by the system at once; failed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        port = own.getsockname()[1]
    answers, _ = resolve(Names(servers=(("127.0.0.1", port),), **FAST), ["10.0.0.1"])
    assert [Answer("10.0.0.1", "failed")] == answers


def test_many_names_by_tcp(tmp_path):
    """An answer that does not fit a datagram comes by TCP, which is one more query to wait its turn."""
    records = [f"--ptr-record=1.0.0.10.in-addr.arpa,{'a' * 60}.{'b' * 60}.{'c' * 60}.{i:02}.example" for i in range(20)]
    with name_server(tmp_path, *records, "--edns-packet-max=512") as server:
        resolver, answers, turns = Resolver(Names(servers=(("127.0.0.1", server.port),))), [], []
        resolver._bucket.reserve = lambda now: turns.append(now) or 0.0
        resolver.resolve(["10.0.0.1"], answers.append)
    assert 2 == len(turns)
    assert [Answer("10.0.0.1", "found", f"{'a' * 60}.{'b' * 60}.{'c' * 60}.00.example")] == answers


def test_parallel_and_rate(monkeypatch):
    """Never more at once than allowed, and sent not before the bucket says so. No network and no clock."""
    at_once, most, delays = 0, 0, []

    async def exchange(query, host, *_, **__):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(3):
            await real_sleep(0)
        at_once -= 1
        return dns.message.make_response(query)

    async def sleep(delay):
        delays.append(delay)
        await real_sleep(0)

    real_sleep = asyncio.sleep
    monkeypatch.setattr(module.dns.asyncquery, "udp", exchange)
    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    answers, _ = resolve(Names(servers=(("127.0.0.1", 53),), rate=10, parallel=7), [f"10.0.0.{i}" for i in range(100)])
    assert 100 == len(answers)
    assert 7 == most
    assert 9.0 < delays[-1] <= 9.9  # the hundredth, while next to no time has passed


def test_interrupted_while_asking(monkeypatch):
    """Ctrl-C comes through as KeyboardInterrupt; the answers that were there have been given."""
    async def exchange(query, *_, **__):
        if len(found) == 5:
            signal.raise_signal(signal.SIGINT)
            await asyncio.get_running_loop().create_future()
        return dns.message.make_response(query)

    found = []
    monkeypatch.setattr(module.dns.asyncquery, "udp", exchange)
    with pytest.raises(KeyboardInterrupt):
        Resolver(Names(servers=(("127.0.0.1", 53),), parallel=1, **FAST)).resolve([f"10.0.0.{i}" for i in range(20)], found.append)
    assert 5 == len(found)


def test_servers_of_the_system(monkeypatch):
    """Without servers in the configuration; none at all is an error that says what to do."""
    class Configured:
        nameservers = ("192.0.2.53", "2001:db8::53")

    monkeypatch.setattr(module.dns.resolver, "Resolver", Configured)
    assert Resolver(Names()).servers == "192.0.2.53, 2001:db8::53"
    monkeypatch.setattr(Configured, "nameservers", ())
    with pytest.raises(module.StoreError, match="name some"):
        Resolver(Names())
