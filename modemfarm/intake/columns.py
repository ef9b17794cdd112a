"""The names that columns go by, and templates filled from them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from modemfarm.errors import BadFieldError

# column of a row -> what it is also called; compared in lower case, without spaces, dashes and underscores
_CALLED: Mapping[str, tuple[str, ...]] = {
    "to": (
        "to phone phonenumber number mobile cell msisdn tel telephone recipient",
        "手机号 手机号码 手机 电话 电话号码 联系电话 号码 收件人 手機號 手機號碼 手機 電話 電話號碼 號碼",
        "телефон номер номертелефона мобильный мобильныйтелефон получатель тел кому",
    ),
    "text": (
        "text message body content sms msg",
        "内容 短信 短信内容 信息 消息 正文 文本 內容 簡訊 短訊 簡訊內容 訊息",
        "текст сообщение смс текстсообщения текстсмс",
    ),
    "name": ("name fullname", "姓名 名字 名称 客户 客户姓名 称呼 名稱 客戶", "имя фио клиент"),
    "class": ("class messageclass", "类别 類別 类型 類型", "класс"),
    "purpose": ("purpose", "用途 目的", "цель"),
    "from": ("from sim sender", "发送卡 發送卡", "отправитель"),
    "send_at": ("sendat schedule scheduledat", "发送时间 定时 發送時間 定時", "время времяотправки"),
    "valid_until": ("validuntil expires", "有效期至", "годендо"),
    "valid_for": ("validfor validity", "有效期", "срок"),
    "priority": ("priority", "优先级 優先級", "приоритет"),
    "reference": ("reference ref externalid", "编号 订单号 編號 訂單號", "ссылка номерзаказа"),
    "tags": ("tags", "标签 標籤", "теги метки"),
    "flash": ("flash", "闪信 閃信", "флеш"),
    "report": ("report", "回执 回執", "отчет отчёт"),
    "resend_unknown": ("resendunknown", "", ""),
    "confirm_emergency": ("confirmemergency", "", ""),
    "store_text": ("storetext keeptext", "保存内容 保留内容 保存內容 保留內容", "хранитьтекст"),
    "fixed_line": ("fixedline landline", "固话 固話", "городской"),
}
_SQUEEZED = re.compile(r"[\s_\-.]+")
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@functools.lru_cache(maxsize=1024)
def squeeze(name: str) -> str:
    """A column's name as names are compared."""
    return _SQUEEZED.sub("", name.strip().strip("\ufeff").lower())


COLUMNS: Mapping[str, str] = {
    squeeze(word): column for column, lists in _CALLED.items() for words in lists for word in words.split()
}


def column_of(name: str) -> str | None:
    """Which column a header means; None: one of the owner's own."""
    return COLUMNS.get(squeeze(name))


@dataclass(frozen=True, slots=True)
class MissingValue(Exception):  # noqa: N818 # a row's fault, told with its column
    """A row holds nothing for a field of the template."""

    column: str


class Template:
    """A text with fields like `{name}`; `{{` and `}}` are braces.

    Raises:
        BadFieldError: a brace that opens or closes nothing, or an empty field.
    """

    def __init__(self, source: str) -> None:
        self._pieces: list[tuple[str, str | None]] = []
        at = 0
        for match in _FIELD.finditer(source):
            before = source[at : match.start()]
            at = match.end()
            if match.group() in {"{{", "}}"}:
                self._pieces.append((before + match.group()[0], None))
            elif match.group(1) is not None and match.group(1).strip():
                self._pieces.append((before, match.group(1).strip()))
            else:
                what = f"a lone {match.group()} at character {match.start() + 1}; write {{{{ or }}}} for a brace"
                raise BadFieldError("template", "bad_template", what)
        self._pieces.append((source[at:], None))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names in it, in order."""
        return tuple(name for _, name in self._pieces if name is not None)

    def fill(self, values: Mapping[str, str]) -> str:
        """The text for one row; `values` by squeezed name.

        Raises:
            MissingValue: a field that the row lacks or has empty.
        """
        done: list[str] = []
        for text, name in self._pieces:
            done.append(text)
            if name is not None:
                done.append(_look_up(values, name))
        return "".join(done)


def _look_up(values: Mapping[str, str], name: str) -> str:
    wanted = squeeze(name)
    column = COLUMNS.get(wanted)
    for key in (wanted, column):
        if key is not None and values.get(key):
            return values[key]
    raise MissingValue(name)
