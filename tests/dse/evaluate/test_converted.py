import numpy as np
import pytest
import torch
from torch import nn

from approx.tasks import Batch
from dse.directions import unpack
from dse.evaluate import ConvertedNetwork
from dse.study_file import parse


class _Task:
    name = "small"

    def model(self):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
        ).eval()

    def calibration_batches(self):
        return [self._batch(1)]

    train_batches = calibration_batches

    def test_batches(self):
        return [self._batch(2)]

    def _batch(self, seed):
        inputs = torch.randn(200, 6, generator=torch.Generator().manual_seed(seed))
        return Batch((inputs,), torch.arange(200) % 3)


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr("dse.evaluate.converted.load_task", lambda config: _Task())
    return ConvertedNetwork(parse(""))


def _table(segments, placement="minimax"):
    return {"segments": segments, "placement": placement, "bias": "minimax"}


def test_errors_of_all_tables_of_a_key_are_at_the_same_inputs_and_less_with_more_segments(network):
    found = [network.errors.of("gelu", _table(segments)) for segments in (4, 8, 16)]
    assert len({errors.shape for errors in found}) == 1
    squares = [float(errors @ errors) for errors in found]
    assert squares[0] > 8 * squares[1] > 64 * squares[2] > 0  # a fourth power, about
    assert squares[1] == pytest.approx(
        network._converted.tables[network.inputs["gelu"]["site"]].mse(), rel=100
    )


def test_inputs_are_told_apart_by_their_site_and_their_range(network):
    sites, ranges = network.errors.parts("gelu")
    assert sites.shape == network.errors.of("gelu", _table(8)).shape
    assert set(sites) == set(range(list(network.sites.values()).count("gelu")))
    assert set(ranges) == set(range(8))
    for site in set(sites):
        assert (np.diff(ranges[sites == site]) >= 0).all()


def test_what_is_scored_tells_where_the_outputs_moved_and_that_adds_up_over_tables(network):
    fine, coarse = _table(64), _table(6)
    choices = {
        "gelu": {"gelu": coarse, "tanh": fine},
        "tanh": {"gelu": fine, "tanh": coarse},
        "both": {"gelu": coarse, "tanh": coarse},
    }
    scores = {name: network.quality(tables, {"data_width": "fp32"}) for name, tables in choices.items()}
    moved = {name: np.sqrt(s["kl_divergence"]) * unpack(s["direction"]) for name, s in scores.items()}
    apart = moved["both"] - moved["gelu"] - moved["tanh"]
    assert np.linalg.norm(apart) < 0.2 * np.linalg.norm(moved["both"])
