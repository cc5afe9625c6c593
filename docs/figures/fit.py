"""`docs/figures/fit.png`: a real portrait, the fit over it, and what the fit makes of it.

Run `python -m docs.figures.fit`. The portrait is Eileen Collins, by NASA, in the public domain, from scikit-image.
"""

import dataclasses
from pathlib import Path

import jax
import numpy as np
from PIL import Image
from skimage import data
from skimage.transform import resize

from docs.figures.body import grid, titled
from vlogger_jax.body import model_file, names, smplx
from vlogger_jax.controls import build
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Motion
from vlogger_jax.fit import landmarks, overlay, solve

OUT = Path(__file__).with_suffix(".png")

CHANGES = {  # degrees by which the head turns, and expressions that are added
    "carried: turned, speaking": ((0, 14, 0), {"jawOpen": 0.35, "mouthFunnel": 0.2}),
    "carried: nodding, eyes shut": ((10, -10, 4), {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
}


CLOSE_UP = np.s_[16:176, 144:304]
"""The face in the overlay, which is as large as the portrait."""


def changed(
    model: smplx.BodyModel, motion: Motion, turn: tuple[float, float, float], added: dict[str, float]
) -> Motion:
    body, expression = motion.body_pose.copy(), motion.expression.copy()
    for name in ("neck", "head"):
        body[:, names.JOINTS.index(name) - 1] += np.deg2rad(turn).astype(np.float32) / 2
    for name, strength in added.items():
        index = names.EXPRESSIONS.index(name)
        expression[:, index] = np.clip(expression[:, index] + strength, 0, 1)
    opening = smplx.arkit_jaw_pose(model, expression) - smplx.arkit_jaw_pose(model, motion.expression)
    return dataclasses.replace(motion, body_pose=body, expression=expression, jaw_pose=motion.jaw_pose + opening)


def _panel(image: np.ndarray) -> np.ndarray:
    """`image` at 256 px under a white band for its title."""
    small = np.round(resize(image, (256, 256), anti_aliasing=True, preserve_range=True)).astype(np.uint8)
    return np.pad(small, [(24, 0), (0, 0), (0, 0)], constant_values=255)


def main() -> None:
    picture, model = data.astronaut(), model_file.default()
    seen = landmarks.detect([picture], 24.0)
    fit = solve.fit(model, seen)
    (drawn,) = overlay.draw(model, fit, seen, [picture])
    motions = [fit.motion, *(changed(model, fit.motion, *change) for change in CHANGES.values())]
    vertices = np.concatenate([smplx.pose(model, motion).vertices for motion in motions])
    seen_by = jax.tree.map(np.asarray, gbuffers.render(vertices, model.faces, fit.camera))
    tables = build.tables(model)
    matte = np.round(resize(fit.matte[0], picture.shape[:2], preserve_range=True)).astype(np.uint8)
    first, others = (jax.tree.map(lambda value, w=w: value[w], seen_by) for w in (slice(0, 1), slice(1, None)))
    source = build.reference(tables, picture, matte, first, vertices[0], fit.camera)
    composites = build.build(tables, source, others).composite
    images = {
        "portrait (NASA)": picture,
        "its fit": drawn,
        "detected points, and their misses": drawn[CLOSE_UP],
        **dict(zip(CHANGES, composites, strict=True)),
    }
    panels = [titled(_panel(image), title) for title, image in images.items()]
    Image.fromarray(grid(panels, columns=len(panels))).save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
