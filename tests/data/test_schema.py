"""Examples: back as they were, through TFDS's own bytes; and refused when their parts do not go together."""

import dataclasses

import jax
import numpy as np
import pytest

from data_pipelines import encode, features, finish, schema
from data_pipelines.schema import BadExample
from tests.data import small
from vlogger_jax.body import model_file
from vlogger_jax.controls import blob
from vlogger_jax.core.records import Camera
from vlogger_jax.media import encoded

CLIP = small.clip(3, "somebody", 20)
FRAMES = (range(0, 8), range(12, 14))


@pytest.fixture(scope="module")
def model():
    return model_file.default()


@pytest.fixture(scope="module")
def chunk(model):
    shots = small.shots(CLIP, 3, [frame for frames in FRAMES for frame in frames], 32)
    return encode.chunks(CLIP, FRAMES, shots, finish.tables(model))[1]


def same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_a_clip_comes_back_from_bytes(model):
    kind = features.clips(model.num_betas, model.num_expression)
    back = schema.clip_of(kind.deserialize_example_np(kind.serialize_example(schema.clip_values(CLIP))))
    for name in ("motion", "camera", "quality", "waveform"):
        same(getattr(back, name), getattr(CLIP, name))
    assert (back.identity, back.about) == ("somebody", {"index": 3})
    assert [phoneme.ipa for phoneme in back.phonemes] == ["a", ""] and back.phonemes[0].stress == 2
    assert back.phonemes[1].end == pytest.approx(20 / 24, abs=1e-6)
    assert (back.motion.body, back.motion.fps, back.camera.size) == ("default-v1", 24.0, (1000, 1000))


def test_a_chunk_comes_back_from_bytes(model, chunk):
    kind = features.frames(32, model.num_betas, model.num_expression)
    example = kind.serialize_example(finish.as_files(schema.chunk_values(chunk)))
    kept = {"image": features.Encoded(), "matte": features.Encoded()}
    back = schema.chunk_of(kind.deserialize_example_np(example, decoders=kept))
    for name in ("image", "matte", "gbuffer", "exact", "chunk", "identity"):
        assert getattr(back, name) == getattr(chunk, name)
    same(back.motion, chunk.motion)
    same(back.camera, chunk.camera)
    np.testing.assert_array_equal(back.frame, [12, 13])


def test_tfds_users_get_pictures(model, chunk):
    kind = features.frames(32, model.num_betas, model.num_expression)
    example = kind.deserialize_example_np(kind.serialize_example(finish.as_files(schema.chunk_values(chunk))))
    images, mattes = np.stack(list(example["image"])), np.stack(list(example["matte"]))
    assert images.shape == (2, 32, 32, 3) and mattes.shape == (2, 32, 32, 1)
    np.testing.assert_array_equal(mattes[:, 0, 0, 0], [12, 13])


def test_chunks_hold_what_was_shot(model, chunk):
    shots = small.shots(CLIP, 3, [12, 13], 32)
    assert np.abs(encoded.decode(chunk.image[1]).astype(int) - shots.frames[1]).max() <= 1
    np.testing.assert_array_equal(encoded.decode(chunk.matte[1]), shots.matte[1])
    index, bary = blob.decode(chunk.gbuffer[1], finish.tables(model))
    np.testing.assert_array_equal(index, shots.gbuffer.face_index[1])
    np.testing.assert_array_equal(bary, shots.gbuffer.bary[1])
    same(chunk.motion, shots.motion)


def _changed(values, path, change):
    *parents, last = path.split(".")
    values = dict(values)
    inner = values
    for name in parents:
        inner[name] = dict(inner[name])
        inner = inner[name]
    inner[last] = change(inner[last])
    return values


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("waveform", lambda wave: wave[:-700]),
        ("waveform", lambda wave: np.concatenate([wave, wave])),
        ("motion.expression", lambda rows: rows[:-1]),
        ("motion.transl", lambda rows: np.full_like(rows, np.nan)),
        ("motion.jaw_pose", lambda rows: rows[:, :2]),
        ("quality.face", lambda rows: rows[1:]),
        ("quality.good", lambda rows: rows[1:]),
        ("phonemes.end", lambda rows: rows[1:]),
        ("phonemes", lambda rows: {}),
        ("about", lambda text: "{"),
        ("camera.principal", lambda rows: rows[:1]),
        ("camera.principal", lambda rows: rows * np.nan),
        ("camera.focal", lambda focal: -focal),
        ("camera.focal", lambda focal: float("inf")),
        ("quality.torso", lambda rows: rows * np.nan),
    ],
)
def test_a_clip_whose_parts_differ_is_bad(path, change):
    values = schema.clip_values(CLIP)
    schema.clip_of(values)
    with pytest.raises(BadExample, match="clip 0 is not whole"):
        schema.clip_of(_changed(values, path, change))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("image", lambda rows: rows[1:]),
        ("gbuffer", lambda rows: rows[:-1]),
        ("matte", lambda rows: []),
        ("frame", lambda rows: np.arange(9, dtype=np.int32)),
        ("motion.transl", lambda rows: rows[1:]),
    ],
)
def test_a_chunk_whose_parts_differ_is_bad(chunk, path, change):
    with pytest.raises(BadExample, match="chunk of clip 0 is not whole"):
        schema.chunk_of(_changed(schema.chunk_values(chunk), path, change))


def test_cameras_that_a_record_cannot_hold_are_refused():
    turned = dataclasses.replace(CLIP.camera, rotation=np.eye(3, dtype=np.float32))
    wide = Camera(**vars(CLIP.camera) | {"size": (1000, 900)})
    for camera in (turned, wide):
        with pytest.raises(ValueError, match="camera"):
            schema.clip_values(dataclasses.replace(CLIP, camera=camera))


@pytest.mark.parametrize(("size", "wanted"), [(64, 64), (256, 256), (512, 256)])
def test_gbuffers_are_no_larger_than_256(size, wanted):
    assert schema.gbuffer_size(size) == wanted
