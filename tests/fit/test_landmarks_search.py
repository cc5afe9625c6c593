"""How one person is followed, with detectors that see coloured squares instead of faces."""

import logging
from collections.abc import Iterator

import numpy as np
import pytest

from vlogger_jax.core.errors import UserError
from vlogger_jax.fit import landmarks_search
from vlogger_jax.fit.landmarks_search import Seen, follow
from vlogger_jax.fit.landmarks_views import Box, around

FPS = 10.0


class Squares:
    """Sees every square as a face whose size is its own; `look` and `mesh` see the one nearest to the middle.

    Args:
        smallest, largest: parts of the picture's height; `look` sees no face below or above.
    """

    def __init__(self, smallest: float = 0.0, largest: float = 1.0):
        self.smallest, self.largest = smallest, largest
        self.calls: list[tuple[str, tuple[int, ...]]] = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def faces(self, picture):
        self.calls.append(("faces", picture.shape))
        return self._boxes(picture)

    def _boxes(self, picture):
        red = sorted(set(np.unique(picture[..., 0]).tolist()) - {0})
        at = [np.argwhere(picture[..., 0] == value) for value in red]
        return [Box(*map(float, (*a.min(0)[::-1], *(a.max(0)[::-1] + 1)))) for a in at]

    def mesh(self, picture):
        self.calls.append(("mesh", picture.shape))
        return self._mesh(picture)

    def look(self, picture):
        self.calls.append(("look", picture.shape))
        face = self._mesh(picture)
        if face is None or not self.smallest <= around(face).height / picture.shape[0] <= self.largest:
            return Seen()
        pose = np.concatenate([face[:33], np.ones((33, 1), np.float32)], axis=1)
        return Seen(face=face, pose=pose, mask=(picture[..., 1] > 0).astype(np.float32))

    def silhouette(self, picture):
        self.calls.append(("silhouette", picture.shape))
        return (picture[..., 1] > 0).astype(np.float32)

    def _mesh(self, picture):
        middle = np.asarray(picture.shape[1::-1]) / 2
        boxes = sorted(self._boxes(picture), key=lambda box: np.hypot(*(np.asarray(box.centre) - middle)))
        if not boxes:
            return None
        u, v = np.random.default_rng(0).random((2, 478))
        u[:4], v[:4] = [0, 1, 0, 1], [0, 0, 1, 1]
        x, y = boxes[0].x0 + u * boxes[0].width, boxes[0].y0 + v * boxes[0].height
        return np.stack([x, y, 0 * x], axis=1).astype(np.float32)


def picture(*squares: tuple[int, int, int], size: tuple[int, int] = (120, 200)) -> np.ndarray:
    """Squares at (x, y, side) on black."""
    image = np.zeros((*size, 3), np.uint8)
    for i, (x, y, side) in enumerate(squares):
        image[y : y + side, x : x + side] = (i + 1, 255, 0)
    return image


def boxes(frames, eyes=None) -> list[Box | None]:
    found = list(follow(iter(frames), FPS, eyes or Squares()))
    return [None if f.seen.face is None else Box(*np.round(around(f.seen.face)).tolist()) for f in found]


def test_a_face_is_found_where_it_is():
    assert boxes([picture((30, 40, 20))]) == [(30, 40, 50, 60)]


@pytest.mark.parametrize("eyes", [Squares(smallest=0.3), Squares(largest=0.1), Squares(smallest=2.0)])
def test_other_views_find_what_the_whole_does_not(eyes):
    assert boxes([picture((30, 40, 20))], eyes) == [(30, 40, 50, 60)]
    assert len(eyes.calls) > 2


def test_large_images_are_reduced_and_the_way_back_is_exact():
    image = np.kron(picture((30, 40, 20)), np.ones((24, 24, 1), np.uint8))  # 2880 x 4800
    eyes = Squares()
    assert boxes([image], eyes) == [(720, 960, 1200, 1440)]
    assert max(max(shape) for _, shape in eyes.calls) < 2048


def test_the_largest_of_several_is_taken_and_the_others_are_cut_off(caplog):
    both = picture((150, 50, 20), (20, 40, 40))
    with caplog.at_level(logging.WARNING):
        found = list(follow([both] * 12, FPS, Squares()))
    assert [record.getMessage() for record in caplog.records] == [
        "2 faces in frame 0: the person with the largest is taken"
    ]
    for f in found:
        assert around(f.seen.face) == pytest.approx((20, 40, 60, 80))
        assert f.matte[60, 40] == 255
        assert f.matte[60, 160] == 0


