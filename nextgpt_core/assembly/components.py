"""Components, live: built, placed and named for what they do wrong; decoders called and checked.

Knows nothing about requests. Encoders are called in `assembly/encoders.py`.

Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel
from torch import Tensor

from nextgpt_registry.errors import NextGPTError, ShapeError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch, OnStep
from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import resolve


@dataclass(frozen=True)
class Blame:
    """Whose component it is, for the error."""

    plugin: str
    component: str

    def __str__(self) -> str:
        """`plugin/component`."""
        return f"{self.plugin}/{self.component}"


@dataclass(frozen=True)
class Recipe:
    """All that is needed to build a component, here or in another process."""

    blame: Blame
    spec: Encoder | Decoder
    options: BaseModel  # of the declared model
    paths: Mapping[str, Path] = field(default_factory=dict)
    device: str = "cpu"
    dtype: str = "float32"
    offload: bool = False
    version: str = ""  # of the plugin
    pins: tuple[str, ...] = ()  # what its weights hash to, or where they come from

    @property
    def fingerprint(self) -> str:
        """Equal for components that turn the same media into the same features."""
        options = self.options.model_dump(mode="json")
        told = (str(self.blame), self.version, self.spec.target, options, self.pins, self.dtype)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def build(self, trunk: Any = None) -> Any:
        """The component with its weights, in eval mode on its device (on the CPU to offload).

        A `trunk` is a component of another target that has the weights already.
        """
        home = torch.device("cpu" if self.offload else self.device)
        target = resolve(self.spec.target)
        with home:
            component = target(self.options) if trunk is None else target(self.options, trunk=trunk)
        if self.paths and trunk is None:  # a twin has none
            component.load(dict(self.paths))
        if isinstance(component, torch.nn.Module):
            component.eval().requires_grad_(False)
        component.to(device=home, dtype=getattr(torch, self.dtype))
        return component


class Deferred:
    """A component that is built when something is first asked of it, by whichever thread."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        """What the component has by this name."""
        return getattr(self._component(), name)

    def __call__(self, *arguments: Any) -> Any:
        """What the component makes of them."""
        return self._component()(*arguments)

    def _component(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._build()
            return self._made


_rooms: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By device: held by the one offloaded component that is there."""


@contextmanager
def on_device(component: Any, recipe: Recipe) -> Iterator[None]:
    """The component on its device while the block runs: no gradients, nor a caller's autocast.

    Of those of this process that are offloaded one at a time is on a device, whichever threads call
    them: the room that a system needs is that of what stays, and of the largest of them.
    """
    kind = torch.device(recipe.device).type
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        if not recipe.offload:
            yield
            return
        with _rooms[recipe.device], _moved(component, recipe.device):
            yield


@contextmanager
def _moved(component: Any, device: str) -> Iterator[None]:
    try:
        component.to(device)
        yield
    finally:
        component.to("cpu")


@contextmanager
def named(recipe: Recipe, kind: type[NextGPTError]) -> Iterator[None]:
    """Whatever a component raises becomes an error of this kind that names it; ours pass."""
    try:
        yield
    except NextGPTError:
        raise
    except (Exception, SystemExit) as error:  # a plugin's code: anything may come out of it
        what = f"{type(error).__name__}: {error}"
        raise kind(str(recipe.blame), what, "the error's cause has the traceback") from error


def check_finite(who: str, part: str, x: Tensor) -> None:
    """Nothing, where every value is a number.

    Raises:
        ShapeError: some are NaN or infinite.
    """
    finite = x.isfinite()
    if not bool(finite.all()):
        wrong = x.numel() - int(finite.sum())
        raise ShapeError(
            who,
            f"{part}: {wrong} of {x.numel()} values are no numbers (NaN or infinite)",
            "look at its weights: they may be damaged, or too large for the dtype",
        )


def misfit(blame: Blame, part: str, found: str, declared: str) -> ShapeError:
    """The error for a part of another size or kind than its plugin declared."""
    return ShapeError(
        str(blame),
        f"{part}: found {found}, declared {declared}",
        "mend the declaration or the component, so that they agree",
    )


