"""What a score depends on, as one short text: weights, graph, data, and the code that runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256, in hexadecimal, of tensors, texts and numbers in any nesting.

    Raises:
        TypeError: If a part is of another kind.
    """
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    import torch

    if isinstance(part, torch.Tensor):
        tensor = part.detach().cpu().contiguous()
        digest.update(f"tensor {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    elif isinstance(part, Mapping):
        digest.update(f"mapping {len(part)};".encode())
        for name in sorted(part):
            _feed(digest, name)
            _feed(digest, part[name])
    elif isinstance(part, list | tuple):
        digest.update(f"sequence {len(part)};".encode())
        for item in part:
            _feed(digest, item)
    elif part is None or isinstance(part, str | int | float):
        digest.update(f"{type(part).__name__} {part!r};".encode())
    else:
        raise TypeError(f"{type(part).__name__}: must be a tensor, text, number, sequence or mapping")


@cache
def code() -> str:
    """Return a digest of the code that scores depend on: `approx`, its extension, and torch's version."""
    import torch

    import approx

    folder = Path(approx.__file__).parent
    files = sorted(path for kind in ("*.py", "*.cpp", "*.so") for path in folder.rglob(kind))
    digest = hashlib.sha256(torch.__version__.encode())
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
