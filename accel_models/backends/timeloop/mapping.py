"""Our mapping of a GEMM on a design as loops that divide, as Timeloop's version 4 front end wants them.

The model (`accel_models.map_gemm`) tiles with borders: five tiles of 768 columns on 16 are four of 160 and
one of 128. The front end refuses such a remainder. So where our mapping has one, another is taken, of those
whose tiles divide the folds of the array; it has the same folds, and of all the least product of time and
energy. Where none serves (13 folds, 197 rows) and ours would cost less than three quarters of it, ours is
taken with its loops over all of every tile.

As few cells of each fold are in use as cover the size: 147 on 16 rows are 10 folds of 14.7, that is of 15.
What loops cover beyond the GEMM is padding, which is reported beside every figure.
"""

import math
from dataclasses import replace
from itertools import product

import numpy as np

from accel_models.backends.timeloop.words import figures_of
from accel_models.checks import refuse
from accel_models.counting.gemms import work_of
from accel_models.design import Design
from accel_models.hardware import derive, with_widths
from accel_models.mapped import as_mapping, in_steps, map_gemm
from accel_models.mapper import EACH, Work, counted
from accel_models.mapper import choose as choose_any
from accel_models.mapping import DIMENSIONS, Loops, Mapping
from accel_models.systolic import Granules, ceil_div
from accel_models.table import from_designs
from accel_models.tiling import STAYS, Tiles, fit
from accel_models.workload import Gemm

_WORTH = 0.75
"""What loops beyond the GEMM must lower the product of time and energy to at least."""


def choose(design: Design, gemm: Gemm) -> Mapping:
    """Return our mapping of one product of a GEMM on a design, in loops that divide.

    Raises:
        ValueError: If not even the least tile fits the scratchpads; the line names the field.
    """
    ours = map_gemm(design, gemm)
    work, gemm = _work(design, gemm), in_steps(gemm, figures_of(design, gemm))
    if padding(gemm, ours) == 0:
        return ours
    cost, tiles, stays = _dividing(work)
    padded = _tight(gemm, ours)
    room = fit(work.room, Granules(*(np.array([padded.tile(d)], dtype=np.float64) for d in DIMENSIONS)))
    if room[0] and counted(work, *choose_any(work)).stated[0] < _WORTH * cost:
        return padded
    if cost == math.inf:
        raise refuse("scratchpads", "too small", "large enough for a tile of loops that divide")
    return _tight(gemm, as_mapping(design, gemm, tiles, stays))


def _work(design: Design, gemm: Gemm) -> Work:
    table = from_designs([replace(design, mapping="edp")])
    return work_of([gemm], table, with_widths(derive(table), table, gemm))


def _dividing(work: Work) -> tuple[float, Tiles, str]:
    """Return the least cost of all numbers of tiles that divide the folds, with these, and what stays."""
    cuts = [[count for count in range(1, int(f[0]) + 1) if f[0] % count == 0] for f in work.folds]
    grid = np.array(list(product(*cuts)), dtype=np.float64).T
    tiles, many = Tiles(*grid), work.take(np.zeros(grid.shape[1], dtype=np.intp))
    steps = [fold / count for fold, count in zip(many.folds, grid, strict=True)]
    sizes = (
        step * ceil_div(size, step * count)
        for size, step, count in zip(many.shape, steps, grid, strict=False)
    )
    room = fit(many.room, Granules(*sizes))
    cost = np.where(room, counted(many, tiles, EACH).stated, np.inf)
    place, at = np.unravel_index(int(np.argmin(cost)), cost.shape)
    return float(cost[place, at]), Tiles(*grid[:, at]), STAYS[place]


def _tight(gemm: Gemm, mapping: Mapping) -> Mapping:
    """Return a mapping with no more cells than cover the GEMM."""
    steps = {d: mapping.dram.bound(d) * mapping.buffer.bound(d) for d in DIMENSIONS}
    return replace(mapping, spatial=Loops(*(-(-getattr(gemm, d.lower()) // steps[d]) for d in DIMENSIONS)))


def padding(gemm: Gemm, mapping: Mapping) -> float:
    """Return the share of a mapping's multiply-adds that the GEMM, its K in steps, does not need, 0 to 1."""
    covered = math.prod(mapping.padded(dimension) for dimension in DIMENSIONS)
    return 1 - gemm.m * gemm.n * gemm.k / covered
