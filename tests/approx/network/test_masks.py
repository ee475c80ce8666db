import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from approx.network import trace


class Positions(nn.Module):
    """Attention under a mask computed from positions."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query = torch.arange(x.shape[-2])[:, None]
        key = torch.arange(x.shape[-2])[None, :]
        everywhere = (query >= 0).expand(x.shape[-2], x.shape[-2])
        masks = {
            "everywhere": everywhere,
            "both": everywhere & (key >= 0).expand(x.shape[-2], x.shape[-2]),
            "causal": key <= query,
            "first three": (key < 3).expand(x.shape[-2], x.shape[-2]),
        }
        return F.scaled_dot_product_attention(x, x, x, attn_mask=masks[self.kind])


@pytest.mark.parametrize(
    ("kind", "needed"), [("everywhere", 0), ("both", 0), ("causal", 1), ("first three", 1)]
)
def test_only_a_mask_that_hides_something_is_added(kind: str, needed: int) -> None:
    program = trace(Positions(kind), (torch.randn(2, 5, 4),))
    additions = [e for e in program.certificate().entries if "add" in e.op and e.kind == "hadamard"]
    assert len(additions) == needed
