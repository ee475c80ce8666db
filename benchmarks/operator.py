"""The CPWL operator against torch's own gelu, on one core, each timed by turns in the same run.

    python benchmarks/operator.py

Prints ratios to native gelu, forward and backward. Exits with status 1 if a bar is missed.
"""

import os
import sys
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch starts its threads

import torch
from alternating import medians
from torch.nn.functional import gelu

from approx import fit
from approx.network.operator import cpwl, reference
from approx.network.site import SiteModule

ELEMENTS = 1_000_000
INPUTS = {
    "gelu": lambda: torch.randn(ELEMENTS) * 2,
    "exp": lambda: -torch.rand(ELEMENTS) * 16,
    "rsqrt": lambda: torch.exp(torch.randn(ELEMENTS)),
}
PLACEMENTS = ("uniform", "dyadic", "curvature", "minimax")
SEGMENTS = (8, 16, 64, 256)
FORWARD, BACKWARD, WITH_TABLES = 1.3, 1.5, 3.0  # bars, as ratios to native gelu


def site(function: str, placement: str, segments: int) -> SiteModule:
    module = SiteModule(function, function)
    module.set_table(fit(function, segments=segments, placement=placement, bias="minimax"))
    return module


@torch.no_grad()
def forward() -> bool:
    print("forward / native gelu" + "".join(f"{n:>9}" for n in SEGMENTS) + "   segments")
    worst = 0.0
    for function, inputs in INPUTS.items():
        x = inputs()
        for placement in PLACEMENTS:
            sites = {str(n): partial(site(function, placement, n), x) for n in SEGMENTS}
            times = medians({"gelu": partial(gelu, x)} | sites)
            ratios = [times[name] / times["gelu"] for name in sites]
            worst = max(worst, *ratios)
            print(f"{function + ' ' + placement:21}" + "".join(f"{r:9.2f}" for r in ratios))
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
