import pytest

from accel_models import Design
from dse.errors import UserError
from dse.study_file import DERIVED, SECTIONS, HardwareSection, StudyFile, load, parse


def test_an_empty_file_is_a_study():
    config = parse("", default_name="mine")
    assert config.name == "mine"
    assert config.search.trials == 60
    assert config.search.objectives == ("fidelity", "throughput_per_watt")


def test_a_scalar_is_fixed_and_a_list_is_searched():
    config = parse("[hardware]\nrows = 8\ncols = [4, 8]")
    assert config.design_axes["rows"] == (8,)
    assert config.design_axes["cols"] == (4, 8)


def test_every_field_has_a_default_and_a_description():
    for section in SECTIONS.values():
        for name, field in section.model_fields.items():
            assert not field.is_required(), name
            assert field.description, name


def test_hardware_has_the_fields_of_a_design_and_their_defaults_are_allowed():
    fields = HardwareSection.model_fields
    assert set(fields) == set(Design.rules()) - set(DERIVED)
    for name, field in fields.items():
        for value in field.default or ():
            Design(**{name: value})


def test_a_functions_own_axes_replace_the_shared_ones():
    config = parse("[approximation]\nsegments = [4, 8]\nbias = 'none'\n[approximation.gelu]\nsegments = 32")
    assert config.approximation.axes("gelu")["segments"] == (32,)
    assert config.approximation.axes("gelu")["bias"] == ("none",)
    assert config.approximation.axes("exp")["segments"] == (4, 8)


def test_content_reads_back_to_the_same_fields():
    config = parse("[approximation.gelu]\nsegments = 32\n[task]\nseed = 3")
    assert StudyFile.model_validate(config.content()) == config


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[hardware]\nrows = 0", "[hardware] rows = 0: must be an integer from 1 to 1024"),
        ("[hardware]\nrows = [4, 4096]", "[hardware] rows = 4096: must be an integer from 1 to 1024"),
        ("[hardware]\nrows = true", "[hardware] rows = true: must be an integer from 1 to 1024"),
        ("[hardware]\nrows = [4, 4]", "[hardware] rows = [4, 4]: must not name a value twice"),
        (
            "[hardware]\nrows = []",
            "[hardware] rows = []: must have at least one value, an integer from 1 to 1024",
        ),
        (
            "[hardware]\nrwos = 4",
            "[hardware] rwos = 4: unknown field (did you mean rows?): must be one of rows,",
        ),
        ("[hardware]\naddressing = 'shift'", '[hardware] addressing = "shift": unknown field'),
        ("hardware = 3", "hardware = 3: must be a table, [hardware]"),
        (
            "[hardwear]\nrows = 4",
            "[hardwear]: unknown field (did you mean hardware?): must be one of name, task,",
        ),
        (
            "[approximation]\nsegments = 1.5",
            "[approximation] segments = 1.5: must be an integer from 1 to 1024",
        ),
        (
            "[approximation]\nplacement = 'unifrom'",
            '[approximation] placement = "unifrom": must be one of uniform, dyadic, curvature, minimax, '
            "density (did you mean uniform?)",
        ),
        (
            "[approximation]\nsegmnts = 4",
            "[approximation] segmnts = 4: unknown field (did you mean segments?)",
        ),
        ("[approximation.gellu]\nsegments = 4", "[approximation.gellu]: must be one of exp, gelu,"),
        (
            "[approximation.gelu]\nsegmnts = 4",
            "[approximation.gelu] segmnts = 4: unknown field (did you mean segments?): must be one of ",
        ),
        ("[search]\ntrials = 'many'", '[search] trials = "many": must be an integer from 1 to 1000000'),
        ("[search]\nsampler = 'tpee'", '[search] sampler = "tpee": must be one of auto, tpe, nsga2, random'),
        (
            "[search]\nobjectives = ['accuracy']",
            '[search] objectives = ["accuracy"]: must have one of accuracy, fidelity, ',
        ),
        (
            "[search]\nobjectives = ['accuracy', 'power_w', 'latency_s', 'area_mm2', 'cycles']",
            '[search] objectives = ["accuracy", "power_w", "latency_s", "area_mm2", "cyc',
        ),
        (
            "[search]\nobjectives = ['fidelity', 'kl_divergence', 'area_mm2']",
            '[search] objectives = ["fidelity", "kl_divergence", "area_mm2"]: must not have both ',
        ),
        (
            "[search]\nobjectives = ['area_mm2', 'throughput']\ntrials = 3",
            "[search] trials = 3: must be left out: all 6,075 designs are evaluated",
        ),
        ("[search]\ntime_limit = 0", "[search] time_limit = 0: must be a number from 0.001 to 1e+06 s"),
        ("[search]\nsubset = 2.0", "[search] subset = 2.0: must be a number from 0.001 to 1"),
        ("[search]\nfinetune = 'all'", '[search] finetune = "all": must be one of off, front'),
        (
            "[approximation]\nshare = 'layer'",
            '[approximation] share = "layer": must be one of function, site',
        ),
        ("[constraints]\narea = 2", "[constraints] area = 2: unknown field (did you mean area_mm2?)"),
        ("[constraints]\naccuracy = 1.5", "[constraints] accuracy = 1.5: must be a number from 0 to 1"),
        ("[constraints]\narea_mm2 = -1", "[constraints] area_mm2 = -1: must be a number from 1e-30 to 1e+30"),
        (
            "[search]\nobjectives = ['fidelity', 'speed']",
            '[search] objectives = "speed": must be one of accuracy,',
        ),
        ("[task]\nname = ''", '[task] name = "": must be a text that is not empty'),
        ("name = 'a/b'", 'name = "a/b": must be a text that is not empty, without / \\'),
        ("[task]\nseed = -1", "[task] seed = -1: must be an integer from 0 to 2147483647"),
        ("x = = 3", "not TOML: "),
    ],
)
def test_bad_input_is_one_line_that_names_field_value_and_what_is_allowed(tmp_path, text, line):
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{path}: {line}")


def test_each_problem_gets_a_line(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text("[hardware]\nrows = 0\ncols = 0\n[search]\ntrials = 0\n")
    with pytest.raises(UserError) as error:
        load(path)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{path}: [") for line in lines)


def test_files_that_cannot_be_read(tmp_path):
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, reason in (
        (tmp_path / "no.toml", "no such file"),
        (tmp_path, "is a folder: must be a file"),
        (binary, "not a text file in UTF-8"),
    ):
        with pytest.raises(UserError) as error:
            load(path)
        assert str(error.value) == f"{path}: {reason}"


def test_a_tasks_options_are_passed_on(monkeypatch):
    from dse.evaluate.converted import load_task

    given = {}
    monkeypatch.setattr("approx.tasks.load", lambda name, **options: given.update(options, name=name))
    text = '[task]\nname = "glue-sst2"\nseed = 3\n[task.options]\nnetwork = "mine"\ncolumns = ["a", "b"]'
    config = parse(text)
    load_task(config)
    assert given == {"name": "glue-sst2", "seed": 3, "network": "mine", "columns": ["a", "b"]}
    assert parse(text).content() == config.content()
    with pytest.raises(UserError, match=r"^\[task\] options = 3: must be a table$"):
        parse("[task]\noptions = 3")


def test_a_reference_without_technologies_is_read_back_from_a_study():
    text = '[search]\nobjectives = ["latency_s"]\n[reference]\n[[networks]]\nname = "bert-base"\n'
    file = parse(text)
    assert file.reference.technologies == ()
    assert StudyFile.model_validate(file.content()) == file
