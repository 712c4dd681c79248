"""Every setting: its default, its bounds and its meaning, in one place.

Reading JSON, the options of the command line and the recipes under sampled tunes follow from these
fields. Settings of a training run are saved with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from abcgen.errors import InputError, shown
from abcgen.limits import LIMITS

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic.functional_validators import ModelWrapValidatorHandler

__all__ = ["LIMITS"]  # imported from here, as all settings are

# Bounds of numbers in untrusted files: integers that a float holds exactly, and 30 years.
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Amount = Annotated[float, Field(ge=0.0, le=2.0**53)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Schema(BaseModel):
    """An immutable record whose fields are checked; an invalid value raises InputError.

    Types are strict: neither "1" nor true is a number. A field with ``strict=False`` also reads a
    tuple from a JSON list.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # a command builds only the schemas that it uses
    )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read untrusted JSON; missing fields get their defaults.

        Raises:
            InputError: naming the first field that is unknown, of the wrong type or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise cls._explain(error) from error

    def to_json(self) -> str:
        """Return the values as JSON on one line."""
        return json.dumps(self.model_dump())

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            InputError: naming the first field that is unknown, of the wrong type or out of range.
        """
        return type(self)(**{**dict(self), **changes})

    @model_validator(mode="wrap")
    @classmethod
    def _raise_input_error(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            raise cls._explain(error) from error

    @classmethod
    def _explain(cls, error: ValidationError) -> InputError:
        """Return the first problem as an error of one sentence."""
        first = error.errors(include_url=False)[0]
        path = ".".join(str(part)[:40] for part in first["loc"])
        value = shown(first["input"])
        if first["type"] == "extra_forbidden":
            return InputError(f"unknown setting {path!r}")
        if first["type"] == "missing":
            return InputError(f"{path} is missing")
        if not path:
            return InputError(f"expected a JSON object, not {value}")
        field = cls.model_fields.get(path)
        expected = expected_value(field) if field else first["msg"].lower()
        return InputError(f"{path} must be {expected}, not {value}")


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the texts that a field is limited to; empty if any value will do."""
    return tuple(value for value in get_args(field.annotation) if isinstance(value, str))


def bounds_of(field: FieldInfo) -> tuple[float | None, float | None]:
    """Return the least and the greatest value of a field; None where there is no bound."""
    rules = {
        name: getattr(rule, name)
        for rule in field.metadata
        for name in ("ge", "le")
        if hasattr(rule, name)
    }
    return rules.get("ge"), rules.get("le")


def expected_value(field: FieldInfo) -> str:
    """Describe the values of a field, to follow "must be"."""
    if choices := choices_of(field):
        return f"one of {', '.join(choices)}"
    types = get_args(field.annotation) or (field.annotation,)
    if bool in types:
        return "true or false"
    if str in types:
        return "text"
    least, greatest = bounds_of(field)
    number = "a whole number" if int in types else "a number"
    if greatest is None:
        return number if least is None else f"{number} of at least {least:.10g}"
    return f"{number} from {least:.10g} to {greatest:.10g}"


Network = Literal["stream", "window"]
MAX_VOICES = 8  # of a text that a network reads or writes
Optimizer = Literal["adamw", "adam", "lion", "muon", "nadam", "rmsprop", "sgd"]
MAX_SEED = 2**31 - 1  # TensorFlow refuses some larger seeds
# Most numbers that sampling keeps for each text where the network reads windows or blocks.
MAX_STATE = 2**23


