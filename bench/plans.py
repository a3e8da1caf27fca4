"""A suite's plan kept beside its records, ``results/<suite>/plan.json``: what was planned is known without building a network."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from bench.environment import code_version
from bench.errors import UserError
from bench.plugins import hash_file
from bench.runs import SCHEMA
from bench.runs.migration import TASKS_BEFORE, with_new_ids
from bench.store import Store, write_if_changed
from bench.suite.plan import Plan

PLAN = "plan.json"


def stored(folder: Path) -> tuple[str, Plan] | None:
    """What the plan in a suite's folder was made from, and the plan; None where there is none.

    A plan of an earlier version is of runs and tasks by their present names, and is made anew where its suite is at hand.
    """
    try:
        text = (folder / PLAN).read_text("utf-8")
        kept = json.loads(text)
        if kept.get("schema_version", 1) < SCHEMA:
            renamed = Store(folder).renamed()
            kept = json.loads(with_new_ids(text, renamed))
            for cell in kept["plan"]["cells"]:
                cell["task"] = TASKS_BEFORE.get(cell["task"], cell["task"])
        return kept["made_from"], Plan.model_validate(kept["plan"])
    except (OSError, ValueError, KeyError, TypeError):  # none yet, or not a plan: it is made anew
        return None


def expected(folder: Path) -> Plan:
    """The plan in the results folder of a suite. Raises ``UserError`` where no suite was run into the folder."""
    if (found := stored(folder)) is None:
        raise UserError(
            f"{folder} holds no {PLAN}: it is not the results folder of a suite; expected one such as results/ablation"
        )
    return found[1]


def keep(plan: Plan, folder: Path, made_from: str = "") -> None:
    """Stores the plan in a suite's folder. Raises ``StoreError``."""
    kept = {"schema_version": SCHEMA, "made_from": made_from, "plan": plan.model_dump(mode="json")}
    text = json.dumps(kept, ensure_ascii=False)
    write_if_changed(folder / PLAN, text + "\n")


def fingerprint(file: Path, plugins: Iterable[Path]) -> str:
    """What a plan depends on: the suite's text, the code, the plug-ins."""
    parts = [file.read_bytes(), code_version().encode(), *(hash_file(plugin).encode() for plugin in plugins)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
