"""What a compiler's schedule of element-wise work saves: fused against an operation at a time.

    python benchmarks/schedule.py

BERT-base at 128 tokens and ResNet-50 at 224 on 64 x 64 output-stationary int8 cells with 16-bit words, 28 nm,
1 GHz, three scratchpads of 1 MiB. Element-wise work is all but matrix products; sums are listed apart.
"""

import sys

import accel_models as am
import approx
from dse.measuring.networks import workload

MIB = 1 << 20
DESIGN = {
    "rows": 64,
    "cols": 64,
    "dataflow": "os",
    "technology": "28nm",
    "data_width": "int8",
    "elementwise_bits": 16,
    "input_buffer": MIB,
    "weight_buffer": MIB,
    "output_buffer": MIB,
}
MOST_SHARE, MOST_MS = 0.15, 5.5


def measure(work: am.Workload, schedule: str, activations: str) -> tuple[float, float]:
    """Print one line; return the share of element-wise work in all cycles, and the latency in ms."""
    report = am.evaluate(am.Design(**DESIGN, schedule=schedule, activations=activations), work)
    cycles = report.layers.groupby("kind").cycles.sum()
    sums = [op.kind == "gemm" and op.wide for op in work.operations]
    share = 1 - cycles["gemm"] / report.cycles
    of_sums = report.layers.cycles[sums].sum() / report.cycles
    moved = (report.dram_reads + report.dram_writes) / 1e6
    print(
        f"  {schedule:9} {activations:8} {report.latency_s * 1e3:6.2f} ms {report.energy_j * 1e3:6.2f} mJ "
        f"{moved:6.1f} MB of DRAM, element-wise {share:.1%} and sums {of_sums:.1%} of cycles"
    )
    return share, report.latency_s * 1e3


def main() -> int:
    """Print all; 1 if BERT-base misses its bar."""
    found = {}
    for name, size in (("bert-base", 128), ("resnet50", 224)):
        print(name)
        work = workload(name, size, approx.Approximation())
        for activations in ("on_chip", "dram"):
            for schedule in ("operation", "fused"):
                found[name, activations, schedule] = measure(work, schedule, activations)
    share, latency = found["bert-base", "on_chip", "fused"]
    reached = share <= MOST_SHARE and latency <= MOST_MS
    bar = f"bar {MOST_SHARE:.0%}, {MOST_MS} ms"
    print(f"{'ok' if reached else 'MISS'}: {share:.1%} of cycles, {latency:.2f} ms; {bar}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
