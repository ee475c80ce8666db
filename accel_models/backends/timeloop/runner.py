"""Calls timeloop-python; executed by path, with the Python that has it, never imported here.

    python runner.py                which front end there is, and which packages beside it, as JSON
    python runner.py JOB.json       one run; what went wrong is the last line of the output

Needs only the standard library and the front end.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import sys
from typing import Any, Dict, List, Tuple  # noqa: UP035 - an old Python may run this

FRONT_ENDS = ("pytimeloop.timeloopfe.v4", "timeloopfe.v4")
RELATED = ("accelergy", "cacti", "hwcomponents", "pytimeloop", "timeloop")
"""Beginnings of the names of packages that decide what Timeloop and Accelergy answer."""

NEEDED = ("Specification", "call_model", "call_mapper")


def load(name: str) -> Tuple[Any, str]:  # noqa: UP006
    """Return (module, "") or (None, why not)."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        if importlib.util.find_spec(package) is None:
            return None, ""
        return None, f"{package} is installed, but has no {name} ({error})"
    except Exception as error:  # a broken extension or dependency can raise anything
        return None, f"{name} cannot be imported ({type(error).__name__}: {error})"
    missing = [attribute for attribute in NEEDED if not hasattr(module, attribute)]
    return (None, f"{name} has no {', '.join(missing)}") if missing else (module, "")


def packages() -> List[str]:  # noqa: UP006
    """Return "name version" of the installed packages that belong to Timeloop and Accelergy."""
    found = ((str(item.metadata["Name"]), item.version) for item in importlib.metadata.distributions())
    return sorted({" ".join(each) for each in found if each[0].lower().startswith(RELATED)})


def version(name: str) -> str:
    """Return a package's version: its own word, or else that of its installation."""
    own = getattr(sys.modules[name], "__version__", None)
    installed = [each.split(" ")[1] for each in packages() if each.lower().startswith(name)]
    return str(own or (installed or ["of unknown version"])[0])


def describe() -> Dict[str, Any]:  # noqa: UP006
    """Return the first front end that works, and why others do not."""
    problems = []
    for name in FRONT_ENDS:
        module, problem = load(name)
        if module is not None:
            return {"module": name, "version": version(name.split(".")[0]), "packages": packages()}
        problems += [problem] if problem else []
    return {"module": "", "problem": "; ".join(problems), "packages": packages()}


def run(job: Dict[str, Any]) -> None:  # noqa: UP006
    """Run one job: `module`, `mode` (model or mapper), `files`, `tables`, `output`, `log`."""
    front_end = importlib.import_module(job["module"])
    specification = front_end.Specification.from_yaml_files(*job["files"])
    call = front_end.call_model if job["mode"] == "model" else front_end.call_mapper
    call(specification, output_dir=job["output"], log_to=job["log"], extra_input_files=job["tables"])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(json.dumps(describe()))
    else:
        with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - an old Python may run this
            run(json.load(file))
