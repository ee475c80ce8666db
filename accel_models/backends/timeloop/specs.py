"""Version 4 input files for one GEMM on one design: architecture, components, problem, variables, mapper.

The form is that of files which Timeloop (4cf6d4c, 2025-03-31, through timeloop-python) accepted. A mapping is
stated as constraints that leave no choice, as the front end wants it: all factors of all levels, the
innermost loop first in `permutation`, and only factors that divide.
"""

from dataclasses import dataclass
from typing import Any

from accel_models.backends.timeloop import architecture
from accel_models.backends.timeloop.architecture import COMPONENTS, NODE, Buffer
from accel_models.backends.timeloop.text import Quoted, Tagged, dump
from accel_models.backends.timeloop.words import Words, words_of
from accel_models.checks import Choice, IntRange, refuse
from accel_models.design import Design
from accel_models.mapping import DIMENSIONS, INDEXED_BY, INSIDE, ON_COLS, ON_ROWS, STATIONARY, Loops, Mapping
from accel_models.workload import Gemm

Sizes = dict[str, int]
"""M, N and K."""


@dataclass(frozen=True)
class Budget:
    """How long timeloop-mapper searches; fields as in its `mapper` section.

    Attributes:
        metric: What it minimises.
        threads: Threads.
        victory_condition: Mappings in a row without a better one after which a thread stops.
        timeout: Mappings in a row that do not fit after which a thread stops.
        search_size: Mappings in all; 0: no limit.
    """

    metric: str = "edp"
    threads: int = 2
    victory_condition: int = 300
    timeout: int = 20_000
    search_size: int = 0

    def __post_init__(self) -> None:
        Choice(("edp", "delay", "energy")).check("budget.metric", self.metric)
        IntRange(1, 1024).check("budget.threads", self.threads)
        for name in ("victory_condition", "timeout"):
            IntRange(1, 10**9).check(f"budget.{name}", getattr(self, name))
        IntRange(0, 10**9).check("budget.search_size", self.search_size)


def for_model(design: Design, mapping: Mapping, gemm: Gemm | None = None) -> dict[str, str]:
    """Return the files for timeloop-model, text by file name; the problem is what the mapping's loops cover.

    `gemm` has widths of its own, if any.

    Raises:
        ValueError: If the mapping does not suit the design: another stationary matrix, more cells than there
            are, or a dimension on cells that the dataflow keeps off them.
    """
    _check(design, mapping)
    sizes = {d: mapping.padded(d) for d in DIMENSIONS}
    return _files(design, sizes, _nodes(design, words_of(design, gemm), mapping))


def for_mapper(design: Design, sizes: Sizes, budget: Budget, gemm: Gemm | None = None) -> dict[str, str]:
    """Return the files for timeloop-mapper: the same architecture, of whose loops the dataflow is fixed."""
    mapper = {
        "version": 0.4,
        "optimization_metrics": [budget.metric],
        "live_status": False,
        "num_threads": budget.threads,
        "timeout": budget.timeout,
        "victory_condition": budget.victory_condition,
        "search_size": budget.search_size,
        "algorithm": "random_pruned",
        "diagnostics": False,
    }
    files = _files(design, sizes, _nodes(design, words_of(design, gemm), None))
    files["mapper.yaml"] = dump({"mapper": mapper})
    files["mapspace.yaml"] = dump({"mapspace": {"version": 0.4, "template": "uber"}})
    return files


def components(design: Design, gemm: Gemm | None = None) -> list[Any]:
    """Return what energy and area tables depend on: the components without their constraints."""
    words = words_of(design, gemm)
    levels: list[Any] = [
        [buffer.name, architecture.sram(design, buffer)] for buffer in architecture.buffers(design, words)
    ]
    parts = (
        architecture.register(design, words),
        architecture.mac(design),
        dict(architecture.system(design)),
    )
    return [*levels, *parts, design.dram, design.rows, design.cols, COMPONENTS]


def _check(design: Design, mapping: Mapping) -> None:
    if mapping.stationary != STATIONARY[design.dataflow]:
        kept = STATIONARY[design.dataflow]
        raise refuse("mapping.stationary", mapping.stationary, f"{kept} with dataflow = {design.dataflow}")
    lanes = {ON_COLS[design.dataflow]: design.cols, ON_ROWS[design.dataflow]: design.rows}
    for dimension in DIMENSIONS:
        IntRange(1, lanes.get(dimension, 1)).check(
            f"mapping.spatial along {dimension}", mapping.spatial.bound(dimension)
        )


