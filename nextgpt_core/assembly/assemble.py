"""From a plan to a live system: weights fetched, parts built and placed. Decides nothing itself."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nextgpt_core.assembly import weights
from nextgpt_core.assembly.checkpoint import check_base, check_tokenizer
from nextgpt_core.assembly.components import Blame, Deferred, LiveDecoder, Recipe
from nextgpt_core.assembly.encoders import LiveEncoder
from nextgpt_core.intake.hooks import check_media
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.load import backbone_from_folder
from nextgpt_core.llm.lora import add_lora, merge_lora
from nextgpt_core.llm.probe import probe
from nextgpt_core.model import NextGPT
from nextgpt_core.project import planned_input, planned_output
from nextgpt_core.prompt.compose import Composer
from nextgpt_core.signal import SignalVocabulary
from nextgpt_core.system import System
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Weight
from nextgpt_registry.documents import read_text
from nextgpt_registry.errors import LockError, PluginError
from nextgpt_registry.fetch.sources import OnProgress
from nextgpt_registry.plan import DecoderPlan, EncoderPlan, Plan, account_fetched
from nextgpt_registry.targets import blamed, options_model
from nextgpt_registry.tensors import load_compact


def assemble(
    plan: Plan,
    catalog: Catalog,
    *,
    backbone: Backbone | None = None,
    merge: bool = False,
    defer: bool = False,
    progress: OnProgress | None = None,
) -> System:
    """The system of a plan, in eval mode, with nothing to be trained.

    A `backbone` at hand is used instead of loading the plan's (its LoRA is added unless it has
    one); `merge` adds trained LoRA adapters to the weights they adapt, which is faster to run but
    can no longer be trained. `defer` builds encoders and decoders when they are first used: what
    is wrong with one of them is told then.

    Raises:
        SourceError: weights cannot be had.
        PlanError: a licence has not been accepted.
        PluginError: a component cannot be built.
        LockError: trained parts or the tokenizer are not those of the lock.
    """
    plan.check_accepted()
    paths = weights.resolve(plan.weights, base=plan.base, progress=progress)
    backbone = backbone or _backbone(plan, progress)
    if not backbone.probed:
        probe(backbone)
    if plan.config.llm.template is not None:
        backbone.tokenizer.chat_template = _template(plan)
    check_tokenizer(plan.lock, backbone.tokenizer)
    check_base(plan.lock, backbone.origin)
    builder = _Builder(plan, catalog, progress, defer=defer)
    encoders = {n: builder.encoder(c.encoder) for n, c in plan.channels.items() if c.encoder}
    decoders = {n: builder.decoder(c.decoder) for n, c in plan.channels.items() if c.decoder}
    model = build_model(plan, backbone)
    account_fetched(plan)
    model.load_by_part(_wanted(model, {part: load_compact(paths[part]) for part in paths}))
    model.eval().requires_grad_(False)
    if merge and plan.config.llm.lora is not None:
        merge_lora(backbone)
    return System(plan, catalog, model, build_composer(plan, backbone), encoders, decoders)


def build_model(plan: Plan, backbone: Backbone) -> NextGPT:
    """The language model with fresh projections and signal rows; the same at every call."""
    if backbone.vocabulary != plan.signals.base:
        raise LockError(
            "llm",
            f"its embedding has {backbone.vocabulary} rows, the plan says {plan.signals.base}",
            "correct llm.facts.vocabulary",
        )
    if backbone.width != plan.facts.width:
        what = f"its states are {backbone.width} wide, the plan says {plan.facts.width}"
        raise LockError("llm", what, "correct llm.facts.width")
    backbone.context_told = plan.facts.context
    inputs: dict[str, torch.nn.Module] = {}
    outputs: dict[str, torch.nn.Module] = {}
    for name in plan.channels:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_start(name))  # a channel's start depends on its name alone
            first = plan.sharing(name)[0]
            made = inputs.get(first) or planned_input(plan, name, width_llm=backbone.width)
            if made is not None:
                inputs[name] = made.to(backbone.device)
            given = planned_output(plan, name, width_llm=backbone.width)
            if given is not None:
                outputs[name] = given.to(backbone.device)
    return NextGPT(
        backbone,
        SignalVocabulary.of(plan.signals),
        inputs=inputs,
        outputs=outputs,
    )


def build_composer(plan: Plan, backbone: Backbone) -> Composer:
    """What makes prompts of conversations, with the language model's tokenizer."""
    return Composer(
        backbone.tokenizer,
        SignalVocabulary.of(plan.signals),
        end_of_turn=backbone.eos_ids,
        stops=plan.config.generation.stop,
        system_prompt=plan.config.system_prompt,
    )


def place(device: str) -> str:
    """A config's device: `auto` is CUDA's or, on a Mac, MPS, where there is one."""
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def bare_backbone(plan: Plan, progress: OnProgress | None = None) -> Backbone:
    """The language model of a plan as it was before any training, loaded anew.

    Raises:
        SourceError: it cannot be had.
    """
    llm = plan.config.llm
    folder = weights.resolve_llm(llm, base=plan.base, progress=progress)
    backbone = backbone_from_folder(
        folder,
        layer=llm.layer,
        dtype=llm.dtype,
        attention=llm.attention,
        device=place(llm.device),
    )
    backbone.origin = weights.origin(folder)
    return backbone


def _backbone(plan: Plan, progress: OnProgress | None) -> Backbone:
    backbone = bare_backbone(plan, progress)
    if plan.config.llm.lora is not None:
        add_lora(backbone, plan.config.llm.lora)
    return backbone


