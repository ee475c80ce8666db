"""The paper's networks at full size, from their configuration alone: random weights, or none at all.

A workload needs no weights, so that networks are traced on the meta device: BERT-base in under 3 s and 450
MB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dse.errors import UserError
from dse.study_file.rules import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

    from accel_models import Workload
    from approx import Approximation

Inputs = tuple["Tensor", ...] | dict[str, "Tensor"]


@dataclass(frozen=True)
class FullSize:
    """A network and its input.

    Attributes:
        title: Its usual name.
        make: Makes it, with random weights, on torch's current device.
        size: Side of the image, or sequence length, that it is usually compared at.
        example: Makes inputs for a batch at a size.
    """

    title: str
    make: Callable[[], nn.Module]
    size: int
    example: Callable[[int, int], Inputs]


def _resnet(depths: tuple[int, ...], block: str) -> nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    widths = [64, 128, 256, 512] if block == "basic" else [256, 512, 1024, 2048]
    config = ResNetConfig(depths=list(depths), hidden_sizes=widths, layer_type=block)
    config.num_labels = 1000
    network: nn.Module = ResNetForImageClassification(config)
    return network.eval()


def _encoder(family: str, *, large: bool) -> nn.Module:
    import transformers

    sizes = {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
    }
    # RoBERTa's vocabulary and positions, which its configuration class has from BERT (Liu et al., 2019).
    own = {"vocab_size": 50_265, "max_position_embeddings": 514, "type_vocab_size": 1}
    values = (sizes if large else {}) | (own if family == "Roberta" else {})
    config = getattr(transformers, f"{family}Config")(**values)
    network: nn.Module = getattr(transformers, f"{family}Model")(config)
    return network.eval()


def _image(batch: int, side: int) -> Inputs:
    import torch

    return {"pixel_values": torch.randn(batch, 3, side, side)}


def _tokens(batch: int, length: int) -> Inputs:
    import torch

    ids = torch.full((batch, length), 5)  # any token but padding
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


FULL_SIZE: Mapping[str, FullSize] = {
    "resnet18": FullSize("ResNet-18", lambda: _resnet((2, 2, 2, 2), "basic"), 224, _image),
    "resnet50": FullSize("ResNet-50", lambda: _resnet((3, 4, 6, 3), "bottleneck"), 224, _image),
    "bert-base": FullSize("BERT-base", lambda: _encoder("Bert", large=False), 128, _tokens),
    "bert-large": FullSize("BERT-large", lambda: _encoder("Bert", large=True), 128, _tokens),
    "roberta-base": FullSize("RoBERTa-base", lambda: _encoder("Roberta", large=False), 128, _tokens),
    "roberta-large": FullSize("RoBERTa-large", lambda: _encoder("Roberta", large=True), 128, _tokens),
}
"""By the names that study files and `neuralmatrix measure` use."""


def find(name: str) -> FullSize:
    """Return a network by name.

    Raises:
        UserError: If there is none of that name.
    """
    if name not in FULL_SIZE:
        hint = did_you_mean(name, FULL_SIZE)
        raise UserError(f"network = {name}: must be one of {', '.join(FULL_SIZE)}{hint}")
    return FULL_SIZE[name]


def of_task(name: str) -> FullSize:
    """Return the trained network of a task, ready-made or `module:function`, with its own test data as input.

    Raises:
        UserError: If there is neither such a network nor such a task.
    """
    from approx import tasks

    if name not in tasks.registry.TASKS and ":" not in name:
        known = [*FULL_SIZE, *tasks.registry.TASKS]
        raise UserError(f"network = {name}: must be one of {', '.join(known)}{did_you_mean(name, known)}")
    task = tasks.load(name)
    first: Any = next(iter(task.test_batches())).inputs

    def example(batch: int, _size: int) -> Inputs:
        if isinstance(first, dict):
            return {key: _repeated(value, batch) for key, value in first.items()}
        return tuple(_repeated(value, batch) for value in first)

    return FullSize(name, task.model, 0, example)


def _repeated(values: Tensor, batch: int) -> Tensor:
    """Return the first rows of a tensor, over and over where there are fewer than asked for."""
    import torch

    return values[torch.arange(batch) % len(values)]


def workload(name: str, size: int, approximation: Approximation, batch: int = 1) -> Workload:
    """Return what an accelerator runs for a network: converted, but with no weights made.

    Args:
        name: A key of `FULL_SIZE`.
        size: Side of the image, or sequence length.
        approximation: The tables of its nonlinear functions.
        batch: Inferences at a time.
    """
    import torch

    import approx

    network = find(name)
    with torch.device("meta"):
        example: Any = network.example(1, size)
        program = approx.trace(network.make(), example)
    return program.workload(batch, approximation)
