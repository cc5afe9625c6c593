"""What the motion network is measured beside: the truth acted twice or blurred, and predictors that need no network.

Everything that is predicted is packed as M packs it (`motion.packing`): the face as it is, the body as a change of the
pose of one frame, the clip's middle one. So each predictor gets the same reference as M, and the same sound; ridge
regression its face, too.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from data_pipelines.avatars import act, framing, perform, splits, style, track, wear
from data_pipelines.loaders.motion import FULL_SCALE
from data_pipelines.schema import Clip
from vlogger_jax.audio import mel
from vlogger_jax.audio.hearing import Hearing
from vlogger_jax.audio.speech import Engine, Phoneme
from vlogger_jax.body import names, reduced, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.console import Report
from vlogger_jax.controls import perturb
from vlogger_jax.controls.perturb import Perturbation
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Motion
from vlogger_jax.core.typing import Float, Float32, Int
from vlogger_jax.motion.manner import Manner
from vlogger_jax.motion.packing import Packing
from vlogger_jax.motion.perform import Performer, Take

SHIFT = 2.0
"""Seconds by which the sound of "shifted audio" is turned round."""

PIECE = 24
"""Frames that "nearest second" looks for at a time."""

FREELY = Manner(limits=None, keep_expression=0.0)

NOISE = Perturbation(exact=0.0, betas=0.0, focal=0.0)
"""Of the noisy truth: fitting error as training data is disturbed by it (`controls.perturb`), but for shape and lens,
which M does not predict."""

BACK, AHEAD = 10, 4
"""Frames of sound that ridge regression hears around each, as M's listener does."""

LAMBDAS = tuple(10.0 ** np.arange(-6, 2))
"""Of ridge regression, in mean variances of its features."""

ELBOWS = tuple(names.JOINTS.index(f"{side}_elbow") - 1 for side in ("left", "right"))
"""In `Motion.body_pose`."""


class Case(NamedTuple):
    """A clip of the test split, and what whoever predicts it is told.

    Attributes:
        number: in the split.
        waveform: in [-1, 1].
        heard: as M hears it.
        reference: its middle frame.
        visible: how much that shows of torso, left hand and right hand.
        spoken: phonemes that are not silence; none in a clip that counts as silent.
    """

    number: int
    clip: Clip
    waveform: Float32[np.ndarray, "s"]
    heard: Float32[np.ndarray, "t k w"]
    reference: Motion
    visible: tuple[float, float, float]
    spoken: tuple[Phoneme, ...]


class Example(NamedTuple):
    """A clip to learn from.

    Attributes:
        heard: as M hears it.
        face: packed, of its middle frame.
        packed: its motion, relative to its middle frame.
        bend: the most that an elbow is bent, radians.
    """

    heard: Float32[np.ndarray, "t k w"]
    face: Float32[np.ndarray, "f"]
    packed: Float32[np.ndarray, "t d"]
    bend: float


def case(number: int, clip: Clip, hearing: Hearing, frame: int | None = None) -> Case:
    """What is told of a clip, with one of its frames as the reference; None: the middle one."""
    frame, seen = len(clip.motion.transl) // 2 if frame is None else frame, clip.quality
    visible = tuple(float(part[frame]) for part in (seen.torso, seen.left_hand, seen.right_hand))
    waveform = clip.waveform.astype(np.float32) / FULL_SCALE
    reference = smplx.frames_of(clip.motion, np.array([frame]))
    spoken = tuple(phoneme for phoneme in clip.phonemes if phoneme.ipa)
    return Case(number, clip, waveform, _heard(clip, hearing), reference, visible, spoken)


