"""The API's description, OpenAPI 3.1, kept as data in web/openapi.json; and the same to read."""

from __future__ import annotations

import functools
import json
from typing import Any

from flask import Blueprint, Response, render_template

from modemfarm.resources import shipped

routes = Blueprint("documents", __name__)
_METHODS = ("get", "post", "patch", "put", "delete")


@functools.cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shipped("web/openapi.json").read_bytes())
    return found


@routes.get("/v1/openapi.json")
def openapi() -> Response:
    """No key is needed to read what the keys are for."""
    return Response(shipped("web/openapi.json").read_bytes(), content_type="application/json")


@routes.get("/docs")
def read() -> str:
    """The description as a page, without scripts and without anybody else's server."""
    document = _document()
    shared = document["components"].get("parameters", {})
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "said": operation,
            "scopes": [scope for way in operation.get("security", []) for scope in way.get("key", [])],
            "parameters": [
                shared.get(item["$ref"].rpartition("/")[2], {}) if "$ref" in item else item
                for item in [*methods.get("parameters", []), *operation.get("parameters", [])]
            ],
            "bodies": {
                kind: json.dumps(content.get("schema", {}), indent=1, ensure_ascii=False)
                for kind, content in operation.get("requestBody", {}).get("content", {}).items()
            },
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    ]
    schemas = {
        name: json.dumps(schema, indent=1, ensure_ascii=False)
        for name, schema in document["components"]["schemas"].items()
    }
    return render_template("docs.html", info=document["info"], operations=operations, schemas=schemas)
