"""Time, energy and area of a neural network on a general matrix-multiply (GEMM) accelerator.

    report = evaluate(Design(rows=16, cols=16), Workload([Gemm(m=128, n=768, k=768)]))
    report.throughput_per_watt, report.layers

Imports neither torch nor pandas until a DataFrame is asked for.
"""

from accel_models.baselines import Comparison, Host, NonlinearUnits, compare
from accel_models.convolution import conv2d
from accel_models.cost import CostReport
from accel_models.design import Design
from accel_models.evaluation import Designs, evaluate, evaluate_many
from accel_models.feasible import needs
from accel_models.flow import OUTSIDE, Flow, Read
from accel_models.mapped import accesses, map_gemm
from accel_models.mapping import Loops, Mapping
from accel_models.mapping_cost import ActionEnergies, evaluate_mapping
from accel_models.precision import Precision, Widths, stored_bits
from accel_models.presets import PRESETS
from accel_models.sources import Source, sources
from accel_models.technology import TECHNOLOGIES, load_technology
from accel_models.workload import Gemm, Hadamard, Lookup, Move, Operation, Workload

__all__ = [
    "OUTSIDE",
    "PRESETS",
    "TECHNOLOGIES",
    "ActionEnergies",
    "Comparison",
    "CostReport",
    "Design",
    "Designs",
    "Flow",
    "Gemm",
    "Hadamard",
    "Host",
    "Lookup",
    "Loops",
    "Mapping",
    "Move",
    "NonlinearUnits",
    "Operation",
    "Precision",
    "Read",
    "Source",
    "Widths",
    "Workload",
    "accesses",
    "compare",
    "conv2d",
    "evaluate",
    "evaluate_many",
    "evaluate_mapping",
    "load_technology",
    "map_gemm",
    "needs",
    "sources",
    "stored_bits",
]
