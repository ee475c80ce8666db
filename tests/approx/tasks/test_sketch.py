import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from approx.tasks import Batch, Evaluator
from approx.tasks.sketch import SIZE, direction


@given(st.integers(1, 10_000), st.integers(0, 1000))
def test_a_direction_has_length_1_and_is_the_same_in_every_process(count, seed):
    moved = torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = direction(moved)
    assert len(found) == SIZE
    assert np.linalg.norm(found) == pytest.approx(1.0)
    assert found == direction(moved.reshape(1, -1))


def test_outputs_that_did_not_move_have_no_direction():
    assert direction(torch.zeros(20, 10)) == (0.0,) * SIZE


def test_angles_between_movements_are_kept():
    torch.manual_seed(0)
    one, other = torch.randn(2, 400, 10, dtype=torch.float64)
    for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
        mixed = share * one + (1 - abs(share)) * other
        true = torch.cosine_similarity(one.flatten(), mixed.flatten(), dim=0).item()
        assert np.dot(direction(one), direction(mixed)) == pytest.approx(true, abs=3 / SIZE**0.5)


class _Shifted(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, x):
        return x + self.by


class _Task:
    name = "made up"

    def __init__(self, targets):
        self._batches = [Batch((torch.randn(50, 6, generator=torch.Generator().manual_seed(0)),), targets)]

    def model(self):
        return _Shifted(0.0)

    def test_batches(self):
        return self._batches


@pytest.mark.parametrize("targets", [torch.arange(50) % 6, None])
def test_networks_that_move_outputs_to_opposite_sides_have_opposite_directions(targets):
    evaluator = Evaluator(_Task(targets))
    by = 1e-3 * torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    there, back = (evaluator.score(_Shifted(sign * by)).direction for sign in (1, -1))
    assert np.dot(there, back) == pytest.approx(-1.0, abs=0.01)
    assert not evaluator.original.direction
