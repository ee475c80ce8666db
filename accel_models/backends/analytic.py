"""The analytic backend: counts of every operation, times energy an action; numpy over operations and designs.

Identical operations are counted once. Every step is element by element or in a fixed order, so that the
number of designs evaluated together cannot change a result.
"""

from functools import reduce
from typing import Any

import numpy as np

from accel_models.cost import CostReport
from accel_models.counting import COUNTS, Counts, count
from accel_models.design import Design
from accel_models.energy import energy_parts, total
from accel_models.feasible import reasons
from accel_models.hardware import Hardware, derive
from accel_models.table import DesignTable, FloatArray, from_designs
from accel_models.workload import Gemm, Operation, Workload

_CHUNK = 65536  # at most so many operations x designs are worked on at once: that bounds the memory
_LAYER_COUNTS = ("compute_cycles", "stall_cycles", "sram_reads_a", "sram_reads_b", "sram_writes_z")
_TOTALS = ("compute_cycles", "stall_cycles", "macs", "dram_reads", "dram_writes")
Distinct = dict[tuple[Any, ...], tuple[Operation, str, int]]
"""Operations that differ in more than their names: one of them, which end of the workload it is, how many."""


class ManyDesigns:
    """A table of designs that run one workload after another.

    What follows from the designs alone is found once. So is what the GEMMs count, while workloads have the
    same ones, as those of a network have whatever its tables are.

    Args:
        table: The designs.
    """

    def __init__(self, table: DesignTable) -> None:
        self._table, self._step = table, 0
        self._parts: list[_Part] = []

    def totals(self, workload: Workload) -> dict[str, Any]:
        """Return the totals of each design by column, with `reason` where it cannot run the workload."""
        gemms, others = _distinct(workload)
        self._divide(_CHUNK >> (len(gemms) + len(others) - 1).bit_length())
        found = [part.totals(workload, gemms, others) for part in self._parts]
        return {name: np.concatenate([totals[name] for totals in found]) for name in found[0]}

    def _divide(self, most: int) -> None:
        step = max(1, min(most, self._table.size))
        if step != self._step:
            starts = range(0, self._table.size, step)
            self._step, self._parts = step, [_Part(self._table.rows(at, at + step)) for at in starts]


class _Part:
    """Some of the designs, and what the last GEMMs count on them."""

    def __init__(self, t: DesignTable) -> None:
        self._t, self._h = t, derive(t)
        self._gemms: Distinct = {}
        self._of_gemms = _nothing(t)

    def totals(self, workload: Workload, gemms: Distinct, others: Distinct) -> dict[str, Any]:
        t, h = self._t, self._h
        why = reasons(workload, t, h)
        possible = np.array([not reason for reason in why])
        if gemms != self._gemms:
            self._gemms, self._of_gemms = gemms, self._with(gemms, workload, _nothing(t))
        figures = _figures(workload, self._with(others, workload, self._of_gemms), t, h)
        result: dict[str, Any] = {name: np.where(possible, value, np.nan) for name, value in figures.items()}
        return result | {"reason": np.array(why, dtype=object)}

    def _with(self, distinct: Distinct, workload: Workload, before: Counts) -> Counts:
        """Return what some operations of a workload count, if there are any, added to what others did."""
        if not distinct:
            return before
        return _sum(distinct, _count(workload, distinct, self._t, self._h), before)


def evaluate_one(design: Design, workload: Workload) -> CostReport:
    """Return the cost of a workload on one design; ValueError if the design cannot run it."""
    t = from_designs([design])
    h, (gemms, others) = derive(t), _distinct(workload)
    if why := reasons(workload, t, h)[0]:
        raise ValueError(why)
    distinct = gemms | others
    counts = _count(workload, distinct, t, h)
    found = _figures(workload, _sum(distinct, counts, _nothing(t)), t, h)
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
        layer_columns=_layers(workload, distinct, counts, t, h),
    )


def _named(figures: dict[str, float], kind: str, unit: str) -> dict[str, float]:
    """Return the figures called <kind>_<component>_<unit> by component."""
    parts = {name.removeprefix(f"{kind}_"): value for name, value in figures.items() if name.startswith(kind)}
    return {name.removesuffix(f"_{unit}"): value for name, value in parts.items() if name != unit}


def _key(workload: Workload, index: int) -> tuple[Any, ...]:
    op = workload.operations[index]
    first, last = index == 0, index == len(workload.operations) - 1
    end = "both" if first and last else "first" if first else "last" if last else ""
    return (end, op.kind, *(value for name, value in vars(op).items() if name not in ("name", "table")))


def _distinct(workload: Workload) -> tuple[Distinct, Distinct]:
    """Return the GEMMs that differ, and the other operations."""
    found: tuple[Distinct, Distinct] = ({}, {})
    for index, op in enumerate(workload.operations):
        own, key = found[op.kind != Gemm.kind], _key(workload, index)
        known = own.get(key, (op, key[0], 0))
        own[key] = (known[0], known[1], known[2] + 1)
    return found


def _count(workload: Workload, distinct: Distinct, t: DesignTable, h: Hardware) -> Counts:
    operations, ends, _ = zip(*distinct.values(), strict=True)
    return count(operations, ends, workload, t, h)


def _nothing(t: DesignTable) -> Counts:
    return dict.fromkeys(COUNTS, np.zeros(t.size))


def _sum(distinct: Distinct, counts: Counts, before: Counts) -> Counts:
    """Return what all operations count, added to what others did."""
    times = np.array([known[2] for known in distinct.values()], dtype=np.float64)[:, None]
    # In order, whatever the number of designs, which a plain sum or a matrix product would not be.
    return {name: reduce(np.add, times * counts[name], before[name]) for name in COUNTS}


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
        "area_mm2": total(h.area),
        "utilisation": counts["macs"] / (t["rows"] * t["cols"] * cycles),
        **{name: counts[name] for name in _TOTALS},
    }
    figures |= {f"energy_{name}_j": value for name, value in parts.items()}
    return figures | {f"area_{name}_mm2": value for name, value in h.area.items()}


def _layers(
    workload: Workload, distinct: Distinct, counts: Counts, t: DesignTable, h: Hardware
) -> dict[str, list[Any]]:
    """Return the columns of CostReport.layers."""
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
    place = {key: position for position, key in enumerate(distinct)}
    at = [place[_key(workload, index)] for index in range(len(workload.operations))]
    rows: dict[str, list[Any]] = {
        name: [getattr(op, name) for op in workload.operations] for name in ("name", "kind")
    }
    for size in ("m", "n", "k", "count", "elements"):
        rows[size] = [getattr(op, size, 0) for op in workload.operations]
    rows |= {name: values[at, 0].tolist() for name, values in columns.items()}
    rows["bound"] = ["memory" if stall > 0 else "compute" for stall in rows["stall_cycles"]]
    return rows
