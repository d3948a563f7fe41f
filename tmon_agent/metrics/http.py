"""The little of HTTP/1.1 (RFC 9112) that metrics need: the head of one request, one response, the connection is closed.

An engine: octets in, octets out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

MAX_HEAD_OCTETS = 8192
HEAD_END = b"\r\n\r\n"
PLAIN = "text/plain; charset=utf-8"

_REQUEST_LINE = re.compile(rb"([!-~]{1,32}) ([!-~]{1,2048}) HTTP/1\.[0-9]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([ -~\t\x80-\xff]*?)[ \t]*")


@dataclass(frozen=True)
class Request:
    """path: without the query; fields: of the header, by name in lower case."""

    method: str
    path: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    status: HTTPStatus
    body: bytes
    type: str = PLAIN
    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def text(cls, status: HTTPStatus, text: str, **fields: str) -> Response:
        return cls(status, f"{text}\n".encode(), fields=tuple(fields.items()))


def parse(head: bytes) -> Request | None:
    """Of a head with its empty line; None if it is no request."""
    first, *lines = head.removesuffix(HEAD_END).split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if not (found and all(fields)):
        return None
    method, target = (part.decode() for part in found.groups())
    return Request(method, target.partition("?")[0], {f[1].decode().lower(): f[2].decode("latin-1") for f in fields})


def written(response: Response) -> bytes:
    """As it goes to the wire."""
    fields = (("Content-Type", response.type), ("Content-Length", str(len(response.body))), ("Connection", "close"),
              *response.fields)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {response.status.value} {response.status.phrase}\r\n{head}\r\n".encode() + response.body
