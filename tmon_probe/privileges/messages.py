"""What is asked of the keeper and what it answers: JSON, one object a message. No socket here."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from tmon_probe.father.capture.afpacket.if_packet import SOCK_FILTER

if TYPE_CHECKING:
    from tmon_probe.father.capture.bpf_loopback import Program

SOCKET, FILTER = "socket", "filter"
OFFLOADS_OFF, RESTORE_OFFLOADS, HARDWARE_TIMESTAMPS = "offloads off", "restore offloads", "hardware timestamps"
REQUESTS = (SOCKET, FILTER, OFFLOADS_OFF, RESTORE_OFFLOADS, HARDWARE_TIMESTAMPS)
MAX_MESSAGE_OCTETS = 65536
MAX_DEVICE_CHARACTERS = 64
"""Longer than any name of a device: who uses it says what is wrong with it."""
MAX_FILTER_CHARACTERS = 16384
_LARGEST = 1 << 31


@dataclass(frozen=True)
class Request:
    """what: one of REQUESTS; device: which it is about, "" for none. Of a filter: the interface's name, its expression and snap
    length."""

    what: str
    device: str = ""
    name: str = ""
    bpf: str = ""
    snaplen: int = 0


def pack(message: Request | dict) -> bytes:
    return json.dumps(asdict(message) if isinstance(message, Request) else message).encode()


def parse_request(octets: bytes) -> Request | None:
    """None if it is none."""
    told = parse_answer(octets)
    texts = [(told.get(name), most) for name, most in (
        ("device", MAX_DEVICE_CHARACTERS), ("name", MAX_FILTER_CHARACTERS), ("bpf", MAX_FILTER_CHARACTERS))]
    snaplen = told.get("snaplen")
    if told.get("what") not in REQUESTS or type(snaplen) is not int or not 0 <= snaplen < _LARGEST:
        return None
    if not all(isinstance(text, str) and len(text) <= most and "\0" not in text for text, most in texts):
        return None
    return Request(told["what"], *(text for text, _ in texts), snaplen)


def pack_program(program: Program | None) -> str | None:
    """Short enough for a message, however long the kernel lets it be."""
    return program and base64.b64encode(b"".join(SOCK_FILTER.pack(*instruction) for instruction in program)).decode()


def parse_program(text: str | None) -> Program | None:
    return text and tuple(SOCK_FILTER.iter_unpack(base64.b64decode(text)))


def parse_answer(octets: bytes) -> dict:
    """Empty if it is none."""
    try:
        told = json.loads(octets)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
