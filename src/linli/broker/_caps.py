"""The caps: how large what comes in may be. All are settings, and all stand on the health page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from linli.base import Settings, setting


@dataclass(frozen=True, slots=True)
class Caps:
    """How large what comes in may be; beyond it the request is refused."""

    body_bytes: int = 1 << 20
    batch_bytes: int = 8 << 20
    batch_entities: int = 1000
    attributes: int = 500
    depth: int = 64
    unpacked_ratio: int = 100
    url_bytes: int = 8192
    q_bytes: int = 4096
    q_terms: int = 64
    positions: int = 10_000
    page_entities: int = 1000
    pattern_letters: int = 512
    subscriptions: int = 10_000
    context_bytes: int = 1 << 20
    contexts_nested: int = 10
    maps: int = 200
    map_entities: int = 20_000
    map_keep_s: int = 86_400

    @classmethod
    def of(cls, settings: Settings) -> Caps:
        """Read all caps from the settings."""
        return cls(**{one.name: settings[f"caps.{one.name}"] for one in fields(cls)})

    def shown(self) -> dict[str, int]:
        """Return all caps by name, for the health page."""
        return asdict(self)


#: the caps as they are when nobody set them
CAPS = Caps()

_TEXTS = {
    "body_bytes": "Bytes of the body of one request.",
    "batch_bytes": "Bytes of the body of a batch.",
    "batch_entities": "Entities, or ids, in one batch.",
    "attributes": "Attributes of one entity.",
    "depth": "How deep JSON may be nested.",
    "unpacked_ratio": "How many times as large as it came a compressed body may become.",
    "url_bytes": "Bytes of the path and of the query of a URL, each.",
    "q_bytes": "Bytes of the parameter q.",
    "q_terms": "Terms in the parameter q.",
    "positions": "Positions of one geometry.",
    "page_entities": "Entities on one page of an answer.",
    "pattern_letters": "Letters of a regular expression in a query.",
    "subscriptions": "Subscriptions of one tenant.",
    "context_bytes": "Bytes of one @context.",
    "contexts_nested": "How deep @contexts may name each other.",
    "maps": "Entity maps of one tenant; for a new one beyond it the oldest of whoever has most goes.",
    "map_entities": "Entities in one entity map.",
    "map_keep_s": "How long an entity map is kept at most, in seconds.",
}
for _field in fields(Caps):
    setting(f"caps.{_field.name}", _field.default, _TEXTS[_field.name])
