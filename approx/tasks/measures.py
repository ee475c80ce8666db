"""What outputs are compared by: classes with labels and the original's, embeddings with the original's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from approx.tasks.base import Batch
from approx.tasks.score import Score
from approx.tasks.scored import check_directions, scored_logits, scored_targets, share, vectors
from approx.tasks.sketch import direction


class Measure(Protocol):
    """Compares networks with the one that it was made with, on the same batches."""

    original: Score

    def score(self, module: nn.Module) -> Score:
        """Run a network over the batches, once."""


def measure(batches: Sequence[Batch], name: str, original: nn.Module) -> Measure:
    """Return what the batches can be scored by: classes if they have targets, else embeddings.

    Raises:
        ValueError: If there is nothing to score, or the original's outputs are unusable.
    """
    kind = Classes if all(batch.targets is not None for batch in batches) else Embeddings
    return kind(batches, name, original)


class Classes:
    """Accuracy, agreement and divergence of class probabilities. See `Measure`.

    Where outputs move is seen in the square roots of probabilities: the squared length there is half the
    divergence, for small ones (Amari, "Information geometry and its applications", 2016, section 3.5).
    """

    def __init__(self, batches: Sequence[Batch], name: str, original: nn.Module) -> None:
        self._batches, self._name = batches, name
        self._targets = scored_targets(batches, name)
        logits = scored_logits(original, batches, f"{name}: original model")
        self._choices = logits.argmax(-1)
        self._log_probabilities = logits.log_softmax(-1)
        self.original = Score(share(self._choices == self._targets), 1.0, 0.0)

    def score(self, module: nn.Module) -> Score:
        """Return all figures but the cosine."""
        logits = scored_logits(module, self._batches, self._name)
        if logits.shape != self._log_probabilities.shape:
            raise ValueError(
                f"{self._name}: output has {logits.shape[-1]} classes: "
                f"must be {self._log_probabilities.shape[-1]}, as the original's"
            )
        choices = logits.argmax(-1)
        log_probabilities = logits.log_softmax(-1)
        return Score(
            accuracy=share(choices == self._targets),
            agreement=share(choices == self._choices),
            kl_divergence=_kl_divergence(self._log_probabilities, log_probabilities),
            direction=direction((log_probabilities / 2).exp() - (self._log_probabilities / 2).exp()),
        )


class Embeddings:
    """Mean cosine to the original's vectors. See `Measure`.

    Where outputs move is seen in vectors of length 1: the squared length there is twice the cosine's distance
    from 1.
    """

    def __init__(self, batches: Sequence[Batch], name: str, original: nn.Module) -> None:
        self._batches, self._name = batches, name
        self._vectors = vectors(original, batches, f"{name}: original model")
        check_directions(self._vectors, f"{name}: original model")
        self.original = Score(cosine=1.0)

    def score(self, module: nn.Module) -> Score:
        """Return the cosine."""
        found = vectors(module, self._batches, self._name)
        if found.shape != self._vectors.shape:
            raise ValueError(
                f"{self._name}: outputs have shape {tuple(found.shape)}: "
                f"must be {tuple(self._vectors.shape)}, as the original's"
            )
        moved = normalize(found, dim=-1) - normalize(self._vectors, dim=-1)
        return Score(
            cosine=torch.cosine_similarity(found, self._vectors, dim=-1).mean().item(),
            direction=direction(moved),
        )


def _kl_divergence(log_p: Tensor, log_q: Tensor) -> float:
    """Mean over rows of sum p (log p - log q), with 0 log 0 = 0; rounding below 0 is cut."""
    terms = torch.where(torch.isneginf(log_p), 0.0, log_p.exp() * (log_p - log_q))
    return terms.sum(-1).mean().clamp(min=0.0).item()
