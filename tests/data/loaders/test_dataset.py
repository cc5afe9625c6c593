"""What is opened is what was made; what is not is named, and never read as something else."""

import dataclasses
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from data_pipelines import features, make
from data_pipelines.loaders import dataset
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.motion import Motions, MotionWindows
from data_pipelines.loaders.order import Stream
from data_pipelines.plan import Plan
from data_pipelines.running import Beam
from data_pipelines.schema import BadExample
from tests.data.loaders.conftest import SIZE
from tests.data.loaders.tampered import tampered
from tests.data.people import People
from vlogger_jax.body import model_file
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.core.errors import UserError


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips alone, all of the same length, of two builds."""
    people = [People({"validation": 2, "test": 2}, seed, shortest=24, longest=24) for seed in (0, 1)]
    requests = [make.Request(each, tmp_path_factory.mktemp("twin"), (), Plan(), 1, "pytest") for each in people]
    return [make.make(request, Beam())[0] for request in requests]


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """One that may be damaged."""
    return Path(shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("cache")))


def shard(folder: Path, kind: str, number: int = 0) -> Path:
    return sorted((folder / kind).rglob("*-train.array_record-*"))[number]


def test_clips_are_those_of_the_recipe(data: DataSet, people: People):
    clips = data.clips("train")
    assert len(clips) == 6
    for number, clip in enumerate(clips):
        made = people.clip(people.job("train", number))
        assert (clip.clip, clip.identity) == (number, made.identity)
        assert [phoneme.ipa for phoneme in clip.phonemes] == ["", "a", ""]
        np.testing.assert_array_equal(clip.waveform, made.waveform)
        np.testing.assert_array_equal(clip.motion.body_pose, made.motion.body_pose)


def test_chunks_are_all_frames_in_order(data: DataSet):
    chunks, lengths = data.chunks(SIZE, "train"), [len(clip.motion.transl) for clip in data.clips("train")]
    found = [(chunk.clip, frame) for chunk in chunks for frame in chunk.frame.tolist()]
    assert found == [(clip, frame) for clip, length in enumerate(lengths) for frame in range(length)]


def test_sources_open_their_files_late_and_can_be_pickled(copy: Path):
    chunks = dataset.open(copy).chunks(SIZE, "train")
    expected, again = chunks[3], pickle.loads(pickle.dumps(chunks))
    assert again[3].image == expected.image
    assert not any(pickle.loads(pickle.dumps(chunks)).records.source.data_source._readers)


def test_no_data_set_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"manifest\.json cannot be read"):
        dataset.open(tmp_path)


def test_another_body_is_refused(folder: Path):
    other = dataclasses.replace(model_file.default(), name="smplx-0123456789ab")
    with pytest.raises(UserError, match=r"is of the body 'default-v1', but the body in use is 'smplx-0123456789ab'"):
        dataset.open(folder, other)


def with_fewer(*names: str) -> BodyModel:
    """The default body without the last two of some directions."""
    body = model_file.default()
    return dataclasses.replace(body, **{name: getattr(body, name)[..., :-2] for name in names})


def test_a_body_with_other_coefficients_is_refused(folder: Path):
    fewer = with_fewer("shapedirs", "joint_shapedirs")
    with pytest.raises(UserError, match=r"has 57 coefficients of shape and 52 of expression, but .* has 55 and 52"):
        dataset.open(folder, fewer)
    fewer = with_fewer("expression_dirs", "joint_expression_dirs")
    with pytest.raises(UserError, match="the body in use has 57 and 50"):
        dataset.open(folder, fewer)


def test_what_was_not_stored_is_named(data: DataSet):
    with pytest.raises(UserError, match=rf"has no frames_512\. It has clips, frames_{SIZE}"):
        data.chunks(512, "train")
    with pytest.raises(UserError, match=r"has no split 'test'\. It has train, validation"):
        data.clips("test")


def test_a_missing_shard_is_named_before_anything_is_read(copy: Path):
    shard(copy, "clips", 1).unlink()
    with pytest.raises(UserError, match=r"people-train\.array_record-00001-of-00002 is missing"):
        dataset.open(copy).clips("train")
    assert len(dataset.open(copy).chunks(SIZE, "train")), "the other config is whole"


def test_a_truncated_shard_is_named_before_anything_is_read(copy: Path):
    path = shard(copy, "clips")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match=r"array_record-00000-of-00002 has \d+ bytes, was written with \d+"):
        dataset.open(copy).clips("train")


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])]
)
def test_a_shard_that_is_lost_while_training_is_bad_examples(copy: Path, damage):
    chunks = pickle.loads(pickle.dumps(dataset.open(copy).chunks(SIZE, "train")))
    path = shard(copy, f"frames_{SIZE}", 1)
    damage(path)
    assert chunks[0].clip == 0
    with pytest.raises(BadExample, match=rf"example {len(chunks) - 1} of frames_{SIZE}/train.*{path.name}"):
        chunks[len(chunks) - 1]


def test_a_flipped_bit_anywhere_is_a_bad_example_or_does_no_harm(copy: Path):
    chunks = dataset.open(copy).chunks(SIZE, "train")
    whole, path = list(chunks), shard(copy, f"frames_{SIZE}")
    content, rng = path.read_bytes(), np.random.default_rng(0)
    places = [*range(0, 64, 7), *rng.integers(len(content), size=12).tolist(), len(content) - 1, len(content) - 40]
    refused = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        fresh = pickle.loads(pickle.dumps(chunks))
        for number, chunk in enumerate(whole):
            try:
                assert fresh[number].image == chunk.image, place
            except BadExample as error:
                refused += 1
                assert path.name in str(error)
    assert refused


def test_damage_is_replaced_and_counted(copy: Path):
    data = dataset.open(copy)
    windows = MotionWindows(data.clips("train"), data.body, Motions(4, 8, silent=0))
    path = shard(copy, "clips", 1)
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 4, len(content) * 3 // 4, 1000):
        content[place] ^= 8
    path.write_bytes(content)
    stream = Stream(windows, 0, tolerated=20)
    assert sum(int(stream[i]["replaced"]) for i in range(12)) >= 1
    with pytest.raises(BadExample, match="cannot be read"):
        [Stream(windows, 0)[i] for i in range(6)]


@pytest.mark.parametrize("byte", [0, ord("x"), 255])
def test_a_damaged_description_is_refused(copy: Path, byte):
    path = next((copy / "clips").rglob("dataset_info.json"))
    content = bytearray(path.read_bytes())
    content[100] = byte
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"clips/.* is damaged: its checksum"):
        dataset.open(copy).clips("train")
    if byte != ord("x"):  # which is another text, but a text
        with pytest.raises(UserError, match=r"clips/.* holds no records that can be read"):
            features.read(copy, "clips", "train")


@pytest.mark.parametrize(("build", "split"), [(0, "validation"), (1, "test")])
def test_records_of_another_split_or_build_are_bad_examples(twins: list[Path], tmp_path: Path, build, split):
    folder = Path(shutil.copytree(twins[0], tmp_path / "copy"))
    clips = pickle.loads(pickle.dumps(dataset.open(folder).clips("test")))  # without files that are open
    (path,) = folder.rglob("*-test.array_record-*")
    (other,) = twins[build].rglob(f"*-{split}.array_record-*")
    shutil.copy(other, path)
    for number in range(2):
        with pytest.raises(BadExample, match=rf"in {path.name}, is another's: the origin is \w{{12}}/{split}, not"):
            clips[number]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("clip", 3, "the clip is 3, not 0"),
        ("chunk", 5, "the chunk is 5, not 0"),
        ("frame", np.arange(1, 9, dtype=np.int32), r"the frames is \[1, 2"),
    ],
)
def test_a_record_in_the_wrong_place_is_a_bad_example(data: DataSet, name, value, what):
    with pytest.raises(BadExample, match=what):
        tampered(data.chunks(SIZE, "train"), {name: lambda number, values: value})[0]


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("origin", lambda old: b"0123456789ab/train", "the origin is 0123456789ab/train, not"),
        ("body", lambda old: b"another", "the body is another, not default-v1"),
        ("fps", lambda old: np.float32(24.01), r"the frame rate is 24\.01\d*, not 24\.0"),
        ("motion", lambda old: {**old, "betas": old["betas"][:-1]}, "the number of shape coefficients is 56, not 57"),
        (
            "motion",
            lambda old: {**old, "expression": old["expression"][:, 1:]},
            "the number of expression coefficients is 51, not 52",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["clips", "chunks"])
def test_what_no_record_of_the_data_set_has_is_a_bad_example(data: DataSet, kind, name, change, what):
    examples = data.clips("train") if kind == "clips" else data.chunks(SIZE, "train")
    with pytest.raises(BadExample, match=what):
        tampered(examples, {name: lambda number, values: change(values[name])})[0]


def test_frame_rates_that_are_stored_rounded_are_those_of_the_manifest(data: DataSet):
    known = dataclasses.replace(data.manifest, fps=24000 / 1001)
    clips = dataclasses.replace(data, manifest=known).clips("train")
    stored = tampered(clips, {"fps": lambda number, values: np.float32(24000 / 1001)})
    assert stored[0].motion.fps == pytest.approx(24000 / 1001)


def test_parts_of_different_lengths_are_a_bad_example(data: DataSet):
    def shorter(number, values):
        return {**values["motion"], "jaw_pose": values["motion"]["jaw_pose"][:-1]}

    def cut(number, values):
        return values["waveform"][:-2000]

    with pytest.raises(BadExample, match=r"example 0 of clips/train.*jaw_pose"):
        tampered(data.clips("train"), {"motion": shorter})[0]
    with pytest.raises(BadExample, match=r"example 1 of clips/train.*samples of sound for"):
        tampered(data.clips("train"), {"waveform": cut})[1]


def test_a_number_of_examples_that_the_manifest_does_not_know_is_refused(data: DataSet):
    part = dataclasses.replace(data.manifest.splits["train"], lengths=((5, 24),))
    known = dataclasses.replace(data.manifest, splits={"train": part})
    with pytest.raises(UserError, match="has 6 examples, not the 5 of its manifest"):
        dataclasses.replace(data, manifest=known).clips("train")
