"""How a network of a kind is called: its inputs at a size, and the ways to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from approx.zoo.full_size import FullSize, Inputs, Phase

if TYPE_CHECKING:
    from torch import Tensor, nn

Example = Callable[[Any, int, int], dict[str, Any]]
"""Makes inputs for a configuration, a batch and a size."""

TOKEN = 5
"""Any token but padding."""
PROMPT = 77
"""Tokens of a text that a U-Net is conditioned on: CLIP's context (Radford et al., 2021, section 2.4)."""


@dataclass(frozen=True)
class Kind:
    """What networks of a kind have in common.

    Attributes:
        example: Inputs of one call.
        sized: Says a size to people.
        generates: One token after another with a cache, so that there is a "prefill" and a "decode".
        size: Usual size, by configuration.
    """

    example: Example
    sized: str
    size: Callable[[Any], int]
    generates: bool = False

    def network(self, title: str, make: Callable[[], nn.Module], config: Any, size: int = 0) -> FullSize:
        """Return a network of this kind.

        Args:
            title: Its usual name.
            make: Makes the network itself.
            config: Makes its configuration, which loads no more than its class.
            size: The size that it is usually compared at; the kind's unless given.
        """
        usual = size or self.size(config())

        def example(batch: int, at: int) -> dict[str, Any]:
            return self.example(config(), batch, at)

        if not self.generates:
            return FullSize(title, make, usual, example, self.sized)

        def prefill() -> nn.Module:
            from approx.zoo import generation

            return generation.prefill(make())

        def decode() -> nn.Module:
            from approx.zoo import generation

            return generation.decode(make())

        def one_more(batch: int, at: int) -> Inputs:
            from approx.zoo import generation

            return generation.decode_inputs(make, example, batch, at)

        return FullSize(title, prefill, usual, example, self.sized, {"decode": Phase(decode, one_more)})


def _image(config: Any, batch: int, side: int) -> dict[str, Any]:
    import torch

    return {"pixel_values": torch.randn(batch, getattr(config, "num_channels", 3), side, side)}


def _ids(batch: int, length: int) -> Tensor:
    import torch

    return torch.full((batch, length), TOKEN)


def _tokens(_: Any, batch: int, length: int) -> dict[str, Any]:
    import torch

    ids = _ids(batch, length)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _prompt(_: Any, batch: int, length: int) -> dict[str, Any]:
    return {"input_ids": _ids(batch, length)}


def _pair(_: Any, batch: int, length: int) -> dict[str, Any]:
    return {"input_ids": _ids(batch, length), "decoder_input_ids": _ids(batch, 1)}


def _speech(config: Any, batch: int, length: int) -> dict[str, Any]:
    """Log-mel spectrum of 30 s: two frames a position of the encoder; and the text so far."""
    import torch

    frames = 2 * config.max_source_positions
    sound = torch.randn(batch, config.num_mel_bins, frames)
    return {"input_features": sound, "decoder_input_ids": _ids(batch, length)}


def _samples(_: Any, batch: int, length: int) -> dict[str, Any]:
    import torch

    return {"input_values": torch.randn(batch, length)}


def _latents(config: Any, batch: int, side: int) -> dict[str, Any]:
    import torch

    return {
        "sample": torch.randn(batch, config["in_channels"], side, side),
        "timestep": torch.full((batch,), 500),
        "encoder_hidden_states": torch.randn(batch, PROMPT, config["cross_attention_dim"]),
    }


def _side(config: Any) -> int:
    side = getattr(config, "image_size", 224)
    return int(side if isinstance(side, int) else side[0])


def _length(usual: int) -> Callable[[Any], int]:
    def length(config: Any) -> int:
        longest = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return min(usual, longest or usual)

    return length


KINDS: Mapping[str, Kind] = {
    "image": Kind(_image, "{0} x {0}", _side),
    "text": Kind(_tokens, "{0} tokens", _length(128)),
    "language": Kind(_prompt, "{0} tokens", _length(2048), generates=True),
    "translation": Kind(_pair, "{0} tokens", _length(128), generates=True),
    "speech": Kind(_speech, "30 s of speech, {0} tokens", _length(128), generates=True),
    "sound": Kind(_samples, "{0} samples", lambda _: 16_000),
    "diffusion": Kind(_latents, "{0} x {0} latent pixels", lambda config: config["sample_size"] or 64),
}
"""By what goes in and comes out."""


def kind_of(architecture: Any) -> str | None:
    """Return the kind of a network's class (of transformers), or None if it is called in another way."""
    by_input = {"pixel_values": "image", "input_values": "sound", "input_features": "speech"}
    given = getattr(architecture, "main_input_name", None)
    if given != "input_ids":
        return by_input.get(str(given))
    if not architecture.can_generate():
        return "text"
    return "translation" if architecture.config_class.is_encoder_decoder else "language"
