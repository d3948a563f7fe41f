"""What an observation of a packet costs on the wire: a publisher that fills its PDUs as in service, beside other encodings.

    python -m benchmarks.one_way_octets [--seconds 20] [--max-pdu 1400]

Packets leave at random (Poisson) or evenly (with 50 us of jitter), each flow at the same rate; their signatures are random. Sizes
are those of the packets of the demo's recording, in their order.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import other_encodings
from tmon_common.config.model import SECOND, Publication
from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.pdu.codec import Encoder
from tmon_common.pdu.header import new_run
from tmon_common.pdu.keys import new_key
from tmon_common.pdu.one_way import Form, OneWayPacker, OneWayRows, decode, warm_up
from tmon_common.pdu.one_way.packer import in_order
from tmon_common.pdu.session import ProbeSession
from tmon_probe.publish.publisher import Publisher

UDP_IPV4_OCTETS = 28
PORTION_NS = 100_000_000
START_NS = 1_700_000_000 * SECOND
FRAMES = Path(__file__).resolve().parent.parent / "tests/captures/demo/frames.csv.gz"


@dataclass(frozen=True)
class Traffic:
    """rate: packets a second of each flow."""

    flows: int
    rate: int
    even: bool = False


TRAFFIC = (Traffic(1, 1000), Traffic(1, 50, even=True), Traffic(1, 100), Traffic(1, 10_000), Traffic(1, 100_000), Traffic(10, 1000),
           Traffic(100, 1000), Traffic(1000, 10), Traffic(10_000, 1))
FORMS = ((3, 1000, False), (3, 1000, True), (4, 1000, False), (4, 1000, True), (4, 100, True), (4, 1_000_000, False))


def packets(traffic: Traffic, seconds: float, sizes: np.ndarray, most: int = 300_000) -> np.ndarray:
    """int64 (n, ONE_WAY_OBSERVATION.words) in order of time."""
    random = np.random.default_rng(7)
    each = max(int(min(seconds * traffic.rate, most / traffic.flows)), 1)
    if traffic.even:
        times = np.arange(each) * SECOND // traffic.rate + random.normal(0, 50_000, (traffic.flows, each)).astype(np.int64)
    else:
        times = np.cumsum(random.exponential(SECOND / traffic.rate, (traffic.flows, each)), axis=1).astype(np.int64)
    words = np.full((traffic.flows * each, ONE_WAY_OBSERVATION.words), ABSENT, np.int64)
    words[:, 0] = np.repeat(np.arange(1, traffic.flows + 1), each)
    words[:, 1] = 1
    words[:, 2] = random.integers(0, 1 << 32, len(words))
    words[:, 3] = START_NS + times.ravel()
    words[:, 4] = np.resize(sizes, len(words))
    return words[np.argsort(words[:, 3], kind="stable")]


def recorded_sizes() -> np.ndarray:
    """IP octets of the demo's packets, as its generator noted them."""
    with gzip.open(FRAMES, "rt") as lines:
        return np.array([int(line["octets"]) for line in csv.DictReader(lines)], np.int64)


def published(words: np.ndarray, form: Form, max_pdu: int) -> tuple[int, int, int]:
    """(PDUs, payload octets, octets with everything: IP, UDP, header, seal) of a publisher with a `max_build` of 5 s."""
    parameters = Publication("collector", "127.0.0.1", 9, max_pdu_octets=max_pdu, min_gap_ns=0, window=1 << 16, heartbeat_ns=0,
                             initial_timeout_ns=10**15, final_timeout_ns=10**18, queue_octets=1 << 34)
    session = ProbeSession("probe", new_run(0), "collector", (new_key(""),))
    publisher = Publisher(parameters, session)
    publisher._window._size = float(1 << 16)  # nobody acknowledges here
    pdus = octets = 0
    for portion in _portions(words):
        now_ns = int(portion[-1, 3]) - START_NS
        publisher.add(OneWayRows.of(form, portion, int(portion[-1, 3])), now_ns)
        while datagrams := publisher.datagrams_to_send(now_ns, 0):
            pdus += len(datagrams)
            octets += sum(map(len, datagrams))
    publisher.flush(now_ns)
    while datagrams := publisher.datagrams_to_send(now_ns, 0):
        pdus += len(datagrams)
        octets += sum(map(len, datagrams))
    held = sum(len(h.payload) for h in publisher._holdings)
    return pdus, held, octets + UDP_IPV4_OCTETS * pdus


