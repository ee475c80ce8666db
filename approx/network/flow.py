"""What feeds what in a program: the operations whose results each operation consumes.

Views compute nothing, so that who reads a view reads what it shows. Constants and the host's work come from
outside. A reduction needs its rows together where it reduces trailing dimensions, a pool the lines of its
window, anything else that mixes words its whole input.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from accel_models import OUTSIDE, Flow, Gemm, Hadamard, Lookup, Move, Operation, Read
from approx.network.host import is_computed
from approx.network.instructions import Sizes
from approx.network.nodes import aten

_REARRANGING = {aten.permute.default, aten.transpose.int, aten.t.default, aten.unfold.default}
_ROWS = {aten.linear.default, aten.matmul.default, aten.mm.default, aten.bmm.default}
_REDUCTIONS = {aten.sum.dim_IntList, aten.mean.dim, aten.amax.default}
_POOLS = {
    aten.avg_pool1d.default,
    aten.avg_pool2d.default,
    aten.avg_pool3d.default,
    aten.max_pool1d.default,
    aten.max_pool2d.default,
    aten.max_pool3d.default,
}
_MIXING = {
    aten.index_add.default,
    aten.scatter_add.default,
    aten.conv_transpose1d.default,
    aten.conv_transpose2d.input,
    aten.conv_transpose3d.input,
    aten.convolution.default,
}


@dataclass(frozen=True)
class _Value:
    """What a node's value is: which operation computed it, words of it, whether views reorder them."""

    source: int
    elements: int
    rearranged: bool = False


def flow(steps: Iterable[tuple[fx.Node, Sequence[Operation]]], sizes: Sizes) -> tuple[Flow, ...]:
    """Return the flow of every operation, in order.

    Args:
        steps: Each node of the graph with the operations that it asks for.
        sizes: Concrete sizes.
    """
    values: dict[fx.Node, _Value] = {}
    found: list[Flow] = []
    for node, operations in steps:
        operands = [operand for operand in node.all_input_nodes if operand in values]
        if operations:
            reads = [_read(values[operand], operand, node, sizes) for operand in operands]
            found += _of_node(node, operations, reads, len(found), sizes)
            values[node] = _Value(len(found) - 1, found[-1].writes)
        elif _is_float(node) or (node.op == "call_function" and is_computed(node)):
            values[node] = _passed_on(node, [values[operand] for operand in operands], sizes)
    return tuple(found)


def _read(value: _Value, operand: fx.Node, node: fx.Node, sizes: Sizes) -> Read:
    """An operand; one broadcast along other than trailing dimensions is needed in another order."""
    broadcast = value.source != OUTSIDE and value.elements < sizes.elements(node)
    across = broadcast and _across(sizes.shape(operand), sizes.shape(node))
    return Read(value.source, value.elements, value.rearranged or across)


def _across(small: Sequence[int], large: Sequence[int]) -> bool:
    """Whether broadcasting repeats other than a word a trailing row: sizes must agree, then be 1."""
    padded = [1] * (len(large) - len(small)) + list(small)
    same = [own == wanted for own, wanted in zip(padded, large, strict=False)]
    rows = same.index(False) if False in same else len(same)
    return any(own != 1 for own in padded[rows:])


def _is_float(node: fx.Node) -> bool:
    value = node.meta.get("val")
    parts = value if isinstance(value, tuple | list) else [value]
    return any(isinstance(part, torch.Tensor) and part.is_floating_point() for part in parts)


def _passed_on(node: fx.Node, reads: Sequence[_Value], sizes: Sizes) -> _Value:
    """A view's value, or one that comes from outside: words that were computed, not those broadcast."""
    value = node.meta["val"]
    own = sizes.elements(node) if isinstance(value, torch.Tensor) else math.inf
    if node.op != "call_function" or not reads:
        return _Value(OUTSIDE, max(1, int(own)) if own < math.inf else 1)
    first, operand = reads[0], node.all_input_nodes[0]
    moved = node.target in _REARRANGING or (
        node.target is aten.expand.default and _across(sizes.shape(operand), sizes.shape(node))
    )
    return _Value(first.source, max(1, int(min(own, first.elements))), first.rearranged or moved)


def _of_node(
    node: fx.Node, operations: Sequence[Operation], operands: Sequence[Read], start: int, sizes: Sizes
) -> list[Flow]:
    """The first of a node's operations reads its operands, each later one the result of the one before."""
    group, block = _group(node, operations, sizes)
    reads, found = tuple(operands), []
    for place, op in enumerate(operations):
        writes = _made(op, operations, reads[0].elements if reads else 1)
        if op is operations[-1] and not isinstance(op, Gemm):
            writes = sizes.elements(node)
        if isinstance(op, Move):
            reads = tuple(replace(read, elements=min(read.elements, op.elements)) for read in reads)
        found.append(Flow(reads, max(1, writes), group, block))
        reads = (Read(start + place, max(1, writes)),)
    return found


def _made(op: Operation, operations: Sequence[Operation], read: int) -> int:
    """Elements that an operation leaves to the next of its node; a tournament's are at most what it reads."""
    if isinstance(op, Gemm):
        return op.m * op.n * op.count
    if isinstance(op, Hadamard) and isinstance(operations[-1], Lookup):
        return min(operations[-1].elements, read)
    return op.elements


def _group(node: fx.Node, operations: Sequence[Operation], sizes: Sizes) -> tuple[str, int]:
    """The words that must be on chip together, and how many they are."""
    if node.target in _ROWS and isinstance(operations[0], Gemm):
        return "rows", operations[0].n
    if node.target in _REDUCTIONS:
        return _reduced(node, sizes)
    if node.target in _POOLS:
        return node.name, _line(node, sizes)
    if node.target in _MIXING and not isinstance(operations[-1], Gemm):  # words added up where they overlap
        return node.name, sizes.elements(node)
    return "", 1


def _reduced(node: fx.Node, sizes: Sizes) -> tuple[str, int]:
    """Trailing rows, or the whole tensor where other dimensions are reduced."""
    shape = sizes.shape(node.args[0])
    dims: Any = node.args[1] if len(node.args) > 1 else None
    axes = [dims] if isinstance(dims, int) else list(dims or range(len(shape)))
    trailing = sorted(axis % len(shape) for axis in axes) == list(range(len(shape) - len(axes), len(shape)))
    return ("rows", math.prod(shape[-len(axes) :])) if trailing else (node.name, math.prod(shape))


def _line(node: fx.Node, sizes: Sizes) -> int:
    """Words of a channel that one line of results needs: the window's height times the input's width."""
    axes = int(str(node.target._opname)[-2])  # type: ignore[union-attr]  # avg_pool2d has 2
    window: Any = node.args[1]
    spatial = sizes.shape(node.args[0])[-axes:]
    high = window if isinstance(window, int) else window[0]
    return min(high, spatial[0]) * math.prod(spatial[1:])
