"""The section `diffusion` of a config, as the dataclasses that it names.

What is named may have settings: `schedule="cosine"` is `Cosine()`, `schedule=dict(name="cosine", low=-10)` is
`Cosine(low=-10)`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array
from vlogger_jax.diffusion import grid as grids
from vlogger_jax.diffusion import guidance, prediction, table, threshold, times
from vlogger_jax.diffusion.grid import Grid
from vlogger_jax.diffusion.guidance import DenoiseWithout, Nested
from vlogger_jax.diffusion.mask import FrameMasks
from vlogger_jax.diffusion.objective import Objective
from vlogger_jax.diffusion.sampler import Span
from vlogger_jax.diffusion.schedule import Cosine, Linear, Schedule, Shifted
from vlogger_jax.diffusion.stepper import Ddim, Ddpm, DpmSolver2M, Large, Small, Stepper
from vlogger_jax.diffusion.threshold import Clip, Dynamic, Threshold
from vlogger_jax.diffusion.weighting import MinSnr, Sigmoid, TruncatedSnr, Uniform

Choice = Any
"""A name, or a mapping of `name` and the settings of what it names."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """What may be written.

    Attributes:
        schedule: "cosine", "linear", the tables "ddpm" and "ddpm_cosine" of 1000 steps, or "shifted" with a `schedule`
            and a `ratio`.
        prediction: "eps", "x0" or "v".
        weighting: "uniform", "min_snr", "truncated_snr" or "sigmoid".
        times: at which training is done: "stratified", "uniform" or "towards_noise".
        drop: share of training samples that are not told a condition, for guidance.
        masks: known frames of training clips.
        context_noise: up to which standard deviation these are noised.
        sampler: "ddpm", with a `variance` "small" or "large", "ddim" or "dpm_solver_2m".
        grid: of its steps: "uniform_time", "uniform_logsnr", or "spaced", some of the steps of a table.
        steps: how many.
        begin: time at which the first one begins; below 1, of samples that begin with a guess.
        temperature: standard deviation of the noise that a sample begins with: below 1 it is nearer to the mean of what
            could be, with less noise in it and less variety; of deterministic samplers.
        resampled: how often each of them but the last is taken.
        threshold: what keeps x_0 in range: "none", "clip" or "dynamic".
        scales: of guidance, one a condition; 1 is none.
        interval: times between which there is guidance.
    """

    schedule: Choice
    prediction: str
    weighting: Choice = "uniform"
    times: Choice = "stratified"
    drop: float = 0.0
    masks: FrameMasks = dataclasses.field(default_factory=FrameMasks)
    context_noise: float = 0.3
    sampler: Choice = "dpm_solver_2m"
    grid: str = "uniform_logsnr"
    steps: int
    begin: float = 1.0
    temperature: float = 1.0
    resampled: int = 1
    threshold: Choice = "none"
    scales: tuple[float, ...] = (1.0,)
    interval: tuple[float, float] = (0.0, 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Sampler:
    """How samples are drawn.

    Attributes:
        grid: noise levels, down to clean data.
        stepper: how to get from one to the next.
        guidance: of the conditions.
        interval: times between which it is followed.
        threshold: of what is denoised, guided or not; None leaves it.
        temperature: standard deviation of the noise that samples begin with.
    """

    grid: Grid
    stepper: Stepper
    guidance: Nested
    interval: tuple[float, float]
    threshold: Threshold | None = None
    temperature: float = 1.0

    def spans(self, denoise: DenoiseWithout) -> list[Span]:
        """What `sampler.sample_spans` asks of a network that can be told less."""
        inside = guidance.guided(denoise, self.guidance)
        outside = guidance.conditional(denoise, len(self.guidance.scales))
        if self.threshold is not None:
            inside, outside = (threshold.thresholded(each, self.threshold) for each in (inside, outside))
        return guidance.spans(self.grid, self.interval, inside, outside)


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """What a loss and a sample function are made of; attributes as `Section`'s."""

    objective: Objective
    times: Callable[[Array, tuple[int, ...]], Array]
    drop: float
    masks: FrameMasks
    context_noise: float
    sampler: Sampler

    @classmethod
    def of(cls, section: Any, conditions: int, where: str = "config.diffusion") -> "Recipe":
        """From the section of a config, which messages call `where`.

        Args:
            conditions: how many the network has that it can be guided by.

        Raises:
            UserError: on an unknown key or name, a value of another type, or one that cannot be.
        """
        given = from_mapping(Section, section, where)
        schedule = _schedule(given.schedule, f"{where}.schedule")
        predicted = prediction.named(given.prediction)
        weightings = {
            "uniform": Uniform(predicted),
            "min_snr": MinSnr,
            "truncated_snr": TruncatedSnr,
            "sigmoid": Sigmoid,
        }
        if not (0 <= given.drop <= 1 and 0 <= given.context_noise < 1 and min(given.steps, given.resampled) >= 1):
            raise UserError(
                f"{where} has drop {given.drop}, context_noise {given.context_noise}, steps {given.steps}, "
                f"resampled {given.resampled}",
                "Give shares from 0 to 1, and 1 step or more",
            )
        if not 0 <= given.interval[0] <= given.interval[1] <= 1:
            raise UserError(f"{where}.interval is {given.interval}", "Give times from 0 to 1, the lower one first")
        if not 0 <= given.temperature <= 1:
            raise UserError(f"{where}.temperature is {given.temperature}", "Give 0 to 1; 1 is the noise of training")
        if not 0 < given.begin <= 1:
            raise UserError(f"{where}.begin is {given.begin}", "Give a time above 0, and 1 for noise alone")
        if len(given.scales) != conditions:
            raise UserError(
                f"{where}.scales has {len(given.scales)} numbers for {conditions} conditions", "Give one for each"
            )
        return cls(
            Objective(schedule, predicted, _chosen(weightings, given.weighting, f"{where}.weighting")),
            _times(given.times, f"{where}.times"),
            given.drop,
            given.masks,
            given.context_noise,
            Sampler(
                _chosen(_GRIDS, given.grid, f"{where}.grid")(schedule, given.steps, given.begin)
                .to_clean()
                .resampled(given.resampled),
                _stepper(given.sampler, f"{where}.sampler"),
                Nested(given.scales),
                given.interval,
                _chosen(_THRESHOLDS, given.threshold, f"{where}.threshold"),
                given.temperature,
            ),
        )


