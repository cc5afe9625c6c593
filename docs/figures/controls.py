"""`docs/figures/controls.png`: a person who moves, and every control made from one picture of them.

Run `python -m docs.figures.controls`.
"""

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from docs.figures import poses, stand_in
from docs.figures.body import LABEL_COLOURS, grid, titled
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, smplx
from vlogger_jax.controls import build
from vlogger_jax.controls import gbuffer as gbuffers
from vlogger_jax.core.records import Camera, Controls, GBuffer

OUT = Path(__file__).with_suffix(".png")
SIZE = 256
DISTANCE = 2.2

UP = {"left_shoulder": (10, -40, -60), "left_elbow": (20, -120, 0), "left_wrist": (-30, 0, 0)}
FRAMES = (  # joints in degrees, expression, yaw of the body; the first is the reference
    ({**poses.RELAXED_ARMS}, {}, 0),
    ({**poses.RELAXED_ARMS, "head": (4, 12, 4)}, {"jawOpen": 0.5}, 4),
    ({**poses.RELAXED_ARMS, **UP}, {"jawOpen": 0.25, "mouthFunnel": 0.6}, -4),
    ({**poses.RELAXED_ARMS, **UP, "head": (-4, -22, -5)}, {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}, -12),
    ({**poses.both(shoulder=(5, -30, -55), elbow=(15, -95, 0)), "head": (8, 15, 0)}, {"mouthSmileLeft": 0.8}, 15),
)


def camera() -> Camera:
    """Head, shoulders and hands of a person `DISTANCE` m away."""
    view = cameras.from_focal(SIZE * DISTANCE / 0.95, (SIZE, SIZE))
    return dataclasses.replace(view, principal=np.array([SIZE / 2, SIZE * 0.62], np.float32))


def posed_frames(model: smplx.BodyModel) -> np.ndarray:
    """Vertices of `FRAMES`, [t, v, 3]."""
    found = []
    for joints, expression, yaw in FRAMES:
        motion = poses.make(model, joints, expression, relaxed_hands=True)
        turned = np.array([[0.0, np.deg2rad(yaw), 0.0]], np.float32)
        placed = np.array([[0.0, 0.0, -DISTANCE]], np.float32)
        found.append(smplx.pose(model, dataclasses.replace(motion, global_orient=turned, transl=placed)).vertices[0])
    return np.stack(found)


def on_host(gbuffer: GBuffer) -> GBuffer:
    return GBuffer(face_index=np.asarray(gbuffer.face_index), bary=np.asarray(gbuffer.bary))


def make(model: smplx.BodyModel) -> tuple[np.ndarray, np.ndarray, Controls]:
    """True frames [t, h, w, 3], true mattes [t, h, w], and the controls made from frame 0 alone."""
    person, view, vertices = stand_in.make(model), camera(), posed_frames(model)
    shots = [stand_in.photograph(person, body, view) for body in vertices]
    frames, mattes = (np.stack(part) for part in zip(*shots, strict=True))
    target = on_host(gbuffers.render(vertices, model.faces, view))
    first = GBuffer(face_index=target.face_index[:1], bary=target.bary[:1])
    tables = build.tables(model)
    source = build.reference(tables, frames[0], mattes[0], first, vertices[0], view)
    return frames, mattes, build.build(tables, source, target)


def main() -> None:
    frames, _, controls = make(model_file.default())
    labels = (np.array(LABEL_COLOURS) * 255).round().astype(np.uint8)
    labels[0] = 0
    mask = np.repeat(255 * controls.warp_mask[..., None].astype(np.uint8), 3, axis=-1)
    rows = {
        "frames (the first is the reference)": frames,
        "dense": (controls.dense >> 8).astype(np.uint8) * (controls.label > 0)[..., None],
        "label": labels[controls.label],
        "warp": controls.warp,
        "warp_mask": mask,
        "composite": controls.composite,
        "matte": np.repeat(controls.matte[..., None], 3, axis=-1),
    }
    images = [
        titled(image, title if index == 0 else "") for title, row in rows.items() for index, image in enumerate(row)
    ]
    Image.fromarray(grid(images, columns=len(frames))).save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
