"""[reference]: a known design that what is found is compared with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from accel_models import PRESETS, Design
from accel_models.checks import Choice
from accel_models.technology import PROCESS
from dse.study_file.rules import axis, fixed
from dse.study_file.section import Axis, Section


class ReferenceSection(Section):
    """[reference]: a known design to compare with; [hardware] fields that are not given are its own."""

    design: Annotated[str, fixed(Choice(tuple(PRESETS)))] = Field(
        default="onesa", description="The known design"
    )
    technologies: Annotated[Axis, axis(PROCESS, empty=True)] = Field(
        default=(), description="Processes that the known design is costed in too"
    )

    @property
    def known(self) -> Design:
        """The design."""
        return PRESETS[self.design]
