from dse.study_file.problems import as_toml, differences, place


def test_values_are_shown_as_in_the_file_and_cut_where_long():
    assert as_toml([1, "a", True]) == '[1, "a", true]'
    assert as_toml("x" * 100) == '"' + "x" * 56 + "..."


def test_a_place_is_section_and_field():
    assert place(["approximation", "gelu"], "segments") == "[approximation.gelu] segments"
    assert place([], "name") == "name"


def test_differences_name_each_field_that_changed_came_or_went():
    before = {"name": "a", "task": {"name": "x", "seed": 1}, "same": {"deep": 1}}
    now = {"name": "a", "task": {"name": "y"}, "same": {"deep": 1}, "new": 2}
    assert differences(before, now) == [
        '[task] name = "y": was "x"',
        "[task] seed = null: was 1",
        "new = 2: was null",
    ]
