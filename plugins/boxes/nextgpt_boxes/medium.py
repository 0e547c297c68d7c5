"""What boxes are in memory and in a file: JSON, always spelled the same. Draws and finds nothing.

A medium's data are the bytes of its file. Boxes are relative to the picture they were found in: x
from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from nextgpt_boxes.modality import BOXES, MARK
from nextgpt_registry.content import check_limit
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Media

_SEE = "see nextgpt_boxes.medium for what it holds"
_TOLD = 8
"""The most boxes that are told of in words."""


def _rounded(value: float) -> float:
    return round(value, 4)


Share = Annotated[float, Field(ge=0, le=1), AfterValidator(_rounded)]
"""From 0 to 1, to four digits: a tenth of a pixel of a picture of a thousand."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Box(_Part):
    """A thing and where it is."""

    label: str = Field(min_length=1, max_length=100)  # what it is
    score: Share  # how sure that is
    x0: Share  # left
    y0: Share  # top
    x1: Share  # right
    y1: Share  # bottom

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        if self.x0 > self.x1 or self.y0 > self.y1:
            raise ValueError("x0 and y0 are the smaller ones")
        return self

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """(x0, y0, x1, y1)."""
        return self.x0, self.y0, self.x1, self.y1


class Picture(_Part):
    """The picture that boxes were found in."""

    width: int = Field(gt=0)  # pixels
    height: int = Field(gt=0)
    sha256: str = Field(default="", pattern="^[0-9a-f]{0,64}$")  # the medium's; empty: unknown
    preview: str = Field(default="", pattern="^[A-Za-z0-9+/]*={0,2}$")  # a small PNG, base64


class Boxes(_Part):
    """All that was found in one picture: nothing at all, too."""

    format: str = Field(default=MARK, pattern=f"^{MARK}$")
    picture: Picture
    boxes: tuple[Box, ...] = ()

    @property
    def summary(self) -> str:
        """What was found, in words: "cat 98%, dog 71%", or "nothing"."""
        named = [f"{box.label} {box.score:.0%}" for box in self.boxes[:_TOLD]]
        more = len(self.boxes) - len(named)
        return ", ".join(named) + (f" and {more} more" if more else "") or "nothing"


def to_media(picture: Picture, boxes: Sequence[Box], *, source: str = "") -> Media:
    """Boxes as a medium; the same boxes are the same bytes. What was found is told `about` it."""
    found = Boxes(picture=picture, boxes=tuple(boxes))
    data = found.model_dump_json().encode()
    return Media(BOXES.name, data, source=source, about={"found": found.summary})


def adopt(value: Any, *, guess: bool) -> Media | None:
    """The medium of `Boxes`, or of a mapping with the keys of a file; None for anything else.

    Raises:
        MediaError: it is one, and damaged or over a limit.
    """
    if isinstance(value, Mapping) and value.get("format") == MARK:
        try:
            value = Boxes.model_validate(dict(value))
        except ValidationError as error:
            raise MediaError(
                BOXES.name, f"are damaged: {error.errors()[0]['msg']}", _SEE
            ) from error
    if not isinstance(value, Boxes):
        return None
    check_limit(BOXES, "boxes", len(value.boxes), who=BOXES.name)
    return to_media(value.picture, value.boxes)


def of_media(media: Media) -> Boxes:
    """The boxes of a medium.

    Raises:
        MediaError: its data are no bytes of a file of boxes, or there are too many.
    """
    return parse(media.data, who=media.source or BOXES.name)


def parse(data: Any, *, who: str) -> Boxes:
    """The boxes in a file's bytes.

    Raises:
        MediaError: it is no file of boxes, or there are more than the modality's limit.
    """
    if not isinstance(data, bytes):
        raise MediaError(
            who, f"is {type(data).__name__}, wanted bytes", "make it with nextgpt_boxes.to_media"
        )
    try:
        found = Boxes.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = f"is damaged or no file of boxes: {where}: {first['msg']}"
        raise MediaError(who, what, _SEE) from error
    check_limit(BOXES, "boxes", len(found.boxes), who=who)
    return found
