"""What the sections of a study file must be to each other: a table of rules, a line for each that is broken.

An option that the study cannot use is refused, not ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from accel_models.checks import did_you_mean
from approx.cpwl import FUNCTIONS, get_function
from dse.metrics import HARDWARE, METRICS, QUALITY
from dse.study_file.constraints import REFERENCE
from dse.study_file.file import StudyFile
from dse.study_file.problems import as_toml

SCORING = ("strategy", "subset", "time_limit", "finetune")
"""Options of [search] that say how quality is searched."""

SEARCHING = ("trials", "sampler", "seed")
"""Options of [search] that an enumeration has no use for."""

DEFAULTS = ("latency_s", "energy_j", "area_mm2")
"""Objectives of a study of networks that names none."""


def problems(file: StudyFile) -> list[str]:
    """Return a line for each way in which the sections do not fit together."""
    return [line for rule in RULES for line in rule(file)]


def _one_kind_of_network(file: StudyFile) -> Iterator[str]:
    if file.networks and "task" in file.given():
        yield "[task]: must be left out beside [[networks]], or these beside it"
    names = [network.key for network in file.networks]
    if len(set(names)) < len(names):
        yield f"[[networks]] name = {json.dumps(names)}: must not have a network twice"


def _networks_have_no_quality(file: StudyFile) -> Iterator[str]:
    quality = [figure.name for figure in QUALITY]
    if file.networks and file.scores:
        asked = [name for name in file.search.objectives if name in quality]
        field = f"[search] objectives = {json.dumps(file.search.objectives)}" if asked else "[constraints]"
        known = ", ".join(figure.name for figure in HARDWARE)
        yield f"{field}: must be of {known}: [[networks]] have no data to score {', '.join(quality)}"


def _nested_needs_both_sides(file: StudyFile) -> Iterator[str]:
    sides = [{figure.name for figure in side} & set(file.search.objectives) for side in (QUALITY, HARDWARE)]
    if file.scores and not file.networks and file.search.strategy == "nested" and not all(sides):
        yield (
            f"[search] objectives = {json.dumps(file.search.objectives)}: must have one of "
            f"{', '.join(f.name for f in QUALITY)} and one of {', '.join(f.name for f in HARDWARE)} "
            'with strategy = "nested"; or set strategy = "joint"'
        )


def _options_are_used(file: StudyFile) -> Iterator[str]:
    for test, fields, why in (
        (not file.scores, SCORING, "no quality is searched for"),
        (file.enumerated, SEARCHING, f"all {file.designs:,} designs are evaluated"),
        (file.scores, ("enumerate",), "quality is searched for"),
        (bool(file.networks), ("batch",), "each of [[networks]] has its own"),
    ):
        for name in fields:
            if test and name in file.search.given():
                yield f"[search] {name} = {as_toml(getattr(file.search, name))}: must be left out: {why}"


def _tables_are_fixed(file: StudyFile) -> Iterator[str]:
    if file.scores:
        return
    for section, field, values in file.approximation.searched():
        yield f"[{section}] {field} = {as_toml(values)}: must be one value, as no quality is searched for"
    if "share" in file.approximation.given():
        share = as_toml(file.approximation.share)
        yield f"[approximation] share = {share}: must be left out: no quality is searched for"


def _reference_is_used(file: StudyFile) -> Iterator[str]:
    if file.reference is not None and file.scores:
        yield "[reference]: must be left out, as it is compared by hardware alone and quality is searched for"
    for name, value in file.constraints.values().items():  # type: ignore[attr-defined]
        if value == REFERENCE and (file.reference is None or METRICS[name] in QUALITY):
            needs = "a number" if METRICS[name] in QUALITY else "a number, without a [reference]"
            yield f'[constraints] {name} = "reference": must be {needs}'


def _functions_are_known(file: StudyFile) -> Iterator[str]:
    """Refuse a table named after no function that there is."""
    for function in file.approximation.functions:
        try:
            get_function(function)
        except ValueError as error:
            reason = str(error).removeprefix(f"function = {function!r}: ")
            yield f"[approximation.{function}]: {reason}{did_you_mean(function, FUNCTIONS)}"


RULES: tuple[Callable[[StudyFile], Iterator[str]], ...] = (
    _one_kind_of_network,
    _networks_have_no_quality,
    _nested_needs_both_sides,
    _options_are_used,
    _tables_are_fixed,
    _reference_is_used,
    _functions_are_known,
)
