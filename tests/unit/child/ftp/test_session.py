"""Playbooks of dialogues: what commands and replies mean."""

import pytest

from tests.unit.child.ftp.playbook import CLIENT_ADDR, SERVER_ADDR, Play, end, number


def test_login_and_counts():
    """Sessions, commands, replies by class, logins accepted and refused."""
    play = Play().say("< 220 ready", "> USER anna", "< 331 password", "> PASS a", "< 530 no", "> USER anna", "< 331 again",
                      "> PASS b", "< 230 in", "> NOOP", "< 200 ok", "> QUIT", "< 221 bye").hang_up()
    assert {"sessions": 1, "commands": 6, "replies_2xx": 4, "replies_3xx": 2, "replies_5xx": 1, "logins": 1,
            "logins_refused": 1} == dict(play.counts)


def test_user_without_password():
    """A 230 to USER, and a 332 with ACCT, are logins too."""
    play = Play().say("< 220 ready", "> USER anna", "< 230 in", "> REIN", "< 220 ready", "> USER bob", "< 331 p", "> PASS x",
                      "< 332 account", "> ACCT y", "< 230 in")
    assert (2, "bob") == (play.counts["logins"], play.control.session.user)


@pytest.mark.parametrize(("expects", "listener", "mode"), [
    (["> PASV", "< 227 Entering Passive Mode (198,51,100,9,156,64)"], "server", "passive"),
    (["> EPSV", "< 229 Extended (|||40000|)"], "server", "extended_passive"),
    (["> EPSV 1", "< 229 Extended (|||40000|)"], "server", "extended_passive"),
    (["> LPSV", "< 228 Long (4,4,198,51,100,9,2,156,64)"], "server", "long_passive"),
    (["> PORT 192,0,2,1,156,64", "< 200 ok"], "client", "active"),
    (["> EPRT |1|192.0.2.1|40000|", "< 200 ok"], "client", "extended_active"),
    (["> LPRT 4,4,192,0,2,1,2,156,64", "< 200 ok"], "client", "long_active"),
])
@pytest.mark.parametrize("command", ["RETR a", "STOR a", "APPE a", "STOU", "LIST -l", "NLST", "MLSD a", "retr a"])
def test_every_transfer_in_every_mode(expects, listener, mode, command):
    """Each command that moves data, with each way to announce the connection; the octets are those of the data's direction."""
    play = Play().login().say("> TYPE I", "< 200 ok", *expects)
    passive = listener == "server"
    data = play.opened(*((end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40000)) if passive else
                         (end(SERVER_ADDR, 20), end(CLIENT_ADDR, 40000))))
    play.say(f"> {command}", "< 150 go", "< 226 done")
    assert [] == play.transfers
    play.ended(data, (1, 2))
    verb, _, path = command.partition(" ")
    to_server = verb in ("STOR", "APPE", "STOU")
    last = play.last
    assert (verb.upper(), path, "image") == (last.command, last.path, last.type)
    assert (mode, 40000) == (last.expectation.mode, last.expectation.announced[1])
    assert (1 if to_server == passive else 2, "completed", 226) == (last.octets, last.outcome, last.reply_code)


def test_replies_in_order():
    """Commands sent ahead get their replies in order; PASV before RETR though its reply comes after."""
    play = Play().login().say("> TYPE I", "> CWD /a", "> PASV", "> RETR x", "< 200 ok", "< 250 ok",
                              "< 227 Entering (198,51,100,9,156,64)")
    data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40000))
    play.say("< 150 go", "> NOOP", "< 226 done", "< 200 ok")
    play.ended(data, (0, 7))
    assert (7, "completed", "/a/x") == (play.last.octets, play.last.outcome, play.last.key_path)


