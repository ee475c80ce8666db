"""The host's side: integers and masks, and whatever is the same for every input.

The host prepares what the accelerator reads. What the accelerator computes it may only report: a comparison
of computed values inside the network, and all that is made of its result, is the accelerator's (`choices`).
"""

from typing import Any

from torch import fx

from approx.network.instructions import INSTRUCTIONS, Kind
from approx.network.nodes import SHAPE_ONLY, aten, is_float, reads_input

CONVERSIONS = {
    aten.to.dtype,
    aten.to.device,
    aten.to.dtype_layout,
    aten.to.other,
    aten._to_copy.default,
    aten.type_as.default,
}
_SELECTIONS = {
    aten.where.self,
    aten.where.Scalar,
    aten.where.ScalarOther,
    aten.where.ScalarSelf,
    aten.masked_fill.Scalar,
    aten.masked_fill.Tensor,
    aten.expand.default,
    aten.unsqueeze.default,
    aten.slice.Tensor,
    aten.select.int,
    aten.view.default,
    aten.reshape.default,
    aten.clone.default,
    aten.contiguous.default,
}


def runs_on_host(target: Any, value: Any, inputs: list[fx.Node]) -> bool:
    """Whether an op is the host's: it gives integers or masks, reads no input, or makes a mask's addend.

    Args:
        target: the op.
        value: what it gives (a fake tensor, or several).
        inputs: the nodes that it reads.
    """
    if not is_float(value) or target in SHAPE_ONLY or not any(reads_input(n) for n in inputs):
        return True
    return (target in CONVERSIONS or target in _SELECTIONS) and all(_is_mask_work(n) for n in inputs)


def on_host(node: fx.Node) -> bool:
    """Whether a node of a legalized graph is the host's work."""
    if "on_host" not in node.meta:
        inputs = node.all_input_nodes
        prepared = runs_on_host(node.target, node.meta.get("val"), inputs) and not is_choice(
            node.target, inputs
        )
        node.meta["on_host"] = not reads_input(node) or prepared
    return bool(node.meta["on_host"])


def is_choice(target: Any, inputs: list[fx.Node]) -> bool:
    """Whether the integers or the mask that an op gives are made of words, beyond their shapes."""
    return target not in SHAPE_ONLY and any(is_computed(n) or _is_data(n) or _is_word(n) for n in inputs)


def _is_data(node: fx.Node) -> bool:
    """Whether a node holds words of a float input."""
    return is_float(node.meta.get("val")) and reads_input(node) and holds_data(node)


def _is_word(node: fx.Node) -> bool:
    """Whether a node holds floats that the accelerator made of masks: 1 - mask, or the degrees of a graph."""
    return (
        node.op in ("call_function", "call_module") and is_float(node.meta.get("val")) and not on_host(node)
    )


def _is_mask_work(node: fx.Node) -> bool:
    if node.op == "placeholder":
        return not is_float(node.meta.get("val"))
    return node.op != "call_module" and on_host(node)


def is_computed(node: fx.Node) -> bool:
    """Whether the node's numbers come out of the accelerator's arithmetic on data or weights.

    What is computed from masks alone ((1 - mask) * -1e4) is known to the host as well.
    """
    if "is_computed" not in node.meta:
        inputs = node.all_input_nodes
        node.meta["is_computed"] = node.target not in SHAPE_ONLY and (
            any(is_computed(n) for n in inputs)
            or (not is_float(node.meta.get("val")) and any(_is_word(n) for n in inputs))
            or (_is_arithmetic(node) and reads_input(node) and any(holds_data(n) for n in inputs))
        )
    return bool(node.meta["is_computed"])


def _is_arithmetic(node: fx.Node) -> bool:
    if node.op == "call_module":
        return True
    registered = INSTRUCTIONS.get(node.target)
    return registered is not None and registered.kind is not Kind.MOVE


def holds_data(node: fx.Node) -> bool:
    """Whether a float input or a weight reaches the node."""
    if "holds_data" not in node.meta:
        is_data = is_float(node.meta.get("val")) and (node.op == "placeholder" or "is_parameter" in node.meta)
        below = [] if node.target in SHAPE_ONLY else node.all_input_nodes
        node.meta["holds_data"] = is_data or any(holds_data(n) for n in below)
    return bool(node.meta["holds_data"])


def only_reported(node: fx.Node) -> bool:
    """Whether nothing but integers and masks, and in the end the output, is made of `node` of the source."""
    return all(
        user.op == "output" or (not is_float(user.meta.get("val")) and only_reported(user))
        for user in node.users
    )
