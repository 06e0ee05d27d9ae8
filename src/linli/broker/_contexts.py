"""Which @contexts this node knows: the core's, ours, those given as files, and those its tenants brought."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from linli.base import read_json
from linli.base.errors import BadRequestData, InvalidRequest, LdContextNotAvailable, TooLarge
from linli.vocab import CONTEXT_URL, CORE_CONTEXT_URL, Vocab

from ._terms import Terms, compiled

CONTEXT_BYTES_MAX = 1 << 20
CONTEXTS_KEPT = 256


class Contexts:
    """All contexts that this node knows, compiled when first used and kept by what was said."""

    def __init__(self, vocab: Vocab, files: Mapping[str, Path], *, default: str) -> None:
        """Know the core's, ours and those in `files` (URL -> file). `default` = "linli" or "core": without a word."""
        self._documents: dict[str, Any] = {CONTEXT_URL: vocab.context()}
        self._files = dict(files)
        self._compiled: dict[tuple[str, str | bytes], Terms] = {}
        self.default = self.of(CONTEXT_URL if default == "linli" else CORE_CONTEXT_URL)

    async def ready(self, said: Any, tenant: str = "default") -> None:
        """Return when all is here that `of` needs for what was said."""

    def of(self, said: Any, tenant: str = "default") -> Terms:
        """Return the compiled form of what stands under @context, or of the URL in a Link header.

        Raises: BadRequestData: not a context, or one with scoped contexts. LdContextNotAvailable: a URL not known here.
        """
        key = (tenant, said if isinstance(said, str) else orjson.dumps(said, option=orjson.OPT_SORT_KEYS))
        known = self._compiled.pop(key, None)
        if known is None:
            if len(key[1]) > CONTEXT_BYTES_MAX:
                raise BadRequestData(f"@context: at most {CONTEXT_BYTES_MAX} bytes.")
            known, _ = compiled(said, self._document)
            if len(self._compiled) >= CONTEXTS_KEPT:
                self._compiled.pop(next(iter(self._compiled)))
        self._compiled[key] = known
        return known

    def _document(self, url: str) -> Any:
        document = self._documents.get(url)
        if document is None:
            file = self._files.get(url)
            if file is None:
                raise LdContextNotAvailable
            document = self._documents[url] = _read(file)
        return document


def _read(file: Path) -> Any:
    try:
        return read_json(file.read_bytes(), bytes_max=CONTEXT_BYTES_MAX)
    except (OSError, InvalidRequest, TooLarge) as error:
        raise LdContextNotAvailable("@context: the file of this URL cannot be read.") from error
