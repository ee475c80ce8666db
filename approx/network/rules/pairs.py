"""Complex numbers as pairs of real ones: rotary embeddings, spectra of a fixed length.

A `Pair` stands for a complex value while the graph is translated; nothing complex is left in the program.
What depends on no input stays as it is until it meets a value that does.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from approx.network.builder import Builder
from approx.network.nodes import aten, shape
from approx.network.rules.elementary import atan2, hypot
from approx.network.rules.periodic import cos, sin
from approx.network.rules.registry import rule


@dataclass(frozen=True)
class Pair:
    """A complex value: its real and its imaginary part."""

    real: fx.Node
    imaginary: fx.Node

    def each(self, b: Builder, target: Any, *args: Any) -> "Pair":
        """The same op on both parts."""
        return Pair(b.op(target, self.real, *args), b.op(target, self.imaginary, *args))


PAIRED: dict[Any, Callable[..., Any]] = {}
"""How an op is rewritten that has a pair among its arguments."""


def paired(*targets: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function for `targets`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        PAIRED.update(dict.fromkeys(targets, function))
        return function

    return register


def as_pair(b: Builder, value: Any) -> Pair:
    """Both parts of a complex constant, a number, or a pair."""
    if isinstance(value, Pair):
        return value
    if not isinstance(value, fx.Node):
        number = complex(value)
        return Pair(*(b.op(aten.scalar_tensor.default, part) for part in (number.real, number.imag)))
    if not value.meta["val"].is_complex():
        return Pair(value, b.op(aten.zeros_like.default, value))
    parts = b.op(aten.view_as_real.default, value)
    return Pair(*(b.op(aten.select.int, parts, -1, i) for i in (0, 1)))


# Into pairs and out of them


@rule(aten.view_as_complex.default)
def view_as_complex(b: Builder, x: fx.Node) -> Pair:
    """The last axis, of size 2, holds the parts."""
    return Pair(b.op(aten.select.int, x, -1, 0), b.op(aten.select.int, x, -1, 1))


@rule(aten.complex.default)
def complex_of(_: Builder, real: fx.Node, imaginary: fx.Node) -> Pair:
    """Two values as one."""
    return Pair(real, imaginary)


@rule(aten.polar.default)
def polar(b: Builder, size: fx.Node, angle: fx.Node) -> Pair:
    """Size and angle."""
    return Pair(b.mul(size, cos(b, angle)), b.mul(size, sin(b, angle)))


@paired(aten.view_as_real.default)
def view_as_real(b: Builder, x: Pair) -> fx.Node:
    """Both parts on a new last axis."""
    return b.op(aten.stack.default, [x.real, x.imaginary], -1)


@paired(aten.real.default)
def real(_: Builder, x: Pair) -> fx.Node:
    """The real part."""
    return x.real


@paired(aten.imag.default)
def imaginary(_: Builder, x: Pair) -> fx.Node:
    """The imaginary part."""
    return x.imaginary


@paired(aten.abs.default)
def size(b: Builder, x: Pair) -> fx.Node:
    """The root of the sum of squares."""
    length: fx.Node = hypot(b, x.real, x.imaginary)
    return length


@paired(aten.angle.default)
def angle(b: Builder, x: Pair) -> fx.Node:
    """The angle of a number in the plane."""
    found: fx.Node = atan2(b, x.imaginary, x.real)
    return found


# Arithmetic


@paired(aten.mul.Tensor, aten.mul.Scalar)
def multiply(b: Builder, x: Any, y: Any) -> Pair:
    """(a + ib)(c + id) = (ac - bd) + i(ad + bc); a real factor multiplies both parts."""
    for one, other in ((x, y), (y, x)):
        if isinstance(one, Pair) and not _is_complex(other):
            return Pair(b.mul(one.real, other), b.mul(one.imaginary, other))
    p, q = as_pair(b, x), as_pair(b, y)
    return Pair(
        b.sub(b.mul(p.real, q.real), b.mul(p.imaginary, q.imaginary)),
        b.add(b.mul(p.real, q.imaginary), b.mul(p.imaginary, q.real)),
    )


def _is_complex(value: Any) -> bool:
    tensor = isinstance(value, fx.Node) and value.meta["val"].is_complex()
    return tensor or isinstance(value, Pair | complex)


@paired(aten.add.Tensor)
def add(b: Builder, x: Any, y: Any) -> Pair:
    """Part by part."""
    p, q = as_pair(b, x), as_pair(b, y)
    return Pair(b.add(p.real, q.real), b.add(p.imaginary, q.imaginary))


@paired(aten.sub.Tensor)
def subtract(b: Builder, x: Any, y: Any) -> Pair:
    """Part by part."""
    p, q = as_pair(b, x), as_pair(b, y)
    return Pair(b.sub(p.real, q.real), b.sub(p.imaginary, q.imaginary))


@paired(aten.conj.default, aten._conj.default, aten.conj_physical.default)
def conjugate(b: Builder, x: Pair) -> Pair:
    """The imaginary part negated."""
    return Pair(x.real, b.neg(x.imaginary))


@paired(aten.div.Tensor, aten.div.Scalar)
def divide(b: Builder, x: Any, y: Any) -> Pair:
    """By a real number that is the same for every input.

    Raises:
        UnsupportedOperator: the divisor is another.
    """
    if not isinstance(x, Pair) or _is_complex(y) or b.varies(y):
        raise b.refusal("a complex quotient; a product with the conjugate over the squared size is supported")
    inverse = b.op(aten.reciprocal.default, y) if isinstance(y, fx.Node) else 1.0 / y
    return Pair(b.mul(x.real, inverse), b.mul(x.imaginary, inverse))


def _each(target: Any) -> Callable[..., Pair]:
    return lambda b, x, *args, **_: x.each(b, target, *args)


for _target in (
    aten.clone.default,
    aten.contiguous.default,
    aten.expand.default,
    aten.flatten.using_ints,
    aten.neg.default,
    aten.permute.default,
    aten.reshape.default,
    aten.resolve_conj.default,
    aten.roll.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.squeeze.dim,
    aten.sum.dim_IntList,
    aten.mean.dim,
    aten.transpose.int,
    aten.unflatten.int,
    aten.unsqueeze.default,
    aten.view.default,
    aten.constant_pad_nd.default,
):
    paired(_target)(_each(aten.alias.default if _target is aten.resolve_conj.default else _target))


@paired(aten.cat.default, aten.stack.default)
def _joined(b: Builder, parts: Sequence[Any], dim: int = 0) -> Pair:
    raise b.refusal("complex values joined; their parts joined before they become complex are supported")


# Spectra: products with the matrices of the discrete Fourier transform


def _matrix(rows: int, columns: int, n: int, sign: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin of sign 2 pi j k / n, (rows, columns), scaled."""
    turns = torch.outer(torch.arange(rows), torch.arange(columns)) % n
    angles = turns.double() * (sign * 2 * math.pi / n)
    cos, sin = (torch.where(part.abs() < _ZERO, 0, part) for part in (angles.cos(), angles.sin()))
    return cos * scale, sin * scale


