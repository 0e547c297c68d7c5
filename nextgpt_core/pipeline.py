"""What a user imports: a system that can be talked to. Knows no modality, and no training."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Never, Self, Unpack

from nextgpt_core.answer import Answer, Cancel, Event, Request, finished, with_warnings
from nextgpt_core.assembly.assemble import assemble
from nextgpt_core.assembly.checkpoint import save_for_others, save_system
from nextgpt_core.assembly.placing import placed
from nextgpt_core.awaited import awaited
from nextgpt_core.batch import Answered, Outcome, answers
from nextgpt_core.conversation import Conversation
from nextgpt_core.embedding import Embedding, embedding
from nextgpt_core.engine.loop import Engine
from nextgpt_core.intake import arguments as given
from nextgpt_core.intake.arguments import Options
from nextgpt_core.intake.media import HeldMedia
from nextgpt_core.intake.reading import GivenPart, Reader
from nextgpt_core.system import System
from nextgpt_registry.catalog import Catalog
from nextgpt_registry.config import Config
from nextgpt_registry.configfile import load_config
from nextgpt_registry.errors import ConfigError, MediaError, SourceError
from nextgpt_registry.fetch.publishing import hub_source, upload
from nextgpt_registry.fetch.sources import OnProgress, fetch
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.paths import local_path, shortened
from nextgpt_registry.plan import plan_system

if TYPE_CHECKING:
    import torch

Source = str | Path | Mapping[str, Any] | Config
"""A shipped system's name, a YAML file, a saved folder, a dict or a `Config`."""


