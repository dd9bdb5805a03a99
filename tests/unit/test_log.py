"""The log: which facility, tag and level, and what goes to the terminal instead."""

from __future__ import annotations

import syslog

import pytest

from moodle_ha.system.log import Log, one_line


@pytest.fixture
def syslogged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What reaches syslog(3): openlog calls and messages."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *args: calls.append(("open", *args)))
    monkeypatch.setattr(syslog, "syslog", lambda *args: calls.append(args))
    return calls


def test_levels_and_one_connection(syslogged: list[tuple[object, ...]]) -> None:
    log = Log("moodle-ha-vip(one)", {})
    assert syslogged == []
    log.error("a")
    log.warning("b")
    log.info("c")
    log.debug("not shown")
    assert syslogged == [
        ("open", "moodle-ha-vip(one)", syslog.LOG_PID, syslog.LOG_DAEMON),
        (syslog.LOG_ERR, "ERROR: a"),
        (syslog.LOG_WARNING, "WARNING: b"),
        (syslog.LOG_INFO, "INFO: c"),
    ]


@pytest.mark.parametrize(
    ("environ", "shown"),
    [({"HA_debug": "1"}, 1), ({"HA_debug": "0"}, 0), ({"HA_debug": ""}, 0), ({}, 0)],
)
def test_debug(syslogged: list[tuple[object, ...]], environ: dict[str, str], shown: int) -> None:
    Log("tag", environ).debug("a")
    assert syslogged[1:] == [(syslog.LOG_DEBUG, "DEBUG: a")] * shown


@pytest.mark.parametrize(
    ("environ", "facility"),
    [
        ({}, syslog.LOG_DAEMON),
        ({"HA_LOGFACILITY": "local3"}, syslog.LOG_LOCAL3),
        ({"HA_LOGFACILITY": "LOCAL3"}, syslog.LOG_LOCAL3),
        ({"PCMK_logfacility": "user"}, syslog.LOG_USER),
        ({"HA_LOGFACILITY": "local0", "PCMK_logfacility": "user"}, syslog.LOG_LOCAL0),
        ({"HA_LOGFACILITY": "no such facility"}, syslog.LOG_DAEMON),
        ({"HA_LOGFACILITY": "upto"}, syslog.LOG_DAEMON),
        ({"HA_LOGFACILITY": "err"}, syslog.LOG_DAEMON),
        ({"HA_LOGFACILITY": "pid"}, syslog.LOG_DAEMON),
    ],
)
def test_facility(
    syslogged: list[tuple[object, ...]], environ: dict[str, str], facility: int
) -> None:
    Log("tag", environ).info("a")
    assert syslogged[0] == ("open", "tag", syslog.LOG_PID, facility)


def test_facility_none_writes_nothing(
    syslogged: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    Log("tag", {"HA_LOGFACILITY": "none"}).error("a")
    assert syslogged == []
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_it_instead(
    syslogged: list[tuple[object, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    Log("tag", {}, to_terminal=True).warning("two\nlines")
    assert capsys.readouterr().err == "WARNING: two lines\n"
    assert syslogged == []


def test_one_message_is_one_line(syslogged: list[tuple[object, ...]]) -> None:
    Log("tag", {}).info("a\n\tb\r\nc  d ")
    assert syslogged[-1] == (syslog.LOG_INFO, "INFO: a b c d")
    assert one_line("") == ""


@pytest.mark.parametrize("text", ["\udcff", "a\0b", "é€", "%s %n", "x" * 100_000])
def test_no_text_makes_logging_fail(text: str) -> None:
    """With the real syslog(3), which is no more than silent where nobody listens."""
    Log("moodle-ha-unit-test", {}, to_terminal=False).debug(text)
    Log("moodle-ha-unit-test", {"HA_debug": "1"}, to_terminal=False).debug(text)
