"""Request bodies, checked strictly: unknown members and wrong types are refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from modemfarm.intake import rows
from modemfarm.intake.columns import MissingValue, Template, squeeze
from modemfarm.intake.draft import Draft
from modemfarm.intake.rows import Known
from modemfarm.intake.values import is_day, is_own_number
from modemfarm.model import MessageState
from modemfarm.modem.dialled import MOST_STEPS
from modemfarm.webapp.faults import unfit
from modemfarm.webapp.problems import Problem, invalid, unsupported
from modemfarm.webapp.reading import octets
from modemfarm.webapp.settings import MOST_BODY_OCTETS
from modemfarm.webapp.strict import refuse_ambiguous


def _storable(text: str) -> str:
    if "\x00" in text:
        raise unfit("null_character")
    return text


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise unfit("out_of_range") from None


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(metadata, allow_nan=False)
    except ValueError:
        raise unfit("not_finite") from None
    if len(text) > 16_384:
        raise unfit("metadata_too_long")
    if "\\u0000" in text:
        raise unfit("null_character")
    return metadata


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # 1.0 is an integer of JSON Schema


Whole = Annotated[int, BeforeValidator(_whole)]
Word = Annotated[str, Field(max_length=255), AfterValidator(_storable)]


def _number(text: str) -> str:
    if not is_own_number(text):
        raise unfit("number")
    return text


def _day(text: str) -> str:
    if not is_day(text):
        raise unfit("day")
    return text


Content = Annotated[str, Field(max_length=40_000), AfterValidator(_storable)]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]


class Body(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class MessageBody(Body):
    """`POST /v1/messages`."""

    to: Word
    text: Content | None = None
    template: Content | None = None
    vars: dict[str, str | int | float] | None = None
    message_class: Literal["transactional", "marketing", "conversation", "emergency"] | None = Field(
        default=None, alias="class"
    )
    purpose: Word | None = None
    pinned: Word | None = Field(default=None, alias="from")
    send_at: Moment | None = None
    valid_until: Moment | None = None
    priority: Annotated[Whole, Field(ge=0, le=9)] | None = None
    reference: Word | None = None
    tags: Annotated[list[Word], Field(max_length=50)] = []
    metadata: Annotated[dict[str, Any], AfterValidator(_plain)] = {}
    flash: bool = False
    report: bool | None = None
    resend_unknown: bool = False
    confirm_emergency: bool = False
    fixed_line: bool = False
    store_text: bool = True

    @model_validator(mode="after")
    def _one_content(self) -> MessageBody:
        if (self.text is None) == (self.template is None):
            raise unfit("text_or_template")
        if self.vars is not None and self.template is None:
            raise unfit("vars_without_template")
        return self

    def draft(self, known: Known) -> Draft:
        """What intake takes.

        Args:
            known: fills what `vars` lack.

        Raises:
            Problem: the template has a hole that `vars` does not fill.
        """
        return Draft(
            to=self.to,
            text=self.text if self.text is not None else fill(self.template or "", self.vars or {}, self.to, known),
            message_class=self.message_class,
            purpose=self.purpose,
            pinned=self.pinned,
            send_at=self.send_at,
            valid_until=self.valid_until,
            priority=self.priority,
            reference=self.reference,
            tags=tuple(self.tags),
            metadata=self.metadata,
            flash=self.flash,
            report=self.report,
            resend_unknown=self.resend_unknown,
            confirm_emergency=self.confirm_emergency,
            fixed_line=self.fixed_line,
            store_text=self.store_text,
        )


def fill(template: str, values: dict[str, str | int | float], to: str, known: Known) -> str:
    """A template with ``{name}`` replaced, by the same rules as a file's.

    Raises:
        BadFieldError: a brace that opens or closes nothing.
        Problem: a name that has no value.
    """
    try:
        given = {squeeze(name): str(value) for name, value in values.items()}
        return rows.fill(Template(template), given, to, known)
    except MissingValue as missing:
        fault = {"pointer": f"/vars/{missing.column}", "code": "missing_value", "detail": "the template wants it"}
        what = f"The template wants {missing.column}."
        raise Problem(422, "validation", what, code="missing_value", errors=[fault]) from None


class EditBody(Body):
    """`PATCH /v1/messages/{id}`: only what is given changes; null clears."""

    text: Content = ""
    message_class: Literal["transactional", "marketing", "conversation", "emergency"] = Field(
        default="transactional", alias="class"
    )
    pinned: Word | None = Field(default=None, alias="from")
    send_at: Moment | None = None
    valid_until: Moment | None = None
    priority: Annotated[Whole, Field(ge=0, le=9)] = 5
    reference: Word | None = None
    tags: Annotated[list[Word], Field(max_length=50)] = []
    metadata: Annotated[dict[str, Any], AfterValidator(_plain)] = {}
    store_text: bool = True

    def changes(self) -> dict[str, object]:
        """What was given, by the names of the API."""
        fields = type(self).model_fields
        return {fields[name].alias or name: getattr(self, name) for name in self.model_fields_set}


class ManyBody(Body):
    """`POST /v1/messages/cancel` and its like: which messages are meant. At least one of the members."""

    state: Annotated[list[MessageState], Field(min_length=1)] | None = None
    reason: Word | None = None
    batch: Annotated[Whole, Field(ge=1, lt=2**63)] | None = None
    to: Word | None = None
    message_class: Literal["transactional", "marketing", "conversation", "emergency"] | None = Field(
        default=None, alias="class"
    )
    limit: Annotated[Whole, Field(ge=1, le=10_000)] = 10_000
    upto: Annotated[Whole, Field(ge=0, lt=2**63)] | None = None
    after: Annotated[Whole, Field(ge=0, lt=2**63)] = 0

    @model_validator(mode="after")
    def _something(self) -> ManyBody:
        if all(getattr(self, name) is None for name in ("state", "reason", "batch", "to", "message_class")):
            raise unfit("say_which")
        return self


class ChangesBody(EditBody):
    """The `changes` of `POST /v1/messages/edit`: what each of many shall be."""

    @model_validator(mode="after")
    def _something(self) -> ChangesBody:
        if not self.model_fields_set:
            raise unfit("say_what")
        return self


class ManyEditBody(ManyBody):
    """The same with what shall change."""

    changes: ChangesBody


class ManyResolveBody(ManyBody):
    """The same with a person's word."""

    outcome: Literal["sent", "failed"]


