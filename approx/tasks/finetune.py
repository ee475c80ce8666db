"""Approximation-aware training: weights, and tables if wanted, learn to live with the approximation."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy, kl_div

from approx.network import ConvertedModule
from approx.tasks.base import Batch, Task, call
from approx.tasks.outputs import logits_of
from approx.tasks.training import progress_bar


@dataclass(frozen=True)
class FineTuning:
    """What fine-tuning did.

    Attributes:
        losses: Loss on the validation batches before training and after each epoch; the network kept is that
            of the least one.
    """

    losses: tuple[float, ...]

    @property
    def best(self) -> int:
        """The epoch that was kept; 0 is the untrained network."""
        return self.losses.index(min(self.losses))


@dataclass(frozen=True)
class _Lesson:
    """A batch and what the original network says of it."""

    batch: Batch
    teacher: Tensor

    def loss(self, module: nn.Module, distillation: float) -> Tensor:
        outputs, targets = logits_of(call(module, self.batch.inputs)).flatten(0, -2), self.batch.targets
        if targets is None:
            return 1 - cosine_similarity(outputs, self.teacher, dim=-1).mean()
        hard = cross_entropy(outputs, targets.flatten()) if distillation < 1 else outputs.new_zeros(())
        teacher = self.teacher.log_softmax(-1)
        soft = kl_div(outputs.log_softmax(-1), teacher, log_target=True, reduction="batchmean")
        return (1 - distillation) * hard + distillation * soft


def finetune(
    converted: ConvertedModule,
    task: Task,
    *,
    epochs: int = 3,
    learning_rate: float = 1e-4,
    tables: bool = False,
    distillation: float = 0.5,
    seed: int = 0,
) -> FineTuning:
    """Train a converted network through its tables, and keep its best epoch.

    The best epoch is the one of least loss on the task's `validation_batches()`, or, where it has none, on
    its calibration batches; never on test data. Setting another approximation later fits its tables anew.

    Args:
        converted: Trained in place; the model that it came from is not touched.
        task: Gives the training batches, and the original model as teacher.
        epochs: Passes over the training batches, at least 1.
        learning_rate: Peak of the one-cycle schedule (Smith, arXiv 1708.07120).
        tables: Also train each table's values at its knots; tables stay continuous.
        distillation: Share of the loss that is KL divergence to the original network, 0 to 1; the rest is
            cross-entropy with the labels. Embeddings have no labels: their loss is 1 less their mean cosine
            to the original's.
        seed: Of the order of batches.

    Raises:
        ValueError: If epochs, learning_rate or distillation is out of its range, or weights are rounded by
            calibration.
    """
    _check(epochs, learning_rate, distillation)
    if converted.numerics.rounding != "nearest":
        raise ValueError(
            f"rounding = {converted.numerics.rounding!r}: its weights cannot be trained: fine-tune with "
            "'nearest', then round"
        )
    original = task.model()
    lessons = _lessons(original, task.train_batches())
    examination = _lessons(original, getattr(task, "validation_batches", task.calibration_batches)())
    sites = converted.program.site_modules().values()
    if tables:
        for site in sites:
            site.train_table()
    losses = _train(converted, lessons, examination, epochs, learning_rate, distillation, seed)
    for site in sites:
        site.keep_trained()
    return FineTuning(tuple(losses))


def _check(epochs: int, learning_rate: float, distillation: float) -> None:
    if epochs < 1:
        raise ValueError(f"epochs = {epochs}: must be an integer of at least 1")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate = {learning_rate}: must be a number above 0")
    if not 0 <= distillation <= 1:
        raise ValueError(f"distillation = {distillation}: must be a number from 0 to 1")


@torch.no_grad()
def _lessons(original: nn.Module, batches: Sequence[Batch]) -> list[_Lesson]:
    return [_Lesson(batch, logits_of(call(original, batch.inputs)).flatten(0, -2)) for batch in batches]


def _train(
    converted: ConvertedModule,
    lessons: list[_Lesson],
    examination: list[_Lesson],
    epochs: int,
    learning_rate: float,
    distillation: float,
    seed: int,
) -> list[float]:
    """Train, leave the weights of the best epoch in place, and return the loss of every epoch."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(converted.parameters(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, epochs * len(lessons))
    losses = [_examine(converted, examination, distillation)]
    best = copy.deepcopy(converted.state_dict())
    with progress_bar() as bar:
        for _ in bar.track(range(epochs), description="fine-tuning"):
            for i in torch.randperm(len(lessons), generator=generator).tolist():
                optimizer.zero_grad()
                lessons[i].loss(converted, distillation).backward()
                nn.utils.clip_grad_norm_(converted.parameters(), 1.0)
                optimizer.step()
                schedule.step()
            losses.append(_examine(converted, examination, distillation))
            if losses[-1] == min(losses):
                best = copy.deepcopy(converted.state_dict())
    converted.load_state_dict(best)
    return losses


@torch.no_grad()
def _examine(converted: ConvertedModule, examination: list[_Lesson], distillation: float) -> float:
    weights = [len(lesson.batch) for lesson in examination]
    losses = [lesson.loss(converted, distillation).item() for lesson in examination]
    mean = sum(w * loss for w, loss in zip(weights, losses, strict=True)) / sum(weights)
    return mean if math.isfinite(mean) else math.inf  # a diverged epoch is never the best
