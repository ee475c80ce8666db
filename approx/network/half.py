"""Half precision: every operand and result of an instruction rounded to it, sums kept in float32.

What is finite stays finite, at the largest number of the format. A norm's variance is a sum until its root is
looked up: it is not rounded on the way.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.host import on_host
from approx.network.nodes import is_float
from approx.network.site import SiteModule

aten = torch.ops.aten
_TOTALS = {aten.sum.dim_IntList, aten.mean.dim}
_BOUNDS = {aten.add.Tensor, aten.add.Scalar, aten.clamp_min.default}
_ELEMENTWISE = {aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor}


class _Rounded(nn.Module):
    """An instruction on operands in half precision, its result rounded to it."""

    def __init__(self, op: Any, kind: torch.dtype, sums: set[int], is_sum: bool) -> None:
        super().__init__()
        self.op, self.kind, self.sums, self.is_sum = op, kind, sums, is_sum

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the op gives, computed in float32; sums are neither rounded as operands nor as a result."""
        operands = [x if i in self.sums else _rounded(x, self.kind) for i, x in enumerate(args)]
        result = self.op(*operands, **kwargs)
        if self.is_sum:
            return result
        return _rounded(_finite(result, operands) if self.op in _ELEMENTWISE else result, self.kind)


def _finite(result: Tensor, operands: list[Any]) -> Tensor:
    """A sum or product that finite numbers give, finite."""
    tensors = [x for x in operands[:2] if isinstance(x, Tensor)]
    infinite = result.isinf()
    for x in tensors:
        infinite = infinite & x.isfinite()
    largest = torch.finfo(result.dtype).max
    return torch.where(infinite, result.clamp(-largest, largest), result)


def _rounded(x: Any, kind: torch.dtype) -> Any:
    """Numbers rounded to those of a kind, in their own type; autograd rounds gradients alike.

    What is finite stays so: a mask of -3.4e38 becomes the least number of the kind.
    """
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        return x
    largest = torch.finfo(kind).max
    return torch.where(x.isinf(), x, x.clamp(-largest, largest)).to(kind).to(x.dtype)


KINDS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def in_half_precision(program: fx.GraphModule, data: str) -> fx.GraphModule:
    """A copy of the program, over the same parameters and sites, that computes in "bf16" or "fp16"."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, {}))
    module = fx.GraphModule(program, graph)
    sums = _sums(module)
    reads = {
        node.name: {i for i, a in enumerate(node.args) if isinstance(a, fx.Node) and a.name in sums}
        for node in module.graph.nodes
    }
    for node in list(module.graph.nodes):
        if (
            node.op in ("call_function", "call_module")
            and is_float(node.meta.get("val"))
            and not on_host(node)
        ):
            made = _Rounded(_op(module, node), KINDS[data], reads[node.name], node.name in sums)
            _replace(module, node, made)
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _sums(module: fx.GraphModule) -> set[str]:
    """Values that stay in the accumulators: squares that are only summed, and their sum up to a function.

    A variance of 140,000 is beyond fp16, and an eps of 1e-12 below it.
    """
    found: set[str] = set()
    for node in module.graph.nodes:
        users = {user.target for user in node.users}
        if node.target is aten.mul.Tensor and node.args[0] is node.args[1] and users and users <= _TOTALS:
            found.add(node.name)
        on_the_way = node.target in _TOTALS | _BOUNDS and getattr(node.args[0], "name", None) in found
        if on_the_way and all(u.op == "call_module" or u.target in _BOUNDS for u in node.users):
            found.add(node.name)
    return found


def _op(module: fx.GraphModule, node: fx.Node) -> Any:
    site = module.get_submodule(str(node.target)) if node.op == "call_module" else None
    return site if isinstance(site, SiteModule) else node.target


def _replace(module: fx.GraphModule, node: fx.Node, made: _Rounded) -> None:
    target = f"rounded.{node.name}"
    module.add_submodule(target, made)
    with module.graph.inserting_before(node):
        call = module.graph.call_module(target, node.args, dict(node.kwargs))
    call.meta = dict(node.meta)
    node.replace_all_uses_with(call)
    module.graph.erase_node(node)
