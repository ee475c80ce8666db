from typing import Any

import pytest
import torch
from torch import nn

from approx.network import Approximation, ConvertedModule, Numerics, convert, load, trace


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"data": "int1"}, "data = 'int1': must be from 2 to 32 bits wide"),
        ({"data": "int33"}, "data = 'int33': must be from 2 to 32 bits wide"),
        ({"data": "int32"}, "data = 'int32': must be at most int16: the product of two wider words"),
        ({"data": "float8"}, "data = 'float8': must be fp32, bf16, fp16, int8, int16 or another intN"),
        ({"data": "int8", "elementwise": 4}, "elementwise = 4: must be an integer from 8 to 16, bits"),
        ({"data": "bf16", "elementwise": 16}, "elementwise = 16: must be left out with bf16"),
        ({"data": "int8", "accumulator": 24}, "accumulator = 24: must be one of 16, 32, 48"),
        ({"data": "int8", "table": 1}, "table = 1: must be an integer from 2 to 32, bits"),
        ({"data": "int8", "table": 33}, "table = 33: must be an integer from 2 to 32, bits"),
        ({"data": "int8", "scale": "largest"}, "scale = 'largest': must be one of error, range"),
    ],
)
def test_widths_that_there_are_not_are_refused(fields: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError) as caught:
        Numerics(**fields)
    assert str(caught.value).startswith(line)


def test_a_tables_own_width_is_checked_and_overrides_that_of_the_numerics(converted: ConvertedModule) -> None:
    with pytest.raises(ValueError, match="width = 1: must be an integer from 2 to 32"):
        Approximation(width=1)
    with pytest.raises(ValueError, match="width = 40"):
        Approximation(overrides={"gelu": {"width": 40}})
    converted.set_numerics(Numerics("int8", table=12))
    converted.set_approximation(Approximation(overrides={"gelu": {"width": 8}}))
    widths = {site.function: converted.table_bits(site) for site in converted.program.sites}
    assert widths["gelu"] == 8
    assert widths["exp"] == widths["rsqrt"] == 12
    assert {
        op.width for op in converted.workload().operations if getattr(op, "table", "").endswith("gelu")
    } == {8}


@pytest.fixture
def converted(bert: tuple[nn.Module, dict[str, torch.Tensor]]) -> ConvertedModule:
    model, inputs = bert
    return convert(model, inputs, Approximation(16), calibration=[inputs])


def run(converted: ConvertedModule, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = converted(**inputs).logits
    return logits


def test_numerics_change_without_tracing_and_float32_comes_back(
    bert: tuple[nn.Module, dict[str, torch.Tensor]], converted: ConvertedModule
) -> None:
    _, inputs = bert
    floats = run(converted, inputs)
    errors = {}
    for data in ("int4", "int8", "bf16", "int16"):
        converted.set_numerics(Numerics(data))
        errors[data] = float((run(converted, inputs) - floats).abs().max() / floats.abs().max())
    assert errors["int16"] < 2e-3 < errors["int4"]
    assert errors["int8"] < 0.1
    assert 0 < errors["bf16"] < 0.05
    converted.set_numerics(Numerics())
    assert torch.equal(run(converted, inputs), floats)


def test_tables_and_numerics_change_together_as_one_after_the_other(
    bert: tuple[nn.Module, dict[str, torch.Tensor]], converted: ConvertedModule
) -> None:
    _, inputs = bert
    for data in ("int8", "fp32", "int16"):
        converted.set_approximation(Approximation(4))
        converted.set_numerics(Numerics(data))
        expected = run(converted, inputs)
        converted.set_approximation(Approximation(16), Numerics("bf16"))
        assert converted.numerics == Numerics("bf16")
        converted.set_approximation(Approximation(4), Numerics(data))
        assert torch.equal(run(converted, inputs), expected)


def test_convert_takes_numerics(bert: tuple[nn.Module, dict[str, torch.Tensor]]) -> None:
    model, inputs = bert
    converted = convert(model, inputs, calibration=[inputs], numerics=Numerics("int8"))
    assert converted.numerics.label == "int8 (16-bit words)"
    assert converted.accumulator == 32


def test_true_functions_can_be_combined_with_any_width(
    bert: tuple[nn.Module, dict[str, torch.Tensor]], converted: ConvertedModule
) -> None:
    """What the widths alone lose; the table of 2 segments loses more on top."""
    model, inputs = bert
    with torch.no_grad():
        original = model(**inputs).logits
    converted.set_numerics(Numerics("int16"))
    converted.set_approximation(Approximation.exact())
    exact = (run(converted, inputs) - original).abs().max()
    converted.set_approximation(Approximation(2))
    assert exact < 5e-3 * original.abs().max() < (run(converted, inputs) - original).abs().max()


def test_fixed_point_without_calibration_is_refused(bert: tuple[nn.Module, dict[str, torch.Tensor]]) -> None:
    converted = ConvertedModule(trace(*bert))
    with pytest.raises(ValueError, match=r"data = 'int8': activations were never calibrated: convert with"):
        converted.set_numerics(Numerics("int8"))
    assert not converted.numerics.is_fixed


def test_an_accumulator_that_can_overflow_is_refused_with_the_layer_and_the_width_that_is_enough(
    converted: ConvertedModule,
) -> None:
    with pytest.raises(
        ValueError, match=r"accumulator = 32: .*dense.linear \(K = \d+\) can .*: must be at least 48"
    ):
        converted.set_numerics(Numerics("int16", accumulator=32))
    with pytest.raises(ValueError, match=r"accumulator = 16: .* \(K = \d+\) can overflow it"):
        converted.set_numerics(Numerics("int8", accumulator=16))
    converted.set_numerics(Numerics("int16"))
    assert converted.accumulator == 48


def test_a_saved_network_keeps_numerics_plan_and_ranges(
    bert: tuple[nn.Module, dict[str, torch.Tensor]], converted: ConvertedModule, tmp_path: Any
) -> None:
    _, inputs = bert
    converted.set_numerics(Numerics("int8", table=12))
    converted.save(tmp_path / "bert.safetensors")
    loaded = load(tmp_path / "bert.safetensors")
    assert loaded.numerics == converted.numerics
    assert loaded.plan == converted.plan
    assert torch.equal(run(loaded, inputs), run(converted, inputs))
    for module in (loaded, converted):
        module.set_numerics(Numerics("int6", scale="error"))
    assert torch.equal(run(loaded, inputs), run(converted, inputs))


def test_an_emulation_is_built_again_only_where_its_plan_or_a_width_changes(
    bert: tuple[nn.Module, dict[str, torch.Tensor]], converted: ConvertedModule
) -> None:
    _, inputs = bert
    int8, int16 = Numerics("int8"), Numerics("int16")
    converted.set_approximation(Approximation(4), int8)
    module, coarse = converted.graph_module, run(converted, inputs)
    converted.set_approximation(Approximation(32), int16)
    converted.set_approximation(Approximation(32), int8)
    assert converted.graph_module is module
    fine = run(converted, inputs)
    assert not torch.equal(fine, coarse)
    assert torch.equal(fine, run(convert(bert[0], inputs, Approximation(32), [inputs], int8), inputs))
    converted.set_approximation(Approximation(32, width=6), int8)
    assert converted.graph_module is not module
    converted.double().float()
    converted.set_approximation(Approximation(4), int8)
    assert torch.equal(run(converted, inputs), coarse)
