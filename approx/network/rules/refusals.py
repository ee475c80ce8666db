"""Ops that no matrix program can hold, with what would do instead."""

from typing import Any, NoReturn

from approx.network.builder import Builder
from approx.network.nodes import aten
from approx.network.rules.registry import rule

_STEPS = "it jumps, and a continuous table cannot; a piecewise-linear form would be supported"
_ORDER = "it orders values by size, which is no matrix operation; max, min and their poolings are supported"
_PLACES = "where it reads or writes depends on computed values; indices made from integers are supported"
_CHANCE = "it draws random numbers; a model that is deterministic in eval mode would be supported"
_NUMBERS = "it replaces NaN and infinity, which a matrix program does not tell apart; clamp is supported"
_PACKED = "packed sequences have no fixed shape; a padded batch would be supported"

_REASONS = {
    _STEPS: (
        aten.ceil.default,
        aten.floor.default,
        aten.floor_divide.default,
        aten.fmod.Scalar,
        aten.fmod.Tensor,
        aten.frac.default,
        aten.hardshrink.default,
        aten.heaviside.default,
        aten.remainder.Scalar,
        aten.remainder.Tensor,
        aten.round.default,
        aten.round.decimals,
        aten.sgn.default,
        aten.sign.default,
        aten.trunc.default,
    ),
    _ORDER: (
        aten.cummax.default,
        aten.cummin.default,
        aten.kthvalue.default,
        aten.median.default,
        aten.median.dim,
        aten.mode.default,
        aten.sort.default,
        aten.sort.stable,
        aten.topk.default,
    ),
    _PLACES: (
        aten.grid_sampler.default,
        aten.grid_sampler_2d.default,
        aten.grid_sampler_3d.default,
        aten.index_put.default,
        aten.masked_scatter.default,
    ),
    _CHANCE: (
        aten.bernoulli.default,
        aten.bernoulli.p,
        aten.rand_like.default,
        aten.randn_like.default,
    ),
    _NUMBERS: (aten.nan_to_num.default,),
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
