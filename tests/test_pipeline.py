"""From a portrait and a sound to a video: with the packaged motion network, and frames of an untrained one."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from skimage import data

from tests.test_filming import config
from vlogger_jax import bundle, filming, moving, several, stages
from vlogger_jax.body import model_file
from vlogger_jax.bundle import Training
from vlogger_jax.controls import show
from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks as marks
from vlogger_jax.media import audio_file, image_file, video_file
from vlogger_jax.motion.manner import Strength
from vlogger_jax.pipeline import Generation, Sound, Vlogger

LANDMARKS = Path(__file__).parents[1] / "docs" / "figures" / "demo_landmarks.npz"
RATE = 16_000


@pytest.fixture(scope="module")
def vlogger(tmp_path_factory) -> Vlogger:
    given = config()
    given["diffusion"]["steps"], given["data"]["frames"] = 1, 4
    fresh = stages.build(given).init(jax.random.key(0))
    folder = tmp_path_factory.mktemp("frames")
    bundle.save(folder, filming.STAGE, fresh, Training(config=given, step=1, seed=0))
    return Vlogger(model_file.default(), moving.performer(preset="fast"), filming.renderer(folder))


@pytest.fixture(scope="module")
def person(vlogger):
    return vlogger.portrait_of(data.astronaut(), marks.load(LANDMARKS))


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """Half a second that hums."""
    t = np.arange(RATE // 2) / RATE
    return (0.3 * np.sin(2 * np.pi * 140 * t) * np.sin(2 * np.pi * 4 * t)).astype(np.float32)


@pytest.fixture(scope="module")
def generation(vlogger, person, sound) -> Generation:
    return vlogger.perform(person, Sound(sound, RATE), seed=3)


@pytest.fixture(scope="module")
def frames(generation) -> np.ndarray:
    return generation.frames


def test_there_are_as_many_frames_of_the_portrait_as_it_sounds(generation, frames, person):
    assert len(generation) == 12 and frames.shape == (12, *person.picture.shape) and frames.dtype == np.uint8


def test_the_portrait_stays_where_nobody_is(frames, person):
    """To the bit; and where the person is it does not."""
    x0, y0, side = person.square
    beyond = np.ones(frames.shape[1:3], bool)
    beyond[y0 : y0 + side, x0 : x0 + side] = False
    changed = (frames != person.picture).any(axis=-1)
    assert not changed[:, beyond].any()
    matte = np.zeros(beyond.shape, bool)
    rows = (np.arange(side) + 0.5) * len(person.matte) / side
    inside = person.matte[np.ix_(rows.astype(int), rows.astype(int))]
    matte[y0 : y0 + side, x0 : x0 + side] = inside > 128
    away = np.zeros(beyond.shape, bool)
    away[:40, :40] = True
    assert not matte[away].any() and not changed[:, away].any()
    assert changed[:, matte].mean() > 0.5


def test_all_of_the_square_is_generated_if_that_is_asked(generation, person):
    found = next(dataclasses.replace(generation, keep=False).windows())
    x0, y0, side = person.square
    middle = found[0, y0 + side // 8 : y0 + side // 6, x0 + side // 8 : x0 + side // 6]
    shown = person.picture[y0 + side // 8 : y0 + side // 6, x0 + side // 8 : x0 + side // 6]
    assert (middle != shown).mean() > 0.2


def test_the_same_seed_gives_the_same_frames(vlogger, person, sound, frames):
    again = vlogger.perform(person, Sound(sound, RATE), seed=3).frames
    np.testing.assert_array_equal(again, frames)
    other = vlogger.perform(person, Sound(sound, RATE), seed=4)
    assert (next(other.windows()) != frames[:4]).any()


def test_controls_are_those_of_the_frames(generation):
    found = generation.controls(2, 5)
    assert found.label.shape == (3, 256, 256) and (found.label > 0).any(axis=(1, 2)).all()
    with pytest.raises(UserError, match="frames 5 to 5 of 12"):
        generation.controls(5, 5)


@pytest.mark.parametrize(("fps", "count"), [(25, 12), (30, 15), (12.5, 6)])
def test_any_frame_rate_without_frames_twice(vlogger, person, sound, fps, count):
    found = vlogger.perform(person, Sound(sound, RATE), fps=fps)
    assert len(found) in (count, count + 1) and found.motion.fps == fps
    assert (np.abs(np.diff(found.motion.expression, axis=0)).max(axis=1) > 0).all()


def test_a_video_with_its_sound(generation, frames, sound, tmp_path):
    told, path = [], tmp_path / "out.mp4"
    generation.save(path, lambda phase: told.append)
    info = video_file.probe(path)
    assert float(info.duration) == pytest.approx(0.5, abs=1 / 24) and told[-1] == 1
    read = np.stack(list(video_file.frames(path, 24)))
    assert read.shape == frames.shape and np.abs(read.astype(int) - frames).mean() < 6
    heard = audio_file.read(path, RATE)
    assert len(heard) / RATE == pytest.approx(0.5, abs=1 / 24) and np.abs(heard).max() > 0.1


def test_somebody_elses_motion(vlogger, person, generation):
    """Done from its own first pose it is the same; a shape and a place of another do not matter; it may be silent."""
    begun = np.repeat(person.motion.transl, 12, axis=0) + generation.motion.transl - generation.motion.transl[:1]
    given = dataclasses.replace(generation.motion, transl=begun, betas=np.zeros_like(person.motion.betas))
    found = vlogger.follow(person, given)
    assert found.waveform is None and len(found) == 12
    np.testing.assert_array_equal(found.motion.expression, given.expression)
    np.testing.assert_array_equal(found.motion.betas, person.motion.betas)
    np.testing.assert_allclose(found.motion.transl, given.transl, atol=1e-5)
    still = vlogger.follow(person, given, strength=Strength(torso=0.0, head=0.0, arms=0.0, hands=0.0))
    for name in ("body_pose", "transl"):
        wanted = np.repeat(getattr(person.motion, name), 12, axis=0)
        np.testing.assert_allclose(getattr(still.motion, name), wanted, atol=1e-5)
    with pytest.raises(UserError, match="made with the body 'other'"):
        vlogger.follow(person, dataclasses.replace(given, body="other"))


def test_several_videos_and_where_they_differ(vlogger, person, sound, generation, frames, tmp_path):
    other = vlogger.perform(person, Sound(sound, RATE), seed=4)
    paths, told = [tmp_path / "a.mp4", tmp_path / "b.mp4"], []
    several.save([generation, other], paths, tmp_path / "heat.png", told.append)
    assert told[-1] == 1
    read = np.stack(list(video_file.frames(paths[0], 24)))
    assert np.abs(read.astype(int) - frames).mean() < 6
    shown = image_file.read(tmp_path / "heat.png").rgb
    height, width = person.picture.shape[:2]
    assert shown.shape == (height, 2 * width + show.GAP, 3)
    np.testing.assert_array_equal(shown[:, :width], person.picture)
    assert (shown[:40, -40:] == (0, 0, 255)).all()  # nobody is there
    assert (shown[:, width + show.GAP :] != (0, 0, 255)).any(axis=-1).mean() > 0.05
    with pytest.raises(UserError, match="one video does not differ"):
        several.save([generation], paths[:1], tmp_path / "c.png", told.append)
    assert not (tmp_path / "c.png").exists()


def test_controls_as_a_video(generation, tmp_path):
    generation.save_controls(tmp_path / "controls.mp4")
    info = video_file.probe(tmp_path / "controls.mp4")
    assert info.frames == 12 and not info.has_audio


def test_one_of_a_sound_and_a_text(vlogger, tmp_path):
    for asked in ({}, {"audio": tmp_path / "a.wav", "text": "hello"}):
        with pytest.raises(UserError, match="one of audio and text"):
            vlogger.generate(tmp_path / "me.png", **asked)
