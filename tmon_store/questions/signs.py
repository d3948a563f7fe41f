"""Signs of errors in the counters, each declared once: what is counted, and of what it is a part."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """name: as in answers; text: for people; kind: counted kind; counted: its columns, added up; of: column they are a part of.

    sampled     columns of the kind are samples: the database has them as <name>_sum
    both        the kind has them for both directions
    """

    name: str
    text: str
    kind: str
    counted: tuple[str, ...]
    of: tuple[str, ...]
    sampled: bool = True
    both: bool = True

    def columns(self, names: tuple[str, ...]) -> list[str]:
        """What the database calls them."""
        ways = ("", "_rev") if self.both else ("",)
        return [f"{name}{way}{'_sum' if self.sampled else ''}" for name in names for way in ways]


def _icmp(name: str, text: str) -> Sign:
    return Sign(f"icmp_{name}", f"ICMP {text}", "icmp_counters", (name,), ("messages",))


def _one_way(name: str, text: str) -> Sign:
    return Sign(f"one_way_{name}", text, "one_way_counters", (name,), ("packets",), sampled=False, both=False)


def _ftp(name: str, text: str, ends: tuple[str, ...]) -> Sign:
    every = ("completed", "aborted", "refused", "failed")
    what = ("retrievals", "stores", "listings")
    return Sign(f"ftp_{name}", text, "ftp_counters", tuple(f"{w}_{e}" for w in what for e in ends),
                tuple(f"{w}_{e}" for w in what for e in every), both=False)


FRAGMENTS = Sign("fragments", "IP fragments", "ip_counters", ("fragments",), ("packets",))
"""Worth a look, but no error."""
SIGNS = (
    Sign("tcp_resets", "TCP resets", "tcp_counters", ("rst",), ("segments",)),
    Sign("tcp_zero_windows", "TCP zero windows", "tcp_counters", ("zero_windows",), ("segments",)),
    Sign("tcp_congestion_echoes", "TCP congestion echoes (ECE)", "tcp_counters", ("ece",), ("segments",)),
    _icmp("destination_unreachable", "destination unreachable"),
    _icmp("packet_too_big", "packet too big"),
    _icmp("time_exceeded", "time exceeded"),
    _icmp("parameter_problem", "parameter problem"),
    _icmp("redirect", "redirect"),
    _icmp("source_quench", "source quench"),
    Sign("unanswered", "requests without an answer", "round_trip_histogram", ("unanswered",), ("population", "unanswered"),
         sampled=False),
    Sign("error_answers", "answers with an error code", "round_trip_histogram", ("errors",), ("population",), sampled=False),
    Sign("ftp_logins_refused", "FTP logins refused", "ftp_counters", ("logins_refused",), ("logins", "logins_refused"), both=False),
    _ftp("refused", "FTP transfers refused", ("refused",)),
    _ftp("broken", "FTP transfers aborted or failed", ("aborted", "failed")),
    _one_way("lost", "packets lost"),
    _one_way("dropped", "packets dropped"),
    _one_way("missed", "packets missed at a hop"),
    _one_way("injected", "packets injected"),
    _one_way("duplicated", "packets duplicated"),
    _one_way("reordered", "packets reordered"),
)
KINDS = tuple(dict.fromkeys(sign.kind for sign in SIGNS))
