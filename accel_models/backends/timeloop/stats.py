"""Counts from the statistics file of a Timeloop run, up to its "Networks" heading.

(The front end's own `stats.accesses` is empty for dense runs.)
"""

import re
from dataclasses import dataclass, field

from accel_models.checks import refuse

_LEVEL = re.compile(r"^=== (\S+) ===\s*$")
_MATRIX = re.compile(r"^ {4}(\w+):\s*$")
_FIELD = re.compile(r"^\s+(\S.*?)\s*:\s*(\S.*)$")
_WHERE = "timeloop statistics"


@dataclass(frozen=True)
class Traffic:
    """What happened to one matrix at one level, all instances together.

    Attributes:
        reads: Words read.
        fills: Words written from the level above.
        updates: Words of results written from below.
        capacity: Words held at most, in one instance.
        energy_pj: pJ.
    """

    reads: float
    fills: float
    updates: float
    capacity: float
    energy_pj: float


@dataclass(frozen=True)
class Level:
    """One level of the hierarchy.

    Attributes:
        name: As in the architecture.
        instances: How many there are.
        cycles: Cycles.
        area_um2: Of all instances.
        computes: Multiply-adds; 0 at a storage.
        used: Cells that multiply; 0 at a storage.
        energy_pj: pJ of accesses or computes, without leakage.
        matrices: Traffic by matrix.
    """

    name: str
    instances: int
    cycles: int
    area_um2: float
    computes: int
    used: int
    energy_pj: float
    matrices: dict[str, Traffic] = field(default_factory=dict)


def parse(text: str) -> dict[str, Level]:
    """Return the levels by name.

    Raises:
        ValueError: If the text is not such a file, or a figure is missing from it.
    """
    blocks: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in text.partition("\nNetworks\n")[0].splitlines():
        heading = _LEVEL.match(line)
        if heading:
            current = blocks[heading.group(1)] = []
        elif current is not None:
            current.append(line)
    if "mac" not in blocks or len(blocks) < 2:
        raise refuse(
            _WHERE, f"levels {', '.join(blocks) or 'none'}", "a file with the level mac and storages"
        )
    return {name: _level(name, lines) for name, lines in blocks.items()}


def _level(name: str, lines: list[str]) -> Level:
    own: dict[str, str] = {}
    by_matrix: dict[str, dict[str, str]] = {}
    fields = own
    for line in lines:
        matrix, entry = _MATRIX.match(line), _FIELD.match(line)
        if matrix:
            fields = by_matrix[matrix.group(1)] = {}
        elif entry:
            fields[entry.group(1)] = entry.group(2)
    instances = int(_number(own, "Instances", name))
    if "Computes (total)" in own:
        computes, used = (int(_number(own, key, name)) for key in ("Computes (total)", "Utilized instances"))
        area, energy, matrices = _number(own, "Area (total)", name), _number(own, "Energy (total)", name), {}
    else:
        computes, used = 0, 0
        area = 0.0 if own.get("Area") == "-" else _number(own, "Area", name) * instances
        matrices = {matrix: _traffic(f"{name}.{matrix}", values) for matrix, values in by_matrix.items()}
        energy = sum(traffic.energy_pj for traffic in matrices.values())
    cycles = int(_number(own, "Cycles", name))
    return Level(name, instances, cycles, area, computes, used, energy, matrices)


def _traffic(where: str, values: dict[str, str]) -> Traffic:
    used = _number(values, "Utilized instances (max)", where)
    reads, fills, updates = (
        used * _number(values, f"Scalar {kind} (per-instance)", where)
        for kind in ("reads", "fills", "updates")
    )
    held, energy = _number(values, "Utilized capacity", where), _number(values, "Energy (total)", where)
    return Traffic(reads, fills, updates, held, energy)


def _number(values: dict[str, str], key: str, where: str) -> float:
    """Return the number that a field's text begins with, as in `67.18 pJ` and `256 (16*16)`."""
    text = values.get(key, "missing")
    try:
        number = float(text.split()[0])
    except ValueError:
        raise refuse(f"{_WHERE}: {where}.{key}", text, "a number") from None
    if not 0 <= number < float("inf"):
        raise refuse(f"{_WHERE}: {where}.{key}", text, "a number from 0")
    return number
