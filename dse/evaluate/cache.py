"""The score cache: what tables were scored with, a file a score, for every later run.

The key is everything that a score depends on; see `Network.fingerprint`. The coordinator alone writes, each
file whole or not at all; one that is not whole is as good as none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from approx.folders import cache_folder
from dse.errors import UserError
from dse.files import write_whole

Figures = dict[str, Any]
"""Metrics by name, see `dse.metrics`; beside them, where the outputs moved, see `dse.directions`."""

FOLDER = "scores"


def score_key(**dependencies: Any) -> str:
    """Return the SHA-256, in hexadecimal, of all that a score depends on, given as plain values by name."""
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()


class ScoreCache:
    """Scores by key, as files of a folder.

    Args:
        folder: Where they are; `scores` in the user's cache folder if None.
        say: Told once, in a line, if the folder cannot be read or written; the run goes on without it.
    """

    def __init__(self, folder: Path | None = None, say: Callable[[str], None] | None = None) -> None:
        self.folder = cache_folder() / FOLDER if folder is None else folder
        self._say, self._usable = say or (lambda _: None), True

    def get(self, key: str) -> Figures | None:
        """Return a score, or None if there is none that is whole."""
        if not self._usable:
            return None
        try:
            found = json.loads(self._path(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up(f"cannot be read: {error.strerror}")
            return None
        except ValueError:  # not whole, or not text: it is made anew, and replaced
            return None
        return found["score"] if isinstance(found, dict) and found.get("key") == key else None

    def put(self, key: str, figures: Figures) -> None:
        """Keep a score."""
        if self._usable:
            try:
                write_whole(self._path(key), json.dumps({"key": key, "score": figures}))
            except UserError as error:
                self._give_up(str(error).partition(": ")[2])

    def _give_up(self, why: str) -> None:
        self._usable = False
        self._say(f"score cache {self.folder}: {why}; this run goes on without it")

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"
