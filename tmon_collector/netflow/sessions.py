"""Exporters and their observation domains: names, templates, sequence numbers, sampling, uptime."""

from __future__ import annotations

from collections.abc import Mapping

from tmon_collector.netflow.sampling import Sampling
from tmon_collector.netflow.sequence import Sequence
from tmon_collector.netflow.templates import Template

MAX_EXPORTERS = 1024
MAX_SESSIONS = 4096
MAX_TEMPLATES = 1024
"""Of one session."""
TEMPLATE_LIFETIME_NS = 3 * 1800 * 1_000_000_000
"""A template that has not come for so long is forgotten: three times the usual interval of sending (RFC 6728 section 4.4.2)."""
RESTART_MS = 60_000
"""An uptime that falls by more than this, and not at its wrap, tells that the exporter started anew."""
_WRAP_MS = 1 << 32


class Exporters:
    """Numbers for exporters, by their address as text. names: what to call some of them; listed_only: nobody else is heard."""

    def __init__(self, names: Mapping[str, str] | None = None, *, listed_only: bool = False) -> None:
        self._given, self._listed_only = dict(names or {}), listed_only
        self._numbers: dict[str, int] = {}
        self.names: list[str] = []

    def number(self, address: str) -> int | None:
        """None: it is not listed, or there are too many."""
        known = self._numbers.get(address)
        if known is not None:
            return known
        if len(self.names) >= MAX_EXPORTERS or (self._listed_only and address not in self._given):
            return None
        name = self._given.get(address, address)
        if name in self.names:  # several addresses of one exporter
            number = self.names.index(name)
        else:
            number = len(self.names)
            self.names.append(name)
        self._numbers[address] = number
        return number


class Session:
    """An observation domain of an exporter, by one version of the protocol."""

    def __init__(self, name: str, version: int, exporter: int) -> None:
        self.name, self.version, self.exporter = name, version, exporter
        self.templates: dict[int, Template] = {}
        self.sequence, self.sampling = Sequence(), Sampling()
        self.init_ms: int | None = None  # when it started, as options of IPFIX tell
        self.heard_ns = 0
        self._uptime_ms: int | None = None

    def ran_for(self, uptime_ms: int) -> bool:
        """Takes the uptime of a datagram. False: the exporter has started anew since the last one."""
        before, self._uptime_ms = self._uptime_ms, uptime_ms
        return before is None or not RESTART_MS < before - uptime_ms < _WRAP_MS - RESTART_MS * 60

    def forget(self) -> None:
        """What was known counts no longer: the exporter has started anew."""
        self.templates.clear()
        self.sequence, self.sampling = Sequence(), Sampling()

    def take_template(self, number: int, template: Template | None, now_ns: int) -> bool:
        """A template came; None: it is withdrawn. One that says what the known one says changes nothing. False: no room."""
        known = self.templates.get(number)
        if template is None:
            self.templates.pop(number, None)
        elif known is not None and known.same_layout(template):
            known.heard_ns = now_ns
        else:
            if known is None and len(self.templates) >= MAX_TEMPLATES and not self.expire(now_ns):
                return False
            template.heard_ns = now_ns
            self.templates[number] = template
        return True

    def template(self, number: int, now_ns: int) -> Template | None:
        """None: not known, or not heard for too long."""
        found = self.templates.get(number)
        if found is not None and now_ns - found.heard_ns > TEMPLATE_LIFETIME_NS:
            del self.templates[number]
            return None
        return found

    def expire(self, now_ns: int) -> int:
        """Forgets the templates that have not come for too long; gives how many."""
        old = [n for n, t in self.templates.items() if now_ns - t.heard_ns > TEMPLATE_LIFETIME_NS]
        for number in old:
            del self.templates[number]
        return len(old)


class Sessions:
    """All of them, by (address, version, domain): at most MAX_SESSIONS; the one that was silent longest makes room."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, int, int], Session] = {}

    def get(self, address: str, version: int, domain: int, exporter: int, now_ns: int) -> Session:
        key = (address, version, domain)
        session = self._sessions.get(key)
        if session is None:
            if len(self._sessions) >= MAX_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda k: self._sessions[k].heard_ns)]
            session = self._sessions[key] = Session(f"{address} domain {domain}", version, exporter)
        session.heard_ns = now_ns
        return session

    def __iter__(self):
        return iter(self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)
