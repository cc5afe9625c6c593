"""`make demo`: the default portrait says something. The whole command is slow; its parts are tested on a few frames."""

import dataclasses

import numpy as np
import pytest

from docs.figures import demo
from vlogger_jax import console
from vlogger_jax.audio.speech import Voice
from vlogger_jax.body import smplx
from vlogger_jax.body.mouth import Mouth
from vlogger_jax.media import video_file


@pytest.fixture(scope="module")
def person():
    """From the stored landmarks, as Pythons without MediaPipe have it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo.importlib.util, "find_spec", lambda name: None)
        return demo.find(None, lambda name: lambda done: None)


@pytest.fixture(scope="module")
def speech():
    return demo.say("Mama.", Voice("en-us"))


def test_silence_stands_around_the_sentence(speech):
    times = np.array([(p.start, p.end) for p in speech.phonemes])
    np.testing.assert_allclose(times[1:, 0], times[:-1, 1], atol=1e-9)
    assert times[0, 0] == 0 and times[-1, 1] == pytest.approx(len(speech.waveform) / speech.rate, abs=1e-3)
    rest = round(demo.REST_S * speech.rate)
    assert not speech.waveform[:rest].any() and not speech.waveform[-rest:].any() and speech.waveform.any()
    assert [p.ipa for p in speech.phonemes if p.ipa][::2] == ["m", "m"]


def test_the_mouth_of_the_portrait_closes_on_m_opens_on_a_and_rests(person, speech):
    motion = demo.move(person, speech, seed=0)
    assert motion.fps == demo.FPS and len(motion.transl) == round(len(speech.waveform) / speech.rate * demo.FPS)
    opening = Mouth(person.model, motion.betas).aperture(motion.expression, motion.jaw_pose)
    sounds = [p for p in speech.phonemes if p.ipa]
    for sound in (sounds[0], sounds[2]):
        frames = slice(int(sound.start * demo.FPS - 0.5), int(np.ceil(sound.end * demo.FPS + 0.5)))
        assert opening[frames].min() < 0.001
    vowel = slice(int(sounds[1].start * demo.FPS), int(sounds[1].end * demo.FPS) + 1)
    assert opening[vowel].max() > 0.005
    # The portrait itself smiles with open lips.
    assert opening[3:10].max() < 0.002 and opening[-4:].max() < 0.002


def test_what_is_pasted_changes_where_the_person_is_and_shows_an_open_mouth(person):
    still = person.portrait.motion
    expression = np.concatenate([still.expression, still.expression])
    expression[1, person.model.expression_names.index("jawOpen")] += 0.5
    moving = smplx.frames_of(still, np.array([0, 0]))
    moving = dataclasses.replace(
        moving,
        expression=expression,
        jaw_pose=moving.jaw_pose
        + smplx.arkit_jaw_pose(person.model, expression)
        - smplx.arkit_jaw_pose(person.model, moving.expression),
    )
    closed, opened = demo.paste(person, moving)
    unlike = np.abs(closed.astype(int) - person.portrait.image).max(axis=-1)
    inside = person.portrait.matte > 250
    assert np.median(unlike[inside]) <= 2  # nothing moved: the same picture
    changed = np.abs(opened.astype(int) - closed).max(axis=-1) > 40
    rows, columns = np.nonzero(changed)
    assert 60 < changed.sum() < 0.03 * changed.size and inside[rows, columns].mean() > 0.8


@pytest.mark.slow
def test_the_command_writes_a_video_with_sound(tmp_path, capsys):
    out = tmp_path / "said.mp4"
    assert console.outcome(demo.app, ["--text", "Mama.", "--out", str(out)], "demo") == 0
    found = video_file.read_clip(out)
    assert found.frames.shape[1:] == (demo.SIZE, demo.SIZE, 3) and np.abs(found.waveform).max() > 0.05
    assert str(out) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--image", "none.png"], "none.png does not exist"),
        (["--voice", "xx"], 'knows no voice "xx"'),
        (["--text", ""], "there is nothing in"),
        (["--out", "said.avi"], "does not end in .mp4"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert console.outcome(demo.app, arguments, "demo") == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and message in lines[0]
    assert not list(tmp_path.rglob("*.mp4"))
