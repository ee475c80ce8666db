import json

import approx


def test_what_became_of_a_network_and_what_it_costs(cli, tiny_study, tmp_path):
    status, out, err = cli("convert", "tiny_task:make", "-n", 32, "--out", tmp_path / "tiny.nm")
    assert status == 0, err
    assert "sites: 1 exp, 1 gelu, 1 log" in out
    assert "original" in out
    assert "converted" in out
    assert approx.load(tmp_path / "tiny.nm").approximation.segments == 32


def test_json_holds_the_figures(cli, tiny_study):
    status, out, _ = cli("convert", "tiny_task:make", "--json")
    found = json.loads(out)
    assert (status, found["functions"]) == (0, {"gelu": 1, "exp": 1, "log": 1})
    assert found["original"]["accuracy"] == 1.0
    assert found["converted"]["fidelity"] > 0.99


def test_bad_input_is_one_line(cli, tiny_study):
    for arguments, message in (
        (("nothing",), "task = 'nothing': must be one of digits-bert"),
        (("tiny_task:make", "--set", "seed=1"), "task = 'tiny_task:make': got an unexpected keyword"),
        (("tiny_task:make", "--segments", 0), "segments = 0: must be an integer from 1 to 1024"),
        (("tiny_task:make", "--out", "/proc/no/x.nm"), "/proc/no: cannot be written to"),
    ):
        status, out, err = cli("convert", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        assert err.startswith(message)
