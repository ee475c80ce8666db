"""Tables fitted in their words: against the least that can be, rounding afterwards, and published tables.

    python benchmarks/word_tables.py

"least" is the error below which no table with these words exists, for steps from a quarter to four times
those chosen: found here once more by following every line from every position, so that it does not lean on
the code that is measured. Words of up to 8 bits, offsets at 0; reciprocal and rsqrt of a mantissa. Published:
GQA-LUT (Dong et al., DAC 2024), slopes and intercepts on 1/64, as recomputed from the tables that its authors
ship.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np

import approx
from approx.cpwl import CpwlTable

CASES = ("gelu", "exp", "silu", "reciprocal", "rsqrt")
REDUCED = ("reciprocal", "rsqrt")
GQA = {
    ("gelu", (-4.0, 4.0)): {8: 7.22e-5, 16: 1.61e-5},
    ("hardswish", (-4.0, 4.0)): {8: 3.33e-4, 16: 1.84e-5},
    ("exp", (-8.0, 0.0)): {8: 1.93e-5, 16: 2.21e-5},
}
POINTS = 2048


def least(table: CpwlTable, segments: int) -> float:
    """Return a lower bound of the largest error of any table in these words that errs less than `table`."""
    fixed = table.fixed_point
    assert fixed is not None
    bound, found = table.max_error(), math.inf
    for k, o in itertools.product((0.25, 0.5, 1.0, 2.0, 4.0), repeat=2):
        steps = (fixed.scale[0], fixed.scale[1] * k, fixed.scale[2] * o)
        found = min(found, _least(table, segments, fixed.bits, steps, min(bound, found)))
    return min(found, bound)


def _least(
    table: CpwlTable, segments: int, bits: int, steps: tuple[float, float, float], bound: float
) -> float:
    limit, (lo, hi) = 2 ** (bits - 1) - 1, table.domain
    low, high = max(math.floor(lo / steps[0]), -limit), min(math.ceil(hi / steps[0]), limit)
    knots = np.clip(np.arange(low, high + 1) * steps[0], lo, hi)
    knots[0], knots[-1] = lo, hi
    x = np.unique(np.concatenate([np.linspace(lo, hi, POINTS), knots]))
    values = table.reference()(x)
    unit = np.abs(values) if table.error == "relative" else np.ones_like(values)
    ends, words = np.searchsorted(x, knots), np.arange(-limit, limit + 1)
    slopes, offsets = words[:, None] * steps[1], words * steps[2]
    cost = np.full((knots.size, knots.size), np.inf)
    for first, start in enumerate(ends[:-1]):
        within = np.abs(slopes * x[start] + offsets - values[start]) <= bound * unit[start]
        slope, offset = (np.broadcast_to(part, within.shape)[within] for part in (slopes, offsets))
        worst = np.zeros(slope.size)
        for last in range(first + 1, knots.size):
            cell = slice(ends[last - 1], ends[last] + 1)
            error = np.abs(slope[:, None] * x[cell] + offset[:, None] - values[cell]) / unit[cell]
            worst = np.maximum(worst, error.max(axis=1))
            slope, offset, worst = (part[worst <= bound] for part in (slope, offset, worst))
            if not slope.size:
                break
            cost[first, last] = worst.min()
    reached = cost[0]
    for _ in range(segments - 1):
        reached = np.minimum(reached, np.maximum(reached[:, None], cost).min(axis=0))
    return float(reached[-1])


def fitted(name: str, segments: int, bits: int | None) -> CpwlTable:
    """Return the table of a function, or of its mantissa."""
    if name in REDUCED:
        return approx.fit(name, segments, range_reduction=True, bits=bits).table
    return approx.fit(name, segments, bits=bits)


def rounded(table: CpwlTable, bits: int) -> float:
    """Return the largest error after rounding, with the better of the two ways to store an offset."""
    storages = ("intercept", "midpoint")
    return min(table.quantize(bits, storage=storage).max_error() for storage in storages)  # type: ignore[arg-type]


def largest_errors() -> bool:
    print(
        "largest error         bits  segments   real     words     least   of least  rounded of rounded    s"
    )
    of_least, of_rounded = [], []
    for name, bits, segments in itertools.product(CASES, (6, 8), (8, 16)):
        real = fitted(name, segments, None)
        start = time.process_time()
        table = fitted(name, segments, bits)
        seconds = time.process_time() - start
        error, lower, after = table.max_error(), least(table, segments), rounded(real, bits)
        of_least.append(error / lower)
        of_rounded.append(error / after)
        where = f"{name} [{real.domain[0]:g}, {real.domain[1]:g}]"
        print(
            f"{where:20s} {bits:6d} {segments:9d} {real.max_error():9.2e} {error:9.2e} {lower:9.2e} "
            f"{of_least[-1]:8.3f} {after:9.2e} {of_rounded[-1]:10.2f} {seconds:7.2f}",
            flush=True,
        )
    worst, median = max(of_least), statistics.median(of_rounded)
    print(f"worst of least {worst:.3f} (bar 1.05); median of rounded {median:.2f} (bar 0.7)\n")
    return worst <= 1.05 and median <= 0.7


def published() -> bool:
    print("squared error, slopes and offsets on 1/64        published      ours  published / ours")
    ratios = []
    for (name, domain), figures in GQA.items():
        for segments, theirs in figures.items():
            scale = {"slopes": 1 / 64, "offsets": 1 / 64}
            table = approx.fit(name, segments, "minimax", "least_squares", domain, bits=8, scale=scale)
            ratios.append(theirs / table.mse())
            print(f"GQA-LUT {name} {domain}, {segments:2d} segments".ljust(48), end="")
            print(f"{theirs:9.2e} {table.mse():9.2e} {ratios[-1]:12.2f}", flush=True)
    print(f"least {min(ratios):.2f} (bar: never below 1)")
    return min(ratios) >= 1


if __name__ == "__main__":
    raise SystemExit(0 if all([largest_errors(), published()]) else 1)
