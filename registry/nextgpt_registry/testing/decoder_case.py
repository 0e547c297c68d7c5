"""What the tests of a decoder share: conditions to give, calls to make, sizes to hold.

Legend: B batch, T tokens, D width. torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from nextgpt_registry.errors import NextGPTError, ShapeError
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch, OnStep
from nextgpt_registry.specs import Decoder
from nextgpt_registry.testing.batches import seeded
from nextgpt_registry.testing.components import NONE, ComponentTests
from nextgpt_registry.testing.difference import between
from nextgpt_registry.testing.surroundings import parts
from nextgpt_registry.testing.verdict import attempt, expect

if TYPE_CHECKING:
    from torch import Tensor

CAPTIONS = ("a red cat on a blue ground", "two dogs", "rain on a tin roof")


class DecoderCase(ComponentTests):
    """The tests that decoders have in common with encoders."""

    tested: ClassVar[str] = "decoders"
    methods = ("decode", "batch_key")

    def _conditions(self, spec: Decoder, batch: int) -> Mapping[str, Tensor]:
        """{name: (B, T, D)}: of captions where it takes them, else random, the same each time."""
        import torch

        if spec.captions:
            live = self._live(spec)
            cause = "captions=True without the method, or a tokenizer that only load() makes"
            with attempt(self._who(spec), "caption_targets of captions", cause), torch.no_grad():
                return dict(live.caption_targets(list(CAPTIONS[:batch])))
        chance = torch.Generator().manual_seed(0)
        return {
            c.name: torch.randn(3, c.tokens, c.width, generator=chance)[:batch]
            for c in spec.conditions
        }

    def _decode(
        self, spec: Decoder, conditions: Mapping[str, Tensor], seeds: Sequence[int], **more: Any
    ) -> list[Any]:
        wanted = f"{len(seeds)} media from the declared conditions"
        cause = "another size or name of a condition than declared"
        with attempt(self._who(spec), wanted, cause):
            return list(self._call(spec, self._live(spec), conditions, seeds, **more))

    def _call(
        self,
        spec: Decoder,
        live: Any,
        conditions: Mapping[str, Tensor],
        seeds: Sequence[int],
        *,
        options: Any = None,
        taken: Sequence[Sequence[Media]] | None = None,
        on_step: OnStep = lambda done, total: None,
        gradients: bool = False,
    ) -> Any:
        import torch

        with nullcontext() if gradients else torch.no_grad():
            return live.decode(
                DecodeBatch(
                    dict(conditions),
                    options=options or self._options(spec),
                    generators=seeded(*seeds),
                    taken=self._taken(spec, seeds) if taken is None else taken,
                    on_step=on_step,
                )
            )

    def _taken(self, spec: Decoder, seeds: Sequence[int]) -> list[list[Media]]:
        return [[self.sample(name, seed) for name in spec.takes] for seed in seeds]

    def _use(self, spec: Decoder, live: Any) -> object:
        """With gradients allowed: whoever turns them off for good is seen."""
        who = self._who(spec)
        given = self._targets(spec, live, who) if spec.captions else self._conditions(spec, 1)
        cause = "another size or name of a condition than declared"
        one = {name: value[:1] for name, value in given.items()}
        with attempt(who, "a medium from the declared conditions", cause):
            return self._call(spec, live, one, (0,), gradients=True)

    def _check_sizes(
        self, spec: Decoder, live: Any, who: str, *, options: Mapping[str, Any] = NONE
    ) -> None:
        """Captions become the declared conditions; those become media, where it may be in doubt."""
        conditions = self._targets(spec, live, who) if spec.captions else self._conditions(spec, 2)
        found = {name: tuple(value.shape) for name, value in conditions.items()}
        declared = {c.name: (2, c.tokens, c.width) for c in spec.conditions}
        cause = "a declaration of another model, or an option that changes a size"
        expect(
            found == declared,
            who,
            found=f"caption_targets {found}",
            wanted=f"{declared}, as declared",
            cause=cause,
        )
        if spec.captions and parts(live) == parts(self._live(spec)):
            return  # as the twin, which other tests ask for media
        said = self._options(spec, **options)
        one = {name: value[:1] for name, value in conditions.items()}
        with attempt(who, f"a medium from the declared conditions {declared}", cause):
            try:
                self._call(spec, live, one, (0,), options=said)
            except ShapeError:
                raise
            except NextGPTError:  # a value that is refused in words, such as a file's name
                return

    def _targets(self, spec: Decoder, live: Any, who: str) -> Mapping[str, Tensor]:
        import torch

        wanted, cause = "caption_targets of captions", "captions=True without the method"
        with attempt(who, wanted, cause), torch.no_grad():
            return dict(live.caption_targets(list(CAPTIONS[:2])))

    def _unlike(self, spec: Decoder, one: Any, other: Any) -> str:
        conditions = self._conditions(spec, 1)
        first, second = (self._call(spec, live, conditions, (0,)) for live in (one, other))
        return between(first[0], second[0])
