"""One attack on one reader: what it gave, or why that is a fault."""

import tempfile
import time
import warnings
from pathlib import Path

from readers import Reader

LIMIT_S = 5.0
"""Reading and using a small file takes at most so long."""


class Fault(AssertionError):
    """A reader did with a file what it must not."""


def attack(reader: Reader, content: bytes) -> str:
    """Return "accepted" or "refused".

    Raises:
        Fault: If the file is refused in another way than by one line that names it, or takes too long.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / f"file{reader.suffix}"
        path.write_bytes(content)
        started = time.process_time()
        read = False
        try:
            content_read = reader.read(path)
            read = True
            reader.use(content_read)
        except ValueError as error:
            _check(str(error), "" if read else str(path))
            return "refused"
        except Exception as error:
            raise Fault(f"{type(error).__name__}: {error}") from error
        finally:
            taken = time.process_time() - started
            if taken > LIMIT_S:
                raise Fault(f"took {taken:.1f} s")
    return "accepted"


def _check(text: str, file: str) -> None:
    """A study file has a line for each problem, every one of which names the file."""
    for line in text.splitlines() or [""]:
        if file not in line:
            raise Fault(f"does not name the file: {line!r}")
        if len(line) > 1000:
            raise Fault(f"{len(line)} characters: {line[:300]!r}")
