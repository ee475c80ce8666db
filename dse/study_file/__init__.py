"""The study file: what is searched, on which network and hardware, and how.

A study file is TOML. Every field has a default, so that a file says only what is particular to it; a list is
searched, a single value is fixed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from accel_models import Design
from accel_models.checks import Choice, FloatRange, IntRange
from approx.cpwl import BIASES, FUNCTIONS, MAX_SEGMENTS, PLACEMENTS, get_function
from dse.errors import UserError
from dse.figures import FIGURES, HARDWARE, QUALITY, Figure
from dse.files import read_text
from dse.study_file.constraints import Constraint
from dse.study_file.problems import explain
from dse.study_file.rules import SamplerName, Table, Text, axis, did_you_mean, fixed, limit, refusal

Axis = tuple[Any, ...]
"""The values of one search axis; of length one when it is fixed."""

STRATEGIES = ("nested", "joint")
SHARES = ("function", "site")
FINETUNE = ("off", "front")
SAME = (("fidelity", "kl_divergence"), ("throughput", "latency_s"), ("throughput_per_watt", "energy_j"))
"""Figures that order designs alike, so that one cannot be traded for the other."""

SEED = fixed(IntRange(0, 2**31 - 1))
SEGMENTS, PLACEMENT, BIAS, WIDTH = (
    axis(IntRange(1, MAX_SEGMENTS)),
    axis(Choice(tuple(PLACEMENTS))),
    axis(Choice(tuple(BIASES))),
    axis(IntRange(2, 32, "bits")),
)
_TABLE_WIDTH = "Bits of a table's numbers in fixed point; those of a stored word unless given"

KIB = 1024
SEARCHED: Mapping[str, Axis] = {
    "rows": (4, 8, 16, 32, 64),
    "cols": (4, 8, 16, 32, 64),
    "dataflow": ("ws", "os", "is"),
    "input_buffer": (4 * KIB, 16 * KIB, 64 * KIB),
    "weight_buffer": (4 * KIB, 16 * KIB, 64 * KIB),
    "output_buffer": (4 * KIB, 16 * KIB, 64 * KIB),
    "parameter_buffer": (KIB, 4 * KIB, 16 * KIB),
}
"""Fields of a design that are searched unless the study file says otherwise; others have Design's default."""

DERIVED = ("addressing", "max_segments")
"""Fields of a design that follow from its tables, so that a study file does not set them."""

OPEN = {
    "elementwise_bits": "; 16 with int8 unless given",
    "accumulator_bits": "; the least enough unless given",
}
"""Fields of a design that follow from the network and the data's width unless a study file sets them."""


