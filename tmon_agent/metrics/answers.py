"""What is answered to whom asks for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tmon_agent.metrics.families import Families, family_of
from tmon_agent.metrics.http import Request, Response
from tmon_agent.metrics.names import CONNECTIONS
from tmon_agent.view import View

OUTCOMES = ("answered", "refused", "cut", "garbled")
"""Of connections: beyond what is open at a time; too slow; no request of HTTP."""


class Answers:
    """connections: counts them by outcome."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.connections = Counter(dict.fromkeys(OUTCOMES, 0))
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Families(view))
        self._registry.register(_Connections(self.connections))
        self._pages: dict[str, Callable[[Request], Response]] = {"/metrics": self._metrics, "/-/healthy": self._healthy}

    def answer(self, request: Request | None) -> Response:
        if request is None:
            return Response.text(HTTPStatus.BAD_REQUEST, "no request of HTTP/1.1")
        page = self._pages.get(request.path)
        if page is None:
            return Response.text(HTTPStatus.NOT_FOUND, "metrics are at /metrics")
        if request.method != "GET":
            return Response.text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET", Allow="GET")
        return page(request)

    def _metrics(self, request: Request) -> Response:
        """As OpenMetrics where that is asked for, else in the text format of Prometheus."""
        encode, content_type = choose_encoder(request.fields.get("accept", ""))
        return Response(HTTPStatus.OK, encode(self._registry), content_type)

    def _healthy(self, _request: Request) -> Response:
        program = self._view.setting.program
        if self._view.program() is None:
            return Response.text(HTTPStatus.SERVICE_UNAVAILABLE, f"{program} does not run")
        return Response.text(HTTPStatus.OK, f"{program} runs")


class _Connections(Collector):
    def __init__(self, counted: Counter[str]) -> None:
        self._counted = counted

    def collect(self):
        yield family_of(CONNECTIONS, [((outcome,), self._counted[outcome]) for outcome in OUTCOMES])
