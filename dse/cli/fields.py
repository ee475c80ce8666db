"""The fields of a study file, for people: read off the model that checks them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.fields import FieldInfo
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from dse.study_file import SECTIONS, Section
from dse.study_file.problems import as_toml


def fields() -> Group:
    """Return a table of each section: field, default, what it is."""
    return Group(*(_section(section) for section in SECTIONS.values()))


def _section(section: type[Section]) -> Table:
    title = escape((section.__doc__ or "").splitlines()[0])
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("field", style="cyan", no_wrap=True)
    table.add_column("default", overflow="fold")
    table.add_column("what it is", overflow="fold")
    for row in _rows(section):
        table.add_row(*row)
    return table


def _rows(section: type[Section]) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        yield name, escape(_default(field)), escape(field.description or "")


def _default(field: FieldInfo) -> str:
    values = field.default
    if isinstance(values, tuple):
        values = list(values) if len(values) != 1 else values[0]
    return "" if values is None or isinstance(values, Section) else as_toml(values)
