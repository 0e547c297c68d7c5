"""Hold what a component returns against what its plugin declared. Knows nothing about its insides.

Legend: B batch, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from nextgpt_registry.errors import ShapeError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Decoder, Encoder

_FIX = "mend the declaration or the component, so that they agree"


@dataclass(frozen=True)
class Blame:
    """Whose component it is, for the error."""

    plugin: str
    component: str

    def __str__(self) -> str:
        """`plugin/component`."""
        return f"{self.plugin}/{self.component}"


def check_features(blame: Blame, spec: Encoder, features: object, *, batch: int) -> Tensor:
    """`features` as a (B, T, D) tensor of the declared sizes.

    Raises:
        ShapeError: it is something else, or not all numbers.
    """
    tokens = f"at most {spec.tokens}" if spec.varying else f"{spec.tokens}"
    declared = f"({batch}, {tokens}, {spec.width})"
    if not isinstance(features, Tensor):
        raise _error(blame, "its features", f"a {type(features).__name__}", declared)
    shape = tuple(features.shape)
    fits = len(shape) == 3 and shape[0] == batch and shape[2] == spec.width
    if not fits or not _tokens_fit(shape[1], spec):
        raise _error(blame, "its features", f"{shape}", declared)
    check_finite(str(blame), "its features", features)
    return features


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
        raise _error(blame, "its conditions", f"{found}", f"{declared}")
    for name, value in conditions.items():
        check_finite(str(blame), f"its conditions {name!r}", value)
    return dict(conditions)


def check_loss(blame: Blame, loss: object, *, batch: int) -> Tensor:
    """`loss` as a (B,) tensor of numbers.

    Raises:
        ShapeError: it is something else.
    """
    if not isinstance(loss, Tensor) or tuple(loss.shape) != (batch,):
        shape = tuple(loss.shape) if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise _error(blame, "its denoising loss", f"{shape}", f"({batch},)")
    check_finite(str(blame), "its denoising loss", loss)
    return loss


def check_media(blame: Blame, spec: Decoder, media: object, *, batch: int) -> list[Media]:
    """`media` as a list of B media of the declared modality.

    Raises:
        ShapeError: there are more or fewer, or they are something else.
    """
    declared = f"{batch} x Media({spec.modality})"
    if not isinstance(media, Sequence):
        raise _error(blame, "what it made", f"a {type(media).__name__}", declared)
    kinds = [m.modality if isinstance(m, Media) else type(m).__name__ for m in media]
    if len(kinds) != batch or any(kind != spec.modality for kind in kinds):
        raise _error(blame, "what it made", f"{len(kinds)} x {sorted(set(kinds))}", declared)
    return list(media)


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


def _tokens_fit(tokens: int, spec: Encoder) -> bool:
    return 0 < tokens <= spec.tokens if spec.varying else tokens == spec.tokens


def _error(blame: Blame, part: str, found: str, declared: str) -> ShapeError:
    return ShapeError(str(blame), f"{part}: found {found}, declared {declared}", _FIX)
