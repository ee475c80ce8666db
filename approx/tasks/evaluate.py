"""How good a network still is: accuracy against the labels, fidelity against the original network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from approx.tasks.base import Batch, Task
from approx.tasks.outputs import run

IGNORED = -100
"""Targets of this value are not scored; the convention of torch's cross-entropy."""


@dataclass(frozen=True)
class Fidelity:
    """Closeness of a network's class probabilities to the original's.

    Attributes:
        agreement: Share of samples for which both choose the same class, 0 to 1.
        kl_divergence: Mean Kullback-Leibler divergence KL(original || network), nats a sample, >= 0.
    """

    agreement: float
    kl_divergence: float

    @property
    def score(self) -> float:
        """exp(-kl_divergence), 0 to 1: the geometric mean of the likelihood kept; 1 is the original."""
        return math.exp(-self.kl_divergence)


@dataclass(frozen=True)
class Score:
    """Everything one pass over the test batches tells.

    Attributes:
        accuracy: Share of samples classified as labelled, 0 to 1.
        agreement: Share of samples classified as the original network does, 0 to 1.
        kl_divergence: Mean KL(original || network), nats a sample.
    """

    accuracy: float
    agreement: float
    kl_divergence: float

    @property
    def fidelity(self) -> float:
        """exp(-kl_divergence), 1 when the outputs are the original's."""
        return Fidelity(self.agreement, self.kl_divergence).score


class Evaluator:
    """Scores networks on a task's test batches; the original is run once, when the evaluator is made.

    Attributes:
        task: Where the batches come from.
        original: Score of the task's own model: its accuracy, agreement 1, KL divergence 0.

    Example:
        >>> evaluator = Evaluator(task)
        >>> evaluator.score(converted).accuracy - evaluator.original.accuracy

    Raises:
        ValueError: If the task has no test batch, or its model's outputs are unusable (see `score`).
    """

    def __init__(self, task: Task, original: nn.Module | None = None) -> None:
        self.task = task
        self._batches = list(task.test_batches())
        self._targets = _scored_targets(self._batches, task.name)
        model = task.model() if original is None else original
        logits = _scored_logits(model, self._batches, f"{task.name}: original model")
        self._classes = logits.argmax(-1)
        self._log_probabilities = logits.log_softmax(-1)
        self.original = Score(_share(self._classes == self._targets), 1.0, 0.0)

    def score(self, module: nn.Module) -> Score:
        """Run a network over the test batches, once, and compare it with labels and original.

        Args:
            module: Called like the original; returns logits, a tuple that starts with them, or an output
                object that has them as `.logits`, of shape (batch, ..., classes).

        Raises:
            ValueError: If the output is no such thing, has other classes than the original, or holds NaN
                or +infinity. An unusable network gets no score.
        """
        logits = _scored_logits(module, self._batches, self.task.name)
        if logits.shape != self._log_probabilities.shape:
            raise ValueError(
                f"{self.task.name}: output has {logits.shape[-1]} classes: "
                f"must be {self._log_probabilities.shape[-1]}, as the original's"
            )
        classes = logits.argmax(-1)
        return Score(
            accuracy=_share(classes == self._targets),
            agreement=_share(classes == self._classes),
            kl_divergence=_kl_divergence(self._log_probabilities, logits.log_softmax(-1)),
        )


def accuracy(module: nn.Module, task: Task) -> float:
    """Return the share of a task's test samples that a network classifies as labelled, 0 to 1.

    Raises:
        ValueError: If the outputs are unusable, as `Evaluator.score`.
    """
    return accuracy_on(module, list(task.test_batches()), task.name)


def accuracy_on(module: nn.Module, batches: Sequence[Batch], name: str) -> float:
    """Return `accuracy` on any batches; errors call them by this name."""
    targets = _scored_targets(batches, name)
    return _share(_scored_logits(module, batches, name).argmax(-1) == targets)


def fidelity(module: nn.Module, task: Task) -> Fidelity:
    """Compare a network's class probabilities on the test samples with those of the task's own model.

    To compare many networks use an `Evaluator`, which runs the original only once.

    Raises:
        ValueError: If the outputs are unusable, as `Evaluator.score`.
    """
    score = Evaluator(task).score(module)
    return Fidelity(score.agreement, score.kl_divergence)


def _scored_targets(batches: Sequence[Batch], name: str) -> Tensor:
    """Targets of all batches as one vector, ignored ones left out."""
    targets = torch.cat([batch.targets.cpu().flatten() for batch in batches]) if batches else torch.empty(0)
    targets = targets[targets != IGNORED]
    if not len(targets):
        raise ValueError(f"{name}: no sample to score")
    return targets


def _scored_logits(module: nn.Module, batches: Sequence[Batch], name: str) -> Tensor:
    """Logits of all scored samples, (samples, classes) in float64."""
    rows = []
    for number, batch in enumerate(batches):
        where = f"{name}: batch {number}"
        logits = run(module, batch.inputs, where)
        if logits.shape[:-1] != batch.targets.shape:
            expected = tuple(batch.targets.shape)
            raise ValueError(f"{where}: output shape {tuple(logits.shape)}: must be {expected} and classes")
        rows.append(logits[batch.targets.cpu() != IGNORED])
    return torch.cat(rows)


def _share(hits: Tensor) -> float:
    return hits.double().mean().item()


def _kl_divergence(log_p: Tensor, log_q: Tensor) -> float:
    """Mean over rows of sum p (log p - log q), with 0 log 0 = 0; rounding below 0 is cut."""
    terms = torch.where(torch.isneginf(log_p), 0.0, log_p.exp() * (log_p - log_q))
    return terms.sum(-1).mean().clamp(min=0.0).item()
