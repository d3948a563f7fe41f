"""Events of the probes' clocks, as a collector sees them."""

from tmon_common.events.declaration import Declaration

DECLARATIONS: tuple[Declaration, ...] = ()
