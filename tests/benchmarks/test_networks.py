"""A few of the hundred networks of `benchmarks/networks.py`, through every check: one of each kind."""

import importlib
import sys
from pathlib import Path

import pytest

QUICK = [
    "BLOOM",  # slopes by position, padding
    "gpt-oss",  # experts that a router chooses, a sliding window
    "Conv-TasNet",  # dilated, grouped and transposed convolutions along one axis
    "FNet",  # a transform of two axes
    "GAT",  # a graph's edges as an input
    "PoolFormer",  # averages that leave the padding out
    "Longformer",  # a branch on a mask, windows that overlap in memory
    "Perceiver",  # latents that are the same for every sample
]
SLOW = ["Funnel", "RWKV", "DeepSeek-V3", "Wav2Vec2", "Swin", "U-Net (diffusers)"]
NEEDED = {"GAT": "torch_geometric", "U-Net (diffusers)": "diffusers"}
"""Packages beside the toolkit's own, by network."""


@pytest.fixture(scope="module")
def networks():
    """The benchmark as a module."""
    folder = str(Path(__file__).parents[2] / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module("networks")
    sys.path.remove(folder)


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_a_network_passes_every_check(networks, name):
    if name in NEEDED:
        pytest.importorskip(NEEDED[name])
    result = networks.examine(name)
    assert result.why == ""
    assert (result.converts, result.saves, result.machine) == ("ok", "ok", "ok")


def test_there_are_a_hundred(networks):
    assert len(networks.networks_table.NETWORKS) == 100


def test_a_check_that_fails_says_so(networks, monkeypatch):
    import torch

    def make():
        return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU()), (torch.randn(3, 4),)

    monkeypatch.setitem(networks.networks_table.NETWORKS, "own", make)
    monkeypatch.setitem(networks.LIMITS, "32", 1e-12)
    result = networks.examine("own")
    assert result.why.startswith("Fault: 32: ")
    assert result.machine == "ok"
