"""What the statistics say of the publication to each collector (health_names.LINK)."""

from __future__ import annotations

from collections.abc import Sequence

from tmon_probe.health import Part
from tmon_probe.publish.publisher import Publisher


def put_link_figures(parts: Sequence[Part], publishers: Sequence[Publisher]) -> None:
    """parts: of the block, one for each publisher."""
    for part, publisher in zip(parts, publishers, strict=True):
        counted = publisher.statistics
        part.set(pdus_sent=counted.pdus_sent, pdus_retried=counted.retries, pdus_acknowledged=counted.acked,
                 pdus_refused=counted.refused, pdus_waiting=publisher.waiting, rows_given_up=publisher.losses.total,
                 octets_sent=counted.octets_sent, backlog_octets=publisher.backlog_octets, long_retry=int(publisher.broken),
                 heartbeats=counted.heartbeats)
