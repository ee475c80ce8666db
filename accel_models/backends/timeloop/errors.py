"""What can go wrong with an outside tool."""


class TimeloopError(RuntimeError):
    """Timeloop is missing, or a run of it gave no result.

    Attributes:
        line: What happened, in one line.
        log: The last lines of the run's log; empty where nothing ran.
    """

    def __init__(self, line: str, log: str = "") -> None:
        super().__init__(line)
        self.line, self.log = line, log

    def __str__(self) -> str:
        return "\n".join([self.line, *(f"  | {entry}" for entry in self.log.splitlines())])
