import pytest

import approx


@pytest.fixture(scope="session")
def tables():
    """Tables in fixed point of two widths and both storages, one at a site with an awkward name."""
    gelu = approx.fit("gelu", segments=16).quantize(12, storage="midpoint")
    exp = approx.fit("exp", segments=7, placement="uniform").quantize(16)
    rsqrt = approx.fit("rsqrt", segments=9, placement="dyadic", domain=(0.01, 4.0)).quantize(16)
    return {"layer.0.gelu": gelu, "layer_0.gelu": exp, 'a"b\\c.*/rsqrt??/': rsqrt}
