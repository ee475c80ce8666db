"""The native passes against torch's exact arithmetic, and the whole emulation with and without them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from approx.network import Approximation, Numerics, convert
from approx.network.fixed import native
from approx.network.fixed.native import Epilogue, Packed, Range
from approx.network.fixed.windows import Filters, Windows, convolution
from approx.network.fixed.words import Word

aten = torch.ops.aten
pytestmark = pytest.mark.skipif(not native.AVAILABLE, reason="the C extension was not built")
multiplies = pytest.mark.skipif(not native.MULTIPLIES, reason="this CPU has no products of 16-bit pairs")


def integers(limit: int, *shape: int) -> Tensor:
    found = torch.randint(-limit, limit + 1, shape).float()
    found.view(-1)[0], found.view(-1)[-1] = limit, -limit
    return found


def exact(x: Tensor, factor: float, limit: float, step: float) -> Tensor:
    return ((x.double() * factor).round().clamp(-limit, limit) * step).float()


@pytest.mark.parametrize("op", [aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4, 37), (3, 4, 37)),
        ((3, 4, 37), (3, 4, 1)),
        ((3, 4, 37), (37,)),
        ((3, 1, 1, 37), (3, 2, 5, 37)),
        ((1,), (2, 3)),
        ((2, 3), ()),
    ],
)
def test_hadamard_is_exact_and_rounded_once(op: Any, a: tuple[int, ...], b: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, y = integers(32767, *a) * 2.0**-12, integers(32767, *b) * 2.0**-9
    found = native.hadamard(op, x, y, 2.0**8, 32767, 2.0**-8)
    assert torch.equal(found, exact(op(x.double(), y.double()), 2.0**8, 32767, 2.0**-8))


def test_layouts_are_kept_and_halves_go_to_the_even_integer() -> None:
    x = torch.arange(-8.0, 8.0).view(4, 4).T / 2
    y = native.rounded(x, 1.0, 3, 1.0)
    assert y.stride() == x.stride()
    assert torch.equal(y, exact(x, 1.0, 3, 1.0))
    assert torch.equal(native.hadamard(aten.add.Tensor, x, x, 1.0, 3, 1.0), exact(x + x, 1.0, 3, 1.0))
    assert torch.equal(native.hadamard(aten.sub.Tensor, x, x.T, 1.0, 3, 1.0), exact(x - x.T, 1.0, 3, 1.0))
    assert torch.equal(native.rounded(x[:, ::2], 1.0, 3, 1.0), exact(x[:, ::2], 1.0, 3, 1.0))
    assert native.rounded(torch.tensor([float("nan")]), 1.0, 3, 1.0).isnan().all()


def test_a_lookup_finds_the_entry_of_every_word() -> None:
    word = Word(16, 12)
    entries = torch.randn(2 * word.limit + 1)
    every = torch.arange(-word.limit, word.limit + 1)
    order = torch.randperm(every.numel())
    assert torch.equal(native.lookup(every[order] * word.step, entries, 2.0**12, word.limit), entries[order])


@pytest.fixture(params=["avx512", "avx2"])
def instructions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every instruction set that matrix products are written for and this CPU has."""
    name: str = request.param
    if not native._words.multiplies(name):
        pytest.skip(f"this CPU has no {name}")
    monkeypatch.setattr(native, "INSTRUCTIONS", name)
    return name


@multiplies
@pytest.mark.parametrize("limits", [(127, 127), (32767, 127), (32767, 32767), (2047, 511)])
@pytest.mark.parametrize("sizes", [(5, 7, 3), (64, 16, 64), (33, 1200, 17), (4, 64, 32), (1, 1, 1)])
@pytest.mark.parametrize("batch", [(), (2, 3), (2, 1, 3)])
def test_products_are_exact(
    limits: tuple[int, int], sizes: tuple[int, int, int], batch: tuple[int, ...], instructions: str
) -> None:
    torch.manual_seed(0)
    (m, k, n), (left, right) = sizes, limits
    a, b = integers(left, *batch, m, k), integers(right, *batch, n, k).transpose(-1, -2)
    a[..., 0, :], b[..., 0] = left, right  # the largest sum that there can be
    cut, factor = Range(left, right).cut(k), torch.full((n,), 2.0**-14).double()
    bias = integers(10**6, n).double()
    assert cut is not None
    expected = exact(a.double() @ b.double() + bias, 2.0**-14, 32767, 0.5)
    assert torch.equal(native.product(a, b, cut, Epilogue(bias, factor, 32767, 0.5)), expected)
    if not batch:
        assert torch.equal(native.product(a, Packed(b), cut, Epilogue(bias, factor, 32767, 0.5)), expected)


