"""What a search needs to know of a network, and what scores it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accel_models import Workload
from dse.evaluate.cache import Figures
from dse.space import Tables
from dse.space.widths import Widths

Array = NDArray[np.float64]


class TableErrors(Protocol):
    """How tables err at inputs that calibration measured; nothing is run for it, and nothing changed."""

    def of(self, key: str, table: Mapping[str, Any]) -> Array:
        """Return a table's errors at inputs that stand for those of its sites, the same for all of a key.

        They are weighted by how often each occurs: the squares add up to the mean squared error. With a
        function as key it stands for all its sites, up to a factor.

        Returns:
            (points,).
        """

    def parts(self, key: str) -> NDArray[np.intp]:
        """Return which of its sites, and which range of that site's inputs, each of these points is in.

        Errors of different parts may matter more or less to the network's outputs.

        Returns:
            Two numbers a point, from 0, (2, points).
        """


class Network(Protocol):
    """A network whose nonlinear functions are tables that can be changed.

    Attributes:
        functions: Functions that need tables, sorted.
        sites: The function of every site that needs a table, by its name.
        fingerprint: Equal for equal networks, data and code: with the tables, all that a score depends on.
        original: Quality metrics of the unconverted network.
        certificate: What the network became: `counts` of each kind of node, `functions` with their number of
            sites, and `entries`, a node each.
        inputs: For each function its site of the widest domain: `site`, `sites` (how many it stands for),
            `domain` (lo, hi) where tables are fitted, and `density` as `approx.Density.to_dict` or None.
        errors: Of its tables.
    """

    @property
    def functions(self) -> tuple[str, ...]: ...  # noqa: D102 - see the class

    @property
    def sites(self) -> Mapping[str, str]: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def original(self) -> Figures: ...  # noqa: D102

    @property
    def certificate(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def inputs(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def errors(self) -> TableErrors: ...  # noqa: D102

    def workload(self, tables: Tables) -> Workload:
        """Return what the accelerator must run with these tables."""

    def accumulator(self, chosen: Widths) -> int:
        """Return the accumulator's bits: those given, or the least that no layer can overflow.

        Raises:
            ValueError: If those given, or any, can be overflowed; names the layer.
        """

    def quality(self, tables: Tables | None, chosen: Widths | None, share: float = 1.0) -> Figures:
        """Score the network on held-out data, or on the first batches of it.

        The search learns faster from one that also says where its outputs moved; see `dse.directions`.

        Args:
            tables: Its tables; the true functions if None.
            chosen: The widths of its numbers; floating point if None.
            share: Of the held-out batches.
        """

    def finetuned(self, tables: Tables, chosen: Widths) -> Figures:
        """Train the network through these tables and widths, score it, and leave it as it was."""


def apart(network: Network, tables: Tables, chosen: Widths) -> dict[str, Figures]:
    """Score a network by its tables alone, and by its widths alone."""
    return {"tables": network.quality(tables, None), "widths": network.quality(None, chosen)}
