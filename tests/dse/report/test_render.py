import re
from html.parser import HTMLParser

import pytest

import dse
from dse.report import render
from dse.report.front import front_data
from dse.results.references import references


class Page(HTMLParser):
    """Collects what a page links to, and checks that its tags close."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(study):
    return (study.folder / "report.html").read_text()


def test_it_is_one_well_formed_file_under_5_mb_that_asks_for_nothing(page):
    parsed = Page(page)
    assert parsed.open == []
    assert all(link.startswith("#") for link in parsed.links)
    assert len(page.encode()) < 5_000_000
    assert len(parsed.ids) == len(set(parsed.ids))
    own = re.sub(r'<script type="text/plain" id="plotly">[^<]*</script>', "", page)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//|@import|url\(https?:", own)


def test_it_shows_the_front_the_original_and_each_design(page, study):
    for row in study.pareto().itertuples():
        assert f'data-opens="design-{row.number}"' in page
        assert f'<details id="design-{row.number}">' in page
        assert f"{row.throughput_per_watt:,.0f}" in page
    assert "unconverted network" in page
    assert "96.0&nbsp;%" in page or "96.0 %" in page


def test_it_says_why_trials_have_no_figures(page, study):
    for row in study.trials().query("state == 'pruned'").itertuples():
        assert row.reason in page


def test_what_came_from_outside_is_escaped(page, study_file, tmp_path, fake_network):
    assert "a.&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
    study_file.write_text(study_file.read_text() + "# </pre><script>alert(1)</script>\n")
    study = dse.run(study_file, trials=1, out=tmp_path / "out", make_network=fake_network)
    assert "<script>alert" not in render(study.snapshot())


def test_it_tells_what_was_run(page):
    for word in (
        "parameter_buffer = [256, 1024]",
        "optuna",
        "python",
        "machine",
        "Every field, defaults included",
    ):
        assert word in page


def test_a_study_without_a_finished_trial_has_a_report(unfinished):
    text = render(unfinished.snapshot())
    assert "No trial is finished." in text
    assert "RuntimeError: broken" in text
    assert Page(text).open == []


def test_networks_trained_through_their_tables_are_shown_before_and_after(own_study):
    number = int(own_study.best().number)
    after = {"accuracy": 0.9599, "fidelity": 0.987654, "agreement": 0.99, "kl_divergence": 0.012}
    assert "After training through the tables" not in render(own_study.snapshot())
    own_study.optuna.set_user_attr("finetuned", {str(number): after})
    page = render(own_study.snapshot())
    assert "After training through the tables" in page
    assert '<td class="number">0.987654</td>' in page


def test_the_front_has_the_accuracy_below_and_lines_of_references(study):
    figure = front_data(study.snapshot(), references(study.snapshot()))
    assert [trace["name"] for trace in figure["data"][:3]] == ["trial", "Pareto front", "knee"]
    assert {trace.get("yaxis") for trace in figure["data"][3:]} == {"y2"}
    named = [shape["name"] for shape in figure["layout"]["shapes"]]
    assert "unconverted network: 96.0%" in named
    assert any(name.startswith("knee with dedicated units: ") for name in named)


def test_a_third_objective_colours_the_front(three):
    figure = front_data(three.snapshot(), references(three.snapshot()))
    trace = next(trace for trace in figure["data"] if trace["name"] == "Pareto front")
    assert trace["mode"] == "markers"
    assert trace["marker"]["showscale"]
    assert "throughput per watt and area" in render(three.snapshot())
