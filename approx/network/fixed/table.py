"""Tables in integers: every value that a site can give, from the integers behind its quantised table.

A word has at most 16 bits, so that a site is at most 65,536 integers. The arithmetic is the accelerator's:
the entry is the number of knots at most x, found exactly, and slope times the distance to the segment's
middle plus the value there is exact until it is rounded once.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approx.cpwl import CpwlTable, get_function
from approx.cpwl.fixed_point import PARTS
from approx.cpwl.function import Function
from approx.network.fixed.words import Word, integers
from approx.network.site import SiteModule

Integers = NDArray[np.int64]


def all_inputs(word: Word) -> Integers:
    """Every integer of a word, ascending."""
    return np.arange(-word.limit, word.limit + 1, dtype=np.int64)


def table_values(table: CpwlTable, x: Word, y: Word) -> Integers:
    """What a quantised table gives for every integer of word x, in integers of word y."""
    fixed = table.fixed_point
    assert fixed is not None  # noqa: S101 - the caller has quantised it
    t, k, o = (-round(math.log2(step)) for step in fixed.scale)
    inputs, knots = all_inputs(x), np.array(fixed.knots, dtype=np.int64)
    slopes, offsets = (np.array(part, dtype=np.int64) for part in (fixed.slopes, fixed.offsets))
    slopes <<= np.array(fixed.shifts or (0,), dtype=np.int64)
    common = max(x.fraction, t + 1)
    distance = inputs << (common - x.fraction)
    entry = np.searchsorted(knots << (common - t), distance, side="right")
    middles = (
        np.concatenate([[0], knots[:-1] + knots[1:], [0]]) if fixed.storage == "midpoint" else 0 * slopes
    )
    distance = distance - (middles << (common - t - 1))[entry]
    finest = max(k + common, o)
    values = (slopes[entry] * distance << (finest - k - common)) + (offsets[entry] << (finest - o))
    return np.clip(rounded_shift(values, finest - y.fraction), -y.limit, y.limit)


def function_values(function: Function, x: Word, y: Word) -> Integers:
    """What a true function gives for every integer of word x, in integers of word y; where it has none, 0."""
    with np.errstate(all="ignore"):
        numbers = np.asarray(all_inputs(x) * x.step, dtype=np.float64)
        values = np.nan_to_num(function(numbers), nan=0.0, posinf=y.largest, neginf=-y.largest)
    return integers(values, y)


def quantised(table: CpwlTable, bits: int, x: Word) -> CpwlTable:
    """A table in integers of so many bits, its knots on the steps of the word that it reads, or coarser ones.

    Raises:
        ValueError: the bits cannot hold the table.
    """
    step = 2.0 ** (max(x.bits - bits, 0) - x.fraction)
    limit = 2 ** (min(bits, x.bits) - 1) - 1
    reached = _reached(table, step, limit)
    return reached.quantize(bits, storage="midpoint", scale={"knots": step})


def _reached(table: CpwlTable, step: float, limit: int) -> CpwlTable:
    """The table as far as a word reaches: what lies beyond is never looked up, and its tails begin there.

    Segments that all fall on one step become one.
    """
    on_step = np.clip(np.rint(table.knots / step), -limit, limit)
    kept = np.flatnonzero(np.diff(on_step) > 0)
    if kept.size == 0:
        kept = np.array([table.segments // 2])
        low = min(on_step[0], limit - 1)
        ends = np.array([low, low + 1])
    else:
        ends = np.append(on_step[kept], on_step[kept[-1] + 1])
    slopes, intercepts = table.slopes[kept], table.intercepts[kept]
    outside = table.knots[[0, -1]] / step
    return replace(
        table,
        knots=ends * step,
        slopes=slopes,
        intercepts=intercepts,
        left=table.left if outside[0] >= -limit else (slopes[0], intercepts[0]),
        right=table.right if outside[1] <= limit else (slopes[-1], intercepts[-1]),
    )


def saved_table(table: CpwlTable, bits: int, x: Word) -> dict[str, Any]:
    """The integers of a table as a program file holds them: each part, its digits after the point, shifts."""
    fixed = quantised(table, bits, x).fixed_point
    assert fixed is not None  # noqa: S101 - it has just been quantised
    parts = {name: list(getattr(fixed, name)) for name in PARTS}
    shifts = {"shifts": list(fixed.shifts)} if fixed.shifts else {}
    fractions = [-round(math.log2(step)) for step in fixed.scale]
    return {**parts, **shifts, "bits": fixed.bits, "fractions": fractions}


def site_values(site: SiteModule, bits: int, x: Word, y: Word) -> Integers:
    """What a site gives for every integer of word x, in integers of word y: by its table, if it has one.

    Raises:
        ValueError: the table cannot be held in so many bits.
    """
    table = site.present_table()
    if table is None:
        return function_values(get_function(site.function), x, y)
    try:
        return table_values(quantised(table, bits, x), x, y)
    except ValueError as error:
        raise ValueError(f"site {site.name}: table = {bits}: {error}") from None


def rounded_shift(values: Integers, shift: int) -> Integers:
    """Values 2^-shift, rounded to the nearest integer, halves to the even one."""
    if shift <= 0:
        return values << -shift
    floor = values >> shift
    rest = values - (floor << shift)
    half = np.int64(1) << (shift - 1)
    up = (rest > half) | ((rest == half) & (floor & 1 == 1))
    return np.asarray(floor + up, dtype=np.int64)
