"""ImageBind's encoders, as declared: sizes and places, nothing that runs."""

from __future__ import annotations

from nextgpt_imagebind.options import LICENCE, PARAMETERS, PATCHES, WIDTH
from nextgpt_registry.specs import Encoder

_SEEN = {
    "image": "224 x 224 of a picture",
    "video": "5 clips of 2 s, 2 frames and 3 crops of each, averaged",
    "audio": "3 clips of 2 s as mel bands, averaged",
    "depth": "disparity, 224 x 224",
    "thermal": "224 x 224 of a heat picture",
    "imu": "the first 5 s at 400 Hz",
}


def _encoder(modality: str, *, patch: bool) -> Encoder:
    tokens = PATCHES[modality] if patch else 1
    kept = "all tokens but CLS" if patch else "its CLS token"
    return Encoder(
        name="imagebind-huge-patch" if patch else "imagebind-huge",
        modality=modality,
        summary=f"ImageBind, {_SEEN[modality]}: {kept}",
        tokens=tokens,
        width=WIDTH,
        parameters=PARAMETERS,
        target=f"nextgpt_imagebind.encoder:{'Patches' if patch else 'Cls'}",
        options="nextgpt_imagebind.options:EncoderOptions",
        twin={"narrow": 16},
        weights=("model",),
        requires=("torch", "einops", "imagebind.models.imagebind_model"),
        licence=LICENCE,
        shares="imagebind/huge",
    )


ENCODERS = tuple(_encoder(name, patch=patch) for patch in (False, True) for name in PATCHES)
