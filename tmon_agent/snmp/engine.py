"""An engine of pysnmp that knows our users and communities, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.proto.rfc1902 import Integer32
from pysnmp.proto.rfc3412 import MsgAndPduDispatcher

from tmon_agent.secrets import Secrets
from tmon_agent.snmp.identity import EngineIdentity
from tmon_common.config.monitoring_model import SnmpUser

V1, V2C, USM = 1, 2, 3
"""Security models (RFC 3411 section 5)."""
AUTH_PRIV = 3
"""The security level at which a message is proved and encrypted."""
MAX_MESSAGE_OCTETS = 65507
"""Of a UDP datagram."""
AUTHENTICATIONS = {
    "md5": config.USM_AUTH_HMAC96_MD5, "sha1": config.USM_AUTH_HMAC96_SHA, "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256, "sha384": config.USM_AUTH_HMAC256_SHA384, "sha512": config.USM_AUTH_HMAC384_SHA512,
}
PRIVACIES = {
    "des": config.USM_PRIV_CBC56_DES, "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL, "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
}
"""Longer keys as net-snmp makes them from a passphrase (draft-blumenthal-aes-usm-04 section 3.1.2.1)."""


def make_engine(identity: EngineIdentity, users: Iterable[SnmpUser], secrets: Secrets) -> SnmpEngine:
    """Without a transport. Version 1 is not spoken.

    pysnmp would keep the number of starts in a place in /tmp that everybody can foresee: so it is not told the identity, it finds
    it.
    """
    dispatcher = MsgAndPduDispatcher()
    engine_id, boots, engine_time = dispatcher.mib_instrum_controller.get_mib_builder().import_symbols(
        "__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots", "snmpEngineTime")
    engine_id.syntax = engine_id.syntax.clone(identity.engine_id)
    boots.syntax = boots.syntax.clone(identity.boots - 1)  # it counts this start
    engine_time.syntax = _engine_time(identity.started_s)
    engine = SnmpEngine(maxMessageSize=MAX_MESSAGE_OCTETS, msgAndPduDsp=dispatcher)
    del engine.message_processing_subsystems[0]
    teach(engine, users, secrets)
    return engine


def teach(engine: SnmpEngine, users: Iterable[SnmpUser], secrets: Secrets) -> None:
    """Users and communities, in place of those of the same names."""
    for name, community in secrets.communities.items():
        config.add_v1_system(engine, name, community)
    for user in users:
        known = secrets.users[user.name]
        config.add_v3_user(engine, user.name, AUTHENTICATIONS[user.auth], known.auth, PRIVACIES[user.priv], known.priv)


def forget_finished(engine: SnmpEngine) -> None:
    """Let go of what the models of messages and of security keep of messages that were refused half way, and of who sent them: they
    keep some of it for ever or for minutes, and everybody who can reach the port could fill the memory.

    For an engine that only answers, when it is working on no message: with new models, which know nothing.
    """
    for models in (engine.message_processing_subsystems, engine.security_models):
        for number, model in list(models.items()):
            models[number] = type(model)()


def _engine_time(started_s: float) -> Integer32:
    """The value of snmpEngineTime; a clock that is set does not touch it."""

    class EngineTime(Integer32):
        def clone(self, *values, **options):
            return Integer32(int(time.monotonic() - started_s)) if not values else super().clone(*values, **options)

    return EngineTime(0)
