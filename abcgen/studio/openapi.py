"""The description of the HTTP interface in OpenAPI 3.1, from the table of endpoints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from abcgen import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from abcgen.config import Schema
    from abcgen.studio.endpoints import Endpoint

REFERENCE = "#/components/schemas/{model}"
ERROR = {
    "description": "Why not, and what can be done about it.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
ERROR_SCHEMA = {
    "type": "object",
    "required": ["error", "hint"],
    "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
}


def description_of(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """Return the description of endpoints."""
    schemas: dict[str, Any] = {"Error": ERROR_SCHEMA}
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        operation = _operation(endpoint, schemas)
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "abcgen studio",
            "version": __version__,
            "description": "Compose folk tunes, and show, print and keep them.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = (
        {"schema": _referred(endpoint.result, schemas)} if endpoint.result else {}
    )
    operation: dict[str, Any] = {
        "operationId": endpoint.answer.__name__,
        "summary": endpoint.summary,
        "responses": {
            "200": {
                "description": endpoint.summary,
                "content": dict.fromkeys(endpoint.media, result),
            },
            "default": ERROR,
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ] + [
        {"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in endpoint.query
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body:
        content = {"application/json": {"schema": _referred(endpoint.body, schemas)}}
        operation["requestBody"] = {"required": True, "content": content}
    elif endpoint.upload:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _referred(schema: type[Schema], schemas: dict[str, Any]) -> dict[str, str]:
    """Return a reference to a schema, which is then among ``schemas``."""
    described = schema.model_json_schema(ref_template=REFERENCE)
    schemas.update(described.pop("$defs", {}))
    schemas[schema.__name__] = described
    return {"$ref": REFERENCE.format(model=schema.__name__)}
