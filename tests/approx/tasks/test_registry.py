import subprocess
import sys
from types import SimpleNamespace

import pytest

from approx.tasks import TASKS, Digits, Task, load


@pytest.mark.parametrize("name", sorted(TASKS))
def test_ready_made_tasks_load_by_name(name):
    if name.startswith("digits"):
        task = load(name, seed=2)
        assert isinstance(task, Task)
        assert (task.name, task.seed) == (name, 2)


@pytest.mark.parametrize("name", ["digit-bert", "", "bert", "Digits-BERT", ":f", "m:"])
def test_an_unknown_task_lists_the_known_ones(name):
    with pytest.raises(ValueError) as error:
        load(name)
    assert str(error.value).startswith(
        f"task = {name!r}: must be one of digits-bert, digits-roberta, digits-resnet"
    )


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match=r"^seed = .*: must be an integer of at least 0$"):
        load("digits-bert", seed=seed)


def test_an_unknown_family_is_refused():
    with pytest.raises(ValueError, match=r"family = 'vgg': must be one of bert, roberta, resnet"):
        Digits("vgg")


def test_an_option_the_task_does_not_have_is_named():
    with pytest.raises(ValueError, match=r"task = 'digits-bert': .*'sed'"):
        load("digits-bert", sed=1)


def test_a_users_function_makes_a_task(monkeypatch):
    module = SimpleNamespace(make=lambda seed=0: Digits("bert", seed), broken=lambda: 3, constant=3)
    monkeypatch.setitem(sys.modules, "users_tasks", module)
    assert load("users_tasks:make", seed=7) == Digits("bert", 7)
    with pytest.raises(
        ValueError, match=r"'users_tasks:broken': returned a int: must return an approx\.Task"
    ):
        load("users_tasks:broken")
    with pytest.raises(ValueError, match="module users_tasks has no function constant"):
        load("users_tasks:constant")
    with pytest.raises(ValueError, match="module users_tasks has no function absent"):
        load("users_tasks:absent")


def test_a_users_module_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"'no_such_module:f': No module named 'no_such_module'"):
        load("no_such_module:f")


def test_importing_tasks_loads_no_data_or_model_library():
    heavy = "{'sklearn', 'transformers', 'datasets', 'optuna'}"
    code = f"import sys, approx.tasks; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == ""
