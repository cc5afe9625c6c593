"""How long M takes: `python -m benchmarks.motion_speed [--bundle DIR]`.

Ten seconds of sound with each preset, after compilation; the same network and steps in a loop that one would write by
hand, with one compiled call a denoising step, to the same motion; where the time goes; and memory while ten minutes of
sound are streamed. Seconds are of one run after another in one process.
"""

import os
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
import typer

from benchmarks import report
from vlogger_jax import bundle, console, moving
from vlogger_jax.audio import mel
from vlogger_jax.audio.mel import RATE
from vlogger_jax.body import model_file, smplx
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.records import Motion
from vlogger_jax.diffusion import guidance
from vlogger_jax.diffusion.denoise import denoiser
from vlogger_jax.diffusion.outpaint import Replacement, prepare
from vlogger_jax.diffusion.stepper import Step
from vlogger_jax.motion.network import Told
from vlogger_jax.motion.perform import Performer, Take
from vlogger_jax.motion.sample import Window

SECONDS = 10
TURNS = 5
LIMIT = 5.0
"""Seconds that ten of sound may take with the preset `fast`."""

MINUTES = (1, 5, 10)
SAME = 1e-3
"""Of an expression: what rounding may make of it when compiled in other pieces."""

GROWTH = 0.02
"""Of memory from the first of them to the last."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes four times a second: what it says costs nothing."""
    time, rng = np.arange(round(seconds * RATE)) / RATE, np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(len(time)) * np.sin(2 * np.pi * 2 * time) ** 2).astype(np.float32)


def by_hand(performer: Performer) -> Callable[[dict, Window, Draw], np.ndarray]:
    """A window, step by step from Python."""
    model, recipe = performer.model, performer.recipe
    objective, sampler, packing = recipe.objective, recipe.sampler, model.packing
    warmth = model.warmth
    columns = (jnp.arange(packing.d) >= packing.face).astype(jnp.int32)

    @jax.jit
    def begin(params: dict, window: Window, draw: Draw) -> tuple:
        sound, _ = model.listen(params, window.heard)
        x = warmth * draw.named("start").normal_frames(window.known)
        return sound, x, sampler.stepper.init(x)

    def advance(guided: bool) -> Callable:
        @jax.jit
        def one(params: dict, window: Window, draw: Draw, sound, start, carry, row) -> tuple:
            (x, memory), (i, at, first, last, ends), b = carry, row, len(window.known)
            mask = window.given[..., columns]
            context = model.context(prepare(window.known, mask, jnp.zeros(b), jnp.zeros_like(window.known)))
            shown, has = model.shown(window.reference, window.visible, jnp.ones((b, 3), bool))
            valid = jnp.arange(window.known.shape[1]) < window.length[:, None]

            def told(x, t, dropped):
                heard = jnp.broadcast_to(1.0 - dropped[0], (b,))
                all_of_it = Told(
                    sound=sound, has_sound=heard, reference=shown, has_reference=has, valid=valid, **context
                )

                def network(x, t):
                    return model.denoise(params, x, t, all_of_it)

                return denoiser(network, objective.schedule, objective.prediction)(x, t)

            denoise = guidance.guided(told, sampler.guidance) if guided else guidance.conditional(told, 1)
            fixed = start if sampler.stepper.deterministic else None
            noise = start if fixed is not None else warmth * draw.named("steps").at(i).normal_frames(x)
            stepper = Replacement(sampler.stepper, window.known, mask, fixed, exact=False)
            return stepper.step(x, denoise(x, jnp.full(b, at)), Step(first, last, ends), memory, noise)

        return one

    calmed, calls = jax.jit(model.calmed), {guided: advance(guided) for guided in (True, False)}
    grid, (low, high) = sampler.grid, sampler.interval

    def sample(params: dict, window: Window, draw: Draw) -> np.ndarray:
        sound, start, memory = begin(params, window, draw)
        x = start
        for i in range(grid.steps):
            row = (i, np.float32(grid.time[i]), np.float32(grid.start[i]), np.float32(grid.stop[i]))
            guided = bool(low - 1e-9 <= grid.time[i] <= high + 1e-9)
            x, memory = calls[guided](
                params, window, draw, sound, start, (x, memory), (*row, np.asarray(i == grid.steps - 1))
            )
        return np.asarray(calmed(x, window.length))

    return sample


