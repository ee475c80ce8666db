"""What is counted for each operation and design, and how waiting for DRAM follows from it.

Time: the start of an operation overlaps the end of the one before, so an operation takes max(array cycles,
DRAM cycles), or their sum with buffering = "single".
"""

from collections.abc import Sequence

import numpy as np

from accel_models.systolic import ceil_div
from accel_models.table import DesignTable, FloatArray

Counts = dict[str, FloatArray]
COUNTS = {
    "compute_cycles": "cycles that the array works",
    "stall_cycles": "cycles that it waits for DRAM",
    "macs": "multiply-accumulates of GEMMs, sums of stored words among them",
    "mac_work": "the same but for sums that bypass multipliers, in energy of one of the design's widths",
    "sum_adds": "sums of stored words that bypass narrower multipliers",
    "multiply_adds": "element-wise multiply-adds",
    "sram_reads_a": "words of A from scratchpad to array",
    "sram_reads_b": "words of B from scratchpad to array",
    "sram_writes_z": "words of results and partial sums from array to scratchpad",
    "input_read": "bytes, as all below unless they say bits; transfers to and from DRAM included",
    "input_write": "",
    "weight_read": "",
    "weight_write": "",
    "output_read": "",
    "output_write": "",
    "accumulator_read": "",
    "accumulator_write": "",
    "parameter_read": "",
    "parameter_write": "",
    "adder_bits": "bits compared or added to find table entries",
    "register_bits": "bits passed on in array registers",
    "dram_reads": "",
    "dram_writes": "",
    "result_writes": "those of finished results",
    "tiles": "tiles in which finished results leave GEMMs; 0 where sums are added up over several passes",
    "issued": "tiles that GEMMs run in",
    "row_tiles": "the same, 0 also where they do not hold whole rows",
    "a_tiles": "tiles of A that GEMMs bring in, 0 where some of it comes more than once",
    "a_row_tiles": "the same, 0 also where they do not hold whole rows",
    "a_reads": "bytes of A from DRAM",
    "spare": "bytes of the output scratchpad that a GEMM's tile leaves",
}
"""What is counted for each operation and design."""


def column(values: Sequence[float], t: DesignTable) -> FloatArray:
    """Return a value an operation as (operations, designs)."""
    return np.broadcast_to(np.array(values, dtype=np.float64)[:, None], (len(values), t.size))


def stalls(moved: FloatArray, compute: FloatArray, t: DesignTable) -> FloatArray:
    """Return the cycles that work waits while some bytes cross to and from DRAM."""
    transfer = ceil_div(moved * t["clock"], t["dram_bandwidth"])
    waits = np.maximum(transfer - compute, 0.0)
    return np.asarray(np.where(t.is_("buffering", "single"), transfer, waits), dtype=np.float64)


def issue_cycles(t: DesignTable) -> FloatArray:
    """Return the cycles that each tile waits: to be issued, and, with nothing asked for before, for DRAM."""
    alone = np.where(t.is_("buffering", "single"), np.ceil(t["dram_latency"] * t["clock"]), 0.0)
    return np.asarray(t["tile_cycles"] + alone)


def with_stalls(
    counts: Counts, t: DesignTable, shape: tuple[int, ...], start: FloatArray | float = 0.0
) -> Counts:
    """Return all of COUNTS in one shape, with the cycles that an operation waits: for DRAM, and to be issued.

    `start`: cycles that it waits for its first tile.
    """
    waits = stalls(counts["dram_reads"] + counts["dram_writes"], counts["compute_cycles"], t)
    if "issued" in counts:
        waits = waits + counts["issued"] * issue_cycles(t)
    counts["stall_cycles"] = waits + start
    zero = np.zeros(shape)
    return {name: np.broadcast_to(counts.get(name, zero), shape) for name in COUNTS}
