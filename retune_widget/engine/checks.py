"""Checks of plain arguments."""


def whole(name: str, number: int | None) -> int | None:
    """`number`, if it is a whole number from 1 or None.

    Raises:
        ValueError: it is not.
    """
    if number is not None and (type(number) is not int or number < 1):
        raise ValueError(f"{name} must be a whole number from 1, not {number!r}.")
    return number
