"""The CPWL operator against torch's own gelu, on one core, each timed by turns in the same run.

    python benchmarks/operator.py

Prints ratios to native gelu, forward and backward, of every way to look a table up that this processor has
beside the one that a trial chose, at every placement. Exits with status 1 if the chosen way misses a bar.
"""

import os
import sys
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import torch
from alternating import medians
from torch.nn.functional import gelu

from approx import fit
from approx.network.operator import IndexMap, cpwl, native, reference
from approx.network.site import SiteModule

ELEMENTS = 1_000_000
INPUTS = {
    "gelu": lambda: torch.randn(ELEMENTS) * 2,
    "exp": lambda: -torch.rand(ELEMENTS) * 16,
    "rsqrt": lambda: torch.exp(torch.randn(ELEMENTS)),
}
PLACEMENTS = ("uniform", "dyadic", "curvature", "minimax")
SEGMENTS = (8, 16, 32, 48, 64, 128, 256)
FORWARD, BACKWARD, WITH_TABLES = 1.3, 1.5, 3.0  # bars, as ratios to native gelu


def site(function: str, placement: str, segments: int) -> SiteModule:
    module = SiteModule(function, function)
    module.set_table(fit(function, segments=segments, placement=placement, bias="minimax"))
    return module


def ways(sites: dict[int, SiteModule], x: torch.Tensor) -> dict[str, Callable[[], torch.Tensor]]:
    """Every way that the processor has for each table."""
    maps = {(way, n): IndexMap.build(m.knots, way) for n, m in sites.items() for way in native.WAYS}
    taken = {key: index for key, index in maps.items() if index is not None and index.way == key[0]}
    return {f"{w} {n}": partial(native.cpwl, x, sites[n].lines, index) for (w, n), index in taken.items()}


@torch.no_grad()
def forward() -> bool:
    print("forward / native gelu" + "".join(f"{n:>9}" for n in SEGMENTS) + "   segments")
    worst = 0.0
    for function, inputs in INPUTS.items():
        x = inputs()
        for placement in PLACEMENTS:
            sites = {n: site(function, placement, n) for n in SEGMENTS}
            calls = {str(n): partial(m, x) for n, m in sites.items()} | ways(sites, x)
            times = medians({"gelu": partial(gelu, x)} | calls)
            ratios = [times[str(n)] / times["gelu"] for n in sites]
            worst = max(worst, *ratios)
            print(f"{function + ' ' + placement:21}" + "".join(f"{r:9.2f}" for r in ratios))
            for way in native.WAYS:
                found = [times.get(f"{way} {n}", float("nan")) / times["gelu"] for n in sites]
                print(f"{'  ' + way:21}" + "".join(f"{r:9.2f}" for r in found))
    x, m = INPUTS["gelu"](), site("gelu", "minimax", 16)
    times = medians({"gelu": lambda: gelu(x), "plain": lambda: reference.cpwl(x, m.knots, m.lines)}, rounds=7)
    print(f"plain torch, for comparison: {times['plain'] / times['gelu']:.1f}")
    print(f"worst {worst:.2f}, bar {FORWARD}")
    return worst <= FORWARD


def backward() -> bool:
    x, m = INPUTS["gelu"]().requires_grad_(), site("gelu", "minimax", 16)
    lines = m.lines.clone().requires_grad_()

    def both(y: torch.Tensor) -> None:
        x.grad = lines.grad = None
        y.backward(torch.ones_like(y))

    times = medians(
        {
            "gelu": lambda: both(gelu(x)),
            "to x": lambda: both(m(x)),
            "to x and tables": lambda: both(cpwl(x, m.knots, lines, m.index)),
        }
    )
    held = True
    for name, bar in (("to x", BACKWARD), ("to x and tables", WITH_TABLES)):
        ratio = times[name] / times["gelu"]
        held &= ratio <= bar
        print(f"forward and backward {name} / native gelu: {ratio:.2f}, bar {bar}")
    return held


if __name__ == "__main__":
    torch.set_num_threads(1)
    results = [forward(), backward()]
    sys.exit(not all(results))
