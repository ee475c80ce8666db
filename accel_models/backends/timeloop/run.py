"""One run of timeloop-model or timeloop-mapper: in its own process, in a fresh folder, with a time limit.

(Within one process, timeloop-python crashed on its second run.)
"""

import json
import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from accel_models.backends.timeloop.diagnosis import explain
from accel_models.backends.timeloop.errors import TimeloopError
from accel_models.backends.timeloop.front_end import FrontEnd
from accel_models.backends.timeloop.identity import RUNNER
from accel_models.backends.timeloop.tables import Tables

TAIL = 8
"""Lines of the log that an error shows."""


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        stats: The statistics file.
        mapping: The loops, as Timeloop prints them.
        tables: The energy and area tables it used, where it says.
    """

    stats: str
    mapping: str
    tables: Tables | None


def run(
    files: dict[str, str], mode: str, front_end: FrontEnd, tables: Tables | None, time_limit: float
) -> Outcome:
    """Run Timeloop on input files.

    Args:
        files: Text by file name.
        mode: "model" or "mapper".
        front_end: The Timeloop to call.
        tables: Energy and area tables; None: Accelergy computes them.
        time_limit: Seconds after which the run and all that it started is killed.

    Raises:
        TimeloopError: If there is no result: why, and the end of the log.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="neuralmatrix-timeloop-") as scratch:
            return _in_folder(Path(scratch), files, mode, front_end, tables, time_limit)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise TimeloopError(f"timeloop-{mode}: {where}{error.strerror}") from None


def _in_folder(
    folder: Path, files: dict[str, str], mode: str, front_end: FrontEnd, tables: Tables | None, limit: float
) -> Outcome:
    output, log = folder / "output", folder / "timeloop.log"
    output.mkdir()
    job = {
        "module": front_end.module,
        "mode": mode,
        "files": [_write(folder / name, text) for name, text in files.items()],
        "tables": _tables(folder, output, mode, tables),
        "output": str(output),
        "log": str(log),
    }
    said = folder / "runner.log"
    with said.open("wb") as stream:
        ended = _wait(
            [front_end.python, str(RUNNER), _write(folder / "job.json", json.dumps(job))], stream, limit
        )
    stats = output / f"timeloop-{mode}.stats.txt"
    problem = _problem(ended, stats, said, log, limit)
    if problem:
        raise TimeloopError(f"timeloop-{mode}: {problem}", _tail(log) or _tail(said))
    map_file = output / f"timeloop-{mode}.map.txt"
    return Outcome(stats.read_text(encoding="utf-8", errors="replace"), _read(map_file), _found(output, mode))


def _wait(command: list[str], stream: "subprocess._FILE", limit: float) -> int | None:
    """Return the exit status, or None if the time was up; nothing that was started outlives this."""
    process = subprocess.Popen(  # noqa: S603 - our own file, with the Python that has the front end
        command, stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _problem(ended: int | None, stats: Path, said: Path, log: Path, limit: float) -> str:
    """Return why a run has no result, or an empty string."""
    if ended is None:
        return f"not finished within {limit:g} s"
    problem = explain(ended, _read(said), _read(log), result=stats.exists())
    if not problem and not stats.stat().st_size:
        return "it left an empty result"
    return problem


def _tables(folder: Path, output: Path, mode: str, tables: Tables | None) -> list[str]:
    """Write the tables as further inputs; the front end reads areas from the output folder."""
    if tables is None:
        return []
    _write(output / f"timeloop-{mode}.ART.yaml", tables.art)
    return [_write(folder / "ERT.yaml", tables.ert), _write(folder / "ART.yaml", tables.art)]


def _found(output: Path, mode: str) -> Tables | None:
    ert, art = (_read(output / f"timeloop-{mode}.{kind}.yaml") for kind in ("ERT", "ART"))
    return Tables(ert, art) if ert and art else None


def _write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _tail(log: Path) -> str:
    lines = [line.rstrip() for line in _read(log).splitlines() if line.strip()]
    return "\n".join(line[:300] for line in lines[-TAIL:])
