"""The vocabulary as files for others: reference pages with zh and en side by side, @context documents, schemas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from linli.base import write_json

from ._faults import told
from ._model import Attribute, CodeList, EntityType, Words
from ._rules import fault_of
from ._vocab import Vocab

MADE = "<!-- Written by `linli vocab build --docs` from src/linli/vocab. Change that, then write the pages anew. -->"


def reference_pages(vocab: Vocab) -> dict[str, str]:
    """Return file name -> Markdown; the same vocabulary gives the same pages."""
    pages = {f"{name}.md": _page(_type_page(vocab.types[name], vocab)) for name in sorted(vocab.types)}
    return {"README.md": _page(_index(vocab)), "lists.md": _page(_lists(vocab)), **pages}


def _page(lines: Iterator[str]) -> str:
    title = next(lines)
    return "\n".join([f"# {title}", "", MADE, "", *lines]) + "\n"


def _index(vocab: Vocab) -> Iterator[str]:
    yield "词汇 Vocabulary"
    yield f"版本 {vocab.version}。一个类型一页；代码表在 [lists.md](lists.md)。检查自己的数据：`linli check FILE`。"
    yield ""
    yield f"Version {vocab.version}. One page a type; the code lists are in [lists.md](lists.md). Check your own data with"
    yield "`linli check FILE`. `linli vocab context` prints the @context, `linli vocab schema TYPE` a JSON Schema."
    yield ""
    yield from _head("类型 type", "中文", "English", "说明", "what it is")
    for name in sorted(vocab.types):
        one = vocab.types[name]
        yield _row(f"[{name}]({name}.md)", one.title["zh"], one.title["en"], one.text["zh"], one.text["en"])
    yield ""
    yield "## 共有属性 Attributes that every type has"
    yield ""
    some = next(iter(vocab.types.values()))
    common = [name for name in some.attributes if all(name in one.attributes for one in vocab.types.values())]
    shared = [_common_of(name, vocab) for name in common]
    yield from _attributes([one for one in shared if one is not None])
    yield ""
    yield "## 位置的子属性 Sub-attributes of a place"
    yield ""
    yield from _head("名称 name", "中文", "English")
    for name, title in vocab.sub_attributes.items():
        yield _row(f"`{name}`", title["zh"], title["en"])


def _common_of(name: str, vocab: Vocab) -> Attribute | None:
    """Return an attribute as common.toml has it: from a type that does not say it again."""
    return next((one.attributes[name] for one in vocab.types.values() if name not in one.own), None)


def _type_page(entity: EntityType, vocab: Vocab) -> Iterator[str]:
    yield f"{entity.name}: {entity.title['zh']} {entity.title['en']}"
    yield f"{entity.text['zh']}。"
    yield ""
    yield f"{entity.text['en']}."
    yield ""
    yield f"- IRI: `{entity.iri}`"
    yield f"- id: `{entity.id_form}`"
    yield f"- 版本 version: {entity.version} ({entity.status})"
    if entity.reuse:
        yield f"- Smart Data Models: `{entity.reuse}`"
    if entity.append_only:
        yield "- 只增不改；更正另写一条。 Never changed; a correction is a further entity."
    if entity.aggregate:
        yield "- 人数太少不给出。 Too few people are not told."
    yield ""
    yield "## 属性 Attributes"
    yield ""
    yield from _attributes([entity.attributes[name] for name in entity.own])
    yield ""
    yield "另有[共有属性](README.md)。 And the [attributes that every type has](README.md)."
    if entity.rules:
        yield from ("", "## 规则 Rules", "")
        for rule in entity.rules:
            fault = fault_of(rule)
            yield f"- `{fault.path}`: {told(fault.rule, 'zh', fault.facts)} {told(fault.rule, 'en', fault.facts)}"
    yield from ("", "## 样例 Sample", "", "```json")
    yield write_json(vocab.sample(entity.name), pretty=True).decode()
    yield "```"


def _attributes(attributes: list[Attribute]) -> Iterator[str]:
    yield from _head(
        "属性 attribute", "种类 kind", "值 value", "中文", "English", "隐私 privacy", "保存 kept", "遮蔽 mask"
    )
    for one in attributes:
        needed = " **必填 required**" if one.required else ""
        privacy = "" if one.pii == "none" else f"{one.pii}: {', '.join(one.purpose)}"
        mask = "" if one.mask == "none" else one.mask
        titles = one.title["zh"], one.title["en"]
        yield _row(f"`{one.name}`{needed}", one.kind, _value(one), *titles, privacy, _kept(one), mask)


def _value(one: Attribute) -> str:
    if one.kind == "Relationship":
        text = ", ".join(f"[{name}]({name}.md)" for name in one.target) or "any"
    elif one.kind == "GeoProperty":
        text = ", ".join(one.shapes) or "any geometry"
    elif one.list_name:
        text = f"[{one.list_name}](lists.md#{one.list_name})"
    else:
        text = one.form or one.value
    limits = f" {_limit(one.min)}…{_limit(one.max)}" if one.min is not None or one.max is not None else ""
    return f"{text}{limits}{f' [{one.unit}]' if one.unit else ''}{', many' if one.many else ''}"


def _limit(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}"


def _kept(one: Attribute) -> str:
    if one.keep_days < 0:
        return "while it lives"
    return f"{one.keep_days} d from {one.keep_from}" if one.keep_days else f"not beyond {one.keep_from}"


def _lists(vocab: Vocab) -> Iterator[str]:
    yield "代码表 Code lists"
    yield "开放的代码表可以另加同样写法的代码。 An open list may be added to, in the same spelling."
    for name in sorted(vocab.lists):
        yield from _list(vocab.lists[name])


def _list(one: CodeList) -> Iterator[str]:
    yield from ("", f"## {one.name}", "")
    yield f"{_both(one.title)}{'，开放 open' if one.open else ''}"
    yield ""
    yield from _head("代码 code", "中文", "English")
    for key, words in one.codes.items():
        yield _row(f"`{key}`", words["zh"], words["en"])


def _both(words: Words) -> str:
    return f"{words['zh']} {words['en']}"


def _head(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield "|" + " --- |" * len(cells)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def published(vocab: Vocab) -> Mapping[str, bytes]:
    """Return file name -> content: the @context, one for each reused subject, and a JSON Schema a type."""
    files = {"context.jsonld": write_json(vocab.context(), pretty=True)}
    files |= {f"context-{name}.jsonld": write_json(vocab.context(name), pretty=True) for name in vocab.subjects()}
    return files | {
        f"schema/{name}.json": write_json(vocab.json_schema(name), pretty=True) for name in sorted(vocab.types)
    }
