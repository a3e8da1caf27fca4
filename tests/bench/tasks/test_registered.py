"""What a task of a plug-in must say, and what it may name."""

from collections.abc import Iterator

import pytest

from bench.errors import UserError
from bench.tasks import Task, task, task_of
from bench.tasks.base import TASKS
from bench.tasks.classification import Classification


@pytest.fixture(autouse=True)
def unregistered() -> Iterator[None]:
    before = {*TASKS}
    yield
    for name in {*TASKS} - before:
        del TASKS[name]


def test_a_task_that_does_not_say_all_is_refused_as_it_is_registered() -> None:
    with pytest.raises(
        ValueError, match=r"task 'Half' does not say check_shape, check_targets, draw, .*, unpacked; see"
    ):

        @task
        class Half(Task):
            """Half a task."""

    assert "half" not in TASKS


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"own_loss": {"cross_entrpy": {}}}, "task 'mine': own loss: 'cross_entrpy' is not a loss; did you mean "),
        ({"own_metrics": ("acuracy",)}, "task 'mine': own metric: 'acuracy' is not a metric; did you mean 'accuracy'?"),
        ({"own_metrics": ()}, "task 'mine': own metric: '(none)' is not a metric"),
    ],
)  # fmt: skip
def test_what_a_task_names_is_registered(own: dict[str, object], message: str) -> None:
    task(type("Mine", (Classification,), own))
    with pytest.raises(UserError) as caught:
        task_of("mine")
    assert str(caught.value).startswith(message)


def test_a_task_that_says_all_is_found() -> None:
    task(type("MyTask", (Classification,), {}))
    assert task_of("my_task").primary == "accuracy"
