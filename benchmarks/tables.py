"""What tables cost: in throughput per watt over many designs, and in area and power of a cell.

    python benchmarks/tables.py

The network is the digits BERT. Smallest: 2 uniform segments a function, found by a shift. Large: 32 or 64
free segments, found by comparator trees. Each design of a grid runs both; the least and the largest loss are
shown.

Cells stand beside published ones, a plain array's and ONE-SA's (arXiv 2402.00395) as SCOPE (MICRO 2026)
rebuilt and synthesised them: 28 nm, ff corner, 0.99 V, 1 GHz, no wires.
"""

import itertools
import math

import numpy as np
import pandas as pd

import accel_models as am
import approx
from accel_models.technology import speeds
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


PUBLISHED = {  # um2 and mW of a plain and of a ONE-SA cell: SCOPE, MICRO 2026
    "int8": ((332.6, 0.196), (602.1, 0.434)),
    "int16": ((737.3, 0.287), (1460.7, 0.755)),
    "fp16": ((1194.3, 0.276), (2124.8, 0.632)),
}
SIDE = 16


def cells(segments: int = 16) -> None:
    """Print area and power of our cells beside the published ones."""
    print(f"28 nm, 1 GHz, a cell; ours of {SIDE} x {SIDE} whose diagonal has tables of {segments} segments")
    for width, (plain, table) in PUBLISHED.items():
        ours = _plain_cell(width)
        lane = _table_unit(width, segments)
        for name, (area, power) in (
            ("plain, published", plain),
            ("plain, ours", ours),
            ("ONE-SA, published", table),
            ("with a table unit, ours, on the diagonal", (ours[0] + lane[0], ours[1] + lane[1])),
            ("the same spread over all cells", (ours[0] + lane[0] / SIDE, ours[1] + lane[1] / SIDE)),
        ):
            print(f"  {width:5} {name:42} {area:7.0f} um2 {power:.3f} mW")
    print(
        "  counted differently: theirs are synthesised at a fast corner, with simulated switching; ours\n"
        "  are table figures that charge a multiply-add and its register bits every cycle. Each of theirs\n"
        "  has the unit and does two multiply-adds a cycle with it; ours has one a lane of the diagonal: a\n"
        "  tree of comparators over free knots, and a copy of the table at an SRAM of 2 KiB's figures a byte"
    )


def _plain_cell(width: str) -> tuple[float, float]:
    """Return um2 and mW of a cell: its multiply-add and the registers of two operands and a sum."""
    own = am.load_technology("28nm")
    mac, bits = own.mac[f"{width}-32"], 2 * int(width.removeprefix("int").removeprefix("fp")) + 32
    area = mac.area_um2 + bits * own.register.area_um2
    leak_mw = (mac.leak_uw + bits * own.register.leak_uw) * 1e-3
    return area, (mac.pj + bits * own.register.pj) * _volts() ** 2 + leak_mw * _volts()  # 1 pJ a ns is 1 mW


def _table_unit(width: str, segments: int) -> tuple[float, float]:
    """Return um2 and mW of a lane's addressing tree and copy of a table, looked up every cycle."""
    own, bits = am.load_technology("28nm"), int(width.removeprefix("int").removeprefix("fp"))
    levels, bytes_ = math.ceil(math.log2(segments + 2)), 2 * (segments + 2) * bits / 8
    read, _, area_mm2, leak_mw = own.sram.at(np.array([2048.0]))[:, 0]
    area = levels * bits * (own.adder.area_um2 + own.register.area_um2) + area_mm2 * 1e6 * bytes_ / 2048
    power = levels * bits * (own.adder.pj + own.register.pj) + read * 2 * bits / 8
    return area, power * _volts() ** 2 + leak_mw * bytes_ / 2048 * _volts()


def _volts() -> float:
    """Return the voltage that 1 GHz takes in 28 nm, over that of the figures."""
    return float(np.interp(1e9, *speeds("28nm")))


def main() -> None:
    """Print cells, then the loss of throughput per watt for each place and table."""
    cells()
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
