"""Statements of documents: the data is whole and as documented, each statement has its verdict, and what it is shown as."""

import csv
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_records import failed, scored
from ruamel.yaml import YAML

from bench import cli, plans
from bench.claims import Checked, claims, overview, page
from bench.claims.judging import check, suites_of
from bench.claims.registry import QUANTITIES
from bench.claims.statement import Document, Statement, documents, load
from bench.claims.verdicts import (
    CANNOT,
    CONTRADICTED,
    DIFFERS,
    EXACT,
    HARDWARE,
    NOT_ENOUGH,
    ROUNDS,
    STATIC_VERDICTS,
    TRAINING,
)
from bench.errors import SuiteError, UserError
from bench.store import Store, stores
from bench.tables import formats

pytestmark = pytest.mark.xdist_group("claims")  # one worker, where what is computed once is known

KEYS = ["id", "document", "section", "kind", "documented", "computed", "unit", "verdict", "note"]
COUNTS = {
    "wave-source-mini-resnet": 82,
    "resupnet-architecture": 105,
    "cnn-homework": 74,
    "wavpool-slides": 16,
    "wavpool-paper": 4,
    "ml-for-science-cnns": 39,
}


@pytest.fixture(scope="module", autouse=True)
def _in_checkout(root: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield


@pytest.fixture(scope="module")
def wave() -> Checked:
    (found,) = claims(document="wave-source-mini-resnet")
    return found


@pytest.fixture(scope="module")
def resupnet() -> Checked:
    (found,) = claims(document="resupnet-architecture")
    return found


def as_format(found: list[Checked], format: str) -> str:
    return str(formats.written(page.document(found), format))


def verdicts(checked: Checked) -> dict[str, str]:
    return {row.statement.id: row.verdict for row in checked.rows}


def computed(checked: Checked) -> dict[str, Any]:
    return {row.statement.id: row.computed for row in checked.rows}


def test_every_statement_has_a_verdict_and_a_value() -> None:
    """All documents in one test, since it takes a while; no statement is skipped."""
    found = claims()
    assert {one.document.document: len(one.rows) for one in found} == COUNTS
    for row in (row for one in found for row in one.rows):
        by_hand = row.statement.compute is None
        assert by_hand <= (row.statement.kind in ("measured-hardware", "trained")), row
        assert row.verdict in ((HARDWARE, TRAINING, CANNOT) if by_hand else STATIC_VERDICTS), row
        assert (row.computed is None) == by_hand, row
        if isinstance(row.statement.documented, int | float) and not by_hand:
            assert isinstance(row.computed, int | float), row
        if row.verdict not in (EXACT, ROUNDS):
            assert len(row.note) > 20, row
    text = (Path("results") / "reference" / "documents" / "README.md").read_text("utf-8")
    for row in (row for one in found for row in one.rows if row.statement.compute is not None):
        line = next(line for line in text.splitlines() if line.startswith(f"| {row.statement.id} |"))
        assert f"| **{row.verdict}** |" in line, f"{row.statement.id}: make the page anew, with bench claims --write"
    _check_overview(Path("results") / "reference", found)
    rows = json.loads(as_format(found, "json"))
    assert len(rows) == sum(COUNTS.values())
    assert all(list(row) == KEYS for row in rows)
    for text in (page.page(found), as_format(found, "latex"), as_format(found, "csv")):
        assert all(row["id"] in text for row in rows)


def _check_overview(folder: Path, found: list[Checked]) -> None:
    """Every statement stands once in the page of reference results, if computed with its verdict; links lead somewhere."""
    text = (folder / "README.md").read_text("utf-8")
    for row in (row for one in found for row in one.rows):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {row.statement.id} |")]
        if row.statement.compute is not None:
            assert f"| **{row.verdict}** | computed |" in line, f"{row.statement.id}: make the page anew"
    for target in set(re.findall(r"\]\(([^)#]+)", text)):
        assert (folder / target).exists(), target
    headings = set(re.findall(r"^## (.*)$", (folder / "documents" / "README.md").read_text("utf-8"), re.M))
    assert len(set(re.findall(r"documents/README.md#(\S+)\)", text))) == len(found) <= len(headings)
    names = [store.folder.name for store in stores(folder)]
    assert names
    for name in names:
        assert f"[{name.replace('_', chr(92) + '_')}]({name}/README.md)" in text


def test_the_overview_names_the_suites_and_what_they_took(wave: Checked, tmp_path: Path) -> None:
    plan, records = scored({"A": [0.9, 0.91, 0.92], "B": [0.8, 0.81, 0.82]})
    store = Store(tmp_path / plan.name)
    with store.lock(print):
        for i, record in enumerate(records):
            timed = record.model_copy(update={"measured": {"total_s": 60.0 * (i + 1)}})
            store.append(failed(timed) if i == 5 else timed)
    row = dataclasses.replace(wave.rows[0], verdict="differs", computed=0.5, evidence=plan.name)
    text = overview.overview([dataclasses.replace(wave, rows=(row, *wave.rows[1:]))], tmp_path)
    assert (
        "| [fake](fake/README.md) | 5 of 6 done | 15 min 00 s | – | Some processor, 4 cores | 0.1.0+3f2a9c1d |" in text
    )
    store.pack(print)
    assert overview.overview([dataclasses.replace(wave, rows=(row, *wave.rows[1:]))], tmp_path) == text
    more, _ = scored({name: [0.7, 0.8, 0.9] for name in "ABC"})
    plans.keep(more, store.folder)
    assert "| 5 of 9 done |" in overview.overview([wave], tmp_path), "what is planned and not run counts"
    others, _ = scored({"D": [0.5]})
    plans.keep(others, store.folder)
    assert "| 6 of a search |" in overview.overview([wave], tmp_path)
    mixed = more.model_copy(update={"cells": (*more.cells[:1], *others.cells)})
    plans.keep(mixed, store.folder)
    assert "| 3 of 4 done, 3 of a search |" in overview.overview([wave], tmp_path)
    (line,) = [line for line in text.splitlines() if line.startswith("| WSR-001 |")]
    assert line.endswith("| **differs** | [fake](fake/README.md) |")
    assert "documents/README.md#wavesourceminiresnet" in text.replace("-", "")
    readme, details = overview.write([wave], tmp_path)
    assert readme.read_text("utf-8") == overview.overview([wave], tmp_path)
    assert details == tmp_path / "documents" / "README.md"
    assert "None was run." in overview.overview([wave], tmp_path / "empty")


def test_what_cannot_be_run_says_why(resupnet: Checked) -> None:
    found = {row.statement.id: row.note for row in resupnet.rows if row.verdict == CANNOT}
    assert found.keys() == {"RUN-090", "RUN-093", "RUN-151", "RUN-170", "RUN-180"}
    assert all(len(note) > 60 for note in found.values())


def test_the_data_is_what_the_documents_state(root: Path) -> None:
    file = root.parent / "shared" / "claims.yaml"
    if not file.is_file():
        pytest.skip("the list of all statements is not beside the checkout")
    listed = {claim["id"]: claim for claim in YAML(typ="safe").load(file)}
    ours = {statement.id: (one.document, statement) for one in documents() for statement in one.statements}
    assert ours.keys() == listed.keys()
    for name, (document, statement) in ours.items():
        claim = listed[name]
        assert (document, statement.kind, statement.unit) == (claim["document"], claim["kind"], claim["unit"]), name
        assert statement.documented == claim["documented"], name
        assert type(statement.documented) is type(claim["documented"]), name
        assert statement.as_written == claim.get("as_written"), name


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.document)
def test_the_numbers_of_ids_are_those_that_are_written_down_here(document: Document) -> None:
    assert len(document.statements) == COUNTS[document.document]


