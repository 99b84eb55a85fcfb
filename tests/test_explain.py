"""Does nobid explain say in plain words what its figures say: why somebody failed or lived, and who is systemic?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nobid.model.contagion import by_agent
from nobid.runs import simulate
from nobid.runs.cli import app
from nobid.runs.errors import InputError
from nobid.runs.explain import explain, known_agent
from nobid.runs.explain_agent import median_path
from nobid.runs.explain_text import amounts_in_words, listed, money, months_between, percent, shares_in_words
from nobid.runs.run import Run
from tests.documents import builder
from tests.test_causes import chain
from tests.test_twins import run_of


@pytest.fixture(scope="module")
def hand() -> Run:
    """A sells, B is called, its lender L loses and refuses C."""
    return run_of(chain(), 2)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two paths of a crisis, five months, in a folder."""
    out = tmp_path_factory.mktemp("runs") / "crisis"
    simulate("everything", paths=2, months=5, out=out, figures=False)
    return out


def words(explanation: object) -> str:
    """The text without line breaks."""
    return " ".join(str(explanation).split())


def test_amounts_are_told_as_a_banker_would() -> None:
    assert [money(x) for x in (187.2, 3_140.0, 0.43, 999.7, 12.0)] == [
        "USD 187 m", "USD 3.1 bn", "USD 0.4 m", "USD 1.0 bn", "USD 12 m",
    ]  # fmt: skip


def test_a_share_that_is_not_nought_is_never_told_as_nought_nor_an_incomplete_one_as_all() -> None:
    assert [percent(x) for x in (0.0, 0.001, 0.456, 0.999, 1.0)] == ["0 %", "under 1 %", "46 %", "over 99 %", "100 %"]


def test_lists_read_as_sentences() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert amounts_in_words({"L": 5.0, "M": 20.0}) == "M (USD 20 m) and L (USD 5.0 m)"
    assert shares_in_words({"x": 0.7, "y": 0.2, "z": 0.1}, most=1) == "x (70 %) and others (30 %)"
    assert [months_between(5, 3), months_between(2, 3), months_between(3, 3)] == [
        "2 months later", "1 month earlier", "in the same month",
    ]  # fmt: skip


def test_the_chain_by_hand_is_told_link_by_link(hand: Run) -> None:
    told = words(hand.explain("C"))
    assert "It failed in 2026-02, round 1" in told
    assert "Maturing debt that was refused in 2026-02 came from L (USD 10 m)." in told
    assert "Behind that: L refusing to renew, under its capital target in 2026-02 (100 %)." in told
    assert "L fell under its capital target in 2026-02: losses on loans" in told
    assert "B failing in 2026-01" in told
    assert "With every channel of contagion switched off it does not fail within the run." in told
    assert "With B made safe it does not fail within the run." in told


def test_who_sold_what_and_who_lost_how_much_is_told(hand: Run) -> None:
    told = words(hand.explain("B"))
    assert "A had to sell from 2026-01, round 1 on; over that month it sold" in told
    assert "margin calls on pledged machines" in told
    data = hand.explain("B", twins=False).data
    assert [row["to"] for row in data["owed"]] == ["L"]
    assert data["owed"][0]["usd_m"] == pytest.approx(10.0)
    assert sum(row["share"] for row in data["causes"]) == pytest.approx(1.0)


def test_what_followed_is_the_spread_of_the_graph(hand: Run) -> None:
    data = hand.explain("B", twins=False).data
    assert data["spread"] == pytest.approx(by_agent(hand.contagion().spread())["B"])


def test_one_who_fails_without_contagion_too_is_told_so(hand: Run) -> None:
    told = words(hand.explain("A"))
    assert "With every channel of contagion switched off it fails all the same, in the same month." in told
    assert "No other agent stands behind as much as 1 % of it" in told


def test_a_lender_a_buyer_and_a_survivor_have_their_story_too(hand: Run) -> None:
    assert "It did not fail on this path." in words(hand.explain("Fund", twins=False))
    assert "lowest capital ratio over its target" in words(hand.explain("Fund", twins=False))
    assert "It did not fail" in words(hand.explain("Buyer", twins=False))
    lender = words(hand.explain("L", twins=False))
    assert "what took its capital, since the start" in lender


def test_the_system_is_told_with_roots_channels_and_the_tree(hand: Run) -> None:
    told = words(hand.explain())
    assert "Default tree of path 0 (the path with the most failures)" in told
    assert "who is systemic" in told
    assert hand.explain().data["r_attributed"]["value"] == pytest.approx(hand.systemic().r.value)
    assert "R by but-for" in words(hand.explain(twins=True))


def test_where_nobody_failed_that_is_all_that_is_told() -> None:
    calm = simulate("toy", months=1, figures=False)
    assert "No borrower and no lender failed on 1 path." in words(calm.explain())


def test_a_ticker_and_small_letters_name_an_agent(stored: Path) -> None:
    run = simulate("everything", months=1, figures=False)
    assert known_agent(run, "crwv") == "CoreWeave"
    with pytest.raises(InputError, match='there is no agent "Corweave" in everything: did you mean CoreWeave'):
        explain(run, "Corweave")
    with pytest.raises(InputError, match="path = 7: is not a path of this run, which has path 0"):
        explain(run, "CoreWeave", 7)


def test_the_median_path_is_the_one_in_the_middle_of_the_dates(hand: Run) -> None:
    assert median_path(hand, {4: "2027-01", 9: "2026-03", 5: "2026-07"}, hand.paths) == 5
    assert median_path(hand, {}, hand.paths) == 0


def test_a_notebook_sees_tables_and_escaped_text(hand: Run) -> None:
    shown = hand.explain("C", twins=False)._repr_html_()
    assert "<table>" in shown
    assert "<script" not in shown


def test_the_document_says_what_nobid_explain_says() -> None:
    script = builder("build_explained")
    text = script.PAGE.read_text(encoding="utf-8")
    run = simulate(script.SCENARIO, seed=script.SEED, path=script.PATH, figures=False)
    stale = "stale: python docs/build_explained.py"
    assert str(run.explain()) in text, stale
    for agent in script.AGENTS:
        assert str(run.explain(agent, twins=False)) in text, stale


def test_the_command_line_explains_and_refuses_in_one_sentence(stored: Path) -> None:
    runner = CliRunner()
    answer = runner.invoke(app, ["explain", str(stored), "--agent", "CRWV", "--no-twins", "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout)["agent"] == "CoreWeave"
    assert "who is systemic" in runner.invoke(app, ["explain", str(stored)]).stdout
    refused = runner.invoke(app, ["explain", str(stored), "--agent", "Coreweaf"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "did you mean CoreWeave?" in refused.stderr
