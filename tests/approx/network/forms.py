"""A network in every form: exact, by tables, in int16 and int8, and each saved and run in the machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from approx import machine
from approx.network import Approximation, Numerics, convert

LIMITS = {"exact": 1e-5, "32": 1e-2, "int16": 2e-2}
"""Largest errors, relative to the largest output; int8 has none where a value near a jump may cross it."""


class Net(nn.Module):
    """f(m, x, ...) of a linear layer and an embedding."""

    def __init__(self, f: Callable[..., Tensor]) -> None:
        super().__init__()
        self.f = f
        self.linear, self.embedding = nn.Linear(4, 4), nn.Embedding(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.f(self, x)


def error(result: Tensor, wanted: Tensor) -> float:
    """Largest difference, relative to the largest value wanted."""
    assert result.shape == wanted.shape
    return float((result - wanted).abs().max() / wanted.abs().max())


@torch.no_grad()
def holds_in_every_form(network: nn.Module, x: Tensor, folder: Path) -> None:
    """Assert that a converted network agrees with the original, and the machine with torch."""
    wanted = network(x)
    converted = convert(network, (x,), Approximation.exact(), calibration=[(x,)])
    assert error(converted(x), wanted) <= LIMITS["exact"]
    converted.set_approximation(Approximation(segments=32))
    assert error(converted(x), wanted) <= LIMITS["32"]
    same_in_machine(converted, x, folder, exactly=False)
    for data in ("int16", "int8"):
        converted.set_numerics(Numerics(data))
        assert data == "int8" or error(converted(x), wanted) <= LIMITS[data]
        same_in_machine(converted, x, folder, exactly=True)


def same_in_machine(converted: Any, x: Tensor, folder: Path, *, exactly: bool) -> None:
    """Assert that the saved network gives the same numbers in the machine, bit for bit if `exactly`."""
    result = converted(x).double().numpy()
    converted.save(folder / "network.nm")
    ran = np.asarray(machine.load(folder / "network.nm").run({"x": x.numpy()}), np.float64)
    if exactly:
        np.testing.assert_array_equal(ran, result)
    else:
        np.testing.assert_allclose(ran, result, rtol=1e-4, atol=1e-5)
