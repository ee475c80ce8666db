"""What tables cost: throughput per watt with large tables over that with the smallest, over many designs.

    python benchmarks/tables.py

The network is the digits BERT. Smallest: 2 uniform segments a function, found by a shift. Large: 32 or 64
free segments, found by comparator trees. Each design of a grid runs both; the least and the largest loss are
shown.
"""

import itertools

import pandas as pd

import accel_models as am
import approx
from approx.tasks import load

GRID = {
    "rows": (8, 16, 32),
    "cols": (8, 16, 32),
    "dataflow": ("ws", "os", "is"),
    "input_buffer": (16384, 65536),
    "weight_buffer": (16384, 65536),
    "output_buffer": (65536,),
}
PLACES = {
    "45 nm, int8, 1 GHz": {"technology": "45nm", "data_width": "int8", "elementwise_bits": 16, "clock": 1e9},
    "28 nm FPGA, int16, 100 MHz": {
        "technology": "fpga28",
        "data_width": "int16",
        "accumulator_bits": 48,
        "clock": 100e6,
        "activations": "on_chip",
        "hadamard": "full",
    },
}


def per_watt(workload: am.Workload, fields: dict[str, object]) -> "pd.Series[float]":
    """Return the inferences a joule of every design of the grid."""
    designs = pd.DataFrame(itertools.product(*GRID.values()), columns=list(GRID))
    return am.evaluate_many(designs.assign(**fields, **am.needs(workload)), workload).throughput_per_watt


def main() -> None:
    """Print the loss of throughput per watt for each place and table."""
    task = load("digits-bert")
    program = approx.trace(task.model(), task.calibration_batches()[0].inputs)
    smallest = program.workload(1, approx.Approximation(segments=2, placement="uniform"))
    for place, fields in PLACES.items():
        for segments in (32, 64):
            large = program.workload(1, approx.Approximation(segments=segments, placement="minimax"))
            loss = 1 - per_watt(large, fields) / per_watt(smallest, fields)
            print(f"{place}: {segments} free segments cost {loss.min():.2%} to {loss.max():.2%}")


if __name__ == "__main__":
    main()
