import pytest
import torch

from approx.network.fixed.products import Digits, available


@pytest.mark.skipif(not available(), reason="no 8-bit units that do not saturate")
@pytest.mark.parametrize("weights", [127, 32639])
@pytest.mark.parametrize("inputs", [127, 32767])
@pytest.mark.parametrize("sizes", [(5, 7, 3), (1, 64, 1), (40, 192, 64)])
def test_digits_multiply_exactly(weights: int, inputs: int, sizes: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    m, k, n = sizes
    x = torch.randint(-inputs, inputs + 1, (m, k))
    w = torch.randint(-weights, weights + 1, (n, k))
    x[0], w[0] = inputs, weights
    digits = Digits(w.float())
    assert digits.usable
    assert torch.equal(digits.product(x.float(), 8 if inputs == 127 else 16).long(), x @ w.T)


def test_weights_beyond_two_digits_are_not_taken() -> None:
    assert not Digits(torch.tensor([[32767.0]])).usable
