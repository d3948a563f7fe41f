"""Could a probe start with this configuration? What can be told beforehand, for a version that is to follow."""

from __future__ import annotations

from tmon_common.config.model import Configuration
from tmon_common.config.problems import ConfigurationError, Problem
from tmon_common.config.select import select_probe
from tmon_common.pdu.key_file import KeyFileError, read_keys
from tmon_probe.lanes import plan_lanes


def check_start(configuration: Configuration, name: str | None) -> None:
    """ConfigurationError if not: no probe of that name, a key file that cannot be used, more fathers than there may be. Devices are
    not looked at: one that is missing now may be there then."""
    probe = select_probe(configuration, name)
    try:
        if probe.seal != "crc":
            read_keys(probe.key)
        plan_lanes(probe)
    except (KeyFileError, ValueError) as error:
        raise ConfigurationError([Problem(configuration.path, 0, "probe", str(error))]) from None
