"""`vlogger generate`: files in, files out. A portrait and a voice become a talking video."""

import contextlib
import dataclasses
import logging
import math
from pathlib import Path

from vlogger_jax import console, estimate, filming, moving, several
from vlogger_jax.body import model_file
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.rate import exact_rate
from vlogger_jax.core.records import Motion
from vlogger_jax.fit import result, tracks
from vlogger_jax.fitting import check_apart, check_suffix, picture
from vlogger_jax.media import atomic, reading
from vlogger_jax.motion.manner import Manner, Strength
from vlogger_jax.pipeline import FPS, Begin, Generation, Sound, Vlogger, sound
from vlogger_jax.portrait import Portrait

log = logging.getLogger(__name__)

BACKGROUNDS = ("keep", "generate")

MOST = 100
"""Samples at once, or to choose from: of each, the motion and a window of frames are in memory."""


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of `vlogger generate`; see its help."""

    image: Path
    out: Path
    audio: Path | None = None
    text: str | None = None
    voice: str = "en-us"
    motion: Path | None = None
    model: Path | None = None
    seed: int = 0
    size: int | None = None
    fps: float = FPS
    preset: str = "fast"
    background: str = BACKGROUNDS[0]
    strength: str = ""
    samples: int = 1
    best_of: int = 1
    controls_out: Path | None = None
    yes: bool = False

    @property
    def outs(self) -> list[Path]:
        """The videos: of several, me_1.mp4, me_2.mp4, ... for me.mp4."""
        if self.samples == 1:
            return [self.out]
        return [self.out.with_stem(f"{self.out.stem}_{number + 1}") for number in range(self.samples)]

    @property
    def heat(self) -> Path:
        """Where several videos differ."""
        return self.out.with_stem(f"{self.out.stem}_differences").with_suffix(".png")


def generate_file(request: Request) -> None:
    """Make the video, or the videos, that `request` asks for, and print a line about each file.

    Raises:
        UserError: before any work if options contradict each other, or files cannot be read or written, or it takes
            long and nobody said that it may; later, if the picture shows nobody.
    """
    _check(request)
    heard = sound(request.audio, request.text, request.voice) if _sounds(request) else None
    moved = None if request.motion is None else _motion(request.motion)
    seconds = _lasts(heard) if moved is None else len(moved.transl) / moved.fps
    with contextlib.ExitStack() as stack:
        outs = [stack.enter_context(atomic.replacing(path)) for path in request.outs]
        begin = stack.enter_context(console.progress())
        console.keep_compiled()
        vlogger = Vlogger.load(request.model, request.preset, request.size)
        frames = request.samples * round(seconds * request.fps)
        pixels = math.prod(picture(request.image).size)
        estimate.agree(estimate.of(request.preset, vlogger.renderer.size, frames, pixels), request.yes)
        person = vlogger.portrait(request.image, begin)
        if moved is None:
            generations = _performances(request, vlogger, person, heard, begin)
        else:
            generations = [_followed(request, vlogger, person, moved, heard)]
        if request.controls_out is not None:
            generations[0].save_controls(request.controls_out, begin)
        if request.samples == 1:
            generations[0].save(outs[0], begin)
        else:
            several.save(generations, outs, request.heat, begin("making frames"))
    _tell(request, generations[0])


def strength_of(text: str) -> Strength:
    """What "head=0.7,hands=0" says; what is not named is 1.

    Raises:
        UserError: if it says something else.
    """
    known = [field.name for field in dataclasses.fields(Strength)]
    found: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = None
        if name.strip() not in known or number is None or name.strip() in found:
            raise UserError(
                f"--strength says {part!r}", f"Give each of {', '.join(known)} at most once, as in head=0.7,hands=0"
            )
        found[name.strip()] = number
    return Strength(**found)


def _performances(request: Request, vlogger: Vlogger, person: Portrait, heard: Sound, begin: Begin) -> list[Generation]:
    """As many as there are to be samples, or the most typical of those to choose from."""
    made = [
        vlogger.perform(
            person,
            heard,
            seed=request.seed + number,
            fps=request.fps,
            manner=Manner(strength=strength_of(request.strength)),
            keep=_keeps(request),
            begin=begin,
        )
        for number in range(max(request.samples, request.best_of))
    ]
    return made if request.best_of == 1 else [made[moving.typical([each.motion for each in made])]]


def _followed(request: Request, vlogger: Vlogger, person: Portrait, moved: Motion, heard: Sound | None) -> Generation:
    lasts = len(moved.transl) / moved.fps
    if heard is not None and abs(lasts - _lasts(heard)) > 1 / moved.fps:
        lines = "the motion lasts %.1f s, the sound %.1f s; the video is as long as the motion"
        log.warning(lines, lasts, _lasts(heard))
    return vlogger.follow(
        person,
        moved,
        heard,
        seed=request.seed,
        fps=request.fps,
        strength=strength_of(request.strength),
        keep=_keeps(request),
    )


def _motion(path: Path) -> Motion:
    """What `vlogger fit` found, or another program."""
    return tracks.read(path, model_file.default()) if tracks.is_one(path) else result.load(path).motion


def _sounds(request: Request) -> bool:
    return request.motion is None or request.audio is not None or request.text is not None


def _keeps(request: Request) -> bool:
    return request.background == BACKGROUNDS[0]


def _lasts(heard: Sound) -> float:
    """Seconds."""
    return len(heard.waveform) / heard.rate


def _tell(request: Request, made: Generation) -> None:
    height, width = made.portrait.picture.shape[:2]
    what = f"{len(made)} frames, {len(made) / made.motion.fps:.1f} s of {width} x {height} pixels"
    for path in request.outs:
        print(f"{path}: {what}, {'without' if made.heard is None else 'with'} sound")
    if request.samples > 1:
        print(f"{request.heat}: how far their colours go apart after 1, 2, 3 and 4 s")
    if request.controls_out is not None:
        print(f"{request.controls_out}: what steered {'the first' if request.samples > 1 else 'it'}")


def _check(request: Request) -> None:
    if request.motion is None and (request.audio is None) == (request.text is None):
        raise UserError(
            "give one of --audio and --text",
            'For example `vlogger generate --image me.png --text "Hello" --out me.mp4`',
        )
    if request.audio is not None and request.text is not None:
        raise UserError("give one of --audio and --text, not both", "Leave one out")
    several_of = {"--samples": request.samples, "--best-of": request.best_of}
    for option, number in several_of.items():
        if not 1 <= number <= MOST:
            raise UserError(f"{option} is {number}", f"Give 1 to {MOST}")
        if number > 1 and request.motion is not None:
            raise UserError(f"{option} with --motion", "A motion that is given is the only one; leave one of them out")
    if min(several_of.values()) > 1:
        raise UserError("--samples and --best-of together", "Ask for several videos, or for one chosen of several")
    outputs = {"--out": request.out, "--controls-out": request.controls_out}
    for option, path in outputs.items():
        if path is not None:
            check_suffix(option, path, (".mp4",))
    inputs = {"--image": request.image, "--audio": request.audio, "--motion": request.motion}
    if request.samples > 1:
        outputs = dict(zip((str(path) for path in request.outs), request.outs, strict=True)) | outputs
        outputs[str(request.heat)] = request.heat
    check_apart(outputs, inputs)
    if request.background not in BACKGROUNDS:
        raise UserError(f"--background is {request.background!r}", f"Give one of {', '.join(BACKGROUNDS)}")
    if request.preset not in filming.PRESETS:
        raise UserError(f"--preset is {request.preset!r}", f"Give one of {', '.join(filming.PRESETS)}")
    exact_rate(request.fps)
    strength_of(request.strength)
    reading.file(request.image, "a picture")
    if request.audio is not None:
        reading.file(request.audio, "a sound")
