"""Where accuracy comes from: trained networks with data to calibrate, tune and score them on.

`load("digits-bert", seed=0)` gives a ready-made task; any object with the members of `Task` is one.
"""

from approx.tasks.base import Batch, Task
from approx.tasks.digits import Digits
from approx.tasks.evaluate import Evaluator, Fidelity, Score, accuracy, fidelity
from approx.tasks.registry import TASKS, load

__all__ = [
    "TASKS",
    "Batch",
    "Digits",
    "Evaluator",
    "Fidelity",
    "Score",
    "Task",
    "accuracy",
    "fidelity",
    "load",
]
