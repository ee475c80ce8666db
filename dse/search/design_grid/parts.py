"""Where an enumeration keeps the metrics of all designs: a file a chunk, and how far it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dse.files import write_whole

FOLDER = "designs"
STATE = "state.json"


@dataclass(frozen=True)
class Parts:
    """The folder of an enumeration.

    Attributes:
        folder: Where it is; not made before something is written.
        identity: A digest of all that the metrics depend on.
    """

    folder: Path
    identity: str

    def state(self) -> dict[str, Any] | None:
        """Return how far the same enumeration came; None if it was not begun, or another was."""
        try:
            state: dict[str, Any] = json.loads((self.folder / STATE).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return state if state.get("identity") == self.identity else None

    def clear(self) -> None:
        """Remove the files of another enumeration."""
        for path in [*self.folder.glob("part-*"), self.folder / STATE]:
            path.unlink(missing_ok=True)

    def write(self, index: int, table: pd.DataFrame) -> None:
        """Write the metrics of a chunk in single precision: Parquet, or compressed CSV without pyarrow."""
        numbers = table.select_dtypes("float64").columns
        small = table.astype(dict.fromkeys(numbers, np.float32))
        kind, data = ("parquet", _parquet(small)) if has_parquet() else ("csv.gz", _csv(small))
        write_whole(self.folder / f"part-{index:05}.{kind}", data)

    def mark(self, state: Mapping[str, Any]) -> None:
        """Write how far the enumeration is."""
        write_whole(self.folder / STATE, json.dumps({"identity": self.identity, **state}))


def has_parquet() -> bool:
    """Whether pyarrow is installed, which writes Parquet: 170 MB that few need."""
    return find_spec("pyarrow") is not None


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, engine="pyarrow", index=False, compression="zstd")
    return buffer.getvalue()


def _csv(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_csv(buffer, index=False, compression={"method": "gzip", "compresslevel": 1})
    return buffer.getvalue()