def test_two_transfers_ahead():
    """Two transfers sent at once, each with its own announcement and replies."""
    play = Play().login().say("> EPSV", "> RETR a", "> EPSV", "> RETR b", "< 229 (|||40001|)", "< 150 a")
    first = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40001))
    play.say("< 226 a", "< 229 (|||40002|)")
    second = play.opened(end(CLIENT_ADDR, 50001), end(SERVER_ADDR, 40002))
    play.say("< 150 b", "< 550 b")
    play.ended(second, (0, 2))
    play.ended(first, (0, 1))
    assert [("RETR", "b", "refused", 550), ("RETR", "a", "completed", 226)] == play.outcomes()
    assert [2, 1] == [t.octets for t in play.transfers]


def test_noop_while_data_flow():
    """A reply to NOOP in the middle of a transfer is not the transfer's."""
    play = Play().login().say("> EPSV", "< 229 (|||40001|)", "> RETR a", "< 150 go", "> NOOP", "< 200 ok", "> STAT", "< 211 half",
                              "< 226 done").finish()
    assert [("RETR", "a", "completed", 226)] == play.outcomes()


def test_restart():
    """REST holds for the next transfer only, if the server accepts it."""
    play = Play().login().say("> REST 40", "< 350 ok").passive(40001, "RETR a").passive(40002, "RETR a")
    play.say("> REST 7", "< 502 no").passive(40003, "RETR a").say("> REST x", "< 501 no").passive(40004, "RETR a")
    assert [40, 0, 0, 0] == [t.restart.offset for t in play.transfers]


def test_types():
    """TYPE as the server accepted it; ASCII to begin with, and again after REIN."""
    play = Play().login()
    types = []
    for line, reply in (("NOOP", 200), ("TYPE I", 200), ("TYPE E", 504), ("type a n", 200), ("TYPE L 8", 200), ("TYPE E", 200),
                        ("REIN", 220)):
        types.append(play.say(f"> {line}", f"< {reply} x").control.session.type)
    assert ["ASCII", "image", "image", "ASCII", "local 8", "EBCDIC", "ASCII"] == types


def test_announced_size():
    """From 150, else from SIZE of that path in the same directory."""
    play = Play().login().say("> SIZE a", "< 213 99", "> EPSV", "< 229 (|||40001|)", "> RETR a", "< 150 go", "< 226 ok")
    play.say("> EPSV", "< 229 (|||40002|)", "> RETR a", "< 150 opening (100 bytes)", "< 226 ok", "> CWD b", "< 250 ok")
    play.say("> EPSV", "< 229 (|||40003|)", "> RETR a", "< 150 go", "< 226 ok").finish()
    assert [99, 100, None] == [t.announced_octets for t in play.transfers]


def test_unique_name():
    """The path of STOU is what the server chose."""
    play = Play().login().say("> EPSV", "< 229 (|||40001|)", "> STOU", "< 150 FILE: stou.7", "< 226 ok").finish()
    assert "stou.7" == play.last.path


def test_epsv_all():
    """EPSV ALL announces nothing; it is remembered."""
    play = Play().login().say("> EPSV ALL", "< 200 ok", "> LIST", "< 425 no").finish()
    assert play.control.session.extended_passive_only
    assert (None, "refused") == (play.last.expectation, play.last.outcome)


@pytest.mark.parametrize("reply", ["< 234 go on", "< 235 done"])
def test_encrypted(reply):
    """After AUTH nothing is read any more, and nothing that comes is told as a line."""
    play = Play().say("< 220 ready", "> AUTH TLS", reply)
    play.send(False, b"\x16\x03\x01\r\nPASS hunter2\r\nRETR a\r\n")
    play.say("< 530 no").hang_up().finish()
    assert (1, 1, 0, 0) == tuple(play.counts[n] for n in ("encrypted", "commands", "lines_skipped", "logins_refused"))
    assert [] == play.transfers


def test_auth_refused():
    """AUTH that is refused changes nothing."""
    play = Play().say("< 220 ready", "> AUTH TLS", "< 530 Please login with USER and PASS.").say("> USER a", "< 331 p", "> PASS b",
                                                                                           "< 230 in")
    assert (0, 1, 0) == tuple(play.counts[n] for n in ("encrypted", "logins", "logins_refused"))


