"""The homework, WavPool and lecture documents as data: complete, true to what is stated, and judged as expected."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bench.claims.judging import check
from bench.claims.statement import DOCUMENTS, load

pytestmark = pytest.mark.xdist_group("claims")  # one worker, where what is computed once is known

STATED = Path(__file__).parents[3] / "shared" / "claims.yaml"
COUNTS = {"cnn-homework": 74, "wavpool-slides": 16, "wavpool-paper": 4, "ml-for-science-cnns": 39}
DIFFERS, ROUNDS = "differs", "rounds to it"
CONTRADICTED, NOT_ENOUGH = "contradicted within the document", "not enough stated"
TRAINING, CANNOT = "needs training", "cannot be run here"

NOT_EXACT = {
    "cnn-homework": {
        "HWK-004": (DIFFERS, "7"),
        "HWK-010": (CONTRADICTED, "(H + 2*p - k)//s + 1"),
        "HWK-013": (CONTRADICTED, "filters"),
        "HWK-018": (DIFFERS, "2*C is weight and bias, not running_mean and running_var"),
        "HWK-181": (CONTRADICTED, "BN7"),
    },
    "wavpool-slides": {
        "WVP-001": (DIFFERS, 143_667_240),
        "WVP-003": (DIFFERS, "fails in 57 of 63 cases"),
        "WVP-009": (NOT_ENOUGH, "16*n**2 + 3*n**3"),
        "WVP-010": (NOT_ENOUGH, "9*m_in*m_out*n**2"),
        "WVP-011": (DIFFERS, "0.09 to 6.32 times as many"),
        "WVP-020": (DIFFERS, "0.86 to 26.8 times as many"),
        "WVP-021": (TRAINING, None),
        "WVP-022": (TRAINING, None),
    },
    "wavpool-paper": dict.fromkeys(("WVR-001", "WVR-002", "WVR-003"), (TRAINING, None)),
    "ml-for-science-cnns": {
        "LEC-008": (DIFFERS, "H + 1 - k % 2"),
        "LEC-015": (DIFFERS, "0"),
        "LEC-020": (ROUNDS, 61_706),
        "LEC-025": (ROUNDS, 138_357_544),
        "LEC-027": (DIFFERS, "2 convolutions, 2 normalisations, 1 activation"),
        "LEC-028": (CONTRADICTED, "fails in 37 of 48 cases"),
        "LEC-031": (ROUNDS, pytest.approx(7.8904, abs=1e-4)),
        "LEC-033": (DIFFERS, "s*(H - 1) + k - 2*p"),
        "LEC-035": (DIFFERS, "fails in 185 of 625 cases"),
        "LEC-040": (CANNOT, None),
    },
}


@pytest.mark.parametrize("name", COUNTS)
def test_every_statement_has_its_verdict(name):
    checked = check(load(DOCUMENTS / f"{name}.yaml"))
    assert len(checked.rows) == COUNTS[name]
    found = {row.statement.id: (row.verdict, row.computed) for row in checked.rows if row.verdict != "exact"}
    assert found == NOT_EXACT[name]
    assert all(row.note for row in checked.rows if row.statement.id in NOT_EXACT[name])
    assert all("{" not in text for text in (*checked.errors, *(row.note for row in checked.rows)))


@pytest.mark.parametrize("name", COUNTS)
def test_errors_name_statements_that_are_not_exact(name):
    document = load(DOCUMENTS / f"{name}.yaml")
    named = {id for error in document.errors for id in NOT_EXACT[name] if id in error}
    assert len(named) >= len(document.errors)


@pytest.mark.skipif(not STATED.is_file(), reason="the list of statements is not beside this checkout")
@pytest.mark.parametrize("name", COUNTS)
def test_data_are_what_is_stated(name):
    rows = [row for row in YAML(typ="safe").load(STATED) if row["document"] == name]
    expected = {
        row["id"]: (row["section"], row["kind"], row["documented"], row["unit"], row.get("as_written")) for row in rows
    }
    document = load(DOCUMENTS / f"{name}.yaml")
    assert expected == {
        one.id: (one.section, one.kind, one.documented, one.unit, one.as_written) for one in document.statements
    }


def test_the_authors_own_scores_are_those_that_the_suite_states() -> None:
    suite = YAML(typ="safe").load(Path("suites/wavpool_documented.yaml"))
    stated = {claim["id"]: claim.get("value") for claim in suite["claims"]}
    own = load(DOCUMENTS / "wavpool-paper.yaml").define
    for name, kind in (("own_wavpool", "WavPool"), ("own_cnn", "CNN")):
        assert float(own[name]) == stated[f"final/{kind}, CIFAR-10, optimised"]