class NetworkConfig(Schema):
    """The shape of a network.

    The bounds, far beyond anything that can be trained, keep an untrusted file from exhausting
    memory.
    """

    # A stream network reads a tune from its beginning and predicts at every character; a window
    # network reads the last characters again for every prediction.
    kind: Network = Field(
        "stream", description="stream reads whole tunes; window reads the last characters."
    )
    layers: int = Field(1, ge=1, le=16, description="LSTM layers.")
    # Bidirectional layers have half of the units in each direction.
    units: int = Field(192, ge=1, le=8192, description="Units of each LSTM layer.")
    embedding: int = Field(
        64,
        ge=0,
        le=8192,
        description="Width of the character embedding (0 = one number per character; window only).",
    )
    dropout: float = Field(
        0.05,
        ge=0.0,
        le=0.95,
        description="Share of activations dropped after each layer in training.",
    )

    # Causal attention over the characters so far, after the LSTM layers; each head has
    # units / heads numbers.
    attention: bool = Field(True, description="Attend to all characters so far.")
    heads: int = Field(4, ge=1, le=256, description="Attention heads.")

    # A dense layer with ReLU and one back to the units, with a residual connection, before the
    # logits (in a window network before its dense layers).
    ffn: int = Field(
        0,
        ge=0,
        le=32_768,
        description="Width of a feed-forward layer after attention (0 = none).",
        # Saved only if used, so that older versions of abcgen open all other networks.
        exclude_if=lambda width: width == 0,
    )

    # Covers the window or, in a stream network, the block before the current one.
    bidirectional: bool = Field(
        False, description="Read the window, or the previous block, in both directions."
    )
    sequence_length: int | None = Field(
        None,
        ge=2,
        le=100_000,
        description="Characters per window, per block (bidirectional) or per training chunk.",
    )
    positions: bool = Field(
        False,
        description="Feed in the section, bar and time of each character too (stream only).",
    )
    # These three too are saved only if used.
    form: bool = Field(
        False,
        description="Begin texts with their form, and feed in what is still to come (stream only).",
        exclude_if=lambda is_on: not is_on,
    )
    relative_pitch: bool = Field(
        False,
        description="Feed in the last interval and height, and predict notes by their interval "
        "from the last one (stream only).",
        exclude_if=lambda is_on: not is_on,
    )
    blocks: bool = Field(
        False,
        description="Attention and feed-forward after every LSTM, not only the last (stream only).",
        exclude_if=lambda is_on: not is_on,
    )
    voices: int = Field(
        1,
        ge=1,
        le=MAX_VOICES,
        description="Voices of each tune.",
        exclude_if=lambda number: number == 1,
    )

    @property
    def chunk_length(self) -> int | None:
        """Characters of a window, a block or a training chunk; None for whole tunes."""
        default = 100 if self.kind == "window" else 64 if self.bidirectional else None
        return self.sequence_length or default

    @model_validator(mode="after")
    def _check_shape(self) -> Self:
        """Refuse values that are valid alone but not together."""
        units, heads = self.units, self.heads
        if self.attention and units % heads:
            raise InputError(
                f"{heads} attention heads do not divide {units} units",
                hint="choose --heads and --units so that they do",
            )
        if self.bidirectional and units % 2:
            raise InputError(
                f"{units} units cannot be divided between two directions",
                hint="choose an even number of --units",
            )
        keeps_chunk = self.kind == "window" or self.bidirectional
        if keeps_chunk and (self.chunk_length or 0) * units > MAX_STATE:
            raise InputError(
                f"{self.sequence_length} characters are too many to read at once by {units} units",
                hint="choose a smaller --sequence-length",
            )
        if self.kind == "window":
            self._check_window()
        if self.bidirectional and self.blocks:
            raise InputError(
                "a bidirectional network cannot have attention after every LSTM",
                hint="leave out --blocks or --bidirectional",
            )
        if self.kind == "stream" and not self.embedding:
            raise InputError("embedding must be a whole number from 1 to 8192, not 0")
        return self

    def _check_window(self) -> None:
        """Refuse what only stream networks have."""
        for name in ("positions", "form", "relative_pitch"):
            if getattr(self, name):
                raise InputError(
                    f"a window network cannot use {name.replace('_', ' ')}, which depends on all "
                    "characters before it",
                    hint=f"leave out --{name.replace('_', '-')}",
                )
        if self.blocks:
            raise InputError(
                "a window network attends only after its last LSTM", hint="leave out --blocks"
            )


class TrainConfig(Schema):
    """How a network is trained."""

    # When the run ends. The learning-rate schedule spans the epochs, or the minutes if given.
    epochs: int = Field(20, ge=1, le=1_000_000, description="Number of epochs.")
    minutes: float | None = Field(
        None, ge=1e-3, le=1e6, description="Time budget in minutes, instead of epochs."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="Stop after this many epochs without a lower held-out loss.",
    )
    batch_size: int = Field(32, ge=1, le=65_536, description="Tunes (windows) per batch.")
    packed: bool = Field(
        False,
        description="Several tunes in a row of a batch: few shapes, for GPUs and JAX.",
        exclude_if=lambda packed: not packed,
    )
    stride: int = Field(
        1, ge=1, le=1_000_000, description="Train on every N-th window (window only)."
    )

    optimizer: Optimizer = Field("muon", description="Optimizer.")
    learning_rate: float = Field(0.02, ge=1e-9, le=10.0, description="Peak learning rate.")
    warm_up: float = Field(
        0.05, ge=0.0, le=1.0, description="Share of the run in which the learning rate rises."
    )
    final_rate: float = Field(
        0.01, ge=0.0, le=1.0, description="Learning rate at the end, as a share of the peak."
    )
    weight_decay: float = Field(0.1, ge=0.0, le=10.0, description="Weight decay.")
    clip_norm: float = Field(1.0, ge=1e-6, le=1e6, description="Maximum global gradient norm.")

    gaps: float = Field(
        0.0,
        ge=0.0,
        le=0.9,
        description="Share of tunes shown with some bars moved to their end, so that the network "
        "learns to fill gaps.",
        exclude_if=lambda share: share == 0,
    )
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Random seed of weights, order and dropout."
    )
    chord_symbols: bool = Field(False, description="Learn chord symbols as well.")
    save_minutes: float = Field(
        5.0, ge=0.0, le=1e6, description="Minutes between checkpoints within an epoch."
    )


