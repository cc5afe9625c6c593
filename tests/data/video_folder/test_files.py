"""Which files are taken for videos, who is said to be in them, and how they are split and cut."""

import itertools
import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_pipelines.video_folder import files
from tests.data.video_folder import made
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file


@pytest.fixture
def folder(tmp_path):
    """Three videos, one in two subfolders, among other files."""
    folder = tmp_path / "videos"
    made.plain(folder / "zoe.mp4", 12, 1)
    made.plain(folder / "anna" / "first day" / "b.mp4", 24, 2)
    made.plain(folder / "anna" / "a.mp4", 6, 3).rename(folder / "anna" / "a.dat")  # names decide nothing
    for hidden in (folder / ".hidden.mp4", folder / ".trash" / "c.mp4", folder / "work" / "d.mp4"):
        hidden.parent.mkdir(exist_ok=True)
        made.plain(hidden, 3, 4)
    (folder / "notes.txt").write_text("nothing")
    (folder / "fake.mp4").write_text("nothing")
    audio_file.write(folder / "anna" / "sound.wav", made.tone(10))
    return folder


def test_videos_are_found_by_what_they_hold(folder, caplog):
    with caplog.at_level(logging.WARNING):
        videos = files.find(folder, None, folder / "work")
    assert [(video.file, video.identity, video.frames) for video in videos] == [
        ("anna/a.dat", "anna", 6),
        ("anna/first day/b.mp4", "anna", 24),
        ("zoe.mp4", "zoe.mp4", 12),
    ]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3 and all(message.startswith("left out: ") for message in messages)
    assert [any(name in message for message in messages) for name in ("notes.txt", "fake.mp4", "sound.wav")] == [
        True
    ] * 3


def test_the_same_video_twice_is_one(folder, caplog):
    (folder / "zoe again.mp4").write_bytes((folder / "zoe.mp4").read_bytes())
    with caplog.at_level(logging.WARNING):
        videos = files.find(folder, None, folder / "work")
    assert [video.file for video in videos][-1] == "zoe again.mp4" and len(videos) == 3
    assert "the same video as" in caplog.text


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_table_says_who_it_is(folder, suffix, caplog):
    who = {"anna/a.dat": "Anna", "anna/first day/b.mp4": "Béla, B", "zoe.mp4": "Anna", "gone.mp4": "Zoe"}
    table = folder / f"who.{suffix}"
    if suffix == "json":
        table.write_text(json.dumps(who), encoding="utf-8")
    else:
        rows = "".join(f'{file},"{name}"\n' for file, name in who.items())
        table.write_text("file,identity\n" + rows, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        videos = files.find(folder, table, folder / "work")
    assert [video.identity for video in videos] == ["Anna", "Béla, B", "Anna"]
    assert "names 1 files that are not used, the first is gone.mp4" in caplog.text
    assert table.name not in caplog.text.replace(str(table) + " names", "")


def test_nobody_is_left_unnamed(folder):
    table = folder / "who.json"
    table.write_text(json.dumps({"zoe.mp4": "zoe"}))
    with pytest.raises(UserError, match=r"does not say who is in anna/a\.dat"):
        files.find(folder, table, folder / "work")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("w.json", text) for text in ("", "[]x", '["a"]', "3", '{"a": 1}', '{"a": ""}', '{"a": "x", "a": "y"}')),
        *(("w.csv", text) for text in ("a,b\n1,2\n", "file,identity\nx\n", "file,identity\na,b\na,c\n")),
    ],
)
def test_tables_that_cannot_be(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=name):
        files.read_identities(tmp_path / name)


def test_no_table_no_folder_no_video(tmp_path):
    with pytest.raises(UserError, match="cannot be read as a table"):
        files.read_identities(tmp_path / "none.json")
    with pytest.raises(UserError, match="is not a folder"):
        files.find(tmp_path / "none", None, tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(UserError, match="holds no video"):
        files.find(tmp_path, None, tmp_path / "work")


def test_a_video_that_changed_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one")
    digest = files.checksum(path)
    files.check_same(path, digest)
    path.write_bytes(b"three")
    with pytest.raises(UserError, match="has changed"):
        files.check_same(path, digest)
    path.unlink()
    with pytest.raises(UserError, match="is gone"):
        files.check_same(path, digest)


def test_shares_of_persons():
    found = [files.split_of(f"person {i}", 0.1, 0.2) for i in range(20_000)]
    shares = [found.count(name) / len(found) for name in ("train", "validation", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)
    assert {files.split_of(name, 0, 0) for name in "abcdefgh"} == {"train"}


def test_a_name_keeps_its_place():
    """As it was when this was written: whoever was tested must not be trained on later."""
    assert [files.split_of(name, 0.2, 0.3) for name in ("anna", "béla", "zoe.mp4", "dora", "emil")] == [
        "validation",
        "test",
        "validation",
        "validation",
        "test",
    ]


@given(frames=st.integers(1, 2000), longest=st.integers(1, 300), data=st.data())
def test_pieces(frames, longest, data):
    shortest = data.draw(st.integers(1, longest))
    found = files.pieces(frames, longest, shortest)
    assert found[0].start == 0 and found[-1].stop <= frames
    assert all(before.stop == after.start for before, after in itertools.pairwise(found))
    assert all(len(piece) == longest for piece in found[:-1])
    assert len(found[-1]) <= longest
    assert frames - found[-1].stop < shortest
    if frames >= shortest:
        assert len(found[-1]) >= shortest
    else:
        assert found == (range(frames),)
