"""Inputs of another size than the example's: right, or refused in one line; and which axis is the batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.export import Dim

from approx import machine
from approx.network import Approximation, ConvertedModule, Numerics, convert, load, trace


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


def rnd(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def results(value: Any) -> list[torch.Tensor]:
    return [value] if isinstance(value, torch.Tensor) else [leaf for part in value for leaf in results(part)]


def right_or_refused(model: nn.Module, converted: Any, inputs: tuple[Any, ...]) -> bool:
    """Whether the inputs are served; a refusal is one line that says what is allowed."""
    refusal = ""
    try:
        got = converted(*inputs)
    except ValueError as error:
        refusal = str(error)
    if refusal:
        assert "must" in refusal
        assert "\n" not in refusal
        return False
    for have, want in zip(results(got), results(model(*inputs)), strict=True):
        torch.testing.assert_close(have, want, rtol=1e-4, atol=1e-5)
    return True


def scores(m: Any, x: torch.Tensor) -> torch.Tensor:
    q, k, v = m.a(x).chunk(3, -1)
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


OTHER_SIZES: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], tuple[Any, ...]]] = {
    "adaptive pooling": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(4)),
        (rnd(2, 3, 16, 16),),
        (rnd(2, 3, 18, 18),),
    ),
    "steps of a recurrence": (
        lambda: Function(lambda m, x: m.a(x)[0][:, -1], a=nn.LSTM(5, 6, batch_first=True)),
        (rnd(2, 7, 5),),
        (rnd(2, 9, 5),),
    ),
    "a size in arithmetic": (
        lambda: Function(lambda m, x: m.a(x).sum(1) / x.shape[1], a=nn.Linear(8, 8)),
        (rnd(2, 6, 8),),
        (rnd(2, 12, 8),),
    ),
    "a size under a root": (
        lambda: Function(lambda m, x: m.a(x) * x.shape[1] ** -0.5 + x.shape[1] // 2, a=nn.Linear(8, 8)),
        (rnd(2, 6, 8),),
        (rnd(2, 12, 8),),
    ),
    "positions": (
        lambda: Function(lambda m, x: x + m.a(torch.arange(x.shape[1])), a=nn.Embedding(16, 8)),
        (rnd(2, 6, 8),),
        (rnd(2, 9, 8),),
    ),
    "a computed view": (
        lambda: Function(
            lambda m, x: m.a(x).reshape(x.shape[0], x.shape[1] // 2, 2 * x.shape[2]).sum(1), a=nn.Linear(8, 8)
        ),
        (rnd(2, 6, 8),),
        (rnd(2, 8, 8),),
    ),
    "a mask of the length": (
        lambda: Function(scores, a=nn.Linear(8, 24)),
        (rnd(2, 6, 8),),
        (rnd(2, 9, 8),),
    ),
    "a size that decides": (
        lambda: Function(lambda m, x: m.a(x) if x.shape[1] > 8 else x * 2, a=nn.Linear(8, 8)),
        (rnd(2, 6, 8),),
        (rnd(2, 9, 8),),
    ),
    "a batch that decides": (
        lambda: Function(lambda m, x: m.a(x) if x.shape[0] == 1 else x * 2, a=nn.Linear(8, 8)),
        (rnd(2, 8),),
        (rnd(1, 8),),
    ),
    "a loop over samples": (
        lambda: Function(lambda m, x: torch.stack([m.a(row) for row in x]), a=nn.Linear(8, 8)),
        (rnd(2, 8),),
        (rnd(5, 8),),
    ),
    "a batch laid out": (
        lambda: Function(lambda m, x: m.a(x).view(2, -1) * x.numel(), a=nn.Linear(8, 8)),
        (rnd(2, 8),),
        (rnd(4, 8),),
    ),
    "inputs that share an axis": (
        lambda: Function(lambda m, x, y: m.a(x) + y, a=nn.Linear(8, 8)),
        (rnd(2, 8), rnd(2, 8)),
        (rnd(4, 8), rnd(3, 8)),
    ),
    "an input that is broadcast": (
        lambda: Function(lambda m, x, y: m.a(x) + y, a=nn.Linear(8, 8)),
        (rnd(2, 8), rnd(2, 8)),
        (rnd(4, 8), rnd(1, 8)),
    ),
    "resampling": (
        lambda: Function(
            lambda m, x: F.interpolate(m.a(x), size=(x.shape[2] * 2, x.shape[3] * 2)),
            a=nn.Conv2d(3, 4, 3, padding=1),
        ),
        (rnd(2, 3, 6, 6),),
        (rnd(2, 3, 8, 8),),
    ),
    "time first": (lambda: nn.LSTM(5, 6), (rnd(7, 2, 5),), (rnd(7, 1, 5),)),
    "time first, a state given": (
        lambda: Function(lambda m, x, h: m.a(x, h), a=nn.GRU(5, 6)),
        (rnd(7, 2, 5), rnd(1, 2, 6)),
        (rnd(7, 3, 5), rnd(1, 3, 6)),
    ),
}


@pytest.mark.parametrize("case", OTHER_SIZES)
def test_another_size_is_right_or_refused(case: str, tmp_path: Path) -> None:
    make, inputs, others = OTHER_SIZES[case]
    torch.manual_seed(0)
    model = make().eval()
    converted = convert(model, inputs, Approximation.exact())
    with torch.no_grad():
        assert right_or_refused(model, converted, inputs)
        served = right_or_refused(model, converted, others)
        converted.save(tmp_path / "saved")
        assert right_or_refused(model, load(tmp_path / "saved"), others) is served


SERVED = ["time first", "time first, a state given"]


@pytest.mark.parametrize("case", SERVED)
def test_the_batch_may_be_any_axis(case: str) -> None:
    make, inputs, others = OTHER_SIZES[case]
    model = make().eval()
    assert right_or_refused(model, convert(model, inputs, Approximation.exact()), others)


STATED = [
    ("a size in arithmetic", {1: Dim("length")}),
    ("a size under a root", {1: Dim("length")}),
    ("positions", {1: Dim("length", max=16)}),
    ("a computed view", {1: Dim.AUTO}),
    ("a mask of the length", {0: Dim("batch"), 1: Dim("length")}),
]


@pytest.mark.parametrize(("case", "free"), STATED)
def test_axes_that_are_said_to_be_free_are(case: str, free: dict[int, Any], tmp_path: Path) -> None:
    make, inputs, others = OTHER_SIZES[case]
    torch.manual_seed(0)
    model = make().eval()
    converted = convert(
        model,
        inputs,
        Approximation(32),
        calibration=[inputs, others],
        dynamic_shapes=({0: Dim.AUTO, **free},),
    )
    converted.save(tmp_path / "saved")
    program = machine.load(tmp_path / "saved")
    for given in (inputs, others, tuple(x[:1] for x in others)):
        with torch.no_grad():
            got = converted(*given)
            assert torch.equal(load(tmp_path / "saved")(*given), got)
            torch.testing.assert_close(got, model(*given), rtol=2e-2, atol=2e-2)
        arrays = {name: x.numpy() for name, x in zip(program.inputs, given, strict=True)}
        torch.testing.assert_close(torch.from_numpy(program.run(arrays)), got, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 20])
def test_what_kernels_ask_of_a_batch_is_no_condition(batch: int) -> None:
    layers = (nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten())
    model = nn.Sequential(*layers, nn.Linear(72, 4)).eval()
    converted = convert(model, (rnd(batch, 3, 10, 10),), Approximation.exact())
    assert converted.program.call.sizes.conditions == ("batch >= 1",)
    assert all(right_or_refused(model, converted, (rnd(other, 3, 10, 10),)) for other in (1, 3, 40))


def test_what_the_model_asks_after_a_kernel_did_is_one() -> None:
    def asked(m: Any, x: torch.Tensor) -> torch.Tensor:
        y = m.a(x).contiguous()
        return y * 2 if x.shape[0] == 1 or x.shape[0] >= 16 else y

    model = Function(asked, a=nn.Conv2d(3, 4, 3)).eval()
    for batch in (2, 20):
        converted = convert(model, (rnd(batch, 3, 8, 8),), Approximation.exact())
        served = [right_or_refused(model, converted, (rnd(other, 3, 8, 8),)) for other in (1, 3, 40)]
        assert served == [batch == 20, batch == 2, batch == 20]


def halves() -> tuple[nn.Module, ConvertedModule]:
    model = Function(lambda m, x: m.a(x).view(x.shape[0], x.shape[1] // 2, 16), a=nn.Linear(8, 8)).eval()
    x = rnd(2, 6, 8)
    free = {0: Dim("batch"), 1: Dim("length", min=4, max=20)}
    return model, convert(model, (x,), Approximation(8), calibration=[(x,)], dynamic_shapes=(free,))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (2, 7, 8),
            r"args_0.shape\[1\] = 7: must satisfy args_0.shape\[1\] == 2 \* \(args_0.shape\[1\] // 2\)",
        ),
        ((2, 2, 8), r"args_0.shape\[1\] = 2: must satisfy args_0.shape\[1\] >= 4"),
        ((2, 22, 8), r"args_0.shape\[1\] = 22: must satisfy args_0.shape\[1\] <= 20"),
        (
            (2, 6, 9),
            r"args_0.shape\[2\] = 9: must be 8, as the program was traced; dynamic_shapes frees an axis",
        ),
        ((2, 6), r"args_0 has shape \(2, 6\): must be \(batch, n0, 8\), 3 dimensions"),
        ((0, 6, 8), r"args_0.shape\[0\] = 0: must satisfy args_0.shape\[0\] >= 1"),
    ],
)
def test_a_refusal_names_the_input_the_size_and_what_is_allowed(
    shape: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    _, converted = halves()
    with pytest.raises(ValueError, match=message):
        converted(torch.zeros(shape))
    converted.save(tmp_path / "saved")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "saved")(torch.zeros(shape))
    with pytest.raises(ValueError, match=message):
        machine.load(tmp_path / "saved").run({"args_0": torch.zeros(shape).numpy()})


@pytest.mark.parametrize(("data", "largest"), [("fp32", 8), ("int16", 6), ("int8", 6)])
def test_tables_and_words_serve_the_sizes_that_they_were_made_for(
    data: str, largest: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Function(scores, a=nn.Linear(8, 24)).eval()
    free = ({0: Dim("batch"), 1: Dim("length")},)
    batches = [(rnd(64, length, 8),) for length in (4, 8)]
    converted = convert(model, (rnd(2, 6, 8),), Approximation(32), batches, Numerics(data), free)
    converted.save(tmp_path / "saved")
    program = machine.load(tmp_path / "saved")
    runs = (converted, load(tmp_path / "saved"), lambda x: program.run({"args_0": x.numpy()}))
    for length in (3, largest + 1):
        for run in runs:
            with pytest.raises(
                ValueError, match=rf"shape\[1\] = {length}: must be from 4 to {largest}, for which"
            ):
                run(rnd(3, length, 8))
    for length in (4, largest):
        x = rnd(3, length, 8)
        with torch.no_grad():
            got, want = converted(x), model(x)
        assert float((got - want).abs().max() / want.abs().max()) < {"int8": 0.15}.get(data, 2e-2)
        torch.testing.assert_close(torch.from_numpy(program.run({"args_0": x.numpy()})), got)
    converted.set_approximation(Approximation.exact(), Numerics())
    assert right_or_refused(model, converted, (rnd(2, 9, 8),))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"y": {0: Dim.AUTO}}, "dynamic_shapes = y: must be of args_0"),
        (3, "dynamic_shapes = int: must be a dict by argument or a tuple"),
        (({3: Dim.AUTO},), r"dynamic_shapes\['args_0'\] = 3: must be an axis of a tensor of 2 dimensions"),
        (
            ({1: Dim("width")},),
            r"dynamic_shapes: args_0.shape\[1\] = width: must be 8, which the model fixes",
        ),
    ],
)
def test_free_axes_that_do_not_fit_are_refused(stated: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        trace(Function(lambda m, x: m.a(x), a=nn.Linear(8, 8)), (rnd(2, 8),), dynamic_shapes=stated)
    assert "\n" not in str(refusal.value)


# What counts as an inference


def propagate(m: Any, x: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    messages = m.a(x)[edges[0]]
    return m.b(torch.zeros_like(x).index_add(0, edges[1], messages))


EDGES = torch.tensor([[0, 1, 2, 3, 4, 5, 1], [1, 2, 3, 4, 5, 0, 4]])
GRAPHS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "edges first": (lambda m, e, x: propagate(m, x, e), (EDGES, rnd(6, 8))),
    "nodes first": (propagate, (rnd(6, 8), EDGES)),
    "a dense adjacency": (lambda m, x, a: m.b(a @ m.a(x)), (rnd(6, 8), rnd(6, 6))),
    "a dense adjacency first": (lambda m, a, x: m.b(a @ m.a(x)), (rnd(6, 6), rnd(6, 8))),
    "pooled": (lambda m, x, e: propagate(m, x, e).mean(0), (rnd(6, 8), EDGES)),
    "an image alone": (lambda m, x: F.avg_pool2d(x.mean(0, True), 2), (rnd(3, 8, 8),)),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_parts_of_one_thing_are_no_inferences(case: str) -> None:
    function, inputs = GRAPHS[case]
    program = trace(Function(function, a=nn.Linear(8, 8), b=nn.Linear(8, 8)), inputs)
    assert program.workload(1).batch == 1
    with pytest.raises(ValueError, match="batch = 64: must be 1, as no axis of the inputs is a batch"):
        program.workload(64)


def encoder(m: Any, x: torch.Tensor) -> Any:
    return m.a(x)


BATCHES: dict[str, tuple[Callable[..., Any], dict[str, nn.Module], tuple[Any, ...]]] = {
    "leading": (encoder, {"a": nn.Linear(8, 8)}, (rnd(3, 8),)),
    "of one example": (encoder, {"a": nn.Linear(8, 8)}, (rnd(1, 8),)),
    "time first, recurrent": (lambda m, x: m.a(x)[0], {"a": nn.LSTM(8, 8)}, (rnd(7, 2, 8),)),
    "time first, recurrent, one example": (lambda m, x: m.a(x)[0], {"a": nn.LSTM(8, 8)}, (rnd(7, 1, 8),)),
    "time first, attention": (
        encoder,
        {"a": nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0)},
        (rnd(7, 2, 8),),
    ),
    "convolved": (encoder, {"a": nn.Conv1d(8, 8, 3)}, (rnd(2, 8, 9),)),
    "samples picked by position": (
        lambda m, x, i: m.a(x)[torch.arange(x.shape[0]), i],
        {"a": nn.Linear(8, 8)},
        (rnd(2, 5, 8), torch.tensor([1, 3])),
    ),
    "two towers": (
        lambda m, x, y: m.a(x) @ m.b(y).T,
        {"a": nn.Linear(8, 8), "b": nn.Linear(8, 8)},
        (rnd(2, 8), rnd(2, 8)),
    ),
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_is_found_and_counts_inferences(case: str) -> None:
    function, modules, inputs = BATCHES[case]
    program = trace(Function(function, **modules).eval(), inputs)
    one, many = program.workload(1), program.workload(8)
    assert many.batch == 8
    macs = [
        sum(op.m * op.n * op.k * op.count for op in w.operations if hasattr(op, "k")) for w in (one, many)
    ]
    assert macs[1] >= 8 * macs[0]


def test_a_batch_that_the_model_fixes_is_that_of_the_example() -> None:
    program = trace(Function(lambda m, x: m.a(x).view(4, 8) + 1, a=nn.Linear(8, 8)), (rnd(4, 8),))
    assert program.workload(4).batch == 4
    with pytest.raises(ValueError, match="batch = 1: must be 4, which the model fixes"):
        program.workload(1)


def test_a_stated_batch_counts() -> None:
    free = ({0: Dim("nodes"), 1: Dim.STATIC}, {1: Dim("edges")})
    program = trace(Function(propagate, a=nn.Linear(8, 8), b=nn.Linear(8, 8)), (rnd(6, 8), EDGES), free)
    assert program.workload(1).batch == 1
    with pytest.raises(ValueError, match="batch = 2: must be 1"):
        program.workload(2)
    named = trace(nn.Linear(8, 8), (rnd(5, 4, 8),), ({0: Dim("steps"), 1: Dim("batch")},))
    (gemm,) = named.workload(3).operations
    assert gemm.m == 15


def test_tables_serve_no_other_batch_where_its_size_is_a_number() -> None:
    class Scaled(nn.Module):
        """Values that grow with the batch."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * x.shape[0]).tanh()

    x = torch.randn(3, 4)
    converted = convert(Scaled(), (x,), Approximation.exact(), calibration=[(x,)])
    more = torch.cat([x, x])
    torch.testing.assert_close(converted(more), Scaled()(more))
    converted.set_approximation(Approximation(32))
    assert (converted(x) - Scaled()(x)).abs().max() < 1e-3
    with pytest.raises(ValueError, match=r"x\.shape\[0\] = 6: must be"):
        converted(more)
