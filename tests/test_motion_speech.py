"""M on real speech, and how fast it is: committed numbers against their limits, and what they are measured with."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from benchmarks import disturb, motion_people, motion_speech
from vlogger_jax.audio.mel import RATE

ROOT = Path(__file__).parents[1]
TIME = np.arange(2 * RATE) / RATE
NOISE = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
TONE = (0.3 * np.sin(2 * np.pi * 1000 * TIME)).astype(np.float32)

NOISES = ("white noise, 20 dB", "pink noise, 20 dB")
LEVELS = ("12 dB louder", "12 dB quieter")
THROATS = (
    "vocal tract, formants +10 %",
    "vocal tract, formants -10 %",
    "voice, formants and pitch +10 %",
    "voice, formants and pitch -10 %",
)


def committed(path: str) -> dict:
    if not (ROOT / path).exists():
        pytest.skip(f"{path} has not been made yet")
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def misses(found: dict) -> set[str]:
    """Which limits are not met, by limits that are written here again."""
    names = set()
    for sound, row in found["sounds"].items():
        for whats, least in ((LEVELS, 0.95), (NOISES, 0.85), (THROATS, 0.80)):
            for what in whats:
                numbers = row["changed"][what]
                close = least < 0.95 or 0.9 <= numbers["mean_ratio"]["mean"] <= 1.1
                if numbers["correlation"]["mean"] < least or not close:
                    names.add(f"{sound}, {what}")
        if "another" in row and row["another"]["mean"] > 0.30:
            names.add(f"{sound}, another sound")
    names |= {f"pauses, {name}" for name in ("at_rest", "at_rest_over_music") if found["summary"][name] < 0.90}
    pooled = found["people"]["pooled"]
    return names | ({"people"} if min(pooled["percentile"], pooled["percentile_with_excess"]) <= 95 else set())


def test_every_limit_is_met_or_said_to_be_missed():
    found = committed("docs/results/motion_speech.json")
    assert misses(found) == {line.split(":")[0] for line in found["missed"]}
    assert sum(name.endswith(".wav") for name in found["sounds"]) >= 3
    assert sum("another" in row for row in found["sounds"].values()) >= 3
    assert found["seeds"] >= 4 and found["summary"]["pause_frames"] > 0 and found["people"]["samples_averaged"] >= 4
    pooled = found["people"]["pooled"]
    assert pooled["correlation"] == pytest.approx(
        np.mean([clip["correlation"] for clip in found["people"]["clips"].values()]), abs=1e-3
    )


def test_it_is_fast_and_memory_does_not_grow():
    found = committed("benchmarks/results/motion_speed.cpu2.json")
    details = found["details"]
    [fast] = [row["ours"] for row in found["rows"] if ", fast;" in row["case"]]
    within = fast <= 5 and max(details["growth"].values()) <= 0.02
    assert within == (not details["missed"])
    stream = details["stream"]
    assert [row["minutes"] for row in stream] == [1, 5, 10]
    for name, share in details["growth"].items():
        assert share == pytest.approx(stream[-1][name] / stream[0][name] - 1, abs=1e-3)


def example() -> dict:
    """Numbers on the right side of all limits, by little."""

    def changed(what: str) -> dict:
        least = 0.95 if what in LEVELS else 0.85 if what in NOISES else 0.80 if what in THROATS else -1.0
        return {"correlation": {"mean": least}, "mean_ratio": {"mean": 1.09}}

    row = {"changed": {what: changed(what) for what in motion_speech.CHANGES}, "another": {"mean": 0.30}}
    return {
        "sounds": {"a.wav": row},
        "summary": {"at_rest": 0.90, "at_rest_over_music": 0.90},
        "people": {"pooled": {"percentile": 95.1, "percentile_with_excess": 95.1}},
    }


def test_what_is_missed_is_said():
    assert {*LEVELS, *NOISES, *THROATS, "music, 15 dB"} == set(motion_speech.CHANGES)
    assert motion_speech.missed(example()) == []
    cases = [(("sounds", "a.wav", "another", "mean"), 0.31)]
    cases += [
        (("sounds", "a.wav", "changed", what, "mean_ratio", "mean"), bad) for what in LEVELS for bad in (0.8, 1.2)
    ]
    for whats, bad in ((LEVELS, 0.94), (NOISES, 0.84), (THROATS, 0.79)):
        cases += [(("sounds", "a.wav", "changed", what, "correlation", "mean"), bad) for what in whats]
    cases += [(("summary", name), 0.89) for name in ("at_rest", "at_rest_over_music")]
    cases += [(("people", "pooled", name), 95.0) for name in ("percentile", "percentile_with_excess")]
    for path, bad in cases:
        found = copy.deepcopy(example())
        inner = found
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = bad
        [line] = motion_speech.missed(found)
        assert {line.split(":")[0]} == misses(found)


def test_level_is_level():
    assert np.allclose(disturb.louder(TONE, 20), 10 * TONE)  # beyond 1
    assert np.allclose(disturb.louder(TONE, -20), TONE / 10)


@pytest.mark.parametrize("change", [disturb.white, disturb.pink, disturb.music])
@pytest.mark.parametrize("ratio", [20, 5])
def test_what_is_added_has_the_power_asked_for(change, ratio):
    changed = change(TONE, np.random.default_rng(1), ratio)
    assert changed.dtype == np.float32 and len(changed) == len(TONE)
    added = changed - TONE
    assert 10 * np.log10(np.mean(TONE**2) / np.mean(added**2)) == pytest.approx(ratio, abs=0.01)
    assert np.array_equal(changed, change(TONE, np.random.default_rng(1), ratio))
    assert not np.allclose(changed, change(TONE, np.random.default_rng(2), ratio))


def test_white_doubles_an_octave_and_pink_does_not():
    for change, wanted in ((disturb.white, 4.0), (disturb.pink, 1.0)):
        power = np.abs(np.fft.rfft(change(TONE, np.random.default_rng(0), 0) - TONE)) ** 2
        low, high = power[1000:2000].sum(), power[4000:8000].sum()  # half hertz: 500-1000 Hz, 2-4 kHz
        assert high / low == pytest.approx(wanted, rel=0.15)


def test_music_has_a_beat():
    bed = disturb.music(TONE, np.random.default_rng(0), 0) - TONE
    energy = (bed.reshape(-1, RATE // 20) ** 2).sum(axis=1).reshape(-1, 10)  # of 50 ms, a beat a row
    assert (energy[:, 0] > 2 * energy[:, 4]).all()
    hiss = signal.sosfilt(signal.butter(6, 6500, "highpass", fs=RATE, output="sos"), bed)
    hiss = (hiss.reshape(-1, RATE // 20) ** 2).sum(axis=1).reshape(-1, 10)
    assert (hiss.argmax(axis=1) == 5).all()


@pytest.mark.parametrize("share", [0.1, -0.1])
def test_another_voice_is_higher_and_no_later(share):
    changed = disturb.voice(TONE, share)
    power = np.abs(np.fft.rfft(changed[2000:-2000])) ** 2
    assert power.argmax() * RATE / (len(TONE) - 4000) == pytest.approx(1000 * (1 + share), abs=2)
    assert len(changed) == len(TONE) and changed.std() == pytest.approx(TONE.std(), rel=0.05)
    burst = np.where((TIME >= 1.2) & (TIME < 1.3), TONE, 0).astype(np.float32)
    changed = disturb.voice(burst, share)
    assert (TIME * changed**2).sum() / (changed**2).sum() == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize("formant", [600, 1500, 2500])
@pytest.mark.parametrize("pitch", [125, 200])
def test_another_vocal_tract_has_other_formants_and_the_same_pitch(formant, pitch):
    pulses = np.zeros(2 * RATE)
    pulses[:: RATE // pitch] = 1
    radius, angle = np.exp(-np.pi * 150 / RATE), 2 * np.pi * formant / RATE
    voiced = signal.lfilter([1], [1, -2 * radius * np.cos(angle), radius**2], pulses).astype(np.float32)

    def spectrum(sound):
        return np.abs(np.fft.rfft(sound[RATE // 2 :][:RATE])) ** 2  # a bin a hertz

    def formant_of(sound):
        return (np.arange(RATE // 2 + 1) * spectrum(sound)).sum() / spectrum(sound).sum()

    assert np.allclose(disturb.tract(voiced, 0.0)[:-1000], voiced[:-1000], atol=1e-4)
    for share in (0.1, -0.1):
        changed = disturb.tract(voiced, share)
        assert formant_of(changed) / formant_of(voiced) == pytest.approx(1 + share, abs=0.035)
        power = spectrum(changed)
        harmonics = sum(power[k * pitch - 2 : k * pitch + 3].sum() for k in range(1, 7900 // pitch))
        assert harmonics > 0.98 * power[20:].sum()
        burst = np.where((TIME >= 1.2) & (TIME < 1.3), changed, 0)
        moved = disturb.tract(burst.astype(np.float32), share)
        assert (TIME * moved**2).sum() / (moved**2).sum() == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize("level", [1.0, 0.01])
def test_pauses_are_long_and_silent(level):
    sound, time = 0.1 * NOISE, TIME.copy()
    for begin, end in ((0, 0.4), (0.8, 1.0), (1.3, 1.8)):
        sound = np.where((time >= begin) & (time < end), 1e-3 * sound, sound)
    found = disturb.pauses((level * sound).astype(np.float32))
    assert np.allclose(found, [[0, 0.4], [1.3, 1.8]], atol=0.025)
    faint = np.where((TIME >= 1.3) & (TIME < 1.8), 0.01 * NOISE, sound)  # 20 dB under is speech
    assert len(disturb.pauses(faint.astype(np.float32))) == 1


def test_frames_of_pauses_keep_away_from_their_ends():
    found = disturb.within(10, 10.0, np.array([[0.15, 0.55], [0.75, 0.9]]))
    assert np.flatnonzero(found).tolist() == [3, 4]
    assert not disturb.within(10, 10.0, np.zeros((0, 2))).any()


def test_a_lag_is_found_and_not_farther_than_asked():
    curve = np.convolve(np.random.default_rng(0).standard_normal(200), np.ones(3), "valid")
    for lag in (-5, 0, 3):
        found, at = motion_people.searched(np.roll(curve, lag), curve)
        assert at == lag and found == pytest.approx(1, abs=1e-9)
    assert motion_people.searched(np.roll(curve, 10), curve)[0] < 0.6


def test_curves_of_fits_are_brought_to_our_frames():
    time = np.arange(61) / 30
    good = np.arange(61) % 7 != 3
    curve = np.where(good, 2 + 3 * time, 100)
    found = motion_people.resampled(curve, good, 30.0, 24.0)
    assert np.allclose(found, 2 + 3 * np.arange(49) / 24)


def test_shifts_and_ranks():
    assert motion_people.shifts_of(240, 24.0)[[0, 1, -1]].tolist() == [24, 30, 216]
    assert motion_people.shifts_of(48, 24.0).tolist() == [12, 18, 24, 30, 36]
    assert motion_people.ranked(0.5, np.array([0.1, 0.2, 0.5, 0.9]))["percentile"] == 50


def test_intervals_are_students():
    found = motion_speech.spread([1.0, 2.0, 3.0])
    assert found == {
        "mean": 2.0,
        "interval": [round(2 - 4.302653 / np.sqrt(3), 4), round(2 + 4.302653 / np.sqrt(3), 4)],
    }
    assert motion_speech.spread([]) is None
