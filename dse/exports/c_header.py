"""Tables as a C header: integers, their steps, and the few lines that evaluate one."""

from __future__ import annotations

from collections.abc import Iterable

from approx.cpwl.fixed_point import PARTS
from dse.exports.fixed import Entry, Tables, entries

_HEAD = """\
/* Continuous piecewise-linear tables in fixed point, written by NeuralMatrix.
 *
 * A value is its integer times the part's step. The entry that serves x is the number of knots at or below x:
 * 0 is the left tail, 1 to segments are the segments, segments + 1 is the right tail. */
#ifndef NEURALMATRIX_TABLES_H
#define NEURALMATRIX_TABLES_H

#include <stdint.h>

typedef struct {
    const char *site;       /* where in the network it is evaluated */
    const char *function;   /* what it approximates */
    int segments;
    int bits;               /* width of every integer, sign included */
    int midpoint;           /* 1: an offset is the value at its segment's middle; 0, and in tails: at x = 0 */
    double knot_step, slope_step, offset_step;
    const int32_t *knots;   /* segments + 1 */
    const int32_t *slopes;  /* segments + 2 */
    const int32_t *offsets; /* segments + 2 */
    const int32_t *shifts;  /* segments + 2 digits by which a slope is shifted left; 0 where none is */
} nm_table;

static inline double nm_evaluate(const nm_table *t, double x) {
    int entry = 0, inside;
    double centre = 0.0, slope;
    if (x != x) return x;
    while (entry <= t->segments && t->knots[entry] * t->knot_step <= x) ++entry;
    inside = entry >= 1 && entry <= t->segments;
    if (t->midpoint && inside) centre = 0.5 * ((double)t->knots[entry - 1] + t->knots[entry]) * t->knot_step;
    slope = t->slopes[entry] * t->slope_step;
    if (t->shifts) slope *= (double)((int32_t)1 << t->shifts[entry]);
    return (slope == 0.0 ? 0.0 : slope * (x - centre)) + t->offsets[entry] * t->offset_step;
}
"""

_TAIL = """
static const nm_table *const nm_tables[] = {{{names}}};
enum {{ NM_TABLES = {count} }};

#endif
"""


def c_header(tables: Tables) -> str:
    """Return a C99 header with every table and a function `nm_evaluate` that reads one.

    Raises:
        UserError: If a table is not in fixed point.
    """
    listed = list(entries(tables))
    names = ", ".join(f"&nm_{entry.name}" for entry in listed)
    return _HEAD + "".join(map(_table, listed)) + _TAIL.format(names=names, count=len(listed))


def _table(entry: Entry) -> str:
    name, site, function, fixed = entry
    parts = [part for part in (*PARTS, "shifts") if getattr(fixed, part)]
    arrays = "".join(
        f"static const int32_t nm_{name}_{part}[] = {{{_wrapped(getattr(fixed, part))}}};\n" for part in parts
    )
    shifts = f"nm_{name}_shifts" if fixed.shifts else "0"
    steps = ", ".join(step.hex() for step in fixed.scale)
    return (
        f"\n{arrays}static const nm_table nm_{name} = {{\n"
        f'    "{_quoted(site)}", "{_quoted(function)}", {len(fixed.knots) - 1}, {fixed.bits}, '
        f"{int(fixed.storage == 'midpoint')},\n"
        f"    {steps},\n"
        f"    nm_{name}_knots, nm_{name}_slopes, nm_{name}_offsets, {shifts}}};\n"
    )


def _wrapped(values: Iterable[int], a_line: int = 12) -> str:
    numbers = list(map(str, values))
    lines = [", ".join(numbers[at : at + a_line]) for at in range(0, len(numbers), a_line)]
    return ",\n    ".join(lines)


def _quoted(text: str) -> str:
    """Escape what would end a C string or begin a trigraph."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ").replace("?", "\\?")
