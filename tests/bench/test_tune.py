import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import forked
import optuna
import pytest
from fake_records import failed

from bench.cli import main
from bench.errors import SuiteError, UserError
from bench.schedule import Machine
from bench.store import Store
from bench.suite import load, load_dict
from bench.tune import Tuned, tables, tune
from bench.tune.confirm import with_test
from bench.tune.export import export
from bench.tune.owner import GONE, alive, marks, me
from bench.tune.search import SETTINGS
from bench.tune.storage import journal, opened

pytestmark = [pytest.mark.usefixtures("forked_workers"), pytest.mark.xdist_group("tune")]

DONE = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)

SUITE = {
    "base": {
        "data": {"name": "digits"},
        "network": {"block": "mlp", "widths": [8]},
        "recipe": {"lr": 1e-2},
        "budget": {"epochs": 4},
    },
    "variants": {"mlp": {}, "wide": {"network.widths": [16]}},
    "tune": {"space": {"recipe.lr": {"log": [1e-3, 1e-1]}}, "trials": 4, "confirm": {"top": 2, "seeds": 2}},
}


def suite(**changes: object):
    return load_dict({**SUITE, "tune": {**SUITE["tune"], **changes}}, "search")


def search(folder: Path, **changes: object) -> Tuned:
    return tune(suite(**changes), results=folder, machine=Machine(workers=1))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """The whole search, once; nothing goes on from it in its own folder."""
    return search(tmp_path_factory.mktemp("searched"))


def finished(tuned: Tuned, variant: str) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in tuned.studies[variant].trials if trial.state in DONE]


def test_every_variant_gets_its_trials_and_a_winner_on_fresh_seeds(searched: Tuned) -> None:
    tuned = searched
    assert {variant: len(finished(tuned, variant)) for variant in tuned.studies} == {"mlp": 4, "wide": 4}
    records = {record.id: record for record in tuned.records}
    for variant in tuned.studies:
        for trial in finished(tuned, variant):
            (id,) = trial.user_attrs["runs"]
            run = records[id].run
            assert run.evaluate == ("validation",), "a search never sees test"
            assert run.recipe.lr == trial.params["recipe.lr"]
            assert run.network["widths"] == ([8] if variant == "mlp" else [16])
        mine = [each for each in tuned.confirmed if each.variant == variant]
        assert [each.winner for each in mine].count(True) == 1
        winner = next(each for each in mine if each.winner)
        assert all(sum(winner.scores) >= sum(each.scores) for each in mine), "named by validation on fresh seeds"
        assert {run.seed.init for run in winner.runs} == {1, 2}
        assert winner.test == tuple(records[run.id].metrics["test"]["accuracy"] for run in with_test(winner.runs))
        assert not any(each.test for each in mine if not each.winner)
    looked = [record for record in tuned.records if record.metrics.get("test")]
    assert len(looked) == 2 * 2, "test is looked at for the two winners alone"


def test_a_search_that_is_done_trains_nothing_more(searched: Tuned) -> None:
    file = Store(searched.folder).file
    content = file.read_bytes()
    again = search(searched.folder.parent)
    assert file.read_bytes() == content
    assert again.confirmed == searched.confirmed


def test_one_worker_searches_the_same_way_twice_and_a_longer_search_goes_on(searched: Tuned, tmp_path: Path) -> None:
    one, other = searched, search(tmp_path / "b")
    assert [t.params for t in one.studies["mlp"].trials] == [t.params for t in other.studies["mlp"].trials]
    assert len({t.params["recipe.lr"] for v in one.studies for t in one.studies[v].trials}) == 8
    shutil.copytree(one.folder, tmp_path / "a" / one.folder.name)
    longer = search(tmp_path / "a", trials=6)
    assert len(finished(longer, "mlp")) == 6
    assert [t.params for t in longer.studies["mlp"].trials[:4]] == [t.params for t in other.studies["mlp"].trials]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random", "qmc"])
def test_every_sampler_searches(sampler: str, tmp_path: Path) -> None:
    tuned = search(tmp_path, sampler=sampler, confirm=None, trials=3, variants=["mlp"])
    assert len(finished(tuned, "mlp")) == 3
    assert all(1e-3 <= trial.params["recipe.lr"] <= 1e-1 for trial in tuned.studies["mlp"].trials)


