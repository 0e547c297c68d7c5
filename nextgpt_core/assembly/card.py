"""The model card of a saved system: its parts, their licences, how it is used. Knows no figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from nextgpt_registry.plan import Plan

_HUB = re.compile(r"hf:(?P<repo>[^@]+)@.*", re.DOTALL)
_TEXT = """---
{front}---

# {name}

An any-to-any system of [nextgpt](https://pypi.org/project/nextgpt-core/): {channels}.

## Use

```console
$ pip install nextgpt-core {plugins}
```

```python
from nextgpt_core import Pipeline

pipeline = Pipeline.from_pretrained("OWNER/NAME")  # where this lies, or its folder
print(pipeline("What can you do?"))
```

The language model, encoders and decoders are not in here: they are fetched from the sources that
`nextgpt.yaml` names.

## Parts

| part | name | licence of its weights |
| --- | --- | --- |
{rows}
"""


def write_card(plan: Plan, folder: Path) -> None:
    """Write `README.md`, unless there is one."""
    path = folder / "README.md"
    if not path.exists():
        path.write_text(card(plan), "utf-8")


def card(plan: Plan) -> str:
    """The card, in Markdown, with front matter as the Hugging Face hub reads it."""
    parts = list(_parts(plan))
    licences = sorted({licence for _, _, licence in parts if licence})
    front: dict[str, Any] = {"library_name": "nextgpt", "pipeline_tag": "any-to-any"}
    front["license"] = licences[0].lower() if len(licences) == 1 else "other"
    if len(licences) > 1:
        front["license_name"] = " AND ".join(licences)
    if base := hub_id(plan.config.llm.path):
        front["base_model"] = base
    front["tags"] = ["nextgpt", *plan.channels]
    return _TEXT.format(
        front=yaml.safe_dump(front, sort_keys=False),
        name=plan.system,
        channels=", ".join(_directions(plan)) or "text alone",
        plugins=" ".join(f"nextgpt-{name.partition('>')[0]}" for name in plan.config.plugins),
        rows="\n".join(f"| {part} | {name} | {licence or '?'} |" for part, name, licence in parts),
    )


def hub_id(source: str | tuple[str, ...]) -> str:
    """`OWNER/NAME` of a source on the hub; empty for any other."""
    found = _HUB.fullmatch(source) if isinstance(source, str) else None
    return found["repo"] if found else ""


def _directions(plan: Plan) -> Iterator[str]:
    for name, channel in plan.channels.items():
        ways = [way for way, side in (("in", channel.encoder), ("out", channel.decoder)) if side]
        yield f"{name} {' and '.join(ways)}"


def _parts(plan: Plan) -> Iterator[tuple[str, str, str]]:
    """(part, name, licence) of the language model and of each component."""
    llm = plan.config.llm
    yield "language model", hub_id(llm.path) or "its own", llm.licence
    for name, channel in plan.channels.items():
        for kind, side in (("encoder", channel.encoder), ("decoder", channel.decoder)):
            if side:
                yield f"{name} {kind}", side.spec.name, side.spec.licence
