"""The study file as a whole, and what follows from its sections together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from dse.metrics import METRICS, QUALITY, Metric
from dse.study_file.approximation import ApproximationSection, Tables
from dse.study_file.constraints import Constraint, ConstraintsSection, constraints
from dse.study_file.hardware import HardwareSection
from dse.study_file.networks import NetworkSection, TaskSection
from dse.study_file.reference import ReferenceSection
from dse.study_file.rules import Text, fixed
from dse.study_file.search import SearchSection
from dse.study_file.section import Axis, Section


class StudyFile(Section):
    """A study file: its name and its sections."""

    name: Annotated[str, fixed(Text(without="/\\"))] = Field(
        default="study",
        description="Names the study and its run folder, runs/NAME; the file's name unless given",
    )
    task: TaskSection = Field(default=TaskSection(), description="The network and its data")
    networks: tuple[NetworkSection, ...] = Field(
        default=(), description="Networks whose hardware alone is of interest, instead of a task"
    )
    search: SearchSection = Field(default=SearchSection(), description="How the space is searched")
    approximation: ApproximationSection = Field(
        default=ApproximationSection.model_validate({}), description="The tables of the nonlinear functions"
    )
    hardware: HardwareSection = Field(  # type: ignore[valid-type]  # made at run time, from Design
        default=HardwareSection(), description="The accelerator"
    )
    reference: ReferenceSection | None = Field(
        default=None, description="A known design that what is found is compared with"
    )
    constraints: ConstraintsSection = Field(  # type: ignore[valid-type]  # made at run time, from the metrics
        default=ConstraintsSection(), description="Limits that a design must keep to"
    )

    @property
    def figures(self) -> tuple[Metric, ...]:
        """The metrics that are traded off."""
        return tuple(METRICS[name] for name in self.search.objectives)

    @property
    def limits(self) -> tuple[Constraint, ...]:
        """The constraints, those on quality first; without those that are the reference's own."""
        return constraints(self.constraints)

    def limits_beside(self, reference: Mapping[str, float]) -> tuple[Constraint, ...]:
        """Return all constraints, given the metrics of the reference."""
        return constraints(self.constraints, reference)

    @property
    def network_names(self) -> list[str]:
        """The networks, as platforms call them."""
        return [network.name for network in self.networks] or [self.task.name]

    @property
    def scores(self) -> bool:
        """Whether quality is asked for; else hardware alone is, and nothing is scored."""
        limited = {
            name
            for name, value in self.constraints.values().items()  # type: ignore[attr-defined]
            if value is not None
        }
        return bool({figure.name for figure in QUALITY} & {*self.search.objectives, *limited})

    @property
    def design_axes(self) -> dict[str, Axis]:
        """The axes of a design's fields."""
        axes = {name: getattr(self.hardware, name) for name in HardwareSection.model_fields}
        return {name: axis for name, axis in axes.items() if axis is not None}

    @property
    def designs(self) -> int:
        """How many designs the grid has."""
        return math.prod(map(len, self.design_axes.values()))

    @property
    def enumerated(self) -> bool:
        """Whether every design of the grid is evaluated, and nothing is searched."""
        return not self.scores and self.designs <= self.search.enumerate

    def content(self) -> dict[str, Any]:
        """Return every field as plain values, for storing and comparing."""
        unused = {"task"} if self.networks else {"networks"}
        return self.model_dump(mode="json", exclude_none=True, exclude=unused)


SECTIONS: Mapping[str, type[Section]] = {
    "": StudyFile,
    "task": TaskSection,
    "networks.*": NetworkSection,
    "search": SearchSection,
    "approximation": ApproximationSection,
    "approximation.*": Tables,
    "hardware": HardwareSection,
    "reference": ReferenceSection,
    "constraints": ConstraintsSection,
}
"""The sections of a study file; `approximation.*` is a function's, `networks.*` one of [[networks]]."""
