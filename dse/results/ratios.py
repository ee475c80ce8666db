"""Throughput per watt of a study's designs over that of platforms, and why a ratio is where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from accel_models import Comparison, CostReport, Design, Workload, compare, evaluate, load_technology, needs
from accel_models.hardware import BITS
from accel_models.platforms import Platform, published
from dse.record import TrialRecord
from dse.results import platforms
from dse.results.snapshot import Snapshot

BAND = (2.17, 38.72)
"""Throughput per power against CPUs, GPUs and SoCs that the paper states (arXiv 2305.14405, abstract)."""

WIDTHS = {"int8": 8, "fp16": 16, "bf16": 16, "int16": 16, "fp32": 32}

KNOWN, BEST, COMMON, KNEE = "known", "best", "common", "knee"
"""The reference; the best design for one network; the one that is best for all; the front's knee. The
reference in another process is called by that: "28nm"."""

FOR = "best for "
"""How the record of a network's best design says so, before its name."""


@dataclass(frozen=True)
class Result:
    """One network on one design.

    Attributes:
        network: The network's name, as platforms call it.
        size: Side of the image, or sequence length; 0 of a task's network.
        title: What the network is, for people.
        role: KNOWN, BEST, COMMON, KNEE or a process.
        design: The design.
        report: What it costs.
        baselines: The array alone, with dedicated nonlinear units, and with a host.
    """

    network: str
    size: int
    title: str
    role: str
    design: Design
    report: CostReport
    baselines: list[Comparison]


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


def results(study: Snapshot) -> list[Result]:
    """Return each network of a study on the known design, its best, and the best for all; or on the knee."""
    if not study.study.networks:
        return list(_of_knee(study))
    return [
        _result(
            of["network"], of["size"], of["title"], role, design, Workload.from_dict(dict(of["workload"]))
        )
        for name, of in study.study.networks.items()
        for role, design in _designs(study, name)
    ]


def _designs(study: Snapshot, network: str) -> Iterator[tuple[str, Design]]:
    """The designs that a network is shown on, by role."""
    best = next((own for own in study.records if f"{FOR}{network}" in own.proposal.split("; ")), None)
    known = {of["role"]: Design.from_dict(dict(of["design"])) for of in study.study.references}
    if KNOWN in known:
        yield KNOWN, known.pop(KNOWN)
    if best is not None:
        yield BEST, Design.from_dict(dict(best.design))
    if len(study.front):
        first = study.records[int(study.front.number.iloc[0])]
        yield COMMON, Design.from_dict(dict(first.design))
    yield from known.items()


def _of_knee(study: Snapshot) -> Iterator[Result]:
    knee: TrialRecord | None = study.knee
    if knee is not None:
        for name, workload in study.workloads(knee).items():
            yield _result(name, 0, name, KNEE, Design.from_dict(dict(knee.design)), workload)


def _result(network: str, size: int, title: str, role: str, design: Design, workload: Workload) -> Result:
    """Evaluate a network on a design; one that is not for all has the addressing that its tables need."""
    design = design if role == COMMON else replace(design, **needs(workload))
    return Result(network, size, title, role, design, evaluate(design, workload), compare(design, workload))


def ratios(found: Sequence[Result], rows: Sequence[Platform]) -> list[Ratio]:
    """Return the ratio of every result to every platform that ran the same network at the same size."""
    made = []
    for result in found:
        macs = result.report.macs / result.report.workload.batch
        for platform in rows:
            if platforms.ran(platform, result.network, result.size) and (macs or not platform.peak):
                value = result.report.throughput_per_watt / platform.per_joule(macs)
                made.append(Ratio(result, platform, value, why(result, platform)))
    return made


def of_study(study: Snapshot) -> list[Ratio]:
    """Return all ratios of a study: to published platforms, and to those in its run folder."""
    return ratios(results(study), [*published(), *platforms.own(study)])


def label(ratio: Ratio) -> str:
    """Name a platform and what it ran with: `NVIDIA T4, int8, batch 64`."""
    p = ratio.platform
    if p.peak:
        return f"{p.name}, peak"
    batch = f", batch {p.batch}" if p.batch else ""
    network = "" if p.network == ratio.result.network else f", {p.network}"
    return f"{p.name}{network}, {p.precision}{batch}"


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


def table(shown: Sequence[Ratio]) -> pd.DataFrame:
    """Return a row a network, design and platform: both throughputs per power, their ratio, and why."""
    return pd.DataFrame([_row(ratio) for ratio in shown])


def _row(ratio: Ratio) -> dict[str, Any]:
    platform, result = ratio.platform, ratio.result
    ours = result.report.throughput_per_watt
    return {
        "network": result.network,
        "size": result.size,
        "design": result.role,
        "throughput_per_watt": ours,
        "platform": platform.name,
        "kind": platform.kind,
        "platform_network": platform.network,
        "precision": platform.precision,
        "batch": platform.batch,
        "power": platform.power,
        "node_nm": platform.node_nm,
        "peak": platform.peak,
        "platform_throughput_per_watt": ours / ratio.value,
        "ratio": ratio.value,
        "paper_range": ratio.place,
        "why": ratio.why,
        "source": platform.source,
        "power_source": platform.power_source or platform.source,
        "from_memory": " ".join(platform.from_memory),
    }
