"""What a multiply-add of other widths than the cell's own costs: products a cycle, and energy.

- "fixed": one product a cycle, whatever is narrower; wider operands digit by digit, as many products as they
  have digits of the cell's width together.
- "subword" (Bit Fusion, Sharma et al., ISCA 2018): an 8-bit cell split into cells of 4 and 2 bits that add up
  together, 64 / (a b) products a cycle, widths rounded up to 2, 4 or 8.
- "bitserial" (Loom, Sharify et al., DAC 2018): 64 / (a b) products a cycle for any width up to 8.

Products of one cell and cycle are of one result: they take as many steps of K at once. Energies lie in the
technology files by widths; between them log-log in the product of the widths.
"""

from functools import cache

import numpy as np

from accel_models.table import DesignTable, FloatArray, options
from accel_models.technology import CELL_BITS, Scalable, load_technology


def digits(bits: FloatArray, width: FloatArray) -> FloatArray:
    """Return the digits of a cell's width that an operand has."""
    return np.asarray(np.ceil(bits / width), dtype=np.float64)


def products(t: DesignTable, a: FloatArray, b: FloatArray, width: FloatArray) -> FloatArray:
    """Return the products a cell and cycle of operands of a and b bits; below 1 where cells are narrower.

    Args:
        t: The designs.
        a: Bits of A.
        b: Bits of B.
        width: Bits of the cell's own operands.
    """
    passes = digits(a, width) * digits(b, width)
    narrow_a, narrow_b = np.minimum(a, CELL_BITS), np.minimum(b, CELL_BITS)
    serial = CELL_BITS**2 / (narrow_a * narrow_b)
    subword = CELL_BITS**2 / (_power(narrow_a) * _power(narrow_b))
    each = np.where(t.is_("cell", "bitserial"), serial, np.where(t.is_("cell", "subword"), subword, 1.0))
    return np.asarray(each / passes)


def energy(t: DesignTable, a: FloatArray, b: FloatArray, width: FloatArray) -> FloatArray:
    """Return the energy of a multiply-add of a and b bits over that of the cell's own widths."""
    factor = digits(a, width) * digits(b, width)
    for cell in options("cell")[1:]:
        for technology in options("technology"):
            where = t.is_("cell", cell) & t.is_("technology", technology)
            if where.any():
                narrow_a, narrow_b = (np.minimum(bits[where], CELL_BITS) for bits in (a, b))
                factor[where] *= _relative(technology, cell, narrow_a, narrow_b)
    return factor


def _power(bits: FloatArray) -> FloatArray:
    return np.asarray(2.0 ** np.ceil(np.log2(np.maximum(bits, 2.0))))


def _relative(technology: str, cell: str, a: FloatArray, b: FloatArray) -> FloatArray:
    if cell == "subword":
        a, b = _power(a), _power(b)
    pairs, inverse = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1, return_inverse=True)
    found = np.array([_energy(technology, cell, x, y) for x, y in pairs.T.tolist()])
    return found[inverse].reshape(a.shape) / _energy(technology, cell, CELL_BITS, CELL_BITS)


@cache
def _energy(technology: str, cell: str, a: float, b: float) -> float:
    """Return pJ, of the widths listed, or in between."""
    figures: Scalable = load_technology(technology).scalable[cell]
    known = {tuple(sorted(map(int, key.split("x")))): pj for key, pj in figures.pj.items()}
    exact = known.get((int(min(a, b)), int(max(a, b))))
    if exact is not None:
        return exact
    by_product: dict[int, list[float]] = {}
    for (x, y), pj in known.items():
        by_product.setdefault(x * y, []).append(pj)
    at = sorted(by_product)
    logs = [float(np.log(np.mean(by_product[x]))) for x in at]
    return float(np.exp(np.interp(np.log(a * b), np.log(at), logs)))
