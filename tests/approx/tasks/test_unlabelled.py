import pytest
import torch
from torch import nn

from approx.tasks import Evaluator, Task, Unlabelled, accuracy


@pytest.fixture
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.fixture
def inputs():
    return torch.randn(4, 25, 4, generator=torch.Generator().manual_seed(1))


def test_accuracy_is_agreement_with_the_original(network, inputs):
    task = Unlabelled(network, [(inputs[0],)], [(part,) for part in inputs[1:]])
    assert isinstance(task, Task)
    assert Evaluator(task).original.accuracy == 1.0
    changed = task.model()
    changed[2].bias.data[0] += 0.3
    score = Evaluator(task).score(changed)
    chosen = network.eval()(inputs[1:]).argmax(-1)
    assert score.accuracy == score.agreement
    assert score.accuracy == pytest.approx((changed(inputs[1:]).argmax(-1) == chosen).double().mean().item())
    assert 0.0 < score.accuracy < 1.0


def test_targets_are_the_choices_without_dropout_and_the_network_stays_as_it_was(network, inputs):
    task = Unlabelled(network, [{"input": inputs[0]}], [{"input": inputs[1]}])
    (batch,) = task.calibration_batches()
    assert network.training
    assert not task.model().training
    assert torch.equal(batch.targets, task.model()(inputs[0]).argmax(-1))
    assert accuracy(network, task) == 1.0


def test_a_copy_is_given_out(network, inputs):
    task = Unlabelled(network, [(inputs[0],)], [(inputs[1],)])
    task.model()[0].weight.data.zero_()
    assert network[0].weight.abs().sum() > 0


def test_test_data_must_be_held_out(network, inputs):
    with pytest.raises(ValueError, match="test_inputs: a sample is in calibration_inputs too"):
        Unlabelled(network, [(inputs[0],), (inputs[1],)], [(inputs[2],), (inputs[1, 20:].clone(),)])


@pytest.mark.parametrize(("calibration", "test"), [(0, 1), (1, 0)])
def test_empty_inputs_are_refused(network, inputs, calibration, test):
    with pytest.raises(ValueError, match="must hold at least one input"):
        Unlabelled(network, [(inputs[0],)] * calibration, [(inputs[1],)] * test)


def test_an_original_that_gives_nan_is_named(network, inputs):
    task = Unlabelled(network, [(inputs[0],)], [(inputs[1] * float("nan"),)], name="mine")
    with pytest.raises(ValueError, match="mine: output is NaN for 25 of 25 samples"):
        task.test_batches()


def test_embeddings_need_no_choices(network, inputs):
    task = Unlabelled(network, [(inputs[0],)], [(inputs[1],)], outputs="embeddings")
    assert [batch.targets for batch in task.test_batches()] == [None]
    assert [len(batch) for batch in task.test_batches()] == [25]
    assert Evaluator(task).score(task.model()).cosine == pytest.approx(1.0)
    with pytest.raises(ValueError, match="outputs = 'images': must be one of classes, embeddings"):
        Unlabelled(network, [(inputs[0],)], [(inputs[1],)], outputs="images")
