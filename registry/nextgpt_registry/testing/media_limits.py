"""The kit for the limits of a modality: each one that is declared is held by the reader."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nextgpt_registry.media import Blob
from nextgpt_registry.specs import Modality
from nextgpt_registry.testing.media_case import ModalityCase
from nextgpt_registry.testing.verdict import expect


class LimitTests(ModalityCase):
    """What `ModalityTests` has of limits."""

    def test_bytes_limit_is_held(self, spec: Modality, tmp_path: Path) -> None:
        """More bytes than declared are refused before they are decoded."""
        who, most = self._who(spec), spec.limit("bytes")
        expect(
            most <= 1 << 30,
            who,
            found=f"a limit of {most} bytes",
            wanted="limits=(Limit(of='bytes', at_most=…), …), at most a gigabyte",
            cause="limits left out: a file of any size would be decoded",
        )
        data = self._written(spec, self.sample(spec.name, 0), tmp_path / "a").read_bytes()
        self._refused(
            spec,
            Blob(data + bytes(int(most) + 1 - len(data)), f"a{spec.suffixes[0]}"),
            f"a file of {int(most) + 1:,} bytes",
            "a limit that is declared and not held: nextgpt_registry.content.check_limit",
            says="bytes",
        )

    def test_other_limits_are_held(self, spec: Modality, tmp_path: Path) -> None:
        """Each is put to 0 and the sample's own file has to be refused, with the limit's name."""
        limits = [limit.of for limit in spec.limits if limit.of != "bytes"]
        if not limits:
            pytest.skip(f"{spec.name} declares no limit but bytes")
        data = self._written(spec, self.sample(spec.name, 0), tmp_path / "a").read_bytes()
        for of in limits:
            with lowered_limit(spec, of):
                self._refused(
                    spec,
                    Blob(data, f"a{spec.suffixes[0]}"),
                    f"its own sample while the limit of {of} is 0",
                    "a limit that is declared and not held, or written down twice: let the reader "
                    f"call content.check_limit(MODALITY, {of!r}, …) or MODALITY.limit({of!r})",
                    says=of,
                )


@contextmanager
def lowered_limit(spec: Modality, of: str) -> Iterator[None]:
    """Whoever asks `Modality.limit` is told 0 for this limit of this modality."""
    real = Modality.limit

    def limit(self: Modality, asked: str) -> float:
        return 0 if (self.name, asked) == (spec.name, of) else real(self, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Modality, "limit", limit)
        yield
