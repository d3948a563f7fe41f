"""How long a PDU waits for its acknowledgement."""

from __future__ import annotations

from tmon_common.config.model import Publication as Parameters


class Timeouts:
    """timeout = timeout before * multiplier + increment, from the initial one on; it no longer grows after `max_retries`.

    largest_ns      of the last retry and all that follow
    exhausting_ns   from the first sending to the end of the last retry's wait
    """

    def __init__(self, parameters: Parameters) -> None:
        self._waits_ns = [parameters.initial_timeout_ns]
        for _ in range(parameters.max_retries):
            wait_ns = int(self._waits_ns[-1] * parameters.timeout_multiplier) + parameters.timeout_increment_ns
            self._waits_ns.append(min(wait_ns, LONGEST_NS))
        self.largest_ns = self._waits_ns[-1]
        self.exhausting_ns = sum(self._waits_ns)

    def of(self, retries: int) -> int:
        """Wait after the sending that follows so many others (0: the first sending)."""
        return self._waits_ns[min(retries, len(self._waits_ns) - 1)]


LONGEST_NS = 86_400_000_000_000
"""A day: with a large multiplier the waits would soon be longer than any link is down."""
