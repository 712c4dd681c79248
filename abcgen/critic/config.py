"""How a critic is learnt and used."""

from __future__ import annotations

from pydantic import Field

from abcgen.config import Schema

# Tunes drawn for each one wanted, where the network has a critic.
CANDIDATES = 8


class CriticConfig(Schema):
    """How the critic of a network is learnt."""

    samples: int = Field(
        1500, ge=1, le=100_000, description="Tunes to sample from the network, to learn from."
    )
    minutes: float = Field(
        2.0, ge=0.0, le=1e6, description="Stop sampling after this many minutes."
    )
