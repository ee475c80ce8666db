"""The analytic backend: counts of every operation, times energy an action; numpy over operations and designs.

Identical operations are counted once. Every step is element by element or in a fixed order, so that the
number of designs evaluated together cannot change a result.
"""

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

_CHUNK = 65536  # operations x designs worked on at once: measured fastest, and bounds the memory
_LAYER_COUNTS = ("compute_cycles", "stall_cycles", "sram_reads_a", "sram_reads_b", "sram_writes_z")
_TOTALS = ("compute_cycles", "stall_cycles", "macs", "dram_reads", "dram_writes")
Key = tuple[Operation, str]
"""An operation without its names, and which end of the workload it is."""


def evaluate_table(workload: Workload, table: DesignTable) -> dict[str, Any]:
    """Return the totals of each design by column, with `reason` where it cannot run the workload."""
    keys = _distinct(workload)
    step = max(1, _CHUNK // len(keys))
    parts = [_part(workload, keys, table.rows(at, at + step)) for at in range(0, table.size, step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(workload: Workload, keys: dict[Key, int], t: DesignTable) -> dict[str, Any]:
    h = derive(t)
    why = reasons(workload, t, h)
    possible = np.array([not reason for reason in why])
    figures = _figures(workload, _sum(workload, keys, t, h), t, h)
    result: dict[str, Any] = {name: np.where(possible, value, np.nan) for name, value in figures.items()}
    return result | {"reason": np.array(why, dtype=object)}


def evaluate_one(design: Design, workload: Workload) -> CostReport:
    """Return the cost of a workload on one design; ValueError if the design cannot run it."""
    t = from_designs([design])
    h, keys = derive(t), _distinct(workload)
    if why := reasons(workload, t, h)[0]:
        raise ValueError(why)
    figures = {
        name: float(value[0]) for name, value in _figures(workload, _sum(workload, keys, t, h), t, h).items()
    }
    parts = {kind: _named(figures, kind, unit) for kind, unit in (("energy", "j"), ("area", "mm2"))}
    totals = {name: value for name, value in figures.items() if name in CostReport.__annotations__}
    return CostReport(
        design,
        workload,
        **totals,
        energy_parts=parts["energy"],
        area_parts=parts["area"],
        layer_columns=_layers(workload, keys, t, h),
    )


def _named(figures: dict[str, float], kind: str, unit: str) -> dict[str, float]:
    """Return the figures called <kind>_<component>_<unit> by component."""
    parts = {
        name.removeprefix(f"{kind}_"): value for name, value in figures.items() if name.startswith(f"{kind}_")
    }
    return {name.removesuffix(f"_{unit}"): value for name, value in parts.items() if name != unit}


def _key(workload: Workload, index: int) -> Key:
    op = workload.operations[index]
    nameless = type(op)(**{name: value for name, value in vars(op).items() if name not in ("name", "table")})
    first, last = index == 0, index == len(workload.operations) - 1
    return nameless, "both" if first and last else "first" if first else "last" if last else ""


def _distinct(workload: Workload) -> dict[Key, int]:
    """Return the operations that differ, GEMMs first, each with how often it occurs."""
    found: dict[Key, int] = {}
    for index in range(len(workload.operations)):
        key = _key(workload, index)
        found[key] = found.get(key, 0) + 1
    return dict(sorted(found.items(), key=lambda item: not isinstance(item[0][0], Gemm)))


def _count(workload: Workload, keys: dict[Key, int], t: DesignTable, h: Hardware) -> Counts:
    return count([op for op, _ in keys], [end for _, end in keys], workload, t, h)


def _sum(workload: Workload, keys: dict[Key, int], t: DesignTable, h: Hardware) -> Counts:
    counts, times = _count(workload, keys, t, h), np.array(list(keys.values()), dtype=np.float64)[:, None]
    # cumsum adds in order, whatever the number of designs; a plain sum or a matrix product would not.
    return {name: np.cumsum(times * counts[name], axis=0)[-1] for name in COUNTS}


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


def _layers(workload: Workload, keys: dict[Key, int], t: DesignTable, h: Hardware) -> dict[str, list[Any]]:
    """Return the columns of CostReport.layers."""
    counts = _count(workload, keys, t, h)
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
    place = {key: position for position, key in enumerate(keys)}
    at = [place[_key(workload, index)] for index in range(len(workload.operations))]
    rows: dict[str, list[Any]] = {
        name: [getattr(op, name) for op in workload.operations] for name in ("name", "kind")
    }
    for size in ("m", "n", "k", "count", "elements"):
        rows[size] = [getattr(op, size, 0) for op in workload.operations]
    rows |= {name: values[at, 0].tolist() for name, values in columns.items()}
    rows["bound"] = ["memory" if stall > 0 else "compute" for stall in rows["stall_cycles"]]
    return rows
