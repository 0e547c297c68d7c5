"""A pipeline's folder says what its decoder is, without torch; what is not known is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nextgpt_diffusers import PIPELINES, describe
from nextgpt_diffusers.decoders import DECODERS
from nextgpt_diffusers.folder import Folder
from nextgpt_registry.errors import PlanError, SourceError
from nextgpt_registry.plan import make_plan
from nextgpt_registry.specs import Decoder

Saved = Callable[[str], Path]
CONDITIONS = {
    "StableDiffusionPipeline": {"text": (77, 32)},
    "StableDiffusionXLPipeline": {"text": (77, 32), "pooled": (1, 16)},
    "PixArtSigmaPipeline": {"text": (300, 32), "mask": (300, 1)},
    "Flux2KleinPipeline": {"text": (512, 96)},
    "TextToVideoSDPipeline": {"text": (77, 32)},
    "WanPipeline": {"text": (128, 32)},
    "StableAudioPipeline": {"text": (128, 768)},
    "AudioLDMPipeline": {"text": (1, 32)},
    "AceStepPipeline": {"text": (256, 32), "mask": (256, 1)},
}


def generic(name: str) -> Decoder:
    """The decoder `diffusers` of the modality that a pipeline makes."""
    wanted = PIPELINES[name].modality
    return next(d for d in DECODERS if d.name == "diffusers" and d.modality == wanted)


def changed(folder: Path, copy: Path, file: str, **values: Any) -> Path:
    """A copy of a folder in which one JSON file says something else."""
    shutil.copytree(folder, copy)
    path = copy / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return copy


@pytest.mark.parametrize("name", PIPELINES)
def test_conditions_are_those_of_the_files(name: str, saved: Saved) -> None:
    spec = describe(generic(name), {"pipeline": saved(name)})

    assert {c.name: (c.tokens, c.width) for c in spec.conditions} == CONDITIONS[name]
    assert spec.parameters > 0
    assert spec.target == generic(name).target


def test_describing_imports_neither_torch_nor_diffusers(saved: Saved) -> None:
    code = (
        "import sys; from pathlib import Path; from nextgpt_diffusers import describe;"
        "from nextgpt_diffusers.decoders import DECODERS;"
        f"describe(DECODERS[0], {{'pipeline': Path({str(saved('StableDiffusionPipeline'))!r})}});"
        "assert not {'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_class_is_refused_with_the_known_ones(saved: Saved, tmp_path: Path) -> None:
    sd = saved("StableDiffusionPipeline")
    other = changed(sd, tmp_path / "a", "model_index.json", _class_name="FluxPipeline")

    with pytest.raises(SourceError, match="FluxPipeline is not known") as caught:
        describe(DECODERS[0], {"pipeline": other})
    assert "StableDiffusionPipeline, StableDiffusionXLPipeline" in caught.value.fix
    with pytest.raises(SourceError, match="WanPipeline makes video"):
        describe(DECODERS[0], {"pipeline": saved("WanPipeline")})


def test_code_from_elsewhere_and_missing_parts_are_refused(saved: Saved, tmp_path: Path) -> None:
    sd = saved("StableDiffusionPipeline")
    foreign = changed(sd, tmp_path / "a", "model_index.json", unet=["my_unet", "MyUNet"])
    bare = changed(sd, tmp_path / "b", "model_index.json", text_encoder=[None, None])

    hidden = changed(sd, tmp_path / "c", "model_index.json", scheduler=["my_steps", "MySteps"])
    unloaded = changed(sd, tmp_path / "d", "model_index.json", safety_checker=["mine", "Mine"])

    assert describe(DECODERS[0], {"pipeline": unloaded}).conditions
    with pytest.raises(SourceError, match=r"scheduler is my_steps\.MySteps, code from elsewhere"):
        describe(DECODERS[0], {"pipeline": hidden})
    with pytest.raises(SourceError, match=r"unet is my_unet\.MyUNet, code from elsewhere"):
        describe(DECODERS[0], {"pipeline": foreign})
    with pytest.raises(SourceError, match="has no text_encoder"):
        describe(DECODERS[0], {"pipeline": bare})


def test_parts_that_do_not_fit_are_refused(saved: Saved, tmp_path: Path) -> None:
    sd = saved("StableDiffusionPipeline")
    wide = changed(sd, tmp_path / "a", "unet/config.json", cross_attention_dim=64)
    torn = changed(sd, tmp_path / "b", "unet/config.json", cross_attention_dim="wide")
    (tmp_path / "c").mkdir()
    two = changed(
        saved("WanPipeline"),
        tmp_path / "d",
        "model_index.json",
        transformer_2=["diffusers", "WanTransformer3DModel"],
    )

    with pytest.raises(SourceError, match="width 32, its denoiser takes 64"):
        describe(DECODERS[0], {"pipeline": wide})
    with pytest.raises(SourceError, match="cross_attention_dim is 'wide'"):
        describe(DECODERS[0], {"pipeline": torn})
    with pytest.raises(SourceError, match=r"has no model_index\.json"):
        describe(DECODERS[0], {"pipeline": tmp_path / "c"})
    with pytest.raises(SourceError, match="two denoisers"):
        describe(DECODERS[1], {"pipeline": two})


def test_pickled_weights_are_refused(saved: Saved, tmp_path: Path) -> None:
    folder = shutil.copytree(saved("StableDiffusionPipeline"), tmp_path / "a")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").rename(
        folder / "vae" / "diffusion_pytorch_model.bin"
    )

    with pytest.raises(SourceError, match="safetensors"):
        describe(DECODERS[0], {"pipeline": folder})


@pytest.mark.parametrize(
    ("head", "licence"),
    [
        ("license: apache-2.0", "Apache-2.0"),
        ("license: cc-by-nc-4.0", "CC-BY-NC-4.0"),
        ("license: other\nlicense_name: my-terms", "LicenseRef-my-terms"),
        ("tags: [x]", ""),
    ],
)
def test_the_licence_is_that_of_the_model_card(tmp_path: Path, head: str, licence: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{head}\n---\n\nlicense: mit\n")

    assert Folder(tmp_path).licence == licence


def config(folder: str, **decoder: Any) -> dict[str, Any]:
    return {
        "name": "any",
        "llm": {
            "path": "hf:a/b@0123456789012345678901234567890123456789",
            "licence": "MIT",
            "facts": {
                "family": "llama",
                "parameters": 1000,
                "width": 8,
                "layers": 2,
                "vocabulary": 32,
                "tied": True,
                "context": 64,
            },
        },
        "plugins": ["image", "diffusers"],
        "modalities": {
            "image": {
                "decoder": {
                    "name": "diffusers",
                    "weights": {"pipeline": {"source": f"file:{folder}"}},
                    **decoder,
                }
            }
        },
    }


def test_a_plan_has_the_conditions_of_the_files(saved: Saved) -> None:
    folder = saved("StableDiffusionXLPipeline")

    plan = make_plan(config(str(folder)))

    output = plan.channels["image"].output
    assert output is not None
    assert {c.name: (c.tokens, c.width) for c in output.conditions} == CONDITIONS[folder.name]
    part = next(part for part in plan.parts if part.name == "image.decoder")
    assert part.parameters == Folder(folder).parameters(PIPELINES[folder.name].parts)


def test_a_plan_tells_what_is_wrong_with_the_files(saved: Saved, tmp_path: Path) -> None:
    other = changed(
        saved("StableDiffusionPipeline"),
        tmp_path / "a",
        "model_index.json",
        _class_name="FluxPipeline",
    )

    with pytest.raises(PlanError, match="FluxPipeline is not known here"):
        make_plan(config(str(other)))
    with pytest.raises(PlanError, match="which are not here"):
        make_plan(config(str(tmp_path / "nowhere")))
    with pytest.raises(PlanError, match="scheduler"):
        make_plan(config(str(other), options={"scheduler": "heun"}))
