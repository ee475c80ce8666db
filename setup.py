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

setup(ext_modules=[operator, words], options={"bdist_wheel": {"py_limited_api": "cp311"}})
