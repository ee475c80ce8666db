"""Saving a converted network, and loading it where the original model is not at hand.

A saved program is one safetensors file with its graph as JSON in the header (`approx.machine.file`). The same
file runs in torch, after `load`, and in numpy alone, by `approx.machine.load`. Nothing in it is imported or
evaluated.
"""

from approx.network.saving.read import load
from approx.network.saving.write import dumps, save

__all__ = ["dumps", "load", "save"]
