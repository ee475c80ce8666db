"""A grid of 10 million designs on BERT-base and ResNet-50, one core: designs a second, peak of memory.

    python benchmarks/grid.py                     # the whole grid: some 20 to 40 minutes
    python benchmarks/grid.py --designs 1000000   # the same axes, shortened

Beside it, in the same process, the rate of `accel_models.evaluate_many` on chunks of the same designs: what
is over that is keeping the front, the main effects, and the metrics of all designs on disk.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import numpy as np

from accel_models import evaluate_many
from dse.search.design_grid import Costs, Enumerated, Grid, enumerate_designs
from dse.search.design_grid.enumeration import CHUNK
from dse.search.design_grid.parts import Parts
from dse.study_file import parse
from dse.workloads import workloads

KIB = 1024
SIDES = [4, 8, 12, 16, 24, 32, 48, 64]
BUFFERS = [KIB * 2**power for power in range(3, 11)]
STUDY = f"""
[[networks]]
name = "bert-base"
[[networks]]
name = "resnet50"
[search]
objectives = ["latency_s", "energy_j", "area_mm2"]
[hardware]
technology = ["28nm", "45nm"]
banks = [1, 2, 4, 8]
parameter_buffer = [1024, 4096, 16384, 65536]
hadamard = ["diagonal", "full"]
rows = {SIDES}
cols = {SIDES}
dataflow = ["ws", "os", "is"]
clock = [2e8, 5e8, 1e9]
input_buffer = {BUFFERS}
weight_buffer = {BUFFERS}
output_buffer = {BUFFERS[:5]}
data_width = "int8"
"""
"""11.8 million designs."""


def main() -> None:
    """Enumerate, and say how fast."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--designs", type=int, default=10_000_000, help="at least; the axes are shortened")
    wanted = arguments.parse_args().designs
    file = parse(STUDY)
    axes = shortened(dict(file.design_axes), wanted)
    grid, began = Grid(axes), time.perf_counter()
    costs = Costs(workloads(file, Path()))
    print(f"{grid.size:,} designs, two networks traced in {time.perf_counter() - began:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(Path(folder), "benchmark")
        found = Enumerated(grid, file.figures, file.limits)
        began, worked = time.perf_counter(), time.process_time()
        enumerate_designs(found, costs, parts, lambda done, size: told(done, size, began))
        seconds, cpu = time.perf_counter() - began, time.process_time() - worked
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    print(f"\n{seconds:,.0f} s, {cpu:,.0f} s of CPU: {grid.size / cpu:,.0f} designs a second of CPU")
    print(f"evaluate_many alone: {evaluating(costs, grid):,.0f} designs a second of CPU")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory {peak:.2f} GB; {len(found.front.rows):,} on the front; {size / 1e6:,.0f} MB on disk")


def shortened(axes: dict[str, tuple[object, ...]], wanted: int) -> dict[str, tuple[object, ...]]:
    """Shorten the longest axes, value by value, as long as enough designs are left."""
    while True:
        longest = max(axes, key=lambda name: len(axes[name]))
        less = {**axes, longest: axes[longest][:-1]}
        if Grid(less).size < wanted:
            return axes
        axes = less


def evaluating(costs: Costs, grid: Grid, chunks: int = 4) -> float:
    """Return the designs a CPU second of `evaluate_many` for both networks, on chunks from all over."""
    starts = np.linspace(0, grid.size - CHUNK, chunks).astype(int)
    began = time.process_time()
    for start in starts:
        designs = grid.frame(np.arange(start, start + CHUNK)).assign(**costs.addressing)
        for run in costs.networks:
            evaluate_many(designs.dropna(axis="columns", how="all"), run.workload)
    return chunks * CHUNK / (time.process_time() - began)


def told(done: int, size: int, began: float) -> None:
    """Say how far it is and how long it will take."""
    seconds = time.perf_counter() - began
    print(
        f"\r{done:,} of {size:,}, {done / seconds:,.0f} designs/s, {size / done * seconds:,.0f} s in all",
        end="",
    )


if __name__ == "__main__":
    main()
