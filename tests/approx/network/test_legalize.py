"""What legalization refuses, what it leaves to the host, and how it follows writes and structures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils import _pytree as pytree

from accel_models import Gemm, Hadamard, Lookup
from approx.network import Approximation, UnsupportedOperator, convert, trace


class Function(nn.Module):
    """A function of several tensors, with modules and buffers of its own."""

    def __init__(self, function: Callable[..., Any], **members: Any) -> None:
        super().__init__()
        self.function = function
        for name, member in members.items():
            setattr(self, name, member)

    def forward(self, *args: torch.Tensor) -> Any:
        return self.function(self, *args)


@dataclass
class Result:
    values: torch.Tensor
    rest: dict[str, Any]


pytree.register_dataclass(Result)


def converted_equals(model: nn.Module, *inputs: Any) -> Any:
    model.eval()
    converted = convert(model, inputs, Approximation.exact())
    expected, got = model(*inputs), converted(*inputs)
    assert type(got) is type(expected)
    leaves = pytree.tree_leaves
    torch.testing.assert_close(leaves(got), leaves(expected), rtol=1e-5, atol=1e-6)
    return converted


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "a size by computed values": (lambda _, x: x[(x * 2)[:, 0] > 0], "size of its result depends"),
    "the commonest value": (lambda _, x: (x * 2).mode(-1)[0], "no tournament"),
    "chance": (lambda _, x: x + torch.randn_like(x), "random numbers"),
    "no catalogue entry": (lambda _, x: torch.i0(x), r"no rule .* @rule\(torch\.ops\.aten\.i0"),
    "a complex quotient": (lambda _, x: (1 / torch.fft.rfft(x)).abs(), "no form on pairs of real numbers"),
    "a branch": (
        lambda _, x: torch.cond(x.sum() > 0, lambda y: y + 1, lambda y: y - 1, (x,)),
        "torch.where on their results",
    ),
    "a changed weight": (lambda m, x: x * m.weight.mul_(2), "no buffer of the model"),
    "a write through a copy or view": (
        lambda _, x: _write(x * 2, lambda y: y.reshape(-1, 2)),
        "source is read later",
    ),
    "a write through a part": (
        lambda _, x: _write(x * 2, lambda y: y.chunk(2, 1)[0]),
        "source is read later",
    ),
    "lower precision inside": (lambda m, x: _autocast(x), "autocast"),
}


def _write(x: torch.Tensor, view: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    view(x).add_(1)
    return x * 2


def _autocast(x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", enabled=True):
        return x @ x.mT


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_matrix_program_holds_is_refused_with_a_reason(case: str) -> None:
    function, reason = REFUSED[case]
    model = Function(function, weight=nn.Parameter(torch.ones(1), requires_grad=False))
    with pytest.raises(UnsupportedOperator, match=f"^op .* at the model itself.*{reason}"):
        trace(model, (torch.randn(3, 4),))


def test_integers_and_masks_of_inputs_are_the_hosts() -> None:
    def pooled(_: Any, x: torch.Tensor, ids: torch.Tensor) -> Any:
        mask = ids > 2
        chosen = x[torch.arange(x.shape[0]), ids.argmax(-1)]
        inverse = 1.0 - mask.float()
        addend = inverse.masked_fill(inverse.to(torch.bool), -1e4)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return chosen, x + addend[..., None], mean

    converted_equals(Function(pooled), torch.randn(3, 5, 4), torch.randint(0, 6, (3, 5)))


def test_a_function_of_integers_is_a_site() -> None:
    converted = converted_equals(
        Function(lambda _, i: torch.exp(i) + torch.log1p(i.float())), torch.arange(6).view(3, 2)
    )
    assert converted.program.certificate().functions == {"exp": 1, "log": 1}


def test_computed_integers_may_be_put_out() -> None:
    converted_equals(
        Function(lambda _, x: {"class": (x * 2).argmax(-1) + 1, "best": (x * 3).max(-1), "sure": x * 2 > 1}),
        torch.randn(3, 4),
    )


def test_results_keep_their_structure() -> None:
    x = torch.randn(3, 4)
    got = converted_equals(Function(lambda _, x: Result(x * 2, {"a": [x.sum(1), (x, None)]})), x)(x)
    assert isinstance(got, Result)
    assert converted_equals(Function(lambda _, x: x), x)(x) is not None


def test_inputs_need_not_share_a_leading_size() -> None:
    converted_equals(Function(lambda _, x, y: x @ y.T), torch.randn(3, 4), torch.randn(5, 4))
    program = trace(Function(lambda _, x, y: (x * 2, y * 2)), (torch.randn(3, 4), torch.randn(3, 2)))
    assert [op.elements for op in program.workload(7).operations if isinstance(op, Hadamard)] == [28, 14]


class Scaled(nn.Module):
    def forward(
        self, x: torch.Tensor, times: int = 2, negate: bool = False, *, by: float = 1.0, **more: Any
    ) -> torch.Tensor:
        y = x * times * by * more.get("weight", 1.0)
        return -y if negate else y


def test_numbers_and_keywords_among_the_inputs() -> None:
    inputs = {"x": torch.randn(3, 4), "times": 3, "negate": True, "by": 0.5, "weight": torch.randn(3, 1)}
    converted = convert(Scaled(), inputs, Approximation.exact())
    larger = {**inputs, "x": torch.randn(6, 4), "weight": torch.randn(6, 1)}
    torch.testing.assert_close(converted(**larger), Scaled()(**larger))


def test_tied_weights_stay_tied() -> None:
    model = Function(lambda m, x: F.linear(torch.relu(m.inner(x)), m.inner.weight.T), inner=nn.Linear(4, 6))
    converted = converted_equals(model, torch.randn(3, 4))
    assert len(list(converted.parameters())) == 2


def test_time_may_come_first() -> None:
    x = torch.randn(5, 3, 8)
    assert isinstance(converted_equals(nn.GRU(8, 16, bidirectional=True), x)(x), tuple)


def test_a_recurrence_has_one_table_for_all_steps() -> None:
    program = trace(nn.LSTM(8, 16, batch_first=True), (torch.randn(3, 5, 8),))
    assert program.certificate().functions == {"sigmoid": 1, "tanh": 2}
    lookups = [op for op in program.workload().operations if isinstance(op, Lookup)]
    assert sum(op.elements for op in lookups) == 5 * 5 * 16


def test_a_transposed_convolution_is_a_product_an_input_position() -> None:
    operations = trace(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (torch.randn(2, 4, 5, 5),)).workload()
    gemm, overlap = operations.operations
    assert isinstance(gemm, Gemm)
    assert (gemm.m, gemm.n, gemm.k, gemm.count) == (25, 27, 2, 2)
    assert overlap.elements == 25 * 54 - 6 * 11 * 11


@pytest.mark.parametrize("boolean", [True, False])
def test_a_row_that_is_masked_throughout_is_zero(boolean: bool) -> None:
    x, hidden = torch.randn(3, 2, 5, 4), torch.zeros(3, 1, 5, 5, dtype=torch.bool)
    hidden[0, 0, 2] = hidden[1, 0, :, 3] = True
    mask = ~hidden if boolean else torch.zeros(3, 1, 5, 5).masked_fill(hidden, -torch.inf)
    model = Function(lambda _, x, m: F.scaled_dot_product_attention(x, x, x, attn_mask=m))
    got = converted_equals(model, x, mask)(x, mask)
    assert got[0, :, 2].abs().max() == 0


def test_queries_may_share_heads() -> None:
    model = Function(lambda _, q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True))
    converted_equals(model, torch.randn(3, 4, 5, 8), torch.randn(3, 2, 5, 8))


def test_words_change_type_where_the_model_says() -> None:
    model = Function(lambda m, x: m.inner(x).double().softmax(-1).float(), inner=nn.Linear(4, 4))
    converted_equals(model, torch.randn(3, 4))


def test_normalization_by_the_batch_itself() -> None:
    converted_equals(nn.BatchNorm2d(3, track_running_stats=False), torch.randn(4, 3, 5, 5))


def test_bags_of_embeddings() -> None:
    converted_equals(nn.EmbeddingBag(20, 8, mode="mean"), torch.randint(0, 20, (3, 6)))
    with pytest.raises(UnsupportedOperator, match="may differ in size"):
        trace(nn.EmbeddingBag(20, 8, mode="sum"), (torch.arange(12), torch.tensor([0, 5, 7])))
