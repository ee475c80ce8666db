"""What a workload costs on a design: `evaluate` for one design, `evaluate_many` for a table of designs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from accel_models.analytic import COUNTS, Counts, element_counts, gemm_counts, table_words
from accel_models.checks import Choice, refuse
from accel_models.design import Design
from accel_models.energy import energy_parts, total
from accel_models.feasible import reasons
from accel_models.hardware import Hardware, derive
from accel_models.table import DesignTable, FloatArray, from_designs, from_frame
from accel_models.workload import Gemm, Operation, Workload

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 16384  # elements worked on at once: the arrays of one step stay in a core's cache
TOTALS = (
    "cycles",
    "compute_cycles",
    "stall_cycles",
    "latency_s",
    "energy_j",
    "power_w",
    "throughput",
    "throughput_per_watt",
    "utilisation",
    "macs",
    "dram_reads",
    "dram_writes",
    "area_mm2",
)


@dataclass(frozen=True, eq=False)
class CostReport:
    """What one inference batch costs on one design.

    Attributes:
        design: The design evaluated; `design.fill` says which fold model the cycles follow.
        workload: The workload evaluated.
        cycles: Clock cycles, stalls included.
        compute_cycles: Cycles that the array works, without memory stalls.
        stall_cycles: Cycles that it waits for DRAM.
        latency_s: Seconds.
        energy_j: Joules.
        power_w: energy_j / latency_s.
        throughput: Inferences a second: batch / latency_s.
        throughput_per_watt: Inferences a joule: throughput / power_w.
        utilisation: Multiply-accumulates of the GEMMs over cells * cycles, 0 to 1.
        macs: Multiply-accumulates of the GEMMs.
        dram_reads: Bytes.
        dram_writes: Bytes.
        area_mm2: Area of the chip.
        energy_parts: Joules by component; they add up to energy_j.
        area_parts: mm2 by component; they add up to area_mm2.
    """

    design: Design
    workload: Workload
    cycles: float
    compute_cycles: float
    stall_cycles: float
    latency_s: float
    energy_j: float
    power_w: float
    throughput: float
    throughput_per_watt: float
    utilisation: float
    macs: float
    dram_reads: float
    dram_writes: float
    area_mm2: float
    energy_parts: dict[str, float]
    area_parts: dict[str, float]
    _layers: dict[str, list[Any]] = field(repr=False)

    @property
    def layers(self) -> "pd.DataFrame":
        """A row an operation: shape, cycles, stalls, traffic, energy in all and by component, and its bound."""
        import pandas as pd  # imported here: it takes longer to load than all of accel_models

        return pd.DataFrame(self._layers)


def evaluate(design: Design, workload: Workload, backend: str = "analytic") -> CostReport:
    """Return what a workload costs on a design.

    Raises:
        ValueError: If the design cannot run the workload (a scratchpad too small for one tile or table, addressing
            that a table needs and the design lacks), or the backend is unknown. The line names field and least size.
    """
    Choice(tuple(BACKENDS)).check("backend", backend)
    if not isinstance(workload, Workload):
        raise refuse("workload", repr(workload), "a Workload")
    return BACKENDS[backend](design, workload)


def evaluate_many(designs: "pd.DataFrame | Sequence[Design]", workload: Workload) -> "pd.DataFrame":
    """Return the totals of `evaluate` for many designs, a row a design, with the same index as the designs.

    Columns: the totals of CostReport, `energy_<component>_j`, `area_<component>_mm2` and `reason`: empty, or why the
    design cannot run the workload, and then every figure is NaN.

    Args:
        designs: Designs, or a DataFrame whose columns are Design fields; missing columns take the defaults.
        workload: What to run.

    Raises:
        ValueError: If a value is not allowed in any design.
    """
    import pandas as pd

    is_frame = isinstance(designs, pd.DataFrame)
    table = from_frame(designs) if is_frame else from_designs(designs)
    if table.size == 0:
        raise refuse("designs", "[]", "at least one design")
    step = max(1, _CHUNK // len(_distinct(workload)))
    parts = [_totals(workload, table.slice(at, at + step)) for at in range(0, table.size, step)]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return pd.DataFrame(columns, index=designs.index if is_frame else None)


def _totals(workload: Workload, t: DesignTable) -> dict[str, Any]:
    h = derive(t)
    why = reasons(workload, t, h)
    result = dict(_figures(workload, _sum(workload, t, h), t, h))
    possible = np.array([not reason for reason in why])
    result = {name: np.where(possible, value, np.nan) for name, value in result.items()}
    return {**result, "reason": np.array(why, dtype=object)}


def _distinct(workload: Workload) -> dict[Operation, int]:
    """Return the operations that differ in more than their name, each with how often it occurs."""
    found: dict[Operation, int] = {}
    for op in workload.operations:
        key = _nameless(op)
        found[key] = found.get(key, 0) + 1
    return found


def _nameless(op: Operation) -> Operation:
    values = {name: value for name, value in vars(op).items() if name not in ("name", "table")}
    return type(op)(**values)


def _count(operations: Sequence[Operation], workload: Workload, t: DesignTable, h: Hardware) -> Counts:
    """Return the counts of distinct operations, arrays (operations, designs), GEMMs first."""
    gemms = [op for op in operations if isinstance(op, Gemm)]
    others = [op for op in operations if not isinstance(op, Gemm)]
    parts = []
    if gemms:
        parts.append(gemm_counts(gemms, t, h))
    if others:
        parts.append(element_counts(others, workload.batch, table_words(workload), t, h))
    return {name: np.concatenate([part[name] for part in parts]) for name in COUNTS}


def _ordered(workload: Workload) -> tuple[list[Operation], list[int]]:
    distinct = sorted(_distinct(workload).items(), key=lambda item: not isinstance(item[0], Gemm))
    return [op for op, _ in distinct], [times for _, times in distinct]


def _sum(workload: Workload, t: DesignTable, h: Hardware) -> Counts:
    operations, times = _ordered(workload)
    counts = _count(operations, workload, t, h)
    weights = np.array(times, dtype=float)
    # Counts are integers, exact in float64, so the order of summing cannot change the result.
    return {name: weights @ value for name, value in counts.items()}


def _figures(workload: Workload, counts: Counts, t: DesignTable, h: Hardware) -> dict[str, FloatArray]:
    cycles = counts["compute_cycles"] + counts["stall_cycles"]
    latency = cycles / t["clock"]
    parts = energy_parts(counts, latency, h)
    energy, throughput = total(parts), workload.batch / latency
    power = energy / latency
    figures = {
        "cycles": cycles,
        "compute_cycles": counts["compute_cycles"],
        "stall_cycles": counts["stall_cycles"],
        "latency_s": latency,
        "energy_j": energy,
        "power_w": power,
        "throughput": throughput,
        "throughput_per_watt": throughput / power,
        "utilisation": counts["macs"] / (t["rows"] * t["cols"] * cycles),
        "macs": counts["macs"],
        "dram_reads": counts["dram_reads"],
        "dram_writes": counts["dram_writes"],
        "area_mm2": total(h.area),
    }
    figures |= {f"energy_{name}_j": value for name, value in parts.items()}
    return figures | {f"area_{name}_mm2": value for name, value in h.area.items()}


def _analytic(design: Design, workload: Workload) -> CostReport:
    t = from_designs([design])
    h = derive(t)
    why = reasons(workload, t, h)[0]
    if why:
        raise ValueError(why)
    figures = {
        name: float(value[0]) for name, value in _figures(workload, _sum(workload, t, h), t, h).items()
    }
    return CostReport(
        design,
        workload,
        **{name: figures[name] for name in TOTALS},
        energy_parts={
            name[7:-2]: value
            for name, value in figures.items()
            if name.startswith("energy_") and name != "energy_j"
        },
        area_parts={
            name[5:-4]: value
            for name, value in figures.items()
            if name.startswith("area_") and name != "area_mm2"
        },
        _layers=_layer_rows(workload, t, h),
    )


def _layer_rows(workload: Workload, t: DesignTable, h: Hardware) -> dict[str, list[Any]]:
    operations, _ = _ordered(workload)
    counts = _count(operations, workload, t, h)
    latency = (counts["compute_cycles"] + counts["stall_cycles"]) / t["clock"]
    parts = energy_parts(counts, latency, h)
    energy = total(parts)
    place = {op: index for index, op in enumerate(operations)}
    at = [place[_nameless(op)] for op in workload.operations]
    cells = t["rows"] * t["cols"]
    cycles = counts["compute_cycles"] + counts["stall_cycles"]
    columns: dict[str, FloatArray] = {
        "cycles": cycles,
        "compute_cycles": counts["compute_cycles"],
        "stall_cycles": counts["stall_cycles"],
        "utilisation": (counts["macs"] + counts["multiply_adds"]) / (cells * cycles),
        **{
            name: counts[name]
            for name in ("sram_reads_a", "sram_reads_b", "sram_writes_z", "dram_reads", "dram_writes")
        },
        "energy_j": energy,
        **{f"energy_{name}_j": value for name, value in parts.items()},
    }
    rows: dict[str, list[Any]] = {
        "name": [op.name for op in workload.operations],
        "kind": [op.kind for op in workload.operations],
        **{
            size: [getattr(op, size, 0) for op in workload.operations]
            for size in ("m", "n", "k", "count", "elements")
        },
    }
    rows |= {name: values[at, 0].tolist() for name, values in columns.items()}
    rows["bound"] = ["memory" if stall > 0 else "compute" for stall in rows["stall_cycles"]]
    return rows


BACKENDS: dict[str, Callable[[Design, Workload], CostReport]] = {"analytic": _analytic}
