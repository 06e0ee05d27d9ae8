"""The words of a registration: modes, operations, and the names of groups of operations (4.3.6, 4.20)."""

from __future__ import annotations

from typing import Literal

Mode = Literal["inclusive", "exclusive", "redirect", "auxiliary"]

#: modes whose source answers alone for what it registered
ALONE: frozenset[Mode] = frozenset({"exclusive", "redirect"})

GROUPS = frozenset({"federationOps", "updateOps", "retrieveOps", "redirectionOps"})

#: what an auxiliary source may be asked
READING = frozenset({"retrieveOps", "retrieveEntity", "queryEntity"})

OPERATIONS = frozenset(
    {
        "createEntity",
        "updateEntity",
        "replaceEntity",
        "mergeEntity",
        "deleteEntity",
        "purgeEntity",
        "appendAttrs",
        "updateAttrs",
        "replaceAttrs",
        "deleteAttrs",
        "createBatch",
        "upsertBatch",
        "updateBatch",
        "mergeBatch",
        "deleteBatch",
        "upsertTemporal",
        "appendAttrsTemporal",
        "deleteAttrsTemporal",
        "updateAttrInstanceTemporal",
        "deleteAttrInstanceTemporal",
        "deleteTemporal",
        "retrieveEntity",
        "queryEntity",
        "queryBatch",
        "retrieveTemporal",
        "queryTemporal",
        "retrieveEntityTypes",
        "retrieveEntityTypeDetails",
        "retrieveEntityTypeInfo",
        "retrieveAttrTypes",
        "retrieveAttrTypeDetails",
        "retrieveAttrTypeInfo",
        "createSubscription",
        "updateSubscription",
        "retrieveSubscription",
        "querySubscription",
        "deleteSubscription",
        "createEntityMap",
        "retrieveEntityMap",
        "updateEntityMap",
        "deleteEntityMap",
        "retrieveContextSourceIdentity",
    }
)
