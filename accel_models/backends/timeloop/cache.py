"""Results and energy tables on disk, by a hash of everything they depend on.

An entry is there whole or not at all. One that cannot be read is as none; one that cannot be written costs a
repetition, not the result, and a warning says so.
"""

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

VARIABLE = "NEURALMATRIX_CACHE"


def folder() -> Path:
    """Return the folder for entries: in `NEURALMATRIX_CACHE`, or in the user's cache folder."""
    import platformdirs  # imported here: only this backend needs it

    chosen = os.environ.get(VARIABLE)
    base = Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("neuralmatrix")
    return base / "timeloop"


def digest(*content: Any) -> str:
    """Return the SHA-256, in hexadecimal, of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load(key: str) -> dict[str, str] | None:
    """Return an entry, or None."""
    try:
        entry = json.loads((folder() / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    plain = isinstance(entry, dict) and all(isinstance(value, str) for value in entry.values())
    return entry if plain else None


class CacheWarning(UserWarning):
    """A result could not be kept, and will be computed again."""


def keep(key: str, entry: dict[str, str]) -> None:
    """Keep an entry, if the disk lets us; a CacheWarning names the folder if it does not."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        _write(folder() / f"{key}.json", entry)
    except OSError as error:
        text = f"{folder()}: {error.strerror}: Timeloop's results are not kept and will be computed again"
        warnings.warn(text, CacheWarning, stacklevel=2)


def _write(path: Path, entry: dict[str, str]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(entry, file)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
