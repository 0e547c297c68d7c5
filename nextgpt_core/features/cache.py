"""Tensors kept by key, in memory and on disk, each within a bound. Knows not what they mean.

What is put is what is got back, bit for bit, so that a run which finds a tensor here goes on
exactly as one that had to make it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cachetools import LRUCache
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

_TENSOR = "x"
_FORGOTTEN_S = 3600


class TensorCache:
    """Least recently used first out, in memory as on disk; safe to share between processes.

    Without a `folder` nothing is on disk.
    """

    def __init__(
        self, folder: Path | None = None, *, memory_bytes: int, disk_bytes: int = 0
    ) -> None:
        self._folder = folder if disk_bytes else None
        self._memory: LRUCache[str, Tensor] = LRUCache(memory_bytes, getsizeof=_bytes)
        self._limit = disk_bytes
        self._lock = threading.Lock()
        if self._folder is not None:
            _sweep(self._folder)
        self._files = _oldest_first(self._folder) if self._folder else OrderedDict()
        self._size = sum(self._files.values())
        self.made = 0  # how many had to be made
        self.asked = 0
        self._last = (0, 0)

    @property
    def size(self) -> int:
        """The bytes in memory now."""
        return int(self._memory.currsize)

    def get(self, owner: str, name: str) -> Tensor | None:
        """The tensor of `owner` by this name, now the one used last; None if it is not held."""
        key = _key(owner, name)
        with self._lock:
            if (tensor := self._memory.get(key)) is not None:
                return tensor
        if (tensor := self._read(key)) is not None:
            self._remember(key, tensor)
        return tensor

    def put(self, owner: str, name: str, tensor: Tensor) -> None:
        """Hold a tensor: in memory unless it alone is more than the limit, and on disk."""
        key = _key(owner, name)
        self._remember(key, tensor)
        if self._folder is not None:
            self._write(key, tensor)

    def clear(self) -> None:
        """Hold nothing in memory."""
        with self._lock:
            self._memory.clear()

    def get_or_make(
        self,
        owner: str,
        names: Sequence[str],
        make: Callable[[Sequence[int]], Sequence[Tensor]],
    ) -> list[Tensor]:
        """The tensors of `owner` by these names; those not held are made, all at once.

        `make` gets their places in `names`.
        """
        found = {place: self.get(owner, name) for place, name in enumerate(names)}
        missing = [place for place, tensor in found.items() if tensor is None]
        for place, tensor in zip(missing, make(missing) if missing else (), strict=True):
            self.put(owner, names[place], tensor)
            found[place] = tensor
        self.tell(asked=len(names), made=len(missing))
        return [tensor for tensor in found.values() if tensor is not None]

    def tell(self, *, asked: int, made: int) -> None:
        """Count what was asked for, and what of it had to be made."""
        self.asked += asked
        self.made += made

    def share(self) -> float:
        """The share that was held, of all asked for since this was last asked; 1 if none was."""
        asked, made = self.asked - self._last[0], self.made - self._last[1]
        self._last = self.asked, self.made
        return 1 - made / asked if asked else 1.0

    def _remember(self, key: str, tensor: Tensor) -> None:
        with self._lock, suppress(ValueError):  # larger than all the room there is
            self._memory[key] = tensor

    def _write(self, key: str, tensor: Tensor) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        save_file({_TENSOR: tensor.contiguous()}, aside)
        size = aside.stat().st_size
        aside.replace(path)
        with self._lock:
            self._size += size - self._files.pop(key, 0)
            self._files[key] = size
            while self._size > self._limit and len(self._files) > 1:
                oldest, freed = self._files.popitem(last=False)
                self._size -= freed
                self._path(oldest).unlink(missing_ok=True)

    def _read(self, key: str) -> Tensor | None:
        if self._folder is None:
            return None
        path = self._path(key)
        try:
            tensor = load_file(path)[_TENSOR]
            os.utime(path)  # its age is when it was last used
        except (OSError, SafetensorError, KeyError):  # absent, torn or evicted just now
            return None
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
        return tensor

    def _path(self, key: str) -> Path:
        assert self._folder is not None
        return self._folder / key[:2] / f"{key}.safetensors"


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _key(owner: str, name: str) -> str:
    return hashlib.sha256(f"{owner}|{name}".encode()).hexdigest()


def _sweep(folder: Path) -> None:
    """Remove what killed processes were writing: nobody takes an hour to write a tensor."""
    for path in folder.glob("*/*.safetensors.*"):
        with suppress(OSError):  # another process may have put it in its place just now
            if time.time() - path.stat().st_mtime > _FORGOTTEN_S:
                path.unlink()


def _oldest_first(folder: Path) -> OrderedDict[str, int]:
    found = []
    for path in folder.glob("*/*.safetensors"):
        try:
            status = path.stat()
        except OSError:  # another process has just evicted it
            continue
        found.append((status.st_mtime_ns, path.stem, status.st_size))
    return OrderedDict((key, size) for _, key, size in sorted(found))
