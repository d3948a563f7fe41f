"""Key files of all probes that send to a collector."""

from __future__ import annotations

import logging

from tmon_collector.sessions import Sessions
from tmon_common.config.model import Configuration
from tmon_common.pdu.key_file import KeyFileError, read_keys
from tmon_common.pdu.key_watch import KeyWatch
from tmon_common.pdu.keys import Keys

logger = logging.getLogger(__name__)


class KeyStore:
    """sessions: with the keys of every declared probe; missing: probes that send here, and whose key file cannot be used.

    A key file that cannot be used keeps nobody but its probe out, and is looked at again.
    """

    def __init__(self, configuration: Configuration, collector: str, now_ns: int) -> None:
        keys: dict[str, Keys | None] = {}
        self.missing: set[str] = set()
        self._watches: dict[str, KeyWatch] = {}
        for probe in configuration.probes:
            if probe.seal == "crc":
                keys[probe.name] = None
                continue
            self._watches[probe.name] = KeyWatch(probe.key, now_ns)
            try:
                keys[probe.name] = read_keys(probe.key)
            except KeyFileError as error:
                keys[probe.name] = ()
                if any(p.collector == collector for p in probe.publications):
                    self.missing.add(probe.name)
                    logger.error("probe %s: %s. What it sends is not taken", probe.name, error)
        self.sessions = Sessions(collector, keys)

    def look(self, now_ns: int) -> None:
        """Takes changed files into use. To be called at every wake-up."""
        for probe, watch in self._watches.items():
            if keys := watch.changed(now_ns):
                self.sessions.set_keys(probe, keys)
                self.missing.discard(probe)
