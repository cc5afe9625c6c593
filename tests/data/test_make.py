"""Data sets made whole: killed and gone on with, by any number of workers, and refused when they cannot be."""

import dataclasses
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from data_pipelines import build, features, finish, manifest, running, schema
from data_pipelines import records as writing
from data_pipelines.finish import Work
from data_pipelines.make import STORE, Request, make
from data_pipelines.plan import Plan
from data_pipelines.running import Beam
from tests.data.small import Small
from vlogger_jax import console
from vlogger_jax.core.errors import UserError

ROOT = Path(__file__).parents[2]
COUNTS = {"train": 5, "test": 2}
PLAN = Plan(12, 4)


def request(out, sizes=(16,), **options):
    out.mkdir(exist_ok=True)
    recipe = Small(**{"counts": COUNTS, "notes": out / "notes", **options})
    return Request(recipe, out, sizes, PLAN, 2, "made in a test")


def notes(out):
    return Counter((out / "notes").read_text().splitlines())


def records(folder):
    """File name -> checksum of everything that is written for readers."""
    known = manifest.load(folder)
    manifest.check_content(folder, known.files, lambda done: None)
    return {name: file.sha256 for name, file in known.files.items() if "array" in name}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken")
    return make(request(out), Beam())[0]


def test_what_is_made_is_what_was_asked_for(unbroken):
    known = manifest.load(unbroken)
    assert (known.name, known.licence, known.fps, known.plan) == ("small", "CC0-1.0", 24.0, PLAN)
    assert known.splits["train"] == manifest.Part(5, ((1, 20), (1, 21), (1, 22), (1, 20), (1, 21)))
    assert known.splits["test"].clips == 2 and known.command == "made in a test"
    assert set(known.configs) == {"clips", "frames_16"} and {"jax", "python"} <= set(known.versions)
    assert len(records(unbroken)) == 2 * 2 * 2, "configs, splits and shards"
    for split, count in COUNTS.items():
        clips = features.read(unbroken, "clips", split)
        assert [schema.clip_of(clips[i]).clip for i in range(len(clips))] == list(range(count))
        assert [schema.clip_of(clips[i]).identity for i in range(count)] == [f"{split} {i}" for i in range(count)]
        chunks, table = features.read(unbroken, "frames_16", split), known.table(split)
        assert len(chunks) == table.first_chunk[-1]
        for clip in range(count):
            for number, frames in enumerate(PLAN.chunks(int(table.lengths[clip]))):
                chunk = schema.chunk_of(chunks[int(table.first_chunk[clip]) + number])
                assert (chunk.clip, chunk.chunk, chunk.frame.tolist()) == (clip, number, list(frames))


def test_made_again_nothing_is_made(unbroken):
    before = notes(unbroken.parent)
    assert set(before.values()) == {1}
    make(request(unbroken.parent), Beam())
    assert notes(unbroken.parent) == before


def test_a_size_is_added_later_without_making_clips_again(tmp_path):
    make(request(tmp_path, sizes=()), Beam())
    folder, known = make(request(tmp_path, sizes=(16, 24)), Beam())
    assert set(known.configs) == {"clips", "frames_16", "frames_24"}
    assert notes(tmp_path)["clip train 0"] == 1 and notes(tmp_path)["shots train 0"] == 2
    assert not list((folder / "cache").rglob("*shots*")) and len(list((folder / "cache").rglob("*.safetensors"))) == 7


