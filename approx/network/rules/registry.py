"""The table of rules."""

from collections.abc import Callable
from typing import Any

Rule = Callable[..., Any]

RULES: dict[Any, Rule] = {}


def rule(*targets: Any) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rewrite of `targets`; its parameters follow the op's schema."""

    def register(function: Rule) -> Rule:
        for target in targets:
            RULES[target] = function
        return function

    return register
