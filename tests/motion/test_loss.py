"""The loss of M: by hand, of networks that are made up, and what does not count in it."""

import dataclasses
import json
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.motion import made
from vlogger_jax.core.draw import Draw
from vlogger_jax.motion import loss
from vlogger_jax.motion.loss import Dropped
from vlogger_jax.motion.model import Model
from vlogger_jax.motion.network import VISEMES
from vlogger_jax.motion.packing import PARTS, Packing, PerPart
from vlogger_jax.motion.stage import stage

B, T, E, LIPS = 128, 8, 5, 8
FACE = E + 9
DRAW = Draw.of(jax.random.key(0), B)
FIRST = dict(none=0.0, first=1.0, ends=0.0, random=0.0)
NOTHING = dict(none=1.0, first=0.0, ends=0.0, random=0.0)
COUNTS = PerPart(**{name: 1.0 + i for i, name in enumerate(PARTS)})
SMOOTHS = PerPart(**{name: 0.5 * i for i, name in enumerate(PARTS)})
DEVIATIONS = PerPart(**{name: 0.1 + 0.05 * i for i, name in enumerate(PARTS)})


class Packed(Packing):
    """Of motion that is packed already; of a reference only the face, which is all that is asked for here."""

    def pack(self, motion, reference):
        if isinstance(motion, jax.Array):
            return motion
        face = {"expression": "expression", "jaw": "jaw_pose", "left_eye": "leye_pose", "right_eye": "reye_pose"}
        parts = [getattr(motion, field) / getattr(DEVIATIONS, name) for name, field in face.items()]
        return jnp.concatenate(parts, axis=-1)


class MadeUp(Model):
    """Says what its parameters are, and keeps what it was told. Motion comes packed, which is quick to compile."""

    @property
    def packing(self):
        return Packed(E, DEVIATIONS)

    def motions(self, batch):
        return batch["x0"], self._motion(batch, "reference_")

    def listen(self, params, heard):
        return heard.mean(axis=2), params["logits"]

    def denoise(self, params, x, t, told):
        params.get("heard", []).append((x, t, told))
        return params["out"]


def model(**changes) -> MadeUp:
    usual = made.model(deviations=DEVIATIONS, counts=COUNTS, smooths=SMOOTHS, lips=2.0, viseme=0.3, **changes)
    return MadeUp(usual.section, usual.hearing)


LIPS_OF = np.random.default_rng(3).standard_normal((7, 3, LIPS)).astype(np.float32)


def batch() -> dict:
    found = made.batch(stage(made.config(frames=T), LIPS_OF).spec, B, frames=T)
    usual = made.model(deviations=DEVIATIONS)
    motion, reference = (jax.tree.map(np.asarray, each) for each in usual.motions(found))
    return found | {"x0": jnp.asarray(usual.packing.pack(motion, reference))}


BATCH = batch()
TRUTH = np.asarray(BATCH["x0"], np.float64)
D = TRUTH.shape[-1]


def outputs(seed: int = 1) -> dict:
    rng = np.random.default_rng(seed)
    return {
        "out": jnp.asarray(rng.standard_normal((B, T, D)), jnp.float32),
        "logits": jnp.asarray(rng.standard_normal((B, T, VISEMES)), jnp.float32),
    }


@cache
def compiled(settings: str, rough: bool):
    """The loss, the gradient with respect to what is predicted, and what the network was told."""
    made_of = json.loads(settings)
    dropped = Dropped(**{"reference": 0.0, "nothing": 0.0, "group": 0.0, **made_of.pop("dropped", {})})
    of, lips = model(), LIPS_OF.copy()
    if rough:
        lips[..., :3] = 0
        of = MadeUp(dataclasses.replace(of.section, smooths=PerPart(**dict.fromkeys(PARTS, 0.0))), of.hearing)
    loss_fn = loss.make(of, made.recipe(**{"masks": NOTHING, **made_of}), dropped, lips)

    @jax.jit
    def compute(params, data):
        heard = []

        def total(out):
            found = loss_fn(params | {"out": out, "heard": heard}, {}, data, DRAW)
            return found[0].sum(), (found, heard[0])

        (_, (found, told)), gradient = jax.value_and_grad(total, has_aux=True)(params["out"])
        return found, gradient, told

    return compute


def losses(params, data=BATCH, rough=False, **settings):
    return compiled(json.dumps(settings), rough)(params, data)[0]


