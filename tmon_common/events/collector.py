"""Events of a collector: its start and end, its files, the probes it hears."""

from tmon_common.events.declaration import Declaration

DECLARATIONS: tuple[Declaration, ...] = ()
