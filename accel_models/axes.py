"""Steps of a design's fields that cost nothing: time, energy and area (or resources) all improve at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from accel_models.checks import Choice
from accel_models.design import Design
from accel_models.evaluation import evaluate_many
from accel_models.workload import Workload

if TYPE_CHECKING:
    import pandas as pd

REASONS = {
    "data_width": "narrower operands lose accuracy, which is scored elsewhere",
    "elementwise_bits": "narrower words lose accuracy, which is scored elsewhere",
    "accumulator_bits": "narrower sums overflow in deeper layers, which the network decides",
    "shared_buffer": "one scratchpad of fewer bytes in all, put where each GEMM needs them",
    "technology": "a process is what a chip is made in",
}
"""Fields whose steps may improve all at once, and why."""
LEAST = 1e-3
"""An improvement is more than this share."""
COSTS = ("latency_s", "energy_j", "area_mm2")


class Free(NamedTuple):
    """A step that improves all costs at once, by these shares."""

    field: str
    before: Any
    after: Any
    shares: tuple[float, ...]


def neighbours(design: Design) -> Iterator[tuple[str, Any, Design]]:
    """Yield a field with another value, and the design with it: half and twice a number, any other choice."""
    for name in Design.rules():
        for other in _others(name, getattr(design, name)):
            try:
                yield name, other, replace(design, **{name: other})
            except ValueError:
                continue


def _others(name: str, value: Any) -> list[Any]:
    rule = Design.rules()[name]
    if isinstance(rule, Choice):
        return [option for option in rule.options if option != value]
    if value is None:
        return [4, 16, 64, 1 << 17, 1 << 18]
    half = max(value // 2, 1) if isinstance(value, int) else value / 2
    return [half, value * 2, *([None] if rule.optional else [])]


def free_steps(design: Design, workload: Workload, costs: Sequence[str] = COSTS) -> list[Free]:
    """Return the steps from a design, of fields without a reason, that improve all costs at once."""
    steps = list(neighbours(design))
    figures: pd.DataFrame = evaluate_many([design, *(other for _, _, other in steps)], workload)
    base, found = figures.iloc[0], []
    for (name, other, _), (_, row) in zip(steps, figures.iloc[1:].iterrows(), strict=True):
        shares = tuple(float(row[cost] / base[cost] - 1) for cost in costs)
        if not row.reason and all(share < -LEAST for share in shares) and name not in REASONS:
            found.append(Free(name, getattr(design, name), other, shares))
    return found
