"""Evaluate any program's tunes (``evaluate_tunes``), or several networks (``compare_networks``).

Both measure as ``evaluating`` does, with a column for each source.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from abcgen.corpus.records import extract_of
from abcgen.errors import InputError, NotationError
from abcgen.evaluation.baselines import LZMA, NGRAMS
from abcgen.evaluation.measures import Sample, measure_sample
from abcgen.evaluation.report import (
    NGRAM_SAMPLES,
    PREDICTORS,
    REAL,
    SOURCES,
    Evaluation,
)
from abcgen.model.checkpoint import load_checkpoint, load_description
from abcgen.model.sampling import check_seed
from abcgen.pipeline.checking import CheckerPool
from abcgen.pipeline.checkpoints import checkpoint_hash, read_training_tunes
from abcgen.pipeline.evaluating import (
    MIN_SAMPLES,
    TEST,
    VALIDATION,
    EvaluationSampler,
    check_count,
    general_notes,
    held_out_texts,
    known_to,
    measure_sources,
    real_tunes,
    requests_delivered,
    score_tunes,
    texts_of,
    verdicts_on,
)
from abcgen.pipeline.held_out import halved, read_held_out, unseen_tunes
from abcgen.pipeline.networks import short_name_of
from abcgen.pipeline.timing import TimedStages
from abcgen.pipeline.voices import refuse_voices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from abcgen.config import SampleConfig
    from abcgen.corpus.overlap import TrainingTunes
    from abcgen.corpus.reading import Corpus
    from abcgen.evaluation.measures import Delivery, Figures, TuneVerdict
    from abcgen.model.checkpoint import Checkpoint
    from abcgen.model.sampling import Sampled
    from abcgen.notation.tune import Tune
    from abcgen.pipeline.held_out import HeldOut
    from abcgen.pipeline.timing import Stage

SAMPLES = "samples"  # the column of another program's tunes


def evaluate_tunes(
    judged: Corpus,
    name: str,
    folder: Path,
    seed: int,
    stage: Stage,
    tunes: Sequence[Tune] | None = None,
) -> Evaluation:
    """Evaluate tunes of any program beside real ones.

    Args:
        judged: The tunes; what cannot be read counts as wrong.
        name: The name of their column.
        folder: The checkpoint whose held-out tunes are the real ones, and with whose training tunes
            they are compared.
        seed: Seed of the order of the real tunes.
        stage: See ``evaluating.evaluate``.
        tunes: Real tunes instead of those of the checkpoint.

    Raises:
        CheckpointError: if the checkpoint cannot be read, or holds no tunes to evaluate on.
        InputError: if there are too few tunes.
    """
    timed = TimedStages(stage)
    check_seed(seed)
    texts = [*map(_text_of, judged.tunes), *(f"%{n}\n" for n, _ in enumerate(judged.skipped))]
    if len(texts) < MIN_SAMPLES:
        raise InputError(f"{len(texts)} tunes are too few to judge", hint="give 20 or more")
    notes = general_notes()
    if judged.skipped:
        notes.append(f"{len(judged.skipped)} tunes of {name} could not be read, and count as wrong")
    if tunes is None:
        refuse_voices(load_description(folder).network, "what tunes are judged by")
        held_out, training_tunes = read_held_out(folder), read_training_tunes(folder)
        where = f"held out from the training of {short_name_of(folder)}"
        notes.append(f"copying is looked for among the tunes that {short_name_of(folder)} learnt")
    else:
        held_out, training_tunes = halved([extract_of(tune) for tune in tunes]), None
        where = "given"
        notes.append("what the program learnt from is not known: nothing on copying")

    all_texts = {SAMPLES: texts, **held_out_texts(held_out, seed)}
    with CheckerPool(training_tunes) as checkers:
        verdicts = verdicts_on(all_texts, {}, checkers, timed)
    figures = {
        **_baselines(held_out),
        **measure_sources(verdicts, {}, {}, timed),
    }
    facts = {
        "samples_of": name,
        "samples": len(texts),
        "seed": seed,
        **_sizes(held_out),
        "seconds": timed.seconds,
    }
    return Evaluation(
        facts,
        figures,
        verdicts,
        tuple(notes),
        title=f"How good are the tunes of {name}?",
        introduction=f"{len(texts):,} tunes of {name} were set beside {real_tunes(facts)}, "
        f"real ones {where}. None was left out; what cannot be read counts as wrong, and is in "
        "none of what is measured of tunes.",
        sources={REAL: SOURCES[REAL], SAMPLES: name, NGRAM_SAMPLES: SOURCES[NGRAM_SAMPLES]},
        heard=(SAMPLES,),
    )


def _text_of(tune: Tune) -> str:
    """Return a tune as a network would write it; one that cannot be written so cannot be read."""
    try:
        return extract_of(tune).example.text
    except NotationError:
        return f"%{tune.number} {tune.title}\n"


def compare_networks(
    folders: Sequence[Path],
    config: SampleConfig,
    seed: int,
    stage: Stage,
    tunes: Sequence[Tune] | None = None,
) -> Evaluation:
    """Evaluate networks side by side, on the same tunes: a column each, drawn with the grammar.

    Args:
        folders: Their checkpoints.
        config: How to sample; ``count`` texts of each.
        seed: Seed of all samples.
        stage: See ``evaluating.evaluate``.
        tunes: Tunes to evaluate on instead of those saved in the checkpoints; those that one of the
            networks learnt are not used.

    Raises:
        CheckpointError: if a checkpoint cannot be read, or holds no tunes to evaluate on.
        InputError: if the networks held out different tunes and no others are given, or too few
            samples are wanted.
    """
    timed = TimedStages(stage)
    check_seed(seed)
    check_count(config)
    names = _names_of(folders)
    checkpoints = dict(zip(names, map(load_checkpoint, folders), strict=True))
    for checkpoint in checkpoints.values():
        refuse_voices(checkpoint.network, "set side by side")
    learnt = dict(zip(names, map(read_training_tunes, folders), strict=True))
    held_out = (
        _same_held_out(names, folders)
        if tunes is None
        else _unseen_by_all(tunes, checkpoints, list(learnt.values()))
    )
    unknown = [name for name in names if not learnt[name]]
    notes = [f"{name} does not tell what it learnt: nothing on copying" for name in unknown]
    notes += general_notes()

    # 1) Bits of the test tunes, and texts with the grammar.
    scores, drawn, deliveries = {}, dict[str, "list[Sampled]"](), {}
    for name, checkpoint in checkpoints.items():
        held_out[name], missing = known_to(checkpoint, held_out[name])
        notes += [f"{name}: {note}" for note in missing]
        scores[name] = score_tunes(checkpoint, held_out[name].test, timed, f", {name}")
        sampler = EvaluationSampler(checkpoint, config, seed)
        drawn[name], deliveries[name] = _draw(sampler, config, timed, name)

    # 2) Verdicts, copying from what each learnt, and all measures.
    first = held_out[names[0]]
    with CheckerPool(None) as checkers:
        verdicts = verdicts_on(
            texts_of(drawn) | held_out_texts(first, seed), drawn, checkers, timed
        )
    for source in (*names, TEST, VALIDATION):
        known = learnt.get(source, learnt[names[0]])
        verdicts[source] = [_with_overlap(verdict, known) for verdict in verdicts[source]]
    replaced = {
        name: [(sampled.forced, sampled.drawn) for sampled in samples]
        for name, samples in drawn.items()
    }
    figures = _baselines(first)
    figures |= measure_sources(verdicts, deliveries, replaced, timed, scores)
    hashes = dict(zip(names, map(checkpoint_hash, folders), strict=True))
    facts = {"networks": names, "checkpoint_hashes": hashes, "samples": config.count}
    facts |= {name: getattr(config, name) for name in ("temperature", "top_k", "top_p")}
    facts |= {"seed": seed, **_sizes(first), "seconds": timed.seconds}
    return _side_by_side(facts, figures, verdicts, notes)


def _side_by_side(
    facts: dict[str, Any],
    figures: dict[str, Figures],
    verdicts: dict[str, list[TuneVerdict]],
    notes: list[str],
) -> Evaluation:
    """Return figures with a column for each network."""
    names = facts["networks"]
    own = {name: name for name in names}
    return Evaluation(
        facts,
        figures,
        verdicts,
        tuple(notes),
        title=f"{', '.join(names)} side by side",
        introduction=f"{facts['samples']:,} tunes of each were drawn with the grammar at "
        f"temperature {facts['temperature']:g}, seed {facts['seed']}, and set beside "
        f"{real_tunes(facts)}, real ones that none of them learnt. Nothing was chosen or left out; "
        "what cannot be read counts as wrong, and is in none of what is measured of tunes.",
        predictors={**own, NGRAMS: PREDICTORS[NGRAMS], LZMA: PREDICTORS[LZMA]},
        sources={REAL: SOURCES[REAL], **own, NGRAM_SAMPLES: SOURCES[NGRAM_SAMPLES]},
        heard=tuple(names),
    )


def _draw(
    sampler: EvaluationSampler, config: SampleConfig, stage: Stage, name: str
) -> tuple[list[Sampled], list[Delivery]]:
    """Return texts with the grammar, and comparisons of texts with requests."""
    with stage(f"drawing with the grammar, {name}") as on_progress:
        drawn = sampler.constrained(config.count, on_progress)
    with stage(f"drawing what is asked for, {name}") as on_progress:
        asked = requests_delivered(sampler, config, free=False, on_progress=on_progress)
    return drawn, asked


def _names_of(folders: Sequence[Path]) -> list[str]:
    """Return the names of checkpoints, with numbers where two have the same."""
    names: list[str] = []
    for folder in folders:
        name, number = short_name_of(folder), 2
        while name in names or name in {REAL, NGRAM_SAMPLES, TEST, VALIDATION, NGRAMS, LZMA}:
            name, number = f"{short_name_of(folder)} ({number})", number + 1
        names.append(name)
    return names


def _same_held_out(names: Sequence[str], folders: Sequence[Path]) -> dict[str, HeldOut]:
    """Return the held-out tunes of every network, as it reads them.

    Raises:
        InputError: if they are not the same tunes.
    """
    held_out = dict(zip(names, map(read_held_out, folders), strict=True))
    # Headers differ between networks that are told different things.
    music = {
        tuple(sorted(tune.text.rstrip("\n").rpartition("\n")[2] for tune in tunes.test))
        for tunes in held_out.values()
    }
    if len(music) > 1:
        raise InputError(
            "these networks held out different tunes, on which their figures do not compare",
            hint="name tunes for all of them with --tunes",
        )
    return held_out


def _unseen_by_all(
    tunes: Sequence[Tune],
    checkpoints: dict[str, Checkpoint],
    learnt: Sequence[TrainingTunes | None],
) -> dict[str, HeldOut]:
    """Return the tunes that no network learnt, as each reads them."""
    kept = list(tunes)
    for training_tunes in learnt:
        extracts = [extract_of(tune) for tune in kept]
        unseen = set(map(id, unseen_tunes(extracts, training_tunes)))
        kept = [tune for tune, one in zip(kept, extracts, strict=True) if id(one) in unseen]
    return {
        name: halved(
            [extract_of(tune, chord_symbols=checkpoint.training.chord_symbols) for tune in kept]
        )
        for name, checkpoint in checkpoints.items()
    }


def _with_overlap(verdict: TuneVerdict, training_tunes: TrainingTunes | None) -> TuneVerdict:
    if training_tunes is None or verdict.tune is None:
        return verdict
    return replace(verdict, shared_bars=training_tunes.compare(verdict.tune).bars)


def _baselines(held_out: HeldOut) -> dict[str, Figures]:
    """Return the figures of predictors that every network is compared with."""
    return {name: measure_sample(Sample(scores=s)) for name, s in held_out.baselines.items()}


def _sizes(held_out: HeldOut) -> dict[str, int]:
    return {"test_tunes": len(held_out.test), "validation_tunes": len(held_out.validation)}
