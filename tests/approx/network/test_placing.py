"""Constants of the shape of a computed value, integers among floats, and writes at the host's places."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx import machine
from approx.network import Approximation, Numerics, UnsupportedOperator, convert, trace
from tests.approx.network.forms import holds_in_every_form

MASK = torch.tensor([[True, False, True, False, False]] * 2 + [[False, False, True, True, True]])
AT = torch.tensor([2, 0, -1])


class Net(nn.Module):
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function
        self.inner = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self.inner(x))


def formatted(x: torch.Tensor, write: Callable[[torch.Tensor], None]) -> torch.Tensor:
    y = x * 1.5
    write(y)
    return y.tanh() + y


def at(place: Any, value: Any) -> Callable[[torch.Tensor], None]:
    return lambda y: y.__setitem__(place, value)


def filled_in_parts(x: torch.Tensor) -> torch.Tensor:
    z = x.new_empty(*x.shape[:-1], 2 * x.shape[-1])
    z[..., ::2], z[..., 1::2] = x, -x
    return z


CASES: dict[str, Callable[..., torch.Tensor]] = {
    "zeros like": lambda y: torch.maximum(torch.zeros_like(y) - 1, y),
    "ones like, scaled": lambda y: y * (torch.ones_like(y) * 3).sum(-1, keepdim=True),
    "full like, in a mask": lambda y: torch.where(MASK, y, torch.full_like(y, -2.0)),
    "new full": lambda y: y + y.new_full((5,), 0.5),
    "new empty in parts": filled_in_parts,
    "empty like": lambda y: formatted(torch.empty_like(y), lambda z: z.copy_(y)),
    "padded new ones": lambda y: y * F.pad(y.new_ones(y.shape[0], 3), (1, 1), value=0.5),
    "an index expanded": lambda y: y.gather(1, AT.view(3, 1).remainder(5).expand_as(y)),
    "an index viewed as": lambda y: y[:, torch.arange(5).flip(0).view_as(y[0])],
    "positions of a computed value": lambda y: y + torch.arange(y.shape[1]).expand_as(y) * 0.1,
    "integers times floats": lambda y: y * torch.arange(5) + torch.tensor([1, 2, 3]).unsqueeze(-1),
    "a mask times floats": lambda y: (y * MASK) @ MASK.T.float(),
    "a number where a mask is": lambda y: formatted(y, at(MASK, 0)),
    "a row where a mask is": lambda y: formatted(y, at(MASK[:, 0], torch.arange(5.0))),
    "a number where a mask of columns is": lambda y: formatted(y, at((slice(None), MASK[0]), 1.0)),
    "columns": lambda y: formatted(y, at((slice(None), AT[:2]), torch.tensor([0.5, -0.5]))),
    "a column at an index": lambda y: formatted(y, at((slice(None), AT[:1]), 2.0)),
    "a word in each row": lambda y: formatted(y, at((torch.arange(3), AT), torch.tensor([3.0, 2.0, 1.0]))),
    "words in rows and columns": lambda y: formatted(y, at((torch.arange(3)[:, None], AT[:2]), 0.25)),
    "words added": lambda y: y.index_put((torch.tensor([0, 1, 0]),), torch.ones(3, 5), accumulate=True),
}


@pytest.mark.parametrize("case", CASES)
def test_it_agrees_with_the_original_in_every_form(case: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    holds_in_every_form(Net(CASES[case]).eval(), torch.randn(3, 4), tmp_path)


def test_as_many_words_as_a_mask_has_places_are_refused() -> None:
    net = Net(lambda y: y.index_put((MASK,), torch.ones(7)))
    with pytest.raises(UnsupportedOperator, match="as many words as it has places"):
        trace(net, (torch.randn(3, 4),))


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "words"])
def test_what_was_taken_where_a_mask_is_can_be_put_back_there(rows: bool, tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(5, 5)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            y[mask] = x[mask].tanh()
            return y

    torch.manual_seed(0)
    mask = MASK[:, 0] if rows else MASK
    network, x = Net(), torch.randn(3, 5)
    batches = [(x, mask), (x, torch.ones_like(mask))]
    converted = convert(network, (x, mask), Approximation(32), calibration=batches)
    converted.set_numerics(Numerics("int16"))
    converted.save(tmp_path / "network.nm")
    program = machine.load(tmp_path / "network.nm")
    for other in (mask, ~mask, torch.zeros_like(mask), torch.ones_like(mask)):
        with torch.no_grad():
            result, wanted = converted(x, other), network(x, other)
        assert (result - wanted).abs().max() < 2e-3
        ran = program.run({"x": x.numpy(), "mask": other.numpy()})
        assert torch.equal(torch.from_numpy(ran), result)
