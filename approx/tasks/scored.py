"""What is scored of all batches: targets, logits and vectors, checked to be what their figures are made for.

A figure of something else would be a number without meaning: one class is always chosen, and one positive
feature has a cosine of 1 whatever the network computes. Such outputs are refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from approx.tasks.base import Batch
from approx.tasks.outputs import run

IGNORED = -100
"""Targets of this value are not scored; the convention of torch's cross-entropy."""


def scored_targets(batches: Sequence[Batch], name: str) -> Tensor:
    """Return the targets of all batches as one vector, ignored ones left out.

    Raises:
        ValueError: If there is none, or they are no class indices.
    """
    parts = [batch.labels.cpu().flatten() for batch in batches]
    for number, part in enumerate(parts):
        if len(part) and (part.is_floating_point() or part.is_complex()):
            raise ValueError(
                f"{name}: batch {number}: targets are {part.dtype}: must be class indices (int64): "
                "regression has no figure here"
            )
    targets = torch.cat(parts) if parts else torch.empty(0)
    targets = targets[targets != IGNORED]
    if not len(targets):
        raise ValueError(f"{name}: no sample to score")
    return targets


def scored_logits(module: nn.Module, batches: Sequence[Batch], name: str) -> Tensor:
    """Return the logits of all scored samples, (samples, classes) in float64.

    Raises:
        ValueError: If the outputs are no logits of the targets' samples: another shape, fewer than two
            classes, or classes along an axis that cannot be told from the others.
    """
    rows, unclear = [], []
    for number, batch in enumerate(batches):
        where = f"{name}: batch {number}"
        logits, targets = run(module, batch.inputs, where), batch.labels.cpu()
        _check_classes(logits, targets, where)
        unclear.append(_classes_may_be_second(logits, targets))
        rows.append(logits[targets != IGNORED])
    if all(unclear):
        raise ValueError(
            f"{where}: output shape {tuple(logits.shape)}: classes may be the second or the last axis: "
            "must be another number than positions"
        )
    return torch.cat(rows)


def _check_classes(logits: Tensor, targets: Tensor, where: str) -> None:
    if logits.shape[:-1] != targets.shape:
        expected = tuple(targets.shape)
        raise ValueError(f"{where}: output shape {tuple(logits.shape)}: must be {expected} and classes")
    classes = logits.shape[-1]
    if classes < 2:
        raise ValueError(f"{where}: output has 1 class: must be at least 2: regression has no figure here")
    outside = (targets != IGNORED) & ((targets < 0) | (targets >= classes))
    if outside.any():
        raise ValueError(
            f"{where}: target {int(targets[outside][0])}: must be from 0 to {classes - 1}, or {IGNORED}"
        )


def _classes_may_be_second(logits: Tensor, targets: Tensor) -> bool:
    """Whether (batch, classes, positions...) fits the targets as well as (batch, positions..., classes)."""
    return logits.dim() > 2 and logits.shape[:1] + logits.shape[2:] == targets.shape


def vectors(module: nn.Module, batches: Sequence[Batch], name: str) -> Tensor:
    """Return outputs of all batches, (vectors, features) in float64."""
    rows = [run(module, batch.inputs, f"{name}: batch {number}") for number, batch in enumerate(batches)]
    return torch.cat([each.flatten(0, -2) for each in rows])


def check_directions(original: Tensor, name: str) -> None:
    """Refuse vectors that a cosine says nothing about.

    Raises:
        ValueError: If they have one feature, whose cosine is its sign, or some are zeros alone, which have a
            cosine of 0 to themselves.
    """
    if original.shape[-1] < 2:
        raise ValueError(
            f"{name}: output has 1 feature: must be at least 2, as the cosine of one number is its sign"
        )
    zeros = int((original == 0).all(-1).sum())
    if zeros:
        raise ValueError(f"{name}: {zeros} of {len(original)} outputs are all zeros: must have a direction")


def share(hits: Tensor) -> float:
    """Return the share of true entries."""
    return hits.double().mean().item()