def test_a_grid_has_each_of_its_points_once(tmp_path: Path) -> None:
    space = {"recipe.lr": [1e-3, 1e-2], "network.widths": [[4], [8, 8]]}
    tuned = search(tmp_path, sampler="grid", pruner="none", space=space, confirm=None, trials=30, variants=["mlp"])
    found = [
        (t.user_attrs[SETTINGS]["recipe.lr"], t.user_attrs[SETTINGS]["network.widths"]) for t in finished(tuned, "mlp")
    ]
    assert sorted(found) == [(1e-3, [4]), (1e-3, [8, 8]), (1e-2, [4]), (1e-2, [8, 8])]


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_pruner_ends_trials_by_their_epochs(pruner: str, tmp_path: Path) -> None:
    good, bad = [1e-2, 2e-2, 1.5e-2, 7e-3, 8e-3, 9e-3, 1.2e-2], [1e-9, 2e-9, 3e-9, 4e-9, 5e-9]
    space = {"recipe.lr": [*good, *bad]}
    tuned = search(tmp_path, sampler="grid", pruner=pruner, space=space, trials=12, variants=["mlp"], confirm=None)
    records = {record.id: record for record in tuned.records}
    pruned = [t for t in tuned.studies["mlp"].trials if t.state == optuna.trial.TrialState.PRUNED]
    assert any(trial.params["recipe.lr"] in bad for trial in pruned), "what learns nothing is not trained to the end"
    for trial in pruned:
        record = records[trial.user_attrs["runs"][0]]
        assert (record.status, record.metrics) == ("pruned", {})
        assert len(record.curves["lr"]) == max(trial.intermediate_values) < 4
    assert tuned.studies["mlp"].best_trial.params["recipe.lr"] in good


def test_several_seeds_are_averaged_and_pruned_seed_by_seed(tmp_path: Path) -> None:
    space = {"recipe.lr": [1e-2, 1e-8, 1e-9]}
    tuned = search(
        tmp_path, sampler="grid", pruner="wilcoxon", seeds=6, space=space, trials=3, variants=["mlp"], confirm=None
    )
    records = {record.id: record for record in tuned.records}
    for trial in tuned.studies["mlp"].trials:
        scores = [records[id].metrics["validation"]["accuracy"] for id in trial.user_attrs["runs"] if id in records]
        assert len(scores) == len(trial.intermediate_values) or trial.state == optuna.trial.TrialState.COMPLETE
        if trial.state == optuna.trial.TrialState.COMPLETE:
            assert trial.value == pytest.approx(sum(scores) / 6)


