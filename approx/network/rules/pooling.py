"""Average pooling is a mean; maximum pooling is an instruction of its own (a tournament)."""

from collections.abc import Sequence

from torch import fx

from approx.network.builder import Builder, aten, shape
from approx.network.rules.registry import rule


@rule(aten.adaptive_avg_pool1d.default, aten.adaptive_avg_pool2d.default, aten.adaptive_avg_pool3d.default)
def adaptive_avg_pool(b: Builder, x: fx.Node, output_size: Sequence[int]) -> fx.Node:
    """The mean of equal windows; to one output it is the mean of all positions."""
    spatial = list(shape(x)[2:])
    if all(size == 1 for size in output_size):
        return b.mean(x, list(range(2, 2 + len(spatial))))
    if any(have % want for have, want in zip(spatial, output_size, strict=True)):
        raise ValueError(
            f"adaptive average pooling at {b.module_path!r} from {spatial} to {list(output_size)}: "
            "must divide into equal windows"
        )
    return _window_means(b, x, spatial, list(output_size))


def _window_means(b: Builder, x: fx.Node, spatial: list[int], windows: list[int]) -> fx.Node:
    """Split each position axis into (window, inside) and average the insides."""
    sizes = [size for have, want in zip(spatial, windows, strict=True) for size in (want, have // want)]
    split = b.op(aten.reshape.default, x, [-1, shape(x)[1], *sizes])
    return b.mean(split, list(range(3, 3 + 2 * len(windows), 2)), keepdim=False)
