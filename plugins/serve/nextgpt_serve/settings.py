"""How a server runs: where it listens, whom it lets in, how much it holds. Knows no request."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from nextgpt_registry.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """Bounds are of the whole server; a key may have narrower ones of its own."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free
    studio: bool = False  # whether there is a page at `/`
    keys: Path | None = None  # the file that `nextgpt keys` writes; None: everybody is let in
    names: tuple[str, ...] = ()  # host names that it answers to, beside its own
    public_url: str = ""  # what addresses of media begin with, where a proxy stands before it
    fetch: tuple[str, ...] = ()  # hosts whose addresses a request may name
    at_once: int = 32  # answers under way
    waiting: int = 64  # answers that wait for one of these to end
    deadline_s: float = 300.0  # for a request, its waiting included
    body_bytes: int = 64 << 20  # of a request
    body_s: float = 60.0  # for a request to arrive
    media_bytes: int = 256 << 20  # of the media that are kept for those who asked for them
    media_s: float = 3600.0  # how long one of them is kept
    memory_bytes: int | None = None  # of this process: above it, requests are refused
    drain_s: float = 60.0  # for requests under way to end, once it is asked to stop

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self, *, open_to_all: bool) -> None:
        """Hold that whoever is let in from elsewhere has a key, unless that was said.

        Raises:
            ConfigError: everybody would be let in.
        """
        if not (self.is_local or self.keys or open_to_all):
            raise ConfigError(
                f"--host {self.host}",
                "is reached from elsewhere, and there are no keys",
                "give --keys FILE (`nextgpt keys add NAME --file FILE` makes one), or say "
                "--no-keys to let everybody in",
            )
