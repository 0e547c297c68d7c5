"""From a config and a stage to a run: the system that is trained, its folder, its export.

Where training differs from use: adapters are not merged, decoders run in this process, and the
language model's weights are not kept in float16. With `precision=bf16` its matrices are kept in
bfloat16, as autocast would round them for every product, and the residual stream stays float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextgpt_core.assembly.assemble import assemble, place
from nextgpt_core.assembly.checkpoint import tokenizer_hash
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.layers import decoder_layers
from nextgpt_core.llm.lora import lora_parameters
from nextgpt_core.system import System
from nextgpt_core.training.compute import chosen
from nextgpt_core.training.folder import RunFolder, part_files, read_parts
from nextgpt_core.training.meter import Values
from nextgpt_core.training.numbered import Numbered, numbered
from nextgpt_core.training.settings import FREE_TO_CHANGE, RunSettings, rehearsed, stage_of
from nextgpt_core.training.stage import Stage
from nextgpt_registry.anchors import anchored
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config, TrainingData
from nextgpt_registry.configfile import Loaded, dump_config
from nextgpt_registry.fetch.cache import cache_dir, sha256_of
from nextgpt_registry.fetch.progress import busy
from nextgpt_registry.fetch.sources import OnProgress
from nextgpt_registry.lock import LOCK_FILE, write_lock
from nextgpt_registry.plan import Plan, resolve
from nextgpt_registry.targets import blamed
from nextgpt_registry.targets import resolve as resolve_target

_NOT_OF_A_RUN = {"training", "ablations", "benchmark"}


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to."""

    folder: Path  # of the run: checkpoints, logs, samples, and the parts for another's `start`
    steps: int  # done in all
    values: Values  # of the last step
    metrics: Values  # the last value of everything logged
    parts: Mapping[str, Mapping[str, Tensor]]  # what is trained, by part and name


def run_folder(config: Config, stage: str) -> Path:
    """Where the runs of a stage are, unless another place is said."""
    return cache_dir() / "runs" / f"{config.name}-{stage}"


def train(
    loaded: Loaded,
    catalog: Catalog,
    stage: str,
    *,
    out: Path | None = None,
    start: Path | None = None,
    backbone: Backbone | None = None,
    progress: OnProgress | None = None,
) -> TrainingResult:
    """Train a stage, or go on with it where a run in the same folder was killed.

    It starts from the system's own trained parts, with those of the run `start` in their place.

    Raises:
        TrainingError: the run cannot start, or its loss is no longer a number.
    """
    data, settings = stage_of(loaded.config, stage)
    device = torch.device(place(loaded.config.llm.device))
    settings = settings.model_copy(update={"precision": chosen(settings.precision, device)})
    config = for_training(loaded.config, settings)
    plan = resolve(replace(loaded, config=config), catalog)
    source = source_of(data, of=settings.dialogues)
    others = tuple(rehearsed(config, settings).values()) if settings.rehearsal else ()
    with RunFolder(out or run_folder(config, stage)) as run:
        told: dict[str, Any] = {
            "stage": stage,
            "settings": settings.model_dump(mode="json"),
            "config": anchored(config, loaded.base).model_dump(mode="json", exclude=_NOT_OF_A_RUN),
            "data": _told(data),
            "start": _digests(start),
        }
        if others:
            told["rehearsed"] = [_told(other) for other in others]
        run.agree(told, free=FREE_TO_CHANGE)
        with torch.random.fork_rng(devices=[]), busy(f"loading {config.name}"):
            torch.manual_seed(settings.seed)  # fresh adapters are drawn: the same for every run
            system = assemble(plan, catalog, backbone=backbone, progress=progress)
        if settings.precision == "bf16":
            shorten(system.model.backbone)
        if start is not None:
            system.model.load_by_part(_fitting(system, read_parts(start)))
        _describe(run, plan, system, loaded)
        loop = Stage(
            system,
            source,
            settings,
            run,
            cache=tensor_cache(config, settings),
            rehearsed=[source_of(other, of=settings.dialogues) for other in others],
        ).loop(title=f"{config.name} {stage}")
        values = loop.train()
    return TrainingResult(run.path, loop.step, values, loop.metrics, system.model.trained_state())


