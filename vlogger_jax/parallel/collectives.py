"""What chips tell each other in a compiled program, read from its text."""

import collections
import dataclasses
import math
import re

import numpy as np

from vlogger_jax.core.constrain import CONTEXT

GATHERING = ("all-gather", "all-to-all", "ragged-all-to-all", "collective-broadcast", "collective-permute")
"""Kinds whose result is made of other chips' arrays as they are, not of sums over them."""

SLICES = ("slices",)
"""Along which sums over several slices go, between hosts."""

_KINDS = "|".join((*GATHERING, "all-reduce", "reduce-scatter"))
_INSTRUCTION = re.compile(
    rf"\s*(?:ROOT )?%?[\w.\-]+ = (?P<type>(?:[^=]|<=)+?) (?P<kind>{_KINDS})(?P<start>-start)?\((?P<rest>.*)"
)
_CHAIN = re.compile(r'chain_id="(?P<chain>\d+)"')
_COMMENT = re.compile(r"/\*.*?\*/")  # in long tuples: /*index=5*/
_BETWEEN = re.compile(r"\s*%?[\w.\-]+ = (?P<type>(?:[^=]|<=)+?) send\(.*_xla_megascale_transfer_type=\"(?P<kind>\w+)\"")
_ARRAY = re.compile(r"\b(?P<dtype>pred|[a-z]+\d+\w*)\[(?P<dims>[\d,<=]*)\]")
_LISTS = re.compile(r"(?:replica_groups|source_target_pairs)=\{(?P<lists>(?:\{[\d,]*\},?)*)\}")
_IOTA = re.compile(r"replica_groups=\[(?P<shape>[\d,]+)\]<=\[(?P<of>[\d,]+)\](?:T\((?P<order>[\d,]+)\))?")
_MESH = re.compile(r"replica_groups=mesh\[(?P<sizes>[^\]]*)\] ?\{(?P<axes>[^}]*)\}")
_SPLIT_AXIS = re.compile(r"'(?P<name>[^']+)'(?::\((?P<before>\d+)\)(?P<size>\d+))?")


@dataclasses.dataclass(frozen=True)
class Collective:
    """One instruction of a program in which chips take part together.

    Attributes:
        kind: as HLO calls it, e.g. "all-gather".
        arrays: shapes of what each chip has received when it is done.
        bytes: of all these.
        axes: of the mesh, along which the chips that take part differ; `SLICES` where they are of several slices.
        frames: whether it carries frames to chips that hold other frames, as all does that is along `context` and no
            sum.
    """

    kind: str
    arrays: tuple[tuple[int, ...], ...]
    bytes: int
    axes: tuple[str, ...]
    frames: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traffic:
    """All collectives of one kind along the same axes.

    Attributes:
        count: instructions; one inside of a loop counts once.
        bytes: that each chip receives, in all of them.
        largest: shape of the largest array.
        frames: as in `Collective`.
    """

    kind: str
    axes: tuple[str, ...]
    count: int
    bytes: int
    largest: tuple[int, ...]
    frames: bool


