"""A clip before anything is drawn: pure, the same person and sound in every take, and framed as people are."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from data_pipelines.avatars import framing
from data_pipelines.avatars.perform import FPS, Performance, perform
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.core.errors import UserError

FRAMES = 96
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine():
    with Espeak() as found:
        yield found


def same(one: object, other: object) -> bool:
    """Bytes and all, whatever it is made of."""
    if dataclasses.is_dataclass(one):
        names_of = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, n), getattr(other, n)) for n in names_of)
    if isinstance(one, (np.ndarray, jax.Array)):
        return np.asarray(one).dtype == np.asarray(other).dtype and np.array_equal(one, other, equal_nan=True)
    return one == other


def test_same_arguments_same_bytes(engine):
    assert same(perform(3, 1, engine, frames=FRAMES), perform(3, 1, engine, frames=FRAMES))


def test_another_index_seed_or_split_is_another_clip(engine):
    first = perform(3, 1, engine, frames=FRAMES)
    for other in (perform(3, 2, engine, frames=FRAMES), perform(4, 1, engine, frames=FRAMES)):
        assert not same(first.motion.betas, other.motion.betas) and not same(first.track, other.track)
    held_out = perform(3, 1, engine, split="test", frames=FRAMES)
    assert not same(first.motion.betas, held_out.motion.betas)


def test_takes_differ_in_manner_and_motion_and_in_nothing_else(engine):
    first, second = (perform(3, 1, engine, take=take, frames=FRAMES) for take in (0, 1))
    for field in ("track", "camera", "framing", "wear", "look", "index", "seed", "split"):
        assert same(getattr(first, field), getattr(second, field)), field
    assert same(first.motion.betas, second.motion.betas)
    for field in ("expression", "body_pose", "transl", "jaw_pose"):
        assert not same(getattr(first.motion, field), getattr(second.motion, field)), field
    assert not same(first.style, second.style)


def test_a_kept_sound_needs_no_engine(engine):
    spoken = perform(3, 1, engine, frames=FRAMES)
    assert same(perform(3, 1, sound=spoken.track), spoken)
    assert same(perform(3, 1, sound=spoken.track.mute()).motion, spoken.motion)
    with pytest.raises(UserError, match="neither"):
        perform(3, 1)


@pytest.mark.parametrize("frames", [0, -3])
def test_a_clip_has_frames(engine, frames):
    with pytest.raises(UserError, match=f"a clip of {frames} frames"):
        perform(3, 1, engine, frames=frames)


def test_a_clip_is_as_long_as_its_sound(engine):
    found = perform(3, 1, engine, frames=FRAMES)
    assert len(found.motion.transl) == FRAMES and found.motion.fps == FPS
    assert len(found.track.waveform) == round(FRAMES / FPS * 16000)
    assert found.reference.transl.shape == (1, 3) and same(found.reference.betas, found.motion.betas)
    assert found.motion.body == "default-v1" and tuple(found.camera.size) == (framing.SIDE, framing.SIDE)


def test_the_person_stays_in_the_picture(engine):
    model = model_file.default()
    for index in range(6):
        found = perform(3, index, engine, frames=FRAMES)
        assert (_joint(model, found, "head")[..., 1] < 1.0).all()
        x = _joint(model, found, "head")[..., 0]
        assert 0.0 < np.median(x) < 1.0 and (np.abs(x - 0.5) < 0.6).mean() > 0.98


def _joint(model: smplx.BodyModel, performance: Performance, name: str) -> np.ndarray:
    """Of every frame, as parts of the picture's side."""
    points = smplx.pose(model, performance.motion).joints[:, [names.JOINTS.index(name)]]
    pixels, depth = cameras.project(performance.camera, points)
    assert (depth > 0.1).all()
    return pixels[:, 0] / framing.SIDE


def test_performing_touches_no_device():
    """Loaders perform in workers, where the first touch of a device would fail."""
    code = (
        "from data_pipelines.avatars.perform import perform\n"
        "from vlogger_jax.audio.espeak import Espeak\n"
        "with Espeak() as engine:\n"
        "    print(perform(0, 0, engine, frames=24).motion.transl.shape)\n"
    )
    environment = {**os.environ, "JAX_PLATFORMS": "no_such_device"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "(24, 3)", done.stderr[-500:]
