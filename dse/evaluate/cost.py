"""What candidates cost on their accelerators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from accel_models import Design, Workload, evaluate_many, needs
from dse.evaluate.cache import Figures
from dse.evaluate.scoring import finite
from dse.metrics import HARDWARE
from dse.space import Candidate
from dse.space.widths import Widths, completed


def costs(
    candidates: Sequence[Candidate], workload: Workload, least: Callable[[Widths], int]
) -> list[tuple[Design, Figures]]:
    """Evaluate the accelerators of candidates with the same tables, at once, where that is not done yet.

    Args:
        candidates: Each with its design.
        workload: What they run.
        least: The accumulator that the network needs.

    Raises:
        ValueError: If a design cannot run the network, or a metric is not finite; says why.
    """
    asked = needs(workload)
    designs = [Design(**completed(candidate.design, least), **asked) for candidate in candidates]
    known = [finite(dict(candidate.costs)) for candidate in candidates if candidate.costs]
    if len(known) < len(candidates):
        known = list(map(_metrics, evaluate_many(designs, workload).to_dict("records")))
    return list(zip(designs, known, strict=True))


def _metrics(found: Mapping[Any, Any]) -> Figures:
    """Return the metrics of a row of `accel_models.evaluate_many`."""
    if found["reason"]:
        raise ValueError(found["reason"])
    return finite({figure.name: float(found[figure.name]) for figure in HARDWARE})