Temperature = Annotated[
    float,
    Field(ge=0.0, le=1e6, description="Below 1 likelier notes, above 1 more surprising ones."),
]


class SampleConfig(Schema):
    """How tunes are sampled from a network."""

    temperature: Temperature = 0.85
    # None: that of the music, as before there was a choice.
    header_temperature: float | None = Field(
        1.0,
        ge=1e-3,
        le=1e6,
        description="Temperature of rhythm, metre, mode and form; at 1 they vary as in the tunes "
        "learnt.",
    )
    keep_endings: bool = Field(
        True, description="Give sections the first and second endings that the form announces."
    )
    top_k: int = Field(
        0, ge=0, le=4096, description="Sample from the K most likely characters only (0 = off)."
    )
    top_p: float = Field(
        1.0,
        ge=1e-6,
        le=1.0,
        description="Sample from the most likely characters that add up to probability P "
        "(1 = off).",
    )

    count: int = Field(6, ge=1, le=100_000, description="Number of tunes to compose.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Tunes sampled side by side.")
    max_characters: int = Field(
        1200, ge=1, le=100_000, description="Reject a tune that has not ended by this length."
    )
    max_attempts: int = Field(
        40, ge=1, le=1_000_000, description="Attempts per tune wanted before giving up."
    )
    candidates: int | None = Field(None, ge=1, le=1000, description="Tunes drawn for each wanted.")
    choose: Literal["varied", "best"] = Field(
        "varied",
        description="Keep the candidate that the critic finds best, or choose in proportion to how "
        "real it finds them, so that tunes stay as varied as real ones.",
    )
    parallels: bool = Field(False, description="Let voices move in parallel fifths and octaves.")


@dataclass(frozen=True, slots=True)
class SoundConfig:
    """How tunes are played."""

    # A name from the table of instruments: the sound of MIDI files, and the range and usual keys
    # that sampled tunes are moved to.
    instrument: str = "fiddle"


class Request(Schema):
    """The user's wishes for a new tune; an empty text or 0 leaves the choice to the network.

    ``abcgen.pipeline.requests`` checks what the bounds cannot say, such as metres and keys.
    """

    metre: str = Field("", description="Metre, such as 6/8 or C|.")
    key: str = Field("", description="Key, such as D, Em, Dmix or B flat.")
    rhythm: str = Field("", description="Rhythm, such as jig.")
    bars: int = Field(0, ge=0, le=256, description="Total number of bars, not counting pickups.")
    parts: str = Field("", description="Parts, such as AABB: two parts, each repeated.")

    # Its sound and usual keys; with in_range every note is within its range.
    instrument: str = Field(
        SoundConfig().instrument, description="Instrument: sets sound, key and range."
    )
    in_range: bool = Field(False, description="Keep every note in the instrument's range.")

    voices: str = Field(
        "",
        description="Voices, by number or by name, such as soprano,bass.",
        exclude_if=lambda names: not names,
    )
    chord_symbols: bool = Field(False, description="Write chord symbols, by rule if need be.")

    # A tune to continue, as model text, and the MIDI key number of its first note; 0 if none.
    beginning: str = Field("", description="Model text to continue.")
    first_pitch: int = Field(0, ge=0, le=127, description="First note of the beginning.")
    # Named where composers are: ``after The Kesh``.
    after: str = Field("", max_length=2000, description="Title of the tune that goes on.")

    # What may sound; ``abcgen.wishes`` reads these words.
    range: str = Field(
        "", description="Lowest and highest note, such as G3-B5, first-position or whistle."
    )
    scale: str = Field(
        "", description="Scale: pentatonic, degrees such as 1,2,b3,5, or notes such as G,A,B,D,E."
    )
    max_leap: int = Field(0, ge=0, le=29, description="Widest interval: 3 a third, 8 an octave.")
    rhythms: str = Field("", description="Note values, such as half,quarter or 2,1,1/2 quarters.")
    no_accidentals: bool = Field(False, description="Only notes of the key.")
    end_on_tonic: bool = Field(
        False, description="End on the tonic; by default if bars or parts are given."
    )
    level: int = Field(0, ge=0, le=5, description="Level of a sight-reading exercise, 1 to 5.")
    raga: str = Field("", description="Raga, such as yaman, with Sa the tonic of the key.")
    sargam: bool = Field(False, description="Write the Indian names of notes under them.")
    mood: str = Field("", description="Mood, such as happy or calm.")
    valence: float | None = Field(None, ge=-1, le=1, description="Pleasant, 1, or not, -1.")
    arousal: float | None = Field(None, ge=-1, le=1, description="Lively, 1, or calm, -1.")

    free: bool = Field(False, description="Sample without the grammar: bars need not add up.")

    @property
    def needs_grammar(self) -> bool:
        """Whether these wishes can only be met with the grammar."""
        return bool(self.bars or self.parts or self.in_range or self.limits_notes)

    @property
    def depends_on_spelling(self) -> bool:
        """Whether these wishes are about degrees and intervals, which depend on spelling."""
        return bool(self.scale or self.max_leap or self.level or self.raga)

    @property
    def limits_notes(self) -> bool:
        """Whether there are wishes for what may sound."""
        notes = self.range or self.rhythms or self.no_accidentals or self.end_on_tonic
        mood = self.mood or self.valence is not None or self.arousal is not None
        return bool(notes or mood or self.depends_on_spelling)


