"""VLOGGER in JAX and Flax: talking, moving people from one portrait and a voice (arXiv 2403.08764)."""

__version__ = "0.1.0"
