import dataclasses

import pytest
import torch
from torch import nn

from approx.tasks import Batch
from approx.tasks.base import call, moved


class Subtract(nn.Module):
    def forward(self, left, right):
        return left - right


def test_inputs_are_positional_or_keyword_arguments():
    three, one = torch.tensor([3.0]), torch.tensor([1.0])
    assert call(Subtract(), (three, one)) == 2.0
    assert call(Subtract(), {"right": three, "left": one}) == -2.0


def test_tensors_move_and_other_arguments_stay():
    meta = torch.device("meta")
    inputs = moved({"ids": torch.ones(2, 3), "return_dict": True}, meta)
    assert inputs["ids"].is_meta
    assert inputs["return_dict"] is True
    tensor, nothing = moved((torch.ones(2), None), meta)
    assert tensor.is_meta
    assert nothing is None


def test_a_batch_counts_samples_and_cannot_change():
    batch = Batch((torch.ones(2, 3),), torch.tensor([0, 1]))
    assert len(batch) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.targets = torch.ones(1)
