"""A link emulator in user space: delay, jitter, loss, duplication, reordering, rate, VLAN tags, and a tap at each end.

Read in this order: `impairment` (what may be asked), `vlan`, `engine` (decides, no I/O), `tap` and `framelog` (what is
written), `link` (sockets and the loop), `process` (a link in a process of its own), `netns` (namespaces to put it in).
`docs/lab.md` is the guide.
"""

from tests.linkemu.config import LinkConfig
from tests.linkemu.engine import Arrival, Delivery, LinkEngine
from tests.linkemu.framelog import FrameLog, FrameRecord, read_frame_log
from tests.linkemu.impairment import Direction, Fate, Impairment
from tests.linkemu.link import Link
from tests.linkemu.netns import Namespace, Network, why_unavailable
from tests.linkemu.process import LinkProcess
from tests.linkemu.tap import Tap
from tests.linkemu.vlan import VlanRule

__all__ = [
    "Arrival",
    "Delivery",
    "Direction",
    "Fate",
    "FrameLog",
    "FrameRecord",
    "Impairment",
    "Link",
    "LinkConfig",
    "LinkEngine",
    "LinkProcess",
    "Namespace",
    "Network",
    "Tap",
    "VlanRule",
    "read_frame_log",
    "why_unavailable",
]
