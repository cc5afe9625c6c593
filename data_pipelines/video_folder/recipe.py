"""`video_folder`: the recipe that makes a data set of a user's own videos."""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines import gbuffer, schema
from data_pipelines.avatars.splits import SPLITS, Split
from data_pipelines.recipe import Job, Shots
from data_pipelines.schema import Clip
from data_pipelines.video_folder import files, sound, take
from data_pipelines.video_folder.files import FPS
from data_pipelines.video_folder.take import Limits, Take
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.body.camera import Square
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import framing
from vlogger_jax.core.errors import UserError

log = logging.getLogger(__name__)

VERSION = 1
"""Of all that makes clips here: the same version and settings give the same clips."""


@dataclass(frozen=True)
class VideoFolder:
    """A recipe (`data_pipelines.recipe.Recipe`).

    A clip shows one person in one shot, cut to one square that holds head, shoulders and visible hands. Its motion is a
    fit, which errs by itself: nothing is disturbed on purpose. Persons are told apart by folders or a table only, and
    which split they are in by their names only; so that one person under two names may be in two splits. Of several
    people in a picture it is the one with the largest face.

    The same files and settings give the same bytes on machines with as many processor cores; with others, fits differ
    in their last digits (0.002 of a coefficient of expression), since sums are divided among the cores.

    Attributes:
        folder: holds the videos; see `files.find`.
        workspace: a folder for the fits, with their mattes: of each clip 2 to 7 MB, kept from one build to the next.
        identities: a table of who is in which video; see `files.read_identities`.
        body_file: a licensed SMPL-X file; None: the default body.
        landmark_model: see `fit.landmarks.detect`.
        seconds: of a clip, at most.
        shortest: seconds of a clip, at least.
        validation, test: shares of the persons.
        limits: what is filtered out.
        licence: under which the videos, and so the records, may be used.
    """

    folder: Path
    workspace: Path
    identities: Path | None = None
    body_file: Path | None = None
    landmark_model: Path | None = None
    seconds: float | int = 10.0
    shortest: float | int = 2.0
    validation: float | int = 0.05
    test: float | int = 0.05
    limits: Limits = field(default_factory=Limits)
    licence: str = "that of the videos, which was not given"

    name = "video_folder"
    fps = FPS

    def __post_init__(self) -> None:
        if not 1 / FPS <= self.shortest <= self.seconds <= 60:
            raise UserError(
                f"clips of {self.shortest} to {self.seconds} s cannot be made", "Give at most 60 s, the shortest first"
            )
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test < 1):
            raise UserError(
                f"{self.validation} and {self.test} of the persons cannot be those of validation and test",
                "Give shares from 0 to 1 that leave some for training",
            )

    def settings(self) -> dict[str, Any]:
        """As `Recipe` says."""
        return self._making() | {"seconds": self.seconds, "validation": self.validation, "test": self.test}

    def body(self) -> BodyModel:
        """The body that all motions are of."""
        return model_file.chosen(self.body_file)

    def jobs(self) -> dict[Split, Sequence[Job]]:
        """Pieces of all videos; a job is {file, sha256, identity, start, frames}, the last two frames of `FPS`.

        Raises:
            UserError: if there is no video, or no program that finds faces.
        """
        take.detector(self.landmark_model)
        videos = files.find(self.folder, self.identities, self.workspace)
        split = self._splits({video.identity for video in videos})
        jobs: dict[Split, list[Job]] = {name: [] for name in SPLITS}
        for video in videos:
            about = {"file": video.file, "sha256": video.sha256, "identity": video.identity}
            found = files.pieces(video.frames, round(self.seconds * FPS), self._shortest)
            if left := video.frames - found[-1].stop:
                log.info("%s: its last %.1f s are too short for a clip", video.file, left / FPS)
            for piece in found:
                jobs[split[video.identity]].append(about | {"start": piece.start, "frames": len(piece)})
        return {name: listed for name, listed in jobs.items() if listed}

    def clip(self, job: Job) -> Clip:
        """One clip of a piece; see `Recipe.clip`.

        `about` holds the `file`, the `start` in it (frames of `FPS`; `seconds`), the `square` that pictures show (x0,
        y0, side) and the `size` of the whole (height, width), pixels.
        """
        found = self._take(job)
        fit, start = found.fit, job["start"] + found.start
        frames = len(fit.quality.good)
        square = framing.square(self.body(), fit.motion, fit.camera, take.hands(fit))
        side = square.side
        waveform = sound.read(self.folder / job["file"], start, frames)
        samples = sound.samples(frames)
        return Clip(
            clip=0,
            identity=job["identity"],
            waveform=np.pad(waveform[:samples], (0, max(samples - len(waveform), 0))),
            motion=fit.motion,
            camera=cameras.crop(fit.camera, square.x0, square.y0, 1, (side, side)),
            quality=fit.quality,
            phonemes=(),
            about={
                "file": job["file"],
                "start": start,
                "seconds": round(start / FPS, 3),
                "square": list(square),
                "size": list(fit.camera.size),
            },
        )

    def shots(self, job: Job, clip: Clip, frames: Sequence[int], size: int) -> Shots:
        """See `Recipe.shots`. Reads the video from the piece's beginning, so ask for all frames of a clip at once."""
        found, square = self._take(job), Square(*clip.about["square"])
        wanted = np.asarray(frames, np.int64)
        seen = self._pictures(job, found.start + wanted, square, size)
        mattes = {
            i: framing.cut_matte(found.fit.matte[i], square, found.fit.camera.size, size) for i in set(wanted.tolist())
        }
        motion, side = smplx.frames_of(clip.motion, wanted), schema.gbuffer_size(size)
        camera = cameras.crop(clip.camera, 0, 0, side / square.side, (side, side))
        return Shots(
            frames=np.stack([seen[found.start + i] for i in wanted.tolist()]),
            matte=np.stack([mattes[i] for i in wanted.tolist()]),
            gbuffer=gbuffer.render(self.body(), motion, camera),
            motion=motion,
            camera=camera,
            exact=True,
        )

    @property
    def _shortest(self) -> int:
        return round(self.shortest * FPS)

    def _making(self) -> dict[str, Any]:
        """What decides the take of a job."""
        return {
            "video_folder": VERSION,
            "body": self.body().name,
            "detector": take.detector(self.landmark_model),
            "shortest": self.shortest,
            "limits": dataclasses.asdict(self.limits),
        }

    def _splits(self, identities: set[str]) -> dict[str, Split]:
        split = {name: files.split_of(name, self.validation, self.test) for name in identities}
        if "train" not in split.values():
            moved = max(identities, key=files.place)
            log.warning("of %d persons none fell to training: %s is taken for it", len(identities), moved)
            split[moved] = "train"
        return split

    def _take(self, job: Job) -> Take:
        path = self.folder / job["file"]
        files.check_same(path, job["sha256"])
        piece = range(job["start"], job["start"] + job["frames"])
        decides = self._making() | {"sha256": job["sha256"], "piece": [piece.start, piece.stop]}
        key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:20]

        def make() -> Take:
            return take.make(path, piece, self._shortest, self.limits, self.body(), self.landmark_model)

        return take.kept(self.workspace, key, make)

    def _pictures(self, job: Job, wanted: np.ndarray, square: Square, size: int) -> dict[int, np.ndarray]:
        """Frames of a piece by their number in it, cut and scaled."""
        path, numbers = self.folder / job["file"], set(wanted.tolist())
        found = {}
        # From where the fit began too: sought elsewhere, frames may differ by one at some times.
        for i, frame in enumerate(take.frames(path, range(job["start"], job["start"] + job["frames"]))):
            if i in numbers:
                found[i] = framing.cut(frame, square, size)
            if len(found) == len(numbers):
                return found
        raise UserError(f"{path} no longer has all of its frames", "Build the data set again")
