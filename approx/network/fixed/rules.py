"""How each instruction is planned: a rule for each kind."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from approx.machine.integer import reciprocal
from approx.network.fixed.channels import CONVOLUTIONS, TRANSPOSED, Channels
from approx.network.fixed.channels import terms as terms_of_layer
from approx.network.fixed.narrow import narrow_for
from approx.network.fixed.plan import Constant, Fractions, Narrow, Operand, Step, narrow_step
from approx.network.fixed.planner import Planner, rule
from approx.network.fixed.words import Word
from approx.network.nodes import arguments, aten, is_float, label, shape
from approx.network.softmaxes import shift_at

ALIGNMENT = 14
"""Most digits by which two words are shifted against each other to be added: 16-bit words fill 31 bits."""
_MOST_BIAS = 4
"""How many times the largest sum of products a bias may be in accumulators, which costs no digit."""
_NO_BIAS = 2.0**-900
PRODUCTS = (aten.matmul.default, aten.mm.default, aten.bmm.default)
SUMS = (aten.sum.dim_IntList, aten.mean.dim)
POOLS = (aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)

ACCUMULATING = (aten.index_add.default, aten.scatter_add.default)
HADAMARD = (
    aten.add.Scalar,
    aten.add.Tensor,
    aten.mul.Scalar,
    aten.mul.Tensor,
    aten.sub.Scalar,
    aten.sub.Tensor,
)
BOUNDED = (
    aten.clamp.default,
    aten.clamp_min.default,
    aten.clamp_max.default,
    aten.masked_fill.Scalar,
    aten.where.ScalarSelf,
    aten.where.ScalarOther,
    aten.scatter.value,
    aten.pad.default,
    aten.constant_pad_nd.default,
)
"""Ops that put a number of the host's beside what they choose or move."""


# Matrix products


@rule(aten.linear.default, *CONVOLUTIONS, *TRANSPOSED, aten.convolution.default)
def layer(p: Planner, node: fx.Node) -> Step:
    """Narrowed activations times weights with a step for each output channel; a bias starts the sums."""
    x, weight = arguments(node)[0], arguments(node)[1]
    if not (isinstance(weight, fx.Node) and weight.op == "get_attr"):
        return product(p, node)
    word = p.word_of(x)
    if word is None:
        raise ValueError(f"{label(node)}: its input is the host's")
    widths = p.widths(node)
    narrow = narrow_for(word, p.edge(x), widths.activations, p.numerics.scale, free=True)
    values = Channels.of(node).rows(p.tensor(weight).double())
    bias = _bias(node)
    limit = word.limit if narrow is None else 2 ** (narrow.bits - 1) - 1
    operand, fraction = _weights(widths.weights, word, narrow, values, p.numerics.scale)
    if bias is not None:
        operand, fraction = _below(operand, fraction, _largest(p, bias), values.shape[1] * limit)
    integers = _integers(values, operand)
    sums = integers.abs().sum(1) * limit
    operands: dict[int, Operand] = {1: operand} | ({} if narrow is None else {0: narrow})
    start = torch.zeros(1)
    if bias is not None:
        operands[2] = Constant(48, fraction)
        start = (_largest(p, bias) * 2.0 ** torch.tensor(fraction).double()).ceil()
        sums = sums + start
    p.need(node, values.shape[1], float(sums.max()))
    # What training may make of the weights: no integer of theirs grows beyond its bits
    largest = values.shape[1] * limit * (2 ** (operand.bits - 1) - 1) + 2 * math.ceil(float(start.max()))
    return Step(p.word(node), operands, fraction, largest=largest)


def _bias(node: fx.Node) -> fx.Node | None:
    """The node's bias, if it is a parameter or constant."""
    bias = arguments(node)[2] if len(arguments(node)) > 2 else node.kwargs.get("bias")
    return bias if isinstance(bias, fx.Node) else None


