"""A package imports only from floors below it, and so does a room of `dse` (docs/architecture.md)."""

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    "accel_models",
    "approx.cpwl",
    "approx.machine",
    "approx.network",
    "approx.zoo",
    "approx.tasks",
    "dse",
    "studies",
]
FORBIDDEN = {
    "accel_models": {"torch", "optuna", "transformers", "sklearn"},
    "approx.cpwl": {"torch", "optuna", "transformers", "sklearn", "pandas"},
    "approx.machine": {"torch", "optuna", "transformers", "sklearn", "pandas", "scipy"},
    "approx.network": {"optuna", "sklearn"},
    "approx.zoo": {"optuna", "sklearn"},
    "approx.tasks": {"optuna"},
    "dse": set(),
    "studies": {"optuna"},
}

ROOMS = (
    {"errors", "metrics", "directions", "pareto", "pictures"},
    {"files", "formatting", "samplers", "storage", "record"},
    {"study_file", "about", "labels"},
    {"space", "measuring"},
    {"evaluate", "workloads"},
    {"search", "results"},
    {"loop", "plots", "exports", "progress"},
    {"report"},
    {"export", "study", "hardware"},
    {"job"},
    {"cli"},
)
"""The files and folders of `dse`, from the bottom; those beside each other know nothing of each other."""


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}


def floor_of(module: str) -> int | None:
    return next((i for i, f in enumerate(FLOORS) if module == f or module.startswith(f + ".")), None)


@pytest.mark.parametrize("package", FLOORS)
def test_imports_point_down(package: str) -> None:
    files = sorted((ROOT / package.replace(".", "/")).rglob("*.py"))
    assert files or package == "studies"  # study files alone, so far
    for path in files:
        for module in imported(path):
            floor = floor_of(module)
            assert floor is None or floor <= FLOORS.index(package), f"{path} imports {module}, a floor above"
            assert module.split(".")[0] not in FORBIDDEN[package], f"{path} imports {module}"


def rooms(path: Path) -> set[str]:
    """Return the rooms of `dse` that a file imports from."""
    found = {module.split(".")[1] for module in imported(path) if module.startswith("dse.")}
    imports = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    return found | {alias.name for node in imports if node.module == "dse" for alias in node.names}


@pytest.mark.parametrize("path", sorted(ROOT.glob("dse/*")), ids=lambda path: path.name)
def test_imports_inside_dse_point_down(path: Path) -> None:
    own = path.stem
    if own in ("__init__", "__pycache__"):  # the front door: what is public, wherever it lives
        return
    below = set().union(*itertools.takewhile(lambda level: own not in level, ROOMS))
    assert below != set().union(*ROOMS), f"{own} has no place"
    for file in path.rglob("*.py") if path.is_dir() else [path]:
        assert rooms(file) <= below | {own}, file


@pytest.mark.parametrize("package", ["accel_models", "approx.cpwl", "approx.machine", "approx.zoo"])
def test_no_torch_is_loaded(package: str) -> None:
    code = f"import sys, {package}; sys.exit('torch' in sys.modules or 'optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0  # noqa: S603 - our own code
