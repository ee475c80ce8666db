"""Fixed point: a program's values as integers, planned from its calibrated ranges and emulated bit for bit.

`edges` sees the ranges, `build` makes the plan of them (`plan` says what is in one), `emulate` runs it in
torch, `approx.machine` in integers. torchao is not used: 0.18 runs here (torch 2.13, CPU), but its int8
configurations replace the weights of linear layers alone, with float32 scales and float32 results; functions,
norms, sums and element-wise work stay floats, so that it says nothing of the words that all of them are here.
"""

from approx.network.fixed.build import build
from approx.network.fixed.edges import Edge, Recorder, can_be_masked
from approx.network.fixed.emulate import emulation
from approx.network.fixed.plan import Plan, Step
from approx.network.fixed.words import Word

__all__ = ["Edge", "Plan", "Recorder", "Step", "Word", "build", "can_be_masked", "emulation"]
