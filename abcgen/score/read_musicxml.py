"""Read MusicXML: every part and voice at sounding pitch, with what is written for the player.

``musicxml_measures`` reads a part's measures, ``musicxml_voices`` makes voices of them, and this
module unpacks the file and joins them to a tune.
Source: MusicXML 4.0 (https://www.w3.org/2021/06/musicxml40/).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

from abcgen.config import LIMITS
from abcgen.errors import NotationError
from abcgen.midi.key import MIN_NOTES, NAMED_MODE_ODDS, rank_keys
from abcgen.midi.quantize import QuantizedNote
from abcgen.notation.draft import DraftBar, Repair, open_repeats
from abcgen.notation.encoding import decode_text
from abcgen.notation.reader import LeftOut, Reading
from abcgen.notation.staves import Staff
from abcgen.notation.tune import Bar, BarLine, Key, Metre, Mode, Tune, Voice
from abcgen.notation.words import MAX_TEXTS, plain_text, words_of
from abcgen.notation.writer import of_readable_length
from abcgen.score.clefs import clef_named, clef_of
from abcgen.score.musicxml_measures import AS_WRITTEN, BarSign, Measure, PartReader, WrittenKey
from abcgen.score.musicxml_voices import closing_marks, divided, items_of, staff_voices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

    from abcgen.notation.words import Tempo
    from abcgen.score.musicxml_measures import Event
    from abcgen.score.musicxml_voices import StaffVoice

MUSICXML_SUFFIXES = (".musicxml", ".mxl", ".xml")
MAX_BYTES = 4_000_000  # of XML, unpacked
LONGEST_NAME = 40
# What the zip module raises where an archive is not what it should be.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, LookupError)
# Others may ask for gigabytes of memory in their headers.
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ROOT_FILE = re.compile(rb'full-path\s*=\s*["\']([^"\']+)["\']')
# The encodings that programs write; Python has others, which are no encodings of text.
_ENCODING = re.compile(
    rb'<\?xml[^>]{0,200}?encoding\s*=\s*["\']((?:us-?)?ascii|iso-8859-\d+|latin-?1|windows-\d+'
    rb'|cp\d+|koi8-[ru]|macintosh|shift_jis|euc-jp|euc-kr|big5|gb2312|gbk|gb18030)["\']',
    re.IGNORECASE,
)
# What programs call a part that has no name.
_DEFAULT_NAME = re.compile(r"(MusicXML )?Part( ?\d+)?", re.IGNORECASE)
_DECLARATION = re.compile(r"\A<\?xml.*?\?>", re.DOTALL)


def read_musicxml_file(data: bytes, name: str) -> Iterator[Reading | LeftOut]:
    """Read the tune of a MusicXML file, packed (``.mxl``) or not.

    Args:
        data: The file's content.
        name: Its name, the tune's title if it has no other.
    """
    try:
        yield read_musicxml(data, title=name.rsplit(".", 1)[0])
    except NotationError as error:
        reason = f"{error.reason}: {error.text!r}" if error.text else error.reason
        yield LeftOut(0, "", "", reason)


def read_musicxml(data: bytes, *, title: str = "") -> Reading:
    """Read a MusicXML file as a tune with all its voices.

    Args:
        data: The file's content.
        title: The title of the tune if the file names none.

    Raises:
        NotationError: if it is not MusicXML, too large, has no notes, or cannot be written as ABC.
    """
    # 1) The parts that have pitches.
    root = _root_of(data)
    passed_over: Counter[str] = Counter()
    all_parts = [_read_part(each, passed_over) for each in _parts_in(root)]
    parts = [part for part in all_parts if part.reader.pitched]
    if not parts:
        unpitched = any(part.reader.unpitched for part in all_parts)
        raise NotationError("only percussion without pitches" if unpitched else "no notes")
    remarks, inferences = _remarks(all_parts), list[str]()

    # 2) The bars that all parts share, and the voices of each part.
    shared = _shared_measures(parts)
    by_part = _voices_of(parts, [measure.length for measure in shared])

    # 3) The keys, whose modes the file may leave open.
    modes = _modes(parts[0], [voice for voices in by_part for voice in voices])
    opening = _opening_key(parts[0], 1, modes)
    if not _names_mode(parts[0]) and opening.mode is not Mode.MAJOR:
        inferences.append(f"key {opening}: the file names no mode")
    if passed_over:
        counts = (f"{what} ({number})" for what, number in sorted(passed_over.items()))
        remarks.append(f"ignored: {', '.join(counts)}")

    # 4) The tune, with the tempo and the names of the first part's sections.
    tempo = _pop_tempi(by_part)
    titles = _titles_in(root)
    metre = next((measure.metre for measure in shared[:1] if measure.metre), Metre(4, 4))
    names = _voice_names(parts, by_part)
    voices = [
        _voice(names.pop(0), _bars_of(voice, part, shared, (opening, metre), modes), voice.clef)
        for part, part_voices in zip(parts, by_part, strict=True)
        for voice in part_voices
    ]
    first, *others = voices
    tune = Tune(
        bars=first.bars,
        key=opening,
        metre=metre,
        title=titles[0] if titles else title,
        source=_line(root.findtext("identification/source", "")),
        voice=first.name if others else "",
        others=tuple(others),
        clef=first.clef,
        staves=_staves(parts, by_part),
        words=words_of([*(("T", text) for text in titles[1:]), *_people_in(root)], tempo),
    )
    repairs = tuple(Repair(0, remark) for remark in remarks)
    return Reading(of_readable_length(tune), 0, repairs, tuple(inferences))


# The file.


def _root_of(data: bytes) -> Element:
    """Return the root of a file's XML."""
    text = _decoded(_unpacked(data))
    # Entities could expand without bound, or name files of this machine.
    if re.search(r"<!(?:ENTITY|ELEMENT|ATTLIST)", text):
        raise NotationError("XML that defines entities of its own")
    if not re.search(r"<score-(?:partwise|timewise)", text):
        raise NotationError("not MusicXML")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - of bounded size, without entities
    except ElementTree.ParseError as error:
        line, _ = error.position
        raise NotationError(f"damaged XML: line {line}") from error
    if root.tag not in {"score-partwise", "score-timewise"}:
        raise NotationError("not MusicXML")
    return root


