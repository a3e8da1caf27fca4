"""report.html in a real browser: it sorts, filters, answers to a pointer, opens failures; nothing leaves it, nothing breaks."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_records import realistic

from bench.report import report

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (the extra 'test')")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]

EVIL = "<img src=x onerror=alert(1)>"
TEMPLATE = "%{meta[0]} </script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite like the flagship, two of whose variants have names that a careless page would obey."""
    plan, records = realistic()
    names = {"residual": EVIL, "WavPool, all live": TEMPLATE}
    cells = [cell.model_copy(update={"variant": names.get(cell.variant, cell.variant)}) for cell in plan.cells]
    folder = tmp_path_factory.mktemp("suite")
    report(plan.model_copy(update={"cells": tuple(cells), "question": EVIL}), records, folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(folder: Path, browser: Any) -> Iterator[Any]:
    """The open page; whatever a test does on it, no request leaves the file, nothing is written to the console or alerted."""
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    opened.on("request", lambda request: said.append(request.url) if not request.url.startswith(INSIDE) else None)
    opened.goto((folder / "report.html").as_uri())
    yield opened
    opened.close()
    assert said == []


INSIDE = ("file:", "data:", "blob:")


def first_column(page: Any) -> list[str]:
    rows = page.locator("table.sortable").first.locator("tbody tr:visible")
    return [text.split("\n")[0] for text in rows.locator("td:first-child").all_inner_texts()]


def drawn(page: Any, name: str) -> Any:
    figure = page.locator(f"figure[data-plot='{name}']")
    figure.scroll_into_view_if_needed()
    figure.locator(".main-svg").first.wait_for()
    return figure


def test_a_column_sorts_both_ways_by_its_numbers_with_the_keyboard_too(page: Any) -> None:
    as_planned = first_column(page)
    head = page.locator("table.sortable").first.locator("thead th").nth(1)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    texts = page.locator("table.sortable").first.locator("tbody td:nth-child(2)").all_inner_texts()
    values = [float(text.split()[0].replace("−", "-")) for text in texts]
    assert values == sorted(values)
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    texts = page.locator("table.sortable").first.locator("tbody td:nth-child(2)").all_inner_texts()
    assert [float(text.split()[0].replace("−", "-")) for text in texts] == values[::-1]
    assert first_column(page) == as_planned[::-1], "the scores rise from variant to variant"


def test_rows_are_filtered_and_saved_as_shown(page: Any, tmp_path: Path) -> None:
    page.get_by_label("Filter the rows of the table below").first.fill("wavelet")
    assert first_column(page) == ["wavelet convolution"]
    with page.expect_download() as caught:
        page.get_by_text("save as CSV").first.click()
    caught.value.save_as(tmp_path / "table.csv")
    head, *rows = csv.reader((tmp_path / "table.csv").read_text().splitlines())
    assert head[0] == "variant"
    assert [row[0].split(";")[0] for row in rows] == ["wavelet convolution"]
    page.get_by_label("Filter the rows of the table below").first.fill("")
    assert len(first_column(page)) == 6


def test_a_point_says_its_variant_n_and_interval(page: Any) -> None:
    figure = drawn(page, "score_against_macs")
    figure.locator(".scatterlayer .point").first.hover(force=True)
    told = figure.locator(".hoverlayer .hovertext").first
    told.wait_for()
    text = told.text_content()
    assert "MLP" in text
    assert " ± " in text
    assert "n 8 runs" in text or "n 7 runs" in text
    assert "MACs an example" in text


def test_the_curves_are_drawn_for_the_chosen_data_set(page: Any) -> None:
    figure = drawn(page, "learning_curves")
    assert figure.locator("img").is_hidden(), "the static picture is for print"
    axis = figure.locator(".ytitle")
    before = axis.text_content()
    figure.locator("select").select_option(index=1)
    page.wait_for_function(
        "before => document.querySelector(\"figure[data-plot='learning_curves'] .ytitle\").textContent !== before",
        arg=before,
    )
    names = figure.locator(".legendtext").all_text_contents()
    assert any(EVIL[:20] in name for name in names), "a name is shown as it is"
    assert any("%{meta[0]}" in name for name in names)


def test_a_failure_opens(page: Any) -> None:
    failure = page.locator("details", has_text="diverged").first
    assert failure.locator("p").is_hidden()
    failure.locator("summary").focus()
    page.keyboard.press("Enter")
    assert failure.locator("p").inner_text() == "the loss is NaN in epoch 3"


def test_names_are_shown_and_never_obeyed(page: Any) -> None:
    assert page.locator(".question").inner_text() == EVIL
    assert EVIL in first_column(page)
    assert page.locator("img[src='x']").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_on_a_phone_in_light_and_dark(folder: Path, browser: Any, scheme: str) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    phone.goto((folder / "report.html").as_uri())
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390, "wide tables scroll by themselves"
    ink, paper = (phone.evaluate(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor"))
    assert (sum(map(int, ink[4:-1].split(","))) > sum(map(int, paper[4:-1].split(",")))) == (scheme == "dark")
    phone.close()


def test_print_has_the_static_figures(page: Any) -> None:
    drawn(page, "learning_curves")
    page.emulate_media(media="print")
    figure = page.locator("figure[data-plot='learning_curves']")
    assert figure.locator("img").is_visible()
    assert figure.locator("div.live").is_hidden()
