"""What is checked of a program before it runs: that it holds the five kinds and keeps them apart."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from approx.machine.gemm import GEMM
from approx.machine.hadamard import HADAMARD
from approx.machine.host import CONVERSIONS, HOST, SHAPE_ONLY
from approx.machine.lookup import LOOKUP
from approx.machine.move import MOVE

Node = Mapping[str, Any]

TABLES: dict[str, Mapping[str, Any]] = {
    "gemm": GEMM,
    "hadamard": HADAMARD,
    "lookup": LOOKUP,
    "move": MOVE,
    "host": HOST,
}
"""What executes each op, by the kind of its instruction."""

_NO_INSTRUCTIONS = ("input", "tensor", "output")


def check(nodes: Sequence[Node], arrays: Container[str]) -> None:
    """Refuse what is none of the five kinds.

    Args:
        nodes: the program.
        arrays: names of the tensors that it may read.

    Raises:
        ValueError: an op is unknown, something is read that is not there, a site has no table, or the host
            computes floats that depend on inputs.
    """
    known: set[str] = set()
    varying: set[str] = set()
    for node in nodes:
        _check_known(node)
        _check_there(node, known, arrays)
        known.add(node["name"])
        if node["op"] == "input" or (
            node.get("target") not in SHAPE_ONLY and varying.intersection(reads(node))
        ):
            varying.add(node["name"])
            _check_host(node)


def _check_known(node: Node) -> None:
    if node["op"] == "site":
        if node["lines"] is None:
            raise ValueError(f"site {node['site']} has no table: save the network under an approximation")
    elif node["op"] == "call":
        if node["target"] not in TABLES.get(node["kind"], {}):
            raise ValueError(f"{node['target']} is no {node['kind']} instruction that the machine knows")
    elif node["op"] not in _NO_INSTRUCTIONS:
        raise ValueError(f"{node['op']} is no instruction")


def _check_there(node: Node, known: Container[str], arrays: Container[str]) -> None:
    for name in reads(node):
        if name not in known:
            raise ValueError(f"node {node['name']} reads {name}, which is not computed before it")
    for part in ("key", "knots", "lines"):
        if part in node and node[part] not in arrays:
            raise ValueError(f"node {node['name']} reads tensor {node[part]}, which is not in the file")


def _check_host(node: Node) -> None:
    """Of what varies, the host may convert integers and select by masks; it computes no floats."""
    if node.get("kind") == "host" and gives_floats(node) and node["target"] not in MOVE | CONVERSIONS:
        raise ValueError(f"host instruction {node['target']} computes floats that depend on an input")


def reported(nodes: Sequence[Node]) -> set[str]:
    """Names of integer host results that only further such results and the output read, such as an argmax."""
    blocked: set[str] = set()
    found: set[str] = set()
    for node in reversed(nodes):
        fits = node.get("kind") == "host" and not gives_floats(node)
        if fits and node["name"] not in blocked:
            found.add(node["name"])
        elif node["op"] != "output":
            blocked.update(reads(node))
    return found


def gives_floats(node: Node) -> bool:
    """Whether the node's value is stated to be of a floating type, or has such a part."""
    value = node.get("value")
    parts = value if isinstance(value, list) else [value]
    return any(
        isinstance(part, dict) and str(part.get("dtype")).startswith(("float", "bfloat")) for part in parts
    )


def reads(node: Node) -> Iterator[str]:
    """Names of the values that the node takes."""
    pending = [node.get("args", []), *node.get("kwargs", {}).values()]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict) and "node" in value:
            yield value["node"]
