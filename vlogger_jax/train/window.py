"""The steps between two lines of the log: their metrics, which stay on the device until then, and their time."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np

from vlogger_jax.core.typing import Array, Int

AHEAD = 2
"""Steps that may be running or waiting on the device. It bounds memory, and how long the end of a run takes."""


class Window:
    """Of the steps since the last line."""

    def __init__(self) -> None:
        self._metrics: list[dict[str, Array]] = []
        self._begun: float | None = None
        self._waited = 0.0
        self._timed = 0
        self._compiled = False

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what waits for data."""
        now = time.perf_counter()
        self._begun = now if self._begun is None else self._begun
        yield
        self._waited += time.perf_counter() - now

    def add(self, metrics: dict[str, Array]) -> None:
        """The metrics of a step that has been dispatched; wait while more than `AHEAD` are under way."""
        self._metrics.append(metrics)
        self._timed += 1
        if len(self._metrics) > AHEAD:
            jax.block_until_ready(self._metrics[-1 - AHEAD])
        if not self._compiled and self._timed == 1:
            # The first step of a run compiles. Its time says nothing of the others.
            self._compiled, self._begun, self._waited, self._timed = True, None, 0.0, 0

    def close(self, stopped: Int[Array, ""]) -> tuple[int, list[dict[str, float]], dict[str, float]]:
        """What `stopped` is, the metrics of each step, and their means with times; the one fetch from the device."""
        number, steps = jax.device_get((stopped, self._metrics))
        now = time.perf_counter()
        steps = [{name: float(value) for name, value in each.items()} for each in steps]
        found = means(steps)
        if self._timed and self._begun is not None:
            spent = now - self._begun
            found |= {"seconds": spent / self._timed, "data_wait": self._waited / spent}
        self._metrics, self._begun, self._waited, self._timed = [], None, 0.0, 0
        return int(number), steps, found


def means(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each metric, over some steps."""
    return {name: float(np.mean([each[name] for each in steps])) for name in steps[0]}
