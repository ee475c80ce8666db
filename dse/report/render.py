"""Gathers what a report shows and fills the page."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dse.formatting import field_value, formatted
from dse.metrics import QUALITY, Metric
from dse.pictures import svg
from dse.plots import PLOTS, Asked
from dse.plots.front import axes_of
from dse.report import drawing
from dse.report.axes import axis_choices
from dse.report.cards import cards
from dse.report.curves import Curves
from dse.report.front import SHORT, front_data, traces
from dse.report.ratios import ratios_section
from dse.report.search import growth_data, sweep, unfinished
from dse.results import Snapshot, losses
from dse.results.effects import effects
from dse.results.growth import growth
from dse.results.references import references
from dse.results.verify import verified

COLUMNS = ("accuracy", "fidelity", "throughput_per_watt", "latency_s", "power_w", "area_mm2")


def render(study: Snapshot) -> str:
    """Return the report of a study as one HTML page that needs no network."""
    return fill("report.html.jinja", **_content(study))


def fill(template: str, **content: Any) -> str:
    """Fill a page's template; style, script and plotly.js go into the page, and all text is escaped.

    Args:
        template: A file of dse/report/templates that extends base.html.jinja.
        content: What the template shows. `title` is the page's; `drawings` are plotly's data and layout by
            the id of the element they go into.
    """
    environment = Environment(
        loader=PackageLoader("dse.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = {"style": "report.css", "script": "report.js"}
    texts = {name: (files("dse.report") / file).read_text(encoding="utf-8") for name, file in own.items()}
    return environment.get_template(template).render(
        **{name: Markup(text) for name, text in texts.items()},  # noqa: S704 - our own files
        plotly=_packed_plotly(),
        formatted=formatted,
        value_of=field_value,
        size=(drawing.WIDTH, drawing.HEIGHT),
        frame={"left": drawing.LEFT, "right": drawing.RIGHT, "curve": drawing.CURVE, "error": drawing.ERROR},
        **content,
    )


def _content(study: Snapshot) -> dict[str, Any]:
    grown, curves = growth(study), Curves(study)
    designs = cards(study, curves)
    drawings = {"front": _front(study)} if len(study.front) else {}
    return {
        "title": f"{study.name}: NeuralMatrix study",
        "name": study.name,
        "objectives": study.objectives,
        "counts": study.trials.state.value_counts().to_dict(),
        "total": len(study.trials),
        "evaluations": study.evaluations,
        "original": study.original,
        "scored": bool(study.original),
        "sweep": sweep(study),
        "widths": " or ".join(study.file.design_axes["data_width"]),
        "losses": losses.shown(study),
        "lost": study.metrics[losses.quality(study)] if study.original else None,
        "front": _front_rows(study),
        "known": study.study.references,
        "columns": columns(study),
        "drawings": drawings | ({"growth": growth_data(grown)} if grown else {}),
        "picture": svg(PLOTS["front"](study, Asked()), "front"),
        "cards": designs,
        "curves": curves.all(),
        "finetuned": finetuned(study),
        "unfinished": unfinished(study.trials),
        "verified": verified(study),
        "ratios": ratios_section(study),
        "growth": grown,
        "effects": effects(study),
        "certificate": study.study.certificate,
        "about": study.study.about,
        "study_file": study.study.study_file,
        "settings": json.dumps(study.study.config, indent=2),
    }


def _front(study: Snapshot) -> dict[str, Any]:
    drawn = front_data(study, references(study))
    if len(study.trials) > SHORT:  # values of all trials over all axes would make the page heavy
        return drawn
    return drawn | {"choices": axis_choices(study, list(traces(study).values()), axes_of(study))}


def columns(study: Snapshot) -> list[Metric]:
    """Return the metrics that a table of designs shows: the objectives, then others of interest."""
    others = (study.metrics[name] for name in COLUMNS if name in study.metrics)
    return list(dict.fromkeys([*study.objectives, *others]))


def _front_rows(study: Snapshot) -> list[dict[str, Any]]:
    records = [study.records[number] for number in study.front.number]
    rows = study.front.assign(
        label=[study.label(number) for number in study.front.number], members=[own.members for own in records]
    )
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def finetuned(study: Snapshot) -> list[dict[str, Any]]:
    """Return, for each network that was trained through its tables, its quality before and after."""
    rows = []
    names = [metric for metric in QUALITY if metric.name in study.original]
    for number, after in study.study.finetuned.items():
        before = study.records[int(number)]
        values = [(metric, before.metrics[metric.name], after[metric.name]) for metric in names]
        rows.append({"number": int(number), "label": study.label(int(number)), "figures": values})
    return rows


@cache
def _packed_plotly() -> str:
    """Return plotly.js, gzipped, in base64: 4.8 MB of source in 1.9 MB, which the page unpacks."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
