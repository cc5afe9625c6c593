"""The rows of the paper's Table 3: what makes frames of controls, and how it is trained where it is."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import jax
import ml_collections
import numpy as np

from benchmarks import video_keypoints, video_regression, video_training
from benchmarks.video_clips import batch
from benchmarks.video_keypoints import Keypoints, KeypointWindows
from benchmarks.video_rendered import exact, rendered
from configs import video_control_128, video_temporal_128
from data_pipelines.loaders.dataset import DataSet
from data_pipelines.loaders.frames import Frames, FrameWindows, frame_windows
from data_pipelines.loaders.order import Order, Reading, Stream
from data_pipelines.loaders.samples import Sample
from launch import program, settings
from launch.data import Inputs
from vlogger_jax import bundle, console, scenes, stages
from vlogger_jax.bundle import Bundle, Training
from vlogger_jax.core.config import from_mapping
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.parts import together
from vlogger_jax.core.stage import Stage, Variables
from vlogger_jax.diffusion.recipe import Recipe
from vlogger_jax.video import loss
from vlogger_jax.video import stage as video
from vlogger_jax.video.conditions import PICTURES, STEERING, Scene, SceneOf, whole
from vlogger_jax.video.control import Steered
from vlogger_jax.video.render import Level, Renderer

CONFIGS = {"video_control": video_control_128, "video_temporal": video_temporal_128}

OVERLAP = 0.5
"""Of windows (paper section 5.4)."""

Make = Callable[[Sample], np.ndarray]
"""From a test sample to its frames, uint8 [t, h, w, 3]."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Setup:
    """What all rows share.

    Attributes:
        data: whose training split is trained on.
        base: a bundle with the stage video_base.
        workdir: where trained parameters are kept.
        steps: of each training, of all its stages together.
        seed: of trainings and samples.
        keypoints: of the body of `data`.
        begin: shows how far pieces of work are.
    """

    data: DataSet
    base: Bundle
    workdir: Path
    steps: int
    seed: int
    keypoints: Keypoints
    begin: Callable[[str], console.Report]


class Row(Protocol):
    """A row of the table."""

    name: str

    def configs(self, setup: Setup) -> list[ml_collections.ConfigDict]:
        """What it is trained with, stage by stage."""

    def make(self, setup: Setup) -> Make:
        """What makes its frames; trained now, if it has to be and was not before."""


@dataclass(frozen=True)
class Pasted:
    """A row that nothing is trained for.

    Attributes:
        frames: of a scene of one clip.
    """

    name: str
    frames: Callable[[Scene], jax.Array]

    def configs(self, setup: Setup) -> list[ml_collections.ConfigDict]:
        return []

    def make(self, setup: Setup) -> Make:
        scene_of = scenes.of(setup.data.body)
        made = jax.jit(lambda sample: self.frames(scene_of(sample))[0])
        return lambda sample: np.asarray(made(batch(sample)))


class Part(NamedTuple):
    """A stage of a training, and which share it has of all the frames that that sees."""

    stage: str
    share: float


class Learning(NamedTuple):
    """What a network is trained to do, and how frames are had of it then.

    Attributes:
        loss: as `video.loss.steered`.
    """

    loss: Callable[..., loss.LossFn]
    level: type[Level]


DIFFUSION = Learning(loss.steered, Level)
REGRESSION = Learning(video_regression.loss, video_regression.Regressed)

JOINT = (Part("video_temporal", 1.0),)
"""Clips from the beginning."""

TWO_STAGES = (Part("video_control", 0.5), Part("video_temporal", 0.5))
"""Single frames, and then clips (paper section 5.2)."""


def of_bodies(setup: Setup) -> SceneOf:
    """Scenes with the dense body and all that follows from it."""
    return scenes.of(setup.data.body)


def of_keypoints(setup: Setup) -> SceneOf:
    """Scenes with discs."""
    return video_keypoints.scenes(setup.keypoints)


def as_stored(setup: Setup, windows: FrameWindows) -> FrameWindows:
    """Training windows with controls as fits would have them."""
    return windows


def as_true(setup: Setup, windows: FrameWindows) -> FrameWindows:
    """Training windows with exact controls."""
    return rendered(setup.data, "train", windows, exact)


