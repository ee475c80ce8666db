"""Runs the Timeloop input files of one folder: python run.py FOLDER [--tables]."""

import shutil
import sys
from pathlib import Path

try:
    import pytimeloop.timeloopfe.v4 as tl
except ImportError:
    import timeloopfe.v4 as tl

folder, here = Path(sys.argv[1]).resolve(), Path(__file__).resolve().parent
mode, output = folder.name, folder / "output"
output.mkdir(exist_ok=True)
tables = [str(here / "ERT.yaml"), str(here / "ART.yaml")] if "--tables" in sys.argv[2:] else []
if tables:
    shutil.copy(here / "ART.yaml", output / f"timeloop-{mode}.ART.yaml")
specification = tl.Specification.from_yaml_files(*(str(path) for path in sorted(folder.glob("*.yaml"))))
call = tl.call_model if mode == "model" else tl.call_mapper
print(call(specification, output_dir=str(output), log_to=str(output / "log.txt"), extra_input_files=tables))
print((output / f"timeloop-{mode}.stats.txt").read_text().partition("Summary Stats")[2])
