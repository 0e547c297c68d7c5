"""The engine on a GPU says what it says on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nextgpt_core.testing import SystemKit, glyph

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("more", [(), ("modalities.glyph.decoder.offload=true",)])
def test_answer_is_that_of_the_cpu(tmp_path: Path, more: tuple[str, ...]) -> None:
    kit = SystemKit(tmp_path)
    on_cpu = [
        f"{part}.device=cpu"
        for part in ("llm", "modalities.glyph.encoder", "modalities.glyph.decoder")
    ]
    options: Any = {"require": {"glyph": 2}, "temperature": 0.8, "seed": 5}
    with kit.pipeline(*on_cpu) as slow, kit.pipeline(*more) as fast:
        wanted = slow.chat(["hello", glyph(1)], **options)
        found = fast.chat(["hello", glyph(1)], **options)

        assert fast.system.model.backbone.device.type == "cuda"
    assert found.ids == wanted.ids
    for one, other in zip(found.media, wanted.media, strict=True):
        difference = one.media.data.astype(int) - other.media.data.astype(int)
        assert np.abs(difference).max() <= 2
