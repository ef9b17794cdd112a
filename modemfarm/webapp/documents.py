"""/v1/openapi.json: the API's description, OpenAPI 3.1, kept as data in web/openapi.json."""

from __future__ import annotations

from flask import Blueprint, Response

from modemfarm.resources import shipped

routes = Blueprint("documents", __name__)


@routes.get("/v1/openapi.json")
def openapi() -> Response:
    """No key is needed to read what the keys are for."""
    return Response(shipped("web/openapi.json").read_bytes(), content_type="application/json")