def examples(clips: Sequence[Clip], count: int, hearing: Hearing, packing: Packing, report: Report) -> list[Example]:
    """The first `count` clips, or all there are."""
    found = []
    for number in range(count := min(count, len(clips))):
        clip = clips[number]
        middle = smplx.frames_of(clip.motion, np.array([len(clip.motion.transl) // 2]))
        packed = np.asarray(packing.pack(clip.motion, middle), np.float32)
        face = packing.expression(middle)[0]
        found.append(Example(_heard(clip, hearing), face, packed, float(bends(clip.motion).max())))
        report((number + 1) / count)
    return found


def motions(
    performer: Performer,
    body: BodyModel,
    cases: Sequence[Case],
    known: Sequence[Example],
    ridge: "Ridge",
    engine: Engine,
    begin: Callable[[str], Report],
    seed: int,
) -> dict[str, Callable[[int], Motion]]:
    """How each row of the table moves, by the place of the case among `cases`."""
    packing, mean, heard = Packing(body.num_expression), mean_pose(known), [case.heard for case in cases]
    whole = nearest(known, heard, None, begin("nearest clips"))
    pieces = nearest(known, heard, PIECE, begin("nearest seconds"))
    others = np.random.default_rng([seed, 1]).integers(len(known), size=len(cases))
    turned = round(SHIFT * mel.RATE)

    def unpacked(i: int, packed: np.ndarray) -> Motion:
        return packing.unpack(packed, cases[i].reference)

    return {
        "truth": lambda i: cases[i].clip.motion,
        "second performance": lambda i: second_performance(cases[i].clip, engine),
        "same manner, acted anew": lambda i: acted_anew(body, cases[i].clip, engine),
        "noisy truth": lambda i: noisy_truth(body, cases[i].clip, np.random.default_rng([seed, 2, i])),
        "mean pose": lambda i: unpacked(i, np.tile(mean, (len(heard[i]), 1))),
        "ridge": lambda i: unpacked(i, ridge(heard[i], packing.expression(cases[i].reference)[0])),
        "nearest clip": lambda i: unpacked(i, whole[i]),
        "nearest second": lambda i: unpacked(i, pieces[i]),
        "random clip": lambda i: unpacked(i, known[others[i]].packed),
        "shifted audio": lambda i: performed(
            performer, cases[i]._replace(waveform=np.roll(cases[i].waveform, turned)), seed
        ),
        "ours": lambda i: performed(performer, cases[i], seed),
    }


def asked(case: Case, seed: int) -> Take:
    """One performance of a case, nothing held back, begun wherever one may be in the middle of talking."""
    return Take(
        frames=len(case.heard),
        seed=100_000 * seed + case.number,
        visible=case.visible,
        manner=FREELY,
        start_from_reference=False,
    )


def performed(performer: Performer, case: Case, seed: int) -> Motion:
    """M's motion of a case."""
    found = performer.perform(case.waveform, case.reference, asked(case, seed))
    return jax.tree.map(lambda array: array[0], found)


def bends(motion: Motion) -> Float[np.ndarray, "t 2"]:
    """How far each elbow is bent, radians."""
    return np.linalg.norm(np.asarray(motion.body_pose)[:, ELBOWS], axis=-1)


def second_performance(clip: Clip, engine: Engine) -> Motion:
    """The same person, sound and camera, acted once more: what differs nobody can know.

    Raises:
        UserError: if the clip is not of `mentor_synth`, or of another version of it.
    """
    seed, index, split = _made(clip)
    sound = track.make(seed, index, split, engine, len(clip.motion.transl), clip.motion.fps)
    acted = perform.perform(seed, index, split=split, take=1, sound=sound).motion
    if not np.array_equal(acted.betas, clip.motion.betas) or acted.transl.shape != clip.motion.transl.shape:
        raise UserError(f"clip {clip.clip} is no longer made as it was", "Build the data set again")
    return acted


def acted_anew(body: BodyModel, clip: Clip, engine: Engine) -> Motion:
    """The same person with the same manner (how wide the mouth opens, how it rests, how much hands move) once more.

    What `second_performance` is farther off is manner, of which a reference shows some.

    Raises:
        UserError: as `second_performance`.
    """
    seed, index, split = _made(clip)
    sound = track.make(seed, index, split, engine, len(clip.motion.transl), clip.motion.fps)
    clothes, view, manner = (splits.generator(seed, index, split, name) for name in ("wear", "framing", "style"))
    held, view = wear.sample(clothes, body, clip.motion.betas).held_hand, framing.sample(view)
    manner = style.sample(manner, view.face_height < framing.WIDE, held)
    again = splits.generator(seed, index, split, "act", take=1)
    lens, frames = framing.towards_camera(view), len(clip.motion.transl)
    acted = act.perform(body, clip.motion.betas, sound.phonemes, manner, again, frames, clip.motion.fps, lens)
    return framing.place(body, acted, view)


def noisy_truth(body: BodyModel, clip: Clip, rng: np.random.Generator) -> Motion:
    """`clip` as fits of it would be off (`NOISE`)."""
    joints = reduced.to_vertices(body, np.zeros(1, np.int64))
    return perturb.perturb(joints, clip.motion, clip.camera, NOISE, rng)[0]


def mean_pose(known: Sequence[Example]) -> Float32[np.ndarray, "d"]:
    """The mean of all packed frames."""
    return np.mean([example.packed.mean(axis=0) for example in known], axis=0)


class Ridge:
    """Linear regression from the sound around a frame and the reference's face to packed motion, with a penalty.

    Attributes:
        chosen: the penalty of each packed number, of `LAMBDAS`.
    """

    def __init__(self, known: Sequence[Example], validation: Sequence[Example]):
        """Fit to `known`; penalties are those with the least squared error in `validation`, one for each number."""
        frames = sum(len(example.packed) for example in known)
        gram, cross, total, target = 0.0, 0.0, 0.0, 0.0
        for example in known:
            x = _around(example.heard, example.face)
            gram, cross = gram + (x.T @ x).astype(np.float64), cross + (x.T @ example.packed).astype(np.float64)
            total, target = total + x.sum(axis=0, dtype=np.float64), target + example.packed.sum(axis=0)
        self._mean, self._bias = total / frames, target / frames
        gram = gram - np.outer(total, self._mean)
        values, vectors = np.linalg.eigh(gram)
        cross = vectors.T @ (cross - np.outer(total, self._bias))
        ridges = np.array(LAMBDAS) * max(np.trace(gram) / len(gram), 1e-9)
        weights = [cross / (np.maximum(values, 0) + ridge)[:, None] for ridge in ridges]
        quick, turn = [weight.astype(np.float32) for weight in weights], vectors.astype(np.float32)
        errors = np.zeros((len(weights), len(self._bias)))
        for example in validation:
            x = (_around(example.heard, example.face) - self._mean).astype(np.float32) @ turn
            wanted = example.packed - self._bias
            errors += [((x @ weight - wanted) ** 2).sum(axis=0) for weight in quick]
        best = errors.argmin(axis=0)
        self.chosen = np.array(LAMBDAS)[best]
        self._weight = vectors @ np.take_along_axis(np.stack(weights), best[None, None], axis=0)[0]

    def __call__(self, heard: Float32[np.ndarray, "t k w"], face: Float32[np.ndarray, "f"]) -> np.ndarray:
        """Packed motion [t, d] of who has that face in the reference."""
        return ((_around(heard, face) - self._mean) @ self._weight + self._bias).astype(np.float32)


def nearest(
    known: Sequence[Example], heard: Sequence[Float32[np.ndarray, "t k w"]], length: int | None, report: Report
) -> list[Float32[np.ndarray, "t d"]]:
    """Packed motion of what sounds most alike in `known`, for each of the sounds.

    Alike is by the mean squared distance, frame by frame, of what is heard, the columns of a frame averaged.

    Args:
        length: frames that are looked for at a time, each by itself and wherever they begin; None: whole clips.
    """
    pieces = [_pieces(_pooled(each), length) for each in heard]
    queries = np.concatenate([rows for rows, _ in pieces])
    least = np.full(len(queries), np.inf, np.float32)
    where = np.zeros((len(queries), 2), np.int64)
    size = length or len(heard[0])
    for number, example in enumerate(known):
        candidates = _windows(_pooled(example.heard), size)
        apart = (candidates**2).sum(axis=1)[:, None] - 2 * candidates @ queries.T
        begin = apart.argmin(axis=0)
        apart = apart[begin, np.arange(len(queries))]
        nearer = apart < least
        least[nearer], where[nearer, 0], where[nearer, 1] = apart[nearer], number, begin[nearer]
        report((number + 1) / len(known))
    found, first = [], 0
    for each, (rows, starts) in zip(heard, pieces, strict=True):
        packed = np.zeros((len(each), known[0].packed.shape[1]), np.float32)
        for start, (number, begin) in zip(starts, where[first : first + len(rows)], strict=True):
            packed[start : start + size] = known[number].packed[begin : begin + size]
        found.append(packed)
        first += len(rows)
    return found


def _made(clip: Clip) -> tuple[int, int, splits.Split]:
    about = clip.about
    if not {"seed", "index", "split"} <= about.keys():
        raise UserError("the clips do not say how they were made", "Give a data set that is of mentor_synth")
    return about["seed"], about["index"], about["split"]


def _heard(clip: Clip, hearing: Hearing) -> Float32[np.ndarray, "t k w"]:
    bands = mel.mel(clip.waveform.astype(np.float32) / FULL_SCALE, clip.motion.fps).mel
    return hearing.hear(bands, clip.motion.fps)[0]


def _around(heard: Float32[np.ndarray, "t k w"], face: Float32[np.ndarray, "f"]) -> Float[np.ndarray, "t n"]:
    """All that is heard from `BACK` frames before each to `AHEAD` after; silence, 0, around the clip; and `face`."""
    flat = np.pad(heard.reshape(len(heard), -1), ((BACK, AHEAD), (0, 0)))
    windows = _windows(flat, BACK + 1 + AHEAD)
    return np.concatenate([windows, np.tile(face, (len(windows), 1))], axis=1)


def _pooled(heard: Float32[np.ndarray, "t k w"]) -> Float32[np.ndarray, "t w"]:
    return heard.mean(axis=1)


def _windows(rows: Float[np.ndarray, "t w"], length: int) -> Float[np.ndarray, "n m"]:
    """All windows of `length` rows, each as one."""
    found = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)
    return np.ascontiguousarray(found.swapaxes(1, 2)).reshape(len(found), -1)


def _pieces(
    rows: Float[np.ndarray, "t w"], length: int | None
) -> tuple[Float[np.ndarray, "n m"], Int[np.ndarray, "n"]]:
    """Rows in pieces that follow each other, the last one reaching back, and where they begin."""
    length = length or len(rows)
    starts = np.minimum(np.arange(0, len(rows), length), len(rows) - length)
    return _windows(rows, length)[starts], starts
