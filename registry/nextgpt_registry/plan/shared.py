"""Input projections that several channels have in common. Knows no kind of projection."""

from __future__ import annotations

from collections.abc import Mapping

from nextgpt_registry.plan.findings import Findings
from nextgpt_registry.plan.model import ChannelPlan, InputPlan

_ALIKE = ("kind", "options", "width_in")


def share_inputs(channels: Mapping[str, ChannelPlan], findings: Findings) -> dict[str, ChannelPlan]:
    """The channels; those that share a projection have one that takes the most tokens of any."""
    groups: dict[str, list[tuple[str, InputPlan]]] = {}
    for name, channel in channels.items():
        if channel.input and channel.input.shares:
            groups.setdefault(channel.input.shares, []).append((name, channel.input))
    found = dict(channels)
    for group in groups.values():
        _check_alike(group, findings)
        most = max(made.parameters for _, made in group)
        for name, made in group:
            one = made.model_copy(update={"parameters": most})
            found[name] = channels[name].model_copy(update={"input": one})
    return found


def _check_alike(group: list[tuple[str, InputPlan]], findings: Findings) -> None:
    (first, wanted), *others = group
    for name, made in others:
        differing = [key for key in _ALIKE if getattr(made, key) != getattr(wanted, key)]
        if differing:
            findings.add(
                f"modalities.{name}.input_projection",
                f"shares {made.shares!r} with {first!r}, but {', '.join(differing)} differ",
                "set them alike, or let each channel have a projection of its own",
            )
