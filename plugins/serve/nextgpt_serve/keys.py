"""Keys of callers, in a file that holds no key: a hash of each, its name and its quotas.

A key is 256 random bits, so its SHA-256 can no more be guessed than itself, and a slow hash would
add nothing. Knows no request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nextgpt_registry.aside import replacing
from nextgpt_registry.errors import ConfigError

_PREFIX = "sk-nextgpt-"


class Key(BaseModel):
    """What is known of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    created: int  # seconds since 1970
    requests: int | None = Field(default=None, gt=0)  # a minute
    megabytes: int | None = Field(default=None, gt=0)  # of requests, a minute


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[Key] = []


class Keyring:
    """The keys of a file, which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: list[Key] = []
        self._refresh()

    def find(self, token: str) -> Key | None:
        """The key that a token is; each is compared, whichever it is.

        Raises:
            ConfigError: the file cannot be read any more.
        """
        self._refresh()
        given, found = _hash(token), None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, given):
                found = key
        return found

    def _refresh(self) -> None:
        try:
            told = self._path.stat()
        except OSError as error:
            raise _unreadable(self._path, error) from error
        seen = (told.st_mtime_ns, told.st_size, told.st_ino)
        if seen != self._seen:
            self._keys = read_keys(self._path)
            self._seen = seen


def read_keys(path: Path) -> list[Key]:
    """The keys of a file.

    Raises:
        ConfigError: there is none, or it holds something else.
    """
    try:
        return _File.model_validate_json(path.read_bytes()).keys
    except (OSError, ValidationError) as error:
        raise _unreadable(path, error) from error


def add_key(
    path: Path, name: str, *, requests: int | None = None, megabytes: int | None = None
) -> str:
    """A new key, which is told this once and never again.

    Raises:
        ConfigError: the name is taken, or the file cannot be used.
    """
    keys = read_keys(path) if path.exists() else []
    if any(key.name == name for key in keys):
        raise ConfigError(f"key {name!r}", f"{path} has one of this name", "revoke it first")
    token = _PREFIX + secrets.token_urlsafe(32)
    made = {"name": name, "sha256": _hash(token), "created": int(time.time())}
    try:
        key = Key.model_validate({**made, "requests": requests, "megabytes": megabytes})
    except ValidationError as error:
        fix = "give a name of 1 to 100 characters, and quotas above 0"
        raise ConfigError(f"key {name[:100]!r}", error.errors()[0]["msg"], fix) from error
    _write(path, [*keys, key])
    return token


def revoke_key(path: Path, name: str) -> None:
    """Let nobody in by this key any more; a server that runs heeds it at once.

    Raises:
        ConfigError: there is no such key.
    """
    keys = read_keys(path)
    left = [key for key in keys if key.name != name]
    if len(left) == len(keys):
        known = ", ".join(key.name for key in keys) or "none"
        raise ConfigError(f"key {name!r}", f"{path} has none of this name", f"there are: {known}")
    _write(path, left)


def _write(path: Path, keys: list[Key]) -> None:
    text = _File(keys=keys).model_dump_json(indent=1, exclude_none=True) + "\n"
    try:
        with replacing(path) as aside:
            aside.write_text(text, encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise ConfigError(str(path), f"cannot be written: {error}", "choose another") from error


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _unreadable(path: Path, error: Exception) -> ConfigError:
    what = error.strerror if isinstance(error, OSError) else "holds no keys"
    return ConfigError(str(path), f"cannot be read: {what}", "`nextgpt keys add` makes one")
