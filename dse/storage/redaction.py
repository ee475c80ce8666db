"""Storage URLs as people may see them: without a password."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError


def shown(url: URL) -> str:
    """Return a URL as people may see it: a password, wherever it is, is left out."""
    query = {name: value for name, value in url.query.items() if "pass" not in name.lower()}
    return url._replace(password=None).set(query=query).render_as_string()


def without_password(text: str) -> str:
    """Return a text with the password of a storage URL in it left out; other texts as they are."""
    try:
        return shown(make_url(text)) if "://" in text else text
    except (ArgumentError, ValueError):
        return "URL" if "@" in text else text
