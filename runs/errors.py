"""What does the user hear when something given was wrong?"""


class InputError(ValueError):
    """A mistake in what the user gave, told in one sentence."""
