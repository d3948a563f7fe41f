"""The child process: pinned, deaf to signals meant for the father, and how it ends."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from tmon_common.clock import Clock
from tmon_common.config.model import SECOND, Probe
from tmon_common.event_board import EventBoard
from tmon_common.pdu.keys import Keys
from tmon_probe import health
from tmon_probe.child.chain import Chain
from tmon_probe.child.guard import AnalysisError
from tmon_probe.child.intake import open_intake
from tmon_probe.child.loop import Child
from tmon_probe.cpus import pin_child
from tmon_probe.event_pipe import EventPipe
from tmon_probe.lanes import Lanes
from tmon_probe.publish.publication import Publication

log = logging.getLogger(__name__)

DELIVERED, NOT_DELIVERED, FAILED = 0, 1, 3
"""Exit statuses: everything acknowledged; something was not; an error of ours."""
HURRY_NS = 5 * SECOND
"""How long acknowledgements are waited for when somebody waits for the end."""


def run_child(probe: Probe, father_cpus: tuple[int, ...], lanes: Lanes, make_chain: Callable[..., Chain],
              statistics: health.ProbeStatistics, board: EventBoard, pipe: EventPipe, clock: Clock, *, run: int,
              keys: Keys | None, parent: int, signals: tuple[signal.Signals, ...], lossless: bool, patient: bool, one_way: bool,
              forked: Callable[[], object]) -> NoReturn:
    """To be called in the forked process. It stops when the lanes end, not by signals: those meant for all reach the parent.

    lossless, patient, one_way: see `loop.Child`, `intake.open_intake` and `Publication`. forked: called at once, to let go of what
    is the fathers'.
    """
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*signals, signal.SIGCHLD))
    pin_child(probe.child_cpus, father_cpus)
    forked()
    publication = Publication(probe.publications, probe.name, run, keys, clock, lossless=lossless, one_way=one_way)
    pipe.keep_reader()
    intake = open_intake(lanes, clock, patient=patient)
    child = Child(intake, make_chain, publication, statistics.child(), pipe, clock, probe=probe, keys=keys, lossless=lossless,
                  hurry_ns=HURRY_NS, links=[statistics.link(n) for n in range(len(probe.publications))], board=board,
                  father=parent)
    gc.freeze()  # modules and compiled kernels stay: a collection need not look at them every time
    try:
        status = DELIVERED if child.run() else NOT_DELIVERED
    except AnalysisError as error:
        log.error("probe %s: %s; the probe ends: correct the analysis, or take it out of the configuration", probe.name, error)
        log.debug("where it failed", exc_info=error)
        status = FAILED
    except Exception:
        log.exception("probe %s: the child failed", probe.name)
        status = FAILED  # not to be taken for a collector that does not answer
    publication.close()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
