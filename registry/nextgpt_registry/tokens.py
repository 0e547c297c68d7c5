"""The ids of a tokenizer's tokens, from its files. Tokenizes nothing, and needs no transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LARGEST = 64_000_000  # bytes; tokenizers of a million tokens are smaller


def highest_text_token(folder: Path) -> tuple[int, str] | None:
    """The last id that a text may be given, and its token; None where the files do not say.

    Control tokens are left out: no text spells them.
    """
    whole = _read(folder / "tokenizer.json")
    if isinstance(whole, Mapping):
        found = _pieces(whole.get("model"))
        added = whole.get("added_tokens")
        control = set()
        for token in added if isinstance(added, list) else []:
            if isinstance(token, Mapping) and isinstance(token.get("id"), int):
                found[token["id"]] = str(token.get("content", ""))
                if token.get("special"):
                    control.add(token["id"])
        told = {i: token for i, token in found.items() if i not in control}
    else:
        told = {}
        for name in ("vocab.json", "added_tokens.json"):
            told |= _by_id(_read(folder / name))
        for i, token in _control(folder).items():
            told.pop(i, token)
    return max(told.items()) if told else None


def _pieces(model: Any) -> dict[int, str]:
    """id -> token, of the model in a `tokenizer.json`."""
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    if isinstance(vocabulary, list):  # Unigram: (piece, score) in the order of ids
        last = vocabulary[-1:]
        named = bool(last) and isinstance(last[0], list) and bool(last[0])
        return {len(vocabulary) - 1: str(last[0][0])} if named else {}
    return _by_id(vocabulary)


def _by_id(vocabulary: Any) -> dict[int, str]:
    if not isinstance(vocabulary, Mapping):
        return {}
    return {i: token for token, i in vocabulary.items() if isinstance(i, int)}


def _control(folder: Path) -> dict[int, str]:
    """id -> token, of the special ones that `tokenizer_config.json` lists."""
    config = _read(folder / "tokenizer_config.json")
    listed = config.get("added_tokens_decoder") if isinstance(config, Mapping) else None
    return {
        int(i): str(token.get("content", ""))
        for i, token in (listed.items() if isinstance(listed, Mapping) else ())
        if isinstance(token, Mapping) and token.get("special") and i.isdecimal()
    }


def _read(path: Path) -> Any:
    """The JSON of a file; None where there is none that can be read: building says so, in full."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
