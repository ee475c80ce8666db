"""Comparisons and choices on computed values: exact, by tables, in fixed point, and in the machine."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from approx import machine
from approx.network import Approximation, Numerics, convert, trace
from approx.network.builder import UnsupportedOperator
from tests.approx.network.forms import Net, error, holds_in_every_form, same_in_machine

Network = Callable[[Any, Tensor], Tensor]


def _set_below(m: Any, x: Tensor) -> Tensor:
    y: Tensor = m.linear(x)
    y[y < 0] = 0.25
    return y


def _experts(m: Any, x: Tensor) -> Tensor:
    weights, index = m.linear(x).softmax(-1).topk(2, -1)
    every = torch.stack([x * (i + 1) for i in range(4)], -2)
    return (every.gather(-2, index[..., None].expand(-1, -1, 4)) * weights[..., None]).sum(-2)


def _logic(m: Any, x: Tensor) -> Tensor:
    y = m.linear(x)
    return (((y > 0) & (x < 0.9) | ~(x > 0.2)) ^ (y > 1)).float() * x


def _nearest(m: Any, x: Tensor) -> Tensor:
    found: Tensor = m.embedding((x[:, None] - m.linear.weight[None]).square().sum(-1).argmin(-1))
    return found


CASES: dict[str, Network] = {
    "leaky relu by where": lambda m, x: torch.where(m.linear(x) > 0, m.linear(x), 0.1 * m.linear(x)),
    "larger of two by where": lambda m, x: torch.where(m.linear(x) >= x, m.linear(x), x),
    "a logarithm where it is defined": lambda m, x: torch.where((y := m.linear(x)) > 0.1, y.log(), y * 0),
    "numbers by where": lambda m, x: torch.where(m.linear(x) > 0, 1.0, -1.0) * x,
    "sign and heaviside": lambda m, x: torch.sign(m.linear(x)) + torch.heaviside(x, torch.tensor(0.5)),
    "whole numbers": lambda _, x: x.mul(3).floor() + x.mul(2).ceil() - x.mul(5).trunc() + x.mul(4).round(),
    "remainders": lambda _, x: torch.remainder(x * 4, 1.5) + torch.fmod(x * 3, 2) + x * 5 % 1 + torch.frac(x),
    "whole quotients": lambda _, x: (x * 4) // 0.75 + torch.div(x * 3, 0.7, rounding_mode="trunc"),
    "shrinking": lambda _, x: F.hardshrink(x * 2) + F.softshrink(x * 2) + F.threshold(x, 0.3, -1.0),
    "rounded to a grid": lambda m, x: torch.round(m.linear(x) / 0.1).clamp(-8, 7) * 0.1,
    "index put by a mask": _set_below,
    "masked scores": lambda m, x: m.linear(x).masked_fill(x > 1, -math.inf).softmax(-1),
    "logic": _logic,
    "counts": lambda m, x: x * (y := m.linear(x) > 0).sum(-1, keepdim=True) + y.cumsum(-1),
    "any and all": lambda m, x: torch.where((m.linear(x) > 1).any(-1, True), x, -x) * (x > -2).all(-1, True),
    "masked mean": lambda m, x: (x * (k := (m.linear(x) > 0).float())).sum(-1) / k.sum(-1).clamp(min=1),
    "whole numbers by where, as indices": lambda m, x: m.embedding(torch.where(m.linear(x)[:, 0] > 0, 1, 2)),
    "arithmetic of places": lambda m, x: m.embedding(((p := m.linear(x).argmax(-1)) * 2 - 1) % 3 + p // 3),
    "magnitudes of whole numbers": lambda m, x: m.embedding((x * 2).long().abs()[:, 0].clamp(max=3)),
    "masked scatter": lambda m, x: x.mul(0.5).masked_scatter(m.linear(x) > 0, x.flatten()),
    "experts": _experts,
    "scattered shares": lambda m, x: torch.zeros(8, 4).scatter(1, (t := m.linear(x).topk(2))[1], t[0]) * x,
    "scattered marks": lambda m, x: torch.zeros_like(x * 1).scatter(1, m.linear(x).topk(2)[1], 1.0) * x,
    "scattered sums": lambda m, x: torch.zeros_like(x).scatter_add(1, m.linear(x).topk(2)[1], x[:, :2]),
    "marks along a middle axis": lambda m, x: torch.zeros(8, 4, 2).scatter(
        1, torch.stack([x, m.linear(x)], -1).topk(2, 1)[1], 1.0
    ),
    "sorted": lambda m, x: m.linear(x).sort(-1, descending=True)[0] + x.gather(1, m.linear(x).argsort(1)),
    "median and others": lambda m, x: m.linear(x).median(-1)[0] + m.linear(x).kthvalue(2, -1)[0],
    "one hot": lambda m, x: F.one_hot(m.linear(x).argmax(-1), 4) * x,
    "where the largest is": lambda m, x: x.gather(1, m.linear(x).max(1, keepdim=True)[1]),
    "nearest code": _nearest,
    "running maximum": lambda m, x: m.linear(x).cummax(-1)[0] + m.linear(x).cummin(-1)[0],
    "running product and log-sum": lambda m, x: m.linear(x).cumprod(-1) + m.linear(x).logcumsumexp(-1),
    "NaN replaced": lambda m, x: torch.nan_to_num(m.linear(x)) + torch.where(torch.isinf(m.linear(x)), 0, x),
}


def _example(name: str) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(1)
    return Net(CASES[name]).eval(), torch.randn(8, 4)


@pytest.mark.parametrize("name", CASES)
def test_a_choice_is_made_as_in_the_original_in_every_form(name: str, tmp_path: Path) -> None:
    holds_in_every_form(*_example(name), tmp_path)


def test_a_comparison_is_a_lookup_that_the_certificate_calls_a_jump() -> None:
    network, x = _example("leaky relu by where")
    program = trace(network, (x,))
    certificate = program.certificate()
    assert certificate.counts["lookup"] == 2
    assert certificate.counts["host"] == 0
    assert [name.split("_")[0] for name in certificate.jumps] == ["gt"]
    assert "jumps: 1" in str(certificate)
    tables = [op for op in program.workload(8).operations if op.kind == "lookup"]
    assert [op.elements for op in tables] == [32, 32]


def test_a_top_k_costs_a_tournament_for_each_of_its_places() -> None:
    network, x = _example("experts")
    matches = [op for op in trace(network, (x,)).workload(8).operations if op.name.endswith("sort")]
    assert [op.elements for op in matches if op.kind == "lookup"] == [8 * (3 + 2)]


def test_equal_values_are_ordered_by_place(tmp_path: Path) -> None:
    network = Net(lambda _, x: x.relu().topk(3)[1].float()).eval()
    x = torch.tensor([[-1.0, 2.0, -3.0, 2.0], [-1.0, -1.0, -1.0, -1.0]])
    converted = convert(network, (x,), Approximation(), calibration=[(x,)])
    assert converted(x).tolist() == [[1, 3, 0], [0, 1, 2]]
    converted.set_numerics(Numerics("int8"))
    same_in_machine(converted, x, tmp_path, exactly=True)


@pytest.mark.parametrize("threshold", [0.5, 0.1, 0.30000001, -2.0, 100.0, math.inf])
@pytest.mark.parametrize("compare", [torch.gt, torch.ge, torch.lt, torch.le, torch.eq, torch.ne])
def test_a_threshold_between_two_words_is_compared_exactly(
    compare: Any, threshold: float, tmp_path: Path
) -> None:
    network = Net(lambda _, x: compare(x, threshold).float() + 0 * x).eval()
    x = torch.tensor([[0.1, 0.5, 0.30000001, 0.3], [-2.0, 1.99, -1.0, 0.49999]])
    converted = convert(network, (x,), Approximation.exact(), calibration=[(x,)])
    converted.set_numerics(Numerics("int16"))
    same_in_machine(converted, x, tmp_path, exactly=True)


@pytest.mark.parametrize(
    "f", [lambda m, x: x[m.linear(x)[:, 0] > 0], lambda m, x: m.linear(x).nonzero() * 1.0]
)
def test_a_size_that_depends_on_computed_values_is_refused(f: Network) -> None:
    with pytest.raises(
        UnsupportedOperator, match=r"size of its result depends on computed values|data-dependent"
    ):
        trace(Net(f).eval(), (torch.randn(8, 4),))


@torch.no_grad()
def test_a_mixture_of_experts_of_transformers_is_computed_densely(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MixtralConfig(
        vocab_size=20,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        num_local_experts=4,
        num_experts_per_tok=2,
    )
    network = transformers.MixtralModel(config).eval()
    inputs = {"input_ids": torch.randint(0, 20, (2, 5))}
    wanted = network(**inputs).last_hidden_state
    converted = convert(network, inputs, Approximation.exact(), calibration=[inputs])
    assert error(converted(**inputs).last_hidden_state, wanted) < 1e-5
    products = [op for op in converted.workload(2).operations if op.kind == "gemm" and op.count == 4]
    assert [op.m for op in products if "experts" in op.name] == [10, 10]  # every expert sees every token


def test_a_function_of_an_inputs_whole_numbers(tmp_path: Path) -> None:
    class Buckets(nn.Module):
        """Places far from each other share buckets, as T5 has it."""

        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Embedding(8, 4)

        def forward(self, x: Tensor, places: Tensor) -> Tensor:
            far = places.abs()
            by_log = (4 + torch.log(far.clamp(min=4).float() / 4) / math.log(8) * 4).long().clamp(max=7)
            return x + self.bias(torch.where(far < 4, far, by_log))

    torch.manual_seed(0)
    network, x, places = Buckets(), torch.randn(5, 6, 4), torch.arange(-12, 18).view(5, 6)
    converted = convert(network, (x, places), Approximation(32), calibration=[(x, places)])
    for data in ("fp32", "int16", "int8"):
        converted.set_numerics(Numerics(data))
        result = converted(x, places)
        assert error(result, network(x, places)) < 1e-2
        if data != "fp32":
            converted.save(tmp_path / "network.nm")
            ran = machine.load(tmp_path / "network.nm").run({"x": x.numpy(), "places": places.numpy()})
            assert torch.equal(torch.from_numpy(ran), result)
