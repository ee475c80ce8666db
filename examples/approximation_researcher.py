"""For an approximation researcher: how close to the limit are tables of a function, and what do 8 bits cost?

    python examples/approximation_researcher.py

Prints a table and writes softplus.png. The function is one's own: any vectorised callable will do.
"""

import numpy as np
import pandas as pd

import approx

DOMAIN = (-8.0, 8.0)


def softplus_squared(x: np.ndarray) -> np.ndarray:
    """A function that no catalogue has."""
    return np.logaddexp(x, 0.0) ** 2


def errors(segments: int) -> list[dict[str, object]]:
    """Return the errors of every placement, beside the least that free knots allow."""
    least = approx.fit(softplus_squared, segments, domain=DOMAIN).max_error()
    rows = []
    for placement in ("uniform", "curvature", "minimax"):
        table = approx.fit(softplus_squared, segments, placement=placement, domain=DOMAIN)
        rounded = table.quantize(8, storage="midpoint")
        rows.append(
            {
                "segments": segments,
                "placement": placement,
                "max error": table.max_error(),
                "times the least": table.max_error() / least,
                "in 8 bits": rounded.max_error(),
                "comparators": 0 if table.addressing == "shift" else int(np.ceil(np.log2(segments + 2))),
            }
        )
    return rows


def main() -> None:
    """Print the errors and draw one table."""
    frame = pd.DataFrame([row for segments in (4, 16, 64) for row in errors(segments)])
    print(frame.to_string(index=False, float_format="{:.3g}".format))
    approx.fit(softplus_squared, 16, domain=DOMAIN).plot("softplus.png")


if __name__ == "__main__":
    main()
