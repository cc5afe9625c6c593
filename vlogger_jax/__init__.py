"""VLOGGER in JAX and Flax: talking, moving people from one portrait and a voice (arXiv 2403.08764).

from vlogger_jax import Vlogger

Vlogger.load().generate("portrait.png", text="Hello!").save("hello.mp4")
"""

from typing import Any

__version__ = "0.1.0"

__all__ = ["Generation", "Vlogger"]


def __getattr__(name: str) -> Any:
    # What they need takes a second to import, which `vlogger --help` does not need.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vlogger_jax import pipeline

    return getattr(pipeline, name)
