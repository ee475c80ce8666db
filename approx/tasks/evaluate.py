"""How good a network still is: accuracy against the labels, closeness to the original network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from approx.tasks.base import Batch, Task
from approx.tasks.measures import measure
from approx.tasks.score import Fidelity, Score
from approx.tasks.scored import scored_logits, scored_targets, share


class Evaluator:
    """Scores networks on a task's test batches; the original is run once, when the evaluator is made.

    Attributes:
        task: Where the batches come from.
        original: Score of the task's own model: its accuracy, agreement 1, KL divergence 0; or cosine 1.

    Example:
        >>> evaluator = Evaluator(task)
        >>> evaluator.score(converted).accuracy - evaluator.original.accuracy

    Raises:
        ValueError: If the task has no test batch, or its model's outputs are unusable (see `score`).
    """

    def __init__(self, task: Task, original: nn.Module | None = None) -> None:
        self.task = task
        batches = list(task.test_batches())
        self._measure = measure(batches, task.name, task.model() if original is None else original)
        self.original = self._measure.original

    def score(self, module: nn.Module) -> Score:
        """Run a network over the test batches, once, and compare it with labels and original.

        Args:
            module: Called like the original; returns logits or embeddings, a tuple that starts with them, or
                an output object that has them as `.logits`, of shape (batch, ..., classes or features).

        Raises:
            ValueError: If the output is no such thing, has other classes than the original, or holds NaN
                or +infinity. An unusable network gets no score.
        """
        return self._measure.score(module)


def accuracy(module: nn.Module, task: Task) -> float:
    """Return the share of a task's test samples that a network classifies as labelled, 0 to 1.

    Raises:
        ValueError: If the outputs are unusable, as `Evaluator.score`, or the task has no classes.
    """
    return accuracy_on(module, list(task.test_batches()), task.name)


def accuracy_on(module: nn.Module, batches: Sequence[Batch], name: str) -> float:
    """Return `accuracy` on any batches; errors call them by this name."""
    targets = scored_targets(batches, name)
    return share(scored_logits(module, batches, name).argmax(-1) == targets)


def fidelity(module: nn.Module, task: Task) -> Fidelity:
    """Compare a network's class probabilities on the test samples with those of the task's own model.

    To compare many networks use an `Evaluator`, which runs the original only once.

    Raises:
        ValueError: If the outputs are unusable, as `Evaluator.score`, or the task has no classes.
    """
    score = Evaluator(task).score(module)
    if "fidelity" not in score.figures:
        raise ValueError(f"{task.name}: gives embeddings, not classes: must be scored by their cosine")
    return Fidelity(score.agreement, score.kl_divergence)
