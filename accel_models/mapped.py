"""Mappings as values: the one that the model chooses for a GEMM, and given ones as the model counts them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from accel_models.checks import refuse
from accel_models.counting.gemms import Mapped, count_gemms, work_of
from accel_models.design import Design
from accel_models.feasible import reasons
from accel_models.hardware import Hardware, derive, with_widths
from accel_models.mapper import choose
from accel_models.mapping import DIMENSIONS, INSIDE, ON_COLS, ON_ROWS, STATIONARY, Loops, Mapping
from accel_models.mapping_cost import Accesses
from accel_models.nest import Passes
from accel_models.systolic import Granules
from accel_models.table import DesignTable, FloatArray, from_designs
from accel_models.tiling import ORDERS, STAYS, Tiles
from accel_models.workload import Gemm, Workload


def map_gemm(design: Design, gemm: Gemm) -> Mapping:
    """Return the mapping of one product of a GEMM on a design, chosen for `Design.mapping`'s cost.

    Where tiles do not divide the GEMM, its loops cover more, and the last tile is smaller. K is counted in
    steps (`in_steps`).

    Raises:
        ValueError: If not even the least tile fits the scratchpads; the line names the field.
    """
    table = from_designs([design])
    hardware = derive(table)
    if why := reasons(Workload([gemm]), table, hardware)[0]:
        raise ValueError(why)
    own = with_widths(hardware, table, gemm)
    found = choose(work_of([gemm], table, own))
    tiles = Tiles(*(count[0] for count in found.tiles))
    return as_mapping(design, in_steps(gemm, own), tiles, STAYS[int(found.stays[0])])


def in_steps(gemm: Gemm, own: Hardware) -> Gemm:
    """Return a GEMM whose K counts the array's steps, on one design with the figures for its widths.

    That is K where a cell does one product a cycle: fewer steps where it does several of narrow operands,
    more where it takes wide ones digit by digit.
    """
    steps = int(np.ceil(gemm.k / own.products[0]))
    return gemm if steps == gemm.k else replace(gemm, k=steps, a_distinct=None)


def as_mapping(design: Design, gemm: Gemm, tiles: Tiles, stays: str) -> Mapping:
    """Return a number of tiles along each dimension, while a matrix stays, as loops."""
    sizes = {d: getattr(gemm, d.lower()) for d in DIMENSIONS}
    cells = {d: min(sizes[d], _lanes(design, d)) for d in DIMENSIONS}
    counts = {d: int(count) for d, count in zip(DIMENSIONS, tiles, strict=True)}
    folds = {d: -(-sizes[d] // cells[d]) for d in DIMENSIONS}
    steps = {d: -(-folds[d] // counts[d]) for d in DIMENSIONS}
    return Mapping(
        _loops(counts, ORDERS[stays]),
        _loops(steps, INSIDE[design.dataflow]),
        _loops(cells, "MNK"),
        stationary=STATIONARY[design.dataflow],
    )


def _lanes(design: Design, dimension: str) -> int:
    if dimension == ON_COLS[design.dataflow]:
        return design.cols
    return design.rows if dimension == ON_ROWS[design.dataflow] else 1


def _loops(bounds: dict[str, int], order: str) -> Loops:
    return Loops(bounds["M"], bounds["N"], bounds["K"], order)


def given(gemms: Sequence[Gemm], mappings: Sequence[Mapping], t: DesignTable, h: Hardware) -> Mapped:
    """Return mappings, one a GEMM, as the model counts them on a design.

    Raises:
        ValueError: If a mapping does not cover its GEMM, K in steps.
    """
    stepped = [in_steps(gemm, with_widths(h, t, gemm)) for gemm in gemms]
    pairs = list(zip(stepped, mappings, strict=True))
    for gemm, mapping in pairs:
        mapping.check_covers(gemm.m, gemm.n, gemm.k)

    def each(values: Sequence[float]) -> FloatArray:
        return np.broadcast_to(np.array(values, dtype=np.float64)[:, None], (len(gemms), t.size))

    def of_pairs(figure: Callable[[int, Mapping, str], int]) -> Iterator[FloatArray]:
        return (each([figure(getattr(g, d.lower()), mapping, d) for g, mapping in pairs]) for d in DIMENSIONS)

    tiles = Tiles(*(each([mapping.dram.bound(d) for mapping in mappings]) for d in DIMENSIONS))
    parts = Granules(*of_pairs(lambda size, mapping, d: min(size, mapping.tile(d))))
    folds = Granules(*of_pairs(_folds))
    a, b, z = (each([mapping.times(matrix) for mapping in mappings]) for matrix in "ABZ")
    loads = each([mapping.times(mapping.stationary, to_cells=True) for mapping in mappings])
    return Mapped(tiles, parts, folds, Passes(a, b, z, loads, tiles.m * tiles.n * tiles.k))


def _folds(size: int, mapping: Mapping, dimension: str) -> int:
    """Return the blocks of the array along a dimension, those of the last, smaller tile included."""
    whole, cells = mapping.dram.bound(dimension) - 1, mapping.spatial.bound(dimension)
    last = size - whole * mapping.tile(dimension)
    return whole * mapping.buffer.bound(dimension) + -(-last // cells)


def check_suits(design: Design, mapping: Mapping) -> None:
    """Raise ValueError where cells keep another matrix than a design's, or there are not as many."""
    if mapping.stationary != STATIONARY[design.dataflow]:
        kept = STATIONARY[design.dataflow]
        raise refuse("mapping.stationary", mapping.stationary, f"{kept} with dataflow = {design.dataflow}")
    for dimension in DIMENSIONS:
        most = _lanes(design, dimension)
        if mapping.spatial.bound(dimension) > most:
            raise refuse(
                f"mapping.spatial along {dimension}",
                mapping.spatial.bound(dimension),
                f"an integer from 1 to {most}",
            )


