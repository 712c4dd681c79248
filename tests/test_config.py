"""Settings and their bounds, whoever wrote them down."""

from __future__ import annotations

import json

import pytest

from abcgen.config import (
    BlindTestConfig,
    NetworkConfig,
    SampleConfig,
    Schema,
    SplitConfig,
    TrainConfig,
    bounds_of,
)
from abcgen.errors import InputError

SCHEMAS = (NetworkConfig, TrainConfig, SampleConfig, SplitConfig, BlindTestConfig)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_setting_has_a_meaning_and_every_number_its_bounds(schema: type[Schema]) -> None:
    schema()
    for name, field in schema.model_fields.items():
        assert (field.description or "").endswith("."), name
        if type(field.default) in {int, float}:
            assert bounds_of(field)[0] is not None, name


@pytest.mark.parametrize(
    ("schema", "setting"),
    [
        (NetworkConfig, {"units": 0}),
        (NetworkConfig, {"units": True}),
        (NetworkConfig, {"units": 8.0}),
        (NetworkConfig, {"dropout": "0.1"}),
        (NetworkConfig, {"dropout": float("nan")}),
        (NetworkConfig, {"attention": 1}),
        (NetworkConfig, {"kind": "transformer"}),
        (NetworkConfig, {"kind": ["stream"]}),
        (NetworkConfig, {"colour": "red"}),
        (TrainConfig, {"minutes": float("inf")}),
        (TrainConfig, {"seed": 2**31}),
    ],
)
def test_a_setting_of_the_wrong_type_or_size_is_named(
    schema: type[Schema], setting: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=next(iter(setting))):
        schema(**setting)
    with pytest.raises(InputError, match=next(iter(setting))):
        schema().replace(**setting)
    with pytest.raises(InputError, match=next(iter(setting))):
        schema.from_json(json.dumps(setting))


@pytest.mark.parametrize("text", ["[]", "null", "{", "[" * 100_000, b"\xff"])
def test_settings_that_are_no_object_are_refused(text: str | bytes) -> None:
    with pytest.raises(InputError):
        TrainConfig.from_json(text)


def test_a_seed_is_one_that_every_backend_takes() -> None:
    assert TrainConfig(seed=2**31 - 1).seed == 2**31 - 1
