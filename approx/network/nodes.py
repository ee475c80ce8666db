"""What is known of one node of a graph: its shape, where in the model it came from, what reaches it."""

from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

SHAPE_ONLY = {
    aten.sym_numel.default,
    aten.sym_size.int,
    aten.zeros_like.default,
    aten.ones_like.default,
    aten.full_like.default,
    aten.empty_like.default,
    aten.new_zeros.default,
    aten.new_ones.default,
    aten.new_full.default,
    aten.new_empty.default,
}
"""Ops that read an argument's shape and none of its values."""


def arguments(node: fx.Node) -> Any:
    """The node's positional arguments: nodes, numbers and lists of them."""
    return node.args


def attribute(module: torch.nn.Module, node: fx.Node) -> Any:
    """What a node that reads an attribute of `module` gives: a parameter, buffer or constant."""
    path, _, leaf = str(node.target).rpartition(".")
    return getattr(module.get_submodule(path), leaf)


def module_path(node: fx.Node | None) -> str:
    """Dotted path of the module whose forward emitted `node`; empty for the model itself."""
    stack = node.meta.get("nn_module_stack") if node is not None else None
    if not stack:
        return ""
    path = str(next(reversed(stack.values()))[0])
    return "" if path.startswith("_") else path.removeprefix("L['self']").lstrip(".")


def source_line(node: fx.Node | None) -> str:
    """The line of the model's source that emitted `node`, with its file; empty if not recorded."""
    trace = (node.meta.get("stack_trace") or "") if node is not None else ""
    lines = [line.strip() for line in trace.strip().splitlines()]
    return f"{lines[-2]}: {lines[-1]}" if len(lines) >= 2 else ""


def label(node: fx.Node) -> str:
    """What people read: the module that the node came from, and its op."""
    op = getattr(node.target, "_opname", node.name)
    return f"{module_path(node)}.{op}".lstrip(".")


def shape(node: fx.Node) -> torch.Size:
    """Shape of the node's value; a free size is a SymInt."""
    size: torch.Size = node.meta["val"].shape
    return size


def example_size(size: Any) -> int:
    """A size as a number: of a free one, that of the example; torch takes nothing for decided by it."""
    if not isinstance(size, torch.SymInt):
        return int(size)
    return int(size.node.expr.xreplace(size.node.shape_env.backed_var_to_val))


def dtype(node: fx.Node) -> torch.dtype:
    """Type of the node's elements."""
    kind: torch.dtype = node.meta["val"].dtype
    return kind


def is_float(value: Any) -> bool:
    """Whether `value`, or any part of it, is a tensor of floating-point numbers, real or complex."""
    parts = value if isinstance(value, tuple | list) else [value]
    tensors = [part for part in parts if isinstance(part, torch.Tensor)]
    return any(t.is_floating_point() or t.is_complex() for t in tensors)


def reads_input(node: fx.Node) -> bool:
    """Whether a value of an input, beyond its shape, reaches the node."""
    if "reads_input" not in node.meta:
        node.meta["reads_input"] = node.op == "placeholder" or (
            node.target not in SHAPE_ONLY and any(reads_input(n) for n in node.all_input_nodes)
        )
    return bool(node.meta["reads_input"])
