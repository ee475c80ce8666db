"""Constants that the machine could not make are made when a program is saved."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx import Approximation, convert, load, machine


class Constants(nn.Module):
    """Uses an identity matrix, a norm of weights, a split of them and an einsum of a size."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(6, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = F.layer_norm(self.table, (4,))
        first, second = torch.tensor_split(table, 2)
        positions = torch.einsum("i,jd->jid", torch.ones(x.shape[0]), first + second)
        return torch.tanh(x @ torch.eye(4) + positions.mean(0)[0])


@pytest.fixture
def converted() -> nn.Module:
    torch.manual_seed(0)
    return convert(Constants().eval(), (torch.randn(3, 4),), Approximation())


def test_the_machine_runs_what_only_torch_could_make(converted, tmp_path) -> None:
    converted.save(tmp_path / "constants")
    for batch in (3, 5):
        x = torch.randn(batch, 4)
        expected = converted(x).detach()
        torch.testing.assert_close(load(tmp_path / "constants")(x).detach(), expected)
        found = machine.load(tmp_path / "constants").run({"x": x.numpy()})
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_the_network_itself_keeps_its_parameters_in_place(converted, tmp_path) -> None:
    before = [node.name for node in converted.program.graph_module.graph.nodes]
    converted.save(tmp_path / "constants")
    assert [node.name for node in converted.program.graph_module.graph.nodes] == before
    converted(torch.randn(2, 4)).sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in converted.parameters())


def test_saved_again_the_file_is_the_same(converted, tmp_path) -> None:
    converted.save(tmp_path / "once")
    load(tmp_path / "once").save(tmp_path / "twice")
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()
