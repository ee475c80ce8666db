"""Emulation: a program in torch that gives the numbers which fixed-point hardware gives, bit for bit.

Values stay numbers: a word's value n 2^-f is a float32, exactly. Sums and products of words are exact too,
in float32 where 24 bits hold them and else in float64, so that every instruction is torch's own followed by
one rounding. Gradients pass straight through the roundings. Where none are wanted, `native` does the same in
one pass a step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from approx.network.fixed import native
from approx.network.fixed.plan import Constant, Narrow, Plan, Step
from approx.network.fixed.rules import BOUNDED, HADAMARD, POOLS, PRODUCTS, SUMS, terms_of_window
from approx.network.fixed.table import site_values
from approx.network.fixed.words import Word, rounded, to_word
from approx.network.nodes import arguments, aten, is_float, shape
from approx.network.site import SiteModule

_EXACT = 2.0**24
"""float32 holds every integer up to this."""


class Integers(nn.Module):
    """An activation's integers, narrowed if the matrix product that reads them has fewer bits."""

    def __init__(self, word: Word, narrow: Narrow | None) -> None:
        super().__init__()
        self.limit = None if narrow is None else 2 ** (narrow.bits - 1) - 1
        self.factor = 2.0**word.fraction
        if narrow is not None:
            self.factor *= narrow.multiplier * 2.0**-narrow.shift

    def forward(self, x: Tensor) -> Tensor:
        """Of a word's values, in float32."""
        return x * self.factor if self.limit is None else rounded(x, self.factor, self.limit)


class Constants(nn.Module):
    """Numbers that are no planned values, as integers or values of their word.

    Args:
        operand: their word.
        kind: the type to give them in.
        values: give the words' values instead of the integers.
        kept: they are always the same tensor, so that they are rounded once.
        axes: axes behind the output channels.
    """

    factor: Tensor
    step: Tensor

    def __init__(
        self, operand: Constant, kind: torch.dtype, *, values: bool, kept: bool, axes: int = 0
    ) -> None:
        super().__init__()
        self.limit, self.kind, self.kept = 2 ** (operand.bits - 1) - 1, kind, kept
        factor = 2.0 ** _a_channel(operand.fraction, axes) / operand.divisor
        self.register_buffer("factor", factor, persistent=False)
        self.register_buffer("step", 1.0 / factor if values else torch.ones_like(factor), persistent=False)
        self._last: tuple[Any, Tensor] | None = None

    def forward(self, x: Any) -> Tensor:
        """Of any shape."""
        x = x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64, device=self.factor.device)
        if not self.kept or (torch.is_grad_enabled() and x.requires_grad):
            return self._rounded(x)
        key = x.data_ptr(), x._version
        if self._last is None or self._last[0] != key:
            self._last = key, self._rounded(x.detach())
        return self._last[1]

    def _rounded(self, x: Tensor) -> Tensor:
        return rounded(x.double(), self.factor, self.limit, self.step).to(self.kind)


def _a_channel(fraction: Any, axes: int) -> Tensor:
    """Fractions in float64, shaped to broadcast over the axes behind the output channels."""
    digits = torch.tensor(fraction, dtype=torch.float64)
    return digits.reshape([-1] + [1] * axes) if digits.dim() else digits


