"""How many packets each sampled one stands for: what the exporter tells, else what the operator says."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.layout import Layout

MAX_SAMPLERS = 256
"""Of one observation domain."""
MAX_RATE = 1 << 24


class Sampling:
    """Rates of one observation domain, from options records: of samplers by their number, and of the domain as a whole."""

    def __init__(self) -> None:
        self.whole = 0  # 0: not told
        self.samplers: dict[int, int] = {}

    def learn(self, options: Layout) -> bool:
        """Takes what options records tell. True: something is new."""
        told = told_rates(options)
        if told is None:
            return False
        before = self.whole, dict(self.samplers)
        key = _sampler_of(options)
        numbers = options.numbers(key).tolist() if key else [None] * options.rows
        for number, rate in zip(numbers, told.tolist(), strict=True):
            if not 0 < rate <= MAX_RATE:
                continue
            if number is None:
                self.whole = rate
            elif number in self.samplers or len(self.samplers) < MAX_SAMPLERS:
                self.samplers[number] = rate
        return before != (self.whole, self.samplers)

    @property
    def highest(self) -> int:
        """Of all rates that are told, at least 1."""
        return max(self.whole, *self.samplers.values(), 1)

    def rates(self, flows: Layout, otherwise: int) -> np.ndarray:
        """int64 (n,), at least 1: of each flow record its own rate, else its sampler's, else the domain's, else that of the only
        sampler, else `otherwise`."""
        rate = self.whole or (next(iter(self.samplers.values())) if len(self.samplers) == 1 else 0) or otherwise
        rates = np.full(flows.rows, rate, np.int64)
        key = _sampler_of(flows)
        if key and self.samplers:
            numbers = flows.numbers(key)
            for number in np.unique(numbers).tolist():
                if number in self.samplers:
                    rates[numbers == number] = self.samplers[number]
        own = told_rates(flows)
        if own is not None:
            rates = np.where((own > 0) & (own <= MAX_RATE), own, rates)
        return rates


def told_rates(layout: Layout) -> np.ndarray | None:
    """int64 (n,) of what the records themselves tell, to the nearest whole number, 0: nothing; None: they have no such field."""
    if "sampled_packets" in layout and "sampled_space" in layout:  # RFC 5477 sections 8.2.2, 8.2.3: so many of each so many
        return _quotient(layout.numbers("sampled_packets") + layout.numbers("sampled_space"), layout.numbers("sampled_packets"))
    if "sampling_size" in layout and "sampling_population" in layout:  # RFC 5477 sections 8.2.6, 8.2.7
        return _quotient(layout.numbers("sampling_population"), layout.numbers("sampling_size"))
    for name in ("sampling_interval", "sampler_interval"):
        if name in layout:
            return np.minimum(layout.numbers(name), MAX_RATE + 1).astype(np.int64)
    return None


def _sampler_of(layout: Layout) -> str:
    return next((name for name in ("selector", "sampler") if name in layout), "")


def _quotient(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    divisor = np.maximum(part, 1)
    rates = np.minimum((whole // divisor) + ((whole % divisor) * 2 >= divisor), MAX_RATE + 1)
    return np.where(part > 0, rates, 0).astype(np.int64)
