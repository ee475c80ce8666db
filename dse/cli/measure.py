"""`neuralmatrix measure`: this machine as a reference platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dse.cli.console import output, say


def measure(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="resnet18, resnet50, bert-base, bert-large, roberta-base, roberta-large, or a task.",
            show_default=False,
        ),
    ],
    batch: Annotated[str, typer.Option("--batch", "-b", help="Batch sizes, with commas between.")] = "1,8",
    precision: Annotated[
        str, typer.Option("--precision", "-p", help="Of fp32, bf16, fp16, with commas between.")
    ] = "fp32",
    size: Annotated[
        int | None, typer.Option(min=8, max=4096, help="Side of the image, or sequence length; 224, 128.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seconds: Annotated[float, typer.Option(min=0.01, max=3600, help="Least time of each run.")] = 10.0,
    tdp: Annotated[
        float | None, typer.Option(min=0.01, max=1e5, help="Watts, where no meter can be read.")
    ] = None,
    name: Annotated[str, typer.Option(help="The platform's name; the processor's unless given.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the rows as TOML.")
    ] = None,
) -> None:
    """Measure throughput and power of this machine, as a row to compare with.

    Power comes from RAPL (a CPU) or NVML (a GPU) while the network runs, or else from --tdp; the row says it.
    The networks have their full size and random weights. `neuralmatrix run studies/paper.toml --platforms
    FILE` compares with the rows.

    Example: neuralmatrix measure resnet50 --batch 1,8 --tdp 65 --out mine.toml
    """  # fmt: skip
    from accel_models.platforms import dumps
    from dse.files import write_whole
    from dse.measuring import Setting, check
    from dse.measuring import measure as run
    from dse.measuring.networks import FULL_SIZE, find, of_task
    from dse.measuring.power import meter

    precisions = precision.split(",")
    check(device, precisions)
    batches, watts = _batches(batch), meter(device, tdp)
    network = find(model) if model in FULL_SIZE else of_task(model)
    rows = []
    for kind in precisions:
        for together in batches:
            setting = Setting(model, size or network.size, together, kind, device, seconds)
            row = run(network, setting, watts, name)
            say(
                f"{network.title}, {row.size}, batch {together}, {kind}: {row.throughput:.4g} inferences/s, "
                f"{row.power_w:.4g} W ({row.power}, {row.scope})"
            )
            rows.append(row)
    if out:
        say(f"Written: {write_whole(out, dumps(rows))}")
    else:
        output().file.write(dumps(rows))


def _batches(text: str) -> list[int]:
    from dse.errors import UserError

    values = [part.strip() for part in text.split(",")]
    if not all(value.isdecimal() and 1 <= int(value) <= 65_536 for value in values):
        raise UserError(f"--batch {text}: must be integers from 1 to 65536 with commas between")
    return [int(value) for value in values]
