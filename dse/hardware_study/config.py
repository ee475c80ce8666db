"""The study file of `kind = "hardware"`: networks, their tables, a known design and what is searched."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, create_model, field_validator

from accel_models import PRESETS, Design
from accel_models.checks import Choice, IntRange
from accel_models.technology import PROCESS
from approx.cpwl import BIASES, MAX_SEGMENTS, PLACEMENTS
from dse.errors import UserError
from dse.files import read_text
from dse.measuring.networks import FULL_SIZE
from dse.metrics import HARDWARE
from dse.study_file import DERIVED, Axis, Section
from dse.study_file.problems import explain
from dse.study_file.rules import Text, axis, fixed, refusal

KIND = "hardware"
MOST_DESIGNS = 100_000
"""Designs that are evaluated for each network, some minutes' work."""


class NetworkSection(Section):
    """[[networks]]: one network and the size of its input."""

    name: Annotated[str, fixed(Choice(tuple(FULL_SIZE)))] = Field(description="A network at full size")
    size: Annotated[int | None, fixed(IntRange(8, 4096, optional=True))] = Field(
        default=None, description="Side of the image, or sequence length; 224 or 128 unless given"
    )

    @property
    def side(self) -> int:
        """The size, the network's usual one unless given."""
        return self.size or FULL_SIZE[self.name].size

    @property
    def title(self) -> str:
        """Name and size for people."""
        return FULL_SIZE[self.name].describe(self.side)


class TablesSection(Section):
    """[tables]: the tables of every nonlinear function."""

    segments: Annotated[int, fixed(IntRange(1, MAX_SEGMENTS))] = Field(default=16, description="Segments")
    placement: Annotated[str, fixed(Choice(tuple(PLACEMENTS)))] = Field(
        default="uniform", description="Where the knots go"
    )
    bias: Annotated[str, fixed(Choice(tuple(BIASES)))] = Field(
        default="minimax", description="How the lines are corrected"
    )


class SearchSection(Section):
    """[search]: the known design, and what designs of its area are chosen by."""

    preset: Annotated[str, fixed(Choice(tuple(PRESETS)))] = Field(
        default="onesa", description="The known design; others keep to its area and its other fields"
    )
    figure: Annotated[str, fixed(Choice(tuple(figure.name for figure in HARDWARE)))] = Field(
        default="throughput_per_watt", description="What the best design is best in"
    )
    processes: Annotated[tuple[str, ...], axis(PROCESS)] = Field(
        default=(), description="Processes that the known design is costed in too"
    )
    batch: Annotated[int, fixed(IntRange(1, 65_536))] = Field(
        default=1, description="Inferences that the accelerator runs at a time"
    )


def _searched_section() -> type[Section]:
    """Make [hardware]: any field of a Design, a list of values each; none is the preset's value."""
    fields: dict[str, Any] = {
        name: (Annotated[Axis | None, axis(rule)], Field(default=None))
        for name, rule in Design.rules().items()
        if name not in DERIVED
    }
    return create_model(
        "SearchedSection",
        __base__=Section,
        __doc__="[hardware]: fields of a Design that are searched; others are the preset's.",
        **fields,
    )


SearchedSection = _searched_section()


class HardwareStudy(Section):
    """A study of hardware alone."""

    kind: Annotated[str, fixed(Choice((KIND,)))] = Field(default=KIND, description="Kind of the study")
    name: Annotated[str, fixed(Text(without="/\\"))] = Field(
        default="study", description="Names the run folder, runs/NAME; the file's name unless given"
    )
    networks: tuple[NetworkSection, ...] = Field(description="The networks that are compared")
    tables: TablesSection = Field(default=TablesSection(), description="The tables of nonlinear functions")
    search: SearchSection = Field(default=SearchSection(), description="The known design and the search")
    hardware: SearchedSection = Field(  # type: ignore[valid-type]  # made at run time, from Design
        default=SearchedSection(), description="What is searched"
    )

    @field_validator("networks")
    @classmethod
    def _some(cls, networks: tuple[NetworkSection, ...]) -> tuple[NetworkSection, ...]:
        if not networks or len({network.title for network in networks}) < len(networks):
            raise refusal(
                [network.name for network in networks], "must be one or more networks, none of them twice"
            )
        return networks

    @property
    def preset(self) -> Design:
        """The known design."""
        return PRESETS[self.search.preset]

    @property
    def axes(self) -> dict[str, Axis]:
        """The values of every field of a design but for what follows from its tables."""
        given = {name: getattr(self.hardware, name) for name in SearchedSection.model_fields}
        return {name: values or (getattr(self.preset, name),) for name, values in given.items()}


SECTIONS: Mapping[str, type[Section]] = {
    "": HardwareStudy,
    "tables": TablesSection,
    "search": SearchSection,
    "hardware": SearchedSection,
    "networks.*": NetworkSection,
}


def is_hardware_study(path: Path) -> bool:
    """Return whether a file says that it is such a study; a file that is no TOML does not."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")).get("kind") == KIND
    except (OSError, ValueError):
        return False


def load(path: str | Path) -> HardwareStudy:
    """Read and check a study file.

    Raises:
        UserError: A line for each problem, if the file cannot be read or a field is not as it must be.
    """
    path = Path(path)
    try:
        study = HardwareStudy.model_validate({"name": path.stem} | tomllib.loads(read_text(path)))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not TOML: {error}") from None
    except ValidationError as error:
        lines = (f"{path}: {explain(problem, SECTIONS)}" for problem in error.errors())
        raise UserError("\n".join(lines)) from None
    count = 1
    for values in study.axes.values():
        count *= len(values)
    if count > MOST_DESIGNS:
        raise UserError(
            f"{path}: [hardware]: {count} designs: must be at most {MOST_DESIGNS}; list fewer values"
        )
    return study