def told_of(**settings):
    return compiled(json.dumps(settings), True)(outputs(), BATCH)[2]


def valid() -> np.ndarray:
    return np.arange(T) < np.asarray(BATCH["length"])[:, None]


def spread(values: PerPart) -> np.ndarray:
    widths = [E, 3, 3, 3, 6, 18, 12, 48, 90, 90, 3]
    return np.repeat([getattr(values, name) for name in PARTS], widths)


def test_by_hand():
    """Weighed by min(SNR, 5), of new frames; steps of all; lips as far as they move; visemes that are known."""
    given = dict(masks=FIRST, weighting="min_snr")
    params, recipe = outputs(), made.recipe(**given)
    found, metrics = losses(params, **given)

    x0, out, filled = TRUTH, np.asarray(params["out"], np.float64), valid()
    known = np.asarray(recipe.masks(DRAW.named("known"), T))
    alpha, sigma = recipe.objective.schedule.level(np.asarray(DRAW.named("time").of_batch(recipe.times), np.float64))
    weight = np.minimum((alpha / sigma) ** 2, 5)
    squares, new = weight[:, None, None] * (out - x0) ** 2, filled & ~known
    counts = spread(COUNTS)
    diff = [(squares[i, new[i]] * counts).mean() for i in range(B)]
    steps = np.diff(out, axis=1) ** 2 * counts * spread(SMOOTHS)
    temp = [steps[i, : int(BATCH["length"][i]) - 1].mean() for i in range(B)]
    # What the vertices of lips move, beside what they move for each number at its deviation.
    deviations = spread(DEVIATIONS)[:LIPS]
    moved = np.einsum("vck,btk->btvc", LIPS_OF * deviations, (out - x0)[..., :LIPS]) ** 2
    per_frame = weight[:, None] * moved.sum(axis=(2, 3)) / ((LIPS_OF * deviations) ** 2).sum()
    lips = [per_frame[i, new[i]].mean() for i in range(B)]
    spoken = filled & (np.asarray(BATCH["viseme"]) < VISEMES)
    logits, of = np.asarray(params["logits"], np.float64), np.asarray(BATCH["viseme"])
    rows = np.log(np.exp(logits).sum(axis=-1)) - np.take_along_axis(logits, np.minimum(of, 15)[..., None], -1)[..., 0]
    viseme = [rows[i, spoken[i]].mean() for i in range(B)]

    for name, wanted in (("diff", diff), ("temp", temp), ("lips", lips), ("viseme", viseme)):
        np.testing.assert_allclose(metrics[name], wanted, rtol=2e-4, err_msg=name)
    total = np.array(diff) + temp + 2.0 * np.array(lips) + 0.3 * np.array(viseme)
    np.testing.assert_allclose(found, total, rtol=2e-4)
    jaw = [squares[i, new[i], E : E + 3].mean() for i in range(B)]
    np.testing.assert_allclose(metrics["jaw"], jaw, rtol=2e-4)
    assert 0 < known.mean() < 0.6 and not filled.all()


def test_only_new_frames_that_are_there_have_a_gradient():
    """Without what smooths, which goes over known frames to those that are new."""
    gradient = np.asarray(compiled(json.dumps(dict(masks=FIRST)), True)(outputs(), BATCH)[1])
    new = valid() & ~np.asarray(made.recipe(masks=FIRST).masks(DRAW.named("known"), T))
    assert (gradient[~new] == 0).all()
    assert (gradient[new] != 0).all()


def test_padding_does_not_count():
    params = outputs()
    other = {name: jnp.where(valid()[..., None], array, 7.0) for name, array in params.items()}
    found, wanted = losses(params), losses(other)
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_constant_motion_is_smooth_and_a_ramp_has_its_slope():
    slope = np.linspace(-1, 1, D)
    ramp = outputs() | {"out": jnp.asarray(np.arange(T)[None, :, None] * slope, jnp.float32).repeat(B, axis=0)}
    still = outputs() | {"out": jnp.ones((B, T, D))}
    np.testing.assert_array_equal(losses(still)[1]["temp"], 0)
    wanted = (slope**2 * spread(COUNTS) * spread(SMOOTHS)).mean()
    np.testing.assert_allclose(losses(ramp)[1]["temp"], wanted, rtol=1e-5)


