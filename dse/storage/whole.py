"""Finished trials, written whole: one transaction of a few statements each.

`Study.add_trial` asks the database for every parameter and attribute before it writes it, more than a hundred
statements for a trial of ours: 25 ms of work on SQLite, and as many round trips to a server. The tables are
Optuna's own, read from the database, which Optuna has checked to be of its version.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Engine, MetaData, Table, func, insert, select

PARTS = ("trial_values", "trial_params", "trial_user_attributes", "trial_system_attributes")


class TrialWriter:
    """Writes finished trials of studies in one database.

    Args:
        engine: Of the database; Optuna's tables are there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, metadata = engine, MetaData()
        metadata.reflect(engine, only=("studies", "trials", *PARTS))
        self._tables: Mapping[str, Table] = metadata.tables

    def count(self, study: str) -> int:
        """Return how many trials the study of a name has."""
        studies, trials = self._tables["studies"], self._tables["trials"]
        own = select(studies.c.study_id).where(studies.c.study_name == study).scalar_subquery()
        with self._engine.connect() as connection:
            counted = select(func.count(trials.c.trial_id)).where(trials.c.study_id == own)
            return int(connection.execute(counted).scalar_one())

    def write(self, study: str, trial: FrozenTrial) -> int:
        """Add a finished trial to the study of a name, under its next number; return that."""
        with self._engine.begin() as connection:
            own, number = self._insert(connection, study, trial)
            for table, rows in _parts(trial).items():
                if rows:
                    connection.execute(insert(self._tables[table]), [{"trial_id": own, **r} for r in rows])
        return number

    def _insert(self, connection: Connection, name: str, trial: FrozenTrial) -> tuple[int, int]:
        studies, trials = self._tables["studies"], self._tables["trials"]
        # Whoever adds a trial holds the study's row, so that numbers and ids ascend in the order of commits.
        held = select(studies.c.study_id).where(studies.c.study_name == name).with_for_update()
        study = connection.execute(held).scalar_one()
        row = insert(trials).values(
            study_id=study,
            number=select(func.count(trials.c.trial_id)).where(trials.c.study_id == study).scalar_subquery(),
            state=trial.state.name,
            datetime_start=_utc(trial.datetime_start),
            datetime_complete=_utc(trial.datetime_complete),
        )
        own, number = connection.execute(row.returning(trials.c.trial_id, trials.c.number)).one()
        return int(own), int(number)


def _parts(trial: FrozenTrial) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table, as Optuna writes them."""
    values = ({"objective": i, **_value(value)} for i, value in enumerate(trial.values or ()))
    rows = (values, _params(trial), _attributes(trial.user_attrs), _attributes(trial.system_attrs))
    return {table: list(own) for table, own in zip(PARTS, rows, strict=True)}


def _value(value: float) -> dict[str, Any]:
    if math.isfinite(value):
        return {"value": value, "value_type": "FINITE"}
    return {"value": None, "value_type": "INF_POS" if value > 0 else "INF_NEG"}


def _params(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _attributes(attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return ({"key": key, "value_json": json.dumps(value)} for key, value in attributes.items())


def _utc(moment: datetime | None) -> datetime | None:
    """Return a local time in UTC, both without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment else None
