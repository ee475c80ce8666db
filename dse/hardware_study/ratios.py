"""Throughput per power against every reference platform, and why a ratio is where it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from accel_models import load_technology
from accel_models.hardware import BITS
from accel_models.platforms import Platform
from dse.hardware_study.designs import Result

BAND = (2.17, 38.72)
"""Throughput per power against CPUs, GPUs and SoCs that the paper states (arXiv 2305.14405, abstract)."""

WIDTHS = {"int8": 8, "fp16": 16, "bf16": 16, "int16": 16, "fp32": 32}


@dataclass(frozen=True)
class Ratio:
    """One network on one design against one platform.

    Attributes:
        result: The network and the design.
        platform: What it is compared with.
        value: Inferences a joule over the platform's; against a peak, at least.
        why: What of it comes from the conditions rather than from the design, in words.
    """

    result: Result
    platform: Platform
    value: float
    why: str

    @property
    def place(self) -> str:
        """Where the ratio lies: "below", "in" or "above" the paper's range; "open" for a bound from below."""
        if self.platform.peak and self.value <= BAND[1]:
            return "open"
        return "below" if self.value < BAND[0] else "above" if self.value > BAND[1] else "in"


def ratios(results: Sequence[Result], platforms: Sequence[Platform]) -> list[Ratio]:
    """Return the ratio of every result to every platform that ran the same network at the same size."""
    found = []
    for result in results:
        macs = result.report.macs / result.report.workload.batch
        for platform in platforms:
            if platform.runs(result.network.name, result.network.side):
                value = result.report.throughput_per_watt / platform.per_joule(macs)
                found.append(Ratio(result, platform, value, why(result, platform)))
    return found


def why(result: Result, platform: Platform) -> str:
    """List the conditions under which the two differ, those first that favour the platform."""
    favours = [text for test, text in _for_platform(result, platform) if test]
    against = [text for test, text in _for_us(result, platform) if test]
    parts = [f"for the platform: {', '.join(favours)}"] if favours else []
    parts += [f"for the array: {', '.join(against)}"] if against else []
    return "; ".join(parts) or "like conditions"


def _for_platform(result: Result, p: Platform) -> list[tuple[bool, str]]:
    design = result.design
    ours, theirs = BITS[design.data_width], _bits(p)
    batch = result.report.workload.batch
    return [
        (design.technology.startswith("fpga"),
         "the array is an FPGA's (14 times an ASIC's energy, Kuon and Rose 2007)"),
        (0 < p.node_nm < node(design.technology), f"{p.node_nm:g} nm against {node(design.technology):g} nm"),
        (theirs < ours, f"{p.precision} against {design.data_width}"),
        (p.batch == 0 or p.batch > batch,
         f"batch {p.batch or 'of its choice'} against {batch}: weights are read once for many"),
        (p.peak, "its peak, which no network reaches: the ratio is at least this"),
    ]  # fmt: skip


def _for_us(result: Result, p: Platform) -> list[tuple[bool, str]]:
    design = result.design
    return [
        (p.power == "tdp", "its TDP rather than measured power"),
        ("system" in p.scope, "its whole system, where ours is chip and DRAM"),
        (p.batch == 1 and p.kind == "gpu", "batch 1 leaves it idle"),
        (_bits(p) > BITS[design.data_width], f"{p.precision} against {design.data_width}"),
    ]


def conditions(platform: Platform) -> str:
    """Name the conditions of a row that a ratio depends on most: how it was run, not which chip it is."""
    if platform.peak:
        return "a peak"
    bits = _bits(platform)
    arithmetic = "32-bit arithmetic" if bits == 32 else f"{bits}-bit arithmetic"
    return f"{arithmetic}, batch {platform.batch or 'of its choice'}"


def node(technology: str) -> float:
    """Return a process's feature size in nm, as its description says it; 0 where that does not."""
    found = re.search(r"([\d.]+) ?nm", load_technology(technology).description)
    return float(found.group(1)) if found else 0.0


def _bits(platform: Platform) -> int:
    """Return the narrowest arithmetic that a platform's row names."""
    named = [bits for name, bits in WIDTHS.items() if name in platform.precision]
    return min(named, default=32)