class FixedLayer(nn.Module):
    """A matrix product of integers, exact, and rounded to the result's word.

    Args:
        target: the op.
        step: how it computes.
        axes: axes behind the output channels.
        bits: widths of the two operands.
    """

    factor: Tensor

    def __init__(self, target: Any, step: Step, axes: int, bits: tuple[int, int]) -> None:
        super().__init__()
        self.target, self.word, self.kind = target, step.word, kind_of(step)
        self._range = native.Range(*(2 ** (b - 1) - 1 for b in bits))
        self._weights: tuple[Tensor, native.Packed | None] | None = None
        factor = 2.0 ** (step.word.fraction - _a_channel(step.fraction, axes))
        self.register_buffer("factor", factor, persistent=False)

    def forward(self, a: Tensor, b: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
        """Operands as integers; a bias as integers of the accumulators."""
        served = self._natively(a, b, bias, *rest)
        if served is not None:
            return served
        given = () if bias is None and not rest else (None if bias is None else bias.to(self.kind), *rest)
        sums = self.target(a.to(self.kind), b.to(self.kind), *given)
        return rounded(sums, self.factor.to(self.kind), self.word.limit, self.word.step).float()

    def _natively(self, a: Tensor, b: Tensor, bias: Tensor | None, *rest: Any) -> Tensor | None:
        """The result in one pass; None where it needs torch."""
        graded = bias is not None and bias.requires_grad and torch.is_grad_enabled()
        if not native.MULTIPLIES or graded or not native.handles(a, b):
            return None
        if self.target in PRODUCTS:
            cut = self._range.cut(a.shape[-1])
            batched = a.dim() > 1 and b.dim() > 1
            return native.product(a, b, cut, self._epilogue(bias, b.shape[-1])) if cut and batched else None
        weights, windows = self._packed(b), self._windows(a, b, *rest)
        cut = None if weights is None else self._range.cut(weights.sizes[0])
        if weights is None or cut is None or (windows is None and self.target is not aten.linear.default):
            return None
        epilogue = self._epilogue(bias, weights.sizes[1])
        if windows is None:
            return native.product(a, weights, cut, epilogue)
        return native.convolution(a, weights, windows, cut, epilogue)

    def _packed(self, b: Tensor) -> native.Packed | None:
        """Weights as the native product takes them; None if training diverged and left them NaN."""
        if self._weights is None or self._weights[0] is not b:
            pack = native.weights_of_windows if b.dim() == 4 else lambda w: native.Packed(w.T)
            self._weights = b, pack(b) if bool(b.isfinite().all()) else None
        return self._weights[1]

    def _windows(self, x: Tensor, weight: Tensor, *rest: Any) -> native.Windows | None:
        """The windows of a convolution over two axes without groups; None of anything else."""
        defaults: tuple[Any, ...] = ((1, 1), (0, 0), (1, 1), 1)
        stride, padding, dilation, groups = (*rest, *defaults[len(rest) :])
        if self.target is not aten.conv2d.default or groups != 1 or x.dim() != 4:
            return None
        pairs = [(int(n[0]), int(n[-1])) for n in (weight.shape[2:], stride, padding, dilation)]
        return native.Windows(*pairs)

    def _epilogue(self, bias: Tensor | None, channels: int) -> native.Epilogue:
        factor = self.factor.flatten().expand(channels).contiguous()
        bias = None if bias is None else bias.double().contiguous()
        return native.Epilogue(bias, factor, self.word.limit, self.word.step)


class FixedSum(nn.Module):
    """A sum of words, times 1/n for a mean, rounded."""

    def __init__(self, target: Any, step: Step, source: Word) -> None:
        super().__init__()
        self.target, self.word, self.kind = target, step.word, kind_of(step)
        self.units = 2.0**source.fraction
        self.factor = step.multiplier * 2.0 ** (step.word.fraction - step.shift)

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Of words' values."""
        sums = (self._windows if self.target in POOLS else self._sums)(x, *args, **kwargs)
        return rounded(sums.double(), self.factor, self.word.limit, self.word.step).float()

    def _sums(self, x: Tensor, dims: Any = None, keepdim: bool = False, **_: Any) -> Tensor:
        return torch.sum(x.to(self.kind), dims or list(range(x.dim())), keepdim)

    def _windows(self, x: Tensor, window: Any, *args: Any, **kwargs: Any) -> Tensor:
        """The mean is n times less than the sum and off by a rounding, which leaves it nearest to the sum."""
        n = terms_of_window(self.target, window)
        units: Tensor = (self.target(x.double() * self.units, window, *args, **kwargs) * n).round()
        return units / self.units


class FixedHadamard(nn.Module):
    """A product or sum of two words, exact, and rounded to the result's word, or left as it is."""

    def __init__(self, target: Any, step: Step) -> None:
        super().__init__()
        self.target, self.word, self.kind = target, step.word, kind_of(step)
        self.rounds = step.rounds

    def forward(self, a: Any, b: Any) -> Tensor:
        """Of words' values."""
        if self.rounds and isinstance(a, Tensor) and isinstance(b, Tensor) and native.handles(a, b):
            word = self.word
            return native.hadamard(self.target, a, b, 2.0**word.fraction, word.limit, word.step)
        result: Tensor = self.target(*(x.to(self.kind) if isinstance(x, Tensor) else x for x in (a, b)))
        return to_word(result, self.word) if self.rounds else result


class Rounding(nn.Module):
    """An instruction whose result needs rounding to a word: a move of several, a bound, an input."""

    def __init__(self, target: Any, word: Word) -> None:
        super().__init__()
        self.target, self.word = target, word

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The op's result in the word's values."""
        result = self.target(*args, **kwargs) if self.target is not None else args[0]
        return to_word(result, self.word)


class FixedSite(nn.Module):
    """A site as its integers: one entry for each that its input can be."""

    def __init__(self, site: SiteModule, bits: int, x: Word, y: Word) -> None:
        super().__init__()
        self.site, self.bits, self.x, self.y = site, bits, x, y
        self._last: tuple[Any, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The table's value at every word; gradients are those of the table before it was rounded."""
        graded = torch.is_grad_enabled() and (x.requires_grad or self.site.values is not None)
        if not graded and native.handles(x):
            return native.lookup(x, self._entries(x.device), 2.0**self.x.fraction, self.x.limit)
        index = (x.detach() * 2.0**self.x.fraction + self.x.limit).to(torch.int32)
        served = torch.index_select(self._entries(x.device), 0, index.flatten()).view(x.shape)
        if not graded:
            return served
        smooth: Tensor = self.site(x)
        return smooth + (served - smooth).detach()

    def _entries(self, device: torch.device) -> Tensor:
        values = self.site.values
        key = (id(self.site.table), None if values is None else values._version, device)
        if self._last is None or self._last[0] != key:
            entries = site_values(self.site, self.bits, self.x, self.y)
            self._last = key, torch.tensor(entries * self.y.step, dtype=torch.float32, device=device)
        return self._last[1]


def kind_of(step: Step) -> torch.dtype:
    """The type that holds a step's exact results."""
    return torch.float32 if step.largest <= _EXACT else torch.float64


def emulation(program: fx.GraphModule, plan: Plan, bits_of: Callable[[str], int]) -> fx.GraphModule:
    """A copy of the program, over the same parameters and sites, that computes as the plan says.

    Args:
        program: the program.
        plan: how it computes.
        bits_of: width of the table of a site, by the site's name.
    """
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    graph.output(graph.graph_copy(program.graph, copies))
    graph.set_codegen(program.graph._codegen)
    module = fx.GraphModule(program, graph)
    copied = {old: _in(module, new.name) for old, new in copies.items()}
    writer = _Writer(program, module, plan, bits_of, copied)
    for node in list(program.graph.nodes):
        if node.name in plan:
            writer.write(node)
    _without_signs_of_zero(module.graph, {copied[node] for node in program.graph.nodes if node.name in plan})
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
        copied: dict[fx.Node, fx.Node],
    ) -> None:
        self.program, self.module, self.plan, self.bits_of, self.copied = (
            program,
            module,
            plan,
            bits_of,
            copied,
        )
        self.integers: dict[tuple[str, Narrow | None], fx.Node] = {}

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
        elif self._keeps_word(node, step):
            return
        else:
            made = Rounding(node.target, step.word)
        self._replace(node, here, made, given)

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
        return tuple(given), FixedLayer(node.target, step, axes, bits)

    def _bits(self, node: fx.Node, step: Step, position: int) -> int:
        """Bits of the integers that an operand goes in as."""
        operand = step.operands.get(position)
        return self.plan[arguments(node)[position].name].word.bits if operand is None else operand.bits

    def _operand(self, node: fx.Node, step: Step, here: fx.Node, position: int) -> fx.Node:
        source, operand = arguments(node)[position], step.operands.get(position)
        with self.module.graph.inserting_before(here):
            if isinstance(operand, Constant):
                behind = len(shape(source)) - 1
                kept = _is_attribute(source)
                integers = Constants(operand, torch.float32, values=False, kept=kept, axes=behind)
                target = f"operands.{node.name}.argument{position}"
                return self._call(target, integers, (here.args[position],))
            key = source.name, operand
            if key not in self.integers:
                made = Integers(self.plan[source.name].word, operand)
                target = f"integers.{source.name}.for{len(self.integers)}"
                self.integers[key] = self._call(target, made, (here.args[position],))
            return self.integers[key]

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
