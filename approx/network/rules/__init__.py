"""Legalization rules: one small function an op, in a table.

A rule takes a `Builder` and the op's own arguments and emits instructions and sites. A family of ops is a
file; importing this package fills `RULES`.
"""

from approx.network.rules import (
    activations,
    arithmetic,
    attention,
    choices,
    elementary,
    embedding,
    limits,
    normalization,
    orders,
    pairs,
    periodic,
    placing,
    pooling,
    recurrent,
    reductions,
    refusals,
    resampling,
    running,
    scattering,
    softmax,
    views,
)
from approx.network.rules.registry import RULES, rule

__all__ = [
    "RULES",
    "activations",
    "arithmetic",
    "attention",
    "choices",
    "elementary",
    "embedding",
    "limits",
    "normalization",
    "orders",
    "pairs",
    "periodic",
    "placing",
    "pooling",
    "recurrent",
    "reductions",
    "refusals",
    "resampling",
    "rule",
    "running",
    "scattering",
    "softmax",
    "views",
]
