from pathlib import Path

import pytest
from broken_suites import FILES, expected

from bench.errors import SuiteError
from bench.suite import load


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_broken_suite_gives_exactly_its_problems(file: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        load(file)
    found = [(problem.line, str(problem)) for problem in caught.value.problems]
    wanted = expected(file)
    assert [line for line, _ in found] == [line for line, _ in wanted]
    for (line, message), (_, beginning) in zip(found, wanted, strict=True):
        assert message.startswith(beginning), line


def test_every_file_expects_something_and_there_are_many() -> None:
    assert all(expected(file) for file in FILES)
    assert len(FILES) >= 35


def test_the_message_names_file_line_and_column() -> None:
    file = next(file for file in FILES if file.stem == "two_mistakes")
    with pytest.raises(SuiteError) as caught:
        load(file)
    first, second = str(caught.value).splitlines()
    assert first == f"{file}:3:54: base.network.stage.block: 'cnv' is not a block; did you mean 'conv'?"
    assert second.startswith(f"{file}:4:12: base.recipe.lr: ")


def test_a_problem_of_the_base_that_only_one_variant_has_names_the_variant() -> None:
    file = next(file for file in FILES if file.stem == "option_only_wrong_in_one_variant")
    with pytest.raises(SuiteError, match=r"\(in variant 'mlp'\)$"):
        load(file)
