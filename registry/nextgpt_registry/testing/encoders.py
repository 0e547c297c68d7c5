"""The kit for encoders: features as declared, alone and in company, at every precision.

Legend: B batch, T tokens, D width. torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from nextgpt_registry.media import Media
from nextgpt_registry.specs import Encoder
from nextgpt_registry.testing.batches import moved, untouched_chance
from nextgpt_registry.testing.components import NONE, ComponentTests
from nextgpt_registry.testing.difference import CLOSE
from nextgpt_registry.testing.surroundings import IN_PLACE, altered
from nextgpt_registry.testing.verdict import attempt, expect

if TYPE_CHECKING:
    from torch import Tensor


class EncoderTests(ComponentTests):
    """Each encoder that the plugin declares."""

    tested: ClassVar[str] = "encoders"
    methods = ("preprocess", "__call__")
    _lowered: ClassVar[bool] = True

    def test_features_are_as_declared(self, spec: Encoder) -> None:
        """Three media -> (3, tokens, width), finite floats, different for different media."""
        import torch

        who, features = self._who(spec), self._features(spec, (0, 1, 2))
        self._check_shape(spec, features, 3, who)
        expect(
            features.is_floating_point() and bool(features.isfinite().all()),
            who,
            found=f"{features.dtype} features, {int((~features.isfinite()).sum())} not finite",
            wanted="finite floats",
            cause="a division by a norm or a deviation that may be zero",
        )
        expect(
            not torch.equal(features[0], features[1]),
            who,
            found="the same features for two different media",
            wanted="features of what it is given",
            cause="an input that is not used, or preprocessing that leaves nothing of it",
        )

    def test_full_size_features_are_as_declared(self, spec: Encoder) -> None:
        """The same without memory at full size, where the class runs on the meta device."""
        full, live = self._full(spec), self._live(spec)
        batch = moved(self._preprocessed(spec, live, (0,)), "meta")
        try:
            features = full(batch)
        except Exception as error:  # whatever its class raises for tensors without values
            pytest.skip(f"{spec.name} does not run on meta tensors ({error}): its twin was checked")
        self._check_shape(spec, features, 1, f"{self._who(spec)} at full size")

    def test_batch_agrees_with_single(self, spec: Encoder) -> None:
        """A medium has the same features in a batch of three and alone, at its own place."""
        together = self._features(spec, (0, 1, 2))
        for place in range(3):
            alone = self._features(spec, (place,))[0]
            off = float((together[place, : len(alone)] - alone).abs().max())
            expect(
                off <= CLOSE,
                self._who(spec),
                found=f"features of item {place} of 3 are {off:.2g} off from those of it alone",
                wanted=f"at most {CLOSE}",
                cause="statistics over the batch (BatchNorm in training mode, a mean over dim 0), "
                "padding that is attended to, or items in another order",
            )

    def test_encoding_repeats_itself(self, spec: Encoder) -> None:
        """Bit by bit, whatever the global generators hold, which stay as they are."""
        import torch

        with untouched_chance(self._who(spec), seed=1):
            first = self._features(spec, (0, 1))
        with untouched_chance(self._who(spec), seed=2):
            again = self._features(spec, (0, 1))
        expect(
            torch.equal(first, again),
            self._who(spec),
            found="other features at the second call",
            wanted="the same in eval mode",
            cause="noise or dropout that does not ask self.training, or state kept between calls",
        )

    def test_media_are_not_changed(self, spec: Encoder) -> None:
        """They are shared: by requests, by the cache, by whoever gave them."""
        media = self._media(spec, (0, 1))
        self._encode(spec, self._live(spec), media)
        expect(
            not (changed := altered(media)),
            self._who(spec),
            found=f"{len(changed)} of 2 media were changed by encoding them",
            wanted="media left as they are",
            cause=IN_PLACE,
        )

    def test_precision_is_respected(self, spec: Encoder) -> None:
        """Moved to bfloat16, it takes and gives bfloat16."""
        import torch

        live = self._build(spec).to(torch.bfloat16)
        cause = "a tensor made in forward as float32: x.new_zeros, torch.zeros(…, dtype=x.dtype)"
        with attempt(self._who(spec), "it to run in bfloat16", cause), torch.no_grad():
            batch = self._preprocessed(spec, live, (0,))
            features = live(moved(batch, "cpu", torch.bfloat16))
        expect(
            features.dtype == torch.bfloat16,
            self._who(spec),
            found=f"{features.dtype} features of a bfloat16 encoder",
            wanted="torch.bfloat16",
            cause=cause,
        )

    def test_device_is_respected(self, spec: Encoder) -> None:
        """On a GPU, where there is one, it gives what it gives on the CPU."""
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")
        live = self._build(spec).to("cuda")
        cause = "a tensor made on the CPU in forward: x.new_zeros, device=x.device"
        with attempt(self._who(spec), "it to run on the GPU", cause), torch.no_grad():
            features = live(moved(self._preprocessed(spec, live, (0,)), "cuda"))
        off = float((features.cpu() - self._features(spec, (0,))).abs().max())
        expect(
            features.is_cuda and off <= 1e-2,
            self._who(spec),
            found=f"features on {features.device}, {off:.2g} off from those of the CPU",
            wanted="features on the GPU, at most 0.01 off",
            cause=cause,
        )

    def _media(self, spec: Encoder, seeds: Sequence[int]) -> list[Media]:
        return [self.sample(spec.modality, seed) for seed in seeds]

    def _preprocessed(self, spec: Encoder, live: Any, seeds: Sequence[int]) -> Any:
        media = self._media(spec, seeds)
        with attempt(
            self._who(spec), f"preprocess({len(media)} media) to give a batch", "media of other "
            "sizes than expected: bring them to one, or pad"
        ):  # fmt: skip
            return live.preprocess(media)

    def _features(self, spec: Encoder, seeds: Sequence[int]) -> Tensor:
        return self._encode(spec, self._live(spec), self._media(spec, seeds))

    def _encode(self, spec: Encoder, live: Any, media: Sequence[Media]) -> Tensor:
        """Media -> (B, T, D)."""
        import torch

        wanted = f"features of {len(media)} media"
        with (
            attempt(self._who(spec), wanted, "a batch that forward does not take"),
            torch.no_grad(),
        ):
            features = live(live.preprocess(media))
        expect(
            isinstance(features, torch.Tensor),
            self._who(spec),
            found=f"a {type(features).__name__}",
            wanted="a tensor (B, tokens, width)",
            cause="a model's output object: return its last_hidden_state",
        )
        assert isinstance(features, torch.Tensor)
        return features

    def _use(self, spec: Encoder, live: Any) -> object:
        with attempt(self._who(spec), "features of a medium", "see test_precision_is_respected"):
            batch = live.preprocess(self._media(spec, (0,)))
            return live(moved(batch, "cpu", next((p.dtype for p in live.parameters()), None)))

    def _check_sizes(
        self, spec: Encoder, live: Any, who: str, *, options: Mapping[str, Any] = NONE
    ) -> None:
        self._check_shape(spec, self._encode(spec, live, self._media(spec, (0,))), 1, who)

    def _check_shape(self, spec: Encoder, features: Tensor, batch: int, who: str) -> None:
        shape = tuple(features.shape)
        tokens = f"at most {spec.tokens}" if spec.varying else str(spec.tokens)
        fits = len(shape) == 3 and shape[0] == batch and shape[2] == spec.width
        expect(
            fits and (0 < shape[1] <= spec.tokens if spec.varying else shape[1] == spec.tokens),
            who,
            found=f"features {shape}",
            wanted=f"({batch}, {tokens}, {spec.width}), as declared",
            cause="a declaration of another size of the model, a CLS token kept or dropped, (B, D, "
            "T) not transposed, or an option that changes a size (give each size its own name)",
        )

    def _unlike(self, spec: Encoder, one: Any, other: Any) -> str:
        media = self._media(spec, (0, 1))
        first, second = (self._encode(spec, live, media) for live in (one, other))
        off = float((first - second).abs().max())
        return f"features are {off:.2g} off" if off > CLOSE else ""
