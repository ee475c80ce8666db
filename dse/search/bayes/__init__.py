"""Which tables to score next: Bayesian optimisation over tables whose cost is known exactly.

Notation, used in every module here:

| symbol | code | what it is |
| --- | --- | --- |
| k | key | what has a table of its own: a function, or one of its sites |
| t | choice of one key | one of the key's tables: segments, placement, bias, width |
| a = (t_1 ... t_K) | `Choice`, a row of `choices` | a table for each key; an index a key |
| w | floor, `Branch.floor` | a choice of widths, numbered; each has a branch of its own |
| L(a, w) | loss | KL divergence from the original network, nat, or 1 - cosine: measured by a score |
| v(a, w) | shift, direction | where outputs moved: L is its squared length; a score tells 512 numbers |
| s(k, t) | share | what one table adds to the loss where losses add up (`additive`) |
| e(k, t) | `Choices.curves` | errors of a table at calibrated inputs; known without a score |
| u | `Unit` | an addressing unit, which serves all tables up to some kind and number of segments |
| c(a, u) | costs | hardware metrics of the best designs with u that run a |
| mu, sigma | `Prediction.mean`, `.spread` | of log L(a, w): the mean, and the standard deviation |
| beta | `Acquisition.beta` | the UCB coefficient: log L is taken to be mu - beta sigma |

A proposal in five steps, a module each:

1. `additive` fits the shares s to all losses, with the errors e as prior: log s is linear in log e. Laplace's
   approximation gives draws of them (Thompson sampling).
2. `pool` combines drawn shares and costs key by key to the Pareto front of sums: the candidate pool, with
   what differs from good choices in one table (`branch`, one for each w; `choices` knows all tables).
3. `output_shift_gp` predicts the loss of each candidate: v is drawn from one Gaussian process over (a, w),
   its covariance (`kernel`) from the errors e; where a network does not tell v, by its shares. `model`
   is both, and `prediction` what either says.
4. `acquisition` finds the candidate whose points (minus the loss at mu - beta sigma, and its costs) add most
   hypervolume to the Pareto front of what was scored, and of what is being scored at its own mu - beta sigma.
5. `proposer` takes these in turn: the initial design, then acquisitions of several beta and scales.
"""
