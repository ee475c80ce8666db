import inspect

import pytest
import torch
from torch import nn

from approx.network.export import bind, export


class TwoInputs(nn.Module):
    def forward(self, x: torch.Tensor, scale: torch.Tensor | None = None) -> torch.Tensor:
        return x if scale is None else x * scale


def test_the_batch_stays_free() -> None:
    exported = export(nn.Linear(3, 2), (torch.randn(4, 3),))
    assert exported.batch_symbol is not None
    assert exported.graph_module(torch.randn(7, 3)).shape == (7, 2) if exported.positional else True


def test_a_single_example_is_enough_for_a_free_batch() -> None:
    exported = export(nn.Linear(3, 2), (torch.randn(1, 3),))
    assert exported.batch_symbol is not None
    assert exported.graph_module(input=torch.randn(5, 3)).shape == (5, 2)


def test_positional_and_keyword_inputs_name_the_same_arguments() -> None:
    x = torch.randn(2, 3)
    assert (
        export(TwoInputs(), (x, x)).inputs
        == export(TwoInputs(), {"x": x, "scale": x}).inputs
        == ("x", "scale")
    )
    assert export(TwoInputs(), (x, None)).inputs == ("x",)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout()).train()
    exported = export(model, (torch.randn(2, 3),))
    assert model.training
    mine = {id(p) for p in model.parameters()}
    assert mine.isdisjoint(id(p) for p in exported.graph_module.parameters())


def test_inputs_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"inputs = \(y=...\): must fit the model's forward"):
        export(TwoInputs(), {"y": torch.randn(2, 3)})
    with pytest.raises(ValueError, match="example_inputs = Tensor: must be a tuple"):
        export(TwoInputs(), torch.randn(2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no tensor with a leading size"):
        export(TwoInputs(), (torch.tensor(1.0),))


def test_bind_drops_what_is_none() -> None:
    signature = inspect.signature(TwoInputs().forward)
    assert bind(signature, (1, None), {}) == {"x": 1}


class Square(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ x


def test_a_model_that_fixes_its_batch_keeps_that_of_the_example() -> None:
    exported = export(Square(), (torch.randn(3, 3),))
    assert (exported.batch_symbol, exported.batch) == (None, 3)
    exported = export(nn.LSTM(3, 2), (torch.randn(1, 1, 3),))  # the leading size is time
    assert (exported.batch_symbol, exported.batch) == (None, 1)
