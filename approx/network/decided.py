"""What becomes of a model's decisions in its program: results that every call compares, or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import fx

from approx.machine.decisions import Decision
from approx.network.builder import UnsupportedOperator
from approx.network.host import holds_data
from approx.network.nodes import attribute, reads_input
from approx.network.refused import DECIDES


def decided(
    program: fx.GraphModule, decisions: Sequence[Decision], written: int
) -> Mapping[fx.Node, Decision]:
    """The decisions that inputs can change, by the result that says what is decided; others are no results.

    Args:
        program: its results, the values of `decisions`, and what it writes are put out; it is changed.
        decisions: those of the example.
        written: how many values it writes.

    Raises:
        UnsupportedOperator: words or weights decide.
    """
    if not decisions:
        return {}
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    results: list[Any] = list(output.args[0])
    start = len(results) - written - len(decisions)
    found = dict[fx.Node, Decision]()
    for node, decision in zip(results[start : start + len(decisions)], decisions, strict=True):
        if not reads_input(node):
            continue
        if holds_data(node):
            raise UnsupportedOperator(f"model at {decision.place}: {DECIDES}")
        found[node] = decision
    rest = results[start + len(decisions) :]
    output.args = ((*results[:start], *found, *rest),)
    program.graph.eliminate_dead_code()
    program.recompile()
    return found


@torch.no_grad()
def values_of(
    program: fx.GraphModule, nodes: Sequence[fx.Node], inputs: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """What some nodes of a program give for some inputs; only what they read is computed."""
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    values: dict[fx.Node, Any] = dict(zip(placeholders, inputs, strict=True))

    def value(node: fx.Node) -> Any:
        if node not in values:
            if node.op == "get_attr":
                return attribute(program, node)
            args, kwargs = fx.map_arg((node.args, node.kwargs), value)
            values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return values[node]

    return [value(node) for node in nodes]
