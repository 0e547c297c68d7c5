"""Hold the public names against docs/reference/api-history.md, or write what is new into it.

A name is read from the source, never imported: hooks and their parameters, fields and methods of
classes, functions and their parameters. Knows the policy, and no name.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nextgpt_registry.specs import API

ROOT = Path(__file__).parents[2]
HISTORY = Path(__file__).with_name("api-history.md")
HOOKS = "nextgpt_registry.hookspecs"
EXPORTS = ("nextgpt_registry", "nextgpt_registry.testing", "nextgpt_core", "nextgpt_core.testing")
MODULES = (
    HOOKS,
    "nextgpt_registry.specs",
    "nextgpt_registry.protocols",
    "nextgpt_registry.errors",
    "nextgpt_registry.deprecation",
    "nextgpt_registry.media",
    "nextgpt_registry.messages",
    "nextgpt_registry.content",
    "nextgpt_registry.arrays",
    "nextgpt_registry.config",
    "nextgpt_registry.fetch.clients",
    "nextgpt_registry.fetch.schemes",
    "nextgpt_registry.lock",
    "nextgpt_registry.suites",
    "nextgpt_registry.testing.kit",
)
"""Where a plugin's author may import from beside the exports; every name without a `_`."""
PAGE = Path(__file__).with_name("modules.md")
"""Its tables have those modules of which some names are public."""

_RELEASED = re.compile(r"<!-- released: (\d+\.\d+|none) -->")
_REGION = re.compile(r"(<!-- names -->\n).*(<!-- end -->)", re.DOTALL)
_SOME = re.compile(r"^\| `(nextgpt_[\w.]+)` \| ([^|]+) \|", re.MULTILINE)
_ROW = re.compile(r"^\| `(?P<name>[^`]+)` \|(?: `(?P<text>.*)`)? \| (?P<since>[\d.]+) \|$")

Names = Mapping[str, str]
"""`module:Class.field` -> what it is, in the words of the source."""


@dataclass(frozen=True)
class Change:
    """One public name that is not as the history has it."""

    name: str
    what: str  # "added", "removed" or "changed"
    kind: str  # "minor" or "major"
    told: str = ""

    def __str__(self) -> str:
        """`name: added (minor): …`."""
        return f"{self.name}: {self.what} ({self.kind}){self.told and ': ' + self.told}"


def current() -> Names:
    """All public names, as the source has them."""
    found: dict[str, str] = {}
    for module in EXPORTS:
        for node in _tree(module).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found |= {f"{module}:{name}": "" for name in ast.literal_eval(node.value)}
    for module in MODULES:
        found |= {f"{module}:{name}": text for name, text in _module(_tree(module))}
    for module, listed in _SOME.findall(PAGE.read_text("utf-8")):
        names = re.findall(r"`(\w+)`", listed)
        found |= {f"{module}:{name}": "" for name in names}
        told = {name: text for name, text in _module(_tree(module))}
        found |= {f"{module}:{n}": t for n, t in told.items() if n.partition(".")[0] in names}
    return found


def recorded(page: str) -> dict[str, tuple[str, str]]:
    """name -> (what it is, the API that it came with), of the history's tables."""
    found, module = {}, ""
    for line in page.splitlines():
        module = line.removeprefix("## ").strip("`") if line.startswith("## ") else module
        if row := _ROW.match(line):
            text = (row["text"] or "").replace("\\|", "|")
            found[f"{module}:{row['name']}"] = (text, row["since"])
    return found


def changes(old: Names, new: Names) -> list[Change]:
    """What differs, each judged by docs/reference/api-policy.md."""
    found = [Change(name, "removed", "major", old[name]) for name in old if name not in new]
    for name, text in new.items():
        if name not in old:
            found.append(Change(name, "added", _kind_of_added(name, old, text), text))
        elif text != old[name]:
            eased = text.startswith(f"{old[name]} = ") or _eased(old[name], text)
            kind, told = "minor" if eased else "major", f"was `{old[name]}`, is `{text}`"
            found.append(Change(name, "changed", kind, told))
    return found


def least(found: list[Change], released: str) -> str:
    """The lowest API under which these changes of the released one may appear."""
    major, minor = _number(released)
    if any(change.kind == "major" for change in found):
        return f"{major + 1}.0"
    return f"{major}.{minor + 1}" if found else released


def owed(page: str, names: Names, api: str) -> list[str]:
    """The changes since the last release, where `api` is too low for them, and what to do."""
    released = _released(page)
    if released is None:
        return []
    old = {n: text for n, (text, since) in recorded(page).items() if not _after(since, released)}
    found = changes(old, names)
    wanted = least(found, released)
    if not _after(wanted, api):
        return []
    return [
        *map(str, found),
        f"raise API in specs.py from {api} to {wanted}, then `make reference`",
    ]


def unrecorded(page: str, names: Names) -> list[str]:
    """The changes that the history does not have yet, and what to do."""
    found = changes({name: text for name, (text, _) in recorded(page).items()}, names)
    return [*map(str, found), "run `make reference`"] if found else []


