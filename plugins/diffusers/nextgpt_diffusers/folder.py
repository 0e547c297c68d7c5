"""The folder of a saved pipeline: what its JSON says, without torch. Knows no pipeline's meaning.

model_index.json            the pipeline's class, and the library and class of each part
PART/config.json            the sizes of a model
PART/tokenizer_config.json  how long a tokenizer's texts are
PART/*.safetensors          its tensors, or PART/*.safetensors.index.json and several files
README.md                   the model card, whose first lines name the licence
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nextgpt_registry.documents import read_json
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.hub import indexed
from nextgpt_registry.headers import read_header

_WHOLE = ("diffusion_pytorch_model", "model")  # as diffusers and transformers call a model's file
_CARD = re.compile(r"\A---\s*\n(?P<head>.*?)\n---", re.DOTALL)
_LICENCE = re.compile(r"^(?P<key>license|license_name): *['\"]?(?P<value>[\w.+-]+)", re.MULTILINE)
_BUFFERS = (  # what is kept beside a model's parameters, by the ends of names
    "position_ids",
    "token_type_ids",
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "silence_latent",
)
_VOCODERS_OWN = ("mean", "scale")


@dataclass(frozen=True)
class Folder:
    """A pipeline as diffusers saves it.

    Raises, of every method: SourceError where a file is missing or is something else.
    """

    path: Path

    @cached_property
    def index(self) -> dict[str, Any]:
        """What `model_index.json` says."""
        return self._json("model_index.json", "name the folder of a pipeline, as diffusers saves")

    @property
    def pipeline(self) -> str:
        """The pipeline's class."""
        return str(self.index.get("_class_name"))

    @property
    def parts(self) -> tuple[str, ...]:
        """All that the pipeline is made of: models, tokenizers, a scheduler."""
        return tuple(name for name, said in self.index.items() if isinstance(said, list))

    def kind(self, part: str) -> tuple[str | None, str | None]:
        """The library and the class of a part; two times None if the pipeline has none."""
        found = self.index.get(part) or (None, None)
        if not isinstance(found, list | tuple) or len(found) != 2:
            raise SourceError(
                str(self.path / "model_index.json"),
                f"{part!r} is {found!r}",
                "wanted the names of a library and a class",
            )
        return found[0], found[1]

    def config(self, part: str) -> dict[str, Any]:
        """The config of a model."""
        return self._json(f"{part}/config.json", "fetch the whole folder of the pipeline")

    def number(self, part: str, key: str, default: int | None = None) -> int:
        """One whole number of a model's config."""
        found = self.config(part).get(key, default)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            raise SourceError(
                str(self.path / part / "config.json"),
                f"{key} is {found!r}, wanted a positive number",
                "fetch the file again, or name another pipeline",
            )
        return found

    def tokens(self, tokenizer: str) -> int:
        """How long a tokenizer makes its texts."""
        said = self._json(f"{tokenizer}/tokenizer_config.json", "fetch the whole folder")
        found = said.get("model_max_length")
        if not isinstance(found, int) or not 0 < found <= 4096:
            raise SourceError(
                str(self.path / tokenizer / "tokenizer_config.json"),
                f"model_max_length is {found!r}, wanted 1 to 4096",
                "write the length that the model was trained with",
            )
        return found

    def parameters(self, parts: Iterable[str]) -> int:
        """How many parameters the parts have, from the headers of their files."""
        return sum(
            tensor.size
            for part in parts
            for file in self._files(part)
            for name, tensor in read_header(file).items()
            if not (name.endswith(_BUFFERS) or name in _VOCODERS_OWN)
        )

    def dtype(self, part: str) -> str:
        """The type of most numbers of a model, as safetensors spells it."""
        sizes: dict[str, int] = {}
        for tensor in read_header(self._files(part)[0]).values():
            sizes[tensor.dtype] = sizes.get(tensor.dtype, 0) + tensor.size
        return max(sizes, key=sizes.__getitem__, default="F32")

    @property
    def licence(self) -> str:
        """What the model card says, as an SPDX identifier; empty where there is none."""
        card = self.path / "README.md"
        head = _CARD.match(card.read_text("utf-8", errors="replace")) if card.is_file() else None
        said = {m["key"]: m["value"] for m in _LICENCE.finditer(head["head"])} if head else {}
        found = said.get("license", "")
        if found == "other":
            found = said.get("license_name", found)
            return f"LicenseRef-{found}"
        return _SPDX.get(found, f"LicenseRef-{found}" if found else "")

    def _files(self, part: str) -> list[Path]:
        for stem in _WHOLE:
            index = self.path / part / f"{stem}.safetensors.index.json"
            if index.is_file():
                return [self.path / part / name for name in indexed(index)]
            if (whole := self.path / part / f"{stem}.safetensors").is_file():
                return [whole]
        raise SourceError(
            str(self.path / part),
            f"holds no {' or '.join(f'{stem}.safetensors' for stem in _WHOLE)}",
            "save the pipeline with safe_serialization=True: nothing else is loaded",
        )

    def _json(self, inside: str, fix: str) -> dict[str, Any]:
        path = self.path / inside
        if not path.exists():
            raise SourceError(str(self.path), f"has no {inside}", fix)
        found = read_json(path, error=SourceError, fix=fix)
        if not isinstance(found, dict):
            raise SourceError(str(path), f"holds a {type(found).__name__}", fix)
        return found


_SPDX = {  # as model cards spell them
    "apache-2.0": "Apache-2.0",
    "mit": "MIT",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "creativeml-openrail-m": "LicenseRef-CreativeML-OpenRAIL-M",
    "openrail++": "LicenseRef-CreativeML-OpenRAIL-PlusPlus-M",
}
