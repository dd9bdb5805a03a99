"""The log: syslog for the cluster, stderr for a person at a terminal.

The rules are those of the shell library of resource-agents (`ocf_log`): the facility comes from
HA_LOGFACILITY, the tag names agent, resource instance and pid, debug lines only when HA_debug is
set, and where stderr is a terminal nothing goes to syslog.
"""

from __future__ import annotations

import sys
import syslog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FACILITIES = (
    *("auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog"),
    *("user", "uucp", "local0", "local1", "local2", "local3", "local4", "local5", "local6"),
    "local7",
)
_LEVELS = {
    "error": syslog.LOG_ERR,
    "warning": syslog.LOG_WARNING,
    "info": syslog.LOG_INFO,
    "debug": syslog.LOG_DEBUG,
}


class Log:
    """Writes one line per call, newlines folded; connects to syslog only when first used."""

    def __init__(self, tag: str, environ: Mapping[str, str], to_terminal: bool | None = None):
        self._tag = tag
        self._facility = _facility(
            environ.get("HA_LOGFACILITY") or environ.get("PCMK_logfacility") or "daemon"
        )
        self._debug = environ.get("HA_debug", "0") not in ("", "0")
        if to_terminal is None:
            to_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._to_terminal = to_terminal
        self._opened = False

    def error(self, text: str) -> None:
        """Something failed; the exit reason usually says the same."""
        self._write("error", text)

    def warning(self, text: str) -> None:
        """It goes on, but somebody should look."""
        self._write("warning", text)

    def info(self, text: str) -> None:
        """What was done: one line for each change made to the machine."""
        self._write("info", text)

    def debug(self, text: str) -> None:
        """Only with HA_debug=1 (`crm_resource -V --force-...`, ocf-tester -d)."""
        if self._debug:
            self._write("debug", text)

    def _write(self, level: str, text: str) -> None:
        line = one_line(text).replace("\0", "\\0")  # syslog(3) would end at it
        if self._to_terminal:
            sys.stderr.write(f"{level.upper()}: {line}\n")
            return
        if self._facility is None:
            return
        if not self._opened:
            syslog.openlog(self._tag, syslog.LOG_PID, self._facility)
            self._opened = True
        # A name that is not UTF-8 must not make an action fail.
        text = f"{level.upper()}: {line}".encode("utf-8", "backslashreplace").decode()
        syslog.syslog(_LEVELS[level], text)


def one_line(text: str) -> str:
    """The text with every run of white space, newlines included, folded into one blank."""
    return " ".join(text.split())


def _facility(name: str) -> int | None:
    """The number of a syslog facility; None for `none`; an unknown name is daemon."""
    if name.lower() == "none":
        return None
    known = name.lower() if name.lower() in _FACILITIES else "daemon"
    return int(getattr(syslog, "LOG_" + known.upper()))
