"""Fusion: an emulated program's softmaxes, and its sums of products, each in one native pass.

A fused step computes what its steps did, rounding as they do; where gradients are wanted, or the extension is
missing, step by step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.fixed import native
from approx.network.fixed.steps import FixedHadamard, FixedSite, FixedSum
from approx.network.nodes import aten


class FusedSoftmax(nn.Module):
    """exp(x - max) times the reciprocal of its sum, over the last axis."""

    def __init__(
        self,
        shifted: FixedHadamard,
        exp: FixedSite,
        total: FixedSum,
        reciprocal: FixedSite,
        result: FixedHadamard,
    ) -> None:
        super().__init__()
        self.shifted, self.exp, self.total, self.reciprocal, self.result = (
            shifted,
            exp,
            total,
            reciprocal,
            result,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Softmax of a word's values."""
        first, last = self.shifted.rounding, self.result.rounding
        trained = torch.is_grad_enabled() and any(
            s.site.values is not None for s in (self.exp, self.reciprocal)
        )
        if native.handles(x) and not trained and first is not None and last is not None:
            tables = self.exp.lookup(x.device), self.reciprocal.lookup(x.device)
            return native.softmax(x, first, tables[0], self.total.rounding, tables[1], last)
        e = self.exp(self.shifted(x, x.amax(-1, keepdim=True)))
        y: Tensor = self.result(e, self.reciprocal(self.total(e, [-1], True)))
        return y


class FusedDot(nn.Module):
    """The sum, or mean, of a product over the last axis, which stays as 1."""

    def __init__(self, product: FixedHadamard, total: FixedSum) -> None:
        super().__init__()
        self.product, self.total = product, total

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Of words' values of one shape."""
        if native.handles(a, b) and a.shape == b.shape:
            return native.dots(a, b, self.product.rounding, self.total.rounding)
        y: Tensor = self.total(self.product(a, b), [-1], True)
        return y


def fuse(module: fx.GraphModule) -> None:
    """Fuse what can be, in place."""
    for node in list(module.graph.nodes):
        for match in (_softmax, _dot):
            match(module, node)


def _softmax(module: fx.GraphModule, result: fx.Node) -> None:
    """Match e * reciprocal(sum(e)), e = exp(x - max(x)), at its product."""
    e, r = _operands(result) if _step(module, result, FixedHadamard, aten.mul.Tensor) else (None, None)
    if e is None or r is None or not _step(module, e, FixedSite) or not _step(module, r, FixedSite):
        return
    (shifted, _), (total, _) = _operands(e), _operands(r)
    if not _over_last(module, total) or _operands(total)[0] is not e:
        return
    x, most = _operands(shifted) if _step(module, shifted, FixedHadamard, aten.sub.Tensor) else (None, None)
    if x is None or most is None or most.target is not aten.amax.default or most.args != (x, [-1], True):
        return
    steps: list[Any] = [module.get_submodule(str(n.target)) for n in (shifted, e, total, r, result) if n]
    _replace(module, result, FusedSoftmax(*steps), (x,))


def _dot(module: fx.GraphModule, total: fx.Node) -> None:
    """Match the sum of a product that nothing else reads."""
    product = _operands(total)[0] if _over_last(module, total) else None
    if product is not None and module.get_submodule(str(total.target)).is_free:
        return
    hadamard = _step(module, product, FixedHadamard, aten.mul.Tensor)
    a, b = _operands(product) if hadamard is not None else (None, None)
    if product is None or a is None or b is None or len(product.users) != 1:
        return
    steps: list[Any] = [hadamard, module.get_submodule(str(total.target))]
    _replace(module, total, FusedDot(*steps), (a, b))


def _step(module: fx.GraphModule, node: fx.Node | None, kind: type[nn.Module], target: Any = None) -> Any:
    """The node's step, if it is of a kind and does an op."""
    if node is None or node.op != "call_module":
        return None
    step = module.get_submodule(str(node.target))
    return step if isinstance(step, kind) and (target is None or step.target is target) else None


def _operands(node: fx.Node | None) -> tuple[fx.Node | None, fx.Node | None]:
    """The first two arguments, where they are values."""
    given = (*(node.args if node is not None else ()), None, None)[:2]
    first, second = (value if isinstance(value, fx.Node) else None for value in given)
    return first, second


def _over_last(module: fx.GraphModule, node: fx.Node | None) -> bool:
    """Whether the node sums over the last axis, which it keeps."""
    found = _step(module, node, FixedSum) is not None and node is not None
    return found and node is not None and node.args[1:] == ([-1], True)


def _replace(module: fx.GraphModule, node: fx.Node, step: nn.Module, args: tuple[Any, ...]) -> None:
    target = f"fused.{node.name}"
    module.add_submodule(target, step)
    with module.graph.inserting_before(node):
        call = module.graph.call_module(target, args)
    node.replace_all_uses_with(call)
