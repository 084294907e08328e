"""The pages of a folder target: an article and the index of all, each one self-contained HTML file."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

import msgspec

GENERATOR = '<meta name="generator" content="IGNY8">'

_STYLE = Path(__file__).with_name("folder_style.css").read_text("utf-8")


class Picture(msgspec.Struct, frozen=True):
    """An image; `url` is relative to the folder."""

    url: str
    alt_text: str


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages show of a post beside its text."""

    title: str
    page: str
    excerpt: str
    meta_title: str
    meta_description: str
    published_at: datetime
    picture: Picture | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]


def article_page(article: Article, html: str) -> str:
    """The page of one article, which lies in a folder beside the index; `html` is safe already."""
    hero = _image(article.picture, "../", "hero") if article.picture else ""
    line = " · ".join([*map(escape, article.categories), _date(article.published_at)])
    tags = "".join(f"<li>{escape(tag)}</li>" for tag in article.tags)
    body = (
        f'<main><p class="soft"><a href="../index.html">All articles</a></p><article>'
        f'<header><h1>{escape(article.title)}</h1><p class="soft">{line}</p>{hero}</header>'
        f"\n{html}\n</article>"
        + (f'<ul class="tags" aria-label="Tags">{tags}</ul>' if tags else "")
        + "</main>"
    )
    description = article.meta_description or article.excerpt
    return _page(article.meta_title or article.title, description, body)


def index_page(title: str, articles: Sequence[Article]) -> str:
    """The list of `articles`, in their order."""
    cards = "\n".join(
        f'<li><a href="{escape(article.page)}">'
        + (_image(article.picture, "", "") if article.picture else "")
        + f"<div><h2>{escape(article.title)}</h2><p>{escape(article.excerpt)}</p>"
        f'<span class="soft">{_date(article.published_at)}</span></div></a></li>'
        for article in articles
    )
    count = f"{len(articles)} article{'' if len(articles) == 1 else 's'}"
    body = f'<main class="wide"><h1>{escape(title)}</h1><p class="soft">{count}</p>'
    return _page(title, count, f'{body}<ul class="cards">\n{cards}\n</ul></main>')


def _page(title: str, description: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html>\n<head>\n<meta charset="utf-8">\n{GENERATOR}\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<meta name="description" content="{escape(description)}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _image(picture: Picture, prefix: str, style: str) -> str:
    role = f' class="{style}"' if style else ' loading="lazy"'
    return f'<img src="{escape(prefix + picture.url)}" alt="{escape(picture.alt_text)}"{role}>'


def _date(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{moment.day} {moment:%B %Y}</time>'
