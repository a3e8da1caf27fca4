import re
from html.parser import HTMLParser

import pytest
from fake_records import failed, plan_of, realistic, scored

from bench.plots.drawn import Drawn, draw
from bench.report.html import Section, page
from bench.tables import comparison_tables
from bench.tables.scores import Scores

EVIL = "<img src=x onerror=alert(1)>"


class Parsed(HTMLParser):
    """What a browser would make of a page: its tags with their attributes, and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "meta", "input", "link"):
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside[-1:] not in (["script"], ["style"]) else ""


def html(plan, records, *more: Section) -> Parsed:
    scores = Scores(plan, records)
    return Parsed(page(scores, comparison_tables(scores), draw(scores), more))


@pytest.fixture(scope="module")
def whole() -> Parsed:
    return html(*realistic())


@pytest.mark.xdist_group("html")
def test_the_page_says_what_was_asked_how_sure_at_what_cost_on_what_and_how_to_run_it_again(whole: Parsed) -> None:
    for part in (
        "What does each part add?", "141 of 144 runs done", "95 % interval −2.17 to −1.91, 8 pairs", "better, adjusted p 0.039",
        "20.3k params", "the loss is NaN in epoch 3", "Some processor, 4 cores", "torch 2.13.0", "bench run suites/flagship.yaml",
        "n too small (needs 8)",
    ):  # fmt: skip
        assert part in whole.text


@pytest.mark.xdist_group("html")
def test_nothing_is_fetched_from_elsewhere(whole: Parsed) -> None:
    for tag, attributes in whole.tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), f"<{tag} {name}={value}>"


def test_names_and_messages_of_a_suite_are_shown_and_never_obeyed() -> None:
    plan, records = scored({EVIL: [0.5, 0.6, 0.7], "</script><script>alert(2)</script>": [0.6, 0.7, 0.8]})
    records = [*records[:-1], failed(records[-1], message=EVIL)]
    plan = plan.model_copy(update={"question": EVIL, "source": f"name: {EVIL}"})
    parsed = html(plan, records)
    assert not [tag for tag, attributes in parsed.tags if any(name.startswith("on") for name in attributes)]
    kinds = [attributes.get("type") for tag, attributes in parsed.tags if tag == "script"]
    assert kinds == ["application/json", None, None], "data, plotly, and our own"
    assert parsed.text.count(EVIL) >= 4
    assert "</script><script>alert(2)</script>" in parsed.text


def test_bold_and_escapes_of_our_own_sentences_become_html() -> None:
    plan, records = scored({"a*b_c": [0.5, 0.6, 0.7], "d": [0.6, 0.7, 0.8]})
    scores = Scores(plan, records)
    text = page(scores, comparison_tables(scores), Drawn())
    assert "<strong>a*b_c</strong>" in text
    assert "\\" not in re.sub(r"<script>.*?</script>|<style>.*?</style>", "", text, flags=re.S)


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_page_of_few_records_or_none_is_a_page(kept: int) -> None:
    plan, records = scored({"a": [0.5, 0.6, 0.7], "b": [0.6, 0.7, 0.8]})
    assert f"{kept} of 6 runs done" in html(plan, records[:kept]).text


def test_a_plan_without_cells_is_a_page() -> None:
    assert "0 of 0 runs done" in html(plan_of([]), []).text


def test_further_sections_stand_before_how_it_was_made() -> None:
    from markupsafe import Markup

    parsed = html(*scored({"a": [0.5]}), Section("The search", Markup("<p>found</p>")))
    titles = [line.strip() for line in parsed.text.splitlines() if line.strip() in ("The search", "How it was made")]
    assert titles[-2:] == ["The search", "How it was made"]
