"""Commands out of lines."""

import pytest

from tmon_probe.child.ftp.commands import Command, parse_command
from tmon_probe.child.ftp.text import ELLIPSIS, MAX_TEXT, text_of


@pytest.mark.parametrize(("line", "expected"), [
    (b"USER anna", Command("USER", "anna")),
    (b"user anna", Command("USER", "anna")),
    (b"  retr\ta b.txt", Command("RETR", "a b.txt")),
    (b"RETR  leading", Command("RETR", " leading")),
    (b"LIST", Command("LIST")),
    (b"EPSV ALL", Command("EPSV", "ALL")),
    (b"LPRT 4,4,1,2,3,4,2,5,6", Command("LPRT", "4,4,1,2,3,4,2,5,6")),
    (b"MLSD /x", Command("MLSD", "/x")),
    (b"ABOR", Command("ABOR")),
    (b"XYZZY foo", Command("")),
    (b"", Command("")),
    (b"\x16\x03\x01\x02\x00", Command("")),
    ("STOR pr\u00fcfung".encode(), Command("STOR", "pr\u00fcfung")),
    (b"STOR pr\xfcfung", Command("STOR", "pr\u00fcfung")),
])
def test_command(line, expected):
    """Names in any case, blanks and tabs, UTF-8 and Latin-1; what is not known has no name."""
    assert expected == parse_command(line)


@pytest.mark.parametrize("line", [b"PASS secret", b"pass secret", b"PASS\tsecret", b"PASSsecret", b"ACCT secret", b" PASS secret",
                                  b"USER anna\rPASS secret", b"SITE PSWD secret", b"PASS  secret", b"PA\x00SS secret",
                                  b"PASSsecre USER secret"])
def test_no_secret(line):
    """The argument of PASS and ACCT is dropped, and of whatever is not understood."""
    assert b"secre" not in str(parse_command(line)).encode()


def test_text_is_fit_to_show():
    """Control characters, and those that turn the direction of writing, are replaced; long texts end with an ellipsis."""
    assert "a\ufffdb\ufffd\ufffdc" == text_of("a\x1bb\u202e\u0085c".encode())
    assert "x" * (MAX_TEXT - 1) + ELLIPSIS == text_of(b"x" * 4000)
    assert "x" * MAX_TEXT == text_of(b"x" * MAX_TEXT)
