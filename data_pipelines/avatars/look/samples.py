"""What the shaders are told of every sample of a picture."""

from typing import NamedTuple

from vlogger_jax.core.typing import Array, Float, Int


class Samples(NamedTuple):
    """Points that a camera sees.

    Attributes:
        normal: unit normal in the world, turned to the camera's side.
        view: unit vector towards the camera.
        tangent: unit direction of strands in the world, 0 elsewhere.
        place: `Outfit.place`.
        rest: unit normal on the canonical body, or of the object in its own rest.
        masks: `chart.MASKS`; 0 away from body and shells.
        label: `body.names.LABELS` of the body, 0 elsewhere.
        material: `outfit.MATERIALS`.
        footprint: metres that the sample is wide.
        lit: part of the key light that arrives.
        open: part of the sky that is seen.
        lid: part of the light that lids leave to an eye.
    """

    normal: Float[Array, "n 3"]
    view: Float[Array, "n 3"]
    tangent: Float[Array, "n 3"]
    place: Float[Array, "n 3"]
    rest: Float[Array, "n 3"]
    masks: Float[Array, "n m"]
    label: Int[Array, "n"]
    material: Int[Array, "n"]
    footprint: Float[Array, "n"]
    lit: Float[Array, "n"]
    open: Float[Array, "n"]
    lid: Float[Array, "n"]
