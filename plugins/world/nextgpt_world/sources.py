"""npm and Debian packages as sources of data: `npm:` and `deb:`. Knows nothing that is in them.

    npm:NAME@VERSION/member          a member of an npm package, through `npm pack`
    deb:NAME[=VERSION]/member        a member of a Debian package, through apt-get

Nothing fetched is run: npm's scripts are off, and a Debian package is downloaded, never installed.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.clients import run_client
from nextgpt_registry.fetch.progress import Report
from nextgpt_registry.fetch.schemes import Scheme

_NPM_PART = r"[A-Za-z0-9][\w.~-]*"
_DEBIAN = "deb: sources need a Debian-like system"


def _npm_package(who: str, spec: str, into: Path, report: Report) -> Path:
    command = ["npm", "pack", "--ignore-scripts", "--pack-destination", str(into), spec]
    fix = "install npm (it comes with Node.js)"
    return run_client(who, command, into, report, wanted="*.tgz", fix=fix)


def _npm_tar(archive: Path) -> tarfile.TarFile:
    return tarfile.open(archive, "r:gz")


def _npm_name(name: str) -> str:
    return name.partition("/")[2]  # of `package/…`


def _deb_package(who: str, spec: str, into: Path, report: Report) -> Path:
    command = ["apt-get", "download", "-q", spec]
    return run_client(who, command, into, report, wanted="*.deb", fix=_DEBIAN)


@contextmanager
def _deb_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    tool = shutil.which("dpkg-deb")
    if tool is None:
        raise SourceError(archive.name, "dpkg-deb is not installed", _DEBIAN)
    with subprocess.Popen(
        [tool, "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as unpacking:
        try:
            # A stream rather than `dpkg-deb -x`: each name is checked before it is written.
            with tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar:
                yield tar
        finally:
            unpacking.kill()


def _deb_name(name: str) -> str:
    return name.removeprefix("./")


NPM = Scheme(
    form="npm:NAME@VERSION/member, the version being exact",
    pattern=rf"(?P<name>(?:@{_NPM_PART}/)?{_NPM_PART})@(?P<version>\d+\.\d+\.\d[\w.+-]*)",
    joint="@",
    download=_npm_package,
    open=_npm_tar,
    inside=_npm_name,
)
DEB = Scheme(
    form="deb:NAME[=VERSION]/member",
    pattern=r"(?P<name>[a-z0-9][a-z0-9+.-]+)(?:=(?P<version>\w[\w.+:~-]*))?",
    joint="=",
    download=_deb_package,
    open=_deb_tar,
    inside=_deb_name,
)
