"""The channels of a plan: components found, options validated, projections sized."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import (
    Channel,
    LLMFacts,
    ProjectionSettings,
)
from nextgpt_registry.errors import NextGPTError
from nextgpt_registry.plan.components import check_component, validated, with_sources
from nextgpt_registry.plan.described import described
from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import (
    ChannelPlan,
    DecoderPlan,
    EncoderPlan,
    InputPlan,
    OutputPlan,
)
from nextgpt_registry.shapes import size
from nextgpt_registry.sizes import input_shapes, output_shapes, tokens_out
from nextgpt_registry.specs import Decoder, Encoder, Modality, Projection
from nextgpt_registry.targets import options_model


def resolve_channel(
    name: str,
    channel: Channel,
    facts: LLMFacts | None,
    catalog: Catalog,
    base: Path,
    findings: Findings,
) -> ChannelPlan | None:
    """One entry under `modalities`; None, with the problems noted, if it cannot be resolved.

    `base` is the folder that `file:` sources are relative to.
    """
    at = f"modalities.{name}"
    modality = _modality(name, channel, catalog, findings)
    if channel.encoder is None and channel.decoder is None:
        findings.add(at, "has neither an encoder nor a decoder", "give it one, or take it out")
    if modality is None:
        return None
    encoder = _encoder(channel, modality, at, catalog, findings)
    decoder = _decoder(channel, modality, at, catalog, base, findings)
    width = facts.width if facts else 0
    return ChannelPlan(
        name=name,
        modality=modality,
        encoder=encoder,
        input=_input(channel.input_projection, encoder.spec, width, at, catalog, findings)
        if encoder
        else None,
        decoder=decoder,
        output=_output(channel, decoder.spec, width, at, catalog, findings) if decoder else None,
    )


def _modality(name: str, channel: Channel, catalog: Catalog, findings: Findings) -> Modality | None:
    wanted = channel.modality or name
    if wanted in catalog.modalities:
        return catalog.modalities[wanted]
    path = f"modalities.{name}" + (".modality" if channel.modality else "")
    installed = Catalog.discover()  # an error is about to be told: say which plugin would do
    if wanted in installed.modalities:
        owner = installed.owner(installed.modalities[wanted]).name
        fix = f"add {owner!r} to `plugins`"
    else:
        fix = did_you_mean(wanted, [*catalog.modalities, *installed.modalities])
        fix += "; a channel of another name says its `modality`"
    findings.add(path, f"no loaded plugin declares the modality {wanted!r}", fix)
    return None


def _encoder(
    channel: Channel, modality: Modality, at: str, catalog: Catalog, findings: Findings
) -> EncoderPlan | None:
    settings = channel.encoder
    if settings is None:
        return None
    try:
        spec = catalog.encoder(modality.name, settings.name)
    except NextGPTError as error:
        findings.add(f"{at}.encoder.name", f"{error.who} {error.what}", error.fix)
        return None
    settings = with_sources(spec, settings)
    options = check_component(spec, settings, f"{at}.encoder", findings)
    owner = catalog.owner(spec)
    return EncoderPlan(
        spec=spec, settings=settings, plugin=owner.name, version=owner.version, options=options
    )


def _decoder(
    channel: Channel,
    modality: Modality,
    at: str,
    catalog: Catalog,
    base: Path,
    findings: Findings,
) -> DecoderPlan | None:
    settings = channel.decoder
    if settings is None:
        return None
    try:
        spec = catalog.decoder(modality.name, settings.name)
    except NextGPTError as error:
        findings.add(f"{at}.decoder.name", f"{error.who} {error.what}", error.fix)
        return None
    settings = with_sources(spec, settings)
    options = check_component(spec, settings, f"{at}.decoder", findings)
    if settings.route == "caption" and not spec.captions:
        findings.add(
            f"{at}.decoder.route", f"{spec.name!r} takes no captions", "write `route: embedding`"
        )
    for taken in spec.takes:
        if taken not in catalog.modalities:
            findings.add(
                f"{at}.decoder",
                f"takes media of modality {taken!r}, which no loaded plugin declares",
                "add the plugin that declares it to `plugins`",
            )
    owner, found = catalog.owner(spec), described(spec, settings, f"{at}.decoder", base, findings)
    if found is None:
        return None
    return DecoderPlan(
        spec=found, settings=settings, plugin=owner.name, version=owner.version, options=options
    )


def _input(
    settings: ProjectionSettings,
    spec: Encoder,
    width: int,
    at: str,
    catalog: Catalog,
    findings: Findings,
) -> InputPlan | None:
    found = _projection(settings, "input", f"{at}.input_projection", catalog, findings)
    if found is None or not width:
        return None
    kind, options = found
    with findings.at(f"{at}.input_projection"):
        shapes = input_shapes(
            kind, options, tokens=spec.tokens, width_in=spec.width, width_llm=width
        )
        return InputPlan(
            kind=kind.name,
            spec=kind,
            options=options.model_dump(mode="json"),
            tokens_in=spec.tokens,
            width_in=spec.width,
            tokens=tokens_out(kind, options, spec.tokens),
            parameters=size(shapes),
            shares=settings.shares or "",
        )
    return None


def _output(
    channel: Channel, spec: Decoder, width: int, at: str, catalog: Catalog, findings: Findings
) -> OutputPlan | None:
    settings, signals = channel.output_projection, channel.signals or spec.signals
    if settings.shares is not None:
        findings.add(
            f"{at}.output_projection.shares",
            "no two channels can speak through one projection",
            "share an input projection, or take it out",
        )
    found = _projection(settings, "output", f"{at}.output_projection", catalog, findings)
    if found is None or not width:
        return None
    kind, options = found
    with findings.at(f"{at}.output_projection"):
        shapes = output_shapes(
            kind, options, width_llm=width, signals=signals, conditions=spec.conditions
        )
        return OutputPlan(
            kind=kind.name,
            spec=kind,
            options=options.model_dump(mode="json"),
            signals=signals,
            conditions=spec.conditions,
            parameters=size(shapes),
        )
    return None


def _projection(
    settings: ProjectionSettings, side: str, at: str, catalog: Catalog, findings: Findings
) -> tuple[Projection, BaseModel] | None:
    """The kind and its options; None, with the problems noted, if either is wrong."""
    kinds = catalog.projections(side)
    kind = kinds.get(settings.kind)
    if kind is None:
        installed = Catalog.discover()  # an error is about to be told: say which plugin would do
        brought = installed.projections(side)
        fix = did_you_mean(settings.kind, [*kinds, *brought])
        if settings.kind in brought:
            fix = f"add {installed.owner(brought[settings.kind]).name!r} to `plugins`"
        findings.add(f"{at}.kind", f"{settings.kind!r} is no kind of projection", fix)
        return None
    with findings.at(f"{at}.options"):
        options = validated(
            options_model(kind.options), settings.options, f"{at}.options", findings
        )
        return None if options is None else (kind, options)
    return None
