"""Names in MIDI files: which are titles, and which name an instrument, drums or a tune.

Source: General MIDI 1, "Sound Set" (https://midi.org/general-midi).
"""

from __future__ import annotations

import re

from abcgen.notation.melody import ACCOMPANIMENT_WORDS, words_in, words_of

# By program, counted from 0.
INSTRUMENTS = (
    *("grand piano", "bright piano", "electric grand", "honky-tonk piano"),
    *("electric piano", "electric piano 2", "harpsichord", "clavinet"),
    *("celesta", "glockenspiel", "music box", "vibraphone"),
    *("marimba", "xylophone", "tubular bells", "dulcimer"),
    *("drawbar organ", "percussive organ", "rock organ", "church organ"),
    *("reed organ", "accordion", "harmonica", "bandoneon"),
    *("nylon guitar", "steel guitar", "jazz guitar", "clean guitar"),
    *("muted guitar", "overdriven guitar", "distorted guitar", "guitar harmonics"),
    *("acoustic bass", "fingered bass", "picked bass", "fretless bass"),
    *("slap bass", "slap bass 2", "synth bass", "synth bass 2"),
    *("violin", "viola", "cello", "double bass"),
    *("tremolo strings", "plucked strings", "harp", "timpani"),
    *("strings", "slow strings", "synth strings", "synth strings 2"),
    *("choir", "voice", "synth voice", "orchestra hit"),
    *("trumpet", "trombone", "tuba", "muted trumpet"),
    *("horn", "brass", "synth brass", "synth brass 2"),
    *("soprano sax", "alto sax", "tenor sax", "baritone sax"),
    *("oboe", "cor anglais", "bassoon", "clarinet"),
    *("piccolo", "flute", "recorder", "pan flute"),
    *("bottle", "shakuhachi", "whistle", "ocarina"),
    *("square lead", "sawtooth lead", "calliope lead", "chiff lead"),
    *("charang lead", "voice lead", "fifths lead", "bass lead"),
    *("new age pad", "warm pad", "polysynth pad", "choir pad"),
    *("bowed pad", "metal pad", "halo pad", "sweep pad"),
    *("rain", "soundtrack", "crystal", "atmosphere"),
    *("brightness", "goblins", "echoes", "sci-fi"),
    *("sitar", "banjo", "shamisen", "koto"),
    *("kalimba", "bagpipe", "fiddle", "shanai"),
    *("tinkle bell", "agogo", "steel drums", "woodblock"),
    *("taiko", "melodic tom", "synth drum", "reverse cymbal"),
    *("fret noise", "breath noise", "seashore", "bird"),
    *("telephone", "helicopter", "applause", "gunshot"),
)
# Programs that rarely have the tune: basses, timpani and hits, pads, effects, and drums and noises.
BASSES, PADS = range(32, 40), range(88, 96)
NO_TUNE_PROGRAMS = (47, 55, *range(96, 104), *range(112, 128))

DRUM_WORDS = words_in(
    """
    drum drums drumkit drumset kit percussion perc percussions batterie schlagzeug bateria
    beat beats kick snare hihat hat hats cymbal cymbals toms conga congas bongo bongos
    shaker tambourine claps clap cowbell maracas
    """
)
# Words of which the names that programs give by default consist, and the names of parts.
_NO_TITLE_WORDS = words_in(
    """
    track trk tr untitled unnamed unknown noname name new sequence seq sequenced midi mid file
    soft karaoke words lyrics lyric text tempo conductor master control meta main staff stave
    system inst instrument instruments part parts channel ch port out in piece title score
    default empty global time signature click metronome markers marker chord chords right left
    hand rh lh upper lower high low treble clef up down first second third acoustic electric
    clean dist distortion synth string orchestra section ensemble keys keyboard keyboards keyb
    organ aah aahs ooh oohs piano pianoforte pno klavier guitar guitars gtr git bass pad pads
    warmpad melody lead singer tune soprano cantus vocal vocals vox voice voices choir sax
    saxophone horns winds woodwind woodwinds solo violin violins viola violas cello violoncello
    contrabass flute flutes clarinet clarinets oboe oboes bassoon bassoons trumpet trumpets
    trombone trombones tuba percussion accordion mandolin ukulele fiddle recorder whistle bells
    strings fx effect effects sound hit english cor a b bb eb f c i ii iii iv and with gm ms mt
    gs xg com www http copyright
    clavi finger pick pizzicato orchestral french blown bag pipe standard region smart music audio
    setup alto tenor baritone canto voce voz voix stimme gesang
    fl vln vl vla vlc vc cb ob cl bsn bn fg hn tpt trp tbn trb tba timp hp perc sop ten bar
    flöte blockflöte querflöte geige violine bratsche gitarre trompete posaune horn klarinette
    fagott saxophon akkordeon orgel harfe pauken streicher bläser
    flauta flauto guitarra chitarra guitare violon violino violín violoncelle contrebasse
    contrabbasso tromba trompette trompeta clarinette clarinetto clarinete hautbois fagotto basson
    corno corni saxofón accordéon acordeón fisarmonica orgue órgano arpa harpe archi cordes cuerdas
    spur piste pista traccia instrumento strumento unbenannt droite gauche destra sinistra derecha
    izquierda rechte linke rechts links
    """
)
# The names of effects, such as rain and bird, may be titles; "FX 1 (rain)" is none.
_EFFECT_WORDS, _INSTRUMENT_WORDS = (
    frozenset(word for name in names for word in re.split(r"\W+", name))
    for names in (INSTRUMENTS[96:104], (*INSTRUMENTS[:96], *INSTRUMENTS[104:120]))
)
_NO_TITLE = _NO_TITLE_WORDS | _INSTRUMENT_WORDS | ACCOMPANIMENT_WORDS | DRUM_WORDS
_DEFAULT_TITLES = frozenset(
    {
        *("new song", "song", "my song", "theme", "tango accordion"),
        *("ohne titel", "sans titre", "sin título", "senza titolo"),
    }
)


def is_title(name: str) -> bool:
    """Return whether a name may be a piece's: not an instrument, a part or a program's default."""
    words = words_of(name)
    is_default = " ".join(words) in _DEFAULT_TITLES
    no_title = _NO_TITLE | _EFFECT_WORDS if "fx" in words else _NO_TITLE
    return bool(words) and not is_default and not no_title.issuperset(words)


def instrument(program: int | None) -> str:
    """Return the name of a program's instrument, the first if a file sets none."""
    return INSTRUMENTS[program or 0]
