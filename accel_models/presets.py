"""Designs of known machines as far as their papers tell; what a paper leaves open takes the default."""

from accel_models.design import KIB, Design

PRESETS: dict[str, Design] = {
    # In the style of ONE-SA (arXiv 2402.00395): one array for linear and nonlinear work on a Virtex-7 class
    # FPGA, multiply-adds on the diagonal, uniform segments found by a shift. Array size, clock, width,
    # scratchpads and DRAM (DDR3-1600, 64 bits) are ours.
    "onesa": Design(
        rows=16,
        cols=16,
        dataflow="os",
        data_width="int16",
        clock=200e6,
        dram="DDR3",
        dram_bandwidth=12.8e9,
        hadamard="diagonal",
        addressing="shift",
        technology="fpga28",
    ),
    # TPU v1 (Jouppi et al., ISCA 2017): 256 x 256 int8, weight stationary, 700 MHz, 28 nm, 24 MiB unified
    # buffer, 256 KiB weight FIFO (four tiles), 4 MiB of 32-bit accumulators, DDR3 at 34 GB/s; weights load
    # behind the work. Parameter buffer and banks are ours.
    "tpu_v1": Design(
        rows=256,
        cols=256,
        dataflow="ws",
        input_buffer=24 * KIB * KIB,
        weight_buffer=256 * KIB,
        output_buffer=4 * KIB * KIB,
        parameter_buffer=64 * KIB,
        banks=24,
        clock=700e6,
        dram="DDR3",
        dram_bandwidth=34e9,
        fill="overlapped",
        technology="28nm",
    ),
    # Gemmini's default edge configuration (Genc et al., DAC 2021): 16 x 16 int8, 256 KiB scratchpad for both
    # operands (halved between them here), 64 KiB of 32-bit accumulators, 22 nm, 1 GHz.
    "edge": Design(
        rows=16,
        cols=16,
        dataflow="ws",
        input_buffer=128 * KIB,
        weight_buffer=128 * KIB,
        output_buffer=64 * KIB,
        clock=1e9,
        fill="overlapped",
        technology="22nm",
    ),
    # Gemmini as its generator builds it by default, and as the layers of DOSA were timed on it in RTL
    # simulation (Genc et al., DAC 2021; Hong et al., MICRO 2023, data/firesim_test_data): 16 x 16 int8,
    # weight stationary, 256 KiB of scratchpad for A and B, 64 KiB of 32-bit accumulators, each in halves; a
    # DMA of 64-byte requests on a system bus of 128 bits, 16 bytes a cycle. tile_cycles and load_cycles are
    # fitted to those timings (`benchmarks/gemmini.py`): issue of a tile by the Rocket core, and the entry of
    # a fold's 16 rows of weights with what its two instructions cost.
    "gemmini": Design(
        rows=16,
        cols=16,
        dataflow="ws",
        shared_buffer=256 * KIB,
        accumulator_buffer=64 * KIB,
        clock=1e9,
        dram="DDR3",
        dram_bandwidth=16e9,
        dram_burst=64,
        tile_cycles=1320.0,
        load_cycles=32.6,
        fill="none",
        technology="22nm",
    ),
}
"""Designs by name."""
