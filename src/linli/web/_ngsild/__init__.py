"""The NGSI-LD door below /ngsi-ld/v1: bare ASGI, no framework on the way.

A request is checked in one order: length, media types, path, parameters, size and depth, JSON, @context, content, who
asks, tenant, existence. The rules themselves are the broker's; here they only get their HTTP form. Nothing is raised
to the server: every error leaves as problem details. Each part of the standard is one file with its own `ROUTES`.
"""

from ._app import ROUTES, NgsiLd

__all__ = ["ROUTES", "NgsiLd"]
