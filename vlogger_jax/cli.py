"""The command `vlogger`.

Exit codes are those of `core.errors`: 0; 1 for a bug, with its traceback; 2 for what the user can put right, in one
line; 130 for Ctrl-C. Commands import what they need when they run, so that `vlogger --help` answers at once.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from vlogger_jax import __version__, console
from vlogger_jax.core.errors import UserError

app = typer.Typer(
    name="vlogger",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script."""
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files are no reason to fail
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    return console.outcome(app, list(arguments) or ["--help"], "vlogger")


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"vlogger_jax {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def vlogger(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Talking, moving people from one portrait and a voice."""


@app.command()
def generate(
    image: Annotated[Path, typer.Option(help="A portrait of the person, of any shape and size.")],
    out: Annotated[Path, typer.Option(help="Where to write the video, .mp4.")],
    audio: Annotated[Path | None, typer.Option(help="What they say, a file of speech.")] = None,
    text: Annotated[str | None, typer.Option(help="Or what they say, as a text.")] = None,
    voice: Annotated[str, typer.Option(help="Who says the text: a voice of espeak-ng (`vlogger speak`).")] = "en-us",
    model: Annotated[Path | None, typer.Option(help="A bundle of networks; by default the packaged ones.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same one gives the same video.")] = 0,
    size: Annotated[
        int | None, typer.Option(help="Pixels to a side that networks make, 64, 256 or 512; by default the most.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames/s.")] = 24.0,
    preset: Annotated[str, typer.Option(help="fast, usual or faithful.")] = "fast",
    background: Annotated[str, typer.Option(help="keep: the picture's, to the bit; or generate.")] = "keep",
    strength: Annotated[
        str, typer.Option(help="How much parts move, as in head=0.7,hands=0; 1 where nothing is said.")
    ] = "",
    motion: Annotated[
        Path | None,
        typer.Option(help="Move as somebody did: what `vlogger fit` wrote, or tracks of SMPL-X (BEAT2, SHOW, ...)."),
    ] = None,
    samples: Annotated[
        int, typer.Option(help="Videos to make, with seeds that follow each other, and a picture of where they differ.")
    ] = 1,
    best_of: Annotated[int, typer.Option(help="Motions to choose the most typical one from.")] = 1,
    controls_out: Annotated[Path | None, typer.Option(help="Where to write what steers the frames, .mp4.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however long it takes.")] = False,
) -> None:
    """Make the person of a picture say something, as a video."""
    from vlogger_jax import generating

    generating.generate_file(
        generating.Request(
            image=image,
            out=out,
            audio=audio,
            text=text,
            voice=voice,
            model=model,
            seed=seed,
            size=size,
            fps=fps,
            preset=preset,
            background=background,
            strength=strength,
            motion=motion,
            samples=samples,
            best_of=best_of,
            controls_out=controls_out,
            yes=yes,
        )
    )


@app.command()
def fit(
    out: Annotated[Path, typer.Option(help="Where to write the fit, .npz.")],
    image: Annotated[Path | None, typer.Option(help="A picture of a person.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video of a person.")] = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Where to draw the fit over the picture, .png or .jpg, or video, .mp4.")
    ] = None,
    landmarks: Annotated[Path | None, typer.Option(help="Landmarks, .npz, instead of looking for them.")] = None,
    save_landmarks: Annotated[Path | None, typer.Option(help="Where to write the landmarks found, .npz.")] = None,
    landmark_model: Annotated[
        Path | None, typer.Option(help="MediaPipe's holistic_landmarker.task, for releases without models.")
    ] = None,
    body: Annotated[Path | None, typer.Option(help="An SMPLX_*.npz instead of the default body.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames/s to take; the video's own by default.")] = None,
    start: Annotated[float | None, typer.Option(help="Seconds into the video to begin at.")] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds of the video to take; all by default.")] = None,
    focal: Annotated[
        float | None, typer.Option(help="Focal length in pixels; by default from the picture's EXIF, or estimated.")
    ] = None,
) -> None:
    """Find the person, the lens and the motion in a picture or a video."""
    from vlogger_jax import fitting

    fitting.fit_file(
        fitting.Request(
            out=out,
            image=image,
            video=video,
            overlay=overlay,
            landmarks=landmarks,
            save_landmarks=save_landmarks,
            landmark_model=landmark_model,
            body=body,
            fps=fps,
            start=start,
            duration=duration,
            focal=focal,
        )
    )


@app.command()
def controls(
    fit: Annotated[Path, typer.Option(help="The motion: a file that `vlogger fit` wrote.")],
    reference: Annotated[Path, typer.Option(help="A picture of the person who is to move so.")],
    out: Annotated[Path, typer.Option(help="Where to write the video, .mp4.")],
    reference_fit: Annotated[
        Path | None, typer.Option(help="What `vlogger fit` wrote for the reference; else it is fitted now.")
    ] = None,
    body: Annotated[Path | None, typer.Option(help="The SMPLX_*.npz that the fit was made with, if any.")] = None,
    landmark_model: Annotated[
        Path | None, typer.Option(help="MediaPipe's holistic_landmarker.task, for releases without models.")
    ] = None,
    size: Annotated[int, typer.Option(help="Pixels to a side of each control.")] = 256,
) -> None:
    """Show what the video network is told: a motion on the person of a picture, as images."""
    from vlogger_jax import control_video

    control_video.controls_file(
        control_video.Request(
            fit=fit,
            reference=reference,
            out=out,
            reference_fit=reference_fit,
            landmark_model=landmark_model,
            body=body,
            size=size,
        )
    )


@app.command()
def speak(
    text: Annotated[str | None, typer.Option(help="What to say.")] = None,
    text_file: Annotated[Path | None, typer.Option(help="A text to say, UTF-8.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the sound, .wav.")] = None,
    voice: Annotated[
        str | None, typer.Option(help="A language, or language+variant, as in en-us+f3; en-us by default.")
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Words a minute, 80 to 450; 175 by default.")] = None,
    pitch: Annotated[int | None, typer.Option(help="0 to 99; 50, the voice's own, by default.")] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="Another program, as in 'piper --model en.onnx --output_file {out}'; the text is on its stdin, or "
            "where {text} stands; {phonemes} stands for a file that it can write."
        ),
    ] = None,
    phonemes: Annotated[Path | None, typer.Option(help="Where to write what is said when, .json.")] = None,
    list_voices: Annotated[bool, typer.Option("--list-voices", help="Print what --voice can be.")] = False,
) -> None:
    """Speech from text, and when each of its sounds is heard."""
    from vlogger_jax import speaking

    request = speaking.Request(
        out=out,
        text=text,
        text_file=text_file,
        voice=voice,
        rate=rate,
        pitch=pitch,
        engine=engine,
        phonemes=phonemes,
    )
    if not list_voices:
        speaking.speak_file(request)
    elif request != speaking.Request():
        raise UserError("--list-voices goes with no other option", "Leave the others out")
    else:
        speaking.list_voices()


@app.command()
def doctor() -> None:
    """What is installed, which devices there are, and what each missing extra would give."""
    from vlogger_jax.doctor import examine

    examine()


if __name__ == "__main__":
    main()
