"""What can happen to the programs that is worth telling: each event declared once, with its severity, its text and its cure.

Log lines, rows of the kind `event` and docs/events.md derive from the declarations. Codes are never renamed: people search for
them.
"""

from tmon_common.events.catalogue import CATALOGUE
from tmon_common.events.declaration import Declaration, Parameter, Severity
from tmon_common.events.event import SUBJECT_CHARACTERS, VALUE_CHARACTERS, Event, event

__all__ = ["CATALOGUE", "SUBJECT_CHARACTERS", "VALUE_CHARACTERS", "Declaration", "Event", "Parameter", "Severity", "event"]
