"""Choices: comparisons of computed values, and what is selected by them.

A comparison is a table with a jump: slope 0 and two intercepts, 0 below the threshold and 1 from it on. Its
masks, and the whole numbers made of them, stay with the accelerator: the host never sees them. What a mask
selects is s x + (1 - s) y, what a computed index selects is a table whose entries are the data, and an order
is a tournament whose matches carry the places. All run natively in torch, to equal results.
"""

import math
from collections.abc import Callable
from typing import Any

from torch import fx

from accel_models import Gemm, Hadamard, Lookup, Move, Operation
from approx.network.host import is_computed, on_host
from approx.network.instructions import INSTRUCTIONS, Instruction, Kind, Sizes, Work, instruction
from approx.network.nodes import arguments, aten, is_float, label

COMPARISONS = tuple(
    getattr(getattr(aten, name), overload)
    for name in ("eq", "ge", "gt", "le", "lt", "ne")
    for overload in ("Scalar", "Tensor")
)
WHOLE = (aten.ceil.default, aten.floor.default, aten.round.default, aten.trunc.default)
"""Ops that leave the digits after the point out, as the rounding to a word does at the end of a step."""
LOGIC = (
    aten.__and__.Tensor,
    aten.__or__.Tensor,
    aten.__xor__.Tensor,
    aten.bitwise_and.Tensor,
    aten.bitwise_not.default,
    aten.bitwise_or.Tensor,
    aten.bitwise_xor.Tensor,
    aten.logical_and.default,
    aten.logical_not.default,
    aten.logical_or.default,
    aten.logical_xor.default,
)
PERIOD = (6.28125, 2 * math.pi - 6.28125)
"""2 pi as its upper 11 bits and the rest."""
SELECTING: dict[Any, Instruction] = {}
"""Ops that are moves where the host's masks and indices guide them, and lookups where computed ones do."""


def instruction_of(node: fx.Node) -> Instruction | None:
    """How a node of a legalized graph is counted; None for what is no instruction."""
    if node.target in SELECTING and _is_guided(node):
        return SELECTING[node.target]
    return INSTRUCTIONS.get(node.target)


def jumps(node: fx.Node) -> bool:
    """Whether a node's value jumps where its inputs cross a threshold."""
    jumping = node.target in (*COMPARISONS, *WHOLE, *_ORDERS) and not on_host(node)
    return jumping and not counts_periods(node)


def counts_periods(node: fx.Node) -> bool:
    """Whether a whole number is a number of periods, after whose jump a periodic function is where it was."""
    readers = [user.args[1] for user in node.users if user.target is aten.mul.Tensor]
    return bool(readers) and all(factor in PERIOD for factor in readers)


def selects(node: fx.Node) -> bool:
    """Whether a node takes words, or a number, where a computed mask says."""
    return node.target in SELECTING and _is_guided(node)


def _is_guided(node: fx.Node) -> bool:
    """Whether a computed mask or index is among what the node reads."""
    return any(not is_float(n.meta.get("val")) and is_computed(n) for n in node.all_input_nodes)


def _selecting(*targets: Any) -> Callable[[Work], Work]:
    def register(work: Work) -> Work:
        SELECTING.update(dict.fromkeys(targets, Instruction(Kind.LOOKUP, work)))
        return work

    return register


def _jump(elements: int, node: fx.Node, segments: int = 2) -> list[Operation]:
    if elements == 0:
        return []
    return [
        Lookup(elements=elements, segments=segments, addressing="comparator", name=label(node), table="jump")
    ]


@instruction(Kind.LOOKUP, *COMPARISONS)
def comparison(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """The difference, where two values are compared, and a table with a jump; one with two for equality."""
    elements = sizes.elements(node)
    segments = 3 if node.target._opname in ("eq", "ne") else 2  # type: ignore[union-attr]
    other = arguments(node)[1]
    difference = [Hadamard(elements=elements, name=label(node))] if isinstance(other, fx.Node) else []
    return [*difference, *_jump(elements, node, segments)]


@instruction(Kind.HADAMARD, *WHOLE)
def whole_number(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """One pass whose results are rounded to a word without digits after the point."""
    return [Hadamard(elements=sizes.elements(node), name=label(node))]


@instruction(Kind.HADAMARD, *LOGIC)
def logic(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Masks of 0 and 1: and is a product, or and exclusive or a sum less a product, not 1 - m."""
    passes = 2 if "or" in node.target._opname else 1  # type: ignore[union-attr]
    return [Hadamard(elements=passes * sizes.elements(node), name=label(node))]


@instruction(Kind.GEMM, aten.cumsum.default)
def running_count(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Counts times a triangular matrix of ones."""
    source = arguments(node)[0]
    n = sizes.shape(source)[arguments(node)[1]]
    return [Gemm(m=sizes.elements(source) // n, n=n, k=n, name=label(node), wide=True)]


@instruction(Kind.LOOKUP, aten.argmax.default, aten.argmin.default)
def place(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """A tournament whose matches carry the places: value and place of each winner are selected."""
    return _matches(sizes.elements(arguments(node)[0]) - sizes.elements(node), node)


@instruction(Kind.LOOKUP, aten.sort.stable)
def order(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """A tournament for each place that is read; the winners of earlier ones have left."""
    shape = sizes.shape(arguments(node)[0])
    dim = node.kwargs.get("dim", -1)
    n = shape[dim] if shape else 1  # type: ignore[index]
    read = min(_places_read(node, dim, n), n)
    return _matches(math.prod(shape) // n * sum(n - 1 - i for i in range(read)), node)


_ORDERS = (aten.argmax.default, aten.argmin.default, aten.sort.stable)


def _places_read(node: fx.Node, dim: Any, n: int) -> int:
    """Places of a sorted axis that its readers take: k of a top-k."""
    ends = []
    for part in node.users:
        for user in part.users:
            first = user.target is aten.slice.Tensor and user.args[1] == dim and not user.args[2]
            ends.append(user.args[3] if first else n)
    return max((end for end in ends if isinstance(end, int)), default=n)


def _matches(count: int, node: fx.Node) -> list[Operation]:
    if count == 0:
        return []
    return [Hadamard(elements=5 * count, name=label(node)), *_jump(count, node)]


@_selecting(
    aten.masked_fill.Scalar,
    aten.where.Scalar,
    aten.where.ScalarOther,
    aten.where.ScalarSelf,
    aten.where.self,
)
def selection(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """s x + (1 - s) y, the factors 0 and 1 fetched by the mask."""
    elements = sizes.elements(node)
    return [*_jump(elements, node), Hadamard(elements=2 * elements, name=label(node))]


@_selecting(
    aten.embedding.default,
    aten.gather.default,
    aten.index.Tensor,
    aten.index_select.default,
)
def reading(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Words put into a new place, their addresses computed: a table of slope 0 whose entries are the data."""
    elements = sizes.elements(node)
    return [Move(elements=elements, name=label(node)), *_jump(elements, node)]
