"""The plain training loop behind the ready-made networks: AdamW, one-cycle schedule, averaged weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from approx.tasks.base import Batch, call
from approx.tasks.outputs import logits_of


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training data.
        batch_size: Samples a step.
        learning_rate: Peak of the one-cycle schedule (Smith, arXiv 1708.07120).
        warmup: Share of the steps in which the learning rate rises.
        weight_decay: Of AdamW.
        label_smoothing: Of the cross-entropy loss.
        shift: Probability that a training image moves by one pixel along each axis.
        averaging: Decay a step of the exponential moving average that becomes the trained network.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup: float
    weight_decay: float
    label_smoothing: float
    shift: float
    averaging: float


def train(
    model: nn.Module,
    epoch: Callable[[torch.Generator], Sequence[Batch]],
    recipe: Recipe,
    seed: int,
    name: str,
) -> nn.Module:
    """Train a network and return its averaged copy in eval mode.

    The same arguments give the same weights on the same kind of processor: the work runs on one thread, as
    sums would depend on how many there are.

    Args:
        model: Network with its initial weights; trained in place.
        epoch: Gives the batches of one epoch, shuffled and augmented with the generator.
        recipe: Schedule and sizes.
        seed: Of the shuffling and augmentation.
        name: Shown beside the progress bar.
    """
    generator = torch.Generator().manual_seed(seed)
    batches = epoch(generator)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        betas=(0.9, 0.98),
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, recipe.epochs * len(batches), pct_start=recipe.warmup
    )
    average = get_ema_multi_avg_fn(recipe.averaging)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(model, multi_avg_fn=average, use_buffers=True)
    model.train()
    with _one_thread(), progress_bar() as bar:
        for number in bar.track(range(recipe.epochs), description=f"training {name}"):
            for batch in batches if number == 0 else epoch(generator):
                logits = logits_of(call(model, batch.inputs))
                loss = cross_entropy(logits, batch.labels, label_smoothing=recipe.label_smoothing)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                averaged.update_parameters(model)
    trained: nn.Module = averaged.module
    return trained.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def progress_bar() -> Progress:
    """Return a bar on standard error that says nothing where that is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
