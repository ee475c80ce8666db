"""Counts and energy of a GEMM under an explicit mapping, as Timeloop counts (Parashar et al., ISPASS 2019).

Loops that do not index a matrix, and lie inside the innermost loop that does, reuse what is already there. A
spatial loop that does not index an operand multicasts it; one that does not index the result adds its partial
sums up on the way. The first write of a partial sum needs no read before it.
"""

import math
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from typing import Any

from accel_models.checks import refuse
from accel_models.mapping import DIMENSIONS, INDEXED_BY, Mapping
from accel_models.workload import Gemm


@dataclass(frozen=True)
class Accesses:
    """Words read and written at one level for one matrix, all instances together.

    Attributes:
        reads: Words read to serve the level below, or to add to.
        fills: Words written from the level above.
        updates: Words of results written from below.
    """

    reads: float = 0
    fills: float = 0
    updates: float = 0


@dataclass(frozen=True)
class ActionEnergies:
    """pJ an action of each component; a DRAM or buffer word costs its share of a block.

    Attributes:
        mac: pJ a multiply-add.
        register_read: pJ a word of a cell's register.
        register_write: pJ a word.
        buffer_read: pJ a word of the global buffer.
        buffer_write: pJ a word.
        buffer_leak: pJ a cycle.
        dram_read: pJ a word.
        dram_write: pJ a word.
    """

    mac: float
    register_read: float
    register_write: float
    buffer_read: float
    buffer_write: float
    buffer_leak: float
    dram_read: float
    dram_write: float

    @classmethod
    def from_accelergy(cls, table: Dict[str, Any], block_words: int = 4) -> "ActionEnergies":
        """Read an Accelergy energy reference table with components DRAM, GLB, preg and mac.

        Args:
            table: The parsed ERT.yaml.
            block_words: Words that one DRAM or GLB action moves (width / datawidth).

        Raises:
            ValueError: If a component or action is missing.
        """
        found: dict[str, dict[str, float]] = {}
        for part in table["ERT"]["tables"]:
            name = part["name"].split("[")[0].split(".")[-1]
            found[name] = {action["name"]: float(action["energy"]) for action in part["actions"]}

        def energy(component: str, action: str, words: int = 1) -> float:
            if action not in found.get(component, {}):
                raise refuse(f"ERT.{component}.{action}", "missing", "an action with its energy")
            return found[component][action] / words

        return cls(
            energy("mac", "compute"),
            energy("preg", "read"),
            energy("preg", "write"),
            energy("GLB", "read", block_words),
            energy("GLB", "write", block_words),
            energy("GLB", "leak"),
            energy("DRAM", "read", block_words),
            energy("DRAM", "write", block_words),
        )


@dataclass(frozen=True)
class MappingReport:
    """Counts and energy of one GEMM under an explicit mapping.

    Attributes:
        cycles: Cycles, bandwidth limits included; no fill or drain, as Timeloop.
        computes: Multiply-adds.
        cells: Cells used.
        accesses: By level ("register", "buffer", "dram"), then matrix ("A", "B", "Z").
        energy_pj: By component ("mac", "register", "buffer", "dram"); empty without energies.
    """

    cycles: int
    computes: int
    cells: int
    accesses: dict[str, dict[str, Accesses]]
    energy_pj: dict[str, float] = field(default_factory=dict)

    @property
    def energy_j(self) -> float:
        """Joules of all components."""
        return sum(self.energy_pj.values()) * 1e-12


def evaluate_mapping(
    gemm: Gemm,
    mapping: Mapping,
    energies: ActionEnergies | None = None,
    *,
    dram_bandwidth: float = math.inf,
    buffer_bandwidth: float = math.inf,
    buffer_words: int | None = None,
) -> MappingReport:
    """Return the exact counts of one product under a mapping, and its energy if energies are given.

    Where the loops cover more than the GEMM (a factor does not divide), cells and multicast are averages,
    rounded as Timeloop prints them.

    Args:
        gemm: The product; its `count` is not applied.
        mapping: Loop bounds and order a level.
        energies: pJ an action.
        dram_bandwidth: Words a cycle, reads and writes each.
        buffer_bandwidth: Words a cycle, reads and writes each.
        buffer_words: Capacity that the tile must fit.

    Raises:
        ValueError: If the loops do not cover the GEMM, or the tile does not fit.
    """
    _check(gemm, mapping, buffer_words)
    nest = _Nest(gemm, mapping)
    accesses = nest.accesses()
    cycles = nest.steps
    for level, bandwidth in (("dram", dram_bandwidth), ("buffer", buffer_bandwidth)):
        reads = sum(a.reads for a in accesses[level].values())
        writes = sum(a.fills + a.updates for a in accesses[level].values())
        cycles = max(cycles, math.ceil(reads / bandwidth), math.ceil(writes / bandwidth))
    report = MappingReport(cycles, nest.steps * nest.cells, nest.cells, accesses)
    return report if energies is None else _with_energy(report, energies)


