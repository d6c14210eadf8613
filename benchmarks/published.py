"""The page of figures: `make bench` and `make bench-claims` each write their own part of it, and leave the other's."""

from pathlib import Path

README = Path(__file__).with_name("README.md")


def marks(name: str) -> tuple[str, str]:
    """The lines that a part stands between."""
    return f"<!-- begin: {name} -->", f"<!-- end: {name} -->"


def part(text: str, name: str) -> str:
    """A part of the page with its marks, or "" where there is none."""
    begin, end = marks(name)
    return text[text.index(begin) : text.index(end) + len(end)] if begin in text else ""


def with_part(text: str, name: str, body: str) -> str:
    """The page with another text in this part; a new one comes last."""
    begin, end = marks(name)
    new, old = f"{begin}\n\n{body.strip()}\n\n{end}", part(text, name)
    return text.replace(old, new) if old else f"{text.rstrip()}\n\n{new}\n"
