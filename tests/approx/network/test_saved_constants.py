"""Constants that the machine could not make are made when a program is saved."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx import Approximation, Numerics, convert, load, machine
from approx.network.choices import SELECTING
from approx.network.host import CONVERSIONS
from approx.network.instructions import INSTRUCTIONS
from approx.network.saving.arguments import knows


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


class Latents(nn.Module):
    """Latents that are repeated for every sample and normed before anything reads the input."""

    def __init__(self) -> None:
        super().__init__()
        self.latents, self.norm = nn.Parameter(torch.randn(3, 8)), nn.LayerNorm(8)
        self.query, self.key = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries = self.query(self.norm(self.latents.expand(x.shape[0], -1, -1)))
        return (queries @ self.key(x).mT).softmax(-1) @ x


class Positions(nn.Module):
    """Sines of the places in a mask of ones, resampled, one for every sample."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ones = torch.ones(x.shape[0], 1, 3, 3)
        mask = F.interpolate(ones, size=x.shape[1:3])[:, 0].bool()
        places = mask.cumsum(1, dtype=torch.float32)[..., None] / torch.arange(1.0, 9.0)
        return torch.tanh(self.linear(x)) + places.sin()


@pytest.mark.parametrize(
    ("make", "shape"), [(Latents, (5, 8)), (Positions, (4, 4, 8))], ids=["latents", "positions"]
)
def test_what_is_the_same_for_every_sample_is_kept_once(make, shape, tmp_path) -> None:
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(3, *shape)
    converted = convert(model, (x,), Approximation(32), calibration=[(x,)], numerics=Numerics("int16"))
    converted.save(tmp_path / "constants")
    loaded, program = load(tmp_path / "constants"), machine.load(tmp_path / "constants")
    for more in (x, torch.cat([x, x.flip(0)]), x[:1]):
        expected = converted(more).detach()
        assert (expected - model(more)).abs().max() < 1e-3 * expected.abs().max()
        assert torch.equal(loaded(more), expected)
        np.testing.assert_array_equal(program.run({"x": more.numpy()}), expected.numpy())
    loaded.set_numerics(Numerics("int8"))
    assert torch.equal(loaded(x), convert_again(converted)(x))


def convert_again(converted: nn.Module) -> nn.Module:
    converted.set_numerics(Numerics("int8"))
    return converted


def test_what_differs_along_a_free_axis_is_left_as_it_is(tmp_path) -> None:
    class Numbered(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tanh(x) * torch.arange(x.shape[0])[:, None].float().cos()

    x = torch.randn(3, 4)
    converted = convert(Numbered(), (x,), Approximation(8), calibration=[(x,)], numerics=Numerics("int16"))
    converted.save(tmp_path / "constants")
    program = machine.load(tmp_path / "constants")
    for more in (x, torch.cat([x, x])):
        np.testing.assert_array_equal(program.run({"x": more.numpy()}), converted(more).numpy())


def test_the_machine_knows_every_instruction() -> None:
    ops = [*INSTRUCTIONS, *SELECTING, *CONVERSIONS]
    assert [str(op) for op in ops if not knows(op)] == []
