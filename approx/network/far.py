"""Tables that serve one number far beyond their domain, as the sum of a softmax over equal scores is."""

from dataclasses import replace

import numpy as np

from approx.cpwl import CpwlTable, get_function


def reaching(table: CpwlTable, far: float) -> CpwlTable:
    """The table with a right tail from the end of its domain to its function's value at `far`.

    Inside the domain nothing changes; at `far` the tail errs not at all, and between them it is the chord.
    """
    end = min(float(table.knots[-1]), max(table.domain[1], float(np.nextafter(table.knots[-2], np.inf))))
    start = float(table.slopes[-1]) * end + float(table.intercepts[-1])
    slope = (float(get_function(table.function)(np.array([far]))[0]) - start) / (far - end)
    knots = np.append(table.knots[:-1], end)  # a last segment may go on beyond the domain, to an asymptote
    return replace(table, knots=knots, right=(slope, start - slope * end))
