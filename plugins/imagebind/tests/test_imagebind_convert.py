"""The published pickle becomes safetensors once, and nothing in a pickle is run."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from nextgpt_imagebind import convert as converting
from nextgpt_imagebind.cli import app
from nextgpt_imagebind.options import EncoderOptions
from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.cache import sha256_of
from nextgpt_registry.targets import missing

if missing(("imagebind.models.imagebind_model", "einops")):
    pytest.skip("the package imagebind is not installed", allow_module_level=True)

from nextgpt_imagebind.encoder import Cls, Patches
from nextgpt_imagebind.model import build

NARROW = 8


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A narrow ImageBind, which the converter then takes for the published size."""
    torch.manual_seed(0)
    model = build(NARROW)
    monkeypatch.setattr(converting, "build", lambda narrow=None: build(NARROW))
    return model


@pytest.fixture
def published(small: Any, tmp_path: Path) -> Path:
    path = tmp_path / "imagebind_huge.pth"
    torch.save(small.state_dict(), path)
    return path


def test_converted_weights_load_and_give_the_same_features(
    small: Any, published: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "imagebind.safetensors"

    ran = CliRunner().invoke(
        app, ["convert", str(published), str(out), "--sha256", sha256_of(published)]
    )

    assert ran.exit_code == 0, ran.output
    assert sha256_of(out) in ran.stdout
    assert "accept_licences: [CC-BY-NC-SA-4.0]" in ran.stdout
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    for kind in (Cls, Patches):
        encoder = kind(EncoderOptions(narrow=NARROW)).eval()
        encoder.load({"model": out})
        assert all(
            torch.equal(tensor, encoder.model.state_dict()[name])
            for name, tensor in small.state_dict().items()
        )
    with torch.no_grad():
        wanted = small.eval()({"vision": x})["vision"]
        encoder = Cls(EncoderOptions(narrow=NARROW)).eval()
        encoder.load({"model": out})
        torch.testing.assert_close(encoder({"image": x})[:, 0, :NARROW], wanted)


def test_another_file_than_the_pinned_one_is_refused(published: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"wanted {converting.SHA256}"):
        converting.convert(published, tmp_path / "out.safetensors")

    assert not (tmp_path / "out.safetensors").exists()


def test_every_tensor_that_does_not_fit_is_listed(small: Any, tmp_path: Path) -> None:
    state = small.state_dict()
    del state["modality_heads.vision.2.weight"]
    state["modality_heads.depth.2.weight"] = torch.zeros(3, 3)
    state["optimizer"] = torch.zeros(1)
    path = tmp_path / "other.pth"
    torch.save(state, path)

    with pytest.raises(SourceError) as caught:
        converting.convert(path, tmp_path / "out.safetensors", sha256=sha256_of(path))

    told = str(caught.value)
    assert "3 tensors are not ImageBind's" in told
    assert "lacks modality_heads.vision.2.weight" in told
    assert "has optimizer" in told
    assert "modality_heads.depth.2.weight is (3, 3), wanted (8, 8)" in told
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (lambda t: t * float("nan"), "has 64 of 64 numbers that are not finite"),
        (lambda t: t.long(), "is of int64, wanted floats"),
        (lambda t: t.to(torch.complex64), "is of complex64, wanted floats"),
    ],
    ids=["nan", "int64", "complex"],
)
def test_numbers_that_cannot_be_weights_are_refused_by_name(
    odd: Any, told: str, small: Any, tmp_path: Path
) -> None:
    state = small.state_dict()
    state["modality_heads.depth.2.weight"] = odd(state["modality_heads.depth.2.weight"])
    path = tmp_path / "other.pth"
    torch.save(state, path)

    with pytest.raises(SourceError, match=rf"modality_heads\.depth\.2\.weight {told}"):
        converting.convert(path, tmp_path / "out.safetensors", sha256=sha256_of(path))
    assert not (tmp_path / "out.safetensors").exists()


class Trap:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def test_code_in_a_pickle_is_not_run(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"weight": Trap()})
    (tmp_path / "trap.pth").write_bytes(data)

    with pytest.raises(SourceError, match="cannot be read as tensors"):
        converting.convert(
            tmp_path / "trap.pth", tmp_path / "out", sha256=hashlib.sha256(data).hexdigest()
        )

    assert not (tmp_path / "sprung").exists()
