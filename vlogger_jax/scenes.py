"""Scenes, as the video network is shown them, from batches as loaders make them; and the same with fewer pixels."""

import jax.numpy as jnp

from vlogger_jax.body import names
from vlogger_jax.body.smplx import BodyModel
from vlogger_jax.controls import complete, gbuffer, grid
from vlogger_jax.core.stage import Batch
from vlogger_jax.video.conditions import Scene, SceneOf


def of(body: BodyModel) -> SceneOf:
    """From batches of this body; its mesh stays on the host."""
    extent = gbuffer.extent(body)

    def scene_of(batch: Batch) -> Scene:
        times = batch["reference"].shape[-2] // batch["reference_label"].shape[-1]
        return Scene(
            controls=complete.of_batch(batch, extent),
            reference=batch["reference"],
            reference_dense=grid.repeat(batch["reference_dense"], times),
            reference_label=grid.repeat(batch["reference_label"][..., None], times)[..., 0],
        )

    return scene_of


def reduced(scene: Scene, size: int) -> Scene:
    """A scene of fewer pixels, as `controls.complete.reduce` makes them.

    Raises:
        UserError: if it has fewer than `size`.
    """
    if scene.reference.shape[-2] == size:
        return scene
    shape = (size, size)
    label = grid.majority(scene.reference_label, shape, len(names.LABELS)).astype("uint8")
    dense = grid.mean_where(gbuffer.unpack_dense(scene.reference_dense), scene.reference_label > 0, shape)
    return Scene(
        controls=complete.reduce(scene.controls, shape),
        reference=jnp.round(grid.mean(scene.reference.astype("float32"), shape)).astype("uint8"),
        reference_dense=gbuffer.pack_dense(dense) * (label > 0)[..., None],
        reference_label=label,
    )
