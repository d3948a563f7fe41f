"""Hosts and ports in commands and replies."""

import pytest

from tests.unit.child.ftp.playbook import number
from tmon_probe.child.ftp.addresses import HostPort, extended, long, ordinary

_HOST = HostPort(number("10.1.2.3"), 4 * 256 + 5)


@pytest.mark.parametrize("text", [
    "10,1,2,3,4,5", "Entering Passive Mode (10,1,2,3,4,5).", "Entering Passive Mode (10,1,2,3,4,5)",
    "Entering Passive Mode 10,1,2,3,4,5", "Entering passive mode. 10,1,2,3,4,5", "=10,1,2,3,4,5",
    "Entering Passive Mode [10,1,2,3,4,5]",
    "( 10 , 1,2, 3,4,5 )", "Passive 1 (10,1,2,3,4,5)", "Ok: 10,1,2,3,4,5 is it",
])
def test_ordinary(text):
    """RFC 1123 section 4.1.2.6: whatever stands around the six numbers."""
    assert _HOST == ordinary(text)


@pytest.mark.parametrize("text", ["", "Entering Passive Mode", "10,1,2,3,4", "10,1,2,3,256,5", "10.1.2.3.4.5", "(1,2,3)",
                                  "10,1,2,3,0,0", "999,1,2,3,4,5"])
def test_not_ordinary(text):
    """Less than six numbers, too large ones, port 0: nothing is told."""
    assert ordinary(text) is None


@pytest.mark.parametrize(("text", "expected"), [
    ("|1|10.1.2.3|1029|", _HOST), ("|2|2001:db8::1|1029|", HostPort(number("2001:db8::1"), 1029)),
    ("Entering Extended Passive Mode (|||1029|)", HostPort(None, 1029)), ("(!!!1029!)", HostPort(None, 1029)),
    ("Extended (|1||1029|)", HostPort(None, 1029)), ("|1|10.1.2.3|70000|", None), ("|||0|", None), ("|1|10.1.2|1029|", None),
    ("", None), ("(|||", None),
])
def test_extended(text, expected):
    """RFC 2428: any delimiter, the address may be left out."""
    assert expected == extended(text)


@pytest.mark.parametrize(("text", "expected"), [
    ("4,4,10,1,2,3,2,4,5", _HOST), ("Entering Long Passive Mode (4,4,10,1,2,3,2,4,5)", _HOST),
    ("6,16,32,1,13,184,0,0,0,0,0,0,0,0,0,0,0,1,2,4,5", HostPort(number("2001:db8::1"), 1029)),
    ("6,16,1,2,3,4,5", None), ("4,4,10,1,2,3,1,4", None), ("5,4,10,1,2,3,2,4,5", None), ("", None),
])
def test_long(text, expected):
    """RFC 1639."""
    assert expected == long(text)
