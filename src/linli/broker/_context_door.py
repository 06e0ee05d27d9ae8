"""The door to the contexts that a tenant hosts or holds copies of: add, list, read, delete, load anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from linli.base.errors import BadRequestData, NotAllowed, ResourceNotFound
from linli.trust import Act, Thing, Verb

from ._contexts import ContextKind, Held, Use, checked_document
from ._ground import Ground

_TYPE = "Context"


class ContextDoor(Ground):
    """Keeps contexts for those who name them by URL. Whoever holds the id of one may read it: it names no person."""

    async def add_context(self, act: Act, document: Any) -> str:
        """Host a context; return its id here.

        Raises: NotAllowed. BadRequestData: not a context, or too many stand here. TooLarge.
        """
        self._check_context(act, "create")
        local_id = self.ids.new(_TYPE, self._clock.now_us())
        await self.contexts.keep(act.tenant, local_id, "Hosted", checked_document(document), act.who.id)
        return local_id

    async def list_contexts(self, act: Act, kind: ContextKind | None) -> list[tuple[Held, Use]]:
        """Return the contexts of a tenant, all or of one kind, and how each was used. Raises: NotAllowed."""
        self._check_context(act, "list")
        contexts = self.contexts
        return [
            (held, contexts.use(act.tenant, held))
            async for held in contexts.held(act.tenant)
            if kind is None or held.kind == kind
        ]

    async def get_context(self, act: Act, local_id: str) -> tuple[Held, Use]:
        """Return a context by its id here, or by the URL that it came from, and how it was used up to now.

        Reading it here counts as a use, except where we are its home. Raises: ResourceNotFound.
        """
        held = await self.contexts.one(act.tenant, local_id)
        use = self.contexts.use(act.tenant, held)
        before = replace(use)
        if held.kind != "Hosted":
            use.count(self._clock.now_us())
        return held, before

    async def delete_context(self, act: Act, local_id: str, *, reload: bool) -> None:
        """Remove a context, or load one anew (`reload`) that was fetched from elsewhere.

        Raises: NotAllowed, ResourceNotFound. BadRequestData: nothing that could be loaded anew, or the core.
        LdContextNotAvailable: it could not be loaded; the old one stays.
        """
        self._check_context(act, "delete")
        if not reload:
            await self.contexts.drop(act.tenant, local_id, act.who.id)
            return
        try:
            held = await self.contexts.one(act.tenant, local_id)
        except ResourceNotFound as error:
            raise BadRequestData("reload: no @context with this id was loaded from anywhere.") from error
        if held.kind != "Cached":
            raise BadRequestData("reload: this @context is hosted here; there is nowhere to load it from.")
        await self.contexts.reload(act.tenant, held, act.who.id)

    def _check_context(self, act: Act, verb: Verb) -> None:
        if not self._allow.allows(act, verb, Thing(_TYPE)).ok:
            raise NotAllowed
