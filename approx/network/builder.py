"""The program under construction: what a legalization rule writes to.

A rule receives a `Builder` and the op's arguments, in which tensors are nodes of the new graph, and emits
nodes. Each gets its fake value at once (shape and dtype, no data), so that the next rule can look at shapes
and the workload can be read off the finished graph.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn
from torch._dispatch.python import enable_python_dispatcher

from approx.cpwl import get_function, split_name
from approx.network.host import is_computed, on_host
from approx.network.nodes import (
    aten,
    attribute,
    dtype,
    is_float,
    module_path,
    reads_input,
    shape,
    source_line,
)
from approx.network.site import SiteModule
from approx.network.size_nodes import with_size_nodes

_ARITHMETIC = {
    aten.add.Tensor,
    aten.bmm.default,
    aten.matmul.default,
    aten.maximum.default,
    aten.minimum.default,
    aten.mm.default,
    aten.mul.Tensor,
    aten.sub.Tensor,
}
"""Instructions whose operands may be tensors of integers beside floats."""

Value = Any  # an fx.Node, or a Python number


class UnsupportedOperator(ValueError):
    """An op that no rule turns into matrix operations."""


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
        """Emit a call of `target` and evaluate its fake value.

        Integers that meet floats in arithmetic become floats first, by the host.
        """
        args = self._as_floats(args) if target in _ARITHMETIC else args
        try:
            args, kwargs = with_size_nodes((args, kwargs), self.graph, self.op)
        except ValueError as error:
            raise self.refusal(f"{error}; a fixed size would be supported") from None
        node = self.graph.call_function(target, args, kwargs)
        values = fx.node.map_arg((args, kwargs), lambda n: n.meta["val"])
        with self.fake_mode, enable_python_dispatcher():  # else C++ composites fix free sizes
            value = target(*values[0], **values[1])
        return self._annotate(node, value)

    def _as_floats(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The operands of arithmetic, integer tensors of the type that floats among them have."""
        tensors = [a for a in args if isinstance(a, fx.Node) and isinstance(a.meta.get("val"), torch.Tensor)]
        kinds = [dtype(a) for a in tensors if dtype(a).is_floating_point]
        if tensors and not kinds and any(isinstance(a, float) for a in args):
            kinds = [torch.get_default_dtype()]
        if not kinds:
            return args
        mixed = [a for a in tensors if not (dtype(a).is_floating_point or dtype(a).is_complex)]
        return tuple(self.op(aten.to.dtype, a, kinds[0]) if a in mixed else a for a in args)

    def refusal(self, reason: str) -> UnsupportedOperator:
        """The error that says why the op being rewritten cannot be, and where it is."""
        target = self.origin.target if self.origin is not None else "?"
        line = source_line(self.origin)
        where = f" ({line})" if line else ""
        return UnsupportedOperator(
            f"op {target} at {self.module_path or 'the model itself'}{where}: {reason}"
        )

    def site(self, function: str, x: fx.Node) -> fx.Node:
        """Emit the nonlinear `function` at x: one named site, to be served by a table."""
        return self.call(self.new_site(function), x)

    def new_site(self, function: str) -> str:
        """Add a site for `function` without calling it yet; `call` may then call it more than once."""
        function = get_function(function).name
        name = self._unique(f"{self.module_path}.{split_name(function)[0]}".lstrip("."))
        target = f"sites.{name.replace('.', '_')}"
        self.root.add_submodule(target, SiteModule(name, function))
        return target

    def call(self, site: str, x: fx.Node) -> fx.Node:
        """Emit a call of a site: the steps of a recurrence share one table."""
        x = x if dtype(x).is_floating_point else self.op(aten.to.dtype, x, torch.get_default_dtype())
        if x.op != "placeholder" and on_host(x) and reads_input(x):
            x = self.op(aten.mul.Tensor, x, 1.0)  # a number of the host's becomes a word that a table reads
        node = self.graph.call_module(site, (x,))
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
        value = attribute(self.root, node)
        return value if isinstance(value, torch.Tensor) else None

    def known(self, node: Value) -> torch.Tensor | None:
        """What `node` is for every input, or None if an input reaches it or its size is free."""
        if not isinstance(node, fx.Node) or node.op not in ("get_attr", "call_function") or reads_input(node):
            return None
        if node.op == "get_attr":
            return self.tensor(node)
        leaves = {n: self.known(n) for n in node.all_input_nodes}
        if any(value is None for value in leaves.values()):
            return None
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: leaves[n])
        result: torch.Tensor = node.target(*args, **kwargs)  # type: ignore[operator]
        return result

    def varies(self, x: Value) -> bool:
        """Whether x depends on the program's inputs."""
        return isinstance(x, fx.Node) and reads_input(x)

    def is_choice(self, x: Value) -> bool:
        """Whether x is integers or a mask that the accelerator made of computed values."""
        return isinstance(x, fx.Node) and not is_float(x.meta["val"]) and is_computed(x)

    def readers_of_part(self, index: int) -> list[fx.Node]:
        """Nodes of the source that take part `index` of what the op being rewritten returns, and use it."""
        users = self.origin.users if self.origin is not None else {}
        return [u for u in users if u.target is operator.getitem and u.args[1] == index and u.users]

    def sizes(self, x: fx.Node) -> list[Value]:
        """The shape of x as arguments; a free size is a node that reads it."""
        sizes: list[Any] = list(shape(x))
        return [
            self.op(aten.sym_size.int, x, i) if isinstance(n, torch.SymInt) else n
            for i, n in enumerate(sizes)
        ]

    def fixed(self, x: fx.Node, dim: int) -> int:
        """The size of x along `dim`, which must not be free.

        Raises:
            UnsupportedOperator: it is free.
        """
        size: Any = shape(x)[dim]
        if not isinstance(size, int):
            raise self.refusal(
                f"it works along dimension {dim}, whose size is free; a fixed size would support it"
            )
        return size

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

    def neg(self, x: fx.Node) -> fx.Node:
        """Minus x."""
        return self.op(aten.neg.default, x)

    def part(self, x: fx.Node, dim: int, start: int, end: int) -> fx.Node:
        """A slice of x."""
        return self.op(aten.slice.Tensor, x, dim, start, end)

    def along(self, x: fx.Node, dim: int, matrix: torch.Tensor) -> fx.Node:
        """Map the vectors of x along `dim` by `matrix` (outputs, inputs), a constant: a GEMM."""
        value = x.meta["val"]
        weight = self.constant(
            f"{self.module_path}.matrix".lstrip("."), matrix.to(dtype=value.dtype, device=value.device)
        )
        last = dim % value.dim() == value.dim() - 1
        rows = x if last else self.op(aten.transpose.int, x, dim, -1)
        mapped = self.op(aten.linear.default, rows, weight)
        return mapped if last else self.op(aten.transpose.int, mapped, dim, -1)

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

    def emitted_since(self, node: fx.Node) -> list[fx.Node]:
        """The nodes emitted from `node` on, in order."""
        found = []
        while node.op != "root":
            found.append(node)
            node = node.next
        return found

    def _annotate(self, node: fx.Node, value: Any) -> fx.Node:
        node.meta["val"] = value
        reads_input(node)
        is_computed(node)  # node by node, so that neither has to walk the whole graph at once
        if self.origin is not None:
            for key in ("nn_module_stack", "stack_trace"):
                if key in self.origin.meta:
                    node.meta[key] = self.origin.meta[key]
        return node

    def _unique(self, name: str) -> str:
        count = self._names.get(name, 0)
        self._names[name] = count + 1
        return name if count == 0 else f"{name}_{count}"
