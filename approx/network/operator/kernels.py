"""The Triton kernels of `fused`; imported where Triton is, and not before a tensor needs them.

Every kernel takes elements in blocks. The line of x is found by a binary search of `STEPS` steps, the bits of
the number of knots, without branches; a table's knots and lines stay in the first-level cache.
"""

import triton
import triton.language as tl

LARGEST = tl.constexpr(3.4028234663852886e38)


@triton.jit
def line_of(x, knots, count, inside, STEPS: tl.constexpr):
    """The number of knots that are at most x; 0 for NaN."""
    line = tl.zeros_like(x).to(tl.int32)
    for step in tl.static_range(STEPS):
        probe = line + (1 << (STEPS - 1 - step))
        held = inside & (probe <= count)
        knot = tl.load(knots + probe - 1, mask=held, other=0.0)
        line = tl.where(held & (knot <= x), probe, line)
    return line


@triton.jit
def bounded(x):
    """X without infinities, which must not meet a slope of 0; NaN stays."""
    x = tl.where(x > LARGEST, LARGEST, x)
    return tl.where(x < -LARGEST, -LARGEST, x)


@triton.jit
def forward(x_at, y_at, size, knots, count, lines, STEPS: tl.constexpr, BLOCK: tl.constexpr):
    """y = slope * x + intercept."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    x = bounded(tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32))
    line = line_of(x, knots, count, inside, STEPS)
    slope = tl.load(lines + 2 * line, mask=inside, other=0.0)
    intercept = tl.load(lines + 2 * line + 1, mask=inside, other=0.0)
    y = tl.fma(slope, x, intercept)
    tl.store(y_at + at, y.to(y_at.dtype.element_ty), mask=inside)


@triton.jit
def backward_input(
    x_at, gradient_at, to_x_at, size, knots, count, lines, STEPS: tl.constexpr, BLOCK: tl.constexpr
):
    """Gradient to x: the slope; none where x is infinite or NaN."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    x = tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32)
    gradient = tl.load(gradient_at + at, mask=inside, other=0.0).to(tl.float32)
    line = line_of(x, knots, count, inside, STEPS)
    slope = tl.load(lines + 2 * line, mask=inside, other=0.0)
    to_x = tl.where(tl.abs(x) <= LARGEST, slope * gradient, 0.0)
    tl.store(to_x_at + at, to_x.to(to_x_at.dtype.element_ty), mask=inside)


@triton.jit
def backward_lines(
    x_at,
    gradient_at,
    to_lines_at,
    size,
    knots,
    count,
    STEPS: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Gradient to slopes and intercepts, added up a program: row `program_id` of (programs, lines, 2).

    A program adds its own blocks in their order and no other writes to its row: no atomics, and the same sums
    each time.
    """
    row = to_lines_at + tl.program_id(0).to(tl.int64) * 2 * (count + 1)
    start = tl.program_id(0).to(tl.int64) * BLOCK
    while start < size:
        at = start + tl.arange(0, BLOCK)
        inside = at < size
        x = bounded(tl.load(x_at + at, mask=inside, other=0.0).to(tl.float32))
        gradient = tl.load(gradient_at + at, mask=inside, other=0.0).to(tl.float32)
        line = line_of(x, knots, count, inside, STEPS)
        for first in range(0, count + 1, GROUP):
            group = first + tl.arange(0, GROUP)
            own = (line[:, None] == group[None, :]) & inside[:, None]
            to_slope = tl.sum(tl.where(own, (gradient * x)[:, None], 0.0), axis=0)
            to_intercept = tl.sum(tl.where(own, gradient[:, None], 0.0), axis=0)
            known = group <= count
            slopes, intercepts = row + 2 * group, row + 2 * group + 1
            tl.store(slopes, tl.load(slopes, mask=known, other=0.0) + to_slope, mask=known)
            tl.store(intercepts, tl.load(intercepts, mask=known, other=0.0) + to_intercept, mask=known)
        start += tl.num_programs(0).to(tl.int64) * BLOCK
