"""The agent of a probe that captures: it has no way to packets and privileges, and tells what came."""

import os
import signal

import pytest

from tests.linkemu.netns import inside
from tests.network.conftest import DEVICE
from tests.network.test_privileges import NOTHING, capabilities
from tests.network.test_probe_live import send_frames, udp_frame
from tests.pipeline.agent_site import agents, descriptors, samples, until_answering
from tests.pipeline.probe_process import Probe, configure, until

pytestmark = pytest.mark.network
INTERFACE = f'<interface name="lan" device="{DEVICE}" capture="afpacket"/>'
FRAMES = 25
PACKETS = "trafmon_interface_packets_total", (("interface", "lan"), ("probe", "probe"))


def test_it_sees_numbers_and_nothing_else(cable, tmp_path):
    """Also when it was started again, while packets are captured."""
    sender, watcher = cable
    configuration = configure(tmp_path, INTERFACE)
    path = tmp_path / "tmon.xml"
    path.write_text(path.read_text().replace("</probe>", '<agent metrics_port="0"/></probe>'))
    with Probe(tmp_path, configuration, command=watcher.command) as probe, inside(watcher.name):
        probe.until_capturing()
        for times in (1, 2):
            address = until_answering(probe, times)
            [agent] = agents(probe)
            assert capabilities(agent) == [NOTHING | {"CapBnd": 0, "NoNewPrivs": 1}] * len(capabilities(agent))
            sockets = {what for what in descriptors(agent).values() if what.startswith("socket:")}
            for other in probe.relatives() - {agent}:
                assert not sockets & set(descriptors(other).values())
            before = samples(address)[PACKETS]
            send_frames(sender, udp_frame(), FRAMES)
            until(lambda address=address, before=before: samples(address)[PACKETS] == before + FRAMES, "all are told")
            os.kill(agent, signal.SIGKILL)
    assert "Traceback" not in probe.messages
