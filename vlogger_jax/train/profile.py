"""Traces of a few steps for xprof, planned or on demand.

On demand: `touch WORKDIR/profile`, or write a number of steps into it. The file is looked for where metrics are logged,
and removed when the trace begins. Traces are in `WORKDIR/profile_STEP`; of several processes the first is traced.
"""

import logging
from pathlib import Path
from typing import Any

import jax

from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

REQUEST = "profile"
COUNT = 10
"""Steps of a trace on demand, where the file says nothing else."""


class Profile:
    """Begins and ends traces as steps go by; a context manager, since a trace must be ended to be written."""

    def __init__(self, folder: str | Path, planned: tuple[int, int] | None = None):
        """Args: planned: the first step to trace, and how many.

        Raises:
            UserError: if there are no such steps.
        """
        if planned is not None and (planned[0] < 0 or planned[1] < 1):
            raise UserError(
                f"{planned[1]} steps from {planned[0]} on cannot be traced", "Give 1 or more, from 0 or later"
            )
        self._folder = Path(folder)
        self._first, self._count = planned or (0, 0)
        self._until: int | None = None
        self._here = jax.process_index() == 0

    def __enter__(self) -> "Profile":
        return self

    def __exit__(self, *raised: object) -> None:
        self._end()

    def look(self, step: int) -> None:
        """Trace from `step` on, if a file asks for it."""
        request = self._folder / REQUEST
        if self._here and self._until is None and request.is_file():
            said = request.read_text(encoding="utf-8", errors="replace").strip()
            request.unlink()
            self._first, self._count = step, int(said) if said.isdecimal() else COUNT

    def step(self, number: int) -> jax.profiler.StepTraceAnnotation:
        """To be wrapped around step `number`."""
        if self._here and self._count and number == self._first:
            try:
                jax.profiler.start_trace(str(self._folder / f"profile_{number}"))
                self._until = number + self._count
            except RuntimeError as error:  # another trace is no reason to end a training
                log.warning("step %d is not profiled: %s", number, error)
        return jax.profiler.StepTraceAnnotation("train", step_num=number)

    def stepped(self, done: int, metrics: Any) -> None:
        """After it, given what the device computes last."""
        if done == self._until:
            jax.block_until_ready(metrics)
            self._end()

    def _end(self) -> None:
        if self._until is not None:
            self._until = None
            try:
                jax.profiler.stop_trace()
            except RuntimeError as error:
                log.warning("the trace could not be written: %s", error)
