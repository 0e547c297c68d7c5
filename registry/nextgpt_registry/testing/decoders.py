"""The kit for decoders: conditions in, media out, chance from one generator for each item.

Legend: B batch, T tokens, D width. torch is imported in the functions that need it.
"""

from __future__ import annotations

import pytest

from nextgpt_registry.errors import Cancelled
from nextgpt_registry.media import Media
from nextgpt_registry.protocols import DecodeBatch
from nextgpt_registry.specs import Decoder
from nextgpt_registry.testing.batches import seeded, untouched_chance
from nextgpt_registry.testing.decoder_case import DecoderCase
from nextgpt_registry.testing.difference import BATCHED, CLOSE, between
from nextgpt_registry.testing.hashes import other_hashes
from nextgpt_registry.testing.surroundings import IN_PLACE, altered
from nextgpt_registry.testing.verdict import attempt, expect, refuse


class DecoderTests(DecoderCase):
    """Each decoder that the plugin declares."""

    def test_conditions_become_media(self, spec: Decoder) -> None:
        """B conditions -> B media of the modality, in a layout that its plugin takes."""
        who, made = self._who(spec), self._decode(spec, self._conditions(spec, 3), (0, 1, 2))
        kinds = [m.modality if isinstance(m, Media) else type(m).__name__ for m in made]
        expect(
            kinds == [spec.modality] * 3,
            who,
            found=f"{len(kinds)} x {', '.join(sorted(set(kinds)))} for 3 conditions",
            wanted=f"a list of 3 Media of {spec.modality!r}",
            cause="one medium for the whole batch, or arrays that are not wrapped in Media",
        )
        with attempt(who, "media that its modality's plugin takes", "another dtype, axis or range"):
            checked = [self.catalog().hook.nextgpt_check_media(media=medium) for medium in made]
        expect(
            all(found is None or found == m for found, m in zip(checked, made, strict=True)),
            who,
            found=f"{made[0]}, which the modality's plugin converts",
            wanted="media in the modality's own layout",
            cause="another dtype or rate than the modality documents",
        )

    def test_same_generators_give_the_same_bytes(self, spec: Decoder) -> None:
        """Whatever the global generators hold, which stay as they are."""
        conditions = self._conditions(spec, 2)
        with untouched_chance(self._who(spec), seed=1):
            first = self._decode(spec, conditions, (5, 6))
        with untouched_chance(self._who(spec), seed=2):
            again = self._decode(spec, conditions, (5, 6))
        expect(
            first == again,
            self._who(spec),
            found="other media from the same conditions and generators",
            wanted="the same bytes",
            cause="noise from elsewhere than `generators`, or state kept between calls (a "
            "scheduler's: make one for each call)",
        )

    def test_media_do_not_depend_on_company(self, spec: Decoder) -> None:
        """An item made with others is the one made alone, but for rounding."""
        conditions = self._conditions(spec, 3)
        together = self._decode(spec, conditions, (5, 6, 7))
        for place in range(3):
            own = {name: value[place : place + 1] for name, value in conditions.items()}
            changed = between(self._decode(spec, own, (5 + place,))[0], together[place])
            expect(
                not changed,
                self._who(spec),
                found=f"item {place} of 3 made in a batch: {changed} against it made alone",
                wanted=f"at most {BATCHED}",
                cause="one generator used for all items, statistics over the batch, or items in "
                "another order",
            )

    def test_taken_media_are_not_changed(self, spec: Decoder) -> None:
        """They are the conversation's, and what later turns are made of."""
        if not spec.takes:
            pytest.skip(f"{spec.name} takes no media")
        taken = self._taken(spec, (0, 1))
        self._decode(spec, self._conditions(spec, 2), (0, 1), taken=taken)
        given = [medium for media in taken for medium in media]
        expect(
            not (changed := altered(given)),
            self._who(spec),
            found=f"{len(changed)} of {len(given)} media in `taken` were changed by decode",
            wanted="media left as they are",
            cause=IN_PLACE,
        )

    def test_wrong_width_is_refused(self, spec: Decoder) -> None:
        """A condition that is wider than declared is an error, not a medium."""
        for condition in spec.conditions:
            given = dict(self._conditions(spec, 1))
            wide = given[condition.name]
            given[condition.name] = wide.new_zeros(1, condition.tokens, condition.width + 1)
            try:
                self._call(spec, self._live(spec), given, (0,))
            except Exception:
                continue
            refuse(
                self._who(spec),
                found=f"a medium from {condition.name!r} of width {condition.width + 1}",
                wanted=f"an error: {condition.width} is declared",
                cause="a slice, a mean over the width, or a condition that is not used at all",
            )

    def test_conditions_are_used(self, spec: Decoder) -> None:
        """Each declared condition changes what is made."""
        given = self._conditions(spec, 1)
        before = self._decode(spec, given, (0,))
        for condition in spec.conditions:
            other = {**given, condition.name: -3 * given[condition.name] + 1}
            expect(
                self._decode(spec, other, (0,)) != before,
                self._who(spec),
                found=f"the same medium for another {condition.name!r}",
                wanted="a medium that depends on every declared condition",
                cause="a condition that is read and dropped: the language model could say nothing",
            )

    def test_steps_are_told(self, spec: Decoder) -> None:
        """`on_step(done, total)` counts up to the total."""
        steps: list[tuple[int, int]] = []
        self._decode(spec, self._conditions(spec, 1), (0,), on_step=lambda *s: steps.append(s))
        done = [one for one, _ in steps]
        expect(
            steps and done == sorted(done) and {total for _, total in steps} == {done[-1]},
            self._who(spec),
            found=f"steps {steps}",
            wanted="calls like (0, 2), (1, 2), (2, 2): up to the total, which stays the same",
            cause="on_step that is never called, or not after the last step",
        )

    def test_cancelling_is_honoured(self, spec: Decoder) -> None:
        """`Cancelled` of on_step passes, and the next call is as if nothing had been."""
        conditions = self._conditions(spec, 1)
        before = self._decode(spec, conditions, (0,))
        found: object = "media"
        try:
            self._call(spec, self._live(spec), conditions, (0,), on_step=_stop)
        except Cancelled:
            found = None
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        expect(
            found is None,
            self._who(spec),
            found=f"{found} after on_step raised Cancelled",
            wanted="Cancelled, passed on at once",
            cause="an `except Exception` around the steps, or on_step that is never called",
        )
        expect(
            self._decode(spec, conditions, (0,)) == before,
            self._who(spec),
            found="other media after a call that was cancelled",
            wanted="the same as before",
            cause="state of the broken-off call (a scheduler, a cache) that is used again",
        )

    def test_batch_key_tells_options_apart(self, spec: Decoder) -> None:
        """Equal for equal options; options that share a key make the same medium."""
        who, live, options = self._who(spec), self._live(spec), self._options(spec)
        with attempt(who, "a hashable batch_key", "a list or a dict in it: use a tuple"):
            keys = {live.batch_key(options), live.batch_key(options.model_copy())}
        expect(
            len(keys) == 1,
            who,
            found="different keys for equal options",
            wanted="the same key",
            cause="id(options), a counter or a time in the key: nothing would ever be batched",
        )
        conditions = self._conditions(spec, 1)
        before = self._decode(spec, conditions, (0,))
        for said in self._variations(spec):
            other = self._options(spec, **said)
            if live.batch_key(other) not in keys:
                continue
            made = self._call(spec, live, conditions, (0,), options=other)
            expect(
                made == before,
                who,
                found=f"another medium with {said}, although its batch_key is the same",
                wanted="options that change the medium in the key",
                cause="a key that leaves an option out: one request would be made with another's",
            )

    def test_captions_become_conditions(self, spec: Decoder) -> None:
        """`caption_targets`, where it is declared: the declared sizes, the same each time."""
        if not spec.captions:
            pytest.skip(f"{spec.name} declares no captions")
        self._check_sizes(spec, self._live(spec), self._who(spec))
        with untouched_chance(self._who(spec), seed=1):
            first = self._conditions(spec, 2)
        again = self._conditions(spec, 2)
        name = spec.conditions[0].name
        expect(
            all(bool((first[n] == again[n]).all()) for n in first)
            and not bool((first[name][0] == first[name][1]).all()),
            self._who(spec),
            found="targets that change from call to call, or are the same for two captions",
            wanted="targets that depend on the caption alone",
            cause="dropout left on, or a tokenizer that knows none of the words",
        )

    def test_captions_mean_the_same_in_another_process(self, spec: Decoder) -> None:
        """Where Python's `hash` of text is another: so it is in each."""
        if not spec.captions:
            pytest.skip(f"{spec.name} declares no captions")
        first, who = self._conditions(spec, 2), self._who(spec)
        with other_hashes(spec.target):
            other = self._targets(spec, self._build(spec), who)
        expect(
            all(bool((first[name] - other[name]).abs().max() <= CLOSE) for name in first),
            who,
            found="other caption_targets where hash() of text is another",
            wanted="the same in every process: training and use are different ones",
            cause="hash(word) for a row of a table: take zlib.crc32(word.encode()) or hashlib",
        )

    def test_loss_can_be_trained_on(self, spec: Decoder) -> None:
        """`denoising_loss`, where there is one: (B,), each item's own, reaching the conditions."""
        import torch

        who, live, options = self._who(spec), self._live(spec), self._options(spec)
        if not hasattr(live, "denoising_loss"):
            pytest.skip(f"{spec.name} has no denoising_loss")
        media = [self.sample(spec.modality, seed) for seed in (0, 1)]
        start = self._conditions(spec, 2)
        given = {n: v.detach().clone().requires_grad_() for n, v in start.items()}
        with (
            attempt(who, "a loss of 2 media", "media of other sizes than the decoder's own"),
            untouched_chance(who, seed=1),
            torch.enable_grad(),
        ):
            both = DecodeBatch(given, options=options, generators=seeded(1, 2))
            losses = live.denoising_loss(media, both)
        expect(
            not altered(media),
            who,
            found=f"{len(altered(media))} of 2 media were changed by denoising_loss",
            wanted="media left as they are",
            cause=IN_PLACE,
        )
        expect(
            tuple(losses.shape) == (2,) and bool(losses.isfinite().all()),
            who,
            found=f"losses {losses.detach().tolist()} of 2 media",
            wanted="(2,), finite",
            cause="a mean over the batch: take it over the other axes alone",
        )
        expect(
            losses.requires_grad,
            who,
            found="a loss without a gradient",
            wanted="a loss that is differentiable in the conditions",
            cause="torch.no_grad() or .detach() around the denoiser",
        )
        losses.sum().backward()
        still = [n for n, v in given.items() if v.grad is None or not bool(v.grad.any())]
        expect(
            not still,
            who,
            found=f"no gradient for {', '.join(still)}",
            wanted="a gradient for every condition",
            cause="a condition that the denoiser does not see, or .detach() on its way",
        )
        with torch.no_grad():
            one = {name: value[1:] for name, value in start.items()}
            batch = DecodeBatch(one, options=options, generators=seeded(2))
            alone = live.denoising_loss(media[1:], batch)
        off = float((alone[0] - losses[1].detach()).abs())
        expect(
            off <= 1e-4 * max(1.0, float(alone[0].abs())),
            who,
            found=f"the loss of an item in a batch is {off:.2g} off from that of it alone",
            wanted="the item's own loss, noise and time from its own generator",
            cause="noise or times drawn for the whole batch from one generator",
        )


def _stop(done: int, total: int) -> None:
    raise Cancelled
