"""The toys trained in earnest, beside what is known of them: `docs/results/toy.json` and `docs/figures/toy.png`.

Run `python -m benchmarks.toy`; it takes some minutes on 2 CPU cores. Three trainings: of points of two classes; of
sequences, of which some frames are given; and of sequences of which none ever are, for what sampling can do with such a
network by putting the given frames in place at each step (Lugmayr et al. 2022).
"""

import copy
import json
import time
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from configs import toy_ar1, toy_mixture
from data_pipelines.loaders import order
from data_pipelines.loaders.order import Order
from launch import data, program
from launch.data import Inputs
from vlogger_jax import stages
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.draw import Draw
from vlogger_jax.core.functional import Network
from vlogger_jax.core.stage import Params, Stage
from vlogger_jax.diffusion import outpaint, prediction, process, sampler
from vlogger_jax.diffusion.denoise import denoiser
from vlogger_jax.diffusion.noise import per_frame
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.toy import loss, picture
from vlogger_jax.toy import sample as sampling
from vlogger_jax.toy.network import Model, ToyNetwork
from vlogger_jax.toy.truth import Ar1, Mixture, Truth

ROOT = Path(__file__).parents[1]
RESULTS, FIGURE = ROOT / "docs" / "results" / "toy.json", ROOT / "docs" / "figures" / "toy.png"

COUNT = 4000
"""Samples that moments are measured on."""

GIVEN = 2.0
"""Of all known frames of sequences: two standard deviations from the mean."""

FAR = 1.5
"""Where the sequences of the picture are at the last frame they are given, or farther from the mean."""

GUIDED = 3.0
NONE = dict(none=1.0, first=0.0, ends=0.0, random=0.0)


def train(config: Any) -> tuple[Stage, Params, dict]:
    """A stage, the moving average of its parameters, and what training took."""
    made = program.build(config, jax.devices()[:1])
    inputs = Inputs.of(config, made.stage, made.mesh, "train", made.train.batch)
    with jax.set_mesh(made.mesh):
        state, frozen = made.init()
        batches = iter(inputs(0))
        state, _ = made.step(state, frozen, inputs.put(next(batches)))
        begun = time.monotonic()
        for _ in range(made.train.steps - 1):
            state, metrics = made.step(state, frozen, inputs.put(next(batches)))
        loss = float(metrics["loss"])
        seconds = time.monotonic() - begun
    print(f"{config.data.truth}: {made.train.steps} steps in {seconds:.0f} s, loss {loss:.4f}", flush=True)
    took = {"steps": made.train.steps, "batch": made.train.batch, "seconds": round(seconds, 1)}
    return made.stage, jax.device_get(state.ema), took


def best(truth: Truth, recipe: Recipe) -> Callable[..., jax.Array]:
    """The network that says what is best said; it has no parameters."""
    objective = recipe.objective

    def predict(params: Params, x: jax.Array, t: jax.Array, context: outpaint.Context, label: jax.Array) -> jax.Array:
        level = process.level_at(objective.schedule, t, x)
        x0 = truth.clean(x, level, context, label)
        return objective.prediction.target(x0, prediction.noise_in(x, x0, level), level)

    return predict


def losses(config: Any, stage: Stage, params: Params, truth: Truth, batches: int = 20) -> dict:
    """Of a trained network and of the best, on the same samples of the test split, with the same draws."""
    stream, wanted = data.stream(config, "test"), Order(1000)
    with jax.enable_x64(True):
        ideal = loss.make(best(truth, Recipe.of(config.diffusion, 1)), Recipe.of(config.diffusion, 1), truth.classes)
        both = jax.jit(
            lambda batch, draw: (stage.loss_fn(params, {}, batch, draw)[0].mean(), ideal({}, {}, batch, draw)[0].mean())
        )
        found = []
        for number in range(batches):
            made = order.batch(stream, wanted, number)
            batch = {"x": jnp.asarray(made["x"], jnp.float64), "label": jnp.asarray(made["label"])}
            found.append(both(batch, Draw.of(jax.random.key(number), wanted.batch)))
    ours, least = np.mean(jax.device_get(found), axis=0)
    return {"loss": round(float(ours), 5), "least_possible": round(float(least), 5)}


