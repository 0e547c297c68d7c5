"""The modality `boxes`, as declared. Imports nothing heavy."""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

MARK = "nextgpt-boxes-1"
"""The value of the first key of a file, `format`."""

BOXES = Modality(
    name="boxes",
    summary="named boxes in a picture: JSON",
    mime=("application/vnd.nextgpt.boxes+json",),
    suffixes=(".boxes",),
    limits=(Limit(of="bytes", at_most=4_000_000), Limit(of="boxes", at_most=1000)),
    sample="nextgpt_boxes.files:sample",
)
