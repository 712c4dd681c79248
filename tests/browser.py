"""Helpers for tests in a browser."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT = 20.0  # seconds; a busy machine is slow to start audio


def wait_for(condition: Callable[[], Any], seconds: float = TIMEOUT, what: object = "") -> Any:
    """Wait until a condition holds, and return what it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds: {what}")


def requested_urls(browser: Any) -> list[str]:
    """Return the addresses that the page requested."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
