"""Calibrated rounding: weights whose integers make up for each other's rounding on calibration data.

A layer's weights are rounded one input after another; what a weight's rounding costs is taken out of those
that are still to come, so that the layer's outputs move least: GPTQ (Frantar et al., ICLR 2023, algorithm 1),
from the second moments of the layer's inputs, inputs of most power first. Steps are the plan's own.

Linear layers and convolutions over one or two axes, of up to `WIDEST` products an output; all others round to
nearest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch user knows
from torch import Tensor, fx

from approx.network.fixed.channels import Channels
from approx.network.fixed.plan import Constant, Plan
from approx.network.fixed.windows import windows_of
from approx.network.nodes import arguments, aten, attribute

WIDEST = 4096
"""Inputs of an output, at most: their second moments take 128 MiB."""
DAMPING = 0.01
"""Part of the mean power of inputs that is added to each: GPTQ's own, section 3.3."""
BLOCK = 64
"""Inputs after which what their rounding cost is taken out of all that follow, at once."""
_SERVED = (aten.linear.default, aten.conv1d.default, aten.conv2d.default)

Moments = Mapping[str, Tensor]
Found = dict[tuple[str, Constant, int], Tensor]
"""Integers of a layer's weights, by its node, what the plan makes of them and the weights' version."""


class _Watch(fx.Interpreter):
    """Adds up the second moments of layers' inputs, (groups, K, K), by node."""

    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self.moments: dict[str, Tensor] = {}

    def run_node(self, n: fx.Node) -> Any:
        if served(n):
            args, _ = self.fetch_args_kwargs_from_env(n)
            rows = _rows(n, args[0], args[1], args[3:]).double()
            self.moments[n.name] = self.moments.get(n.name, 0.0) + rows.transpose(1, 2) @ rows
        return super().run_node(n)


def served(node: fx.Node) -> bool:
    """Whether a node is a layer whose weights can be rounded so."""
    if node.target not in _SERVED:
        return False
    weight = arguments(node)[1]
    held = isinstance(weight, fx.Node) and weight.op == "get_attr"
    return held and weight.meta["val"][0].numel() <= WIDEST


def _rows(node: fx.Node, x: Tensor, weight: Tensor, rest: Sequence[Any]) -> Tensor:
    """All that is multiplied for one output, (groups, outputs, K); `rest` follows the bias."""
    windows = windows_of(node.target, weight, rest)
    if windows is None:
        return x.flatten(0, -2)[None]
    image = x if weight.dim() == 4 else x.unsqueeze(-2)
    image = image if image.dim() == 4 else image[None]
    patches = F.unfold(
        image,
        windows.size[1:],
        dilation=windows.dilation[1:],
        padding=windows.padding[1:],
        stride=windows.stride[1:],
    )
    parts = patches.reshape(len(patches), windows.groups, -1, patches.shape[-1])
    return parts.permute(1, 0, 3, 2).flatten(1, 2)


@torch.no_grad()
def moments(program: fx.GraphModule, samples: Iterable[list[Any]]) -> Moments:
    """The second moments of every layer's inputs over some calibration batches, by the layer's node."""
    watch = _Watch(program)
    for leaves in samples:
        watch.run(*leaves, enable_io_processing=False)
    return watch.moments


@torch.no_grad()
def calibrated(node: fx.Node, weight: Tensor, operand: Constant, moment: Tensor) -> Tensor:
    """A layer's weights as integers, int16 and of the weights' shape.

    Args:
        node: the layer.
        weight: its weights.
        operand: what the plan makes of them.
        moment: of the layer's inputs, (groups, K, K).
    """
    rows = Channels.of(node).rows(weight.detach().double())
    factor = 2.0 ** torch.tensor(operand.fraction, dtype=torch.float64) / operand.divisor
    limit, groups = 2 ** (operand.bits - 1) - 1, moment.shape[0]
    wanted = (rows * factor.expand(rows.shape[0])[:, None]).reshape(groups, -1, rows.shape[1])
    found = [_rounded(part, square, limit) for part, square in zip(wanted, moment, strict=True)]
    return torch.cat(found).reshape(weight.shape).to(torch.int16)


def _rounded(wanted: Tensor, square: Tensor, limit: int) -> Tensor:
    """Rows of numbers, (N, K), as integers that move products with inputs of these moments least."""
    power = square.diagonal()
    order = power.argsort(descending=True, stable=True)
    damped = square[order][:, order] + (DAMPING * power.mean() + (power.mean() == 0)) * torch.eye(
        power.numel()
    )
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    left, integers = wanted[:, order].clone(), torch.empty_like(wanted)
    for start in range(0, power.numel(), BLOCK):
        end = min(start + BLOCK, power.numel())
        costs = torch.empty(left.shape[0], end - start, dtype=left.dtype)
        for i in range(start, end):
            integers[:, i] = left[:, i].round().clamp(-limit, limit)
            costs[:, i - start] = (left[:, i] - integers[:, i]) / upper[i, i]
            left[:, i + 1 : end] -= costs[:, i - start, None] * upper[i, i + 1 : end]
        left[:, end:] -= costs @ upper[start:end, end:]
    return integers[:, order.argsort()]


def integers(
    program: fx.GraphModule, plan: Plan, known: Moments, found: Found
) -> Iterator[tuple[str, Tensor]]:
    """Yield the calibrated weights of each layer of a plan that is served, with its node's name.

    `found`: what was found before, of the same moments; what is found now is added.
    """
    for node in program.graph.nodes:
        step = plan.get(node.name)
        operand = None if step is None or node.name not in known else step.operands.get(1)
        if isinstance(operand, Constant):
            weight = attribute(program, arguments(node)[1])
            key = node.name, operand, weight._version
            if key not in found:
                found[key] = calibrated(node, weight, operand, known[node.name])
            yield node.name, found[key]
