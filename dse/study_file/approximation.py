"""[approximation]: the tables of the nonlinear functions."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from accel_models.checks import Choice, IntRange
from approx.cpwl import BIASES, MAX_SEGMENTS, PLACEMENTS
from dse.study_file.rules import axis, fixed
from dse.study_file.section import Axis, Section

SHARES = ("function", "site")
SEGMENTS, PLACEMENT, BIAS, WIDTH = (
    axis(IntRange(1, MAX_SEGMENTS)),
    axis(Choice(tuple(PLACEMENTS))),
    axis(Choice(tuple(BIASES))),
    axis(IntRange(2, 32, "bits")),
)
_TABLE_WIDTH = "Bits of a table's numbers in fixed point; those of a stored word unless given"

FIXED = {"segments": (16,), "placement": ("uniform",), "bias": ("minimax",)}
"""Tables of a study that scores no quality, unless it names others: the paper's."""


class Tables(Section):
    """[approximation.FUNCTION]: the tables of one function; what is not given is as in [approximation]."""

    segments: Annotated[Axis | None, SEGMENTS] = Field(default=None, description="Segments of a table")
    placement: Annotated[Axis | None, PLACEMENT] = Field(default=None, description="Where the knots go")
    bias: Annotated[Axis | None, BIAS] = Field(default=None, description="How the lines are corrected")
    width: Annotated[Axis | None, WIDTH] = Field(default=None, description=_TABLE_WIDTH)


class ApproximationSection(Section):
    """[approximation]: the tables of every nonlinear function; [approximation.gelu] sets one apart.

    A study without an objective of quality searches no tables; it has 16 uniform segments and bias minimax
    unless others are given.
    """

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

    def searched(self) -> list[tuple[str, str, Axis]]:
        """Return section, field and values of each list that the file gives."""
        sections: dict[str, Section] = {"approximation": self}
        sections |= {f"approximation.{name}": own for name, own in self.__pydantic_extra__.items()}
        return [
            (name, field, values)
            for name, section in sections.items()
            for field, values in self._given(section).items()
            if len(values) > 1
        ]

    @staticmethod
    def _given(section: Section) -> dict[str, Axis]:
        fields = [name for name in Tables.model_fields if name in section.given()]
        return {name: getattr(section, name) for name in fields if getattr(section, name) is not None}
