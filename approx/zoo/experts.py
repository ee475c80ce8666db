"""Mixture-of-experts layers under an even load, for networks whose work is of interest and not their result.

Which tokens an expert serves depends on the data, and with it the shape of every product. Assumption: the
router spreads tokens evenly, which it is trained to (Fedus et al., 2022, arXiv 2101.03961, section 2.2), so
that each expert serves tokens * chosen / experts of them, rounded up: one product an expert, its weights read
once. Scores and choices are still made as the network makes them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

NAME = "neuralmatrix_even"


def evenly_loaded(network: nn.Module) -> nn.Module:
    """Let every mixture of experts in a network of transformers serve an even load."""
    from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

    ALL_EXPERTS_FUNCTIONS.register(NAME, _even)
    for module in network.modules():
        if hasattr(module, "_is_expert_parallel"):  # what transformers' decorator of experts adds
            config: Any = module.config
            config._experts_implementation = NAME
    return network


def _even(experts: Any, hidden_states: Tensor, _: Tensor, top_k_weights: Tensor) -> Tensor:
    """Tokens (T, width), chosen experts and their weights (T, k) -> (T, width)."""
    tokens, chosen = top_k_weights.shape
    load = -(-tokens * chosen // experts.num_experts)
    spare = load * experts.num_experts - tokens * chosen
    repeated = hidden_states[:, None].expand(-1, chosen, -1).flatten(0, 1)
    served = nn.functional.pad(repeated, (0, 0, 0, spare)).view(experts.num_experts, load, -1)
    if experts.has_gate:
        hidden = experts._apply_gate(_product(experts, served, "gate_up_proj"))
    else:
        hidden = experts.act_fn(_product(experts, served, "up_proj"))
    result = _product(experts, hidden, "down_proj").flatten(0, 1)[: tokens * chosen]
    weighted: Tensor = (result.view(tokens, chosen, -1) * top_k_weights[..., None]).sum(1)
    return weighted


def _product(experts: Any, x: Tensor, name: str) -> Tensor:
    """(experts, tokens, inputs) by each expert's own weights."""
    weights = getattr(experts, name)
    product = torch.bmm(x, weights if experts.is_transposed else weights.mT)
    if not experts.has_bias:
        return product
    bias: Tensor = getattr(experts, f"{name}_bias")
    return product + bias[:, None]
