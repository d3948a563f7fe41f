"""Events of thresholds: a metric crossed one, and came back."""

from tmon_common.events.declaration import Declaration

DECLARATIONS: tuple[Declaration, ...] = ()
