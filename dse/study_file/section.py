"""What every section of a study file is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

Axis = tuple[Any, ...]
"""The values of one search axis; of length one when it is fixed."""


class Section(BaseModel):
    """A table of a study file; refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def given(self) -> set[str]:
        """Return the names of the fields that the file sets."""
        return set(self.model_fields_set)

    def values(self) -> dict[str, Any]:
        """Return each field's value by its name."""
        return {name: getattr(self, name) for name in type(self).model_fields}
