"""The classification tasks of GLUE (Wang et al., arXiv 1804.07461) by name: "glue-sst2" and so on.

Each is `HuggingFace` with the data set's columns and its labelled held-out split filled in; stsb, a
regression, is left out, and so is ax, which has no training data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from approx.tasks.huggingface import HuggingFace

DATASET = "nyu-mll/glue"
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cola": ("sentence",),
        "mnli": ("premise", "hypothesis"),
        "mrpc": ("sentence1", "sentence2"),
        "qnli": ("question", "sentence"),
        "qqp": ("question1", "question2"),
        "rte": ("sentence1", "sentence2"),
        "sst2": ("sentence",),
        "wnli": ("sentence1", "sentence2"),
    }
)
"""The texts that each task classifies."""

HELD_OUT = {"mnli": "validation_matched"}
"""Labelled splits that are not called validation; labels of GLUE's test splits are not public."""


def _task(name: str) -> Callable[..., HuggingFace]:
    split = HELD_OUT.get(name, "validation")
    return partial(HuggingFace, dataset=DATASET, subset=name, columns=COLUMNS[name], test_split=split)


GLUE: Mapping[str, Callable[..., HuggingFace]] = MappingProxyType(
    {f"glue-{name}": _task(name) for name in COLUMNS}
)
"""Makers of tasks; each takes `network`, and any other field of `HuggingFace`."""
