"""Input files against those that the real tool accepted, and against what its front end refuses."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_models import Design, Gemm, Loops, Mapping, Workload, evaluate, evaluate_mapping
from accel_models.backends.timeloop import Budget, choose, for_mapper, for_model, from_model, padding
from accel_models.hardware import BITS

KIB = 1024
REFERENCE: dict[str, Any] = {
    "rows": 16,
    "cols": 16,
    "data_width": "int16",
    "shared_buffer": 512 * KIB,
    "buffering": "buffet",
}
CASES = {
    "ideal_model_ws_L16_512x512x512": (
        Design(dataflow="ws", **REFERENCE),
        Mapping(Loops(2, 1, 4), Loops(256, 32, 8, "NKM"), Loops(1, 16, 16), "B"),
    ),
    "ideal_model_os_L16_512x512x512": (
        Design(dataflow="os", **REFERENCE),
        Mapping(Loops(2, 1, 4), Loops(16, 32, 128, "MNK"), Loops(16, 16, 1), "Z"),
    ),
    "dram8_model_ws_L8_128x768x768": (
        Design(dataflow="ws", **{**REFERENCE, "rows": 8, "cols": 8}, dram_bandwidth=16e9),
        Mapping(Loops(1, 1, 6), Loops(128, 96, 16, "NKM"), Loops(1, 8, 8), "B"),
    ),
}


class _Node(dict[str, Any]):
    """A mapping with its tag."""


class _Loader(yaml.SafeLoader):
    """Keeps tags, and whether a text was quoted: the front end reads both."""


def _mapping(loader: Any, tag: str, node: Any) -> Any:
    return {"!": tag, **loader.construct_mapping(node, deep=True)}


def _text(loader: Any, node: Any) -> Any:
    return f'"{node.value}"' if node.style == '"' else node.value


_Loader.add_multi_constructor("!", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:str", _text)


# As YAML 1.2, and the front end with it, reads numbers: 1e-9 without a point is one.
_FLOAT = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))


def read(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, with tags


def accepted(folder: Path) -> dict[str, Any]:
    return {path.name: read(path.read_text()) for path in sorted(folder.glob("*.yaml"))}


def without_what_is_ours(files: dict[str, Any]) -> dict[str, Any]:
    """Undo the documented differences from the recorded files.

    DRAM has a depth, which its front end asks for, and a bandwidth, which a Design always has; the cells of
    an output-stationary array keep partial sums at the accumulator's width.
    """
    for node in files["arch.yaml"]["architecture"]["nodes"]:
        if node["name"] == "DRAM":
            for field in ("depth", "shared_bandwidth", "read_bandwidth", "write_bandwidth"):
                node["attributes"].pop(field, None)
        if node["name"] == "preg" and node["constraints"]["dataspace"]["keep"] == ["Z"]:
            del node["attributes"]["width"], node["attributes"]["datawidth"]
    return files


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_cases_are_written_again(case: str, golden_timeloop: Path) -> None:
    design, mapping = CASES[case]
    ours = {name: read(text) for name, text in for_model(design, mapping).items()}
    theirs = accepted(golden_timeloop / "specs" / case)
    assert without_what_is_ours(ours) == without_what_is_ours(theirs)


def test_a_dram_bandwidth_is_the_recorded_one(golden_timeloop: Path) -> None:
    case = "dram8_model_ws_L8_128x768x768"
    ours = read(for_model(*CASES[case])["arch.yaml"])["architecture"]["nodes"][1]["attributes"]
    theirs = accepted(golden_timeloop / "specs" / case)["arch.yaml"]["architecture"]["nodes"][1]["attributes"]
    for field in ("read_bandwidth", "write_bandwidth"):
        assert ours[field] == theirs[field] == 8


def test_the_mappers_files_are_written_again(golden_timeloop: Path) -> None:
    design = Design(dataflow="ws", **REFERENCE)
    ours = {n: read(t) for n, t in for_mapper(design, {"M": 512, "N": 512, "K": 512}, Budget()).items()}
    theirs = accepted(golden_timeloop / "specs" / "uber_mapper_ws_L16_512x512x512")
    assert without_what_is_ours(ours) == without_what_is_ours(theirs)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    width, bits = draw(
        st.sampled_from([("int8", 32), ("int8", 16), ("int16", 32), ("int16", 48), ("fp32", 32)])
    )
    sizes = [draw(st.integers(4 * KIB, 256 * KIB)) for _ in range(3)]
    shared = draw(st.none() | st.integers(32 * KIB, 512 * KIB))
    return Design(
        rows=draw(st.integers(1, 20)),
        cols=draw(st.integers(1, 20)),
        dataflow=draw(st.sampled_from(["ws", "os", "is"])),
        input_buffer=sizes[0],
        weight_buffer=sizes[1],
        output_buffer=sizes[2],
        shared_buffer=shared,
        data_width=width,
        accumulator_bits=bits,
        banks=draw(st.sampled_from([1, 3, 4])),
        dram=draw(st.sampled_from(["LPDDR4", "DDR3", "HBM2", "HBM3"])),
        buffering=draw(st.sampled_from(["double", "buffet"])),
        clock=draw(st.sampled_from([1e9, 200e6, 700e6])),
        fill="none",
    )


gemms = st.builds(Gemm, m=st.integers(1, 900), n=st.integers(1, 900), k=st.integers(1, 900))


@settings(max_examples=60, deadline=None)
@given(designs(), gemms)
def test_every_spec_keeps_to_what_the_front_end_accepts(design: Design, gemm: Gemm) -> None:
    mapping = choose(design, gemm)
    files = {name: read(text) for name, text in for_model(design, mapping).items()}
    nodes = files["arch.yaml"]["architecture"]["nodes"]
    sizes = files["problem.yaml"]["problem"]["instance"]
    storages = [node for node in nodes if "datawidth" in node.get("attributes", {})]
    covered = dict.fromkeys("MNK", 1)
    for node in nodes:
        for kind in ("temporal", "spatial"):
            loops = node.get("constraints", {}).get(kind)
            if loops:
                assert sorted(loops["permutation"]) == ["K", "M", "N"]
                for factor in loops["factors"]:
                    dimension, bound = factor.split("=")
                    covered[dimension] *= int(bound)
    assert covered == sizes  # no residual factors
    for node in storages:
        attributes = node["attributes"]
        assert all(type(attributes[field]) is int for field in ("width", "depth", "datawidth"))
        assert attributes["width"] % attributes["datawidth"] == 0
        assert {
            *node["constraints"]["dataspace"]["keep"],
            *node["constraints"]["dataspace"].get("bypass", []),
        } == {*"ABZ"}
    assert nodes[1]["attributes"]["type"] in {'"LPDDR4"', '"DDR3"', '"HBM2"'}
    assert all(node["attributes"].get("n_banks", 1) in (1, 4) for node in storages)
    texts = [
        value for node in nodes for value in node.get("attributes", {}).values() if isinstance(value, str)
    ]
    assert all(value.startswith('"') for value in texts)
    for dimension, size in (("M", gemm.m), ("N", gemm.n), ("K", gemm.k)):
        assert size <= sizes[dimension] < 2 * size


def capacity_of_specs(design: Design, mapping: Mapping) -> None:
    """What Timeloop checks: the words of a level's tiles against its rows, halved by multiple_buffering."""
    nodes = read(for_model(design, mapping)["arch.yaml"])["architecture"]["nodes"]
    m, n, k = (mapping.buffer.bound(d) * mapping.spatial.bound(d) for d in "MNK")
    words = {"A": m * k, "B": k * n, "Z": m * n}
    for node in nodes:
        if node.get("class") == "SRAM":
            a = node["attributes"]
            size = a["depth"] * (a["width"] // a["datawidth"]) // a.get("multiple_buffering", 1)
            assert sum(words[matrix] for matrix in node["constraints"]["dataspace"]["keep"]) <= size


@settings(max_examples=60, deadline=None)
@given(designs(), gemms)
def test_our_mapping_fits_the_scratchpads_and_the_array(design: Design, gemm: Gemm) -> None:
    mapping = choose(design, gemm)
    m, n, k = (mapping.buffer.bound(d) * mapping.spatial.bound(d) for d in "MNK")
    word, partial = BITS[design.data_width] / 8, design.accumulator_bits / 8
    need = (m * k * word, k * n * word, m * n * partial)
    share = 2 if design.buffering == "double" else 1
    if design.shared_buffer is not None:
        assert sum(need) * share <= design.shared_buffer
    else:
        sizes = (design.input_buffer, design.weight_buffer, design.output_buffer)
        assert all(bytes_ * share <= size for bytes_, size in zip(need, sizes, strict=True))
    capacity_of_specs(design, mapping)
    assert mapping.spatial.m * mapping.spatial.n * mapping.spatial.k <= design.rows * design.cols
    assert 0 <= padding(gemm, mapping) < 1


@pytest.mark.parametrize("dataflow", ["ws", "os", "is"])
@pytest.mark.parametrize(
    ("shape", "most"),
    [((128, 768, 768), 1.05), ((512, 512, 512), 1.05), ((3136, 64, 576), 1.05), ((196, 512, 4608), 1.25)],
)
def test_our_mapping_costs_what_the_analytic_model_says(
    dataflow: str, shape: tuple[int, int, int], most: float
) -> None:
    """Counted as Timeloop counts: the model's cycles, and its DRAM bytes but for tiles that must divide."""
    design = Design(dataflow=dataflow, data_width="int16", fill="none", accumulator_bits=32)
    gemm = Gemm(*shape)
    mapping = choose(design, gemm)
    counted = evaluate_mapping(Gemm(*(mapping.padded(d) for d in "MNK")), mapping)
    model = evaluate(design, Workload([gemm]))
    dram = counted.accesses["dram"]
    spilled = 2 * dram["Z"].reads * 4
    moved = 2 * (dram["A"].reads + dram["B"].reads + dram["Z"].updates - dram["Z"].reads) + spilled
    assert counted.cycles == model.compute_cycles
    assert 1 <= moved / (model.dram_reads + model.dram_writes) <= most


def test_tables_of_our_own_have_the_form_of_accelergys(golden_timeloop: Path) -> None:
    tables = from_model(Design(dataflow="ws", **REFERENCE))
    ours = {key: read(text) for key, text in tables._asdict().items()}
    ert = read((golden_timeloop / "ERT_L16.yaml").read_text())
    art = read((golden_timeloop / "ART_L16.yaml").read_text())
    names = [entry["name"] for entry in art["ART"]["tables"]]
    assert [entry["name"] for entry in ours["art"]["ART"]["tables"]] == names
    mine = {entry["name"]: entry["actions"] for entry in ours["ert"]["ERT"]["tables"]}
    for entry in ert["ERT"]["tables"]:
        theirs = {action["name"]: action["arguments"] for action in entry["actions"]}
        assert {action["name"]: action["arguments"] for action in mine[entry["name"]]} == theirs


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (Mapping(Loops(), Loops(), Loops(), "Z"), "mapping.stationary = Z: must be B with dataflow = ws"),
        (
            Mapping(Loops(), Loops(), Loops(n=17), "B"),
            "mapping.spatial along N = 17: must be an integer from 1",
        ),
        (Mapping(Loops(), Loops(), Loops(m=2), "B"), "mapping.spatial along M = 2"),
    ],
)
def test_a_mapping_that_does_not_suit_is_refused(mapping: Mapping, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        for_model(Design(), mapping)


def test_a_scratchpad_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="weight_buffer = 64: must be at least"):
        choose(Design(weight_buffer=64), Gemm(64, 64, 64))


@pytest.mark.parametrize(
    ("field", "value"), [("metric", "area"), ("threads", 0), ("timeout", 0), ("search_size", -1)]
)
def test_a_wrong_budget_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"budget.{field} = {value}: must be"):
        Budget(**{field: value})
