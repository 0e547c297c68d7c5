"""The hooks a plugin may implement: few, and none runs per token. Knows nothing about who does.

Only `nextgpt_manifest` is required. Hooks marked *first* are asked in plugin order until one
returns something other than `None`; the rest are told, all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Manifest

if TYPE_CHECKING:
    from nextgpt_registry.plan import Plan

PROJECT = "nextgpt"
ENTRY_POINTS = "nextgpt.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nextgpt_manifest() -> Manifest:  # type: ignore[empty-body]
    """Return what this plugin declares. Pure: the same value at every call, nothing imported."""


@hookspec
def nextgpt_plan_resolved(plan: Plan) -> None:
    """Look at a finished plan before any weight loads; raise `PluginError` to veto it."""


@hookspec(firstresult=True)
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """*First.* Decode `blob` as `modality`.

    Return `None` for another plugin's modality, or content that is plainly something else;
    raise `MediaError` for content of this kind that is damaged or over a declared limit.
    """


@hookspec(firstresult=True)
def nextgpt_check_media(media: Media) -> Media | None:
    """*First.* Hold a medium that a caller made from an array against its modality's layout.

    Return it as a reader would have made it (the rate a float, the array a copy of its own);
    raise `MediaError` for another dtype, shape, range or rate, or one over a declared limit.
    """


@hookspec(firstresult=True)
def nextgpt_write_media(media: Media, stem: Path) -> Path | None:
    """*First.* Write `media` to `stem` plus its suffix, aside then renamed; return the path."""


@hookspec(firstresult=True)
def nextgpt_show_media(media: Media) -> str | None:
    """*First.* An HTML fragment with the medium inside it (a data URL), no outside reference."""


@hookspec(firstresult=True)
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """*First.* Log `media` to a TensorBoard `SummaryWriter`; return True when done."""


@hookspec
def nextgpt_component_ready(kind: str, name: str, component: Any) -> None:
    """Be told that an `encoder` or `decoder` called `name` was built and loaded."""
