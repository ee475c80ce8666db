"""From a design to a report, against a stand-in that replays recorded runs, and all that can go wrong."""

import errno
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from accel_models import Design, Gemm, Hadamard, Lookup, Move, Workload, evaluate
from accel_models.backends.timeloop import Budget, TimeloopError, default_tables, find
from accel_models.backends.timeloop.cache import CacheWarning
from accel_models.backends.timeloop.identity import identity

DESIGN = Design(rows=16, cols=16, data_width="int16", shared_buffer=512 * 1024)
WORKLOAD = Workload(
    [
        Gemm(512, 512, 512, "first"),
        Lookup(512 * 512, 16, "shift", "gelu"),
        Gemm(512, 512, 512, "again", count=3),
        Hadamard(512 * 512, "residual"),
        Move(512 * 512, "transpose"),
    ]
)


def check(**options: Any) -> Any:
    return evaluate(DESIGN, WORKLOAD, backend="timeloop", **options)


def refusal(**options: Any) -> TimeloopError:
    with pytest.raises(TimeloopError) as raised:
        check(**options)
    assert "\n" not in raised.value.line
    return raised.value


def test_a_report_has_timeloops_counts_and_our_cost_of_the_rest(timeloop: Any) -> None:
    report, model = check(), evaluate(DESIGN, WORKLOAD)
    layers, ours = report.layers, model.layers
    assert list(layers.columns) == list(ours.columns)
    gemms = layers[layers.kind == "gemm"]
    assert list(gemms.cycles) == [524288, 3 * 524288]
    assert list(gemms.dram_reads) == [2 * words for words in (3 * 512 * 512, 9 * 512 * 512)]
    assert list(gemms.sram_reads_a) == [8388608, 3 * 8388608]
    others = layers.kind != "gemm"
    assert layers[others].equals(ours[others])
    assert report.cycles == layers.cycles.sum()
    assert report.energy_j == pytest.approx(layers.energy_j.sum())
    assert sum(report.energy_parts.values()) == pytest.approx(report.energy_j)
    assert report.throughput_per_watt == pytest.approx(1 / report.energy_j)
    assert report.area_parts["input"] == pytest.approx(1.67371)
    assert report.backend == "timeloop"
    assert any("Lookups" in note or "lookups" in note for note in report.notes)
    levels = report.levels
    assert len(levels) == 7
    assert (levels.products == 4).all()
    assert model.levels.empty


def test_energy_of_a_gemm_is_the_recorded_runs(timeloop: Any) -> None:
    layer = check().layers.iloc[0]
    counted = sum(
        layer[f"energy_{name}_j"] for name in ("mac", "register", "input", "weight", "output", "dram")
    )
    assert counted == pytest.approx(8448.59e-15 * 512**3, rel=1e-4)  # the file's own total


def test_stored_words_are_taken_digit_by_digit(timeloop: Any) -> None:
    design = replace(DESIGN, data_width="int8", elementwise_bits=16)
    plain, wide = Gemm(512, 512, 512), Gemm(512, 512, 512, wide=True)
    cycles = [evaluate(design, Workload([op]), backend="timeloop").cycles for op in (plain, wide)]
    assert cycles == [524288, 2 * 524288]
    sums = Workload([plain, Gemm(512, 1, 512, wide=True)])  # of rows: element-wise work
    found, model = evaluate(design, sums, backend="timeloop"), evaluate(design, sums)
    assert found.layers.iloc[1].equals(model.layers.iloc[1])


def test_the_mapper_runs_with_its_budget(timeloop: Any) -> None:
    report = check(mapper=True, budget=Budget(victory_condition=7))
    assert report.layers.cycles[0] == 524288
    assert "mapper" in report.notes[0]
    assert any("timeloop-mapper" in call for call in timeloop.called())


def test_results_and_tables_are_kept(timeloop: Any) -> None:
    first = check()
    assert len(timeloop.called()) == 1
    assert "ERT.yaml" not in timeloop.called()[0]
    assert check().energy_j == first.energy_j
    assert len(timeloop.called()) == 1
    check(mapper=True)
    assert "ERT.yaml" in timeloop.called()[1]  # of the same components: not computed again
    assert "ART.yaml" in timeloop.called()[1]


def test_another_timeloop_is_asked_anew(timeloop: Any) -> None:
    check()
    timeloop.replay("model", "ideal_model_ws_L16_512x512x512", before="sleep 0;")
    check()
    assert len(timeloop.called()) == 2


def test_a_damaged_entry_is_as_none(timeloop: Any, tmp_path: Path) -> None:
    check()
    for entry in (tmp_path / "cache" / "timeloop").iterdir():
        entry.write_text("{")
    assert check().layers.cycles[0] == 524288
    assert len(timeloop.called()) == 2


