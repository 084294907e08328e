"""E-mail: a port, and where it goes by `IGNY8_MAIL`: an SMTP server, or a folder of .eml files.

A message carries an id that its sender chose: who sends the same one again, after a crash, writes the same file, and the
reader's programme can tell.
"""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname
from uuid import UUID

import aiosmtplib

from common.settings import Settings

SEND_SECONDS = 20.0
"""A server that greets slowly on purpose (tarpitting) takes some seconds; a job tries again after this."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SMTP_PORT, SUBMISSION_PORT = 465, 587
"""RFC 8314 (TLS from the start) and RFC 6409 (STARTTLS)."""


class MailRefused(Exception):
    """The mail server will not take this message, however often it is sent."""


class MailNotConfigured(Exception):
    """There is no place to send e-mail to: set IGNY8_MAIL."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain text message to one person; the same `id` is the same message."""

    id: UUID
    to: str
    subject: str
    text: str

    def message(self, sender: str) -> EmailMessage:
        """RFC 5322; raises ValueError for a header that holds a line break."""
        message = EmailMessage()
        message["From"] = sender
        message["To"] = self.to
        message["Subject"] = self.subject
        message["Message-ID"] = f"<{self.id}@igny8>"
        # RFC 3834: no out-of-office answers to a machine.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        return message


class Mailer(Protocol):
    """Where e-mail goes."""

    async def send(self, mail: Mail) -> None:
        """Hand it over. Raises `MailRefused` where that is hopeless, anything else where it is worth another try."""


def open_mailer(settings: Settings) -> Mailer:
    """The mailer of the configuration; raises ValueError for an address that is none."""
    url = settings.mail.get_secret_value()
    parts = urlsplit(url)
    if not url:
        return NoMailer()
    if parts.scheme == "file":
        return FolderMailer(Path(url2pathname(parts.path)), settings.mail_from)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("IGNY8_MAIL is neither smtp://host, smtps://host nor file:///directory")
    return SmtpMailer(
        SmtpServer(
            parts.hostname,
            parts.port or (SMTP_PORT if parts.scheme == "smtps" else SUBMISSION_PORT),
            unquote(parts.username or "") or None,
            unquote(parts.password or "") or None,
            tls=parts.scheme == "smtps",
        ),
        settings.mail_from,
    )


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """`tls` from the start; without it by STARTTLS: where it is offered, or else not at all with a password to tell."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool

    @property
    def start_tls(self) -> bool | None:
        """True insists, None takes what is offered: whoever sits between could take the offer away."""
        return True if self.username and not self.tls and self.host not in LOOPBACK else None


class SmtpMailer:
    """One connection for each message: they are rare."""

    def __init__(self, server: SmtpServer, sender: str) -> None:
        self._server = server
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        server = self._server
        try:
            await aiosmtplib.send(
                mail.message(self._sender),
                hostname=server.host,
                port=server.port,
                username=server.username,
                password=server.password,
                use_tls=server.tls,
                start_tls=server.start_tls,
                timeout=SEND_SECONDS,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise MailRefused(f"{error.recipients[0].code} {error.recipients[0].message}") from error
        except aiosmtplib.SMTPResponseException as error:
            if 500 <= error.code < 600:
                raise MailRefused(f"{error.code} {error.message}") from error
            raise


class FolderMailer:
    """Each message is a file `<id>.eml` in a folder: the embedded stack's, and whoever tests reads it there."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._write, mail)

    def _write(self, mail: Mail) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{mail.id}.eml"
        beside = self._folder / f".{mail.id}"  # no .eml yet for who looks for those
        beside.touch(mode=0o600)
        beside.write_bytes(bytes(mail.message(self._sender)))
        beside.replace(path)


class NoMailer:
    """Nothing is configured."""

    async def send(self, mail: Mail) -> None:
        raise MailNotConfigured("no e-mail can be sent: set IGNY8_MAIL")
