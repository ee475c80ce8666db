"""Networks that give one token after another: the prompt at once, and one token more with a cache.

Keys and values of what came before are inputs of a decode step and, with one more of each, its outputs; the
cache object that transformers wants is made inside the call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from approx.zoo.full_size import Inputs

Layers = list[Tensor]
"""Keys or values of each layer, (batch, heads, tokens, width)."""


class Prefill(nn.Module):
    """The logits after the last token of a prompt, (batch, vocabulary)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor) -> Tensor:
        """Run a decoder on a prompt; of its head only what the next token needs."""
        logits: Tensor = self.network(input_ids=input_ids, use_cache=False, logits_to_keep=1).logits
        return logits[:, -1]


class Pair(nn.Module):
    """An encoder and a decoder over all that is given, (batch, tokens, vocabulary)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **given: Tensor) -> Tensor:
        """Run both, without a cache."""
        logits: Tensor = self.network(**given, use_cache=False).logits
        return logits


class Decode(nn.Module):
    """One token more after those whose keys and values are given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, input_ids: Tensor, keys: Layers, values: Layers, cached: int
    ) -> tuple[Tensor, Layers, Layers]:
        """Return logits (batch, 1, vocabulary), and keys and values with the token's own."""
        cache = _filled(self.network.config, keys, values, cached)
        logits = self.network(input_ids=input_ids, past_key_values=cache, use_cache=True).logits
        return logits, [layer.keys for layer in cache.layers], [layer.values for layer in cache.layers]


class DecodePair(nn.Module):
    """The same for a decoder that also attends to an encoder's result, whose keys and values are given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        decoder_input_ids: Tensor,
        keys: Layers,
        values: Layers,
        cross_keys: Layers,
        cross_values: Layers,
        cached: int,
    ) -> tuple[Tensor, Layers, Layers]:
        """Return logits (batch, 1, vocabulary), and keys and values with the token's own."""
        from transformers import EncoderDecoderCache

        config: Any = self.network.config
        own = _filled(config, keys, values, cached)
        cross = _filled(config, cross_keys, cross_values, cross_keys[0].shape[-2])
        encoded = decoder_input_ids.new_zeros(
            len(decoder_input_ids), cross_keys[0].shape[-2], config.hidden_size, dtype=keys[0].dtype
        )  # read for its shape alone
        logits = self.network(
            decoder_input_ids=decoder_input_ids,
            encoder_outputs=(encoded,),
            past_key_values=EncoderDecoderCache(own, cross),
            use_cache=True,
        ).logits
        return logits, [layer.keys for layer in own.layers], [layer.values for layer in own.layers]


def _filled(config: Any, keys: Layers, values: Layers, cached: int) -> Any:
    """A cache that holds these keys and values of `cached` tokens."""
    from transformers import DynamicCache

    cache = DynamicCache(config=config.get_text_config(decoder=True))
    layers: list[Any] = cache.layers
    for layer, key, value in zip(layers, keys, values, strict=True):
        layer.keys, layer.values, layer.is_initialized = key, value, True
        layer.dtype, layer.device = key.dtype, key.device
        if layer.is_sliding:
            layer.cumulative_length = cached
    return cache


def prefill(network: nn.Module) -> nn.Module:
    """Return the module that runs a prompt."""
    return Pair(network) if _is_pair(network) else Prefill(network)


def decode(network: nn.Module) -> nn.Module:
    """Return the module that runs one token more."""
    return DecodePair(network) if _is_pair(network) else Decode(network)


def _is_pair(network: Any) -> bool:
    return bool(network.config.is_encoder_decoder)


def decode_inputs(
    make: Callable[[], nn.Module], prompt: Callable[[int, int], dict[str, Any]], batch: int, cached: int
) -> Inputs:
    """Return inputs of `decode` after `cached` tokens.

    The cache has the shapes that a run of the prompt leaves, found on the meta device.

    Args:
        make: Makes the network.
        prompt: Makes its inputs for a batch at a size.
        batch: Sequences.
        cached: Tokens of each so far.

    Raises:
        ValueError: If the network keeps something else than keys and values.
    """
    with torch.device("meta"), torch.no_grad():
        network: Any = make()
        caches = _caches(network(**prompt(1, cached), use_cache=True))
    layers = [layer for cache in caches.values() for layer in getattr(cache, "layers", [None])]
    if not all(hasattr(layer, "keys") for layer in layers):
        raise ValueError(
            f"phase = decode: {type(network).__name__} keeps other state than keys and values: "
            "must be prefill"
        )
    name = "decoder_input_ids" if _is_pair(network) else "input_ids"
    inputs: dict[str, Any] = {name: torch.zeros(batch, 1, dtype=torch.long), "cached": cached}
    for prefix, cache in caches.items():
        for part in ("keys", "values"):
            shapes = [getattr(layer, part).shape[1:] for layer in cache.layers]
            inputs[prefix + part] = [torch.randn(batch, *shape) for shape in shapes]
    return inputs


def _caches(output: Any) -> dict[str, Any]:
    """What a run left for the next token, by the prefix of its inputs' names."""
    left: Any = getattr(output, "past_key_values", None)
    if hasattr(left, "cross_attention_cache"):
        return {"": left.self_attention_cache, "cross_": left.cross_attention_cache}
    return {"": left}
