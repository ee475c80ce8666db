"""Energy: actions times energy an action, plus leakage times time."""

from accel_models.counting import Counts
from accel_models.hardware import BUFFERS, Hardware
from accel_models.table import FloatArray

PICO = 1e-12


def energy_parts(counts: Counts, seconds: FloatArray, h: Hardware) -> dict[str, FloatArray]:
    """Return joules by component.

    These are mac, hadamard, register, the scratchpads, addressing, dram, leakage, and background: what DRAM
    and its interface draw whatever is moved.
    """
    parts = {
        "mac": (counts["mac_work"] * h.mac_pj + counts["sum_adds"] * h.sum_pj) * PICO,
        "hadamard": counts["multiply_adds"] * h.hadamard_pj * PICO,
        "register": counts["register_bits"] * h.register_pj * PICO,
    }
    for name in BUFFERS:
        read, write = counts[f"{name}_read"] * h.read_pj[name], counts[f"{name}_write"] * h.write_pj[name]
        parts[name] = (read + write) * PICO
    parts["addressing"] = counts["adder_bits"] * h.adder_pj * PICO
    parts["dram"] = (counts["dram_reads"] + counts["dram_writes"]) * h.dram_pj * PICO
    parts["leakage"] = seconds * h.leak_w
    parts["background"] = seconds * h.background_w
    return parts


def total(parts: dict[str, FloatArray]) -> FloatArray:
    """Return the sum of the parts, always added in one order so that equal inputs give equal bits."""
    values = list(parts.values())
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result
