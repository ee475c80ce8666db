"""What docs/many_machines.md says of clusters, as far as one machine can run it."""

import pytest


def test_a_slurm_job_is_a_dask_worker() -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    with jobqueue.SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00") as cluster:
        script = cluster.job_script()
    assert "#SBATCH -t 04:00:00" in script
    assert "dask_worker" in script
    assert "tcp://" in script
