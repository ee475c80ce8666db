"""How choices are planned: masks and whole numbers of computed values are integers as they are."""

from __future__ import annotations

import math

import torch
from torch import fx

from approx.network.choices import WHOLE
from approx.network.fixed.plan import Step
from approx.network.fixed.planner import Planner, rule
from approx.network.fixed.rules import ACCUMULATING, move
from approx.network.fixed.words import Word
from approx.network.nodes import arguments, aten, example_size, shape

_WIDEST = 15
"""Digits of the whole numbers that a sum or product of words may meet; indices of longer axes have more."""


@rule("whole")
def whole(_: Planner, node: fx.Node) -> Step:
    """A mask, or integers: no digit after the point, nothing rounded."""
    value = node.meta["val"]
    if value.dtype is torch.bool:
        return Step(Word(2, 0))
    longest = max((int(n) for source in node.all_input_nodes for n in _sizes(source)), default=1)
    return Step(Word(1 + max(_WIDEST, math.ceil(math.log2(longest + 1))), 0))


def _sizes(node: fx.Node) -> list[int]:
    return list(getattr(node.meta.get("val"), "shape", []))


@rule("number")
def number(p: Planner, node: fx.Node) -> Step:
    """Integers as words: the finest that holds them exactly."""
    edge = p.edge(node)
    return Step(Word.holding(p.numerics.word_bits, edge.magnitude, whole=True))


@rule(*WHOLE)
def without_digits(p: Planner, node: fx.Node) -> Step:
    """Whole numbers: the finest word that holds them exactly."""
    return number(p, node)


@rule(*ACCUMULATING)
def accumulated(p: Planner, node: fx.Node) -> Step:
    """Exact sums of words brought to the result's word, saturated."""
    _, dim, _, source = arguments(node)[:4]
    terms = 1 + example_size(shape(source)[dim])
    step = Step(p.word(node))
    return Step(step.word, largest=p.need(node, terms, float(terms * step.word.limit)))


@rule(aten.sort.stable)
def order(p: Planner, node: fx.Node) -> Step:
    """The words that were ordered."""
    return move(p, node)
