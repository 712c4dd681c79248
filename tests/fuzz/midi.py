"""Fuzz transcription with files that no program would write, guided by the code each reaches.

Starts from MIDI files of real tunes and from damaged ones. Whatever a file is, it must give a tune
or a reason, soon, and the tune must come back the same from its canonical ABC and from its model
text. Needs atheris (``pip install atheris``). Run from the project's root:

    python -m tests.fuzz.midi --seconds 3600 --findings findings/
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.findings import Findings
from tests.midi_files import line, meta, metre, note, written

with atheris.instrument_imports(include=["abcgen"]):
    from abcgen.config import MidiConfig
    from abcgen.corpus.collections import collection_blocks
    from abcgen.errors import NotationError
    from abcgen.midi import read_midi
    from abcgen.midi.texture import TEXTURES
    from abcgen.notation.model_text import encode_tune
    from abcgen.notation.reader import Reading, read_abc, read_block
    from abcgen.notation.transpose import INSTRUMENTS
    from abcgen.notation.writer import write_abc
    from abcgen.score.midi import midi_of
    from abcgen.score.performance import PlaybackOptions

EVERY = 400  # of the real tunes, to start from
LONGEST = 600  # bytes of a file: a few dozen notes
# As the fuzzer's dictionary has them: the head of a track, messages of metre, key, tempo and end,
# a stroke and its release by running status, long times, drums, a bend.
WORDS = (
    r"MTrk \xff\x58\x04\x03\x02\x18\x08 \xff\x59\x02\xfd\x01 \xff\x51\x03\x07\xa1\x20 \xff\x2f\x00 "
    r"\x90\x40\x50 \x90\x40\x00 \x83\x60 \x81\x20 \xff\xff\xff\x7f \x99\x40\x40 \xe0\x00\x50"
)


def main() -> None:
    """Fuzz for some seconds and report findings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    options = parser.parse_args()
    findings = Findings(options.findings, ".mid", check)
    with tempfile.TemporaryDirectory() as name:
        seeds, words = Path(name, "seeds"), Path(name, "words")
        _write_seeds(seeds)
        words.write_text("".join(f'"{word}"\n' for word in WORDS.split()), encoding="ascii")
        limits = [f"-max_total_time={options.seconds}", f"-max_len={LONGEST}", "-timeout=300"]
        quiet = ["-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={options.findings}/"]
        arguments = [sys.argv[0], str(seeds), f"-dict={words}", *limits, *quiet]
        atheris.Setup(arguments, findings.try_input)
        atheris.Fuzz()


def check(data: bytes) -> None:
    """Check that a file gives a tune or a reason; its length chooses the texture.

    Raises:
        AssertionError: if a tune does not come back as it was written.
    """
    texture = TEXTURES[len(data) % len(TEXTURES)]
    try:
        tune = read_midi(data, config=MidiConfig(texture=texture)).tune
    except NotationError as error:
        assert str(error)
        return
    canonical = write_abc(tune)
    assert write_abc(read_abc(canonical)) == canonical, "its ABC is read otherwise"
    if not tune.others:
        encode_tune(tune)


def _write_seeds(folder: Path) -> None:
    folder.mkdir()
    readings = (read_block(found.block) for found in list(collection_blocks())[::EVERY])
    fiddle = PlaybackOptions(INSTRUMENTS["fiddle"])
    real = [midi_of(one.tune, fiddle) for one in readings if isinstance(one, Reading)]
    for number, data in enumerate([*(file for file in real if len(file) <= LONGEST), *_odd()]):
        (folder / str(number)).write_bytes(data)


def _odd() -> list[bytes]:
    """Return files that reach code that real tunes do not."""
    playing = [line(1, 1, 1, 1), line(1 / 3, 1 / 3, 1 / 3, 1), line(0.2, 0.2, 0.2, 0.2, 0.2)]
    wavering = [message for n in range(24) for message in note(n / 2 + n % 3 / 40, 0.4, 60 + n % 5)]
    free = [message for n in range(24) for message in note(n * 0.61 + n % 4 / 9, 0.4, 60 + n % 5)]
    swung = [message for n in range(16) for message in note(n + n % 2 * 0.6, 0.4, 60 + n % 5)]
    changes = metre(0, 3, 4) + metre(1440, 6, 8) + meta(2880, "key_signature", key="Ebm")
    return [
        written(*playing),
        written(wavering),
        written(free),
        written(swung),
        written(changes, line(*(1,) * 12)),
        written(line(1, 1), line(2, 1), kind=2),
        written(meta(0, "set_tempo", tempo=1), line(*(0.5,) * 20), ticks_per_beat=96),
    ]


if __name__ == "__main__":
    main()
