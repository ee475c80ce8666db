"""Bags of embeddings: rows fetched by the host's indices, then summed, averaged or compared."""

from typing import Any

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

_SUM, _MEAN, _MAXIMUM = range(3)


@rule(aten.embedding_bag.padding_idx)
def embedding_bag(
    b: Builder,
    weight: fx.Node,
    indices: fx.Node,
    offsets: fx.Node,
    scale_grad_by_freq: bool,
    mode: int,
    sparse: bool,
    per_sample_weights: fx.Node | None,
    include_last_offset: bool,
    padding_idx: int | None,
) -> tuple[Any, ...]:
    """Bags of one size, as a matrix of indices gives them: a sum, mean or maximum over each.

    Raises:
        UnsupportedOperator: bags differ in size, or leave out a padding index.
    """
    if padding_idx not in (None, -1):
        raise b.refusal("it leaves out a padding index; embeddings and a sum with weights would be supported")
    size = _bag_size(b, offsets)
    rows = b.op(aten.embedding.default, weight, b.op(aten.reshape.default, indices, [-1, size]))
    if per_sample_weights is not None:
        shares = b.op(aten.reshape.default, per_sample_weights, [-1, size, 1])
        rows = b.mul(rows, shares)
    reduce = {_SUM: b.sum, _MEAN: b.mean, _MAXIMUM: b.maximum}[mode]
    return reduce(rows, [1], False), None, None, None


def _bag_size(b: Builder, offsets: fx.Node) -> int:
    """The step between offsets, which are a range where the bags are rows of a matrix."""
    if offsets.target is aten.arange.start_step and isinstance(offsets.args[2], int):
        return offsets.args[2]
    raise b.refusal("its bags may differ in size; a matrix of indices, a row a bag, would be supported")
