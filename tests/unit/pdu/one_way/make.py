"""Observations for the tests of their code."""

from __future__ import annotations

import numpy as np

from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.pdu.one_way import Form

START = 1_700_000_000 * 10**9
US, MS, SECOND = 1000, 10**6, 10**9
FORM = Form("links", 3, US, sizes=True)


def row(flow=1, point=1, signature=0, time=START, octets=ABSENT, last=ABSENT, extras=()):
    return [flow, point, signature, time, octets, last, *extras, *[ABSENT] * (4 - len(extras))]


def matrix(rows) -> np.ndarray:
    return np.array(rows, np.int64).reshape(len(rows), ONE_WAY_OBSERVATION.words)


def traffic(n: int, flows: int = 1, rate: float = 1000.0, seed: int = 1, octets=(40, 1500)) -> np.ndarray:
    """n packets of so many flows, each sending at random (Poisson) at that rate, in order of time; sizes at random."""
    random = np.random.default_rng(seed)
    words = np.full((n, ONE_WAY_OBSERVATION.words), ABSENT, np.int64)
    words[:, 0] = random.integers(1, flows + 1, n)
    words[:, 1] = 1
    words[:, 2] = random.integers(0, 1 << 32, n)
    words[:, 3] = START + np.cumsum(random.exponential(SECOND / rate / flows, n)).astype(np.int64)
    words[:, 4] = random.choice(octets, n)
    return words


def told(words: np.ndarray, form: Form) -> list[list[int]]:
    """What becomes of rows on their way, slowly: by flow, point and time, no order among equal ones."""
    rows = []
    for flow, point, signature, time, octets, *optional in words.tolist():
        times = [t if t == ABSENT else t // form.resolution_ns * form.resolution_ns for t in (time, *optional)]
        rows.append([flow, point, signature % 256**form.signature_octets, times[0], octets if form.sizes else ABSENT, *times[1:]])
    return sorted(rows)
