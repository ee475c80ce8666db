"""Scaled dot-product attention."""

import math

import torch
from torch import fx

from approx.network.builder import Builder, Value
from approx.network.masks import always_true
from approx.network.nodes import aten, dtype, shape
from approx.network.rules.registry import rule
from approx.network.rules.softmax import masked_softmax, softmax


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
    if is_causal:
        weights = softmax(b, b.add(scores, _addend(b, _causal(b, query, key), query)), -1)
    elif attn_mask is None or always_true(attn_mask):
        weights = softmax(b, scores, -1)
    else:
        weights = masked_softmax(b, b.add(scores, _addend(b, attn_mask, query)))
    return b.op(aten.matmul.default, weights, value)


def _shared_heads(b: Builder, query: fx.Node, x: fx.Node) -> fx.Node:
    """Each key or value head serves a group of query heads, which lie side by side."""
    groups = shape(query)[-3] // shape(x)[-3]
    spread = b.op(aten.unsqueeze.default, x, -3)
    sizes = [-1] * len(shape(spread))
    sizes[-3] = groups
    return b.op(aten.flatten.using_ints, b.op(aten.expand.default, spread, sizes), -4, -3)


def _causal(b: Builder, query: fx.Node, key: fx.Node) -> fx.Node:
    """True on and below the diagonal."""
    ones = b.op(torch.ones, (shape(query)[-2], shape(key)[-2]), dtype=torch.bool)
    return b.op(aten.tril.default, ones)


def _addend(b: Builder, mask: fx.Node, query: fx.Node) -> Value:
    """A boolean mask as 0 where allowed and -inf where not; a float mask in the type of the scores."""
    if dtype(mask) is torch.bool:
        mask = b.op(aten.where.Scalar, mask, 0.0, -math.inf)
    return mask if dtype(mask) is dtype(query) else b.op(aten.to.dtype, mask, dtype(query))
