"""The array: its granules, how long it fills, and the scratchpad accesses of a GEMM, fold after fold.

A fold maps one R x C block of the stationary matrix on the array. The counts are those of SCALE-Sim 3.0.0
(Samajdar et al., ISPASS 2020), verified on its own output, with its known faults left out: it prints one
cycle less (issue 125), its output-stationary writes carry R + C extra words a fold, and it never reads
partial sums back.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Shape(NamedTuple):
    """GEMM sizes and array sizes as broadcastable arrays."""

    m: FloatArray
    n: FloatArray
    k: FloatArray
    rows: FloatArray
    cols: FloatArray
    ws: BoolArray
    os: BoolArray


class Granules(NamedTuple):
    """The least tile that keeps the array's folds whole: R or C along what the array maps, else 1."""

    m: FloatArray
    n: FloatArray
    k: FloatArray


def ceil_div(a: Any, b: Any) -> FloatArray:
    """Return ceil(a / b) of exact integers kept as float64."""
    return np.asarray(np.ceil(np.divide(a, b)), dtype=np.float64)


def granules(s: Shape) -> Granules:
    """Return the granules of each dataflow: OS maps M x N, WS K x N, IS K x M on rows x columns.

    Along N and K a smaller GEMM needs no more than its size. Along M tiles are padded to whole folds, so that
    a batch never costs more than its parts.
    """
    weight, output = s.ws, s.os
    return Granules(
        m=np.where(output, s.rows, np.where(weight, 1.0, s.cols)) + np.zeros_like(s.m),
        n=np.minimum(s.n, np.where(weight | output, s.cols, 1.0)),
        k=np.minimum(s.k, np.where(output, 1.0, s.rows)),
    )


def skew(s: Shape) -> FloatArray:
    """Return the cycles to fill and drain a fold: R + C - 2 (OS), 2R + C - 2 (WS, IS)."""
    return np.asarray(s.rows + s.cols - 2 + np.where(s.os, 0.0, s.rows))


class ArrayTraffic(NamedTuple):
    """Words between scratchpads and array in one GEMM; z are partial sums, read back but for the first."""

    reads_a: FloatArray
    reads_b: FloatArray
    reads_z: FloatArray
    writes_z: FloatArray


def array_traffic(s: Shape, folds: Granules, loads: FloatArray) -> ArrayTraffic:
    """Return scratchpad accesses: the stationary operand once a load, the others once a fold that they pass.

    `folds`: blocks of the array along each dimension. Under OS sums that are loaded again have left before.
    """
    a, b, z = s.m * s.k, s.k * s.n, s.m * s.n
    inputs = ~(s.ws | s.os)
    reads_a = np.where(inputs, loads, folds.n) * a
    reads_b = np.where(s.ws, loads, folds.m) * b
    passes = np.where(s.os, loads, folds.k)
    return ArrayTraffic(reads_a, reads_b, (passes - 1) * z, passes * z)
