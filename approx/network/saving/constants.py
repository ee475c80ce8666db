"""Constants that the machine could not compute are computed when a program is saved.

What depends on no input may still have one in its shape, as latents that are repeated for every sample: it is
computed for a few sizes, and kept once where it is the same along the axes of free sizes.
"""

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import sympy
import torch
from torch import fx, nn
from torch.fx.experimental.symbolic_shapes import free_symbols

from approx.network.nodes import aten, attribute, is_float, reads_input
from approx.network.saving.arguments import is_inexact, knows

HOME = "constants"
"""The submodule that holds them."""
_TRIALS = (2, 3, 17)
"""Free sizes that a constant is computed for."""
_WHOLE = {aten.sym_size.int, aten.sym_numel.default, operator.mul, operator.add, operator.getitem}
"""What may be done with free sizes: nothing that decides by them."""

Numbers = Mapping[sympy.Symbol, int]


def with_known_ops(program: fx.GraphModule, exact: bool = False) -> fx.GraphModule:
    """Return a program in which the machine knows every op that depends on no input.

    Those that it does not know are replaced by what they give: an identity matrix, positions in an order that
    only torch makes, a norm of weights. What the program shares with the copy, its parameters, stays shared.

    Args:
        program: stays as it is.
        exact: also replace float work whose last bit depends on who does it, which integers would show.
    """
    values = _Values(program)
    unknown = [node for node in program.graph.nodes if _is_unknown(node, exact) and not reads_input(node)]
    if not unknown:
        return program
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, {}))
    copy = fx.GraphModule(program, graph)
    if HOME not in dict(copy.named_children()):  # a rule's constants may live there too
        copy.add_submodule(HOME, nn.Module())
    named = {node.name: node for node in copy.graph.nodes}
    for node in unknown:
        value = values.of(node) if isinstance(node.meta.get("val"), torch.Tensor) else None
        if value is not None:
            _replace(copy, named[node.name], value)
    copy.graph.eliminate_dead_code()
    copy.recompile()
    return copy


def _is_unknown(node: fx.Node, exact: bool) -> bool:
    """Whether a call is one that the machine does not know, or reads from one that gives several tensors."""
    if node.op != "call_function":
        return False
    from_several = [n for n in node.all_input_nodes if isinstance(n.meta.get("val"), tuple | list)]
    inexact = exact and is_float(node.meta.get("val")) and is_inexact(node.target)
    return inexact or not knows(node.target) or any(_is_unknown(n, exact) for n in from_several)


def _replace(module: fx.GraphModule, node: fx.Node, value: torch.Tensor) -> None:
    """Read a constant in the node's place, repeated along its axes of free sizes."""
    name, sizes = node.name, [_size_node(node, size) for size in node.meta["val"].shape]
    if None in sizes:
        return  # no node has the size
    module.get_submodule(HOME).register_buffer(name, value.detach())
    with module.graph.inserting_before(node):
        constant = module.graph.get_attr(f"{HOME}.{name}")
        constant.meta = dict(node.meta) | {"val": value}
        if any(isinstance(size, fx.Node) for size in sizes):
            constant = module.graph.call_function(aten.expand.default, (constant, sizes))
    constant.meta = dict(node.meta)
    node.replace_all_uses_with(constant)
    module.graph.erase_node(node)
    if constant.op == "call_function":
        constant.name = name  # by which its range is known


def _size_node(node: fx.Node, size: Any) -> Any:
    """A size as a number, or the node before `node` that holds it; None where there is none."""
    if not isinstance(size, torch.SymInt):
        return int(size)
    for other in _before(node):
        held = other.meta.get("val")
        if isinstance(held, torch.SymInt) and held.node.expr == size.node.expr:
            return other
    return None


def _before(node: fx.Node) -> Iterator[fx.Node]:
    for other in node.graph.nodes:
        if other is node:
            return
        yield other


class _Values:
    """The values of nodes that depend on no input's values."""

    def __init__(self, program: fx.GraphModule) -> None:
        self._program = program
        self._found: dict[tuple[fx.Node, tuple[int, ...]], Any] = {}

    @torch.no_grad()
    def of(self, node: fx.Node) -> torch.Tensor | None:
        """What the node gives, with one entry along axes of free sizes; None where it differs along them."""
        symbols = sorted(self._symbols(node, set()), key=str)
        if not symbols:
            value: torch.Tensor = self._at(node, {})
            return value
        if not self._only_repeats(node, set()):
            return None
        axes = [i for i, size in enumerate(node.meta["val"].shape) if isinstance(size, torch.SymInt)]
        found = [
            _once(self._at(node, dict(zip(symbols, _rotated(turn, len(symbols)), strict=True))), axes)
            for turn in range(len(_TRIALS))
        ]
        first = found[0]
        alike = first is not None and all(f is not None and torch.equal(f, first) for f in found[1:])
        return first if alike else None

    def _symbols(self, node: fx.Node, visited: set[fx.Node]) -> set[sympy.Symbol]:
        """Free sizes that reach a node."""
        if node in visited:
            return set()
        visited.add(node)
        value = node.meta.get("val")
        own = set(free_symbols(value)) if isinstance(value, torch.Tensor | torch.SymInt) else set()
        return own.union(*(self._symbols(n, visited) for n in node.all_input_nodes))

    def _only_repeats(self, node: fx.Node, visited: set[fx.Node]) -> bool:
        """Whether nothing but sums and products are made of sizes."""
        if node in visited or node.op != "call_function":
            return True
        visited.add(node)
        plain = not isinstance(node.meta.get("val"), torch.SymInt) or node.target in _WHOLE
        return plain and all(self._only_repeats(n, visited) for n in node.all_input_nodes)

    def _at(self, node: fx.Node, sizes: Numbers) -> Any:
        """What the node gives for some free sizes."""
        key = node, tuple(sizes.values())
        if key not in self._found:
            if node.op == "get_attr":
                return attribute(self._program, node)
            if node.op == "placeholder":
                return _shaped(node.meta["val"], sizes)
            args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: self._at(n, sizes))
            site = node.op == "call_module"
            call: Any = self._program.get_submodule(str(node.target)) if site else node.target
            self._found[key] = call(*args, **kwargs)
        return self._found[key]


def _rotated(turn: int, count: int) -> list[int]:
    """A size for each symbol, none the same in two turns."""
    return [_TRIALS[(turn + i) % len(_TRIALS)] for i in range(count)]


def _once(value: torch.Tensor, axes: list[int]) -> torch.Tensor | None:
    """A tensor with one entry along some axes; None where it differs along one."""
    for axis in axes:
        first = value.narrow(axis, 0, 1)
        if not bool((value == first).all()):
            return None
        value = first
    return value


def _shaped(value: Any, sizes: Numbers) -> Any:
    """Something of an input's shape; its words are not read."""
    if isinstance(value, torch.SymInt):
        return int(value.node.expr.xreplace(sizes))
    shape = [int(s.node.expr.xreplace(sizes)) if isinstance(s, torch.SymInt) else s for s in value.shape]
    return torch.zeros((), dtype=value.dtype).expand(shape)
