"""`linli vocab`: the standard for those who implement it: list, show, schema, context, build."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from linli.base import write_json
from linli.base.errors import StartError
from linli.vocab import published, reference_pages, vocabulary


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the words of `linli vocab` to the command line."""
    vocab = commands.add_parser("vocab", help="the standard: its types, schemas, @context and reference pages")
    kinds = vocab.add_subparsers(dest="what", required=True)
    kinds.add_parser("list", help="list all types").set_defaults(run=list_types)
    show = kinds.add_parser("show", help="print the reference page of a type")
    show.add_argument("type", metavar="TYPE")
    show.set_defaults(run=show_type)
    schema = kinds.add_parser("schema", help="print the JSON Schema of a type")
    schema.add_argument("type", metavar="TYPE")
    schema.set_defaults(run=print_schema)
    sample = kinds.add_parser("sample", help="print an entity of a type that is right")
    sample.add_argument("type", metavar="TYPE")
    sample.add_argument("--whole", action="store_true", help="with every attribute, not the required ones only")
    sample.set_defaults(run=print_sample)
    context = kinds.add_parser("context", help="print the @context")
    context.add_argument("--for", dest="subject", metavar="SUBJECT", help="the one for partners who speak dataModel.…")
    context.set_defaults(run=print_context)
    build = kinds.add_parser("build", help="write the reference pages, or the @context documents and schemas")
    build.add_argument("--docs", type=Path, metavar="DIR", help="write the reference pages here")
    build.add_argument("--out", type=Path, metavar="DIR", help="write the @context documents and schemas here")
    build.set_defaults(run=build_files)


def list_types(_: argparse.Namespace) -> int:
    """Print every type with its titles."""
    for name, entity in sorted(vocabulary().types.items()):
        print(f"{name:28} {entity.title['zh']}  {entity.title['en']}")
    return 0


def show_type(options: argparse.Namespace) -> int:
    """Print the reference page of a type."""
    print(reference_pages(vocabulary())[f"{_known(options.type)}.md"], end="")
    return 0


def print_schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema of a type."""
    _print(vocabulary().json_schema(_known(options.type)))
    return 0


def print_sample(options: argparse.Namespace) -> int:
    """Print an entity of a type."""
    _print(vocabulary().sample(_known(options.type), whole=options.whole))
    return 0


def print_context(options: argparse.Namespace) -> int:
    """Print the @context, ours or that for partners."""
    try:
        _print(vocabulary().context(options.subject))
    except KeyError as error:
        subjects = ", ".join(vocabulary().subjects())
        raise StartError(f"--for {options.subject}: no type reuses it; these are reused: {subjects}.") from error
    return 0


def build_files(options: argparse.Namespace) -> int:
    """Write what is made from the vocabulary; files of the same content are left alone."""
    if options.docs is None and options.out is None:
        raise StartError("Say where to: --docs DIR for pages, --out DIR for @context documents and schemas.")
    if options.docs is not None:
        pages = {name: text.encode() for name, text in reference_pages(vocabulary()).items()}
        _write(options.docs, pages)
    if options.out is not None:
        _write(options.out, published(vocabulary()))
    return 0


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.read_bytes() != content:
                file.write_bytes(content)
    except OSError as error:
        raise StartError(f"{folder}: cannot be written ({error.strerror}); name another folder.") from error
    print(f"{folder}: {len(files)} files.")


def _known(name: str) -> str:
    if name not in vocabulary().types:
        raise StartError(f"{name}: is no type of the standard; `linli vocab list` names them.")
    return name


def _print(value: object) -> None:
    print(write_json(value, pretty=True).decode())
