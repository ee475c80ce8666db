"""The table of rules."""

from collections.abc import Callable
from typing import Any, TypeVar

Rule = Callable[..., Any]
R = TypeVar("R", bound=Rule)

RULES: dict[Any, Rule] = {}


def rule(*targets: Any) -> Callable[[R], R]:
    """Register the decorated function as the rewrite of `targets`; its parameters follow the op's schema."""

    def register(function: R) -> R:
        for target in targets:
            RULES[target] = function
        return function

    return register