def _largest(p: Planner, bias: fx.Node) -> Tensor:
    """Magnitudes of a bias, of each channel where it is a parameter and not made of several."""
    if bias.op == "get_attr":
        return p.tensor(bias).double().abs()
    return torch.tensor([p.magnitude(bias)], dtype=torch.float64)


def _weights(
    bits: int, word: Word, narrow: Narrow | None, values: Tensor, scale: str
) -> tuple[Constant, tuple[int, ...]]:
    """The weights' integers, and the fraction of each output channel's accumulators.

    A channel's step holds its largest weight, or is half of that where clipping costs less than it saves.
    """
    step, divisor = (word.fraction, 1) if narrow is None else narrow_step(word, narrow)
    limit = 2 ** (bits - 1) - 1
    own = tuple(math.floor(math.log2(limit * divisor / (w or 1.0))) for w in values.abs().amax(1).tolist())
    if scale == "error":
        holding, halved = (
            _squared(values, Constant(bits, o, divisor)) for o in (own, tuple(f + 1 for f in own))
        )
        own = tuple(f + int(more) for f, more in zip(own, (halved < holding).tolist(), strict=True))
    return Constant(bits, own, divisor), tuple(step + digits for digits in own)


def _below(
    weights: Constant, fraction: tuple[int, ...], bias: Tensor, inputs: int
) -> tuple[Constant, tuple[int, ...]]:
    """Coarser weights for channels whose bias would fill the accumulators: their products do not count there.

    Args:
        weights: the weights' integers.
        fraction: of each channel's accumulators.
        bias: magnitude of each channel's, or of all.
        inputs: the largest sum of the inputs' integers.
    """
    most = _MOST_BIAS * inputs * (2 ** (weights.bits - 1) - 1)
    room = (most / bias.clamp_min(_NO_BIAS)).log2().floor().expand(len(fraction))
    excess = [max(f - int(r), 0) for f, r in zip(fraction, room.tolist(), strict=True)]
    own = weights.fraction if isinstance(weights.fraction, tuple) else (weights.fraction,) * len(fraction)
    coarser = tuple(f - e for f, e in zip(own, excess, strict=True))
    return replace(weights, fraction=coarser), tuple(f - e for f, e in zip(fraction, excess, strict=True))


def _squared(values: Tensor, operand: Constant) -> Tensor:
    """The squared error of each output channel's weights."""
    factor = 2.0 ** torch.tensor(operand.fraction).double() / operand.divisor
    return ((_integers(values, operand) / factor[:, None] - values) ** 2).sum(1)


def _integers(values: Tensor, operand: Constant) -> Tensor:
    factor = 2.0 ** torch.tensor(operand.fraction).double() / operand.divisor
    limit = 2 ** (operand.bits - 1) - 1
    return (values * factor[:, None]).round().clamp(-limit, limit)


@rule(*PRODUCTS)
def product(p: Planner, node: fx.Node) -> Step:
    """A product of two activations, or whose weights are not a layer's: steps are powers of two."""
    operands: dict[int, Operand] = {}
    fraction, limits, widths = 0, [], p.widths(node)
    for position in (0, 1):
        argument = arguments(node)[position]
        word = p.word_of(argument)
        bits = widths.activations if position == 0 or word is not None else widths.weights
        if word is None:
            found = Word.holding(bits, p.magnitude(argument))
            operands[position] = Constant(bits, found.fraction)
            fraction += found.fraction
        else:
            narrow = narrow_for(word, p.edge(argument), bits, p.numerics.scale, free=False)
            if narrow is not None:
                operands[position] = narrow
            fraction += word.fraction if narrow is None else narrow_step(word, narrow)[0]
        limits.append(2 ** (bits - 1) - 1)
    terms = _terms(node)
    magnitude = float(terms * limits[0] * limits[1])
    bias = _bias(node) if node.target not in PRODUCTS else None
    if bias is not None:
        operands[2] = Constant(48, fraction)
        magnitude += p.magnitude(bias) * 2.0**fraction
    return Step(p.word(node), operands, fraction, largest=p.need(node, terms, magnitude))


