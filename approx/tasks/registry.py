"""Tasks by name, as a study file gives them: a ready-made one, or a user's own `module:function`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from approx.tasks.base import Task
from approx.tasks.digits import Digits
from approx.tasks.glue import GLUE
from approx.tasks.huggingface import HuggingFace
from approx.tasks.minilm import minilm

TASKS: Mapping[str, Callable[..., Task]] = MappingProxyType(
    {
        "digits-bert": partial(Digits, "bert"),
        "digits-roberta": partial(Digits, "roberta"),
        "digits-resnet": partial(Digits, "resnet"),
        "minilm": minilm,
        "huggingface": HuggingFace,
        **GLUE,
    }
)


def load(task: str, **options: Any) -> Task:
    """Return a task by its name, with its options.

    Args:
        task: A key of `TASKS`, or `module:function`, a function of the user's that returns a `Task`.
        **options: Passed on: the digits tasks take `seed` (an integer, 0 unless given), "huggingface" the
            fields of `HuggingFace`, and "glue-sst2" and its like `network` and any other of those.

    Raises:
        ValueError: If there is no such task, it does not take these options, or it returns no `Task`.
    """
    make = TASKS.get(task) or _user_function(task)
    _check_options(task, make, options)
    made = make(**options)
    if not isinstance(made, Task):
        raise ValueError(f"task = {task!r}: returned a {type(made).__name__}: must return an approx.Task")
    return made


def _user_function(task: str) -> Callable[..., Task]:
    module_name, separator, function_name = task.partition(":")
    if not (separator and module_name and function_name):
        raise ValueError(f"task = {task!r}: must be one of {', '.join(TASKS)}, or your own 'module:function'")
    try:
        found = getattr(importlib.import_module(module_name), function_name, None)
    except ModuleNotFoundError as error:
        raise ValueError(f"task = {task!r}: {error}: must be a module on the Python path") from None
    if not callable(found):
        raise ValueError(f"task = {task!r}: module {module_name} has no function {function_name}")
    function: Callable[..., Task] = found
    return function


def _check_options(task: str, make: Callable[..., Task], options: Mapping[str, Any]) -> None:
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        raise ValueError(f"task = {task!r}: {error}") from None
