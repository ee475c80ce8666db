import inspect

import pytest
import torch
from torch import nn

from approx.network import Approximation, convert, trace
from approx.network.call import Arguments, bind
from approx.network.export import export


class TwoInputs(nn.Module):
    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        return x if scale is None else x * scale


def arguments(model: nn.Module, inputs: object) -> Arguments:
    return Arguments.of(inspect.signature(model.forward), inputs)


def test_positional_and_keyword_inputs_name_the_same_arguments() -> None:
    x = torch.randn(2, 3)
    for inputs in ((x, x), {"x": x, "scale": x}):
        assert arguments(TwoInputs(), inputs).names == ("x", "scale")
    assert arguments(TwoInputs(), (x, None)).names == ("x",)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout()).train()
    exported = export(model, arguments(model, (torch.randn(2, 3),)))
    assert model.training
    mine = {id(p) for p in model.parameters()}
    assert mine.isdisjoint(id(p) for p in exported.graph_module.parameters())
    assert "forward" not in vars(model)


def test_inputs_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"inputs = \(y=...\): must fit the model's forward"):
        trace(TwoInputs(), {"y": torch.randn(2, 3)})
    with pytest.raises(ValueError, match="example_inputs = Tensor: must be a tuple"):
        trace(TwoInputs(), torch.randn(2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="example_inputs = no tensor: must hold at least one"):
        trace(TwoInputs(), (1.0,))
    with pytest.raises(ValueError, match="x = object: must be a tensor, number or text"):
        trace(TwoInputs(), (object(), torch.randn(2, 3)))


def test_bind_drops_what_is_none() -> None:
    signature = inspect.signature(TwoInputs().forward)
    assert bind(signature, (1, None), {}) == {"x": 1}


def test_vmap_is_written_out() -> None:
    class Mapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.vmap(lambda row: self.linear(row).tanh())(x)

    network, x = Mapped(), torch.randn(3, 4)
    converted = convert(network, (x,), Approximation.exact())
    for given in (x, torch.cat([x, x])):
        torch.testing.assert_close(converted(given), network(given))
