"""Layers in widths of their own: the same bits everywhere, costs that follow, names that there are."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import approx
from accel_models import Gemm
from approx.network import Approximation, ConvertedModule, Numerics, convert

Inputs = tuple[Tensor, ...]


class Mixed(nn.Module):
    """A convolution, a product of two computed operands and layers that read one value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.query, self.key = nn.Linear(8, 16), nn.Linear(8, 16)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.gelu(self.conv(x)).flatten(2).transpose(1, 2)
        scores = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2), -1)
        return self.out(scores @ x)


@pytest.fixture(scope="module")
def mixed() -> tuple[ConvertedModule, Inputs, Tensor]:
    torch.manual_seed(0)
    network, x = Mixed().eval(), torch.randn(3, 3, 6, 6)
    converted = convert(network, (x,), Approximation(32), calibration=[(x,)])
    with torch.no_grad():
        return converted, (x,), network(x)


def off(converted: ConvertedModule, inputs: Inputs, wanted: Tensor) -> float:
    with torch.no_grad():
        return float((converted(*inputs) - wanted).norm() / wanted.norm())


NAMES = ("conv.conv2d", "query.linear", "key.linear", "matmul", "out.linear")
WIDTHS = st.fixed_dictionaries(
    {"weights": st.sampled_from([2, 3, 4, 6, 8, 16]), "activations": st.sampled_from([4, 5, 6, 8, 12, 16])}
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    layers=st.dictionaries(st.sampled_from(NAMES), WIDTHS), data=st.sampled_from(["int8", "int16", "int4"])
)
def test_any_mixture_is_bit_true(
    layers: dict[str, dict[str, int]],
    data: str,
    mixed: tuple[ConvertedModule, Inputs, Tensor],
    same_bits: Callable[[ConvertedModule, Inputs], Tensor],
) -> None:
    converted, inputs, _ = mixed
    converted.set_numerics(Numerics(data, layers=layers))
    same_bits(converted, inputs)


@pytest.mark.filterwarnings("ignore::approx.QualityWarning")
def test_fewer_bits_lose_more_and_each_layer_has_its_own(
    mixed: tuple[ConvertedModule, Inputs, Tensor],
) -> None:
    converted, inputs, wanted = mixed
    errors = []
    for bits in (8, 6, 4, 2):
        converted.set_numerics(Numerics("int8", layers={"*": {"weights": bits}}))
        errors.append(off(converted, inputs, wanted))
    assert errors == sorted(errors)
    converted.set_numerics(Numerics("int8", layers={"*": {"weights": 2}, "out.linear": {"weights": 8}}))
    assert off(converted, inputs, wanted) < errors[-1]


def test_all_layers_alike_is_the_format_itself(mixed: tuple[ConvertedModule, Inputs, Tensor]) -> None:
    converted, inputs, _ = mixed
    with torch.no_grad():
        converted.set_numerics(Numerics("int8"))
        plain = converted(*inputs)
        converted.set_numerics(Numerics("int16", layers={"*": {"weights": 8, "activations": 8}}))
        assert torch.equal(converted(*inputs), plain)


def test_layers_are_listed_and_names_win_over_globs(mixed: tuple[ConvertedModule, Inputs, Tensor]) -> None:
    converted, _, _ = mixed
    layers = {layer.name: layer for layer in converted.layers}
    assert set(layers) == set(NAMES)
    assert (layers["conv.conv2d"].m, layers["conv.conv2d"].k, layers["conv.conv2d"].parameters) == (
        36,
        27,
        216,
    )
    assert layers["matmul"].parameters == 0
    assert layers["out.linear"].macs == 36 * 8 * 5
    converted.set_numerics(Numerics("int8", layers={"out.linear": {"weights": 6}, "*linear": {"weights": 4}}))
    widths = {
        op.name: op.b_bits for op in converted.workload().operations if isinstance(op, Gemm) and not op.wide
    }
    assert widths == {"conv.conv2d": 8, "query.linear": 4, "key.linear": 4, "matmul": 8, "out.linear": 6}


def test_the_file_keeps_the_widths(mixed: tuple[ConvertedModule, Inputs, Tensor], tmp_path: Path) -> None:
    converted, inputs, _ = mixed
    converted.set_numerics(Numerics("int8", layers={"conv*": {"weights": 3, "activations": 6}}))
    converted.save(tmp_path / "mixed.nm")
    again = approx.load(tmp_path / "mixed.nm")
    assert again.numerics == converted.numerics
    with torch.no_grad():
        assert torch.equal(again(*inputs), converted(*inputs))


@pytest.mark.parametrize(
    ("layers", "line"),
    [
        (
            {"quary.*": {"weights": 4}},
            "layers['quary.*']: must name a layer or match some; near it: query.linear",
        ),
        ({"conv*": {"weights": 1}}, "layers['conv*']: weights = 1: must be an integer from 2 to 16, bits"),
        (
            {"conv*": {"activations": 17}},
            "layers['conv*']: activations = 17: must be an integer from 2 to 16",
        ),
        ({"conv*": {"width": 4}}, "layers['conv*'] = {'width': 4}: must set weights, activations or both"),
        ({"conv*": {}}, "layers['conv*'] = {}: must set"),
        ({"conv*": 4}, "layers['conv*'] = 4: must set"),
    ],
)
def test_refusals(
    layers: dict[str, dict[str, int]], line: str, mixed: tuple[ConvertedModule, Inputs, Tensor]
) -> None:
    with pytest.raises(ValueError) as caught:
        mixed[0].set_numerics(Numerics("int8", layers=layers))
    assert str(caught.value).startswith(line)
    with pytest.raises(ValueError, match="must be left out with fp32"):
        Numerics(layers={"conv*": {"weights": 4}})


def test_accumulators_are_checked_by_layer(mixed: tuple[ConvertedModule, Inputs, Tensor]) -> None:
    wide = {"conv.conv2d": {"weights": 16, "activations": 16}}
    with pytest.raises(ValueError, match=r"accumulator = 32: conv\.conv2d \(K = 27\) can overflow it"):
        mixed[0].set_numerics(Numerics("int8", accumulator=32, layers=wide))
