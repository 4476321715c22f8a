"""The key under which a result may be kept."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def result_key(*, fingerprint: str, text: str, method: str, target: str | None, parameters: dict[str, Any], seed: int) -> str:
    """SHA-256 over everything that decides a result: model, text, method, target, parameters and seed."""
    content = [fingerprint, text, method, target, parameters, seed]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
