"""Find the wishes of a request that allow no tune (``impossible``)."""

from __future__ import annotations

from itertools import combinations

from abcgen.config import Request
from abcgen.errors import InputError
from abcgen.grammar import Grammar
from abcgen.pipeline.requests import rules_of

# The wishes that may clash, with their options.
OPTIONS = {
    "metre": "--metre",
    "key": "--key",
    "bars": "--bars",
    "parts": "--parts",
    "level": "--level",
    "raga": "--raga",
    "mood": "--mood",
    "valence": "--valence",
    "arousal": "--arousal",
    "scale": "--scale",
    "rhythms": "--rhythms",
    "range": "--range",
    "instrument": "--instrument",
    "max_leap": "--max-leap",
    "no_accidentals": "--no-accidentals",
    "end_on_tonic": "--end-on-tonic",
}


def impossible(
    request: Request, error: InputError, alphabet: frozenset[str], *, form_line: bool
) -> InputError:
    """Return the error that names the wishes that clash, or says that the beginning does not fit.

    Args:
        request: A request that no tune can meet.
        error: The reason, which need not name a wish.
        alphabet: The characters that the network can write.
        form_line: Whether it announces its form.
    """
    asked = [name for name in OPTIONS if getattr(request, name) != getattr(Request(), name)]
    # An end on the tonic, which goes without saying, is named only if it clashes by itself.
    for implied in ((), ("end_on_tonic",)):
        for count in (1, 2):
            for names in combinations(asked, count):
                fields = {*names, *implied}
                if not fields.isdisjoint({"instrument", "range"}):
                    fields.add("in_range")
                wishes = Request(**{name: getattr(request, name) for name in fields})
                if reason := _reason_against(wishes, alphabet, form_line=form_line):
                    options = " and ".join(_option(request, name) for name in names)
                    clashing = "clash" if count == 2 else "allows no tune"
                    return InputError(
                        f"{options} {clashing}: {reason}", hint="leave one of them out"
                    )
    return InputError(
        f"the beginning does not fit the request: {error.message}",
        hint="ask for less, or use --free",
    )


def _reason_against(request: Request, alphabet: frozenset[str], *, form_line: bool) -> str:
    """Return why no tune can meet a request; empty if one can."""
    try:
        grammar = Grammar(rules_of(request, alphabet, form_line=form_line))
        grammar.completion(grammar.start)
    except InputError as error:
        return error.message
    return ""


def _option(request: Request, name: str) -> str:
    value = getattr(request, name)
    return OPTIONS[name] if value is True else f"{OPTIONS[name]} {value}"
