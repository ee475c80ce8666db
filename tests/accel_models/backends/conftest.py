"""A stand-in for timeloop-python and its executables: it replays recorded statistics, or fails as told."""

import os
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden" / "timeloop"
FRONT_END = """
import os, subprocess, sys
__version__ = "0.4-stand-in"

class Specification:
    @classmethod
    def from_yaml_files(cls, *files):
        import yaml
        spec = cls()
        spec.content = {}
        for path in files:
            spec.content.update(yaml.load(open(path), Loader=yaml.BaseLoader if "!" not in open(path).read()
            else Loader))
        return spec

import yaml
class Loader(yaml.SafeLoader):
    pass
Loader.add_multi_constructor("!", lambda loader, tag, node: loader.construct_mapping(node, deep=True))

def _call(mode, spec, output_dir, log_to, extra_input_files):
    os.makedirs(output_dir, exist_ok=True)
    files = " ".join([output_dir, *(extra_input_files or [])])
    with open(log_to, "w") as log:
        status = subprocess.call(f'cd "{output_dir}" ;  timeloop-{mode}  {files}', shell=True, stdout=log,
                                 stderr=subprocess.STDOUT)
    advice = ("\\n\\n" + "=" * 40 + f"\\nTimeloop {mode} failed with return code {status}. Please check "
              f"{output_dir}. To debug, you can edit the file:\\n\\t{output_dir}/input.yaml")
    if status or not os.path.exists(f"{output_dir}/timeloop-{mode}.stats.txt"):
        raise RuntimeError(advice)

def call_model(specification, output_dir, log_to=None, extra_input_files=None):
    _call("model", specification, output_dir, log_to, extra_input_files)

def call_mapper(specification, output_dir, log_to=None, extra_input_files=None):
    _call("mapper", specification, output_dir, log_to, extra_input_files)
"""
REPLAY = (
    'cp {stats} "$1/timeloop-{mode}.stats.txt"; cp {ert} "$1/timeloop-{mode}.ERT.yaml"; '
    'cp {art} "$1/timeloop-{mode}.ART.yaml"'
)


class StandIn:
    """Where the stand-in lives, and what its executables do: shell text, one a mode."""

    def __init__(self, folder: Path) -> None:
        self.packages, self.programs, self.calls = folder / "packages", folder / "bin", folder / "calls"
        for path in (self.packages, self.programs):
            path.mkdir()

    def install(self, name: str = "pytimeloop.timeloopfe.v4", text: str = FRONT_END) -> None:
        package, *inner = name.split(".")
        at = self.packages / package
        at.mkdir(exist_ok=True)
        (at / "__init__.py").write_text('__version__ = "9.9"\n')
        for part in inner:
            at = at / part
            at.mkdir(exist_ok=True)
            (at / "__init__.py").write_text("")
        (at / "__init__.py").write_text(text)

    def program(self, name: str, does: str = "true") -> None:
        path = self.programs / name
        path.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.calls}\n{does}\n')
        path.chmod(0o755)

    def replay(self, mode: str, case: str, before: str = "") -> None:
        stats = GOLDEN / "specs" / case / "expected.stats.txt"
        ert, art = GOLDEN / "ERT_L16.yaml", GOLDEN / "ART_L16.yaml"
        replay = REPLAY.format(mode=mode, stats=stats, ert=ert, art=art)
        self.program(f"timeloop-{mode}", f"echo some log; {before} {replay}")

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def golden_timeloop() -> Path:
    return GOLDEN


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """A machine without Timeloop, with a place to put a stand-in."""
    stand_in = StandIn(tmp_path)
    monkeypatch.setenv("PATH", f"{stand_in.programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PYTHONPATH", str(stand_in.packages))
    monkeypatch.setenv("NEURALMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TIMELOOP_PYTHON", sys.executable)
    return stand_in


@pytest.fixture
def timeloop(nothing: StandIn) -> StandIn:
    """A machine with a stand-in that answers for a 512 x 512 x 512 product on a 16 x 16 array."""
    nothing.install()
    nothing.program("accelergy")
    nothing.replay("model", "ideal_model_ws_L16_512x512x512")
    nothing.replay("mapper", "uber_mapper_ws_L16_512x512x512")
    return nothing
