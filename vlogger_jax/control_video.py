"""`vlogger controls`: what the video network would be told, as a video: the motion of one fit on another person."""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from vlogger_jax import console, fitting
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import build, framing, show
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.records import Camera, GBuffer, Motion
from vlogger_jax.core.typing import UInt8
from vlogger_jax.fit import result, solve, summary
from vlogger_jax.fit.result import Fit
from vlogger_jax.media import video_writer

WINDOW = 8
"""Frames that are in memory at a time."""

SIZES = (32, 1024)
"""Pixels: the sides that controls may have."""


@dataclasses.dataclass(frozen=True)
class Request:
    """The options of `vlogger controls`; see its help."""

    fit: Path
    reference: Path
    out: Path
    reference_fit: Path | None = None
    landmark_model: Path | None = None
    body: Path | None = None
    size: int = 256


class Framed(NamedTuple):
    """The reference, cut to the square in which the video is framed, at the size of the controls.

    Attributes:
        matte: coverage of the person, 255 inside.
        motion: one frame.
    """

    image: UInt8[np.ndarray, "s s 3"]
    matte: UInt8[np.ndarray, "s s"]
    camera: Camera
    motion: Motion


def controls_file(request: Request) -> None:
    """Write the control video that `request` asks for.

    Raises:
        UserError: before any work if files cannot be read or written, or were made with another body; later, if the
            reference shows no face.
    """
    fitting.check_suffix("--out", request.out, (".mp4",))
    inputs = {"--fit": request.fit, "--reference": request.reference, "--reference-fit": request.reference_fit}
    fitting.check_apart({"--out": request.out}, inputs | {"--body": request.body})
    if not SIZES[0] <= request.size <= SIZES[1]:
        raise UserError(f"--size is {request.size}", f"Give {SIZES[0]} to {SIZES[1]} pixels")
    fit = result.load(request.fit)
    model = _body_of(fit.motion, request.body)
    source = fitting.picture(request.reference)
    known = None
    if request.reference_fit is not None:
        known = result.load(request.reference_fit)
        _same_body(request.reference_fit, known.motion, model)
        if tuple(known.camera.size) != tuple(source.size):
            theirs, ours = (f"{w} x {h}" for h, w in (known.camera.size, source.size))
            raise UserError(
                f"{request.reference_fit} is of a picture of {theirs} pixels, but {request.reference} has {ours}",
                "Give the fit of this very picture, or leave it out",
            )
    with contextlib.ExitStack() as stack:
        writer = stack.enter_context(video_writer.Writer(request.out, fps=fit.motion.fps))
        begin = stack.enter_context(console.progress())
        console.keep_compiled()
        if known is None:
            found = fitting.detect(source, request.landmark_model, begin("finding the reference"))
            known = solve.fit(model, found, focal=source.focal, report=begin("fitting the reference"))
        framed = frame(model, known, next(source.frames()), request.size)
        report, count = begin("making controls"), len(fit.quality.good)
        for i, image in enumerate(panels(model, carry(fit.motion, known.motion), framed)):
            writer.write(image)
            report((i + 1) / count)
    print(f"{request.out}: {summary.count_text(count)}, {count / fit.motion.fps:.2f} s; each picture shows")
    print("reference | dense | label\nwarp | composite | matte")


def carry(motion: Motion, reference: Motion) -> Motion:
    """A performance given to the person of `reference` (its frame 0): their shape and place, the other's moves."""
    moved = motion.transl - motion.transl[:1]
    return dataclasses.replace(motion, betas=reference.betas, transl=reference.transl[:1] + moved)


def frame(model: BodyModel, fit: Fit, image: UInt8[np.ndarray, "_ _ 3"], size: int) -> Framed:
    """Cut frame 0 of a fit to the square around head, shoulders and visible hands.

    Raises:
        UserError: if the head is not in the picture.
    """
    motion = smplx.frames_of(fit.motion, slice(0, 1))
    hands = np.stack([fit.quality.left_hand[:1], fit.quality.right_hand[:1]], axis=-1) > summary.SEEN
    square = framing.square(model, motion, fit.camera, hands)
    return Framed(
        image=framing.cut(image, square, size),
        matte=framing.cut_matte(fit.matte[0], square, fit.camera.size, size),
        camera=cameras.crop(fit.camera, square.x0, square.y0, size / square.side, (size, size)),
        motion=motion,
    )


def panels(model: BodyModel, motion: Motion, framed: Framed) -> Iterator[UInt8[np.ndarray, "rows columns 3"]]:
    """The pictures of `show.pictures` of every frame, window by window."""
    tables, body = build.tables(model), jax.device_put(model)
    first, vertices = _rendered(body, framed.motion, framed.camera)
    reference = build.reference(
        tables, framed.image, framed.matte, _on_host(first), np.asarray(vertices[0]), framed.camera
    )
    frames = len(motion.transl)
    for start in range(0, frames, WINDOW):
        count = min(WINDOW, frames - start)
        length = count if frames < WINDOW else WINDOW  # so that one program does for all
        which = np.minimum(np.arange(start, start + length), frames - 1)
        target = _on_host(_rendered(body, smplx.frames_of(motion, which), framed.camera)[0])
        target = GBuffer(face_index=target.face_index[:count], bary=target.bary[:count])
        yield from show.pictures(build.build(tables, reference, target), framed.image)


@jax.jit
def _rendered(model: BodyModel, motion: Motion, camera: Camera) -> tuple[GBuffer, jax.Array]:
    vertices = smplx.pose(model, motion).vertices
    return gbuffers.render(vertices, model.faces, camera), vertices


def _on_host(gbuffer: GBuffer) -> GBuffer:
    return jax.tree.map(np.asarray, gbuffer)


def _body_of(motion: Motion, path: Path | None) -> BodyModel:
    """The body that a motion was made with, with as many coefficients.

    Raises:
        UserError: if `path`, or without it the default body, is another.
    """
    if path is None:
        model = model_file.default()
        if motion.body != model.name:
            raise UserError(
                f"the fit was made with the body {motion.body!r}, but the body in use is {model.name!r}",
                "Name that body's file with --body",
            )
    else:
        model = model_file.load(path, num_betas=motion.betas.shape[-1], num_expression=motion.expression.shape[-1])
    _same_body("the fit", motion, model)
    return model


def _same_body(name: str | Path, motion: Motion, model: BodyModel) -> None:
    if motion.body != model.name:
        raise UserError(
            f"{name} was made with the body {motion.body!r}, but the body in use is {model.name!r}",
            "Fit again, with one body for both",
        )
    sizes = (motion.betas.shape[-1], motion.expression.shape[-1])
    if sizes != (model.num_betas, model.num_expression):
        raise UserError(
            f"{name} holds {sizes[0]} betas and {sizes[1]} expressions, but the body {model.name!r} has "
            f"{model.num_betas} and {model.num_expression}",
            "Fit again, with one body for both",
        )