def _portions(words: np.ndarray) -> Iterator[np.ndarray]:
    cuts = np.flatnonzero(np.diff(words[:, 3] // PORTION_NS)) + 1
    yield from np.split(words, cuts)


def others(words: np.ndarray, max_pdu: int) -> dict[str, float]:
    """Octets an observation of the same rows: payload or message, without UDP, IP and seal."""
    encoder, start, octets = Encoder(ONE_WAY_OBSERVATION), 0, 0
    ordered = in_order(words)
    while start < len(ordered):
        payload = encoder.encode(ordered, start, max_pdu - 51)
        octets += len(payload.octets)
        start += payload.rows
    names = ("flow", "point", "signature", "time", "octets")
    told = np.stack([words[:, ONE_WAY_OBSERVATION.word_of(n)] for n in names], axis=1)
    text = "\n".join(",".join(map(str, r)) for r in told.tolist()).encode()
    # flowId, observationPointId, digestHashValue, a time, ipTotalLength; reduced (RFC 7011 section 6.2) as far as the values allow
    return {"as columns": octets / len(words), "IPFIX": _ipfix(len(words), 8 + 8 + 8 + 8 + 8, max_pdu),
            "IPFIX, reduced": _ipfix(len(words), 4 + 1 + 4 + 8 + 2, max_pdu), "CSV, gzip": len(gzip.compress(text)) / len(words)}


def _ipfix(rows: int, each: int, max_pdu: int) -> float:
    head = other_encodings.MESSAGE_OCTETS + other_encodings.SET_OCTETS
    return each + head / ((max_pdu - head) // each) if rows else 0.0


def speed(words: np.ndarray, form: Form) -> tuple[float, float]:
    """Observations per CPU second: (ordered and coded, decoded)."""
    warm_up()
    start = time.process_time()
    ordered, packer, row, payloads = in_order(words), OneWayPacker(form), 0, []
    while row < len(ordered):
        packed = packer.pack(ordered, row, 1349, len(payloads), ABSENT)
        payloads.append(packed.octets)
        row += packed.rows
    coded = time.process_time()
    for octets in payloads:
        decode(octets, 0, len(octets))
    return len(words) / (coded - start), len(words) / (time.process_time() - coded)


def main() -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of packet time; default 20")
    parser.add_argument("--max-pdu", type=int, default=1400, help="octets of a PDU; default 1400")
    arguments = parser.parse_args()
    sizes = recorded_sizes()
    names = [f"{8 * o} bits, {u // 1000 or 0.1:g} us{', sizes' if s else ''}" for o, u, s in FORMS]
    out = sys.stdout.write
    out("| flows | packets/s each | " + " | ".join(names) + " |\n|--:|--:|" + "--:|" * len(FORMS) + "\n")
    for traffic in TRAFFIC:
        words = packets(traffic, arguments.seconds, sizes)
        cells = []
        for octets, unit, with_sizes in FORMS:
            _, payload, whole = published(words, Form("backbone", octets, unit, with_sizes), arguments.max_pdu)
            cells.append(f"{payload / len(words):.2f} / {whole / len(words):.2f}")
        out(f"| {traffic.flows:,} | {traffic.rate:,}{' even' if traffic.even else ''} | " + " | ".join(cells) + " |\n")
    words = packets(Traffic(1, 1000), arguments.seconds, sizes)
    out("\n| other encodings, 1 flow of 1,000 packets/s | octets each |\n|---|--:|\n")
    for name, each in others(words, arguments.max_pdu).items():
        out(f"| {name} | {each:.2f} |\n")
    coded, decoded = speed(packets(Traffic(10, 1000), 30, sizes), Form("backbone", 4, 1000, sizes=True))
    out(f"\nCoded {coded / 1e6:.1f} million observations per CPU second, decoded {decoded / 1e6:.1f} million.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
