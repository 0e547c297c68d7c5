"""What `nextgpt plugins new` does: a plugin that works, copied under another name.

`scaffold/` is that plugin, called `example`; lines between `# +encoder` and `# -encoder` go where
no encoder is wanted, and so do those of the decoder, and of `trainable` and `untrained`. Such
sections may stand in each other. Knows nothing about what the plugin declares.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from string import Template

from nextgpt_registry.aside import replacing
from nextgpt_registry.cli.names import check_name
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.specs import API

KINDS = ("encoder", "decoder")
_SCAFFOLD = Path(str(files("nextgpt_registry"))) / "scaffold"
_ALONE = {"encoder.py": "encoder", "decoder.py": "decoder"}
_ALONE |= dict.fromkeys(("addition.yaml", "data.py", "train.py"), "trainable")
"""Files that are one section."""

_SECTION = re.compile(r"^ *# ([+-])(\w+)$")


def licences() -> tuple[str, ...]:
    """The licences whose text a new plugin can be given."""
    return tuple(sorted(path.name for path in (_SCAFFOLD / "licences").iterdir()))


def new_plugin(
    name: str, folder: Path, *, kinds: Collection[str], licence: str, trainable: bool = False
) -> Path:
    """Write the plugin `name` to `folder/nextgpt-NAME`, which is whole or not there.

    A `trainable` one has data, training of its models, and an addition to systems.

    Raises:
        NextGPTError: the name or the licence will not do, or the folder exists.
    """
    check_name(name)
    licence = {one.lower(): one for one in licences()}.get(licence.lower(), licence)
    if licence not in licences():
        raise NextGPTError(
            "plugins new",
            f"has no text of the licence {licence!r}",
            f"take one of {', '.join(licences())}; a plugin's own is easily exchanged later",
        )
    home = folder / f"nextgpt-{name}"
    if home.exists():
        raise NextGPTError(str(home), "exists already", "choose another name, or remove it")
    try:
        with replacing(home) as fresh:
            files_of = scaffold(name, kinds=kinds, licence=licence, trainable=trainable)
            for path, text in files_of.items():
                (fresh / path).parent.mkdir(parents=True, exist_ok=True)
                (fresh / path).write_bytes(text.encode())
            shutil.copymode(folder, fresh)
    except OSError as error:
        raise NextGPTError(str(home), f"cannot be written: {error}", "go elsewhere") from error
    return home


def scaffold(
    name: str, *, kinds: Collection[str], licence: str, trainable: bool = False
) -> Mapping[str, str]:
    """The files of a new plugin: path -> text."""
    channel = [f"modalities.{name}.{kind}={word}" for kind, word in _parts(name) if kind in kinds]
    told = {
        "api": API,
        "license": licence,
        "channel": " ".join(channel),
        "media": f" --media a.{name}" if "encoder" in kinds else "",
        "require": f" --require {name}=1" if "decoder" in kinds else "",
    }
    text = (_SCAFFOLD / "licences" / licence).read_text("utf-8")
    made = {"LICENSE": Template(text).substitute(year=date.today().year, name=name)}
    sections = {*kinds, "trainable" if trainable else "untrained"}
    for path in sorted(_SCAFFOLD.rglob("*")):
        inside = path.relative_to(_SCAFFOLD)
        if not path.is_file() or inside.parts[0] == "licences" or path.suffix == ".pyc":
            continue
        if path.name in _ALONE and _ALONE[path.name] not in sections:
            continue
        text = "\n".join(_kept(path.read_text("utf-8").split("\n"), sections))
        text = Template(_renamed(text, name)).safe_substitute(told)
        made[_renamed(inside.as_posix(), name).replace("github/", ".github/")] = text
    return made


def _renamed(text: str, name: str) -> str:
    """`example` as `name`, in one pass: a name may hold the word itself."""
    words = {"nextgpt_example": f"nextgpt_{name.replace('-', '_')}", "example": name}
    return re.sub("nextgpt_example|example", lambda found: words[found[0]], text)


def _parts(name: str) -> tuple[tuple[str, str], ...]:
    return ("encoder", f"{name}-windows"), ("decoder", f"{name}-waves")


def _kept(lines: list[str], sections: Collection[str]) -> Iterator[str]:
    """The lines that stand in no unwanted section; never the marks."""
    within: list[str] = []
    for line in lines:
        mark = _SECTION.match(line)
        if mark is None:
            if all(section in sections for section in within):
                yield line
        elif mark[1] == "+":
            within.append(mark[2])
        else:
            assert within.pop() == mark[2], f"sections of the scaffold cross at {line!r}"
