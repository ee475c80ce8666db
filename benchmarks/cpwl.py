"""CPWL fits against the proven optima, their time, and pwlf in the same run.

    python benchmarks/cpwl.py                 # ratios and times, about half a minute
    python benchmarks/cpwl.py --pwlf          # and pwlf.fitfast on gelu, 16 segments: a minute more

pwlf is not one of the project's dependencies: `pip install --no-deps --target DIR pwlf pyDOE`, then run with
PYTHONPATH=DIR. Exits with status 1 if a bar is missed. Times are medians of repeated fits on one core.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy starts its threads

import numpy as np

from approx.cpwl import CpwlTable, fit, get_function

LIMITS = Path(__file__).parent.parent / "tests" / "approx" / "cpwl" / "limits.json"
COLUMNS: dict[str, tuple[str, str, Callable[[CpwlTable], float], float]] = {
    "uniform_minimax": ("uniform", "minimax", CpwlTable.max_error, 1.0001),
    "uniform_least_squares": ("uniform", "least_squares", CpwlTable.mse, 1.0001),
    "free_minimax": ("minimax", "minimax", CpwlTable.max_error, 1.001),
    "free_least_squares": ("minimax", "least_squares", CpwlTable.mse, 1.01),
}
DYADIC = {"reciprocal": 5.853408e-3, "rsqrt": 2.196832e-3}
"""Free-knot optima over [2^-10, 2^10], relative, 64 segments; dyadic knots must come within 4 times."""
MILLISECONDS = {"uniform": 2.0, "curvature": 5.0, "minimax": 200.0}
TIMED = ("exp", "gelu", "silu", "tanh", "sigmoid", "erf", "softplus", "reciprocal", "rsqrt", "sqrt", "log")
REPEATS = 7


def ratio(case: dict[str, Any], column: str) -> float:
    placement, bias, measure, _ = COLUMNS[column]
    domain = tuple(case["domain"])
    table = fit(case["function"], case["segments"], placement, bias, domain, error=case["error"])
    return measure(table) / case[column]


def ratios() -> bool:
    cases = json.loads(LIMITS.read_text())["cases"]
    print(f"{'error / optimum':42s}" + "".join(f"{name:>23s}" for name in COLUMNS))
    worst = dict.fromkeys(COLUMNS, 0.0)
    for case in cases:
        row = {name: ratio(case, name) for name in COLUMNS}
        worst = {name: max(worst[name], row[name]) for name in COLUMNS}
        lo, hi = case["domain"]
        label = f"{case['function']} [{lo:.4g}, {hi:.4g}] {case['error'][:3]}. N={case['segments']}"
        print(f"{label:42s}" + "".join(f"{row[name]:23.6f}" for name in COLUMNS))
    bars = {name: column[3] for name, column in COLUMNS.items()}
    print(f"{'worst':42s}" + "".join(f"{worst[name]:23.6f}" for name in COLUMNS))
    print(f"{'bar':42s}" + "".join(f"{bars[name]:23.4f}" for name in COLUMNS))
    return all(worst[name] <= bars[name] for name in COLUMNS)


def dyadic() -> bool:
    found = {name: fit(name, 64, "dyadic").max_error() / best for name, best in DYADIC.items()}
    for name, value in found.items():
        print(f"dyadic {name} over 20 octaves, 64 segments: {value:.2f} times the free-knot optimum (bar 4)")
    return max(found.values()) <= 4


def milliseconds(name: str, placement: str) -> float:
    """Return the median time of a fit, each on a domain of its own, where nothing kept from before helps."""
    lo, hi = get_function(name).domain
    taken = []
    for i in range(REPEATS):
        domain = (lo, hi - (hi - lo) * 1e-6 * i)
        start = time.perf_counter()
        fit(name, 64, placement, domain=domain)
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def times() -> bool:
    print(f"\n{'ms a fit, 64 segments, minimax bias':42s}" + "".join(f"{name:>12s}" for name in MILLISECONDS))
    rows = {name: [milliseconds(name, placement) for placement in MILLISECONDS] for name in TIMED}
    for name, row in rows.items():
        print(f"{name:42s}" + "".join(f"{value:12.2f}" for value in row))
    medians = [statistics.median(column) for column in zip(*rows.values(), strict=True)]
    print(f"{'median':42s}" + "".join(f"{value:12.2f}" for value in medians))
    print(f"{'bar':42s}" + "".join(f"{bar:12.2f}" for bar in MILLISECONDS.values()))
    return all(value <= bar for value, bar in zip(medians, MILLISECONDS.values(), strict=True))


def against_pwlf() -> bool:
    """Fit gelu on [-8, 8] with 16 segments by both, on the same 2000 points for pwlf."""
    try:
        import pwlf
    except ImportError:
        sys.exit(
            "pwlf is missing: pip install --no-deps --target DIR pwlf pyDOE, and run with PYTHONPATH=DIR"
        )
    gelu = get_function("gelu")
    x = np.linspace(-8.0, 8.0, 2001)
    dense = np.linspace(-8.0, 8.0, 200_001)[:-1]
    start = time.process_time()
    theirs = pwlf.PiecewiseLinFit(x, gelu(x), seed=0)
    theirs.fitfast(16, pop=3)
    theirs_s = time.process_time() - start
    start = time.process_time()
    table = fit("gelu", 16, "minimax", "least_squares", (-8.0, 8.0))
    ours_s = time.process_time() - start
    theirs_mse = float(np.mean((theirs.predict(dense) - gelu(dense)) ** 2))
    ours_mse = float(np.mean((table(dense) - gelu(dense)) ** 2))
    print(f"\npwlf {pwlf.__version__} fitfast: {theirs_s:.2f} s, mean squared error {theirs_mse:.4g}")
    print(f"approx.fit:           {ours_s:.4f} s, mean squared error {ours_mse:.4g}")
    print(f"{theirs_s / ours_s:.0f} times faster (bar 100), error {theirs_mse / ours_mse:.2f} times smaller")
    return theirs_s >= 100 * ours_s and ours_mse < theirs_mse


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pwlf", action="store_true", help="compare with pwlf too")
    wanted = parser.parse_args()
    checks = [ratios, dyadic, times, *([against_pwlf] if wanted.pwlf else [])]
    met = [check() for check in checks]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