class Watched:
    """A performer's windows, timed; instead of its own function if `instead` is given."""

    def __init__(self, performer: Performer, instead: Callable | None = None):
        self.seconds, self.windows, self.last = 0.0, 0, None
        self._inner = performer._denoise if instead is None else instead
        vars(performer)["_denoise"] = self  # where `cached_property` keeps it

    def __call__(self, *arguments) -> np.ndarray:
        begun = time.perf_counter()
        found = np.asarray(jax.block_until_ready(self._inner(*arguments)))
        self.seconds, self.windows, self.last = self.seconds + time.perf_counter() - begun, self.windows + 1, arguments
        return found


def timed(*works: Callable[[], object], turns: int = TURNS) -> list[float]:
    """Seconds of each, the median of some runs after one more, in turn: what else the machine does is all of theirs."""
    taken = []
    for _ in range(turns + 1):
        for work in works:
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
    return np.median(np.reshape(taken, (turns + 1, len(works)))[1:], axis=0).tolist()


def parts(performer: Performer, sound: np.ndarray, reference: Motion) -> dict:
    """Where the time of ten seconds goes, and what the processor could do in the network's."""
    watched = Watched(performer)
    performer.perform(sound, reference)
    watched.seconds, watched.windows = 0.0, 0
    begun = time.perf_counter()
    for _ in range(TURNS):
        performer.perform(sound, reference)
    whole, network = (time.perf_counter() - begun) / TURNS, watched.seconds / TURNS

    def heard() -> None:
        performer.model.hearing.hear(mel.mel(sound, performer.fps).mel, performer.fps)

    [hearing] = timed(heard)
    params, window, _ = watched.last
    model = performer.model
    told, x, level = _told(performer, params, window)
    once = jax.jit(model.denoise).lower(params, x, level, told).compile().cost_analysis()
    sampler = performer.recipe.sampler
    low, high = sampler.interval
    guided = int(((sampler.grid.time >= low - 1e-9) & (sampler.grid.time <= high + 1e-9)).sum())
    answers = len(sampler.guidance.terms()[1])
    calls = guided * answers + sampler.grid.steps - guided
    windows = watched.windows // TURNS
    return {
        "seconds": round(whole, 4),
        "share": {
            "network": round(network / whole, 3),
            "mel bands and hearing": round(hearing / whole, 3),
            "packing, manner, windows": round(1 - (network + hearing) / whole, 3),
        },
        "windows": windows,
        "network_calls_a_window": calls,
        "network_gflop_a_call": round(once["flops"] / 1e9, 4),
        "network_gflop_a_second": round(once["flops"] / 1e9 * calls * windows / network, 1),
        "matrix_product_gflop_a_second": round(_peak(), 1),
        "window_product_gflop_a_second": round(_peak(x.shape[1], model.section.size.width), 1),
    }


def _told(performer: Performer, params: dict, window: Window) -> tuple:
    model, b = performer.model, len(window.known)
    sound, _ = model.listen(params, window.heard)
    shown, has = model.shown(window.reference, window.visible, jnp.ones((b, 3), bool))
    nothing = jnp.zeros_like(window.known)
    context = model.context(prepare(window.known, jnp.zeros_like(nothing, bool), jnp.zeros(b), nothing))
    valid = jnp.ones(window.known.shape[:2], bool)
    told = Told(sound=sound, has_sound=jnp.ones(b), reference=shown, has_reference=has, valid=valid, **context)
    return told, nothing, jnp.full(b, 0.5)


def _peak(rows: int = 1536, columns: int = 1536) -> float:
    """GFLOP/s of products of a [rows, columns] and a [columns, columns] matrix."""
    a, b = jnp.ones((rows, columns)), jnp.ones((columns, columns)) / columns
    times = max(int(4e9 / (2 * rows * columns * columns)), 1)
    work = jax.jit(lambda a, b: jax.lax.fori_loop(0, times, lambda i, a: a @ b, a))
    [seconds] = timed(lambda: jax.block_until_ready(work(a, b)))
    return 2e-9 * times * rows * columns * columns / seconds


