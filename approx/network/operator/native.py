"""The CPWL operator in one pass on the CPU.

The line of x is found without a search: an index map cuts the range of the knots into cells so small that
each holds at most one knot, and a cell says how many knots lie below it and where its own knot is. A cell is
found by steps that rounding cannot put in the wrong order (a subtraction, a multiplication, a truncation), so
that one comparison with the knot itself makes the index exact for every placement.

Three ways lead to a line: pairs of the map and of the lines loaded one by one, the same gathered, or both
searched and fetched in AVX-512 registers. Which is fastest depends on the number of segments and on the
processor (Zen 4 loads pairs in half the time that it gathers them), so that each is tried, in about a
millisecond for all, when a table of such a size is first mapped.

Needs the package's C extension; where that was not built, `AVAILABLE` is False and `reference` serves.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from time import perf_counter
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from approx.network.operator.layout import dense, like

try:
    from approx.network.operator import _cpwl

    AVAILABLE = True
except ImportError:
    AVAILABLE = False

_CELLS = (256, 512, 1024, 2048, 4096)
"""Sizes of an index map, the least that separates the knots is taken; 4096 cells fill a first-level cache."""
WAYS = ("pairs", "gathers", "registers")
"""How a table is looked up, in the extension's order; it takes "pairs" where it cannot do as asked."""
_CLASSES = (16, 32, 64, 128)
"""Segments up to which tables are held in registers alike."""
_TRIAL = 4096
"""Elements of a trial: 2 microseconds or so, which are run a few times."""
_ROUNDS = 12
_COPIES = 4
"""Of the sums of the lines' gradients, among which the extension spreads its work."""
_PARALLEL = 1 << 17
"""Elements below which a second thread costs more than it saves."""


@dataclass(frozen=True)
class IndexMap:
    """Where each line begins.

    Attributes:
        knots: (N+1,) float32, contiguous.
        cells: (C, 2) int32: bits of the cell's knot as float32 (NaN if it has none), knots below it.
        packed: the map as the extension takes it; points to `knots` and `cells`.
        crowded: some cell holds several knots, so that lookups step through them.
        way: how the extension looks it up, one of `WAYS`.
    """

    knots: torch.Tensor
    cells: torch.Tensor
    packed: bytes
    crowded: bool
    way: str

    @classmethod
    def build(cls, knots: torch.Tensor, way: str | None = None) -> IndexMap | None:
        """Map ascending float32 `knots`; None where the extension is missing.

        Without a `way` it is the one that was fastest in a trial of tables of this size on this machine.

        Cells are equal steps of the number itself or, where its knots span octaves, of the rank of its bits,
        which is a logarithmic axis.
        """
        if not AVAILABLE:
            return None
        knots = knots.detach().to(device="cpu", dtype=torch.float32).contiguous()
        for by_bits, count in product((False, True), _CELLS):
            cells = torch.empty((count, 2), dtype=torch.int32)
            asked = WAYS.index(way or "pairs")
            arguments = knots.data_ptr(), knots.numel(), cells.data_ptr(), count, by_bits, asked
            packed, crowded, taken = _cpwl.index(*arguments)
            if not crowded:
                break
        built = cls(knots, cells, packed, bool(crowded), WAYS[taken])
        if way is not None:
            return built
        best = fastest(next((n for n in _CLASSES if knots.numel() - 1 <= n), 0), bool(crowded))
        return built if best == built.way else cls.build(knots, best)

    def __deepcopy__(self, memo: dict[int, Any]) -> IndexMap | None:
        """Map a copy of the knots, as `packed` holds addresses."""
        return IndexMap.build(self.knots.clone(), self.way)

    def __reduce__(self) -> tuple[Any, ...]:
        """Map anew where it is unpickled, for the same reason."""
        return IndexMap.build, (self.knots,)


