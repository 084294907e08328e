"""`./igny8 demo`: watch a keyword list become published articles."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from igny8_local.errors import StackError
from igny8_local.layout import REPOSITORY, data_directory

SAMPLE = REPOSITORY / "samples" / "equipment-finance.csv"
FIRST_PORT = 8080
SERVICES = 5
WORDPRESS_SECONDS = 15.0
"""A first answer of a shared host may take some."""


def mount(app: typer.Typer) -> None:
    """Add the command; everything heavy is imported when it runs."""
    app.command()(demo)


def demo(
    keywords: Annotated[Path, typer.Option(help="A keyword file: CSV or XLSX of any known tool.")] = SAMPLE,
    articles: Annotated[int, typer.Option(min=1, max=200, help="How many articles to write.")] = 10,
    wordpress: Annotated[
        str | None, typer.Option(help="Publish to this WordPress instead of a folder.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Its user.")] = None,
    app_password: Annotated[str | None, typer.Option(help="An application password of that user.")] = None,
    ai_base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible endpoint instead of the offline provider.")
    ] = None,
    ai_key: Annotated[str, typer.Option(help="Its key.")] = "",
    ai_model: Annotated[str | None, typer.Option(help="Its chat model.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running.")] = False,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Default: .igny8/demo.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="The gateway's port; default: a free one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Keywords in, published articles out: the whole product once, in under a minute."""
    from igny8_local.demo import screen
    from igny8_local.demo.client import Client
    from igny8_local.demo.run import Wanted, WordPress, check_file, run
    from igny8_local.stack import Stack

    began = time.monotonic()
    check_file(keywords)
    target = None
    if wordpress:
        if not user or not app_password:
            raise StackError(
                "--wordpress needs --user and --app-password (an application password, not the login's)."
            )
        target = WordPress(wordpress.rstrip("/"), user, app_password)
    wanted = Wanted(keywords, articles, target)
    environment = _environment(wanted, ai_base_url, ai_key, ai_model)
    _check_keywords(keywords)
    _check_ai(environment)
    if target is not None:
        _check_wordpress(target)
    stack = Stack(
        data_directory(data_dir or REPOSITORY / ".igny8" / "demo"), port or _free_ports(), environment
    )
    with screen.show() as display:
        try:
            display.say("starting the stack")
            stack.start(lambda part, state, _detail: display.say(f"{part}: {state}"))
            client = Client(str((stack.state() or {})["url"]))
            try:
                summary = run(client, wanted, display.say, display.stage)
            finally:
                client.close()
        except BaseException:
            display.stop()
            stack.stop()
            raise
        where = _where(stack, summary, target)
        if not keep:
            display.say("stopping the stack")
            stack.stop()
    summary["seconds"] = round(time.monotonic() - began, 1)
    problems = summary.pop("problems")
    if as_json:
        print(json.dumps(summary))
    else:
        screen.print_summary(summary, where, kept=keep)
    if problems:
        raise StackError("The demo fell short: " + "; ".join(problems) + ".")


def _check_keywords(file: Path) -> None:
    """What the planner would refuse, before anything is started. Raises StackError."""
    command = [sys.executable, "-m", "planner.keyword_files", str(file)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise StackError(done.stderr.strip().splitlines()[-1])


def _check_wordpress(target: Any) -> None:
    """Whether it is there and knows the user; the rest is for the publisher to say. Raises StackError."""
    import httpx

    try:
        answer = httpx.get(
            f"{target.url}/wp-json/wp/v2/users/me",
            auth=(target.user, target.app_password),
            follow_redirects=True,
            timeout=WORDPRESS_SECONDS,
        )
    except httpx.HTTPError as error:
        raise StackError(
            f"WordPress at {target.url} cannot be reached: {error}. Check --wordpress."
        ) from error
    if answer.status_code in (401, 403):
        raise StackError(
            f"WordPress at {target.url} refuses {target.user!r} with this application password. Make one in"
            " that user's profile there, and check --user."
        )


def _environment(wanted: Any, base_url: str | None, key: str, model: str | None) -> dict[str, str]:
    from igny8_local.demo.run import needed_credits
    from igny8_local.environment import checked

    environment = {name: value for name, value in os.environ.items() if name.startswith("IGNY8_")}
    environment = {**os.environ, **environment}
    granted = checked(environment).trial_credits
    environment["IGNY8_TRIAL_CREDITS"] = str(max(granted, needed_credits(wanted.articles, most_clusters=60)))
    if base_url:
        if not model:
            raise StackError("--ai-base-url needs --ai-model, the name of a chat model there.")
        environment |= {"IGNY8_AI_BASE_URL": base_url, "IGNY8_AI_KEY": key, "IGNY8_AI_MODEL": model}
    elif key or model:
        raise StackError("--ai-key and --ai-model need --ai-base-url, the endpoint they are for.")
    if wanted.wordpress:
        # The operator who names a host on the command line means it, private or not.
        host = urlsplit(wanted.wordpress.url).netloc
        listed = environment.get("IGNY8_ALLOWED_PRIVATE_HOSTS", "")
        environment["IGNY8_ALLOWED_PRIVATE_HOSTS"] = ",".join(filter(None, (listed, host)))
    return environment


def _check_ai(environment: dict[str, str]) -> None:
    """Ask the endpoint whether it is one before anything is started."""
    if not environment.get("IGNY8_AI_BASE_URL"):
        return
    from common.ai.providers import ProviderError
    from common.ai.providers.openai import OpenAIProvider

    async def check() -> None:
        provider = OpenAIProvider(
            base_url=environment["IGNY8_AI_BASE_URL"],
            api_key=environment.get("IGNY8_AI_KEY", ""),
            model=environment.get("IGNY8_AI_MODEL", ""),
        )
        try:
            await provider.check()
        finally:
            await provider.close()

    try:
        asyncio.run(check())
    except ProviderError as error:
        raise StackError(f"The AI endpoint {environment['IGNY8_AI_BASE_URL']}: {error.message}") from error


def _free_ports() -> int:
    """The first port from which on all services find theirs free."""
    for first in range(FIRST_PORT, 65_000, 10):
        if all(_free(first + number) for number in range(SERVICES)):
            return first
    raise StackError("No five neighbouring ports are free.")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _where(stack: Any, summary: dict[str, Any], wordpress: Any) -> list[tuple[str, str]]:
    """Where to look afterwards."""
    places = []
    if wordpress:
        places.append(("published pages", wordpress.url))
    elif summary["pages"]:
        places.append(("published pages", summary["pages"][0].rsplit("/", 2)[0] + "/index.html"))
    places.append(("API documentation", f"{stack.state()['url']}/api/docs"))
    places.append(("logs", str(stack.layout.logs)))
    return places
