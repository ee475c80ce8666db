"""Activations: each is one site, or sites joined by Hadamard products."""

import math
from typing import Any

from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.registry import rule

_ONE_SITE = {
    aten.abs.default: "abs",
    aten.acos.default: "acos",
    aten.acosh.default: "acosh",
    aten.asin.default: "asin",
    aten.asinh.default: "asinh",
    aten.atan.default: "atan",
    aten.atanh.default: "atanh",
    aten.digamma.default: "digamma",
    aten.erfinv.default: "erfinv",
    aten.lgamma.default: "lgamma",
    aten.special_digamma.default: "digamma",
    aten.special_erfinv.default: "erfinv",
    aten.special_gammaln.default: "lgamma",
    aten.erf.default: "erf",
    aten.exp.default: "exp",
    aten.hardsigmoid.default: "hardsigmoid",
    aten.log.default: "log",
    aten.mish.default: "mish",
    aten.relu.default: "relu",
    aten.relu6.default: "relu6",
    aten.selu.default: "selu",
    aten.sigmoid.default: "sigmoid",
    aten.silu.default: "silu",
    aten.sqrt.default: "sqrt",
    aten.tanh.default: "tanh",
    aten.reciprocal.default: "reciprocal",
    aten.rsqrt.default: "rsqrt",
}
_SOFTPLUS_REACHED = 1e-6
"""How close to its asymptote softplus must be where torch cuts over to it, for the two to be one function."""


def _one_site(function: str) -> Any:
    def rewrite(b: Builder, x: fx.Node) -> fx.Node:
        return b.site(function, x)

    return rewrite


for _target, _function in _ONE_SITE.items():
    rule(_target)(_one_site(_function))


@rule(aten.gelu.default)
def gelu(b: Builder, x: fx.Node, approximate: str = "none") -> fx.Node:
    """Gelu in the erf form, or its tanh form, which is another function."""
    return b.site("gelu_tanh" if approximate == "tanh" else "gelu", x)


@rule(aten.leaky_relu.default)
def leaky_relu(b: Builder, x: fx.Node, negative_slope: float = 0.01) -> fx.Node:
    """max(x, a x): exact in two segments."""
    return b.site(f"leaky_relu({float(negative_slope)})", x)


@rule(aten.rrelu.default)
def rrelu(
    b: Builder, x: fx.Node, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, *_: Any
) -> fx.Node:
    """Outside training, a leaky relu of the mean slope."""
    return leaky_relu(b, x, (lower + upper) / 2)


@rule(aten.prelu.default)
def prelu(b: Builder, x: fx.Node, weight: fx.Node) -> fx.Node:
    """relu(x) + w (x - relu(x)), w learned, one for all or one a channel."""
    positive = b.site("relu", x)
    columns = [-1] + [1] * (len(shape(x)) - 2) if len(shape(x)) >= 2 else [-1]
    slope = b.op(aten.reshape.default, weight, columns)
    return b.add(positive, b.mul(slope, b.sub(x, positive)))


@rule(aten.elu.default)
def elu(b: Builder, x: fx.Node, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> fx.Node:
    """Elu; scaled forms are positive and negative halves, each with its factor."""
    if input_scale == 1:
        y = b.site(f"elu({float(alpha)})", x)
    else:
        positive = b.site("relu", x)
        negative = b.mul(b.sub(x, positive), input_scale)
        y = b.add(positive, b.site(f"elu({float(alpha)})", negative))
    return y if scale == 1 else b.mul(y, scale)


@rule(aten.celu.default)
def celu(b: Builder, x: fx.Node, alpha: float = 1.0) -> fx.Node:
    """A elu(x / a)."""
    return b.site("elu", x) if alpha == 1 else b.mul(b.site("elu", b.mul(x, 1.0 / alpha)), alpha)


@rule(aten.hardswish.default)
def hardswish(b: Builder, x: fx.Node) -> fx.Node:
    """X times hardsigmoid(x): an exact table and a Hadamard product."""
    return b.mul(x, b.site("hardsigmoid", x))


@rule(aten.softplus.default)
def softplus(b: Builder, x: fx.Node, beta: float = 1.0, threshold: float = 20.0) -> fx.Node:
    """Softplus of beta x, over beta; torch's threshold is where the function has become x.

    Raises:
        UnsupportedOperator: the threshold cuts off where the two still differ, which leaves a step.
    """
    if math.log1p(math.exp(-threshold)) > _SOFTPLUS_REACHED:
        raise b.refusal(f"threshold = {threshold} makes a step in softplus; at least 14 would be supported")
    if beta == 1:
        return b.site("softplus", x)
    return b.mul(b.site("softplus", b.mul(x, beta)), 1.0 / beta)


@rule(aten.log_sigmoid.default)
def log_sigmoid(b: Builder, x: fx.Node) -> fx.Node:
    """Minus softplus(-x)."""
    return b.neg(b.site("softplus", b.neg(x)))


@rule(aten.glu.default)
def glu(b: Builder, x: fx.Node, dim: int = -1) -> fx.Node:
    """First half times the sigmoid of the second."""
    half = b.fixed(x, dim) // 2
    return b.mul(b.part(x, dim, 0, half), b.site("sigmoid", b.part(x, dim, half, 2 * half)))


@rule(
    aten.dropout.default,
    aten.dropout_.default,
    aten.feature_dropout.default,
    aten.alpha_dropout.default,
    aten.feature_alpha_dropout.default,
)
def dropout(b: Builder, x: fx.Node, p: float, train: bool) -> fx.Node:
    """Nothing, as the program is exported for inference.

    Raises:
        UnsupportedOperator: the model asks for dropout even outside training.
    """
    if train and p > 0:
        raise b.refusal(
            "it draws random numbers outside training; dropout that follows eval() would be supported"
        )
    return x
