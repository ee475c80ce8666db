"""Whether any design keeps to the constraints at all, found out before any work."""

from __future__ import annotations

import optuna

from dse.errors import UserError
from dse.evaluate import Network
from dse.search.design_grid.hardware import Hardware
from dse.space import Space


def check(space: Space, network: Network, hardware: Hardware) -> None:
    """Refuse a space in which no design runs the network within the constraints, with any plain tables.

    Raises:
        UserError: Says which constraint excludes how many designs.
    """
    reasons = []
    for params in space.plain():
        try:
            hardware.best(network.workload(space.candidate(params).tables))
        except optuna.TrialPruned as none:
            reasons.append(str(none))
        else:
            return
    where = "[constraints]" if any(reason.startswith("no feasible") for reason in reasons) else "[hardware]"
    raise UserError(f"{where}: {max(reasons, key=lambda reason: reason.startswith('no feasible'))}")
