"""The file of a saved program: one safetensors file, with the program as JSON in its header.

The header also holds the SHA-256 of the whole file (its own 64 digits counted as zeros), so that a byte
changed anywhere is seen. The hash is no signature: whoever reads the document still trusts nothing in it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

NAME = "neuralmatrix-program"
FORMAT = 2
_UNSEALED = "0" * 64
_LARGEST_HEADER = 100_000_000  # what safetensors itself allows


@dataclass(frozen=True)
class ProgramFile:
    """A file that has been read and found whole.

    Attributes:
        path: where it lies.
        content: its bytes.
        document: the program: JSON values.
    """

    path: Path
    content: bytes
    document: dict[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The tensors, as numpy arrays.

        Raises:
            ValueError: a tensor's type is none of numpy's.
        """
        try:
            return {name: _array(**stored) for name, stored in deserialize(self.content)}  # type: ignore[no-untyped-call]
        except (SafetensorError, KeyError, AttributeError, TypeError) as error:
            raise self.refused(f"its tensors cannot be read by numpy ({error})") from None

    def refused(self, reason: str) -> ValueError:
        """The error that names the file and why it is not taken."""
        return refused(self.path, reason)


def refused(path: Path, reason: str) -> ValueError:
    """The error that names the file and why it is not taken, in one line."""
    return ValueError(f"program file {path}: {' '.join(reason.split())}")


def metadata(document: Mapping[str, Any]) -> dict[str, str]:
    """The header's one entry for `document`, before the file is sealed."""
    sealed = {"format": FORMAT, "sha256": _UNSEALED, "program": document}
    return {NAME: json.dumps(sealed, allow_nan=False, separators=(",", ":"))}


def seal(content: bytes) -> tuple[bytes, memoryview]:
    """Return a program file in two parts, made of a safetensors file with `metadata`; nothing is copied."""
    return _sealed_header(content), memoryview(content)[_header_end(content) :]


def write(path: Path, content: bytes) -> None:
    """Seal a safetensors file made with `metadata` and write it whole or not at all.

    Raises:
        ValueError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            file.writelines(seal(content))
        temporary.replace(path)
    except OSError as error:
        raise refused(path, f"cannot be written ({error.strerror})") from None
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> ProgramFile:
    """Read a saved program.

    Raises:
        ValueError: the file is missing, truncated, altered, of a later format or no program at all.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refused(path, f"cannot be read ({error.strerror})") from None
    sealed = _sealed_document(path, content)
    if sealed.get("format") != FORMAT:
        given = f"{sealed.get('format')!r}"[:80]
        raise refused(path, f"of format {given}: this version of the toolkit reads format {FORMAT}")
    if sealed.get("sha256") != _digest(content, str(sealed.get("sha256"))):
        raise refused(path, "truncated or altered since it was saved (its SHA-256 is another)")
    document = sealed.get("program")
    if not isinstance(document, dict):
        raise refused(path, "its program is no JSON object")
    return ProgramFile(path, content, document)


def _header_end(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def _sealed_document(path: Path, content: bytes) -> dict[str, Any]:
    end = _header_end(content)
    if len(content) < 8 or not 8 < end <= _LARGEST_HEADER or content[8:9] != b"{":
        raise refused(path, "not a program saved by this toolkit (no safetensors header)")
    if end > len(content):
        raise refused(path, f"truncated ({len(content)} bytes, its header alone has {end})")
    try:
        sealed = json.loads(json.loads(content[8:end])["__metadata__"][NAME])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise refused(path, "not a program saved by this toolkit, or altered (no readable program)") from None
    if not isinstance(sealed, dict):
        raise refused(path, "not a program saved by this toolkit (no JSON object)")
    return sealed


def _sealed_header(content: bytes) -> bytes:
    """The header with the digest put in where JSON, as a text inside JSON, keeps the place free."""
    mark = rb"\"sha256\":\"%s\""
    digest = _digest(content, _UNSEALED).encode()
    return content[: _header_end(content)].replace(mark % _UNSEALED.encode(), mark % digest, 1)


def _digest(content: bytes, stated: str) -> str:
    """SHA-256 of the file, the digest that it states counted as zeros."""
    end = _header_end(content)
    digest = hashlib.sha256(content[:end].replace(stated.encode(), _UNSEALED.encode(), 1))
    digest.update(memoryview(content)[end:])  # weights may be gigabytes: not copied
    return digest.hexdigest()


_STORED = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
}


def _array(dtype: str, shape: Sequence[int], data: Any) -> NDArray[Any]:
    """A stored tensor; bfloat16 is the upper half of float32."""
    if dtype == "BF16":
        halves = np.frombuffer(data, np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, _STORED[dtype]).reshape(shape)


def to_bfloat16(values: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers rounded to those of bfloat16, halves to the even one, as float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    finite = np.isfinite(values)
    return np.where(finite, rounded.view(np.float32), values).astype(np.float32)


def numpy_type(name: str) -> np.dtype[Any]:
    """The numpy type that a program calls `name`.

    Raises:
        ValueError: the machine has no such type.
    """
    if name not in _TYPES:
        raise ValueError(f"type {name}: must be one of {', '.join(_TYPES)}")
    return np.dtype(_TYPES[name])


_TYPES = {
    "bool": "bool",
    "uint8": "uint8",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "float16": "float16",
    "float32": "float32",
    "float64": "float64",
    "bfloat16": "float32",  # which holds its numbers; numpy has none
}
