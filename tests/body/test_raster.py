"""The rasteriser: against a float64 oracle, on what a mesh can hold, and its two backends against each other."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from docs.figures import body, poses
from tests.body import raster_oracle as oracle
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, raster, raster_scatter, smplx

ROOT = Path(__file__).parents[2]
BACKENDS = ("scatter", "tiles")
NEAR = 0.01
SLIVER = 2e-5
"""How exact weights and depth are in faces many times as long as wide: one float32 step along is many across."""


def draw(pixels, depth, faces, size, **options) -> raster.Raster:
    """One frame, as numpy."""
    pixels, depth = np.asarray(pixels, np.float32), np.asarray(depth, np.float32)
    faces = np.asarray(faces, np.int32).reshape(-1, 3)
    seen = raster.rasterize(pixels[None], depth[None], faces, size=size, near=NEAR, **options)
    return jax.tree.map(lambda array: np.asarray(array)[0], seen)


def triangles(*corners):
    """Separate triangles at depth 1, as (pixels, depth, faces)."""
    pixels = np.asarray(corners, np.float32).reshape(-1, 2)
    return pixels, np.ones(len(pixels), np.float32), np.arange(len(pixels)).reshape(-1, 3)


# y points down: these run counter-clockwise for someone who looks at the image.
HALF = ((0, 0), (0, 8), (8, 8))
BEYOND = ((-3e5, -2e5), (-1e5, 9e5), (8e5, -1e5))


@pytest.fixture(scope="module")
def model() -> smplx.BodyModel:
    return model_file.default()


def framed(model, what: str, side: int):
    """(pixels, depth, faces) of the posed default body in a square image."""
    posed = smplx.pose(model, poses.make(model, poses.POSES["explaining"], {"jawOpen": 0.5}, relaxed_hands=True))
    joint, lift, width = {
        "full body": ("pelvis", 0.0, 2.2),
        "upper body": ("spine3", 0.14, 1.0),
        "head": ("head", 0.03, 0.3),
        "hand": ("left_middle1", 0.0, 0.2),
    }[what]
    view = body.looking_at(posed.joints[0, names.JOINTS.index(joint)] + [0.0, lift, 0.0], width, (side, side), yaw=-10)
    pixels, depth = cameras.project(view, posed.vertices)
    return pixels[0], depth[0], model.faces


SOUPS = {  # faces, size, extent of a face in pixels, whether some reach behind the camera
    "huge": (200, (96, 128), (1, 3000), True),
    "small": (3000, (64, 64), (0.05, 30), False),
    "more than 32,768": (40000, (33, 257), (0.01, 5), True),
}


def soup(kind: str, seed: int):
    """Random triangles, facing either way, in, around and across the image: (pixels, depth, faces), size."""
    count, size, (least, most), behind = SOUPS[kind]
    rng = np.random.default_rng(seed)
    middle = rng.uniform(-0.2, 1.2, (count, 1, 2)) * (size[1], size[0])
    scale = np.exp(rng.uniform(np.log(least), np.log(most), (count, 1, 1)))
    pixels = (middle + scale * rng.standard_normal((count, 3, 2))).astype(np.float32)
    depth = np.exp(rng.uniform(np.log(0.4 * NEAR if behind else 0.5), np.log(5), (count, 3))).astype(np.float32)
    return (pixels.reshape(-1, 2), depth.ravel(), np.arange(3 * count).reshape(count, 3)), size


def check(mesh, size: tuple[int, int], tolerance: float = 1e-6) -> raster.Raster:
    """Compare with the oracle: faces, the number of clipped ones, weights and (relatively) depths."""
    _, depth, faces = mesh
    ours, theirs = draw(*mesh, size), oracle.rasterize(*mesh, size, NEAR)
    covered = (ours.face_index >= 0) | (theirs.face >= 0)
    same = ours.face_index == theirs.face
    assert covered.any()
    assert (covered & ~same).sum() <= 1e-4 * covered.sum()
    assert oracle.unexplained(*mesh, ours.face_index, theirs) == []
    np.testing.assert_allclose(ours.bary[same], theirs.bary[same], rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.depth[same], theirs.depth[same], rtol=tolerance)
    assert ours.clipped == (depth[faces] <= NEAR).any(axis=1).sum()
    return ours


@pytest.mark.parametrize(
    ("what", "side"), [("full body", 64), ("upper body", 128), ("head", 128), ("head", 256), ("hand", 256)]
)
def test_the_body_is_what_the_oracle_sees(model, what, side):
    seen = check(framed(model, what, side), (side, side))
    assert (seen.face_index >= 0).mean() > 0.05


@pytest.mark.parametrize("kind", SOUPS)
def test_triangle_soups_are_what_the_oracle_sees(kind):
    seen = check(*soup(kind, 0), SLIVER)
    assert (seen.clipped > 0) == SOUPS[kind][-1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOUPS)
def test_many_soups_are_what_the_oracle_sees(kind):
    for seed in range(1, 41):
        check(*soup(kind, seed), SLIVER)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["full body", "upper body", "head", "hand"])
def test_every_framing_and_size_is_what_the_oracle_sees(model, what):
    for side in (64, 96, 128, 192, 256):
        check(framed(model, what, side), (side, side))


# Few sizes: each is compiled.
@hypothesis.settings(max_examples=60)
@hypothesis.given(
    size=st.sampled_from([(1, 1), (1, 40), (17, 16), (20, 33)]),
    pixels=hnp.arrays(np.float32, (30, 2), elements=st.floats(-60, 100, width=32, allow_subnormal=False)),
    depth=hnp.arrays(np.float32, 30, elements=st.floats(-1, 8, width=32, allow_subnormal=False)),
    faces=hnp.arrays(np.int32, (20, 3), elements=st.integers(0, 29)),
)
def test_any_small_mesh_is_what_the_oracle_sees(size, pixels, depth, faces):
    ours, theirs = draw(pixels, depth, faces, size), oracle.rasterize(pixels, depth, faces, size, NEAR)
    assert oracle.unexplained(pixels, depth, faces, ours.face_index, theirs) == []
    other = draw(pixels, depth, faces, size, backend="tiles")
    jax.tree.map(np.testing.assert_array_equal, ours, other)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("corners", "covered"),
    [
        (HALF, np.tril(np.ones((8, 8)))),  # the centres on its edge are inside
        (((0.5, 0.5), (0.5, 7.5), (7.5, 7.5)), np.tril(np.ones((8, 8)))),  # on all three edges, and at the corners
        (HALF[::-1], 0),
        (BEYOND, 1),
        (BEYOND[::-1], 0),
        (((2.4, 2.4), (2.4, 2.7), (2.7, 2.4)), np.pad([[1]], (2, 5))),
        (((2.6, 2.6), (2.6, 3.4), (3.4, 2.6)), 0),  # between four centres
        (((1.5, 1.5), (1.5, 4.5), (1.5, 2.5)), 0),
        (((3.5, 3.5),) * 3, 0),
        (((1, 1), (1, 1), (7, 7)), 0),
        (((-9, 0), (-9, 8), (-1, 8)), 0),
        (((0, 9), (0, 17), (8, 17)), 0),
        (((0, 0), (0, np.nan), (8, 8)), 0),
        (((0, 0), (0, np.inf), (8, 8)), 0),
        (((-np.inf, 0), (0, 8), (8, 8)), 0),
    ],
)
def test_a_triangle_covers_the_centres_inside(backend, corners, covered):
    seen = draw(*triangles(corners), (8, 8), backend=backend)
    expected = np.broadcast_to(covered, (8, 8)).astype(bool)
    np.testing.assert_array_equal(seen.face_index, np.where(expected, 0, raster.NO_FACE))
    np.testing.assert_allclose(seen.bary.sum(axis=-1), expected, atol=1e-6)
    np.testing.assert_allclose(seen.depth, np.where(expected, 1.0, np.inf), rtol=1e-6)
    assert seen.clipped == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_faces_at_or_before_the_near_plane_are_left_out_and_counted(backend):
    pixels, depth, faces = triangles(HALF, HALF, HALF, HALF, HALF)
    depth = np.repeat(np.float32([-1.0, NEAR, np.nan, 2.0, 1.5 * NEAR]), 3)
    depth[-1] = 0.0
    seen = draw(pixels, depth, faces, (8, 8), backend=backend)
    assert seen.clipped == 4
    assert set(np.unique(seen.face_index)) == {raster.NO_FACE, 3}
    np.testing.assert_allclose(seen.depth[seen.face_index == 3], 2.0, rtol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("side", [8, 200])
def test_equal_depths_go_to_the_lowest_index(backend, side):
    # 200 x 200 pixels are more than one round of the list of work.
    assert raster_scatter.SLOTS < 200**2
    pixels, _, faces = triangles(*[np.array(HALF) * side / 8] * 5)
    depth = np.repeat(np.float32([2, 1, 1, 2, 1]), 3)
    for order, first in (([0, 1, 2, 3, 4], 1), ([4, 3, 2, 1, 0], 0), ([3, 2, 0, 1, 4], 1)):
        seen = draw(pixels, depth, faces[order], (side, side), backend=backend)
        assert set(np.unique(seen.face_index)) == {raster.NO_FACE, first}


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_pixel_falls_between_the_faces_at_an_edge(backend):
    """Fans around random points, and around pixel centres, whose edges run through many centres."""
    rng = np.random.default_rng(0)
    for turn in range(20):
        hub = rng.integers(3, 60, 2) + 0.5 if turn % 2 else rng.uniform(3, 60, 2)
        ring = np.sort(rng.uniform(0, 2 * np.pi, 13))
        ring = np.sort(np.concatenate([ring, np.arange(8) * np.pi / 4]))  # no gap wider than a quarter
        rim = hub + 400.0 * np.stack([np.cos(ring), -np.sin(ring)], axis=-1)
        pixels = np.float32([hub, *rim])
        spokes = np.arange(len(ring))
        faces = np.stack([0 * spokes, spokes + 1, (spokes + 1) % len(ring) + 1], axis=-1)
        depth = np.full(len(pixels), 1.0)
        assert (draw(pixels, depth, faces, (64, 64), backend=backend).face_index >= 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_vertex_that_is_nowhere_changes_its_own_faces_only(backend):
    (pixels, depth, faces), size = soup("small", 3)
    bad = np.arange(0, len(faces), 10)
    lost_pixels, lost_depth = pixels.copy(), depth.copy()
    lost_pixels[faces[bad, 0]] = np.array([[np.nan, 3.0], [np.inf, -np.inf], [5.0, np.nan]])[bad // 10 % 3]
    lost_depth[faces[bad[::4], 1]] = np.nan
    flat = faces.copy()
    flat[bad] = flat[bad][:, :1]
    seen, expected = (
        draw(*mesh, size, backend=backend) for mesh in ((lost_pixels, lost_depth, faces), (pixels, depth, flat))
    )
    for name in ("face_index", "bary", "depth"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(expected, name))
    assert seen.clipped == len(bad[::4])


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_image_may_be_empty(backend):
    seen = draw(*triangles(HALF[::-1], np.add(HALF, 50)), (5, 7), backend=backend)
    assert (seen.face_index == raster.NO_FACE).all() and not seen.bary.any() and np.isinf(seen.depth).all()


def test_there_may_be_no_frames():
    pixels, depth, faces = triangles(HALF)
    seen = raster.rasterize(pixels[None][:0], depth[None][:0], faces, size=(2, 3))
    assert seen.face_index.shape == (0, 2, 3)


def test_perspective():
    """Half-way across the image of an edge from 1 m to 3 m lies a quarter of the way along it: 1.5 m."""
    seen = draw([[0.5, 0.5], [0.5, 8.5], [8.5, 0.5]], [1.0, 1.0, 3.0], [[0, 1, 2]], (9, 9))
    np.testing.assert_allclose(seen.depth[0, 4], 1.5, rtol=1e-6)
    np.testing.assert_allclose(seen.bary[0, 4], [0.75, 0.0, 0.25], atol=1e-6)


@pytest.mark.parametrize("what", ["upper body", "hand"])
def test_backends_agree_on_the_body_bit_for_bit(model, what):
    mesh = framed(model, what, 128)
    jax.tree.map(np.testing.assert_array_equal, *(draw(*mesh, (128, 128), backend=backend) for backend in BACKENDS))


@pytest.mark.parametrize("kind", SOUPS)
def test_backends_agree_on_soups_bit_for_bit(kind):
    mesh, size = soup(kind, 1)
    jax.tree.map(np.testing.assert_array_equal, *(draw(*mesh, size, backend=backend) for backend in BACKENDS))


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_are_independent_scanned_or_at_once(backend):
    soups = [soup("small", seed)[0] for seed in range(3)]
    pixels, depth = (np.stack([mesh[i] for mesh in soups]) for i in range(2))
    depth[1, :9] = 0.0
    faces = soups[0][2]
    scanned, at_once = (
        raster.rasterize(pixels, depth, faces, size=(48, 80), backend=backend, batching=batching)
        for batching in ("scan", "vmap")
    )
    jax.tree.map(np.testing.assert_array_equal, scanned, at_once)
    assert np.asarray(scanned.clipped).tolist() == [0, 3, 0]
    for i in range(3):
        one = draw(pixels[i], depth[i], faces, (48, 80), backend=backend)
        np.testing.assert_array_equal(one.face_index, scanned.face_index[i])
        np.testing.assert_array_equal(one.bary, scanned.bary[i])


def test_supersampling_is_a_finer_image():
    (pixels, depth, faces), _ = soup("small", 5)
    fine = draw(pixels, depth, faces, (20, 30), supersample=3)
    expected = draw(np.float32(3) * pixels, depth, faces, (60, 90))
    assert fine.face_index.shape == (60, 90)
    jax.tree.map(np.testing.assert_array_equal, fine, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_those_of_the_plain_formulas(backend):
    (pixels, depth, faces), size = soup("small", 2)
    faces = faces[:400]
    # What could make them infinite: faces that are not drawn, without area, at the camera, nowhere.
    pixels[faces[0]], depth[faces[1]], pixels[faces[2], 0] = 5.0, 0.0, np.nan
    index = draw(pixels, depth, faces, size).face_index
    assert (index < 0).any() and (index >= 0).any()
    factor = np.random.default_rng(0).standard_normal((*size, 4)).astype(np.float32)
    covered, corners = jnp.asarray(index >= 0), faces[np.where(index >= 0, index, np.unique(index)[1])]

    def ours(pixels, depth):
        seen = raster.rasterize(pixels[None], depth[None], faces, size=size, backend=backend)
        value = (seen.bary[0] * factor[..., :3]).sum(axis=-1) + jnp.where(covered, seen.depth[0], 0.0) * factor[..., 3]
        return value.sum()

    def plain(pixels, depth):
        a, b, c = (pixels[corners[..., i]] for i in range(3))
        point = jnp.stack(jnp.meshgrid(jnp.arange(size[1]), jnp.arange(size[0])), axis=-1) + 0.5

        def area(p, q, r):
            return (q - p)[..., 0] * (r - p)[..., 1] - (q - p)[..., 1] * (r - p)[..., 0]

        areas = jnp.stack([area(b, c, point), area(c, a, point), area(a, b, point)], axis=-1)
        inverse = areas / area(a, b, c)[..., None] / depth[corners]
        z = 1 / inverse.sum(axis=-1)
        value = (inverse * z[..., None] * factor[..., :3]).sum(axis=-1) + z * factor[..., 3]
        return jnp.where(covered, value, 0.0).sum()

    with jax.enable_x64(True):
        expected = jax.grad(plain, argnums=(0, 1))(pixels.astype(np.float64), depth.astype(np.float64))
    for found, wanted in zip(jax.grad(ours, argnums=(0, 1))(pixels, depth), expected, strict=True):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max())


def lowered(backend: str) -> str:
    draw = partial(raster.rasterize, size=(64, 48), backend=backend)
    shapes = ((2, 300, 2), jnp.float32), ((2, 300), jnp.float32), ((500, 3), jnp.int32)
    return jax.jit(draw).lower(*(jax.ShapeDtypeStruct(*shape) for shape in shapes)).as_text()


def test_the_backend_for_tpus_has_no_scatter():
    assert "scatter" in lowered("scatter")
    assert "scatter" not in lowered("tiles")


COMPILE = """
import sys, jax, jax.numpy as jnp
from functools import partial
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding
from vlogger_jax.body import raster
device = topologies.get_topology_desc(platform="tpu", topology_name=sys.argv[1]).devices[0]
draw = jax.jit(partial(raster.rasterize, size=(128, 128), backend="tiles", batching="scan"))
shapes = ((8, 14000, 2), jnp.float32), ((8, 14000), jnp.float32), ((28196, 3), jnp.int32)
shapes = [jax.ShapeDtypeStruct(*shape, sharding=SingleDeviceSharding(device)) for shape in shapes]
print(device.device_kind, draw.lower(*shapes).compile().memory_analysis().peak_memory_in_bytes)
"""


@pytest.mark.aot
@pytest.mark.parametrize(("topology", "kind"), [("v5e:2x2", "TPU v5 lite"), ("v5p:2x2x1", "TPU v5")])
def test_it_compiles_for_tpus(topology, kind):
    libtpu = ROOT / ".venv" / "libtpu"
    path = os.pathsep.join([str(ROOT), str(libtpu), os.environ.get("PYTHONPATH", "")])
    variables = {"TPU_SKIP_MDS_QUERY": "1", "JAX_PLATFORMS": "cpu", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
    environment = {**os.environ, **variables, "PYTHONPATH": path}
    if subprocess.run([sys.executable, "-c", "import libtpu"], env=environment, capture_output=True).returncode:
        pytest.skip("no libtpu (make test-aot)")
    found = subprocess.run(
        [sys.executable, "-c", COMPILE, topology], env=environment, capture_output=True, text=True, timeout=600
    )
    assert found.returncode == 0, found.stderr[-3000:]
    *name, peak = found.stdout.split()
    assert " ".join(name) == kind
    assert 0 < int(peak) < 1e9