def _unpacked(data: bytes) -> bytes:
    """Return the XML of a file, which may be packed."""
    if not data.startswith(b"PK"):
        if len(data) > MAX_BYTES:
            raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return data
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if any(entry.compress_type not in _PACKINGS for entry in archive.infolist()):
                raise NotationError("packed in a way that MusicXML does not allow")
            # The container names the score; there may be pictures and other files.
            names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
            container = b""
            if "META-INF/container.xml" in names:
                with archive.open("META-INF/container.xml") as file:
                    container = file.read(10_000)
            root_file = _ROOT_FILE.search(container)
            scores = [
                name
                for name in names
                if name.lower().endswith((".xml", ".musicxml")) and not name.startswith("META-INF")
            ]
            named = root_file[1].decode("utf-8", "replace") if root_file else ""
            xml = b""
            for name in ([named] if named in scores else scores)[:1]:
                # One byte more than allowed shows that it is too large.
                with archive.open(name) as file:
                    xml = file.read(MAX_BYTES + 1)
    except _DAMAGE as error:
        raise NotationError("a damaged packed file") from error
    if not scores:
        raise NotationError("a packed file without a score in it")
    if len(xml) > MAX_BYTES:
        raise NotationError(f"larger than {MAX_BYTES // 1_000_000} MB when unpacked")
    return xml


def _decoded(xml: bytes) -> str:
    """Return the text of XML in UTF-8, UTF-16 or the encoding that it names."""
    if xml.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = xml.decode("utf-16", "replace")
    elif xml.startswith((b"<\0", b"\0<")):
        text = xml.decode("utf-16-le" if xml.startswith(b"<") else "utf-16-be", "replace")
    elif named := _ENCODING.match(xml.lstrip()):
        try:
            text = xml.decode(named[1].decode(), "replace")
        except LookupError as error:
            raise NotationError("an unknown encoding", text=named[1].decode()) from error
    else:
        text = decode_text(xml)
    # The declaration is about bytes, and nothing may stand before it.
    return _DECLARATION.sub("", text.lstrip(), count=1).lstrip()


