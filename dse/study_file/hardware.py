"""[hardware]: the accelerator; one list of fields, the Design's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, create_model

from accel_models import Design
from dse.study_file.rules import axis
from dse.study_file.section import Axis, Section

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
