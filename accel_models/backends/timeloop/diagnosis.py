"""Why a run of Timeloop has no result, in one line.

timeloop-python reports every failure alike: a RuntimeError with the executable's exit status and advice to
edit a file in a folder that is gone by then. What really happened is in the exit status and in the log.
"""

import re
import signal

_STATUS = re.compile(r"failed with return code (-?\d+)")

SIGNS = (
    (r"error while loading shared libraries: ([^\s:]+)", "the library {0} is missing"),
    (r"(undefined symbol: [^\s,]+)", "a library has another version than it was built for ({0})"),
    (r"[Ee]xec format error|cannot execute binary file", "the executable is no program for this machine"),
    (r"([^\s:]+): [Pp]ermission denied", "{0} may not be run (permission denied)"),
    (r"[Nn]o valid mappings? (?:was |were )?found", "no mapping was found that fits"),
    (r"couldn't map level ([^\s:]+)", "the mapping does not fit {0}"),
    (r"[Ff]ailed to run Accelergy", "Accelergy could not be run"),
    (r"(?i)(?:no|not|any) .*(?:estimator|plug-?in)", "an estimation plug-in of Accelergy is missing"),
    (r"(?i)(?:estimator|plug-?in).*(?:not found|missing)", "an estimation plug-in of Accelergy is missing"),
    (r"std::bad_alloc|[Oo]ut of memory", "memory ran out"),
)
"""What the log says of a cause, and how it is told; the first that is found counts."""


def explain(ended: int, said: str, log: str, *, result: bool) -> str:
    """Return why a run gave nothing, or an empty string if it ended well and left a result.

    Args:
        ended: Exit status of the process that called the front end; negative: killed by that signal.
        said: What that process printed: its last exception, if any.
        log: What Timeloop printed.
        result: Whether there is a statistics file.
    """
    if ended < 0:
        return f"the front end was {_killed(-ended)}"
    reason = _exception(said)
    status = _STATUS.search(reason)
    if ended and not status:
        return _cause(said) or reason or f"the front end ended with status {ended}"
    return _of_timeloop(int(status.group(1)) if status else 0, log, result=result)


def _of_timeloop(status: int, log: str, *, result: bool) -> str:
    if status == 0 and result:
        return ""
    died = _killed(_signal(status)) if _signal(status) else ""
    if cause := _cause(log):
        return cause
    if died:
        return f"it was {died}"
    if status == 127:
        return "the executable was not found"
    if status == 0:
        return "it ended without a result: no mapping was found that fits, or it failed before it looked"
    return f"it ended with status {status}"


def _cause(log: str) -> str:
    """Return what the log says of the cause, or an empty string."""
    for line in reversed(log.splitlines()):
        for pattern, text in SIGNS:
            if found := re.search(pattern, line):
                return text.format(*found.groups())
    return ""


def _signal(status: int) -> int:
    """Return the signal in an exit status, as Python tells it (-n) or a shell (128 + n); 0: none."""
    number = -status if status < 0 else status - 128
    return number if number in set(signal.Signals) else 0


def _killed(number: int) -> str:
    hint = ", as when memory runs out" if number == signal.SIGKILL else ""
    return f"killed by {signal.Signals(number).name}{hint}"


def _exception(said: str) -> str:
    """Return the exception that ended the runner: the first line of its last message that says something."""
    lines = said.splitlines()
    starts = [at for at, line in enumerate(lines) if line[:1].isalpha() and not line.startswith("Traceback")]
    raised = next((at for at in reversed(starts) if ":" in lines[at].split(" ")[0]), None)
    if raised is None:
        return ""
    name, _, text = lines[raised].partition(":")
    more = (line.strip() for line in [text, *lines[raised + 1 :]])
    return f"{name}: {next((line for line in more if any(c.isalnum() for c in line)), '')}"[:300]
