"""The report in a real browser; skipped where no Chromium is installed."""

import os
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync")
WIDTHS = (1440, 390)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser():
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *sandbox])
        yield started
        started.close()


@pytest.fixture(params=[(w, s) for w in WIDTHS for s in ("light", "dark")], ids=str)
def page(request, browser, study):
    """The report, opened; what it said and asked for is in `said` and `asked`."""
    width, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened.said, opened.asked = [], []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto((study.folder / "report.html").as_uri())
    opened.wait_for_selector("#front .main-svg")
    yield opened
    opened.close()


def test_it_opens_without_errors_and_asks_for_nothing(page):
    assert page.said == []
    assert [url for url in page.asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _middle(page, selector):
    place = page.locator(selector).first
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_point_tells_its_design_and_opens_its_card(page, study):
    front = study.pareto()
    best = int(front.number[front.throughput_per_watt.idxmax()])  # an end of the front, alone
    assert not page.locator(f"#design-{best}").evaluate("card => card.open")
    at = _middle(page, "#front .scatterlayer .trace:nth-last-child(2) .points path:last-child")
    page.mouse.move(*at)
    page.wait_for_selector("#front .hoverlayer .hovertext")
    assert f"trial {best}:" in page.locator("#front .hoverlayer").text_content()
    page.mouse.click(*at)
    assert page.locator(f"#design-{best}").evaluate("card => card.open")


def test_its_axes_can_be_chosen(page, study):
    drawn = "document.getElementById('front')"
    before = page.evaluate(f"{drawn}.data.map(trace => Array.from(trace.x))")
    up, across = page.locator(".axes select").all()
    up.select_option("latency_s")
    across.select_option("area_mm2")
    front = study.pareto().sort_values(study.objectives[1].name)
    assert page.evaluate(f"{drawn}.data[1].x") == pytest.approx(list(front.area_mm2), rel=1e-5)
    assert page.evaluate(f"{drawn}.data[1].y") == pytest.approx(list(front.latency_s), rel=1e-5)
    assert "Latency" in page.evaluate(f"{drawn}.layout.yaxis.title.text")
    assert page.evaluate(f"{drawn}.layout.shapes.length") == 0
    up.select_option(study.objectives[0].name)
    across.select_option(study.objectives[1].name)
    assert page.evaluate(f"{drawn}.data.map(trace => Array.from(trace.x))") == before
    assert page.said == []


def test_a_row_of_the_table_opens_its_card(page, study):
    number = int(study.pareto().number[0])
    page.locator(f'a[data-opens="design-{number}"]').click()
    assert page.locator(f"#design-{number}").evaluate("card => card.open")


@pytest.mark.parametrize("page", [(390, "dark")], ids=str, indirect=True)
def test_a_card_draws_its_functions_and_links_their_tables(page, study):
    card = page.locator(f"#design-{int(study.best().number)}")
    card.evaluate("card => card.open = true")
    charts = card.locator("svg.chart")
    assert charts.count() == len(study.space.functions)
    for each in charts.all():
        box = each.bounding_box()
        assert box["width"] > 200
        assert "limit" in each.get_attribute("aria-label")
    link = card.locator("figcaption a").first
    table = page.locator(link.get_attribute("href"))
    link.click()
    assert table.evaluate("table => table.open")


@pytest.mark.parametrize("page", [(1440, "dark")], ids=str, indirect=True)
def test_on_paper_the_picture_stands_in_for_the_drawing(page):
    assert not page.locator("#picture").is_visible()
    page.emulate_media(media="print")
    assert page.locator("#picture").is_visible()
    assert not page.locator("#front").is_visible()


def test_it_has_no_serious_accessibility_finding(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    found = axe.Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
