"""`python -m benchmarks.raster`: the rasteriser against trimesh + embreex, on the default body (`make setup-bench`).

Both are given the vertices of a moving body in upper-body framing and say which face every pixel sees. Ours projects,
rasterises and hands back faces, weights and depths as numpy arrays; theirs builds its tree, since the body has moved,
and casts a ray through every pixel's centre for the first hit. Same frames, same cores, turn by turn; medians.

What limits ours, on 2 cores at 128 / 256 / 512 px: 1 ms to project, 1.4 ms to gather, cull and order the 28,196 faces,
then 40 to 60 ns for each pixel of a visible face's box, of which there are 14 / 57 / 225 thousand (a third of it to
find out whose pixel it is, the rest coverage, depth and two scatters), and 0.2 / 2 / 4 ms to interpolate.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from trimesh import Trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from benchmarks import report
from docs.figures import body, poses
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, smplx
from vlogger_jax.core.records import Camera

SIDES = (128, 256, 512)
HELD_TO = 128
"""The side at which ours must not be slower."""
POSES = 8
TURNS = 20
ROUNDS = 10
STABLE = 0.03
"""Rounds of `TURNS` go on until the ratio of the medians moves by less than this part of itself, `ROUNDS` at most."""
MEMORY_FRAMES = 1000
MEMORY_GROWTH = 4.0
"""MiB that resident memory may grow by over `MEMORY_FRAMES` frames."""


def moving_body(model: smplx.BodyModel) -> list[np.ndarray]:
    """`POSES` frames of vertices [v, 3]: a nod with raised hands."""
    frames = []
    for nod in np.linspace(-8, 8, POSES):
        motion = poses.make(model, {**poses.POSES["explaining"], "head": (nod, 5, 0)}, relaxed_hands=True)
        frames.append(smplx.pose(model, motion).vertices[0])
    return frames


def upper_body(model: smplx.BodyModel, side: int) -> Camera:
    rest = smplx.pose(model, smplx.rest_motion(model))
    return body.looking_at(rest.joints[0, names.JOINTS.index("spine3")] + [0.0, 0.14, 0.0], 1.0, (side, side), yaw=-10)


def rasteriser(model: smplx.BodyModel, camera: Camera) -> Callable[[np.ndarray], np.ndarray]:
    @jax.jit
    def draw(vertices: jax.Array) -> raster.Raster:
        pixels, depth = cameras.project(camera, vertices[None])
        return raster.rasterize(pixels, depth, model.faces, size=camera.size)

    return lambda vertices: jax.tree.map(np.asarray, draw(vertices)).face_index[0]


def ray_caster(model: smplx.BodyModel, camera: Camera) -> Callable[[np.ndarray], np.ndarray]:
    rows, columns = np.mgrid[: camera.size[0], : camera.size[1]]
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5
    ends = cameras.unproject(camera, pixels, np.ones(len(pixels)))
    origins = np.broadcast_to(-np.asarray(camera.rotation).T @ camera.translation, ends.shape).copy()

    def cast(vertices: np.ndarray) -> np.ndarray:
        rays = RayMeshIntersector(Trimesh(vertices, model.faces, process=False))
        return rays.intersects_first(origins, ends - origins).reshape(camera.size)

    return cast


def seconds(call: Callable[[np.ndarray], np.ndarray], vertices: np.ndarray) -> float:
    start = time.perf_counter()
    call(vertices)
    return time.perf_counter() - start


def compare(model: smplx.BodyModel, frames: list[np.ndarray], side: int) -> dict:
    camera = upper_body(model, side)
    ours, theirs = rasteriser(model, camera), ray_caster(model, camera)
    agreement = min((ours(vertices) == theirs(vertices)).mean() for vertices in frames)
    print(f"{side} px: both see the same face in {agreement:.3%} of the pixels of the worst frame")
    if agreement < 0.99:
        sys.exit("error: they do not see the same")
    times: tuple[list[float], list[float]] = [], []
    before = 0.0
    for _ in range(ROUNDS):
        for turn in range(TURNS):
            for call, found in zip((ours, theirs), times, strict=True):
                found.append(1e3 * seconds(call, frames[turn % POSES]))
        medians = [statistics.median(found) for found in times]
        ratio = medians[0] / medians[1]
        if abs(ratio - before) < STABLE * ratio:
            break
        before = ratio
    return report.row(f"{side} px", *medians, "ms/frame")


def resident() -> float:
    """MiB of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def memory(model: smplx.BodyModel, frames: list[np.ndarray]) -> dict:
    """Resident memory after (ours) and before (theirs) many frames, the first hundred left out."""
    draw = rasteriser(model, upper_body(model, SIDES[0]))
    for turn in range(100):
        draw(frames[turn % POSES])
    before = resident()
    for turn in range(MEMORY_FRAMES):
        draw(frames[turn % POSES])
    return report.row(f"memory after / before {MEMORY_FRAMES} frames", resident(), before, "MiB")


def main() -> None:
    model = model_file.default()
    frames = moving_body(model)
    rows = [*(compare(model, frames, side) for side in SIDES), memory(model, frames)]
    print(report.write("raster", rows, ("jax", "numpy", "trimesh", "embreex")))
    slower = [each["case"] for each in rows if each["case"] == f"{HELD_TO} px" and each["ratio"] > 1.0]
    if slower:
        sys.exit(f"error: slower than trimesh + embreex at {slower[0]}")
    if rows[-1]["ours"] - rows[-1]["theirs"] > MEMORY_GROWTH:
        sys.exit("error: memory grows")


if __name__ == "__main__":
    main()