class ResolveBody(Body):
    """`POST …/resolve`: a person's word on an unknown message."""

    outcome: Literal["sent", "failed"]


class PauseBody(Body):
    """`POST /v1/pause` and `/v1/resume`; nothing means everything."""

    message_class: Literal["transactional", "marketing", "conversation", "emergency"] | None = Field(
        default=None, alias="class"
    )
    batch: Annotated[Whole, Field(ge=0, lt=2**63)] | None = None
    restored: bool = False  # of `resume` only: what a restore of the database held
    clock: bool = False  # of `resume` only: this computer's clock is right

    @model_validator(mode="after")
    def _one_scope(self) -> PauseBody:
        if self.message_class is not None and self.batch is not None:
            raise unfit("class_or_batch")
        return self

    def scope(self) -> tuple[str, str]:
        """As the table of pauses has it."""
        if self.message_class is not None:
            return "class", self.message_class
        return ("all", "") if self.batch is None else ("batch", str(self.batch))


class SimBody(Body):
    """`PATCH /v1/sims/{iccid}`: only what is given changes; null clears."""

    label: Word | None = None
    plan: Word | None = None
    account: Word | None = None
    number: Annotated[str, AfterValidator(_number)] | None = None
    tags: Annotated[list[Word], Field(max_length=50)] | None = None
    expires: Annotated[str, AfterValidator(_day)] | None = None
    pin: Word | None = None


class AnswerBody(Body):
    """`POST /v1/sims/{iccid}/answer`: whether it shall write to still more people this month."""

    answer: Literal["go_on", "pause"]


class PinBody(Body):
    """`PATCH /v1/modems/{key}`: the PIN of the card in it; null forgets it."""

    pin: Word | None


class UssdBody(Body):
    """`POST /v1/sims/{iccid}/ussd`."""

    code: Word
    answers: Annotated[list[Word], Field(max_length=MOST_STEPS - 1)] = []


class SuppressionBody(Body):
    """`POST /v1/suppressions`."""

    number: Word
    source: Literal["phone", "counter", "web", "import"] = "web"
    keyword: Word | None = None


class NumbersBody(Body):
    """`POST /v1/suppressions/import`."""

    numbers: Annotated[list[Word], Field(min_length=1, max_length=10_000)]


class ReviewBody(Body):
    """`POST /v1/reviews/{number}`: whether the reply was a refusal."""

    decision: Literal["opted_out", "dismissed"]


class ContactBody(Body):
    """`PUT` and `PATCH /v1/contacts/{number}`."""

    name: Word | None = None
    zone: Word | None = None
    language: Word | None = None
    attributes: dict[Word, Annotated[str, Field(max_length=2_000), AfterValidator(_storable)] | None] | None = None


class PolicyBody(Body):
    """`PATCH /v1/policy`: only what is given changes; null takes a change back."""

    profile: Word | None = None
    brand: Word | None = None
    contact: Word | None = None
    signature: Word | None = None
    opt_out_line: Word | None = None
    hours: Word | None = None
    per_day: Whole | None = None
    per_month: Whole | None = None
    own_sim_marketing: Word | None = None
    verified_by: Word | None = None
    max_opt_out_rate: float | None = None


class AttestationBody(Body):
    """`POST /v1/policy/attestation`."""

    who: Annotated[Word, Field(min_length=1)]
    basis: Annotated[Word, Field(min_length=1)]
    until: Moment
    document: Word | None = None


class WebhookBody(Body):
    """`POST /v1/webhooks`."""

    url: Annotated[Word, Field(min_length=1)]
    events: list[Word] = []
    secret: Word | None = None


class ReplayBody(Body):
    """`POST /v1/webhooks/{id}/replay`."""

    since: Moment


class EmptyBody(Body):
    """Routes that want nothing."""


Some = TypeVar("Some", bound=Body)


def body(model: type[Some], *, optional: bool = False, most: int = MOST_BODY_OCTETS) -> Some:
    """The request's JSON body as `model`.

    Args:
        optional: no body at all means an empty object.
        most: octets that it may have.

    Raises:
        Problem: 413, 415, 400 (not JSON) or 422.
    """
    if (request.content_length or 0) > most:
        raise Problem(413, "too_large", f"The body may have {most} octets.")
    data = octets(most)
    if optional and not data.strip():
        data = b"{}"
    elif not request.is_json:
        raise unsupported("application/json")
    refuse_ambiguous(data)
    aliases = {name: field.alias for name, field in model.model_fields.items() if field.alias}
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise invalid(error, aliases) from None