def _titles_in(root: Element) -> list[str]:
    """Return the titles of the work and the movement, or the one on the page."""
    on_page = {
        credit.findtext("credit-type", "").strip(): credit.findtext("credit-words", "")
        for credit in reversed(root.findall("credit"))
    }
    named = [root.findtext("work/work-title", ""), root.findtext("movement-title", "")]
    titles = [line for line in map(_line, named) if line] or [_line(on_page.get("title", ""))]
    titles.append(_line(on_page.get("subtitle", "")))
    return list(dict.fromkeys(filter(None, titles)))


def _people_in(root: Element) -> Iterator[tuple[str, str]]:
    """Yield who made the piece and whose it is, as fields of ABC."""
    for creator in root.findall("identification/creator")[:MAX_TEXTS]:
        name = _line(creator.text or "")
        kind = creator.get("type", "composer").lower()
        if not name:
            continue
        if kind in {"lyricist", "poet"}:
            yield "A", name
        else:
            yield "C", name if kind == "composer" else f"{name} ({_line(kind)})"
    for rights in root.findall("identification/rights")[:MAX_TEXTS]:
        if _line(rights.text or ""):
            yield "N", _line(rights.text or "")


def _line(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join(word for word in plain_text(text).split() if word.isprintable())


# Parts.


@dataclass(slots=True)
class _Part:
    name: str
    # The numbers of the brace and the bracket around it; 0 is none.
    brace: int
    bracket: int
    reader: PartReader
    measures: list[Measure]


class _PartElements(NamedTuple):
    name: str
    brace: int
    bracket: int
    # Whether it plays the channel of the drums.
    is_percussion: bool
    measures: list[Element]


def _parts_in(root: Element) -> Iterator[_PartElements]:
    """Yield each part's name, place and measures."""
    measures: dict[str, list[Element]] = {}
    if root.tag == "score-timewise":
        for measure in root.findall("measure"):
            for part in measure.findall("part"):
                measures.setdefault(part.get("id", ""), []).append(part)
    else:
        for part in root.findall("part"):
            measures.setdefault(part.get("id", ""), []).extend(part.findall("measure"))
    # The symbols of the part groups that are open, in the order of the list.
    opened: dict[str, tuple[str, int]] = {}
    listed: dict[str, _PartElements] = {}
    for number, element in enumerate(root.findall("part-list/*"), start=1):
        group = element.get("number", "1")
        if element.tag == "part-group" and element.get("type") == "start":
            opened[group] = element.findtext("group-symbol", "").strip(), number
        elif element.tag == "part-group":
            opened.pop(group, None)
        else:
            symbols = dict(opened.values())
            channels = element.findall("midi-instrument/midi-channel")
            drums = [(channel.text or "").strip() == "10" for channel in channels]
            name = _line(element.findtext("part-name", ""))
            listed[element.get("id", "")] = _PartElements(
                "" if _DEFAULT_NAME.fullmatch(name) else name,
                symbols.get("brace", 0),
                symbols.get("bracket", 0),
                bool(drums) and all(drums),
                [],
            )
    for name, elements in measures.items():
        if len(elements) > LIMITS.bars:
            raise NotationError(f"more than {LIMITS.bars} bars")
        unlisted = _PartElements("", 0, 0, False, [])
        yield listed.get(name, unlisted)._replace(measures=elements)


def _read_part(part: _PartElements, passed_over: Counter[str]) -> _Part:
    reader = PartReader(passed_over, is_percussion=part.is_percussion)
    measures: list[Measure] = []
    for number, element in enumerate(part.measures, start=1):
        try:
            measures.append(reader.measure(element))
        except NotationError as error:
            place = f"bar {number} of {part.name}" if part.name else f"bar {number}"
            raise NotationError(f"{error.reason} in {place}", text=error.text) from error
    return _Part(part.name, part.brace, part.bracket, reader, measures)


def _remarks(parts: Sequence[_Part]) -> list[str]:
    """Return remarks on the parts that are omitted and those that sound otherwise than written."""
    remarks = []
    for number, part in enumerate(parts, start=1):
        name = part.name or f"part {number}"
        reader = part.reader
        if not reader.pitched:
            why = "percussion without pitches" if reader.unpitched else "it has no notes"
            remarks.append(f"{name} left out: {why}")
        elif reader.unpitched:
            remarks.append(f"{reader.unpitched} notes of {name} without pitches read as rests")
        if reader.pitched and reader.transposition != AS_WRITTEN:
            semitones = reader.transposition.semitones
            way = "higher" if semitones > 0 else "lower"
            plural = "" if abs(semitones) == 1 else "s"
            remarks.append(
                f"{name} sounds {abs(semitones)} semitone{plural} {way} than written: "
                "read at sounding pitch"
            )
    return remarks


def _voices_of(parts: Sequence[_Part], lengths: Sequence[Fraction]) -> list[list[StaffVoice]]:
    """Return the voices of each part.

    Raises:
        NotationError: if there are none, because no note has a length, or too many.
    """
    by_part = [staff_voices(part.measures, lengths) for part in parts]
    if not any(by_part):
        raise NotationError("no notes")
    if sum(map(len, by_part)) > LIMITS.voices:
        raise NotationError(f"more than {LIMITS.voices} voices")
    return by_part


def _voice_names(parts: Sequence[_Part], by_part: Sequence[Sequence[StaffVoice]]) -> list[str]:
    """Return the name of every voice: the part's at its first, none at the others."""
    names: list[str] = []
    for part, voices in zip(parts, by_part, strict=True):
        names += [part.name[:LONGEST_NAME].strip(), *[""] * (len(voices) - 1)]
    return names


def _staves(parts: Sequence[_Part], by_part: Sequence[Sequence[StaffVoice]]) -> tuple[Staff, ...]:
    """Return the staves with their voices; those of one part are joined by a brace."""
    staves: list[Staff] = []
    index = 0
    for number, (part, voices) in enumerate(zip(parts, by_part, strict=True), start=1):
        by_staff: dict[int, list[int]] = {}
        for voice in voices:
            by_staff.setdefault(voice.staff, []).append(index)
            index += 1
        # Other numbers than those of groups of parts.
        brace = -number if len(by_staff) > 1 else part.brace
        staves += [Staff(tuple(numbers), brace, part.bracket) for numbers in by_staff.values()]
    if len({staff.bracket for staff in staves}) == 1:
        # A bracket around all staves is what there is anyway.
        staves = [staff._replace(bracket=0) for staff in staves]
    is_plain = all(
        len(staff.voices) == 1 and not (staff.brace or staff.bracket) for staff in staves
    )
    return () if is_plain else tuple(staves)


# Keys.


def _names_mode(part: _Part) -> bool:
    keys = part.measures[0].keys
    return any(key.mode for key in keys.values())


def _opening_key(part: _Part, staff: int, modes: Sequence[Mode]) -> Key:
    keys = part.measures[0].keys
    written = keys.get(staff) or keys.get(0) or next(iter(keys.values()), WrittenKey(0, None))
    return written.with_mode(modes[0])


def _modes(part: _Part, voices: Sequence[StaffVoice]) -> list[Mode]:
    """Return for each bar the mode of a signature that names none, judged by the notes.

    Many programs write only signatures. They are judged as those of MIDI files are: major, unless
    another mode with the signature is likelier by some odds.
    """
    starts = [0, *(index for index, measure in enumerate(part.measures) if index and measure.keys)]
    count = max(len(voice.measures) for voice in voices)
    modes: list[Mode] = []
    fifths = 0
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        keys = part.measures[start].keys
        fifths = next((key.fifths for key in keys.values()), fifths)
        notes = [_quantized(voice.measures[start:end]) for voice in voices]
        found = modes[-1] if modes else Mode.MAJOR
        if sum(map(len, notes)) >= MIN_NOTES:
            ranked = rank_keys([voice for voice in notes if voice])
            scores = {key.mode: score for key, score in ranked if (key.fifths - fifths) % 12 == 0}
            likeliest = max(scores, key=lambda mode: scores[mode])
            is_clear = scores[likeliest] >= scores[Mode.MAJOR] + NAMED_MODE_ODDS
            found = likeliest if is_clear else Mode.MAJOR
        modes += [found] * (end - start)
    return modes


def _quantized(measures: Sequence[Sequence[Event]]) -> list[QuantizedNote]:
    notes, now = [], Fraction(0)
    for events in measures:
        for event in events:
            if event.pitches:
                keys = tuple(sorted(pitch.midi for pitch in event.pitches))
                notes.append(QuantizedNote(now + event.onset, now + event.end, keys))
        now += events[-1].end if events else 0
    return notes


def _voice(name: str, bars: tuple[Bar, ...], clef: str) -> Voice:
    """Return a voice with its clef, unless its notes would have that anyway."""
    usual = clef_of(Tune(bars, Key(), Metre(4, 4)))
    return Voice(name, bars, "" if clef_named(clef) == usual else clef)


# Bars.


def _pop_tempi(by_part: Sequence[Sequence[StaffVoice]]) -> Tempo | None:
    """Return the tempo that the piece opens in; leave its changes in the first voice only."""
    opening = None
    for number, voice in enumerate(voice for voices in by_part for voice in voices):
        if number:
            voice.parts = {}
        for event in voice.events:
            is_first = number == 0 and event is voice.measures[0][0]
            opening = event.marks.tempo if is_first else opening
            if event.marks.tempo and (number or is_first):
                event.marks = replace(event.marks, tempo=None)
    return opening


def _shared_measures(parts: Sequence[_Part]) -> list[Measure]:
    """Return the length, metre and bar lines that all parts have in common.

    The part that reaches furthest decides how long a bar is; a bar without music is a full one.
    Bar lines are those of the first part that has some there.
    """
    shared: list[Measure] = []
    metre = Metre(4, 4)
    for index in range(max(len(part.measures) for part in parts)):
        present = [part.measures[index] for part in parts if index < len(part.measures)]
        new_metre = next((measure.metre for measure in present if measure.metre), None)
        metre = new_metre or metre
        length = max(measure.length for measure in present) or metre.bar_duration or Fraction(1)
        signs = next((measure.signs for measure in present if measure.signs), {})
        shared.append(Measure(length=length, metre=new_metre, signs=signs))
    for part in parts:
        part.measures += [Measure() for _ in shared[len(part.measures) :]]
    return shared


def _bars_of(
    voice: StaffVoice,
    part: _Part,
    shared: Sequence[Measure],
    opening: tuple[Key, Metre],
    modes: Sequence[Mode],
) -> tuple[Bar, ...]:
    """Return the bars of a voice; a repeat sign within a measure divides it."""
    bars: list[Bar] = []
    opens = False  # a repeat that the bar line before opened
    key, metre = opening
    for index, (events, measure) in enumerate(zip(voice.measures, shared, strict=True)):
        keys = part.measures[index].keys
        written = keys.get(voice.staff) or keys.get(0)
        new_key = written.with_mode(modes[index]) if written else None
        new_key = new_key if new_key != key else None
        new_metre = measure.metre if measure.metre != metre else None
        key, metre = new_key or key, new_metre or metre
        inner = sorted(time for time in measure.signs if time and time < measure.length)
        before = measure.signs.get(Fraction(0), BarSign())
        if before.line and bars and bars[-1].line is BarLine.SINGLE:
            bars[-1] = replace(bars[-1], line=before.line)
        pieces = _pieces(events, inner)
        for number, piece in enumerate(pieces):
            time = inner[number] if number < len(inner) else None
            sign = measure.signs.get(time, BarSign())
            bars.append(
                Bar(
                    tuple(items_of(piece)),
                    line=sign.line or BarLine.SINGLE,
                    repeat_start=before.repeat_start or opens,
                    ending=before.ending,
                    key=None if number else new_key,
                    metre=None if number else new_metre,
                    part="" if number else voice.parts.get(index, ""),
                    closing=closing_marks(voice, index) if time is None else None,
                )
            )
            before = sign if time is not None else BarSign()
            opens = sign.repeat_start and time is None
    if bars[-1].line is BarLine.SINGLE:
        bars[-1] = replace(bars[-1], line=BarLine.FINAL)
    drafts = [DraftBar([], bar.line, bar.repeat_start, bar.ending) for bar in bars]
    open_repeats(drafts)
    return tuple(
        replace(bar, repeat_start=draft.repeat_start)
        for bar, draft in zip(bars, drafts, strict=True)
    )


def _pieces(events: Sequence[Event], times: Sequence[Fraction]) -> list[list[Event]]:
    """Return the notes of a measure between bar lines within it."""
    pieces: list[list[Event]] = []
    rest = list(events)
    for time in times:
        piece: list[Event] = []
        while rest and rest[0].onset < time:
            event = rest.pop(0)
            if event.end > time:
                event, later = divided(event, time)
                rest.insert(0, later)
            piece.append(event)
        pieces.append(piece)
    return [*pieces, rest]
