def test_a_study_file_to_start_from_runs(cli, tiny_study):
    status, _, err = cli("init", "tiny_task:make")
    assert (status, err) == (0, "Written: tiny_task_make.toml. Next: neuralmatrix run tiny_task_make.toml\n")
    status, _, err = cli("run", "tiny_task_make.toml", "-n", 1)
    assert status == 0, err


def test_a_file_that_is_there_stays(cli, tiny_study):
    before = tiny_study.read_text()
    status, _, err = cli("init", "tiny_task:make", "--out", tiny_study.name)
    assert (status, err) == (2, "tiny.toml: is there already: must be another file, or use --force\n")
    assert tiny_study.read_text() == before
    assert cli("init", "tiny_task:make", "--out", tiny_study.name, "--force")[0] == 0
    assert tiny_study.read_text() != before
