"""The file of secrets may be changed while an agent runs: it is looked at now and then, and read anew when it has changed."""

from __future__ import annotations

import logging

from tmon_agent.secrets import Secrets, SecretsError, secrets_of
from tmon_common.config.monitoring_model import Monitoring
from tmon_common.file_stamp import stamp_of

log = logging.getLogger(__name__)

LOOK_EVERY_S = 10.0


class SecretsWatch:
    """secrets: those in use; SecretsError if there are none to begin with."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._stamp = stamp_of(monitoring.secrets)
        self.secrets = secrets_of(monitoring)

    def changed(self) -> Secrets | None:
        """The new ones; None when nothing is new, or what is new cannot be used: then the old ones stay in use."""
        stamp = stamp_of(self._monitoring.secrets)
        if stamp in (self._stamp, None):
            return None
        self._stamp = stamp
        try:
            found = secrets_of(self._monitoring)
        except SecretsError as error:
            log.error("%s; the secrets read before stay in use", error)
            return None
        if found == self.secrets:
            return None
        self.secrets = found
        log.warning("file of secrets %s: read anew", self._monitoring.secrets)
        return found
