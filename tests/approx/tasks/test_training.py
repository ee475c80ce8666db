import sys

import pytest
import torch
from torch import nn

from approx.tasks.base import Batch
from approx.tasks.training import progress_bar, train


def _epoch(generator):
    inputs = torch.randn(4, 32, 2, generator=generator)
    return [Batch((part,), (part.sum(-1) > 0).long()) for part in inputs]


def _network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def test_training_learns_and_repeats_itself(short):
    recipe = short.__class__(**{**vars(short), "epochs": 20})
    first = train(_network(), _epoch, recipe, seed=3, name="half-plane")
    second = train(_network(), _epoch, recipe, seed=3, name="half-plane")
    other = train(_network(), _epoch, recipe, seed=4, name="half-plane")
    points = torch.randn(500, 2, generator=torch.Generator().manual_seed(9))
    assert not first.training
    assert ((first(points).argmax(-1) == 1) == (points.sum(-1) > 0)).float().mean() > 0.9
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))
    assert not torch.equal(first[0].weight, other[0].weight)


def test_training_runs_on_one_thread_whatever_the_caller_uses(short):
    seen = set()
    network = _network()
    network.register_forward_hook(lambda *_: seen.add(torch.get_num_threads()))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train(network, _epoch, short, seed=0, name="half-plane")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == {1}


def test_the_callers_random_state_is_left_alone(short):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train(_network(), _epoch, short, seed=0, name="half-plane")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_bar_is_quiet_where_there_is_no_terminal(short, capfd):
    train(_network(), _epoch, short, seed=0, name="half-plane")
    assert capfd.readouterr() == ("", "")


def test_the_bar_names_the_network_on_a_terminal(short, monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    if progress_bar().disable:
        pytest.skip("no terminal can be feigned here")
    train(_network(), _epoch, short, seed=0, name="half-plane")
    assert "training half-plane" in capfd.readouterr().err
