"""A double of timeloop-model: counts a mapping as Timeloop does and writes its statistics."""

import math

import yaml

from accel_models import Gemm, Loops, Mapping, evaluate_mapping
from accel_models.backends.timeloop.run import Outcome

STORAGE = """\
=== {name} ===
    SPECS
    -----
        Instances : {instances}
        Area : 10.0 um^2
    STATS
    -----
    Cycles : {cycles}
{matrices}"""
MATRIX = """\
    {matrix}:
        Utilized capacity : 1
        Utilized instances (max) : 1
        Scalar reads (per-instance) : {reads}
        Scalar fills (per-instance) : {fills}
        Scalar updates (per-instance) : {updates}
        Energy (total) : {energy} pJ
"""
MAC = """\
=== mac ===
    Instances : {instances} (16*16)
    Utilized instances : {used}
    Computes (total) : {computes}
    Cycles : {cycles}
    Energy (total) : {energy} pJ
    Area (total) : 100 um^2
"""


class Loader(yaml.SafeLoader):
    """Reads tagged mappings as plain ones."""


Loader.add_multi_constructor("!", lambda loader, tag, node: loader.construct_mapping(node, deep=True))


def loops(constraint):
    bounds = {factor[0]: int(factor[2:]) for factor in constraint["factors"]}
    return Loops(bounds["M"], bounds["N"], bounds["K"], "".join(reversed(constraint["permutation"])))


def run(files, mode, front_end, tables, time_limit):
    nodes = {n["name"]: n for n in yaml.load(files["arch.yaml"], Loader=Loader)["architecture"]["nodes"]}  # noqa: S506
    sizes = yaml.safe_load(files["problem.yaml"])["problem"]["instance"]
    kept = nodes["preg"]["constraints"]["dataspace"]["keep"][0]
    buffers = [name for name, node in nodes.items() if node.get("class") == "SRAM"]
    mapping = Mapping(
        loops(nodes["DRAM"]["constraints"]["temporal"]),
        loops(nodes[buffers[-1]]["constraints"]["temporal"]),
        loops(nodes["PE"]["constraints"]["spatial"]),
        kept,
    )
    counted = evaluate_mapping(Gemm(sizes["M"], sizes["N"], sizes["K"]), mapping)
    moved = sum(a.reads + a.updates for a in counted.accesses["dram"].values())
    cycles = max(counted.cycles, math.ceil(moved / nodes["DRAM"]["attributes"]["shared_bandwidth"]))
    energies = {
        entry["name"].split(".")[1].split("[")[0]: {a["name"]: a["energy"] for a in entry["actions"]}
        for entry in yaml.safe_load(tables.ert)["ERT"]["tables"]
    }
    cells = nodes["PE"]["spatial"]["meshX"] * nodes["PE"]["spatial"]["meshY"]
    blocks = [
        MAC.format(
            instances=cells, used=counted.cells, computes=counted.computes, cycles=cycles,
            energy=counted.computes * energies["mac"]["compute"],
        )
    ]  # fmt: skip
    levels = [("preg", "register"), *((name, "buffer") for name in buffers), ("DRAM", "dram")]
    for name, level in levels:
        keeps = nodes[name]["constraints"]["dataspace"]["keep"]
        words = nodes[name]["attributes"]["width"] // nodes[name]["attributes"]["datawidth"]
        matrices = ""
        for matrix in keeps:
            a = counted.accesses[level][matrix]
            moved = a.reads * energies[name]["read"] + a.fills * energies[name]["write"]
            energy = (moved + a.updates * energies[name]["update"]) / words
            matrices += MATRIX.format(
                matrix=matrix, reads=a.reads, fills=a.fills, updates=a.updates, energy=energy
            )
        instances = cells if name == "preg" else 1
        blocks.append(STORAGE.format(name=name, instances=instances, cycles=cycles, matrices=matrices))
    return Outcome("\n".join(blocks) + "\nNetworks\n--------\n", "", None)