@lru_cache(maxsize=16)
def fastest(segments: int, crowded: bool) -> str:
    """The way that looks up tables of up to so many segments (0: of any) fastest here; tried once."""
    knots = torch.linspace(-2.0, 2.0, (segments or 256) + 1)
    if crowded:  # a knot beside each: no cell holds one alone
        knots = torch.cat([knots[:1] - 1e-6, knots, knots[-1:] * 1e6]).sort().values
    lines = torch.zeros((knots.numel() + 1, 2))
    x = (torch.arange(_TRIAL) * 0.6180339887) % 1 * 4 - 2
    y = torch.empty_like(x)
    maps = {m.way: m for way in WAYS if (m := IndexMap.build(knots, way)) is not None}
    spent = dict.fromkeys(maps, float("inf"))
    for _ in range(_ROUNDS):
        for way, index in maps.items():
            start = perf_counter()
            _cpwl.forward(x.data_ptr(), y.data_ptr(), 0, _TRIAL, lines.data_ptr(), index.packed)
            spent[way] = min(spent[way], perf_counter() - start)
    return min(spent, key=lambda way: spent[way])


Table = tuple[torch.Tensor, IndexMap]
"""A table as its lines (N+2, 2) and its index map."""


def handles(x: torch.Tensor) -> bool:
    """Whether x can take the native path."""
    return AVAILABLE and x.device.type == "cpu" and x.dtype is torch.float32


def cpwl(x: torch.Tensor, lines: torch.Tensor, index: IndexMap) -> torch.Tensor:
    """Evaluate a table at every element of x; arguments as for `approx.network.operator.cpwl`."""
    result: torch.Tensor = _Cpwl.apply(x, lines, index)  # type: ignore[no-untyped-call]
    return result


class _Cpwl(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, lines: torch.Tensor, index: IndexMap) -> torch.Tensor:
        x, lines = dense(x.detach()), lines.detach().contiguous()
        y = torch.empty_like(x)

        def part(start: int, stop: int) -> None:
            _cpwl.forward(x.data_ptr(), y.data_ptr(), start, stop, lines.data_ptr(), index.packed)

        in_parts(part, x.numel())
        ctx.save_for_backward(x, lines)
        ctx.index = index
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        x, lines = ctx.saved_tensors
        gradient = like(gradient, x)
        to_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        to_lines = (
            torch.zeros((_COPIES, *lines.shape), dtype=torch.float64) if ctx.needs_input_grad[1] else None
        )
        if to_x is not None:

            def part(start: int, stop: int) -> None:
                pointers = x.data_ptr(), gradient.data_ptr(), to_x.data_ptr()
                _cpwl.backward_input(*pointers, start, stop, lines.data_ptr(), ctx.index.packed)

            in_parts(part, x.numel())
        if to_lines is not None:
            pointers = x.data_ptr(), gradient.data_ptr(), to_lines.data_ptr()
            _cpwl.backward_lines(*pointers, 0, x.numel(), ctx.index.packed)
        return to_x, None if to_lines is None else to_lines.sum(0).to(lines.dtype), None


def softmax(x: torch.Tensor, exp: Table, reciprocal: Table) -> torch.Tensor:
    """Softmax over the last dimension, without gradients."""
    x = x.contiguous()
    y, row = torch.empty_like(x), x.shape[-1]

    def part(start: int, stop: int) -> None:
        tables = exp[0].data_ptr(), exp[1].packed, reciprocal[0].data_ptr(), reciprocal[1].packed
        _cpwl.softmax(x.data_ptr(), y.data_ptr(), start, stop, row, *tables)

    in_parts(part, x.numel() // row, row)
    return y


def layer_norm(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float, rsqrt: Table
) -> torch.Tensor:
    """Layer norm over the last dimension, without gradients; weight and bias are (size,)."""
    x = x.contiguous()
    y, row = torch.empty_like(x), x.shape[-1]

    def part(start: int, stop: int) -> None:
        arrays = eps, weight.data_ptr(), bias.data_ptr(), rsqrt[0].data_ptr(), rsqrt[1].packed
        _cpwl.layer_norm(x.data_ptr(), y.data_ptr(), start, stop, row, *arrays)

    in_parts(part, x.numel() // row, row)
    return y


def in_parts(part: Any, size: int, elements: int = 1) -> None:
    """Run `part(start, stop)` over 0..size, each of so many elements, on torch's number of threads."""
    threads = min(torch.get_num_threads(), size * elements // _PARALLEL, size)
    if threads <= 1:
        part(0, size)
        return
    bounds = [size * i // threads for i in range(threads + 1)]
    running: list[Future[None]] = [
        _pool(threads).submit(part, start, stop) for start, stop in pairwise(bounds[1:])
    ]
    part(bounds[0], bounds[1])
    for future in running:
        future.result()


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=threads - 1, thread_name_prefix="cpwl")
