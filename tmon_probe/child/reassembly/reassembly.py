"""Fragments in, datagrams out: what stands before all analyses of a probe of which some want whole datagrams."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tmon_probe.child.reassembly import layout
from tmon_probe.child.reassembly.kernels import any_fragment, expire, expire_all, oldest_waiting, reassemble, splice
from tmon_probe.demand import FragmentMasks
from tmon_probe.records import PACKET

FIRST_OCTETS = 1 << 20
"""Room for the datagrams of one batch; more is made where that is not enough, for that batch alone."""
_WORDS, _NOTHING = PACKET.itemsize // 8, np.zeros(0, PACKET)
_COUNTERS = {
    "datagrams_reassembled": layout.REASSEMBLED,
    "datagrams_incomplete": layout.INCOMPLETE,
    "datagrams_unclaimed": layout.UNCLAIMED,
    "datagrams_evicted": layout.EVICTED,
    "fragments_duplicate": layout.DUPLICATE,
    "fragments_overlap": layout.OVERLAP,
    "fragments_malformed": layout.MALFORMED,
    "fragments_cut": layout.CUT,
    "fragments_not_held": layout.NOT_HELD,
}


class Reassembly:
    """Datagrams of the classes that want them whole, put together out of their fragments, in any order; of octets that come twice
    the first count. Packet time passed in; memory of a fixed size, see `layout`.

    counters()  datagrams_reassembled; datagrams_waiting: in the tables now, records of early fragments in them: fragments_held;
                datagrams_incomplete: given up after LIFETIME_NS; datagrams_unclaimed: the same where no class is known to want
                it, as the first fragment never came; datagrams_evicted, fragments_not_held: given up for want of room;
                fragments_duplicate: nothing new in them; fragments_overlap: others have in part been there, or with other octets;
                fragments_malformed: impossible ones, passed over; fragments_cut: not captured whole
    """

    alerts: Mapping[str, str] = {
        "datagrams_incomplete": "datagrams_incomplete", "fragments_overlap": "fragments_overlap",
        "datagrams_evicted": "analysis_gave_up", "fragments_not_held": "analysis_gave_up",
    }  # fmt: skip

    def __init__(self, masks: FragmentMasks, datagrams: int = layout.MAX_DATAGRAMS, pages: int = layout.MAX_PAGES,
                 held: int = layout.MAX_HELD) -> None:
        self._tables = layout.make_tables(masks, datagrams, pages, held)
        self._first_records = 2 * held + 16
        self._out = layout.make_output(self._first_records, FIRST_OCTETS)
        self._records, self._lanes = np.zeros(0, PACKET), np.zeros(0, np.int16)

    def process(self, records: np.ndarray, lanes: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """records: records.PACKET (n,); lanes: int16, areas: uint8, see FlowBatch. Returns (records, lanes, datagrams).

        Records and lanes are those given when there is nothing to insert or take out, else copies; datagrams: uint8 (1, power of
        two), where the octets of records with REASSEMBLED lie. All are valid until the next call.
        """
        if any_fragment(records):
            self._make_room_anew(len(records))
            done = reassemble(records, lanes, areas, 0, self._tables, self._out)
            while done < len(records):
                self._make_more_room()
                done = reassemble(records, lanes, areas, done, self._tables, self._out)
            if self._out.filled[layout.INSERTED] or self._out.dropped.any():
                records, lanes = self._spliced(records, lanes)
        return records, lanes, self._out.octets.reshape(1, -1)

    def expired(self, now_ns: int) -> np.ndarray:
        """Packet time has reached now_ns. Returns records.PACKET (k,): early fragments whose first one has not come, without octets
        and EARLY_FRAGMENT, in the classes that the headers of these fragments put them in."""
        if not self._due(now_ns):
            return _NOTHING
        self._make_room_anew(0)
        expire(self._tables, self._out, now_ns)
        return self._inserted()

    def waiting_since(self) -> int | None:
        """Packet time of the oldest fragment that waits for others of its datagram; None if none waits."""
        t = self._tables
        oldest = int(t.state[layout.OLDEST + layout.OPEN])
        return None if oldest < 0 else int(oldest_waiting(t.contexts, oldest, t.held, t.held_next))

    def rest(self) -> np.ndarray:
        """Nothing more comes: the same for all."""
        self._make_room_anew(0)
        expire_all(self._tables, self._out)
        return self._inserted()

    def warm_up(self, records: np.ndarray, lanes: np.ndarray, areas: np.ndarray) -> None:
        """Compile, or load from the cache, every kernel, with nothing to do: none of the records is there."""
        self.process(records, lanes, areas)
        reassemble(records, lanes, areas, 0, self._tables, self._out)
        self._spliced(records, lanes)
        expire(self._tables, self._out, 0)
        oldest_waiting(self._tables.contexts, layout.NONE, self._tables.held, self._tables.held_next)
        self.rest()

    def counters(self) -> dict[str, int]:
        t = self._tables
        return {
            **{name: int(t.state[word]) for name, word in _COUNTERS.items()},
            "datagrams_waiting": len(t.contexts) - int(t.state[layout.FREE_CONTEXTS]),
            "fragments_held": len(t.held) - int(t.state[layout.FREE_HELD]),
        }

    def _due(self, now_ns: int) -> bool:
        """Is the oldest datagram that waits, or that lingers, too old? To call a kernel with all tables costs more than to ask."""
        t = self._tables
        waits, lingers = int(t.state[layout.OLDEST + layout.OPEN]), int(t.state[layout.OLDEST + layout.DONE])
        return bool((waits >= 0 and now_ns - t.contexts["started_ns"][waits] > layout.LIFETIME_NS)
                    or (lingers >= 0 and now_ns - t.contexts["done_ns"][lingers] > layout.LINGER_NS))

    def _inserted(self) -> np.ndarray:
        return self._out.records[: self._out.filled[layout.INSERTED]].copy()

    def _make_room_anew(self, records: int) -> None:
        """For a batch of so many records; what an earlier one needed beyond the first room is given back."""
        out = self._out
        if len(out.octets) > FIRST_OCTETS:
            out = out._replace(octets=np.zeros(FIRST_OCTETS, np.uint8))
        if len(out.records) > self._first_records:
            out = out._replace(records=np.zeros(self._first_records, PACKET), after=np.zeros(self._first_records, np.int32))
        if len(out.dropped) < records:
            out = out._replace(dropped=np.zeros(records, np.uint8))
        out.filled[:] = 0
        self._out = out

    def _make_more_room(self) -> None:
        """The octets of one batch are never more than those of the pool and of the batch together."""
        out = self._out
        if out.filled[layout.OCTETS] + layout.MAX_OCTETS > len(out.octets):
            self._out = out._replace(octets=np.concatenate([out.octets, np.zeros_like(out.octets)]))
        else:
            more = len(out.records)
            self._out = out._replace(records=np.concatenate([out.records, np.zeros(more, PACKET)]),
                                     after=np.concatenate([out.after, np.zeros(more, np.int32)]))

    def _spliced(self, records: np.ndarray, lanes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out, count = self._out, int(self._out.filled[layout.INSERTED])
        if len(self._records) < len(records) + count:
            self._records = np.zeros(len(records) + count, PACKET)
            self._lanes = np.zeros(len(records) + count, np.int16)
        written = splice(_words(records), lanes, _words(out.records), out.after, out.dropped, count, _words(self._records),
                         self._lanes)
        return self._records[:written], self._lanes[:written]


def _words(records: np.ndarray) -> np.ndarray:
    return records.view(np.int64).reshape(-1, _WORDS)
