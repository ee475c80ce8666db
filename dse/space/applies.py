"""Fields of a design that mean something only beside some values of others, and are asked for only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

APPLIES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "input_buffer": lambda design: design.get("shared_buffer") is None,
    "weight_buffer": lambda design: design.get("shared_buffer") is None,
    "output_buffer": lambda design: design.get("shared_buffer") is None,
    "operand_bandwidth": lambda design: design.get("hadamard") == "full",
}
"""Whether each applies to a design."""

HANGS_ON = {
    "input_buffer": "shared_buffer",
    "weight_buffer": "shared_buffer",
    "output_buffer": "shared_buffer",
    "operand_bandwidth": "hadamard",
}
"""The field that decides it."""
