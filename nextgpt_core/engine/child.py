"""The far end of a `ProcessExecutor`: builds one decoder and answers calls. Never imports a system.

What crosses the pipe is tuples headed by a word; tensors cross as NumPy arrays.

    parent -> child   ("decode", items, options)   ("cancel",)
    child -> parent   ("ready",)  ("step", done, total)  ("made", media)  ("cancelled",)
                      ("failed", class name, who, what, fix)
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

import torch

from nextgpt_core.assembly.components import Item, Recipe, decode_items
from nextgpt_registry.errors import Cancelled, NextGPTError


def serve(pipe: Connection, recipe: Recipe) -> None:
    """Build the decoder, then answer calls until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it says what becomes
    try:
        component = recipe.build()
    except Exception as error:
        pipe.send(_failed(recipe, error))
        return
    pipe.send(("ready",))
    while True:
        try:
            message = pipe.recv()
        except EOFError:
            return
        if message[0] == "decode":
            pipe.send(_decode(pipe, component, recipe, message[1], message[2]))
        # A "cancel" that crossed with the result has nothing left to stop.


def pack(item: Item) -> Item:
    """The item with NumPy arrays in place of tensors (bfloat16 has none: float32 carries it)."""
    if item.conditions is None:
        return item
    arrays: Any = {k: v.detach().float().cpu().numpy() for k, v in item.conditions.items()}
    return replace(item, conditions=arrays)


def _unpack(item: Item) -> Item:
    if item.conditions is None:
        return item
    return replace(item, conditions={k: torch.from_numpy(v) for k, v in item.conditions.items()})


def _decode(
    pipe: Connection, component: Any, recipe: Recipe, items: Sequence[Item], options: Any
) -> tuple[Any, ...]:
    def on_step(done: int, total: int) -> None:
        if pipe.poll() and pipe.recv()[0] == "cancel":
            raise Cancelled
        pipe.send(("step", done, total))

    try:
        made = decode_items(component, recipe, [_unpack(i) for i in items], options, on_step)
    except Cancelled:
        return ("cancelled",)
    except Exception as error:
        return _failed(recipe, error)
    return ("made", made)


def _failed(recipe: Recipe, error: Exception) -> tuple[Any, ...]:
    if isinstance(error, NextGPTError):
        return ("failed", type(error).__name__, error.who, error.what, error.fix)
    what = f"{type(error).__name__}: {error}"
    return ("failed", "DecodeError", str(recipe.blame), what, "it happened in its own process")
