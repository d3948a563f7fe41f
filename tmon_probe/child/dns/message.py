"""DNS messages (RFC 1035 section 4, RFC 6891), read as far as they can be, in time that grows with their length only.

Not read by dpkt: see docs/decisions/0016-dns-messages-are-read-here.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tmon_probe.child.dns.names import DnsError, read_name, skip_name
from tmon_probe.child.dns.rdata import record_text

MAX_ANSWER = 255
"""Characters of the text of all answers; what is longer ends with an ellipsis."""
BETWEEN = "; "
"""Between the texts of two answers. Names escape a semicolon, strings are quoted: it cannot be mistaken."""
_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!HH")
_RECORD = struct.Struct("!HHIH")
_OPT = 41
_LEAST = 8  # what a record takes of the room for text at least: broken ones are not tried without end

Question = tuple[str, int, int]
"""Name as text, type, class."""


@dataclass(slots=True)
class Message:
    """question: the first one, None without any. answers: records that the header tells of; ttl: s, None without any that was read.

    rcode       with the eight bits that an OPT record adds
    fault       what is wrong with it, "" if nothing: the other values are those found before
    """

    id: int
    response: bool
    opcode: int
    authoritative: bool
    truncated: bool
    rcode: int
    question: Question | None
    answers: int
    answer: str = ""
    ttl: int | None = None
    fault: str = ""


def read_message(data: bytes, *, cut: bool = False) -> Message:
    """The message that a datagram carries. cut: there was more of it, which is not here; where it then ends is no fault.

    DnsError if there is no header, or no whole question where it tells of one.
    """
    if len(data) < _HEADER.size:
        raise DnsError("cut")
    id_, flags, questions, answers, authorities, additionals = _HEADER.unpack_from(data)
    at, question = _HEADER.size, None
    if questions:
        name, at = read_name(data, at)
        if at + _QUESTION.size > len(data):
            raise DnsError("cut")
        question = (name, *_QUESTION.unpack_from(data, at))
        at += _QUESTION.size
    message = Message(id_, flags >> 15 == 1, flags >> 11 & 0xF, bool(flags & 0x0400), bool(flags & 0x0200), flags & 0xF, question,
                      answers)
    if answers or authorities or additionals or questions > 1:
        try:
            _read_records(message, data, at, questions - 1, authorities + additionals)
        except DnsError as error:
            message.fault = "" if cut and error.args == ("cut",) else str(error)
    return message


def _read_records(message: Message, data: bytes, at: int, questions: int, others: int) -> None:
    for _ in range(questions):
        at = skip_name(data, at) + _QUESTION.size
    texts, room, fault = [], MAX_ANSWER, None
    left_out = False
    try:
        for i in range(message.answers + others):
            at = skip_name(data, at)
            if at + _RECORD.size > len(data):
                raise DnsError("cut")
            number, class_, ttl, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            if at + length > len(data):
                raise DnsError("cut")
            if i < message.answers:
                ttl = 0 if ttl >> 31 else ttl  # RFC 2181 section 8
                message.ttl = ttl if message.ttl is None else min(message.ttl, ttl)
                if room > 0:
                    text = ""
                    try:
                        text = record_text(data, number, class_, at, length)
                        texts.append(text)
                    except DnsError as error:  # the next record can be read all the same
                        fault = fault or error
                    room -= max(len(text) + len(BETWEEN), _LEAST)
                else:
                    left_out = True
            elif number == _OPT:  # RFC 6891 section 6.1.3
                message.rcode = message.rcode & 0xF | (ttl >> 24) << 4
            at += length
        if fault:
            raise fault
    finally:
        message.answer = shortened(BETWEEN.join([*texts, "…"] if left_out else texts), MAX_ANSWER)


def shortened(text: str, characters: int) -> str:
    """At most so many characters."""
    return text if len(text) <= characters else text[: characters - 1] + "…"
