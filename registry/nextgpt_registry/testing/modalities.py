"""The kit for a modality: files read, written and shown as the protocol says. Builds no model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nextgpt_registry.errors import MediaError
from nextgpt_registry.media import Blob, Media
from nextgpt_registry.specs import Modality
from nextgpt_registry.testing.difference import between
from nextgpt_registry.testing.fragment import faults
from nextgpt_registry.testing.kit import Kit
from nextgpt_registry.testing.media_layout import LayoutTests
from nextgpt_registry.testing.media_limits import LimitTests
from nextgpt_registry.testing.specimens import FOREIGN, Recorder, damaged_forms
from nextgpt_registry.testing.verdict import attempt, expect, refuse

_LOSS = 0.1
"""Root mean square of what a lossy file may change, as a share of the medium's range."""

_ELSEWHERE = "another-modality"


class ModalityTests(LimitTests, LayoutTests):
    """Each modality that the plugin declares, through the plugin's own hooks."""

    def test_sample_is_one(self, spec: Modality) -> None:
        """`sample(seed)` gives small media that differ by their seeds only."""
        who = self._who(spec)
        if spec.sample is None and type(self).sample is Kit.sample:
            refuse(
                who,
                found="no sample",
                wanted="`sample='package.module:function'`, a seed -> a small Media",
                cause="the field left out: encoders of this modality, yours and others', are "
                "tested with it",
            )
        with attempt(who, "a Media for any seed", "a sample that needs files or arguments"):
            first, again, other = (self.sample(spec.name, seed) for seed in (0, 0, 1))
        expect(
            first.modality == spec.name and first == again and first != other,
            who,
            found=f"{first}, {again} for seed 0 and {other} for seed 1",
            wanted=f"media of {spec.name!r}, the same for the same seed, another for another",
            cause="a seed that is not used, or chance that does not come from it",
        )

    def test_written_medium_reads_back(self, spec: Modality, tmp_path: Path) -> None:
        """Under any name, in the same layout, within what a lossy format changes."""
        who, medium = self._who(spec), self.sample(spec.name, 0)
        data = self._written(spec, medium, tmp_path / "a").read_bytes()
        for name in (f"a{spec.suffixes[0]}", "a"):
            with attempt(who, "its own file to be read", "a reader and a writer of two formats"):
                back = self._hook().nextgpt_read_media(modality=spec.name, blob=Blob(data, name))
            expect(
                isinstance(back, Media) and back.modality == spec.name,
                who,
                found=f"{back!r} for its own file, called {name!r}",
                wanted=f"a Media of {spec.name!r}",
                cause="a reader that goes by the name (it may lie, or be missing) and not by the "
                "content, or no nextgpt_read_media hook",
            )
            changed = between(medium, back, loss=_LOSS)
            expect(
                not changed,
                who,
                found=f"a written medium reads back with {changed}",
                wanted="the same layout (shape, dtype, rate) and content",
                cause="axes, dtype or rate lost on the way to the file, or values cut off",
            )

    def test_each_declared_format_is_written(self, spec: Modality, tmp_path: Path) -> None:
        """What the modality `writes` is written under that suffix, and read back as its own."""
        for suffix in spec.written:
            who, stem = f"{self._who(spec)}, {suffix}", tmp_path / suffix[1:]
            path = self._written(spec, self.sample(spec.name, 0), stem, suffix)
            expect(
                path.suffix == suffix,
                who,
                found=f"{path.name} written",
                wanted=f"{stem.name}{suffix}",
                cause="a writer that does not look at `suffix`: leave it out of `writes`",
            )
            with attempt(who, "its own file to be read", "a format that is written and not read"):
                back = self._hook().nextgpt_read_media(
                    modality=spec.name, blob=Blob(path.read_bytes(), path.name)
                )
            expect(
                isinstance(back, Media) and back.modality == spec.name,
                who,
                found=f"{back!r} for its own file",
                wanted=f"a Media of {spec.name!r}",
                cause="a format that is written and not read",
            )

    def test_writer_stays_in_its_folder(self, spec: Modality, tmp_path: Path) -> None:
        """It writes the stem plus a suffix and nothing else, whatever the medium's source says."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for n, source in enumerate(("../escaped", str(elsewhere / "absolute"))):
            said = f"{source}{spec.suffixes[0]}"
            medium = replace(self.sample(spec.name, 0), source=said, about={"source": said})
            before = _files(tmp_path)
            path = self._written(spec, medium, tmp_path / f"home{n}" / "v1.2")
            files = sorted(_files(tmp_path) - before)
            allowed = [f"home{n}/v1.2{suffix}" for suffix in spec.suffixes]
            expect(
                len(files) == 1 and files[0] in allowed and path == tmp_path / files[0],
                self._who(spec),
                found=f"{', '.join(files)} written, {path} returned, for a medium from {said!r}",
                wanted=f"one file, {' or '.join(allowed)}, for the stem home{n}/v1.2",
                cause="a path built from `media.source`, with_suffix() (which eats '.2'), or a "
                "temporary file left behind",
            )

    def test_writer_never_leaves_half_a_file(self, spec: Modality, tmp_path: Path) -> None:
        """An existing file is replaced by a rename; who has it open keeps the old one."""
        first, second = (self.sample(spec.name, seed) for seed in (0, 1))
        path = self._written(spec, first, tmp_path / "a")
        old, kept = path.read_bytes(), tmp_path / "kept"
        os.link(path, kept)
        self._written(spec, second, tmp_path / "a")
        expect(
            kept.read_bytes() == old and path.read_bytes() != old,
            self._who(spec),
            found="an existing file is written over in place",
            wanted="the new file written aside, then renamed",
            cause="open(path, 'wb') or path.write_bytes: use nextgpt_registry.content.replace_file",
        )

    def test_unwritable_folder_is_told(self, spec: Modality, tmp_path: Path) -> None:
        """A `MediaError` names it."""
        (tmp_path / "file").touch()
        medium = self.sample(spec.name, 0)
        try:
            found: object = self._hook().nextgpt_write_media(
                media=medium, stem=tmp_path / "file" / "a", suffix=spec.written[0]
            )
        except MediaError:
            return
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
        refuse(
            self._who(spec),
            found=f"{found} for a folder that cannot be written to",
            wanted="a MediaError",
            cause="an OSError that is not caught: use nextgpt_registry.content.replace_file",
        )

    def test_lying_names_are_refused(self, spec: Modality) -> None:
        """What is said to be of the modality, by suffix or MIME type, and is not."""
        cause = "content that is not looked at, or declined with None although its name promises it"
        for what, data in {**FOREIGN, "nothing": b""}.items():
            self._refused(spec, Blob(data, f"a{spec.suffixes[0]}"), f"{what} so named", cause)
            for mime in spec.mime[:1]:
                self._refused(spec, Blob(data, "", mime), f"{what} said to be {mime}", cause)

    def test_damaged_files_are_told(self, spec: Modality, tmp_path: Path) -> None:
        """Cut short or altered anywhere, a file is read, declined or refused: nothing else."""
        data = self._written(spec, self.sample(spec.name, 0), tmp_path / "a").read_bytes()
        for what, damaged in damaged_forms(data):
            try:
                self._hook().nextgpt_read_media(
                    modality=spec.name, blob=Blob(damaged, f"a{spec.suffixes[0]}")
                )
            except MediaError:
                continue
            except Exception as error:
                refuse(
                    self._who(spec),
                    found=f"{type(error).__name__}: {error} for its own file {what}",
                    wanted="a Media or a MediaError",
                    cause="a decoder's own exceptions that are not caught",
                )

    def test_other_content_is_declined(self, spec: Modality, tmp_path: Path) -> None:
        """With no promising name, other files are None: other modalities' above all."""
        others = dict(FOREIGN)
        for name, other in self.catalog().modalities.items():
            if name != spec.name and other.sample:
                path = self.catalog().hook.nextgpt_write_media(
                    media=Kit.sample(self, name, 0), stem=tmp_path / name, suffix=other.written[0]
                )
                others[f"a file of {name!r}"] = path.read_bytes()
        for what, data in others.items():
            with attempt(
                f"{self._who(spec)}, given {what} without a name",
                "None",
                "a reader that raises for what nobody called its own",
            ):
                found = self._hook().nextgpt_read_media(
                    modality=spec.name, blob=Blob(data, "", guess=True)
                )
            expect(
                found is None,
                self._who(spec),
                found=f"{found!r} made of {what}",
                wanted="None",
                cause="a reader that takes any bytes: begin files with a mark, and look for it",
            )

    def test_other_modalities_are_left_alone(self, spec: Modality, tmp_path: Path) -> None:
        """Every hook answers None for media that are not the plugin's."""
        own = self.sample(spec.name, 0)
        data = self._written(spec, own, tmp_path / "a").read_bytes()
        other, hook = replace(own, modality=_ELSEWHERE), self._hook()
        calls: dict[str, Any] = {
            "nextgpt_read_media": {"modality": _ELSEWHERE, "blob": Blob(data, "")},
            "nextgpt_check_media": {"media": other},
            "nextgpt_adopt_media": {"modality": _ELSEWHERE, "value": own.data, "guess": False},
            "nextgpt_write_media": {
                "media": other,
                "stem": tmp_path / "b",
                "suffix": spec.written[0],
            },
            "nextgpt_show_media": {"media": other},
            "nextgpt_log_media": {"writer": Recorder(), "tag": "a", "media": other, "step": 0},
        }
        cause = "a hook that does not compare the modality with its own"
        for name, arguments in calls.items():
            with attempt(f"{self._who(spec)}, {name}", "None for another modality", cause):
                found = getattr(hook, name)(**arguments)
            expect(
                found is None,
                f"{self._who(spec)}, {name}",
                found=f"{found!r} for the modality {_ELSEWHERE!r}",
                wanted="None, so that the plugin it belongs to is asked",
                cause=cause,
            )

    def test_media_are_shown(self, spec: Modality) -> None:
        """As a fragment of HTML that holds the medium and needs nothing beside itself."""
        who = self._who(spec)
        source = '"><script>alert(1)</script>'
        first, other = (replace(self.sample(spec.name, s), source=source) for s in (0, 1))
        with attempt(who, "HTML", "a hook that fails for small media"):
            shown, different = (self._hook().nextgpt_show_media(media=m) for m in (first, other))
        expect(
            isinstance(shown, str) and shown.strip() and shown != different,
            who,
            found=f"{shown!r:.80} for one medium and {different!r:.80} for another",
            wanted="HTML that shows the medium",
            cause="no nextgpt_show_media hook, or one that shows a name and not the content",
        )
        expect(
            not faults(shown),
            who,
            found="; ".join(faults(shown)),
            wanted="closed tags, media inside as data URLs or SVG, names escaped, no script",
            cause="a link to a file (pages are moved), or text that did not pass html.escape",
        )

    def test_media_are_logged(self, spec: Modality) -> None:
        """To a TensorBoard writer, where the hook is there."""
        if "nextgpt_log_media" not in self.loaded().hooks:
            pytest.skip("no nextgpt_log_media hook")
        writer, medium = Recorder(), self.sample(spec.name, 0)
        cause = "a hook that forgets `return True`, or a writer's method that does not exist"
        with attempt(self._who(spec), "True", cause):
            done = self._hook().nextgpt_log_media(writer=writer, tag="a", media=medium, step=3)
        expect(
            done is True and writer.calls,
            self._who(spec),
            found=f"{done!r} after {len(writer.calls)} calls of the writer",
            wanted="True after one or more",
            cause=cause,
        )


def _files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
