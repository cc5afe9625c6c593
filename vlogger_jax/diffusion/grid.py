"""The noise levels that a sampler visits, worked out on the host in float64."""

import dataclasses

import numpy as np

from vlogger_jax.core.typing import Float
from vlogger_jax.diffusion.schedule import Schedule
from vlogger_jax.diffusion.table import Table


@dataclasses.dataclass(frozen=True, eq=False)
class Grid:
    """Steps from noise to data.

    Attributes:
        time: t that the network is told at each step.
        start: logsnr of x at the beginning of each step.
        stop: the same at its end; infinity is clean data. Where the next step starts lower, noise is added between.
    """

    time: Float[np.ndarray, "n"]
    start: Float[np.ndarray, "n"]
    stop: Float[np.ndarray, "n"]

    @property
    def steps(self) -> int:
        return len(self.time)

    def to_clean(self) -> "Grid":
        """The same, but that the last step goes on to clean data."""
        return dataclasses.replace(self, stop=np.append(self.stop[:-1], np.inf))

    def resampled(self, times: int) -> "Grid":
        """The same, each step but the last taken `times` times, noise added in between.

        Lugmayr et al. 2022, "RePaint", algorithm 1: it lets what is generated settle with what is known.
        """
        counts = np.append(np.full(self.steps - 1, times), 1)
        return Grid(*(np.repeat(values, counts) for values in (self.time, self.start, self.stop)))


def uniform_time(schedule: Schedule, steps: int, begin: float = 1.0) -> Grid:
    """Equal steps of t from `begin` to 0."""
    return _through(schedule, np.linspace(begin, 0.0, steps + 1))


def uniform_logsnr(schedule: Schedule, steps: int, begin: float = 1.0) -> Grid:
    """Equal steps of logsnr from that of time `begin`, where DPM-Solver is most accurate; Lu et al. 2022."""
    ends = schedule.logsnr(np.asarray([begin, 0.0]))
    levels = np.linspace(ends[0], ends[1], steps + 1)
    return Grid(schedule.time_of(levels)[:-1], levels[:-1], levels[1:])


def linspace(table: Table, steps: int) -> Grid:
    """Equal steps of t from 1 to 0, each moved to the nearest step that the network was trained with."""
    return _through(table, np.round(np.linspace(table.trained - 1, 0, steps + 1)) / (table.trained - 1))


def every(table: Table) -> Grid:
    """All steps of a table, from the last, on to clean data; of a table respaced by `leading`, DDIM's."""
    levels = table.logsnrs[::-1]
    return Grid(table.time[::-1], levels, np.append(levels[1:], np.inf))


def _through(schedule: Schedule, times: Float[np.ndarray, "n"]) -> Grid:
    levels = schedule.logsnr(times)
    return Grid(times[:-1], levels[:-1], levels[1:])
