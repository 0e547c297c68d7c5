"""What retrieval declares. Nothing heavy is imported here."""

from __future__ import annotations

from nextgpt_registry.hookspecs import hookimpl
from nextgpt_registry.specs import Addition, Condition, Decoder, Manifest, Weight
from nextgpt_retrieval.options import EXAMPLES, TOKENS, WIDTH

_FOUND = {"image": "picture", "audio": "sound", "video": "clip"}


@hookimpl
def nextgpt_manifest() -> Manifest:
    """A decoder of each modality that media libraries are made of, and a channel for pictures."""
    return Manifest(
        api="1.0",
        summary="the nearest real picture, sound or clip of a library, with its source",
        license="Apache-2.0",
        decoders=tuple(_decoder(modality, found) for modality, found in _FOUND.items()),
        additions=(
            Addition(
                name="retrieval",
                summary="pictures found in a library, beside those that are made",
                config="nextgpt_retrieval:addition.yaml",
            ),
        ),
    )


_TEXT = Weight(source="package:nextgpt-retrieval/nextgpt_retrieval/weights/text.safetensors")


def _decoder(modality: str, found: str) -> Decoder:
    return Decoder(
        name="retrieval",
        modality=modality,
        summary=f"The nearest {found} of a library",
        target=f"nextgpt_retrieval.decoder:{modality}",
        options="nextgpt_retrieval.options:RetrievalOptions",
        twin={"library": EXAMPLES, "minimum_score": -1.0},
        weights=("text",),
        sources={"text": _TEXT},
        parameters=790_528,
        requires=("usearch",),
        licence="Apache-2.0",
        signals=4,
        conditions=(Condition(name="query", tokens=TOKENS, width=WIDTH),),
        captions=True,
    )
