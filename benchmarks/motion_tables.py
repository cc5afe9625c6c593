"""The tables of docs/motion.md, from the numbers of their benchmarks."""

from benchmarks import motion_ablation, motion_speech
from benchmarks.markdown import bold, digits, read, said, table
from benchmarks.motion_metrics import METRICS


def people() -> str:
    """Held-out people: all rows, all metrics."""
    found = read("docs/results/motion.json")
    names = {**METRICS, "fgd_raw": "FGD raw", "fgd": "FGD"}
    rows = ([bold(name), *(bold(_value(row[key]), name) for key in names)] for name, row in found["rows"].items())
    return table(["", *names.values()], rows)


def asked() -> str:
    """What is asked of M on held-out people."""
    found = read("docs/results/motion.json")
    return table(["asked", "", "found", ""], ([_what(each), *_limit(each)] for each in found["limits"]))


def raised() -> str:
    """Two raised hands in the reference."""
    shares = read("docs/results/motion.json")["raised_hands"]["shares"]
    rows = ([name, *(f"{100 * each['value']:.1f} %" for each in row.values())] for name, row in shares.items())
    return table(["", "beyond the limits of joints", "too far"], rows)


def ablation() -> str:
    """The paper's Table 2, small; nothing before all of it was trained."""
    found = read("docs/results/motion_ablation.json") if motion_ablation.RESULTS.exists() else {}
    if not found.get("verdicts"):
        return ""
    rows, measured = [], motion_ablation.compared(found["rows"])
    for arm in motion_ablation.ARMS:
        cells = [arm]
        for name in motion_ablation.METRICS:
            low, high = motion_ablation.interval(measured, arm, name)
            verdict = found["verdicts"].get(arm, {}).get(name)
            cells.append(f"{(low + high) / 2:.2f} ± {(high - low) / 2:.2f}" + (f", {verdict}" if verdict else ""))
        rows.append(cells)
    return table(["", "lip error mm", "jerk mm/frame³", "whole mesh mm"], rows)


def real() -> str:
    """Real recordings, changed."""
    found, rows = read("docs/results/motion_speech.json"), []
    sounds, everywhere = found["sounds"], found["summary"]
    for what, numbers in everywhere["changed"].items():
        each = {name: row["changed"][what] for name, row in sounds.items()}
        worst = min(each, key=lambda name: each[name]["correlation"]["mean"])
        farthest = max(each, key=lambda name: abs(each[name]["mean_ratio"]["mean"] - 1))
        limit, within = motion_speech.least(what), motion_speech.MEAN_WITHIN
        asked = "–" if limit is None else f"at least {limit:.2f}"
        asked += f"; opening within {100 * within:.0f} %" if what.startswith(motion_speech.LEVEL) else ""
        rows.append(
            [
                what,
                _mean(numbers["correlation"]),
                f"{each[worst]['correlation']['mean']:.3f} ({worst})",
                _mean(numbers["mean_ratio"]),
                f"{each[farthest]['mean_ratio']['mean']:.3f} ({farthest})",
                asked,
                *(
                    ["–"] * 2
                    if limit is None
                    else _verdicts(_kept(what, numbers), [_kept(what, n) for n in each.values()])
                ),
            ]
        )
    another = {name: row["another"]["mean"] for name, row in sounds.items() if row.get("another")}
    if another:
        worst, most = max(another, key=another.__getitem__), motion_speech.MOST_ANOTHER
        verdicts = _verdicts(everywhere["another"]["mean"] <= most, [value <= most for value in another.values()])
        cells = [_mean(everywhere["another"]), f"{another[worst]:.3f} ({worst})", "", "", f"at most {most:.2f}"]
        rows.append(["another sound", *cells, *verdicts])
    heads = ["correlation with the clean run", "worst", "mean opening over the clean run's", "farthest off"]
    return table(["", *heads, "asked", "pooled", "each recording"], rows)


def pauses() -> str:
    """The mouth while real recordings pause."""
    found = read("docs/results/motion_speech.json")
    rows = [_pauses(name, row) for name, row in found["sounds"].items()]
    heads = ["recording", "frames in pauses", "at rest, alone", "over music", "asked, either", ""]
    return table(heads, [*rows, _pauses("pooled", found["summary"])])


def filmed() -> str:
    """Real people's lips."""
    found = read("docs/results/motion_speech.json")["people"]
    rows = [_ranked(name, row, row["shifts"]) for name, row in found["clips"].items()]
    pooled, least = found["pooled"], motion_speech.LEAST_RANK
    more = max(pooled["excess_of_shifted_sound"], 0.0)
    better = pooled | {
        "shifted_95": pooled["shifted_95"] + more,
        "percentile": pooled["percentile_with_excess"],
    }
    names = ("pooled", f"pooled, all shifts {more:.3f} better")
    for name, row in zip(names, (pooled, better), strict=True):
        cells = _ranked(name, row, f"{row['pairings']} drawn")
        rows.append([*cells[:-2], f"above {least:g}", said(row["percentile"] > least)])
    heads = ["", "correlation", "shifts", "95 % of shifts are below", "percentile", "asked", ""]
    return table(heads, rows)


def speed() -> str:
    """Seconds of ten of sound."""
    found = read("benchmarks/results/motion_speed.cpu2.json")
    rows = ([row["case"], f"{row['ours']:.2f} s", f"{row['theirs']:.2f} s"] for row in found["rows"])
    return table(["", "M", "a call a step from Python"], rows)


TABLES = {each.__name__: each for each in (people, asked, raised, ablation, real, pauses, filmed, speed)}


def _value(value: dict[str, float] | None) -> str:
    if value is None:
        return "–"
    half = f" ± {digits((value['high'] - value['low']) / 2, 2)}" if "low" in value else ""
    return f"{digits(value['value'], 3)}{half}"


def _mean(found: dict) -> str:
    low, high = found["interval"]
    return f"{found['mean']:.3f} ({low:.3f} to {high:.3f})"


def _kept(what: str, numbers: dict) -> bool:
    """Whether a change of the sound leaves as much as is asked."""
    hears = motion_speech.hears(what, numbers["correlation"]["mean"])
    return hears and motion_speech.opens(what, numbers["mean_ratio"]["mean"])


def _verdicts(pooled: bool, each: list[bool]) -> list[str]:
    misses = each.count(False)
    return [said(pooled), f"**missed** by {misses} of {len(each)}" if misses else f"met by all {len(each)}"]


def _pauses(name: str, row: dict) -> list[str]:
    shares = {"alone": row["at_rest"], "over music": row["at_rest_over_music"]}
    cells = ["–" if share is None else f"{100 * share:.1f} %" for share in shares.values()]
    least = motion_speech.LEAST_AT_REST
    bad = [where for where, share in shares.items() if share is not None and share < least]
    verdict = "–" if not row["pause_frames"] else f"**missed** {' and '.join(bad)}" if bad else "met"
    return [name, str(row["pause_frames"]), *cells, f"at least {100 * least:g} %", verdict]


def _ranked(name: str, row: dict, shifts: object) -> list[str]:
    numbers = f"{row['correlation']:.2f}", str(shifts), f"{row['shifted_95']:.2f}", f"{row['percentile']:.1f}"
    return [name, *numbers, "", ""]


def _what(each: dict) -> str:
    return each["what"].replace("_", " ")


def _limit(each: dict) -> list[str]:
    low, high = each["low"], each["high"]
    if low is None:
        asked = f"at most {high:g}"
    else:
        asked = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
    return [asked, "–" if each["value"] is None else f"{each['value']:.3g}", said(each["met"])]
