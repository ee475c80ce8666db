"""The analytic backend: counts of every operation, times energy an action; numpy over operations and designs.

Identical operations and chains are counted once. Every step is element by element or in a fixed order, so
that the number of designs evaluated together cannot change a result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from accel_models.checks import refuse
from accel_models.cost import CostReport
from accel_models.counting import COUNTS, ChainCounts, Counts, Mapped, Products, count, count_chains
from accel_models.design import Design
from accel_models.distinct import Kinds, NotReadYet, Rows
from accel_models.energy import energy_parts, total
from accel_models.feasible import reasons
from accel_models.hardware import Hardware, derive
from accel_models.mapped import check_suits, given
from accel_models.mapping import Mapping as LoopNest
from accel_models.schedule import Chain, chained, chains
from accel_models.table import DesignTable, FloatArray, from_designs
from accel_models.technology.parts import NONE
from accel_models.workload import Gemm, Operation, Workload

_CHUNK = 65536  # at most so many operations x designs are worked on at once: that bounds the memory
_LAYER_COUNTS = ("compute_cycles", "stall_cycles", "sram_reads_a", "sram_reads_b", "sram_writes_z")
_TOTALS = ("compute_cycles", "stall_cycles", "macs", "dram_reads", "dram_writes")
Mappings = Mapping[Gemm, LoopNest]
Distinct = dict[tuple[Any, ...], tuple[Operation, str, int]]
"""Operations that differ in more than their names: one of them, which end of the workload it is, how many."""


class ManyDesigns:
    """A table of designs that run one workload after another.

    What follows from the designs alone is found once. So is what the GEMMs count, while workloads have the
    same ones, as those of a network have whatever its tables are. Designs that differ only in what counting
    does not read are counted once.

    Args:
        table: The designs.
    """

    def __init__(self, table: DesignTable) -> None:
        self._table, self._hardware, self._step = table, derive(table), 0
        self._kinds: Kinds | None = None
        self._parts: list[_Part] = []

    def totals(self, workload: Workload) -> dict[str, Any]:
        """Return the totals of each design by column, with `reason` where it cannot run the workload."""
        counts = self._counts(_Work(workload))
        why = counts.pop("reason")
        figures = _figures(workload, counts, self._table, self._hardware)
        result: dict[str, Any] = {name: np.where(why == "", value, np.nan) for name, value in figures.items()}
        return result | {"reason": why}

    def _counts(self, work: "_Work") -> dict[str, Any]:
        """Return what the workload counts on each design, and why one cannot run it."""
        while True:
            try:
                places = self._divide(_CHUNK >> (work.size - 1).bit_length())
                found = [part.counts(work) for part in self._parts]
            except NotReadYet:
                self._kinds = None
            else:
                return {name: np.concatenate([part[name] for part in found])[places] for name in found[0]}

    def _divide(self, most: int) -> Rows:
        """Divide the kinds of designs, at most so many in a part; returns the kind of each design."""
        if self._kinds is None:
            self._kinds, self._step = Kinds(self._table, self._hardware), 0
        step = max(1, min(most, self._kinds.size))
        if step != self._step:
            starts = range(0, self._kinds.size, step)
            self._step, self._parts = step, [_Part(*self._kinds.part(at, at + step)) for at in starts]
        return self._kinds.places


class _Part:
    """Some kinds of designs, and what the last GEMMs count on them."""

    def __init__(self, t: DesignTable, h: Hardware) -> None:
        self._t, self._h = t, h
        self._gemms: Distinct = {}
        self._counts: Counts = {}
        self._of_gemms = _nothing(t)

    def counts(self, work: "_Work") -> dict[str, Any]:
        t, h = self._t, self._h
        why = np.array(reasons(work.workload, t, h), dtype=object)
        if work.gemms != self._gemms:
            self._counts = work.count(work.gemms, t, h)
            self._of_gemms = _sum(work.gemms, self._counts, _nothing(t))
            self._gemms = work.gemms
        counts = _sum(work.others, work.count(work.others, t, h), self._of_gemms)
        if work.chains:
            counts = work.add_chains(counts, work.count_chains(self._counts, t, h))
        return counts | {"reason": why}


class _Work:
    """The distinct parts of a workload, with how many there are of each: GEMMs, other operations, and chains.

    Where the workload says what feeds what, all other operations are in chains.
    """

    def __init__(self, workload: Workload, mappings: Mappings | None = None, *, join: bool = True) -> None:
        self.workload, self.mappings = workload, mappings or {}
        alone: dict[str, Any] = {} if join else {"gemm": None, "feeds": None}
        self.found = tuple(replace(chain, **alone) for chain in chains(workload))
        self.gemms: Distinct = {}
        self.others: Distinct = {}
        self.key_of = [_key(workload, index) for index in range(len(workload.operations))]
        for op, key in zip(workload.operations, self.key_of, strict=True):
            if not (self.found and chained(op)):
                own = self.others if chained(op) else self.gemms
                own[key] = (op, key[0], own.get(key, (op, "", 0))[2] + 1)
        self.row = {key: row for row, key in enumerate(self.gemms)}
        self.chains: dict[tuple[Any, ...], tuple[Chain, int]] = {}
        self._joins: dict[int, Chain] = {c.gemm: c for c in self.found if c.gemm is not None}
        self.chain_keys = [self._chain_key(chain) for chain in self.found]
        for chain, key in zip(self.found, self.chain_keys, strict=True):
            self.chains[key] = (chain, self.chains.get(key, (chain, 0))[1] + 1)

    @property
    def size(self) -> int:
        """Operations to be counted."""
        return len(self.gemms) + len(self.others) + sum(len(chain.steps) for chain, _ in self.chains.values())

    def _chain_key(self, chain: Chain) -> tuple[Any, ...]:
        """Return what chains of equal cost have in common."""
        if chain.feeds is None:
            return self._before(chain)
        rival = self._joins.get(chain.feeds)
        return self._before(chain), self.key_of[chain.feeds], rival and self._before(rival)

    def _before(self, chain: Chain) -> tuple[Any, ...]:
        """Return what chains have in common that join the GEMM before them alike."""
        gemm = None if chain.gemm is None else self.key_of[chain.gemm]
        return chain.kind, gemm, tuple(self.key_of[step.index][1:] for step in chain.steps)

    def count(self, distinct: Distinct, t: DesignTable, h: Hardware) -> Counts:
        """Return what some of the operations count."""
        if not distinct:
            return {name: np.zeros((0, t.size)) for name in COUNTS}
        operations, ends, _ = zip(*distinct.values(), strict=True)
        return count(operations, ends, self.workload, t, h, self._mapped(operations, t, h))

    def _mapped(self, operations: Sequence[Operation], t: DesignTable, h: Hardware) -> Mapped | None:
        gemms = [op for op in operations if isinstance(op, Gemm) and not chained(op)]
        chosen = [self.mappings[gemm] for gemm in gemms if self.mappings]
        return given(gemms, chosen, t, h) if chosen else None

    def count_chains(self, gemms: Counts, t: DesignTable, h: Hardware) -> ChainCounts:
        """Return what the distinct chains count."""
        row = {index: self.row[key] for index, key in enumerate(self.key_of) if key in self.row}
        found, place = [chain for chain, _ in self.chains.values()], {k: i for i, k in enumerate(self.chains)}
        joins = {gemm: place[self._chain_key(chain)] for gemm, chain in self._joins.items()}
        return count_chains(found, self.workload, Products(gemms, row, joins), t, h)

    def add_chains(self, before: Counts, counted: ChainCounts) -> Counts:
        """Add what all chains count to what GEMMs and other operations did."""
        each = [count for _, count in self.chains.values()]
        steps = [count for chain, count in self.chains.values() for _ in chain.steps]
        after = _added(steps, counted.steps, before)
        for changes in (counted.joined, counted.fed):
            after |= _added(each, changes, {name: after[name] for name in changes})
        return after


def evaluate_one(
    design: Design, workload: Workload, mappings: Mappings | None = None, *, join: bool = True
) -> CostReport:
    """Return the cost of a workload on one design.

    Args:
        design: The accelerator.
        workload: What to run.
        mappings: The mapping of each of its GEMMs, instead of those that the model chooses. Whether tiles fit
            is the maker's business: scratchpads may hold a convolution's pixels once, not its windows.
        join: Whether chains of element-wise work may join GEMMs.

    Raises:
        ValueError: If the design cannot run the workload, or a mapping is missing or does not suit.
    """
    t = from_designs([design])
    check_mappings(design, workload, mappings)
    h, work = derive(t), _Work(workload, mappings, join=join)
    if why := reasons(workload, t, h)[0]:
        raise ValueError(why)
    layers, counts = _each(work, t, h)
    found = _figures(workload, counts, t, h)
    figures = {name: float(value[0]) for name, value in found.items()}
    totals: dict[str, Any] = {
        name: value for name, value in figures.items() if name in CostReport.__annotations__
    }
    return CostReport(
        design,
        workload,
        **totals,
        energy_parts=_named(figures, "energy", "j"),
        area_parts=_named(figures, "area", "mm2"),
        layer_columns=_layers(workload, layers, t, h),
    )


def check_mappings(design: Design, workload: Workload, mappings: Mappings | None) -> None:
    """Raise ValueError where mappings are given and a GEMM has none, or one that does not suit the design."""
    if mappings is None:
        return
    for gemm in workload.operations:
        if isinstance(gemm, Gemm) and not chained(gemm):
            if gemm not in mappings:
                raise refuse("mappings", f"none of {gemm.name or gemm}", "one for each GEMM of the workload")
            check_suits(design, mappings[gemm])


def _named(figures: dict[str, float], kind: str, unit: str) -> dict[str, float]:
    """Return the figures called <kind>_<component>_<unit> by component."""
    parts = {name.removeprefix(f"{kind}_"): value for name, value in figures.items() if name.startswith(kind)}
    return {name.removesuffix(f"_{unit}"): value for name, value in parts.items() if name != unit}


def _key(workload: Workload, index: int) -> tuple[Any, ...]:
    op = workload.operations[index]
    first, last = index == 0, index == len(workload.operations) - 1
    end = "both" if first and last else "first" if first else "last" if last else ""
    return (end, op.kind, *(value for name, value in vars(op).items() if name not in ("name", "table")))


def _nothing(t: DesignTable) -> Counts:
    return dict.fromkeys(COUNTS, np.zeros(t.size))


def _sum(distinct: Distinct, counts: Counts, before: Counts) -> Counts:
    """Return what all operations count, added to what others did."""
    return _added([known[2] for known in distinct.values()], counts, before)


def _added(count: Sequence[int], counts: Counts, before: Counts) -> Counts:
    if not count:
        return before
    times = np.array(count, dtype=np.float64)[:, None]
    # In order, whatever the number of designs, which a plain sum or a matrix product would not be.
    return {name: reduce(np.add, times * counts[name], before[name]) for name in counts}


def _each(work: _Work, t: DesignTable, h: Hardware) -> tuple[Counts, Counts]:
    """Return what each operation counts on one design, in order, and all of them together."""
    gemms, others = (work.count(distinct, t, h) for distinct in (work.gemms, work.others))
    totals = _sum(work.others, others, _sum(work.gemms, gemms, _nothing(t)))
    place = {key: row for row, key in enumerate(work.gemms | work.others)}
    rows = {name: np.concatenate([gemms[name], others[name]]) for name in COUNTS}
    at = [place.get(key, 0) for key in work.key_of]
    layers = {name: values[at] for name, values in rows.items()}
    if work.chains:
        counted = work.count_chains(gemms, t, h)
        totals = work.add_chains(totals, counted)
        _put_chains(work, counted, layers)
    return layers, totals


def _put_chains(work: _Work, counted: ChainCounts, layers: Counts) -> None:
    """Put what the operations of chains count in their places, and what GEMMs count for those that join."""
    start, row, first = {}, {}, 0
    for place, (key, (chain, _)) in enumerate(work.chains.items()):
        start[key], row[key], first = first, place, first + len(chain.steps)
    for chain, key in zip(work.found, work.chain_keys, strict=True):
        for step, at in enumerate(chain.steps):
            for name in COUNTS:
                layers[name][at.index] = counted.steps[name][start[key] + step]
        for gemm, changes in ((chain.gemm, counted.joined), (chain.feeds, counted.fed)):
            if gemm is not None:
                for name, values in changes.items():
                    layers[name][gemm] += values[row[key]]


def _figures(workload: Workload, counts: Counts, t: DesignTable, h: Hardware) -> dict[str, FloatArray]:
    cycles = counts["compute_cycles"] + counts["stall_cycles"]
    latency = cycles / t["clock"]
    parts = energy_parts(counts, latency, h)
    energy, throughput = total(parts), workload.batch / latency
    power = energy / latency
    figures = {
        "cycles": cycles,
        "latency_s": latency,
        "energy_j": energy,
        "power_w": power,
        "throughput": throughput,
        "throughput_per_watt": throughput / power,
        "area_mm2": np.where(t.is_("part", NONE), total(h.area), np.nan),
        **h.resources,
        "utilisation": counts["macs"] / (t["rows"] * t["cols"] * cycles),
        **{name: counts[name] for name in _TOTALS},
    }
    figures |= {f"energy_{name}_j": value for name, value in parts.items()}
    return figures | {f"area_{name}_mm2": value for name, value in h.area.items()}


def _layers(workload: Workload, counts: Counts, t: DesignTable, h: Hardware) -> dict[str, list[Any]]:
    """Return the columns of CostReport.layers, from what each operation counts, (operations, 1)."""
    cycles = counts["compute_cycles"] + counts["stall_cycles"]
    parts = energy_parts(counts, cycles / t["clock"], h)
    work = counts["macs"] + counts["multiply_adds"]
    columns: dict[str, FloatArray] = {
        "cycles": cycles,
        **{name: counts[name] for name in _LAYER_COUNTS},
        "utilisation": work / (t["rows"] * t["cols"] * cycles),
        "dram_reads": counts["dram_reads"],
        "dram_writes": counts["dram_writes"],
        "energy_j": total(parts),
        **{f"energy_{name}_j": value for name, value in parts.items()},
    }
    rows: dict[str, list[Any]] = {
        name: [getattr(op, name) for op in workload.operations] for name in ("name", "kind")
    }
    for size in ("m", "n", "k", "count", "elements"):
        rows[size] = [getattr(op, size, 0) for op in workload.operations]
    rows |= {name: values[:, 0].tolist() for name, values in columns.items()}
    rows["bound"] = ["memory" if stall > 0 else "compute" for stall in rows["stall_cycles"]]
    return rows
