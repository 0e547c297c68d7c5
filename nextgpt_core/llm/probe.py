"""Hold how a backbone reads against what its model makes of the same tokens.

A family may do something to its embeddings or logits, or keep something of the past, that we do
not know of. A few passes over nine tokens find out, instead of answers that are quietly wrong.
Legend: B batch, T tokens, D width, V vocabulary.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nextgpt_core.llm.backbone import Backbone, Run, joined
from nextgpt_core.llm.cache import GrowingCache
from nextgpt_core.llm.exchange import exchange
from nextgpt_core.llm.feeding import sees_all_before
from nextgpt_core.llm.passes import Direct, read_pass, read_together
from nextgpt_core.llm.slots import Slots, Together
from nextgpt_registry.errors import ConfigError

_log = logging.getLogger(__name__)

_FIRST, _THEN = 5, (1, 3)  # a prompt; a token, a signal group
_EXACT = 1e-2  # of the spread, at the worst number
_ROUNDED = 5e-2  # the same where logits are rounded, but nothing else differs
_SAME = 1e-3  # the same where the same numbers are added in another order
_FAR = 1 << 17  # positions: as far as is tried of families that turn or scale by them
_ROUGH = 0.25  # of the spread, at the median position: rounding turns an expert here and there


@dataclass(frozen=True)
class _States:
    """What is compared: logits (B, T, V), and states (B, T, D) at a layer that is not the last."""

    logits_BTV: Tensor
    hidden_BTD: Tensor | None

    def off(self, other: _States, *, exact: bool = True) -> float:
        """How far the other is from this, in units of this one's spread; NaN if not finite."""
        off = _off(self.logits_BTV, other.logits_BTV, exact)
        if self.hidden_BTD is None or other.hidden_BTD is None:
            return off
        hidden_off = _off(self.hidden_BTD, other.hidden_BTD, exact)
        return float(torch.tensor((off, hidden_off)).max())  # unlike Python's, NaN if one is


