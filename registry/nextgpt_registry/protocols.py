"""What a live component must offer. Shapes only: torch is never imported here.

Legend: B batch, T tokens, D width. A component is built as `Target(options)` on the current
default device without weights, then `load(paths)` is called with the files its declaration names,
if it names any: a twin has none. Where an encoder of another target that `shares` its trunk was
built before, it is built as `Target(options, trunk=that)` instead, and loads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from nextgpt_registry.media import Media
from nextgpt_registry.messages import Dialogue

if TYPE_CHECKING:
    from torch import Generator, Tensor

OnStep = Callable[[int, int], None]
"""Called as `on_step(done, total)`; may raise `Cancelled`, which a decoder must let pass."""


def _unheard(done: int, total: int) -> None:
    """Nobody asked."""


@dataclass(frozen=True, eq=False)
class DecodeBatch:
    """What a decoder is given for B media: one object, so that more in it breaks no plugin."""

    conditions: Mapping[str, Tensor]  # {name: (B, T, D)}, as declared
    _: KW_ONLY
    options: Any  # the declared options model, with the request's own values in it
    generators: Sequence[Generator]  # one per item, on the CPU: the only source of noise
    taken: Sequence[Sequence[Media]] = ()  # of each item, what is declared in `takes`, latest first
    on_step: OnStep = _unheard

    def __len__(self) -> int:
        """How many media are to be made."""
        return len(self.generators)


class NumberedDialogues(Protocol):
    """What a stage's target returns: `target(**options)` -> dialogues by number, from 0.

    With `__len__` there are so many, and they are gone through again and again (a list is one);
    without there is no end, and any number up to 2**41 is asked for. What can only be iterated is
    listed first, if it ends within 10,000 dialogues or the run says how many are enough
    (`dialogues`).
    """

    def __getitem__(self, number: int) -> Dialogue:
        """The same dialogue for the same number, in every process; several threads may ask."""


@runtime_checkable
class Component(Protocol):
    """A `torch.nn.Module` with a `load`. Options come as the declared pydantic model."""

    def load(self, paths: Mapping[str, Path]) -> None:
        """Load weights from the files named in the declaration."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move, as `torch.nn.Module.to` does."""


@runtime_checkable
class Encoder(Component, Protocol):
    """Media in, features out."""

    def preprocess(self, media: Sequence[Media]) -> Any:
        """N media -> a batch of tensors (tensor, tuple or dict of tensors) for `__call__`."""

    def __call__(self, batch: Any) -> Tensor:
        """batch -> (B, T, D), as declared; deterministic in eval mode."""


@runtime_checkable
class SelectiveEncoder(Encoder, Protocol):
    """An encoder that can leave out some of a medium, as one that hears 30 seconds does."""

    def left_out(self, media: Media) -> str:
        """What of this medium does not reach the features, for its sender; "" if all does.

        It goes on from the name of the medium: `lasts 600 s: the first 30 s are heard`. Asked
        before each request, so it looks at sizes alone.
        """


@runtime_checkable
class Decoder(Component, Protocol):
    """Conditions in, media out."""

    def decode(self, batch: DecodeBatch) -> list[Media]:
        """A batch of B -> B media, in its order."""

    def batch_key(self, options: Any) -> Hashable:
        """Items whose keys are equal may share one `decode` call."""


@runtime_checkable
class TrainableDecoder(Decoder, Protocol):
    """A decoder that LLM hidden states can be aligned to, and that captions can drive."""

    def caption_targets(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """B captions -> {name: (B, T, D)}: what its own text encoder would condition it on."""

    def denoising_loss(self, media: Sequence[Media], batch: DecodeBatch) -> Tensor:
        """B media that `decode` should make of the batch -> (B,), differentiable in its conditions.

        Nothing is `taken`, and `on_step` need not be called.
        """
