"""Landmarks and the fit against what one would otherwise use: `python -m benchmarks.fit`.

Landmarks: `fit.landmarks.detect` against a plain loop over MediaPipe's holistic solution. The fit: `fit.solve.fit`
against L-BFGS (the optimiser of SMPLify-X) from the same start on the cost of our last stage alone, until it is as low
or the time is up; ours takes its coarser stages as well. All are timed after a first run.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import mediapipe
import numpy as np
import optax
from skimage import data

from benchmarks import report
from tests.fit import truth
from vlogger_jax.body import model_file, smplx
from vlogger_jax.fit import assemble, landmarks, least_squares, objective, solve, start
from vlogger_jax.fit.landmarks import Landmarks

FRAMES = 240
SEEN_FRAMES = 60
PATIENCE = 4
"""Times our time that L-BFGS is given."""


def pictures() -> Iterator[np.ndarray]:
    """A portrait (NASA, public domain) that moves sideways."""
    picture = data.astronaut()
    for i in range(SEEN_FRAMES):
        yield np.roll(picture, round(20 * np.sin(i / 6)), axis=1)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    jax.block_until_ready(work())
    return time.perf_counter() - begun


def plain_holistic() -> None:
    options = {"model_complexity": 1, "enable_segmentation": True, "refine_face_landmarks": True}
    with mediapipe.solutions.holistic.Holistic(**options) as graph:
        for picture in pictures():
            graph.process(picture)


def lbfgs(model: smplx.BodyModel, seen: Landmarks, seconds: float) -> tuple[float, float]:
    """Seconds until L-BFGS is as low as our last stage ends, and the cost it reaches over ours."""
    begun = start.begin(model, seen)
    length = next(length for length in solve.LENGTHS if length >= len(seen.face))
    made = jax.device_put(assemble.assemble(model, seen, begun, length))
    weights = jax.tree.map(jnp.float32, solve.STAGES[-1])

    def cost(at: objective.Unknowns, problem: objective.Problem) -> jax.Array:
        return least_squares.cost_of(objective.residuals(at, problem, weights))

    goal = _lowest(model, seen)
    optimiser = optax.lbfgs(memory_size=20)

    @jax.jit
    def step(at, state, problem):
        value = partial(cost, problem=problem)
        found, gradient = optax.value_and_grad_from_state(value)(at, state=state)
        update, state = optimiser.update(gradient, state, at, value=found, grad=gradient, value_fn=value)
        return optax.apply_updates(at, update), state, found

    at, state = made.start, optimiser.init(made.start)
    jax.block_until_ready(step(at, state, made.problem))
    first, found = time.perf_counter(), np.inf
    while time.perf_counter() - first < seconds and found > goal:
        at, state, found = step(at, state, made.problem)
        found = float(found)
    return time.perf_counter() - first, found / goal


def _lowest(model: smplx.BodyModel, seen: Landmarks) -> float:
    """The cost at which our last stage ends."""
    costs: list[float] = []
    inner = solve._step

    def watched(*arguments):
        state = inner(*arguments)
        costs.append(float(state.cost))
        return state

    solve._step = watched
    try:
        solve.fit(model, seen)
    finally:
        solve._step = inner
    return costs[-1]


def main() -> None:
    jax.config.update("jax_compilation_cache_dir", ".cache/jax")
    model = model_file.default()
    per_frame = 1000 / SEEN_FRAMES
    plain_holistic()
    rows = [
        report.row(
            "landmarks and matte, 512 px",
            per_frame * timed(lambda: landmarks.detect(pictures(), 24.0)),
            per_frame * timed(plain_holistic),
            "ms/frame",
        )
    ]
    for frames in (1, FRAMES):
        seen = truth.landmarks(model, *truth.clip(model, seed=3, frames=frames), noise=1.0)
        solve.fit(model, seen)
        ours = timed(lambda seen=seen: solve.fit(model, seen).motion)
        theirs, above = lbfgs(model, seen, PATIENCE * ours)
        reached = "as low" if above <= 1 else f"given up {above - 1:.1%} above"
        name = "a portrait" if frames == 1 else f"{frames} frames"
        rows.append(report.row(f"fit of {name}; L-BFGS {reached}", ours, theirs, "s"))
    print(report.write("fit", rows, ("jax", "numpy", "mediapipe", "optax")))


if __name__ == "__main__":
    main()