def _spaced(schedule: Schedule, steps: int, begin: float) -> Grid:
    if begin < 1:
        raise UserError(
            "the grid 'spaced' begins at the last step of its table", "Leave `begin` 1, or name another grid"
        )
    if not isinstance(schedule, table.Table):
        raise UserError(
            "the grid 'spaced' is of steps that a table has", "Name a table as the schedule, such as 'ddpm'"
        )
    return grids.every(schedule.respaced(table.spaced(schedule.trained, [steps])))


_SCHEDULES = {"cosine": Cosine, "linear": Linear, "ddpm": table.linear(), "ddpm_cosine": table.cosine()}
_TIMES = {"uniform": times.uniform, "stratified": times.stratified, "towards_noise": times.TowardsNoise}
_VARIANCES = {"small": Small, "large": Large}
_THRESHOLDS = {"none": None, "clip": Clip, "dynamic": Dynamic}
_STEPPERS = {"ddpm": Ddpm, "ddim": Ddim, "dpm_solver_2m": DpmSolver2M}
_GRIDS = {"uniform_time": grids.uniform_time, "uniform_logsnr": grids.uniform_logsnr, "spaced": _spaced}


def _schedule(choice: Choice, where: str) -> Schedule:
    if isinstance(choice, Mapping) and "schedule" in choice:
        choice = {**choice, "schedule": _schedule(choice["schedule"], f"{where}.schedule")}
    return _chosen({**_SCHEDULES, "shifted": Shifted}, choice, where)


def _stepper(choice: Choice, where: str) -> Stepper:
    if isinstance(choice, Mapping) and "variance" in choice:
        choice = {**choice, "variance": _chosen(_VARIANCES, choice["variance"], f"{where}.variance")}
    return _chosen(_STEPPERS, choice, where)


def _times(choice: Choice, where: str) -> Callable[[Array, tuple[int, ...]], Array]:
    chosen = _chosen(_TIMES, choice, where)
    return chosen.stratified if isinstance(chosen, times.TowardsNoise) else chosen


def _chosen(options: Mapping[str, Any], choice: Choice, where: str) -> Any:
    """What `choice` names: a dataclass made of its settings, or whatever has none."""
    settings = dict(choice) if isinstance(choice, Mapping) else {"name": choice}
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in options:
        raise UserError(f"{where} is {choice!r}", f"Name one of {', '.join(options)}")
    option = options[name]
    if isinstance(option, type):
        return from_mapping(option, settings, where)
    if settings:
        raise UserError(f"{where} has the unknown key {next(iter(settings))!r}", f"Leave it out: {name!r} has none")
    return option
