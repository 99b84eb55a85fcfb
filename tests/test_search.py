"""Does a search find the best mix within its budget, and is its last figure from paths without a part in the choice?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nobid.model.policies_of_markets import MarkToBook
from nobid.runs import InputError, Search, compare, search, simulate
from nobid.runs.cli import app
from nobid.runs.measures import measures_of
from nobid.runs.paired import Difference
from nobid.runs.search_choices import choices_of
from nobid.runs.search_result import Score
from nobid.runs.searching import Mix, best_of, searched
from tests.ensembles import hashes

pytest.importorskip("optuna", reason="without the extra [search] there is nothing to test")

BUYER = "buyer_of_last_resort:floor=0.3:0.9,budget=0:1000"
LARGE = "buyer_of_last_resort:floor=0.3:0.9,budget=4000:10000"
CAP = "ltv_cap:max=0.2:0.8"
WORLD: dict[str, Any] = {"paths": 8, "held_out": 3, "months": 6, "trials": 8, "budget": 1e6}


def exactly(value: float) -> Difference:
    """A figure without luck."""
    return Difference(value, value, value, 100, "same")


def known(mix: Mix) -> tuple[float, float]:
    """Losses change by (floor - 0.5)² × 400 - budget / 10, best at a floor of 0.5; the public pays half of the budget.

    A cap takes 20 off at 0.4 and costs nothing; a mark to book adds 30.
    """
    change = cost = 0.0
    for one in mix:
        values = one.model_dump()
        if one.name == "buyer_of_last_resort":
            change += 400.0 * (values["floor"] - 0.5) ** 2 - values["budget"] / 10.0
            cost += values["budget"] / 2.0
        elif one.name == "ltv_cap":
            change += 500.0 * (values["max"] - 0.4) ** 2 - 20.0
        else:
            change += 30.0
    return change, cost


def scores(mixes: Sequence[Mix]) -> list[Score]:
    return [Score(*map(exactly, known(mix))) for mix in mixes]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """A few mixes in a crisis, stored."""
    return search("everything", [LARGE], out=tmp_path_factory.mktemp("out") / "s", **WORLD)


# ---- the optimiser


def test_on_a_known_objective_the_best_mix_within_the_budget_is_found() -> None:
    """At a budget of 200 the best is a floor of 0.5 with 400 to spend and a cap of 0.4: -60. By chance alone -42."""
    changes = []
    for seed in range(7):
        choices = choices_of([BUYER, CAP, "mark_to_book"])
        tried = searched(choices, scores, budget=200.0, trials=120, seed=seed, good="less")
        best = best_of(tried, budget=200.0, good="less")
        assert best.score.cost.value <= 200.0
        changes.append(best.score.change.value)
    assert min(changes) > -60.0 - 1e-9
    assert np.median(changes) < -56.0
    assert any(one.score.cost.value > 200.0 and one.score.change.value < -60.0 for one in tried)  # the budget binds


def test_a_measure_of_which_more_is_good_is_raised() -> None:
    def raised(mixes: Sequence[Mix]) -> list[Score]:
        return [Score(exactly(-known(mix)[0]), exactly(known(mix)[1])) for mix in mixes]

    tried = searched(choices_of([CAP]), raised, budget=0.0, trials=60, seed=1, good="more")
    assert best_of(tried, budget=0.0, good="more").score.change.value > 19.0
    assert np.mean([one.score.change.value for one in tried[-30:]]) > 10.0  # what is asked for is nearly the best


def test_the_same_seed_asks_for_the_same_mixes_and_more_trials_go_on_with_them() -> None:
    def mixes(trials: int, seed: int = 4) -> list[str]:
        tried = searched(choices_of([BUYER, CAP]), scores, budget=9e9, trials=trials, seed=seed, good="less")
        return [one.label for one in tried]

    assert mixes(20)[:13] == mixes(12)
    assert len(mixes(13)) == 14
    assert mixes(12) != mixes(12, seed=5)


def test_where_every_mix_costs_too_much_or_does_harm_none_is_best() -> None:
    tried = searched(choices_of(["mark_to_book"]), scores, budget=0.0, trials=8, seed=1, good="less")
    assert best_of(tried, budget=0.0, good="less").label == "none"


# ---- in the model


def test_the_last_figure_is_from_paths_that_no_trial_has_seen(found: Search) -> None:
    assert found.held_out is not None
    assert found.order.paths == tuple(range(8))
    assert found.held_out.paths == (8, 9, 10)
    assert not {*found.held_out.paths} & {*found.order.paths}
    assert {*found.held_out.arms[1].run.monthly["path"]} == {8, 9, 10}
    alone = measures_of(simulate("everything", policy=found.best.label, paths=11, months=6, figures=False))
    pd.testing.assert_frame_equal(found.held_out.arms[1].figures, alone.loc[8:10], check_exact=True)


def test_a_trial_is_judged_as_a_comparison_judges_it(found: Search) -> None:
    mixes = [one.label for one in found.tried[1:]]
    told = compare("everything", [*dict.fromkeys(one for one in mixes if one != "none")], paths=8, months=6)
    for one in found.tried:
        if one.mix:
            for name, score in (("lender_losses", one.score.change), ("public_loss", one.score.cost)):
                assert repr(score) == repr(told.contrasts[one.label, name].found)
    assert found.tried[0].label == "none"
    assert found.best.score.change.value == min(one.score.change.value for one in found.tried) < 0.0


def test_a_search_is_read_again_without_a_path_run_twice_and_more_trials_extend_it(found: Search) -> None:
    assert found.out is not None
    times = {file: (found.out / file).stat().st_mtime_ns for file in hashes(found.out)}
    again = search("everything", [LARGE], out=found.out, **WORLD)
    assert (str(again), len(hashes(found.out))) == (str(found), len(times))
    more = search("everything", [LARGE], out=found.out, **{**WORLD, "trials": 12})
    assert [one.label for one in more.tried[:9]] == [one.label for one in found.tried]
    assert {file: (found.out / file).stat().st_mtime_ns for file in times} == times
    assert json.loads((found.out / "search.json").read_text(encoding="utf-8"))["best"] == more.best.label


def test_the_table_puts_the_best_within_the_budget_first_and_the_text_says_which_figure_is_flattered(
    found: Search,
) -> None:
    table = found.table()
    assert bool(table["best"].iloc[0])
    assert table["change"].is_monotonic_increasing
    text = str(found)
    assert "on the paths it was chosen by (flattered)" in text
    assert "on 3 held-out paths" in text
    assert f"best mix within 1,000,000 USD m of public_loss: {found.best.label}" in text


def test_whether_the_budget_holds_on_held_out_paths_is_told(found: Search) -> None:
    def told(low: float, value: float, high: float) -> str:
        return found._kept(Difference(value, low, high, 200, "pairs"))

    found.budget = 100.0
    assert told(50.0, 70.0, 90.0) == "the budget holds on held-out paths."
    assert told(110.0, 120.0, 130.0).startswith("the budget does NOT hold on held-out paths: 120")
    assert told(80.0, 110.0, 140.0).startswith("on held-out paths the mean cost is above the budget")
    assert told(80.0, 95.0, 110.0).startswith("on held-out paths the mean cost is below the budget")
    assert told(np.nan, 120.0, np.nan).startswith("on held-out paths the mean cost is above")
    found.budget = 1e6


WRONG: list[tuple[list[Any], dict[str, Any], str]] = [
    ([], {}, "--policy is missing"),
    (["byer:floor=0.1:0.2"], {}, 'byer: there is no policy "byer"'),
    ([BUYER, "buyer_of_last_resort"], {}, "policy buyer_of_last_resort is given twice"),
    (["ltv_cap:max=0.9:0.2"], {}, "max=0.9:0.2: must be LOW:HIGH, two numbers, the lower one first."),
    (["ltv_cap:max=0.5:1.2"], {}, "ltv_cap: max = 1.2: highest loan to cost of a new loan, in share"),
    (["ltv_cap:mx=0.5:0.6"], {}, "mx: ltv_cap has no such setting: did you mean max?"),
    (["mark_to_book", "mark_to_market"], {}, "hold at the same time and both set lenders.mark"),
    ([MarkToBook(), "tenor_cap:months=6:12"], {"budget": -1.0}, "budget = -1.0: must be USD m, of at least 0."),
    ([CAP], {"objective": "losses"}, 'objective = "losses": no measure of which less or more is better'),
    ([CAP], {"objective": "deferred"}, 'objective = "deferred": no measure'),
    ([CAP], {"budget_of": "credit"}, 'budget_of = "credit": must be public_loss or public_outlay.'),
    ([CAP], {"trials": 0}, "trials = 0: must be a whole number of at least 1."),
    ([CAP], {"held_out": 1}, "held_out = 1: must be a whole number of at least 2."),
    (["ltv_cap:from=2035-01"], {}, "policy ltv_cap: from = 2035-01 is after the end of the run"),
]


@pytest.mark.parametrize(("policies", "asked", "sentence"), WRONG, ids=[sentence[:40] for _, _, sentence in WRONG])
def test_a_mistake_is_a_sentence_before_anything_runs(
    policies: list[Any], asked: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        search("toy", policies, out=tmp_path / "s", **{"budget": 5.0, "paths": 2, **asked})
    assert sentence in str(error.value)
    assert not (tmp_path / "s").exists()


def test_whole_number_settings_stay_whole_and_a_fixed_one_stays() -> None:
    (one,) = choices_of(["vendor_buyback:months=12:24,price=0.2"])
    assert [policy.model_dump()["months"] for policy in one.ends()] == [12, 24]
    assert [policy.model_dump()["price"] for policy in one.ends()] == [0.2, 0.2]
    tried = searched([one], scores, budget=9e9, trials=8, seed=1, good="less")
    assert all(isinstance(policy.model_dump()["months"], int) for trial in tried for policy in trial.mix)


def test_all_that_is_wrong_with_the_policies_is_told_at_once() -> None:
    with pytest.raises(InputError) as error:
        choices_of(["ltv_cap:max=0.5:1.2", "tenor_cap:months=0:12", "byer"])
    sentences = str(error.value).splitlines()
    assert [one[:24] for one in sentences] == [
        "ltv_cap: max = 1.2: high",
        "tenor_cap: months = 0: l",
        "byer: there is no policy",
    ]


def test_a_folder_of_something_else_is_refused(found: Search, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    for folder, world in ((tmp_path, "toy"), (found.out, "toy")):
        with pytest.raises(InputError, match="holds something else than a search in this world"):
            search(world, [CAP], budget=1.0, paths=2, trials=1, out=folder)


def test_without_optuna_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(InputError, match=r"needs optuna: pip install 'nobid\[search\]'"):
        search("toy", [CAP], budget=1.0)


def test_the_command_line_searches_and_prints_json(tmp_path: Path) -> None:
    words = ["search", "toy", "--policy", CAP, "--budget", "5", "--paths", "2", "--trials", "2", "--json"]
    answer = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "s")])
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["best"], told["held_out"], told["paths"]) == ("none", None, [0, 2])
    assert "no mix within the budget was better than none on these paths." in answer.stderr
