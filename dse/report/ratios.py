"""The report's section of ratios: a study's designs against published and measured platforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accel_models import sources
from accel_models.platforms import KINDS, Platform, published
from dse.formatting import field_value, formatted, with_prefix
from dse.metrics import METRICS
from dse.pictures import svg
from dse.plots.ratios import of_ratios
from dse.plots.style import WIDTH
from dse.results import Snapshot, platforms
from dse.results.ratios import (
    BAND,
    BEST,
    COMMON,
    KNEE,
    KNOWN,
    Ratio,
    Result,
    conditions,
    label,
    ratios,
    results,
)

PLACES = ("below", "in", "above", "open")
_ROLES = {
    KNOWN: "the known design",
    BEST: "the best design for this network",
    COMMON: "the best design for all",
    KNEE: "the knee of the front",
}


def role(result: Result) -> str:
    """Return in words which design a result is of."""
    return _ROLES.get(result.role, f"the known design in {result.role}")


def ratios_section(study: Snapshot) -> dict[str, Any]:
    """Return what the section shows; empty where no platform ran the network and none gives a peak."""
    found = results(study)
    rows = [*published(), *platforms.own(study)]
    every = ratios(found, rows)
    shown = [ratio for ratio in every if ratio.result.role != COMMON]
    if not shown:
        return {}
    main = KNOWN if any(result.role == KNOWN for result in found) else found[0].role
    return {
        "band": BAND,
        "main": role(next(result for result in found if result.role == main)),
        "area": max(result.report.area_mm2 for result in found if result.role == main),
        "technology": next(result.design.technology for result in found if result.role == main),
        "conditions": _conditions([ratio for ratio in shown if ratio.result.role == main]),
        "counts": _counts(shown),
        "picture": svg(of_ratios(every, WIDTH), "ratios"),
        "networks": [_network(result) for result in found],
        "changed": _changed(found),
        "rows": [_ratio(ratio) for ratio in shown],
        "platforms": _used(shown),
        "sources": sources(found[0].design),
        "whole": bool(study.study.networks),
    }


def _used(shown: Sequence[Ratio]) -> list[Platform]:
    """Return the platforms of some ratios, each once."""
    return list({id(ratio.platform): ratio.platform for ratio in shown}.values())


def _conditions(shown: Sequence[Ratio]) -> list[dict[str, Any]]:
    """Count ratios by the conditions that the platforms ran under, the highest first."""
    rows = []
    for name in dict.fromkeys(conditions(ratio.platform) for ratio in shown):
        own = [ratio for ratio in shown if conditions(ratio.platform) == name]
        rows.append({"conditions": name, **_spread(own)})
    return sorted(rows, key=lambda row: -row["high"])


def _spread(shown: Sequence[Ratio]) -> dict[str, Any]:
    values = [ratio.value for ratio in shown]
    places = {place: sum(ratio.place == place for ratio in shown) for place in PLACES}
    return {**places, "low": min(values), "high": max(values)}


def _counts(shown: Sequence[Ratio]) -> list[dict[str, Any]]:
    """Count ratios below, in and above the paper's range, a row a design and kind of platform."""
    rows = []
    for design in dict.fromkeys(role(ratio.result) for ratio in shown):
        for kind in KINDS:
            own = [r for r in shown if role(r.result) == design and r.platform.kind == kind]
            if own:
                rows.append({"role": design, "kind": kind, **_spread(own)})
    return rows


def _network(result: Result) -> dict[str, Any]:
    report, own = result.report, result.report.throughput_per_watt
    others = {way.name: f"{way.throughput_per_watt / own:.3f}" for way in result.baselines}
    return {
        "network": result.title,
        "role": role(result),
        "latency": with_prefix(report.latency_s, "s"),
        "power": with_prefix(report.power_w, "W"),
        "throughput": formatted(METRICS["throughput"], report.throughput),
        "efficiency": formatted(METRICS["throughput_per_watt"], report.throughput_per_watt),
        "area": f"{report.area_mm2:.4g}",
        "utilisation": f"{report.utilisation:.1%}",
        "units": others.get("units", "no figures"),
        "host": others["host"],
    }


def _changed(found: Sequence[Result]) -> list[dict[str, Any]]:
    """Return, for each design that was found, the fields in which it differs from the known one."""
    known = {result.title: result.design for result in found if result.role == KNOWN}
    return [
        {"network": result.title, "role": role(result), "fields": _differences(known[result.title], result)}
        for result in found
        if result.role in (BEST, COMMON) and result.title in known
    ]


def _differences(known: Any, result: Result) -> str:
    before, now = known.to_dict(), result.design.to_dict()
    return ", ".join(
        f"{name} {field_value(name, value)}" for name, value in now.items() if before.get(name) != value
    )


def _ratio(ratio: Ratio) -> dict[str, Any]:
    platform = ratio.platform
    theirs = ratio.result.report.throughput_per_watt / ratio.value
    return {
        "network": ratio.result.title,
        "role": role(ratio.result),
        "platform": label(ratio),
        "kind": platform.kind,
        "theirs": f"{theirs:.4g}",
        "value": ("at least " if platform.peak else "") + f"{ratio.value:.3g}",
        "place": ratio.place,
        "why": ratio.why,
    }
