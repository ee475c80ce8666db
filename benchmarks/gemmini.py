"""Cycles of layers on Gemmini: the model's prediction against RTL simulation (DOSA, Hong et al., MICRO 2023).

    python benchmarks/gemmini.py ROWS.json [--csv OUT.csv]

ROWS.json: layers (R S P Q C K N stride) with the tile that Gemmini's library chose; rows with
`cycles_auto_tiling` are compared with it, and the fit is cross-validated, whole layers left out.

Each layer is a workload of GEMMs, one a spatial tile, on the design `PRESETS["gemmini"]` under the mapping
that the tile means; the model says its cycles. To that comes the time in which the library's own search for
the tile runs on the host, before anything else: it is part of what was measured. The search is written here
as the library does it (`tiled_conv_auto`: shrink the largest dimension until the tile fits, then grow what
can grow), and finds the recorded tile of every layer.

Three constants are fitted: `tile_cycles` and `load_cycles` of the design, and the host's cycles for a
candidate of that search. All else is the machine's published configuration.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import spearmanr

from accel_models import PRESETS, Design, Gemm, Loops, Mapping, Workload, evaluate

SIDE = 16
SCRATCHPAD_ROWS, ACCUMULATOR_ROWS = 8192, 512  # of 16 words, in a half of each memory
HOST_CYCLES = 230.0
"""Cycles of the Rocket core for one candidate of the library's search; fitted."""

Row = dict[str, Any]
ARGUMENTS = ("N", "P", "Q", "K", "R", "S", "C")  # of the library's search, in its order


@dataclass(frozen=True)
class Layer:
    """A layer as GEMMs with their mappings, and the candidates that the library tried for its tile."""

    gemms: tuple[Gemm, ...]
    mappings: tuple[Mapping, ...]
    candidates: int


def layer(row: Row) -> Layer:
    counts = Counter(
        (p, q) for p in cuts(row["P"], row["tile"]["P"]) for q in cuts(row["Q"], row["tile"]["Q"])
    )
    parts = [part(row, p, q, count * row["N"]) for (p, q), count in counts.items()]
    return Layer(*map(tuple, zip(*parts, strict=True)), candidates=searched(row)[1])


def cuts(size: int, most: int) -> Iterator[int]:
    return (min(most, size - start) for start in range(0, size, most))


