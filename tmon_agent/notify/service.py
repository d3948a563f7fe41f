"""Traps and informs as a service: the managers of the configuration are told of the program's events."""

from __future__ import annotations

from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413.ntforg import NotificationOriginator
from pysnmp.proto import rfc1902

from tmon_agent.notify.sender import Sender, open_transports
from tmon_agent.notify.teller import Teller
from tmon_agent.secrets import Secrets, SecretsError, secrets_of
from tmon_agent.service import ServiceError, Setting
from tmon_agent.view import View
from tmon_common.config.monitoring_model import Monitoring

_AUTHENTICATIONS = {"md5": config.USM_AUTH_HMAC96_MD5, "sha1": config.USM_AUTH_HMAC96_SHA, "sha224": config.USM_AUTH_HMAC128_SHA224,
                    "sha256": config.USM_AUTH_HMAC192_SHA256, "sha384": config.USM_AUTH_HMAC256_SHA384,
                    "sha512": config.USM_AUTH_HMAC384_SHA512}
_PRIVACIES = {"des": config.USM_PRIV_CBC56_DES, "aes128": config.USM_PRIV_CFB128_AES, "aes192": config.USM_PRIV_CFB192_AES,
              "aes256": config.USM_PRIV_CFB256_AES}


class NotifyService:
    """ServiceError if secrets of the managers cannot be used."""

    def __init__(self, setting: Setting) -> None:
        self._monitoring = setting.configuration.monitoring
        try:
            self._secrets = secrets_of(self._monitoring)
        except SecretsError as error:
            raise ServiceError(str(error)) from None

    async def run(self, view: View) -> None:
        managers = self._monitoring.managers
        engine = _engine(self._monitoring, self._secrets)
        originator = NotificationOriginator()
        try:
            open_transports(engine, managers)
            carriers = {m.name: (m.severity, Sender(engine, originator, m)) for m in managers}
            await Teller(view, "managers", carriers).run()
        finally:
            engine.close_dispatcher()


def _engine(monitoring: Monitoring, secrets: Secrets) -> SnmpEngine:
    engine = SnmpEngine(rfc1902.OctetString(hexValue="8000000001020304"))
    for name, string in secrets.communities.items():
        config.add_v1_system(engine, name, string)
    for user in monitoring.users:
        phrases = secrets.users[user.name]
        config.add_v3_user(engine, user.name, _AUTHENTICATIONS[user.auth], phrases.auth, _PRIVACIES[user.priv], phrases.priv)
    return engine
