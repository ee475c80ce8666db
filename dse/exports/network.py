"""The converted network of a design, made again, and its tables."""

from __future__ import annotations

from typing import Any

from accel_models import Lookup
from approx.cpwl import FUNCTIONS, CpwlTable, fit
from dse.errors import UserError
from dse.evaluate import ConvertedNetwork
from dse.exports.chosen import Chosen
from dse.space.widths import widths
from dse.study_file import StudyFile

FLOAT_BITS = 16
"""Bits that tables of a design with floating-point numbers are rounded to for hardware."""


def converted(chosen: Chosen) -> Any:
    """Return the design's network, an `approx.ConvertedModule`, with its tables and in its numbers.

    Raises:
        UserError: If the network is no longer the one that the study was begun with, or the study has no
            task.
    """
    study = chosen.study
    if study.study.networks:
        raise UserError(f"study {study.name}: has no task, and so no network to convert: must have one")
    network = ConvertedNetwork(study.file)
    if study.study.fingerprint != network.fingerprint:
        raise UserError(
            f"study {study.name}: its trials were scored with other weights, data or code than there are: "
            "use the same"
        )
    return network.built(chosen.tables, widths(chosen.design.to_dict()))


def stored_tables(chosen: Chosen) -> dict[str, CpwlTable]:
    """Return the table of each site as the design computes with it.

    Of a study of hardware alone they are one a function, on the domain that the function has of itself:
    nothing was calibrated.
    """
    if not chosen.study.study.networks:
        found: dict[str, CpwlTable] = converted(chosen).stored_tables()
        return found
    file = chosen.study.file
    lookups = [op for work in chosen.workloads.values() for op in work.operations if isinstance(op, Lookup)]
    functions = dict.fromkeys(name for op in lookups if (name := _function(op)))
    return {name: fit(name, **_spec(file, name)) for name in functions}


def _function(op: Lookup) -> str | None:
    """Return the function of a lookup whose table is fitted; exact ones, as relu, have none to choose."""
    function = op.name.rpartition(".")[2].rstrip("0123456789").rstrip("_")
    return function if op.table in ("", op.name) and function in FUNCTIONS else None


def _spec(file: StudyFile, function: str) -> dict[str, Any]:
    axes = file.approximation.axes(function)
    return {name: axes[name][0] for name in ("segments", "placement", "bias")}


def tables_in_integers(chosen: Chosen) -> dict[str, CpwlTable]:
    """Return the table of each site as its accelerator's parameter buffer holds it."""
    return {
        site: table if table.fixed_point else table.quantize(FLOAT_BITS, storage="midpoint")
        for site, table in stored_tables(chosen).items()
    }
