"""Reading what users name and writing what they keep: refused early or done whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dse.errors import UserError


def read_text(path: Path) -> str:
    """Return a text file's content.

    Raises:
        UserError: If there is no such file, it is a folder, cannot be read, or is not UTF-8 text.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder: must be a file")
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def check_writable(folder: Path) -> None:
    """Refuse a folder that could not be written to, and leave no trace of having asked.

    Raises:
        UserError: If the folder, or the nearest one above it that exists, takes no new file.
    """
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise UserError(f"{folder}: {existing} is a file: must be a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        with tempfile.TemporaryDirectory(dir=existing):  # /proc and the like take no folder
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written to: {error.strerror}") from None


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file so that it is there complete or, whatever happens, as it was before.

    Raises:
        UserError: If the file cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None
    return path
