"""A run from a study file to its results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import optuna

from dse import record, samplers, storage
from dse.errors import NoStudyError, StorageLostError, UserError
from dse.evaluate import ConvertedNetwork, MakeNetwork, Network
from dse.export import write_results
from dse.files import check_writable
from dse.hardware import HardwareStudy
from dse.hardware import run as evaluate_all
from dse.loop.executors import find_scheduler
from dse.loop.lock import alone, leased, refuse_beside_another, refuse_leased
from dse.progress import Progress, Silent
from dse.results.losses import losses
from dse.search import feasibility
from dse.search.design_grid.hardware import MOST_DESIGNS, check_size
from dse.search.effects import effects
from dse.search.nested import enumeration
from dse.search.strategies import tried
from dse.space import Space, widths
from dse.study import Study, changes
from dse.study_file import Given, StudyFile, read

RUNS = Path("runs")


def run(
    path: str | Path | Mapping[str, Any] | StudyFile,
    trials: int | None = None,
    out: str | Path | None = None,
    *,
    new: bool = False,
    workers: int = 1,
    cluster: str | None = None,
    url: str | None = None,
    progress: Progress | None = None,
    make_network: MakeNetwork = ConvertedNetwork,
) -> Study:
    """Run a study file, or continue the study that its run folder holds, and write the results.

    Args:
        path: The study file, TOML, or its fields as a dictionary or a `dse.StudyFile`. Without an objective
            of quality nothing is scored, and every design of the grid is evaluated.
        trials: How many evaluations to add; what the study file says if None.
        out: The run folder; runs/NAME if None.
        new: Set a study that is there aside, as study-N.db, or NAME-N on a server, and start afresh.
        workers: Processes of this machine that score; one is this one.
        cluster: The address of a Dask scheduler, tcp://HOST:PORT, whose workers score instead.
        url: Where the trials are kept, any storage URL that Optuna takes; study.db in the run folder if None.
        progress: Watches the run.
        make_network: Makes what is searched from the study file; the task's network, converted.

    Returns:
        The study. Its folder holds study.db, report.html, pareto.png, trials.csv,
        trials.parquet (with pyarrow) and best.json.

    Raises:
        UserError: Before any work, if the study file, the folder or the study in it is not as it must be.
        RunningError: If another process runs the study.
        KeyboardInterrupt: After finished trials were kept and the results written.

    Example:
        >>> study = dse.run("studies/resnet_digits.toml", trials=100)
        >>> study.pareto()
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    watcher = progress or Silent()
    given = read(path)
    config, path = given.file, given.name
    folder = Path(out) if out is not None else RUNS / config.name
    check_writable(folder)
    refuse_beside_another(folder, _file(folder, url, new=new))
    if cluster is not None and workers != 1:
        raise UserError(f"--workers {workers}: must be left out with --cluster, whose workers score")
    if cluster is not None and config.scores:
        _find(cluster)
    if not config.scores:
        return _evaluate(
            given, trials, folder, new=new, workers=workers, cluster=cluster, url=url, watcher=watcher
        )
    with _naming(path):
        if config.search.strategy == "nested":
            check_size(config.design_axes)
    if not new:
        _check_unchanged(folder, url, config, path)
    with _naming(path):
        watcher.stage(f"Preparing {config.task.name}")
        network = make_network(config)
        widths.check(config.design_axes, network.accumulator)
        _check_space(Space(config, network.functions, network.sites), network)
    wanted = config.search.trials if trials is None else trials
    with alone(folder, _file(folder, url, new=new)):
        database = _database(folder, url, config.name, new=new)
        with storage.watched(database):
            study = Study.start(folder, database, config, given.text, network, given.folder)
            with leased(study.optuna) if database.file is None else nullcontext():
                options = {"workers": workers, "cluster": cluster, "make_network": make_network}
                return _search(study, network, wanted, watcher, options)