def accesses(design: Design, gemm: Gemm, mapping: Mapping | None = None) -> dict[str, dict[str, Accesses]]:
    """Return the words of one product that the model counts, by level and matrix, as `evaluate_mapping` does.

    A word of A or B is what one step of K takes (`in_steps`): an operand, where cells do one product a cycle.

    Sums live in the "buffer", as Timeloop sees it, or in accumulators where the design has them. What a
    result costs on its way to DRAM beyond its update there is left out, as Timeloop does.

    Args:
        design: The accelerator.
        gemm: The product; its `count` is not applied.
        mapping: A mapping instead of the one that the model chooses.

    Raises:
        ValueError: If the mapping does not cover the product.
    """
    one, table = replace(gemm, count=1, wide=False), from_designs([design])
    hardware = derive(table)
    own = with_widths(hardware, table, one)
    mapped = None if mapping is None else given([one], [mapping], table, hardware)
    found = {
        name: float(values[0, 0]) for name, values in count_gemms([one], ["both"], table, own, mapped).items()
    }
    partial, products = float(own.partial[0]), float(own.products[0])
    memory = "accumulator" if own.apart[0] else "output"
    updates, result = found["sram_writes_z"], float(gemm.m * gemm.n)
    returned = found[f"{memory}_write"] / partial - updates
    read = found[f"{memory}_read"] / partial - result - returned
    a, b = found["input_write"] / float(own.a_step[0]), found["weight_write"] / float(own.b_step[0])
    buffer = {
        "A": Accesses(reads=found["sram_reads_a"] / products, fills=a),
        "B": Accesses(reads=found["sram_reads_b"] / products, fills=b),
        "Z": Accesses(reads=read, fills=returned, updates=updates),
    }
    dram = {
        "A": Accesses(reads=a),
        "B": Accesses(reads=b),
        "Z": Accesses(reads=returned, updates=result + returned),
    }
    work = in_steps(one, own).macs
    return {"register": _register(design, work, buffer), "buffer": buffer, "dram": dram}


def _register(design: Design, work: float, buffer: dict[str, Accesses]) -> dict[str, Accesses]:
    """Return what the word that each cell keeps counts; no two cells keep the same word."""
    kept = STATIONARY[design.dataflow]
    if kept == "Z":
        fills = buffer["Z"].reads
        return {"Z": Accesses(reads=work - (buffer["Z"].updates - fills), fills=fills, updates=work)}
    return {kept: Accesses(reads=work, fills=buffer[kept].reads)}
