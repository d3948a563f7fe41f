"""Which capture is chosen, and the programs that the kernel is given."""

import socket
import sys

import pytest

from tmon_common.config.model import Interface
from tmon_probe.father.capture.afpacket.kernel_filter import attach, cut_at, kernel_program
from tmon_probe.father.capture.afpacket.libpcap_filter import read_back
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.bpf import compile_program
from tmon_probe.father.capture.linktypes import ETHERNET, RAW
from tmon_probe.father.capture.open import best_capture, choose_capture, open_sources

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")


@linux
def test_by_default_afpacket_reads_what_it_can():
    """Loopback is framed as Ethernet; "any" is libpcap's own; what is not there is left to libpcap."""
    assert ["afpacket", "libpcap", "libpcap"] == [best_capture(d) for d in ("lo", "any", "none0")]


@pytest.mark.parametrize("kind", ["afpacket", "libpcap"])
def test_the_configuration_has_the_last_word(kind):
    """Also where the other one were better."""
    assert kind == choose_capture(Interface("all", device="lo" if sys.platform.startswith("linux") else "", capture=kind))


def test_elsewhere_there_is_libpcap(monkeypatch):
    """afpacket is Linux's; who asks for it is told."""
    monkeypatch.setattr("sys.platform", "freebsd14")
    assert "libpcap" == best_capture("lo")
    with pytest.raises(CaptureError, match='interface all: device em0 cannot be opened: capture="afpacket" is for Linux'):
        open_sources(Interface("all", device="em0", capture="afpacket", fathers=2))


def test_what_passes_is_cut_at_the_snap_length():
    """Every return that lets pass, no other instruction, and not the one that rejects."""
    program = compile_program("udp port 53 or greater 100", ETHERNET)
    cut = cut_at(program, 96)
    assert [i[:3] for i in program] == [i[:3] for i in cut]
    returns = {k for code, _, _, k in cut if code == 6}
    assert {0, 96} == returns
    assert [i for i in program if i[0] != 6] == [i for i in cut if i[0] != 6]


def test_without_a_filter_there_is_a_program_for_short_snap_lengths_only():
    """One instruction; by default none."""
    assert ((6, 0, 0, 100),) == kernel_program(Interface("all", device="eth0", snaplen=100), ETHERNET)
    assert () == kernel_program(Interface("all", device="eth0"), ETHERNET)


def test_raw_ip_filters_need_no_device():
    """They are libpcap's for raw IP."""
    program = kernel_program(Interface("all", device="none0", bpf="udp", snaplen=200), RAW)
    assert cut_at(compile_program("udp", RAW), 200) == program
    with pytest.raises(CaptureError, match="interface all: the BPF filter 'udp udp' is not valid"):
        kernel_program(Interface("all", device="none0", bpf="udp udp"), RAW)


@linux
def test_a_program_comes_back_from_a_socket_as_it_was_attached():
    """However long; nothing from a socket without."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        assert () == read_back(plain.fileno())
        long = compile_program(" or ".join(f"udp port {port}" for port in range(1, 120)), ETHERNET)
        for program in (((6, 0, 0, 64),), long):
            attach(plain, program)
            assert program == read_back(plain.fileno())
        attach(plain, ())
        assert () == read_back(plain.fileno())
    assert len(long) > 200
    with pytest.raises(OSError, match="Bad file descriptor"):
        read_back(-1)
