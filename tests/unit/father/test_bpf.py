"""Filters on recordings let pass what libpcap and tcpdump let pass, whatever the format, the link type, the byte order."""

import shutil
import struct
import subprocess

import numpy as np
import pytest

from tests.unit.father.recordings import ETHERNET_IPV4, IPV4_UDP, frames_of, interface_block, packet_block, pcap, pcapng
from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import Batch, CaptureError
from tmon_probe.father.capture.bpf import CaptureFilter, UnfitError, check_program, compile_program
from tmon_probe.father.capture.linktypes import ETHERNET, IPV4, LINUX_SLL, NULL, RAW, RAW_BSD
from tmon_probe.father.capture.open import open_source
from tmon_probe.father.capture.replay import Replay


def test_lengths_are_those_on_the_wire(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap([ETHERNET_IPV4], ETHERNET, extra=1000))
    assert len(frames_of(Replay((path,), bpf="greater 1042"))) == 1
    assert frames_of(Replay((path,), bpf="less 1041")) == []


def test_a_packet_cut_before_what_the_filter_looks_at_does_not_pass(tmp_path):
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap([ETHERNET_IPV4[:n] for n in range(len(ETHERNET_IPV4) + 1)], ETHERNET))
    lengths = [len(frame) for *_, frame in frames_of(Replay((path,), bpf="udp port 53"))]
    assert [36, *range(37, 43)] == lengths


def test_each_link_type_of_a_pcapng_file_has_its_program(tmp_path):
    """Also one that is declared after packets of the others, and after a new section."""
    path = tmp_path / "several.pcapng"
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    first = [interface_block(ETHERNET), packet_block(0, ETHERNET_IPV4), packet_block(0, arp), interface_block(RAW),
             packet_block(1, IPV4_UDP), packet_block(0, ETHERNET_IPV4)]
    second = [interface_block(RAW), packet_block(0, IPV4_UDP)]
    path.write_bytes(pcapng(first) + pcapng(second))
    kept = [(interface, frame) for interface, _, _, frame in frames_of(Replay((path,), bpf="udp"))]
    assert [(0, ETHERNET_IPV4), (1, IPV4_UDP), (0, ETHERNET_IPV4), (0, IPV4_UDP)] == kept


def test_packets_of_a_link_type_that_the_filter_does_not_fit_are_left_out_with_a_warning(tmp_path):
    path = tmp_path / "several.pcapng"
    blocks = [interface_block(ETHERNET), packet_block(0, ETHERNET_IPV4), interface_block(RAW), packet_block(1, IPV4_UDP)]
    path.write_bytes(pcapng(blocks))
    source = Replay((path,), bpf="ether host 02:00:00:00:00:01", interface="lan")
    assert [ETHERNET_IPV4] == [frame for *_, frame in frames_of(source)]
    (warning,) = source.warnings()
    for part in ("interface lan", "ether host 02:00:00:00:00:01", "101 (raw IP)", "left out", "ethernet addresses"):
        assert part in warning


@pytest.mark.parametrize(("link_type", "expression", "reason"), [
    (RAW, "ether host 02:00:00:00:00:01", "ethernet addresses"),
    (IPV4, "ip6", "rejects all packets"),
    (ETHERNET, "ip andd", "syntax error"),
    (ETHERNET, "inbound", "only a live device"),
    (ETHERNET, "ip6 protochain 6", "loop"),
    (ETHERNET, "ip[0] / 0 = 1", "division by zero"),
    (ETHERNET, "\udcff", "surrogate"),
])
def test_a_filter_that_fits_nothing_is_refused_with_interface_filter_and_reason(tmp_path, link_type, expression, reason):
    path = tmp_path / "a"
    for octets in (pcap([IPV4_UDP], link_type), pcapng([interface_block(link_type)])):
        path.write_bytes(octets)
        with pytest.raises(CaptureError, match=reason) as refused:
            open_source(Interface("lan", files=(path,), capture="replay", bpf=expression))
        assert f"interface lan: the BPF filter '{expression}'" in str(refused.value)


