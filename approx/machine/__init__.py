"""The machine: an interpreter in numpy that knows the five kinds of instruction and nothing else.

It runs a saved program, and so proves what the certificate claims: a matrix product, a Hadamard multiply-add,
a table lookup, moves of words, and a host for integers and masks are all that the network needs.

What a run proves. Every op of the program is in one of five tables (`TABLES`). Every float that depends on an
input was moved, or chosen by a mask, or computed by `units` alone, whose few functions are a page long: such
floats lie in arrays that refuse any other numpy arithmetic (`words`). The host converts integer inputs and
selects by masks; of a float it knows the shape. Integers that it makes of results, such as an argmax, leave
with the output and are not computed with (`checks`). What the tests add: the result is the converted module's
to 1e-4, and the multiply-accumulates and lookups executed are those of its workload.

A program saved in fixed point runs in int64 instead (`integer`, `fixed`): the result is the converted
module's bit for bit, no float lies between the rounding of an input and the output, and a sum that overflows
the accumulators is an error.

What it does not prove. That hardware rounds as float32, or as the program's plan, does here, how long an
instruction takes, or that a table is a good approximation. A maximum is a tournament whose matches select by
relu's slope, three multiply-adds where exact arithmetic needs two (`lookup.match`). What depends on no input
may be any function of the weights: the host prepares it once.
"""

from approx.machine.checks import TABLES
from approx.machine.program import Count, Program, load

__all__ = ["TABLES", "Count", "Program", "load"]
