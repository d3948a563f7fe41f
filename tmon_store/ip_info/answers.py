"""What an answer of the DNS says about the name of an address (RFC 1035 section 3.5, RFC 3596 section 2.5, aliases of RFC 2317)."""

from __future__ import annotations

from typing import NamedTuple

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename

from tmon_store.ip_info.schema import FOUND, NONE


class Answer(NamedTuple):
    """status: FOUND, NONE or FAILED of the table."""

    address: str
    status: str
    name: str | None = None


def question(address: str) -> dns.message.QueryMessage:
    """The query for the name of an address, with an identifier that nobody can guess. dns.exception.SyntaxError for no address."""
    return dns.message.make_query(dns.reversename.from_address(address), dns.rdatatype.PTR)


def judge(address: str, response: dns.message.Message) -> Answer | None:
    """What the response says; None: nothing, another server or another time may. Of several names the first by alphabet."""
    if response.rcode() == dns.rcode.NXDOMAIN:
        return Answer(address, NONE)
    if response.rcode() != dns.rcode.NOERROR or not isinstance(response, dns.message.QueryMessage):
        return None
    try:
        found = response.resolve_chaining().answer
    except dns.exception.DNSException:
        return None
    names = sorted(r.target.to_text(omit_final_dot=True).lower() for r in found or () if r.target != dns.name.root)
    return Answer(address, FOUND, names[0]) if names else Answer(address, NONE)
