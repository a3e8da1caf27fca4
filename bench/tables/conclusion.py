"""What a reader may conclude from a suite's comparisons, all columns together: the first paragraph of its report."""

from collections.abc import Iterator

from bench import stats
from bench.runs import Budget
from bench.tables.comparison import Comparison
from bench.tables.scores import Scores
from bench.text import count, markdown

MOST = 12
"""Variants that are told one by one; of more of them only how many comparisons go which way."""
NAMED = 2
"""Columns of many that are named where they differ from the rest."""
TOLD = {
    "better": "better",
    "worse": "worse",
    "": "no difference shown",
    "few": "too few runs",
}


def conclusion(scores: Scores) -> str:
    """A paragraph of Markdown, from the verdicts alone (Holm within each column) and with what they hold for.

    Empty where nothing is compared, or no two cells have a seed in common yet.
    """
    found: dict[str, dict[str, dict[str, Comparison]]] = {}
    every = []
    for column in scores.columns:
        for comparison in scores.comparisons(column, scores.metric(column.task)).values():
            if comparison.pairs:
                against = found.setdefault(comparison.other.variant, {})
                against.setdefault(comparison.cell.variant, {})[column.label] = comparison
                every.append(comparison)
    if not every:
        return ""
    few = sum(map(len, found.values())) <= MOST
    return " ".join([*(_one_by_one(found) if few else [_counted(every)]), _holds_for(scores, every)])


def _one_by_one(found: dict[str, dict[str, dict[str, Comparison]]]) -> Iterator[str]:
    for other, variants in found.items():
        told = (f"**{markdown(variant)}** {_verdicts(columns)}" for variant, columns in variants.items())
        yield f"Against **{markdown(other)}**: {'; '.join(told)}."


def _verdicts(columns: dict[str, Comparison]) -> str:
    """``better in 5 of 6 columns, no difference shown in 1 (MNIST)``; of one column the word alone."""
    labels: dict[str, list[str]] = {}
    for label, comparison in columns.items():
        labels.setdefault(_word(comparison), []).append(label)
    ordered = [(TOLD[word], labels[word]) for word in TOLD if word in labels]
    if len(columns) == 1:
        return ordered[0][0]
    (first, those), *rest = ordered
    if not rest:
        return f"{first} in all {len(those)} columns"
    parts = [f"{first} in {len(those)} of {len(columns)} columns{_named(those, columns)}"]
    return ", ".join([*parts, *(f"{word} in {len(some)}{_named(some, columns)}" for word, some in rest)])


def _named(some: list[str], columns: dict[str, Comparison]) -> str:
    return f" ({markdown('; '.join(some))})" if len(some) <= NAMED < len(columns) else ""


def _word(comparison: Comparison) -> str:
    return "few" if comparison.pairs < comparison.pairs_needed else comparison.verdict


def _counted(every: list[Comparison]) -> str:
    words = [_word(comparison) for comparison in every]
    told = ", ".join(f"{words.count(word)} {TOLD[word]}" for word in TOLD if word in words)
    return f"Of {len(words)} comparisons of a variant with the one it is made from: {told}."


def _holds_for(scores: Scores, every: list[Comparison]) -> str:
    """How many runs say so, by which rule, and for what budget and data it is said."""
    fewest, most = min(c.pairs for c in every), max(c.pairs for c in every)
    pairs = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    budgets = dict.fromkeys(_budget(record.run.budget) for record in scores.records.values() if record.status == "done")
    names = dict.fromkeys(str(record.run.data["name"]) for record in scores.records.values() if record.status == "done")
    return (
        f"Better and worse mean p ≤ {stats.ALPHA} (paired by seed, adjusted by Holm within a column) over {pairs} "
        f"pairs of runs each; it holds for {markdown(', '.join(names))} and {' or '.join(budgets)}, and says nothing beyond."
    )


def _budget(budget: Budget) -> str:
    return " ".join(f"{count(value)} {unit}" for unit, value in budget.model_dump().items() if value is not None)
