"""What capture files say of themselves: pcap file headers, pcapng section headers and interface descriptions."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.linktypes import SUPPORTED, describe
from tmon_probe.father.capture.window import Window

PCAP_MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # ns of a unit of the sub-second field
PCAP_HEADER_OCTETS = 24
PCAPNG_SECTION = 0x0A0D0D0A
PCAPNG_INTERFACE = 1
MAX_INTERFACES = 256
MAX_FRAME_OCTETS = 1 << 18
"""Largest captured length that is believed (libpcap's own MAXIMUM_SNAPLEN is 262,144)."""
OTHER_FORMATS = {
    b"snoop\x00\x00\x00": "a Solaris snoop file",
    b"TRSNIFF": "a Network General Sniffer file",
    b"RTSS": "a Microsoft Network Monitor file",
    b"GMBU": "a Microsoft Network Monitor file",
    b"\x34\xcd\xb2\xa1": "a modified (Kuznetzov) pcap file",
    b"\xa1\xb2\xcd\x34": "a modified (Kuznetzov) pcap file",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it with `unzstd`",
    b"\xfd7zXZ": "compressed with xz; unpack it with `unxz`",
    b"BZh": "compressed with bzip2; unpack it with `bunzip2`",
    b"PK\x03\x04": "a zip archive",
}


@dataclass
class PcapFormat:
    """big: byte order; tick_ns: ns of a unit of the sub-second field."""

    big: bool
    tick_ns: int
    link_types: list[int]


@dataclass
class PcapngFormat:
    """Of the current section: big: byte order; clocks as `walk.walk_pcapng` takes them; link_types per interface."""

    big: bool = False
    link_types: list[int] = field(default_factory=list)
    _clocks: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def clocks(self) -> np.ndarray:
        """int64 (interfaces, 4)."""
        return np.array(self._clocks, np.int64).reshape(-1, 4)

    def block_octets(self, window: Window) -> int:
        """Total length of the block at the window's start."""
        return struct.unpack(">I" if self.big else "<I", bytes(window.data[window.start + 4 : window.start + 8]))[0]

    def read_block(self, window: Window) -> bool:
        """Take in the section header or interface description at the window's start and step over it.

        False when it is not whole in the window. CaptureError if it cannot be.
        """
        data = bytes(window.data[window.start : min(window.start + 32, window.end)])
        if len(data) < 12:
            return False
        section = data[:4] == b"\x0a\x0d\x0d\x0a"
        if section:
            order = {b"\x1a\x2b\x3c\x4d": True, b"\x4d\x3c\x2b\x1a": False}.get(data[8:12])
            if order is None:
                raise _corrupt(window, "section header without byte-order magic")
            self.big = order
        length = struct.unpack_from(">I" if self.big else "<I", data, 4)[0]
        if length < 20 or length % 4 or length > len(window.data):
            raise _corrupt(window, f"block of {length} octets")
        if window.start + length > window.end:
            return False
        block = bytes(window.data[window.start : window.start + length])
        if block[-4:] != block[4:8]:
            raise _corrupt(window, "the lengths before and after a block differ")
        if section:
            self.link_types, self._clocks = [], []
        else:
            self._add_interface(block, window)
        window.start += length
        return True

    def _add_interface(self, block: bytes, window: Window) -> None:
        """Interface Description Block, draft-ietf-opsawg-pcapng-02 section 4.2."""
        if len(self.link_types) >= MAX_INTERFACES:
            raise _corrupt(window, f"more than {MAX_INTERFACES} interfaces in a section")
        order = ">" if self.big else "<"
        link_type, _, snap = struct.unpack_from(order + "HHI", block, 8)
        per_second, shift, offset_ns = 1_000_000, 0, 0
        at, end = 16, len(block) - 4
        while at + 4 <= end:
            code, size = struct.unpack_from(order + "HH", block, at)
            value = block[at + 4 : min(at + 4 + size, end)]
            if code == 0:
                break
            if code == 9 and len(value) == 1:  # if_tsresol
                power = value[0] & 0x7F
                binary = bool(value[0] & 0x80)
                if power > (62 if binary else 18):
                    raise _corrupt(window, f"time stamp resolution {value[0]}")
                per_second, shift = (0, power) if binary else (10**power, 0)
            elif code == 14 and len(value) == 8:  # if_tsoffset
                offset_ns = struct.unpack(order + "q", value)[0]
                if abs(offset_ns) > 2**33:
                    raise _corrupt(window, f"time stamp offset {offset_ns} s")
                offset_ns *= 1_000_000_000
            at += 4 + (size + 3) // 4 * 4
        self.link_types.append(link_type)
        self._clocks.append((per_second, shift, offset_ns, min(snap, MAX_FRAME_OCTETS)))


def open_window(path: Path) -> Window:
    """CaptureError if the file cannot be opened or read."""
    try:
        return Window(path)
    except FileNotFoundError:
        raise CaptureError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise CaptureError(f"{path}: a directory, not a capture file") from None
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read: {error.strerror}") from None


def check_capture(window: Window) -> None:
    """CaptureError if the file is no capture that can be measured. Leaves the window at its start."""
    shape = recognise(window)
    window.start = 0
    if isinstance(shape, PcapFormat) and not set(shape.link_types) & SUPPORTED.keys():
        raise CaptureError(f"{window.path}: link type {describe(set(shape.link_types))} is not supported; "
                           f"supported are {describe(set(SUPPORTED))}")


def first_link_types(window: Window) -> list[int]:
    """Link types that the start of a file declares (of a pcapng file more may follow later). Leaves the window at its start."""
    shape = recognise(window)
    if isinstance(shape, PcapngFormat):
        try:
            while _is_declaration(window, shape.big) and shape.read_block(window):
                pass
        except CaptureError:  # whoever walks through the file will come to it
            pass
    window.start = 0
    return shape.link_types


def recognise(window: Window) -> PcapFormat | PcapngFormat:
    """The format of a file from its first octets; steps over a pcap file header. CaptureError names file and reason."""
    path: Path = window.path
    start = bytes(window.data[: min(window.end, PCAP_HEADER_OCTETS)])
    if not start and window.damage:
        raise CaptureError(f"{path}: {window.damage}")
    if not start:
        raise CaptureError(f"{path}: the file is empty (0 octets); expected a pcap or pcapng capture")
    if start[:4] == PCAPNG_SECTION.to_bytes(4, "big"):
        return PcapngFormat()
    for order in "><":
        if len(start) < 4:
            break
        tick_ns = PCAP_MAGICS.get(struct.unpack_from(order + "I", start)[0])
        if tick_ns is None:
            continue
        if len(start) < PCAP_HEADER_OCTETS:
            raise CaptureError(f"{path}: cut within the pcap file header ({len(start)} of {PCAP_HEADER_OCTETS} octets)")
        window.start = PCAP_HEADER_OCTETS
        link_type = struct.unpack_from(order + "I", start, 20)[0] & 0xFFFF
        return PcapFormat(order == ">", tick_ns, [link_type])
    for magic, name in OTHER_FORMATS.items():
        if start.startswith(magic):
            raise CaptureError(f"{path}: this is {name}, not a pcap or pcapng capture")
    raise CaptureError(f"{path}: not a pcap or pcapng capture (it starts with {start[:4].hex(' ')})")


def _is_declaration(window: Window, big: bool) -> bool:
    block = bytes(window.data[window.start : min(window.start + 4, window.end)])
    return int.from_bytes(block, "big" if big else "little") == PCAPNG_INTERFACE or block == b"\x0a\x0d\x0d\x0a"


def _corrupt(window: Window, what: str) -> CaptureError:
    return CaptureError(f"{window.path}: damaged at octet {window.offset + window.start}: {what}")
