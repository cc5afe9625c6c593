"""`mentor_synth`: the synthetic MENTOR (`data_pipelines.avatars`) as a recipe of records.

Clips of the training split are stored as fits would have them: once, at the build, their motion, camera and mattes are
disturbed by the size of real fitting error (`controls.perturb`), and the G-buffers are rendered from that. Validation
and test are exact.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from data_pipelines import gbuffer, schema
from data_pipelines.avatars import splits
from data_pipelines.avatars.framing import SIDE
from data_pipelines.avatars.perform import FPS, FRAMES, Performance, perform
from data_pipelines.avatars.photograph import photograph
from data_pipelines.avatars.splits import Split
from data_pipelines.recipe import Job, Shots
from data_pipelines.schema import Clip
from vlogger_jax.audio.espeak import Espeak
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import perturb
from vlogger_jax.controls.perturb import Perturbation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Array
from vlogger_jax.fit import points, quality
from vlogger_jax.fit.result import Quality

_TORSO = [names.JOINTS.index(joint) for joint in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
_OUTER_EYES = (36 - 17, 45 - 17)
"""iBUG points 36 and 45 among 17-67."""


@dataclass(frozen=True)
class MentorSynth:
    """The recipe.

    Attributes:
        clips: of each split; every clip shows a person of its own.
        seed: of the data set.
        frames: of a clip.
        perturbation: of the training split.
    """

    clips: dict[Split, int]
    seed: int = 0
    frames: int = FRAMES
    perturbation: Perturbation = field(default_factory=Perturbation)

    def __post_init__(self) -> None:
        if min(self.clips.values(), default=0) < 0 or not any(self.clips.values()):
            raise UserError(f"clips of the splits: {self.clips}", "Give 0 or more for each, and at least one in all")
        if self.frames < 1 or self.seed < 0:
            raise UserError(f"clips of {self.frames} frames, seed {self.seed}", "Give 1 or more, and 0 or more")

    name = "mentor_synth"
    licence = "CC0-1.0"
    fps = FPS

    def settings(self) -> dict[str, Any]:
        """As `Recipe` says."""
        return {
            "generator": splits.GENERATOR,
            "seed": self.seed,
            "frames": self.frames,
            "engine": f"espeak-ng {_engine().version}",
            "perturbation": dataclasses.asdict(self.perturbation),
        }

    def body(self) -> BodyModel:
        """As `Recipe` says."""
        return model_file.default()

    def jobs(self) -> dict[Split, Sequence[Job]]:
        """As `Recipe` says."""
        return {split: [self.job(split, i) for i in range(count)] for split, count in self.clips.items() if count}

    def job(self, split: Split, index: int) -> Job:
        """Clip `index` of a split."""
        return {"split": split, "index": index}

    def clip(self, job: Job) -> Clip:
        """As `Recipe` says."""
        done = self._performance(job)
        track = done.track
        samples = np.rint(32767 * np.clip(track.waveform, -1, 1)).astype(np.int16)
        return Clip(
            clip=0,
            identity=f"{done.split}-{done.seed}-{done.index}",
            waveform=samples,
            motion=done.motion,
            camera=done.camera,
            quality=_quality(done),
            phonemes=track.phonemes,
            about={
                "language": track.language,
                "voice": track.voice,
                "text": track.text,
                "seed": done.seed,
                "index": done.index,
                "split": done.split,
            },
        )

    def shots(self, job: Job, clip: Clip, frames: Sequence[int], size: int) -> Shots:
        """As `Recipe` says."""
        done, rows = self._performance(job), np.asarray(frames)
        taken = photograph(done, rows, size)
        motion, camera, exact, matte = done.motion, done.camera, True, taken.matte

        def stream(name: str) -> np.random.Generator:
            return splits.generator(done.seed, done.index, done.split, name)

        if done.split == "train":
            motion, camera, exact = perturb.perturb(
                _points().body, motion, camera, self.perturbation, stream("perturb")
            )
        if not exact:
            matte = perturb.perturb_matte(matte, self.perturbation, stream("perturb matte"), rows, len(motion.transl))
        g = schema.gbuffer_size(size)
        camera = cameras.crop(camera, 0, 0, g / SIDE, (g, g))
        motion = smplx.frames_of(motion, rows)
        return Shots(taken.frames, matte, gbuffer.render(self.body(), motion, camera), motion, camera, exact)

    def _performance(self, job: Job) -> Performance:
        return _perform(self.seed, job["index"], job["split"], self.frames)


@lru_cache(maxsize=1)
def _engine() -> Espeak:
    """One a process."""
    return Espeak()


@lru_cache(maxsize=1)
def _perform(seed: int, index: int, split: Split, frames: int) -> Performance:
    """Kept, since the pictures of a clip are often asked for right after it."""
    return perform(seed, index, _engine(), split=split, frames=frames)


@lru_cache(maxsize=1)
def _points() -> points.Points:
    return points.reduce(model_file.default())


def _quality(done: Performance) -> Quality:
    """That of the truth: no error; what is seen is what lies in the picture, whatever hair or cloth may hide."""
    reduced = _points()
    posed = smplx.pose(reduced.body, done.motion)

    def inside(where: Array) -> np.ndarray:
        """Share of points [t, n, 3] within the picture."""
        pixels = cameras.project(done.camera, where)[0]
        return ((pixels >= 0) & (pixels <= SIDE)).all(axis=-1).mean(axis=-1).astype(np.float32)

    face = posed.vertices[:, reduced.body.landmark_faces]
    pixels = cameras.project(done.camera, face)[0]
    outer = np.linalg.norm(pixels[:, _OUTER_EYES[0]] - pixels[:, _OUTER_EYES[1]], axis=-1)
    seen = inside(face)
    return Quality(
        reprojection=np.zeros(len(seen), np.float32),
        face=seen,
        torso=inside(posed.joints[:, _TORSO]),
        left_hand=inside(posed.joints[:, points.hand_points("left")]),
        right_hand=inside(posed.joints[:, points.hand_points("right")]),
        jitter=(quality.jerk(pixels, done.motion.fps) / np.median(outer)).astype(np.float32),
        inside=seen,
        good=seen >= quality.INSIDE,
    )
