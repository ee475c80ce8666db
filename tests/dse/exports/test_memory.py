import re
import shutil
import subprocess

import pytest

import approx
from dse.errors import UserError
from dse.exports.memory import PACKAGE, PARTS, memory

BENCH = """
module bench;
  import neuralmatrix_tables::*;
  reg signed [WIDTH-1:0] words [0:DEPTH-1];
  integer i;
  initial begin
    $readmemh("tables.mem", words);
    $display("%0d %0d", WIDTH, DEPTH);
    for (i = 0; i < DEPTH; i = i + 1) $display("%0d", words[i]);
    $display("%0d %0d", LAYER_0_GELU_SEGMENTS, LAYER_0_GELU_SLOPES_EXPONENT);
  end
endmodule
"""


def parameters(package):
    return {name: int(value) for name, value in re.findall(r"(\w+) = (-?\d+);", package)}


def test_the_package_says_where_every_integer_lies(tables):
    image, package = memory(tables)
    at, width = parameters(package), parameters(package)["WIDTH"]
    words = [int(word, 16) - (int(word, 16) >> (width - 1) << width) for word in image.split()]
    assert (width, at["DEPTH"]) == (16, len(words))
    for name, table in zip(("LAYER_0_GELU", "LAYER_0_GELU_2", "A_B_C_RSQRT"), tables.values(), strict=True):
        fixed = table.fixed_point
        assert at[f"{name}_SEGMENTS"] == len(fixed.knots) - 1
        assert at[f"{name}_MIDPOINT"] == (fixed.storage == "midpoint")
        for part, step in zip(PARTS, fixed.scale, strict=True):
            base, values = at[f"{name}_{part.upper()}"], getattr(fixed, part)
            shift_bits = at[f"{name}_SLOPES_SHIFT_BITS"] if part == "slopes" else 0
            held = words[base : base + len(values)]
            assert tuple(word >> shift_bits for word in held) == values
            assert [word % 2**shift_bits for word in held] == list(
                fixed.shifts if shift_bits else [0] * len(held)
            )
            assert 2.0 ** at[f"{name}_{part.upper()}_EXPONENT"] == step


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="no Icarus Verilog on this machine")
def test_icarus_verilog_reads_it(tables, tmp_path):
    image, package = memory(tables)
    for name, text in (("tables.mem", image), (f"{PACKAGE}.sv", package), ("bench.sv", BENCH)):
        (tmp_path / name).write_text(text)
    build = ["iverilog", "-g2012", "-Wall", "-o", "bench", f"{PACKAGE}.sv", "bench.sv"]
    subprocess.run(build, cwd=tmp_path, check=True)  # noqa: S603
    ran = subprocess.run(["vvp", "bench"], cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S607
    first, *values, last = ran.stdout.splitlines()
    width = parameters(package)["WIDTH"]
    expected = [int(word, 16) - (int(word, 16) >> (width - 1) << width) for word in image.split()]
    assert first == f"16 {len(expected)}"
    assert list(map(int, values)) == expected
    gelu = tables["layer.0.gelu"].fixed_point
    assert last == f"{len(gelu.knots) - 1} {parameters(package)['LAYER_0_GELU_SLOPES_EXPONENT']}"


def test_a_step_that_is_no_power_of_two_is_refused():
    table = approx.fit("tanh", segments=4).quantize(12, scale={"slopes": 0.003})
    with pytest.raises(UserError, match=r"scale = 0\.003: must be a power of two"):
        memory({"tanh": table})
