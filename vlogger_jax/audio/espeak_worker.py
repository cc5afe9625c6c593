"""The far end of `audio.espeak_process`: a process that loads espeak-ng and says what it is told.

A script, run by an isolated Python with the library's path and that of its data. It reads requests from stdin and
answers on stdout, both in messages of `frame`, and ends when stdin does. espeak-ng is under the GPL; only here is it
loaded.

espeak-ng keeps state from one utterance to the next, random numbers included, so that the same words differ from time
to time. Every request is therefore met in a fork of the process as it began: the same words are the same bytes, and
what crashes espeak-ng ends one request.
"""

import ctypes
import json
import os
import struct
import sys
from typing import Any, BinaryIO

SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: no playing, `espeak_Synth` returns when all is said
PHONEME_EVENTS, IPA = 1, 2  # options of espeak_Initialize
PHONEME = 7  # espeak_EVENT_TYPE
POSITION_IN_CHARACTERS = 1
UTF8 = 1
PARAMETERS = {"rate": 1, "pitch": 3, "pitch_range": 4}  # espeak_PARAMETER
SEED = 1
BLOCK = 1 << 16
"""Bytes of sound in a message, at least, but for the last."""


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("pointer", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):  # espeak_EVENT
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # ms, truncated
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


class _Voice(ctypes.Structure):  # espeak_VOICE
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),  # a byte of priority, a language, NUL, and so on; a zero byte
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def frame(message: dict[str, Any], sound: bytes | bytearray = b"") -> bytes:
    """A message as bytes: the length of the JSON, 4 bytes, big-endian; the JSON; `sound`, whose length the JSON has."""
    text = json.dumps(message | {"bytes": len(sound)}).encode()
    return struct.pack(">I", len(text)) + text + sound


def _serve(library: str, data: str, requests: BinaryIO, answers: int) -> None:
    try:
        espeak, rate = _load(library, data)
    except (OSError, AttributeError) as error:
        _write(answers, frame({"error": str(error)}))
        return
    _write(answers, frame({"rate": rate, "version": espeak.espeak_Info(None).decode().split()[0]}))
    while len(head := requests.read(4)) == 4:
        request = json.loads(requests.read(struct.unpack(">I", head)[0]))
        child = os.fork()
        if not child:
            code = 1
            try:
                _meet(espeak, request, answers)
                code = 0
            finally:
                os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _write(answers, frame({"end": status}))


def _load(library: str, data: str) -> tuple[ctypes.CDLL, int]:
    """The library, started, and its samples/s."""
    espeak = ctypes.CDLL(library)
    espeak.espeak_Info.restype = ctypes.c_char_p
    espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    rate = espeak.espeak_Initialize(SYNCHRONOUS, 0, os.fsencode(data), PHONEME_EVENTS | IPA)
    if rate <= 0:
        raise OSError(f"espeak-ng finds no data in {data}")
    return espeak, rate


def _meet(espeak: ctypes.CDLL, request: dict[str, Any], answers: int) -> None:
    if "text" in request:
        _say(espeak, request, answers)
    else:
        _write(answers, frame({"voices": _voices(espeak, None), "variants": _voices(espeak, b"variant")}))


def _say(espeak: ctypes.CDLL, request: dict[str, Any], answers: int) -> None:
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(SEED))  # else it is the time
    ctypes.CDLL(None).srand(SEED)  # which some voices use
    if espeak.espeak_SetVoiceByName(request["voice"].encode()) != 0:
        _write(answers, frame({"unknown": request["voice"]}))
        return
    _write(answers, frame({"rate": espeak.espeak_ng_GetSampleRate()}))
    for name, parameter in PARAMETERS.items():
        espeak.espeak_SetParameter(parameter, request[name], 0)
    sound, events = bytearray(), []

    def send() -> None:
        _write(answers, frame({"events": events}, sound))
        sound.clear()
        events.clear()

    @_Callback
    def heard(samples: Any, count: int, event: Any) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        i = 0
        while event[i].type:
            if event[i].type == PHONEME:  # its name is cut at 8 bytes, which may be inside a character
                events.append((event[i].sample, event[i].id.string.decode(errors="ignore")))
            i += 1
        if len(sound) >= BLOCK:
            send()
        return 0

    espeak.espeak_SetSynthCallback(heard)
    text = request["text"].encode()
    espeak.espeak_Synth(text, len(text) + 1, 0, POSITION_IN_CHARACTERS, 0, UTF8, None, None)
    espeak.espeak_Synchronize()
    send()


def _voices(espeak: ctypes.CDLL, of_language: bytes | None) -> list[tuple[str, str, list[tuple[int, str]]]]:
    """(identifier, name, [(priority, language), ...]) of each voice; the lowest priority is the best."""
    wanted = _Voice(languages=ctypes.create_string_buffer(of_language)) if of_language else None
    found = espeak.espeak_ListVoices(ctypes.byref(wanted) if wanted else None)
    voices, i = [], 0
    while found[i]:
        voice, languages, at = found[i].contents, [], 0
        while priority := voice.languages[at][0]:
            language = ctypes.string_at(ctypes.addressof(voice.languages.contents) + at + 1)
            languages.append((priority, language.decode()))
            at += len(language) + 2
        voices.append((voice.identifier.decode(), voice.name.decode(), languages))
        i += 1
    return voices


def _write(to: int, message: bytes) -> None:
    while message:
        message = message[os.write(to, message) :]


if __name__ == "__main__":
    answers = os.dup(1)
    os.dup2(2, 1)  # what the library prints must not come between messages
    _serve(sys.argv[1], sys.argv[2], sys.stdin.buffer, answers)
