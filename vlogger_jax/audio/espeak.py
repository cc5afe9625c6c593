"""espeak-ng as an engine: formant voices in over 100 languages, and exactly when each phoneme is heard.

The extra `speech` brings it. It runs in a process of its own (`audio.espeak_process`), started at the first word and
kept, and is never loaded into ours: it is under the GPL, and one of its kind is all that a process can have.
"""

import functools
import threading
import unicodedata
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from vlogger_jax.audio.espeak_process import Process
from vlogger_jax.audio.speech import Phoneme, Speech, Voice
from vlogger_jax.core.errors import UserError
from vlogger_jax.core.typing import Int

RANGES = {"rate": (80, 450), "pitch": (0, 99), "pitch_range": (0, 99)}
"""Of a Voice; espeak-ng takes what is beyond for the limit, and says nothing."""

LONGEST = 100_000
"""Characters of a text: about two hours of speech, all of which is held in memory."""

_STRESS = {"ˈ": 2, "ˌ": 1}
# Control characters are commands to espeak-ng, NUL ends the text, and it uses private characters itself.
_UNSPEAKABLE = ("Cc", "Cs", "Co", "Cn")
_MODIFIERS = ("Mn", "Lm")
_SHOWN = 30  # characters of a text in an error


class Voices(NamedTuple):
    """What `Voice.name` can be: a language, or a language, "+" and a variant.

    Attributes:
        languages: code -> name, as in "en-us" -> "English (America)".
        variants: names of voices that any language can be spoken with.
    """

    languages: dict[str, str]
    variants: tuple[str, ...]


