"""Data connections find their commands."""

import numpy as np
import pytest

from tests.unit.child.ftp.playbook import CLIENT_ADDR, SERVER_ADDR, Play, end, number
from tmon_probe.child.ftp.attribution import EARLY_NS, MAX_EARLY
from tmon_probe.records import PACKET

OTHER = "192.0.2.77"


@pytest.mark.parametrize("before", range(4))
def test_at_any_moment(before):
    """The connection may be seen before the announcement, before the command, before 150, or after it."""
    play = Play().login()
    steps = [("> PASV", "< 227 (198,51,100,9,156,64)"), ("> RETR a",), ("< 150 go",), ("< 226 done",)]
    for n, lines in enumerate(steps):
        if n == before:
            data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40000))
        play.say(*lines)
    play.ended(data, (0, 5))
    assert [5] == [t.octets for t in play.transfers]
    assert 0 == play.finish().engine.counters()["ftp_data_unmatched"]


def test_ended_before_it_is_announced():
    """Even all of a short connection may come before the dialogue that announces it."""
    play = Play().login()
    data = play.opened(end(SERVER_ADDR, 20), end(CLIENT_ADDR, 40000))
    play.ended(data, (5, 0))
    play.say("> PORT 192,0,2,1,156,64", "< 200 ok", "> RETR a", "< 150 go", "< 226 done")
    assert [5] == [t.octets for t in play.transfers]


def test_port_used_again():
    """Of two announcements of the same port the newest that has no connection gets it."""
    play = Play().login().passive(40000, "RETR a", octets=(0, 1)).passive(40000, "RETR b", octets=(0, 2))
    play.say("> EPSV", "< 229 (|||40000|)", "> EPSV", "< 229 (|||40000|)")
    data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40000))
    play.say("> RETR c", "< 150 go", "< 226 done")
    play.ended(data, (0, 3))
    assert [("a", 1), ("b", 2), ("c", 3)] == [(t.path, t.octets) for t in play.transfers]


def test_sessions_do_not_mix():
    """Two sessions of the same hosts, and one of another client, with transfers at the same time."""
    play = Play().login("one")
    first = play.control
    second = play.session(port=40001)
    play.login("two")
    third = play.session(client=OTHER)
    play.login("three")
    announced = {}
    for control, port in ((first, 41001), (second, 41002), (third, 41001)):
        play.control = control
        play.say("> EPSV", f"< 229 (|||{port}|)", "> RETR f", "< 150 go")
    announced["three"] = play.opened(end(OTHER, 50000), end(SERVER_ADDR, 41001))
    announced["two"] = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 41002))
    announced["one"] = play.opened(end(CLIENT_ADDR, 50001), end(SERVER_ADDR, 41001))
    for control in (first, second, third):
        play.control = control
        play.say("< 226 done")
    for octets, user in enumerate(announced, 1):
        play.ended(announced[user], (0, octets))
    assert {"three": 1, "two": 2, "one": 3} == {t.user: t.octets for t in play.transfers}


def test_swapped_ends():
    """Picked up in the middle, a data connection may have its ends the other way round."""
    play = Play().login().say("> EPSV", "< 229 (|||40000|)")
    data = play.opened(end(SERVER_ADDR, 40000), end(CLIENT_ADDR, 50000))
    play.say("> RETR a", "< 150 go", "< 226 done")
    play.ended(data, (8, 1))
    assert 8 == play.last.octets


@pytest.mark.parametrize(("said", "listener", "mode"), [
    ([], 40000, "active"),  # default data port: the client's control port, RFC 959 section 3.3
    ([], 45678, "unknown"),
    (["> PORT 192,0,2,1,200,1", "< 200 ok", "> LIST", "< 450 no"], 51201, "active"),  # PORT holds until the next one
])
def test_without_announcement(said, listener, mode):
    """A connection from the server's data port belongs to the transfer that has none."""
    play = Play().login().say(*said, "> RETR a")
    data = play.opened(end(SERVER_ADDR, 20), end(CLIENT_ADDR, listener))
    play.say("< 150 go", "< 226 done")
    play.ended(data, (6, 0))
    last = play.finish().transfers[-1] if not said else next(t for t in play.finish().transfers if t.path == "a")
    assert (6, mode) == (last.octets, last.expectation.mode)


def test_unmatched():
    """Connections between the hosts that nobody announces are counted after some seconds; those to well-known ports, and in
    sessions gone over to TLS, are none of FTP's."""
    play = Play().login()
    play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 443))
    play.opened(end(CLIENT_ADDR, 50001), end(SERVER_ADDR, 40000))
    play.engine.flush(play.now_ns + EARLY_NS + 1)
    assert 1 == play.engine.counters()["ftp_data_unmatched"]
    play.say("> AUTH TLS", "< 234 go")
    play.opened(end(CLIENT_ADDR, 50002), end(SERVER_ADDR, 40001))
    assert 1 == play.finish().engine.counters()["ftp_data_unmatched"]


def test_early_ones_are_bounded():
    """So many connections wait for their announcement, and no more; nothing is kept of what was given up."""
    play = Play().login()
    for port in range(1024, 1024 + 2 * MAX_EARLY):
        play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, port))
    attribution = play.engine.attribution
    assert (MAX_EARLY, MAX_EARLY, MAX_EARLY) == (len(attribution._early), len(attribution._living), attribution.unmatched)


def test_nothing_is_left():
    """When sessions and transfers have ended, nothing is kept of them."""
    play = Play().login().say("> PASV", "< 227 (198,51,100,9,156,64)").passive(40001, "RETR a").say("> EPSV", "< 229 (|||40002|)")
    play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40002))
    play.say("> PORT 192,0,2,1,200,1", "< 500 no", "> LIST", "< 425 no", "> QUIT", "< 221 bye").hang_up().finish()
    attribution = play.engine.attribution
    assert [{}, {}, {}, {}] == [dict(x) for x in (attribution._sessions, attribution._expected, attribution._early,
                                                  attribution._living)]
    assert [0, 0] == [play.engine.counters()[n] for n in ("ftp_sessions", "ftp_transfers_open")]


def _packets(*pairs: tuple[str, str]) -> np.ndarray:
    packets = np.zeros(len(pairs), PACKET)
    for packet, pair in zip(packets, pairs, strict=True):
        for side, address in zip(("src", "dst"), pair, strict=True):
            packet[f"{side}_hi"], packet[f"{side}_lo"] = divmod(number(address), 1 << 64)
    return packets


def test_between_hosts():
    """Packets of hosts that have a session, in either direction, and of hosts that are about to have one."""
    play = Play()
    packets = _packets((CLIENT_ADDR, SERVER_ADDR), (SERVER_ADDR, CLIENT_ADDR), (CLIENT_ADDR, OTHER), (OTHER, SERVER_ADDR),
                       ("2001:db8::1", SERVER_ADDR))
    attribution = play.engine.attribution
    assert [True, True, False, False, False] == attribution.between_hosts(packets, packets[:0]).tolist()
    assert [True, True, False, True, False] == attribution.between_hosts(packets, packets[3:4]).tolist()
    play.hang_up()
    assert [False] * 5 == attribution.between_hosts(packets, packets[:0]).tolist()
