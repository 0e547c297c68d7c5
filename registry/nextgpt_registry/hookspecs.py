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
    from nextgpt_registry.plan.model import Plan

PROJECT = "nextgpt"
ENTRY_POINTS = "nextgpt.plugins"
"""The group that plugins are found in: `name = "package.module"`, which holds the hooks."""

SYSTEMS = "nextgpt.systems"
"""The group that says which plugin ships a system: `its-name = "package.module"`, the plugin's."""

ADDITIONS = "nextgpt.additions"
"""The same of additions. So a name is found without importing every plugin to ask it."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def nextgpt_manifest() -> Manifest:  # type: ignore[empty-body]
    """Return all that the plugin declares: modalities, encoders, decoders, systems.

    Pure: the same value at every call. The module that holds it is imported to list plugins and to
    plan, so it must not import torch and the like: targets are strings
    (`"nextgpt_depth.live:Patch"`), imported when they are built.
    """


@hookspec
def nextgpt_plan_resolved(plan: Plan) -> None:
    """Look at a finished plan before any weight is loaded.

    Raise `PluginError` to veto it; the message is listed among the plan's problems.
    """


@hookspec(firstresult=True)
def nextgpt_read_media(modality: str, blob: Blob) -> Media | None:
    """*First.* Decode the bytes of `blob` as `modality`.

    Return `None` for another plugin's modality, or for content that is plainly something else (its
    name and MIME type may lie). Raise `MediaError` for content of this kind that is damaged or over
    a declared limit; hold the limits before decoding. `blob.guess` says that `modality` is one of
    several candidates: then decline whatever is not plainly yours, such as a video to a reader of
    pictures.
    """


@hookspec(firstresult=True)
def nextgpt_adopt_media(modality: str, value: Any, guess: bool) -> Media | None:
    """*First.* Make a medium of an object that Python programs hold such media in.

    An array of any library, in any usual dtype and layout, alone or as `(array, rate)`; a picture
    of Pillow; a mapping with an array and its rate: whatever your users have at hand. Return `None`
    for another plugin's modality and for any other object; raise `MediaError` for one that is of
    this kind and out of range, or over a declared limit, and hold the limits before converting.
    `guess` says that nobody called it `modality`: then decline what might be something else.
    """


@hookspec(firstresult=True)
def nextgpt_check_media(media: Media) -> Media | None:
    """*First.* Hold a medium that a caller or a decoder made against its modality's layout.

    Look at its size first, and at its `sha256` not at all: that reads through the whole of it.
    Return it as a reader would have made it (the rate a float, the array a copy of its own). Raise
    `MediaError` for another dtype, shape, range or rate, or one over a declared limit: only the
    plugin knows the layout, and an array that does not fit would otherwise fail deep inside an
    encoder, or be believed.
    """


@hookspec(firstresult=True)
def nextgpt_write_media(media: Media, stem: Path, suffix: str) -> Path | None:
    """*First.* Write `media` to `stem` plus `suffix`; return the path.

    `suffix` is one that the modality declares in `writes`; a modality with one format need not look
    at it. Raise `MediaError` where that format cannot hold the medium.

    Write aside, then rename, so that a reader never finds half a file
    (`nextgpt_registry.content.replace_file` does that).
    """


@hookspec(firstresult=True)
def nextgpt_show_media(media: Media) -> str | None:
    """*First.* Return an HTML fragment for pages, reports and contact sheets.

    The medium is inside it as a data URL, with no reference to anything outside.
    """


@hookspec(firstresult=True)
def nextgpt_log_media(writer: Any, tag: str, media: Media, step: int) -> bool | None:
    """*First.* Log `media` to a TensorBoard `SummaryWriter`; return `True` when done."""


@hookspec
def nextgpt_component_ready(kind: str, name: str, component: Any) -> None:
    """Be told that an `encoder` or a `decoder` (that is `kind`) was built and its weights loaded.

    For observation; the component, called `name`, is not to be changed.
    """
