"""`vlogger generate`: files in, files out. A portrait and a voice become a talking video."""

import dataclasses
from pathlib import Path

from vlogger_jax import console, filming
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.rate import exact_rate
from vlogger_jax.fitting import check_apart, check_suffix
from vlogger_jax.media import atomic, reading
from vlogger_jax.motion.manner import Manner, Strength
from vlogger_jax.pipeline import FPS, Vlogger

BACKGROUNDS = ("keep", "generate")


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of `vlogger generate`; see its help."""

    image: Path
    out: Path
    audio: Path | None = None
    text: str | None = None
    voice: str = "en-us"
    model: Path | None = None
    seed: int = 0
    size: int | None = None
    fps: float = FPS
    preset: str = "fast"
    background: str = BACKGROUNDS[0]
    strength: str = ""


def generate_file(request: Request) -> None:
    """Make the video that `request` asks for, and print a line about it.

    Raises:
        UserError: before any work if options contradict each other or files cannot be read or written; later, if the
            picture shows nobody.
    """
    _check(request)
    manner = Manner(strength=strength_of(request.strength))
    with atomic.replacing(request.out) as out, console.progress() as begin:
        console.keep_compiled()
        vlogger = Vlogger.load(request.model, request.preset, request.size)
        generation = vlogger.generate(
            request.image,
            request.audio,
            request.text,
            voice=request.voice,
            seed=request.seed,
            fps=request.fps,
            manner=manner,
            keep=request.background == BACKGROUNDS[0],
            begin=begin,
        )
        generation.save(out, begin)
    height, width = generation.portrait.picture.shape[:2]
    seconds = len(generation) / generation.motion.fps
    print(f"{request.out}: {len(generation)} frames, {seconds:.1f} s of {width} x {height} pixels with sound")


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


def _check(request: Request) -> None:
    if (request.audio is None) == (request.text is None):
        raise UserError(
            "give one of --audio and --text",
            'For example `vlogger generate --image me.png --text "Hello" --out me.mp4`',
        )
    check_suffix("--out", request.out, (".mp4",))
    check_apart({"--out": request.out}, {"--image": request.image, "--audio": request.audio})
    if request.background not in BACKGROUNDS:
        raise UserError(f"--background is {request.background!r}", f"Give one of {', '.join(BACKGROUNDS)}")
    if request.preset not in filming.PRESETS:
        raise UserError(f"--preset is {request.preset!r}", f"Give one of {', '.join(filming.PRESETS)}")
    exact_rate(request.fps)
    reading.file(request.image, "a picture")
    if request.audio is not None:
        reading.file(request.audio, "a sound")
