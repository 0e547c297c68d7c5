"""What the tests of a decoder share: conditions to give, calls to make, sizes to hold.

Legend: B batch, T tokens, D width. torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nextgpt_registry.protocols import OnStep
from nextgpt_registry.specs import Decoder
from nextgpt_registry.testing.batches import seeded
from nextgpt_registry.testing.components import ComponentTests
from nextgpt_registry.testing.difference import between
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
        on_step: OnStep = lambda done, total: None,
    ) -> Any:
        import torch

        taken = [[self.sample(name, seed) for name in spec.takes] for seed in seeds]
        with torch.no_grad():
            return live.decode(
                dict(conditions),
                taken=taken,
                options=options or self._options(spec),
                generators=seeded(*seeds),
                on_step=on_step,
            )

    def _check_sizes(self, spec: Decoder, live: Any, who: str) -> None:
        if not spec.captions:
            return
        import torch

        wanted, cause = "caption_targets of captions", "captions=True without the method"
        with attempt(who, wanted, cause), torch.no_grad():
            targets = live.caption_targets(list(CAPTIONS[:2]))
        found = {name: tuple(value.shape) for name, value in targets.items()}
        declared = {c.name: (2, c.tokens, c.width) for c in spec.conditions}
        expect(
            found == declared,
            who,
            found=f"caption_targets {found}",
            wanted=f"{declared}, as declared",
            cause="a declaration of another model, or an option that changes a size",
        )

    def _unlike(self, spec: Decoder, one: Any, other: Any) -> str:
        conditions = self._conditions(spec, 1)
        first, second = (self._call(spec, live, conditions, (0,)) for live in (one, other))
        return between(first[0], second[0])
