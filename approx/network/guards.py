"""What torch decided by free sizes while it traced, as sizes that a program serves."""

from collections import Counter
from typing import Any

import sympy
from torch import fx
from torch.utils._sympy.numbers import int_oo

from approx.machine.sizes import InputSizes, Shape
from approx.network.expressions import Names, size_text, text


def examples_of(shape_env: Any, symbols: list[sympy.Symbol]) -> dict[sympy.Symbol, int]:
    """The size that each free size had in the trace."""
    return {symbol: int(shape_env.backed_var_to_val[symbol]) for symbol in symbols}


def input_sizes(
    inputs: list[fx.Node], labels: tuple[str, ...], shape_env: Any, names: Names, examples: dict[Any, int]
) -> InputSizes:
    """The sizes of inputs that a traced program serves.

    Args:
        inputs: its input nodes.
        labels: what a person calls each.
        shape_env: torch's record of what was decided.
        names: what each free size is called.
        examples: the size of each in the trace.
    """
    shapes: list[Shape] = [tuple(size_text(n, names) for n in node.meta["val"].shape) for node in inputs]
    free = set(names)
    found: dict[str, None] = {}
    for symbol in examples:
        found.update(dict.fromkeys(_bounds(symbol, shape_env, names)))
    for guard in shape_env.guards:
        condition = shape_env.replace(guard.expr)
        if isinstance(condition, sympy.Basic) and condition.free_symbols and condition.free_symbols <= free:
            found.update(dict.fromkeys(_condition(condition, names, examples)))
    return InputSizes(labels, tuple(shapes), tuple(found))


def _bounds(symbol: sympy.Symbol, shape_env: Any, names: Names) -> list[str]:
    """At least one, and what a `Dim` says or was found."""
    bounds = shape_env.var_to_range.get(symbol)
    low = 1 if bounds is None else max(1, int(bounds.lower))
    high = [] if bounds is None or bounds.upper in (int_oo, sympy.oo) else [int(bounds.upper)]
    return [f"{names[symbol]} >= {low}", *(f"{names[symbol]} <= {most}" for most in high)]


def _condition(condition: Any, names: Names, examples: dict[Any, int]) -> list[str]:
    """A condition as a text; one that is none of whole arithmetic holds for the example's sizes alone."""
    try:
        return [text(_divided(condition), names)]
    except ValueError:
        return [f"{names[s]} == {examples[s]}" for s in sorted(condition.free_symbols, key=str)]


def _divided(condition: Any) -> Any:
    """A comparison without the factors that both sides have, which are sizes and so above 0."""
    if not isinstance(condition, sympy.core.relational.Relational):
        return condition
    left, right = (Counter(sympy.Mul.make_args(side)) for side in condition.args)
    whole = sympy.gcd(_whole(condition.args[0]), _whole(condition.args[1]))
    shared = [f for f in (left & right).elements() if isinstance(f, sympy.Symbol)] + [whole]
    divisor = sympy.Mul(*shared)
    return condition if divisor in (0, 1) else condition.func(*(side / divisor for side in condition.args))


def _whole(side: Any) -> Any:
    """The integer factor of a product; 1 of a sum."""
    return next((f for f in sympy.Mul.make_args(side) if isinstance(f, sympy.Integer)), sympy.Integer(1))
