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


@pytest.mark.filterwarnings("ignore::approx.QualityWarning")
def test_calibrated_rounding_is_nearer_and_bit_true(
    mixed: tuple[ConvertedModule, Inputs, Tensor], same_bits: Callable[[ConvertedModule, Inputs], Tensor]
) -> None:
    """Weights at 3 bits: the layers' outputs move less, in every way of running them alike."""
    converted, inputs, wanted = mixed
    errors = {}
    for rounding in ("nearest", "calibrated"):
        three = Numerics("int16", layers={"*": {"weights": 3}}, rounding=rounding)
        converted.set_numerics(three)
        same_bits(converted, inputs)
        errors[rounding] = off(converted, inputs, wanted)
    assert errors["calibrated"] < 0.8 * errors["nearest"]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), groups=st.sampled_from([1, 2, 4]), bits=st.sampled_from([2, 3, 4, 8]))
def test_outputs_of_a_layer_move_less(seed: int, groups: int, bits: int) -> None:
    """On correlated inputs no rounding to nearest is better, whatever the geometry."""
    torch.manual_seed(seed)
    layer = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=groups, bias=False).eval()
    x = torch.randn(4, 8, 9, 9).cumsum(-1) / 3
    converted = convert(layer, (x,), Approximation.exact(), calibration=[(x,)])
    with torch.no_grad():
        wanted = layer(x)
        errors = []
        for rounding in ("nearest", "calibrated"):
            converted.set_numerics(Numerics("int16", layers={"*": {"weights": bits}}, rounding=rounding))
            errors.append(float((converted.graph_module(x)[0] - wanted).norm()))
    assert errors[1] <= errors[0] * 1.001


def test_calibrated_weights_are_saved_and_cannot_be_trained(
    mixed: tuple[ConvertedModule, Inputs, Tensor], tmp_path: Path
) -> None:
    converted, inputs, _ = mixed
    converted.set_numerics(Numerics("int8", layers={"*": {"weights": 4}}, rounding="calibrated"))
    with torch.no_grad():
        before = converted(*inputs)
        converted.save(tmp_path / "rounded.nm")
        again = approx.load(tmp_path / "rounded.nm")
        assert torch.equal(again(*inputs), before)
        with pytest.raises(ValueError, match="needs calibration data"):
            again.set_numerics(Numerics("int8", rounding="calibrated"))
        converted.set_numerics(Numerics())  # and float weights are as they were
        assert torch.equal(converted(*inputs), again_in_floats(again, inputs))
    converted.set_numerics(Numerics("int8", rounding="calibrated"))
    weight = converted.program.graph_module.get_parameter("conv.weight")
    with torch.no_grad():
        weight.mul_(1.0)
        with pytest.raises(ValueError, match=r"the weights of conv\.conv2d have changed"):
            converted(*inputs)
    with pytest.raises(ValueError, match="rounding = 'upwards'"):
        Numerics("int8", rounding="upwards")
    with pytest.raises(ValueError, match="must be left out with fp32"):
        Numerics(rounding="calibrated")


def again_in_floats(again: ConvertedModule, inputs: Inputs) -> Tensor:
    again.set_numerics(Numerics())
    result: Tensor = again(*inputs)
    return result
