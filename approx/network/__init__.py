"""Networks as matrix programs: export, legalization, sites and their tables, conversion."""

from approx.network.approximation import Approximation, TableSpec
from approx.network.certificate import Certificate
from approx.network.convert import ConvertedModule, convert
from approx.network.layers import Layer
from approx.network.legalize import UnsupportedOperator
from approx.network.numerics import Numerics
from approx.network.program import MatrixProgram
from approx.network.quality import QualityWarning
from approx.network.saving import load
from approx.network.site import Site
from approx.network.tracing import trace

__all__ = [
    "Approximation",
    "Certificate",
    "ConvertedModule",
    "Layer",
    "MatrixProgram",
    "Numerics",
    "QualityWarning",
    "Site",
    "TableSpec",
    "UnsupportedOperator",
    "convert",
    "load",
    "trace",
]
