"""Trained weights kept between runs: one safetensors file a network, checked before it is believed.

A file says in its header which recipe made it and what its tensors hash to. One that is truncated, altered
or made by something else is refused, never repaired or overwritten: the user decides what to delete.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from approx.folders import VARIABLE

FORMAT = "neuralmatrix-weights-1"


def recipe_digest(recipe: Mapping[str, object]) -> str:
    """Return the SHA-256, in hexadecimal, of everything that decides what training gives."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def require_writable(folder: Path) -> None:
    """Make the folder and try a file in it, so that no training is lost for want of a place to keep it.

    Raises:
        ValueError: If the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"cache folder {folder}: cannot be written ({error.strerror}): set {VARIABLE} to one that can"
        ) from None


def save_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write weights and metadata so that the file is there whole or not at all.

    Processes that train the same network at once each write a file of their own; the last one stays.

    Raises:
        ValueError: If the file cannot be written.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {**metadata, "format": FORMAT, "tensors_sha256": _tensors_digest(kept)}
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        save_file(kept, temporary, header)
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def load_weights(path: Path, digest: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file that the recipe with this digest made.

    Raises:
        ValueError: If the file is unreadable, damaged, altered, or another program's or recipe's.
    """
    try:
        content = path.read_bytes()  # once: another process may replace the file at any moment
        tensors, metadata = load(content), _metadata(content)
    except (OSError, SafetensorError) as error:
        raise refused(path, f"unreadable or truncated ({error})") from None
    if metadata.get("format") != FORMAT:
        raise refused(path, f"not weights of this toolkit (format = {metadata.get('format')!r})")
    if metadata.get("recipe_sha256") != digest:
        raise refused(path, "made by another training recipe")
    if metadata.get("tensors_sha256") != _tensors_digest(tensors):
        raise refused(path, "its weights were altered after training")
    return tensors, metadata


def refused(path: Path, reason: str) -> ValueError:
    """Return the error that tells the user which cache file to delete, and why."""
    return ValueError(f"cache file {path}: {' '.join(reason.split())}: delete it to train again")


def _metadata(content: bytes) -> dict[str, str]:
    """What a valid safetensors file says of itself: its header is JSON behind its length in 8 bytes."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata: dict[str, str] = header.get("__metadata__") or {}
    return metadata


def _tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()