def test_open_source_passes_the_filter_on(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([ETHERNET_IPV4, bytes(60)], ETHERNET))
    assert len(frames_of(open_source(Interface("lan", files=(path,), capture="replay", bpf="udp")))) == 1
    assert len(frames_of(open_source(Interface("lan", files=(path,), capture="replay")))) == 2


def test_empty_and_damaged_recordings_need_no_link_type(tmp_path):
    """A pcapng file that declares no interface at its start is no reason to refuse the filter."""
    path = tmp_path / "a.pcapng"
    path.write_bytes(pcapng([]))
    assert frames_of(Replay((path,), bpf="udp")) == []
    path.write_bytes(pcapng([(1, b"")]))
    source = Replay((path,), bpf="udp")
    assert frames_of(source) == []
    assert "damaged" in source.warnings()[0] or "cut" in source.warnings()[0]


@pytest.mark.parametrize("order", ["<", ">"])
def test_byte_order_of_the_null_link_header(tmp_path, order):
    """The address family is in the byte order of the machine that recorded; tcpdump knows, so do we."""
    path = tmp_path / "null.pcap"
    frames = [struct.pack(order + "I", family) + IPV4_UDP for family in (2, 24, 2, 30)]
    path.write_bytes(pcap(frames, NULL, order))
    counts = {"ip": 2, "not ip": 2, "udp port 53": 2, "ip or ip6": 4, "ip6 and len > 0": 2, "host 10.0.0.1": 2}
    for expression, count in counts.items():
        assert count == len(frames_of(Replay((path,), bpf=expression)))
        argv = ["tcpdump", "-Z", "root", "-r", str(path), "-w", str(tmp_path / "kept"), expression]
        if shutil.which("tcpdump") and subprocess.run(argv, capture_output=True, check=False).returncode == 0:
            assert count == len(frames_of(Replay((tmp_path / "kept",))))


def test_paced_replay_with_a_filter(tmp_path):
    """Packets that do not pass take no part in the pace; batches of which nothing is left do no harm."""
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([bytes(60)] * 5000 + [ETHERNET_IPV4] * 3, ETHERNET))
    now = [0]
    source = Replay((path,), lambda: now[0], bpf="udp")
    counts = [batch.count if (batch := source.next_batch()) else None for _ in range(4)]
    assert counts == [0, 1, None, None]
    now[0] = 2_000_000_000
    assert 2 == source.next_batch().count
    assert source.next_batch() is None
    assert source.finished


@pytest.mark.parametrize(("program", "reason"), [
    ((), "end with a return"),
    (((0x28, 0, 0, 12),), "end with a return"),
    (((0x15, 1, 0, 0), (0x06, 0, 0, 0)), "loop"),
    (((0x05, 0, 0, 0xFFFFFFFF), (0x06, 0, 0, 0)), "loop"),
    (((0x28, 0, 0, 0xFFFFF000), (0x06, 0, 0, 0)), "live device"),
    (((0x02, 0, 0, 16), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x60, 0, 0, 16), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x34, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x94, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0xB4, 0, 0, 1), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x38, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0xA1, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x55, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x0E, 0, 0, 0),), "not of classic BPF"),
    (((0x47, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
    (((0x123, 0, 0, 0), (0x06, 0, 0, 0)), "not of classic BPF"),
])
def test_programs_that_the_machine_must_not_run(program, reason):
    with pytest.raises(UnfitError, match=reason):
        check_program(program)


def test_link_types_of_files_are_not_always_those_of_libpcap():
    """LINKTYPE_RAW is 101 in files and 12 in libpcap."""
    assert compile_program("udp", RAW) == compile_program("udp", RAW_BSD)
    assert compile_program("outbound", LINUX_SLL)


def test_before_a_recording_is_chosen_nothing_passes():
    batch = Batch.empty(np.frombuffer(ETHERNET_IPV4, np.uint8), (ETHERNET,))
    batch.count = 1
    CaptureFilter("lan", "").apply(batch)
    assert batch.count == 0
