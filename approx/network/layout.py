"""torch's choices of memory layout and algorithm, which say nothing of what a model computes.

Kernels in C++ ask whether a batch is 1, or at least 16, to lay out memory or to choose a way of computing.
torch would note each answer as a condition of the trace. Questions of the model's own Python, checks, and
whatever compares more than one size with a number, stay conditions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import sympy
from torch.fx.experimental.sym_node import SymNode


@contextmanager
def layout_unasked() -> Iterator[None]:
    """While it lasts, what C++ asks of one size to choose a layout is answered and not noted."""
    answer, check = SymNode.guard_bool, SymNode.expect_true
    checking: list[bool] = []

    def guard_bool(self: Any, file: str, line: int) -> bool:
        if not file or checking or not _is_threshold(self.expr):  # Python gives no file
            return answer(self, file, line)
        with self.shape_env.suppress_guards():
            return answer(self, file, line)

    def expect_true(self: Any, file: str, line: int) -> bool:
        checking.append(True)
        try:
            return check(self, file, line)
        finally:
            checking.pop()

    with patch.object(SymNode, "guard_bool", guard_bool), patch.object(SymNode, "expect_true", expect_true):
        yield


def _is_threshold(e: Any) -> bool:
    """Whether a question compares one free size with a number."""
    if isinstance(e, sympy.Not):
        return _is_threshold(e.args[0])
    sides = e.args if isinstance(e, sympy.core.relational.Relational) else ()
    sizes = [side for side in sides if isinstance(side, sympy.Symbol)]
    return len(sizes) == 1 and all(side in sizes or isinstance(side, sympy.Integer) for side in sides)
