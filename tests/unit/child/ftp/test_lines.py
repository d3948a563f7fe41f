"""Lines out of octets, Telnet commands taken out."""

import pytest

from tmon_probe.child.ftp.commands import starts_command
from tmon_probe.child.ftp.lines import MAX_LINE, Lines


def _lines() -> Lines:
    return Lines(starts_command)


@pytest.mark.parametrize("octets", [b"USER a\r\n", b"USER a\n"])
def test_line_ends(octets):
    """CR LF and LF alone end a line."""
    assert [b"USER a"] == _lines().feed(octets)


def test_in_pieces():
    """A line may come octet by octet, and several in one piece."""
    lines = _lines()
    assert [] == [line for octet in b"PASV\r" for line in lines.feed(bytes([octet]))]
    assert [b"PASV", b"LIST", b""] == lines.feed(b"\nLIST\r\n\r\n")


@pytest.mark.parametrize(("octets", "expected"), [
    (b"\xff\xf4\xff\xf2ABOR\r\n", b"ABOR"),  # Interrupt Process and Data Mark, RFC 959 section 4.1.3
    (b"\xff\xfb\x01USER a\r\n", b"USER a"),
    (b"USER \xff\xff\r\n", b"USER \xff"),
    (b"\xff\xfa\x18x\r\xff\xf0QUIT\r\n", b"QUIT"),
    (b"RETR fa\xffe\r\n", b"RETR fa\xffe"),  # a Latin-1 name that was not escaped
])
def test_telnet(octets, expected):
    """Telnet commands are no part of a line, however the octets are cut."""
    assert [expected] == _lines().feed(octets)
    for at in range(len(octets)):
        lines = _lines()
        assert [expected] == lines.feed(octets[:at]) + lines.feed(octets[at:])


def test_endless_line():
    """A line longer than the maximum is skipped to its end, counted once, and not kept."""
    lines = _lines()
    for _ in range(100):
        assert [] == lines.feed(b"x" * 1000)
    assert [b"QUIT"] == lines.feed(b"\r\nQUIT\r\n")
    assert 1 == lines.skipped
    assert [b"y" * MAX_LINE] == lines.feed(b"y" * MAX_LINE + b"\n")


def test_gap_within_a_line():
    """What stands around a gap is no line, unless the line behind it is whole by its looks."""
    lines = _lines()
    lines.feed(b"PASS sec")
    lines.gap()
    assert [b"PASV"] == lines.feed(b"ret\r\nPASV\r\n")
    assert 2 == lines.skipped


def test_gap_between_lines():
    """A gap that ended with a line costs no more than was missing."""
    lines = _lines()
    lines.feed(b"TYPE I\r\n")
    lines.gap()
    assert [b"RETR x"] == lines.feed(b"RETR x\r\n")
    assert 0 == lines.skipped
