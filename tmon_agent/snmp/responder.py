"""The application that answers requests (RFC 3413 section 3.2): reads the tree, for who may."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from pysnmp.entity.engine import SnmpEngine
from pysnmp.proto import error, rfc1902, rfc1905
from pysnmp.proto.api import v2c

from tmon_agent.snmp import answers
from tmon_agent.snmp.engine import AUTH_PRIV, USM, V2C
from tmon_agent.snmp.objects import Oid, Smi
from tmon_agent.snmp.tree import Instance, Tree

log = logging.getLogger(__name__)

BULK_OCTETS = 1400
"""An answer to GetBulk is not longer, so that it goes through most networks in one piece."""
_PDU_OCTETS = 60  # of an answer, without its bindings
UNKNOWN_CONTEXTS: Oid = (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)
GEN_ERR, NO_ERROR, TOO_BIG, AUTHORIZATION_ERROR, NOT_WRITABLE = 5, 0, 1, 16, 17
_GET, _GET_NEXT, _GET_BULK, _SET = (
    pdu.tagSet for pdu in (rfc1905.GetRequestPDU, rfc1905.GetNextRequestPDU, rfc1905.GetBulkRequestPDU, rfc1905.SetRequestPDU))
_TYPES = {
    Smi.COUNTER64: rfc1902.Counter64, Smi.GAUGE32: rfc1902.Gauge32, Smi.INTEGER32: rfc1902.Integer32,
    Smi.OCTETS: rfc1902.OctetString, Smi.TIMETICKS: rfc1902.TimeTicks, Smi.OBJECT_ID: rfc1902.ObjectIdentifier,
    Smi.COUNTER32: rfc1902.Counter32,
}
_MISSING = {Smi.NO_SUCH_OBJECT: rfc1905.noSuchObject, Smi.NO_SUCH_INSTANCE: rfc1905.noSuchInstance,
            Smi.END_OF_MIB_VIEW: rfc1905.endOfMibView}


class Responder:
    """Registers itself with an engine; read: gives the tree as it is now.

    Whoever has come to here is a user or knows a community, and may read everything. Nothing can be written.
    """

    def __init__(self, engine: SnmpEngine, read: Callable[[], Tree]) -> None:
        self._read, self._unknown_contexts, self._told = read, 0, ""
        engine.message_dispatcher.register_context_engine_id(engine.snmpEngineID, (_GET, _GET_NEXT, _GET_BULK, _SET), self._process)

    def _process(self, engine: SnmpEngine, message_model, security_model, security_name, security_level, context_engine_id,
                 context_name, pdu_version, pdu, max_octets, state) -> None:
        """processPdu of RFC 3412 section 4.3.1."""
        response, status = v2c.apiPDU.get_response(pdu), {}
        if context_name:
            self._unknown_contexts += 1
            response = pdu  # the report is made from it
            status = {"oid": UNKNOWN_CONTEXTS, "val": rfc1902.Counter32(self._unknown_contexts), "securityLevel": security_level}
        elif security_model == V2C or (security_model == USM and security_level == AUTH_PRIV):
            self._answer_or_fail(pdu, response, int(max_octets) - _PDU_OCTETS)
        else:
            _fail(response, AUTHORIZATION_ERROR, 1)
        with suppress(error.StatusInformation):  # it was counted: the answer is longer than anybody takes
            engine.message_dispatcher.return_response_pdu(
                engine, message_model, security_model, security_name, security_level, context_engine_id, context_name, pdu_version,
                response, max_octets, state, status)

    def _answer_or_fail(self, pdu, response, room_octets: int) -> None:
        """A fault of ours is told to who asked, and once to the log."""
        try:
            self._answer(pdu, response, room_octets)
        except Exception as error:
            if (told := f"{type(error).__name__}: {error}") != self._told:
                log.error("SNMP: a request could not be answered: %s", told)
                log.debug("where it happened", exc_info=True)
            self._told = told
            _fail(response, GEN_ERR, 0)

    def _answer(self, pdu, response, room_octets: int) -> None:
        bindings = v2c.apiPDU.get_varbinds(pdu)
        oids = [tuple(name) for name, _ in bindings]
        if pdu.tagSet == _SET:
            v2c.apiPDU.set_varbinds(response, bindings)
            _fail(response, NOT_WRITABLE, 1 if bindings else 0)
            return
        tree = self._read()
        if pdu.tagSet == _GET_BULK:
            found = answers.get_bulk(tree, oids, int(v2c.apiBulkPDU.get_non_repeaters(pdu)),
                                     int(v2c.apiBulkPDU.get_max_repetitions(pdu)), min(room_octets, BULK_OCTETS))
        else:
            found = (answers.get if pdu.tagSet == _GET else answers.get_next)(tree, oids)
            if sum(map(answers.octets_of, found)) > room_octets:
                v2c.apiPDU.set_varbinds(response, [])
                _fail(response, TOO_BIG, 0)
                return
        v2c.apiPDU.set_varbinds(response, [binding(instance) for instance in found])


def _fail(response, status: int, index: int) -> None:
    v2c.apiPDU.set_error_status(response, status)
    v2c.apiPDU.set_error_index(response, index)


def binding(instance: Instance) -> tuple[rfc1902.ObjectName, object]:
    """As pysnmp takes it in a PDU."""
    oid, kind, value = instance
    return rfc1902.ObjectName(oid), _MISSING[kind] if kind in _MISSING else _TYPES[kind](value)
