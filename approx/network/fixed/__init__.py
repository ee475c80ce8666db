"""Fixed point: a program's values as integers, planned from its calibrated ranges and emulated bit for bit.

`edges` sees the ranges, `build` makes the plan of them (`plan` says what is in one), `emulate` runs it in
torch, `approx.machine` in integers. No quantisation library is used: torchao 0.13 and torch's own quantised
modules keep the functions and sums between matrix products in floating point, with float scales, so that
they say nothing about the words of an accelerator that runs those too.
"""

from approx.network.fixed.build import build
from approx.network.fixed.edges import Edge, Recorder
from approx.network.fixed.emulate import emulation
from approx.network.fixed.plan import Plan, Step
from approx.network.fixed.words import Word

__all__ = ["Edge", "Plan", "Recorder", "Step", "Word", "build", "emulation"]
