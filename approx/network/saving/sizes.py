"""Types, shapes and free sizes as JSON, and back.

A size is a number or a text such as "batch * 64 + 1", which `approx.machine.sizes` reads.
"""

from collections.abc import Mapping
from functools import partial, reduce
from typing import Any

import sympy
import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv

from approx.machine.sizes import value_of
from approx.network.expressions import Names, no_special_sizes, size_text
from approx.network.saving.arguments import DTYPES, identifier


def _pairwise(function: Any, *sizes: Any) -> Any:
    return reduce(function, sizes)


_EXTREMES = {"max": partial(_pairwise, torch.sym_max), "min": partial(_pairwise, torch.sym_min)}


class FreeSizes:
    """The free sizes of a loaded program, and fake values that have them."""

    def __init__(self, examples: Mapping[str, int]) -> None:
        self.environment = ShapeEnv()
        self.fake_mode = FakeTensorMode(shape_env=self.environment)
        self.named: dict[str, torch.SymInt] = {}
        with no_special_sizes():
            for name, example in examples.items():
                self.named[name] = self._new(identifier(name), max(int(example), 2))

    def _new(self, name: str, example: int) -> Any:
        source = ConstantSource(name)
        symbol = self.environment.create_symbol(example, source, dynamic_dim=DimDynamic.DYNAMIC)
        size: Any = self.environment.create_symintnode(symbol, hint=example, source=source)
        return size

    def symbol(self, name: str) -> sympy.Symbol:
        """The free size of that name, as torch has it in shapes."""
        found: sympy.Symbol = self.named[name].node.expr
        return found

    def size(self, text: int | str) -> Any:
        """The size that `size_text` wrote."""
        with no_special_sizes():
            return value_of(text, self.named, _EXTREMES)

    def value(self, stated: Any) -> Any:
        """The fake value that `value_json` wrote."""
        if stated is None:
            return None
        if isinstance(stated, list):
            return [self.value(item) for item in stated]
        if "size" in stated:
            return self.size(stated["size"])
        with self.fake_mode, no_special_sizes():
            return torch.empty([self.size(s) for s in stated["shape"]], dtype=DTYPES[stated["dtype"]])


def value_json(value: Any, names: Names) -> Any:
    """What is known of a node's value: its type and shape."""
    if isinstance(value, torch.Tensor):
        dtype = str(value.dtype).removeprefix("torch.")
        return {"dtype": dtype, "shape": [size_text(s, names) for s in value.shape]}
    if isinstance(value, list | tuple):
        return [value_json(item, names) for item in value]
    if isinstance(value, int | torch.SymInt):
        return {"size": size_text(value, names)}
    return None
