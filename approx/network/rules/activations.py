"""Activations: each is one site, or sites joined by Hadamard products."""

from typing import Any

from torch import fx

from approx.network.builder import Builder, aten
from approx.network.rules.registry import rule

_ONE_SITE = {
    aten.abs.default: "abs",
    aten.cos.default: "cos",
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
    aten.sin.default: "sin",
    aten.sqrt.default: "sqrt",
    aten.tanh.default: "tanh",
    aten.reciprocal.default: "reciprocal",
    aten.rsqrt.default: "rsqrt",
}


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
    return b.site(f"leaky_relu({negative_slope})", x)


@rule(aten.elu.default)
def elu(b: Builder, x: fx.Node, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> fx.Node:
    """Elu with its scales as Hadamard products."""
    scaled = x if input_scale == 1 else b.mul(x, input_scale)
    y = b.site(f"elu({float(alpha)})", scaled)
    return y if scale == 1 else b.mul(y, scale)


@rule(aten.hardswish.default)
def hardswish(b: Builder, x: fx.Node) -> fx.Node:
    """X times hardsigmoid(x): an exact table and a Hadamard product."""
    return b.mul(x, b.site("hardsigmoid", x))


@rule(aten.softplus.default)
def softplus(b: Builder, x: fx.Node, beta: float = 1.0, threshold: float = 20.0) -> fx.Node:
    """Softplus of beta x, over beta; torch's threshold is where the function has become x."""
    if beta == 1:
        return b.site("softplus", x)
    return b.mul(b.site("softplus", b.mul(x, beta)), 1.0 / beta)


@rule(aten.log_sigmoid.default)
def log_sigmoid(b: Builder, x: fx.Node) -> fx.Node:
    """Minus softplus(-x)."""
    return b.op(aten.neg.default, b.site("softplus", b.op(aten.neg.default, x)))


@rule(aten.glu.default)
def glu(b: Builder, x: fx.Node, dim: int = -1) -> fx.Node:
    """First half times the sigmoid of the second."""
    half = x.meta["val"].shape[dim] // 2
    a = b.op(aten.slice.Tensor, x, dim, 0, half)
    gate = b.op(aten.slice.Tensor, x, dim, half, 2 * half)
    return b.mul(a, b.site("sigmoid", gate))


@rule(aten.softmax.int, aten._softmax.default)
def softmax(b: Builder, x: fx.Node, dim: int, dtype: Any = None) -> fx.Node:
    """exp(x - max) times the reciprocal of its sum; the shift keeps exp's inputs at or below 0."""
    e = b.site("exp", b.sub(x, b.maximum(x, [dim])))
    return b.mul(e, b.site("reciprocal", b.sum(e, [dim])))


@rule(aten.log_softmax.int, aten._log_softmax.default)
def log_softmax(b: Builder, x: fx.Node, dim: int, dtype: Any = None) -> fx.Node:
    """Shifted inputs minus the log of the sum of their exponentials."""
    shifted = b.sub(x, b.maximum(x, [dim]))
    return b.sub(shifted, b.site("log", b.sum(b.site("exp", shifted), [dim])))


@rule(aten.dropout.default, aten.dropout_.default, aten.feature_dropout.default, aten.alpha_dropout.default)
def dropout(b: Builder, x: fx.Node, p: float, train: bool) -> fx.Node:
    """Nothing, as the program is exported for inference."""
    return x
