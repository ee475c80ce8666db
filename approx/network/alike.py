"""Values that are alike: each step of a recurrence computes what every other does, and has its range.

The range of one step seen in calibration is a sample of the few sequences there; that of all steps together
holds for sequences that begin otherwise.
"""

from collections.abc import Mapping

import torch
from torch import fx

from approx.network.calibrate import Histogram
from approx.network.fixed import Edge

KEY = "alike"


def mark_steps(steps: list[list[fx.Node]]) -> None:
    """Say that the nth nodes of all steps are alike.

    Args:
        steps: the nodes of each; what only some steps have is left as it is.
    """
    for nodes in steps:
        for first, node in zip(steps[0], nodes, strict=False):
            if node.target == first.target:
                node.meta[KEY] = first.name


def with_shared_ranges(graph: fx.Graph, edges: Mapping[str, Edge]) -> dict[str, Edge]:
    """The ranges of a program's values, that of alike ones joined."""
    groups: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.name in edges:
            groups.setdefault(node.meta.get(KEY, node.name), []).append(node.name)
    joined = {}
    for names in groups.values():
        shared = _joined([edges[name] for name in names])
        joined.update(dict.fromkeys(names, shared))
    return {name: joined[name] for name in edges}


def _joined(edges: list[Edge]) -> Edge:
    """The range of all, with the numbers of all counted."""
    if len(edges) == 1:
        return edges[0]
    counted = [edge.histogram for edge in edges if edge.histogram is not None]
    histogram = _summed(counted) if len(counted) == len(edges) else None
    lowest, highest = min(edge.lowest for edge in edges), max(edge.highest for edge in edges)
    masked, above = min(edge.masked for edge in edges), min(edge.above for edge in edges)
    return Edge(lowest, highest, masked, histogram, above=above)


def _summed(parts: list[Histogram]) -> Histogram:
    counts = torch.stack([part.counts for part in parts]).sum(0)
    return Histogram(counts, min(part.lowest for part in parts), max(part.highest for part in parts))