class Pipeline:
    """A live system. Every method may be called from several threads at once.

    Media of a channel whose trained parts were not loaded are refused, and none are made of its own
    accord; `untrained` runs it as it is, for trying out. A context manager: leaving closes it.
    """

    def __init__(self, system: System, *, untrained: bool = False) -> None:
        if not isinstance(system, System):
            raise ConfigError("pipeline", f"is of a {type(system).__name__}", "use `from_config`")
        self.system = system
        self.engine = Engine(system, untrained=untrained)
        self.reader = Reader.of_plan(system.plan, system.catalog)

    @classmethod
    def from_config(
        cls,
        source: Source,
        *overrides: str,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        untrained: bool = False,
        catalog: Catalog | None = None,
        progress: OnProgress | None = None,
        **settings: Never,
    ) -> Self:
        """The pipeline of a config, with dotted `key=value` overrides; weights are fetched.

        `device` ("cuda:1") and `dtype` ("bfloat16") are for all of it: the language model, encoders
        and decoders. `catalog` holds the plugins to use, for those that are not installed;
        `untrained` runs channels whose trained parts are not there.

        Raises:
            ConfigError: the config cannot be read.
            PluginError: a plugin that it names cannot be loaded, or a component not be built.
            PlanError: it cannot be assembled.
            SourceError: weights cannot be had.
        """
        given.callers(catalog, progress, settings)
        loaded = placed(load_config(source, overrides, catalog=catalog), device, dtype)
        made = plan_system(loaded, catalog=catalog)
        system = assemble(made.plan, made.catalog, merge=True, progress=progress)
        return cls(system, untrained=untrained)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *overrides: str,
        revision: str | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        untrained: bool = False,
        catalog: Catalog | None = None,
        progress: OnProgress | None = None,
        **settings: Never,
    ) -> Self:
        """The pipeline saved in a folder, or in a repository of the Hugging Face hub.

        `revision` is a commit, a tag or a branch, by default `main`: what moves is resolved to its
        commit, which is printed, so that it can be pinned. The rest is as with `from_config`.

        Raises:
            SourceError: there is no such folder, repository or revision.
        """
        given.callers(catalog, progress, settings)
        folder = local_path(source, who="source", error=SourceError)
        if folder.is_dir() and revision is not None:
            what = f"is a folder, and the revision {shortened(revision)} is one of a repository"
            raise SourceError(str(source), what, "leave it out, or rename the folder")
        if not folder.is_dir():
            folder = fetch(hub_source(str(source), revision), sha256=None, progress=progress)
        return cls.from_config(
            folder,
            *overrides,
            device=device,
            dtype=dtype,
            untrained=untrained,
            catalog=catalog,
            progress=progress,
        )

    @property
    def config(self) -> Config:
        """What it was assembled from."""
        return self.system.plan.config

    def chat(
        self,
        parts: GivenPart | Sequence[GivenPart],
        *,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> Answer:
        """The answer to one turn of ordered parts, to a message, or to a whole conversation.

        What an encoder leaves out of a medium is in its `notes`, and told as a `UserWarning`.

        Raises:
            MediaError: a medium cannot be read.
            RequestError: the request cannot be answered as asked.
            Cancelled: its `cancel` was set.
        """
        return with_warnings(finished(self.stream(parts, history=history, **options)))

    __call__ = chat

    def batch(
        self, requests: Sequence[Any], *, at_once: int = 16, progress: Answered | None = None
    ) -> list[Outcome]:
        """What came of many requests, in order: an answer each, or the error that it ended with.

        A request is what `chat` takes first, or a mapping of its arguments; `progress` is called
        with the place of each and its outcome, as it comes.

        Raises:
            RequestError: not a list of at most 10,000, or `at_once` is no count.
        """
        return answers(self.chat, requests, at_once=at_once, progress=progress)

    def stream(
        self,
        parts: GivenPart | Sequence[GivenPart],
        *,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> Iterator[Event]:
        """The events of one answer, as they happen; closing the iterator calls it off."""
        return self.ask(self.reader.request(parts, history), **options)

    def ask(
        self,
        messages: Sequence[Message],
        *,
        answered: Mapping[int, Sequence[int]] | None = None,
        **options: Unpack[Options],
    ) -> Iterator[Event]:
        """The events of the answer to a whole conversation, whose media have been read.

        `answered` holds the exact ids of assistant turns that this system wrote, by index.
        """
        asked = self.reader.messages(messages, "messages")
        given.asked(asked)
        wanted = Request(
            messages=asked,
            generation=given.generation(self.config.generation, options),
            required=given.counts(options.get("require", {})),
            decoder_options=given.decoder_options(options.get("decoder_options", {})),
            channels=given.channels(options.get("channels")),
            answered=given.answered(
                {} if answered is None else answered, asked, self.system.composer.vocabulary.end
            ),
        )
        return self.engine.stream(wanted, cancel=given.cancel(options.get("cancel")))

    async def achat(
        self,
        parts: GivenPart | Sequence[GivenPart],
        *,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> Answer:
        """As `chat`; cancelling the task calls the answer off."""
        events = [event async for event in self.astream(parts, history=history, **options)]
        return with_warnings(finished(events))

    def astream(
        self,
        parts: GivenPart | Sequence[GivenPart],
        *,
        history: Sequence[Message] = (),
        **options: Unpack[Options],
    ) -> AsyncGenerator[Event, None]:
        """As `stream`; the work is done in a thread of its own, which waits for nobody."""
        cancel = options["cancel"] = Cancel(given.cancel(options.get("cancel")))
        return awaited(partial(self.stream, parts, history=history, **options), cancel)

    def conversation(self, *, history: Sequence[Message] = ()) -> Conversation:
        """A conversation that remembers its turns."""
        return Conversation(self, history=history)

    def read(self, medium: GivenPart) -> MediaPart:
        """A medium, read for the channel that takes it."""
        return self.reader.medium(medium)

    def embed(self, part: GivenPart) -> Embedding:
        """A text or a medium as one vector: the mean of its features.

        Raises:
            MediaError, RequestError: it cannot be read; the text is empty, or too long.
        """
        return embedding(self.engine.shared, self.reader.part(part))

    def write(self, media: HeldMedia, stem: str | Path) -> Path:
        """Write a medium to `stem` plus its suffix; returns the path."""
        return self.reader.write(media, local_path(stem, who="stem", error=MediaError))

    def save(self, folder: str | Path, *, compact: bool = False) -> Path:
        """Write config, lock and trained parts; `from_pretrained` reads them back.

        What is untrained is not written, and is as untrained when it is read. `compact` stores
        matrices as int8 with scales.

        Raises:
            ConfigError: the folder holds something else, or cannot be written to.
        """
        where = local_path(folder, who="folder", error=ConfigError)
        return save_system(self.system, where, compact=compact)

    def save_pretrained(self, folder: str | Path, *, compact: bool = False) -> Path:
        """As `save`, with what others read: a model card, and LoRA adapters as peft writes them.

        A `README.md` that is there stays.

        Raises:
            ConfigError: the folder holds something else, or cannot be written to.
        """
        return save_for_others(self.system, self.save(folder, compact=compact))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        revision: str | None = None,
        commit_message: str = "Upload a system of nextgpt",
        private: bool | None = None,
        token: str | None = None,
        compact: bool = False,
    ) -> str:
        """Put what `save_pretrained` writes into a repository of the hub; returns the commit.

        The repository is made if it is not there. A model card that is there stays.

        Raises:
            SourceError: the hub refuses it, or cannot be reached.
        """
        with TemporaryDirectory() as folder:
            saved = self.save_pretrained(Path(folder) / "system", compact=compact)
            options: Any = {"message": commit_message, "private": private, "token": token}
            return upload(saved, repo_id, revision=revision, **options)

    def close(self) -> None:
        """End what is under way, and stop the system's threads and processes."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
