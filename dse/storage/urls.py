"""Storage URLs: what is one, and how it is shown to people, without a password."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from dse.errors import UserError

ALLOWED = "must be sqlite:///FILE, postgresql://USER:PASSWORD@HOST/DATABASE, or another URL that Optuna takes"


def parse(text: str) -> URL:
    """Read a storage URL.

    Raises:
        UserError: If it is not one that studies can be kept at.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UserError(f"storage: not a URL: {ALLOWED}") from None  # not shown: it may hold a password
    if not url.database:
        raise UserError(f"storage = {shown(url)}: {ALLOWED}")
    return url


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
