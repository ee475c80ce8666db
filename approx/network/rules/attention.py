"""Scaled dot-product attention."""

import math

import torch
from torch import fx

from approx.network.builder import Builder, Value, aten, shape
from approx.network.masks import always_true
from approx.network.rules.activations import softmax
from approx.network.rules.registry import rule


@rule(aten.scaled_dot_product_attention.default)
def attention(
    b: Builder,
    query: fx.Node,
    key: fx.Node,
    value: fx.Node,
    attn_mask: fx.Node | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> fx.Node:
    """softmax(Q K^T scale + mask) V, the mask prepared as an addend by the host."""
    if enable_gqa:
        key, value = (_shared_heads(b, query, x) for x in (key, value))
    factor = 1.0 / math.sqrt(shape(query)[-1]) if scale is None else scale
    scaled = b.mul(query, factor)
    scores = b.op(aten.matmul.default, scaled, b.op(aten.transpose.int, key, -2, -1))
    mask = _causal(b, query, key) if is_causal else attn_mask
    if mask is not None and not always_true(mask):
        scores = b.add(scores, _addend(b, mask))
    return b.op(aten.matmul.default, softmax(b, scores, -1), value)


def _shared_heads(b: Builder, query: fx.Node, x: fx.Node) -> fx.Node:
    """Each key or value head serves a group of query heads, which lie side by side."""
    _, heads, length, width = shape(x)
    groups = shape(query)[1] // heads
    spread = b.op(aten.expand.default, b.op(aten.unsqueeze.default, x, 2), [-1, -1, groups, -1, -1])
    return b.op(aten.reshape.default, spread, [-1, heads * groups, length, width])


def _causal(b: Builder, query: fx.Node, key: fx.Node) -> fx.Node:
    """True on and below the diagonal."""
    ones = b.op(torch.ones, (shape(query)[-2], shape(key)[-2]), dtype=torch.bool)
    return b.op(aten.tril.default, ones)


def _addend(b: Builder, mask: fx.Node) -> Value:
    """A boolean mask as 0 where allowed and -inf where not; a float mask as it is."""
    if mask.meta["val"].dtype is not torch.bool:
        return mask
    return b.op(aten.where.Scalar, mask, 0.0, -math.inf)
