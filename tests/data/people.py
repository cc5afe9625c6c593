"""A small data set for tests: a few persons, random smooth motions around the rest pose, sound that may be silent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from data_pipelines import schema
from data_pipelines.avatars.splits import Split
from data_pipelines.recipe import Job, Shots, Unusable
from data_pipelines.schema import Clip
from tests.controls import pictures
from vlogger_jax.audio.speech import Phoneme
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.body.camera import FACING
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, GBuffer, Motion
from vlogger_jax.fit.result import Quality

SIDE = 64
"""Pixels that `Clip.camera` is of."""

DISTANCE = 1.4
"""Metres from the camera to the head."""


@dataclass(frozen=True)
class People:
    """A recipe.

    Attributes:
        clips: of each split.
        silent, unusable: numbers of the clips of every split that are so.
        shortest, longest: frames of a clip.
    """

    clips: dict[Split, int] = field(default_factory=lambda: {"train": 6, "validation": 2})
    seed: int = 0
    silent: tuple[int, ...] = ()
    unusable: tuple[int, ...] = ()
    shortest: int = 20
    longest: int = 48

    name = "people"
    licence = "CC0-1.0"
    fps = 24.0

    def settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "silent": list(self.silent), "frames": [self.shortest, self.longest]}

    def body(self) -> BodyModel:
        return model_file.default()

    def jobs(self) -> dict[Split, Sequence[Job]]:
        return {split: [self.job(split, i) for i in range(count)] for split, count in self.clips.items()}

    def job(self, split: Split, index: int) -> Job:
        return {"split": split, "index": index}

    def clip(self, job: Job) -> Clip:
        index, rng = job["index"], self._rng(job)
        if index in self.unusable:
            raise Unusable("nobody is seen")
        frames = int(rng.integers(self.shortest, self.longest + 1))
        seconds = frames / self.fps
        sound = 3000 * rng.standard_normal(round(seconds * schema.RATE)) * (index not in self.silent)
        third = seconds / 3
        return Clip(
            clip=0,
            identity=f"{job['split']}-{index}",
            waveform=sound.astype(np.int16),
            motion=_motion(self.body(), frames, rng, self.fps),
            camera=_camera(),
            quality=_quality(frames, rng),
            phonemes=(Phoneme("", 0, third), Phoneme("a", third, 2 * third, 2), Phoneme("", 2 * third, seconds)),
            about={"index": index},
        )

    def shots(self, job: Job, clip: Clip, frames: Sequence[int], size: int) -> Shots:
        g, body = schema.gbuffer_size(size), self.body()
        camera = cameras.crop(clip.camera, 0, 0, g / SIDE, (g, g))
        motion = smplx.frames_of(clip.motion, np.asarray(frames))
        seen = _render(body, motion, camera)
        place = pictures.interpolate(seen, np.asarray(body.faces), gbuffers.canonical(body))
        covered, behind = gbuffers.covered(seen), self._rng(job).integers(0, 256, 3)
        picture = np.where(covered[..., None], 127.5 + 127.5 * place, behind).astype(np.uint8)
        larger = size // g
        return Shots(
            frames=picture.repeat(larger, axis=1).repeat(larger, axis=2),
            matte=(255 * covered).astype(np.uint8).repeat(larger, axis=1).repeat(larger, axis=2),
            gbuffer=seen,
            motion=motion,
            camera=camera,
            exact=True,
        )

    def _rng(self, job: Job) -> np.random.Generator:
        return np.random.default_rng([self.seed, len(job["split"]), job["index"]])


def _render(body: BodyModel, motion: Motion, camera: Camera) -> GBuffer:
    """Frame by frame, so that none depends on the others."""
    found = [_rendered(body, smplx.frames_of(motion, np.array([i])), camera) for i in range(len(motion.transl))]
    return jax.tree.map(lambda *each: np.concatenate(each), *jax.device_get(found))


@jax.jit
def _rendered(body: BodyModel, motion: Motion, camera: Camera) -> GBuffer:
    return gbuffers.render(smplx.pose(body, motion).vertices, body.faces, camera)


def _motion(body: BodyModel, frames: int, rng: np.random.Generator, fps: float) -> Motion:
    still = smplx.rest_motion(body, frames, fps)
    time = np.arange(frames)[:, None] / fps

    def smooth(like: np.ndarray, size: float) -> np.ndarray:
        phase, rate = rng.uniform(0, 2 * np.pi, like[0].size), rng.uniform(0.2, 1.0, like[0].size)
        return (size * np.sin(phase + 2 * np.pi * rate * time)).reshape(like.shape).astype(np.float32)

    values = {name: smooth(value, 0.05) for name, value in vars(still).items() if getattr(value, "ndim", 0) > 1}
    head = smplx.pose(body, smplx.rest_motion(body)).joints[0, names.JOINTS.index("head")]
    values["transl"] = values["transl"] - head - np.array([0, 0, DISTANCE], np.float32)
    values["expression"] = np.abs(values["expression"])
    return Motion(betas=rng.normal(size=body.num_betas).astype(np.float32), **values, fps=fps, body=body.name)


def _camera() -> Camera:
    return Camera(
        focal=np.asarray(1.6 * SIDE, np.float32),
        principal=np.full(2, SIDE / 2, np.float32),
        rotation=np.asarray(FACING, np.float32),
        translation=np.zeros(3, np.float32),
        size=(SIDE, SIDE),
    )


def _quality(frames: int, rng: np.random.Generator) -> Quality:
    fields = ("reprojection", "face", "torso", "left_hand", "right_hand", "jitter", "inside")
    return Quality(**{name: rng.uniform(size=frames).astype(np.float32) for name in fields}, good=np.ones(frames, bool))
