"""Words in one pass on the CPU: what `emulate` does step by step in torch, to the same bits.

Words and their integers are float32 tensors as there. Everything computes without gradients, and needs the
package's C extension (`AVAILABLE`); matrix products need a CPU that multiplies pairs of 16-bit numbers too
(`MULTIPLIES`: AVX-512 VNNI, else AVX2). Where one is missing, torch serves.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from approx.network.operator.native import in_parts

try:
    from approx.network.fixed import _words

    AVAILABLE = True
    MULTIPLIES = bool(_words.multiplies("best"))
except (ImportError, TypeError):  # not built, or from sources of another version
    AVAILABLE = MULTIPLIES = False
INSTRUCTIONS = "best"
"""The instruction set of matrix products: "avx512", "avx2", or the widest that the CPU has."""

_OPS = {torch.ops.aten.add: 0, torch.ops.aten.sub: 1, torch.ops.aten.mul: 2}
_MOST_AXES = 8
_LARGEST_SUM = 2**31 - 1
_HIGH_DIGIT = 128
"""Largest magnitude of the high one of two digits, of an integer of 16 bits."""


def handles(*operands: Any) -> bool:
    """Whether tensors can take the native path: float32 on the CPU, and no gradient is wanted."""
    graded = torch.is_grad_enabled()
    return AVAILABLE and all(
        x.dtype is torch.float32 and x.device.type == "cpu" and not (graded and x.requires_grad)
        for x in operands
    )


def rounded(x: Tensor, factor: float, limit: float, step: float) -> Tensor:
    """clamp(round(x factor), -limit, limit) step, in x's layout if that is dense."""
    x, y = _with_room(x)

    def part(start: int, stop: int) -> None:
        _words.rounded(x.data_ptr(), y.data_ptr(), start, stop, factor, limit, step)

    in_parts(part, x.numel())
    return y


def _with_room(x: Tensor) -> tuple[Tensor, Tensor]:
    """X, or a copy, without gaps in memory, and room for a result laid out alike."""
    y = torch.empty_like(x)
    if x.stride() == y.stride():
        return x, y
    x = x.contiguous()
    return x, torch.empty_like(x)


def hadamard(target: Any, a: Tensor, b: Tensor, factor: float, limit: float, step: float) -> Tensor:
    """A sum, difference or product of two operands, which broadcast, rounded as above."""
    same = a.shape == b.shape and a.stride() == b.stride()
    y = torch.empty_like(a) if same else a.new_empty(_broadcast(a.shape, b.shape))
    if same and y.stride() == a.stride():
        walk = _walk((y.numel(),), (1,), (1,))
    else:
        y = y.contiguous()
        walk = _walk(y.shape, *(x.broadcast_to(y.shape).stride() for x in (a, b)))
    pointers, op = (a.data_ptr(), b.data_ptr(), y.data_ptr()), _OPS[target.overloadpacket]

    def part(start: int, stop: int) -> None:
        _words.hadamard(*pointers, start, stop, walk, op, factor, limit, step)

    in_parts(part, y.numel())
    return y


def _broadcast(*shapes: tuple[int, ...]) -> torch.Size:
    found: torch.Size = torch.broadcast_shapes(*shapes)  # type: ignore[no-untyped-call]
    return found


@lru_cache(maxsize=1024)
def _walk(sizes: tuple[int, ...], *strides: tuple[int, ...]) -> bytes:
    """The axes as the extension takes them, neighbours that all operands walk alike made one."""
    axes: list[tuple[int, ...]] = []
    for axis in zip(sizes, *strides, strict=True):
        if axis[0] == 1:
            continue
        if axes and all(
            outer == inner * axis[0] for outer, inner in zip(axes[-1][1:], axis[1:], strict=True)
        ):
            axes[-1] = (axes[-1][0] * axis[0], *axis[1:])
        else:
            axes.append(axis)
    axes = axes or [(1, 1, 1)]
    filled = axes + [(0, 0, 0)] * (_MOST_AXES - len(axes))
    return struct.pack(
        f"{1 + 3 * _MOST_AXES}q", len(axes), *(n for column in zip(*filled, strict=True) for n in column)
    )


def lookup(x: Tensor, entries: Tensor, factor: float, limit: int) -> Tensor:
    """The entry of every word; entries (2 limit + 1,) begin with that of the integer -limit."""
    x, y = _with_room(x)

    def part(start: int, stop: int) -> None:
        _words.lookup(x.data_ptr(), y.data_ptr(), start, stop, entries.data_ptr(), factor, limit)

    in_parts(part, x.numel())
    return y


Rounding = tuple[float, float, float]
"""Factor, limit and step, as of `rounded`."""


def dots(a: Tensor, b: Tensor, term: Rounding | None, result: Rounding) -> Tensor:
    """Sums over the last axis, kept as 1, of products, rounded where they have a rounding of their own."""
    a, b = a.contiguous(), b.contiguous()
    y, row = a.new_empty((*a.shape[:-1], 1)), a.shape[-1]

    def part(start: int, stop: int) -> None:
        pointers = a.data_ptr(), b.data_ptr(), y.data_ptr()
        _words.dots(*pointers, start, stop, row, *(term or (0.0, 0.0, 0.0)), *result)

    in_parts(part, y.numel(), row)
    return y


