"""Values as YAML on one line, quoted as a person would."""

from __future__ import annotations

import json

import yaml


def flow(value: object) -> str:
    """Return `value`, of texts, numbers, lists and mappings, as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return value if _plain(value) else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    dumped = yaml.safe_dump(text, default_style='"', width=10**9, allow_unicode=True)
    return str(dumped).removesuffix("\n")


def _plain(text: str) -> bool:
    """Say whether YAML reads the bare words as this text, also inside a list."""
    if not text[:1].isalpha():
        return False
    try:
        return bool(yaml.safe_load(f"[{text}]") == [text])
    except yaml.YAMLError:
        return False