@multiplies
@pytest.mark.parametrize("limit", [127, 32767])
@pytest.mark.parametrize(
    ("size", "window", "groups"),
    [
        ((15, 16), (1, 1), 1),
        ((15, 16), (3, 3), 2),
        ((15, 16), (7, 5), 6),
        ((30,), (3,), 1),
        ((30,), (4,), 6),
        ((30,), (1,), 3),
        ((6, 7, 8), (3, 2, 1), 1),
        ((6, 7, 8), (3, 3, 3), 6),
    ],
)
@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 3, 1), (1, 2, 2), (2, 0, 1)])
def test_convolutions_are_exact(
    limit: int,
    size: tuple[int, ...],
    window: tuple[int, ...],
    groups: int,
    stride: int,
    padding: int,
    dilation: int,
    instructions: str,
) -> None:
    torch.manual_seed(0)
    if any(dilation * (w - 1) + 1 > n + 2 * padding for n, w in zip(size, window, strict=True)):
        pytest.skip("the window is larger than the image")
    x, weight = integers(limit, 2, 6, *size), integers(limit, 18, 6 // groups, *window)
    bias, factor = integers(10**6, 18).double(), torch.full((18,), 2.0**-15).double()
    op = (torch.conv1d, torch.conv2d, torch.conv3d)[len(size) - 1]
    sums = op(x.double(), weight.double(), bias, stride, padding, dilation, groups)
    terms = weight[0].numel()
    cut, windows = Range(limit, limit).cut(terms), Windows.of(window, stride, padding, dilation, groups)
    assert cut is not None
    for layout in (x, x.movedim(1, -1).contiguous().movedim(-1, 1)):
        epilogue, filters = Epilogue(bias, factor, 32767, 1.0), Filters(weight, groups)
        found = convolution(layout, filters, windows, cut, epilogue, largest=limit**2 * terms)
        assert torch.equal(found, exact(sums, 2.0**-15, 32767, 1.0))


@multiplies
@pytest.mark.parametrize("limit", [127, 32767])
@pytest.mark.parametrize("channels", [1, 15, 16, 64, 100])
def test_a_convolution_of_every_channel_alone_is_exact(limit: int, channels: int) -> None:
    torch.manual_seed(0)
    x, weight = integers(limit, 2, channels, 5, 6), integers(limit, channels, 1, 3, 3)
    factor, largest = torch.full((channels,), 2.0**-15).double(), limit**2 * 9
    windows, cut = Windows.of((3, 3), 1, 1, 1, channels), Range(limit, limit).cut(9)
    assert cut is not None
    epilogue = Epilogue(None, factor, 32767, 1.0)
    found = convolution(x, Filters(weight, channels), windows, cut, epilogue, largest=largest)
    sums = torch.conv2d(x.double(), weight.double(), None, 1, 1, 1, channels)
    assert torch.equal(found, exact(sums, 2.0**-15, 32767, 1.0))


class Mixed(nn.Module):
    """Convolutions, attention's softmax, a layer norm, masks and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 6, 3, stride=2, padding=1)
        self.norm, self.linear = nn.LayerNorm(6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.nn.functional.silu(self.convolution(x)).flatten(2).transpose(1, 2)
        weights = (y @ y.transpose(1, 2) * 0.3 + torch.ones(16, 16).triu(1) * -1e4).softmax(-1)
        result: Tensor = self.linear(self.norm(weights @ y + y)).mean(1)
        return result


@pytest.mark.parametrize("data", ["int8", "int16", "int6"])
def test_torch_gives_the_same_bits_where_the_extension_or_the_cpu_cannot_serve(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 2, 8, 8)
    converted = convert(Mixed(), (x,), Approximation(8), calibration=[(x,)], numerics=Numerics(data))

    inputs = 3 * torch.randn(7, 2, 8, 8)

    def run() -> Tensor:
        with torch.no_grad():
            result: Tensor = converted(inputs)
        return result

    fast = run()
    monkeypatch.setattr(native, "INSTRUCTIONS", "avx2")
    assert not native.MULTIPLIES or torch.equal(run(), fast)
    monkeypatch.setattr(native, "MULTIPLIES", False)
    assert torch.equal(run(), fast)
    monkeypatch.setattr(native, "AVAILABLE", False)
    assert torch.equal(run(), fast)
    monkeypatch.undo()
    with_gradients: Tensor = converted(inputs)
    assert with_gradients.requires_grad
    assert torch.equal(with_gradients.detach(), fast)


def test_weights_that_diverged_show() -> None:
    x = torch.randn(4, 6)
    converted = convert(nn.Sequential(nn.Linear(6, 5)), (x,), calibration=[(x,)], numerics=Numerics("int16"))
    with torch.no_grad():
        next(converted.parameters()).fill_(float("nan"))
        assert converted(x).isnan().all()