def for_training(config: Config, settings: RunSettings) -> Config:
    """The config as it is trained."""
    llm: dict[str, Any] = {}
    if config.llm.dtype == "float16" or settings.precision == "fp32":
        llm["dtype"] = "float32"
    if config.llm.attention is None and place(config.llm.device) == "cpu":
        llm["attention"] = "eager"  # torch's fused one is slow backwards on a CPU
    decoder: dict[str, Any] = {"executor": "inline"}
    if settings.denoising:
        decoder["offload"] = False  # its gradient is taken after its call has ended
    channels = {
        name: channel.model_copy(update={"decoder": channel.decoder.model_copy(update=decoder)})
        if channel.decoder
        else channel
        for name, channel in config.modalities.items()
    }
    return config.model_copy(
        update={"llm": config.llm.model_copy(update=llm), "modalities": channels}
    )


def shorten(backbone: Backbone) -> None:
    """Round the frozen matrices of the layers to bfloat16, once instead of in every pass."""
    adapters = {id(matrix) for matrix in lora_parameters(backbone)}
    for layer in decoder_layers(backbone.inner, backbone.embedding).modules():
        if type(layer) is torch.nn.Linear and id(layer.weight) not in adapters:
            layer.weight.data = layer.weight.data.bfloat16()


def tensor_cache(config: Config, settings: RunSettings) -> TensorCache:
    """Features and caption targets, shared by all stages and runs."""
    return TensorCache(
        cache_dir() / "features",
        memory_bytes=config.feature_cache_mb << 20,
        disk_bytes=int(settings.cache_gb * 2**30),
    )


def check_data(config: Config, stages: Iterable[str]) -> None:
    """Make the stages' sources of dialogues: what is wrong is told before the first is run.

    Raises:
        PluginError: a target cannot be imported, or fails.
        TrainingError: what it returns is no source of dialogues.
    """
    for stage in stages:
        data, settings = stage_of(config, stage)
        source_of(data, of=settings.dialogues)


def source_of(data: TrainingData, *, of: int = 0) -> Numbered:
    """The dialogues that a stage's target makes; at most `of`, if it can only be iterated."""
    with blamed(data.target):
        made = resolve_target(data.target)(**data.options)
    return numbered(made, who=data.target, of=of)


def _told(data: TrainingData) -> dict[str, Any]:
    return data.model_dump(mode="json", include={"target", "options"})


def _describe(run: RunFolder, plan: Plan, system: System, loaded: Loaded) -> None:
    run.write("config.yaml", dump_config(anchored(loaded.config, loaded.base)))
    backbone = system.model.backbone
    lock = plan.to_lock(tokenizer=tokenizer_hash(backbone.tokenizer), base=backbone.origin)
    write_lock(lock, run.path / LOCK_FILE)


def _digests(start: Path | None) -> dict[str, str]:
    """What the parts of an earlier run hash to: another start is another run."""
    if start is None:
        return {}
    read_parts(start)
    return {path.stem: sha256_of(path) for path in part_files(start)}


def _fitting(
    system: System, parts: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Mapping[str, torch.Tensor]]:
    """The parts without those of channels, or sides of channels, that this system leaves out."""
    own = system.model.state_by_part()
    found: dict[str, Mapping[str, Tensor]] = {}
    for part, tensors in parts.items():
        if not part.startswith("project."):
            if part in own:
                found[part] = tensors
            continue
        sides = {name.partition(".")[0] for name in own.get(part, {})}
        kept = {n: t for n, t in tensors.items() if n.partition(".")[0] in sides}
        if kept:
            found[part] = kept
    return found
