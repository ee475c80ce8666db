"""Where accuracy comes from: trained networks with data to calibrate, tune and score them on.

`load("digits-bert", seed=0)` gives a ready-made task; any object with the members of `Task` is one.
"""

from approx.tasks.base import Batch, Task
from approx.tasks.digits import Digits
from approx.tasks.evaluate import Evaluator, accuracy, fidelity
from approx.tasks.finetune import FineTuning, finetune
from approx.tasks.huggingface import HuggingFace
from approx.tasks.registry import TASKS, load
from approx.tasks.score import Fidelity, Score
from approx.tasks.unlabelled import Unlabelled

__all__ = [
    "TASKS",
    "Batch",
    "Digits",
    "Evaluator",
    "Fidelity",
    "FineTuning",
    "HuggingFace",
    "Score",
    "Task",
    "Unlabelled",
    "accuracy",
    "fidelity",
    "finetune",
    "load",
]
