"""What is asked of the keeper and what it answers: JSON, one object a message. No socket here."""

from __future__ import annotations

import json
from dataclasses import dataclass

SOCKET, OFFLOADS_OFF, RESTORE_OFFLOADS, HARDWARE_TIMESTAMPS = "socket", "offloads off", "restore offloads", "hardware timestamps"
REQUESTS = (SOCKET, OFFLOADS_OFF, RESTORE_OFFLOADS, HARDWARE_TIMESTAMPS)
MAX_MESSAGE_OCTETS = 65536
MAX_DEVICE_CHARACTERS = 64
"""Longer than any name of a device: who uses it says what is wrong with it."""


@dataclass(frozen=True)
class Request:
    """what: one of REQUESTS; device: which it is about, "" for none."""

    what: str
    device: str = ""


def pack(message: Request | dict) -> bytes:
    told = {"what": message.what, "device": message.device} if isinstance(message, Request) else message
    return json.dumps(told).encode()


def parse_request(octets: bytes) -> Request | None:
    """None if it is none."""
    told = parse_answer(octets)
    what, device = told.get("what"), told.get("device")
    if what not in REQUESTS or not isinstance(device, str) or len(device) > MAX_DEVICE_CHARACTERS or "\0" in device:
        return None
    return Request(what, device)


def parse_answer(octets: bytes) -> dict:
    """Empty if it is none."""
    try:
        told = json.loads(octets)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
