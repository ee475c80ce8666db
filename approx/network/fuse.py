"""Fusion: what runs is the program with its softmaxes and layer norms each in one step.

The program stays what is certified and costed; a fused copy runs. A fused step computes what its nodes did,
through the same sites: in one native pass where no gradient is wanted, else step by step.
"""

from typing import Any

import torch
from torch import fx, nn

from approx.network.operator import native
from approx.network.site import SiteModule

aten = torch.ops.aten


class FusedSoftmax(nn.Module):
    """exp(x - max) times the reciprocal of its sum, over one dimension, by two sites."""

    def __init__(self, exponential: SiteModule, reciprocal: SiteModule, dim: int) -> None:
        super().__init__()
        self.exponential, self.reciprocal, self.dim = exponential, reciprocal, dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Softmax of x, of any layout."""
        tables = _native_tables(x, self.exponential, self.reciprocal)
        if tables is not None and self.dim in (-1, x.dim() - 1):
            return native.softmax(x, *tables)
        e = self.exponential(x - x.amax(self.dim, keepdim=True))
        y: torch.Tensor = e * self.reciprocal(e.sum(self.dim, keepdim=True))
        return y


class FusedLayerNorm(nn.Module):
    """(x - mean) * rsqrt(variance + eps) * weight + bias over the last dimension, by one site."""

    def __init__(self, rsqrt: SiteModule, eps: float) -> None:
        super().__init__()
        self.rsqrt, self.eps = rsqrt, eps

    def forward(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Layer norm of x (..., size); weight and bias are (size,)."""
        tables = _native_tables(x, self.rsqrt)
        if tables is not None and not (torch.is_grad_enabled() and weight.requires_grad):
            return native.layer_norm(x, weight, bias, self.eps, *tables)
        centred = x - x.mean(-1, keepdim=True)
        scale = self.rsqrt((centred * centred).mean(-1, keepdim=True) + self.eps)
        y: torch.Tensor = centred * scale * weight + bias
        return y


def _native_tables(x: torch.Tensor, *sites: SiteModule) -> list[native.Table] | None:
    """The sites' tables, if all are nothing but tables now and no gradient is wanted."""
    if not native.handles(x) or (torch.is_grad_enabled() and x.requires_grad):
        return None
    tables = [(site.lines, site.index) for site in sites if site.only_table and site.index is not None]
    return tables if len(tables) == len(sites) else None


def fuse(program: fx.GraphModule) -> fx.GraphModule:
    """A copy of the program over the same parameters and sites, its softmaxes and layer norms fused."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, {}))
    fused = fx.GraphModule(program, graph)
    for node in list(fused.graph.nodes):
        for match in (_softmax, _layer_norm):
            match(fused, node)
    fused.graph.eliminate_dead_code()
    fused.delete_all_unused_submodules()
    fused.recompile()
    return fused


def _softmax(module: fx.GraphModule, product: fx.Node) -> None:
    """Match e * reciprocal(sum(e)), e = exp(x - max(x)), at its product."""
    reciprocal = _operand(product, aten.mul.Tensor, 1)
    total = _argument(module, reciprocal, "reciprocal")
    e = _operand(total, aten.sum.dim_IntList, 0)
    shifted = _argument(module, e, "exp")
    largest = _operand(shifted, aten.sub.Tensor, 1)
    x = _operand(largest, aten.amax.default, 0)
    if x is None or product.args[0] is not e or _first(shifted) is not x:
        return
    dim = _kept_dimension(largest)
    if dim is not None and dim == _kept_dimension(total):
        _replace(module, product, FusedSoftmax(_site(module, e), _site(module, reciprocal), dim), (x,))


def _layer_norm(module: fx.GraphModule, result: fx.Node) -> None:
    """Match (x - mean) * rsqrt(mean of squares + eps) * weight + bias at its last addition."""
    scaled = _operand(result, aten.add.Tensor, 0)
    standard = _operand(scaled, aten.mul.Tensor, 0)
    rsqrt = _operand(standard, aten.mul.Tensor, 1)
    variance_eps = _argument(module, rsqrt, "rsqrt")
    variance = _operand(variance_eps, aten.add.Tensor, 0)
    squares = _operand(variance, aten.mean.dim, 0)
    centred = _operand(squares, aten.mul.Tensor, 0)
    mean = _operand(centred, aten.sub.Tensor, 1)
    x = _operand(mean, aten.mean.dim, 0)
    if x is None or _first(centred) is not x or _first(standard) is not centred:
        return
    weight, bias, eps = _second(scaled), _second(result), _second(variance_eps)
    last = _kept_dimension(mean) == _kept_dimension(variance) == -1
    if last and _second(squares) is centred and isinstance(eps, float) and _is_vector(weight, x, bias):
        _replace(module, result, FusedLayerNorm(_site(module, rsqrt), eps), (x, weight, bias))


def _operand(node: fx.Node | None, target: Any, position: int) -> fx.Node | None:
    """The node's operand, if the node is a call of `target`."""
    if node is None or node.target is not target or len(node.args) <= position:
        return None
    operand = node.args[position]
    return operand if isinstance(operand, fx.Node) else None


def _argument(module: fx.GraphModule, node: fx.Node | None, function: str) -> fx.Node | None:
    """The argument of a site, if the node is a site of `function`."""
    if node is None or node.op != "call_module":
        return None
    site = module.get_submodule(str(node.target))
    return _first(node) if isinstance(site, SiteModule) and site.function == function else None


def _first(node: fx.Node | None) -> Any:
    return None if node is None else node.args[0]


def _second(node: fx.Node | None) -> Any:
    return None if node is None else node.args[1]


def _kept_dimension(reduction: fx.Node | None) -> int | None:
    """The one dimension that a reduction runs over and keeps, from the end; None for any other reduction."""
    if reduction is None or len(reduction.args) < 3 or reduction.args[2] is not True:
        return None
    dims: Any = reduction.args[1]
    return _from_end(dims[0], reduction) if len(dims) == 1 else None


def _from_end(dim: int, node: fx.Node) -> int:
    rank = int(node.meta["val"].dim())
    return dim if dim < 0 else dim - rank


def _is_vector(weight: Any, x: fx.Node, bias: Any) -> bool:
    """Whether weight and bias are parameters of one number a feature."""
    size = x.meta["val"].shape[-1:]
    return all(
        isinstance(p, fx.Node) and p.op == "get_attr" and p.meta["val"].shape == size for p in (weight, bias)
    )


def _site(module: fx.GraphModule, node: fx.Node | None) -> SiteModule:
    site = module.get_submodule(str(node.target)) if node is not None else None
    if not isinstance(site, SiteModule):
        raise TypeError(f"node {node}: must be a site")
    return site


def _replace(module: fx.GraphModule, node: fx.Node, step: nn.Module, args: tuple[Any, ...]) -> None:
    target = f"fused.{node.name}"
    module.add_submodule(target, step)
    with module.graph.inserting_before(node):
        call = module.graph.call_module(target, args)
    call.meta = dict(node.meta)
    node.replace_all_uses_with(call)
