"""What answers of name servers mean, from messages as text."""

import dns.flags
import dns.message
import dns.rcode
import pytest

from tmon_store.ip_info.answers import Answer, judge, question

OWNER = "7.100.51.198.in-addr.arpa."


def response(*answer: str, code: str = "NOERROR") -> dns.message.Message:
    lines = "\n".join(answer)
    return dns.message.from_text(f"id 1\nopcode QUERY\nrcode {code}\nflags QR RD RA\n;QUESTION\n{OWNER} IN PTR\n;ANSWER\n{lines}\n")


@pytest.mark.parametrize(("message", "expected"), [
    (response(f"{OWNER} 60 IN PTR Mail.Example.ORG."), ("found", "mail.example.org")),
    (response(f"{OWNER} 60 IN PTR b.example.", f"{OWNER} 60 IN PTR a.example."), ("found", "a.example")),
    (response(f"{OWNER} 60 IN CNAME 7.0-127.100.51.198.in-addr.arpa.", "7.0-127.100.51.198.in-addr.arpa. 60 IN PTR x.example."),
     ("found", "x.example")),
    (response(f"{OWNER} 60 IN PTR a\\000b\\200.example."), ("found", "a\\000b\\200.example")),
    (response(f"{OWNER} 60 IN PTR ."), ("none", None)),
    (response(), ("none", None)),
    (response("8.100.51.198.in-addr.arpa. 60 IN PTR other.example."), ("none", None)),
    (response(code="NXDOMAIN"), ("none", None)),
    (response(code="SERVFAIL"), None),
    (response(code="REFUSED"), None),
    (response(*(f"{i}.example. 60 IN CNAME {i + 1}.example." for i in range(20)), f"{OWNER} 60 IN CNAME 0.example."), None),
])
def test_what_an_answer_says(message, expected):
    """A name, that there is none, or nothing; names in small letters, strange octets escaped."""
    assert (expected and Answer("198.51.100.7", *expected)) == judge("198.51.100.7", message)


def test_questions():
    """The reverse name, recursion desired; another identifier each time."""
    asked = question("198.51.100.7")
    assert OWNER == asked.question[0].name.to_text()
    assert asked.flags & dns.flags.RD
    assert question("2001:db8::1").question[0].name.to_text().endswith("8.b.d.0.1.0.0.2.ip6.arpa.")
    assert len({question("198.51.100.7").id for _ in range(20)}) > 1
