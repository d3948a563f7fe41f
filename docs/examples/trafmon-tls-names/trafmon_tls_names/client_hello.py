"""The ClientHello of TLS (RFC 8446 section 4.1.2), as far as one segment carries it. Every length is checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass

HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, ALPN = 0, 16  # extensions
MAX_NAME = 255
_RECORD_HEADER, _HELLO_HEADER, _VERSION_AND_RANDOM = 5, 4, 34


class _CutError(Exception):
    """The octets end before the message does."""


@dataclass
class ClientHello:
    """complete: nothing of it is missing."""

    server_name: str | None = None
    protocol_name: str | None = None
    complete: bool = False


def read_client_hello(octets: bytes) -> ClientHello | None:
    """From the TLS record on. None if it is no ClientHello."""
    if len(octets) < _RECORD_HEADER + _HELLO_HEADER or octets[0] != HANDSHAKE or octets[1] != 3 or octets[5] != CLIENT_HELLO:
        return None
    hello = ClientHello()
    reader = _Reader(octets, _RECORD_HEADER + _HELLO_HEADER)
    try:
        reader.take(_VERSION_AND_RANDOM)
        reader.take_vector(1)  # session id
        reader.take_vector(2)  # cipher suites
        reader.take_vector(1)  # compression methods
        end = reader.number(2) + reader.at if reader.left else reader.at  # extensions may be left out
        while reader.at < end:
            extension = reader.number(2)
            _read_extension(hello, extension, reader.take_vector(2))
        hello.complete = True
    except _CutError:
        pass
    return hello


def _read_extension(hello: ClientHello, extension: int, data: bytes) -> None:
    reader = _Reader(data, 2)  # length of the list: the first entry is wanted
    try:
        if extension == SERVER_NAME and reader.number(1) == 0:
            hello.server_name = _text(reader.take_vector(2))
        elif extension == ALPN:
            hello.protocol_name = _text(reader.take_vector(1))
    except _CutError:
        pass  # an extension that lies about its lengths tells nothing


def _text(octets: bytes) -> str:
    return octets[:MAX_NAME].decode("ascii", "backslashreplace")


class _Reader:
    def __init__(self, octets: bytes, at: int) -> None:
        self._octets, self.at = octets, at

    @property
    def left(self) -> int:
        return len(self._octets) - self.at

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise _CutError
        self.at += length
        return self._octets[self.at - length : self.at]

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def take_vector(self, octets: int) -> bytes:
        """What follows a length of so many octets."""
        return self.take(self.number(octets))
