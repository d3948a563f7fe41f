"""Keys for tests, and sessions made with them."""

from __future__ import annotations

from pathlib import Path

from tmon_collector.sessions import Sessions
from tmon_common.pdu.key_file import write_keys
from tmon_common.pdu.keys import Key
from tmon_common.pdu.session import ProbeSession

KEY = Key(bytes(range(32)), "2026-01-01T00:00:00Z")
RUN = 1_700_000_000_000 << 16 | 7
COLLECTOR = "collector"


def probe_session(probe: str = "probe", run: int = RUN, collector: str = COLLECTOR, keys=(KEY,)) -> ProbeSession:
    return ProbeSession(probe, run, collector, keys)


def collector_sessions(*probes: str, collector: str = COLLECTOR, keys=(KEY,)) -> Sessions:
    return Sessions(collector, dict.fromkeys(probes or ("probe",), keys))


def key_file(directory: Path, probe: str = "probe", keys=(KEY,)) -> Path:
    """Where a configuration in that directory looks for the key of a probe."""
    path = directory / "keys" / f"{probe}.key"
    write_keys(path, keys)
    return path
