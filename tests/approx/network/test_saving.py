import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load as unpack
from safetensors.torch import save as pack
from safetensors.torch import save_file
from torch import fx, nn
from torch.utils import _pytree as pytree

from approx.machine.file import metadata, read, write
from approx.machine.sizes import value_of
from approx.network import Approximation, ConvertedModule, convert
from approx.network.expressions import size_text
from approx.network.saving import load, save
from approx.network.saving.arguments import decode, encode, op_name, op_named
from approx.network.saving.sizes import FreeSizes
from approx.network.saving.structure import structure, structure_json

Network = tuple[nn.Module, dict[str, torch.Tensor]]


@pytest.fixture(scope="module", params=["bert", "resnet"])
def converted(request: pytest.FixtureRequest) -> tuple[ConvertedModule, dict[str, torch.Tensor]]:
    model, inputs = request.getfixturevalue(request.param)
    return convert(model, inputs, Approximation(segments=8), calibration=[inputs]), inputs


@pytest.fixture(scope="module")
def small() -> ConvertedModule:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 4), nn.LeakyReLU(), nn.Linear(4, 4))
    model[4].weight = model[2].weight  # tied
    model[0].bias.requires_grad_(False)
    inputs = (torch.randn(5, 3),)
    return convert(model, inputs, Approximation(segments=4), calibration=[inputs])


