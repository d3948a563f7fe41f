"""Files that are no configuration, by accident or on purpose, cost a line: no memory, no time, nothing fetched, no traceback."""

import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.config.documents import GOOD, problems_of, spoiled, write
from tmon_common.config.document import MAX_ELEMENTS, MAX_OCTETS
from tmon_common.config.read import read

SUBSET = "declarations inside the document are not accepted"
LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
DECLARATIONS = {
    "billion laughs": f'<!DOCTYPE trafmon [<!ENTITY l0 "ha">{LAUGHS}]><trafmon>&l11;</trafmon>',
    "laughs in an attribute": f'<!DOCTYPE trafmon [<!ENTITY l0 "ha">{LAUGHS}]><trafmon startAt="&l11;"/>',
    "quadratic": f'<!DOCTYPE trafmon [<!ENTITY a "{"a" * 50_000}">]><trafmon>{"&a;" * 50_000}</trafmon>',
    "external entity": '<!DOCTYPE trafmon [<!ENTITY x SYSTEM "file:///etc/passwd">]><trafmon>&x;</trafmon>',
    "parameter entity": '<!DOCTYPE trafmon [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><trafmon/>',
    "other grammar": "<!DOCTYPE trafmon [<!ELEMENT trafmon ANY>]><trafmon/>",
    "other defaults": '<!DOCTYPE trafmon [<!ATTLIST trafmon startAt CDATA "2001-01-01T00:00:00Z">]><trafmon/>',
    "empty subset": "<!DOCTYPE trafmon []><trafmon/>",
}


@pytest.mark.parametrize("text", DECLARATIONS.values(), ids=DECLARATIONS.keys())
def test_declarations_in_the_document(tmp_path, text):
    """A document brings no entities, grammar or defaults of its own."""
    (problem,) = problems_of(write(tmp_path, text))
    assert SUBSET in problem.message
    assert problem.line == 1


NO_XML = {
    "text": (b"hello", 1, "not well-formed XML"),
    "cut": (GOOD[:800].encode(), 22, "not well-formed XML"),
    "tags that do not match": (b"<trafmon>\n<a>\n</trafmon>", 3, "tag mismatch"),
    "binary": (bytes(range(256)), 1, "not well-formed XML"),
    "zeros": (bytes(1000), 1, "not well-formed XML"),
    "octets that are not UTF-8": (b'<trafmon startAt="\xff"/>', 1, "not well-formed XML"),
    "unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><trafmon/>', 1, "not well-formed XML"),
    "encoding that lies": (b'<?xml version="1.0" encoding="utf-16"?><trafmon/>', 1, "not well-formed XML"),
    "attribute twice": (b'<trafmon startAt="1" startAt="2"/>', 1, "not well-formed XML"),
    "undeclared namespace": (b"<trafmon><a:b/></trafmon>", 1, ""),
    "deep": (b"<trafmon>" * 5000 + b"</trafmon>" * 5000, 1, ""),
    "empty": (b"", 0, "is empty"),
    "blank": (b" \n\t\n", 0, "is empty"),
}


@pytest.mark.parametrize(("data", "line", "message"), NO_XML.values(), ids=NO_XML.keys())
def test_no_xml(tmp_path, data, line, message):
    """What is not XML is told with the line where it ends to be."""
    problems = problems_of(write(tmp_path, data))
    assert line == problems[0].line
    assert message in problems[0].message


def test_directory(tmp_path):
    """A directory is not a file."""
    (problem,) = problems_of(tmp_path)
    assert f"{tmp_path}: cannot be read: Is a directory" == str(problem)


def test_absent(tmp_path):
    """A file that is not there is named."""
    (problem,) = problems_of(tmp_path / "tmon.xml")
    assert f"{tmp_path}/tmon.xml: cannot be read: No such file or directory" == str(problem)


@pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")
def test_unreadable(tmp_path):
    """Without permission: the system's words."""
    path = write(tmp_path)
    path.chmod(0)
    tmp_path.chmod(0o755)
    script = (
        "import os, sys, pathlib; from tmon_common.config import document, problems; os.seteuid(65534)\n"
        "try: document.read_octets(pathlib.Path(sys.argv[1]))\n"
        "except problems.ConfigurationError as e: print(e)"
    )
    told = subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True, text=True).stdout
    assert f"{path}: cannot be read: Permission denied\n" == told


def test_endless_file():
    """Reading stops at the limit."""
    (problem,) = problems_of(Path("/dev/zero"))
    assert f"is larger than {MAX_OCTETS >> 20} MiB" in problem.message


FLOODS = {
    "octets": lambda: b"<trafmon>" + b" " * MAX_OCTETS + b"</trafmon>",
    "elements": lambda: b"<trafmon>" + b"<a/>" * (MAX_ELEMENTS + 1) + b"</trafmon>",
    "unknown elements": lambda: b"<trafmon>" + b"<a>\n</a>" * (MAX_ELEMENTS - 1) + b"</trafmon>",
    "known elements": lambda: b"<trafmon>" + b"<probes/>\n" * (MAX_ELEMENTS - 1) + b"</trafmon>",
    "attributes": lambda: b"<trafmon " + b" ".join(b"a%x='1'" % i for i in range(300_000)) + b"/>",
    "a line of tags": lambda: b"<trafmon>" + b"<publish\nqueu='1'/>" * (MAX_ELEMENTS - 1) + b"</trafmon>",
    "one value": lambda: GOOD.replace("80 443 8000-8100", "80 443 " * 500_000).encode(),
    "references": lambda: (
        spoiled("  </histograms>", "".join(f"<histogram name='h{i}' bounds='1'/>" for i in range(15_000)) + "</histograms>")[0]
        .replace('"sizes" i', '"x" i')
        .encode()
    ),
}
_BOUNDED = """
import resource, sys, time
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
try: read(sys.argv[1])
except ConfigurationError as error: assert error.problems
else: raise SystemExit("no complaint")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - start)
"""


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_floods(tmp_path, flood):
    """The largest files accepted for reading are refused within bounded memory, under a hard limit of address space."""
    path = write(tmp_path, flood())
    limit = 1 << 30
    done = subprocess.run(
        [sys.executable, "-c", _BOUNDED, path],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert done.returncode == 0, done.stderr
    kilobytes, _seconds = done.stdout.split()
    assert int(kilobytes) < 200_000


def test_nothing_is_fetched(tmp_path):
    """Neither the document's DOCTYPE nor its processing instructions make us ask anyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = GOOD.replace('SYSTEM "trafmon.dtd"', f'SYSTEM "http://127.0.0.1:{port}/trafmon.dtd"')
        read(write(tmp_path, f'<?xml-stylesheet href="http://127.0.0.1:{port}/x.xsl"?>{text}'))
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_own_dtd_of_the_document_is_not_used(tmp_path):
    """A grammar beside the file does not replace ours."""
    write(tmp_path, "<!ELEMENT trafmon ANY><!ENTITY x 'y'>", "trafmon.dtd")
    text, line = spoiled("  <store", "<strange/><store")
    assert [line] == [p.line for p in problems_of(write(tmp_path, text))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(tmp_path, encoding):
    """What XML allows may be used, and lines are still found."""
    label = encoding.removesuffix("-sig")
    good = f'<?xml version="1.0" encoding="{label}"?>' + GOOD.replace("p1", "pé")
    text, line = spoiled("spool directory", "spool\n  diretory", good)
    assert [line, line + 1] == [p.line for p in problems_of(write(tmp_path, text.encode(encoding)))]
    assert read(write(tmp_path, good.encode(encoding))).probes[0].name == "pé"
