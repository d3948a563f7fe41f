"""What a collector makes of the one-way PDUs of a publisher, and what it must be able to tell: slow and obvious."""

from __future__ import annotations

import numpy as np

from tests.unit.publish.playbook import WALL_NS
from tmon_common.observations import ABSENT, ONE_WAY_GAP, ONE_WAY_OBSERVATION
from tmon_common.pdu.codec import Decoder
from tmon_common.pdu.contents import OBSERVATIONS_OCTETS, parse_observations
from tmon_common.pdu.header import OBSERVATIONS
from tmon_common.pdu.one_way import Form, OneWayRows, decode
from tmon_common.pdu.packing import unpacked

FORM = Form("links", 4, 1, sizes=False)


def observations(first: int, n: int, time_ns: int, watermark_ns: int = ABSENT, *, form: Form = FORM, step_ns: int = 1000,
                 ended: bool = False) -> OneWayRows:
    """n packets with the signatures first, first + 1, ... of three flows, the first one at time_ns."""
    words = np.full((n, ONE_WAY_OBSERVATION.words), ABSENT, np.int64)
    words[:, 2] = np.arange(first, first + n)
    words[:, 0] = words[:, 2] * 7 % 3 + 1
    words[:, 1] = 1
    words[:, 3] = WALL_NS + time_ns + step_ns * np.arange(n)
    return OneWayRows.of(form, words, watermark_ns if watermark_ns == ABSENT else WALL_NS + watermark_ns, ended=ended)


class Told:
    """Everything acknowledged to a publisher: blocks by (class, number), and numbers declared as given up."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[str, int], object] = {}
        self.declared: set[tuple[str, int]] = set()
        self.gaps: list[tuple[str, int, int]] = []  # class, first and last time without WALL_NS
        self.observations_declared = 0

    def take(self, pdu_type: int, content: bytes) -> None:
        header = parse_observations(content)
        if header.kind == ONE_WAY_OBSERVATION.number:
            assert pdu_type == OBSERVATIONS
            block = decode(content, OBSERVATIONS_OCTETS, len(content), header.rows)
            key = block.form.flow_class, block.sequence
            assert key not in self.blocks, "one number for two PDUs"
            self.blocks[key] = block
        elif header.kind == ONE_WAY_GAP.number:
            payload = unpacked(pdu_type, content[OBSERVATIONS_OCTETS:])
            out = np.zeros((header.rows, ONE_WAY_GAP.words), np.int64)
            strings = Decoder(ONE_WAY_GAP).decode_into(payload, 0, len(payload), header, out, 0)
            for name, sequence, first, last, count, pdus in out.tolist():
                if count:
                    self.gaps.append((strings[name], first - WALL_NS, last - WALL_NS))
                self.declared |= {(strings[name], n) for n in range(sequence, sequence + pdus)}
                self.observations_declared += count

    def seen(self, flow_class: str = "links") -> set[int]:
        """Signatures received."""
        return {s for (c, _), block in self.blocks.items() if c == flow_class for s in block.words[:, 2].tolist()}

    def reached(self, flow_class: str = "links") -> tuple[int, int]:
        """(numbers without a hole from 0 on, largest watermark among them, without WALL_NS)."""
        n, watermark = 0, ABSENT
        while (flow_class, n) in self.blocks or (flow_class, n) in self.declared:
            if (flow_class, n) in self.blocks:
                watermark = max(watermark, self.blocks[flow_class, n].watermark_ns)
            n += 1
        return n, watermark if watermark == ABSENT else watermark - WALL_NS
