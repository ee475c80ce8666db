"""What torch.export cannot trace is refused in one line that says what it met, where, and what would help."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from approx.network import UnsupportedOperator, convert, trace


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self.inner(x))


class Opaque:
    def __init__(self, x: torch.Tensor) -> None:
        self.x = x


def branch(x: torch.Tensor) -> torch.Tensor:
    if x.sum() > 0:
        return x + 1
    return x


def steps(x: torch.Tensor) -> torch.Tensor:
    while x.norm() > 1:
        x = x / 2
    return x


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "a branch": (branch, r"^model at File .*if x.sum\(\) > 0.*decides by a computed value.*torch.where"),
    "a loop": (steps, r"^model at File .*while x.norm\(\) > 1.*decides by a computed value"),
    "a number": (
        lambda x: x * x.max().item(),
        r"^op aten.item.default .*the tensor itself would be supported",
    ),
    "a size": (
        lambda x: x[: int(x.argmax())],
        r"^model at File .*decides by a computed value, or makes a size",
    ),
    "numpy": (lambda x: x + torch.from_numpy(x.detach().numpy()), r"^model at File .*cannot be traced"),
    "an object": (lambda x: Opaque(x), "the model returns Opaque: must be tensors"),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_traced_is_refused(case: str, device: str, caplog: pytest.LogCaptureFixture) -> None:
    function, message = REFUSED[case]
    with (
        torch.device(device),
        caplog.at_level(logging.WARNING),
        pytest.raises(UnsupportedOperator, match=message) as it,
    ):
        trace(Function(function), (torch.randn(2, 4),))
    assert "\n" not in str(it.value)
    assert not caplog.records


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_tensors_made_inside_forward(device: str) -> None:
    def made(x: torch.Tensor) -> torch.Tensor:
        scale = torch.tensor([1.0, 2.0, 3.0, 4.0], device=x.device)
        scale[0] = 5
        return x * scale + torch.tensor(2.0, device=x.device)

    with torch.device(device):
        model, x = Function(made), torch.randn(2, 4)
    converted = convert(model, (x,))
    if device == "cpu":
        for _ in range(2):  # what forward made is made anew
            torch.testing.assert_close(converted(x), model(x))


@dataclass
class Pair:
    first: torch.Tensor
    rest: dict[str, Any]


def test_a_dataclass_is_a_container() -> None:
    model = Function(lambda x: Pair(x, {"n": [x * 2, None, 3]}))
    x = torch.randn(3, 4)
    got, want = convert(model, (x,))(x), model(x)
    assert isinstance(got, Pair)
    torch.testing.assert_close((got.first, got.rest["n"][0]), (want.first, want.rest["n"][0]))
    assert got.rest["n"][1:] == [None, 3]
