"""Files as nobody should write them: documents with some values, names or characters changed.

A mutation starts from a file that is right, so that most of it is still read and what is wrong lies deep.
"""

import copy
import datetime
import json
import math
from typing import Any

from hypothesis import strategies as st

NUMBERS = [0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 1e-320, 1e308, math.inf, -math.inf, math.nan]
TEXTS = ["", " ", "\0", "\x7f", "$$", "a" * 300, "../x:make", ".x:make", "x:y:z", "~nobody/x", "/dev/stdin"]
MORE_TEXTS = ["<script>alert(1)</script>", "\ud7ff\uffff", "int8", "nan", "1e999", "a\nb", "None", "-"]
PARTS: list[Any] = [
    True,
    False,
    [],
    {},
    [[]],
    [{}],
    [1, "a", None],
    {"": 1},
    {"min": 0, "max": -1},
    {"a": {"a": {}}},
]
TIMES = [datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1, 1, 1), datetime.time(1, 1)]

NASTY: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*NUMBERS, *TEXTS, *MORE_TEXTS, *PARTS, *TIMES]),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.recursive(st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=3), max_leaves=6),
)
"""Values that a field is not made for, and some that it is."""

Path = tuple[Any, ...]


def places(document: Any, at: Path = ()) -> list[Path]:
    """Return the path of every value in a document."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document))
    return [at, *(path for key, value in inner for path in places(value, (*at, key)))]


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """Return a document of which one to three values are replaced, left out, added or named otherwise."""
    result = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([place for place in places(result) if place] or [()]))
        if not path:
            return copy.deepcopy(draw(NASTY))
        parent = result
        for key in path[:-1]:
            parent = parent[key]
        _change(draw, parent, path[-1])
    return result


def _change(draw: st.DrawFn, parent: Any, key: Any) -> None:
    kind = draw(st.sampled_from(["value", "value", "value", "gone", "added", "renamed", "twice"]))
    if kind == "gone":
        del parent[key]
    elif kind == "added" and isinstance(parent, dict):
        parent[draw(st.text(min_size=1, max_size=12))] = copy.deepcopy(draw(NASTY))
    elif kind == "renamed" and isinstance(parent, dict):
        parent[draw(st.text(min_size=1, max_size=12))] = parent.pop(key)
    elif kind == "twice" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(draw(NASTY))


def to_toml(document: Any) -> str:
    """Return a document as TOML, all below the first level in line; what TOML has no form for is left out."""
    if not isinstance(document, dict):
        return f"value = {_toml(document)}\n"
    return "".join(f"{_key(key)} = {_toml(value)}\n" for key, value in document.items() if value is not None)


def _key(key: Any) -> str:
    return json.dumps(str(key)).replace("\x7f", "\\u007F")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value if item is not None) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else _key(value)


def to_json(document: Any) -> str:
    """Return a document as JSON, with the infinities and NaN that Python reads and writes."""
    return json.dumps(document, default=str)


@st.composite
def scrambled(draw: st.DrawFn, text: bytes) -> bytes:
    """Return a file of which some bytes are changed, cut out, doubled or replaced by deep nesting."""
    result = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(result) - 1)))
        length = draw(st.integers(0, 20))
        kind = draw(st.sampled_from(["bytes", "cut", "double", "nest", "digits", "end"]))
        if kind == "bytes":
            result[at : at + length] = draw(st.binary(max_size=20))
        elif kind == "cut":
            del result[at : at + length]
        elif kind == "double":
            result[at:at] = result[at : at + 10 * length]
        elif kind == "nest":
            result[at:at] = draw(st.sampled_from([b"[", b"{", b"{a=", b'{"a":'])) * 20_000
        elif kind == "digits":
            result[at:at] = b"9" * draw(st.sampled_from([30, 400, 5000]))
        else:
            del result[at:]
    return bytes(result)
