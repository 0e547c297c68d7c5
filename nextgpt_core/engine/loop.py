"""The engine: what requests to one system share, and the door they come in by. Knows no modality.

One thread runs the language model for all requests, and each decoder has a worker thread; a
request's events come from the thread that pulls them. A consumer that stops pulling pauses its own
request, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from nextgpt_core.answer import Answer, Cancel, Event, Request, finished
from nextgpt_core.assembly.components import LiveDecoder
from nextgpt_core.assembly.readiness import Readiness
from nextgpt_core.engine.answering import Answering, Resources
from nextgpt_core.engine.language import Language, Within
from nextgpt_core.engine.prefix import PrefixPool
from nextgpt_core.engine.process import ProcessExecutor
from nextgpt_core.engine.worker import DecoderWorker, Executor
from nextgpt_core.features.cache import TensorCache
from nextgpt_core.features.media import Features
from nextgpt_core.intake.hooks import check_media, check_messages
from nextgpt_core.signal import Grammar
from nextgpt_core.system import System
from nextgpt_registry.alternatives import did_you_mean
from nextgpt_registry.errors import RequestError
from nextgpt_registry.explain import lines
from nextgpt_registry.specs import fixed_options
from nextgpt_registry.text import check_text


class Engine:
    """Serves one system; every method may be called from any number of threads at once.

    Channels whose trained parts are not there are refused and never chosen, unless `untrained` runs
    them as they are. `linger_s` is how long an idle decoder waits for more items to share a call.
    The language model's passes run `within` a context, as of autocast, which is a thread's own.
    """

    def __init__(
        self,
        system: System,
        *,
        untrained: bool = False,
        linger_s: float = 0.02,
        within: Within = nullcontext,
    ) -> None:
        self.system = system
        self._ignored = untrained
        self.shared = Resources(
            system=system,
            language=Language(system.model, within),
            features=Features(
                system, TensorCache(memory_bytes=system.config.feature_cache_mb << 20)
            ),
            prefixes=PrefixPool(
                system.model.backbone.new_cache,
                limit_bytes=system.config.prefix_cache_mb << 20,
            ),
            workers=_workers(system, linger_s),
        )

    def stream(self, request: Request, *, cancel: Cancel | None = None) -> Iterator[Event]:
        """The events of one answer; closing the iterator calls it off, as `cancel` does.

        Raises:
            RequestError: the request cannot be answered as asked.
            MediaError: a medium of the conversation is not laid out as its modality documents.
            Cancelled: (from the iterator) `cancel` was set.
        """
        decoders, composer = self.system.decoders, self.system.composer
        request = replace(request, messages=check_messages(self.system.catalog, request.messages))
        self._check_names("decoder options for", request.decoder_options)
        self._check_names("channels", request.channels or ())
        options = {
            channel: self.options(channel, request.decoder_options.get(channel, {}))
            for channel in decoders
        }
        grammar = Grammar(
            composer.vocabulary,
            eos=composer.ends.ids,
            never=composer.ends.never,
            channels=self._open(request),
            unsampled=self._unsampled(request),
            required=request.required,
            max_media=request.generation.max_media,
        )
        answering = Answering(
            self.shared, request, grammar=grammar, options=options, cancel=Cancel(cancel)
        )
        return answering.events()

    def answer(self, request: Request, *, cancel: Cancel | None = None) -> Answer:
        """The whole answer at once."""
        return finished(self.stream(request, cancel=cancel))

    def options(self, channel: str, given: Mapping[str, Any]) -> BaseModel:
        """The options of a channel's decoder with a request's own values in them.

        Raises:
            RequestError: the decoder has no such options, or they are the config's alone.
        """
        return _options(channel, self.system.decoders[channel], given)

    @property
    def readiness(self) -> Readiness:
        """What may be asked, as far as the system is trained now."""
        return Readiness(self.system.plan, self.system.model.untrained, ignored=self._ignored)

    def close(self) -> None:
        """End every request under way; stop the language model, the workers and their processes."""
        self.shared.language.close()
        for worker in self.shared.workers.values():
            worker.close()

    def _unsampled(self, request: Request) -> frozenset[str]:
        """The channels that no answer may choose.

        Raises:
            RequestError: media of the request, or of the answers before it, are of untrained ones.
        """
        if self._ignored or not self.system.model.untrained:
            return frozenset()
        ready, messages = self.readiness, request.messages
        ready.check(
            given=[p.channel for m in messages if m.role != "assistant" for p in m.media],
            required=[channel for channel, count in request.required.items() if count > 0],
            answered=[p.channel for m in messages if m.role == "assistant" for p in m.media],
        )
        return ready.unsampled

    def _open(self, request: Request) -> tuple[str, ...]:
        """The channels that can make something of this conversation.

        Raises:
            RequestError: media are required of another one.
        """
        shown = {
            part.media.modality
            for message in request.messages
            for part in message.media
            if part.media
        }
        needed = {
            channel: decoder.spec.takes
            for channel, decoder in self.system.decoders.items()
            if decoder.spec.needs and not shown & set(decoder.spec.takes)
        }
        for channel in (name for name in request.required if name in needed):
            raise RequestError(
                f"required media of {channel}",
                f"are made of {' or '.join(needed[channel])}, and the conversation has none",
                "show one first",
            )
        wanted = self.system.decoders if request.channels is None else request.channels
        return tuple(n for n in self.system.decoders if n in wanted and n not in needed)

    def _check_names(self, who: str, named: Iterable[str]) -> None:
        unknown = sorted(set(named) - set(self.system.decoders))
        if unknown:
            raise RequestError(
                f"{who} {', '.join(unknown)}",
                "the system makes no such media",
                did_you_mean(unknown[0], self.system.decoders),
            )


def _workers(system: System, linger_s: float) -> dict[str, DecoderWorker]:
    """One worker per decoder: channels that share a decoder share its worker."""
    check = partial(check_media, system.catalog)
    made: dict[int, DecoderWorker] = {}
    found = {}
    for channel, decoder in system.decoders.items():
        key = id(decoder.component or decoder)
        if key not in made:
            executor: Executor = (
                ProcessExecutor(decoder.recipe) if decoder.component is None else decoder
            )
            made[key] = DecoderWorker(
                executor, max_batch=decoder.spec.max_batch, linger_s=linger_s, check=check
            )
        found[channel] = made[key]
    return found


def _options(channel: str, decoder: LiveDecoder, given: Mapping[str, Any]) -> BaseModel:
    """The decoder's options with the request's own values in them."""
    defaults = decoder.recipe.options
    if not given:
        return defaults
    check_text(given, "decoder options")
    if fixed := sorted(given.keys() & fixed_options(type(defaults))):
        where = f"modalities.{channel}.decoder.options.{fixed[0]}"
        raise RequestError(
            "decoder options",
            f"{channel}: {', '.join(fixed)} counts when the decoder is built or trained alone",
            f"set {where} in the config",
        )
    try:
        return type(defaults).model_validate({**defaults.model_dump(), **given})
    except ValidationError as error:
        told = lines(error, type(defaults), channel)
        raise RequestError("decoder options", f"are wrong:{told}") from error
