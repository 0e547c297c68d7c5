"""A system on disk: config, lock and one safetensors file per trained part. Knows no training.

    nextgpt.yaml            the config; its `weights` name the files below by sha256
    nextgpt.lock.json       what the parts were trained with
    signals.safetensors  lora.safetensors  project.<channel>.safetensors

and, for others (`save_for_others`):

    adapter_config.json  adapter_model.safetensors    the LoRA adapters once more, for peft
    README.md               a model card, written where there is none

In a folder that held another system, a file whose name that had taken is called
`<part>.<hash>.safetensors`; `saved.py` says why.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from nextgpt_core.assembly.card import hub_id, write_card
from nextgpt_core.assembly.saved import check_replaceable, exchange
from nextgpt_core.llm.lora import ADAPTER_FILES, save_adapter
from nextgpt_registry.anchors import anchored
from nextgpt_registry.config import Config, Weight
from nextgpt_registry.errors import ConfigError, LockError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.headers import PART
from nextgpt_registry.lock import LOCK_FILE, Lock, write_lock
from nextgpt_registry.tensors import save_compact

if TYPE_CHECKING:
    from nextgpt_core.system import System


def save_system(system: System, folder: Path, *, compact: bool = False) -> Path:
    """Write a system to `folder`, replacing a system saved there before; returns the folder.

    The language model, encoders and decoders are not copied: the config names their sources. What
    is untrained is not written: it is as untrained when it is loaded again.
    `compact` stores matrices as int8 with scales.

    Raises:
        ConfigError: the folder holds something else, or cannot be written to.
    """
    folder = folder.expanduser().absolute()
    try:
        check_replaceable(folder)
        for name in ADAPTER_FILES:  # of the system before, before it is another
            (folder / name).unlink(missing_ok=True)
        exchange(folder, lambda fresh: _write(system, fresh, compact=compact))
    except OSError as error:
        raise ConfigError(str(folder), f"cannot be written: {error}", "choose another") from error
    return folder


def save_for_others(system: System, folder: Path) -> Path:
    """Beside a saved system: its model card, and its LoRA adapters as peft writes them.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    llm = system.config.llm
    try:
        if llm.lora is not None and "lora" in system.model.trained_state():
            base = hub_id(llm.path) or "".join(llm.path)
            save_adapter(system.model.backbone, llm.lora, folder, base=base)
        write_card(system.plan, folder)
    except OSError as error:
        what = f"cannot be written: {error}"
        raise ConfigError(str(folder), what, "free space in it") from error
    return folder


def save_parts(
    parts: Mapping[str, Mapping[str, Tensor]], folder: Path, *, compact: bool = False
) -> dict[str, Weight]:
    """Write `<part>.safetensors` for each part; returns them as a config names them."""
    weights = {}
    for part, tensors in parts.items():
        path = folder / f"{part}.safetensors"
        if compact:
            save_compact(tensors, path, metadata={PART: part})
        else:
            whole = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
            save_file(whole, path, metadata={PART: part})
        weights[part] = Weight(source=f"file:{path.name}", sha256=sha256_of(path))
    return weights


def tokenizer_hash(tokenizer: Any) -> str:
    """The sha256 of what a tokenizer does: its vocabulary, its special tokens, its template."""
    told = {
        "vocabulary": sorted(tokenizer.get_vocab().items()),
        "special": sorted(map(str, tokenizer.all_special_tokens)),
        "template": tokenizer.chat_template,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def check_tokenizer(lock: Lock | None, tokenizer: Any) -> None:
    """Hold the tokenizer against a lock.

    Raises:
        LockError: it is another than the one the parts were trained with.
    """
    if lock is None or lock.tokenizer is None:
        return
    found = tokenizer_hash(tokenizer)
    if found != lock.tokenizer:
        raise LockError(
            "tokenizer",
            f"locked {lock.tokenizer[:12]}…, found {found[:12]}…",
            "use the language model, at the revision, that the lock was made with",
        )


def check_base(lock: Lock | None, origin: str | None) -> None:
    """Hold the language model's weights against a lock: trained parts fit no others.

    Raises:
        LockError: they are others.
    """
    if lock is None or lock.base is None or origin is None:
        return
    if origin != lock.base:
        raise LockError(
            "llm",
            "has other weights than those that the saved parts were trained beside: locked "
            f"{lock.base[:12]}…, found {origin[:12]}…",
            "use the language model, at the revision, that the lock was made with",
        )


def _write(system: System, folder: Path, *, compact: bool) -> Config:
    plan = system.plan
    weights = save_parts(system.model.trained_state(), folder, compact=compact)
    lock = plan.to_lock(
        tokenizer=tokenizer_hash(system.model.backbone.tokenizer),
        base=system.model.backbone.origin or (plan.lock.base if plan.lock else None),
        weights={part: weight.sha256 or "" for part, weight in weights.items()},
    )
    write_lock(lock, folder / LOCK_FILE)
    return anchored(plan.config, plan.base).model_copy(
        update={"weights": weights, "lock": LOCK_FILE}
    )
