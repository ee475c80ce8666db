import pytest

import dse
from dse.errors import UserError
from dse.report import compare


@pytest.fixture(scope="module")
def other(study, tmp_path_factory, fake_network):
    """A shorter study of larger arrays, with a name that HTML must not read."""
    folder = tmp_path_factory.mktemp("other")
    text = (study.folder.parent / "small.toml").read_text().replace("rows = [4, 8, 16]", "rows = [8, 16]")
    (folder / "b.toml").write_text('name = "<b>wide"\n' + text)
    return dse.run(folder / "b.toml", trials=6, out=folder / "out", make_network=fake_network)


def test_studies_side_by_side(study, other):
    page = compare([study.snapshot(), other.snapshot()])
    assert "[hardware] rows = [8, 16]: was [4, 8, 16]" in page
    assert "&lt;b&gt;wide" in page
    assert "<b>wide" not in page.replace("\\u003cb\\u003ewide", "")
    assert page.count("<tr>") == 1 + 2
    for each in (study, other):
        assert f'<td class="number">{len(each.snapshot().points())}</td>' in page


def test_the_joint_hypervolume_is_the_larger_of_nested_fronts(study):
    page = compare([study.snapshot(), study.snapshot()])
    assert page.count("100.0 %") == 2
    assert page.count("The same study file.") == 1


def test_what_cannot_be_compared(study, unfinished, tmp_path, fake_network):
    with pytest.raises(UserError, match="studies = 1: must be 2 to 4"):
        compare([study.snapshot()])
    with pytest.raises(UserError, match="no trial is finished"):
        compare([study.snapshot(), unfinished.snapshot()])
    text = (study.folder.parent / "small.toml").read_text()
    (tmp_path / "c.toml").write_text(
        text.replace("[search]", '[search]\nobjectives = ["accuracy", "area_mm2"]')
    )
    area = dse.run(tmp_path / "c.toml", trials=1, out=tmp_path / "out", make_network=fake_network)
    with pytest.raises(
        UserError, match=r"objectives accuracy, area_mm2: must share one with .*, fidelity, thr"
    ):
        compare([study.snapshot(), area.snapshot()])


def test_studies_are_compared_in_the_objectives_that_they_share(study, three, hardware):
    page = compare([study.snapshot(), three.snapshot(), hardware.snapshot()])
    assert "compared in throughput per watt, which" in page
    assert "also searches for fidelity to the original" in page
    assert page.count("<tr>") == 1 + 3
