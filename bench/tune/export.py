"""The winners of a search as the variants of a suite, which ``bench run`` compares."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench.errors import UserError
from bench.store import write_if_changed
from bench.suite import Suite
from bench.suite.expand import trial_changes
from bench.suite.settings import is_folder_name
from bench.tune import Tuned

SEEDS = 8
"""As many as most suites have: enough to test five comparisons."""


def export(tuned: Tuned, file: Path) -> None:
    """Writes a suite with the winners as variants, ready for ``bench run``.

    Raises ``UserError`` where there is none, or no suite can have the file's name.
    """
    suite, tune = tuned.suite, tuned.suite.tune
    winners = {variant: each.settings for variant, each in tuned.winners.items()}
    if not winners:
        raise UserError(
            "--export: the search has no winner yet; a suite's 'tune' needs 'confirm', such as {top: 3, seeds: 6}"
        )
    if not is_folder_name(file.stem):
        raise UserError(f"--export {file}: no suite can be called {file.stem!r}, which would name its results folder")
    assert tune is not None, "only a suite with 'tune' has winners"
    unseen = tune.fresh_seeds.stop
    header = (
        f"# The winners of a search over {suite.name} ({tune.trials} trials for each variant), as found on validation.\n"
        f"# The search and its confirmation had seeds 0 to {unseen - 1}. A winner was picked for what it does on those and\n"
        "# looks too good there, so other seeds judge it.\n"
    )
    value = {"name": file.stem, **_suite(suite, winners), "seeds": [*range(unseen, unseen + SEEDS)]}
    write_if_changed(file, header + _yaml(value))


def _suite(suite: Suite, winners: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The searched suite with the winners, variant → settings, in place of its variants."""
    names = {name: f"{name}, tuned" for name in winners}
    return {
        "question": f"How do the variants of {suite.name} compare, each with the settings that its own search found?",
        "base": suite.base,
        "variants": {names[name]: trial_changes(suite, name, settings) for name, settings in winners.items()},
        **({"reference": names[suite.reference]} if suite.reference in names else {}),
        **_match(suite, names),
    }


def _match(suite: Suite, names: Mapping[str, str]) -> dict[str, Any]:
    """The suite's ``match`` by the winners' ``names``, and a number in place of a variant: it may have no winner.

    It is the number that the variant had before its own search, at which the others were searched. Where the search changed
    it, what comes nearest to it is taken.
    """
    match = suite.match
    if match is None:
        return {}
    fields = match.model_dump(exclude_defaults=True, exclude={"variant", "count", "nearest"})
    if match.variant is not None:
        fields[match.counted] = next(cell.target for cell in suite.cells() if cell.variant == match.variant)
    accepted = (*(match.nearest if isinstance(match.nearest, tuple) else ()), match.variant)
    nearest = match.nearest is True or [new for old, new in names.items() if old in accepted]
    return {"match": fields | ({"nearest": nearest} if nearest else {})}


def _yaml(value: Mapping[str, Any]) -> str:
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.dump(json.loads(json.dumps(value)), text)
    return text.getvalue()
