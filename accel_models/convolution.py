"""Convolutions as matrix products (im2col): rows are output positions, columns of A the window's words."""

from dataclasses import replace

from accel_models.checks import IntRange, refuse
from accel_models.workload import Gemm

_SIZE = IntRange(1, 10**6)


def conv2d(
    size: tuple[int, int],
    in_channels: int,
    out_channels: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
    batch: int = 1,
    duplicate_reads: bool = False,
    name: str = "",
) -> Gemm:
    """Return a 2-D convolution as a Gemm, one product a group; depthwise is groups = in_channels.

    A is (batch * out_height * out_width, in_channels / groups * kernel area): each input word occurs once a
    window that covers it.

    Args:
        size: Input height and width.
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel: Window height and width.
        stride: Steps between windows.
        padding: Zeros at each border; they are not read from memory.
        dilation: Steps between a window's words.
        groups: Independent parts that the channels are split in.
        batch: Images.
        duplicate_reads: True if DRAM delivers every window's words anew (im2col written out); False if the
            distinct words are read once a pass and windows are formed on chip.
        name: For reports.

    Raises:
        ValueError: If a size is out of range, groups do not divide the channels, or the window does not fit.
    """
    for field, value in (("in_channels", in_channels), ("out_channels", out_channels), ("groups", groups)):
        _SIZE.check(f"conv.{field}", value)
        if value % groups:
            raise refuse(f"conv.{field}", value, f"a multiple of groups = {groups}")
    out, used = zip(
        *(_axis(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True)), strict=True
    )
    channels, m = in_channels // groups, batch * out[0] * out[1]
    k = channels * kernel[0] * kernel[1]
    distinct = min(batch * channels * used[0] * used[1], m * k)
    plain = Gemm(m, out_channels // groups, k, name, groups)
    if duplicate_reads:
        return plain
    return replace(plain, a_distinct=distinct, taps=kernel[0] * kernel[1])


def _axis(size: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[int, int]:
    """Return (windows, distinct input positions that they read) along one axis."""
    for field, value in (("size", size), ("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        _SIZE.check(f"conv.{field}", value)
    IntRange(0, 10**6).check("conv.padding", padding)
    reach = dilation * (kernel - 1) + 1
    if reach > size + 2 * padding:
        raise refuse("conv.kernel", kernel, f"at most {size + 2 * padding} words wide with its dilation")
    windows = (size + 2 * padding - reach) // stride + 1
    read = {i * stride + j * dilation - padding for i in range(windows) for j in range(kernel)}
    return windows, len(read & set(range(size)))
