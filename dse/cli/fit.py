"""`neuralmatrix fit`: one function as a piecewise-linear table, beside the best that any table could do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from dse.cli.console import output, say

if TYPE_CHECKING:
    from approx.cpwl import CpwlTable, ReducedTable


LIMIT = "limit: best free knots"
"""The row of what the best tables of that size reach, one for each of the two errors."""


def fit(
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION", help="Such as gelu, exp, rsqrt or 'pow(1.7)'.")
    ],
    segments: Annotated[int, typer.Option("--segments", "-n", help="1 to 1024.")] = 16,
    placement: Annotated[
        str, typer.Option("--placement", "-p", help="uniform, dyadic, curvature or minimax (free knots).")
    ] = "minimax",
    bias: Annotated[
        str, typer.Option("--bias", "-b", help="none, minimax, least_squares or mean.")
    ] = "minimax",
    domain: Annotated[
        tuple[float, float] | None, typer.Option("--domain", "-d", metavar="LO HI", help="Inputs to fit.")
    ] = None,
    error: Annotated[
        str | None,
        typer.Option("--error", help="absolute or relative; the function's own kind if not given."),
    ] = None,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Store half of the table.")] = False,
    range_reduction: Annotated[
        bool, typer.Option("--range-reduction", help="Take the exponent out first.")
    ] = False,
    bits: Annotated[int | None, typer.Option("--bits", help="Round the table to fixed point.")] = None,
    midpoint: Annotated[
        bool, typer.Option("--midpoint", help="With --bits: store values at the middle of segments.")
    ] = False,
    in_words: Annotated[
        bool, typer.Option("--in-words", help="With --bits: choose the integers instead of rounding.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print the errors as JSON.")] = False,
) -> None:
    """Fit a table, print its errors beside the limit, write it as JSON and as a picture.

    Examples: neuralmatrix fit gelu --segments 16 --placement minimax

    neuralmatrix fit rsqrt --segments 8 --range-reduction --bits 12 --midpoint

    neuralmatrix fit gelu --segments 16 --bits 8 --in-words
    """
    from approx.cpwl import fit as fit_table
    from dse.files import check_writable

    if in_words and (bits is None or midpoint):
        raise ValueError("--in-words: needs --bits, and stores values at 0: not with --midpoint")
    check_writable(out)
    problem: dict[str, Any] = {"segments": segments, "domain": domain, "error": error}
    problem |= {"symmetric": symmetric, "range_reduction": range_reduction}
    table = fit_table(function, placement=placement, bias=bias, **problem)
    best = fit_table(function, placement="minimax", bias="minimax", **problem)
    least = fit_table(function, placement="minimax", bias="least_squares", **problem)
    rows = [(f"{placement}, {bias}", table)]
    if bits is not None:
        rounded = table.quantize(bits, storage="midpoint" if midpoint else "intercept")
        rows.append((f"rounded to {bits} bits", rounded))
        table = rounded
    if in_words:
        table = fit_table(function, placement=placement, bias=bias, bits=bits, **problem)
        rows.append((f"fitted in {bits} bits", table))
    errors = {name: Errors(fitted.max_error(), fitted.mse()) for name, fitted in rows}
    errors[LIMIT] = Errors(best.max_error(), least.mse())
    if as_json:
        print(json.dumps({"error": table.error, **{name: row._asdict() for name, row in errors.items()}}))
    else:
        _show(table, errors)
    _write(table, out)


class Errors(NamedTuple):
    """A table's largest error, in its own kind, and its mean squared error."""

    largest: float
    mean_squared: float


def _show(table: CpwlTable | ReducedTable, errors: dict[str, Errors]) -> None:
    from rich.table import Table

    kind, limit = table.error, errors[LIMIT]
    shown = Table(title=_title(table), title_justify="left", header_style="bold")
    shown.add_column("table")
    for name in (f"largest {kind} error", "of the limit", "mean squared error", "of the limit"):
        shown.add_column(name, justify="right")
    for name, (largest, squared) in errors.items():
        shown.add_row(
            name,
            f"{largest:.4g}",
            _ratio(largest, limit.largest),
            f"{squared:.4g}",
            _ratio(squared, limit.mean_squared),
        )
    output().print(shown)


def _title(table: CpwlTable | ReducedTable) -> str:
    lo, hi = (table if not hasattr(table, "table") else table.table).domain
    return f"{table.function} on [{lo:g}, {hi:g}], {table.segments} segments, {table.addressing} addressing"


def _ratio(value: float, limit: float) -> str:
    return f"{value / limit:.3f} x" if limit > 0 else "exact"


def _write(table: CpwlTable | ReducedTable, out: Path) -> None:
    """Write ``FUNCTION-SEGMENTS.json`` and the same as a picture."""
    from dse.files import write_whole

    out.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9.]+", "_", table.function).strip("_")
    data = write_whole(out / f"{name}-{table.segments}.json", json.dumps(table.to_dict(), indent=1) + "\n")
    picture = data.with_suffix(".png")
    table.plot(str(picture))
    say(f"wrote {data} and {picture}")
