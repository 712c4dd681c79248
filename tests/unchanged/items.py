"""What is looked at: collections, tunes, wishes, command lines and training runs by name."""

from __future__ import annotations

COLLECTIONS = ("oneills", "ryans", "airds", "misc", "essen")
SOME = "some"  # every fortieth tune of all of them, and marked.abc
EVERY = 40
READ = (*COLLECTIONS, SOME)
READ_AT_ONCE = (SOME,)

# Tunes by collection and place in it. Together they have all that the collections have: chords,
# chord symbols, voices, tuplets, endings, grace notes, decorations, parts, changes of key and
# metre, pickups, ties, every metre and many keys. What these lack stands in marked.abc.
_PLACES = {
    "marked": (0, 1),
    "oneills": (14, 70, 81, 263, 596, 597, 606, 700, 739, 775, 817, 1206, 1382, 1655),
    "ryans": (169, 324, 643, 664, 683, 697, 769, 881, 912, 944, 981, 1023),
    "airds": (365, 470, 648, 652, 915, 936, 1002, 1074, 1147),
    "misc": (4, 31, 52, 66, 86, 109, 121),
    "essen": (5004, 5145, 5487, 5692, 6135, 6238),
}
TUNES = tuple(f"{name}-{place}" for name, places in _PLACES.items() for place in places)
FEW_TUNES = ("marked-0", "marked-1", "oneills-597", "ryans-881", "airds-1002", "essen-5487")
READ_BY_NETWORK = ("oneills-263", "ryans-881", "airds-915", "misc-121")

# Folders of old/, whose networks were drawn by chance, and a text that they can read.
OLD_FORMATS = ("format-1", "format-2", "format-3")
READ_BY_OLD_NETWORKS = "R:jig\nM:6/8\nK:Ador\n|:ABcdef|gfedcB|A2Bc2d|e6:|\n"

# How tunes are printed and played where it is not left to abcgen: options of render.
LOOKS = (
    "marked.abc --to html,midi --instrument flute --tempo 100 --chords --swing",
    "marked.abc --to html,abc --title 'A book of tunes' --paper us-letter --large-print",
    "marked.abc --to wav,png --instrument harp",
    "sampled.abc --to html,midi,musicxml --instrument whistle",
)

# Options of sample.
WISHES = (
    "--seed 1 --count 2 --metre 6/8 --key Dmix --rhythm jig --bars 16 --parts AABB",
    "--seed 1 --count 2 --prime prime.abc --keep-bars 4",
    "--seed 1 --count 2 --free",
    "--seed 1 --count 2 --max-copy 4",
    "--seed 1 --count 2 --top-k 5 --top-p 0.9 --instrument whistle",
    "--seed 1 --count 2 --metre 3/4 --key Am --rhythm waltz",
    "--seed 1 --count 2 --rhythm hornpipe --bars 24 --parts AABBCC",
    "--seed 1 --count 40 --temperature 1.1",
    "--seed 1 --temperature 0",
)
SAMPLED = tuple(f"--seed {seed} --count 2" for seed in range(1, 21)) + WISHES
FEW_SAMPLED = (SAMPLED[0], *WISHES[:2])

# Command lines, each said in a folder of its own with what is in given/.
COMMANDS = (
    "--version",
    "sing",
    "check",
    "check good.abc --json",
    "check mixed.abc --json",
    "check nowhere.abc",
    "corpus list --json",
    "corpus install misc --json",
    "corpus install nonesuch",
    "normalise mixed.abc --out clean.abc --report report.json --json",
    "normalise broken.abc",
    "normalise good.abc --out good.abc",
    "normalise good.abc --report report.txt",
    "render good.abc --to midi,musicxml --json",
    "render good.abc --to mp3",
    "render good.abc --instrument kazoo",
    "render good.abc --tempo fast",
    "sample --count 1 --seed 1 --to none --json",
    "sample --count 0",
    "sample --keep-bars 4",
    "sample --metre 5/3",
    "sample --parts ABA",
    "sample --temperature -1",
    "sample --prime hello?",
    "sample --checkpoint nowhere",
    "sample --checkpoint .",
    "replay good.abc",
    "train --resume",
    "train good.abc --minutes 1 --epochs 1",
    "train good.abc --classes 9",
    "train good.abc --preset huge",
    "train nowhere.abc",
    "evaluate --samples 4",
    "plot nowhere",
    "blindtest score answers.json --key key.json --json",
    "blindtest score answers.json",
    "blindtest score nowhere.json --key key.json",
)
LONG_COMMANDS = (
    "replay sampled.abc --json",
    "train sampled.abc --dry-run --preset small --device cpu --json",
    "train sampled.abc --epochs 1 --units 8 --preset small --device cpu --json",
    "plot --seed 1 --json",
    "blindtest make --count 1 --json",
)

# Options of train, for one pass over a few tunes on the CPU.
_TINY = "--preset small --epochs 1 --layers 1 --units 16 --batch-size 8 --seed 0 --device cpu"
TRAINING = (
    f"{_TINY} --no-attention --no-positions",
    f"{_TINY} --layers 2 --attention --heads 2 --positions --chord-symbols --dropout 0.1",
    f"{_TINY} --bidirectional --sequence-length 16 --optimizer adamw",
    f"{_TINY} --network window --sequence-length 20 --stride 4",
    "--from PRETRAINED --epochs 1 --batch-size 8 --seed 0 --device cpu",
)

# Pictures and figures of the network that comes with abcgen.
FIGURES = (
    "plot PRETRAINED --seed 1 --out made",
    "blindtest make PRETRAINED --count 2 --seed 1 --out made",
    "evaluate PRETRAINED --samples 20 --seed 0 --out made",
)
