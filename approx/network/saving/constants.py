"""Constants that the machine could not compute are computed when a program is saved."""

from typing import Any

import torch
from torch import fx, nn

from approx.network.saving.arguments import knows

HOME = "constants"
"""The submodule that holds them."""


def with_known_ops(program: fx.GraphModule) -> fx.GraphModule:
    """Return a program in which the machine knows every op that depends on no input.

    Those that it does not know are replaced by what they give: an identity matrix, positions in an order that
    only torch makes, a norm of weights. What the program shares with the copy, its parameters, stays shared.
    """
    values = _Values(program)
    unknown = [node for node in program.graph.nodes if _is_unknown(node) and values.is_constant(node)]
    if not unknown:
        return program
    graph = fx.Graph()
    graph.output(graph.graph_copy(program.graph, {}))
    copy = fx.GraphModule(program, graph)
    if HOME not in dict(copy.named_children()):  # a rule's constants may live there too
        copy.add_submodule(HOME, nn.Module())
    named = {node.name: node for node in copy.graph.nodes}
    for node in unknown:
        if isinstance(node.meta.get("val"), torch.Tensor):
            _replace(copy, named[node.name], values.of(node))
    copy.graph.eliminate_dead_code()
    copy.recompile()
    return copy


def _is_unknown(node: fx.Node) -> bool:
    """Whether a call is one that the machine does not know, or reads from one that gives several tensors."""
    if node.op != "call_function":
        return False
    from_several = [n for n in node.all_input_nodes if not isinstance(n.meta.get("val"), torch.Tensor)]
    return not knows(node.target) or any(_is_unknown(n) for n in from_several)


def _replace(module: fx.GraphModule, node: fx.Node, value: torch.Tensor) -> None:
    name = node.name
    module.get_submodule(HOME).register_buffer(name, value.detach())
    with module.graph.inserting_before(node):
        constant = module.graph.get_attr(f"{HOME}.{name}")
    constant.meta = dict(node.meta)
    node.replace_all_uses_with(constant)
    module.graph.erase_node(node)


class _Values:
    """The values of nodes that depend on no input."""

    def __init__(self, program: fx.GraphModule) -> None:
        self._program = program
        self._found: dict[fx.Node, Any] = {}

    def is_constant(self, node: fx.Node) -> bool:
        """Whether neither the values nor the sizes of inputs reach the node."""
        if node.op == "call_function":
            return all(self.is_constant(each) for each in node.all_input_nodes)
        return node.op == "get_attr"

    @torch.no_grad()
    def of(self, node: fx.Node) -> Any:
        """What the node gives."""
        if node not in self._found:
            if node.op == "get_attr":
                self._found[node] = _attribute(self._program, str(node.target))
            else:
                args, kwargs = fx.map_arg((node.args, node.kwargs), self.of)
                self._found[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return self._found[node]


def _attribute(module: nn.Module, path: str) -> Any:
    parent, _, leaf = path.rpartition(".")
    return getattr(module.get_submodule(parent), leaf)
