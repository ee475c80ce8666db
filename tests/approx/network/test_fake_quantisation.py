"""Fake-quantised activations are refused in one line that says where they are and what would do."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from approx.network import UnsupportedOperator, convert


class Rounding(nn.Module):
    """A layer whose result a function rounds."""

    def __init__(self, rounding: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.rounding = nn.Linear(4, 4), rounding

    def forward(self, x: Tensor) -> Tensor:
        return self.rounding(self.layer(x))


def a_tensor(x: Tensor) -> Tensor:
    return torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)


def a_channel(x: Tensor) -> Tensor:
    steps, zeros = torch.full((4,), 0.1), torch.zeros(4, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(x, steps, zeros, 1, -128, 127)


@pytest.mark.parametrize("rounding", [a_tensor, a_channel, None], ids=["tensor", "channel", "module"])
def test_it_says_what_it_met_and_what_would_do(rounding: Callable[[Tensor], Tensor] | None) -> None:
    made = rounding or torch.ao.quantization.FakeQuantize()
    place = "module rounding" if rounding is None else "fake_quantize_per"
    with pytest.raises(UnsupportedOperator, match=place) as refusal:
        convert(Rounding(made).eval(), (torch.randn(2, 4),))
    assert 'approx.Numerics("int8")' in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_weights_may_be_fake_quantised() -> None:
    class Weights(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, a_tensor(self.layer.weight), self.layer.bias)

    model, x = Weights().eval(), torch.randn(2, 4)
    with torch.no_grad():
        torch.testing.assert_close(convert(model, (x,))(x), model(x))