def test_after_a_cut_the_largest_is_taken_not_the_nearest():
    frames = [picture((10, 40, 20))] * 3 + [picture((60, 40, 16), (140, 40, 40))] * 3
    assert boxes(frames)[3:] == [(140, 40, 180, 80)] * 3


def test_no_view_shows_the_others():
    class Watching(Squares):
        def look(self, picture):
            assert set(np.unique(picture[..., 0])) <= {0, 1}
            return super().look(picture)

        def mesh(self, picture):
            assert set(np.unique(picture[..., 0])) <= {0, 1}
            return super().mesh(picture)

    eyes = Watching(smallest=0.5)  # of the first view it is 0.46, of the second, which goes further down, 0.53
    [found] = follow([picture((20, 40, 40), (30, 90, 20), size=(200, 200))], FPS, eyes)
    assert around(found.seen.face) == pytest.approx((20, 40, 60, 80))
    assert found.seen.pose is not None


def test_faces_that_turn_out_to_be_none_are_not_mentioned(caplog):
    """As in a picture that is upside down."""

    class Fooled(Squares):
        def _mesh(self, picture):
            return None

    with caplog.at_level(logging.WARNING):
        assert boxes([picture((150, 50, 20), (20, 40, 40))], Fooled()) == [None]
    assert not caplog.records


def test_one_above_the_other():
    assert boxes([picture((80, 5, 20), (80, 60, 40))]) == [(80, 60, 120, 100)]


def test_the_person_stays_the_same_when_another_comes_nearer():
    frames = [picture((150, 50, 20 + 4 * i), (20, 40, 40)) for i in range(12)]
    assert set(boxes(frames)) == {(20, 40, 60, 80)}


def test_a_moving_person_is_followed():
    frames = [picture((10 + 8 * i, 40, 30)) for i in range(15)]
    assert boxes(frames) == [(10 + 8 * i, 40, 40 + 8 * i, 70) for i in range(15)]


def test_frames_without_a_face_and_a_cut_to_another_place():
    frames = [picture((10, 40, 30))] * 3 + [picture()] * 8 + [picture((150, 40, 30))] * 3
    assert boxes(frames) == [(10, 40, 40, 70)] * 3 + [None] * 8 + [(150, 40, 180, 70)] * 3


def test_a_cut_is_followed_at_once():
    frames = [picture((10, 40, 30))] * 3 + [picture((150, 40, 30))] * 3
    assert boxes(frames) == [(10, 40, 40, 70)] * 3 + [(150, 40, 180, 70)] * 3


def test_a_cut_is_followed_without_a_counter_of_faces():
    class Blind(Squares):
        def faces(self, picture):
            return []

    frames = [picture((10, 40, 30))] * 3 + [picture((150, 40, 30))] * 3
    assert boxes(frames, Blind()) == [(10, 40, 40, 70)] * 3 + [(150, 40, 180, 70)] * 3


def test_frames_are_taken_one_by_one():
    taken = []

    def frames() -> Iterator[np.ndarray]:
        for i in range(5):
            taken.append(i)
            yield picture((30, 40, 20))

    found = follow(frames(), FPS, Squares())
    assert taken == []
    for i in range(5):
        next(found)
        assert taken == list(range(i + 1))


def test_faces_are_counted_now_and_then_only():
    eyes = Squares()
    boxes([picture((30, 40, 20))] * 40, eyes)
    assert sum(name == "faces" for name, _ in eyes.calls) == 2
    assert sum(name == "look" for name, _ in eyes.calls) == 40


def test_the_matte_of_a_face_without_a_body_is_the_silhouette():
    eyes = Squares(smallest=2.0)
    found = list(follow([picture((30, 40, 20))], FPS, eyes))
    assert found[0].matte[50, 40] == 255
    assert ("silhouette", (120, 200, 3)) in eyes.calls


@pytest.mark.parametrize("size", [(1, 1), (8, 100), (100, 8), (40, 40000), (1, 100000)])
def test_too_small_or_too_narrow(size):
    with pytest.raises(UserError, match="too small or too narrow"):
        boxes([np.zeros((*size, 3), np.uint8)])


def test_sizes_that_change():
    with pytest.raises(UserError, match="frame 1 is 100 x 100 pixels, the ones before 200 x 120"):
        boxes([picture(), picture(size=(100, 100))])


def test_no_frames():
    with pytest.raises(UserError, match="no frames"):
        boxes([])


def test_pauses_are_in_seconds():
    assert landmarks_search.COUNT_MANY_EVERY < landmarks_search.COUNT_EVERY
