"""Gathers what a report shows and fills the page."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from dse.drawn import drawn
from dse.metrics import QUALITY, Metric
from dse.plots import label, labels, pareto_figure
from dse.report import drawing
from dse.report.cards import cards
from dse.report.curves import Curves
from dse.report.front import front_data
from dse.report.search import growth, growth_data, importances, unfinished
from dse.results import Results, losses
from dse.results.platforms import compared
from dse.results.references import references
from dse.results.verify import verified
from dse.written import field_value, written

COLUMNS = ("accuracy", "fidelity", "throughput_per_watt", "latency_s", "power_w", "area_mm2")


def render(study: Results) -> str:
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
        written=written,
        value_of=field_value,
        size=(drawing.WIDTH, drawing.HEIGHT),
        frame={"left": drawing.LEFT, "right": drawing.RIGHT, "curve": drawing.CURVE, "error": drawing.ERROR},
        **content,
    )


def _content(study: Results) -> dict[str, Any]:
    trials, front = study.trials(), study.pareto()
    record, grown, curves = study.record, growth(study), Curves(study)
    designs = cards(study, front, curves)
    drawings = {"front": front_data(study, references(study))} if len(front) else {}
    return {
        "title": f"{study.name}: NeuralMatrix study",
        "name": study.name,
        "objectives": study.objectives,
        "counts": trials.state.value_counts().to_dict(),
        "total": len(trials),
        "original": study.original,
        "widths": " or ".join(study.config.design_axes["data_width"]),
        "losses": losses.shown(study),
        "lost": study.figures[losses.quality(study)],
        "front": _front_rows(study, front),
        "columns": columns(study),
        "drawings": drawings | ({"growth": growth_data(grown)} if grown else {}),
        "picture": picture(study),
        "cards": designs,
        "curves": curves.all(),
        "finetuned": finetuned(study),
        "unfinished": unfinished(trials),
        "verified": verified(study),
        "compared": compared(study),
        "growth": grown,
        "importances": importances(study),
        "certificate": record.certificate,
        "about": record.about,
        "study_file": record.study_file,
        "settings": json.dumps(record.config, indent=2),
    }


def columns(study: Results) -> list[Metric]:
    """Return the figures that a table of designs shows: the objectives, then others of interest."""
    others = (study.figures[name] for name in COLUMNS if name in study.figures)
    return list(dict.fromkeys([*study.objectives, *others]))


def _front_rows(study: Results, front: pd.DataFrame) -> list[dict[str, Any]]:
    rows = front.assign(label=labels(study, front))
    return [dict(zip(rows.columns, row, strict=True)) for row in rows.itertuples(index=False)]


def finetuned(study: Results) -> list[dict[str, Any]]:
    """Return, for each network that was trained through its tables, its quality figures before and after."""
    records, rows = study.records(), []
    names = [figure for figure in QUALITY if figure.name in study.original]
    for number, after in study.record.finetuned.items():
        before = records[int(number)]
        figures = [(figure, before.metrics[figure.name], after[figure.name]) for figure in names]
        rows.append({"number": int(number), "label": label(before), "figures": figures})
    return rows


def picture(study: Results) -> Markup:
    """Return the front as SVG, for print and for browsers without JavaScript."""
    text = drawn(pareto_figure(study), "svg").decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704 - matplotlib escapes what it draws


@cache
def _packed_plotly() -> str:
    """Return plotly.js, gzipped, in base64: 4.8 MB of source in 1.9 MB, which the page unpacks."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()
