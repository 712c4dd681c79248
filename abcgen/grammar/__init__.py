r"""The grammar: the characters that may come next if a model text is to become a valid tune.

It is a state machine over the characters of model text. Every text that it accepts decodes to a
tune whose bars add up, whose tuplets and chords are complete, and whose repeats and endings pair.
In reading order:

1. ``state``: a ``State`` holds everything about the text so far that affects what may follow, such
   as the time left in the bar. Texts that may continue in the same ways share a state.
2. ``music``: ``Music`` returns the characters that may follow a state, and the states they lead to.
   It uses ``notes`` (what fits into the bar), ``lengths`` (time) and ``form`` (how the bar may
   end). ``pitch`` excludes notes that an instrument cannot play or a ``melody`` has not.
3. ``completion``: ``ShortestCompletion`` finds a short way from any state to the end of a valid
   tune. ``constraint``: ``Grammar`` allows a character only if the completion after it still fits
   into the remaining length, so generation never reaches a dead end and always ends in time.
   ``numbered`` keeps what is known of the states of time and form, and of those of pitch.
4. ``abcgen.model.sampling.TokenMask`` turns the characters allowed in a state into a mask over the
   vocabulary, once, so that the sampler can look it up for a whole batch.

An example with few characters, where a bar of 2/4 has four units:

>>> grammar = Grammar(Rules(frozenset("M:2/4\nKCmajAB|z")))
>>> state = grammar.read("M:2/4\nK:Cmaj\nA4")
>>> sorted(grammar.following(state))  # the bar is full: | or :|
[':', '|']
>>> state = grammar.advance(state, "|")
>>> grammar.distance_to_end(state)
1.0
>>> sorted(grammar.allowed(state, remaining=2))  # no time for another bar
['\n', '|']

``gap`` is the grammar of bars that are drawn anew within a tune (``gap_grammar``), and
``given_voice`` that of voices below one that is given (``given_voice_grammar``); their base is
``given_bars``. ``parallels`` keeps voices from parallel fifths and octaves, as a constraint around
a grammar (``WithoutParallels``).

A text may announce its form in a line before the music (``form_line``). ``positions``
is not part of the state machine: it computes the network's position features, what is left by the
announced form among them. ``bars`` finds the bars of a text.
"""

from abcgen.grammar.constraint import Grammar, HeaderConstraint, PrefixConstraint
from abcgen.grammar.form import ANY_METRE, Form, Rules, SectionPlan
from abcgen.grammar.state import END

__all__ = [
    "ANY_METRE",
    "END",
    "Form",
    "Grammar",
    "HeaderConstraint",
    "PrefixConstraint",
    "Rules",
    "SectionPlan",
]
