"""Links of the guide to files beside docs/ (grammar, samples): the site gets a copy of each, so that they work there, too.

A hook of MkDocs (mkdocs.yml). Files go to files/, under their own path; a folder gets a page of its own, a list of what is in it.
decisions/ gets such a list, too.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<=\]\()(?P<path>(?:\.\./)+[^)#\s]+)(?=[)#])")

NOTED_FENCE = re.compile(r"^```\w+ [\w ]+$", re.MULTILINE)
"""Blocks with a note for tests behind the language, which the site would not take for blocks."""


def on_files(files: Files, config) -> Files:
    """Copies of everything outside docs/ that some page links to."""
    for page in files.documentation_pages():
        folder = Path(page.abs_src_path).parent
        for link in LINK.finditer(page.content_string):
            target = (folder / link["path"]).resolve()
            if _outside(target, config):
                _add(files, target, config)
    files.append(File.generated(config, "decisions/index.md", content=_decisions(files)))
    return files


def on_page_markdown(markdown: str, page, config, files: Files) -> str:  # noqa: ARG001 MkDocs fixes the signature
    """Links to these copies."""
    if page.file.abs_src_path is None:  # a list of a folder, made here
        return markdown
    folder = Path(page.file.abs_src_path).parent

    def rewritten(link: re.Match) -> str:
        target = (folder / link["path"]).resolve()
        if not _outside(target, config):
            return link["path"]
        up = "../" * page.file.src_uri.count("/")
        return up + _uri(target)

    return NOTED_FENCE.sub("```text", LINK.sub(rewritten, markdown))


def _decisions(files: Files) -> str:
    pages = sorted((f for f in files.documentation_pages() if f.src_uri.startswith("decisions/")), key=lambda f: f.src_uri)
    titles = [f.content_string.partition("\n")[0].lstrip("# ") for f in pages]
    lines = ["# Decisions", "", "What was decided, why, and what was measured for it.", ""]
    return "\n".join([*lines, *(f"- [{title}]({Path(f.src_uri).name})" for f, title in zip(pages, titles, strict=True))]) + "\n"


def _outside(target: Path, config) -> bool:
    return target.exists() and target.is_relative_to(ROOT) and not target.is_relative_to(config["docs_dir"])


def _uri(target: Path) -> str:
    path = target.relative_to(ROOT).as_posix()
    return f"files/{path}/index.md" if target.is_dir() else f"files/{path}"


def _add(files: Files, target: Path, config) -> None:
    uri = _uri(target)
    if files.get_file_from_path(uri) is not None:
        return
    if not target.is_dir():
        files.append(File.generated(config, uri, abs_src_path=str(target)))
        return
    held = sorted(p for p in target.iterdir() if p.is_file())
    for path in held:
        _add(files, path, config)
    lines = [f"# {target.relative_to(ROOT)}", "", *(f"- [{p.name}]({p.name})" for p in held)]
    files.append(File.generated(config, uri, content="\n".join(lines) + "\n"))