def read(hlo: str, axes: dict[str, int], slices: int = 1) -> list[Collective]:
    """The collectives of a program, in the order of its text.

    Args:
        hlo: `compiled.as_text()`.
        axes: the mesh that it was compiled for: names and sizes, outermost first. Chips are numbered along it.
        slices: that the outermost axis is over. Each runs the same program, and chips are numbered within it; sums over
            slices are taken apart: summed and scattered in a slice, sent to the others, gathered again.
    """
    found: dict[tuple[str, str | int], Collective] = {}
    first = next(iter(axes))
    within = {**axes, first: axes[first] // slices}
    for line in _COMMENT.sub("", hlo).splitlines():
        if match := _INSTRUCTION.match(line):
            # TPUs do other work between the parts of one collective; each part is written as if it were all of it.
            chain = _CHAIN.search(match["rest"])
            one = (match["kind"], chain["chain"] if chain else len(found))
            found.setdefault(one, _collective(match, within))
        elif match := _BETWEEN.match(line):
            shapes, size = _arrays(match["type"], slice(0, 1))
            found["send", len(found)] = Collective(match["kind"].lower().replace("_", "-"), shapes, size, SLICES, False)
    return _with_ends_of_sums(list(found.values()), within)


def _with_ends_of_sums(found: list[Collective], axes: dict[str, int]) -> list[Collective]:
    """`found`, gathers that end sums over slices carrying no frames.

    Such a gather brings together what chips of a slice have summed with other slices: of as many numbers as went there,
    from each. Any other, over all chips too, is of arrays as they are.
    """
    summed = collections.Counter(
        math.prod(shape) for each in found if (each.kind, each.axes) == ("all-reduce", SLICES) for shape in each.arrays
    )
    ends = []
    for each in found:
        chips = math.prod(axes.get(name, 1) for name in each.axes)
        parts = collections.Counter(math.prod(shape) / chips for shape in each.arrays)
        of_sum = each.kind == "all-gather" and each.frames and parts <= summed
        if of_sum:
            summed -= parts
        ends.append(dataclasses.replace(each, frames=each.frames and not of_sum))
    return ends


def _collective(match: re.Match[str], axes: dict[str, int]) -> Collective:
    kind, start = match["kind"], match["start"]
    # What is begun and awaited apart gives a tuple: what is sent, what is received and, for some, two counters.
    count = len(_ARRAY.findall(match["type"]))
    part = slice(0, count)
    if start and kind == "collective-permute":
        part = slice(1, 2)
    elif start and kind != "all-reduce":
        part = slice(count // 2, count)
    shapes, size = _arrays(match["type"], part)
    along = _along(match["rest"], axes)
    return Collective(kind, shapes, size, along, CONTEXT in along and kind in GATHERING)


def _arrays(text: str, part: slice) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Shapes of some arrays of a type, and their bytes."""
    arrays = [(each["dtype"], _numbers(each["dims"].replace("<=", ""))) for each in _ARRAY.finditer(text)][part]
    bits = sum(math.prod(shape) * _bits(dtype) for dtype, shape in arrays)
    return tuple(shape for _, shape in arrays), -(-bits // 8)


def summary(found: list[Collective]) -> tuple[Traffic, ...]:
    """`found` by kind and axes, most bytes first."""
    alike = collections.defaultdict(list)
    for each in found:
        alike[each.kind, each.axes, each.frames].append(each)
    rows = [
        Traffic(
            kind=kind,
            axes=axes,
            count=len(group),
            bytes=sum(each.bytes for each in group),
            largest=max((shape for each in group for shape in each.arrays), key=math.prod, default=()),
            frames=frames,
        )
        for (kind, axes, frames), group in alike.items()
    ]
    return tuple(sorted(rows, key=lambda row: -row.bytes))


def _along(text: str, axes: dict[str, int]) -> tuple[str, ...]:
    """The axes along which the chips of a group differ; all of them where the text names no groups."""
    sizes = tuple(axes.values())
    groups = _groups(text.split(", metadata=")[0]) or [np.arange(math.prod(sizes))]
    differ: set[int] = set()
    for group in groups:
        places = np.stack(np.unravel_index(group, sizes))
        differ |= set(np.flatnonzero(places.max(axis=1) > places.min(axis=1)).tolist())
    return tuple(name for i, name in enumerate(axes) if i in differ)


def _groups(text: str) -> list[np.ndarray]:
    if match := _LISTS.search(text):
        lists = re.findall(r"\{([\d,]*)\}", match["lists"])
        return [np.asarray(_numbers(each)) for each in lists if each]
    if match := _IOTA.search(text):
        numbers = np.arange(math.prod(_numbers(match["of"]))).reshape(_numbers(match["of"]))
        if match["order"]:
            numbers = numbers.transpose(_numbers(match["order"]))
        return list(numbers.reshape(_numbers(match["shape"])))
    if match := _MESH.search(text):
        return list(_of_mesh(match["sizes"], match["axes"]))
    return []


def _of_mesh(sizes: str, axes: str) -> np.ndarray:
    """Groups that differ along named axes of a mesh of the compiler's own, [groups, chips]."""
    shape = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", sizes)}
    parts: dict[str, list[tuple[int, bool]]] = {name: [(size, False)] for name, size in shape.items()}
    named = list(_SPLIT_AXIS.finditer(axes))
    if len({match["name"] for match in named}) < len(named):  # several parts of one axis: taken for all of it
        return np.arange(math.prod(shape.values()))[None]
    for match in named:
        name, whole = match["name"], shape[match["name"]]
        before, size = int(match["before"] or 1), int(match["size"] or whole)
        parts[name] = [(before, False), (size, True), (whole // (before * size), False)]
    flat = [part for name in shape for part in parts[name]]
    inside = [i for i, (_, within) in enumerate(flat) if within]
    numbers = np.arange(math.prod(shape.values())).reshape([size for size, _ in flat])
    numbers = np.moveaxis(numbers, inside, range(-len(inside), 0)) if inside else numbers
    return numbers.reshape(-1, math.prod(flat[i][0] for i in inside))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in text.split(",") if each)


def _bits(dtype: str) -> int:
    return 8 if dtype == "pred" else int(re.findall(r"\d+", dtype)[0])
