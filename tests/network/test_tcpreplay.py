"""A whole probe on a device while tcpreplay sends a recording: packets sent = seen + drops reported, and flows as in the file."""

import shutil
from collections import Counter

import dpkt
import pytest

from tests.network.conftest import DEVICE
from tests.network.sent_and_seen import WEST, sent_by, start_sending
from tests.pipeline.probe_process import Probe, configure, rows, start_collector, until

pytestmark = [pytest.mark.network, pytest.mark.skipif(not shutil.which("tcpreplay"), reason="tcpreplay is not installed")]
PORT = 9777
TAGGED = 120


def tags_of_recording() -> Counter:
    """VLAN identifier (None: untagged) -> frames, by dpkt."""
    found = Counter()
    with WEST.open("rb") as file:
        for _, octets in dpkt.pcap.UniversalReader(file):
            frame = dpkt.ethernet.Ethernet(octets)
            found[frame.vlan_tags[0].id if hasattr(frame, "vlan_tags") else None] += 1
    return found


@pytest.mark.parametrize(("speed", "loops"), [(("--pps", "20000"), 1), (("--topspeed",), 20)], ids=["gently", "topspeed"])
@pytest.mark.parametrize("kind", ["afpacket", "libpcap"])
def test_sent_is_seen_or_told_as_dropped(cable, tmp_path, kind, speed, loops):
    """On an interface that sees all and on one that sees a VLAN only, at a gentle rate and as fast as tcpreplay can; and what was
    seen is in the rows, with its VLAN tag, where nothing was dropped."""
    sender, watcher = cable
    tags = tags_of_recording()
    assert tags[TAGGED] > 0
    interfaces = (f'<interface name="all" device="{DEVICE}" capture="{kind}" buffer="32MiB"/>'
                  f'<interface name="vlan" device="{DEVICE}" capture="{kind}" filter="vlan {TAGGED}"/>')
    configuration = configure(tmp_path, interfaces, port=PORT)
    sent = loops * tags.total(), loops * tags[TAGGED]

    def accounted(numbers: dict[str, int]) -> tuple[int, ...]:
        return tuple(numbers[f"interface_{n}_packets_seen"] + numbers[f"interface_{n}_kernel_drops"] for n in (0, 1))

    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, command=watcher.command) as probe):
        probe.until_capturing()
        assert sent[0] == sent_by(start_sending(sender, WEST, *speed, "--loop", str(loops)))
        until(lambda: accounted(probe.numbers()) >= sent, f"{sent} are seen or told as dropped")
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
        numbers = probe.numbers()
        collector.process.terminate()
        assert 0 == collector.wait()
    assert sent == accounted(numbers)
    flows = {r["flow"]: r for r in rows(tmp_path, "flow_definition")}
    counted = Counter()
    for row in rows(tmp_path, "ip_counters"):
        flow = flows[row["flow"]]
        counted[flow["interface"], flow["vlan"]] += int(row["packets"]) + int(row["packets_rev"])
    assert numbers["packets_relevant"] == counted.total()
    if not numbers["interface_1_kernel_drops"]:
        assert sent[1] == counted["vlan", str(TAGGED)] == sum(n for (name, _), n in counted.items() if name == "vlan")
    if not numbers["interface_0_kernel_drops"]:
        assert sent[1] == counted["all", str(TAGGED)]
