"""Where e-mail goes: to a real SMTP server of this process, or into a folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from common.ids import new_id
from common.mail import Mail, MailNotConfigured, MailRefused, SmtpMailer, open_mailer
from common.settings import Settings
from pydantic import SecretStr

from tests.parts.ports import free_port

MAIL = Mail(new_id(), "ada@example.com", "Grüße", "Zeile 1\nhttps://console.example.com/?token=a=b\n")


@dataclass
class Server:
    """Takes what it is sent; `answer` is what it says to a message."""

    port: int
    taken: list[Envelope] = field(default_factory=list)
    answer: str = "250 OK"

    async def handle_RCPT(self, *given: Any) -> str:
        envelope, address = given[2], given[3]
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return self.answer


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    right = (given.login, given.password) == (b"ada", b"p@ss/word")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(free_port())
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        authenticator=_authenticate,
        auth_require_tls=False,
        auth_required=True,
    )
    controller.start()
    yield server
    controller.stop()


def _settings(url: str) -> Settings:
    return Settings(mail=SecretStr(url), mail_from="IGNY8 <no-reply@example.com>")


def _smtp(server: Server, password: str = "p%40ss%2Fword") -> Settings:
    return _settings(f"smtp://ada:{password}@127.0.0.1:{server.port}")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
class TestSmtp:
    async def test_delivers_what_it_is_given(self, server: Server) -> None:
        await open_mailer(_smtp(server)).send(MAIL)
        (envelope,) = server.taken
        assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@example.com", ["ada@example.com"])
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert (message["Subject"], message["From"]) == ("Grüße", "IGNY8 <no-reply@example.com>")
        assert message["Message-ID"] == f"<{MAIL.id}@igny8>"
        assert message.get_content().replace("\r\n", "\n") == MAIL.text

    async def test_tells_a_refusal_for_good_from_one_for_now(self, server: Server) -> None:
        mailer = open_mailer(_smtp(server))
        with pytest.raises(MailRefused, match="no such mailbox"):
            await mailer.send(Mail(new_id(), "nobody@example.com", "x", "x"))
        server.answer = "554 spam"
        with pytest.raises(MailRefused, match="554 spam"):
            await mailer.send(MAIL)
        server.answer = "451 try again later"
        with pytest.raises(aiosmtplib.SMTPResponseException):
            await mailer.send(MAIL)

    async def test_that_is_away_is_worth_another_try(self) -> None:
        with pytest.raises(aiosmtplib.SMTPConnectError):
            await open_mailer(_settings(f"smtp://127.0.0.1:{free_port()}")).send(MAIL)

    async def test_does_not_take_a_wrong_password(self, server: Server) -> None:
        with pytest.raises(MailRefused):
            await open_mailer(_smtp(server, "wrong")).send(MAIL)
        assert server.taken == []

    @pytest.mark.parametrize(
        ("url", "port", "tls"),
        [("smtp://a", 587, False), ("smtps://a", 465, True), ("smtps://a:25", 25, True)],
    )
    def test_is_read_from_its_url(self, url: str, port: int, tls: bool) -> None:
        mailer = open_mailer(_settings(url))
        assert isinstance(mailer, SmtpMailer)
        assert (mailer._server.port, mailer._server.tls) == (port, tls)

    @pytest.mark.parametrize(
        ("url", "insists"),
        [
            ("smtp://ada:secret@mail.example.com", True),
            ("smtp://mail.example.com", None),
            ("smtps://ada:secret@mail.example.com", None),
            ("smtp://ada:secret@localhost", None),
        ],
    )
    async def test_tells_its_password_to_nobody_in_between(
        self, url: str, insists: bool | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Any] = []

        async def send(*_message: Any, **options: Any) -> None:
            asked.append(options["start_tls"])

        monkeypatch.setattr(aiosmtplib, "send", send)
        await open_mailer(_settings(url)).send(MAIL)
        assert asked == [insists]


async def test_a_folder_holds_each_message_once(tmp_path: Path) -> None:
    mailer = open_mailer(_settings((tmp_path / "mail box").as_uri()))
    for _ in range(2):
        await mailer.send(MAIL)
    (path,) = (tmp_path / "mail box").iterdir()
    assert path.name == f"{MAIL.id}.eml"
    assert path.stat().st_mode & 0o777 == 0o600
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert message.get_content() == MAIL.text


async def test_nothing_configured_sends_nothing() -> None:
    with pytest.raises(MailNotConfigured, match="IGNY8_MAIL"):
        await open_mailer(_settings("")).send(MAIL)


@pytest.mark.parametrize("url", ["mail.example.com", "http://a", "smtp://"])
def test_what_is_no_place_for_mail_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="IGNY8_MAIL"):
        open_mailer(_settings(url))


def test_no_header_can_be_smuggled_in() -> None:
    with pytest.raises(ValueError):
        Mail(new_id(), "a@example.com\nBcc: b@example.com", "x", "x").message("c@example.com")
