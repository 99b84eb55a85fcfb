"""What is asked for in the form, is it allowed from there, and which command does it mean?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nobid.runs.errors import InputError
from nobid.runs.policies import known, policies_of
from nobid.runs.scenario_files import did_you_mean, key_parts, shipped_names
from nobid.runs.scenario_text import toml_value

MOST_PATHS: Final = 100_000
MOST_SEED: Final = 2**31 - 1
MOST_MONTHS: Final = 240
MOST_WORKERS: Final = 64
LONGEST: Final = 2_000  # characters of a setting
REFUSED: Final = ("paths", "tables", "extends", "remove", "policy", "title", "question")  # read files, or are no lever


@dataclass(frozen=True)
class Wish:
    """A run, or a comparison of policies, as it was put together. `settings`: keys to TOML values; `policies`: words.

    months: None is as the scenario has it.
    """

    scenario: str
    seed: int = 7
    paths: int = 16
    months: int | None = None
    workers: int = 1
    compared: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    policies: tuple[str, ...] = ()

    def checked(self) -> Wish:
        """The same; InputError with a sentence for each thing that may not be asked for from here.

        What does not fit together inside the scenario is told by the process that reads it, before it begins.
        """
        problems = [*self._problems()]
        if problems:
            raise InputError("\n".join(dict.fromkeys(problems)))
        return self

    def _problems(self) -> Iterator[str]:
        names = shipped_names()
        if self.scenario not in names:
            yield f'unknown scenario "{self.scenario}"{did_you_mean(self.scenario, names)}'
        for what, value, least, most in (
            ("seed", self.seed, 0, MOST_SEED),
            ("paths", self.paths, 2 if self.compared else 1, MOST_PATHS),
            ("workers", self.workers, 1, MOST_WORKERS),
            ("months", 1 if self.months is None else self.months, 1, MOST_MONTHS),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                yield f"{what} = {value}: must be a whole number between {least} and {most}."
        for key, text in self.settings.items():
            yield from _setting_problems(key, text)
        yield from self._policy_problems()

    def _policy_problems(self) -> Iterator[str]:
        if self.compared and not self.policies:
            yield "a comparison needs a policy: tick at least one."
        try:
            policies_of(self.policies)
        except InputError as error:
            yield from str(error).splitlines()

    def command(self, out: Path) -> list[str]:
        """The words behind `nobid` that make it, into that folder."""
        words = ["compare" if self.compared else "run", self.scenario]
        words += [f"--paths={self.paths}", f"--seed={self.seed}"]
        words += [] if self.months is None else [f"--months={self.months}"]
        words += [] if self.workers == 1 else [f"--workers={self.workers}"]
        words += [f"--set={key}={value}" for key, value in self.settings.items()]
        together = self.policies if self.compared else ([" + ".join(self.policies)] if self.policies else [])
        words += [f"--policy={one}" for one in together]
        return [*words, f"--out={out}", "--quiet"]

    @property
    def stem(self) -> str:
        """How its folder's name begins."""
        return f"{'compare-' if self.compared else ''}{self.scenario}-{self.seed}"


def _setting_problems(key: str, text: str) -> Iterator[str]:
    parts = key_parts(key)
    if not parts or not text.strip():
        yield f"{key}={text}: write it as KEY=VALUE, for instance coin.price=60000."
    elif parts[0] in REFUSED:
        yield f"{key}: cannot be set here: use a scenario file and the command line."
    elif len(text) > LONGEST:
        yield f"{key}: its value has {len(text)} characters: at most {LONGEST} are read."


def settings_in(text: str) -> dict[str, str]:
    """KEY=VALUE, one a line, as settings; InputError for a line that is none."""
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not (equals and key and value):
            raise InputError(f"{line}: write it as KEY=VALUE, for instance coin.price=60000.")
        found[key] = value
    return found


def policy_words(name: str, chosen: Mapping[str, Any]) -> str:
    """The policy with what was chosen other than by default, in the words of the command line; InputError for none."""
    cls = known().get(name)
    if cls is None:
        raise InputError(f'there is no policy "{name}"{did_you_mean(name, known())}')
    defaults = {one.alias or key: one.default for key, one in cls.model_fields.items()}
    pairs = [f"{key}={_word(value)}" for key, value in chosen.items() if value != defaults.get(key, value)]
    return f"{name}:{','.join(pairs)}" if pairs else name


def _word(value: Any) -> str:
    """A value inside the words of a policy; InputError where it would be read as more than one."""
    text = value if isinstance(value, str) else toml_value(value)
    if any(sign in text for sign in ",+:="):
        raise InputError(f"{text}: , + : and = have a meaning of their own in a policy.")
    return text
