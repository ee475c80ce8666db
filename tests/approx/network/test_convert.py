from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx import machine
from approx.network import Approximation, ConvertedModule, UnsupportedOperator, convert, load, trace
from approx.network.instructions import INSTRUCTIONS

Network = tuple[nn.Module, dict[str, torch.Tensor]]


@pytest.fixture(params=["bert", "resnet"])
def network(request: pytest.FixtureRequest) -> Network:
    chosen: Network = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="module")
def converted_bert(bert: Network) -> ConvertedModule:
    model, inputs = bert
    return convert(model, inputs, Approximation.exact(), calibration=[inputs])


def test_under_true_functions_the_outputs_are_the_models(network: Network) -> None:
    model, inputs = network
    converted = convert(model, inputs, Approximation.exact())
    more = {name: torch.cat([x, x.flip(0)]) for name, x in inputs.items()}
    with torch.no_grad():
        expected, got = model(**more), converted(**more)
    assert type(got) is type(expected)
    torch.testing.assert_close(got.logits, expected.logits, rtol=1e-5, atol=1e-5)


def test_nothing_nonlinear_is_left(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = network
    converted = convert(model, inputs, calibration=[inputs])
    expected = converted(**inputs).logits

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a nonlinear function was called")

    for home in (F, torch, torch.nn.functional):
        for name in ("gelu", "silu", "exp", "tanh", "rsqrt", "reciprocal", "softmax", "layer_norm"):
            if hasattr(home, name):
                monkeypatch.setattr(home, name, refuse)
    torch.testing.assert_close(converted(**inputs).logits, expected)
    called = {n.target for n in converted.program.graph_module.graph.nodes if n.op == "call_function"}
    floats = {e.op for e in converted.program.certificate().entries if e.kind != "host"}
    known = {str(target) for target in INSTRUCTIONS}
    assert all(op in known or op.startswith("lookup ") or "getitem" in op for op in floats), floats - known
    assert torch.ops.aten.gelu.default not in called


def test_more_segments_come_closer(network: Network) -> None:
    model, inputs = network
    converted = convert(model, inputs, calibration=[inputs])
    errors = []
    for segments in (4, 16, 64):
        converted.set_approximation(Approximation(segments=segments))
        with torch.no_grad():
            errors.append((converted(**inputs).logits - model(**inputs).logits).abs().max().item())
    assert errors[0] > errors[1] > errors[2] > 0
    assert errors[2] < 0.02


def test_tables_follow_the_approximation(converted_bert: ConvertedModule) -> None:
    converted = converted_bert
    converted.set_approximation(Approximation(segments=8))
    assert {t.segments for t in converted.tables.values()} == {8}
    converted.set_approximation(Approximation(segments=8, overrides={"gelu": {"segments": 32}}))
    assert {t.segments for t in converted.tables.values() if t.function == "gelu"} == {32}
    assert {t.segments for t in converted.tables.values() if t.function != "gelu"} == {8}
    converted.set_approximation(Approximation.exact())
    assert converted.tables == {}


def test_domains_are_calibrated_a_site(converted_bert: ConvertedModule) -> None:
    converted_bert.set_approximation(Approximation(segments=8, placement="uniform"))
    domains = {name: t.domain for name, t in converted_bert.tables.items() if t.function == "rsqrt"}
    assert len(domains) == 5
    assert len(set(domains.values())) == 5


@pytest.mark.parametrize("placement", ["uniform", "dyadic", "curvature", "minimax", "density"])
@pytest.mark.parametrize("bias", ["none", "minimax", "least_squares", "mean"])
def test_every_placement_and_bias_gives_finite_outputs(
    converted_bert: ConvertedModule, bert: Network, placement: str, bias: str
) -> None:
    converted_bert.set_approximation(Approximation(8, placement, bias))
    with torch.no_grad():
        assert converted_bert(**bert[1]).logits.isfinite().all()


def test_the_original_is_untouched_by_training_the_converted(bert: Network) -> None:
    model, inputs = bert
    before = {name: p.clone() for name, p in model.named_parameters()}
    converted = convert(model, inputs, calibration=[inputs])
    loss = converted(**inputs).logits.square().sum()
    loss.backward()
    torch.optim.SGD(converted.parameters(), lr=1.0).step()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in converted.parameters())
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())


def test_an_unsupported_op_is_refused_by_name_and_place() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Module()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.bessel_j0(x)

    with pytest.raises(UnsupportedOperator, match=r"special_bessel_j0.*test_convert\.py.*bessel_j0.*rule"):
        trace(Model(), (torch.randn(2, 3),))


def test_inputs_that_were_not_traced_are_refused(converted_bert: ConvertedModule, bert: Network) -> None:
    converted, inputs = converted_bert, bert[1]
    with pytest.raises(ValueError, match="must be input_ids, as the program was traced"):
        converted(attention_mask=torch.ones(2, 16), **inputs)
    assert converted(inputs["input_ids"]).logits.shape == (4, 10)


def test_clipping_narrows_the_domains(converted_bert: ConvertedModule) -> None:
    converted_bert.set_approximation(Approximation(segments=8, placement="uniform"))
    whole = {name: t.domain for name, t in converted_bert.tables.items()}
    converted_bert.set_approximation(Approximation(segments=8, placement="uniform", clip=0.05))
    clipped = {name: t.domain for name, t in converted_bert.tables.items()}
    assert all(clipped[n][1] - clipped[n][0] <= whole[n][1] - whole[n][0] for n in whole)
    assert sum(clipped[n] != whole[n] for n in whole) > len(whole) / 2


def test_a_site_that_calibration_never_reached_is_named() -> None:
    with pytest.warns(UserWarning, match="no finite input of gelu: fitted on the default domain"):
        converted = convert(nn.GELU(), (torch.randn(2, 3),), calibration=[(torch.full((2, 3), torch.inf),)])
    assert converted.tables["gelu"].domain == (-8.0, 8.0)


def test_an_empty_calibration_is_refused(bert: Network) -> None:
    model, inputs = bert
    with pytest.raises(ValueError, match="calibration = no batch"):
        convert(model, inputs, calibration=[])


class Scaled(nn.Module):
    """Takes a number and a flag beside its tensor."""

    def forward(self, x: torch.Tensor, scale: float = 1.0, flag: bool = True) -> torch.Tensor:
        y = torch.tanh(scale * x)
        return y if flag else -y


def test_a_number_among_the_inputs_is_part_of_the_program(tmp_path) -> None:
    x = torch.randn(3, 4)
    converted = convert(Scaled(), (x, 2.0, False), Approximation())
    converted.save(tmp_path / "scaled")
    for module in (converted, load(tmp_path / "scaled")):
        torch.testing.assert_close(module(x, 2.0, flag=False), converted(x, 2, False))
        for arguments, message in (
            ((x, 3.0, False), r"^scale = 3.0: must be 2.0, which the program was traced with$"),
            ((x, 2.0, True), r"^flag = True: must be False, which"),
            ((x, 2.0, 0), r"^flag = 0: must be False, which"),
            ((x, torch.tensor(2.0), False), r"^scale = a tensor: must be 2.0, which"),
        ):
            with pytest.raises(ValueError, match=message):
                module(*arguments)
    program = machine.load(tmp_path / "scaled")
    inputs = {"x": x.numpy(), "scale": 2.0, "flag": False}
    np.testing.assert_allclose(program.run(inputs), converted(x, 2.0, False).numpy(), atol=1e-6)
    with pytest.raises(ValueError, match=r"scale .*3.0: must be 2.0, which the program was traced with"):
        program.run({**inputs, "scale": 3.0})
