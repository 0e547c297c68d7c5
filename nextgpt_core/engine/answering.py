"""One request, answered once. Knows what an answer needs, and owns none of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from pydantic import BaseModel
from torch import Tensor

from nextgpt_core.answer import (
    Cancel,
    Event,
    Finished,
    MediaNoted,
    MediaStarted,
    Request,
    item_seed,
)
from nextgpt_core.assembly.components import Item
from nextgpt_core.engine.captions import caption
from nextgpt_core.engine.language import Language
from nextgpt_core.engine.prefix import Prefix, PrefixPool
from nextgpt_core.engine.record import Orders, Record
from nextgpt_core.engine.sampling import Sampler, TextStream
from nextgpt_core.engine.worker import DecoderWorker
from nextgpt_core.engine.writing import End, Group, Piece, Token, Writing
from nextgpt_core.features.media import Features
from nextgpt_core.prompt.compose import FeatureKey, Prompt
from nextgpt_core.signal import Grammar
from nextgpt_core.system import System
from nextgpt_registry.errors import RequestError, ShapeError
from nextgpt_registry.media import Media


@dataclass(frozen=True)
class Resources:
    """What all requests to one system share."""

    system: System
    language: Language
    features: Features
    prefixes: PrefixPool
    workers: Mapping[str, DecoderWorker]


class Answering:
    """The events of one answer. `options` are the decoders', by channel, already checked."""

    def __init__(
        self,
        shared: Resources,
        request: Request,
        *,
        grammar: Grammar,
        options: Mapping[str, BaseModel],
        cancel: Cancel,
    ) -> None:
        self._shared = shared
        self._request = request
        self._generation = request.generation
        self._alone = request.generation.deterministic
        self._grammar = grammar
        self._cancel = cancel
        shown = any(m.media for m in request.messages if m.role != "assistant")
        features = shared.features
        self._media = features.reading(alone=self._alone, check=cancel.check) if shown else None
        self._record = Record(request.generation.seed)
        self._orders = Orders(shared.workers, options, alone=self._alone, cancel=cancel)

    def events(self) -> Iterator[Event]:
        """Each event once. Leaving the iterator early calls everything off."""
        try:
            prompt = self._prompt()
            yield from self._noted()
            with self._shared.prefixes.lend(prompt.keys, fresh=self._alone) as prefix:
                for piece in self._pieces(prompt, prefix):
                    yield from self._take(piece)
                    yield from self._orders.ready()
            yield from self._orders.rest()
            yield Finished(self._record.answer(self._orders.outcomes))
        finally:
            self._cancel.set()  # after the last event there is nothing left to call off

    def _noted(self) -> Iterator[MediaNoted]:
        """What of the media of the last turn is left out; of those before it was said then."""
        said = self._media.left_out(self._request.messages[-1:]) if self._media else ()
        for channel, text in said:
            self._record.notes.append(f"{channel}: {text}")
            yield MediaNoted(channel, text)

    def _prompt(self) -> Prompt:
        model, messages = self._shared.system.model, self._request.messages
        self._check_length()
        prompt = self._shared.system.composer.compose(
            messages,
            feature_tokens=self._media.positions(messages) if self._media else {},
            answered=self._request.answered,
        )
        if self._room(prompt) <= 0:
            kept = self._grammar.overrun
            raise RequestError(
                "request",
                f"is {len(prompt)} tokens long, and the model reads {model.backbone.context}"
                + (f", of which {kept} are kept for media" if kept else ""),
                "shorten the conversation, or require fewer media",
            )
        return prompt

    def _check_length(self) -> None:
        """Refuse what cannot fit before it is cut into tokens, which takes 200 bytes for each."""
        context = self._shared.system.model.backbone.context
        characters = sum(len(message.text) for message in self._request.messages)
        if characters > context * self._shared.system.composer.longest_token:
            raise RequestError(
                "request",
                f"has {characters:,} characters of text, and the model reads {context} tokens",
                "shorten the conversation",
            )

    def _room(self, prompt: Prompt) -> int:
        """How many ids may be written so that a group begun last is still read whole."""
        context = self._shared.system.model.backbone.context
        return context - len(prompt) - self._grammar.overrun

    def _pieces(self, prompt: Prompt, prefix: Prefix) -> Iterator[Piece]:
        start = len(prefix.keys)
        self._record.reused_tokens, self._record.prefilled_tokens = start, len(prompt) - start
        self._record.media_tokens = sum(slot.count for slot in prompt.features)
        generation, language = self._generation, self._shared.language
        writing = Writing(
            language.model.vocabulary,
            prefix,
            prompt.keys[start:],
            language.embed(prompt, self._features(prompt, start), start=start),
            grammar=self._grammar,
            sampler=Sampler(
                temperature=generation.temperature,
                top_k=generation.top_k,
                top_p=generation.top_p,
                seed=item_seed(generation.seed, "text"),
            ),
            text=TextStream(self._shared.system.model.backbone.tokenizer, generation.stop),
            max_tokens=min(generation.max_tokens, self._room(prompt)),
            alone=self._alone,
            cancel=self._cancel,
        )
        return language.write(writing)

    @torch.no_grad()
    def _features(self, prompt: Prompt, start: int) -> dict[FeatureKey, Tensor]:
        """The features (T', D) that the prompt's positions from `start` on take."""
        if self._media is None:
            return {}
        found = self._media.projected(slot for slot in prompt.features if slot.end > start)
        self._record.encoded_media = self._media.encoded
        return found

    def _take(self, piece: Piece) -> Iterator[Event]:
        record = self._record
        yield from record.text(piece.text)
        match piece:
            case Token(token):
                record.ids.append(token)
            case Group(ids=ids):
                record.ids += ids
                record.signal_tokens += len(ids)
                yield record.medium(self._order(piece))
            case End(finish):
                record.ended(finish)

    def _order(self, group: Group) -> MediaStarted:
        """Hand a group to its decoder, which starts while the language model goes on."""
        decoder = self._shared.system.decoders[group.channel]
        seed = item_seed(self._generation.seed, self._orders.placed)
        taken = self._taken(decoder.spec.takes)
        if decoder.route == "caption":
            words = caption(self._record.since_medium, self._request.messages)
            return self._orders.place(group.channel, Item(seed, caption=words, taken=taken))
        try:
            conditions = self._shared.language.conditions(group)
        except ShapeError as error:
            return self._orders.refuse(group.channel, error)
        return self._orders.place(group.channel, Item(seed, conditions=conditions, taken=taken))

    def _taken(self, modalities: tuple[str, ...]) -> tuple[Media, ...]:
        """The conversation's media of these modalities, latest first."""
        return tuple(
            part.media
            for message in reversed(self._request.messages)
            for part in reversed(message.media)
            if part.media is not None and part.media.modality in modalities
        )
