"""What a candidate is worth: quality of the converted network, and cost on its accelerator."""

from dse.evaluate.cache import Figures, ScoreCache, score_key
from dse.evaluate.converted import ConvertedNetwork
from dse.evaluate.cost import costs
from dse.evaluate.network import Network, TableErrors, apart
from dse.evaluate.scoring import Job, MakeNetwork, OtherNetworkError, finite, hold, score

__all__ = [
    "ConvertedNetwork",
    "Figures",
    "Job",
    "MakeNetwork",
    "Network",
    "OtherNetworkError",
    "ScoreCache",
    "TableErrors",
    "apart",
    "costs",
    "finite",
    "hold",
    "score",
    "score_key",
]
