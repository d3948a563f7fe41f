"""Replies out of lines."""

import pytest

from tmon_probe.child.ftp.replies import MAX_REPLY_LINES, Replies, announced_octets, quoted_path, unique_name


def _codes(*lines: str) -> list[int]:
    replies = Replies()
    return [r.code for line in lines if (r := replies.feed(line.encode())) is not None]


def test_one_line():
    """Code and text; a code alone is a reply too."""
    reply = Replies().feed(b"230 Welcome in")
    assert (230, "Welcome in", 2) == (reply.code, reply.text, reply.hundreds)
    assert [226] == _codes("226")


def test_several_lines():
    """RFC 959 section 4.2: up to the line with the same code and a space, whatever codes stand before."""
    assert [211, 200] == _codes("211-Features:", " EPSV", "226 looks like one", "211- still", "2119 files", "211 End", "200 next")


def test_first_and_last():
    """The texts of the first and of the last line are kept."""
    replies = Replies()
    replies.feed(b"227-Entering")
    reply = replies.feed(b"227 (1,2,3,4,5,6)")
    assert ("Entering", "(1,2,3,4,5,6)") == (reply.first, reply.text)


def test_broken():
    """Lines without a code are counted and belong to no reply."""
    replies = Replies()
    for line in (b"hello", b"12", b"999 no", b"2x0 no", b"226x", b""):
        assert replies.feed(line) is None
    assert 6 == replies.broken


def test_endless_reply():
    """A reply without end is broken off, and what comes after it is read."""
    replies = Replies()
    replies.feed(b"211-x")
    for _ in range(MAX_REPLY_LINES):
        assert replies.feed(b" y") is None
    assert 200 == replies.feed(b"200 next").code
    assert 2 == replies.broken  # the reply, and the line after it was broken off


def test_gap_breaks_off():
    """A reply of several lines ends where octets are missing."""
    replies = Replies()
    replies.feed(b"211-x")
    replies.gap()
    assert 200 == replies.feed(b"200 next").code


@pytest.mark.parametrize(("text", "expected"), [
    ("Opening BINARY mode data connection for a (1180 bytes).", 1180), ("for x (5 bytes) (600000 bytes)", 600000),
    ("Opening data connection; 77 bytes", 77), ("54.3 kbytes to download", None), ("1.5 bytes", None), ("Ok to send data.", None),
    ("(12 Bytes)", 12), ("(99999999999999999999999999 bytes)", None),
])
def test_announced_octets(text, expected):
    """What 150 says of the size."""
    assert expected == announced_octets(text)


def test_names():
    """The name that a server gave a file, RFC 1123 section 4.1.2.9, and the path of 257."""
    assert "stou.12" == unique_name("FILE: stou.12")
    assert "stou.12" == unique_name("Transfer complete (unique file name:stou.12).")
    assert "" == unique_name("Transfer complete")
    assert '/a "b"' == quoted_path('"/a ""b""" is it')
    assert "" == quoted_path("no path")