def memory(performer: Performer, reference: Motion, minutes: tuple[int, ...]) -> list[dict]:
    """Megabytes after so many minutes of sound in one stream: resident, the most so far, and numpy's and Python's."""

    def blocks() -> Iterator[np.ndarray]:
        block = speech(1.0)
        for _ in range(60 * minutes[-1]):
            yield block

    found, frames, wanted = [], 0, list(minutes)
    tracemalloc.start()
    begun = time.perf_counter()
    for part in performer.stream(blocks(), reference, Take()):
        frames += part.transl.shape[1]
        if frames >= 60 * performer.fps * wanted[0] - performer.window:
            found.append(
                {
                    "minutes": wanted.pop(0),
                    "resident_mb": round(_resident(), 1),
                    "most_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
                    "python_most_mb": round(tracemalloc.get_traced_memory()[1] / 2**20, 2),
                    "seconds": round(time.perf_counter() - begun, 1),
                }
            )
            tracemalloc.reset_peak()
            if not wanted:
                break
    tracemalloc.stop()
    return found


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@app.command()
def main(
    bundle_folder: Annotated[Path | None, typer.Option("--bundle", help="Instead of the packaged one.")] = None,
    minutes: Annotated[list[int], typer.Option(help="Of the stream, when to look; for trying things.")] = list(MINUTES),  # noqa: B006
    presets: Annotated[list[str], typer.Option("--preset", help="To time.")] = list(moving.PRESETS),  # noqa: B006
    keep: Annotated[bool, typer.Option(help="Write the numbers to benchmarks/results.")] = True,
) -> None:
    """Seconds and megabytes of M."""
    console.keep_compiled()
    reference, sound = smplx.rest_motion(model_file.default()), speech(SECONDS)
    rows, seconds = [], {}
    for preset in presets:
        turns = TURNS if preset != "faithful" else 1
        ours, theirs = (moving.performer(bundle_folder, preset) for _ in range(2))
        Watched(theirs, by_hand(theirs))

        def ten(performer: Performer) -> Motion:
            return performer.perform(sound, reference)

        apart = float(np.abs(ten(theirs).expression - ten(ours).expression).max())
        assert apart < SAME, f"the loop by hand is off by {apart}"
        seconds[preset], hand = timed(partial(ten, ours), partial(ten, theirs), turns=turns)
        rows.append(report.row(f"10 s of sound, {preset}; a call a step from Python", seconds[preset], hand, "s"))
    fast = moving.performer(bundle_folder, "fast")
    split = parts(fast, sound, reference)
    streamed = memory(moving.performer(bundle_folder, "fast"), reference, tuple(minutes))
    stored = bundle.load(bundle_folder or bundle.packaged()).stages[moving.STAGE]
    growth = {
        name: round(streamed[-1][name] / streamed[0][name] - 1, 4)
        for name in ("resident_mb", "most_mb", "python_most_mb")
    }
    details = {
        "bundle": {"step": stored.training.step, "sha256": stored.sha256},
        "limit_s": LIMIT,
        "fast": split,
        "stream": streamed,
        "growth": growth,
        "missed": missed(seconds, growth),
        "of": f"median of {TURNS} runs after one (faithful: 1), one performance",
    }
    print(details)
    if keep:
        report.write("motion_speed", rows, ("jax", "numpy"), details)
    else:
        print(*rows, sep="\n")


def missed(seconds: dict[str, float], growth: dict[str, float]) -> list[str]:
    """The limits that are not met."""
    lines = []
    if "fast" in seconds and seconds["fast"] > LIMIT:
        lines.append(f"fast: {seconds['fast']:.2f} s, not {LIMIT}")
    return lines + [
        f"{name}: grows by {share:.1%}, not {GROWTH:.0%}" for name, share in growth.items() if share > GROWTH
    ]


if __name__ == "__main__":
    sys.exit(console.outcome(app, sys.argv[1:], "python -m benchmarks.motion_speed"))
