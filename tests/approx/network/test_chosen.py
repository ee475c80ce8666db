"""Sizes that the host finds by choosing: any number of what it chose, a workload of the most."""

import numpy as np
import pytest
import torch
from torch import nn

import approx
from approx import machine


class Edges(nn.Module):
    """Sums over the edges of a graph that are no loops, as graph networks have it."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 6)

    def forward(self, x, edges):
        edges = edges[:, edges[0] != edges[1]]
        messages = self.linear(x)[edges[0]].tanh()
        return torch.zeros(x.shape[0], 6).index_add(0, edges[1], messages)


def edges(loops, seed=0):
    given = torch.randint(0, 5, (2, 12), generator=torch.Generator().manual_seed(seed))
    given[1] = (given[0] + 1) % 5
    given[1, :loops] = given[0, :loops]
    return given


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    network, x = Edges().eval(), torch.randn(5, 4)
    return network, x, approx.convert(network, (x, edges(3)), calibration=[(x, edges(3))])


@pytest.mark.parametrize("loops", [0, 1, 5])
@pytest.mark.parametrize("numbers", ["fp32", "int16", "int8"])
def test_another_number_of_chosen_edges_is_right(case, loops, numbers, tmp_path):
    network, x, converted = case
    converted.set_numerics(approx.Numerics(numbers))
    given = edges(loops, seed=loops)
    got, wanted = converted(x, given), network(x, given)
    assert (got - wanted).norm() / wanted.norm() < {"fp32": 1e-2, "int16": 1e-2, "int8": 0.1}[numbers]
    converted.save(tmp_path / "edges.nm")
    assert torch.equal(approx.load(tmp_path / "edges.nm")(x, given), got)
    if numbers != "fp32":
        program = machine.load(tmp_path / "edges.nm")
        found = program.run({"x": x.numpy(), "edges": given.numpy()})
        assert np.array_equal(np.asarray(found, np.float64).ravel(), got.detach().double().numpy().ravel())


def test_a_workload_counts_everything_chosen(case):
    lookups = [op for op in case[2].workload().operations if type(op).__name__ == "Lookup"]
    assert [op.elements for op in lookups] == [12 * 6]


def test_a_size_by_computed_values_is_refused():
    class Positive(nn.Module):
        def forward(self, x):
            y = x * 2
            return y[y[:, 0] > 0].sum(0)

    with pytest.raises(approx.UnsupportedOperator, match="the size of its result depends on"):
        approx.trace(Positive(), (torch.randn(4, 3),))
