"""A run from a study file to its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import optuna

from dse import losses, nested, storage, widths
from dse.config import StudyConfig, load
from dse.errors import NoStudyError, UserError
from dse.export import write_results
from dse.files import check_writable, read_text
from dse.progress import Progress, Silent
from dse.score import ConvertedNetwork, Network
from dse.space import Space
from dse.study import Study, changes

RUNS = Path("runs")


def run(
    path: str | Path,
    trials: int | None = None,
    out: str | Path | None = None,
    *,
    new: bool = False,
    progress: Progress | None = None,
    make_network: Callable[[StudyConfig], Network] = ConvertedNetwork,
) -> Study:
    """Run a study file, or continue the study that its run folder holds, and write the results.

    Args:
        path: The study file, TOML; see `dse.config.StudyConfig` for its fields.
        trials: How many to add; what the study file says if None.
        out: The run folder; runs/NAME if None.
        new: Set a study that is there aside, as study-N.db, and start afresh.
        progress: Watches the run.
        make_network: Makes what is searched from the study file; the task's network, converted.

    Returns:
        The study. Its folder holds study.db, report.html, pareto.png, trials.csv and best.json.

    Raises:
        UserError: Before any work, if the study file, the folder or the study in it is not as it must be.
        KeyboardInterrupt: After finished trials were kept and the results written.

    Example:
        >>> study = dse.run("studies/resnet_digits.toml", trials=100)
        >>> study.pareto()
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    watcher = progress or Silent()
    config, text = load(path), read_text(Path(path))
    _check_strategy(config, path)
    folder = Path(out) if out is not None else RUNS / config.name
    _check_folder(folder, config, path, new=new)
    try:
        watcher.stage(f"Preparing {config.task.name}")
        network = make_network(config)
        Space(config, network.functions)
        widths.check(config.design_axes, network.accumulator)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if new:
        storage.set_aside(folder / storage.FILE)
    study = Study.start(folder, config, text, network)
    return _search(study, network, config.search.trials if trials is None else trials, watcher)


def _check_strategy(config: StudyConfig, path: str | Path) -> None:
    """Refuse, before any work, a space that the strategy cannot search."""
    if config.search.strategy == "nested":
        try:
            nested.check(config.design_axes, config.figures)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None


def _search(study: Study, network: Network, trials: int, watcher: Progress) -> Study:
    watcher.begin(study, trials)
    try:
        study.optimize(network, trials, watcher.trial)
        losses.record(study, network)
    finally:
        watcher.stage("Writing results")
        write_results(study)
    return study


def _check_folder(folder: Path, config: StudyConfig, path: str | Path, *, new: bool) -> None:
    """Refuse, before any work, a folder that cannot be written or that holds a study of another file."""
    check_writable(folder)
    if new or not (folder / storage.FILE).exists():
        return
    try:
        changed = changes(Study.open(folder), config)
    except NoStudyError:  # a run was killed before it had described its study
        return
    if changed:
        lines = [f"{path}: {folder} holds a study of another study file; use --new to start afresh", *changed]
        raise UserError("\n  ".join(lines))