def test_greeting_before_and_after():
    """A greeting of several lines, and 120 before it, answer no command; nor does one that comes after a hasty client's first."""
    play = Play().say("< 120 wait", "> USER anna", "< 220-hello", "< 220 ready", "< 230 in")
    assert 1 == play.counts["logins"]


def test_picked_up_in_the_middle():
    """Without its beginning a session is understood from the next command on; the user is not known."""
    play = Play(from_start=False).say("< 226 of before").passive(40001, "RETR a", octets=(0, 5))
    assert ("", 5, "completed") == (play.last.user, play.last.octets, play.last.outcome)


def test_reply_that_was_not_seen():
    """A command whose reply is lost does not take that of the next one; a transfer without seen reply is judged by its data."""
    play = Play().login().say("> CWD x")
    play.send(True, b"250 ok\r\n", lost=True)
    play.passive(40001, "RETR a", reply="< 550 no")
    assert [("RETR", "a", "refused", 550)] == play.outcomes()
    play.say("> EPSV", "< 229 (|||40002|)")
    data = play.opened(end(CLIENT_ADDR, 50002), end(SERVER_ADDR, 40002))
    play.say("> RETR b", "< 150 go")
    play.send(True, b"226 done\r\n", lost=True)
    play.ended(data, (0, 9))
    play.passive(40003, "RETR c")
    assert [("RETR", "b", "completed", None), ("RETR", "c", "completed", 226)] == play.outcomes()[1:]


def test_command_that_was_not_seen():
    """Replies to commands that were lost answer none of those that were seen."""
    play = Play().login()
    play.send(False, b"EPSV\r\nRETR a\r\n", lost=True)
    play.say("< 229 (|||40001|)", "< 150 go", "< 226 done").passive(40002, "RETR b")
    assert [("RETR", "b", "completed", 226)] == play.outcomes()


def test_directories():
    """The path of a file takes in CWD, CDUP and PWD, as far as the server accepted them."""
    play = Play().login().say("> CWD pub", "< 250 ok", "> CWD no", "< 550 no", "> CWD ../x", "< 250 ok", "> CDUP", "< 200 ok",
                              "> PWD", '< 257 "/home/a" here', "> CWD b", "< 250 ok").passive(40001, "RETR ./f")
    assert "/home/a/b/f" == play.last.key_path


@pytest.mark.parametrize("kind", ["<", ">"])
def test_endless_and_garbled_lines(kind):
    """Lines without end and garbage are counted, and the dialogue goes on."""
    play = Play().login()
    for _ in range(50):
        play.send(kind == "<", b"\x00\xfe" * 500)
    play.send(kind == "<", b"\r\n")
    play.passive(40001, "RETR a")
    assert "completed" == play.last.outcome
    assert 1 == play.counts["lines_skipped"]


def test_many_commands_without_reply():
    """What waits for a reply is bounded; transfers given up so are told."""
    play = Play().login()
    for n in range(1000):
        play.say("> NOOP", f"> RETR {n}")
    assert len(play.control.session.pairing.waiting) <= 256
    assert len(play.control.session.transfers) <= 64
    play.finish()
    assert 1000 == len(play.transfers)


def test_third_party():
    """An address that is neither host's is told and marked; not when the connection was found all the same."""
    play = Play().login().say("> PORT 10,9,9,9,156,64", "< 200 ok", "> RETR a", "< 425 no")
    play.say("> PASV", "< 227 Entering (10,0,0,1,156,65)")
    data = play.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, 40001))
    play.say("> RETR b", "< 150 go", "< 226 ok")
    play.ended(data, (0, 3))
    play.say("> PASV", "< 227 Entering (0,0,0,0,156,66)", "> RETR c", "< 150 go", "< 226 ok").finish()
    found = {t.path: (t.third_party, t.octets, t.expectation.announced[0]) for t in play.transfers}
    assert {"a": (True, None, number("10.9.9.9")), "b": (False, 3, number("10.0.0.1")),
            "c": (False, None, number("0.0.0.0"))} == found
