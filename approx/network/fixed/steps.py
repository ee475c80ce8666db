"""Steps: the modules that an emulated program is made of, one for each kind of instruction.

Each computes exactly and rounds its result once; without gradients by `native`, in one pass, else by torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from approx.machine.integer import reciprocal
from approx.network.fixed import native
from approx.network.fixed.plan import Constant, Narrow, Step
from approx.network.fixed.rules import POOLS, PRODUCTS, terms_of_window
from approx.network.fixed.table import site_values
from approx.network.fixed.windows import Filters, Windows, convolution, windows_of
from approx.network.fixed.words import Word, rounded, to_word
from approx.network.nodes import aten
from approx.network.site import SiteModule

Spread = Callable[[Tensor], Tensor]
_EXACT = 2.0**24
"""float32 holds every integer up to this."""


class Narrowed(nn.Module):
    """An activation's integers, narrowed for a matrix product that reads fewer bits than are stored."""

    def __init__(self, word: Word, narrow: Narrow) -> None:
        super().__init__()
        self.limit = 2 ** (narrow.bits - 1) - 1
        self.factor = narrow.multiplier * 2.0 ** (word.fraction - narrow.shift)

    def forward(self, x: Tensor) -> Tensor:
        """Of a word's values, in float32."""
        return rounded(x, self.factor, self.limit)


class Constants(nn.Module):
    """Numbers that are no planned values, as integers or values of their word.

    Args:
        operand: their word.
        kind: the type to give them in.
        values: give the words' values instead of the integers.
        kept: they are always the same tensor, so that they are rounded once.
        spread: shapes what each output channel has of its own to the numbers.
    """

    factor: Tensor
    step: Tensor

    def __init__(
        self, operand: Constant, kind: torch.dtype, *, values: bool, kept: bool, spread: Spread | None = None
    ) -> None:
        super().__init__()
        self.limit, self.kind, self.kept = 2 ** (operand.bits - 1) - 1, kind, kept
        factor = 2.0 ** torch.tensor(operand.fraction, dtype=torch.float64) / operand.divisor
        factor = spread(factor) if spread is not None and factor.dim() else factor
        self.register_buffer("factor", factor, persistent=False)
        self.register_buffer("step", 1.0 / factor if values else torch.ones_like(factor), persistent=False)
        self._last: tuple[Any, Tensor] | None = None

    def forward(self, x: Any) -> Tensor:
        """Of any shape."""
        x = x if isinstance(x, Tensor) else torch.tensor(x, dtype=torch.float64, device=self.factor.device)
        if not self.kept or (torch.is_grad_enabled() and x.requires_grad):
            return self._rounded(x)
        key = x.data_ptr(), 0 if x.is_inference() else x._version
        if self._last is None or self._last[0] != key:
            self._last = key, self._rounded(x.detach())
        return self._last[1]

    def _rounded(self, x: Tensor) -> Tensor:
        return rounded(x.double(), self.factor, self.limit, self.step).to(self.kind)


class Rounded(nn.Module):
    """A layer's weights as integers that calibration chose.

    Raises:
        ValueError: when called with weights that have changed since.
    """

    integers: Tensor

    def __init__(self, integers: Tensor, weights: Tensor, layer: str) -> None:
        super().__init__()
        self.layer, self._version = layer, weights._version
        self.register_buffer("integers", integers.float(), persistent=False)

    def forward(self, weights: Tensor) -> Tensor:
        """The integers, in float32."""
        if not weights.is_inference() and weights._version > self._version:
            raise ValueError(
                f"rounding = 'calibrated': the weights of {self.layer} have changed since they were rounded: "
                "call set_numerics again"
            )
        return self.integers