@dataclass(frozen=True)
class Arm:
    """A row that is trained, from the base.

    Attributes:
        steering: of `conditions.STEERING`.
        scene, windows: what is made of batches, and what these are made of.
        parts: stages of the training, one after another.
    """

    name: str
    steering: tuple[str, ...]
    scene: Callable[[Setup], SceneOf] = of_bodies
    windows: Callable[[Setup, FrameWindows], FrameWindows] = as_stored
    learning: Learning = DIFFUSION
    parts: tuple[Part, ...] = JOINT

    def configs(self, setup: Setup) -> list[ml_collections.ConfigDict]:
        return [self._config(part, setup) for part in self.parts]

    def make(self, setup: Setup) -> Make:
        return self.maker(self.learned(setup), setup, OVERLAP)

    def maker(self, learned: Variables, setup: Setup, overlap: float) -> Make:
        """What makes its frames with an `overlap` of windows, from parameters that were `learned`."""
        config = self.configs(setup)[-1]
        (section, recipe, network), frames = _network(config), config.data.frames
        scene_of = jax.jit(self.scene(setup))
        level = self.learning.level(network, recipe, section.shown, together(learned), section.base.size)
        renderer = Renderer((level,), frames, round(overlap * frames))

        def make(sample: Sample) -> np.ndarray:
            scene = jax.device_get(scene_of(batch(sample)))
            return np.concatenate(list(renderer.stream([scene], setup.seed)))

        return make

    def learned(self, setup: Setup) -> Variables:
        """The parameters; trained, or read from the folder where an earlier run kept them.

        Raises:
            UserError: if what is kept there was trained with other settings.
        """
        stored, shapes = setup.base.stored("video_base"), _init_shapes(setup.base, "video_base")
        ancestor, base_of, found = "video_base", stored.sha256, setup.base.params("video_base", shapes)
        folder = setup.workdir / self.name.strip("+ ").replace(" ", "_")
        for config in self.configs(setup):
            stage, asked = self._stage(config, setup), json.loads(settings.as_json(config))
            kept = bundle.load(folder) if (folder / bundle.NAME).exists() else None
            if kept is None or stage.name not in kept.stages:
                found = self._trained(config, stage, ancestor, found, setup)
                training = Training(
                    config=asked, step=config.train.steps, seed=setup.seed, ema=config.train.ema, base_of=base_of
                )
                kept = bundle.save(folder, stage.name, found, training)
            else:
                was = kept.stored(stage.name).training
                if (was.config, was.base_of) != (asked, base_of):
                    what = f"{folder} holds {stage.name} as it was trained with other settings"
                    raise UserError(what, "Give another --workdir, or the settings of before")
                found = kept.params(stage.name, jax.eval_shape(stage.init, jax.random.key(0)))
            ancestor, base_of = stage.name, kept.stored(stage.name).sha256
        return found

    def _trained(
        self, config: ml_collections.ConfigDict, stage: Stage, ancestor: str, learned: Variables, setup: Setup
    ) -> Variables:
        made = program.build(config, jax.devices()[:1], stage)
        source = Stream(self._windows(config, setup), setup.seed, config.data.tolerated)
        reading = from_mapping(Reading, config.data.reading, "config.data.reading")
        inputs = Inputs(stage, made.mesh, source, Order(made.train.batch, reading=reading))
        report = setup.begin(f"{self.name}, {stage.name}")

        def watch(step: int, spent: float, average: Callable[[], Variables]) -> bool:
            report(step / made.train.steps)
            return True

        return video_training.trained(made, inputs, ancestor, learned, watch)

    def _windows(self, config: ml_collections.ConfigDict, setup: Setup) -> KeypointWindows:
        data = config.data
        asked = Frames(config.model.base.size, data.frames, data.far, data.remembered)
        return KeypointWindows(self.windows(setup, frame_windows(setup.data, "train", asked)), setup.keypoints)

    def _stage(self, config: ml_collections.ConfigDict, setup: Setup) -> Stage:
        scene_of, (section, recipe, network) = self.scene(setup), _network(config)
        stage = video.steered(config.to_dict(), scene_of, stages.REGIONS)
        return replace(
            stage,
            spec={**stage.spec, **video_keypoints.spec(setup.keypoints, config.data.frames)},
            framed=stage.framed | {"keypoints"},
            loss_fn=self.learning.loss(network, recipe, section.shown, section.given, whole(scene_of), stages.REGIONS),
        )

    def _config(self, part: Part, setup: Setup) -> ml_collections.ConfigDict:
        config = CONFIGS[part.stage].get_config("size=tiny")
        clips = video_temporal_128.get_config("size=tiny")
        base = setup.base.stored("video_base").training.config
        with config.ignore_type():
            config.model.base = base["model"]
            for name in ("schedule", "prediction"):
                config.diffusion[name] = base["diffusion"][name]
        config.model.shown.steering = self.steering
        config.model.pasted = tuple(name for name in PICTURES if name in ("reference", *self.steering))
        # As many frames a step in all stages, so that shares of steps are shares of frames.
        config.train.batch = clips.train.batch * clips.data.frames // config.data.frames
        # Nor do they differ in anything else that a step is.
        config.optim.learning_rate, config.train.ema = clips.optim.learning_rate, clips.train.ema
        steps = max(round(part.share * setup.steps), 1)
        config.train.steps = config.optim.steps = steps
        config.optim.warmup = min(config.optim.warmup, steps // 10)
        config.train.seed = setup.seed
        config.mesh = dict(data=1)
        return config


def _network(config: ml_collections.ConfigDict) -> tuple[video.Control, Recipe, Steered]:
    section = from_mapping(video.Control, config.model.to_dict(), "config.model")
    recipe = Recipe.of(config.diffusion.to_dict(), conditions=1)
    temporal = config.stage == "video_temporal"
    return section, recipe, section.network(temporal)


def _init_shapes(stored: Bundle, name: str) -> Variables:
    stage = stages.build(stored.stored(name).training.config)
    return jax.eval_shape(stage.init, jax.random.key(0))


def _still(scene: Scene) -> jax.Array:
    return jax.numpy.repeat(scene.reference[:, None], scene.controls.label.shape[1], axis=1)


ALL = tuple(STEERING)
REFERENCE = Pasted("static reference", _still)
COMPOSITE = Pasted("composite", lambda scene: scene.controls.composite)
KEYPOINTS = Arm("2D keypoints", ("dense",), scene=of_keypoints)
DENSE = Arm("dense", ("dense", "label"))
WARP = Arm("+ warp", ("dense", "label", "warp"))
JOINTLY = Arm("+ composite", ALL)
OURS = Arm("+ two-stage schedule", ALL, parts=TWO_STAGES)
UNPERTURBED = Arm("trained on exact motion and camera", ALL, windows=as_true, parts=TWO_STAGES)
ROWS: Sequence[Row] = (
    REFERENCE,
    COMPOSITE,
    Arm("one-step regression", ALL, learning=REGRESSION),
    KEYPOINTS,
    DENSE,
    WARP,
    JOINTLY,
    OURS,
    UNPERTURBED,
)
"""Of the table, in its order."""
