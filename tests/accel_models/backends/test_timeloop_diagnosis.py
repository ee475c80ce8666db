"""What is said of a run of Timeloop that failed."""

import pytest

from accel_models.backends.timeloop.diagnosis import explain

ADVICE = """Traceback (most recent call last):
  File "runner.py", line 1, in <module>
RuntimeError:

========================================
Timeloop model failed with return code {status}. Please check the output files in /tmp/gone. To debug, you can edit the file:
	/tmp/gone/input.yaml
"""  # noqa: E501 - as the front end words it


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "timeloop-model: error while loading shared libraries: libyaml-cpp.so.0.7: cannot open it",
            "the library libyaml-cpp.so.0.7 is missing",
        ),
        (
            "timeloop-model: symbol lookup error: undefined symbol: _ZN4YAML",
            "a library has another version than it was built for (undefined symbol: _ZN4YAML)",
        ),
        ("sh: 1: timeloop-model: Exec format error", "the executable is no program for this machine"),
        (
            "sh: 1: /opt/timeloop-model: Permission denied",
            "/opt/timeloop-model may not be run (permission denied)",
        ),
        ("MESSAGE: no valid mappings found within search criteria.", "no mapping was found that fits"),
        ("ERROR: couldn't map level GLB: mapped tile size 9 exceeds 4", "the mapping does not fit GLB"),
        ("ERROR: Failed to run Accelergy. Did you install it?", "Accelergy could not be run"),
        (
            "Could not find any estimators that support SRAM",
            "an estimation plug-in of Accelergy is missing",
        ),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "memory ran out"),
    ],
)
@pytest.mark.parametrize("status", [0, 1, 127, -6])
def test_the_log_says_what_happened(log: str, line: str, status: int) -> None:
    said = ADVICE.format(status=status)
    assert explain(1, said, f"some log\n{log}\nand more", result=False) == line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (-11, "it was killed by SIGSEGV"),
        (139, "it was killed by SIGSEGV"),
        (137, "it was killed by SIGKILL, as when memory runs out"),
        (127, "the executable was not found"),
        (3, "it ended with status 3"),
    ],
)
def test_the_status_says_what_happened(status: int, line: str) -> None:
    assert explain(1, ADVICE.format(status=status), "some log", result=False) == line


def test_a_front_end_that_could_not_read_a_result_that_is_there() -> None:
    assert explain(1, ADVICE.format(status=0), "", result=True) == ""


def test_a_front_end_that_failed_itself() -> None:
    assert explain(-9, "", "", result=False).startswith("the front end was killed by SIGKILL")
    assert explain(1, "KeyError: 'meshX'", "", result=False) == "KeyError: 'meshX'"
    assert explain(2, "", "", result=False) == "the front end ended with status 2"
