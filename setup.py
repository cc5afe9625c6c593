"""All metadata of the package; tool settings are in pyproject.toml."""

import ast
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """Read `__version__` without importing the package (its requirements may be missing)."""
    source = (HERE / "vlogger_jax" / "__init__.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "__version__" for t in node.targets
        ):
            return ast.literal_eval(node.value)
    raise RuntimeError("vlogger_jax/__init__.py does not set __version__")


def readme() -> str:
    path = HERE / "README.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


EXTRAS = {
    # Landmarks and mattes. mediapipe's last version with the holistic solution has no wheel after
    # Python 3.12 and starts only with the old protobuf; TFDS then needs the older metadata package.
    "fit": [
        "mediapipe==0.10.14; python_version < '3.13'",
        "protobuf<5; python_version < '3.13'",
        "tensorflow-metadata<1.18; python_version < '3.13'",
    ],
    "speech": ["espeakng-loader>=0.2.4"],
    "beam": ["apache-beam>=2.77"],
    "tpu": ["jax[tpu]"],
    "gpu": ["jax[cuda12]"],
    "parity": ["azula==0.11.1", "torch>=2.13", "smplx==0.1.28"],
    "bench": ["trimesh>=4", "embreex>=2.17.7"],
    "notebook": ["ipykernel>=6", "matplotlib>=3.8", "nbclient>=0.10", "nbformat>=5.10"],
    "dev": [
        "beartype>=0.20",
        "build>=1.2",
        "hypothesis>=6.100",
        "psutil>=6",
        "psutil>=6",
        "pytest>=8.3",
        "pytest-xdist>=3.6",
        "ruff>=0.9",
        "setuptools>=77",
        "wheel>=0.45",
    ],
}

setup(
    name="vlogger_jax",
    version=version(),
    description="Talking, moving people from one portrait and a voice: VLOGGER in JAX/Flax",
    long_description=readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Multimedia :: Video",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    packages=find_packages(include=["vlogger_jax", "vlogger_jax.*"]),
    package_data={
        "vlogger_jax": ["py.typed", "bundles/tiny/*"],
        "vlogger_jax.body": ["assets/*.npz", "assets/*.md", "assets/*.txt"],
    },
    include_package_data=False,
    install_requires=[
        "array-record>=0.8",
        "av>=18",
        "flax>=0.12.8",
        "grain>=0.2.11",
        "jax>=0.10.2",
        "jaxtyping>=0.3",
        "librosa>=0.11",
        "ml-collections>=1.1",
        "numpy>=2.0",
        "optax>=0.2.8",
        "orbax-checkpoint>=0.12.8",
        "packaging>=24",
        "pillow>=11",
        "rich>=13",
        "safetensors>=0.5",
        "scikit-image>=0.25",
        "scipy>=1.14",
        "soxr>=0.5",
        "tensorboardx>=2.6.5",
        "tensorflow-datasets>=4.9.10",
        "threadpoolctl>=3.5",
        "typer>=0.29",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["vlogger = vlogger_jax.cli:main"]},
)
