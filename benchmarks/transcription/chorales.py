"""Bach's chorales from music21's corpus: exported to MIDI, transcribed, read back by music21."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from abcgen.midi import read_midi
from abcgen.notation.writer import write_abc
from benchmarks.transcription.measures import f1, sounding


def chorale_report(count: int) -> list[str]:
    """Return the lines of a report on chorales, spread over the whole corpus."""
    from music21 import corpus  # noqa: PLC0415 - slow to load

    paths = sorted(map(str, corpus.getComposer("bach")))
    paths = [path for path in paths if path.endswith(".mxl")]
    chosen = paths[:: max(1, len(paths) // count)][:count]
    rows = [_compare(path) for path in chosen]
    perfect = sum(ours == theirs == 1 for ours, theirs, _ in rows)
    low = [
        f"- {Path(p).stem}: {o:.4f}, {t:.4f}"
        for p, (o, t, _) in zip(chosen, rows, strict=True)
        if min(o, t) < 1
    ]
    return [
        f"## {len(rows)} pieces by Bach in music21's corpus, exported to MIDI",
        "",
        f"- F1 of all voices' notes: {fmean(row[0] for row in rows):.5f}",
        f"- as music21 reads abcgen's ABC: {fmean(row[1] for row in rows):.5f}",
        f"- pieces with every note right in both: {perfect}",
        f"- key signature that of the score: {fmean(row[2] for row in rows):.3f}",
        *low,
    ]


def _compare(path: str) -> tuple[float, float, float]:
    """Return F1 of our notes and of those that music21 finds in our ABC; 1 if the key is right."""
    from music21 import converter  # noqa: PLC0415 - slow to load

    score = converter.parse(path)
    if score.metadata:
        score.metadata.title = "Chorale"
    with TemporaryDirectory() as folder:
        target = str(Path(folder) / "chorale.mid")
        score.write("midi", fp=target)
        data = Path(target).read_bytes()
    true = _from_first(_notes(_expanded(score)))
    tune = read_midi(data).tune
    ours = _from_first(Counter(sounding(tune)))
    text = "%abc-2.1\n" + write_abc(tune)
    theirs = _from_first(_notes(_expanded(converter.parseData(text, format="abc"))))
    signature = next(iter(score.recurse().getElementsByClass("KeySignature")), None)
    key = signature is not None and signature.sharps == tune.key.fifths
    return f1(true, ours), f1(true, theirs), float(key)


def _expanded(score: Any) -> Any:
    try:
        return score.expandRepeats()
    except Exception:  # noqa: BLE001 - music21 raises its own where repeats do not add up
        return score


def _notes(score: Any) -> Counter[Any]:
    """Count every note, ties joined: onset and duration in whole notes, and key number."""
    notes: Counter[Any] = Counter()
    for part in score.parts:
        flat = part.stripTies().flatten()
        for element in flat.notes:
            start = Fraction(element.offset).limit_denominator(96) / 4
            length = Fraction(element.duration.quarterLength).limit_denominator(96) / 4
            if length:
                notes.update((start, length, pitch.midi) for pitch in element.pitches)
    return notes


def _from_first(notes: Counter[Any]) -> Counter[Any]:
    first = min((start for start, *_ in notes), default=Fraction(0))
    return Counter({(start - first, length, key): n for (start, length, key), n in notes.items()})
