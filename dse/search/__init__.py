"""How a space is searched: hardware by enumeration, tables by a model of their loss or an Optuna sampler."""
