"""A recipe that makes clips of nothing in no time, and notes in a file which it made."""

import dataclasses
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_pipelines import schema
from data_pipelines.recipe import Shots, Unusable
from data_pipelines.schema import Clip
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import GBuffer
from vlogger_jax.fit.result import Quality


@dataclass(frozen=True)
class Small:
    """`counts` clips a split, `frames` frames long and a frame more each third.

    Attributes:
        notes: the file to which a line is added for every clip, and for all pictures of one, that is made.
        dies: a clip of the training split at which the process kills itself.
        broken: a clip of the training split that is unusable, or cannot be made.
    """

    counts: dict[str, int]
    notes: Path
    frames: int = 20
    dies: int | None = None
    broken: tuple[int, str] | None = None
    licence: str = "CC0-1.0"

    name = "small"
    fps = 24.0

    def settings(self) -> dict[str, Any]:
        return {"frames": self.frames}

    def body(self):
        return model_file.default()

    def jobs(self):
        return {split: [{"split": split, "index": i} for i in range(n)] for split, n in self.counts.items()}

    def clip(self, job) -> Clip:
        self._note("clip", job)
        if job["split"] == "train" and self.broken and job["index"] == self.broken[0]:
            raise Unusable("no face") if self.broken[1] == "unusable" else UserError("it is broken", "Mend it")
        return clip(job["index"], f"{job['split']} {job['index']}", self.frames + job["index"] % 3)

    def shots(self, job, clip: Clip, frames: Sequence[int], size: int) -> Shots:
        self._note("shots", job)
        if job["split"] == "train" and job["index"] == self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return shots(clip, job["index"], frames, size)

    def _note(self, what: str, job) -> None:
        with self.notes.open("a") as file:
            file.write(f"{what} {job['split']} {job['index']}\n")


def clip(index: int, identity: str, frames: int) -> Clip:
    """A person who hardly moves, and noise."""
    rng = np.random.default_rng([7, index])
    still = smplx.rest_motion(model_file.default(), frames)
    motion = dataclasses.replace(
        still,
        body_pose=(still.body_pose + 0.05 * rng.standard_normal(still.body_pose.shape)).astype(np.float32),
        transl=still.transl + np.float32([0, -1.4, -2]),
    )
    per_frame = ("reprojection", "face", "torso", "left_hand", "right_hand", "jitter", "inside")
    return Clip(
        clip=0,
        identity=identity,
        waveform=rng.integers(-999, 999, round(frames * schema.RATE / motion.fps)).astype(np.int16),
        motion=motion,
        camera=cameras.from_focal(1500.0, (1000, 1000)),
        quality=Quality(**{name: np.ones(frames, np.float32) for name in per_frame}, good=np.ones(frames, bool)),
        phonemes=(Phoneme("a", 0.0, 0.25, 2), Phoneme("", 0.25, frames / motion.fps)),
        about={"index": index},
    )


def shots(clip: Clip, index: int, frames: Sequence[int], size: int) -> Shots:
    """Pictures of which every frame is a grey of its own, and G-buffers of noise."""
    g = schema.gbuffer_size(size)
    faces = len(model_file.default().faces)
    seen = [np.random.default_rng([index, frame, g]) for frame in frames]
    return Shots(
        frames=np.stack([np.full((size, size, 3), (40 * index + frame) % 256, np.uint8) for frame in frames]),
        matte=np.stack([np.full((size, size), frame, np.uint8) for frame in frames]),
        gbuffer=GBuffer(
            face_index=np.stack([rng.integers(0, faces, (g, g)) for rng in seen]).astype(np.uint16),
            bary=np.full((len(frames), g, g, 2), 85, np.uint8),
        ),
        motion=smplx.frames_of(clip.motion, np.asarray(frames)),
        camera=cameras.crop(clip.camera, 0, 0, g / 1000, (g, g)),
        exact=False,
    )