def run(out, workers, **options):
    """`make` in another process; its exit code."""
    code = f"""
from pathlib import Path
from data_pipelines.make import make
from data_pipelines.running import Beam
from tests.data.test_make import request
make(request(Path({str(out)!r}), **{options!r}), Beam({workers}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stderr


def test_killed_and_run_again_it_makes_the_same_and_nothing_twice(tmp_path, unbroken):
    code, _ = run(tmp_path, 1, dies=3)
    assert code == -9
    made = notes(tmp_path)
    assert made["shots train 2"] == 1 and made["shots train 4"] == 0
    make(request(tmp_path), Beam())
    again = notes(tmp_path)
    assert again.pop("shots train 3") == 2, "it was being made"
    assert set(again.values()) == {1}
    assert records(tmp_path / "small") == records(unbroken)


@pytest.mark.slow
def test_two_workers_make_the_same(tmp_path, unbroken):
    code, error = run(tmp_path, 2)
    assert code == 0, error
    assert set(notes(tmp_path).values()) == {1}
    assert manifest.load(tmp_path / "small").splits == manifest.load(unbroken).splits
    assert records(tmp_path / "small") == records(unbroken)


@pytest.mark.parametrize("mode", ["in_memory", pytest.param("multi_threading", marks=pytest.mark.slow)])
def test_so_do_other_runners(tmp_path, unbroken, mode):
    make(request(tmp_path), Beam(1, f"--runner=DirectRunner --direct_running_mode={mode}"))
    assert set(notes(tmp_path).values()) == {1}
    assert records(tmp_path / "small") == records(unbroken)


def test_readers_of_tfds_are_told_all_they_need(unbroken):
    info = tfds.builder_from_directory(unbroken / "clips" / schema.VERSION).info
    assert info.full_name == f"small/clips/{schema.VERSION}" and info.redistribution_info.license == "CC0-1.0"
    assert info.file_format is tfds.core.FileFormat.ARRAY_RECORD and info.disable_shuffling
    assert {name: split.shard_lengths for name, split in info.splits.items()} == {"train": [2, 3], "test": [1, 1]}
    assert info.splits["train"].num_bytes > 5 * 2 * 16000 * 20 / 24, "at least the sound"


@pytest.mark.parametrize(("shards", "files"), [(1, (1, 1)), (4, (4, 2)), (None, (1, 1))])
def test_every_split_has_as_many_files_as_are_wanted_and_has_clips_for(tmp_path, unbroken, shards, files):
    folder, _ = make(dataclasses.replace(request(tmp_path, sizes=()), shards=shards), Beam())
    found = [len(list(folder.rglob(f"*-{split}.array_record-*"))) for split in ("train", "test")]
    assert tuple(found) == files
    for split, count in COUNTS.items():
        clips = features.read(folder, "clips", split)
        assert [schema.clip_of(clips[i]).clip for i in range(len(clips))] == list(range(count))


class Spied(writing.ArrayRecordWriter):
    """Counts what it is given, of which it loses one, or at which it is interrupted."""

    given, lost, interrupted = 0, -1, -1

    def write(self, record):
        Spied.given += 1
        if Spied.given == Spied.interrupted:
            raise KeyboardInterrupt
        if Spied.given != Spied.lost:
            super().write(record)


@pytest.fixture
def spied(monkeypatch):
    monkeypatch.setattr(writing, "ArrayRecordWriter", Spied)
    for name in ("given", "lost", "interrupted"):
        monkeypatch.setattr(Spied, name, getattr(Spied, name))
    return Spied


def test_a_clip_is_written_before_the_next_one_is_read(tmp_path, spied, monkeypatch):
    """However much there is, memory holds one of it."""
    make(request(tmp_path, sizes=()), Beam())
    work = Work(request(tmp_path).recipe, request(tmp_path).recipe.settings(), PLAN, tmp_path / "small" / STORE)
    jobs, read, clip = request(tmp_path).recipe.jobs()["train"], [], finish.clip
    monkeypatch.setattr(finish, "clip", lambda work, job: read.append(spied.given) or clip(work, job))
    spied.given = 0
    splits = {"train": writing.Written(jobs, [1] * 5, "here/train", 2)}
    told = []
    writing.write(work, None, tmp_path / "again", splits, told.append)
    assert read == [0, 1, 2, 3, 4] and told == [0.2, 0.4, 0.6, 0.8, 1.0]


@pytest.mark.parametrize(("lost", "what"), [(1, "holds 1 examples, not 2"), (5, "holds 2 examples, not 3")])
def test_a_record_that_is_lost_is_no_data_set(tmp_path, unbroken, spied, lost, what):
    spied.lost = lost
    with pytest.raises(UserError, match=what):
        make(request(tmp_path), Beam())
    assert not (tmp_path / "small" / manifest.NAME).exists()
    make(request(tmp_path), Beam())
    assert records(tmp_path / "small") == records(unbroken)


@pytest.mark.parametrize("interrupted", [4, 9])
def test_interrupted_while_writing_it_goes_on(tmp_path, unbroken, spied, interrupted):
    """In the first config, and in the second."""
    spied.interrupted = interrupted
    with pytest.raises(KeyboardInterrupt):
        make(request(tmp_path), Beam())
    make(request(tmp_path), Beam())
    assert set(notes(tmp_path).values()) == {1}
    assert records(tmp_path / "small") == records(unbroken)


def test_a_finished_clip_without_its_examples_is_no_data_set(tmp_path):
    folder, _ = make(request(tmp_path, sizes=()), Beam())
    shutil.rmtree(folder / "clips")
    recipe = request(tmp_path).recipe
    work = Work(recipe, recipe.settings(), PLAN, folder / STORE)
    key = work.key(recipe.jobs()["train"][3], None)
    work.cache.put(key, (), work.cache.about(key))
    with pytest.raises(UserError, match=r"has 0 examples, not 1\. Remove it"):
        make(request(tmp_path), Beam())
    assert not list(folder.rglob("*/dataset_info.json"))


@pytest.mark.parametrize("sizes", [(), (16,)])
def test_clips_that_nobody_made_are_missed(tmp_path, monkeypatch, sizes):
    """As Beam may lose them, or workers that write into a folder of their own."""
    make(request(tmp_path, sizes=(), counts={"train": 1}), Beam())
    for_all = running.for_all
    monkeypatch.setattr(running, "for_all", lambda work, inputs, beam: for_all(work, inputs[1:], beam))
    counts = {"train": 1 if sizes else 2}
    with pytest.raises(UserError, match="1 clips that were made are not in"):
        make(request(tmp_path / ("" if sizes else "other"), sizes=sizes, counts=counts), Beam())


def test_an_unusable_clip_is_left_out_and_counted(tmp_path):
    folder, known = make(request(tmp_path, broken=(1, "unusable")), Beam())
    assert known.splits["train"] == manifest.Part(4, ((1, 20), (1, 22), (1, 20), (1, 21)), {"no face": 1})
    clips = features.read(folder, "clips", "train")
    assert [schema.clip_of(clips[i]).identity for i in range(4)] == ["train 0", "train 2", "train 3", "train 4"]
    make(request(tmp_path, broken=(1, "unusable")), Beam())
    assert notes(tmp_path)["clip train 1"] == 1, "that it is unusable is remembered"


def test_a_clip_that_cannot_be_made_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match=r"it is broken\. Mend it"):
        make(request(tmp_path, broken=(1, "fails")), Beam())
    assert not (tmp_path / "small" / manifest.NAME).exists()


def test_and_so_it_is_in_another_process(tmp_path):
    code, error = run(tmp_path, 2, broken=(1, "fails"))
    assert code == 1 and error.strip().endswith("UserError: it is broken. Mend it.")


def test_if_no_clip_is_usable_it_says_why(tmp_path):
    with pytest.raises(UserError, match="1 x no face"):
        make(request(tmp_path, counts={"train": 1}, broken=(0, "unusable")), Beam())


def test_other_settings_do_not_go_into_the_same_folder(unbroken):
    before = records(unbroken)
    for other in (
        request(unbroken.parent, frames=24),
        request(unbroken.parent, counts={"train": 6, "test": 2}),
        dataclasses.replace(request(unbroken.parent), plan=Plan(8)),
    ):
        with pytest.raises(UserError, match="other settings"):
            make(other, Beam())
    assert records(unbroken) == before


@pytest.fixture
def copied(unbroken, tmp_path):
    return Path(shutil.copytree(unbroken, tmp_path / "copied"))


def test_what_is_not_ours_is_never_removed(tmp_path):
    """A folder of videos that has the name of a config, say."""
    film = tmp_path / "small" / "clips" / "film.mp4"
    film.parent.mkdir(parents=True)
    film.write_bytes(b"mine")
    with pytest.raises(UserError, match="film"):
        make(request(tmp_path), Beam())
    assert film.read_bytes() == b"mine"


def test_records_that_the_manifest_does_not_vouch_for_are_made_again(tmp_path, unbroken):
    folder = tmp_path / "small"
    folder.mkdir()
    shutil.copytree(unbroken / "frames_16", folder / "frames_16")
    unfinished = folder / "frames_16" / "incomplete.0_1.0.0"
    unfinished.mkdir()
    (unfinished / "bucket_000.tmp").write_bytes(b"as TFDS leaves it when it is killed")
    make(request(tmp_path), Beam())
    assert records(folder) == records(unbroken)


def test_a_file_that_is_lost_is_made_again(copied, caplog):
    (copied / "frames_16").rename(copied / "frames")
    out = copied.parent
    (out / "small").symlink_to(copied)
    make(request(out), Beam())
    assert "frames_16 are made again" in caplog.text
    manifest.check_content(copied, manifest.load(copied).files, lambda done: None)


def test_two_builds_in_one_folder_are_refused(tmp_path):
    store = tmp_path / "small" / STORE
    store.mkdir(parents=True)
    with running.alone(store), pytest.raises(UserError, match="another process"):
        make(request(tmp_path), Beam())
    make(request(tmp_path, counts={"train": 1}), Beam())


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"frames": 24}, "frames"),
        ({"counts": {"train": 6, "test": 2}}, "jobs"),
        ({"licence": "mine"}, "licence"),
    ],
)
def test_the_setting_that_differs_is_named(unbroken, other, named):
    with pytest.raises(UserError, match=named):
        make(request(unbroken.parent, **other), Beam())


def test_which_pictures_may_be_decided_after_clips(tmp_path):
    make(request(tmp_path, sizes=()), Beam())
    _, known = make(dataclasses.replace(request(tmp_path), plan=Plan(8)), Beam())
    assert known.plan == Plan(8) and "frames_16" in known.configs
    make(dataclasses.replace(request(tmp_path, sizes=()), plan=Plan()), Beam())


@pytest.mark.parametrize(
    "options", ["gibberish", "--runner='Flink", "--runner=NoSuchRunner", "--direct_num_workers=banana"]
)
def test_impossible_options_of_beam_are_one_line(options):
    with pytest.raises(UserError, match="--beam"):
        Beam(2, options).pipeline_options()


@pytest.mark.parametrize("frames", [200, 20], ids=["a finished clip", "a file of records"])
def test_a_full_disk_is_a_user_error(tmp_path, small_disk, frames):
    with pytest.raises(UserError, match=r"(?i)too large|full"):
        make(dataclasses.replace(request(tmp_path, frames=frames), shards=1), Beam())
    assert not (tmp_path / "small" / manifest.NAME).exists()


def test_a_folder_that_cannot_be_is_a_user_error(tmp_path):
    (tmp_path / "small").write_text("a file")
    with pytest.raises(UserError, match="cannot be made"):
        make(request(tmp_path), Beam())


@pytest.mark.parametrize("wrong", [{"sizes": (8,)}, {"sizes": (2048,)}, {"shards": 0}])
def test_impossible_orders_are_refused(tmp_path, wrong):
    with pytest.raises(UserError):
        make(dataclasses.replace(request(tmp_path), **wrong), Beam())


def test_workers_are_counted_from_one():
    with pytest.raises(UserError, match="--workers"):
        Beam(0)


def test_without_beam_several_workers_are_refused(monkeypatch):
    monkeypatch.setattr(running.importlib.util, "find_spec", lambda name: None)
    assert Beam(1) == Beam()
    for wrong in ({"workers": 2}, {"options": "--runner=FlinkRunner"}):
        with pytest.raises(UserError, match="Beam"):
            Beam(**wrong)


def test_options_of_other_runners_replace_the_local_one():
    found = Beam(2, "--runner=FlinkRunner --flink_master='a b'").pipeline_options().get_all_options()
    assert found["runner"] == "FlinkRunner" and found["flink_master"] == "a b"
    assert found["direct_running_mode"] != "multi_processing"
    assert Beam(3).pipeline_options().get_all_options()["direct_num_workers"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values | {"format": "x"}, "no manifest"),
        (lambda values: values | {"version": 2}, "version 2"),
        (lambda values: {key: value for key, value in values.items() if key != "plan"}, "plan"),
        (lambda values: values | {"splits": []}, "splits"),
        (lambda values: [], "no manifest"),
    ],
)
def test_a_manifest_that_is_none_is_a_user_error(unbroken, tmp_path, change, message):
    values = json.loads((unbroken / manifest.NAME).read_text())
    (tmp_path / manifest.NAME).write_text(json.dumps(change(values)))
    with pytest.raises(UserError, match=message):
        manifest.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", '{"format": '])
def test_nor_is_half_a_manifest(tmp_path, text):
    (tmp_path / manifest.NAME).write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        manifest.load(tmp_path)
    with pytest.raises(UserError, match="No such file"):
        manifest.load(tmp_path / "nowhere")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, was written with"),
        (flip, "checksum"),
    ],
    ids=["missing", "truncated", "a bit flipped"],
)
def test_check_finds_every_damage(copied, capsys, damage, message):
    assert console.outcome(build.app, ["check", str(copied)], "build") == 0
    assert "train: 5 clips" in capsys.readouterr().out
    damage(next((copied / "frames_16").rglob("*train*")))
    assert console.outcome(build.app, ["check", str(copied)], "build") == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_lengths_are_kept_short():
    assert manifest.lengths_of([240] * 5 + [100, 240]) == ((5, 240), (1, 100), (1, 240))
    assert manifest.lengths_of([]) == ()