@dataclass(frozen=True)
class Lookup:
    """A table as `lookup` takes it."""

    entries: Tensor
    factor: float
    limit: int


def softmax(
    x: Tensor, shifted: Rounding, exp: Lookup, total: Rounding, reciprocal: Lookup, result: Rounding
) -> Tensor:
    """exp(x - max x) times the reciprocal of its sum over the last axis, each step rounded."""
    x = x.contiguous()
    y, row = torch.empty_like(x), x.shape[-1]
    tables = ((t.entries.data_ptr(), t.factor, t.limit) for t in (exp, reciprocal))
    steps = (*shifted, *next(tables), *total, *next(tables), *result)

    def part(start: int, stop: int) -> None:
        _words.softmax(x.data_ptr(), y.data_ptr(), start, stop, row, *steps)

    if y.numel():
        in_parts(part, y.numel() // row, row)
    return y


@dataclass(frozen=True)
class Range:
    """The largest magnitudes of the integers of a product's operands, left and right."""

    left: int
    right: int

    def cut(self, terms: int) -> tuple[int, int] | None:
        """(digits of the left operand, terms that int32 can add up, an even number); None if it cannot."""
        if self.left * self.right * terms <= _LARGEST_SUM:
            return 1, terms + terms % 2
        block = _LARGEST_SUM // (_HIGH_DIGIT * self.right) // 2 * 2
        return (2, block) if block and max(self.left, self.right) < 2**15 else None


@dataclass(frozen=True)
class Epilogue:
    """What becomes of the sums of a column: plus a bias, times a factor, rounded to a word.

    Attributes:
        bias, factor: of every column of the result, float64 and contiguous; None for no bias.
        limit, step: as of `rounded`.
    """

    bias: Tensor | None
    factor: Tensor
    limit: float
    step: float

    def arguments(self) -> tuple[int, int, float, float]:
        """As the extension takes them."""
        bias = 0 if self.bias is None else self.bias.data_ptr()
        return bias, self.factor.data_ptr(), self.limit, self.step


class Packed:
    """Weights (groups, K, N), or (K, N) of one group, packed once for many products.

    Attributes:
        words: what the extension made of them.
        sizes: groups, K and N.
    """

    def __init__(self, weight: Tensor) -> None:
        weight = weight if weight.dim() == 3 else weight[None]
        groups, k, n = self.sizes = (weight.shape[0], weight.shape[1], weight.shape[2])
        self.words = torch.zeros((groups, (n + 15) // 16 * 16 * (k + k % 2)), dtype=torch.int16)
        for own, words in zip(weight, self.words, strict=True):
            _words.pack(own.data_ptr(), words.data_ptr(), _shape(k=k, n=n, b=(0, 0, *own.stride())))


Units = tuple[float, float]
"""What 1 in each operand of a product is in its integers."""


def product(
    a: Tensor, b: Tensor | Packed, cut: tuple[int, int], epilogue: Epilogue, units: Units = (1.0, 1.0)
) -> Tensor:
    """Matrix products of integers, (..., M, K) times (..., K, N), rounded."""
    if isinstance(b, Packed):
        _, k, n = b.sizes
        y = a.new_empty((*a.shape[:-1], n))
        a = a.reshape(-1, a.shape[-1])
        shape = _shape(1, 1, len(a), k, n, a=(0, 0, *a.stride()), cut=cut, packed=1, units=units)
        _run(a, b.words, y, shape, epilogue)
        return y
    batch = _broadcast(a.shape[:-2], b.shape[:-2])
    a, b = (_in_four_axes(x.expand(*batch, *x.shape[-2:])) for x in (a, b))
    (outer, inner, m, k), n = a.shape, b.shape[-1]
    y = a.new_empty((*batch, m, n))
    _run(a, b, y, _shape(outer, inner, m, k, n, a=a.stride(), b=b.stride(), cut=cut, units=units), epilogue)
    return y


def _in_four_axes(x: Tensor) -> Tensor:
    """Matrices in a batch of two axes."""
    if x.dim() > 4:
        return x.reshape(-1, 1, *x.shape[-2:])
    return x[(None,) * (4 - x.dim())]


def _shape(
    outer: int = 1,
    inner: int = 1,
    m: int = 1,
    k: int = 1,
    n: int = 1,
    *,
    a: tuple[int, ...] = (0, 0, 0, 0),
    b: tuple[int, ...] = (0, 0, 0, 0),
    cut: tuple[int, int] = (1, 2),
    packed: int = 0,
    image: tuple[int, ...] = (0,) * 23,
    units: Units = (1.0, 1.0),
) -> bytes:
    """The extension's `Shape`."""
    numbers = (outer, inner, m, k, n, *a, *b, *cut, packed, *image)
    return struct.pack(f"{len(numbers)}q2d", *numbers, *units)


def _run(a: Tensor, b: Tensor, y: Tensor, shape: bytes, epilogue: Epilogue, way: str | None = None) -> None:
    pointers = a.data_ptr(), b.data_ptr(), y.data_ptr()
    bias, factor, limit, step = epilogue.arguments()
    used = way or INSTRUCTIONS

    def part(start: int, stop: int) -> None:
        _words.products(*pointers, start, stop, shape, bias, factor, limit, step, used)

    if y.numel():
        count = _words.blocks(shape)
        in_parts(part, count, y.numel() // count)