@dataclass(frozen=True)
class Item:
    """One medium to make: by conditions {name: (T, D)} or by a caption."""

    seed: int
    conditions: Mapping[str, Tensor] | None = None
    caption: str | None = None
    taken: tuple[Media, ...] = ()


@dataclass(frozen=True, eq=False)
class LiveDecoder:
    """A decoder in a channel; `component` is None where it runs in a process of its own.

    One that never calls `on_step` cannot be stopped from outside: a cancelled request does not wait
    for it, but its worker does.
    """

    recipe: Recipe
    component: Any
    route: Literal["embedding", "caption"] = "embedding"

    @property
    def spec(self) -> Decoder:
        """What its plugin declared."""
        assert isinstance(self.recipe.spec, Decoder)
        return self.recipe.spec

    def batch_key(self, options: BaseModel) -> Hashable:
        """Items whose keys are equal may share one call."""
        key: Hashable = self.component.batch_key(options)
        return key

    def decode(
        self,
        items: Sequence[Item],
        options: BaseModel,
        *,
        on_step: OnStep,
        check: Callable[[], None],
    ) -> list[Media]:
        """One call for all items; `check` is asked between steps if anybody still wants them."""

        def step(done: int, total: int) -> None:
            check()
            on_step(done, total)

        return decode_items(self.component, self.recipe, items, options, step)

    def close(self) -> None:
        """Nothing is held beyond what the system holds."""


def decode_items(
    component: Any, recipe: Recipe, items: Sequence[Item], options: Any, on_step: OnStep
) -> list[Media]:
    """One call of a decoder for all items, checked on both sides."""
    spec, batch = recipe.spec, len(items)
    assert isinstance(spec, Decoder)
    with on_device(component, recipe):
        conditions = check_conditions(
            recipe.blame, spec, _conditions(component, recipe, items), batch=batch
        )
        # Noise is drawn on the CPU, so that a seed means the same on every device.
        generators = [torch.Generator("cpu").manual_seed(item.seed) for item in items]
        made = component.decode(
            DecodeBatch(
                conditions,
                options=options,
                generators=generators,
                taken=[list(item.taken) for item in items],
                on_step=on_step,
            )
        )
    return check_media(recipe.blame, spec, made, batch=batch)


def _conditions(component: Any, recipe: Recipe, items: Sequence[Item]) -> dict[str, Tensor]:
    """{name: (B, T, D)} in the decoder's place and precision."""
    captions = [item.caption for item in items if item.caption is not None]
    if captions:
        found: dict[str, Tensor] = component.caption_targets(captions)
    else:
        rows = [item.conditions or {} for item in items]
        found = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    dtype = getattr(torch, recipe.dtype)
    return {name: value.to(recipe.device, dtype) for name, value in found.items()}


def check_conditions(
    blame: Blame, spec: Decoder, conditions: Mapping[str, Tensor], *, batch: int
) -> dict[str, Tensor]:
    """`conditions` as {name: (B, T, D)}, every declared one and no other.

    Raises:
        ShapeError: one is missing, unknown or of another size.
    """
    declared = {c.name: (batch, c.tokens, c.width) for c in spec.conditions}
    found = {name: tuple(value.shape) for name, value in conditions.items()}
    if found != declared:
        raise misfit(blame, "its conditions", f"{found}", f"{declared}")
    for name, value in conditions.items():
        check_finite(str(blame), f"its conditions {name!r}", value)
    return dict(conditions)


def check_media(blame: Blame, spec: Decoder, media: object, *, batch: int) -> list[Media]:
    """`media` as a list of B media of the declared modality.

    Raises:
        ShapeError: there are more or fewer, or they are something else.
    """
    declared = f"{batch} x Media({spec.modality})"
    if not isinstance(media, Sequence):
        raise misfit(blame, "what it made", f"a {type(media).__name__}", declared)
    kinds = [m.modality if isinstance(m, Media) else type(m).__name__ for m in media]
    if len(kinds) != batch or any(kind != spec.modality for kind in kinds):
        raise misfit(blame, "what it made", f"{len(kinds)} x {sorted(set(kinds))}", declared)
    return list(media)
