"""Builds the Flask app: API, health, page, and the headers that every answer carries."""

from __future__ import annotations

from flask import Flask, Response, g, request

from modemfarm.resources import shipped
from modemfarm.webapp import (
    api_batches,
    api_complaints,
    api_consents,
    api_farm,
    api_keys,
    api_lists,
    api_many,
    api_messages,
    api_people,
    api_rules,
    api_sims,
    api_webhooks,
    documents,
    health,
    kannel,
    page,
    page_access,
    page_batches,
    page_consents,
    page_demo,
    page_device,
    page_farm,
    page_files,
    page_inbox,
    page_login,
    page_messages,
    page_offers,
    page_people,
    page_send,
    page_settings,
    page_webhooks,
    pins,
    problems,
    words,
)
from modemfarm.webapp.access import check_host
from modemfarm.webapp.access import deps as farm
from modemfarm.webapp.language import words as in_language
from modemfarm.webapp.numbers import IdConverter, NumberConverter
from modemfarm.webapp.settings import MOST_BATCH_OCTETS, MOST_BODY_OCTETS, WebDeps

# Everything from this host, nothing inline; Pico's own icons are data: images in its style sheet.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PROGRAMS = ("/v1/", "/cgi-bin/", "/healthz", "/readyz", "/metrics")


def create_app(deps: WebDeps) -> Flask:
    """The app over one farm. It keeps nothing between requests: several processes may run it."""
    app = Flask(
        "modemfarm",
        template_folder=str(shipped("web/templates")),
        static_folder=str(shipped("web/static")),
        static_url_path="/static",
    )
    app.extensions["modemfarm"] = deps
    app.config.update(MAX_CONTENT_LENGTH=MOST_BATCH_OCTETS, MAX_FORM_MEMORY_SIZE=MOST_BODY_OCTETS)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.filters["commands"] = words.commands
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    app.url_map.converters["modem"] = api_farm.ModemConverter
    app.url_map.converters["int"] = IdConverter
    app.url_map.converters["number"] = NumberConverter
    for room in (
        api_messages,
        api_batches,
        api_complaints,
        api_many,
        api_farm,
        api_keys,
        api_lists,
        api_people,
        api_rules,
        api_sims,
        api_consents,
        api_webhooks,
        documents,
        health,
        kannel,
        page,
        page_access,
        page_batches,
        page_consents,
        page_device,
        page_login,
        page_farm,
        page_files,
        page_inbox,
        page_messages,
        page_offers,
        page_people,
        page_send,
        page_settings,
        page_webhooks,
        pins,
    ):
        app.register_blueprint(room.routes)
    if deps.demo is not None:
        app.register_blueprint(page_demo.routes)
    problems.install(app, is_api, page.problem, in_language)
    app.before_request(_host)
    app.after_request(_headers)
    return app


def is_api() -> bool:
    """Whether a program asks: it gets problem+json."""
    return request.path.startswith(_PROGRAMS) or request.path == "/v1"


def _host() -> None:
    if not is_api():
        check_host(farm().settings.names)


def _headers(response: Response) -> Response:
    response.headers.update(g.get("rate_limit", {}))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if not is_api():
        response.headers.setdefault("Content-Security-Policy", _CSP)
        response.headers.setdefault("X-Frame-Options", "DENY")
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response