@pytest.mark.parametrize("part", ["expression", "head", "transl"])
def test_each_part_has_its_weights(part):
    """An error of one part alone counts as often as it says."""
    where = model().packing.columns[part]
    out = jnp.asarray(TRUTH, jnp.float32).at[..., where].add(jnp.arange(T)[:, None] * 1.0)
    metrics = losses(outputs() | {"out": out})[1]
    filled, step = valid(), np.arange(T) ** 2
    share = (where.stop - where.start) / D
    wanted = [getattr(COUNTS, part) * share * step[row].mean() for row in filled]
    np.testing.assert_allclose(metrics["diff"], wanted, rtol=1e-4)
    moving = TRUTH.copy()
    moving[..., where] += np.arange(T)[:, None]
    temp = np.diff(moving, axis=1) ** 2 * spread(COUNTS) * spread(SMOOTHS)
    wanted = [temp[i, : row.sum() - 1].mean() for i, row in enumerate(filled)]
    np.testing.assert_allclose(metrics["temp"], wanted, rtol=1e-4)


@pytest.mark.slow
def test_without_lips_the_rest_counts_as_before():
    stages = [stage(made.config(frames=T, model=dict(lips=1.0)), lips) for lips in (LIPS_OF, None)]
    params = made.stirred(stages[0].init(jax.random.key(0)).trainable)
    data = {name: BATCH[name] for name in stages[0].spec}
    (with_them, terms), (without, others) = (each.loss_fn(params, {}, data, DRAW) for each in stages)
    assert set(terms) - set(others) == {"lips"}
    np.testing.assert_allclose(with_them - terms["lips"], without, rtol=1e-5)


def test_an_error_that_leaves_the_lips_alone_is_none_of_theirs():
    """The first three coefficients move no lips here, and all but face and jaw never do."""
    perfect = jnp.asarray(TRUTH, jnp.float32)
    off = outputs() | {"out": perfect.at[..., :3].add(1.0).at[..., LIPS:].add(1.0)}
    np.testing.assert_allclose(losses(off, rough=True, masks=FIRST)[1]["lips"], 0, atol=1e-8)
    on = losses(outputs() | {"out": perfect.at[..., 3].add(1.0)}, rough=True, masks=FIRST)[1]
    assert (on["lips"] > 0.01).all()


def test_visemes_that_nobody_knows_do_not_count():
    params = outputs()
    unknown = np.asarray(BATCH["viseme"]) >= VISEMES
    assert unknown.any()
    other = params | {"logits": jnp.where(unknown[..., None], 9.0 * jnp.arange(VISEMES), params["logits"])}
    np.testing.assert_array_equal(losses(params)[1]["viseme"], losses(other)[1]["viseme"])
    none = BATCH | {"viseme": jnp.full((B, T), VISEMES, jnp.uint8)}
    np.testing.assert_array_equal(losses(params, none)[1]["viseme"], 0)
    sure = params | {"logits": 50.0 * jax.nn.one_hot(BATCH["viseme"], VISEMES)}
    np.testing.assert_allclose(losses(sure)[1]["viseme"], 0, atol=1e-6)


TOLD = dict(dropped=dict(reference=0.3, group=0.25), masks=FIRST, drop=0.4, context_noise=0.2)


def test_groups_are_known_whole():
    """As many all of the face as all of the body, and some frames of both for the others."""
    (_, _, told), gradient = told_of(**TOLD), compiled(json.dumps(TOLD), True)(outputs(), BATCH)[1]
    shown = np.asarray(told.shown)
    whole = shown.all(axis=1)
    assert not whole.all(axis=1).any()
    np.testing.assert_allclose(whole.mean(axis=0), 0.25, atol=0.12)
    alone = whole.any(axis=1)
    assert (shown[alone].sum(axis=(1, 2)) == T).all()
    np.testing.assert_array_equal(shown[~alone][..., 0], shown[~alone][..., 1])
    # What is known is what is shown, of the columns that it is of, and counts nowhere.
    known = np.asarray(told.known) != 0
    given = np.concatenate([shown[..., :1].repeat(FACE, -1), shown[..., 1:].repeat(D - FACE, -1)], axis=-1) == 1
    np.testing.assert_array_equal(known, given)
    assert (np.asarray(gradient)[given] == 0).all()
    assert (np.asarray(gradient)[~given & valid()[..., None]] != 0).all()


