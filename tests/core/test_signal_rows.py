"""What a channel is read as that was never trained."""

from __future__ import annotations

import torch

from nextgpt_core.signal import SignalVocabulary
from nextgpt_core.signal.rows import SignalRows
from nextgpt_core.testing import SystemKit
from nextgpt_registry.lock import Signals


def test_a_new_channel_is_read_as_the_mean_of_the_known_first_to_first_and_last_to_last(
    kit: SystemKit,
) -> None:
    signals = Signals(base=100).extended({"old": (3, ""), "older": (3, "")})
    with kit.pipeline() as pipeline:
        backbone = pipeline.system.model.backbone
        known = SignalRows(backbone, SignalVocabulary.of(signals)).state()
        for name, at in (("old", 0.0), ("older", 20.0)):
            ramp_S = torch.tensor([at, at + 1, at + 2])
            known[f"{name}.input"] = ramp_S[:, None].expand(3, backbone.width).clone()
        rows = SignalRows(backbone, SignalVocabulary.of(signals.extended({"new": (5, "")})))
        rows.load(known)

    new_S = rows.input.detach()[6:].mean(dim=1)
    assert torch.allclose(new_S, torch.tensor([10.0, 10.0, 11.0, 12.0, 12.0]), atol=0.3)
