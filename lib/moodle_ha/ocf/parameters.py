"""Parameters of an agent: declared once on its class, read there as typed values.

The declaration drives validation, meta-data, manual page and documents alike.
"""

from __future__ import annotations

from ..system.addresses import IpAddress as _IpAddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_TRUE = ("1", "true", "yes", "on", "y", "t")
_FALSE = ("0", "false", "no", "off", "n", "f")


class BadParameter(Exception):
    """A parameter is missing or cannot be read; the text names it, its value, what is allowed."""


class Text:
    """Any text; `words` limits it to a choice."""

    xml_type = "string"

    def __init__(self, words: Sequence[str] = ()) -> None:
        # Not type="select": its <option> elements cannot pass the 1.0 DTD of ocf-tester.
        self.words = tuple(words)
        self.allowed = "one of " + ", ".join(self.words) if words else "any text"

    def parse(self, text: str) -> Any:
        """The value.  Raises ValueError."""
        if self.words and text not in self.words:
            raise ValueError(text)
        return text


class Integer:
    """A whole number from `least` to `most`, both included."""

    xml_type = "integer"

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most
        self.allowed = f"a whole number from {least} to {most}"

    def parse(self, text: str) -> Any:
        """The value.  Raises ValueError."""
        # int() alone would take "1_0" and digits of other scripts.
        if not text.isascii() or not text.lstrip("-").isdigit():
            raise ValueError(text)
        number = int(text)
        if not self.least <= number <= self.most:
            raise ValueError(text)
        return number


class Boolean:
    """Yes or no, in any of the spellings that Pacemaker and the shell agents take."""

    xml_type = "boolean"
    allowed = "true or false"

    def parse(self, text: str) -> Any:
        """The value.  Raises ValueError."""
        word = text.lower()
        if word not in _TRUE + _FALSE:
            raise ValueError(text)
        return word in _TRUE


class IpAddress:
    """An IPv4 or IPv6 address without prefix."""

    xml_type = "string"
    allowed = "an IPv4 or IPv6 address without prefix, such as 192.0.2.10 or 2001:db8::10"

    def parse(self, text: str) -> Any:
        """The value.  Raises ValueError."""
        return _IpAddress.parse(text)


class Parameter:
    """One instance attribute of an agent class.

    `default` is the text that is used when the parameter is unset, None for none.  The value is
    read with `self.<name>` and is None when unset without a default; reading a bad value raises
    BadParameter.  `unique_group` names the group whose values together must be unique in the
    cluster.  `reloadable` promises that reload-agent makes a change effective.
    """

    def __init__(
        self,
        kind: Text | Integer | Boolean | IpAddress,
        shortdesc: str,
        longdesc: str,
        *,
        default: str | None = None,
        required: bool = False,
        unique_group: str | None = None,
        reloadable: bool = False,
    ) -> None:
        self.kind = kind
        self.shortdesc = shortdesc
        self.longdesc = longdesc
        self.default = default
        self.required = required
        self.unique_group = unique_group
        self.reloadable = reloadable
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, agent: Any, owner: type) -> Any:
        if agent is None:
            return self
        return self.read(agent.environment.parameter(self.name))

    def read(self, text: str | None) -> Any:
        """The typed value of a text.  Raises BadParameter."""
        if text is None:
            if self.required:
                raise BadParameter(
                    f"parameter {self.name} is not set; it must be {self.kind.allowed}"
                )
            text = self.default
        if text is None:
            return None
        try:
            return self.kind.parse(text)
        except ValueError:
            raise BadParameter(
                f"parameter {self.name} is {text!r}; it must be {self.kind.allowed}"
            ) from None
