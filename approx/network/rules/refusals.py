"""Ops that no matrix program can hold, with what would do instead."""

from typing import Any, NoReturn

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.choices import COUNTED
from approx.network.rules.registry import rule

_ORDER = "no tournament gives its result; sort, topk, argmax, max and min are supported"
_PLACES = "where it reads or writes depends on computed values; indices made from integers are supported"
_CHANCE = "it draws random numbers; a model that is deterministic in eval mode would be supported"
_PACKED = "packed sequences have no fixed shape; a padded batch would be supported"
ROUNDED = (
    "it rounds activations to a grid that training chose; the network without fake-quantised activations, "
    'in approx.Numerics("int8"), which rounds every value, would be supported'
)

_REASONS = {
    ROUNDED: (
        aten.fake_quantize_per_tensor_affine.default,
        aten.fake_quantize_per_tensor_affine.tensor_qparams,
        aten.fake_quantize_per_channel_affine.default,
        aten.fused_moving_avg_obs_fake_quant.default,
    ),
    _ORDER: (aten.mode.default,),
    _PLACES: (
        aten.grid_sampler_2d.default,
        aten.grid_sampler_3d.default,
    ),
    COUNTED: (
        aten.masked_select.default,
        aten.nonzero.default,
        aten.nonzero_numpy.default,
        aten.bincount.default,
        aten._unique2.default,
        aten.unique_consecutive.default,
        aten.unique_dim.default,
    ),
    _CHANCE: (
        aten.bernoulli.default,
        aten.bernoulli.p,
        aten.rand_like.default,
        aten.randn_like.default,
    ),
    _PACKED: (
        aten.gru.data,
        aten.lstm.data,
        aten.rnn_relu.data,
        aten.rnn_tanh.data,
    ),
}


def _refuse(reason: str) -> Any:
    def rewrite(b: Builder, *_: Any, **__: Any) -> NoReturn:
        raise b.refusal(reason)

    return rewrite


for _reason, _targets in _REASONS.items():
    rule(*_targets)(_refuse(_reason))
