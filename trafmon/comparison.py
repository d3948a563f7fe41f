"""Captures compared before they are measured (--align), or afterwards, where packets of one were not found in the other."""

from __future__ import annotations

import argparse
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmon_probe.father.capture.sample import Sample


class Comparison:
    """Of the captures of `trafmon one-way`. They are read when it is needed, once."""

    def __init__(self, options: argparse.Namespace) -> None:
        from tmon_common.config.quantities import parse_duration

        self._options, self._captures = options, options.captures
        self._window_ns = parse_duration(options.max_transit)
        self._aligned = False

    @cached_property
    def _samples(self) -> list[Sample]:
        from tmon_probe.father.capture.sample import sample

        return [sample(c, self._options.filter) for c in self._captures]

    def align(self) -> tuple[int, ...]:
        """By how much (ns) each clock is ahead of the first one's, in round numbers; told. CaptureError, OSError."""
        from tmon_common.config.quantities import format_duration
        from trafmon.likeness import clocks_ahead

        self._aligned = True
        ahead = clocks_ahead(self._samples, self._window_ns)
        for capture, ns in zip(self._captures, ahead, strict=True):
            if ns is None:
                print(f"trafmon one-way: {capture} has no packets in common with the others; its clock stays", file=sys.stderr)
            elif ns:
                print(f"trafmon one-way: the times of {capture} are taken {format_duration(abs(ns))} "
                      f"{'earlier' if ns > 0 else 'later'}", file=sys.stderr)
        return tuple(ns or 0 for ns in ahead)

    def advice(self) -> list[str]:
        """Why packets are not recognised; nothing where that cannot be found out."""
        from tmon_common.config.one_way import MAX_HASHED_OCTETS
        from tmon_probe.father.capture.batch import CaptureError
        from trafmon.likeness import advice

        if self._options.tunnel != "outer" or not all(map(os.path.isfile, self._captures)):
            return []
        octets = MAX_HASHED_OCTETS if self._options.octets is None else self._options.octets
        try:
            return advice([str(c) for c in self._captures], self._samples, self._window_ns, nat=self._options.nat,
                          datagrams=self._options.per == "datagram", octets=octets, aligned=self._aligned)
        except (CaptureError, OSError):  # cannot be read any more
            return []