class Espeak:
    """espeak-ng. The same words and voice give the same bytes, whatever was said before.

    Any number of threads may share one; they take turns. `close`, or leaving its `with` block, ends the process, as
    does the end of ours; the next word starts another.
    """

    def __init__(self, timeout: float | int = 30):
        """Start nothing yet; espeak-ng counts as stuck when it does not answer for `timeout` seconds."""
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: Process | None = None

    def __enter__(self) -> "Espeak":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._drop()

    @property
    def version(self) -> str:
        """Of espeak-ng, as in "1.52.0"."""
        with self._lock:
            return self._running().version

    def voices(self) -> Voices:
        """What can be spoken, and by whom.

        Raises:
            UserError: if espeak-ng is not there or does not answer.
        """
        languages = {code: name for code, (_, name) in sorted(self._languages.items())}
        return Voices(languages, tuple(sorted(self._variants.values())))

    def speak(self, text: str, voice: Voice) -> Speech:
        """Say `text` at 22,050 samples/s; 10 s of speech take about 10 ms.

        Characters that cannot be said (control characters, unassigned ones) count as spaces. Phonemes are espeak-ng's,
        affricates and diphthongs one each, their times exact to the sample. A stop begins with its closure, but
        after a pause, and in voices with an echo (f2 to f5, m2 and some that have names), with its release.

        Raises:
            UserError: if espeak-ng is not there, does not know the voice, crashes or is stuck, or if `text` is longer
                than `LONGEST` or nothing in it can be said.
        """
        if len(text) > LONGEST:
            raise UserError(
                f"the text has {len(text):,} characters; {LONGEST:,} can be spoken at once", "Speak it in parts"
            )
        name = self._identifier(voice)
        shown = _shown(text)
        request = {"text": _speakable(text), "voice": name}
        request |= {parameter: int(getattr(voice, parameter)) for parameter in RANGES}
        answers, sound = self._ask(request, f"it says {shown}")
        if "unknown" in answers[0]:
            raise _unknown(voice.name)
        samples = np.frombuffer(sound, "=i2")
        events = [event for answer in answers[1:] for event in answer["events"]]
        rate = answers[0]["rate"]
        phonemes = _phonemes(events, samples, rate)
        if not any(phoneme.ipa for phoneme in phonemes):
            raise UserError(f"there is nothing in {shown} that {voice.name} can say", "Give words of its language")
        return Speech(samples.astype(np.float32) / np.float32(32768), rate, phonemes)

    def _identifier(self, voice: Voice) -> str:
        """What espeak-ng calls `voice`, the path of a file; by other names it does not know each voice that it has."""
        for name, (low, high) in RANGES.items():
            if not low <= getattr(voice, name) <= high:
                raise UserError(
                    f"the {name.replace('_', ' ')} of the voice is {getattr(voice, name)}", f"Give {low} to {high}"
                )
        language, plus, variant = voice.name.partition("+")
        found = [file for code, (file, _) in self._languages.items() if code.lower() == language.lower()]
        if not found or (plus and variant.lower() not in self._variants):
            raise _unknown(voice.name)
        return found[0] + (plus and f"+{self._variants[variant.lower()]}")

    @functools.cached_property
    def _languages(self) -> dict[str, tuple[str, str]]:
        """Code of a language -> the best voice's identifier and name."""
        ranked = sorted(
            (priority, file, code, name) for file, name, spoken in self._listed["voices"] for priority, code in spoken
        )
        return {code: (file, name) for _, file, code, name in reversed(ranked)}

    @functools.cached_property
    def _variants(self) -> dict[str, str]:
        """Names of variants in small letters -> as espeak-ng writes them."""
        names = [file.removeprefix("!v/") for file, _, _ in self._listed["variants"]]
        return {name.lower(): name for name in names}

    @functools.cached_property
    def _listed(self) -> dict[str, Any]:
        (listed,), _ = self._ask({}, "it lists its voices")
        return listed

    def _ask(self, request: dict[str, Any], doing: str) -> tuple[list[dict[str, Any]], bytes]:
        """What the process answers to a request."""
        with self._lock:
            try:
                answers, sound = self._running().ask(request)
            except TimeoutError as error:
                self._drop()
                raise UserError(
                    f"espeak-ng has been stuck for {self._timeout:g} s while {doing}", "Change the text or the voice"
                ) from error
            except (OSError, EOFError) as error:
                self._drop()
                raise _crashed(doing) from error
            except BaseException:  # Ctrl-C: the rest of the answer must not become the next one's
                self._drop()
                raise
        if answers[-1]["end"] != 0:
            raise _crashed(doing)
        return answers[:-1], sound

    def _running(self) -> Process:
        if self._process is None or not self._process.is_ours():
            self._process = Process(self._timeout)
        return self._process

    def _drop(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = None


def _speakable(text: str) -> str:
    """`text` without what espeak-ng would take for commands; line ends stay, as they part paragraphs."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n"))
    return "".join(
        " " if unicodedata.category(letter) in _UNSPEAKABLE and letter != "\n" else letter for letter in text
    )


def _phonemes(events: list[list[Any]], sound: Int[np.ndarray, "s"], rate: int) -> tuple[Phoneme, ...]:
    """Phonemes without gaps from (first sample, name).

    Those that last no time are left out, silences are joined, and what only modifies a phoneme joins the one before.
    espeak-ng times a stop from its release; the zeros before it are the closure, and are taken from the phoneme before.
    """
    starts = np.maximum.accumulate([0, *(min(start, len(sound)) for start, _ in events)]).tolist()
    names = ["", *(name for _, name in events)]
    found: list[Phoneme] = []
    for name, start, end in zip(names, starts, [*starts[1:], len(sound)], strict=True):
        ipa = name.lstrip("".join(_STRESS))
        stress = max((_STRESS[mark] for mark in name[: len(name) - len(ipa)]), default=0)
        if ipa.startswith("("):  # "(fr)": another language begins
            ipa = ""
        if end <= start:
            continue
        before = found[-1] if found else None
        if before and before.ipa and ipa:
            begin = round(before.start * rate)
            heard = np.flatnonzero(sound[begin:start])
            start = begin + int(heard[-1]) + 1 if len(heard) else start
            found[-1] = before = before._replace(end=start / rate)
        if before and before.ipa and ipa and all(unicodedata.category(letter) in _MODIFIERS for letter in ipa):
            found[-1] = before._replace(ipa=before.ipa + ipa, end=end / rate)
        elif before and not before.ipa and not ipa:
            found[-1] = before._replace(end=end / rate)
        else:
            found.append(Phoneme(ipa, start / rate, end / rate, stress))
    return tuple(found)


def _shown(text: str) -> str:
    short = f"{text[:_SHOWN]}..." if len(text) > _SHOWN else text
    return f'"{"".join(letter if letter.isprintable() else " " for letter in short)}"'


def _unknown(name: str) -> UserError:
    return UserError(f"espeak-ng knows no voice {_shown(name)}", "See `vlogger speak --list-voices`")


def _crashed(doing: str) -> UserError:
    return UserError(f"espeak-ng crashed while {doing}", "Change the text or the voice")