def _evaluate(
    given: Given,
    trials: int | None,
    folder: Path,
    *,
    new: bool,
    workers: int,
    cluster: str | None,
    url: str | None,
    watcher: Progress,
) -> Study:
    """Run a study of hardware alone."""
    for option, value, why in (
        (
            "trials",
            trials if given.file.enumerated else None,
            f"all {given.file.designs:,} designs are evaluated",
        ),
        ("workers", workers if workers > 1 else None, "one process evaluates all designs"),
        ("cluster", cluster, "one process evaluates all designs"),
    ):
        if value is not None:
            raise UserError(f"--{option} {value}: must be left out: {why}")
    if not new:
        _check_unchanged(folder, url, given.file, given.name)
    with _naming(given.name):
        watcher.stage(
            f"Tracing {', '.join(network.key for network in given.file.networks) or given.file.task.name}"
        )
        designs = HardwareStudy.of(given)
    with ExitStack() as held:
        held.enter_context(alone(folder, _file(folder, url, new=new)))
        database = _database(folder, url, given.file.name, new=new)
        held.enter_context(storage.watched(database))
        held.enter_context(_naming(given.name))
        kept = optuna.create_study(
            study_name=given.file.name,
            storage=database.optuna,
            directions=[metric.direction for metric in given.file.figures],
            load_if_exists=True,
        )
        if database.file is None:
            held.enter_context(leased(kept))
        evaluate_all(designs, kept, folder, watcher, trials)
        study = Study(folder, kept, database)
        _write(study, watcher)
    return study


def _find(cluster: str) -> None:
    try:
        find_scheduler(cluster)
    except UserError as error:
        raise UserError(f"--cluster {error}") from None


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Say which study file an error is about."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _check_space(space: Space, network: Network) -> None:
    """Refuse, before any work, a space that the sampler cannot search or in which nothing is feasible."""
    config = space.config
    samplers.check(config.search.sampler, config.figures, tried(config, space))
    if config.search.strategy == "nested" or (config.limits and _enumerable(config)):
        feasibility.check(space, network, enumeration(space, network))


def _enumerable(config: StudyFile) -> bool:
    return math.prod(map(len, config.design_axes.values())) <= MOST_DESIGNS


def _database(folder: Path, url: str | None, name: str, *, new: bool) -> storage.Database:
    """Open where the study is kept, an earlier one set aside if a new one is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    if new and url is None:
        storage.set_aside(folder / storage.FILE)
        (folder / storage.POINTER).unlink(missing_ok=True)
    database = storage.of_folder(folder, url)
    if new and url is not None:
        if name in optuna.get_all_study_names(database.optuna):
            refuse_leased(optuna.load_study(study_name=name, storage=database.optuna))
        storage.rename_study(database, name)
    return database


def _file(folder: Path, url: str | None, *, new: bool) -> Path | None:
    """The file of the database that a run writes to; None of one on a server."""
    return folder / storage.FILE if new and url is None else storage.file_of(folder, url)


def _search(
    study: Study,
    network: Network,
    trials: int,
    watcher: Progress,
    options: dict[str, Any],
) -> Study:
    watcher.begin(study, trials)
    try:
        made = study.optimize(network, trials, watcher.trial, say=watcher.warn, **options)
        if made < trials:
            watcher.warn(f"{made} evaluations, not {trials}: all that was proposed is in the study by now")
        if study.config.search.finetune == "front":
            watcher.stage("Training the front's networks through their tables")
            study.finetune(network)
        now = study.snapshot()
        knee = now.knee
        record.update(
            study.optuna,
            losses=losses(now, network),
            effects=effects(study.space, network, now.records, knee.load_workload() if knee else None),
        )
    except StorageLostError:
        raise
    except BaseException:
        _write(study, watcher)
        raise
    _write(study, watcher)
    return study


def _write(study: Study, watcher: Progress) -> None:
    watcher.stage("Writing results")
    for line in write_results(study.snapshot()):
        watcher.stage(line)


def _check_unchanged(folder: Path, url: str | None, config: StudyFile, path: str) -> None:
    """Refuse, before any work, to continue a study of another study file."""
    kept = (folder / storage.FILE).exists() or (folder / storage.POINTER).exists()
    if url is None and not kept:
        return
    try:
        study = Study.open(folder) if url is None else Study.load(storage.open_url(url), config.name, folder)
        changed = changes(study, config)
    except NoStudyError:  # a run was killed before it had described its study
        return
    if changed:
        where = study.database.address if url else folder
        lines = [f"{path}: {where} holds a study of another study file; use --new to start afresh", *changed]
        raise UserError("\n  ".join(lines))
