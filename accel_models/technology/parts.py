"""Programmable parts by name, with their resources and the process whose energy they are charged."""

import tomllib
from importlib.resources import files
from typing import Any

from accel_models.checks import refuse

NONE = "none"
PARTS: dict[str, dict[str, Any]] = tomllib.loads(
    files(__package__).joinpath("parts.toml").read_text(encoding="utf-8")
)
FAMILIES = {"7-series": "fpga28", "ultrascale+": "fpga16"}
"""The process of each family."""


def check_part(part: str, technology: str, data_width: str) -> None:
    """Refuse a part with another process, or numbers that no rule counts.

    Raises:
        ValueError: Naming the field.
    """
    if part == NONE:
        return
    wanted = FAMILIES[PARTS[part]["family"]]
    if technology != wanted:
        raise refuse("technology", technology, f"{wanted} with part = {part}")
    if not data_width.startswith("int"):
        raise refuse("data_width", data_width, f"int8 or int16 with part = {part}")
