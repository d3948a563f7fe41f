"""What a run has found, for people."""

from __future__ import annotations

from tests.soak.judge import Held
from tests.soak.ledger import BOTH
from tests.soak.play import Played

MIB = 1 << 20
_HEAD = (f"{'program':<11}{'process':<17}{'PSS MiB':>9}{'allocated':>10}{'shared':>8}{'growth KiB':>12}{'KiB/h':>9}"
         f"{'fds':>5}{'threads':>9}")


def report(played: Played) -> str:
    """Traffic, processes, what was compared, and the verdict."""
    ledger, verdict = played.ledger, played.verdict
    lines = [f"{played.seconds:.0f} s of traffic"]
    for place in BOTH:
        (packets, octets), numbers = ledger.totals(place), played.numbers[place]
        lines.append(f"{place}: {packets:,} packets, {octets:,} octets in {len(ledger.flows[place]):,} flows; the probe saw "
                     f"{numbers['packets_seen']:,}, kernel drops {numbers['kernel_drops']}, ring full {numbers['ring_full_waits']}")
    lost = sum(count for way, count in ledger.ways.items() if way.verdict == "lost")
    lines.append(f"followed: {ledger.ways.total():,}, of them lost {lost:,}; TCP connections {ledger.connections.total():,}, "
                 f"DNS queries {ledger.queries.total():,}, FTP transfers {ledger.transfers.total():,}, bursts {ledger.bursts}")
    lines += ["agents asked: " + ", ".join(f"{name} {how} {count:,}" for (name, how), count in played.watched.answered.items()), "",
              _HEAD]
    lines += [_line(held) for held in verdict.held]
    if verdict.compared:
        lines += ["", "equal: " + ", ".join(f"{count:,} {what}" for what, count in verdict.compared.items())]
    for what, complaints in (("WRONG", verdict.wrong), ("OVERLOADED, figures not compared", verdict.overloaded)):
        lines += [f"{what}:", *(f"  {complaint}" for complaint in complaints)] if complaints else []
    return "\n".join([*lines, "good" if verdict.good else "not good"])


def _line(held: Held) -> str:
    return (f"{held.program:<11}{held.role:<17}{held.pss / MIB:>9.1f}{held.allocated / MIB:>10.1f}{held.shared / MIB:>8.1f}"
            f"{held.growth / 1024:>12.0f}{held.per_hour / 1024:>9.0f}{held.descriptors:>5}{held.threads:>9}")