def test_a_cache_that_cannot_be_written_costs_no_result(
    timeloop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEURALMATRIX_CACHE", "/proc/nowhere")
    with pytest.warns(CacheWarning, match=r"/proc/nowhere/timeloop: .*: Timeloop's results are not kept"):
        assert check().layers.cycles[0] == 524288


def test_our_own_tables_need_no_accelergy(timeloop: Any) -> None:
    (timeloop.programs / "accelergy").unlink()
    report = check(tables="model")
    assert "ERT.yaml" in timeloop.called()[0]
    assert report.area_mm2 == evaluate(DESIGN, WORKLOAD).area_mm2
    assert refusal(tables="accelergy").line.startswith("timeloop: no accelergy on PATH")


def test_the_archived_front_end_will_do(timeloop: Any) -> None:
    text = (timeloop.packages / "pytimeloop" / "timeloopfe" / "v4" / "__init__.py").read_text()
    timeloop.install("timeloopfe.v4", text)
    (timeloop.packages / "pytimeloop" / "timeloopfe" / "v4" / "__init__.py").write_text(
        "raise OSError('libtl.so')"
    )
    assert check().layers.cycles[0] == 524288


def test_a_workload_without_gemms_needs_no_timeloop(nothing: Any) -> None:
    report = evaluate(DESIGN, Workload([Hadamard(64)]), backend="timeloop")
    assert report.energy_j == evaluate(DESIGN, Workload([Hadamard(64)])).energy_j


def test_without_timeloop_the_line_names_all_that_is_missing(nothing: Any) -> None:
    line = refusal().line
    assert "no module pytimeloop.timeloopfe.v4 or timeloopfe.v4" in line
    assert "no timeloop-model, accelergy on PATH" in line
    assert "docs/timeloop.md" in line


def test_a_binary_without_the_module(nothing: Any) -> None:
    nothing.program("timeloop-model")
    nothing.program("accelergy")
    assert "no module" in refusal().line
    assert "PATH" not in refusal().line


def test_a_module_without_the_binaries(nothing: Any) -> None:
    nothing.install()
    line = refusal().line
    assert line.startswith("timeloop: no timeloop-model, accelergy on PATH (Python: ")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("timeloopfe.v3", "", "timeloopfe is installed, but has no timeloopfe.v4"),
        ("pytimeloop.timeloopfe.v4", "Specification = 1", "v4 has no call_model, call_mapper"),
        ("pytimeloop.timeloopfe.v4", "raise OSError('libtl.so')", "cannot be imported (OSError: libtl.so)"),
        (
            "pytimeloop.timeloopfe.v4",
            "import os; os._exit(5)",
            "importing the front end failed with status 5",
        ),
    ],
)
def test_a_wrong_version(nothing: Any, name: str, text: str, line: str) -> None:
    nothing.install(name, text)
    nothing.program("timeloop-model")
    nothing.program("accelergy")
    assert line in refusal().line


def test_a_python_that_is_none(nothing: Any) -> None:
    assert "/no/python cannot be run: No such file" in refusal(python="/no/python").line


@pytest.mark.parametrize(
    ("does", "line"),
    [
        ("echo ERROR: too big; exit 1", "it ended with status 1"),
        ("echo ERROR: too big; kill -SEGV $$", "it was killed by SIGSEGV"),
        ("echo ERROR: too big; kill -KILL $$", "it was killed by SIGKILL, as when memory runs out"),
        ("echo ERROR: too big", "ended without a result"),
        ('echo ERROR: too big; touch "$1/timeloop-model.stats.txt"', "left an empty result"),
        ('echo ERROR: too big; echo x > "$1/timeloop-model.stats.txt"', "timeloop statistics = levels none"),
        ("echo ERROR: too big; sleep 60", "not finished within 3 s"),
        (
            "echo ERROR: too big; kill -KILL $(ps -o ppid= -p $PPID); sleep 1",
            "the front end was killed by SIGKILL",
        ),
    ],
)
def test_a_run_that_gives_nothing(timeloop: Any, does: str, line: str) -> None:
    timeloop.program("timeloop-model", does)
    error = refusal(time_limit=3)
    assert error.line.startswith("timeloop-model: ")
    assert line in error.line
    assert "edit the file" not in str(error)
    assert "ERROR: too big" in error.log or error.log == "x"
    check_still_right = evaluate(DESIGN, WORKLOAD)
    assert check_still_right.cycles > 0


@pytest.mark.parametrize(
    ("says", "status", "line"),
    [
        (
            "timeloop-model: error while loading shared libraries: libyaml-cpp.so.0.7: cannot open",
            127,
            "timeloop-model: the library libyaml-cpp.so.0.7 is missing",
        ),
        (
            "ERROR: Could not find any estimators that support class SRAM",
            1,
            "timeloop-model: an estimation plug-in of Accelergy is missing",
        ),
        ("ERROR: couldnt map level GLB: mapped tile", 1, "timeloop-model: it ended with status 1"),
        ("MESSAGE: no valid mappings found", 0, "timeloop-model: no mapping was found that fits"),
    ],
)
def test_what_a_failed_run_says(timeloop: Any, says: str, status: int, line: str) -> None:
    timeloop.program("timeloop-model", f"echo '{says}'; exit {status}")
    error = refusal()
    assert error.line == line
    assert error.log == says