@pytest.fixture(scope="module")
def file(small: ConvertedModule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "small.safetensors"
    save(small, path)
    return path


def test_a_loaded_network_gives_the_same_bits(
    converted: tuple[ConvertedModule, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    original, inputs = converted
    save(original, tmp_path / "network")
    loaded = load(tmp_path / "network")
    more = {name: torch.cat([x, x.flip(0)]) for name, x in inputs.items()}
    with torch.no_grad():
        expected, got = original(**more), loaded(**more)
    assert type(got) is type(expected)
    assert torch.equal(got.logits, expected.logits)
    assert isinstance(loaded, ConvertedModule)


def test_a_loaded_network_is_the_same_program(
    converted: tuple[ConvertedModule, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    original, _ = converted
    save(original, tmp_path / "network")
    loaded = load(tmp_path / "network")
    assert loaded.program.sites == original.program.sites
    assert loaded.tables == original.tables
    assert loaded.approximation == original.approximation
    assert str(loaded.program.certificate()) == str(original.program.certificate())
    assert loaded.workload(7).operations == original.workload(7).operations


@pytest.mark.parametrize("placement", ["minimax", "density"])
def test_tables_of_a_loaded_network_are_fitted_to_the_same_calibration(
    converted: tuple[ConvertedModule, dict[str, torch.Tensor]], tmp_path: Path, placement: str
) -> None:
    original, _ = converted
    save(original, tmp_path / "network")
    loaded = load(tmp_path / "network")
    other = Approximation(segments=5, placement=placement, bias="mean")
    before = original.approximation
    original.set_approximation(other)
    loaded.set_approximation(other)
    assert loaded.tables == original.tables
    original.set_approximation(before)


def test_a_loaded_network_can_be_saved_again(file: Path, tmp_path: Path) -> None:
    save(load(file), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_weights_stay_tied_and_frozen(small: ConvertedModule, file: Path) -> None:
    loaded = dict(load(file).program.graph_module.named_parameters())
    original = dict(small.program.graph_module.named_parameters(remove_duplicate=False))
    assert all(torch.equal(p, original[name]) for name, p in loaded.items())
    assert all(p.requires_grad is original[name].requires_grad for name, p in loaded.items())
    assert {name for name, p in loaded.items() if not p.requires_grad} == {"0.bias"}
    stored = unpack(file.read_bytes())
    assert sum(t.shape == (4, 4) for t in stored.values()) == 1


def test_true_functions_can_be_saved(small: ConvertedModule, tmp_path: Path) -> None:
    before = small.approximation
    small.set_approximation(Approximation.exact())
    save(small, tmp_path / "exact")
    x = torch.randn(6, 3)
    with torch.no_grad():
        expected = small(x)
        small.set_approximation(before)
        loaded = load(tmp_path / "exact")
        assert torch.equal(loaded(x), expected)
        loaded.set_approximation(before)
        assert torch.equal(loaded(x), small(x))


def test_trained_tables_are_kept(small: ConvertedModule, tmp_path: Path) -> None:
    site = next(iter(small.program.site_modules().values()))
    table = site.table
    site.train_table()
    assert site.values is not None
    with torch.no_grad():
        site.values.add_(0.1)
    site.keep_trained()
    try:
        save(small, tmp_path / "trained")
        x = torch.randn(6, 3)
        loaded = load(tmp_path / "trained")
        with torch.no_grad():
            assert torch.equal(loaded(x), small(x))
        loaded.set_approximation(small.approximation)  # fits anew, as it does where nothing was saved
        assert loaded.tables[site.name] == table
    finally:
        site.set_table(table)


class Nested(nn.Module):
    def forward(self, pair: list[torch.Tensor], *, scale: dict[str, torch.Tensor]) -> Any:
        x, y = pair
        return {"sum": (x + y, [x * scale["x"]]), "gelu": nn.functional.gelu(x)}


def test_nested_inputs_and_outputs(tmp_path: Path) -> None:
    inputs = {"pair": [torch.randn(4, 3), torch.randn(4, 3)], "scale": {"x": torch.randn(4, 3)}}
    original = convert(Nested(), inputs, Approximation(segments=4))
    save(original, tmp_path / "nested")
    expected, got = original(**inputs), load(tmp_path / "nested")(**inputs)
    assert pytree.tree_structure(got) == pytree.tree_structure(expected)
    assert all(torch.equal(x, y) for x, y in zip(*map(pytree.tree_leaves, (got, expected)), strict=True))


def test_a_loaded_network_can_be_trained(file: Path) -> None:
    loaded = load(file)
    before = {name: p.clone() for name, p in loaded.named_parameters()}
    loaded(torch.randn(6, 3)).square().sum().backward()
    torch.optim.SGD(loaded.parameters(), lr=0.1).step()
    changed = {name for name, p in loaded.named_parameters() if not torch.equal(before[name], p)}
    assert changed == {name for name, p in loaded.named_parameters() if p.requires_grad}


# What is refused


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_is_refused(file: Path, data: st.DataObject, tmp_path_factory: Any) -> None:
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    refused(tmp_path_factory.mktemp("changed") / "file", bytes(content))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_truncated_file_is_refused(file: Path, data: st.DataObject, tmp_path_factory: Any) -> None:
    content = file.read_bytes()
    length = data.draw(st.integers(0, len(content) - 1))
    refused(tmp_path_factory.mktemp("truncated") / "file", content[:length])


def refused(path: Path, content: bytes, match: str | None = None) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"program file {path}: ")
    assert "\n" not in message


def test_swapped_tensors_are_refused(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    start = 8 + int.from_bytes(content[:8], "little")
    alike = [e["data_offsets"] for n, e in header.items() if n != "__metadata__" and e["shape"] == [4]]
    (a, b), (c, d) = alike[:2]
    swapped = bytearray(content)
    first, second = content[start + a : start + b], content[start + c : start + d]
    swapped[start + a : start + b], swapped[start + c : start + d] = second, first
    assert first != second
    refused(tmp_path / "swapped", bytes(swapped), "altered")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "torch")
    save_file({"a": torch.zeros(3)}, tmp_path / "plain")
    save_file({"a": torch.zeros(3)}, tmp_path / "weights", {"format": "neuralmatrix-weights-1"})
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("program.json", "{}")
    (tmp_path / "pickle").write_bytes(pickle.dumps({"program": 1}))
    (tmp_path / "json").write_text('{"format": 1}')
    (tmp_path / "empty").touch()
    for path in list(tmp_path.iterdir()):
        refused(path, path.read_bytes(), "not a program saved by this toolkit")
    with pytest.raises(ValueError, match="cannot be read"):
        load(tmp_path / "missing")
    with pytest.raises(ValueError, match="cannot be read"):
        load(tmp_path)


def test_a_later_format_is_refused(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes().replace(rb"\"format\":2", rb"\"format\":3")
    refused(tmp_path / "later", content, "of format 3: this version of the toolkit reads format 2")


Change = Callable[[dict[str, Any]], None]
INJECTED = "x = __import__('os').abort()"


def change_node(op: str, **entries: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        next(n for n in document["nodes"] if n["op"] == op).update(entries)

    return change


def change_call(**entries: Any) -> Change:
    return lambda document: document["call"].update(entries)


def change_table(document: dict[str, Any]) -> None:
    site = next(n for n in document["nodes"] if n["op"] == "site")
    site["table"]["slopes"][0] += 1.0


def change_sizes(**entries: Any) -> Change:
    return lambda document: document["call"]["sizes"].update(entries)


def change_output(document: dict[str, Any]) -> None:
    document["output"] = {"ModelOutput": {"x": None}, "class": "Any"}


FORGERIES: list[tuple[Change, str]] = [
    (change_node("call", target="os.system"), "must be one that approx.machine knows"),
    (change_node("call", target="aten.from_file.default"), "must be one that approx.machine knows"),
    (change_node("call", kind="host"), "certificate"),
    (change_node("call", target="aten.add.Tensor"), "certificate"),
    (change_node("call", kwargs={INJECTED: 1}), "plain identifier"),
    (change_node("call", args=[{"node": "nowhere"}]), "malformed"),
    (change_node("call", args=[{"eval": "1"}]), "malformed"),
    (change_node("call", name=INJECTED), "plain identifier"),
    (change_node("call", value={"dtype": "float32", "shape": [INJECTED[4:]]}), "must be made of integers"),
    (change_node("call", value={"dtype": "object", "shape": [1]}), "malformed"),
    (change_node("input", name="import"), "plain identifier"),
    (change_node("tensor", target='0.a"]; x'), "plain identifier"),
    (change_node("tensor", target="__class__.x"), "Python's own names"),
    (change_node("tensor", target="forward"), "taken twice"),
    (change_node("tensor", key="nowhere"), "malformed"),
    (change_node("site", function="os.system"), "os.system"),
    (change_node("site", target="sites.x y"), "plain identifier"),
    (change_call(state={INJECTED: "nowhere"}), "malformed"),
    (change_sizes(free={INJECTED: 2}), "plain identifier"),
    (change_sizes(conditions=[INJECTED]), "must be made of integers"),
    (change_call(parameters=[{"name": INJECTED, "kind": "POSITIONAL_ONLY"}]), "plain identifier"),
    (change_table, "not those of its table"),
    (change_output, "must be one of transformers"),
    (lambda document: document.clear(), "malformed"),
    (lambda document: document.update(nodes=3), "malformed"),
    (lambda document: document.update(approximation={"segments": 0}), "segments = 0"),
    (lambda document: document.update(certificate={}), "certificate"),
]


@pytest.mark.parametrize(("change", "message"), FORGERIES)
def test_a_forged_program_is_refused(file: Path, tmp_path: Path, change: Change, message: str) -> None:
    source = read(file)
    change(source.document)
    write(tmp_path / "forged", pack(unpack(source.content), metadata(source.document)))
    refused(tmp_path / "forged", (tmp_path / "forged").read_bytes(), message)


def test_an_interrupted_write_leaves_the_old_file(
    small: ConvertedModule, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "network"
    path.write_bytes(file.read_bytes())

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ValueError, match=r"cannot be written \(No space left"):
        save(small, path)
    assert [p.name for p in tmp_path.iterdir()] == ["network"]
    assert path.read_bytes() == file.read_bytes()


def test_a_folder_that_is_not_there_is_refused(small: ConvertedModule, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        save(small, tmp_path / "missing" / "network")


def test_an_op_that_the_machine_does_not_know_is_not_saved(small: ConvertedModule, tmp_path: Path) -> None:
    node = next(n for n in small.program.graph_module.graph.nodes if n.op == "call_function")
    known = node.target
    node.target = torch.ops.aten.linalg_det.default
    try:
        with pytest.raises(ValueError, match=r"cannot be written: node \w+ of 0: op aten.linalg_det.default"):
            save(small, tmp_path / "network")
    finally:
        node.target = known
    assert list(tmp_path.iterdir()) == []


# Encoding

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([torch.int64, torch.float32, torch.bool, torch.contiguous_format]),
    st.lists,
)


@given(VALUES)
def test_arguments_come_back(value: Any) -> None:
    text = json.dumps(encode(value), allow_nan=False)
    assert repr(decode(json.loads(text), {})) == repr(value)


def test_references_come_back() -> None:
    node = fx.Graph().placeholder("x")
    assert decode(encode([node, (1, node)]), {"x": node}) == [node, [1, node]]


@pytest.mark.parametrize("value", [object(), 1j, {"a": 1}, torch.zeros(1), slice(1)])
def test_other_arguments_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="has no form in a saved program"):
        encode(value)


@pytest.mark.parametrize("name", ["aten.add.Tensor", "operator.getitem", "aten.conv_transpose2d.input"])
def test_ops_come_back(name: str) -> None:
    assert op_name(op_named(name)) == name


SIZES = st.recursive(
    st.sampled_from(["batch", "n"]) | st.integers(1, 9).map(str),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "*"]), inner)
        | st.builds("({} {} {})".format, inner, st.sampled_from(["//", "%"]), st.integers(1, 9))
        | st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=50)
@given(SIZES)
def test_sizes_come_back(text: str) -> None:
    sizes = FreeSizes({"batch": 6, "n": 6})
    names = {sizes.symbol(name): name for name in ("batch", "n")}
    again = size_text(sizes.size(text), names)
    for batch, n in ((2, 3), (7, 5)):
        values = {"batch": batch, "n": n}
        assert value_of(str(again), values) == value_of(text, values)


STRUCTURES = st.recursive(
    st.just(torch.zeros(1)),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
)


@given(STRUCTURES)
def test_structures_come_back(tree: Any) -> None:
    spec = pytree.tree_structure(tree)
    assert structure(json.loads(json.dumps(structure_json(spec)))) == spec
