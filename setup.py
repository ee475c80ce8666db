"""The C extensions; everything else is in pyproject.toml."""

from setuptools import Extension, setup

# Optional: where no compiler is at hand the plain torch path serves. -O3 keeps IEEE arithmetic as it is.
operator = Extension(
    "approx.network.operator._cpwl",
    sources=["approx/network/operator/_cpwl.c"],
    depends=["approx/network/operator/_registers.h"],
    extra_compile_args=["-O3"],
    libraries=["m"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
)

words = Extension(
    "approx.network.fixed._words",
    sources=["approx/network/fixed/_words.c"],
    depends=[
        f"approx/network/fixed/_{name}.h" for name in ("products", "shape", "pack", "dots", "depthwise")
    ],
    extra_compile_args=["-O3"],
    libraries=["m"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
)

# -ffp-contract=off: its sums are those of numpy, to the last bit.
mapper = Extension(
    "accel_models._mapper",
    sources=["accel_models/_mapper.c"],
    extra_compile_args=["-O3", "-ffp-contract=off", "-fno-trapping-math"],
    libraries=["m"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
)

setup(ext_modules=[operator, words, mapper], options={"bdist_wheel": {"py_limited_api": "cp311"}})