def _check(gemm: Gemm, mapping: Mapping, buffer_words: int | None) -> None:
    mapping.check_covers(gemm.m, gemm.n, gemm.k)
    if buffer_words is not None and mapping.tile_words() > buffer_words:
        raise refuse(
            "buffer_words", buffer_words, f"at least {mapping.tile_words()} to hold the mapping's tile"
        )


class _Nest:
    """The loop nest of a mapping and what can be counted on it."""

    def __init__(self, gemm: Gemm, mapping: Mapping) -> None:
        self.mapping = mapping
        self.words = {"A": gemm.m * gemm.k, "B": gemm.k * gemm.n, "Z": gemm.m * gemm.n}
        self.share = {d: getattr(gemm, d.lower()) / mapping.padded(d) for d in DIMENSIONS}
        self.steps = math.prod(bound for level in (mapping.dram, mapping.buffer) for _, bound in level.nest())
        self.all_cells = math.prod(bound for _, bound in mapping.spatial.nest())
        used = [d for d in DIMENSIONS if mapping.spatial.bound(d) > 1]
        self.cells = math.floor(self.all_cells * math.prod(self.share[d] for d in used) + 1e-9)

    def to_array(self, matrix: str) -> float:
        """Return words between buffer and array if cells keep nothing: one a cell and step, unless shared."""
        ignored = [d for d in DIMENSIONS if d not in INDEXED_BY[matrix] and self.mapping.spatial.bound(d) > 1]
        together = math.prod(self.mapping.spatial.bound(d) * self.share[d] for d in ignored)
        return float(math.floor(self.steps * self.all_cells / together + 1e-6))

    def copies(self, matrix: str) -> float:
        """Return the cells that keep the same word of a matrix, less the share of cells that idle."""
        ignored = (self.mapping.spatial.bound(d) for d in DIMENSIONS if d not in INDEXED_BY[matrix])
        return float(math.prod(ignored) * self.cells / self.all_cells)

    def between(self, matrix: str) -> float:
        """Return words that cross from the buffer to the array, or back for Z."""
        kept = matrix == self.mapping.stationary
        return (
            self.words[matrix] * self.mapping.times(matrix, to_cells=True) if kept else self.to_array(matrix)
        )

    def accesses(self) -> dict[str, dict[str, Accesses]]:
        """Return the counts by level and matrix."""
        dram, buffer, register = {}, {}, {}
        for matrix in "AB":
            fetched = self.words[matrix] * self.mapping.times(matrix)
            dram[matrix] = Accesses(reads=fetched)
            buffer[matrix] = Accesses(reads=self.between(matrix), fills=fetched)
        first, written = self.words["Z"], self.words["Z"] * self.mapping.times("Z")
        summed = self.between("Z")
        dram["Z"] = Accesses(reads=written - first, updates=written)
        buffer["Z"] = Accesses(reads=summed - first, fills=written - first, updates=summed)
        kept, work = self.mapping.stationary, self.steps * self.cells
        copies = self.copies(kept)
        if kept == "Z":
            begun, returned = first * copies, (summed - first) * copies
            register["Z"] = Accesses(reads=work - begun, fills=returned, updates=work)
        else:
            register[kept] = Accesses(reads=work, fills=buffer[kept].reads * copies)
        return {"register": register, "buffer": buffer, "dram": dram}


def _with_energy(report: MappingReport, e: ActionEnergies) -> MappingReport:
    def level(name: str, read: float, write: float) -> float:
        matrices = report.accesses[name].values()
        return sum(a.reads * read + (a.fills + a.updates) * write for a in matrices)

    energy = {
        "mac": report.computes * e.mac,
        "register": level("register", e.register_read, e.register_write),
        "buffer": level("buffer", e.buffer_read, e.buffer_write) + report.cycles * e.buffer_leak,
        "dram": level("dram", e.dram_read, e.dram_write),
    }
    return MappingReport(report.cycles, report.computes, report.cells, report.accesses, energy)
