"""One point of the search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accel_models import Workload

Tables = Mapping[str, Mapping[str, Any]]
"""For each function, or each site, the segments, placement and bias of its tables."""


@dataclass(frozen=True)
class Candidate:
    """One point of the search space.

    Attributes:
        tables: Segments, placement and bias of each function's, or each site's, tables.
        design: Fields of the accelerator's Design, but for the addressing, which follows from the tables.
        costs: Its hardware figures if whoever chose it knows them.
        workload: Likewise what the network asks of the accelerator with the tables.
    """

    tables: Tables
    design: Mapping[str, Any]
    costs: Mapping[str, float] | None = field(default=None, compare=False)
    workload: Workload | None = field(default=None, compare=False)
