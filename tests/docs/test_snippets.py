"""Every snippet of the README and the documentation is run, page by page, in the order it is read.

A `python` block is executed, the blocks of a page in one namespace; a line `$ command` of a `console` block
is run by the shell; a block with a title is a file of that name, and a `toml` block must parse. The pages'
folder has the ready studies in it, as a clone would.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    language: str
    title: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        indent, language, title, body = found.groups()
        plain = "\n".join(line.removeprefix(indent) for line in body.splitlines())
        yield Block(language, title, plain + "\n", text[: found.start()].count("\n") + 1)


def run_python(block: Block, page: Path, namespace: dict) -> None:
    source = "\n" * block.line + block.text  # so that an error shows the page's own line
    exec(compile(source, str(page), "exec"), namespace)  # noqa: S102 - our own documentation


def run_console(block: Block, page: Path) -> None:
    for line in block.text.splitlines():
        if line.startswith("$ "):
            ran = subprocess.run(["bash", "-ec", line[2:]], capture_output=True, text=True, check=False)  # noqa: S603, S607
            assert ran.returncode == 0, f"{page.name}:{block.line}: {line}\n{ran.stdout}\n{ran.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_snippets_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "studies").symlink_to(ROOT / "studies")
    namespace: dict = {"__name__": "page"}
    for block in blocks(page):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
        if block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "console":
            run_console(block, page)
        elif block.language == "python" and not block.title:
            run_python(block, page, namespace)


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES[1:]:
        assert page.name in navigation
