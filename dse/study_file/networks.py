"""[task] and [[networks]]: what runs on the accelerator."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from accel_models.checks import FloatRange, IntRange
from dse.study_file.rules import Table, Text, fixed
from dse.study_file.section import Section

SEED = fixed(IntRange(0, 2**31 - 1))


class TaskSection(Section):
    """[task]: the network, and the data that its accuracy is scored on."""

    name: Annotated[str, fixed(Text())] = Field(
        default="digits-bert",
        description="A ready-made task (digits-bert, digits-roberta, digits-resnet, minilm; with options "
        "glue-sst2 and its like, huggingface), or your own 'module:function' that returns an approx.Task",
    )
    seed: Annotated[int | None, SEED] = Field(
        default=None, description="Seed of the network's training; the task's own unless given"
    )
    options: Annotated[dict[str, Any], fixed(Table())] = Field(
        default={},
        description="What else the task takes, as a table [task.options]: network, dataset, ... of "
        "huggingface; arguments of your function",
    )


class NetworkSection(Section):
    """[[networks]]: one or more networks whose hardware alone is of interest, instead of a [task]."""

    name: Annotated[str, fixed(Text())] = Field(
        default="bert-base",
        description="A network at full size (bert-base, resnet50, ...; see `measure --help`), your own "
        "'module:function' that returns a module and its example inputs, or a folder with a config.json; "
        "modules and folders are found beside the study file",
    )
    size: Annotated[int | None, fixed(IntRange(1, 1_048_576, optional=True))] = Field(
        default=None,
        description="Side of the image, or sequence length; the network's usual one if not given",
    )
    batch: Annotated[int, fixed(IntRange(1, 65_536))] = Field(
        default=1, description="Inferences that the accelerator runs at a time"
    )
    phase: Annotated[str | None, fixed(Text())] = Field(
        default=None, description="How a language model is run: prefill or decode; prefill unless given"
    )
    weight: Annotated[float, fixed(FloatRange(1e-6, 1e6))] = Field(
        default=1.0,
        description="Weight of the network where a metric of several networks is one number, their weighted "
        "geometric mean",
    )

    @property
    def key(self) -> str:
        """What tells the network from the others of a study."""
        parts = [self.name, self.phase, self.size, f"batch {self.batch}" if self.batch > 1 else None]
        return " ".join(str(part) for part in parts if part is not None)
