"""Photographs of dressed people: pure, frame by frame, antialiased, one program for everybody."""

import dataclasses
import subprocess
import sys
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from data_pipelines.avatars import framing, identity, outfit, perform, photograph, track, track_file
from data_pipelines.avatars.look import colour, defects, light
from data_pipelines.avatars.look import sample as looks
from data_pipelines.avatars.sound import augmentation
from data_pipelines.avatars.track import Track
from data_pipelines.avatars.wear import choose
from tests.controls import pictures
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import BACKGROUND, Camera, Motion

MODEL = model_file.default()
SIZE = 48


@cache
def dressed(seed: int) -> tuple[outfit.Outfit, looks.Look, Motion, Camera]:
    """Somebody who turns the head over three frames."""
    rng = np.random.default_rng([seed, 3])
    betas = identity.sample(rng, MODEL)
    wear = choose.sample(rng, MODEL, betas)
    motion = dataclasses.replace(smplx.rest_motion(MODEL, 3), betas=betas)
    for side, sign in (("left", -1.0), ("right", 1.0)):
        motion.body_pose[:, names.JOINTS.index(f"{side}_shoulder") - 1, 2] = sign * 1.1
    motion.body_pose[:, names.JOINTS.index("head") - 1, 1] = (-0.3, 0.0, 0.4)
    view = dataclasses.replace(framing.sample(rng), face_height=0.4, centre=(0.5, 0.45))
    motion = framing.place(MODEL, motion, view)
    camera = cameras.crop(framing.camera(view), 0, 0, SIZE / framing.SIDE, (SIZE, SIZE))
    return outfit.dress(MODEL, betas, wear, rng), looks.sample(rng, MODEL), motion, camera


def clean(look: looks.Look) -> looks.Look:
    return dataclasses.replace(look, defects=defects.none())


def shots(seed: int, numbers: tuple[int, ...], noise: int = 7) -> photograph.Photographs:
    worn, look, motion, camera = dressed(seed)
    which = np.array(numbers)
    return photograph.take(MODEL, worn, look, smplx.frames_of(motion, which), camera, which, noise)


def assert_same(one: object, other: object) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_bytes_again():
    assert_same(shots(0, (0, 1)), shots(0, (0, 1)))


def test_a_frame_does_not_depend_on_the_others():
    together = shots(0, (0, 1, 2))
    assert_same(shots(0, (1,)), jax.tree.map(lambda each: each[1:2], together))
    assert_same(shots(0, (2, 0)), jax.tree.map(lambda each: each[[2, 0]], together))
    assert (together.frames[0] != together.frames[1]).any()


def test_one_program_for_everybody():
    shots(0, (0,))
    before = photograph._frames._cache_size(), photograph._prepare._cache_size()
    assert (shots(1, (0,)).frames != shots(2, (0,)).frames).mean() > 0.5
    assert (photograph._frames._cache_size(), photograph._prepare._cache_size()) == before


def test_people_differ_and_are_in_the_picture():
    for seed in range(3):
        seen = shots(seed, (0,))
        assert seen.frames.shape == (1, SIZE, SIZE, 3)
        assert 0.1 < (seen.matte > 127).mean() < 0.95
        assert seen.frames.std() > 5


def test_the_matte_is_coverage_of_four_samples():
    matte = shots(0, (0, 1, 2)).matte
    assert set(np.unique(matte)) == {0, 64, 128, 191, 255}


def test_the_gbuffer_is_that_of_the_bare_body():
    _, _, motion, camera = dressed(0)
    seen = shots(0, (0, 1))
    bare = gbuffers.render(smplx.pose(MODEL, motion).vertices[:2], MODEL.faces, camera)
    found = np.asarray(seen.gbuffer.face_index)
    assert (found == np.asarray(bare.face_index)).mean() > 0.999
    body = (found != BACKGROUND)[:, 1:-1, 1:-1]
    assert (seen.matte[:, 1:-1, 1:-1][body] > 0).mean() > 0.99


def test_the_background_stays_where_nobody_is():
    worn, look, motion, camera = dressed(1)
    seen = photograph.take(MODEL, worn, clean(look), motion, camera, np.arange(3), 0)
    free = (seen.matte == 0).all(axis=0)
    assert free.mean() > 0.05
    assert (seen.frames[:, free] == seen.frames[:1, free]).all()
    moved = (seen.matte > 0).any(axis=0) & (seen.frames != seen.frames[:1]).any(axis=(0, 3))
    assert moved.mean() > 0.1


def test_noise_is_of_the_frame_and_the_clip():
    worn, look, motion, camera = dressed(1)
    noisy = dataclasses.replace(defects.none(), noise=np.array([0.03, 0.0], np.float32))
    look, still = dataclasses.replace(look, defects=noisy), smplx.frames_of(motion, np.zeros(2, int))
    first, second = photograph.take(MODEL, worn, look, still, camera, np.array([0, 1]), 5).frames
    (other,) = photograph.take(MODEL, worn, look, still, camera, np.array([0, 1]), 6).frames[:1]
    assert (first != second).mean() > 0.5
    assert (first != other).mean() > 0.5


