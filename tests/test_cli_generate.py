"""`vlogger generate`: what it refuses before any work, and what its options become."""

import re

import numpy as np
import pytest

from tests import cli_files
from vlogger_jax import generating
from vlogger_jax.core.errors import UserError
from vlogger_jax.media import audio_file, image_file
from vlogger_jax.motion.manner import Strength

GOOD = "--image {f}/me.png --out {o}/x.mp4 --text Hello"
REFUSED = {  # how the message goes on after "error: "
    "generate --out {o}/x.mp4 --text Hello": "Missing option '--image'",
    "generate --image {f}/me.png --text Hello": "Missing option '--out'",
    "generate --image {f}/me.png --out {o}/x.mp4": "give one of --audio and --text",
    f"generate {GOOD} --audio {{f}}/voice.wav": "give one of --audio and --text",
    "generate --image {f}/me.png --out {o}/x.avi --text Hello": "--out .*does not end in .mp4",
    "generate --image {f}/me.png --out {o}/nowhere/x.mp4 --text Hello": "the folder .*nowhere does not exist",
    "generate --image {f}/me.png --out {f}/folder.mp4 --text Hello": ".*folder.mp4 is a folder",
    "generate --image {f}/missing.png --out {o}/x.mp4 --text Hello": ".*missing.png does not exist",
    "generate --image {f}/folder.mp4 --out {o}/x.mp4 --text Hello": ".*folder.mp4 is a folder",
    "generate --image {f}/me.png --out {o}/x.mp4 --audio {f}/missing.wav": ".*missing.wav does not exist",
    f"generate {GOOD} --background none": "--background is 'none'. Give one of keep, generate",
    f"generate {GOOD} --preset best": "--preset is 'best'. Give one of fast, usual, faithful",
    f"generate {GOOD} --fps 0": "fps is 0",
    f"generate {GOOD} --fps 1001": "fps is 1001",
    f"generate {GOOD} --samples 0": "--samples is 0. Give 1 to 100",
    f"generate {GOOD} --best-of 101": "--best-of is 101. Give 1 to 100",
    f"generate {GOOD} --samples 2 --best-of 2": "--samples and --best-of together",
    f"generate {GOOD} --controls-out {{o}}/c.png": "--controls-out .*does not end in .mp4",
    f"generate {GOOD} --controls-out {{o}}/x.mp4": "--out and --controls-out name the same file",
    f"generate {GOOD} --samples 2 --controls-out {{o}}/x_2.mp4": ".*name the same file",
    f"generate {GOOD} --motion {{f}}/missing.npz": ".*missing.npz does not exist",
    f"generate {GOOD} --motion {{f}}/me.png": ".*me.png is not a motion",
    f"generate {GOOD} --motion {{f}}/missing.npz --samples 2": "--samples with --motion",
    f"generate {GOOD} --seed -1": "Invalid value",
    f"generate {GOOD} --strength head": "--strength says 'head'. Give each of head, torso",
    f"generate {GOOD} --strength nose=1": "--strength says 'nose=1'",
    f"generate {GOOD} --strength head=1,head=0": "--strength says 'head=0'",
    f"generate {GOOD} --strength head=-1": "the strength of head is -1",
    f"generate {GOOD} --strength head=nan": "the strength of head is nan",
    f"generate {GOOD} --model {{o}}/none": ".*none is no bundle",
}


def test_several_videos_have_names_of_their_own(tmp_path):
    request = generating.Request(image=tmp_path / "me.png", out=tmp_path / "me.mp4", samples=2)
    assert [path.name for path in request.outs] == ["me_1.mp4", "me_2.mp4"]
    assert request.heat.name == "me_differences.png"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generate") / "files"
    folder.mkdir()
    (folder / "folder.mp4").mkdir()
    image_file.write(folder / "me.png", cli_files.noise())
    audio_file.write(folder / "voice.wav", (np.sin(np.arange(4000) / 5) / 2).astype(np.float32), 16000)
    return folder


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(line, files, tmp_path, capsys):
    message = cli_files.assert_refused(line, files, tmp_path, capsys)
    assert re.match(f"error: {REFUSED[line]}", message), message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", Strength()),
        ("head=0.7,hands=0", Strength(head=0.7, hands=0.0)),
        (" torso = 1.5 , left=0,", Strength(torso=1.5, left=0.0)),
    ],
)
def test_strength(text, wanted):
    assert generating.strength_of(text) == wanted


def test_strength_of_nothing_known():
    with pytest.raises(UserError, match="--strength says '=1'"):
        generating.strength_of("=1")
