from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from abcgen.config import NetworkConfig, SampleConfig
from abcgen.errors import InputError
from abcgen.model.cells import Linear, LSTMCell
from abcgen.model.inference import StepNetwork
from abcgen.model.sampling import (
    FIRST_ROWS,
    LEAST_TEMPERATURE,
    LanguageModel,
    Sampled,
    TokenMask,
    check_seed,
    draw,
    sample,
    token_weights,
)
from abcgen.model.vocabulary import (
    BEGIN,
    END,
    OLD_SPECIAL_TOKENS,
    PADDING,
    SPECIAL_TOKENS,
    UNKNOWN,
    Vocabulary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from abcgen.model.checkpoint import Weights

LETTERS = Vocabulary("abcd")
MOST = 60


class Spelling:
    """A network that writes the alphabet and ends; its state is how many ids it has read."""

    def __init__(self) -> None:
        self.widths: list[int] = []

    def start(self, batch: int) -> tuple[NDArray[Any], ...]:
        return (np.zeros(batch, np.int64),)

    def step(
        self, ids: NDArray[np.int32], state: tuple[NDArray[Any], ...]
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
        self.widths.append(len(ids))
        following = np.where(ids == BEGIN, SPECIAL_TOKENS, ids + 1)
        following[following == LETTERS.size] = END
        return np.eye(LETTERS.size)[following] * 50, (state[0] + 1,)


class Indifferent(Spelling):
    """A network to which everything is equally likely, marks included."""

    def step(
        self, ids: NDArray[np.int32], state: tuple[NDArray[Any], ...]
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
        return np.zeros((len(ids), LETTERS.size), np.float32), state


class Fixed(Spelling):
    """A network that always says the same, and never ends."""

    def __init__(self, logits: NDArray[Any]) -> None:
        super().__init__()
        self._logits = np.concatenate([np.full(SPECIAL_TOKENS, -99.0), logits])

    def step(
        self, ids: NDArray[np.int32], state: tuple[NDArray[Any], ...]
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
        return np.tile(self._logits, (len(ids), 1)), state


class Only:
    """A constraint to some characters, and the end."""

    start = 0

    def __init__(self, letters: str) -> None:
        self._letters = letters

    def allowed(self, _state_id: int, _remaining: int) -> frozenset[str]:
        return frozenset(self._letters) | {""}

    def advance(self, state_id: int, character: str) -> int:
        if character not in self._letters:
            raise KeyError(character)
        return state_id + 1

    def prune(self) -> bool:
        return False

    def max_distance(self, _state_id: int) -> int:
        return 0


def choose(
    logits: NDArray[Any], uniforms: NDArray[np.float64], config: SampleConfig
) -> NDArray[np.int32]:
    return draw(token_weights(logits, config), uniforms)[0]


def at(temperature: float) -> SampleConfig:
    return SampleConfig(temperature=temperature)


def _texts(
    network: LanguageModel, texts: list[str], *, first: int = 0, seed: int = 0, **settings: Any
) -> list[Sampled]:
    config = SampleConfig(**({"temperature": 1.0} | settings))
    return list(sample(network, LETTERS, enumerate(texts, first), config, seed))


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 1.0])
def test_a_text_ends_at_the_end_mark(temperature: float) -> None:
    assert _texts(Spelling(), [""], temperature=temperature) == [
        Sampled("abcd", ended=True, number=0, drawn=5)
    ]


def test_a_text_continues_its_beginning() -> None:
    texts = _texts(Spelling(), ["", "c", "ba"], temperature=0)
    assert [sampled.text for sampled in texts] == ["abcd", "cd", "babcd"]


def test_a_text_that_does_not_end_is_cut_at_its_greatest_length() -> None:
    texts = _texts(Spelling(), ["", "aaaaa"], temperature=0, max_characters=3)
    assert texts == [
        Sampled("abc", ended=False, number=0, drawn=4),
        Sampled("aaa", ended=False, number=1, drawn=1),
    ]


def test_a_text_may_end_right_at_its_greatest_length() -> None:
    texts = _texts(Spelling(), [""], temperature=0, max_characters=4)
    assert texts == [Sampled("abcd", ended=True, number=0, drawn=5)]


def test_finished_texts_leave_the_batch() -> None:
    network = Spelling()
    _texts(network, ["", "d", "d"], temperature=0)
    assert network.widths == [3, 3, 1, 1, 1]


def test_padding_and_begin_are_never_drawn() -> None:
    uniforms = np.linspace(0, 1, 500, endpoint=False)
    for temperature in (0.0, 0.01, 1.0, 100.0):
        drawn = choose(np.zeros((500, 6), np.float32), uniforms, at(temperature))
        assert not {PADDING, BEGIN} & set(drawn.tolist())


# Exact probabilities of four characters, and what temperature, top-k and top-p make of them.
PROBABILITIES = np.array([0.4, 0.3, 0.2, 0.1])
SETTINGS: list[tuple[dict[str, Any], list[float]]] = [
    ({"temperature": 1.0}, [0.4, 0.3, 0.2, 0.1]),
    ({"temperature": 0.5}, [16 / 30, 9 / 30, 4 / 30, 1 / 30]),
    ({"temperature": 2.0}, list(np.sqrt(PROBABILITIES) / np.sqrt(PROBABILITIES).sum())),
    ({"temperature": 1.0, "top_k": 2}, [4 / 7, 3 / 7, 0, 0]),
    ({"temperature": 1.0, "top_k": 9}, [0.4, 0.3, 0.2, 0.1]),
    ({"temperature": 1.0, "top_p": 0.65}, [4 / 7, 3 / 7, 0, 0]),
    ({"temperature": 1.0, "top_p": 0.75}, [4 / 9, 3 / 9, 2 / 9, 0]),
    ({"temperature": 1.0, "top_p": 1e-6}, [1, 0, 0, 0]),
    ({"temperature": 0.5, "top_k": 3, "top_p": 0.8}, [16 / 25, 9 / 25, 0, 0]),
]
DRAWS = 20_000
# What chi-square with 3, 2 and 1 degrees of freedom passes once in 10,000.
CRITICAL = {3: 21.11, 2: 18.42, 1: 15.14}


def chi_square(counts: NDArray[np.int64], probabilities: list[float]) -> tuple[float, int]:
    """The statistic and its degrees of freedom; nothing impossible may have been drawn."""
    expected = np.array(probabilities) * counts.sum()
    possible = expected > 0
    assert not counts[~possible].any()
    differences = counts[possible] - expected[possible]
    return float((differences**2 / expected[possible]).sum()), int(possible.sum()) - 1


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_characters_are_drawn_with_their_exact_probabilities(
    settings: dict[str, Any], expected: list[float]
) -> None:
    uniforms = np.random.default_rng(4).random(DRAWS)
    logits = np.tile([9.0, 9.0, -99.0, *np.log(PROBABILITIES)], (DRAWS, 1))
    counts = np.bincount(choose(logits, uniforms, SampleConfig(**settings)), minlength=7)[3:]
    statistic, freedom = chi_square(counts, expected)
    assert not freedom or statistic < CRITICAL[freedom]


def test_a_constraint_leaves_the_rest_their_proportions() -> None:
    network, only = Fixed(np.log([0.1, 0.4, 0.3, 0.2])), Only("acd")
    config = SampleConfig(temperature=1.0, max_characters=1, batch_size=500)
    texts = sample(
        network, LETTERS, ((n, "") for n in range(DRAWS // 4)), config, 3, constraint=only
    )
    letters = [sampled.text for sampled in texts]
    counts = np.array([letters.count(letter) for letter in "abcd"])
    statistic, freedom = chi_square(counts, [1 / 6, 0, 3 / 6, 2 / 6])
    assert statistic < CRITICAL[freedom]


def test_a_constraint_that_forbids_nothing_changes_nothing() -> None:
    free = _texts(Indifferent(), [""] * 20, seed=5, max_characters=MOST)
    bound = sample(
        Indifferent(),
        LETTERS,
        enumerate([""] * 20),
        SampleConfig(temperature=1.0, max_characters=MOST),
        5,
        constraint=Only("abcd"),
    )
    assert [sampled.text for sampled in bound] == [sampled.text for sampled in free]


def test_a_text_that_keeps_to_the_constraint_anyway_is_unchanged() -> None:
    config = SampleConfig(temperature=1.0, max_characters=MOST)
    free = _texts(Indifferent(), [""] * 200, seed=5, max_characters=MOST)
    bound = list(
        sample(Indifferent(), LETTERS, enumerate([""] * 200), config, 5, constraint=Only("abc"))
    )
    keeping = [sampled.text for sampled in free if "d" not in sampled.text]
    unforced = [sampled.text for sampled in bound if sampled.forced == 0]
    assert keeping == unforced
    assert 20 < len(keeping) < 180
    assert all("d" not in sampled.text for sampled in bound)


def test_the_probability_that_the_constraint_removes_is_reported() -> None:
    config = SampleConfig(temperature=1.0, max_characters=4)
    network = Fixed(np.log([0.1, 0.4, 0.3, 0.2]))
    [sampled] = sample(network, LETTERS, [(0, "")], config, 1, constraint=Only("a"))
    assert (sampled.text, sampled.drawn) == ("aaaa", 5)
    assert sampled.removed == pytest.approx(5 * 0.9, abs=1e-6)


@pytest.mark.parametrize("form", ["", "P:0,8\n"])
@pytest.mark.parametrize("given", [0, 3])
def test_the_lines_of_a_header_have_a_temperature_of_their_own(form: str, given: int) -> None:
    """A network that would write the text that is given, but for one letter in ten."""
    header, music = f"R:jig\nM:6/8\nK:C\n{form}", "|:GABc|KMPR:|"
    text, vocabulary = header + music, Vocabulary.of([header + music + "xyz"])
    spelled = [BEGIN, *vocabulary.encode(text).tolist()]

    class Speller(Spelling):
        def step(
            self, ids: NDArray[np.int32], state: tuple[NDArray[Any], ...]
        ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...]]:
            (position,) = state
            logits = np.full((len(ids), vocabulary.size), -np.inf, np.float32)
            logits[np.arange(len(ids)), (*spelled[1:], END)[int(position[0])]] = np.log(9.0)
            logits[:, vocabulary.encode("x")] = 0.0
            return logits, (position + 1,)

    config = SampleConfig(
        temperature=0.1, header_temperature=1.0, max_characters=len(text), batch_size=500
    )
    beginnings = ((number, text[:given]) for number in range(DRAWS // 4))
    texts = [sampled.text for sampled in sample(Speller(), vocabulary, beginnings, config, 3)]
    # Only of those whose first lines are as they should be it is known where the header ends.
    assert not any("x" in sampled[len(header) :] for sampled in texts if header in sampled)
    changed = sum(sampled[given] == "x" for sampled in texts) / len(texts)
    assert abs(changed - 0.1) < 0.03
    alike = config.replace(header_temperature=None)
    beginnings = ((number, text[:given]) for number in range(200))
    for sampled in sample(Speller(), vocabulary, beginnings, alike, 3):
        assert sampled.text == text


def test_a_beginning_that_breaks_the_constraint_is_refused() -> None:
    with pytest.raises(InputError, match="'d'"):
        list(sample(Spelling(), LETTERS, [(0, "d")], SampleConfig(), 1, constraint=Only("a")))


def test_texts_can_be_watched_while_they_are_drawn() -> None:
    seen: list[tuple[int, str]] = []
    config = SampleConfig(temperature=0)
    [sampled] = sample(
        Spelling(), LETTERS, [(7, "")], config, 1, watch=lambda *call: seen.append(call)
    )
    assert seen == [(7, character) for character in sampled.text]


def test_huge_logits_and_tiny_temperatures_do_not_overflow() -> None:
    logits = np.array([[0, 0, -3e38, 3e38, 1e38]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        for temperature in (0.0, 1e-320, 1e-300, LEAST_TEMPERATURE):
            assert choose(logits, np.array([0.999]), at(temperature)).tolist() == [3]


def test_below_the_least_temperature_the_most_likely_token_is_taken() -> None:
    logits = np.array([[0, 0, 1.0, 1.0 + 1e-6, 0]])
    assert choose(logits, np.array([0.0]), at(LEAST_TEMPERATURE)).tolist() == [2]
    assert choose(logits, np.array([0.0]), at(LEAST_TEMPERATURE / 2)).tolist() == [3]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_batch_size_changes_nothing(batch_size: int) -> None:
    prefixes = ["", "a", "bb", "", "abc"] * 4
    expected = _texts(Indifferent(), prefixes, seed=5)
    assert _texts(Indifferent(), prefixes, seed=5, batch_size=batch_size) == expected


def test_a_text_depends_on_its_number_and_not_on_its_neighbours() -> None:
    whole = _texts(Indifferent(), [""] * 10, seed=5)
    assert _texts(Indifferent(), [""] * 3, seed=5, first=4) == whole[4:7]
    assert len({sampled.text for sampled in whole}) > 5
    assert _texts(Indifferent(), [""] * 10, seed=6) != whole


@pytest.mark.parametrize("layers", [1, 2])
def test_a_real_network_draws_the_same_in_any_batch(
    layers: int, random_weights: Callable[[NetworkConfig, int], Weights]
) -> None:
    config = NetworkConfig(layers=layers, units=96, embedding=16, attention=layers == 2)
    network = StepNetwork(config, random_weights(config, LETTERS.size))
    texts = [
        _texts(network, [""] * 24, seed=2, batch_size=size, max_characters=60)
        for size in (1, 2, 5, 24)
    ]
    assert all(other == texts[0] for other in texts)


@pytest.mark.parametrize(("depth", "width"), [(96, 90), (256, 1024), (512, 2048), (640, 1536)])
def test_a_product_of_a_row_is_the_same_in_any_batch(depth: int, width: int) -> None:
    draw = np.random.default_rng(depth)
    rows, kernel = (
        draw.normal(size=size).astype(np.float32) for size in ((64, depth), (depth, width))
    )
    product = Linear(kernel, kernel[0])
    whole = product(rows)
    exact = rows.astype(np.float64) @ kernel + kernel[0]
    np.testing.assert_allclose(whole, exact, atol=1e-3)
    for count in (*range(1, 15), 17, 33):
        np.testing.assert_array_equal(product(rows[:count]), whole[:count])


@pytest.mark.parametrize("attention", [False, True])
def test_the_number_of_threads_changes_nothing(
    *,
    attention: bool,
    random_weights: Callable[[NetworkConfig, int], Weights],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = NetworkConfig(layers=2, units=32, embedding=8, attention=attention)
    network = StepNetwork(config, random_weights(config, LETTERS.size))

    def texts() -> list[Sampled]:
        return _texts(network, [""] * 11, seed=2, batch_size=11, max_characters=70)

    alone, working = texts(), set[str]()
    monkeypatch.setattr("abcgen.model.cells.MIN_THREAD_ROWS", 2)
    monkeypatch.setattr("abcgen.model.cells.threads", lambda: 3)
    step = LSTMCell.step

    def watched(lstm: LSTMCell, *arrays: Any) -> Any:
        working.add(threading.current_thread().name)
        return step(lstm, *arrays)

    monkeypatch.setattr(LSTMCell, "step", watched)
    assert texts() == alone
    assert len(working) > 1


def test_unknown_characters_of_a_beginning_are_kept() -> None:
    assert [sampled.text for sampled in _texts(Spelling(), ["z", "bz"])] == ["zabcd", "bzabcd"]


def test_the_unknown_character_is_never_drawn() -> None:
    likely = Fixed(np.full(4, -60.0))
    likely._logits[UNKNOWN] = 99.0
    assert set(_texts(likely, [""], max_characters=30)[0].text) <= set("abcd")


def test_unknown_characters_of_a_beginning_can_be_watched() -> None:
    seen: list[str] = []
    config = SampleConfig(temperature=0)
    watch = lambda _number, character: seen.append(character)  # noqa: E731 - one line says it
    list(sample(Spelling(), LETTERS, [(0, "z")], config, 0, watch=watch))
    assert "".join(seen) == "zabcd"


OUT_OF_RANGE: list[dict[str, Any]] = [
    {"temperature": -1},
    {"temperature": float("nan")},
    {"temperature": float("inf")},
    {"count": 0},
    {"count": 100_001},
    {"top_k": -1},
    {"top_p": 0.0},
    {"top_p": 1.01},
    {"max_characters": 0},
    {"max_attempts": 0},
    {"batch_size": 0},
    {"batch_size": 1.5},
]


@pytest.mark.parametrize("setting", OUT_OF_RANGE)
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        SampleConfig(**setting)


def test_any_seed_from_0_is_accepted() -> None:
    check_seed(2**80)
    with pytest.raises(InputError, match="seed"):
        check_seed(-1)


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -1},
        {"seed": -1},
    ],
)
def test_sampling_checks_its_settings_too(setting: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        _texts(Spelling(), [""], **setting)


def test_no_beginnings_give_no_texts() -> None:
    assert _texts(Spelling(), []) == []


def test_any_numbers_may_be_drawn_in_any_order() -> None:
    whole = _texts(Indifferent(), [""] * 9, seed=5)
    wanted = [(7, ""), (2, "")]
    some = sample(Indifferent(), LETTERS, wanted, SampleConfig(temperature=1.0), 5)
    assert list(some) == [whole[7], whole[2]]


def test_beginnings_are_read_a_batch_at_a_time() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[tuple[int, str]]:
        for number in range(10**9):
            asked.append(number)
            yield number, ""

    texts = sample(Spelling(), LETTERS, numbers(), SampleConfig(batch_size=4), 0)
    assert [next(texts).number for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    assert asked == list(range(8))


def test_batches_before_an_unreadable_beginning_are_drawn() -> None:
    beginnings = enumerate(["a", "z"])
    old, config = Vocabulary("abcd", OLD_SPECIAL_TOKENS), SampleConfig(temperature=0, batch_size=1)
    texts = sample(Indifferent(), old, beginnings, config, 0)
    assert next(texts).text.startswith("a")
    with pytest.raises(InputError, match="'z'"):
        next(texts)


TWO = Vocabulary("ab")
A, B = TWO.encode("ab").tolist()


class Countdown:
    """A constraint to a, and to b only if more characters may come than have been read."""

    start = 10

    def allowed(self, state_id: int, remaining: int) -> frozenset[str]:
        return frozenset("ab" if remaining > state_id - 10 else "a") | {"", "never known"}

    def advance(self, state_id: int, character: str) -> int:
        if character == "b" and state_id == 10:
            raise KeyError(character)
        return state_id + 1

    def prune(self) -> bool:
        return False

    def max_distance(self, state_id: int) -> int:
        return state_id - 10


def allowed(mask: TokenMask, row: int, remaining: int) -> list[int]:
    return np.flatnonzero(mask.allowed(np.array([row], np.int32), remaining)[0][0]).tolist()


def after(mask: TokenMask, row: int, number: int) -> int:
    return int(mask.advance(np.array([row], np.int32), np.array([number], np.int32))[0])


def test_allowed_tokens_depend_on_the_remaining_length() -> None:
    mask = TokenMask(Countdown(), TWO)
    row = after(mask, after(mask, mask.start, A), A)
    assert allowed(mask, row, 9) == [END, A, B]
    assert allowed(mask, row, 2) == [END, A]
    assert allowed(mask, row, 9) == [END, A, B]


def test_states_are_numbered_as_they_are_reached() -> None:
    mask = TokenMask(Countdown(), TWO)
    assert [after(mask, mask.start, A), after(mask, mask.start, A)] == [1, 1]


def test_the_tables_grow() -> None:
    mask = TokenMask(Countdown(), TWO)
    row = mask.start
    for _ in range(2 * FIRST_ROWS):
        row = after(mask, row, A)
    assert row == 2 * FIRST_ROWS
    assert allowed(mask, row, 10**6) == [END, A, B]


def test_unknown_characters_are_followed_by_what_they_are() -> None:
    mask = TokenMask(Countdown(), TWO)
    rows, unknown = np.zeros(2, np.int32), np.full(2, UNKNOWN, np.int32)
    for characters in ("xy", "zb"):  # the same id, and never the same character
        with pytest.raises(InputError, match="'b'") if "b" in characters else nullcontext():
            assert mask.advance(rows, unknown, dict(enumerate(characters))).tolist() == [1, 1]


def test_a_forbidden_token_is_refused() -> None:
    with pytest.raises(InputError, match="'b'"):
        after(TokenMask(Countdown(), TWO), 0, B)
