"""Technology files of a user's own: the same form, the same costs, and one clear line for what is wrong."""

from pathlib import Path

import pandas as pd
import pytest

import accel_models
from accel_models import TECHNOLOGIES, Design, Gemm, Lookup, Workload, evaluate, evaluate_many, sources
from accel_models.technology import _read
from accel_models.technology.form import check_form

FOLDER = Path(accel_models.__file__).parent / "technology"
WORKLOAD = Workload([Gemm(64, 64, 64), Lookup(4096, 16, name="gelu")])


@pytest.fixture
def own(tmp_path):
    """A copy of 45 nm, to be changed."""

    def write(old="", new=""):
        text = (FOLDER / "45nm.toml").read_text()
        assert old in text
        path = tmp_path / f"process{abs(hash((old, new)))}.toml"
        path.write_text(text.replace(old, new, 1))
        return str(path)

    return write


@pytest.mark.parametrize("name", TECHNOLOGIES)
def test_the_files_of_this_package_have_the_form(name):
    check_form(_read(name))


def test_a_copy_costs_the_same_and_a_change_shows(own):
    ours = evaluate(Design(), WORKLOAD)
    copy = evaluate(Design(technology=own()), WORKLOAD)
    assert (copy.energy_parts, copy.area_parts) == (ours.energy_parts, ours.area_parts)
    dearer = evaluate(Design(technology=own("pJ = 1.15366", "pJ = 2.30732")), WORKLOAD)
    assert dearer.energy_parts["mac"] == pytest.approx(2 * ours.energy_parts["mac"])
    assert dearer.area_mm2 == ours.area_mm2


def test_many_designs_may_name_it_beside_others(own):
    path = own("pJ = 1.15366", "pJ = 3.0")
    frame = pd.DataFrame({"technology": ["45nm", path, "7nm"]})
    many = evaluate_many(frame, WORKLOAD)
    one_by_one = [evaluate(Design(technology=name), WORKLOAD) for name in frame.technology]
    assert many.energy_j.tolist() == [report.energy_j for report in one_by_one]


def test_its_sources_are_told_and_a_design_keeps_its_path(own, tmp_path):
    path = own("AladdinIntMAC of hwcomponents-library 1.0.58", "Our own synthesis")
    design = Design(technology=path, accumulator_bits=16)
    design.save(tmp_path / "design.toml")
    assert Design.load(tmp_path / "design.toml") == design
    assert sources(design)[0].source.startswith("Our own synthesis")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pJ = 1.03282", "pJ = -1.0", r"\[mac\.int8-16\] pJ = -1\.0: must be a number from 0"),
        ("pJ = 1.03282", 'pJ = "1"', r"\[mac\.int8-16\] pJ = 1: must be a number"),
        ("[mac.int8-16]", "[mac.int7-16]", r"\[mac\.int7-16\] = int7-16: must be FORMAT-ACCUMULATOR"),
        ("[register]", "[registers]", r"registers = .*: must be left out \(did you mean register\?\)"),
        ("[sram]", "[ram]", r"ram = .*: must be left out \(did you mean sram\?\)"),
        ('description = "', 'descriptio = "', r"descriptio = .* \(did you mean description\?\)"),
        ("[mac.int8-16]", "[mac.int8-16", "Expected"),
        (
            "pJ = 1.03282",
            "pJ = 1.03282\nleak_uw = 3",
            r"\[mac\.int8-16\] leak_uw = 3: must be left out \(did you mean leak_uW\?\); fields are pJ, ",
        ),
        (
            "[register]",
            "[registry]\n[register]",
            r"registry = \{\}: must be left out \(did you mean register\?\)",
        ),
        ("least_V", "lowest_V", r"\[clock\] lowest_V = .*: must be left out.*; fields are base_Hz, "),
        ("pJ_per_bit_mm", "pJ_per_bit", r"\[wire\] pJ_per_bit = .* \(did you mean pJ_per_bit_mm\?\)"),
        ("read_pJ", "read_pj", r"\[sram\] read_pj = .* \(did you mean read_pJ\?\)"),
        ('"8x2"', '"8x1"', r"\[scalable\.subword\] 8x1 = .*: must be left out"),
    ],
)
def test_what_a_file_must_hold(own, old, new, message):
    path = own(old, new)
    with pytest.raises(ValueError, match=message) as caught:
        Design(technology=path)
    assert str(caught.value).startswith(f"technology = {path}: ")
    assert "\n" not in str(caught.value)


def test_a_figure_without_a_source_is_refused():
    values = _read("45nm")
    values["register"] = values["register"] | {"source": " "}
    with pytest.raises(ValueError, match=r"\[register\] source =  : must be where the figures come from"):
        check_form(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size_KiB": [2, 2]}, r"\[sram\] size_KiB = \[2, 2\]: must be sizes in ascending order"),
        ({"read_pJ": [1.0]}, r"\[sram\] read_pJ = \[1.0\]: must be a list with a figure for each"),
        ({"area_mm2": [0.0, 1.0]}, r"\[sram\] area_mm2 = 0.0: must be a number from 1e-12"),
    ],
)
def test_sram_figures_must_be_interpolated(change, message):
    values = _read("45nm")
    plain = {name: [1.0, 2.0] for name in ("read_pJ", "write_pJ", "area_mm2", "leak_mW")}
    values["sram"] = {"size_KiB": [2, 4], "source": "tool", **plain} | change
    with pytest.raises(ValueError, match=message):
        check_form(values)


def test_a_file_that_is_not_there():
    with pytest.raises(ValueError, match=r"technology = no\.toml: No such file or directory: must be a file"):
        Design(technology="no.toml")
    with pytest.raises(ValueError, match=r"technology = 3nm: must be one of 45nm, .*, or the path of a tech"):
        Design(technology="3nm")
