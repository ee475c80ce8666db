"""The instructions of a matrix program: what each op that legalization leaves asks of the accelerator.

Every op is one of five kinds, and `INSTRUCTIONS` says which, with the work it makes:

- GEMM: matrix multiplication; a sum or mean is a product with a constant vector, a convolution im2col and a
  product.
- Hadamard: element-wise multiply or add.
- lookup: slope and intercept fetched from a table, then a multiply-add. A maximum is a tournament of
  max(a, b) = a + relu(b - a), relu being an exact table of two segments; it runs natively, to equal results.
- move: data rearranged, no arithmetic. Views cost nothing: they are addresses.
- host: integer and boolean work (masks, positions) and whatever depends on no input.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import sympy
import torch
from torch import fx

from accel_models import Gemm, Hadamard, Lookup, Move, Operation
from approx.network.nodes import aten, label


class Kind(StrEnum):
    """What executes an instruction."""

    GEMM = "gemm"
    HADAMARD = "hadamard"
    LOOKUP = "lookup"
    MOVE = "move"
    HOST = "host"


class Sizes:
    """Concrete sizes of a program's values, a number put in wherever a size is free."""

    def __init__(self, free: Mapping[Any, int]) -> None:
        self._free = {symbol: sympy.Integer(size) for symbol, size in free.items()}

    def size(self, value: int | torch.SymInt) -> int:
        """One size as a number."""
        if not isinstance(value, torch.SymInt):
            return int(value)
        return int(value.node.expr.xreplace(self._free))

    def shape(self, node: Any) -> tuple[int, ...]:
        """Shape of the value of `node`, an fx.Node; of several, that of the first."""
        value = node.meta["val"]
        first = value[0] if isinstance(value, tuple | list) else value
        return tuple(self.size(s) for s in first.shape)

    def elements(self, node: Any) -> int:
        """Number of elements of the value of `node`, an fx.Node."""
        return math.prod(self.shape(node))


Work = Callable[[fx.Node, Sizes], list[Operation]]


@dataclass(frozen=True)
class Instruction:
    """How one op is counted: its kind, and the operations it asks of the accelerator."""

    kind: Kind
    work: Work


INSTRUCTIONS: dict[Any, Instruction] = {}


def instruction(kind: Kind, *targets: Any) -> Callable[[Work], Work]:
    """Register `targets` as instructions of `kind`, their work counted by the decorated function."""

    def register(work: Work) -> Work:
        for target in targets:
            INSTRUCTIONS[target] = Instruction(kind, work)
        return work

    return register


# GEMM