def drawn(stage: Stage, params: Params, x: np.ndarray, label: np.ndarray) -> np.ndarray:
    batch = {"x": jnp.asarray(x, jnp.float32), "label": jnp.asarray(label, jnp.uint8)}
    return np.asarray(jax.jit(stage.sample)(params, {}, batch, Draw.of(jax.random.key(9), len(x))))


def changed(config: Any, **diffusion: Any) -> Any:
    """`config` with another section `diffusion`."""
    config = copy.deepcopy(config)
    config.diffusion.update(diffusion)
    return config


def mixture() -> tuple[dict, list[tuple[str, np.ndarray]]]:
    """Moments of each class, and what guidance does to the rings."""
    truth, config = Mixture(), toy_mixture.get_config()
    stage, params, took = train(config)
    label = (np.arange(COUNT) % 2).astype(np.uint8)
    start, pictures, found = np.zeros((COUNT, 1, 2)), [], {}
    rng = np.random.default_rng(0)
    true, of = zip(*(truth.draw(rng) for _ in range(2000)), strict=True)
    pictures.append(("the data", picture.points(truth, np.stack(true), np.array(of, np.uint8))))
    ways = {"plain": (1.0, (0.0, 1.0)), "guided": (GUIDED, config.diffusion.interval), "always": (GUIDED, (0.0, 1.0))}
    for name, (scale, interval) in ways.items():
        other = changed(config, scales=(scale,), interval=interval)
        samples = drawn(stages.build(other), params, start, label)
        exact = drawn_exactly(truth, Recipe.of(other.diffusion, 1), 0, start, label)
        found[name] = {
            "scale": scale,
            "interval": list(interval),
            "trained": rings(truth, samples, label),
            "exact": rings(truth, exact, label),
        }
        if name != "always":
            pictures.append(
                (f"a trained network, guidance {scale:g}", picture.points(truth, samples[:2000], label[:2000]))
            )
    return {**took, **losses(config, stage, params, truth), **found}, pictures


def rings(truth: Mixture, samples: np.ndarray, label: np.ndarray) -> dict:
    """Of each ring: share of its likeliest centre, spread about centres over the true one, mean distance from 0."""
    found = {}
    for which, name in enumerate(("inner", "outer")):
        points, centres = samples[label == which, 0], truth.centres[which]
        nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
        off = points - centres[nearest]
        found[name] = {
            "largest_share": round(float(np.bincount(nearest, minlength=4).max() / len(points)), 3),
            "largest_offset": round(max(float(np.linalg.norm(off[nearest == k].mean(axis=0))) for k in range(4)), 4),
            "spread_ratio": round(float(off.std() / truth.spread), 3),
            "radius": round(float(np.linalg.norm(points, axis=-1).mean()), 4),
        }
    return found