class FixedLayer(nn.Module):
    """A matrix product of integers, exact, and rounded to the result's word.

    Args:
        target: the op.
        step: how it computes.
        axes: axes behind the output channels.
        bits: widths of the two operands.
        units: what 1 in each operand is in its integers: 1 where they are integers already.
    """

    factor: Tensor

    def __init__(
        self, target: Any, step: Step, axes: int, bits: tuple[int, int], units: native.Units
    ) -> None:
        super().__init__()
        self.target, self.word, self.kind = target, step.word, kind_of(step)
        self.units, self._largest = units, step.largest
        self._range = native.Range(*(2 ** (b - 1) - 1 for b in bits))
        self._weights: tuple[Tensor, native.Packed | Filters | None] | None = None
        digits = step.word.fraction - torch.tensor(step.fraction, dtype=torch.float64)
        factor = 2.0 ** (digits.reshape([-1] + [1] * axes) if digits.dim() else digits)
        self.register_buffer("factor", factor, persistent=False)

    def forward(self, a: Tensor, b: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
        """Operands as integers or values; a bias as integers of the accumulators."""
        served = self._natively(a, b, bias, *rest)
        if served is not None:
            return served
        given = () if bias is None and not rest else (None if bias is None else bias.to(self.kind), *rest)
        left, right = (x.to(self.kind) * units for x, units in zip((a, b), self.units, strict=True))
        sums = self.target(left, right, *given)
        return rounded(sums, self.factor.to(self.kind), self.word.limit, self.word.step).float()

    def _natively(self, a: Tensor, b: Tensor, bias: Tensor | None, *rest: Any) -> Tensor | None:
        """The result in one pass; None where it needs torch."""
        graded = bias is not None and bias.requires_grad and torch.is_grad_enabled()
        if not native.MULTIPLIES or graded or not native.handles(a, b):
            return None
        if self.target in PRODUCTS:
            return self._product(a, b)
        if self.target is aten.linear.default:
            return self._linear(a, b, bias)
        windows = None if a.dim() != b.dim() else windows_of(self.target, b, rest)
        return None if windows is None else self._convolution(a, b, bias, windows)

    def _product(self, a: Tensor, b: Tensor) -> Tensor | None:
        cut = self._range.cut(a.shape[-1])
        if cut is None or a.dim() < 2 or b.dim() < 2:
            return None
        return native.product(a, b, cut, self._epilogue(None, b.shape[-1]), self.units)

    def _linear(self, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor | None:
        cut = self._range.cut(b.shape[-1])
        packed = None if cut is None else self._packed(b, lambda w: native.Packed(w.T))
        if cut is None or not isinstance(packed, native.Packed):
            return None
        return native.product(a, packed, cut, self._epilogue(bias, b.shape[0]), self.units)

    def _convolution(self, a: Tensor, b: Tensor, bias: Tensor | None, windows: Windows) -> Tensor | None:
        cut = self._range.cut(b[0].numel())
        packed = None if cut is None else self._packed(b, lambda w: Filters(w, windows.groups))
        if cut is None or not isinstance(packed, Filters):
            return None
        epilogue = self._epilogue(bias, b.shape[0])
        return convolution(a, packed, windows, cut, epilogue, self.units, largest=self._largest)

    def _packed(self, b: Tensor, pack: Callable[[Tensor], native.Packed | Filters]) -> Any:
        """Weights as the native product takes them; None if training diverged and left them NaN."""
        if self._weights is None or self._weights[0] is not b:
            self._weights = b, pack(b * self.units[1]) if bool(b.isfinite().all()) else None
        return self._weights[1]

    def _epilogue(self, bias: Tensor | None, channels: int) -> native.Epilogue:
        factor = self.factor.flatten().expand(channels).contiguous()
        bias = None if bias is None else bias.double().contiguous()
        return native.Epilogue(bias, factor, self.word.limit, self.word.step)


class FixedSum(nn.Module):
    """A sum of words, times 1/n for a mean, rounded."""

    def __init__(self, target: Any, step: Step, source: Word) -> None:
        super().__init__()
        self.target, self.word, self.kind = target, step.word, kind_of(step)
        self.units, self.is_free = 2.0**source.fraction, step.multiplier == 0
        self.factor = step.multiplier * 2.0 ** (step.word.fraction - step.shift)

    @property
    def rounding(self) -> native.Rounding:
        """How the sum is rounded."""
        return self.factor, self.word.limit, self.word.step

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Of words' values."""
        sums = (self._windows if self.target in POOLS else self._sums)(x, *args, **kwargs)
        if not self.is_free:
            return rounded(sums.double(), *self.rounding).float()
        multiplier, shift = reciprocal(max(x.numel(), 1) // max(sums.numel(), 1))
        factor = multiplier * 2.0 ** (self.word.fraction - shift)
        return rounded(sums.double(), factor, *self.rounding[1:]).float()

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
        self._is_float = step.rounds and step.word.limit <= _EXACT

    @property
    def rounding(self) -> native.Rounding | None:
        """How the result is rounded, if it is."""
        return _rounding(self.word) if self.rounds else None

    def forward(self, a: Any, b: Any) -> Tensor:
        """Of words' values; in float64 where float32 does not hold the result."""
        if self._is_float:
            a, b = (x if isinstance(x, Tensor) else torch.tensor(x) for x in (a, b))
            if native.handles(a, b):
                return native.hadamard(self.target, a, b, *_rounding(self.word))
        result: Tensor = self.target(*(x.to(self.kind) if isinstance(x, Tensor) else x for x in (a, b)))
        if self.rounds:
            result = rounded(result, *_rounding(self.word))
        return result.float() if self._is_float else result


class Rounding(nn.Module):
    """An instruction whose result needs rounding to a word: a move of several, a bound, an input."""

    def __init__(self, target: Any, word: Word) -> None:
        super().__init__()
        self.target, self.word = target, word

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The op's result in the word's values."""
        result = self.target(*args, **kwargs) if self.target is not None else args[0]
        return to_word(result, self.word)


class Accumulation(nn.Module):
    """Words added up where indices say: all in the result's word, exact, and saturated."""

    def __init__(self, target: Any, word: Word) -> None:
        super().__init__()
        self.target, self.word = target, word

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The op's result, of floats in its first and fourth argument."""
        floats = [isinstance(x, Tensor) and x.is_floating_point() for x in args]
        words = [
            to_word(x, self.word).double() if is_word else x for x, is_word in zip(args, floats, strict=True)
        ]
        return to_word(self.target(*words, **kwargs), self.word)


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
            table = self.lookup(x.device)
            return native.lookup(x, table.entries, table.factor, table.limit)
        index = (x.detach() * 2.0**self.x.fraction + self.x.limit).to(torch.int32)
        served = torch.index_select(self._entries(x.device), 0, index.flatten()).view(x.shape)
        if not graded:
            return served
        smooth: Tensor = self.site(x)
        return smooth + (served - smooth).detach()

    def lookup(self, device: torch.device) -> native.Lookup:
        """The entries as `native` takes them."""
        return native.Lookup(self._entries(device), 2.0**self.x.fraction, self.x.limit)

    def _entries(self, device: torch.device) -> Tensor:
        values = self.site.values
        key = (id(self.site.table), None if values is None else values._version, device)
        if self._last is None or self._last[0] != key:
            entries = site_values(self.site, self.bits, self.x, self.y)
            self._last = key, torch.tensor(entries * self.y.step, dtype=torch.float32, device=device)
        return self._last[1]


def _rounding(word: Word) -> native.Rounding:
    return 2.0**word.fraction, word.limit, word.step


def kind_of(step: Step) -> torch.dtype:
    """The type that holds a step's exact results."""
    return torch.float32 if step.largest <= _EXACT else torch.float64