class Section(BaseModel):
    """A table of a study file; refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class SearchSection(Section):
    """[search]: how the space is searched, and for what."""

    trials: Annotated[int, fixed(IntRange(1, 1_000_000))] = Field(
        default=60, description="Trials that each run adds to the study"
    )
    strategy: Annotated[str, fixed(Choice(STRATEGIES))] = Field(
        default="nested",
        description="nested: the sampler chooses tables, and of all hardware the best for them is taken; "
        "joint: the sampler chooses both",
    )
    sampler: Annotated[str, fixed(SamplerName())] = Field(
        default="auto",
        description="auto: for nested a model of each function's share of the loss, for joint TPE for 100 "
        "trials, then NSGA-II; or tpe, nsga2, random, or the name of any sampler of Optuna's",
    )
    seed: Annotated[int, SEED] = Field(default=0, description="The same seed gives the same trials")
    objectives: Annotated[tuple[str, ...], axis(Choice(tuple(FIGURES)))] = Field(
        default=("fidelity", "throughput_per_watt"),
        description="The two or three figures that are traded off",
    )
    batch: Annotated[int, fixed(IntRange(1, 65_536))] = Field(
        default=1, description="Inferences that the accelerator runs at a time"
    )
    subset: Annotated[float, fixed(FloatRange(0.001, 1.0))] = Field(
        default=1.0,
        description="Share of the test batches that tables are scored on first; only what could then join "
        "the front is scored on all of them, and only such figures are reported",
    )
    time_limit: Annotated[float | None, fixed(FloatRange(0.001, 1e6, "s"))] = Field(
        default=None, description="Seconds that a trial may take; one that takes longer is recorded as failed"
    )
    finetune: Annotated[str, fixed(Choice(FINETUNE))] = Field(
        default="off", description="front: train the front's networks through their tables after the search"
    )

    @field_validator("objectives")
    @classmethod
    def _two_or_three(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        if len(objectives) not in (2, 3):
            raise refusal(list(objectives), f"must be two or three of {', '.join(FIGURES)}")
        for pair in SAME:
            if set(pair) <= set(objectives):
                raise refusal(
                    list(objectives), f"must not have both {pair[0]} and {pair[1]}, which order designs alike"
                )
        return objectives

    @model_validator(mode="after")
    def _nested_needs_both_sides(self) -> SearchSection:
        sides = [{f.name for f in side} & set(self.objectives) for side in (QUALITY, HARDWARE)]
        if self.strategy == "nested" and not all(sides):
            reason = (
                f"must have one of {', '.join(f.name for f in QUALITY)} and one of "
                f'{", ".join(f.name for f in HARDWARE)} with strategy = "nested"'
            )
            raise PydanticCustomError(
                "refused",
                "{reason}",
                {"value": list(self.objectives), "reason": reason, "field": "objectives"},
            )
        return self


class Tables(Section):
    """[approximation.FUNCTION]: the tables of one function; what is not given is as in [approximation]."""

    segments: Annotated[Axis | None, SEGMENTS] = Field(default=None, description="Segments of a table")
    placement: Annotated[Axis | None, PLACEMENT] = Field(default=None, description="Where the knots go")
    bias: Annotated[Axis | None, BIAS] = Field(default=None, description="How the lines are corrected")
    width: Annotated[Axis | None, WIDTH] = Field(default=None, description=_TABLE_WIDTH)


class ApproximationSection(Section):
    """[approximation]: the tables of every nonlinear function; [approximation.gelu] sets one apart."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Tables]

    share: Annotated[str, fixed(Choice(SHARES))] = Field(
        default="function",
        description="function: all places where a function is evaluated get like tables; site: each its own",
    )
    segments: Annotated[Axis, SEGMENTS] = Field(default=(2, 4, 8, 16, 32), description="Segments of a table")
    placement: Annotated[Axis, PLACEMENT] = Field(
        default=("uniform", "dyadic", "minimax"), description="Where the knots go"
    )
    bias: Annotated[Axis, BIAS] = Field(
        default=("none", "minimax", "least_squares"), description="How the lines are corrected"
    )
    width: Annotated[Axis | None, WIDTH] = Field(default=None, description=_TABLE_WIDTH)

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions that the file sets apart."""
        return tuple(self.__pydantic_extra__)

    def axes(self, function: str) -> dict[str, Axis]:
        """Return the axes segments, placement, bias and, if it is given, width of one function's tables."""
        own = self.__pydantic_extra__.get(function, Tables())
        axes = {name: getattr(own, name) or getattr(self, name) for name in Tables.model_fields}
        return {name: axis for name, axis in axes.items() if axis is not None}


def _descriptions(kind: type) -> dict[str, str]:
    """Read the fields' descriptions off a docstring's Attributes."""
    entries = re.split(r"\n {8}(?=\w+: )", (kind.__doc__ or "").partition("Attributes:")[2])
    pairs = (" ".join(entry.split()).partition(": ")[::2] for entry in entries[1:])
    return {name: text.rstrip(".") for name, text in pairs}


def _hardware_section() -> type[Section]:
    """Make [hardware] from the accelerator's own fields, rules and words: there is one list of them."""
    described, defaults = _descriptions(Design), Design.defaults()
    fields: dict[str, Any] = {
        name: (
            Annotated[Axis | None if name in OPEN else Axis, axis(rule)],
            Field(
                default=None if name in OPEN else SEARCHED.get(name, (defaults[name],)),
                description=described[name] + OPEN.get(name, ""),
            ),
        )
        for name, rule in Design.rules().items()
        if name not in DERIVED
    }
    return create_model(
        "HardwareSection",
        __base__=Section,
        __doc__="[hardware]: the accelerator; fields of a Design.",
        **fields,
    )


