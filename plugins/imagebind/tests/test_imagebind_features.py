"""Features equal those of the package's own model, small, on the same input.

Legend: B batch, S views, N both, T tokens, D width.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nextgpt_imagebind.options import PARAMETERS, PATCHES, EncoderOptions
from nextgpt_registry.targets import missing

if missing(("imagebind.models.imagebind_model", "einops")):
    pytest.skip("the package imagebind is not installed", allow_module_level=True)

from nextgpt_imagebind.encoder import Cls, Patches
from nextgpt_imagebind.model import build

NARROW = 16
SCALES = {"vision": 1.0, "audio": 20.0, "depth": 5.0, "thermal": 10.0, "imu": 5.0}
SHAPES = {
    "image": (2, 3, 224, 224),
    "video": (2, 15, 3, 2, 224, 224),
    "audio": (2, 3, 1, 128, 204),
    "depth": (2, 1, 224, 224),
    "thermal": (2, 1, 224, 224),
    "imu": (2, 6, 2000),
}
MODALITIES = tuple(SHAPES)


def made(kind: Any, **options: Any) -> Any:
    torch.manual_seed(0)
    encoder = kind(EncoderOptions(narrow=NARROW, **options)).eval().requires_grad_(False)
    for parameter in encoder.parameters():  # biases and gains start at 0 and 1, which tells little
        parameter += 0.1 * torch.randn_like(parameter)
    return encoder


def tower_of(modality: str) -> str:
    return {"image": "vision", "video": "vision"}.get(modality, modality)


def given(modality: str) -> Tensor:
    return torch.randn(SHAPES[modality], generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def cls() -> Any:
    return made(Cls)


@pytest.fixture(scope="module")
def patches() -> Any:
    return made(Patches)


@pytest.mark.parametrize("modality", MODALITIES)
def test_cls_features_are_those_of_the_package(cls: Any, modality: str) -> None:
    x, tower = given(modality), tower_of(modality)

    theirs = cls.model({tower: x})[tower]

    ours = cls({modality: x})
    assert ours.shape == (2, 1, 1024)
    torch.testing.assert_close(ours[:, 0, :NARROW], theirs / SCALES[tower], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_kept_logit_scaling_is_the_package_as_released(modality: str) -> None:
    encoder = made(Cls, logit_scaling="keep")
    x, tower = given(modality), tower_of(modality)

    theirs = encoder.model({tower: x})[tower]

    torch.testing.assert_close(encoder({modality: x})[:, 0, :NARROW], theirs)


@pytest.mark.parametrize("modality", MODALITIES)
def test_patches_are_all_tokens_but_cls_normed_then_averaged(patches: Any, modality: str) -> None:
    x, tower = given(modality), tower_of(modality)
    seen: list[Tensor] = []
    hook = patches.model.modality_trunks[tower].register_forward_hook(
        lambda module, inputs, states: seen.append(states)
    )

    patches.model({tower: x})  # the package's own way into the tower
    hook.remove()

    expected = by_hand(patches.model, tower, seen[0], views=x.shape[1] if x.dim() >= 5 else 1)
    ours = patches({modality: x})
    assert ours.shape == (2, PATCHES[modality], 1024)
    torch.testing.assert_close(ours[..., :NARROW], expected, atol=1e-6, rtol=1e-5)


def by_hand(model: Any, tower: str, states_NTD: Tensor, *, views: int) -> Tensor:
    """The head, token for token, as the definition says: (N, 1 + T, D) -> (B, T, D)."""
    head = model.modality_heads[tower]
    norm, linear = head[0], head[-1]
    rows = []
    for states_TD in states_NTD:
        tokens = states_TD[1:]
        centred = tokens - tokens.mean(-1, keepdim=True)
        spread = (centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()
        projected = (centred / spread * norm.weight + norm.bias) @ linear.weight.T
        rows.append(projected / projected.norm(dim=-1, keepdim=True))
    return torch.stack(rows).unflatten(0, (-1, views)).mean(1)


def test_views_of_one_medium_do_not_meet_another(patches: Any) -> None:
    x = given("audio")

    together = patches({"audio": x})

    torch.testing.assert_close(together[1:], patches({"audio": x[1:]}))


def test_a_still_picture_is_a_film_of_equal_frames(cls: Any) -> None:
    x = given("image")
    still = x[:, None, :, None].expand(-1, 15, -1, 2, -1, -1)

    torch.testing.assert_close(cls({"video": still}), cls({"image": x}))


def test_the_model_is_as_large_as_declared() -> None:
    with torch.device("meta"):
        model = build()

    assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}


def test_the_narrow_model_has_the_same_modules() -> None:
    """Blocks aside, of which it has two, and the layers that only training uses."""

    def kinds(model: Any) -> set[tuple[str, str]]:
        return {
            (name, type(module).__name__)
            for name, module in model.named_modules()
            if ".blocks." not in name or ".blocks.1." in name
        }

    with torch.device("meta"):
        full, narrow = build(), build(NARROW)

    assert kinds(full) == kinds(narrow)
