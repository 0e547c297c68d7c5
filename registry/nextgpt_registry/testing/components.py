"""The kit for what encoders and decoders have in common: built, counted, saved, configured.

Behaviour is tested on the component's `twin` (the component itself where it declares none), sizes
at full size without memory. torch is imported in the functions that need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from nextgpt_registry.specs import Decoder, Encoder
from nextgpt_registry.targets import missing, options_model, resolve
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.surroundings import (
    parts_left_alone,
    settings_left_alone,
    settings_restored,
)
from nextgpt_registry.testing.variations import variations
from nextgpt_registry.testing.verdict import attempt, expect

NONE: Mapping[str, Any] = MappingProxyType({})
METHODS = ("load", "to", "state_dict", "load_state_dict", "parameters", "buffers", "eval")


class ComponentTests(Kit):
    """What both kinds inherit; the rest is in `EncoderTests` and `DecoderTests`."""

    def test_options_are_plain_data(self, spec: Encoder | Decoder) -> None:
        """Frozen, closed, equal when made alike, the same after JSON; the twin's are valid."""
        model, who = self._model(spec), self._who(spec)
        expect(
            model.model_config.get("frozen") and not model.__private_attributes__,
            who,
            found=f"{model.__name__} can be changed or keeps something beside its fields",
            wanted="model_config = ConfigDict(frozen=True, extra='forbid'), no PrivateAttr",
            cause="state kept in options: requests share them, so it belongs to the call",
        )
        wanted = f"{model.__name__}() and the twin {spec.twin} to be valid"
        with attempt(who, wanted, "a field without a default, or a twin that a validator refuses"):
            defaults, twin = model(), model(**spec.twin)
        for made in (defaults, twin):
            expect(
                model.model_validate_json(made.model_dump_json()) == made == made.model_copy(),
                who,
                found=f"{made!r} is another after a trip through JSON",
                wanted="numbers, strings, booleans and tuples of them",
                cause="a field that holds an object, or a default made anew each time",
            )

    def test_protocol_is_kept(self, spec: Encoder | Decoder) -> None:
        """A module with every method of `nextgpt_registry.protocols`."""
        live = self._live(spec)
        absent = [m for m in (*METHODS, *self.methods) if not callable(getattr(live, m, None))]
        expect(
            not absent,
            self._who(spec),
            found=f"{type(live).__name__} has no {', '.join(absent)}",
            wanted="a torch.nn.Module with the methods of nextgpt_registry/protocols.py",
            cause="a misspelt method, or a class that is no torch.nn.Module",
        )

    def test_builds_without_memory(self, spec: Encoder | Decoder) -> None:
        """At full size on the meta device: all that it holds is made where it is built."""
        full = self._full(spec)
        placed = {str(t.device) for t in (*full.parameters(), *full.buffers())}
        expect(
            placed <= {"meta"},
            self._who(spec),
            found=f"parts on {', '.join(placed - {'meta'})} when it is built on another device",
            wanted="every parameter and buffer on the current default device",
            cause="`device='cpu'` or torch.from_numpy in the constructor",
        )

    def test_declared_parameters_are_there(self, spec: Encoder | Decoder) -> None:
        """`parameters` is the number at full size: plans add them up."""
        found = sum(parameter.numel() for parameter in self._full(spec).parameters())
        expect(
            found == spec.parameters,
            self._who(spec),
            found=f"{found:,} parameters at full size",
            wanted=f"{spec.parameters:,}, as declared",
            cause=f"a count that was not renewed: write parameters={found}",
        )

    def test_state_survives_safetensors(self, spec: Encoder | Decoder, tmp_path: Path) -> None:
        """Saved and loaded into another instance, it does the same."""
        from safetensors.torch import load_file, save_file

        who, first, second = self._who(spec), self._live(spec), self._build(spec, seed=1)
        state = {k: v.detach().clone().contiguous() for k, v in first.state_dict().items()}
        with attempt(who, "a state that safetensors can hold", "a state_dict of its own making"):
            save_file(state, tmp_path / "state.safetensors")
            second.load_state_dict(load_file(tmp_path / "state.safetensors"))
        with attempt(who, "a loaded instance that runs", "something that only __init__ sets"):
            changed = self._unlike(spec, first, second)
        expect(
            not changed,
            who,
            found=f"after saving and loading: {changed}",
            wanted="the same results",
            cause="tensors kept as plain attributes: nn.Parameter or register_buffer saves them",
        )

    def test_options_change_no_dimension(self, spec: Encoder | Decoder) -> None:
        """They belong to the name: each option is changed in turn, the sizes must stay."""
        for said in self._variations(spec):
            who = f"{self._who(spec)} with options {said}"
            with attempt(who, "it to run", "an option whose values are not all valid: bound it"):
                self._check_sizes(spec, self._build(spec, **said), who, options=said)

    def test_settings_of_torch_are_left_alone(self, spec: Encoder | Decoder) -> None:
        """Default dtype, threads, gradients and the like: building and a call change none."""
        who = self._who(spec)
        with settings_left_alone(who, "building it"):
            live = self._build(spec)
        with settings_left_alone(who, "a call"):
            self._use(spec, live)

    def test_parts_are_left_alone(self, spec: Encoder | Decoder) -> None:
        """A call changes no name, dtype, shape or device of parameters and buffers."""
        import torch

        live = self._build(spec)
        if self._lowered:
            live.to(torch.bfloat16)
        with parts_left_alone(self._who(spec), live):
            self._use(spec, live)

    # what the two kinds fill in

    methods: tuple[str, ...] = ()
    _lowered: ClassVar[bool] = False  # whether a call in bfloat16 is promised

    def _use(self, spec: Any, live: Any) -> object:
        """What the core asks of it in a conversation, in the precision that it has."""
        raise NotImplementedError

    def _unlike(self, spec: Any, one: Any, other: Any) -> str:
        """How the results of two instances differ; empty if they do not."""
        raise NotImplementedError

    def _check_sizes(
        self, spec: Any, live: Any, who: str, *, options: Mapping[str, Any] = NONE
    ) -> None:
        """Fail unless an instance, built with these options, has the declared sizes."""
        raise NotImplementedError

    # what they share

    @pytest.fixture(autouse=True)
    def _settings(self) -> Iterator[None]:
        """Each test begins with the settings that torch had, whatever the one before it did."""
        with settings_restored():
            yield

    def _class(self, spec: Encoder | Decoder) -> Any:
        with settings_left_alone(self._who(spec), f"importing {spec.target}"):
            return resolve(spec.target)

    def _who(self, spec: Encoder | Decoder) -> str:
        return f"{self.plugin}/{spec.name}"

    def _model(self, spec: Encoder | Decoder) -> type[BaseModel]:
        with attempt(
            self._who(spec),
            "a pydantic model with extra='forbid'",
            "a misspelt target, or model_config left out: misspelt options would be ignored",
        ):
            return options_model(spec.options)

    def _options(self, spec: Encoder | Decoder, **more: Any) -> Any:
        return self._model(spec)(**{**spec.twin, **more})

    def _live(self, spec: Encoder | Decoder) -> Any:
        """The twin in eval mode on the CPU, its weights the same in every test."""
        key = (type(self), "twin", spec.modality, spec.name)
        if key not in _BUILT:
            _BUILT[key] = self._build(spec)
        return _BUILT[key]

    def _full(self, spec: Encoder | Decoder) -> Any:
        """The component at its full size, without memory."""
        import torch

        key = (type(self), "full", spec.modality, spec.name)
        if key not in _BUILT:
            self._need(spec)
            wanted = "it to be built on the meta device, as plans and placement do"
            cause = "values read (.item(), a comparison) or files loaded by the constructor: load()"
            with attempt(self._who(spec), wanted, cause), torch.device("meta"):
                _BUILT[key] = self._class(spec)(self._model(spec)()).eval()
        return _BUILT[key]

    def _build(self, spec: Encoder | Decoder, *, seed: int = 0, **options: Any) -> Any:
        """A twin of its own, with these options changed."""
        import torch

        self._need(spec)
        wanted, cause = f"{spec.target}(options) to build it", "other arguments in __init__"
        with attempt(self._who(spec), wanted, cause), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._class(spec)(self._options(spec, **options)).eval().requires_grad_(False)

    def _need(self, spec: Encoder | Decoder) -> None:
        absent = missing(spec.requires)
        if absent:
            pytest.skip(f"{spec.name} needs {', '.join(absent)}, which is not installed")

    def _variations(self, spec: Encoder | Decoder) -> Iterator[dict[str, Any]]:
        return variations(self._model(spec), spec.twin)


_BUILT: dict[tuple[type, str, str, str], Any] = {}
