"""Messages for whoever runs the programs: the standard `logging`, levels and destinations per module, changed while they run.

`set_up` does what the configuration says. `Tuning` changes that at run time, for the process that has it; the processes forked
from it call `follow` now and then.
"""

from tmon_common.diagnostics.logs import OWN_PACKAGES, set_up
from tmon_common.diagnostics.tuning import Tuning, follow

__all__ = ["OWN_PACKAGES", "Tuning", "follow", "set_up"]
