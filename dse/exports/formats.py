"""What a design is built from: its tables for software and for hardware, its network, its accelerator."""

from __future__ import annotations

import json
import re

from accel_models import Workload
from approx.network import saving
from dse.exports.c_header import c_header
from dse.exports.chosen import Chosen
from dse.exports.memory import PACKAGE, memory
from dse.exports.network import converted, stored_tables, tables_in_integers


def tables(chosen: Chosen) -> dict[str, str]:
    """Return tables.json: every site's table, of real numbers, and in integers where the design has them."""
    found = {site: table.to_dict() for site, table in stored_tables(chosen).items()}
    return {"tables.json": json.dumps(found, indent=1) + "\n"}


def c(chosen: Chosen) -> dict[str, str]:
    """Return tables.h: every site's table in integers, and a function that evaluates one."""
    return {"tables.h": c_header(tables_in_integers(chosen))}


def verilog(chosen: Chosen) -> dict[str, str]:
    """Return tables.mem for `$readmemh`, and the SystemVerilog package that says what lies where."""
    image, package = memory(tables_in_integers(chosen))
    return {"tables.mem": image, f"{PACKAGE}.sv": package}


def model(chosen: Chosen) -> dict[str, str | bytes]:
    """Return the converted network for `approx.load` and `approx.machine.load`, and what each node became."""
    network = converted(chosen)
    return {
        "model.safetensors": saving.dumps(network),
        "certificate.txt": f"{network.program.certificate()}\n",
    }


def design(chosen: Chosen) -> dict[str, str]:
    """Return the accelerator and its work: `neuralmatrix estimate workload.json --design design.toml`."""
    several = chosen.workloads if len(chosen.workloads) > 1 else {}
    own = {f"workload-{_file_name(name)}.json": _dumped(work) for name, work in several.items()}
    return {"design.toml": chosen.design.to_toml(), "workload.json": _dumped(chosen.workload), **own}


def _dumped(workload: Workload) -> str:
    return json.dumps(workload.to_dict()) + "\n"


def _file_name(network: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", network).strip("_.")
