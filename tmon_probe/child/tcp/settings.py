"""What a class says of its TCP connections."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tmon_common.analyses.built_in import FTP, TCP_CONNECTION
from tmon_common.config.model import Analysis


@dataclass(frozen=True)
class Settings:
    """Times in ns, see the options of the analysis tcp_connection.

    line_rate       bit/s
    boundaries      every analysis of the class that has a mode says boundaries
    ftp_boundaries  of FTP data connections outside the class only SYN, FIN and RST come
    """

    idle_timeout_ns: int
    half_open_timeout_ns: int
    linger_ns: int
    interim_ns: int
    max_connections: int
    line_rate: int
    boundaries: bool = False
    ftp_boundaries: bool = False


def settings_of(analyses: Iterable[Analysis]) -> Settings:
    """Of a class, from the options of its analyses tcp_connection and ftp; defaults where it has none."""
    by_kind = {a.kind: a for a in analyses}
    own = by_kind.get(TCP_CONNECTION.name, Analysis(TCP_CONNECTION.name))
    modes = {d.name: d.option(by_kind[d.name], "mode") for d in (TCP_CONNECTION, FTP) if d.name in by_kind}

    def value(name: str) -> int:
        return int(TCP_CONNECTION.option(own, name))

    return Settings(value("idle_timeout"), value("half_open_timeout"), value("linger"), value("interim"), value("max_connections"),
                    value("line_rate"), bool(modes) and set(modes.values()) == {"boundaries"},
                    modes.get(FTP.name) == "boundaries")
