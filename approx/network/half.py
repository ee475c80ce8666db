"""Half precision: every operand and result of an instruction rounded to it, sums kept in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.host import on_host
from approx.network.nodes import is_float
from approx.network.site import SiteModule

aten = torch.ops.aten
_ELEMENTWISE = {aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor}


class _Rounded(nn.Module):
    """An instruction on operands in half precision, its result rounded to it."""

    def __init__(self, op: Any, kind: torch.dtype) -> None:
        super().__init__()
        self.op, self.kind = op, kind

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the op gives, computed in float32."""
        rounded = [_rounded(x, self.kind) for x in args]
        result = self.op(*rounded, **kwargs)
        return _rounded(_finite(result, rounded) if self.op in _ELEMENTWISE else result, self.kind)


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
    for node in list(module.graph.nodes):
        if (
            node.op in ("call_function", "call_module")
            and is_float(node.meta.get("val"))
            and not on_host(node)
        ):
            _replace(module, node, KINDS[data])
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _replace(module: fx.GraphModule, node: fx.Node, kind: torch.dtype) -> None:
    site = module.get_submodule(str(node.target)) if node.op == "call_module" else None
    op = site if isinstance(site, SiteModule) else node.target
    target = f"rounded.{node.name}"
    module.add_submodule(target, _Rounded(op, kind))
    with module.graph.inserting_before(node):
        call = module.graph.call_module(target, node.args, dict(node.kwargs))
    call.meta = dict(node.meta)
    node.replace_all_uses_with(call)
    module.graph.erase_node(node)
