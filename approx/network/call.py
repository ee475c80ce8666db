"""How a network is called: arguments as a flat list of tensors, and results back in their containers."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

import torch
from torch.utils import _pytree as pytree

from approx.machine.decisions import Decision, parted
from approx.machine.sizes import InputSizes
from approx.network.caches import register_caches

ExampleInputs = tuple[Any, ...] | dict[str, Any]


@dataclass(frozen=True)
class Arguments:
    """Example inputs, taken apart.

    Attributes:
        signature: how the model's `forward` is called.
        names: of the arguments that are given, by custom those of the signature.
        spec: the containers around the leaves.
        labels: what a person calls each leaf: "x", or "cache[0]['keys']".
        leaves: tensors, numbers and texts, in order.
    """

    signature: inspect.Signature
    names: tuple[str, ...]
    spec: pytree.TreeSpec
    labels: tuple[str, ...]
    leaves: tuple[Any, ...]

    @classmethod
    def of(cls, signature: inspect.Signature, example_inputs: Any) -> "Arguments":
        """Take example inputs apart.

        Raises:
            ValueError: they do not fit the signature, or hold no tensor.
        """
        register_caches()
        named = bind(signature, *split(example_inputs))
        paths, spec = pytree.tree_flatten_with_path(tuple(named.values()))
        labels = tuple(_label(path, tuple(named)) for path, _ in paths)
        leaves = tuple(leaf for _, leaf in paths)
        if not any(isinstance(leaf, torch.Tensor) for leaf in leaves):
            raise ValueError("example_inputs = no tensor: must hold at least one")
        for label, leaf in zip(labels, leaves, strict=True):
            if not (leaf is None or isinstance(leaf, torch.Tensor | bool | int | float | str)):
                kind = type(leaf).__name__
                raise ValueError(
                    f"{label} = {kind}: must be a tensor, number or text, or a container of them"
                )
        return cls(signature, tuple(named), spec, labels, leaves)

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The leaves that are tensors."""
        return tuple(leaf for leaf in self.leaves if isinstance(leaf, torch.Tensor))

    @property
    def tensor_labels(self) -> tuple[str, ...]:
        """What a person calls each tensor."""
        both = zip(self.labels, self.leaves, strict=True)
        return tuple(label for label, leaf in both if isinstance(leaf, torch.Tensor))

    def with_tensors(self, tensors: Sequence[Any]) -> "Arguments":
        """The same arguments with other tensors in the place of these."""
        rest = iter(tensors)
        leaves = tuple(next(rest) if isinstance(leaf, torch.Tensor) else leaf for leaf in self.leaves)
        return replace(self, leaves=leaves)

    def named(self) -> dict[str, Any]:
        """The arguments by name, in their containers."""
        return dict(zip(self.names, pytree.tree_unflatten(list(self.leaves), self.spec), strict=True))

    def called_with(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
        """The tensors among other arguments for the same network.

        Raises:
            ValueError: an argument, a container, or a number or text among them is another.
        """
        named = bind(self.signature, args, kwargs)
        if set(named) != set(self.names):
            traced = ", ".join(self.names)
            raise ValueError(f"inputs = {', '.join(named)}: must be {traced}, as the program was traced")
        given: list[torch.Tensor] = []
        leaves, spec = pytree.tree_flatten(tuple(named[name] for name in self.names))
        if spec != self.spec:
            raise ValueError(self._other_containers(named))
        for label, leaf, traced_leaf in zip(self.labels, leaves, self.leaves, strict=True):
            if isinstance(traced_leaf, torch.Tensor):
                if not isinstance(leaf, torch.Tensor):
                    raise ValueError(f"{label} = {leaf!r}: must be a tensor, as the program was traced")
                given.append(leaf)
            elif not _same(leaf, traced_leaf):
                shown = "a tensor" if isinstance(leaf, torch.Tensor) else repr(leaf)
                raise ValueError(
                    f"{label} = {shown}: must be {traced_leaf!r}, which the program was traced with"
                )
        return given

    def _other_containers(self, named: dict[str, Any]) -> str:
        """What differs between the containers given and those of the trace."""
        for name, spec in zip(self.names, self.spec.children(), strict=True):
            found = pytree.tree_structure(named[name])
            if found != spec:
                return (
                    f"{name}: its containers must be those that the program was traced with ({_kinds(spec)})"
                )
        return "inputs: their containers must be those that the program was traced with"


def _kinds(spec: pytree.TreeSpec) -> str:
    if spec.is_leaf():
        return "a tensor"
    return f"{spec.type.__name__} of {spec.num_leaves} tensors"


def _label(path: Sequence[Any], names: tuple[str, ...]) -> str:
    """A leaf's path below the arguments: the argument's name, then what torch prints of the rest."""
    below = str(pytree.keystr(tuple(path[1:])))
    return f"{names[path[0].idx]}{below}"


def _same(given: Any, value: Any) -> bool:
    """Whether a number, text or flag is the one that a program was traced with: 2 is 2.0, 1 is not True."""
    if value is None or given is None:
        return given is value
    plain = isinstance(given, bool | int | float | str)
    return plain and isinstance(given, bool) == isinstance(value, bool) and bool(given == value)


@dataclass(frozen=True)
class Returned:
    """How a network's results are put back.

    Attributes:
        spec: the containers around the leaves.
        constants: leaves that are the same for every input (None, a flag, a number), by position.
    """

    spec: pytree.TreeSpec
    constants: dict[int, Any] = field(default_factory=dict)

    def filled(self, tensors: Sequence[Any]) -> Any:
        """What the model returns, made of a program's results."""
        rest = iter(tensors)
        leaves = [
            self.constants[i] if i in self.constants else next(rest) for i in range(self.spec.num_leaves)
        ]
        return pytree.tree_unflatten(leaves, self.spec)


@dataclass(frozen=True)
class Call:
    """How a program is called.

    Attributes:
        arguments: the example's, with which what is given is compared.
        returned: how results are put back.
        sizes: of inputs that it serves.
        state: buffers that the program reads as further inputs, after the arguments, by the buffer's name.
        written: positions of inputs (arguments first, then state) whose new values follow the results.
        decisions: values that decided what the program is; what they are now follows the results, before what
            is written.
    """

    arguments: Arguments
    returned: Returned
    sizes: InputSizes
    state: tuple[str, ...] = ()
    written: tuple[int, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def inputs(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        calibrated: Mapping[str, Sequence[int]] | None = None,
    ) -> list[torch.Tensor]:
        """The tensors that the program reads, of the model's own arguments.

        Args:
            args: by position.
            kwargs: by name.
            calibrated: the least and the largest of free sizes, by their names.

        Raises:
            ValueError: an argument, a container, a constant or a size is none that the program serves.
        """
        tensors = self.arguments.called_with(args, kwargs)
        self.sizes.check([tensor.shape for tensor in tensors], calibrated)
        return tensors

    def parted(self, results: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """A program's results: what the model returns, and new values of what it writes.

        Raises:
            ValueError: a value would decide otherwise than the example's did.
        """
        return parted(results, self.decisions, len(self.written))


def with_known_containers(tree: Any) -> Any:
    """The same, after torch's trees have learned of the dataclasses in it.

    Raises:
        ValueError: something is neither a tensor, a plain value nor a container of them.
    """
    register_caches()
    for leaf in pytree.tree_leaves(tree):
        if isinstance(leaf, torch.Tensor | torch.SymInt) or _is_plain(leaf):
            continue
        if not is_dataclass(leaf) or isinstance(leaf, type):
            kind = type(leaf).__name__
            raise ValueError(
                f"the model returns {kind}: must be tensors, numbers, texts or containers of them"
            )
        pytree.register_dataclass(type(leaf))
        return with_known_containers(tree)
    return tree


def _is_plain(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, bool | int | float | str | torch.dtype | torch.device)


def split(inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The positional and keyword arguments that `inputs` stands for."""
    if isinstance(inputs, dict):
        return (), inputs
    if isinstance(inputs, tuple | list):
        return tuple(inputs), {}
    kind = type(inputs).__name__
    raise ValueError(f"example_inputs = {kind}: must be a tuple of positional or a dict of keyword arguments")


def bind(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Name every argument; those left at None are as good as absent.

    Raises:
        ValueError: the arguments do not fit the signature.
    """
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError as error:
        raise ValueError(
            f"inputs = {_describe(args, kwargs)}: must fit the model's forward{signature} ({error})"
        ) from None
    named: dict[str, Any] = {}
    for name, value in bound.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            named.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            named.update({f"{name}_{i}": item for i, item in enumerate(value)})
        else:
            named[name] = value
    return {name: value for name, value in named.items() if value is not None}


def _describe(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return f"({', '.join([type(a).__name__ for a in args] + [f'{k}=...' for k in kwargs])})"
