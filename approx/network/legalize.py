"""Legalization: an exported graph becomes instructions and sites.

An op that is an instruction stays; an op with a rule is rewritten; an op that torch defines by others is
taken apart; work on integers and masks, and whatever depends on no input, stays as it is, on the host's
side; anything else is refused.
"""

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn
from torch._ops import HigherOrderOperator
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree

from approx.network.builder import Builder, UnsupportedOperator
from approx.network.choices import SELECTING
from approx.network.decompose import decompose
from approx.network.export import Exported, fake_mode
from approx.network.functionalization import (
    functional,
    is_in_place,
    is_whole,
    store,
    writes,
    written_sources,
)
from approx.network.host import is_choice, is_computed, only_reported, runs_on_host
from approx.network.instructions import INSTRUCTIONS
from approx.network.nodes import aten, is_float, reads_input
from approx.network.rules import RULES
from approx.network.rules.pairs import PAIRED, Pair

__all__ = ["Legalized", "UnsupportedOperator", "legalize"]

_ASSERTIONS = {
    aten._assert_tensor_metadata.default,
    aten._assert_scalar.default,
    aten._assert_async.msg,
    aten.sym_constrain_range_for_size.default,
}
_TAKEN_APART = {torch.ops.aten.einsum.default}
"""Ops of the host that are products and moves in one: it does them one by one."""
_BY_SHAPE = {
    aten.expand_as.default,
    aten.view_as.default,
    aten.reshape_as.default,
    aten.index_put.default,
    aten._unsafe_index_put.default,
}
"""Ops that a rule rewrites on the host as well: to read sizes alone, or to what the machine knows."""
_FILLED = {
    aten.empty.memory_format: aten.zeros.default,
    aten.empty_like.default: aten.zeros_like.default,
    aten.new_empty.default: aten.new_zeros.default,
}
"""Tensors whose words are still to be written: zeros until then, so that no run depends on what lay there."""
_BLOCKS: dict[Any, int] = {
    torch.ops.higher_order.wrap_with_set_grad_enabled: 1,
    torch.ops.higher_order.wrap_with_autocast: 4,
}
"""Ops that run a graph under a setting, with where that graph is among their arguments."""
_OWN_GRAPH = "it runs a graph of its own, step by step; the steps written out would be supported"
_OWN_GRAPHS = {
    "cond": "it runs one of two branches; both of them, and torch.where on their results, would be supported",
    "while_loop": "it runs until values say so; a fixed number of steps would be supported",
}


@dataclass(frozen=True)
class Legalized:
    """A legalized graph.

    Attributes:
        graph_module: takes the exported graph's inputs, then `state`; gives its results, then what it wrote.
        state: buffers that are inputs, by their names in the model.
        written: positions of inputs whose new values follow the results.
    """

    graph_module: fx.GraphModule
    state: tuple[str, ...]
    written: tuple[int, ...]


def legalize(exported: Exported) -> Legalized:
    """Rewrite the exported graph into instructions and sites.

    Returns:
        A module over the exported graph's parameters.

    Raises:
        UnsupportedOperator: naming the op, its module and source line, and what would support it.
    """
    source = exported.graph_module
    builder = Builder(source, fake_mode(source))
    placeholders = [node for node in source.graph.nodes if node.op == "placeholder"]
    values: dict[fx.Node, Any] = {node: builder.graph.node_copy(node) for node in placeholders}
    written = written_sources(source.graph)
    state = _state(builder, written)
    for path, readers in state.items():
        values.update(dict.fromkeys(readers, _state_input(builder, path, readers[0])))
    translation = _Translation(builder, values, outermost=True)
    results = translation.run(source.graph)
    changed = [node for node in written if node.op == "placeholder"] + [r[0] for r in state.values()]
    builder.graph.output((*results, *(translation.values[node] for node in changed)))
    legal = fx.GraphModule(source, builder.graph)
    legal.graph.eliminate_dead_code()
    legal.delete_all_unused_submodules()
    legal.recompile()
    inputs = [*placeholders, *(readers[0] for readers in state.values())]
    return Legalized(legal, tuple(state), tuple(inputs.index(node) for node in changed))


