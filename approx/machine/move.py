"""Move instructions: words addressed another way, or copied to a new place. No arithmetic."""

from approx.machine.copies import COPIES
from approx.machine.views import VIEWS

MOVE = VIEWS | COPIES
