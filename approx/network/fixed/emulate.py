"""Emulation: a program in torch that gives the numbers which fixed-point hardware gives, bit for bit.

Values stay numbers: a word's value n 2^-f is a float32, exactly. Sums and products of words are exact too,
in float32 where 24 bits hold them and else in float64, so that every instruction is torch's own followed by
one rounding. Gradients pass straight through the roundings. Where none are wanted, `native` does the same in
one pass a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.fixed.channels import Channels
from approx.network.fixed.fuse import fuse
from approx.network.fixed.plan import Constant, Narrow, Plan, Step
from approx.network.fixed.rules import ACCUMULATING, BOUNDED, HADAMARD, POOLS, PRODUCTS, SUMS
from approx.network.fixed.steps import (
    Accumulation,
    Constants,
    FixedHadamard,
    FixedLayer,
    FixedSite,
    FixedSum,
    Narrowed,
    Rounded,
    Rounding,
    Spread,
    kind_of,
)
from approx.network.fixed.words import Word
from approx.network.nodes import arguments, aten, attribute, is_float, label, shape


def emulation(
    program: fx.GraphModule,
    plan: Plan,
    bits_of: Callable[[str], int],
    rounded: Mapping[str, Tensor],
    *,
    fused: bool = True,
) -> fx.GraphModule:
    """A copy of the program, over the same parameters and sites, that computes as the plan says.

    Args:
        program: the program.
        plan: how it computes.
        bits_of: width of the table of a site, by the site's name.
        rounded: integers that calibration chose for layers' weights, by the layer's node.
        fused: make softmaxes and sums of products one step.
    """
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    graph.output(graph.graph_copy(program.graph, copies))
    module = fx.GraphModule(program, graph)
    copied = {old: _in(module, new.name) for old, new in copies.items()}
    writer = _Writer(program, module, plan, bits_of, rounded, copied)
    for node in list(program.graph.nodes):
        if node.name in plan and is_float(node.meta.get("val")):
            writer.write(node)
    words = [node for node in program.graph.nodes if node.name in plan and is_float(node.meta.get("val"))]
    _without_signs_of_zero(module.graph, {copied[node] for node in words})
    if fused:
        fuse(module)
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    return module


def _without_signs_of_zero(graph: fx.Graph, planned: set[fx.Node]) -> None:
    """Let results that a rounding made -0 leave as the integer 0 does."""
    (output,) = (node for node in graph.nodes if node.op == "output")
    for node in planned.intersection(output.all_input_nodes):
        with graph.inserting_before(output):
            unsigned = graph.call_function(torch.add, (node, 0.0))
        output.replace_input_with(node, unsigned)


def _in(module: fx.GraphModule, name: str) -> fx.Node:
    found: fx.Node = next(node for node in module.graph.nodes if node.name == name)
    return found


class _Writer:
    """Puts the steps in the place of the instructions."""

    def __init__(
        self,
        program: fx.GraphModule,
        module: fx.GraphModule,
        plan: Plan,
        bits_of: Callable[[str], int],
        rounded: Mapping[str, Tensor],
        copied: dict[fx.Node, fx.Node],
    ) -> None:
        self.rounded = rounded
        self.program, self.module, self.plan, self.bits_of, self.copied = (
            program,
            module,
            plan,
            bits_of,
            copied,
        )
        self.narrowed: dict[tuple[str, Narrow], fx.Node] = {}

    def write(self, node: fx.Node) -> None:
        """Put the step of `node` in its place, if it is more than the op itself."""
        made: nn.Module
        step, here = self.plan[node.name], self.copied[node]
        given: tuple[Any, ...] = here.args
        if node.op == "placeholder":
            given = (here,)
            made = Rounding(None, step.word)
        elif node.op == "call_module":
            made = self._site(node, step)
        elif step.fraction is not None:
            given, made = self._layer(node, step, here)
        elif node.target in (*SUMS, *POOLS):
            given, made = self._sum(node, step, here)
        elif node.target in HADAMARD:
            given, made = self._hadamard(node, step, here)
        elif node.target in ACCUMULATING:
            made = Accumulation(node.target, step.word)
        elif self._keeps_word(node, step):
            return
        else:
            given, made = self._bounded(step, here), Rounding(node.target, step.word)
        self._replace(node, here, made, given)

    @staticmethod
    def _bounded(step: Step, here: fx.Node) -> tuple[Any, ...]:
        """The arguments, numbers among them rounded to words of their own where they have such."""
        numbers = {
            i: Constants(operand, torch.float64, values=True, kept=False)(here.args[i]).item()
            for i, operand in step.operands.items()
            if isinstance(operand, Constant)
        }
        return tuple(numbers.get(i, argument) for i, argument in enumerate(here.args))

    def _keeps_word(self, node: fx.Node, step: Step) -> bool:
        """Whether all that the op chooses or moves has the result's word already."""
        inputs = [n for n in node.all_input_nodes if is_float(n.meta.get("val"))]
        numbers = node.target in BOUNDED
        return not numbers and all(
            n.name in self.plan and self.plan[n.name].word == step.word for n in inputs
        )

    def _replace(self, node: fx.Node, here: fx.Node, made: nn.Module, given: tuple[Any, ...]) -> None:
        kwargs = {} if node.op == "placeholder" else here.kwargs
        with self.module.graph.inserting_after(here):
            call = self._call(f"fixed.{node.name}", made, given, kwargs)
        here.replace_all_uses_with(call, delete_user_cb=lambda user: user is not call)
        self.copied[node] = call
        if node.op != "placeholder":
            self.module.graph.erase_node(here)

    def _call(self, target: str, made: nn.Module, args: tuple[Any, ...], kwargs: Any = None) -> fx.Node:
        self.module.add_submodule(target, made)
        return self.module.graph.call_module(target, args, kwargs)

    def _site(self, node: fx.Node, step: Step) -> nn.Module:
        site: Any = self.program.get_submodule(str(node.target))
        return FixedSite(site, self.bits_of(site.name), self.plan[arguments(node)[0].name].word, step.word)

    def _sum(self, node: fx.Node, step: Step, here: fx.Node) -> tuple[tuple[Any, ...], nn.Module]:
        """A sum; numbers that the host knows become words first."""
        operand: Any = step.operands.get(0)
        if operand is None:
            return here.args, FixedSum(node.target, step, self.plan[arguments(node)[0].name].word)
        with self.module.graph.inserting_before(here):
            numbers = Constants(operand, kind_of(step), values=True, kept=False)
            words = self._call(f"operands.{node.name}.argument0", numbers, (here.args[0],))
        return (words, *here.args[1:]), FixedSum(node.target, step, Word(operand.bits, operand.fraction))

    def _layer(self, node: fx.Node, step: Step, here: fx.Node) -> tuple[tuple[Any, ...], nn.Module]:
        axes = (
            len(shape(arguments(node)[1])) - 2 if node.target not in (*PRODUCTS, aten.linear.default) else 0
        )
        given = list(here.args)
        for position in (0, 1):
            given[position] = self._operand(node, step, here, position)
        if 2 in step.operands:
            start: Any = step.operands[2]
            kept = _is_attribute(arguments(node)[2])
            bias = Constants(start, torch.float64, values=False, kept=kept)
            with self.module.graph.inserting_before(here):
                given[2] = self._call(f"operands.{node.name}.bias", bias, (here.args[2],))
        bits = self._bits(node, step, 0), self._bits(node, step, 1)
        units = self._units(node, step, 0), self._units(node, step, 1)
        return tuple(given), FixedLayer(node.target, step, axes, bits, units)

    def _units(self, node: fx.Node, step: Step, position: int) -> float:
        """What 1 in an operand is in its integers: words go in as their values, all else as integers."""
        return 1.0 if position in step.operands else 1 / self.plan[arguments(node)[position].name].word.step

    def _bits(self, node: fx.Node, step: Step, position: int) -> int:
        """Bits of the integers that an operand goes in as."""
        operand = step.operands.get(position)
        return self.plan[arguments(node)[position].name].word.bits if operand is None else operand.bits

    def _operand(self, node: fx.Node, step: Step, here: fx.Node, position: int) -> Any:
        source, operand = arguments(node)[position], step.operands.get(position)
        with self.module.graph.inserting_before(here):
            if isinstance(operand, Constant):
                kept = _is_attribute(source)
                spread = self._spread(node, position)
                integers = Constants(operand, torch.float32, values=False, kept=kept, spread=spread)
                target = f"operands.{node.name}.argument{position}"
                made = (
                    self._rounded(node, operand) if position == 1 and node.name in self.rounded else integers
                )
                return self._call(target, made, (here.args[position],))
            if not isinstance(operand, Narrow):
                return here.args[position]
            key = source.name, operand
            if key not in self.narrowed:
                narrowed = Narrowed(self.plan[source.name].word, operand)
                target = f"narrowed.{source.name}.for{len(self.narrowed)}"
                self.narrowed[key] = self._call(target, narrowed, (here.args[position],))
            return self.narrowed[key]

    def _rounded(self, node: fx.Node, operand: Constant) -> nn.Module:
        limit = 2 ** (operand.bits - 1) - 1
        weights = attribute(self.program, arguments(node)[1])
        integers = self.rounded[node.name].clamp(-limit, limit)
        return Rounded(integers.to(weights.device), weights, label(node))

    @staticmethod
    def _spread(node: fx.Node, position: int) -> Spread | None:
        """How weights' channels lie; None of what is no layer's weights."""
        if position == 0 or node.target in PRODUCTS:
            return None
        size = tuple(int(n) for n in shape(arguments(node)[position]))
        return lambda values: Channels.of(node).spread(values, size)

    def _hadamard(self, node: fx.Node, step: Step, here: fx.Node) -> tuple[tuple[Any, ...], nn.Module]:
        given = list(here.args[:2])
        for position, operand in step.operands.items():
            if isinstance(operand, Narrow):
                word = self.plan[arguments(node)[position].name].word
                shorter = Rounding(None, Word(word.bits, word.fraction - operand.shift))
                with self.module.graph.inserting_before(here):
                    name = f"operands.{node.name}.argument{position}"
                    given[position] = self._call(name, shorter, (given[position],))
                continue
            kept = _is_attribute(arguments(node)[position])
            made = Constants(operand, torch.float32, values=True, kept=kept)
            if not isinstance(given[position], fx.Node):
                given[position] = made(given[position]).item()
                continue
            with self.module.graph.inserting_before(here):
                given[position] = self._call(
                    f"operands.{node.name}.argument{position}", made, (given[position],)
                )
        return tuple(given), FixedHadamard(node.target, step)


def _is_attribute(value: Any) -> bool:
    return isinstance(value, fx.Node) and value.op == "get_attr"
