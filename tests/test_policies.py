"""Does a policy hold when it says, with whom it may, in any order, from words, tables, objects and other packages?"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from nobid.model.founding import Founding
from nobid.model.parameter_fields import share
from nobid.model.parameters import Parameters
from nobid.model.policies import AmbiguousPolicies, Policy, in_force, together, under
from nobid.model.policies_of_credit import DscrCovenant, LenderCapital, LtvCap, Standstill
from nobid.model.policies_of_markets import BuyerOfLastResort, MarkToBook, RepoFacility
from nobid.model.system import ComputeCreditModel
from nobid.runs import simulate
from nobid.runs.errors import InputError
from nobid.runs.policies import GROUP, known, paragraph, policies_of, settings_of
from nobid.runs.scenarios import scenario
from tests.documents import DOCS
from tests.policy_worlds import figure, under_policies
from tests.test_policies_of_credit import bank
from tests.worlds import columns_of, events_of, fingerprint, run, same_bits

NAMES = (
    "ltv_cap", "tenor_cap", "dscr_covenant", "large_exposure_limit", "lender_capital", "standstill",
    "underwrite_to_reality", "haircut_floor", "countercyclical_haircut", "mark_to_market", "mark_to_book",
    "ring_fence_coins", "repo_facility", "buyer_of_last_resort", "orderly_liquidation", "vendor_buyback",
    "liquid_retrofit",
)  # fmt: skip
CRISIS, MONTHS, PATHS = "everything", 8, (1, 2)


@cache
def crisis() -> Founding:
    """A scenario in which everything is switched on."""
    return scenario(CRISIS).founding


def history(*policies: Policy, **options: Any) -> ComputeCreditModel:
    """The crisis under these policies."""
    return run(under_policies(crisis(), *policies), MONTHS, paths=PATHS, **options)


@cache
def plain() -> ComputeCreditModel:
    """The crisis without any policy."""
    return history()


# ---- what there is


def test_all_policies_of_the_design_are_there_and_say_what_they_do_who_pays_and_what_can_be_chosen() -> None:
    assert tuple(known()) == NAMES
    for name, cls in known().items():
        assert (cls.name, cls.costs != "", paragraph(cls).endswith(".")) == (name, True, True)
        for line in settings_of(cls):
            assert all((line.unit, line.source, line.meaning)), (name, line.key)


def ends(cls: type[Policy]) -> Iterator[Policy]:
    """The policy with each of its settings at every end of what is allowed."""
    for key, field in cls.model_fields.items():
        if key in ("since", "until"):
            continue
        limits = [
            getattr(one, at) for one in field.metadata for at in ("ge", "le") if getattr(one, at, None) is not None
        ]
        words = [False, True] if field.annotation is bool else list(get_args(field.annotation))
        for value in limits or words:
            yield cls.model_validate({key: value})


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_policy_allows_to_be_chosen_is_allowed_as_a_parameter(name: str) -> None:
    for policy in [known()[name](), *ends(known()[name])]:
        for changed in (policy, policy.model_copy(update={"rolls": True}) if name == "ltv_cap" else policy):
            assert under([changed], Parameters()) is not None


def test_a_policy_is_frozen_and_written_in_the_words_that_make_it_again() -> None:
    policy = LtvCap(max=0.4, rolls=True, since="2026-06")
    assert str(policy) == "ltv_cap:from=2026-06,max=0.4,rolls=true"
    assert policies_of(str(policy)) == (policy,)
    assert str(LtvCap()) == "ltv_cap"
    with pytest.raises(ValueError, match="frozen"):
        policy.max = 0.5


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_is_read_from_its_own_words_and_table(name: str) -> None:
    for policy in ends(known()[name]):
        assert policies_of(str(policy)) == (policy,)
        assert policies_of({"name": name, **policy.chosen()}) == (policy,)


# ---- when it holds


def test_a_policy_holds_from_its_first_month_to_its_last_and_then_the_rule_is_what_it_was() -> None:
    founding = under_policies(bank(months=5), DscrCovenant(min=1.3, since="2026-02", until="2026-03"))
    model, floors = ComputeCreditModel(founding), []
    for _ in range(5):
        model.step()
        floors.append(model.parameters.debt.dscr_floor)
    assert floors == [0.0, 1.3, 1.3, 0.0, 0.0]
    assert model.parameters == founding.parameters
    assert [len(in_force(founding, month)) for month in range(5)] == [0, 1, 1, 0, 0]


def test_policies_after_the_horizon_change_no_bit() -> None:
    later = history(*(cls(since="2031-01") for cls in known().values()))
    assert same_bits(plain().record.monthly, later.record.monthly) == []
    assert later.fired == plain().fired


def test_a_run_is_the_same_up_to_the_month_in_which_its_policy_begins() -> None:
    model = history(LtvCap(since="2026-05"), BuyerOfLastResort(since="2026-05"))
    before = {name: values[:4] for name, values in plain().record.monthly.items()}
    assert same_bits(before, {name: values[:4] for name, values in model.record.monthly.items()}) == []
    assert same_bits(plain().record.monthly, model.record.monthly) != []


def test_no_policy_touches_the_start_or_anybodys_luck() -> None:
    """All of them but one of the two ways to mark."""
    every = [cls() for name, cls in known().items() if name != "mark_to_book"]
    bare, other = (ComputeCreditModel(under_policies(crisis(), *some), paths=PATHS) for some in ((), every))
    assert same_bits(columns_of(bare), columns_of(other)) == []
    model = history(*every)
    assert same_bits(plain().record.monthly, model.record.monthly) != []
    for figures in ("demand", "stress"):
        assert np.array_equal(model.record.monthly[figures], plain().record.monthly[figures], equal_nan=True)


# ---- policies that do nothing


class Null(Policy):
    """Nothing."""

    name = "null"
    costs = "nobody"


class Noisy(Policy):
    """A thousand random numbers of every kind, each month, for nothing."""

    name = "noisy"
    costs = "nobody"

    def acts(self, model: ComputeCreditModel) -> None:
        """The generators of Mesa, of numpy and of Python stand elsewhere than before."""
        for _ in range(1000):
            model.random.random()
            random.random()
        model.rng.random(1000)
        np.random.random(1000)  # noqa: NPY002 (the point is to move it)


@pytest.mark.parametrize("policy", [Null(), Noisy()], ids=lambda one: one.name)
@pytest.mark.parametrize("execution", ["cohort", "agent"])
def test_a_policy_that_does_nothing_or_only_draws_random_numbers_changes_no_bit(policy: Policy, execution: Any) -> None:
    model = history(policy, execution=execution)
    assert same_bits(plain().record.monthly, model.record.monthly) == []
    assert same_bits(columns_of(plain()), columns_of(model)) == []
    assert model.record.events == events_of(plain(), PATHS)


@pytest.mark.parametrize("words", ["buyer_of_last_resort:floor=0.9,budget=0", "vendor_buyback:price=0.9,budget=0"])
def test_a_bid_without_money_changes_no_bit(words: str) -> None:
    assert same_bits(plain().record.monthly, history(*policies_of(words)).record.monthly) == []


# ---- several


def test_the_order_of_policies_does_not_matter() -> None:
    three = (BuyerOfLastResort(floor=0.4), Standstill(trigger=0.001), RepoFacility(capacity=50.0))
    assert len({fingerprint(history(*order)) for order in permutations(three)}) == 1
    words = [" + ".join(map(str, order)) for order in permutations(three)]
    assert len({scenario(CRISIS, policy=one).hash for one in words}) == 1
    assert len({fingerprint(history(*some)) for some in (three, three[:2], three[1:], ())}) == 4


def test_two_that_set_one_parameter_differently_in_the_same_month_are_an_error() -> None:
    both = (LtvCap(max=0.5), LtvCap(max=0.6))
    with pytest.raises(
        AmbiguousPolicies, match=re.escape("ltv_cap and ltv_cap:max=0.6 hold at the same time and both")
    ):
        together(both, Parameters())
    with pytest.raises(AmbiguousPolicies):
        history(*both)
    apart = (LtvCap(max=0.5, until="2026-03"), LtvCap(max=0.6, since="2026-04"))
    assert scenario("baseline", policy=apart).founding.policies == tuple(sorted(apart, key=str))
    assert together((LtvCap(max=0.95), LtvCap(max=0.99)), Parameters()) == {"invest.advance": 0.9}, "neither binds"


# ---- files


def test_a_scenario_file_with_policies_is_written_back_complete(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'extends = "toy"\n\n[[policy]]\nname = "ltv_cap"\nmax = 0.4\nrolls = true\nfrom = "2026-02"\n\n'
        '[[policy]]\nname = "lender_capital"\npayer = "public"\n'
    )
    first = scenario(file)
    assert first.founding.policies == (LenderCapital(payer="public"), LtvCap(max=0.4, rolls=True, since="2026-02"))
    (tmp_path / "again.toml").write_text(first.to_toml())
    again = scenario(tmp_path / "again.toml")
    assert again.founding.policies == first.founding.policies
    assert again.hash == first.hash != scenario("toy").hash
    assert 'until = ""' in first.to_toml(), "complete, defaults too"
    assert scenario(file, policy="mark_to_book").founding.policies == (*first.founding.policies, MarkToBook())


def test_the_policies_of_a_file_take_the_place_of_those_it_extends(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text('extends = "toy"\n[[policy]]\nname = "mark_to_book"\n')
    (tmp_path / "second.toml").write_text('extends = "first.toml"\n[[policy]]\nname = "ltv_cap"\n')
    assert scenario(tmp_path / "second.toml").founding.policies == (LtvCap(),)


def test_none_is_nobody() -> None:
    assert policies_of("none") == policies_of(None) == policies_of([]) == ()
    assert scenario("toy", policy="none").hash == scenario("toy").hash


# ---- what is refused

MOST = "highest loan to cost of a new loan, in share: must be a number between 0 and 1."
TOGETHER = "hold at the same time and both set"
APART = "leave one of them out, or date them apart (from=…, until=…)."
WRONG = {
    "ltv_cup": 'ltv_cup: there is no policy "ltv_cup": did you mean ltv_cap? (nobid policies)',
    "ltv_cap:max=1.5": f"ltv_cap: max = 1.5: {MOST}",
    "ltv_cap:max=high": f'ltv_cap: max = "high": {MOST}',
    "ltv_cap:mux=0.5": "ltv_cap: unknown key mux: did you mean max?",
    "ltv_cap:0.5": 'ltv_cap:0.5: "0.5" is not key=value, as in ltv_cap:key=value,key=value.',
    "ltv_cap:max=0.5,max=0.6": "ltv_cap:max=0.5,max=0.6: max is given twice.",
    "ltv_cap:from=soon": 'ltv_cap: from = "soon": first month in which it holds, else the first of the run: '
    "must be a month written as YYYY-MM.",
    "ltv_cap:from=2031-01": "policy ltv_cap: from = 2031-01 is after the end of the run (2030-12): it does nothing.",
    "ltv_cap:until=2025-12": "policy ltv_cap: until = 2025-12 is before the run (2026-01): it does nothing.",
    "ltv_cap:from=2026-06,until=2026-05": "policy ltv_cap: from = 2026-06 is after until = 2026-05.",
    "lender_capital:payer=me": 'lender_capital: payer = "me": who pays: must be one of market, public.',
    "ltv_cap + ltv_cap:max=0.6": f"ltv_cap and ltv_cap:max=0.6 {TOGETHER} invest.advance, to 0.5 and to 0.6: {APART}",
    "mark_to_market + mark_to_book": f"mark_to_book and mark_to_market {TOGETHER} lenders.mark, to book and to market: "
    f"{APART}",
}


@pytest.mark.parametrize("words", WRONG)
def test_a_bad_policy_is_told_in_a_sentence(words: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario("baseline", policy=words)
    assert str(caught.value) == WRONG[words]


def test_all_that_is_wrong_is_told_at_once_and_where(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('extends = "toy"\n[[policy]]\nname = "ltv_cup"\n[[policy]]\nname = "ltv_cap"\nmax = 2\n')
    with pytest.raises(InputError) as caught:
        scenario(file, policy="tenor_cap:months=3")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "mine.toml" in lines[0]
    assert [word in line for word, line in zip(("ltv_cup", "max = 2", "months = 3"), lines, strict=True)] == [True] * 3


def test_a_bid_needs_a_market_with_bids() -> None:
    with pytest.raises(InputError, match='policy vendor_buyback: market = "impact" has no bids: it would do nothing'):
        scenario("baseline", set={"market": "impact"}, policy="vendor_buyback")


# ---- policies of one's own


class Setting(Policy):
    """Sets whatever it is told to."""

    name = "setting"
    costs = "nobody"
    key: str = ""
    value: float = share(0.0, "the value", source="test")

    def rules(self, parameters: Parameters) -> Mapping[str, Any]:
        """The one rule."""
        return {self.key: self.value} if self.key else {}


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("invest.advanse", 0.5, "policy setting: unknown key invest.advanse: did you mean invest.advance?"),
        ("nowhere.at.all", 0.5, "policy setting: unknown key nowhere.at.all"),
        (
            "lenders.capital_multiple",
            0.5,
            "policy setting: no policy can set lenders.capital_multiple: it is part of the",
        ),
        ("population.firms", 0.5, "policy setting: "),
        ("coin.daily_volume", 0.0, "policy setting: coin.daily_volume = 0.0: "),
    ],
)
def test_a_rule_that_is_no_parameter_or_read_by_no_month_or_out_of_bounds_is_told(
    key: str, value: float, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        scenario("toy", policy=Setting(key=key, value=value))
    assert str(caught.value).startswith(sentence)


def test_a_policy_must_say_its_name_and_who_pays() -> None:
    with pytest.raises(TypeError, match="policy Silent does not say its name and its costs"):
        type("Silent", (Policy,), {"__module__": __name__})


TEXT = (DOCS / "own_policy.md").read_text("utf-8")
BLOCKS = {language: re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) for language in ("python", "toml")}


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Policy]]:
    """The class of the document, in a package that is installed and says where it is."""
    (tmp_path / "my_policies.py").write_text(BLOCKS["python"][0])
    info = tmp_path / "my_policies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-policies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(BLOCKS["toml"][0].replace("project.entry-points.", "").replace('"', ""))
    monkeypatch.syspath_prepend(tmp_path)
    known.cache_clear()
    from importlib import import_module

    yield import_module("my_policies").MinerAid
    sys.modules.pop("my_policies", None)
    known.cache_clear()


def test_the_document_shows_twenty_lines() -> None:
    body = BLOCKS["python"][0].split("class MinerAid")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_the_example_of_the_document_gives_every_living_miner_its_aid_and_the_books_say_who_paid(
    example: type[Policy],
) -> None:
    founding = scenario("baseline").founding
    model = run(under_policies(founding, example.model_validate({"amount": 5.0, "from": "2026-02"})), 3)
    miners = sum(row.kind == "miner" for row in founding.borrowers)
    assert [figure(model, "public_outlay", month) for month in range(3)] == pytest.approx(
        [0.0, 5.0 * miners, 5.0 * miners]
    )
    assert model.parameters.debt.waiver_fee == 0.0
    assert model.failures == []


def test_a_policy_of_another_package_goes_by_its_name_in_words_and_in_files(
    example: type[Policy], tmp_path: Path
) -> None:
    assert known()["miner_aid"] is example
    (one,) = policies_of("miner_aid:amount=5,from=2026-03")
    assert str(one) == "miner_aid:from=2026-03,amount=5"
    (tmp_path / "mine.toml").write_text(f'extends = "toy"\n\n{BLOCKS["toml"][1]}')
    assert scenario(tmp_path / "mine.toml").founding.policies == (one,)
    assert paragraph(example).startswith("Aid for miners.")


def test_the_run_of_the_document_works(example: type[Policy], capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"MinerAid": example}
    exec(BLOCKS["python"][1], names)  # our own page
    assert [type(one).__name__ for one in names["run"].scenario.founding.policies] == ["MinerAid", "RepoFacility"]
    assert "2026-03" in capsys.readouterr().out


def test_an_entry_point_that_is_no_policy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nodd = pathlib:Path\n")
    monkeypatch.syspath_prepend(tmp_path)
    known.cache_clear()
    with pytest.raises(
        InputError, match=r"entry point odd of group nobid\.policies: pathlib:Path is no subclass of Policy"
    ):
        known()
    known.cache_clear()


def test_a_run_in_python_takes_objects_and_words() -> None:
    asked = simulate("toy", months=2, policy=[LtvCap(max=0.4), "mark_to_book"])
    assert asked.scenario.founding.policies == (LtvCap(max=0.4), MarkToBook())
