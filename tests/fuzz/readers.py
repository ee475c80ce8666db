"""Everything that reads a file of a user's, with a file that is right to start from."""

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mutations import to_json, to_toml

from accel_models import Design, Gemm, Hadamard, Lookup, Move, Workload, evaluate
from accel_models.platforms import Platform, dumps, published
from accel_models.platforms import load as load_platforms
from dse import study_file


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        suffix: How its name ends.
        sample: A file that is right, as plain values.
        read: Reads it; a refusal names the file.
        use: Does with the result what the program would; a refusal need not name the file.
        write: A document as the bytes of a file; by the suffix if not given.
    """

    suffix: str
    sample: Any
    read: Callable[[Path], Any]
    use: Callable[[Any], Any]
    write: Callable[[Any], bytes] | None = None

    def text(self, document: Any) -> bytes:
        """Return a document as the bytes of a file."""
        if self.write is not None:
            return self.write(document)
        form = to_json if self.suffix == ".json" else to_toml
        return form(document).encode("utf-8", "surrogatepass")


WORK = Workload([Gemm(5, 6, 7, "a", count=2), Hadamard(35, "b"), Lookup(35, 8, "shift", "c"), Move(35, "d")])


def _technology(path: Path) -> Design:
    return Design(technology=str(path))


def _design(design: Design) -> Any:
    return design.to_toml(), evaluate(design, WORK).energy_j


def _workload(workload: Workload) -> Any:
    return workload.digest, evaluate(Design(), workload).cycles


def _platforms(rows: Sequence[Platform]) -> Any:
    return tomllib.loads(dumps(rows)), [row.per_joule(1e9) for row in rows]


def _toml(package: str, name: str) -> Any:
    return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))


_STUDIES = Path(__file__).parents[2] / "studies"
_STUDY = tomllib.loads((_STUDIES / "bert_digits.toml").read_text(encoding="utf-8"))
_CELLS = _toml("accel_models.technology", "45nm.toml")
_ROWS = tomllib.loads(dumps(published()[:2]))

READERS = {
    "design.toml": Reader(".toml", Design().to_dict(), Design.load, _design),
    "design.json": Reader(".json", Design(dataflow="os", parameter_copies=3).to_dict(), Design.load, _design),
    "technology.toml": Reader(".toml", _CELLS, _technology, _design),
    "workload.json": Reader(".json", json.loads(json.dumps(WORK.to_dict())), Workload.load, _workload),
    "study.toml": Reader(".toml", _STUDY, study_file.load, str),
    "platforms.toml": Reader(".toml", _ROWS, load_platforms, _platforms),
}
"""By a name for reports."""
