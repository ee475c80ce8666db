import dataclasses

import pytest
import torch
from torch import nn

from approx.tasks import Batch


class Subtract(nn.Module):
    def forward(self, left, right):
        return left - right


def test_inputs_are_positional_or_keyword_arguments():
    three, one = torch.tensor([3.0]), torch.tensor([1.0])
    assert Batch((three, one), torch.zeros(1)).run(Subtract()) == 2.0
    assert Batch({"right": three, "left": one}, torch.zeros(1)).run(Subtract()) == -2.0


def test_tensors_move_and_other_arguments_stay():
    batch = Batch({"ids": torch.ones(2, 3), "return_dict": True}, torch.tensor([0, 1])).to("meta")
    assert batch.inputs["ids"].is_meta
    assert batch.inputs["return_dict"] is True
    assert batch.targets.is_meta
    assert Batch((torch.ones(2), None), torch.ones(2)).to("meta").inputs[1] is None


def test_a_batch_counts_samples_and_cannot_change():
    batch = Batch((torch.ones(2, 3),), torch.tensor([0, 1]))
    assert len(batch) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        batch.targets = torch.ones(1)