@torch.no_grad()
def probe(backbone: Backbone) -> None:
    """Find how the backbone goes on from what it has read, and set its `feeding` to that.

    Nine tokens in pieces must come to what they come to in one pass: as a prompt, a token and a
    signal group, after positions that were taken back, or beside another text.

    Raises:
        ConfigError: no way of feeding is right, embeddings or logits are not reproduced, or the
            model cannot read embeddings that are no token's.
    """
    _check_reads_embeddings(backbone)
    rows = backbone.vocabulary
    ids_BT = torch.linspace(rows // 8, rows // 2, _FIRST + sum(_THEN)).long()[None]
    ids_BT = ids_BT.to(backbone.device)
    theirs = _plain(backbone, ids_BT)
    exact = backbone.embedding.weight.dtype in (torch.float32, torch.float64)
    _check_uncached(backbone, ids_BT, theirs, limit=_EXACT if exact else _ROUNDED)
    found: list[str] = []
    for feeding in backbone.feedings():
        if not (exact or feeding.cuttable or feeding.stepwise):
            continue  # rounding could hide what a state loses; one at a time is what it is made for
        backbone.feeding = feeding
        try:
            ours = _in_pieces(backbone, backbone.embed(ids_BT))
        except Exception as error:  # a family's own code, on a way it may not be made for
            found.append(_short(error))
            continue
        off = theirs.off(ours, exact=exact)
        limit = _EXACT if exact else _ROUGH
        if off <= limit:
            backbone.feeding = replace(
                feeding, together=_reads_together(backbone, ids_BT, theirs, limit)
            )
            backbone.direct = _direct(backbone, ids_BT) if backbone.feeding.together else None
            backbone.probed = True
            _log.info("%s %s", _name(backbone), backbone.feeding)
            return
        found.append(f"off by {off:.2g} of the spread")
    raise ConfigError(
        "llm.path",
        f"{_name(backbone)} cannot go on from what it has read before: "
        + ("; ".join(dict.fromkeys(found)) or "it takes no cache"),
        "use another model family: one that is causal, and that transformers runs with a cache",
    )


def _check_reads_embeddings(backbone: Backbone) -> None:
    """Hold that the model needs no ids beside its embeddings: a medium's positions have none."""
    text = backbone.model.config.get_text_config(decoder=True)
    takes = inspect.signature(backbone.inner.forward).parameters
    if "per_layer_inputs" in takes and getattr(text, "hidden_size_per_layer_input", None):
        raise ConfigError(
            "llm.path",
            f"the layers of {_name(backbone)} look up each token's id again (per-layer "
            "embeddings), and a medium or a signal has none",
            "use another model family, or one of its models without per-layer embeddings",
        )


def _plain(backbone: Backbone, ids_BT: Tensor) -> _States:
    """What the model itself makes of token ids, in one pass."""
    try:
        with backbone.tapped() as tapped:
            out = backbone.model(input_ids=ids_BT, use_cache=False)
    except Exception as error:  # a family's own code
        raise _unreadable(backbone, "token ids", error) from error
    if not out.logits.isfinite().all():
        raise ConfigError(
            "llm.path",
            f"{_name(backbone)} gives numbers that are not finite, in {backbone.dtype}",
            "choose another llm.dtype; if that is no help, its weights are damaged",
        )
    if len(tapped) != backbone.taps:
        raise ConfigError(
            "llm.layer",
            f"{_name(backbone)} passes layer {backbone.layer} {len(tapped)} times",
            "set llm.layer to -1, after the final norm",
        )
    return _States(out.logits, tapped[0] if tapped else None)


def _check_uncached(backbone: Backbone, ids_BT: Tensor, theirs: _States, *, limit: float) -> None:
    """Hold that embed, run and logits give what the model itself gives."""
    x_BTD = backbone.embed(ids_BT)
    rows_TD = backbone.embedding.weight[ids_BT[0]].float() * backbone.embedding_scale
    embedded = torch.allclose(x_BTD[0].float(), rows_TD, rtol=1e-2, atol=1e-4)
    try:
        run = backbone.run(x_BTD)
    except Exception as error:  # a family's own code
        raise _unreadable(backbone, "embeddings", error) from error
    other = "use another model family"
    for name, states, fix in (
        ("llm.path", run.final_BTD, other),
        ("llm.layer", run.hidden_BTD, f"set llm.layer to -1, after the final norm, or {other}"),
    ):
        if states.shape != x_BTD.shape:
            raise ConfigError(
                name,
                f"the states of {_name(backbone)} at layer "
                f"{-1 if states is run.final_BTD else backbone.layer} are "
                f"{tuple(states.shape[1:])}, and its embeddings {tuple(x_BTD.shape[1:])}",
                fix,
            )
    if not embedded or not theirs.off(_states(backbone, run)) <= limit:
        raise ConfigError(
            "llm.path",
            f"{_name(backbone)} treats its embeddings or logits in a way that "
            "nextgpt does not reproduce",
            "use another model family, or teach nextgpt_core/llm/head.py this one",
        )


def _in_pieces(backbone: Backbone, x_BTD: Tensor) -> _States:
    """The same through a cache, as an answer is written."""
    strange_BTD = (x_BTD[:, :2] + x_BTD[:, 2:4]) / 2  # no token's, as those of media and signals
    cache = backbone.new_cache()
    if isinstance(cache, GrowingCache):
        first = backbone.run(torch.cat((x_BTD[:, :_FIRST], strange_BTD), dim=1), cache=cache)
        first = Run(first.hidden_BTD[:, :_FIRST], first.final_BTD[:, :_FIRST], cache)
        cache.cut(_FIRST)
    else:
        first = backbone.run(x_BTD[:, :_FIRST], cache=cache)
        backbone.run(strange_BTD, cache=backbone.new_cache())
    rest = x_BTD[:, _FIRST:].split(_THEN, dim=1)
    return _states(
        backbone, joined([first, *(backbone.run(piece_BTD, cache=cache) for piece_BTD in rest)])
    )


def _reads_together(backbone: Backbone, ids_BT: Tensor, theirs: _States, limit: float) -> bool:
    """Whether two texts of different lengths, read on in shared passes, come to the same as alone.

    The backbone's attention is left exchanged if so.
    """
    feeding, config = backbone.feeding, backbone.model.config
    fit = feeding.shares_beginnings and feeding.positions and not backbone.reads_anew
    if not (fit and sees_all_before(config) and exchange(backbone.model)):
        return False
    texts = [backbone.embed(ids_BT), backbone.embed(ids_BT.flip(1)[:, 2:])]
    exact = backbone.embedding.weight.dtype in (torch.float32, torch.float64)
    try:
        alone = [_states(backbone, backbone.run(x_BTD)) for x_BTD in texts]
        pairs = [(theirs, alone[0]), *zip(alone, _mixed(backbone, texts), strict=True)]
        offs = [one.off(other, exact=exact) for one, other in pairs]
    except Exception as error:  # a family's own code, on a way it may not be made for
        _log.info("%s reads no two texts in one pass: %s", _name(backbone), _short(error))
        offs = [float("inf")]
    if all(off <= limit for off in offs):
        return True
    exchange(backbone.model, back=True)
    return False


def _mixed(backbone: Backbone, texts: list[Tensor]) -> list[_States]:
    """The states of two texts that share passes, of one position or several of each."""
    slots = Slots()
    own = [slots.enter(GrowingCache()) for _ in texts]
    runs: list[list[Run]] = [[] for _ in texts]
    for counts in ((_FIRST, 0), (1, 1), (1, _FIRST - 1), (1, 1), (1, 1)):
        turns = [n for n, count in enumerate(counts) if count]
        read = [(own[n], texts[n][:, own[n].held :][:, : counts[n]]) for n in turns]
        for n, run in zip(turns, read_together(backbone, slots, read), strict=True):
            runs[n].append(run)
    for slot in own:
        slots.leave(slot, GrowingCache())
    return [_states(backbone, joined(each)) for each in runs]


def _direct(backbone: Backbone, ids_BT: Tensor) -> Direct | None:
    """Its layers called directly, if that comes to the same, where a text begins and far within."""
    backbone.direct, x_1ND = Direct.of(backbone), backbone.embed(ids_BT)
    if backbone.direct is None:
        return None
    limit = _SAME if backbone.dtype is torch.float32 else _ROUNDED
    far = max(0, min(backbone.context, _FAR) - x_1ND.shape[1])
    try:
        for start in (0, far):
            one, other = (
                _states(backbone, _at(backbone, x_1ND, start, directly=directly))
                for directly in (False, True)
            )
            if not one.off(other) <= limit:
                return None
    except Exception as error:  # layers that hold the like, and are another thing
        _log.info("the layers of %s are not plain: %s", _name(backbone), _short(error))
        return None
    return backbone.direct


def _at(backbone: Backbone, x_1ND: Tensor, start: int, *, directly: bool) -> Run:
    """A text read in one pass, at positions from `start` on."""
    slots = Slots()
    slot = slots.enter(GrowingCache())
    cache = Together([(slot, x_1ND.shape[1])], x_1ND[:0])
    cache.positions_1N += start
    run = read_pass(backbone, x_1ND, cache, directly=directly)
    slots.leave(slot, GrowingCache())  # a slot and its shelf know each other: they would stay
    return run


def _states(backbone: Backbone, run: Run) -> _States:
    tapped = run.hidden_BTD is not run.final_BTD
    return _States(backbone.logits(run.final_BTD), run.hidden_BTD if tapped else None)


def _off(theirs: Tensor, ours: Tensor, exact: bool) -> float:
    off_BTD = (theirs - ours).float().abs()
    worst = off_BTD.max() if exact else off_BTD.square().mean(dim=-1).sqrt().median()
    return float(worst / (theirs.float().std() + 1e-6))


def _unreadable(backbone: Backbone, what: str, error: Exception) -> ConfigError:
    return ConfigError(
        "llm.path",
        f"{_name(backbone)} cannot read {what}: {_short(error)}",
        "try another llm.dtype, correct its config.json, or use another model family",
    )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _name(backbone: Backbone) -> str:
    return type(backbone.model).__name__