def written(page: str, names: Names, api: str) -> str:
    """The history with these names; those that it has keep the API they came with.

    Before the first release they all come with the one that it will have.
    """
    old, module = recorded(page) if _released(page) else {}, ""
    body: list[str] = []
    for name, text in names.items():
        home, _, short = name.partition(":")
        if home != module:
            module = home
            body += ["", f"## `{home}`", "", "| name | what it is | since |", "| --- | --- | --- |"]
        known, since = old.get(name, ("", api))
        cell = f" `{text}`".replace("|", "\\|") if text else ""
        body.append(f"| `{short}` |{cell} | {since if known == text else api} |")
    return _REGION.sub(lambda match: match[1] + "\n".join([*body, "", match[2]]), page)


def _kind_of_added(name: str, old: Names, text: str) -> str:
    """Minor, unless plugins or callers that are there would have to know it."""
    module, _, path = name.partition(":")
    owner, _, _ = path.rpartition(".")
    if not owner or f"{module}:{owner}" not in old or module == HOOKS:
        return "minor"  # a thing of its own; or an argument of a hook, for those who name it
    if "Protocol" in old[f"{module}:{owner.partition('.')[0]}"]:
        return "major"  # a component that is there lacks it
    return "minor" if " = " in text or text.startswith("->") else "major"


def _eased(old: str, new: str) -> bool:
    """Whether what was required has a default now: `int, Field(gt=0)`, then with one in it."""
    annotation, bounds, rest = old.partition(", Field(")
    default = re.match(rf"{re.escape(annotation)} = Field\(default=[^,()]+, (.*)", new)
    return bool(bounds) and default is not None and default[1] == rest


def _tree(module: str) -> ast.Module:
    base = ROOT if module.startswith("nextgpt_core") else ROOT / "registry"
    path = base.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(source.read_text("utf-8"))


def _module(tree: ast.Module) -> Iterator[tuple[str, str]]:
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and _public(node.name):
            yield node.name, f"class({', '.join(_bases(node, classes))})"
            yield from _members(node, classes)
        elif isinstance(node, ast.FunctionDef) and _public(node.name):
            yield from _function(node, node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if _public(name := ast.unparse(target)):
                yield name, ""


def _bases(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    for base in map(ast.unparse, node.bases):
        yield from _bases(classes[base], classes) if base.startswith("_") else (base,)


def _members(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[tuple[str, str]]:
    """Fields and methods, those of a private base included: its name is nobody's business."""
    for base in map(ast.unparse, node.bases):
        if base.startswith("_") and base in classes:
            yield from (
                (f"{node.name}{n[len(base) :]}", t) for n, t in _members(classes[base], classes)
            )
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and _public(name := ast.unparse(each.target)):
            yield f"{node.name}.{name}", ast.unparse(each.annotation) + _said(each.value)
        elif isinstance(each, ast.FunctionDef) and (
            _public(each.name) or each.name in ("__init__", "__call__")
        ):
            yield from _function(each, f"{node.name}.{each.name}")


def _said(value: ast.expr | None) -> str:
    """A field's default, or the bounds of one that has none."""
    if value is None:
        return ""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        given = {each.arg for each in value.keywords}
        if given.isdisjoint(("default", "default_factory")):
            return f", {ast.unparse(value)}"
    return f" = {ast.unparse(value)}"


def _function(node: ast.FunctionDef, name: str) -> Iterator[tuple[str, str]]:
    """What it returns, and each parameter; what a decorator says comes first."""
    marks = [ast.unparse(each) for each in node.decorator_list]
    told = " ".join(f"@{mark}" for mark in marks if mark not in ("hookspec", "classmethod"))
    returned = ast.unparse(node.returns) if node.returns else "Any"
    yield name, f"-> {returned} {told}".strip()
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(plain) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(plain, defaults, strict=True)]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    for each, default in pairs:
        if each.arg not in ("self", "cls"):
            value = f" = {ast.unparse(default)}" if default is not None else ""
            kind = ast.unparse(each.annotation) if each.annotation else "Any"
            yield f"{name}.{each.arg}", kind + value


def _public(name: str) -> bool:
    return not name.startswith("_") and name != "model_config"


def _released(page: str) -> str | None:
    """The API of the last release; None before the first."""
    found = _RELEASED.search(page)
    assert found, f"{HISTORY.name} does not say what is released: <!-- released: none -->"
    return found[1] if found[1] != "none" else None


def _number(api: str) -> tuple[int, int]:
    major, minor = map(int, api.split("."))
    return major, minor


def _after(one: str, other: str) -> bool:
    return _number(one) > _number(other)


def main() -> str:
    """What keeps the history from being written; it is, where nothing does."""
    page, names = HISTORY.read_text("utf-8"), current()
    if told := owed(page, names, API):
        return "\n".join(told)
    HISTORY.write_text(written(page, names, API), "utf-8")
    return ""


if __name__ == "__main__":
    sys.exit(main() or 0)