HardwareSection = _hardware_section()


def _constraints_section() -> type[Section]:
    """Make [constraints] from the figures."""
    fields: dict[str, Any] = {
        figure.name: (
            Annotated[float | None, fixed(limit(figure))],
            Field(default=None, description=f"{figure.label}: the {'least' if figure.sign > 0 else 'most'}"),
        )
        for figure in FIGURES.values()
    }
    doc = "[constraints]: limits that a design must keep to."
    return create_model("ConstraintsSection", __base__=Section, __doc__=doc, **fields)


ConstraintsSection = _constraints_section()


class StudyFile(Section):
    """A study file: its name and its sections."""

    name: Annotated[str, fixed(Text(without="/\\"))] = Field(
        default="study",
        description="Names the study and its run folder, runs/NAME; the file's name unless given",
    )
    task: TaskSection = Field(default=TaskSection(), description="The network and its data")
    search: SearchSection = Field(default=SearchSection(), description="How the space is searched")
    approximation: ApproximationSection = Field(
        default=ApproximationSection.model_validate({}), description="The tables of the nonlinear functions"
    )
    hardware: HardwareSection = Field(  # type: ignore[valid-type]  # made at run time, from Design
        default=HardwareSection(), description="The accelerator"
    )
    constraints: ConstraintsSection = Field(  # type: ignore[valid-type]  # made at run time, from the figures
        default=ConstraintsSection(), description="Limits that a design must keep to"
    )

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures that are traded off."""
        return tuple(FIGURES[name] for name in self.search.objectives)

    @property
    def limits(self) -> tuple[Constraint, ...]:
        """The constraints, those on quality first."""
        given = self.constraints.model_dump(exclude_none=True)  # type: ignore[attr-defined]
        return tuple(Constraint(FIGURES[name], given[name]) for name in FIGURES if name in given)

    @property
    def design_axes(self) -> dict[str, Axis]:
        """The axes of a design's fields."""
        axes = {name: getattr(self.hardware, name) for name in HardwareSection.model_fields}
        return {name: axis for name, axis in axes.items() if axis is not None}

    def content(self) -> dict[str, Any]:
        """Return every field as plain values, for storing and comparing."""
        return self.model_dump(mode="json", exclude_none=True)


SECTIONS: Mapping[str, type[Section]] = {
    "": StudyFile,
    "task": TaskSection,
    "search": SearchSection,
    "approximation": ApproximationSection,
    "approximation.*": Tables,
    "hardware": HardwareSection,
    "constraints": ConstraintsSection,
}
"""The sections of a study file; `approximation.*` are those named after a function."""


def load(path: str | Path) -> StudyFile:
    """Read and check a study file.

    Raises:
        UserError: A line for each problem, if the file cannot be read or a field is not as it must be.
    """
    path = Path(path)
    try:
        return parse(read_text(path), default_name=path.stem)
    except UserError as error:
        lines = str(error).splitlines()
        raise UserError("\n".join(f"{path}: {line.removeprefix(f'{path}: ')}" for line in lines)) from None


def parse(text: str, default_name: str = "study") -> StudyFile:
    """Check the text of a study file.

    Raises:
        UserError: A line for each problem.
    """
    try:
        config = StudyFile.model_validate({"name": default_name} | tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"not TOML: {error}") from None
    except ValidationError as error:
        raise UserError("\n".join(explain(problem, SECTIONS) for problem in error.errors())) from None
    _check_functions(config.approximation.functions)
    return config


def _check_functions(functions: Iterable[str]) -> None:
    """Refuse a table named after no function that there is."""
    for function in functions:
        try:
            get_function(function)
        except ValueError as error:
            reason = str(error).removeprefix(f"function = {function!r}: ")
            raise UserError(
                f"[approximation.{function}]: {reason}{did_you_mean(function, FUNCTIONS)}"
            ) from None
