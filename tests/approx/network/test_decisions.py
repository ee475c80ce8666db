"""What a model's Python code decides by values: the example's decision is the program, others are refused."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from approx import machine
from approx.network import Approximation, ConvertedModule, Numerics, UnsupportedOperator, convert
from approx.network.saving import load


class Branches(nn.Module):
    """A layer, then branches on a mask, the second inside no_grad."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        y = self.linear(x)
        if mask.all():
            return y.tanh()
        with torch.no_grad():
            twice = (mask.sum(1) > 2).any().item()
        if twice:
            y = y * 2
        result: Tensor = (y * mask[..., None].float()).sigmoid()
        return result


class Steps(nn.Module):
    """As many steps as a buffer says, and a gate that a parameter opens."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("steps", torch.tensor(2))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(self.steps)):
            x = self.linear(x).tanh()
        return x


X = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0))
MASK = torch.ones(3, 4, dtype=torch.long)
MASK[1, 3] = 0


@pytest.fixture(scope="module")
def converted() -> ConvertedModule:
    torch.manual_seed(0)
    batches = [(X, MASK)]
    return convert(
        Branches(), (X, MASK), Approximation(32), calibration=batches, numerics=Numerics("int16")
    ).eval()


@torch.no_grad()
def test_the_branch_that_the_example_takes_is_the_program(converted: ConvertedModule) -> None:
    torch.manual_seed(0)
    network = Branches()
    for x, mask in ((X, MASK), (X[:2], MASK[:2]), (X.flip(0), MASK.flip(0))):
        wanted = network(x, mask)
        assert (converted(x, mask) - wanted).abs().max() < 1e-3 * wanted.abs().max()


@pytest.mark.parametrize(
    ("mask", "read"), [(torch.ones_like(MASK), "True"), (torch.zeros_like(MASK), "False")]
)
def test_a_call_that_decides_otherwise_is_refused_by_torch_and_the_machine(
    converted: ConvertedModule, tmp_path, mask: Tensor, read: str
) -> None:
    converted.save(tmp_path / "network")
    program = machine.load(tmp_path / "network")
    with torch.no_grad():
        np.testing.assert_array_equal(
            program.run({"x": X.numpy(), "mask": MASK.numpy()}), converted(X, MASK).numpy()
        )
    calls: list[Callable[[], object]] = [
        lambda: converted(X, mask),
        lambda: load(tmp_path / "network")(X, mask),
        lambda: program.run({"x": X.numpy(), "mask": mask.numpy()}),
    ]
    for call in calls:
        with pytest.raises(
            ValueError, match=rf"test_decisions\.py.* reads {read}: must be (True|False), which decided"
        ):
            call()


def test_a_calibration_batch_that_decides_otherwise_is_refused() -> None:
    with pytest.raises(ValueError, match="reads True: must be False"):
        convert(Branches(), (X, MASK), calibration=[(X, MASK), (X, torch.ones_like(MASK))])


def test_what_no_input_decides_is_compared_with_nothing() -> None:
    network = Steps()
    converted = convert(network, (X,), Approximation.exact())
    assert converted.program.call.decisions == ()
    torch.testing.assert_close(converted(X), network(X))


@pytest.mark.parametrize(
    "decides",
    [lambda x: x.sum() > 0, lambda x: bool((x > 0).all()), lambda x: (x.argmax() > 3).item()],
    ids=["a sum", "a comparison", "a place"],
)
def test_words_that_decide_are_refused_without_a_word_of_torch(decides, capfd) -> None:
    class Network(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1 if decides(x) else x.tanh()

    with pytest.raises(
        UnsupportedOperator, match=r"test_decisions\.py.*it decides by a computed value"
    ) as refusal:
        convert(Network(), (X,))
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr().err == ""


def test_windows_that_overlap_in_memory() -> None:
    class Windows(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            laid = x.transpose(1, 2)
            windows = laid.as_strided((x.shape[0], 3, 2, 4), (x.stride(0), x.stride(1), x.stride(1), 1))
            return windows.tanh()

    converted = convert(Windows(), (X,), Approximation.exact())
    for x in (X, X[:1], torch.cat([X, X])):
        torch.testing.assert_close(converted(x), Windows()(x))


def test_memory_outside_an_argument_is_refused() -> None:
    class Outside(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            part = x.tanh()[:, :2]
            return part.as_strided((3, 4, 4), (16, 4, 1))

    with pytest.raises(UnsupportedOperator, match="it reads memory outside its argument"):
        convert(Outside(), (X,))