def _state(b: Builder, written: list[fx.Node]) -> dict[str, list[fx.Node]]:
    """Buffers of the model that are written, with the nodes of the source that read them."""
    found: dict[str, list[fx.Node]] = {}
    for node in written:
        if node.op != "get_attr" or _is_fresh(node):
            continue
        path, _, leaf = str(node.target).rpartition(".")
        if leaf not in b.root.get_submodule(path)._buffers:
            raise b.at(next(iter(node.users))).refusal(
                f"it changes {node.target}, which is no buffer of the model"
            )
        found[str(node.target)] = [
            n for n in node.graph.nodes if n.op == "get_attr" and n.target == node.target
        ]
    return found


def _is_fresh(node: fx.Node) -> bool:
    """Whether the node reads a tensor that `forward` made: every call begins with its first words."""
    return str(node.target).rpartition(".")[2].startswith(("lifted_tensor_", "_tensor_constant"))


def _state_input(b: Builder, path: str, reader: fx.Node) -> fx.Node:
    node = b.graph.placeholder(f"state_{path.replace('.', '_')}")
    node.meta["val"] = reader.meta["val"]
    return node


class _Translation:
    """One graph, node by node, into the builder's.

    Attributes:
        values: what stands for each node so far: a new node, a number, or nested tuples of them.
        prefix: where the graph's attributes are below the root.
        nested: the graph is part of another one.
        reported: what the graph returns is put out, and not read inside the network.
    """

    def __init__(
        self,
        b: Builder,
        given: dict[fx.Node, Any],
        prefix: str = "",
        reported: bool = True,
        outermost: bool = False,
    ) -> None:
        self.b = b
        self.reported = reported
        self.values = given
        self.prefix = prefix
        self.nested = not outermost

    def run(self, graph: fx.Graph) -> Any:
        """Translate the whole graph; what it returns."""
        for node in graph.nodes:
            if node.op == "output":
                return self._put_out(node)
            if node in self.values:
                continue
            if self.prefix or not self.nested:  # parts of an op count as the op
                self.b.origin = node
            self.values[node] = self._translate(node)
        return None

    def _put_out(self, node: fx.Node) -> Any:
        results = self._mapped(node.args[0])
        if not self.nested and any(isinstance(leaf, Pair) for leaf in pytree.tree_leaves(results)):
            raise ValueError("output = a complex tensor: must be real; torch.view_as_real gives its parts")
        return results

    def _mapped(self, arguments: Any) -> Any:
        return map_arg(arguments, lambda n: self.values[n])

    def _translate(self, node: fx.Node) -> Any:
        if node.op == "get_attr":
            return self._attribute(node)
        if node.target in _ASSERTIONS:
            return None
        args, kwargs = self._mapped(node.args), self._mapped(node.kwargs)
        if node.target in _BLOCKS:
            return self._block(node, args)
        if is_in_place(node.target) and not writes(node):
            return args[0]
        if isinstance(node.target, HigherOrderOperator):
            raise self.b.refusal(_OWN_GRAPHS.get(str(node.target), _OWN_GRAPH))
        if not is_in_place(node.target):
            return self._rewrite(node, node.target, args, kwargs)
        target = functional(node.target)
        if target is None:
            raise self.b.refusal("it changes a tensor in place, and torch has no form of it that returns one")
        result = self._rewrite(node, target, args, kwargs)
        store(self.b, node, result, self.values, self._translate)
        return self.values[node]

    def _attribute(self, node: fx.Node) -> Any:
        """A parameter or buffer as a node, a block's graph as it is."""
        target = f"{self.prefix}{node.target}"
        path, _, leaf = target.rpartition(".")
        value = getattr(self.b.root.get_submodule(path), leaf)
        if isinstance(value, nn.Module):
            return target
        copied = self.b.graph.node_copy(node)
        copied.target = target
        if isinstance(value, nn.Parameter):
            copied.meta["is_parameter"] = True
        return copied

    def _only_reported(self, node: fx.Node) -> bool:
        """Whether `node`, which holds integers or a mask, serves only to be put out."""
        return self.reported and only_reported(node)

    def _is_read(self, node: fx.Node) -> bool:
        """Whether the integers or the mask of `node` are read inside the network."""
        return not self._only_reported(node)

    def _block(self, node: fx.Node, args: tuple[Any, ...]) -> Any:
        """A graph under no_grad is that graph; so it is under an autocast that is switched off."""
        position = _BLOCKS[node.target]
        if position == 4 and args[2]:
            raise self.b.refusal("autocast changes types inside; a model without it would be supported")
        name = str(args[position])
        body: Any = self.b.root.get_submodule(name)
        return self._inline(node, body.graph, args[position + 1 :], f"{name}.")

    def _inline(self, node: fx.Node, graph: fx.Graph, arguments: Any, prefix: str = "") -> Any:
        """Translate the graph that `node` stands for in its place."""
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        origin = self.b.origin
        given = dict(zip(placeholders, arguments, strict=True))
        reported = not is_float(node.meta.get("val")) and self._only_reported(node)
        result = _Translation(self.b, given, prefix, reported).run(graph)
        self.b.origin = origin
        return result

    def _rewrite(self, node: fx.Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target is operator.getitem and isinstance(args[0], tuple | list):
            return args[0][args[1]]
        if target is aten.slice.Tensor and is_whole(*args[1:]):
            return args[0]
        args, kwargs = self._with_tensors(target, args), dict(kwargs)
        if target in _FILLED:
            target = _FILLED[target]
            kwargs.pop("memory_format", None)
        inputs = _nodes(args, kwargs)
        if self._is_paired(node, args, kwargs, inputs):
            return self._of_pairs(target, args, kwargs)
        if target in _BY_SHAPE:
            return RULES[target](self.b, *args, **kwargs)
        chosen = is_choice(target, inputs) and self._is_read(node) and _has_form(target, inputs)
        if runs_on_host(target, node.meta.get("val"), inputs) and not chosen:
            if target in _TAKEN_APART:
                return self._taken_apart(node, target, args, kwargs)
            result = self.b.op(target, *args, **kwargs)
            result.meta["on_host"] = True  # of computed values too, where it is put out and not read
            return result
        if target in RULES:
            return self._whole(node, RULES[target](self.b, *args, **kwargs))
        if target in INSTRUCTIONS or target in SELECTING or target is operator.getitem:
            return self.b.op(target, *args, **kwargs)
        return self._taken_apart(node, target, args, kwargs)

    def _whole(self, node: fx.Node, result: Any) -> Any:
        """What a rule gives, integers again where the source's are: a table of |x| gives words."""
        stated, made = node.meta.get("val"), result.meta.get("val") if isinstance(result, fx.Node) else None
        if not isinstance(stated, torch.Tensor) or is_float(stated) or not is_float(made):
            return result
        return self.b.op(aten.to.dtype, self.b.op(aten.round.default, result), stated.dtype)

    def _is_paired(self, node: fx.Node, args: Any, kwargs: Any, inputs: list[fx.Node]) -> bool:
        """Whether an op works on complex values that depend on an input."""
        value = node.meta.get("val")
        complex_value = isinstance(value, torch.Tensor) and value.is_complex() and node.target not in RULES
        pairs = any(isinstance(leaf, Pair) for leaf in pytree.tree_leaves((args, kwargs)))
        return pairs or (complex_value and any(reads_input(n) for n in inputs))

    def _of_pairs(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target not in PAIRED:
            raise self.b.refusal(
                "it has no form on pairs of real numbers; sums and products would be supported"
            )
        return PAIRED[target](self.b, *args, **kwargs)

    def _with_tensors(self, target: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, a size in the place of a tensor (x / x.shape[0]) made one."""
        schema = getattr(target, "_schema", None)
        kinds = [str(a.type) for a in schema.arguments[: len(args)]] if schema is not None else []
        return tuple(
            self.b.op(aten.scalar_tensor.default, argument)
            if kind == "Tensor" and _is_size(argument)
            else argument
            for argument, kind in zip(args, [*kinds, *[""] * (len(args) - len(kinds))], strict=True)
        )

    def _taken_apart(self, node: fx.Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        parts = decompose(target, args, kwargs, self.b.fake_mode)
        if parts is None:
            target = self.b.origin.target if self.b.origin is not None else target
            raise self.b.refusal(
                "no rule turns it into matrix operations; a function in approx/network/rules under "
                f"@rule(torch.ops.{target}) that emits instructions and sites would support it"
            )
        return self._inline(node, *parts)


def _has_form(target: Any, inputs: list[fx.Node]) -> bool:
    """Whether an op on words must, or can, be the accelerator's; the host may look at an input itself."""
    known = target in INSTRUCTIONS or target in SELECTING or target in RULES or target is operator.getitem
    return known or any(is_computed(n) for n in inputs)


def _nodes(args: Any, kwargs: Any) -> list[fx.Node]:
    return [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, fx.Node)]


def _is_size(value: Any) -> bool:
    sizes = torch.SymInt | torch.SymFloat
    return isinstance(value, sizes) or (
        isinstance(value, fx.Node) and isinstance(value.meta.get("val"), sizes)
    )
