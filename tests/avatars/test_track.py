"""Tracks: the times of phonemes are those of the final sound, whatever was done to it; pauses; purity; splits."""

import dataclasses
import sys

import numpy as np
import pytest

from data_pipelines.avatars import splits, talk, text, track, utterance, voices
from data_pipelines.avatars.sound import RATE, augmentation, recording
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.audio.speech import Phoneme, Speech, Voice
from vlogger_jax.core.errors import UserError

PLAIN = augmentation.Augmentation(
    1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 45.0, (), 0.0, 0.0, (0.0, RATE / 2), "", 0, -1.0
)
LENGTH = 0.1
"""Seconds of a phoneme of `Bursts`."""


class Bursts:
    """Says noise ("s") and nothing ("t") in turn, longer the longer the text, between silences."""

    rate = 22050

    def __init__(self):
        self.asked = []

    def speak(self, text, voice):
        self.asked.append((text, voice))
        count = 2 * (4 + len(text) // 8) + 1
        times = LENGTH * np.arange(1, count + 2)
        phonemes = [Phoneme("st"[i % 2], *times[i : i + 2].tolist()) for i in range(count)]
        phonemes = [Phoneme("", 0.0, LENGTH), *phonemes, Phoneme("", times[-1].item(), times[-1].item() + LENGTH)]
        waveform = np.zeros(round(phonemes[-1].end * self.rate), np.float32)
        rng = np.random.default_rng(len(text))
        for phoneme in phonemes:
            if phoneme.ipa == "s":
                first, last = round(phoneme.start * self.rate), round(phoneme.end * self.rate)
                noise = np.convolve(rng.standard_normal(last - first), np.hanning(12), "same")
                waveform[first:last] = 0.1 * noise
        return Speech(waveform, self.rate, tuple(phonemes))


@pytest.fixture(scope="module")
def engine():
    with Espeak() as espeak:
        yield espeak


def share(made, fps=24.0, frames=240):
    return track.spoken(made.phonemes, frames, fps).mean()


def errors(made):
    """Seconds from where a burst should begin or end to where the sound crosses half of its loudness."""
    smooth = np.sqrt(np.convolve(made.waveform.astype(float) ** 2, np.hanning(96) / np.hanning(96).sum(), "same"))
    found = []
    for phoneme in made.phonemes:
        if phoneme.ipa != "s" or phoneme.start < 0.1 or phoneme.end > made.duration - 0.1:
            continue
        first, last = round(phoneme.start * RATE), round(phoneme.end * RATE)
        half = 0.5 * np.sqrt(np.mean(made.waveform[first:last].astype(float) ** 2))
        margin = (last - first) // 2
        rise = smooth[first - margin : first + margin] > half
        fall = smooth[last - margin : last + margin] > half
        found += [(rise.argmax() - margin) / RATE, (len(fall) - fall[::-1].argmax() - margin) / RATE]
    return np.array(found)


@pytest.mark.parametrize(
    ("changes", "typical"),
    [
        ({}, 0.001),
        ({"tract": 0.8}, 0.001),
        ({"tract": 1.25}, 0.001),
        ({"drift": 0.03, "jitter": 0.015}, 0.001),
        ({"stretch": 0.8}, 0.003),
        ({"stretch": 1.25}, 0.003),
        ({"breath": 1.0}, 0.006),
        ({"shimmer": 0.12}, 0.001),
        ({"equaliser_db": 7.0}, 0.001),
        ({"codec": "opus", "bit_rate": 16000}, 0.002),
        ({"codec": "mp3", "bit_rate": 32000}, 0.003),
        ({"codec": "aac", "bit_rate": 32000}, 0.002),
        ({"codec": "g711_mu", "band_hz": (100.0, 3400.0)}, 0.002),
        ({"codec": "g722", "clip_db": 6.0}, 0.002),
        ({"tract": 0.85, "stretch": 1.2, "drift": 0.03, "jitter": 0.01, "codec": "opus", "bit_rate": 24000}, 0.005),
    ],
)
def test_phonemes_are_heard_when_they_say(monkeypatch, changes, typical):
    monkeypatch.setattr(augmentation, "draw", lambda rng, bit_rates: dataclasses.replace(PLAIN, **changes))
    monkeypatch.setattr(talk, "SILENT", 0.0)
    monkeypatch.setattr(talk.body_noise, "KINDS", ())
    found = np.concatenate([errors(track.make(0, index, "train", Bursts())) for index in range(3)])
    assert len(found) > 60
    assert np.median(np.abs(found)) < typical
    assert np.quantile(np.abs(found), 0.9) < max(3 * typical, 0.004)
    # Not late or early on the whole.
    assert abs(np.median(found[::2])) < typical and abs(np.median(found[1::2])) < typical


@pytest.mark.parametrize(("frames", "fps", "samples"), [(240, 24.0, 160_000), (1, 30, 533), (100, 29.97, 53387)])
def test_a_track_lasts_as_its_frames(frames, fps, samples):
    made = track.make(0, 0, "train", Bursts(), frames, fps)
    assert made.waveform.shape == (samples,) and made.waveform.dtype == np.float32
    assert made.duration == samples / RATE


def test_an_impossible_rate_is_refused():
    with pytest.raises(UserError, match="fps is 0"):
        track.make(0, 0, "train", Bursts(), 240, 0)


def test_phonemes_have_no_gaps_and_sound_stays_in_range():
    for index in range(12):
        made = track.make(1, index, "train", Bursts())
        assert made.phonemes[0].start == 0
        for before, after in zip(made.phonemes, made.phonemes[1:], strict=False):
            assert before.end == after.start and before.end > before.start
            assert before.ipa or after.ipa
        assert np.isfinite(made.waveform).all()
        peak = 20 * np.log10(np.abs(made.waveform).max())
        assert abs(peak - made.augmentation.peak_db) < 1e-3


def test_a_fifth_of_the_frames_and_more_are_without_speech(monkeypatch):
    """The layout alone: utterances as long as those of espeak-ng."""
    monkeypatch.setattr(recording, "record", lambda voice, spoken, sound, drawn, rng: voice)
    monkeypatch.setattr(recording, "background", lambda samples, drawn, others, rng: np.zeros(samples, np.float32))
    monkeypatch.setattr(utterance, "speak", lambda engine, words, voice, drawn, rng: engine.speak(words, voice))
    monkeypatch.setattr(Bursts, "rate", RATE)
    made = [track.make(0, index, "train", Bursts()) for index in range(300)]
    shares = np.array([share(one) for one in made])
    assert 0.2 < 1 - shares.mean() < 0.35
    assert abs((shares == 0).mean() - talk.SILENT) < 0.03
    assert all(bool(one.text) == (some > 0) for one, some in zip(made, shares, strict=True))
    begun = [one.phonemes[0] for one in made if one.phonemes[0].ipa]
    assert abs(len(begun) / len(made) - talk.BEGUN) < 0.08
    assert np.mean([phoneme.end - phoneme.start < LENGTH - 1e-3 for phoneme in begun]) > 0.9
    cut = [one.phonemes[-1] for one in made if one.phonemes[-1].ipa]
    assert len(cut) > 100 and np.mean([phoneme.end - phoneme.start < LENGTH - 1e-3 for phoneme in cut]) > 0.5


def test_silent_clips_are_heard_too(monkeypatch):
    monkeypatch.setattr(talk, "SILENT", 1.0)
    made = track.make(0, 3, "train", Bursts())
    assert made.phonemes == (Phoneme("", 0.0, 10.0),) and made.text == ""
    assert np.abs(made.waveform).max() > 0


def test_the_voice_asked_for_compensates_the_tract():
    voice = Voice("de", 180, 50, 40)
    assert utterance.asked(voice, 1.0) == voice
    assert utterance.asked(voice, 1.25) == Voice("de", 144, 30, 40)
    assert utterance.asked(Voice("de", 420, 95, 40), 0.8) == Voice("de", 450, 99, 40)


def test_short_breaks_belong_to_the_phoneme_before():
    names = [("", 0.02), ("a", 0.1), ("", 0.05), ("o", 0.1), ("", 0.3), ("p", 0.1), ("", 0.01)]
    times = np.cumsum([0, *(length for _, length in names)]).tolist()
    phonemes = tuple(Phoneme(ipa, *times[i : i + 2]) for i, (ipa, _) in enumerate(names))
    found = utterance.joined(phonemes)
    assert [phoneme.ipa for phoneme in found] == ["", "a", "o", "", "p", ""]
    assert found[1] == Phoneme("a", times[1], times[3])
    assert found[2:] == phonemes[3:]


def test_the_tract_moves_formants_but_neither_pitch_nor_pace(engine):
    pitches, lengths = [], []
    for factor in (0.8, 1.0, 1.25):
        drawn = dataclasses.replace(PLAIN, tract=factor)
        said = utterance.speak(
            engine, "aaaa mmmm aaaa mmmm aaaa", Voice("es", 150, 55, 0), drawn, np.random.default_rng(0)
        )
        middle = said.waveform[4000:12000]
        likeness = np.correlate(middle, middle, "full")[len(middle) - 1 :]
        pitches.append(RATE / (50 + likeness[50:250].argmax()))
        lengths.append(said.phonemes[-2].end)
    assert np.ptp(pitches) / np.mean(pitches) < 0.04
    assert np.ptp(lengths) / np.mean(lengths) < 0.12


def test_the_same_seed_gives_the_same_bytes(engine):
    one = track.make(4, 2, "train", engine)
    track.make(4, 3, "test", engine)
    with Espeak() as other:
        two = track.make(4, 2, "train", other)
    assert one.waveform.tobytes() == two.waveform.tobytes()
    assert dataclasses.replace(one, waveform=None) == dataclasses.replace(two, waveform=None) == one.mute()


def test_the_sound_is_frozen():
    """Whoever changes this changes the data set: raise `splits.GENERATOR` with it."""
    found = []
    for index, split in enumerate(splits.SPLITS):
        made = track.make(11, index, split, Bursts())
        starts = [round(phoneme.start, 3) for phoneme in made.phonemes[1:3]]
        drawn = (round(made.augmentation.snr_db, 3), made.augmentation.noises, made.augmentation.codec)
        found.append((made.voice, made.text[:20], len(made.phonemes), starts, drawn))
    assert found == FROZEN


FROZEN = [
    ("pt-br+whisper", "Boa noite Bárbara! V", 75, [0.34, 0.433], (5.764, (), "")),
    ("cs", "Jednou za měsíc každ", 85, [1.047, 1.128], (12.205, (), "opus")),
    ("fr-fr+steph", "Grèbleuvrinfefli gni", 71, [1.203, 1.316], (24.228, (), "")),
]


def test_clips_differ(engine):
    made = [
        track.make(*key, engine) for key in ((0, 0, "train"), (0, 1, "train"), (1, 0, "train"), (0, 0, "validation"))
    ]
    assert len({one.text for one in made}) == len({one.augmentation for one in made}) == 4


@pytest.mark.parametrize("split", splits.SPLITS)
def test_a_split_keeps_to_its_sentences_and_voices(split):
    """Babble included: nobody in a training clip says a test sentence or has a test voice."""
    bursts = Bursts()
    for index in range(25):
        made = track.make(0, index, split, bursts)
        assert made.language in voices.languages(split)
    assert len(bursts.asked) > 50
    for words, voice in bursts.asked:
        assert splits.of_sentence(words) == split
        language, _, variant = voice.name.partition("+")
        assert language in voices.languages(split)
        assert variant in voices.variants(split) or (not variant and split != "test")


def test_real_speech(engine, monkeypatch):
    """What is spoken is louder than what is not, in every language."""
    monkeypatch.setattr(talk.body_noise, "KINDS", ())
    for index, language in enumerate(text.LANGUAGES):
        speaker = talk.Speaker(engine, language, Voice(language), "test", PLAIN)
        said = talk.draw(5 * RATE, speaker, np.random.default_rng([2, index]))
        spoken = track.spoken(said.phonemes, 5 * RATE, RATE)
        if not spoken.any():
            continue
        assert 0.3 < np.mean(said.waveform[spoken] ** 2) < 3
        assert np.mean(said.waveform[~spoken] ** 2) < 0.1


def test_spoken():
    phonemes = (Phoneme("", 0.0, 0.25), Phoneme("a", 0.25, 0.5), Phoneme("", 0.5, 1.0))
    assert track.spoken(phonemes, 4, 4).tolist() == [False, True, False, False]
    assert track.spoken(phonemes, 8, 8.0).tolist() == [False, False, True, True, False, False, False, False]


def test_tracks_can_be_read_where_there_is_neither_codec_nor_resampler():
    import subprocess

    code = (
        "import sys\n"
        "for name in ('av', 'soxr', 'librosa'): sys.modules[name] = None\n"
        "import data_pipelines.avatars.track_file, data_pipelines.avatars.track\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_busiest_frames_are_those_in_which_most_sounds_begin():
    said = [Phoneme("a", start, start + 0.05) for start in (0.0, 1.0, 1.1, 1.2, 3.0)]
    first = track.busiest((*said, Phoneme("", 3.05, 4.0)), frames=40, length=5, fps=10)
    assert first <= 10 and first + 5 > 12
