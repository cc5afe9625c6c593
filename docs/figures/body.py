"""`docs/figures/body.png`: poses, expressions and labels of the default body. Run `python -m docs.figures.body`."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_pipelines.default_body.shading import render
from docs.figures import poses
from vlogger_jax.body import camera as cameras
from vlogger_jax.body import model_file, names, rotation, smplx
from vlogger_jax.core.records import Camera

OUT = Path(__file__).with_suffix(".png")
SKIN = {
    **{"face skin": (0.87, 0.68, 0.58), "scalp": (0.80, 0.62, 0.53), "lips": (0.76, 0.45, 0.43)},
    **{"sclera": (0.97, 0.97, 0.97), "iris": (0.27, 0.20, 0.15), "eyelids": (0.84, 0.64, 0.55)},
    **{"upper teeth": (0.96, 0.95, 0.90), "lower teeth": (0.96, 0.95, 0.90), "tongue": (0.78, 0.42, 0.42)},
    **{"mouth cavity": (0.35, 0.10, 0.10), "torso": (0.48, 0.56, 0.66), "lower body": (0.36, 0.39, 0.46)},
}
LABEL_COLOURS = (
    *((0.95, 0.95, 0.95), (0.94, 0.76, 0.64), (0.45, 0.33, 0.27), (0.89, 0.55, 0.37), (0.62, 0.42, 0.78)),
    *((0.98, 0.98, 0.98), (0.16, 0.42, 0.72), (0.84, 0.24, 0.34), (0.99, 0.92, 0.60), (0.80, 0.72, 0.30)),
    *((0.95, 0.50, 0.62), (0.35, 0.07, 0.13), (0.55, 0.78, 0.62), (0.40, 0.58, 0.82), (0.20, 0.65, 0.65)),
    *((0.95, 0.62, 0.18), (0.55, 0.75, 0.20), (0.50, 0.50, 0.58)),
)


def skin_colours(model: smplx.BodyModel) -> np.ndarray:
    table = np.array([SKIN.get(label, SKIN["face skin"]) for label in names.LABELS])
    return table[np.asarray(model.labels)]


def looking_at(target: np.ndarray, width: float, size: tuple[int, int], yaw: float = 0.0, pitch: float = 0.0) -> Camera:
    """A camera 3 m from `target` that sees `width` metres there; it stands `yaw` degrees to the person's left."""
    turn = rotation.axis_angle_to_matrix(np.deg2rad([0.0, -yaw, 0.0]))
    tilt = rotation.axis_angle_to_matrix(np.deg2rad([pitch, 0.0, 0.0]))
    camera = cameras.from_focal(size[1] * 3.0 / width, size)
    world_to_camera = np.asarray(camera.rotation) @ tilt @ turn
    return Camera(
        focal=camera.focal,
        principal=camera.principal,
        rotation=world_to_camera.astype(np.float32),
        translation=(np.array([0.0, 0.0, 3.0]) - world_to_camera @ target).astype(np.float32),
        size=size,
    )


def titled(image: np.ndarray, title: str) -> np.ndarray:
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text((8, 6), title, fill=(60, 60, 70), font=ImageFont.load_default(15))
    return np.asarray(picture)


def grid(images: list[np.ndarray], columns: int) -> np.ndarray:
    rows = [np.concatenate(images[i : i + columns], axis=1) for i in range(0, len(images), columns)]
    return np.concatenate(rows, axis=0)


def pose_row(model: smplx.BodyModel) -> list[np.ndarray]:
    colours, images = skin_colours(model), []
    for name, joints in poses.POSES.items():
        posed = smplx.pose(model, poses.make(model, joints, relaxed_hands=name in poses.RELAXED_HANDS))
        wide, lift = {"rest pose": (1.85, 0.1), "arms raised": (1.5, 0.28)}.get(name, (1.0, 0.14))
        middle = posed.joints[0, names.JOINTS.index("spine3")] + [0.0, lift, 0.0]
        view = looking_at(middle, wide, (300, 300), yaw=-20 if name != "rest pose" else 0)
        images.append(titled(render(posed.vertices[0], model.faces, colours, view), name))
    return images


def hand_row(model: smplx.BodyModel) -> list[np.ndarray]:
    colours, images = skin_colours(model), []
    views = (
        ("rest pose", "left", 0, 75),
        ("arms down", "left", 50, 10),
        ("explaining", "left", -10, -5),
        ("explaining", "right", -40, 25),
        ("fist and pointing", "right", 0, 0),
        ("fist and pointing", "left", 25, 15),
    )
    for name, side, yaw, pitch in views:
        joints = poses.POSES[name]
        posed = smplx.pose(model, poses.make(model, joints, relaxed_hands=name in poses.RELAXED_HANDS))
        middle = posed.joints[0, names.JOINTS.index(f"{side}_middle1")]
        view = looking_at(middle, 0.28, (300, 300), yaw, pitch)
        images.append(titled(render(posed.vertices[0], model.faces, colours, view), f"{name}, {side} hand"))
    return images


def expression_rows(model: smplx.BodyModel) -> list[np.ndarray]:
    colours, images = skin_colours(model), []
    for name, strengths in poses.EXPRESSIONS.items():
        posed = smplx.pose(model, poses.make(model, expression=strengths))
        middle = posed.joints[0, names.JOINTS.index("head")] + [0.0, 0.015, 0.08]
        view = looking_at(middle, 0.24, (300, 300), yaw=-12)
        images.append(titled(render(posed.vertices[0], model.faces, colours, view), name))
    return images


def label_row(model: smplx.BodyModel) -> list[np.ndarray]:
    colours = np.array(LABEL_COLOURS)[np.asarray(model.labels)]
    mouth = {"jawOpen": 0.8, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6}
    shots = (
        ("labels", {}, {}, "spine3", 1.85, 0),
        ("", {}, {}, "head", 0.34, 0),
        ("", {}, {}, "head", 0.34, 75),
        ("", {}, {}, "left_eye", 0.07, 0),
        ("", {}, mouth, "jaw", 0.13, 0),
    )
    images = []
    for title, joints, expression, centre, width, yaw in shots:
        posed = smplx.pose(model, poses.make(model, joints, expression))
        lift = {"head": [0, 0.03, 0.03], "jaw": [0, -0.05, 0.1], "spine3": [0, 0.1, 0]}.get(centre, [0, 0, 0])
        view = looking_at(posed.joints[0, names.JOINTS.index(centre)] + lift, width, (300, 300), yaw)
        images.append(titled(render(posed.vertices[0], model.faces, colours, view), title))
    return [*images, legend()]


def legend() -> np.ndarray:
    picture = Image.new("RGB", (300, 300), (244, 244, 246))
    draw = ImageDraw.Draw(picture)
    for index, name in enumerate(names.LABELS[1:], start=1):
        top = 8 + 17 * (index - 1)
        fill = tuple(int(255 * channel) for channel in LABEL_COLOURS[index])
        draw.rectangle([40, top, 62, top + 13], fill=fill, outline=(120, 120, 125))
        draw.text((72, top - 2), f"{index} {name}", fill=(60, 60, 70), font=ImageFont.load_default(14))
    return np.asarray(picture)


def main() -> None:
    model = model_file.default()
    images = pose_row(model) + hand_row(model) + expression_rows(model) + label_row(model)
    Image.fromarray(grid(images, columns=6)).save(OUT, optimize=True)
    print(OUT)


if __name__ == "__main__":
    main()