def drawn_exactly(truth: Truth, recipe: Recipe, given: int, x: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Samples of the best network there is."""
    with jax.enable_x64(True):
        function = sampling.make(best(truth, recipe), recipe, truth.classes, given)
        batch = {"x": jnp.asarray(x, jnp.float64), "label": jnp.asarray(label)}
        return np.asarray(jax.jit(function)({}, {}, batch, Draw.of(jax.random.key(9), len(x))))


def sequences() -> tuple[dict, list[tuple[str, np.ndarray]]]:
    """How far off the frames are that follow four known ones."""
    truth, config = Ar1(), toy_ar1.get_config()
    given = config.data.given
    known = np.arange(truth.frames) < given
    x, label = np.zeros((COUNT, truth.frames, 1)), np.zeros(COUNT, np.uint8)
    x[:, known] = GIVEN
    rng = np.random.default_rng(4)
    many = np.stack([truth.draw(rng)[0] for _ in range(200)])
    some = many[np.abs(many[:, given - 1, 0]) > FAR][:8]
    pictures, found = [], {}

    stage, params, took = train(config)
    found["trained_with_masks"] = after(truth, drawn(stage, params, x, label), known)
    found["exact"] = after(truth, drawn_exactly(truth, Recipe.of(config.diffusion, 1), given, x, label), known)
    title = "going on from four frames, as trained"
    pictures.append((title, picture.lines(truth, drawn(stage, params, some, label[:8]), some, known)))
    least = losses(config, stage, params, truth)

    blind = changed(config, masks=NONE, sampler="ddpm", steps=250)
    _, blind_params, _ = train(blind)
    found["replacement"] = after(truth, replaced(blind, blind_params, x, known), known)
    title = "put in place at each step, trained without"
    pictures.append((title, picture.lines(truth, replaced(blind, blind_params, some, known), some, known)))
    return {**took, **least, **found}, pictures


def replaced(config: Any, params: Params, x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Samples of a network that is never shown what is known, which is put in place after each step of DDPM."""
    recipe = Recipe.of(config.diffusion, 1)
    network = Network(partial(ToyNetwork, from_mapping(Model, config.model), 1, 1))
    x0, label = jnp.asarray(x, jnp.float32), jnp.zeros(len(x), jnp.int32)
    nothing = outpaint.prepare(x0, jnp.zeros(x0.shape[:2], bool), jnp.zeros(len(x)), jnp.zeros_like(x0))

    def predict(x: jax.Array, t: jax.Array) -> jax.Array:
        return network(params, x, t, nothing, label)

    @jax.jit
    def function(draw: Draw) -> jax.Array:
        denoise = denoiser(predict, recipe.objective.schedule, recipe.objective.prediction)
        stepper = outpaint.Replacement(recipe.sampler.stepper, x0, jnp.broadcast_to(known, x0.shape[:2]))
        start = draw.named("start").normal_frames(x0)
        return sampler.sample(denoise, recipe.sampler.grid, stepper, start, per_frame(draw.named("steps")))

    return np.asarray(function(Draw.of(jax.random.key(9), len(x))))


def after(truth: Ar1, samples: np.ndarray, known: np.ndarray) -> dict:
    """Bias of the first three new frames, in the prior's deviations, and the spread of the first over the true one."""
    mean, covariance = truth.posterior(np.full(truth.frames, GIVEN), known)
    new = samples[:, ~known, 0]
    return {
        "bias_of_first_three": round(float(np.abs(new.mean(axis=0) - mean)[:3].max()), 3),
        "spread_ratio_of_first": round(float(new[:, 0].std() / np.sqrt(covariance[0, 0])), 3),
    }


def titled(title: str, image: np.ndarray) -> np.ndarray:
    picture = Image.new("RGB", (image.shape[1], image.shape[0] + 26), "white")
    picture.paste(Image.fromarray(image), (0, 26))
    ImageDraw.Draw(picture).text((6, 5), title, fill=(60, 60, 70), font=ImageFont.load_default(14))
    return np.asarray(picture)


def arranged(rows: list[list[np.ndarray]], gap: int = 12) -> Image.Image:
    """Rows of pictures, one below the other, on white."""
    width = max(sum(image.shape[1] + gap for image in row) for row in rows) - gap
    page = Image.new("RGB", (width, sum(row[0].shape[0] + gap for row in rows) - gap), "white")
    top = 0
    for row in rows:
        left = 0
        for image in row:
            page.paste(Image.fromarray(image), (left, top))
            left += image.shape[1] + gap
        top += row[0].shape[0] + gap
    return page


def main() -> None:
    points, point_pictures = mixture()
    lines, line_pictures = sequences()
    versions = {package: metadata.version(package) for package in ("jax", "flax", "optax", "numpy")}
    found = {"command": "python -m benchmarks.toy", "versions": versions, "mixture": points, "ar1": lines}
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    page = arranged([[titled(*each) for each in row] for row in (point_pictures, line_pictures)])
    page.save(FIGURE, optimize=True)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
