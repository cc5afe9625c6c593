"""What somebody wears and what grows on them, as plain numbers; lengths in metres, `None` for nothing."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Neckline:
    """The hole for the neck, seen from in front: half an ellipse below the neck, and a notch below it.

    Attributes:
        width: half the hole's width.
        front, back: how far it reaches below the neck's base in front and behind.
        collar_height: how far up the neck a turtleneck reaches, over the neck's base; below 0 there is none.
        notch_bottom: height (y in the rest pose) of the notch's lower end.
        notch_slope: half its width a metre above that; 0 is no notch.
        notch_gap: half the width of the gap that goes on below it, to the hem; below 0 it is buttoned.
    """

    width: float
    front: float
    back: float
    collar_height: float = -1.0
    notch_bottom: float = 1.0
    notch_slope: float = 0.0
    notch_gap: float = -0.05


@dataclass(frozen=True)
class Garment:
    """A layer over torso and arms.

    Attributes:
        neckline: its hole for the neck.
        sleeve: x in the rest pose where sleeves end; about 0.17 is none, 0.64 the wrist.
        hem: y in the rest pose where it ends below.
        thickness: how far the cloth is off the body where it lies on it.
        loose: how much farther at waist and upper arms.
        folds: depth of its folds, as a part of the thickness.
        flare: how much farther it stands off at cuffs and hem.
        seed: of the folds.
    """

    neckline: Neckline
    sleeve: float
    hem: float
    thickness: float
    loose: float
    folds: float
    flare: float
    seed: int


@dataclass(frozen=True)
class Trousers:
    """A layer over hips and legs, from `waist` down to `leg` (y in the rest pose)."""

    waist: float
    leg: float
    thickness: float


@dataclass(frozen=True)
class ShirtCollar:
    """A folded collar: `stand` up the neck, `fall` down over the shirt, front points `spread` radians apart."""

    stand: float
    fall: float
    spread: float


@dataclass(frozen=True)
class Hood:
    """A hood lying on the back: `size` of its roll, `depth` down the back, `of` a `garment` or a `jacket`."""

    size: float
    depth: float
    of: str = "garment"


@dataclass(frozen=True)
class Lapel:
    """Lapels beside the opening of a jacket, at most `width` wide, and a collar `stand` high behind the neck."""

    width: float
    stand: float


@dataclass(frozen=True)
class Tie:
    """A tie `width` wide at its lower end, which hangs at y = `bottom` in the rest pose."""

    width: float
    bottom: float


@dataclass(frozen=True)
class Scarf:
    """A scarf around the neck: radius of its roll, and length of the two ends that hang (0: none)."""

    roll: float
    ends: float


@dataclass(frozen=True)
class Hair:
    """Hair of the head. Nothing but the skin where `top` and `side` are 0.

    Attributes:
        top, side: length on top and at sides and back; undercuts have short sides.
        fringe: length of what falls over the forehead; 0: none.
        parting: x of the parting in the template.
        sweep: -1 combed forward to 1 combed back.
        lift: 0 lying on the head to 1 standing off it.
        curl: radius of the curls; `wave`: their length along the strand.
        gather: how much of it is tied, 0 or 1; `knot` is the height (y in the template) of the knot, `bun` whether the
            tail is wound up.
        receding: how far the temples go back.
        hairline: how far the hairline lies behind its usual place.
        mess: how far strands stray, in radians.
        seed: of the strands.
    """

    top: float
    side: float
    fringe: float = 0.0
    parting: float = 0.0
    sweep: float = 0.0
    lift: float = 0.0
    curl: float = 0.0
    wave: float = 0.05
    gather: float = 0.0
    knot: float = 0.34
    bun: float = 0.0
    receding: float = 0.0
    hairline: float = 0.0
    mess: float = 0.15
    width: float = 0.007
    seed: int = 0


@dataclass(frozen=True)
class Beard:
    """Hair of the face: lengths on chin, cheeks and upper lip, and how far down the chin's strands hang."""

    chin: float
    cheeks: float
    moustache: float
    hanging: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Beanie:
    """A knitted hat down to `line` (y in the template), `thickness` off the head, with a `cuff` and `slack` behind."""

    line: float
    thickness: float
    cuff: float
    slack: float


@dataclass(frozen=True)
class Cap:
    """A cap with a visor of `visor` metres, turned by `turn` radians (pi: backwards)."""

    line: float
    thickness: float
    visor: float
    turn: float


@dataclass(frozen=True)
class Brimmed:
    """A hat with a brim `brim` wide that droops by `droop`, crown of `height` over the head, `dent` on top."""

    line: float
    brim: float
    droop: float
    height: float
    dent: float


@dataclass(frozen=True)
class Headscarf:
    """A cloth around head and neck that leaves the face, with more below the longer `hem` is; `tight` is 0 to 1."""

    thickness: float
    hem: float
    tight: float


@dataclass(frozen=True)
class Headband:
    """A band around the head at `line`, `width` wide."""

    line: float
    width: float


@dataclass(frozen=True)
class Headphones:
    """A bow over the head and cups of radius `cup` over the ears."""

    cup: float
    bow: float


Hat = Beanie | Cap | Brimmed | Headscarf | Headband | Headphones


@dataclass(frozen=True)
class Glasses:
    """A frame: half axes of the lenses, exponent of their superellipse (2 round, 5 square), slant, thickness."""

    width: float
    height: float
    square: float
    slant: float
    thickness: float
    drop: float


@dataclass(frozen=True)
class Earrings:
    """In each ear: a ring of radius `ring` (0: none) and a ball of radius `ball` that hangs `drop` below the lobe."""

    ring: float
    ball: float
    drop: float


@dataclass(frozen=True)
class Necklace:
    """A chain of radius `thickness` that hangs `depth` below the neck's base, with a pendant of radius `pendant`."""

    depth: float
    thickness: float
    pendant: float


@dataclass(frozen=True)
class Buttons:
    """`count` buttons of radius `radius` from the neckline down."""

    count: int
    radius: float


@dataclass(frozen=True)
class Held:
    """Something in a hand, a body of revolution or a box.

    Attributes:
        hand: `left` or `right`.
        profile: (radius, height) rings of the body of revolution, along its axis.
        box: half sides; all 0 where the profile counts.
        tilt: radians that it is turned about the palm's normal.
    """

    hand: str
    profile: tuple[tuple[float, float], ...] = ()
    box: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tilt: float = 0.0


@dataclass(frozen=True)
class Wear:
    """All of it."""

    shirt: Garment
    jacket: Garment | None
    trousers: Trousers
    hair: Hair
    beard: Beard | None
    hat: Hat | None
    glasses: Glasses | None
    earrings: Earrings | None
    necklace: Necklace | None
    buttons: Buttons | None
    held: Held | None
    lashes: float
    collars: tuple[ShirtCollar | Hood | Lapel | Tie | Scarf, ...] = field(default=())

    @property
    def held_hand(self) -> str | None:
        """The hand that holds something, `left` or `right`."""
        return None if self.held is None else self.held.hand
