"""Output channels: how the weights of a layer lie by the channel that they add to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from approx.network.nodes import arguments, aten, shape

TRANSPOSED = (aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input)
CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)


@dataclass(frozen=True)
class Channels:
    """The layout of a layer's weights.

    Attributes:
        transposed: (C_in, C_out / groups, *kernel) instead of (C_out, C_in / groups, *kernel).
        groups: parts of the channels that do not see each other.
    """

    transposed: bool = False
    groups: int = 1

    @classmethod
    def of(cls, node: fx.Node) -> Channels:
        """Of a linear layer or a convolution."""
        given = arguments(node)
        if node.target is aten.convolution.default:
            return cls(bool(given[6]), int(given[8]))
        if node.target in TRANSPOSED:
            return cls(True, int(_named(node, "groups", 6, 1)))
        return cls(False, int(_named(node, "groups", 6, 1)) if node.target in CONVOLUTIONS else 1)

    def rows(self, weight: Tensor) -> Tensor:
        """The weights as (C_out, K): a row holds all that is multiplied for one output channel."""
        if not self.transposed:
            return weight.flatten(1)
        parts = weight.reshape(self.groups, -1, weight.shape[1], weight[0, 0].numel())
        return parts.transpose(1, 2).reshape(-1, parts.shape[1] * parts.shape[3])

    def spread(self, values: Tensor, size: tuple[int, ...]) -> Tensor:
        """A value for each output channel, (C_out,), shaped to broadcast over weights of `size`."""
        if not self.transposed:
            return values.reshape([-1] + [1] * (len(size) - 1))
        parts = values.reshape(self.groups, 1, size[1]).expand(-1, size[0] // self.groups, -1)
        return parts.reshape([size[0], size[1]] + [1] * (len(size) - 2))


def _named(node: fx.Node, name: str, position: int, default: int) -> int:
    found: Any = (
        arguments(node)[position] if len(arguments(node)) > position else node.kwargs.get(name, default)
    )
    return int(found)


def terms(node: fx.Node) -> int:
    """The products that one output of a linear layer or convolution adds, at most."""
    channels, size = Channels.of(node), tuple(int(n) for n in shape(arguments(node)[1]))
    if channels.transposed:
        return size[0] // channels.groups * math.prod(size[2:])
    return math.prod(size[1:])
