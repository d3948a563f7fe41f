"""python -m tests.linkemu: a link between two interfaces, until Ctrl-C (root needed)."""

import argparse
import contextlib
import gc
import json
import os
import signal
import sys
from pathlib import Path

from tests.linkemu.config import LinkConfig
from tests.linkemu.impairment import Impairment, bit_rate, duration_ns
from tests.linkemu.link import Link
from tests.linkemu.vlan import VlanRule


def _vlan_rule(text: str) -> VlanRule:
    """The rule written as VID[.OUTER][,mac=..][,net=..]."""
    tags, *conditions = text.split(",")
    vlan_id, _, outer_id = tags.partition(".")
    chosen = dict(condition.split("=", 1) for condition in conditions)
    return VlanRule(int(vlan_id), int(outer_id) if outer_id else None, chosen.pop("mac", None), chosen.pop("net", None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.linkemu", description=__doc__)
    parser.add_argument("--west", default="west", help="interface at the west end (%(default)s)")
    parser.add_argument("--east", default="east", help="interface at the east end (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("linkemu-out"), help="where pcaps and frame log go")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay", type=duration_ns, default=0, help="one way, e.g. 20ms")
    parser.add_argument("--jitter", type=duration_ns, default=0, help="further delay, uniform from 0 to this")
    parser.add_argument("--loss", type=float, default=0.0, help="probability, each way")
    parser.add_argument("--duplicate", type=float, default=0.0)
    parser.add_argument("--reorder", type=float, default=0.0)
    parser.add_argument("--reorder-extra", type=duration_ns, default=Impairment().reorder_extra_ns)
    parser.add_argument("--corrupt", type=float, default=0.0)
    parser.add_argument("--corrupt-unseen", type=float, default=0.0, help="share of these that UDP checksums do not tell")
    parser.add_argument("--rate", type=bit_rate, default=0, help="bit/s, e.g. 2M (no limit)")
    parser.add_argument("--queue", type=int, default=Impairment().queue_octets, help="octets before the rate limit")
    parser.add_argument(
        "--vlan", type=_vlan_rule, action="append", default=[], metavar="VID[.OUTER][,mac=..][,net=..]",
        help="carry these frames tagged in the middle; may be repeated, the first that matches counts",
    )  # fmt: skip
    parser.add_argument("--steered", action="store_true", help="take configuration and requests from standard input")
    return parser


def _config(options: argparse.Namespace) -> LinkConfig:
    both_ways = Impairment(
        delay_ns=options.delay,
        jitter_ns=options.jitter,
        loss=options.loss,
        duplicate=options.duplicate,
        reorder=options.reorder,
        reorder_extra_ns=options.reorder_extra,
        corrupt=options.corrupt,
        corrupt_unseen=options.corrupt_unseen,
        rate_bps=options.rate,
        queue_octets=options.queue,
    )
    return LinkConfig(options.out, options.west, options.east, both_ways, both_ways, options.seed, tuple(options.vlan))


def _be_punctual() -> None:
    """Keeps late deliveries rare: real-time priority where allowed, and no pauses of some ms to collect garbage."""
    gc.disable()  # frames and their records hold no cycles; counting references frees them
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def main() -> int:
    """Runs the link; 0 when it was ended on purpose."""
    options = _parser().parse_args()
    try:
        config = LinkConfig.from_json(sys.stdin.readline()) if options.steered else _config(options)
        link = Link(config)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: link.stop())
        _be_punctual()
        with link:
            if options.steered:
                print(json.dumps({"ready": os.getpid()}), flush=True)
                link.run(sys.stdin, sys.stdout)
            else:
                link.run()
    except (OSError, ValueError) as error:
        print(f"linkemu: {error}", file=sys.stderr)
        return 1
    print(json.dumps(link.totals()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