def test_several_metrics_give_a_pareto_front(tmp_path: Path) -> None:
    space = {"network.widths": [[1], [8], [32]], "recipe.lr": [1e-2]}
    tuned = search(
        tmp_path, sampler="grid", pruner="none", metric=["validation/accuracy", "params"], space=space, confirm=None,
        variants=["mlp"],
    )  # fmt: skip
    study = tuned.studies["mlp"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert all(len(trial.values) == 2 for trial in study.trials)
    fewest = min(study.trials, key=lambda trial: trial.values[1])
    assert fewest.number in {trial.number for trial in study.best_trials}


def test_a_run_that_fails_is_a_trial_that_failed_and_the_others_go_on(tmp_path: Path) -> None:
    space = {"recipe.lr": [1e-2, 1e30], "recipe.optimizer": ["sgd"]}
    tuned = search(tmp_path, sampler="grid", pruner="none", space=space, variants=["mlp"])
    states = {t.params["recipe.lr"]: t for t in tuned.studies["mlp"].trials}
    assert states[1e-2].state == optuna.trial.TrialState.COMPLETE
    assert states[1e30].state == optuna.trial.TrialState.FAIL
    assert "diverged" in states[1e30].user_attrs["failed"]
    assert [each.trial for each in tuned.confirmed] == [states[1e-2].number]


def test_the_winners_are_exported_as_a_suite_that_loads(tmp_path: Path) -> None:
    tuned = search(tmp_path, variants=["wide"], trials=2)
    export(tuned, tmp_path / "tuned.yaml")
    exported = load(tmp_path / "tuned.yaml")
    (cell,) = exported.cells()
    winner = next(each for each in tuned.confirmed if each.winner)
    assert (cell.variant, len(cell.runs)) == ("wide, tuned", 8)
    assert cell.runs[0].network == winner.runs[0].network
    assert cell.runs[0].recipe == winner.runs[0].recipe
    rows = tables.as_json(tuned)
    assert [row["state"] for row in rows["trials"]] == ["done", "done"]
    assert [row["winner"] for row in rows["confirmed"]].count(True) == 1
    tables.write(tuned)
    assert (tuned.folder / "tables" / "trials.csv").read_text().count("\n") == 3


def test_a_search_goes_on_with_its_number_of_threads_unless_forced(tmp_path: Path) -> None:
    search(tmp_path, variants=["mlp"], trials=1, confirm=None)
    shown = tune(suite(variants=["mlp"], trials=1, confirm=None), results=tmp_path, machine=Machine(threads=2))
    assert len(finished(shown, "mlp")) == 1, "with nothing left to train, any number will do"
    for more in ({"trials": 2, "confirm": None}, {"trials": 1, "confirm": {"top": 1, "seeds": 1}}):
        with pytest.raises(UserError, match=r"--threads 1, not 2.*--force"):
            tune(suite(variants=["mlp"], **more), results=tmp_path, machine=Machine(workers=1, threads=2))
    asked = suite(variants=["mlp"], trials=2, confirm={"top": 1, "seeds": 1})
    mixed = tune(asked, results=tmp_path, machine=Machine(workers=1, threads=2), force=True)
    assert [record.environment.threads for record in mixed.records] == [1, 2, 2, 2]
    with pytest.raises(UserError, match="--threads 1, 2, not 1"):
        tune(suite(variants=["mlp"], trials=3), results=tmp_path, machine=Machine(workers=1))


HOPELESS = {"recipe.lr": 1e30, "recipe.optimizer": "sgd"}


@pytest.mark.parametrize(
    ("variants", "confirm", "code", "undecided"),
    [
        ({"mlp": {}}, {"top": 1, "seeds": 1}, 0, []),
        ({"mlp": {}, "hopeless": HOPELESS}, {"top": 1, "seeds": 1}, 1, ["hopeless"]),
        ({"hopeless": HOPELESS}, {"top": 1, "seeds": 1}, 1, ["hopeless"]),
        ({"hopeless": HOPELESS}, None, 2, []),
    ],
    ids=["a winner each", "one has none", "none has one", "none asked for"],
)
def test_a_variant_without_its_winner_is_code_1_and_says_what_to_do_next(
    variants: dict[str, object], confirm: object, code: int, undecided: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asked = {"space": {"recipe.batch_size": [512]}, "trials": 1, "sampler": "random", "confirm": confirm}
    file, tuned = tmp_path / "search.yaml", tmp_path / "tuned.yaml"
    file.write_text(json.dumps({**SUITE, "variants": variants, "tune": asked}))
    options = ["--results", str(tmp_path), "--workers", "1", "--export", str(tuned), "--format", "json"]
    assert main(["tune", str(file), *options]) == code
    output = capsys.readouterr()
    lines = [line for line in output.err.splitlines() if "no winner for" in line]
    assert [line.partition(":")[0] for line in lines] == [f"no winner for {name!r}" for name in undecided]
    assert all("1 failed" in line and "trials.csv" in line and "again" in line for line in lines)
    if code < 2:
        assert len(json.loads(output.out)["trials"]) == len(variants), "all that was asked for is printed first"
        winners = [f"{name}, tuned" for name in variants if name not in undecided]
        assert (list(load(tuned).variants) if tuned.exists() else []) == winners


def test_a_winner_that_was_not_confirmed_is_none(tmp_path: Path) -> None:
    tuned = search(tmp_path, variants=["mlp"], trials=1, confirm={"top": 1, "seeds": 1})
    assert (tuned.undecided, list(tuned.winners)) == ([], ["mlp"])
    (best,) = tuned.confirmed
    records = [failed(record) if record.id == best.runs[0].id else record for record in tuned.records]
    again = replace(tuned, records=records, confirmed=(replace(best, scores=(), winner=False),))
    assert (again.undecided, again.winners) == (["mlp"], {})
    (line,) = tables.undecided(again)
    assert line.startswith("no winner for 'mlp': none of its best trials (1) trained to the end on every fresh seed")
    assert "(diverged)" in line
    assert "'top'" in line


def test_without_a_winner_there_is_nothing_to_export(tmp_path: Path) -> None:
    tuned = search(tmp_path, variants=["mlp"], trials=1, confirm=None)
    with pytest.raises(UserError, match="no winner yet"):
        export(tuned, tmp_path / "tuned.yaml")


def test_a_suite_without_a_search_says_what_to_add(tmp_path: Path) -> None:
    bare = load_dict({name: value for name, value in SUITE.items() if name != "tune"}, "bare")
    with pytest.raises(UserError, match="bare has nothing to search: add 'tune:'"):
        tune(bare, results=tmp_path)


@pytest.mark.parametrize("place", ["nonsense://x", "postgresql+nodriver://user:secret@h/d"])
def test_a_storage_that_is_none_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--storage .*: cannot be opened") as raised:
        tune(suite(), results=tmp_path, storage=place)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": {"recipe.lrr": [1e-3]}}, "'lrr' is not"),
        ({"space": {"recipe.lr": []}}, "at least one choice"),
        ({"space": {"recipe.lr": {"log": [0, 1]}}}, "begins above 0"),
        ({"space": {"recipe.lr": {"uniform": [2, 1]}}}, "low < high"),
        ({"space": {"recipe.batch_size": {"int": [1.5, 8]}}}, "whole numbers"),
        ({"space": {"recipe.lr": {"uniform": [1, 2], "log": True}}}, "expected a list of choices"),
        ({"space": {"recipe.lr": [1e-3, 1e-3]}}, "listed twice"),
        ({"space": {}}, "nothing to search for 'mlp'"),
        ({"metric": "validation/acuracy"}, "did you mean 'validation/accuracy'"),
        ({"metric": "accuracy"}, "did you mean 'validation/accuracy'"),
        ({"metric": "test/accuracy"}, "never sees the test split"),
        ({"metric": ["validation/accuracy", "params"]}, "say pruner: none"),
        ({"metric": "params"}, "say pruner: none"),
        ({"pruner": "wilcoxon"}, "seeds: 5"),
        ({"variants": ["mpl"]}, "did you mean 'mlp'"),
        ({"space_for": {"mpl": {"recipe.lr": [1]}}}, "did you mean 'mlp'"),
        ({"sampler": "grid"}, "expected a list of values"),
        ({"space_for": {"mlp": {"network.widths": [[8], ["a"]]}}}, "network.widths"),
    ],
)
def test_what_cannot_be_searched_is_an_error_before_the_first_trial(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        suite(**changes)


def test_a_search_is_for_one_data_set() -> None:
    with pytest.raises(SuiteError, match="has no grid"):
        load_dict({**SUITE, "grid": {"recipe.batch_size": [16, 32]}}, "crossed")


def test_who_owns_a_trial_and_whether_that_process_lives() -> None:
    machine, pid, started = json.loads(me())
    assert alive(marks())
    assert not alive({})
    assert not alive({**marks(), "owner": json.dumps([machine, pid, started - 100])}), "the process id came again"
    elsewhere = {**marks(), "owner": json.dumps(["another machine", pid, started])}
    assert alive(elsewhere)
    assert not alive({**elsewhere, "heartbeat": time.time() - 1000})


def shared_search(folder: Path) -> None:
    """A search in a process of its own, with two workers."""
    with forked.workers():
        tune(suite(trials=8, variants=["mlp"], confirm=None), results=folder, machine=Machine(workers=2))


def exact(folder: Path, trials: int) -> None:
    """Exactly the trials asked for have ended, each run is recorded once, and no dead trial counts."""
    study = optuna.load_study(study_name="search/mlp", storage=opened(journal(folder / "search")))
    counted = [trial for trial in study.trials if GONE not in trial.user_attrs]
    assert [trial.state in DONE for trial in counted] == [True] * trials
    lines = Store(folder / "search").file.read_text().splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    assert len(ids) == len(set(ids)) == len({tuple(trial.user_attrs["runs"]) for trial in counted})


def test_a_search_whose_processes_are_killed_goes_on_to_exactly_its_trials(tmp_path: Path) -> None:
    for recorded in (1, 3, 5):
        process = forked.started(shared_search, tmp_path)
        while process.is_alive() and len(Store(tmp_path / "search").records()) < recorded:
            time.sleep(0.02)
        assert process.is_alive(), "it was killed in the middle"
        process.kill()
        process.join()
    last = forked.started(shared_search, tmp_path)
    last.join()
    assert last.exitcode == 0
    exact(tmp_path, 8)


def test_two_processes_share_one_study(tmp_path: Path) -> None:
    processes = [forked.started(shared_search, tmp_path) for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    exact(tmp_path, 8)
