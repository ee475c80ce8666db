"""How a trial is asked for the value of an axis: an axis of one value is no parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dse.study_file import Axis

if TYPE_CHECKING:
    from optuna.trial import Trial


def suggest(trial: Trial, name: str, axis: Axis) -> Any:
    """Let a trial choose a value of an axis."""
    return trial.suggest_categorical(name, axis) if len(axis) > 1 else axis[0]
