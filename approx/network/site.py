"""Sites: the places of a network where a nonlinear function is evaluated."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name every PyTorch user knows
from torch import nn

from approx.cpwl import CpwlTable, get_function, split_name
from approx.network.calibrate import Histogram
from approx.network.operator import IndexMap, cpwl

TRUE_FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "cos": torch.cos,
    "digamma": torch.digamma,
    "elu": F.elu,
    "erf": torch.erf,
    "erfinv": torch.erfinv,
    "exp": torch.exp,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "leaky_relu": F.leaky_relu,
    "lgamma": torch.lgamma,
    "log": torch.log,
    "mish": F.mish,
    "pow": torch.pow,
    "reciprocal": torch.reciprocal,
    "relu": torch.relu,
    "relu6": F.relu6,
    "rsqrt": torch.rsqrt,
    "selu": F.selu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "sin": torch.sin,
    "softplus": F.softplus,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
}


def true_function(function: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """The function that a table approximates, in torch."""
    stem, parameter = split_name(function)
    true = TRUE_FUNCTIONS[stem]
    return true if parameter is None else lambda x: true(x, float(parameter))


@dataclass(frozen=True)
class Site:
    """A place in the network where a nonlinear function is evaluated.

    Attributes:
        name: dotted module path and function, such as `encoder.layer.0.intermediate.gelu`.
        function: the catalogue's name of the function.
        elements: evaluations an inference (a batch of one).
        exact: the function is piecewise linear itself, so that its table has no error.
    """

    name: str
    function: str
    elements: int
    exact: bool


class SiteModule(nn.Module):
    """Evaluates one site: by its table if it has one, else by the true function.

    While `histogram` is set, every input is counted in it: calibration. Between `train_table` and
    `keep_trained` the table's values at its knots are a parameter.
    """

    knots: torch.Tensor
    lines: torch.Tensor

    def __init__(self, name: str, function: str) -> None:
        super().__init__()
        self.name = name
        self.function = function
        self.exact = get_function(function).exact
        self.true = true_function(function)
        self.table: CpwlTable | None = None
        self.histogram: Histogram | None = None
        self.index: IndexMap | None = None
        self.values: nn.Parameter | None = None
        for buffer in ("knots", "lines"):
            self.register_buffer(buffer, torch.empty(0), persistent=False)

    def set_table(self, table: CpwlTable | None) -> None:
        """Serve the site from `table`, or, if None, from the true function."""
        self.table = table
        self.values = None
        if table is None:
            return
        segments = zip(table.slopes.tolist(), table.intercepts.tolist(), strict=True)
        self.knots = torch.tensor(table.knots.tolist(), dtype=torch.float32, device=self.knots.device)
        self.lines = torch.tensor([table.left, *segments, table.right], device=self.lines.device)
        self.index = IndexMap.build(self.knots)

    @property
    def only_table(self) -> bool:
        """Whether the site is nothing but its table now: neither calibrating nor training, nor exact."""
        plain = self.histogram is None and self.values is None
        return plain and self.table is not None and not self.exact

    def train_table(self) -> None:
        """Let gradients move the table's values at its knots; its lines follow and stay continuous."""
        if self.table is not None and not self.exact:
            values = torch.tensor(self.table.values.tolist(), dtype=torch.float32, device=self.lines.device)
            self.values = nn.Parameter(values)

    @torch.no_grad()
    def keep_trained(self) -> None:
        """Make the trained values the table, which `table` then shows."""
        if self.table is None or self.values is None:
            return
        self.set_table(self.present_table())

    @torch.no_grad()
    def present_table(self) -> CpwlTable | None:
        """The table as it is now, in the midst of training too."""
        if self.table is None or self.values is None:
            return self.table
        left, *segments, right = self.trained_lines().double().tolist()
        slopes, intercepts = zip(*segments, strict=True)
        return replace(
            self.table,
            slopes=np.array(slopes),
            intercepts=np.array(intercepts),
            left=tuple(left),
            right=tuple(right),
            bias="trained",
        )

    def trained_lines(self) -> torch.Tensor:
        """Lines (N+2, 2) through the trained values; a tail that continued an edge segment still does."""
        assert self.values is not None  # noqa: S101 - asked for only while training
        slopes = self.values.diff() / self.knots.diff()
        inner = torch.stack([slopes, self.values[:-1] - slopes * self.knots[:-1]], dim=1)
        left = inner[:1] if torch.equal(self.lines[0], self.lines[1]) else self.lines[:1]
        right = inner[-1:] if torch.equal(self.lines[-1], self.lines[-2]) else self.lines[-1:]
        return torch.cat([left, inner, right])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The function of x, element by element."""
        if self.histogram is not None:
            self.histogram.update(x)
        if self.table is None or self.exact:
            return self.true(x)
        lines = self.lines if self.values is None else self.trained_lines()
        return cpwl(x, self.knots, lines, self.index)

    def extra_repr(self) -> str:
        """What the site is, for print(model)."""
        served = "true function" if self.table is None else f"{self.table.segments} segments"
        return f"{self.name}: {self.function}, {served}"


def per_inference(total: int, batch: int) -> int:
    """Elements an inference, rounded up where work is shared by the batch."""
    return math.ceil(total / batch)