def test_wave_source(wave: Checked) -> None:
    found = verdicts(wave)
    wrong = {name: verdict for name, verdict in found.items() if verdict != EXACT}
    assert wrong == {"WSR-100": DIFFERS, "WSR-101": DIFFERS, "WSR-122": CONTRADICTED, "WSR-126": DIFFERS}
    assert sum(name.startswith("WSR-L") for name in found) == 60


def test_every_row_of_the_wave_networks_table_is_another_step(wave: Checked) -> None:
    """The 60 rows take the 81 operations in order, each once."""
    texts = [row.statement.compute for row in wave.rows if row.statement.id.startswith("WSR-L")]
    starts = [int(str(text).partition("(")[2].partition(",")[0]) for text in texts]
    lengths = [str(text).count('"') // 2 for text in texts]
    assert starts == [sum(lengths[:i]) for i in range(len(lengths))]
    assert sum(lengths) == 81


def test_a_row_that_is_wrong_is_found(wave: Checked) -> None:
    for change in (
        "'[1, 128, 128] -> [32, 64, 64], 32 filters, k7 s2 p2'",
        "'[1, 128, 128] -> [32, 64, 63], 32 filters, k7 s2 p3'",
    ):
        statement = wave.document.statements[2].model_copy(update={"documented": change})
        other = wave.document.model_copy(update={"statements": (statement,)})
        (row,) = check(other).rows
        assert row.verdict == DIFFERS
        assert "[1, 128, 128] -> [32, 64, 64], 32 filters, k7 s2 p3" in row.computed


def test_resupnet(resupnet: Checked) -> None:
    found = verdicts(resupnet)
    assert {name for name, verdict in found.items() if verdict == CONTRADICTED} == {
        "RUN-030", "RUN-031", "RUN-033", "RUN-034", "RUN-036", "RUN-038", "RUN-044", "RUN-047", "RUN-132", "RUN-133",
        "RUN-142", "RUN-143",
    }  # fmt: skip
    assert {name for name, verdict in found.items() if verdict == NOT_ENOUGH} == {"RUN-085", "RUN-111", "RUN-115"}
    assert {name for name, verdict in found.items() if verdict == ROUNDS} == {
        "RUN-061", "RUN-083", "RUN-084", "RUN-112", "RUN-113"
    }  # fmt: skip
    for name in ("RUN-060", "RUN-062", "RUN-063", "RUN-080", "RUN-081", "RUN-086", "RUN-101", "RUN-110", "RUN-119"):
        assert found[name] == DIFFERS, name
    for name in ("RUN-005", "RUN-024", "RUN-046", "RUN-050", "RUN-051", "RUN-100", "RUN-118", "RUN-163", "RUN-164"):
        assert found[name] == EXACT, name


def test_a_value_that_differs_has_its_derivation(resupnet: Checked) -> None:
    notes = {row.statement.id: row.note for row in resupnet.rows}
    assert "34.9 % too high" in notes["RUN-080"]
    assert "307,600 + 921,344 + 809,920 + 17" in notes["RUN-080"]
    assert "127" in notes["RUN-044"]
    assert "bench run suites/resupnet_ladder.yaml" in notes["RUN-171"]
    assert "bench profile" in notes["RUN-131"]


# what is wrong with a file

STATEMENT = "{id: A-1, section: '1', kind: static, states: it, documented: 1, unit: px, compute: '1'}"


def written(folder: Path, *statements: str, more: str = "") -> Path:
    lines = "".join(f"  - {statement}\n" for statement in statements)
    file = folder / "doc.yaml"
    head = f"document: doc\ntitle: A document\nabout: Nothing.\nsuites: [wave_source]\n{more}"
    file.write_text(f"{head}statements:\n{lines}", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("statement", "line", "message"),
    [
        (STATEMENT.replace("unit: px", "units: px"), 6, "did you mean 'unit'"),
        (STATEMENT.replace("kind: static", "kind: statik"), 6, "did you mean 'static'"),
        (STATEMENT.replace(", compute: '1'", ""), 6, "a static statement or a formula needs 'compute'"),
        (STATEMENT.replace("static", "trained").replace(", compute: '1'", ""), 6, "needs 'settle'"),
        (
            STATEMENT.replace("}", ", contradicts: [A-2]}"),
            6,
            "'A-2' is no statement of this document; did you mean 'A-1'?",
        ),
        (STATEMENT.replace("}", ", contradicts: [section 2]}"), 6, "needs 'together'"),
        (
            STATEMENT.replace("}", ", cannot: no data}"),
            6,
            "'cannot' is for a statement about measurements or trained scores",
        ),
        (f"{STATEMENT}\n  - {STATEMENT}", 7, "'A-1' is the statement of line 6 already"),
        (STATEMENT.replace("documented: 1", "documented: [1]"), 6, "expected"),
    ],
)
def test_problems_of_a_file_name_its_line(tmp_path: Path, statement: str, line: int, message: str) -> None:
    with pytest.raises(SuiteError) as error:
        load(written(tmp_path, statement))
    assert f"doc.yaml:{line}:" in str(error.value)
    assert message in str(error.value)


def judge(folder: Path, *statements: str, more: str = "") -> list[tuple[Any, str, str]]:
    rows = check(load(written(folder, *statements, more=more))).rows
    return [(row.computed, row.verdict, row.note) for row in rows]


def test_names_of_a_document_and_its_values(tmp_path: Path) -> None:
    found = judge(
        tmp_path,
        STATEMENT.replace("'1'}", "'two + half', derivation: 'two is {two}, {two * 1000:,}'}"),
        STATEMENT.replace("A-1", "A-2").replace("'1'}", 'documented("A-1") + two}'),
        more="define: {two: 4 * half, half: 1 / 2}\n",
    )
    assert found == [
        (2.5, DIFFERS, "the document is 60 % too low; two is 2, 2,000.0"),
        (3.0, DIFFERS, "the document is 66.7 % too low"),
    ]


@pytest.mark.parametrize(
    ("compute", "more", "message"),
    [
        ("netwerk(1)", "", "doc, A-1: 'netwerk(1)': 'netwerk' is not known; did you mean 'network'?"),
        ("a", "define: {a: b, b: a}\n", "a → b → a: names that define each other"),
        ('documented("B")', "", "'B' is no statement of this document"),
        ('network("wave_source", "MiniResNet")', "", "'MiniResNet' is not a variant of wave_source; did you mean"),
        ('network("wave_sauce", "A")', "", "run the command in the project's top folder"),
        ('network("wave_source", "WaveSourceMiniResNet").layer("body.0.conf1").params', "", "did you mean 'body.0.conv1'"),
    ],
)  # fmt: skip
def test_problems_of_an_expression_name_the_statement(tmp_path: Path, compute: str, more: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        judge(tmp_path, STATEMENT.replace("'1'", f"'{compute}'"), more=more)
    assert "doc, A-1" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("ours", "theirs", "together", "verdict"),
    [
        ("127", "63", "", CONTRADICTED),
        ("63.4", "63", "", None),
        ("64.1", "63", "", CONTRADICTED),
        ("1", "1", "1 == 2", CONTRADICTED),
        ("1", "1", "2 == 2", None),
    ],
)
def test_a_contradiction_is_checked(tmp_path: Path, ours: str, theirs: str, together: str, verdict: str | None) -> None:
    extra = f", contradicts: [A-2]{f', together: {together!r}' if together else ''}}}"
    statements = (
        STATEMENT.replace("documented: 1", f"documented: {ours}").replace("}", extra),
        STATEMENT.replace("A-1", "A-2").replace("documented: 1", f"documented: {theirs}"),
    )
    if verdict is None:
        with pytest.raises(UserError, match="they can hold together"):
            judge(tmp_path, *statements)
    else:
        computed, found, note = judge(tmp_path, *statements)[0]
        assert (computed, found) == (1, verdict)
        assert f"against A-2 (section 1: {theirs} px)" in note


# what it is restricted to, and shown as


def test_only_what_is_about_a_suite() -> None:
    (found,) = claims(["suites/resupnet_ladder.yaml"])
    names = {row.statement.id for row in found.rows}
    assert names >= {"RUN-170", "RUN-174", "RUN-196", "RUN-181"}
    assert not names & {"RUN-080", "RUN-090", "RUN-200", "WSR-101"}
    with pytest.raises(
        UserError, match="no document is about the suite 'resupnet_lader'; did you mean 'resupnet_ladder'"
    ):
        claims(["resupnet_lader"])


def test_suites_are_found_through_the_names_of_a_document(resupnet: Checked) -> None:
    by_id: dict[str, Statement] = {statement.id: statement for statement in resupnet.document.statements}
    assert suites_of(resupnet.document, by_id["RUN-060"]) == {"resupnet_reference"}
    assert suites_of(resupnet.document, by_id["RUN-202"]) == {"resupnet_sweeps"}
    assert suites_of(resupnet.document, by_id["RUN-050"]) == set(resupnet.document.suites)


def test_csv_and_markdown_and_latex(wave: Checked) -> None:
    rows = list(csv.DictReader(io.StringIO(as_format([wave], "csv"))))
    assert [row["id"] for row in rows] == [row.statement.id for row in wave.rows]
    assert list(rows[0]) == KEYS
    markdown = as_format([wave], "markdown")
    assert markdown.count("\n| WSR-") == 82
    assert r"\[32, 64, 64\] -\> \[32, 32, 32\]" in markdown
    latex = as_format([wave], "latex")
    assert r"{[1, 128, 128] -\textgreater{} [32, 64, 64], 32 filters, k7 s2 p3}" in latex
    assert r"18.7 \% too low" in latex
    assert "Sigmoid×127" not in latex
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") > 1


def test_text_that_could_be_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    nasty = r"a|b <b> $x_1$ \n & 100% {y} *z*"
    document = load(written(tmp_path, STATEMENT.replace("states: it", f"states: '{nasty}'")))
    found = [check(document)]
    assert r"a\|b \<b\> \$x\_1\$ \\n \& 100% \{y\} \*z\*" in as_format(found, "markdown")
    assert r"a\textbar{}b \textless{}b\textgreater{} \$x\_1\$ \textbackslash{}n \& 100\% \{y\} *z*" in as_format(
        found, "latex"
    )
    assert json.loads(as_format(found, "json"))[0]["id"] == "A-1"


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["claims", "wave_source", "--verdict", "differs", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == ["WSR-100", "WSR-101", "WSR-126"]
    assert rows[1]["computed"] == 2837410
    assert cli.main(["claims", "--document", "wave-source-mini-resnet"]) == 0
    assert "WSR-101  differs: trainable parameters" in " ".join(capsys.readouterr().out.split("\n"))
    for format in ("csv", "latex", "markdown", "table"):
        file = tmp_path / f"out.{format}"
        assert cli.main(["claims", "wave_source", "--format", format, "--out", str(file)]) == 0
        assert "WSR-L60" in file.read_text("utf-8")
    assert cli.main(["claims", "wave_source", "--write", str(tmp_path / "page")]) == 0
    for name in ("README.md", "documents/README.md"):
        assert (tmp_path / "page" / name).read_text("utf-8").startswith("# ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--document", "wave-source"], "did you mean 'wave-source-mini-resnet'"),
        (["wave_source", "--verdict", "wrong"], "there is no such verdict"),
        (["smoke"], "no document is about the suite 'smoke'"),
    ],
)
def test_wrong_names_are_one_message(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["claims", *arguments]) == cli.WRONG_INPUT
    assert message in capsys.readouterr().err


def test_outside_a_checkout_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.claims import networks

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(networks, "_suite", networks._suite.__wrapped__)  # what other tests found is in the caches
    monkeypatch.setitem(QUANTITIES, "network", networks.network)
    assert cli.main(["claims", "--document", "wave-source-mini-resnet"]) == cli.WRONG_INPUT
    assert "run the command in the project's top folder, the one that holds suites/" in capsys.readouterr().err
