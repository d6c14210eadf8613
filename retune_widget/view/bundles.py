"""The front end's files, as `make install` and the wheel put them beside this module."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"


def bundle(name: str) -> str:
    """The text of a file of the built front end.

    Raises:
        FileNotFoundError: the front end was not built.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"The widget's front end is not built: {name} is missing in {STATIC}. In a checkout, run `make install`."
        )
    return path.read_text("utf-8")
