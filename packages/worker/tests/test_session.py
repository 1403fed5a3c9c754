from scripted_runner import ScriptedRunner


def test_a_step_runs_and_returns(runner: ScriptedRunner) -> None:
    outcome = runner.run(
        "def handler(pd):\n    print('hi')\n    pd.export('x', 1)\n    return pd.steps['trigger']['event']",
        event={"a": 1},
    )
    assert outcome.value == {"a": 1}
    assert outcome.text() == ["hi"]
    assert outcome.exports() == {"x": 1}
