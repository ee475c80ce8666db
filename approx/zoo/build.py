"""From a class's name and the values of its configuration to a network with random weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from approx.extras import how_to_install

if TYPE_CHECKING:
    from torch import nn


def config(class_name: str, values: Mapping[str, Any]) -> Any:
    """Return the configuration: an object of transformers, or for "diffusers.NAME" a mapping.

    Raises:
        ValueError: If the package that has the class is not installed.
    """
    if class_name.startswith("diffusers."):
        return {**_defaults(find(class_name)), **values}
    return find(class_name).config_class(**values)


def network(class_name: str, values: Mapping[str, Any]) -> nn.Module:
    """Return the network, with random weights, on torch's current device, in eval mode.

    Raises:
        ValueError: If the package that has the class is not installed.
    """
    if class_name.startswith("diffusers."):
        made: nn.Module = find(class_name).from_config(dict(values))
        return made.eval()
    from approx.zoo import experts

    made = find(class_name)(config(class_name, values))
    return experts.evenly_loaded(made.eval())


def find(name: str) -> Any:
    """Return the class of a name, of transformers or "diffusers.NAME"; None if transformers has none.

    Raises:
        ValueError: If diffusers is needed and not installed.
    """
    package, _, leaf = name.rpartition(".")
    if package == "diffusers":
        try:
            import diffusers
        except ImportError:
            raise ValueError(f"{leaf}: needs the package diffusers: {how_to_install('diffusers')}") from None
        return getattr(diffusers, leaf)
    import transformers

    return getattr(transformers, leaf, None)


def _defaults(of: Any) -> dict[str, Any]:
    import inspect

    parameters = inspect.signature(of.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
