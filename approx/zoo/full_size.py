"""What is known of a network before it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

Inputs = tuple[Any, ...] | dict[str, Any]
"""Arguments of one call, positional or by keyword: tensors, and lists of them for a cache."""


@dataclass(frozen=True)
class Phase:
    """A way to run a network.

    Attributes:
        make: Makes the module that is run, with random weights, on torch's current device, in eval mode.
        example: Makes inputs for a batch at a size.
    """

    make: Callable[[], nn.Module]
    example: Callable[[int, int], Inputs]


@dataclass(frozen=True)
class FullSize:
    """A network and its input.

    Attributes:
        title: Its usual name.
        make: Makes it, with random weights, on torch's current device, in eval mode.
        size: Side of the image, or sequence length, that it is usually compared at.
        example: Makes inputs for a batch at a size.
        sized: Says a size to people: "{0} x {0}".
        more: Other ways to run it, by name: "decode", one token more after `size` cached ones.
    """

    title: str
    make: Callable[[], nn.Module]
    size: int
    example: Callable[[int, int], Inputs]
    sized: str = "{0}"
    more: Mapping[str, Phase] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """Name of the way that `make` and `example` stand for: "prefill" beside a "decode", else "whole"."""
        return "prefill" if "decode" in self.more else "whole"

    @property
    def phases(self) -> Mapping[str, Phase]:
        """Every way to run it, by name, the usual one first."""
        return {self.first: Phase(self.make, self.example), **self.more}

    def describe(self, size: int | None = None, phase: str | None = None) -> str:
        """Title, size and phase for people: "Llama-3.2-1B, 2048 tokens, decode"."""
        words = [self.title, self.sized.format(size or self.size)]
        return ", ".join([*words, phase] if phase and phase != "whole" else words)
