"""Events of the scheduled switch of the configuration."""

from tmon_common.events.declaration import Declaration

DECLARATIONS: tuple[Declaration, ...] = ()
