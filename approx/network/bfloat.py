"""bfloat16: every operand and result of an instruction rounded to it, sums kept in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.host import on_host
from approx.network.nodes import is_float
from approx.network.site import SiteModule


class _Rounded(nn.Module):
    """An instruction on operands in bfloat16, its result rounded to it; gradients pass straight through."""

    def __init__(self, op: Any) -> None:
        super().__init__()
        self.op = op

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the op gives, computed in float32."""
        rounded = [to_bf16(x) if isinstance(x, Tensor) else x for x in args]
        result = self.op(*rounded, **kwargs)
        return to_bf16(result) if isinstance(result, Tensor) else result


def to_bf16(x: Tensor) -> Tensor:
    """Numbers rounded to bfloat16's, in their own type; autograd rounds gradients alike."""
    return x.to(torch.bfloat16).to(x.dtype) if x.is_floating_point() else x


def rounded_to_bf16(program: fx.GraphModule) -> fx.GraphModule:
    """A copy of the program, over the same parameters and sites, that computes in bfloat16."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, {}))
    graph.set_codegen(program.graph._codegen)
    module = fx.GraphModule(program, graph)
    for node in list(module.graph.nodes):
        if node.op in ("call_function", "call_module") and is_float(node.meta.get("val")) and not on_host(node):
            _replace(module, node)
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _replace(module: fx.GraphModule, node: fx.Node) -> None:
    site = module.get_submodule(str(node.target)) if node.op == "call_module" else None
    op = site if isinstance(site, SiteModule) else node.target
    target = f"rounded.{node.name}"
    module.add_submodule(target, _Rounded(op))
    with module.graph.inserting_before(node):
        call = module.graph.call_module(target, node.args, dict(node.kwargs))
    call.meta = dict(node.meta)
    node.replace_all_uses_with(call)
    module.graph.erase_node(node)
