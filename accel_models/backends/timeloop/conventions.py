"""The analytic model on Timeloop's terms: what is left of a difference to it is counting."""

import math
from dataclasses import replace
from typing import Any

from accel_models.backends.analytic import evaluate_one
from accel_models.backends.timeloop.architecture import ROW_BITS, buffers
from accel_models.backends.timeloop.report import Counted, products_of, report
from accel_models.backends.timeloop.report import counted as counted_in
from accel_models.backends.timeloop.stats import Level, Traffic
from accel_models.backends.timeloop.tables import action_energies
from accel_models.backends.timeloop.words import figures_of, words_of
from accel_models.cost import CostReport
from accel_models.counting.gemms import count_gemms
from accel_models.design import Design
from accel_models.mapped import accesses, given, in_steps, map_gemm
from accel_models.mapping import Mapping
from accel_models.mapping_cost import Accesses
from accel_models.table import from_designs
from accel_models.workload import Gemm, Workload

TERMS: dict[str, Any] = {
    "fill": "none",
    "load_cycles": 0.0,
    "dram_latency": 0.0,
    "dram_burst": 1,
    "tile_cycles": 0.0,
    "start": "loaded",
    "activations": "dram",
}
"""Fields of a design as Timeloop counts: nothing is lost between tiles, and all crosses to DRAM."""


def on_terms(design: Design, workload: Workload) -> CostReport:
    """Return what our model counts of GEMMs where Timeloop counts them, and of everything else as it does.

    Each GEMM reads and writes DRAM under the mapping that the model chose, in words of the widths that
    Timeloop has for a level (`words`), while the array fills in no time and transfers overlap. Lookups,
    Hadamard products, moves, sums of rows, leakage and area are those of `evaluate`, as in Timeloop's report.
    What Timeloop says otherwise is then a difference of counts (loops that must divide, for one), or of
    energy tables.

    Raises:
        ValueError: If the design cannot run the workload.
    """
    model = evaluate_one(design, workload, join=False)
    found = {product: _counted(design, same[0]) for product, same in products_of(workload).items()}
    if not found:
        return model
    return replace(report(model, found, mapper=False, tables="model"), backend="analytic", notes=())


def _counted(design: Design, gemm: Gemm) -> Counted:
    """Return our model's count of a product in the form of Timeloop's statistics."""
    mapping, words = map_gemm(design, gemm), words_of(design, gemm)
    one = replace(gemm, count=1, wide=False, a_distinct=None, a_skipped=0, taps=1)
    cycles, moved = _cycles(design, one, mapping), accesses(design, one, mapping)
    energies = action_energies(design, gemm)
    rows = {"DRAM": ROW_BITS / words.level, "preg": 1.0}
    rows |= {buffer.name: buffer.width // buffer.word for buffer in buffers(design, words)}
    keeps = {buffer.name: buffer.keeps for buffer in buffers(design, words)}
    places = {"DRAM": "dram", "preg": "register", **dict.fromkeys(keeps, "buffer")}
    levels = {
        name: _level(name, moved[place], keeps.get(name, "ABZ"), energies[name], rows[name])
        for name, place in places.items()
    }
    work = in_steps(one, figures_of(design, one)).macs
    levels["mac"] = Level("mac", 1, cycles, 0.0, cycles, 1, work * energies["mac"]["compute"])
    return _with_waits(counted_in(levels, 0.0, words, design.dram_bandwidth / design.clock), design)


def _level(
    name: str, moved: dict[str, Accesses], keeps: str, energies: dict[str, float], words: float
) -> Level:
    """Return a level, of whose rows with some words one action moves one."""
    matrices = {}
    for matrix, a in moved.items():
        if matrix in keeps:
            pj = a.reads * energies["read"] + a.fills * energies["write"] + a.updates * energies["update"]
            matrices[matrix] = Traffic(a.reads, a.fills, a.updates, 0.0, pj / words)
    return Level(name, 1, 0, 0.0, 0, 0, sum(traffic.energy_pj for traffic in matrices.values()), matrices)


def _cycles(design: Design, gemm: Gemm, mapping: Mapping) -> int:
    """Return the cycles of the array under a mapping, which fills and drains in no time."""
    table = from_designs([replace(design, **TERMS)])
    mapped = given([gemm], [mapping], table, figures_of(design, None))
    found = count_gemms([gemm], ["both"], table, figures_of(design, gemm), mapped)
    return int(found["compute_cycles"][0, 0])


def _with_waits(found: Counted, design: Design) -> Counted:
    """Return a count with the time that DRAM takes for its bytes."""
    transfer = sum(found.dram_bytes) * design.clock / design.dram_bandwidth
    return found._replace(cycles=max(found.compute_cycles, math.ceil(transfer)))


def on_timeloops_terms(design: Design, workload: Workload) -> tuple[Design, Workload]:
    """Return design and workload with what Timeloop does not know taken out.

    Arrays fill and drain in no time, nothing is lost between tiles, transfers overlap with computing, every
    GEMM reads and writes DRAM, and windows of convolutions come with their repeated words.
    """
    plain = [
        replace(op, a_distinct=None, a_skipped=0, taps=1) if isinstance(op, Gemm) else op
        for op in workload.operations
    ]
    # Single buffering leaves tiles the whole capacity, as a buffet does, whose transfers overlap.
    buffering = "buffet" if design.buffering == "single" else design.buffering
    return replace(design, buffering=buffering, **TERMS), Workload(plain, workload.batch)