def _terms(node: fx.Node) -> int:
    """K of a matrix product: the terms of one output."""
    return int(shape(arguments(node)[0])[-1]) if node.target in PRODUCTS else terms_of_layer(node)


# Sums


@rule(*SUMS)
def total(p: Planner, node: fx.Node) -> Step:
    """A sum of words, times 1/n for a mean."""
    x = arguments(node)[0]
    terms = _summed(node)
    word, operands = p.word_of(x), dict[int, Operand]()
    if word is None:  # a mask's sum, of numbers that the host knows
        constant = p.constant(x, 62)
        operands[0], word = constant, Word(constant.bits, _one(constant.fraction))
    largest = terms * word.limit if x.name in p._unrounded else p.need(node, terms, float(terms * word.limit))
    multiplier, shift = (1, 0) if node.target is not aten.mean.dim else _inverse(node, terms)
    return Step(p.word(node), operands, None, multiplier, shift, largest)


def _dims(node: fx.Node) -> list[int]:
    """The axes that a sum adds up."""
    dims: Any = arguments(node)[1] if len(arguments(node)) > 1 else None
    dims = [dims] if isinstance(dims, int) else dims
    return list(dims or range(len(shape(arguments(node)[0]))))


def _summed(node: fx.Node) -> int:
    """Terms of each sum; of a free size, as many as the largest in the trace."""
    sizes = list(shape(arguments(node)[0]))
    summed = [sizes[d] for d in _dims(node)]
    return math.prod(int(n) for n in summed)


def _inverse(mean: fx.Node, terms: int) -> tuple[int, int]:
    """1/n as multiplier and shift; (0, 0) where n is free."""
    sizes = list(shape(arguments(mean)[0]))
    return reciprocal(terms) if all(isinstance(sizes[d], int) for d in _dims(mean)) else (0, 0)


@rule(*POOLS)
def average(p: Planner, node: fx.Node) -> Step:
    """A sum over windows of one size, times 1/n."""
    names = ("ceil_mode", "count_include_pad", "divisor_override")
    given = dict(zip(names, arguments(node)[4:], strict=False)) | {
        k: v for k, v in node.kwargs.items() if k in names
    }
    padding: Any = arguments(node)[3] if len(arguments(node)) > 3 else node.kwargs.get("padding", 0)
    padded = any(padding) if isinstance(padding, list | tuple) else bool(padding)
    varies = given.get("ceil_mode", False) or (padded and not given.get("count_include_pad", True))
    if varies or given.get("divisor_override") is not None:
        raise ValueError(f"{label(node)}: windows of different sizes have no fixed-point form")
    window: Any = arguments(node)[1]
    terms = terms_of_window(node.target, window)
    word = p.word_of(arguments(node)[0])
    assert word is not None  # noqa: S101 - a program's average reads a value
    largest = p.need(node, terms, float(terms * word.limit))
    multiplier, shift = reciprocal(terms)
    return Step(p.word(node), {}, None, multiplier, shift, largest)


def terms_of_window(target: Any, window: Any) -> int:
    """Words under an average's window."""
    axes = int(str(target._opname)[-2])
    return int(math.prod(window) if len(window) == axes else window[0] ** axes)


# Hadamard


@rule(aten.mul.Tensor, aten.mul.Scalar)
def multiply(p: Planner, node: fx.Node) -> Step:
    """An exact product, rounded; not rounded if only sums read it."""
    operands: dict[int, Operand] = {}
    fraction, bits = 0, 1
    for position in (0, 1):
        argument = arguments(node)[position]
        word = p.word_of(argument)
        if word is None:
            constant = p.constant(argument, 62)
            operands[position] = constant
            word = Word(constant.bits, _one(constant.fraction))
        fraction, bits = fraction + word.fraction, bits + word.bits - 1
    users = list(node.users)
    if users and not operands and all(u.target in SUMS for u in users):
        p.unrounded(node, max(_summed(u) for u in users))
        return Step(Word(bits, fraction), operands, largest=2 ** (bits - 1))
    return Step(p.word(node), operands, largest=p.need(node, 1, 2.0 ** (bits - 1)))


