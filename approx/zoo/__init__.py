"""Networks that people know, at full size and from their configuration alone: what an accelerator would run.

    approx.zoo.find("llama-3.2-1b").size                                   # 2048 tokens
    approx.zoo.workload("llama-3.2-1b", size=2048, phase="decode")         # accel_models.Workload
    approx.zoo.workload("path/to/a/folder/with/config.json", batch=8)

A workload needs no weights, so that networks are traced on the meta device. `NETWORKS` reads no torch.
"""

from approx.zoo.full_size import FullSize, Inputs, Phase
from approx.zoo.table import NETWORKS, find
from approx.zoo.work import workload

__all__ = ["NETWORKS", "FullSize", "Inputs", "Phase", "find", "workload"]
