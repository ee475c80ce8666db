"""Every design of a grid evaluated, millions of them, in chunks of bounded memory: an exact search.

    grid = Grid(file.design_axes)                       # designs by number, made when they are asked for
    costs = Costs(workloads(file, folder))              # metrics of some designs, over all networks
    found = Enumerated(grid, file.figures, file.limits)
    enumerate_designs(found, costs)                     # the front, the best for each network, main effects

A chunk is a few ten thousand designs. Those that no other beats join the front, sums for the main effects are
added up, and the metrics of all go to a file (`parts`), so that a run that ends early goes on from there.
"""

from dse.search.design_grid.costs import Costs
from dse.search.design_grid.enumeration import Enumerated, enumerate_designs
from dse.search.design_grid.grid import Grid

__all__ = ["Costs", "Enumerated", "Grid", "enumerate_designs"]