def _template(plan: Plan) -> str:
    """The chat template that the config names."""
    source = Weight(source=plan.config.llm.template or "")
    [path] = weights.resolve({"llm.template": source}, base=plan.base).values()
    return read_text(path, fix="name a chat template (Jinja) in UTF-8")


class _Builder:
    """Builds components, each distinct one once."""

    def __init__(
        self, plan: Plan, catalog: Catalog, progress: OnProgress | None, *, defer: bool = False
    ) -> None:
        self._defer = defer
        self._plan = plan
        self._catalog = catalog
        self._progress = progress
        self._check = partial(check_media, catalog)
        self._built: dict[Any, Any] = {}  # live components by what makes them equal
        self._trunks: dict[str, dict[str, LiveEncoder]] = {}  # by trunk and target

    def encoder(self, found: EncoderPlan) -> LiveEncoder:
        """The encoder of a channel: one built before that is equal, or is on the same trunk."""
        recipe = self._recipe(found)
        key = _key("encoder", recipe)
        if key in self._built:
            return self._built[key]
        self._built[key] = self._encoder(recipe, found.spec.shares)
        return self._built[key]

    def _encoder(self, recipe: Recipe, shares: str) -> LiveEncoder:
        """One of its own, or one on a trunk: an instance for each target, the first with it."""
        on_trunk = self._trunks.setdefault(shares, {}) if shares else {}
        first = next(iter(on_trunk.values()), None)
        if first is None:
            build = self._build if shares else self._later  # a trunk is handed on as it is
            live = LiveEncoder(recipe, build("encoder", recipe), check=self._check)
        else:
            _check_shared(first.recipe, recipe, shares)
            same = on_trunk.get(recipe.spec.target)
            component = same.component if same else self._build("encoder", recipe, first.component)
            live = LiveEncoder(recipe, component, lock=first.lock, check=self._check)
        on_trunk.setdefault(recipe.spec.target, live)
        return live

    def decoder(self, found: DecoderPlan) -> LiveDecoder:
        """The decoder of a channel; one with a process of its own is built there, when called."""
        recipe = self._recipe(found)
        if found.settings.executor == "process":
            return LiveDecoder(recipe, None, found.settings.route)
        key = _key("decoder", recipe)
        if key not in self._built:
            self._built[key] = self._later("decoder", recipe)
        return LiveDecoder(recipe, self._built[key], found.settings.route)

    def _recipe(self, found: EncoderPlan | DecoderPlan) -> Recipe:
        settings, spec = found.settings, found.spec
        paths = weights.resolve(settings.weights, base=self._plan.base, progress=self._progress)
        return Recipe(
            blame=Blame(found.plugin, spec.name),
            spec=spec,
            options=options_model(spec.options).model_validate(found.options),
            paths=paths,
            device=place(settings.device),
            dtype=settings.dtype,
            offload=settings.offload,
            version=found.version,
            pins=tuple(_pin(settings.weights[name], paths[name]) for name in sorted(paths)),
        )

    def _later(self, kind: str, recipe: Recipe) -> Any:
        """The component, or what builds it at its first use."""
        if self._defer:
            return Deferred(partial(self._build, kind, recipe))
        return self._build(kind, recipe)

    def _build(self, kind: str, recipe: Recipe, trunk: Any = None) -> Any:
        try:
            component = recipe.build(trunk)
        except PluginError:
            raise
        except Exception as error:
            raise PluginError(
                str(recipe.blame),
                f"cannot be built: {type(error).__name__}: {error}",
                "see the traceback above",
            ) from error
        for plugin, call in self._catalog.each("nextgpt_component_ready"):
            with blamed(f"{plugin}: nextgpt_component_ready"):
                call(kind=kind, name=recipe.spec.name, component=component)
        return component


def _key(kind: str, recipe: Recipe) -> tuple[Any, ...]:
    """Equal for one component under several channels; a name says what it is with its modality."""
    return (kind, recipe.spec.modality, recipe.fingerprint, recipe.device, recipe.offload)


def _wanted(model: NextGPT, parts: dict[str, dict[str, Tensor]]) -> dict[str, dict[str, Tensor]]:
    """The trained parts without the sides of channels that the config leaves out."""
    sides = {"input": model.inputs, "output": model.outputs}
    found = {}
    for part, tensors in parts.items():
        kind, _, channel = part.partition(".")
        if kind == "project":
            left_out = [side for side, modules in sides.items() if channel not in modules]
            tensors = {n: t for n, t in tensors.items() if n.partition(".")[0] not in left_out}
            if not tensors or len(left_out) == len(sides):
                continue
        found[part] = tensors
    return found


def _check_shared(first: Recipe, second: Recipe, trunk: str) -> None:
    same = (first.options, first.pins, first.device, first.dtype)
    other = (second.options, second.pins, second.device, second.dtype)
    if same != other:
        raise PluginError(
            str(second.blame),
            f"shares the trunk {trunk!r} with {first.blame}, but options, weights, device or "
            "dtype differ",
            "set them alike, so that one trunk serves both",
        )


def _pin(weight: Weight, path: Path) -> str:
    """What tells these weights from others: their hash, or what and how old the files here are."""
    source = weight.source if isinstance(weight.source, str) else " + ".join(weight.source)
    if weight.sha256:
        return f"{source} {weight.sha256}"
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    told = [f"{one} {(at := one.stat()).st_size} {at.st_mtime_ns}" for one in files]
    return " ".join((source, *told))


def _start(channel: str) -> int:
    return int.from_bytes(hashlib.sha256(channel.encode()).digest()[:8], "big") >> 1
