"""Legalization: an exported graph becomes instructions and sites.

An op that is an instruction stays; an op with a rule is rewritten; work on integers and masks, and whatever
depends on no input, stays as it is, on the host's side; anything else is refused.
"""

import operator
from typing import Any

import torch
from torch import fx
from torch.fx.node import map_arg

from approx.network.builder import Builder, aten, module_path
from approx.network.export import Exported
from approx.network.instructions import INSTRUCTIONS
from approx.network.rules import RULES

_ASSERTIONS = {
    aten._assert_tensor_metadata.default,
    aten._assert_scalar.default,
    aten._assert_async.msg,
    aten.sym_constrain_range_for_size.default,
}


class UnsupportedOperator(ValueError):
    """An op that no rule turns into matrix operations."""


def legalize(exported: Exported) -> fx.GraphModule:
    """Rewrite the exported graph into instructions and sites.

    Returns:
        A module over the exported graph's parameters, called as the graph was.

    Raises:
        UnsupportedOperator: naming the op, its module and source line, and what would support it.
    """
    source = exported.graph_module
    builder = Builder(source, _fake_mode(source))
    values: dict[fx.Node, Any] = {}
    for node in source.graph.nodes:
        builder.origin = node
        values[node] = _translate(builder, node, values)
    builder.graph.set_codegen(source.graph._codegen)
    legal = fx.GraphModule(source, builder.graph)
    legal.graph.eliminate_dead_code()
    legal.delete_all_unused_submodules()
    legal.recompile()
    return legal


def _fake_mode(source: fx.GraphModule) -> Any:
    for node in source.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and hasattr(value, "fake_mode"):
            return value.fake_mode
    raise ValueError("model = no tensor anywhere: must compute with tensors")


def _translate(b: Builder, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    """The node of the new graph (or nested tuple of nodes) that stands for `node`."""
    if node.op != "call_function":
        return b.graph.node_copy(node, lambda n: values[n])
    if node.target in _ASSERTIONS:
        return None
    args, kwargs = _mapped(node, values)
    target = _functional(node.target)
    result = _rewrite(b, node, target, args, kwargs)
    if target is not node.target:
        values[node.all_input_nodes[0]] = result  # later readers of a tensor changed in place see the change
    return result


def _mapped(node: fx.Node, values: dict[fx.Node, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The node's arguments with nodes of the new graph in them."""
    args: Any
    kwargs: Any
    args, kwargs = map_arg((node.args, node.kwargs), lambda n: values[n])
    return args, kwargs


def _rewrite(b: Builder, node: fx.Node, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if on_host(node) or target in INSTRUCTIONS or target is operator.getitem:
        return b.op(target, *args, **kwargs)
    if target in RULES:
        return RULES[target](b, *args, **kwargs)
    raise UnsupportedOperator(_refusal(node))


def _functional(target: Any) -> Any:
    """The op that computes what an in-place op stores."""
    name = getattr(target, "_opname", "")
    if not name.endswith("_") or name.endswith("__"):
        return target
    packet = getattr(aten, name[:-1], None)
    return getattr(packet, target._overloadname, target) if packet is not None else target


def on_host(node: fx.Node) -> bool:
    """Whether the node is integer or mask work, or the same for every input."""
    values = _leaves(node.meta.get("val"))
    if not any(isinstance(v, torch.Tensor) and v.is_floating_point() for v in values):
        return True
    return not _reads_input(node)


def _leaves(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _reads_input(node: fx.Node) -> bool:
    """Whether a float value of an input, or one looked up by an input, reaches the node."""
    if "reads_input" not in node.meta:
        node.meta["reads_input"] = node.op == "placeholder" or any(
            _reads_input(n) for n in node.all_input_nodes if n.target is not aten.sym_size.int
        )
    return bool(node.meta["reads_input"])


def _refusal(node: fx.Node) -> str:
    lines = [line.strip() for line in (node.meta.get("stack_trace") or "").strip().splitlines()]
    where = f" ({lines[-2]}: {lines[-1]})" if len(lines) >= 2 else ""
    path = module_path(node) or "the model itself"
    return (
        f"op {node.target} at {path}{where}: no rule turns it into matrix operations; a function in "
        f"approx/network/rules under @rule(torch.ops.{node.target}) that emits instructions and sites "
        "would support it"
    )
