"""The kit for what callers make themselves: media that are no files are held to the layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Media
from nextgpt_registry.specs import Modality
from nextgpt_registry.testing.media_case import ModalityCase
from nextgpt_registry.testing.media_limits import lowered_limit
from nextgpt_registry.testing.verdict import attempt, expect, refuse


class LayoutTests(ModalityCase):
    """What `ModalityTests` has of arrays: of callers, and of decoders, which are checked alike."""

    def test_arrays_of_another_layout_are_refused(self, spec: Modality) -> None:
        """`nextgpt_check_media` takes samples as they are, and nothing that differs in kind."""
        self._needs_check()
        who, own = self._who(spec), self.sample(spec.name, 0)
        with attempt(
            who, "its own sample to pass nextgpt_check_media", "a check that is too strict"
        ):
            found = self._hook().nextgpt_check_media(media=own)
        expect(
            found == own,
            who,
            found=f"{found!r} when {own!r} is checked",
            wanted="the same medium",
            cause="a check that converts, or forgets to return",
        )
        if isinstance(own.data, bytes):
            return
        for what, wrong in _wrong(own):
            self._check_refuses(spec, wrong, what)

    def test_limits_hold_for_arrays(self, spec: Modality) -> None:
        """Each limit but that of bytes, put to 0, refuses the sample before it is hashed."""
        self._needs_check()
        for of in [limit.of for limit in spec.limits if limit.of != "bytes"]:
            own = self.sample(spec.name, 0)
            fresh = Media(spec.name, own.data, own.rate)
            with lowered_limit(spec, of):
                self._check_refuses(spec, fresh, f"its own sample while the limit of {of} is 0")
            expect(
                not vars(fresh)["sha256"],
                self._who(spec),
                found=f"a medium over its limit of {of} was read through for its sha256",
                wanted="limits first, whatever is cheap first",
                cause="media.sha256, a comparison or a set of media before check_limit",
            )

    def test_objects_are_adopted(self, spec: Modality) -> None:
        """The data of a sample are it; what is nothing is declined, and never fails."""
        if "nextgpt_adopt_media" not in self.loaded().hooks:
            pytest.skip("no nextgpt_adopt_media hook: arrays are taken as they are laid out")
        who, own = self._who(spec), self.sample(spec.name, 0)
        if not isinstance(own.data, bytes):
            value = own.data if own.rate is None else (own.data, own.rate)
            cause = "a hook that does not know its own layout"
            with attempt(who, "the data of its own sample to be adopted", cause):
                found = self._hook().nextgpt_adopt_media(
                    modality=spec.name, value=value, guess=False
                )
            expect(found == own, who, found=f"{found!r}", wanted=f"{own!r}", cause=cause)
        for value in (None, 5, "text", b"bytes", object(), [], (), {}, {"a": 1}, [1, 2], len):
            for guess in (True, False):
                cause = "a hook that takes what it does not know: look at the type first"
                with attempt(who, f"None for {value!r}", cause):
                    found = self._hook().nextgpt_adopt_media(
                        modality=spec.name, value=value, guess=guess
                    )
                expect(
                    found is None,
                    who,
                    found=f"{found!r} made of {value!r}",
                    wanted="None",
                    cause=cause,
                )

    def _needs_check(self) -> None:
        if "nextgpt_check_media" not in self.loaded().hooks:
            pytest.skip("no nextgpt_check_media hook: arrays of callers are believed")

    def _check_refuses(self, spec: Modality, medium: Media, what: str) -> None:
        try:
            found: Any = self._hook().nextgpt_check_media(media=medium)
        except MediaError:
            return
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        refuse(
            self._who(spec),
            found=f"{found!r} for {what}",
            wanted="a MediaError that says how to convert",
            cause="a layout that nextgpt_check_media does not hold",
        )


def _wrong(own: Media) -> Iterator[tuple[str, Media]]:
    """Media that are not laid out as a sample is."""
    data = own.data
    arrays = {
        "an array of complex numbers": data.astype("complex64"),
        "an array of one more axis": data[None],
        "an array of no elements": data[:0],
    }
    if data.dtype.kind == "f":
        arrays["an array of NaN"] = data * float("nan")
        arrays["an array of infinities"] = data * 0 + float("inf")
    yield from ((what, Media(own.modality, array, own.rate)) for what, array in arrays.items())
    for rate in (None, 0.0, -1.0, float("nan"), float("inf")) if own.rate is not None else ():
        yield f"a rate of {rate}", Media(own.modality, data, rate)
