"""What the tests of a modality share: the plugin's own hooks, a written file, a refused one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from nextgpt_registry.catalog import Catalog
from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Modality
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.verdict import attempt, expect


class ModalityCase(Kit):
    """No test yet."""

    tested: ClassVar[str] = "modalities"

    def _who(self, spec: Modality) -> str:
        return f"{self.plugin}, modality {spec.name!r}"

    def _hook(self) -> Any:
        """The hooks of this plugin alone."""
        return Catalog([self.loaded()], {}).hook

    def _written(self, spec: Modality, medium: Media, stem: Path, suffix: str = "") -> Path:
        suffix = suffix or spec.written[0]
        with attempt(self._who(spec), f"a {suffix}", "a writer that fails for small media"):
            path = self._hook().nextgpt_write_media(media=medium, stem=stem, suffix=suffix)
        expect(
            isinstance(path, Path) and path.is_file(),
            self._who(spec),
            found=f"{path!r} from nextgpt_write_media",
            wanted="the path of the file it wrote",
            cause="no nextgpt_write_media hook, or one that forgets to return the path",
        )
        assert isinstance(path, Path)
        return path

    def _refused(
        self, spec: Modality, blob: Blob, what: str, cause: str, *, says: str = ""
    ) -> None:
        """Fail unless reading is a `MediaError` with a fix, whose finding has `says` in it."""
        good = False
        try:
            found: object = self._hook().nextgpt_read_media(modality=spec.name, blob=blob)
        except MediaError as error:
            found, good = f"MediaError: {error}", bool(error.fix) and says in error.what
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        expect(
            good,
            self._who(spec),
            found=f"{found} for {what}",
            wanted=f"a MediaError that says what is wrong{says and f' ({says})'}, and a fix",
            cause=cause,
        )
