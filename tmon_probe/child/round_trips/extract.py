"""From packet records to messages: the few packets of a batch that ask or answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numba import int64, njit, uint64

from tmon_common.analyses.built_in import METRICS
from tmon_probe import records as r
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips import message, sample
from tmon_probe.child.round_trips.dns import read_dns
from tmon_probe.child.round_trips.message import MESSAGE
from tmon_probe.child.round_trips.ntp import read_ntp
from tmon_probe.child.round_trips.snmp import read_snmp

DNS_PORT, NTP_PORT, SNMP_PORT, SNMP_TRAP_PORT = 53, 123, 161, 162
_FIRST_MESSAGES = 1024

_ICMP_ECHO, _DNS, _SNMP, _NTP = sample.ICMP_ECHO, sample.DNS, sample.SNMP, sample.NTP
_REQUEST, _ANSWER, _MALFORMED, _CUT = message.REQUEST, message.ANSWER, message.MALFORMED, message.CUT
_QUOTED, _FRAGMENT, _REASSEMBLED = r.QUOTED, r.FRAGMENT, r.REASSEMBLED
_HAS_ECHO, _SERVICE, _HAS_UDP = r.HAS_ECHO, r.SERVICE, r.HAS_UDP
_CUTS = len(METRICS)  # in the tally, behind what was malformed, by metric


class Reader:
    """classes: by metric (position in METRICS), the mask of the classes that want it.

    services    by metric, the bits of its service in `service` of packet records
    """

    def __init__(self, classes: Sequence[int], services: Sequence[int]) -> None:
        self._classes = np.array(classes, np.uint64)
        self._services = np.array(services, np.uint8)
        self._seed = np.uint64(secrets.randbits(64))
        self._messages = np.zeros(_FIRST_MESSAGES, MESSAGE)
        self._tally = np.zeros(len(METRICS) + 1, np.int64)

    def read(self, batch: FlowBatch) -> np.ndarray:
        """MESSAGE (k,) of a batch, in its order; valid until the next one."""
        if len(self._messages) < batch.count - batch.first:
            self._messages = np.zeros(batch.count - batch.first, MESSAGE)
        count = read_messages(batch.records, batch.first, batch.count, batch.lanes, batch.areas, batch.datagrams, self._classes,
                              self._services, self._seed, self._messages, self._tally)
        return self._messages[:count]

    def counters(self) -> dict[str, int]:
        return {"dns_malformed": int(self._tally[sample.DNS]), "snmp_malformed": int(self._tally[sample.SNMP]),
                "ntp_malformed": int(self._tally[sample.NTP]), "payloads_cut": int(self._tally[_CUTS])}


@njit(cache=True, nogil=True, _nrt=False)
def read_messages(records, first, count, lanes, areas, datagrams, classes, services, seed, messages, tally):
    """Messages among records[first:count] (arrays of FlowBatch) of the classes that want them; how many.

    classes     uint64 (metrics,): mask of the classes that want a metric; services  uint8 (metrics,): bits of its service
    messages    MESSAGE, at least count - first
    tally       int64 (metrics + 1,): malformed ones are added by metric, those of which too little was captured at the end
    """
    found = 0
    for i in range(first, count):
        record = records[i]
        flags = record.flags
        if flags & (_HAS_ECHO | _SERVICE | _REASSEMBLED) == 0 or flags & _QUOTED:
            continue
        whole = flags & _REASSEMBLED != 0
        if flags & _FRAGMENT and not whole:
            continue
        metric, role, number, question, code = -1, 0, uint64(0), uint64(0), 0
        if flags & _HAS_ECHO:
            metric = _ICMP_ECHO
            if record.class_mask & classes[metric] == 0:
                continue
            role = _REQUEST if record.icmp_type == 8 or record.icmp_type == 128 else _ANSWER
            number = (uint64(record.icmp_id) << uint64(16)) | uint64(record.icmp_seq)
        elif flags & _HAS_UDP:
            metric = _metric_of(record.dst_port)
            if metric < 0:
                metric = _metric_of(record.src_port)
            if metric < 0 or record.class_mask & classes[metric] == 0:
                continue
            if not whole and record.service & services[metric] == 0:
                continue
            at, end, limit = _payload(record, datagrams.shape[1] if whole else areas.shape[1])
            if whole:
                role, number, question, code = _read(datagrams, 0, at, end, limit, metric, record.src_port, record.dst_port, seed)
            else:
                role, number, question, code = _read(areas, int64(lanes[i]), at, end, limit, metric, record.src_port,
                                                     record.dst_port, seed)
            if role == _MALFORMED:
                tally[metric] += 1
            elif role == _CUT:
                tally[_CUTS] += 1
        if role in (_REQUEST, _ANSWER):
            messages[found].identifier = number
            messages[found].question = question
            messages[found].record = i
            messages[found].code = code
            messages[found].metric = metric
            messages[found].role = role
            found += 1
    return found


@njit(cache=True, nogil=True)
def _metric_of(port):
    if port == DNS_PORT:
        return _DNS
    if port in (SNMP_PORT, SNMP_TRAP_PORT):
        return _SNMP
    return _NTP if port == NTP_PORT else -1


@njit(cache=True, nogil=True)
def _payload(record, length):
    """Where a record's payload begins in an area of `length` octets, where it ends by its headers, where what was captured ends."""
    start = int64(record.bytes_offset) & (length - 1)
    at = start + int64(record.payload_at)
    limit = min(start + int64(record.bytes_length), length)
    if record.payload_at == 0:
        limit = at
    end = at + int64(record.payload_octets)
    return at, end, min(limit, end)


@njit(cache=True, nogil=True)
def _read(data, row, at, end, limit, metric, src_port, dst_port, seed):
    """(role, identifier, question, code) of the payload, by the reader of its protocol."""
    if metric == _DNS:
        return read_dns(data, row, at, end, limit, seed)
    if metric == _SNMP:
        return read_snmp(data, row, at, end, limit, src_port, dst_port)
    role, number = read_ntp(data, row, at, end, limit)
    return role, number, uint64(0), 0