def _files(design: Design, sizes: Sizes, nodes: list[Tagged]) -> dict[str, str]:
    spaces: list[dict[str, Any]] = [
        {"name": matrix, "projection": [[[dimension]] for dimension in indices]}
        for matrix, indices in INDEXED_BY.items()
    ]
    spaces[-1]["read_write"] = True
    shape = {"name": "GEMM", "dimensions": list(DIMENSIONS), "data_spaces": spaces}
    variables = {"version": 0.4, "technology": Quoted(NODE), "global_cycle_seconds": 1 / design.clock}
    return {
        "arch.yaml": dump({"architecture": {"version": 0.4, "nodes": nodes}}),
        "components.yaml": dump(COMPONENTS),
        "problem.yaml": dump({"problem": {"version": 0.4, "shape": shape, "instance": sizes}}),
        "variables.yaml": dump({"variables": variables}),
    }


def _nodes(design: Design, words: Words, mapping: Mapping | None) -> list[Tagged]:
    """Return the architecture from DRAM inwards, with the loops of each level where there is a mapping."""
    levels = architecture.buffers(design, words)
    dram_loops = {"temporal": _temporal(mapping.dram)} if mapping else {}
    kept = STATIONARY[design.dataflow]
    register = {"dataspace": _dataspace(kept), "temporal": _temporal(Loops(order="KNM"))}
    return [
        architecture.system(design),
        _component("DRAM", "DRAM", architecture.dram(design), {**dram_loops, "dataspace": _dataspace("ABZ")}),
        *(_buffer(design, level, mapping, inner=level is levels[-1]) for level in levels),
        _array(design, mapping),
        _component(
            "preg", "storage", architecture.register(design, words), register, subclass="aladdin_register"
        ),
        Tagged("!Component", name="mac", **{"class": "intmac"}, attributes=architecture.mac(design)),
    ]


def _buffer(design: Design, level: Buffer, mapping: Mapping | None, *, inner: bool) -> Tagged:
    """Return a scratchpad; loops inside a tile are the innermost one's, so that all hold the same tile."""
    if not inner:
        temporal = _temporal(Loops(order="KNM"))
    elif mapping:
        temporal = _temporal(mapping.buffer)
    else:
        temporal = {"permutation": list(reversed(INSIDE[design.dataflow]))}
    constraints = {"temporal": temporal, "dataspace": _dataspace(level.keeps)}
    return _component(level.name, "SRAM", architecture.sram(design, level), constraints)


def _array(design: Design, mapping: Mapping | None) -> Tagged:
    """Return the array; the first dimension of `permutation` lies along X, the columns."""
    along = ON_COLS[design.dataflow] + ON_ROWS[design.dataflow]
    streamed = next(dimension for dimension in DIMENSIONS if dimension not in along)
    factors = _factors(mapping.spatial) if mapping else [f"{streamed}=1"]
    spatial = {"permutation": [*along, streamed], "split": 1, "factors": factors}
    mesh = {"meshX": design.cols, "meshY": design.rows}
    # A mesh of one cell is none to the front end, which then has no level for these constraints.
    constraints = {"constraints": {"spatial": spatial}} if design.rows * design.cols > 1 else {}
    return Tagged("!Container", name="PE", spatial=mesh, **constraints)


def _component(
    name: str, kind: str, attributes: dict[str, Any], constraints: dict[str, Any], subclass: str = ""
) -> Tagged:
    below = {"subclass": subclass} if subclass else {}
    kinds = {"class": kind, **below}
    return Tagged("!Component", name=name, **kinds, attributes=attributes, constraints=constraints)


def _temporal(loops: Loops) -> dict[str, Any]:
    return {"factors": _factors(loops), "permutation": list(reversed(loops.order))}


def _factors(loops: Loops) -> list[str]:
    return [f"{dimension}={loops.bound(dimension)}" for dimension in DIMENSIONS]


def _dataspace(keeps: str) -> dict[str, list[str]]:
    passes = [matrix for matrix in INDEXED_BY if matrix not in keeps]
    return {"keep": list(keeps), **({"bypass": passes} if passes else {})}
