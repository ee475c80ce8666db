"""Models in other float types, in fixed point: their weights, inputs and largest numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn


class Masked(nn.Module):
    """A norm and attention under a mask of its type's least number."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm, self.projection = nn.LayerNorm(8), nn.Linear(8, 24)

    def forward(self, x: Tensor, k: Tensor) -> Tensor:
        q, key, v = self.projection(self.norm(x)).chunk(3, -1)
        w = q @ key.mT / 8**0.5
        w = w + (1.0 - k[:, None].to(w.dtype)) * torch.finfo(w.dtype).min
        result: Tensor = nn.functional.gelu(w.softmax(-1) @ v)
        return result


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_a_model_of_another_type(agrees: Callable[..., Any], kind: torch.dtype) -> None:
    x, k = torch.randn(3, 6, 8, dtype=kind), torch.ones(3, 6, dtype=torch.int64)
    k[0, 3:] = 0
    agrees(Masked().to(kind), (x, k), exact=1e-12 if kind is torch.float64 else 2e-2, **{"32": 2e-2})
