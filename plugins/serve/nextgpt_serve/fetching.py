"""What lies at an address, if its host was allowed by whoever runs the server.

A host is looked up once, and the connection goes to the address that was checked, so that a name
that changes its answer gains nothing. Each redirect is a new address, and is checked as the first.
"""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from nextgpt_registry.media import Blob
from nextgpt_serve.addresses import is_public
from nextgpt_serve.errors import ApiError

Resolve = Callable[[str, int], Sequence[str]]
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_CHUNK = 1 << 16
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}$", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")


def addresses_of(host: str, port: int) -> list[str]:
    """What a host's name stands for now."""
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True)
class Fetcher:
    """Fetches from `hosts`: names, each with the port where it is not the usual one."""

    hosts: tuple[str, ...]
    seconds: float = 20.0
    at_once: int = 8
    resolve: Resolve = addresses_of
    reachable: Callable[[str], bool] = is_public

    def __post_init__(self) -> None:
        """Fetches wait for each other."""
        vars(self)["_places"] = asyncio.Semaphore(self.at_once)

    async def __call__(self, address: str, most_bytes: int) -> Blob:
        """What is there, if it is no more than so much.

        Raises:
            ApiError: it may not be fetched, or cannot.
        """
        async with vars(self)["_places"]:
            return await asyncio.to_thread(self._fetch, address, most_bytes)

    def _fetch(self, address: str, most_bytes: int) -> Blob:
        until = time.monotonic() + self.seconds
        for _ in range(_MOST_REDIRECTS + 1):
            url = self._allowed(address)
            found = self._get(url, most_bytes, until)
            if isinstance(found, Blob):
                return found
            address = urljoin(url.geturl(), found)
        raise _refused("redirects too often")

    def _allowed(self, address: str) -> SplitResult:
        """The parts of an address that may be fetched."""
        if not _PRINTABLE.fullmatch(address):
            raise _refused("its address holds blanks or other signs")
        try:
            url = urlsplit(address)
            host, port = url.hostname or "", url.port
        except ValueError:
            raise _refused("its address cannot be read") from None
        if url.scheme not in _PORTS or url.username is not None or url.password is not None:
            raise _refused("its address is none of http or https, or has a user in it")
        usual = port in (None, _PORTS[url.scheme])
        named = host if usual else f"{host}:{port}"
        if named not in {one.lower() for one in self.hosts}:
            raise _refused("its host is none that this server fetches from")
        return url

    def _get(self, url: SplitResult, most_bytes: int, until: float) -> Blob | str:
        """What is there, or where it is instead."""
        host, port = str(url.hostname), url.port or _PORTS[url.scheme]
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError):
            raise _failed("its host is not known") from None
        if not found or not all(map(self.reachable, found)):
            raise _refused("its host is not of the public net")
        connection = _Pinned(host, port, found[0], secure=url.scheme == "https", until=until)
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("GET", target, headers={"Accept-Encoding": "identity"})
            with connection.getresponse() as response:
                return _taken(url, response, most_bytes, until)
        except (OSError, http.client.HTTPException):
            raise _failed("its host did not answer as it should") from None
        finally:
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """To the address that was checked, under the host's name."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool, until: float) -> None:
        super().__init__(host, port, timeout=max(0.1, until - time.monotonic()))
        self._address, self._secure = address, secure

    def connect(self) -> None:
        """Connect, and prove the host where it has a certificate."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        if not self._secure:
            self.sock = plain
            return
        try:
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _taken(
    url: SplitResult, response: http.client.HTTPResponse, most_bytes: int, until: float
) -> Blob | str:
    if response.status in _REDIRECTS:
        return response.headers.get("Location", "")
    if response.status != 200:
        raise _failed(f"its host answers {response.status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _failed("its host sends it packed, unasked")
    data = bytearray()
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > most_bytes:
            raise _refused(f"is larger than {most_bytes:,} bytes")
        if time.monotonic() > until:
            raise _failed("takes too long")
    suffix = _SUFFIX.search(url.path)
    mime = response.headers.get_content_type()
    return Blob(bytes(data), name=f"fetched{suffix[0].lower() if suffix else ''}", mime=mime)


def _refused(what: str) -> ApiError:
    return ApiError(400, f"a medium is not fetched: {what}", code="address_refused")


def _failed(what: str) -> ApiError:
    return ApiError(400, f"a medium cannot be fetched: {what}", code="address_failed")
