import re

import pytest

from dse.study_file import HardwareSection, StudyFile, parse
from dse.study_file.starter import starter


def test_it_runs_as_it_is():
    config = parse(starter("digits-resnet"))
    assert config.task.name == "digits-resnet"
    assert config.search == StudyFile().search
    assert config.hardware == StudyFile().hardware


def test_every_default_it_shows_is_the_default():
    text = starter("digits-bert")
    fields = re.sub(r"^# (\w+ = (?!\.\.\.))", r"\1", text, flags=re.MULTILINE)
    assert fields.count("\nrows = ") == 1
    assert parse(fields) == parse(text)


def test_every_field_is_there():
    text = starter("digits-bert")
    for name in HardwareSection.model_fields:
        assert f"\n# {name} = " in text


@pytest.mark.parametrize("task", ['a"b:make', "mine:make"])
def test_any_task_can_be_named(task):
    assert parse(starter(task)).task.name == task
