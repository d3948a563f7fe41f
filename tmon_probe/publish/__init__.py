"""Publication: PDUs under construction, time slots, retries; and the sockets they leave by.

`Publication` (publication.py) is what a probe uses; it has a `Publisher` (the engine, publisher.py) and a `Sender` (the
socket, sender.py) for each collector.
"""

from tmon_probe.publish.publication import Publication
from tmon_probe.publish.publisher import Publisher

__all__ = ["Publication", "Publisher"]
