"""A portrait, prepared once: the person in it, the square that the networks see, and what joins that to the rest.

portrait = portrait.of(model, fit, picture)
scene, large = portrait.stage.scene(motion)
pictures = portrait.stage.joined(frames, large)
"""

import dataclasses
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from vlogger_jax.body import camera as cameras
from vlogger_jax.body import names, smplx
from vlogger_jax.body.camera import Square
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import build, complete, framing, lookup
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, Controls, GBuffer, Motion
from vlogger_jax.core.typing import Array, Float, UInt8
from vlogger_jax.fit import summary
from vlogger_jax.fit.result import Fit
from vlogger_jax.video import join
from vlogger_jax.video.conditions import Scene, scaled, to_bytes

GBUFFER = 256
"""Pixels to a side in which the body is rendered."""

LARGEST = 4
"""Times that, at most: pixels to a side in which frames are joined to the portrait."""

INSIDE = tuple(map(names.LABELS.index, ("upper teeth", "lower teeth", "tongue", "mouth cavity")))
"""Of the mouth: the portrait has no detail of it."""

GROWN = 0.06
"""Share of the square, around the person, that frames may change; the outer half of it fades into the portrait."""

EDGE = 0.04
"""Share of the square over which frames fade into the portrait where it goes on beyond the square."""


@dataclasses.dataclass(frozen=True, eq=False)
class Portrait:
    """A fitted picture.

    Attributes:
        picture: all of it, RGB.
        square: that the networks see.
        image, matte: the square at a whole number of times `GBUFFER` pixels.
        camera: of the square at `GBUFFER` pixels.
        motion: one frame.
        visible: how much of torso, left hand and right hand it shows.
    """

    model: BodyModel
    picture: UInt8[np.ndarray, "ph pw 3"]
    square: Square
    image: UInt8[np.ndarray, "s s 3"]
    matte: UInt8[np.ndarray, "s s"]
    camera: Camera
    motion: Motion
    visible: tuple[float, float, float]

    @cached_property
    def stage(self) -> "Stage":
        """What is made of the person once, for all that they will do."""
        return Stage(self)