@rule(aten.add.Tensor, aten.add.Scalar, aten.sub.Tensor, aten.sub.Scalar)
def add(p: Planner, node: fx.Node) -> Step:
    """An exact sum of two words, aligned, and rounded."""
    alpha: Any = node.kwargs.get("alpha", arguments(node)[2] if len(arguments(node)) > 2 else 1)
    if alpha != 1:
        raise ValueError(f"{label(node)}: alpha = {alpha} has no fixed-point form")
    result = p.word(node)
    operands: dict[int, Operand] = {}
    words = []
    known = [word.fraction for word in map(p.word_of, arguments(node)[:2]) if word is not None]
    known = known or [result.fraction]  # both are the host's
    for position in (0, 1):
        argument = arguments(node)[position]
        word = p.word_of(argument)
        if word is None:
            constant = p.constant(argument, min(max(*known, result.fraction), min(known) + ALIGNMENT))
            operands[position] = constant
            word = Word(constant.bits, _one(constant.fraction))
        words.append(word)
    words = _within_reach(words, operands)
    finest = max(word.fraction for word in words)
    largest = sum(word.limit * 2.0 ** (finest - word.fraction) for word in words)
    return Step(result, operands, largest=p.need(node, 2, largest))


def _within_reach(words: list[Word], operands: dict[int, Operand]) -> list[Word]:
    """The words of two operands, the finer one shortened where the other lies too far above to align them."""
    coarsest = min(word.fraction for word in words)
    most = coarsest + ALIGNMENT
    shortened = []
    for position, word in enumerate(words):
        excess = word.fraction - most
        if excess > 0 and position not in operands:
            operands[position] = Narrow(word.bits, 1, excess)
        shortened.append(Word(word.bits, min(word.fraction, most)))
    return shortened


def _one(fraction: Fractions) -> int:
    assert isinstance(fraction, int)  # noqa: S101 - only weights have one for each channel
    return fraction


@rule(aten.neg.default)
def negative(p: Planner, node: fx.Node) -> Step:
    """The same word."""
    return move(p, node)


# Lookups


@rule("site")
def site(p: Planner, node: fx.Node) -> Step:
    """The table's value at an integer, rounded."""
    return Step(p.word(node))


@rule(
    aten.clamp.default,
    aten.clamp_max.default,
    aten.maximum.default,
    aten.minimum.default,
    aten.amax.default,
    aten.max_pool1d.default,
    aten.max_pool2d.default,
    aten.max_pool3d.default,
)
def choose(p: Planner, node: fx.Node) -> Step:
    """One of the words given; bounds and words of other steps are rounded to the first one's."""
    return move(p, node)


@rule(aten.clamp_min.default)
def least(p: Planner, node: fx.Node) -> Step:
    """A lower bound; of a softmax's peak, one that lies above what is hidden and below any score that is not.

    The bound is a number lower than any word reaches. With a bit less it saturates half way down.
    """
    step = move(p, node)
    peak = arguments(node)[0]
    shifts = (shift_at(user) for user in node.users)
    hides = any(s is not None and s.bounded is node and p.range(s.scores).hides for s in shifts)
    if not hides or p.word_of(peak) != step.word:
        return step
    return replace(step, operands={1: Constant(step.word.bits - 1, step.word.fraction)})


@rule("move")
def move(p: Planner, node: fx.Node) -> Step:
    """The word of the one value that is moved; where others or the host's numbers join it, one for all."""
    sources = [n for n in node.all_input_nodes if is_float(n.meta.get("val"))]
    alone = len(sources) == 1 and sources[0].name in p.steps
    if alone and node.target not in BOUNDED[3:]:
        return Step(p.steps[sources[0].name].word)
    return Step(p.word(node))
