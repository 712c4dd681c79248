"""The options of ``abcgen sample`` for what may sound."""

from __future__ import annotations

from typing import Annotated, Any

from abcgen.cli.common import completion, option
from abcgen.config import Request
from abcgen.wishes.levels import LEVELS
from abcgen.wishes.moods import MOODS
from abcgen.wishes.ragas import RAGAS
from abcgen.wishes.sounding import RANGE_NAMES, SCALES

PANEL = "What may sound"


def wish(field: str, *flags: str, show_default: str = "any", **changes: Any) -> Any:
    """Return the option for a field of ``Request`` about notes."""
    changes |= {"show_default": show_default, "rich_help_panel": PANEL}
    return option(Request, field, *flags, **changes)


Range = Annotated[str, wish("range", "--range", metavar="LOW-HIGH", **completion(RANGE_NAMES))]
ScaleOption = Annotated[
    str,
    wish(
        "scale",
        "--scale",
        help=f"Scale: {', '.join(SCALES)}; degrees such as 1,2,b3,5; or notes such as G,A,B,D,E.",
        **completion(SCALES),
    ),
]
MaxLeap = Annotated[int, wish("max_leap", "--max-leap", metavar="INTERVAL")]
Rhythms = Annotated[str, wish("rhythms", "--rhythms", metavar="VALUE,…")]
NoAccidentals = Annotated[bool, wish("no_accidentals", "--no-accidentals", show_default="")]
EndOnTonic = Annotated[
    bool | None,
    wish(
        "end_on_tonic",
        "--end-on-tonic/--any-end",
        help="End on the tonic, or on any note.",
        show_default="the tonic if bars or parts are given",
    ),
]
LevelOption = Annotated[
    int,
    wish(
        "level",
        "--level",
        help="Level of a sight-reading exercise, 1 to 5, which sets what the other options leave "
        f"open. {'; '.join(f'{n}: {level.description}' for n, level in LEVELS.items())}.",
        show_default="none",
    ),
]
RagaOption = Annotated[
    str,
    wish(
        "raga",
        "--raga",
        help="Raga: its notes, rising and falling, are kept; Sa is the key's tonic, or D. The "
        f"network learnt European dances. {', '.join(RAGAS)}.",
        show_default="none",
        **completion(RAGAS),
    ),
]
MoodOption = Annotated[
    str,
    wish(
        "mood",
        "--mood",
        help="Mood: mode, tempo, articulation, register, leaps and density as in studies of "
        f"perceived emotion, a promise about none. {', '.join(MOODS)}.",
        show_default="none",
        **completion(MOODS),
    ),
]
Valence = Annotated[float | None, wish("valence", "--valence", bounded=True, show_default="none")]
Arousal = Annotated[float | None, wish("arousal", "--arousal", bounded=True, show_default="none")]
Sargam = Annotated[bool, wish("sargam", "--sargam", show_default="")]