def test_what_is_known_is_as_noisy_as_is_said():
    _, _, told = told_of(**TOLD)
    level, known = np.asarray(told.level)[:, None, None], np.asarray(told.known)
    assert 0.15 < level.max() < 0.2
    noise = np.asarray(DRAW.named("context").normal_frames(jnp.zeros((B, T, D))))
    wanted = np.sqrt(1 - level**2) * TRUTH + level * noise
    np.testing.assert_allclose(known[known != 0], wanted[known != 0], rtol=1e-3, atol=1e-5)


def test_conditions_are_dropped_each_by_itself():
    _, _, told = told_of(**TOLD)
    np.testing.assert_allclose(1 - np.asarray(told.has_sound).mean(), 0.4, atol=0.13)
    has = np.asarray(told.has_reference)
    np.testing.assert_allclose(1 - has.mean(axis=0), 0.3, atol=0.13)
    assert len(np.unique(has, axis=0)) == 8
    np.testing.assert_array_equal(np.asarray(told.reference)[:, -3:], np.asarray(BATCH["visible"]) * has[:, 2:])
    np.testing.assert_array_equal(told.valid, valid())


def test_a_reference_may_not_be_told_at_all():
    _, _, told = told_of(**{**TOLD, "dropped": dict(reference=0.0, nothing=0.4)})
    has = np.asarray(told.has_reference)
    np.testing.assert_array_equal(has[:, :1].repeat(3, axis=1), has)
    np.testing.assert_allclose(1 - has.mean(), 0.4, atol=0.13)


def test_the_network_sees_the_truth_noised():
    x, t, _ = told_of(**TOLD)
    alpha, sigma = (np.asarray(part)[:, None, None] for part in made.recipe().objective.schedule.level(np.asarray(t)))
    noise = np.asarray(DRAW.named("noise").normal_frames(jnp.zeros((B, T, D))))
    np.testing.assert_allclose(x, alpha * TRUTH + sigma * noise, atol=1e-3)
    assert np.ptp(np.asarray(t)) > 0.8


@pytest.mark.slow
def test_one_batch_is_learned():
    """With the same noise each time, so that there is something to learn by heart."""
    sections = dict(size={**made.SIZE, "width": 32}, deviations=dict.fromkeys(PARTS, 0.1), lips=1.0, viseme=0.05)
    learning = stage(made.config(frames=T, model=sections), LIPS_OF)
    one = {name: array[:1].repeat(8, axis=0) for name, array in BATCH.items() if name in learning.spec}
    optimizer, params = optax.adam(2e-2), learning.init(jax.random.key(0)).trainable
    state, found = optimizer.init(params), []

    @jax.jit
    def step(params, state):
        draw = Draw.of(jax.random.key(0), 8)
        value, gradient = jax.value_and_grad(lambda p: learning.loss_fn(p, {}, one, draw)[0].mean())(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    for _ in range(60):
        params, state, value = step(params, state)
        found.append(float(value))
    assert found[-1] < 0.2 * found[0]


def test_what_is_not_told_of_the_reference_is_drawn_piece_by_piece():
    kept = np.asarray(loss._kept(Draw.of(jax.random.key(0), 4000), Dropped(reference=0.5, nothing=0.5)))
    np.testing.assert_allclose(kept.mean(axis=0), 0.25, atol=0.03)
    np.testing.assert_allclose((kept[:, 0] & kept[:, 1]).mean(), 0.125, atol=0.03)


class Still(Model):
    """Says that everybody is as the reference is, with a face at rest."""

    def listen(self, params, heard):
        return heard.mean(axis=2), jnp.zeros((*heard.shape[:2], VISEMES))

    def denoise(self, params, x, t, told):
        return jnp.zeros_like(x)


def test_a_shift_makes_noise_higher_and_counts_errors_as_before():
    """Numbers three times as small are as far into the noise as those of a schedule shifted by three."""
    shifts = dataclasses.replace(PerPart(), head=3.0, jaw=2.0)
    found = []
    for shifted in (PerPart(), shifts):
        usual = made.model(deviations=DEVIATIONS, counts=COUNTS, lips=2.0, shifts=shifted)
        still = Still(usual.section, usual.hearing)
        loss_fn = loss.make(still, made.recipe(masks=NOTHING), Dropped(reference=0.0, nothing=0.0, group=0.0), LIPS_OF)
        found.append(jax.jit(loss_fn)({}, {}, {name: BATCH[name] for name in BATCH if name != "x0"}, DRAW)[0])
        motion, reference = still.motions(BATCH)
        packed = still.packing.pack(motion, still.origin(reference))
        np.testing.assert_allclose(packed * still.packing.spread(shifted), BATCH["x0"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