def part(row: Row, p: int, q: int, count: int) -> tuple[Gemm, Mapping]:
    """Return the GEMM of a spatial tile: its rows of the array take channels of one kernel position."""
    taps, channels = row["R"] * row["S"], [whole(c) for c in cuts(row["C"], row["tile"]["C"])]
    pixels = ((p - 1) * row["stride"] + row["R"]) * ((q - 1) * row["stride"] + row["S"])
    if row["Q"] == 1:  # a matrix product
        pixels = p
    m, n, k = p * q, row["K"], taps * sum(channels)
    words = pixels * sum(channels)
    distinct = min(words, m * k)
    gemm = Gemm(m, n, k, count=count, a_distinct=distinct, taps=taps, a_skipped=words - distinct)
    columns, cells = min(n, row["tile"]["K"]), min(n, SIDE)
    tiles = Loops(1, -(-n // columns), len(channels))
    inside = Loops(m, -(-columns // cells), taps * channels[0] // SIDE, "NKM")
    return gemm, Mapping(tiles, inside, Loops(1, cells, SIDE), "B")


def whole(words: int) -> int:
    return -(-words // SIDE) * SIDE


def searched(row: Row) -> tuple[list[int], int]:
    """Return the tile that the library finds, in the order of ARGUMENTS, and the candidates that it tries."""
    most = [row[name] for name in ARGUMENTS]
    if row["Q"] == 1:  # `tiled_matmul_auto` computes its tile, and tries few
        return most, 0
    # The library counts rows of an image before columns; the data name columns P.
    most[1], most[2] = most[2], most[1]
    tried = 0

    def fits(tile: Sequence[int]) -> bool:
        nonlocal tried
        tried += 1
        batch, rows, cols, channels, kernel_rows, kernel_cols, inputs = tile
        pixels = (rows * row["stride"] + kernel_rows - 1) * (cols * row["stride"] + kernel_cols - 1)
        blocks = -(-channels // SIDE)
        operands = -(-inputs // SIDE) * batch * pixels + blocks * kernel_cols * kernel_rows * inputs
        return operands <= SCRATCHPAD_ROWS and blocks * batch * rows * cols <= ACCUMULATOR_ROWS

    tile = shrunk(list(most), fits)
    while grown(tile, 2, most, fits):
        pass
    # Every dimension is tried in every round: no short cut.
    while sum(grown(tile, place, most, fits) for place in range(len(tile))):
        pass
    return tile, tried


def shrunk(tile: list[int], fits: Callable[[Sequence[int]], bool]) -> list[int]:
    while not fits(tile):
        free = [place for place in range(len(tile)) if place != 2 or tile[2] > SIDE or tile[1] <= 1]
        place = max(free, key=lambda at: (tile[at], -at))
        step = (tile[place] % SIDE or SIDE) if place in (3, 6) else 1
        tile[place] = max(1, tile[place] - step)
    return tile


def grown(tile: list[int], place: int, most: Sequence[int], fits: Callable[[Sequence[int]], bool]) -> bool:
    if tile[place] >= most[place]:
        return False
    tile[place] += 1
    if fits(tile):
        return True
    tile[place] -= 1
    return False


def predict(known: Layer, design: Design, host: float) -> float:
    mappings = dict(zip(known.gemms, known.mappings, strict=True))
    report = evaluate(design, Workload(known.gemms), mappings=mappings)
    return report.cycles + host * known.candidates


def predicted(layers: Sequence[Layer], constants: Sequence[float]) -> Any:
    tile, load, host = constants
    design = replace(PRESETS["gemmini"], tile_cycles=float(tile), load_cycles=float(load))
    once = {known: predict(known, design, float(host)) for known in dict.fromkeys(layers)}
    return np.array([once[known] for known in layers])


def error(found: Any, measured: Any) -> float:
    return float(np.mean(np.abs(found - measured) / measured))


def fitted(layers: Sequence[Layer], measured: Any, start: Sequence[float]) -> Any:
    """Return the constants of least mean absolute error."""

    def loss(logs: Any) -> float:
        return error(predicted(layers, np.exp(logs)), measured)

    options = {"xatol": 1e-3, "fatol": 1e-5, "maxfev": 120}
    return np.exp(minimize(loss, np.log(start), method="Nelder-Mead", options=options).x)


def crossed(layers: Sequence[Layer], measured: Any, start: Sequence[float], parts: int = 4) -> Any:
    """Return predictions of layers by constants fitted on the others."""
    found, distinct = np.zeros(len(layers)), list(dict.fromkeys(layers))
    order = np.random.default_rng(0).permutation(len(distinct))
    for place in range(parts):
        out = {distinct[at] for at in order[place::parts]}
        inside = np.array([known in out for known in layers])
        kept = [known for known in layers if known not in out]
        constants = fitted(kept, measured[~inside], start)
        found[inside] = predicted([known for known in layers if known in out], constants)
    return found


def compare(layers: Sequence[Layer], measured: Any, constants: Sequence[float], found: Any) -> None:
    fit = fitted(layers, measured, constants)
    cross = crossed(layers, measured, fit)
    for name, values in (("as built in", found), ("fitted anew", predicted(layers, fit)), ("crossed", cross)):
        rank = spearmanr(values, measured).statistic
        print(f"{name:12} error {error(values, measured):6.1%}, Spearman {rank:.4f}")
    print("constants fitted anew: tile_cycles {:.0f}, load_cycles {:.1f}, host {:.0f}".format(*fit))


def main() -> int:
    parser = argparse.ArgumentParser(description="Predict cycles of layers on Gemmini.")
    parser.add_argument("rows", type=Path, help="JSON, a list of layers with tiles")
    parser.add_argument("--csv", type=Path, help="where predicted_cycles go, in the order of the rows")
    arguments = parser.parse_args()
    rows = json.loads(arguments.rows.read_text())
    design = PRESETS["gemmini"]
    constants = (design.tile_cycles, design.load_cycles, HOST_CYCLES)
    layers = [layer(row) for row in rows]
    found = predicted(layers, constants)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([["predicted_cycles"], *([round(cycles)] for cycles in found)])
    if all("cycles_auto_tiling" in row for row in rows):
        compare(layers, np.array([row["cycles_auto_tiling"] for row in rows], dtype=float), constants, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
