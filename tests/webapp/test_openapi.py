from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from modemfarm.model import PartState
from modemfarm.webapp import api_complaints, api_consents, api_keys, bodies
from tests.webapp.sample import Sample

OPEN = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")


def document(farm: Sample) -> dict[str, Any]:
    answer = farm.app.test_client().get("/v1/openapi.json")
    assert answer.status_code == 200
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


def test_every_route_of_the_api_is_described_and_nothing_else(farm: Sample) -> None:
    served = set()
    for rule in farm.app.url_map.iter_rules():
        path = OPEN.sub(r"{\1}", rule.rule).replace("{key}", "{modem}")
        if path.startswith(("/v1", "/healthz", "/readyz", "/metrics")):
            for each in ("pause", "resume") if path.endswith("{what}") else ("",):
                served |= {
                    (path.replace("{what}", each), method)
                    for method in rule.methods or ()
                    if method not in {"HEAD", "OPTIONS"}
                }
    described = {(path, method.upper()) for path, methods in document(farm)["paths"].items() for method in methods}
    assert served == described


def test_what_the_api_says_is_as_described(farm: Sample) -> None:
    farm.modem(1)
    farm.left(farm.take(), PartState.DELIVERED)
    farm.reply()
    client, schemas = farm.api(), document(farm)["components"]["schemas"]
    for path, name in (("messages", "Message"), ("inbound", "Inbound"), ("modems", "Modem"), ("sims", "Sim")):
        item = client.get(f"/v1/{path}").get_json()["data"][0]
        schema = schemas[name] | {"additionalProperties": False, "components": {"schemas": schemas}}
        Draft202012Validator(schema).validate(item)
        assert sorted(item) == sorted(schemas[name]["required"])
    message = client.get("/v1/messages").get_json()["data"][0]
    assert (message["parts_total"], message["parts_sent"], message["parts_delivered"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (bodies.MessageBody, "NewMessage"),
        (bodies.EditBody, "MessageChange"),
        (bodies.ManyBody, "WhichToCancel"),
        (bodies.ManyEditBody, "WhichToEdit"),
        (bodies.ChangesBody, "ChangesOfMany"),
        (bodies.ManyBody, "WhichToRetry"),
        (bodies.ManyResolveBody, "WhichToResolve"),
        (bodies.ResolveBody, "Resolution"),
        (bodies.PauseBody, "PauseScope"),
        (bodies.SimBody, "SimChange"),
        (bodies.AnswerBody, "SimAnswer"),
        (bodies.PinBody, "ModemPin"),
        (bodies.UssdBody, "UssdCode"),
        (bodies.SuppressionBody, "NewSuppression"),
        (bodies.NumbersBody, "Numbers"),
        (bodies.ReviewBody, "ReviewDecision"),
        (bodies.ContactBody, "NewContact"),
        (bodies.PolicyBody, "PolicyChange"),
        (bodies.AttestationBody, "NewAttestation"),
        (bodies.WebhookBody, "NewWebhook"),
        (bodies.ReplayBody, "Replay"),
        (bodies.EmptyBody, "Empty"),
        (api_keys.KeyBody, "NewKey"),
        (api_consents.ConsentBody, "NewConsent"),
        (api_consents.WordBody, "NewWord"),
        (api_complaints.ComplaintBody, "NewComplaint"),
    ],
)
def test_a_body_has_the_members_that_the_description_gives_it(
    farm: Sample, model: type[bodies.Body], name: str
) -> None:
    ours, told = model.model_json_schema(by_alias=True), document(farm)["components"]["schemas"][name]
    assert told["additionalProperties"] is False
    assert told.get("properties", {}).keys() == ours.get("properties", {}).keys()
    assert sorted(told.get("required", [])) == sorted(ours.get("required", []))


def test_every_post_but_the_one_that_shows_a_key_takes_an_idempotency_key(farm: Sample) -> None:
    named = {"$ref": "#/components/parameters/IdempotencyKey"}
    posts = {path: methods["post"] for path, methods in document(farm)["paths"].items() if "post" in methods}
    assert [path for path, post in posts.items() if named not in post.get("parameters", [])] == ["/v1/keys"]


def test_a_bound_is_said_in_words_that_readers_of_the_description_know(farm: Sample) -> None:
    known: set[str] = set()
    for vocabulary in ("applicator", "core", "format-annotation", "meta-data", "unevaluated", "validation"):
        draft = SPECIFICATIONS.contents(f"https://json-schema.org/draft/2020-12/meta/{vocabulary}")
        known |= draft["properties"].keys()
    for name, schema in document(farm)["components"]["schemas"].items():
        assert _keywords(schema) <= known, name


def _keywords(schema: Any) -> set[str]:
    """Of a schema and all within it."""
    if not isinstance(schema, dict):
        return set()
    within = [*schema.get("properties", {}).values(), *schema.get("patternProperties", {}).values()]
    for word in ("allOf", "anyOf", "oneOf", "prefixItems"):
        within += schema.get(word, [])
    within += [schema.get(word) for word in ("items", "not", "if", "then", "else", "additionalProperties")]
    return set(schema).union(*map(_keywords, within))


def test_every_operation_has_a_name_of_its_own_and_every_answer_a_form(farm: Sample) -> None:
    operations = [operation for methods in document(farm)["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        for status, answer in operation["responses"].items():
            assert status in {"204", "default"} or answer["content"], operation["operationId"]