_ZERO = 1e-12
"""Below it a sine of a whole number of half turns is 0, which floats miss by 1e-16."""


def _scale(n: int, norm: str | None, inverse: bool) -> float:
    """What a transform is multiplied by: 1/n in one direction, or 1/sqrt(n) in both."""
    if norm == "ortho":
        return 1 / math.sqrt(n)
    return 1 / n if inverse != (norm == "forward") else 1.0


def _fitted(b: Builder, x: fx.Node, n: int | None, dim: int) -> tuple[fx.Node, int]:
    """x cut or padded to n along an axis."""
    have = b.fixed(x, dim)
    n = have if n is None else n
    if n < have:
        return b.part(x, dim, 0, n), n
    behind = len(shape(x)) - 1 - dim % len(shape(x))
    return (x if n == have else b.op(aten.constant_pad_nd.default, x, [0, 0] * behind + [0, n - have])), n


def _of_real(b: Builder, x: fx.Node, n: int | None, dim: int, norm: str | None, rows: int | None) -> Pair:
    x, n = _fitted(b, x, n, dim)
    across, up = _matrix(rows if rows is not None else n, n, n, -1, _scale(n, norm, False))
    return Pair(b.along(x, dim, across), b.along(x, dim, up))


@rule(aten.fft_rfft.default)
def rfft(b: Builder, x: fx.Node, n: int | None = None, dim: int = -1, norm: str | None = None) -> Pair:
    """Half the spectrum of a real signal of fixed length: two products."""
    length = b.fixed(x, dim) if n is None else n
    return _of_real(b, x, n, dim, norm, length // 2 + 1)


@rule(aten.fft_fft.default)
def fft(b: Builder, x: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Pair:
    """The spectrum of a real signal."""
    return _of_real(b, x, n, dim, norm, None)


@paired(aten.fft_fft.default)
def fft_of_pair(b: Builder, x: Pair, n: int | None = None, dim: int = -1, norm: str | None = None) -> Pair:
    """The spectrum of a complex signal: four products."""
    return _transformed(b, x, n, dim, norm, inverse=False)


@paired(aten.fft_ifft.default)
def ifft(b: Builder, x: Pair, n: int | None = None, dim: int = -1, norm: str | None = None) -> Pair:
    """The signal of a spectrum."""
    return _transformed(b, x, n, dim, norm, inverse=True)


def _transformed(b: Builder, x: Pair, n: int | None, dim: int, norm: str | None, *, inverse: bool) -> Pair:
    (re, n), (im, _) = _fitted(b, x.real, n, dim), _fitted(b, x.imaginary, n, dim)
    cos, sin = _matrix(n, n, n, 1 if inverse else -1, _scale(n, norm, inverse))
    return Pair(
        b.sub(b.along(re, dim, cos), b.along(im, dim, sin)),
        b.add(b.along(re, dim, sin), b.along(im, dim, cos)),
    )


@paired(aten.fft_irfft.default)
def irfft(b: Builder, x: Pair, n: int | None = None, dim: int = -1, norm: str | None = None) -> fx.Node:
    """The real signal of half a spectrum: the other half is its conjugate."""
    n = 2 * (b.fixed(x.real, dim) - 1) if n is None else n
    half = n // 2 + 1
    (re, _), (im, _) = _fitted(b, x.real, half, dim), _fitted(b, x.imaginary, half, dim)
    cos, sin = _matrix(n, half, n, 1, _scale(n, norm, True))
    twice = torch.full((half,), 2.0, dtype=torch.float64)
    twice[0] = 1.0
    if n % 2 == 0:
        twice[-1] = 1.0
    return b.sub(b.along(re, dim, cos * twice), b.along(im, dim, sin * twice))


def _several(
    last: Callable[..., Any],
    others: Callable[..., Any],
    first: bool,
    ends: Sequence[int] | None = (-2, -1),
) -> Callable[..., Any]:
    """A transform of several axes, one after another; the real one is the first or the last of them."""

    def rewrite(
        b: Builder, x: Any, s: Any = None, dim: Sequence[int] | None = ends, norm: str | None = None
    ) -> Any:
        if dim is None:  # as many of the last axes as there are sizes, else all
            dim = range(-len(s or shape(x.real if isinstance(x, Pair) else x)), 0)
        sizes = [None] * len(dim) if s is None else list(s)
        *rest, end = list(zip(sizes, dim, strict=True))
        x = last(b, x, end[0], end[1], norm) if first else x
        for n, axis in rest:
            x = others(b, x, n, axis, norm)
        return x if first else last(b, x, end[0], end[1], norm)

    return rewrite


rule(aten.fft_rfft2.default)(_several(rfft, fft_of_pair, first=True))
rule(aten.fft_fft2.default)(_several(fft, fft_of_pair, first=True))
paired(aten.fft_fft2.default)(_several(fft_of_pair, fft_of_pair, first=True))
paired(aten.fft_ifft2.default)(_several(ifft, ifft, first=True))
paired(aten.fft_irfft2.default)(_several(irfft, ifft, first=False))
rule(aten.fft_rfftn.default)(_several(rfft, fft_of_pair, True, None))
rule(aten.fft_fftn.default)(_several(fft, fft_of_pair, True, None))
paired(aten.fft_fftn.default)(_several(fft_of_pair, fft_of_pair, True, None))
paired(aten.fft_ifftn.default)(_several(ifft, ifft, True, None))
paired(aten.fft_irfftn.default)(_several(irfft, ifft, False, None))
