"""Batches of records and messages for tests of round trips."""

import numpy as np

from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips import message, sample
from tmon_probe.child.round_trips.message import MESSAGE
from tmon_probe.records import PACKET

NO_OCTETS = np.zeros((1, 1), np.uint8)
OUTCOMES = sample.OUTCOMES


def batch_of(records: np.ndarray, flow: np.ndarray, direction: np.ndarray, numbers: np.ndarray) -> FlowBatch:
    """Of one granular flow definition. flow int32 (n,), direction uint8 (n,), numbers int64 (entries,)."""
    return FlowBatch(records, 0, len(records), flow.reshape(1, -1), direction.reshape(1, -1), numbers,
                     np.zeros(len(records), np.int16), NO_OCTETS, NO_OCTETS)


def batch_from(packets: list[dict], flows: int = 64) -> tuple[np.ndarray, FlowBatch]:
    """(MESSAGE (n,), batch) of packets: asks, ends (requester, port, responder, port: numbers), metric, id, question, time, flow,
    way, code, interface. Number of flow entry f: 1000 + f."""
    records, messages = np.zeros(len(packets), PACKET), np.zeros(len(packets), MESSAGE)
    for i, p in enumerate(packets):
        a, a_port, b, b_port = p["ends"] if p["asks"] else (*p["ends"][2:], *p["ends"][:2])
        for side, address in (("src", a), ("dst", b)):
            records[i][f"{side}_hi"], records[i][f"{side}_lo"] = address >> 64, address & 2**64 - 1
        records[i]["src_port"], records[i]["dst_port"] = a_port, b_port
        records[i]["time_ns"], records[i]["interface"] = p["time"], p.get("interface", 0)
        messages[i] = (p["id"], p["question"], i, p["code"], p["metric"], message.REQUEST if p["asks"] else message.ANSWER)
    flow = np.array([p["flow"] for p in packets], np.int32)
    direction = np.array([p["way"] for p in packets], np.uint8)
    return messages, batch_of(records, flow, direction, np.arange(1000, 1000 + flows))


def as_told(samples: np.ndarray, owners: np.ndarray) -> list[tuple]:
    """(time, key, outcome, took, counted, way, flow, code) of each, as RequestTwin tells them; no observation point in the key."""
    told = []
    for s, o in zip(samples, owners, strict=True):
        ends = (int(s["requester_hi"]) << 64 | int(s["requester_lo"]), int(s["requester_port"]),
                int(s["responder_hi"]) << 64 | int(s["responder_lo"]), int(s["responder_port"]))
        key = ends, int(s["metric"]), int(s["identifier"])
        told.append((int(s["time_ns"]), key, OUTCOMES[s["outcome"]], int(s["round_trip_ns"]), int(o["counted_ns"]), int(o["way"]),
                     int(o["flow"]), int(s["code"])))
        assert int(o["number"]) == 1000 + int(o["flow"])
    return told
