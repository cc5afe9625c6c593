"""The UNet: by hand, at initialisation, with control, with frames, with patches, and in its digits."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.nn import by_hand
from tests.video import small
from tests.video.small import SIZE, jitted, network, normal, parameters, times
from vlogger_jax.core import precision
from vlogger_jax.core.functional import Network
from vlogger_jax.nn.attention import SpaceAttention
from vlogger_jax.nn.embed import TimeEmbedding
from vlogger_jax.nn.resnet import ResBlock, down, same, up
from vlogger_jax.nn.temporal import TemporalResidual
from vlogger_jax.video import layout
from vlogger_jax.video.unet import Encoder, depth_to_space, space_to_depth

B, T = 2, 3
PICTURES, FRAMES = (B, SIZE, SIZE, 3), (B, T, SIZE, SIZE, 3)


@functools.cache
def made(**changes):
    """(function, parameters) of the small network."""
    made_up = network(**changes)
    return jitted(made_up), parameters(made_up)


def control(seed=0, b=(B,), **changes):
    return tuple(
        normal(*b, feature.size, feature.size, feature.channels, seed=seed)
        for feature in layout.features(small.model(**changes))
    )


def test_by_hand():
    params, x, t = parameters(network(classes=5)), normal(*PICTURES), times(B)
    encoder, decoder = params["encoder"], params["decoder"]

    def attend(part, h):
        return Network(lambda rngs: SpaceAttention(16, 4, groups=4, rngs=rngs))(part["attention"], h)

    @jitted
    def expected(params, x, t, label):
        embedding = Network(lambda rngs: TimeEmbedding(8, 32, rngs=rngs))(params["embedding"]["time"], t)
        embedding += params["embedding"]["label"]["embedding"][label]

        def res(part, h, c_out, resample=same):
            make = functools.partial(ResBlock, h.shape[-1], c_out, 32, resample=resample, groups=4)
            return Network(lambda rngs: make(rngs=rngs))(part["res"], h, embedding)

        one, two, three = (encoder["blocks"][str(i)] for i in range(3))
        stem = by_hand_conv(encoder["stem"], x)
        first = res(one, stem, 8)
        lower = res(two, first, 8, down)
        second = attend(three, res(three, lower, 16))
        before, after = encoder["middle"]["0"], encoder["middle"]["1"]
        h = res(after, attend(before, res(before, second, 16)), 16)
        blocks = [decoder["blocks"][str(i)] for i in range(5)]
        for block, skip in zip(blocks[:2], (second, lower), strict=True):
            h = attend(block, res(block, jnp.concatenate([h, skip], axis=-1), 16))
        h = res(blocks[2], h, 16, up)
        for block, skip in zip(blocks[3:], (first, stem), strict=True):
            h = res(block, jnp.concatenate([h, skip], axis=-1), 8)
        return h

    label = np.int32([4, 1])
    h = np.asarray(expected(params, x, t, label))
    wanted = by_hand.conv(decoder["out"], by_hand.silu(by_hand.group_norm(decoder["norm"], h, 4)))
    np.testing.assert_allclose(jitted(network(classes=5))(params, x, t, label), wanted, atol=2e-4)


def by_hand_conv(part, x):
    return jax.lax.conv_general_dilated(
        x, part["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    ) + jnp.asarray(part["bias"])


def test_it_begins_as_zero():
    params = jitted(network().init)(jax.random.key(0))
    call, _ = made()
    np.testing.assert_array_equal(call(params, normal(*PICTURES), times(B)), np.zeros((*PICTURES[:-1], 6)))


def test_what_the_encoder_answers_is_what_the_table_says():
    for changes in ({}, dict(blocks=2, multipliers=(1, 2, 3), attention=(2,), patch=2, size=16)):
        model = small.model(**changes)
        encoder = Network(functools.partial(Encoder, model))
        x = normal(B, T, model.size, model.size, 3)
        found = jax.eval_shape(encoder, encoder.shapes(), x, normal(B, model.d_embedding))
        wanted = [(B, T, feature.size, feature.size, feature.channels) for feature in layout.features(model)]
        assert [feature.shape for feature in found] == wanted


def test_control_of_zeros_is_no_control():
    call, params = made()
    x, t = normal(*PICTURES), times(B)
    zeros = tuple(np.zeros_like(part) for part in control())
    np.testing.assert_array_equal(call(params, x, t, control=zeros), call(params, x, t))


def test_each_part_of_a_control_is_heeded():
    call, params = made()
    x, t = normal(*PICTURES), times(B)
    plain = np.asarray(call(params, x, t))
    for i, part in enumerate(control()):
        one = tuple(part if i == j else np.zeros_like(other) for j, other in enumerate(control()))
        assert (np.asarray(call(params, x, t, control=one)) != plain).any(), i


def test_control_of_another_network_is_refused():
    call, params = made()
    with pytest.raises(ValueError, match="zip"):
        call(params, normal(*PICTURES), times(B), control=control()[:-1])


def test_a_clip_is_as_its_frames():
    call, params = made()
    x, t = normal(*FRAMES), times(B, T)
    frames = np.asarray(call(params, x, t))
    for frame in range(T):
        np.testing.assert_allclose(frames[:, frame], call(params, x[:, frame], t[:, frame]), atol=1e-4)
    one_time = np.broadcast_to(t[:, :1], (B, T))
    np.testing.assert_allclose(call(params, x, t[:, 0]), call(params, x, one_time), atol=1e-5)
    other = x.copy()
    other[:, 1] += 1
    same_as_before = (np.asarray(call(params, other, t)) == frames).all(axis=(0, 2, 3, 4))
    assert same_as_before.tolist() == [True, False, True]


def test_one_clip_of_frames_and_clips_of_one_frame_are_the_same_to_the_bit():
    call, params = made()
    x, t = normal(1, 4, *FRAMES[2:]), times(1, 4)
    added = control(b=(1, 4))
    clip = np.asarray(call(params, x, t, control=added))
    swapped = tuple(part.swapaxes(0, 1) for part in added)
    np.testing.assert_array_equal(call(params, x.swapaxes(0, 1), t.T, control=swapped), clip.swapaxes(0, 1))


def test_classes():
    params, call = parameters(network(classes=5)), jitted(network(classes=5))
    x, t = normal(*FRAMES), times(B, T)
    found = np.asarray(call(params, x, t, np.int32([0, 1])))
    other = np.asarray(call(params, x, t, np.int32([0, 4])))
    np.testing.assert_array_equal(found[0], other[0])
    assert (found[1] != other[1]).any(axis=(1, 2, 3)).all()
    with pytest.raises(ValueError, match="is to be told a class"):
        call(params, x, t)
    call, params = made()
    with pytest.raises(ValueError, match="is not told a class"):
        call(params, x, t, np.int32([0, 1]))


def test_patches_by_hand():
    x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(space_to_depth(x, 2)[0, 0, 1], [2, 3, 6, 7])
    x = normal(2, 3, 4, 8, 5)
    for patch in (1, 2, 4):
        folded = space_to_depth(x, patch)
        assert folded.shape == (2, 3, 4 // patch, 8 // patch, 5 * patch**2)
        np.testing.assert_array_equal(depth_to_space(folded, patch), x)
    with pytest.raises(ValueError, match="4 x 8 pixels does not divide into patches of 3"):
        space_to_depth(x, 3)


def test_with_patches_it_is_the_network_of_their_channels():
    patched, plain = network(size=2 * SIZE, patch=2), network(c_in=12, c_out=24)
    params, x, t = parameters(patched), normal(B, 2 * SIZE, 2 * SIZE, 3), times(B)
    wanted = depth_to_space(jitted(plain)(params, np.asarray(space_to_depth(x, 2)), t), 2)
    np.testing.assert_array_equal(jitted(patched)(params, x, t), wanted)


def encode(between=None):
    return Network(lambda rngs: Encoder(small.model(), rngs, between))


def test_frames_may_meet_in_every_block_of_the_encoder():
    def between(channels, rngs):
        return TemporalResidual(channels, groups=4, rngs=rngs)

    plain, temporal = encode(), encode(between)
    params, fresh = parameters(plain), jitted(temporal.init)(jax.random.key(0))
    for part in ("blocks", "middle"):
        for number, block in fresh[part].items():
            assert block["res"]["between"]["conv"]["conv"]["kernel"].shape[:2] == (3, 1)
            fresh[part][number] = params[part][number] | {
                "res": params[part][number]["res"] | {"between": block["res"]["between"]}
            }
    fresh["stem"] = params["stem"]
    x, embedding = normal(*FRAMES), normal(B, 32)
    wanted = jitted(plain)(params, x, embedding)
    for one, two in zip(jitted(temporal)(fresh, x, embedding), wanted, strict=True):
        np.testing.assert_array_equal(one, two)
    fresh["middle"]["1"]["res"]["between"]["conv"]["conv"]["kernel"] += 0.1
    *skips, middle = jitted(temporal)(fresh, x, embedding)
    for one, two in zip(skips, wanted[:-1], strict=True):
        np.testing.assert_array_equal(one, two)
    assert (middle != wanted[-1]).any()


def test_something_may_be_added_after_the_first_convolution():
    call, params = jitted(encode()), parameters(encode())
    x, embedding, added = normal(*PICTURES), normal(B, 32), normal(B, SIZE, SIZE, 8, seed=3)
    plain, found = call(params, x, embedding), call(params, x, embedding, added=added)
    np.testing.assert_allclose(found[0], plain[0] + added, atol=1e-6)
    assert all((one != two).any() for one, two in zip(found, plain, strict=True))
    for one, two in zip(call(params, x, embedding, added=0 * added), plain, strict=True):
        np.testing.assert_array_equal(one, two)


def test_dropout_follows_its_keys():
    call, params = jitted(network(dropout=0.5)), made()[1]
    x, t, keys = normal(*FRAMES), times(B), jax.random.split(jax.random.key(0), (B, T))
    plain = np.asarray(made()[0](params, x, t))
    np.testing.assert_array_equal(call(params, x, t), plain)
    dropped = np.asarray(call(params, x, t, keys=keys))
    assert (dropped != plain).any(axis=(2, 3, 4)).all()
    np.testing.assert_array_equal(call(params, x, t, keys=keys), dropped)
    other = np.asarray(call(params, x, t, keys=keys.at[0, 1].set(jax.random.key(1))))
    assert (other != dropped).any(axis=(2, 3, 4)).tolist() == [[False, True, False], [False] * 3]


def test_blocks_do_not_drop_the_same(monkeypatch):
    seen: list = []
    forward = ResBlock.__call__

    def spying(self, x, embedding, keys=None):
        seen.append(keys)
        return forward(self, x, embedding, keys)

    monkeypatch.setattr(ResBlock, "__call__", spying)
    keys = jax.random.split(jax.random.key(0), B)

    @jitted
    def seen_keys(keys):
        network(dropout=0.5)(made()[1], normal(*PICTURES), times(B), keys=keys)
        return [jax.random.key_data(each) for each in seen]

    found = [tuple(np.asarray(each).ravel().tolist()) for each in seen_keys(keys)]
    assert len(found) == len(set(found)) == 10


def test_remat_changes_no_gradient():
    flat = dict(multipliers=(1,), attention=())
    params, x, t = parameters(network(**flat)), normal(*PICTURES), times(B)

    def gradient(policy):
        def loss(params):
            return (network(**flat, remat=policy)(params, x, t) ** 2).mean()

        text = str(jax.make_jaxpr(jax.grad(loss))(params))
        return text.count("prevent_cse"), jitted(jax.grad(loss))(params)

    (blocks, found), (none, wanted) = gradient("full"), gradient("none")
    assert blocks >= 5 and none == 0
    largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(wanted))
    for one, two in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5 * largest)


def test_in_bfloat16_what_needs_its_digits_keeps_them():
    made_up = network(classes=5)
    params = precision.named("bfloat16").cast(jax.tree.map(jnp.asarray, parameters(made_up)))
    kept = {
        path
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if leaf.dtype == jnp.float32 and not any(key.key.startswith("norm") for key in path)
    }
    layers = {jax.tree_util.keystr(path[:-1], simple=True, separator="/") for path in kept}
    assert layers == {"embedding/time/first", "embedding/time/second", "encoder/stem", "decoder/out"}
    x, t, label = normal(*PICTURES), times(B), np.int32([0, 1])
    jaxpr = jax.make_jaxpr(made_up)(params, x, t, label)
    products = [line for line in str(jaxpr).splitlines() if "= conv_general_dilated[" in line]
    wide = [line for line in products if "f32[" in line.split("=")[0].replace("bf16[", "")]
    assert len(wide) == 2 and len(products) > 20
    joined = [line for line in str(jaxpr).splitlines() if re.search(r":\w+\[\d+,\d+,\d+,\d+\] = concatenate\[", line)]
    assert len(joined) == 4 and all(":bf16[" in line for line in joined)
    assert jaxpr.out_avals[0].dtype == jnp.float32
