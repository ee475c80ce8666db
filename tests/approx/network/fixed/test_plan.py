import math
from typing import Any

import pytest
import torch
from torch import nn

from approx.network import Approximation, Numerics, convert
from approx.network.fixed import Step


class Outlier(nn.Module):
    """A layer norm after a layer of which one channel is far larger than the others."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 64)
        self.norm = nn.LayerNorm(64)
        with torch.no_grad():
            self.linear.weight[3] *= 60

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.linear(x))


def test_squares_are_not_rounded_to_a_word_so_that_an_outlier_does_not_hide_the_others() -> None:
    torch.manual_seed(0)
    model, x = Outlier().eval(), torch.randn(64, 64)
    with torch.no_grad():  # half of the rows have no outlier: their squares are 10,000 times smaller
        direction = model.linear.weight[3] / model.linear.weight[3].norm()
        model.linear.bias[3] = 0
        x[::2] -= (x[::2] @ direction)[:, None] * direction
    converted = convert(model, (x,), Approximation(64), calibration=[(x,)], numerics=Numerics("int16"))
    squares = [step for step in converted.plan.values() if step.word.bits > 16]
    assert len(squares) == 1
    with torch.no_grad():
        assert (converted(x) - model(x))[::2].abs().max() < 0.05


def test_a_masked_score_is_exactly_without_weight() -> None:
    class Attention(nn.Module):
        def forward(self, scores: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            addend = (1.0 - mask.float()) * torch.finfo(torch.float32).min
            return torch.softmax(scores + addend[:, None], -1)

    torch.manual_seed(0)
    scores, mask = 6 * torch.randn(2, 8, 8), torch.ones(2, 8, dtype=torch.int64)
    mask[0, 5:] = 0
    converted = convert(
        Attention(),
        (scores, mask),
        Approximation(16),
        calibration=[(scores, mask)],
        numerics=Numerics("int8"),
    )
    with torch.no_grad():
        weights = converted(scores, mask)
    assert (weights[0, :, 5:] == 0).all()
    assert (weights.sum(-1) - 1).abs().max() < 0.02


def test_weights_have_a_step_for_each_output_channel_and_the_bound_of_the_sums_is_tight() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(32, 4)
    with torch.no_grad():
        layer.weight *= torch.tensor([[1.0], [10.0], [0.01], [100.0]])
    x = torch.randn(50, 32)
    converted = convert(layer, (x,), calibration=[(x,)], numerics=Numerics("int8"))
    (step,) = (step for step in converted.plan.values() if step.fraction is not None)
    assert isinstance(step.fraction, tuple)
    assert step.fraction[2] - step.fraction[3] == pytest.approx(math.log2(1e4), abs=2)
    with pytest.raises(ValueError, match=r"\(K = 32\) can overflow it: must be at least 32"):
        converted.set_numerics(Numerics("int8", accumulator=16))
    with torch.no_grad():
        error = (converted(x) - layer(x)).abs().amax(0) / layer(x).abs().amax(0)
    assert (error < 0.05).all()


def test_steps_survive_json(bert: tuple[nn.Module, dict[str, Any]]) -> None:
    model, inputs = bert
    plan = convert(model, inputs, calibration=[inputs], numerics=Numerics("int8")).plan
    assert {name: Step.from_dict(step.to_dict()) for name, step in plan.items()} == plan


def test_the_step_of_least_error_errs_less_than_that_of_the_range() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(64, 64)
    x = torch.randn(400, 64)
    x[0, 0] = 60.0
    errors = []
    for name in ("range", "error"):
        converted = convert(layer, (x,), calibration=[(x,)], numerics=Numerics("int8", scale=name))
        with torch.no_grad():
            errors.append(float((converted(x) - layer(x))[1:].square().mean()))
    assert errors[1] < 0.8 * errors[0]
