"""Mixtures of experts in a form that torch.export takes: every expert sees every token.

Libraries loop over the experts that some token chose and gather its tokens: shapes that depend on data. The
dense form multiplies each expert's result by the share that the router gave it, 0 for all not chosen: the
same sums, at E / k times the multiply-accumulates where k of E experts are chosen for a token.
"""

from types import MethodType
from typing import Any

import torch
from torch import nn

_WEIGHTS = ("gate_up_proj", "up_proj")


_LIBRARY = {None, "eager", "batched_mm", "grouped_mm", "deepgemm", "sonicmoe"}
"""The ways of transformers itself; another one that was registered is left alone."""


def make_dense(model: nn.Module) -> None:
    """Let every mixture of experts of transformers inside `model` compute densely; changes it in place."""
    for module in model.modules():
        way = getattr(getattr(module, "config", None), "_experts_implementation", None)
        named = ("has_gate", "is_transposed", "down_proj", "num_experts")
        if way in _LIBRARY and all(hasattr(module, name) for name in named):
            module.forward = MethodType(_dense, module)


def _dense(self: Any, hidden_states: torch.Tensor, index: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Tokens (T, H) through E experts, shares (T, k) of the experts `index` (T, k)."""
    number = torch.arange(self.num_experts, device=index.device)
    share = ((index.unsqueeze(-1) == number) * shares.unsqueeze(-1)).sum(1)
    tokens = hidden_states.expand(self.num_experts, *hidden_states.shape)
    inner = _product(self, tokens, next(name for name in _WEIGHTS if hasattr(self, name)))
    inner = self._apply_gate(inner) if self.has_gate else self.act_fn(inner)
    results = _product(self, inner, "down_proj")
    results = self.post_expert_norm(results) if self.has_post_expert_norm else results
    return (results * share.T.unsqueeze(-1)).sum(0).to(hidden_states.dtype)


def _product(self: Any, x: torch.Tensor, name: str) -> torch.Tensor:
    """x (E, T, K) times each expert's weights, plus its bias."""
    weight: torch.Tensor = getattr(self, name)
    y = torch.bmm(x, weight if self.is_transposed else weight.transpose(1, 2))
    return y + getattr(self, f"{name}_bias").unsqueeze(1) if self.has_bias else y
