"""A configuration file as an XML tree with line numbers, or the one reason why it is none.

Hostile files end here, before they take memory: size and number of elements are bounded, nothing is fetched, and a document
brings no declarations of its own (entities, defaults).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from xml.parsers import expat

from lxml import etree

from tmon_common.config.problems import ConfigurationError, Problem

MAX_OCTETS = 4 << 20
MAX_ELEMENTS = 20_000
MAX_ATTRIBUTES = 100
"""Of one element."""


class Document:
    """root: element `trafmon`, or that of another grammar, or whatever the file has instead.

    directory: where relative paths start; digest: of its octets
    """

    def __init__(self, path: Path, root: etree._Element, start_lines: list[int], text: str, directory: Path, digest: str) -> None:
        self.path, self.directory, self.digest = path, directory, digest
        self.root = root
        self._start = dict(zip(root.iter("*"), start_lines, strict=False))
        self._text_lines = text.split("\n")

    def line(self, element: etree._Element, attribute: str | None = None) -> int:
        """Line where the element's tag begins, or where the attribute stands if it is there."""
        start = self._start.get(element, element.sourceline or 0)
        if attribute is not None:
            end = max(start, element.sourceline or 0)  # libxml2 tells the last line of the tag
            for number in range(start, end + 1) if end > start else ():
                if re.search(rf"(?<![\w.:-]){re.escape(attribute)}\s*=", self._text_lines[number - 1]):
                    return number
        return start


def load_document(path: Path, root: str = "trafmon") -> Document:
    """The tree of an XML file. ConfigurationError, with one problem, if it cannot be read, is not XML, or is too large.

    root: the element that is expected, for messages.
    """
    return parse_document(path, read_octets(path), root=root)


def parse_document(path: Path, data: bytes, directory: Path | None = None, root: str = "trafmon") -> Document:
    """The same of octets that have been read. path: for messages; directory: if relative paths do not start at that file's."""
    if len(data) > MAX_OCTETS:
        _fail(path, 0, f"is larger than {MAX_OCTETS >> 20} MiB; no configuration is")
    if not data.strip():
        _fail(path, 0, f"is empty; expected <{root}> ... </{root}>")
    start_lines, complaint = _inspect(path, data, root)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False)
    try:
        tree = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        _fail(path, error.lineno or 1, f"this is not well-formed XML: {_bare(error.msg)}")
    for entry in parser.error_log:
        if entry.type_name == "WAR_UNDECLARED_ENTITY":
            _fail(path, entry.line, f"{_bare(entry.message)}; only &lt; &gt; &amp; &quot; and &apos; are")
    if complaint is not None:
        _fail(path, *complaint)
    encoding = tree.getroottree().docinfo.encoding or "utf-8"
    text = data.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return Document(path, tree, start_lines, text, directory or path.absolute().parent, digest_of(data))


def digest_of(data: bytes) -> str:
    """What tells versions of a file apart: SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_octets(path: Path) -> bytes:
    """What is in the file, one octet more than it may have at most. ConfigurationError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_OCTETS + 1)
    except OSError as error:
        _fail(path, 0, f"cannot be read: {error.strerror or error}")


def _inspect(path: Path, data: bytes, root: str) -> tuple[list[int], tuple[int, str] | None]:
    """First line of each start tag, in document order; and what expat finds wrong, if anything, as (line, message).

    Declarations inside the document and floods of elements are refused at once: libxml2 does not get to see them.
    """
    lines: list[int] = []
    parser = expat.ParserCreate()

    def start_element(_tag: str, attributes: dict) -> None:
        lines.append(parser.CurrentLineNumber)
        if len(attributes) > MAX_ATTRIBUTES:
            _fail(path, parser.CurrentLineNumber, f"an element has more than {MAX_ATTRIBUTES} attributes; no configuration has")
        if len(lines) > MAX_ELEMENTS:
            _fail(path, parser.CurrentLineNumber, f"has more than {MAX_ELEMENTS} elements; no configuration has")

    def start_doctype(_name: str, _system: str | None, _public: str | None, has_internal_subset: bool) -> None:
        if has_internal_subset:
            _fail(path, parser.CurrentLineNumber,
                  f'declarations inside the document are not accepted; expected only <!DOCTYPE {root} SYSTEM "{root}.dtd">')

    parser.StartElementHandler = start_element
    parser.StartDoctypeDeclHandler = start_doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        message = expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)
        return lines, (parser.CurrentLineNumber, f"this is not well-formed XML: {message}")
    return lines, None


def _bare(message: str | None) -> str:
    """libxml2's message without its position, which we tell in our way."""
    return re.sub(r", line \d+, column \d+$", "", message or "unknown error").strip()


def _fail(path: Path, line: int, message: str):
    raise ConfigurationError([Problem(path, line, "", message)])