def of(model: BodyModel, fit: Fit, picture: UInt8[np.ndarray, "ph pw 3"]) -> Portrait:
    """From frame 0 of a fit.

    Raises:
        UserError: if the head is not in the picture.
    """
    motion = smplx.frames_of(fit.motion, slice(0, 1))
    visible = tuple(float(part[0]) for part in (fit.quality.torso, fit.quality.left_hand, fit.quality.right_hand))
    hands = np.array([visible[1:]]) > summary.SEEN
    square = framing.square(model, motion, fit.camera, hands)
    size = GBUFFER * min(max(round(square.side / GBUFFER), 1), LARGEST)
    return Portrait(
        model=model,
        picture=picture,
        square=square,
        image=framing.cut(picture, square, size),
        matte=framing.cut_matte(fit.matte[0], square, fit.camera.size, size),
        camera=cameras.crop(fit.camera, square.x0, square.y0, GBUFFER / square.side, (GBUFFER, GBUFFER)),
        motion=motion,
        visible=visible,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
    """Scenes of a portrait's person, and their frames in its place."""

    portrait: Portrait

    def scene(self, motion: Motion) -> tuple[Scene, Controls]:
        """What steers frames of `motion`, [t, ..], at `GBUFFER` pixels; and their controls at the portrait's.

        One program does for all motions of one length.
        """
        gbuffer, _ = _seen(self._body, motion, self.portrait.camera)
        target = jax.tree.map(np.asarray, gbuffer)
        large = _completed(self._source, lookup.look_up(self._tables, self._surface, target))
        small = _reduced(large)
        anchor = self._surface.anchor
        image = framing.cut(self.portrait.image, Square(0, 0, len(self.portrait.image)), GBUFFER)
        scene = Scene(
            controls=jax.tree.map(lambda each: np.asarray(each)[None], small),
            reference=image[None],
            reference_dense=anchor.dense[None],
            reference_label=anchor.label[None],
        )
        return scene, large

    def joined(
        self, frames: UInt8[np.ndarray, "t s s 3"], large: Controls, keep: bool = True
    ) -> UInt8[np.ndarray, "t ph pw 3"]:
        """Frames with the portrait's detail, in its place.

        Args:
            large: their controls.
            keep: whether the portrait stays as it is, to the bit, where nobody is or was; if not, all of the square is
                the frames'.
        """
        x0, y0, side = self.portrait.square
        made, share = _detailed(frames, large, self.portrait.matte, self._rim, keep)
        pictures = np.broadcast_to(self.portrait.picture, (len(frames), *self.portrait.picture.shape)).copy()
        square = np.s_[:, y0 : y0 + side, x0 : x0 + side]
        pictures[square] = np.asarray(_placed(made, share, pictures[square]))
        return pictures

    @cached_property
    def _tables(self) -> lookup.Tables:
        return build.tables(self.portrait.model)

    @cached_property
    def _body(self) -> BodyModel:
        return jax.device_put(self.portrait.model)

    @cached_property
    def _surface(self) -> lookup.Surface:
        gbuffer, vertices = _seen(self._body, self.portrait.motion, self.portrait.camera)
        anchor = lookup.anchor(self._tables, jax.tree.map(np.asarray, gbuffer))
        return lookup.Surface(anchor=anchor, vertices=np.asarray(vertices[0]), camera=self.portrait.camera)

    @cached_property
    def _source(self) -> complete.Portrait:
        return complete.portrait(self._surface.anchor, self._tables.extent, self.portrait.image, self.portrait.matte)

    @cached_property
    def _rim(self) -> Float[np.ndarray, "s s"]:
        """Share of the frames near edges of the square that are none of the portrait: 0 at such an edge."""
        size, (height, width) = len(self.portrait.image), self.portrait.picture.shape[:2]
        x0, y0, side = self.portrait.square
        within = np.minimum((np.arange(size) + 0.5) / (EDGE * size), 1.0).astype(np.float32)
        ends = {"left": x0 > 0, "right": x0 + side < width, "top": y0 > 0, "bottom": y0 + side < height}
        ramps = {name: within if goes_on else np.ones(size, np.float32) for name, goes_on in ends.items()}
        rows = np.minimum(ramps["top"], ramps["bottom"][::-1])
        columns = np.minimum(ramps["left"], ramps["right"][::-1])
        return np.minimum(rows[:, None], columns)


@jax.jit
def _seen(body: BodyModel, motion: Motion, camera: Camera) -> tuple[GBuffer, Array]:
    vertices = smplx.pose(body, motion).vertices
    return gbuffers.render(vertices, body.faces, camera), vertices


_completed = jax.jit(complete.complete)
_reduced = jax.jit(partial(complete.reduce, size=(GBUFFER, GBUFFER)))


@partial(jax.jit, static_argnames="keep")
def _detailed(frames: Array, large: Controls, old: Array, rim: Array, keep: bool) -> tuple[Array, Array]:
    """Frames in the pixels of `large`, and how much of them is to be seen."""
    one = jax.tree.map(lambda each: each[None], large)
    made = join.detailed(scaled(frames)[None], one, INSIDE)[0]
    share = join.share(old[None], one.matte, round(GROWN * made.shape[-2]))[0] if keep else jnp.ones(made.shape[:-1])
    return made, share * rim


@jax.jit
def _placed(made: Array, share: Array, square: Array) -> Array:
    """`share` of `made`, at the size of `square`, and for the rest what is there."""
    shape = square.shape
    made = jax.image.resize(made, shape, "linear")
    share = jax.image.resize(share, shape[:-1], "linear")[..., None]
    return jnp.where(share > 0, to_bytes(share * made + (1 - share) * scaled(square)), square)
