"""`make demo`: the default body says one word and nods, as a strip of frames in out/demo.png."""

import time
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from data_pipelines.default_body.shading import render
from docs.figures import body, poses
from vlogger_jax.body import model_file, names, smplx

OUT = Path("out/demo.png")
FRAMES = 12
FPS = 12.0


def frame_at(time_s: float) -> tuple[dict[str, tuple[float, float, float]], dict[str, float]]:
    """Pose and expression at a time: "mama", a nod, a blink, and a hand that comes up."""
    opening = max(0.0, np.sin(2 * np.pi * 2.0 * time_s)) ** 0.7
    closing = 1.0 - opening
    lift = 0.5 - 0.5 * np.cos(2 * np.pi * min(time_s, 0.5))
    blink = np.exp(-(((time_s - 0.7) / 0.07) ** 2))
    joints = {
        **poses.RELAXED_ARMS,
        "left_elbow": (20 * lift, -20 - 75 * lift, 0),
        "left_shoulder": (10 * lift, -8 - 20 * lift, -70 + 12 * lift),
        "head": (8 * np.sin(2 * np.pi * time_s), 5 * np.sin(np.pi * time_s), 0),
    }
    expression = {
        **{"jawOpen": 0.45 * opening, "mouthLowerDownLeft": 0.3 * opening, "mouthLowerDownRight": 0.3 * opening},
        **{"mouthPressLeft": 0.5 * closing, "mouthPressRight": 0.5 * closing},
        **{"eyeBlinkLeft": blink, "eyeBlinkRight": blink, "browInnerUp": 0.4 * lift},
    }
    return joints, expression


def main() -> None:
    start = time.perf_counter()
    model = model_file.default()
    colours, frames = body.skin_colours(model), []
    for index in track(range(FRAMES), description="rendering"):
        joints, expression = frame_at(index / FPS)
        posed = smplx.pose(model, poses.make(model, joints, expression, relaxed_hands=True))
        middle = smplx.pose(model, smplx.rest_motion(model)).joints[0, names.JOINTS.index("spine3")]
        view = body.looking_at(middle + np.array([0.0, 0.21, 0.0]), 0.8, (256, 256))
        frames.append(render(posed.vertices[0], model.faces, colours, view))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(body.grid(frames, columns=6)).save(OUT)
    print(f"{OUT}: {FRAMES} frames of the default body, {FRAMES / FPS:.1f} s, in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
