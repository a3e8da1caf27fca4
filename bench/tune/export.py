"""The winners of a search as the variants of a suite, which ``bench run`` compares."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench.errors import UserError
from bench.store import write_if_changed
from bench.tune import Tuned


def export(tuned: Tuned, file: Path) -> None:
    """Writes a suite with the winners as variants, ready for ``bench run``. Raises ``UserError`` where there is none."""
    winners = {each.variant: each for each in tuned.confirmed if each.winner}
    if not winners:
        raise UserError(
            "--export: the search has no winner yet; a suite's 'tune' needs 'confirm', such as {top: 3, seeds: 6}"
        )
    suite = tuned.suite
    ancestors = {name: dict(changes) for name, changes in suite.variants.items()}
    variants: dict[str, Any] = {
        f"{name}, tuned": _flattened(ancestors, name) | dict(winner.settings) for name, winner in winners.items()
    }
    value = {
        "name": file.stem,
        "question": f"How do the variants of {suite.name} compare, each with the settings that its own search found?",
        "base": suite.base,
        "variants": variants,
        **({"match": suite.match.model_dump(exclude_defaults=True)} if suite.match else {}),
        "seeds": 8,
    }
    text = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.dump(json.loads(json.dumps(value)), text)
    trials = f"{suite.tune.trials if suite.tune else 0} trials for each variant"
    write_if_changed(
        file, f"# The winners of a search over {suite.name} ({trials}), as found on validation.\n{text.getvalue()}"
    )


def _flattened(variants: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """A variant's changes with those of its ancestors, which the exported suite does not have; the later one counts."""
    changes = {key: value for key, value in variants[name].items() if key != "from"}
    parent = variants[name].get("from")
    if parent is None:
        return changes
    above = _flattened(variants, str(parent))
    kept = {key: value for key, value in above.items() if not any(key == c or key.startswith(f"{c}.") for c in changes)}
    return kept | changes
