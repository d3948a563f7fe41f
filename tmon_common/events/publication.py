"""Events of publication: the way from a probe to its collectors."""

from tmon_common.events.declaration import Declaration

DECLARATIONS: tuple[Declaration, ...] = ()
