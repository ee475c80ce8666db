"""The program under construction: what a legalization rule writes to.

A rule receives a `Builder` and the op's arguments, in which tensors are nodes of the new graph, and emits
nodes. Each gets its fake value at once (shape and dtype, no data), so that the next rule can look at shapes
and the workload can be read off the finished graph.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from approx.cpwl import get_function
from approx.network.site import SiteModule

aten = torch.ops.aten
Value = Any  # an fx.Node, or a Python number


class Builder:
    """Emits nodes into a new graph over `root`, whose parameters, constants and sites they refer to."""

    def __init__(self, root: fx.GraphModule, fake_mode: Any) -> None:
        self.root = root
        self.graph = fx.Graph()
        self.fake_mode = fake_mode
        self.origin: fx.Node | None = None
        self._names: dict[str, int] = {}

    @property
    def module_path(self) -> str:
        """Dotted path of the module that the op being rewritten came from."""
        return module_path(self.origin)

    def op(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """Emit a call of `target` and evaluate its fake value."""
        node = self.graph.call_function(target, args, kwargs)
        values = fx.node.map_arg((args, kwargs), lambda n: n.meta["val"])
        with self.fake_mode:
            value = target(*values[0], **values[1])
        return self._annotate(node, value)

    def site(self, function: str, x: fx.Node) -> fx.Node:
        """Emit the nonlinear `function` at x: one named site, to be served by a table."""
        function = get_function(function).name
        name = self._unique(f"{self.module_path}.{_stem(function)}".lstrip("."))
        target = f"sites.{name.replace('.', '_')}"
        self.root.add_submodule(target, SiteModule(name, function))
        node = self.graph.call_module(target, (x,))
        with self.fake_mode:
            value = torch.empty_like(x.meta["val"])
        return self._annotate(node, value)

    def constant(self, hint: str, value: torch.Tensor, *, trainable: bool = False) -> fx.Node:
        """Emit a tensor that conversion computed; it becomes a parameter if `trainable`, else a buffer."""
        target = f"constants.{self._unique(hint).replace('.', '_')}"
        parent, _, leaf = target.rpartition(".")
        if not hasattr(self.root, parent):
            self.root.add_submodule(parent, nn.Module())
        holder = self.root.get_submodule(parent)
        if trainable:
            holder.register_parameter(leaf, nn.Parameter(value.detach().clone()))
        else:
            holder.register_buffer(leaf, value.detach().clone())
        node = self.graph.get_attr(target)
        return self._annotate(node, self.fake_mode.from_tensor(value, static_shapes=True))

    def tensor(self, node: Value) -> torch.Tensor | None:
        """The parameter or buffer that `node` reads, or None if it is computed at run time."""
        if not (isinstance(node, fx.Node) and node.op == "get_attr"):
            return None
        path, _, leaf = str(node.target).rpartition(".")
        value = getattr(self.root.get_submodule(path), leaf)
        return value if isinstance(value, torch.Tensor) else None

    # The linear vocabulary, so that rules read like the mathematics.

    def add(self, x: Value, y: Value) -> fx.Node:
        """x + y."""
        return self.op(aten.add.Tensor, x, y)

    def sub(self, x: Value, y: Value) -> fx.Node:
        """x - y."""
        return self.op(aten.sub.Tensor, x, y)

    def mul(self, x: Value, y: Value) -> fx.Node:
        """The Hadamard product of x and y."""
        return self.op(aten.mul.Tensor, x, y)

    def sum(self, x: fx.Node, dims: list[int], keepdim: bool = True) -> fx.Node:
        """The sum over `dims`: a product with a ones vector."""
        return self.op(aten.sum.dim_IntList, x, dims, keepdim)

    def mean(self, x: fx.Node, dims: list[int], keepdim: bool = True) -> fx.Node:
        """The mean over `dims`: a product with a vector of 1/n."""
        return self.op(aten.mean.dim, x, dims, keepdim)

    def maximum(self, x: fx.Node, dims: list[int], keepdim: bool = True) -> fx.Node:
        """The maximum over `dims`: a tournament of max(a, b) = a + relu(b - a)."""
        return self.op(aten.amax.default, x, dims, keepdim)

    def at(self, origin: fx.Node) -> "Builder":
        """Let what is emitted next count as coming from `origin`, an op that is being absorbed."""
        self.origin = origin
        return self

    def _annotate(self, node: fx.Node, value: Any) -> fx.Node:
        node.meta["val"] = value
        if self.origin is not None:
            for key in ("nn_module_stack", "stack_trace"):
                if key in self.origin.meta:
                    node.meta[key] = self.origin.meta[key]
        return node

    def _unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else f"{name}_{count}"


def module_path(node: fx.Node | None) -> str:
    """Dotted path of the module whose forward emitted `node`; empty for the model itself."""
    stack = node.meta.get("nn_module_stack") if node is not None else None
    if not stack:
        return ""
    path = str(next(reversed(stack.values()))[0])
    return "" if path.startswith("_") else path.removeprefix("L['self']").lstrip(".")


def label(node: fx.Node) -> str:
    """What people read: the module that the node came from, and its op."""
    op = getattr(node.target, "_opname", node.name)
    return f"{module_path(node)}.{op}".lstrip(".")


def shape(node: fx.Node) -> torch.Size:
    """Shape of the node's value; a free size is a SymInt."""
    size: torch.Size = node.meta["val"].shape
    return size


def _stem(function: str) -> str:
    return function.partition("(")[0]
