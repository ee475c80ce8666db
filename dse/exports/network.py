"""The converted network of a design, made again: what formats for tables and models start from."""

from __future__ import annotations

from typing import Any

from approx.cpwl import CpwlTable
from dse.exports.chosen import Chosen
from dse.score import ConvertedNetwork
from dse.space.widths import widths

FLOAT_BITS = 16
"""Bits that tables of a design with floating-point numbers are rounded to for hardware."""


def converted(chosen: Chosen) -> Any:
    """Return the design's network, an `approx.ConvertedModule`, with its tables and in its numbers.

    Raises:
        UserError: If the network is no longer the one that the study was begun with.
    """
    network = ConvertedNetwork(chosen.study.config)
    chosen.study.check(network)
    return network.built(chosen.tables, widths(chosen.design.to_dict()))


def tables_in_integers(chosen: Chosen) -> dict[str, CpwlTable]:
    """Return the table of each site as its accelerator's parameter buffer holds it."""
    stored: dict[str, CpwlTable] = converted(chosen).stored_tables()
    return {
        site: table if table.fixed_point else table.quantize(FLOAT_BITS, storage="midpoint")
        for site, table in stored.items()
    }
