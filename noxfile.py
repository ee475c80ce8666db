"""The tests under every supported Python that this machine has, and with the lowest versions of dependencies.

    make versions

A Python that is missing is passed over, with a line. torch alone keeps its pinned version in `lowest`: what
it installs differs by machine (see constraints.txt).
"""

from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False
PYTHONS = ["3.11", "3.12", "3.13"]


def torch_pin() -> str:
    """Return the line of constraints.txt that pins torch."""
    lines = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("torch=="))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run what `make test` runs, with the pinned versions."""
    session.install("--constraint", "constraints.txt", "--editable", ".[test]")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session(python=PYTHONS[0])
def lowest(session: nox.Session) -> None:
    """Run it with the lowest version of each direct dependency that pyproject.toml allows."""
    session.install("uv")
    pins, torch = Path(session.create_tmp()) / "lowest.txt", Path(session.create_tmp()) / "torch.txt"
    torch.write_text(torch_pin() + "\n", encoding="utf-8")
    resolve = ["--extra", "test", "--resolution", "lowest-direct", "--override", str(torch)]
    session.run("uv", "pip", "compile", "--quiet", "pyproject.toml", *resolve, "--output-file", str(pins))
    session.install("--requirement", str(pins))
    session.install("--no-deps", "--editable", ".")
    session.run("pytest", "-m", "not slow", *session.posargs)
