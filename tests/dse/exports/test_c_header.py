import shutil
import subprocess

import numpy as np
import pytest

import approx
from dse.errors import UserError
from dse.exports.c_header import c_header

PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "tables.h"

int main(int count, char **given) {
    for (int table = 0; table < NM_TABLES; ++table)
        for (int i = 1; i < count; ++i)
            printf("%s %.17g\\n", nm_tables[table]->function,
                   nm_evaluate(nm_tables[table], strtod(given[i], 0)));
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine")
def test_gcc_reads_it_and_its_values_are_the_tables(tables, tmp_path):
    (tmp_path / "tables.h").write_text(c_header(tables))
    (tmp_path / "main.c").write_text(PROGRAM)
    build = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "main.c", "-o", "main"]
    subprocess.run(build, cwd=tmp_path, check=True)  # noqa: S603
    x = np.concatenate(
        [np.linspace(-9, 9, 301), [-np.inf, np.inf, np.nan, 0.0], *(t.knots for t in tables.values())]
    )
    command = [tmp_path / "main", *map(repr, x.tolist())]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    rows = [line.split() for line in ran.stdout.splitlines()]
    assert [name for name, _ in rows] == [t.function for t in tables.values() for _ in x]
    found = np.array([float(value) for _, value in rows]).reshape(len(tables), -1)
    for values, table in zip(found, tables.values(), strict=True):
        np.testing.assert_allclose(values, table(x), rtol=0, atol=1e-12)


def test_a_table_in_floating_point_is_refused():
    with pytest.raises(UserError, match=r"table of mlp\.gelu: is in floating point: must be quantised"):
        c_header({"mlp.gelu": approx.fit("gelu", segments=4)})
