"""The control network: at initialisation, without it, and what learns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.video import small
from tests.video.small import SIZE, jitted, normal, times
from vlogger_jax.core.functional import paths
from vlogger_jax.core.parts import divided
from vlogger_jax.core.stage import Variables
from vlogger_jax.video.control import Steered

B, T, SEEN = 2, 3, 5
FRAMES = (B, T, SIZE, SIZE, 3)
LEVEL = np.float32([0.0, 0.3])


@functools.cache
def made(temporal=True):
    """(network, function, parameters at the beginning from a base that predicts something)."""
    network = Steered.of(small.model(c_out=3), SEEN, temporal)
    base = small.parameters(network.base)
    return network, jitted(network), network.begin(base, network.init(jax.random.key(1)))


def seen(seed=3, frames=T):
    return normal(B, frames, SIZE, SIZE, SEEN, seed=seed)


def trained():
    """Parameters with which the control network has something to say."""
    network, _, params = made()
    return {"base": params["base"], "control": small.parameters(network.control)}


@pytest.mark.parametrize("temporal", [True, False])
def test_at_the_beginning_it_is_the_base_to_the_bit(temporal):
    network, steered, params = made(temporal)
    x, t = normal(*FRAMES), times(B)
    np.testing.assert_array_equal(steered(params, x, t, seen(), LEVEL), jitted(network.base)(params["base"], x, t))


def test_with_scale_0_it_is_the_base_whatever_it_learned():
    network, steered, params = made()
    x, t = normal(*FRAMES), times(B)
    base = jitted(network.base)(params["base"], x, t)
    np.testing.assert_array_equal(steered(trained(), x, t, seen(), LEVEL, scale=jnp.float32(0)), base)
    assert np.abs(steered(trained(), x, t, seen(), LEVEL, scale=jnp.float32(1)) - base).max() > 0.1


def test_its_copy_is_the_bases_encoder_and_only_what_has_no_counterpart_is_fresh():
    _, _, params = made()
    control, base = paths(params["control"]), paths(params["base"])
    copied = {name for name in control if name in base}
    assert copied == {name for name in base if not name.startswith("decoder/")}
    for name in copied:
        np.testing.assert_array_equal(control[name], base[name])
    fresh = {name.split("/")[0] for name in set(control) - copied}
    assert fresh == {"conditions", "encoder", "time_of_context", "zeros"}
    assert all("between" in name for name in set(control) - copied if name.startswith("encoder/"))


def test_frames_meet_in_it_and_nowhere_else():
    _, steered, params = made()
    x, t, others = normal(*FRAMES), times(B), seen().copy()
    others[:, 2] += 1
    still = steered({**params, "control": _untimely(trained()["control"])}, x, t, seen(), LEVEL)
    moved = steered({**params, "control": _untimely(trained()["control"])}, x, t, others, LEVEL)
    np.testing.assert_array_equal(still[:, :2], moved[:, :2])
    met = [steered(trained(), x, t, each, LEVEL) for each in (seen(), others)]
    assert np.abs(met[0][:, 1] - met[1][:, 1]).max() > 1e-3


def test_a_reference_that_is_remembered_once_is_looked_at_in_every_frame():
    network, _, params = made()
    remembering = Steered.of(small.model(c_out=3), SEEN, temporal=True, remembers=True)
    steered, t = jitted(remembering), times(B)
    reference, x = normal(B, SIZE, SIZE, 3, seed=5), normal(*FRAMES)
    remember = jitted(remembering.remember)
    memory = remember(params, reference)
    assert network.remember(params, reference) == ()
    assert [each is None for each in memory] == [True, True, False, False, True]  # one of a block, one of the middle
    # A reference has no frames around it, and rows of a picture are none.
    apart = {**trained(), "control": _untimely(trained()["control"])}
    jax.tree.map(np.testing.assert_array_equal, remember(trained(), reference), remember(apart, reference))
    # Behind zero convolutions it changes nothing at first.
    base = jitted(remembering.base)(params["base"], x, t)
    np.testing.assert_array_equal(steered(params, x, t, seen(), LEVEL, memory=memory), base)
    told = steered(trained(), x, t, seen(), LEVEL, memory=remember(trained(), reference))
    other = steered(trained(), x, t, seen(), LEVEL, memory=remember(trained(), reference[::-1]))
    assert (np.abs(told - other).max(axis=(2, 3, 4)) > 1e-4).all()


def _untimely(control):
    """With temporal convolutions that change nothing."""
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: (
            0 * leaf if "between/conv" in jax.tree_util.keystr(path, simple=True, separator="/") else leaf
        ),
        control,
    )


def test_a_clip_is_its_frames_until_it_has_learned_otherwise():
    _, steered, params = made()
    params = {**params, "control": _untimely(trained()["control"])}
    x, conditions = normal(1, T, SIZE, SIZE, 3), seen()[:1]
    t, level = times(1), np.float32([0.1])
    clip = steered(params, x, t, conditions, level)
    apart = steered(params, np.swapaxes(x, 0, 1), t.repeat(T), np.swapaxes(conditions, 0, 1), level.repeat(T))
    np.testing.assert_array_equal(clip[0], apart[:, 0])


def test_at_first_the_zeros_learn_then_what_is_behind_them():
    network, _, params = made()
    x, t, target = normal(*FRAMES), times(B), normal(*FRAMES, seed=9)

    def loss(control):
        return ((network({**params, "control": control}, x, t, seen(), LEVEL) - target) ** 2).mean()

    control = params["control"]
    step = jitted(
        lambda control: jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, control, jax.grad(loss)(control))
    )
    first = step(control)
    moved = _moved(control, first)
    assert moved == {"zeros"}
    assert {"zeros", "conditions", "encoder"} <= _moved(first, step(first))


def _moved(before, after):
    after = paths(after)
    return {name.split("/")[0] for name, leaf in paths(before).items() if np.abs(leaf - after[name]).max() > 0}


def test_no_gradient_is_taken_of_what_is_frozen():
    network, _, _ = made()
    parts = divided(trained(), ["control/"])
    assert set(paths(parts.trainable)) == {f"control/{name}" for name in paths(network.control.shapes())}
    assert isinstance(parts, Variables)
