"""The results of a hardware study as tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dse.hardware_study.designs import Result
from dse.hardware_study.ratios import Ratio

COSTS = ("latency_s", "power_w", "throughput", "throughput_per_watt", "energy_j", "area_mm2", "utilisation")


def designs_table(results: Sequence[Result]) -> pd.DataFrame:
    """Return a row a network and design: its cost, what both baselines give, and the design's fields."""
    rows = []
    for result in results:
        _, units, host = result.baselines
        rows.append(
            {
                "network": result.network.name,
                "size": result.network.side,
                "design": result.role,
                "macs": result.report.macs,
                **{name: getattr(result.report, name) for name in COSTS},
                "units_throughput_per_watt": units.throughput_per_watt,
                "units_area_mm2": units.area_mm2,
                "host_throughput_per_watt": host.throughput_per_watt,
                **result.design.to_dict(),
            }
        )
    return pd.DataFrame(rows)


def ratios_table(ratios: Sequence[Ratio]) -> pd.DataFrame:
    """Return a row a network, design and platform: both throughputs per power, their ratio, and why."""
    rows = []
    for ratio in ratios:
        platform, report = ratio.platform, ratio.result.report
        ours = report.throughput_per_watt
        rows.append(
            {
                "network": ratio.result.network.name,
                "size": ratio.result.network.side,
                "design": ratio.result.role,
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
        )
    return pd.DataFrame(rows)
