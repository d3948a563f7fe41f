"""Requests and answers of the ethtool ioctl, octet by octet (linux/ethtool.h)."""

import errno

import pytest

from tmon_probe.father.capture.offload.ethtool import NAME_OCTETS, Ethtool, decode, encode, strings
from tmon_probe.father.capture.offload.features import HARMFUL, MERGES, SWITCHED, among

NAMES = [f"feature-{n}" if n != 33 else "" for n in range(40)]  # numbers without a name exist
AVAILABLE, REQUESTED, ACTIVE, NEVER = range(4)


def blocks(**numbers: list[int]) -> list[int]:
    """Two blocks for 64 features."""
    words = [0] * 8
    for which, chosen in zip((AVAILABLE, REQUESTED, ACTIVE, NEVER), ("available", "requested", "active", "never"), strict=True):
        for number in numbers.get(chosen, []):
            words[number // 32 * 4 + which] |= 1 << number % 32
    return words


def named(*numbers: int) -> frozenset[str]:
    return frozenset(NAMES[n] for n in numbers)


def test_features_on_both_sides_of_a_word_boundary():
    """Bit 31 of the first block and bit 0 of the second are neighbours; a number without name is left out."""
    found = decode(NAMES, blocks(available=[0, 31, 32], requested=[31, 33, 39], active=[32, 33]))
    assert (named(32), named(31, 39), named(0, 31, 32)) == (found.active, found.wanted, found.changeable)


def test_what_never_changes_is_not_changeable():
    """Though some drivers offer it."""
    assert named(2) == decode(NAMES, blocks(available=[1, 2], never=[1])).changeable


@pytest.mark.parametrize(("on", "words"), [(True, [1 << 31, 1 << 31, 1, 1]), (False, [1 << 31, 0, 1, 0])])
def test_only_chosen_features_are_asked_for(on, words):
    """Valid bits for those, whether they go on or off; names that this kernel does not know are left out."""
    assert words == encode(NAMES, [NAMES[31], NAMES[32], "of-a-later-kernel"], on=on)


def test_nothing_chosen_asks_for_nothing():
    """As many blocks all the same: the kernel insists."""
    assert [0, 0, 0, 0] == encode(NAMES, (), on=True)
    assert [0, 0] == encode(NAMES[:32], (), on=True)


def test_strings_of_fixed_length():
    """The longest has no zero at its end."""
    longest = "x" * NAME_OCTETS
    octets = b"".join(name.encode().ljust(NAME_OCTETS, b"\0") for name in ("rx-gro", "", longest))
    assert ["rx-gro", "", longest] == strings(octets)


@pytest.mark.parametrize("device", ["", "x" * 16, "é" * 8])
def test_a_name_that_no_device_can_have(device):
    """It is not cut to that of another device."""
    with Ethtool() as ethtool, pytest.raises(OSError) as caught:  # noqa: PT011 its number is compared
        ethtool.index(device)
    assert errno.ENODEV == caught.value.errno


def test_the_kernel_knows_the_features_by_these_names():
    """All but those of later kernels; generic ones since Linux 2.6.39."""
    with Ethtool() as ethtool:
        known = set(ethtool._feature_names("lo"))
    assert {"rx-gro", "rx-lro", "rx-checksum", "tx-generic-segmentation", "tx-tcp-segmentation"} <= known
    assert set(SWITCHED) - {"tx-tcp-accecn-segmentation", "rx-udp-gro-forwarding", "tx-gso-list"} <= known


def test_groups_of_features():
    """Each once; an order of names that stays."""
    assert len(SWITCHED) == len(set(SWITCHED))
    assert set(MERGES) < set(HARMFUL) < set(SWITCHED)
    assert ("rx-gro", "rx-lro") == among(SWITCHED, frozenset({"rx-lro", "rx-vlan-filter", "rx-gro"}))