@instruction(Kind.GEMM, aten.linear.default)
def linear(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """x (..., K) times the transpose of W (N, K); the bias starts the accumulators."""
    *leading, k = sizes.shape(node.args[0])
    n = sizes.shape(node.args[1])[0]
    return [Gemm(m=math.prod(leading), n=n, k=k, name=label(node))]


@instruction(Kind.GEMM, aten.matmul.default, aten.mm.default, aten.bmm.default)
def matmul(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """A (..., M, K) times B (..., K, N): a product for each leading index, one where B is shared."""
    a, b = sizes.shape(node.args[0]), sizes.shape(node.args[1])
    a = (1, *a) if len(a) == 1 else a
    b = (*b, 1) if len(b) == 1 else b
    if len(b) == 2:
        return [Gemm(m=math.prod(a[:-1]), n=b[-1], k=b[-2], name=label(node))]
    count = math.prod(np.broadcast_shapes(a[:-2], b[:-2]))
    return [Gemm(m=a[-2], n=b[-1], k=a[-1], name=label(node), count=count)]


@instruction(Kind.GEMM, aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def convolution(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """im2col: rows are output positions, K = input channels of a group x kernel, one product a group."""
    out_channels, group_channels, *kernel = sizes.shape(node.args[1])
    batch, channels, *spatial = _batched(sizes.shape(node.args[0]), len(kernel))
    groups = channels // group_channels
    positions = batch * math.prod(sizes.shape(node)[-len(kernel) :])
    return [
        Gemm(
            m=positions,
            n=out_channels // groups,
            k=group_channels * math.prod(kernel),
            name=label(node),
            count=groups,
            a_distinct=min(batch * math.prod(spatial), positions * math.prod(kernel)) * group_channels,
        )
    ]


@instruction(
    Kind.GEMM, aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input
)
def transposed_convolution(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Rows are input positions, columns a group's output channels x kernel; overlapping results are added."""
    in_channels, group_channels, *kernel = sizes.shape(node.args[1])
    batch, _, *spatial = _batched(sizes.shape(node.args[0]), len(kernel))
    groups = sizes.shape(node)[-1 - len(kernel)] // group_channels
    rows, columns = batch * math.prod(spatial), group_channels * math.prod(kernel)
    product = Gemm(m=rows, n=columns, k=in_channels // groups, name=label(node), count=groups)
    overlap = rows * columns * groups - sizes.elements(node)
    return [product, Hadamard(elements=overlap, name=label(node))] if overlap > 0 else [product]


@instruction(Kind.GEMM, aten.convolution.default)
def any_convolution(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """A convolution, transposed or not."""
    return (transposed_convolution if node.args[6] else convolution)(node, sizes)


def _batched(shape: tuple[int, ...], axes: int) -> tuple[int, ...]:
    """Shape with a leading batch, which a lone sample lacks."""
    return shape if len(shape) == axes + 2 else (1, *shape)


@instruction(Kind.GEMM, aten.sum.dim_IntList, aten.mean.dim)
def reduction(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Each output is a row of stored words times a vector of ones, or of 1/n; a row of one is itself."""
    outputs = sizes.elements(node)
    inputs = sizes.elements(node.args[0]) // outputs
    return [Gemm(m=outputs, n=1, k=inputs, name=label(node), wide=True)] if inputs > 1 else []


@instruction(Kind.GEMM, aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)
def average(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Each output is a window of inputs times a vector of 1/n."""
    return [Gemm(m=sizes.elements(node), n=1, k=_window(node), name=label(node), wide=True)]


def _window(node: fx.Node) -> int:
    """Inputs an output of a pooling reads."""
    window: Any = node.args[1]
    axes = int(str(node.target._opname)[-2])  # type: ignore[union-attr]  # avg_pool2d has 2
    return int(math.prod(window) if len(window) == axes else window[0] ** axes)


# Hadamard


@instruction(
    Kind.HADAMARD,
    aten.add.Scalar,
    aten.add.Tensor,
    aten.mul.Scalar,
    aten.mul.Tensor,
    aten.neg.default,
    aten.sub.Scalar,
    aten.sub.Tensor,
)
def elementwise(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """One multiply-add an output element."""
    return [Hadamard(elements=sizes.elements(node), name=label(node))]


@instruction(Kind.HADAMARD, aten.index_add.default, aten.scatter_add.default)
def accumulate(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """One addition for each word that is added where the host's indices say."""
    return [Hadamard(elements=sizes.elements(node.args[3]), name=label(node))]


# lookup


@instruction(Kind.LOOKUP, aten.clamp.default, aten.clamp_min.default, aten.clamp_max.default)
def limit(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """An exact table: a segment beyond each bound, and x itself between."""
    bounds = [bound for bound in (*node.args[1:], *node.kwargs.values()) if bound is not None]
    table = f"clamp({', '.join(map(str, bounds))})"
    segments = 1 + len(bounds)
    return [
        Lookup(
            elements=sizes.elements(node),
            segments=segments,
            addressing="comparator",
            name=label(node),
            table=table,
        )
    ]


@instruction(Kind.LOOKUP, aten.maximum.default, aten.minimum.default)
def match(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """One match an output: b - a, relu, and a + relu."""
    return _matches(sizes.elements(node), node)


@instruction(
    Kind.LOOKUP, aten.amax.default, aten.max_pool1d.default, aten.max_pool2d.default, aten.max_pool3d.default
)
def tournament(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """n - 1 matches an output, each b - a, relu, and a + relu."""
    if node.target is aten.amax.default:
        return _matches(sizes.elements(node.args[0]) - sizes.elements(node), node)
    return _matches(sizes.elements(node) * (_window(node) - 1), node)


def _matches(count: int, node: fx.Node) -> list[Operation]:
    if count == 0:
        return []
    return [
        Hadamard(elements=2 * count, name=label(node)),
        Lookup(elements=count, segments=2, addressing="shift", name=label(node), table="relu"),
    ]


# move


@instruction(
    Kind.MOVE,
    aten.alias.default,
    aten.detach.default,
    aten.expand.default,
    aten.flatten.using_ints,
    aten.permute.default,
    aten.reshape.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.unfold.default,
    aten.diagonal.default,
    aten.to.dtype,
    aten.split.Tensor,
    aten.split_with_sizes.default,
    aten.chunk.default,
    aten.squeeze.dim,
    aten.squeeze.default,
    aten.squeeze.dims,
    aten.t.default,
    aten.transpose.int,
    aten.unbind.int,
    aten.unflatten.int,
    aten.unsqueeze.default,
    aten.view.default,
    aten._unsafe_view.default,
)
def view(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Another way to address the same words: no work."""
    return []


@instruction(
    Kind.MOVE,
    aten.cat.default,
    aten.channel_shuffle.default,
    aten.clone.default,
    aten.constant_pad_nd.default,
    aten.contiguous.default,
    aten.embedding.default,
    aten.flip.default,
    aten.gather.default,
    aten.im2col.default,
    aten.index_copy.default,
    aten.index.Tensor,
    aten.index_select.default,
    aten.masked_fill.Scalar,
    aten.pad.default,
    aten.pixel_shuffle.default,
    aten.pixel_unshuffle.default,
    aten.repeat.default,
    aten.repeat_interleave.self_int,
    aten.roll.default,
    aten.scatter.src,
    aten.scatter.value,
    aten.select_scatter.default,
    aten.slice_scatter.default,
    aten.stack.default,
    aten.tile.default,
    aten.tril.default,
    aten.triu.default,
    aten.where.self,
    aten.where.ScalarOther,
    aten.where.ScalarSelf,
)
def copy(node: fx.Node, sizes: Sizes) -> list[Operation]:
    """Words gathered, or chosen by a mask of the host's, into a new place."""
    return [Move(elements=sizes.elements(node), name=label(node))]