class BlindTestConfig(Schema):
    """The tunes of a blind test."""

    count: int = Field(
        10, ge=1, le=100_000, description="Number of real tunes, and of generated ones."
    )
    fewest_bars: int = Field(8, ge=1, description="Least number of bars of a tune.")
    most_bars: int = Field(40, ge=1, description="Greatest number of bars of a tune.")
    temperature: Temperature = SampleConfig().temperature


class EvaluationConfig(Schema):
    """How a network is evaluated."""

    samples: int = Field(
        1000, description="Tunes to sample with the grammar, and again without it."
    )
    batch_size: int = Field(64, ge=1, le=65_536, description="Tunes sampled side by side.")


class RefineConfig(Schema):
    """How a network learns from what its critic prefers."""

    rounds: int = Field(3, ge=1, le=100, description="Most rounds of drawing and learning.")
    minutes: float | None = Field(
        None, ge=0.0, le=1e6, description="Begin no round that would end after so many minutes."
    )
    beginnings: int = Field(
        500, ge=1, le=100_000, description="Headers of training tunes to draw tunes for in a round."
    )
    candidates: int = Field(4, ge=2, le=1000, description="Tunes to draw for each header.")
    beta: float = Field(
        1.0, ge=1e-6, le=1e3, description="How much moving away from the network before counts."
    )
    likelihood: float = Field(
        20.0, ge=0.0, le=1e6, description="How much the likelihood of training tunes counts."
    )
    learning_rate: float = Field(3e-4, ge=1e-9, le=10.0, description="Peak learning rate.")
    batch_size: int = Field(8, ge=1, le=65_536, description="Pairs per batch.")
    worse: float = Field(
        0.05, ge=0.0, le=1e3, description="Most bits per note that held-out tunes may get worse."
    )
    # Of 800 tunes against 219 the same network's differ by as much.
    tolerance: float = Field(
        0.02, ge=0.0, le=1.0, description="Keep a round whose AUC is higher by less than this."
    )
    temperature: Temperature = SampleConfig().temperature
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Seed of the tunes drawn and of the learning."
    )


class SplitConfig(Schema):
    """How families of tunes are divided; the rest is for training."""

    validation: Share = Field(0.05, description="Share of families held out to watch training.")
    test: Share = Field(0.05, description="Share of families never used in training.")
    similarity: Share = Field(
        0.5, description="Share of interval 8-grams that makes two tunes one family."
    )
    # Applies only to corpora of at least six times this number of families.
    least: Count = Field(0, description="Fewest families in each held-out part.")
    wrong_bars: bool = Field(False, description="Learn tunes with wrong bars or repeats too.")
    held_out_of: str = Field(
        "", exclude_if=lambda it: not it, description="Hold out just the tunes of this checkpoint."
    )


@dataclass(frozen=True, slots=True)
class MidiConfig:
    """How MIDI files are transcribed."""

    # ``melody``, ``chords`` in one voice, ``voices``, or ``auto`` for what suits the file.
    texture: str = "auto"
    # The only track to write, by number or name; all if empty.
    track: str = ""
    # Lowest and highest MIDI key of the range that notes are moved into by octaves; None to leave
    # them.
    fold_range: tuple[int, int] | None = None
    # Write passages played twice as repeats.
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class PageConfig:
    """The printed page."""

    paper: str = "a4"  # or ``us-letter``
    # Resolution of PNG pages in pixels per inch.
    ppi: int = 150
    # Height of a staff in millimetres; text is scaled with it.
    staff_height: float = 6.5
    keep_lines: bool = False  # lines end where those of the tune's source do
    layout: str = "book"  # or ``sheet``: numbered exercises, eight to a page


# Height of a staff in millimetres for readers with poor eyesight, and on a sheet of exercises.
LARGE_PRINT, SHEET_PRINT = 10.0, 5.5
