"""What designs cost on all networks of a study: each metric one number, and each network's own.

The metric of several networks is their weighted geometric mean, so that the front does not hang on the size
of one network, and a ratio of means is the mean of ratios (Fleming and Wallace, "How not to lie with
statistics", CACM 29, 1986). A chip has one area: the addressing of a design is what the tables of all
networks need.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from accel_models import Design, Designs, Gemm, Workload, needs
from accel_models.hardware import BITS
from accel_models.table import options
from dse.metrics import HARDWARE
from dse.space.widths import Least, Widths, completed, completed_all
from dse.workloads import Runs

NAMES = tuple(figure.name for figure in HARDWARE)


@dataclass(frozen=True)
class Found:
    """Metrics of some designs.

    Attributes:
        together: Of all networks, columns `NAMES`, a row each design; NaN where a network cannot be run.
        each: The same of each network.
        reason: Why a design cannot run a network, or an empty text.
    """

    together: pd.DataFrame
    each: Mapping[str, pd.DataFrame]
    reason: pd.Series[Any]


@dataclass(frozen=True)
class Costs:
    """Costs of designs on some networks.

    Attributes:
        networks: One or more.
        accumulator: The least accumulator that the network needs, in bits, where that is known; see `least`.
    """

    networks: Sequence[Runs]
    accumulator: Least | None = None

    @cached_property
    def addressing(self) -> dict[str, Any]:
        """The fields of a design that follow from the tables of all networks."""
        return needs(Workload([op for run in self.networks for op in run.workload.operations]))

    def design(self, fields: Mapping[str, Any]) -> Design:
        """Return the design of some fields, with what follows from the networks.

        Raises:
            ValueError: If a field is not allowed.
        """
        given = {name: value for name, value in fields.items() if value is not None}
        return Design(**{**completed(given, self.least), **self.addressing})

    def least(self, chosen: Widths) -> int:
        """Return an accumulator's bits: those given, or the least that no product can overflow.

        A product of K operands of b bits, of any values, has 2b - 1 + log2 K bits. Floating point sums in 32.
        """
        if self.accumulator is not None:
            return self.accumulator(chosen)
        if chosen.get("accumulator_bits") is not None:
            return int(chosen["accumulator_bits"])
        if not str(chosen["data_width"]).startswith("int"):
            return 32
        bits = 2 * BITS[chosen["data_width"]] - 1 + math.ceil(math.log2(self._longest))
        return int(min(option for option in options("accumulator_bits") if option >= bits))

    @cached_property
    def _longest(self) -> int:
        sums = (op.k for run in self.networks for op in run.workload.operations if isinstance(op, Gemm))
        return max(sums, default=1)

    def of(self, designs: pd.DataFrame) -> Found:
        """Evaluate some designs.

        Args:
            designs: Columns are fields of a Design, those that follow from the networks left out.
        """
        given = designs.dropna(axis="columns", how="all")
        rows, why = completed_all(given, self.least)
        ready = Designs(rows.assign(**self.addressing))
        reason, each = why.to_numpy(dtype=object), {}
        for run in self.networks:
            costs = ready.evaluate(run.workload)
            reason = np.where(reason == "", costs.reason.to_numpy(dtype=object), reason)
            each[run.name] = costs[list(NAMES)]
        possible = reason == ""
        together = self._together(each).where(pd.Series(possible, index=designs.index), np.nan)
        return Found(together, each, pd.Series(reason, index=designs.index))

    def _together(self, each: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        if len(each) == 1:
            return next(iter(each.values()))
        shares = np.array([run.weight for run in self.networks]) / sum(run.weight for run in self.networks)
        logs = np.log([costs.to_numpy(float) for costs in each.values()])
        first = next(iter(each.values()))
        means = pd.DataFrame(np.exp(np.tensordot(shares, logs, 1)), columns=list(NAMES), index=first.index)
        return means.assign(area_mm2=first.area_mm2)  # the same for all
