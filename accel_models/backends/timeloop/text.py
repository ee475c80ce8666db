"""YAML as timeloop-python's version 4 front end reads it.

The front end evaluates unquoted text in attributes as expressions (`adder_width` names another attribute),
and takes quoted text literally ("LPDDR4"): the quotes carry meaning, so that they are kept here in the types.
"""

from typing import Any

import yaml


class Quoted(str):
    """Text that is itself, written in double quotes."""

    __slots__ = ()


class Tagged(dict[str, Any]):
    """A mapping under a YAML tag, such as `!Component`."""

    def __init__(self, tag: str, **values: Any) -> None:
        super().__init__(values)
        self.tag = tag


class _Dumper(yaml.SafeDumper):
    """Writes the two types above, and no anchors: the front end would share what they alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


_DOUBLE = '"'
_Dumper.add_representer(
    Quoted, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=_DOUBLE)
)
_Dumper.add_representer(Tagged, lambda dumper, value: dumper.represent_mapping(value.tag, dict(value)))


def dump(document: dict[str, Any]) -> str:
    """Return a document as YAML text, its innermost lists and mappings on one line."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=200)
    return text
