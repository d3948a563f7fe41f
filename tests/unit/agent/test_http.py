"""The head of a request, and the response, as an HTTP library of others reads it."""

import http.client
import io
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.agent.programs import probe_source, view_of
from tmon_agent.metrics.answers import Answers
from tmon_agent.metrics.http import Request, Response, parse, written


def test_a_request():
    """Names of fields in lower case, spaces around values away, the query away."""
    head = b"GET /metrics?name[]=up HTTP/1.1\r\nHost: probe:9100\r\nACCEPT:  text/plain;version=0.0.4 \r\nX-Empty:\r\n\r\n"
    assert parse(head) == Request("GET", "/metrics", {"host": "probe:9100", "accept": "text/plain;version=0.0.4", "x-empty": ""})


@pytest.mark.parametrize("head", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n", b"GET /metrics HTTP/2.0\r\n\r\n", b"GET  /metrics HTTP/1.1\r\n\r\n",
    b"GET /met rics HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\nno colon\r\n\r\n", b"GET /metrics HTTP/1.1\r\nA : b\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\n folded: x\r\n\r\n", b"GET /metrics HTTP/1.1\nA: b\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\r\nA: \x00\r\n\r\n",
])
def test_no_request(head):
    assert parse(head) is None


@given(st.binary(max_size=300))
def test_any_octets(octets):
    """Are a request or none; whatever it is gets a response that can be read."""
    found = parse(octets + b"\r\n\r\n")
    assert found is None or isinstance(found, Request)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/metrics", 200), ("GET", "/-/healthy", 200), ("GET", "/", 404), ("GET", "/metrics/", 404), ("POST", "/metrics", 405),
    ("HEAD", "/metrics", 405), ("OPTIONS", "/-/healthy", 405)])
def test_only_two_pages(method, path, status):
    assert Answers(view_of(probe_source())).answer(Request(method, path, {})).status == status


def test_a_program_that_does_not_run_is_not_healthy():
    response = Answers(view_of(None)).answer(Request("GET", "/-/healthy", {}))
    assert (response.status, response.body) == (503, b"probe edge does not run\n")


class _Wire:
    def __init__(self, octets):
        self._octets = octets

    def makefile(self, _mode):
        return io.BytesIO(self._octets)


@pytest.mark.parametrize("response", [Response(HTTPStatus.OK, b"\x00body", "a/b; c=d"), Response(HTTPStatus.NOT_FOUND, b""),
                                      Response.text(HTTPStatus.METHOD_NOT_ALLOWED, "only GET", Allow="GET")])
def test_a_response(response):
    """As http.client reads it: status, type, length, the connection ends."""
    read = http.client.HTTPResponse(_Wire(written(response)))
    read.begin()
    assert (read.status, read.getheader("Content-Type"), read.read()) == (response.status, response.type, response.body)
    assert read.will_close
    assert all(read.getheader(name) == value for name, value in response.fields)