def test_a_file_that_is_no_program(timeloop: Any) -> None:
    (timeloop.programs / "timeloop-model").write_bytes(b"\x7fELF nothing")
    assert "is no program for this machine" in refusal().line


def test_a_result_that_the_front_end_cannot_read_is_still_one(timeloop: Any) -> None:
    text = (timeloop.packages / "pytimeloop" / "timeloopfe" / "v4" / "__init__.py").read_text()
    timeloop.install(text=text.replace("if status or not os.path.exists", "if True or not os.path.exists"))
    assert check().layers.cycles[0] == 524288


def test_another_library_or_plug_in_is_asked_anew(
    timeloop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    plug_in = tmp_path / "plug-ins" / "cacti.py"
    configuration = tmp_path / ".config" / "accelergy" / "accelergy_config.yaml"
    for path in (plug_in, configuration):
        path.parent.mkdir(parents=True)
    plug_in.write_text("1")
    configuration.write_text(f"version: 0.4\nestimator_plug_ins:\n- {plug_in.parent}\n")
    check()
    check()
    assert len(timeloop.called()) == 1
    plug_in.write_text("another")
    check()
    assert len(timeloop.called()) == 2
    assert "ERT.yaml" not in timeloop.called()[1]  # energies are computed again too


def test_which_timeloop_this_is_can_be_told(timeloop: Any) -> None:
    described = find(needs=("timeloop-model",)).describe()
    assert described == f"pytimeloop.timeloopfe.v4 9.9, timeloop-model of {date.today().isoformat()}"


def test_an_executable_is_told_by_its_libraries() -> None:
    libraries = identity("/bin/ls")
    assert any("libc.so" in line and not line.endswith("missing") for line in libraries)
    assert len(libraries) > 2


def test_a_mapper_that_finds_nothing(timeloop: Any) -> None:
    timeloop.program("timeloop-mapper", "echo no valid mappings found")
    error = refusal(mapper=True)
    assert "no mapping was found" in error.line
    assert str(error).endswith("\n  | no valid mappings found")


def test_nothing_that_was_started_outlives_the_time_limit(timeloop: Any, tmp_path: Path) -> None:
    timeloop.program("timeloop-model", f"(sleep 4; touch {tmp_path}/late) & sleep 60")
    refusal(time_limit=2)
    import time

    time.sleep(3)
    assert not (tmp_path / "late").exists()


def test_a_front_end_that_raises(timeloop: Any) -> None:
    text = (timeloop.packages / "pytimeloop" / "timeloopfe" / "v4" / "__init__.py").read_text()
    timeloop.install(text=text + "\ndef call_model(*a, **k):\n    raise KeyError('meshX')\n")
    assert refusal().line == "timeloop-model: KeyError: 'meshX'"


def test_counts_of_another_problem_are_refused(timeloop: Any) -> None:
    with pytest.raises(TimeloopError, match="134217728 computes"):
        evaluate(DESIGN, Workload([Gemm(64, 64, 64)]), backend="timeloop")


def test_levels_of_another_design_are_refused(timeloop: Any) -> None:
    with pytest.raises(TimeloopError, match="no level input_buffer, output_buffer, weight_buffer"):
        evaluate(Design(data_width="int16"), WORKLOAD, backend="timeloop")


def test_a_full_disk(timeloop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def full(path: Path, *arguments: Any, **options: Any) -> int:
        if path.name == "problem.yaml":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    line = refusal().line
    assert line.startswith("timeloop-model: ")
    assert line.endswith("problem.yaml: No space left on device")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mappr": True}, "mappr = True: must be left out; options of backend = timeloop are mapper, budget"),
        ({"time_limit": 0}, "time_limit = 0: must be a number from"),
        ({"tables": "mine"}, "tables = mine: must be one of accelergy, model"),
    ],
)
def test_wrong_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        check(**options)


@pytest.mark.parametrize(
    ("field", "value"),
    [("technology", "fpga28"), ("data_width", "fp16"), ("dram", "HBM3"), ("accumulator_bits", 48)],
)
def test_accelergy_is_refused_where_it_has_no_figures(field: str, value: Any) -> None:
    design = Design(**{"data_width": "int16", field: value})
    with pytest.raises(ValueError, match=f"tables = accelergy: must be model with {field} = {value}"):
        evaluate(design, WORKLOAD, backend="timeloop", tables="accelergy")
    assert default_tables(design) == "model"


def test_the_analytic_backend_takes_no_options() -> None:
    with pytest.raises(
        ValueError, match="mapper = True: must be left out; options of backend = analytic are none"
    ):
        evaluate(DESIGN, WORKLOAD, mapper=True)


def test_a_design_that_cannot_run_is_refused_before_timeloop_is_looked_for(nothing: Any) -> None:
    with pytest.raises(ValueError, match="weight_buffer = 64"):
        evaluate(Design(weight_buffer=64), WORKLOAD, backend="timeloop")
    assert sys.executable  # nothing ran
    assert nothing.called() == []