def test_parts_of_a_face_look_different():
    """Under an even white light lips are redder than skin, sclera greyer, teeth brightest, the mouth's inside dark."""
    _, look, motion, _ = dressed(0)
    rng, betas = np.random.default_rng(0), np.zeros(MODEL.num_betas, np.float32)
    bare_face = {"beard": None, "hat": None, "glasses": None, "held": None, "lashes": 0.0}
    wear = dataclasses.replace(choose.sample(rng, MODEL, betas), **bare_face)
    worn, motion = outfit.dress(MODEL, betas, wear, rng), dataclasses.replace(motion, betas=betas)
    even = light.Light(
        direction=np.eye(3, dtype=np.float32)[[2, 1, 2]],
        colour=np.zeros((3, 3), np.float32),
        sky=np.ones(3, np.float32),
        ground=np.ones(3, np.float32),
        up=np.array([0, 1, 0], np.float32),
        box=np.ones(2, np.float32),
    )
    plain = dataclasses.replace(
        look.marks, lipstick=np.zeros(4, np.float32), blush=np.zeros(4, np.float32), shadow=np.zeros(4, np.float32)
    )
    ink = dataclasses.replace(look.ink, threshold=np.asarray(99.0, np.float32), half=np.zeros(4, np.float32))
    look = dataclasses.replace(clean(look), light=even, marks=plain, ink=ink)
    jaw = dataclasses.replace(motion, jaw_pose=np.tile(np.array([0.45, 0, 0], np.float32), (3, 1)))
    # Into the face, with the same picture size as elsewhere.
    still = smplx.frames_of(jaw, np.array([1]))
    head = smplx.pose(MODEL, still).joints[0, names.JOINTS.index("left_eye")]
    middle = head + np.array([-0.03, -0.03, 0.0])
    wide = cameras.from_focal(0.5 * SIZE * -middle[2] / 0.075, (SIZE, SIZE))
    offset = -cameras.project(wide, middle[None].astype(np.float32))[0][0] + SIZE / 2
    camera = dataclasses.replace(wide, principal=(wide.principal + offset).astype(np.float32))
    drawn = looks.drawn(look)
    held, shape = photograph._held(MODEL)
    person = photograph._prepare(held, shape, worn, look, drawn.atlas, drawn.background, size=SIZE)
    camera = jax.tree.map(jnp.asarray, camera)
    seen = photograph._frames(held, shape, person, still, camera, jnp.zeros(1, int), 0)
    label = pictures.labels(seen.gbuffer, MODEL.labels)
    mean = {}
    for number, name in enumerate(names.LABELS):
        if (label == number).sum() > 3:
            mean[name] = np.median(np.asarray(seen.light)[label == number], axis=0)
    assert {"face skin", "lips", "sclera", "iris", "mouth cavity"} <= set(mean)
    redness = {name: value[0] / value[1] for name, value in mean.items()}
    assert redness["lips"] > 1.1 * redness["face skin"]
    assert redness["sclera"] < redness["face skin"]
    luma = {name: value @ colour.LUMA for name, value in mean.items()}
    assert luma["iris"] < 0.7 * luma["sclera"]
    assert luma["mouth cavity"] < 0.5 * luma["face skin"]


def performance() -> perform.Performance:
    silence = (Phoneme("", 0.0, 0.5, 0),)
    none = augmentation.draw(np.random.default_rng(0), {})
    sound = Track(np.zeros(8000, np.float32), silence, "en-us", "en-us", "", none)
    return perform.perform(0, 0, sound=sound)


def test_a_performance_and_its_reference():
    acted = performance()
    ids = np.array([photograph.REFERENCE, 0, 5])
    seen = photograph.photograph(acted, ids, SIZE)
    assert seen.frames.shape == (3, SIZE, SIZE, 3)
    assert_same(jax.tree.map(lambda each: each[[2, 0]], seen), photograph.photograph(acted, ids[[2, 0]], SIZE))
    assert (seen.frames[0] != seen.frames[1]).any()


@pytest.mark.parametrize(("ids", "size"), [((12,), 48), ((-2,), 48), ((), 48), ((0,), 8), ((0,), 5000)])
def test_what_cannot_be_taken(ids: tuple[int, ...], size: int):
    with pytest.raises(UserError):
        photograph._checked(np.array(ids, int), 12, size)


@pytest.mark.slow
def test_a_kept_sound_is_performed_and_photographed_without_codecs_speech_or_detectors(tmp_path):
    """On a machine with little more than jax, numpy and scipy, all that is needed is a file of tracks."""
    kept = tmp_path / "tracks.npz"
    with Espeak() as engine:
        track_file.save(kept, [track.make(0, 0, "train", engine, frames=24).mute()])
    code = (
        "import sys\n"
        "for name in ('av', 'soxr', 'librosa', 'mediapipe', 'espeakng_loader', 'PIL', 'skimage', 'tensorflow'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np\n"
        "from data_pipelines.avatars import track_file\n"
        "from data_pipelines.avatars.perform import perform\n"
        "from data_pipelines.avatars.photograph import photograph\n"
        f"clip = perform(0, 0, sound=track_file.load({str(kept)!r})[0])\n"
        "print(photograph(clip, np.array([3]), 32).frames.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "(1, 32, 32, 3)", done.stderr[-800:]


@pytest.mark.parametrize("ids", [np.array([1.5]), np.array([[0]]), np.array([True, False])])
def test_frame_ids_are_whole_numbers_in_a_row(ids):
    with pytest.raises(UserError, match="frame ids are"):
        photograph._checked(ids, 4, 64)
