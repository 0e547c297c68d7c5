"""The chain of runs: its data, what starts when, what it came to."""

import json
import sys

import pytest

from nextgpt_mini.train.recipe import lanes
from nextgpt_mini.train.recipe.display import remaining
from nextgpt_mini.train.recipe.lanes import here, in_processes, run_jobs
from nextgpt_mini.train.recipe.log import summary, thinned
from nextgpt_mini.train.recipe.report import rows, write
from nextgpt_mini.train.recipe.steps import Job, Place, Recipe, Step, jobs, load_recipe
from nextgpt_mini.train.steps import STEPS
from nextgpt_registry.errors import ConfigError, TrainingError
from nextgpt_world.train.judges import STEPS as JUDGED


def job(name, *needs, steps=1, seconds=1.0, run=None, command=("x",)):
    told = {"name": name, "command": command, "needs": needs, "seconds": seconds}
    return Job(Step.model_validate(told), tuple(command), run, steps)


def test_the_recipe_has_every_part_and_judge_with_its_own_steps():
    steps = load_recipe().steps

    assert {s.part: s.steps for s in steps if s.part} == STEPS
    assert {s.judge: s.steps for s in steps if s.judge} == JUDGED
    assert [s.stage for s in steps if s.stage] == [
        "match", "encode", "instruct", "instruct", "decode", "see"
    ]  # fmt: skip


def test_a_step_before_what_it_needs_is_told():
    told = load_recipe().model_dump(by_alias=True)

    with pytest.raises(ValueError, match="put it after them"):
        Recipe.model_validate({**told, "steps": told["steps"][::-1]})


def test_a_stage_starts_untrained_or_from_the_stage_before(tmp_path):
    found = {j.step.name: j for j in jobs(load_recipe(), Place(tmp_path, own=False))}

    match, decode = found["match"].command, found["decode"].command
    assert match[:4] == ("train", "mini", "--stage", "match")
    assert "--fresh" in match
    assert "--from" not in match
    assert decode[decode.index("--from") + 1] == str(tmp_path / "mini-instruct-on")
    assert "--export" not in decode
    see = found["see"].command
    assert see[see.index("--export") + 1].endswith("nextgpt_mini/weights")
    assert (found["instruct"].steps, found["instruct-on"].steps) == (300, 350)


def test_a_small_chain_keeps_to_its_folder(tmp_path):
    found = jobs(load_recipe(), Place(tmp_path, own=True, smoke=True))

    assert "prepare" not in [j.step.name for j in found]
    for one in found:
        assert str(tmp_path) in " ".join(one.command)
        assert "nextgpt_mini/weights" not in " ".join(one.command)
        assert one.steps <= 2


def test_a_step_that_is_none_is_told(tmp_path):
    with pytest.raises(ConfigError, match="picture"):
        jobs(load_recipe(), Place(tmp_path, own=False), only=["pictur"])


class Clock:
    """Starts jobs, each of which ends after so many looks."""

    def __init__(self, **looks):
        self.looks, self.started, self.most, self.open = looks, [], 0, 0

    def __call__(self, one, output):
        self.started.append(one.step.name)
        self.open += 1
        self.most = max(self.most, self.open)
        clock, left = self, [self.looks.get(one.step.name, 1)]

        class Process:
            def poll(self):
                left[0] -= 1
                if left[0] == 0:
                    clock.open -= 1
                return 0 if left[0] <= 0 else None

            def terminate(self):
                left[0] = 0

            def wait(self):
                return 0

        return Process()


def go(found, folder, launch, count=2):
    run_jobs(found, folder, lanes=count, launch=launch, watch=lambda left, now: None, pause_s=0)


def test_jobs_start_when_their_needs_are_done_and_a_lane_is_free(tmp_path):
    clock = Clock(a=9, b=1, c=1)

    go([job("a"), job("b"), job("c", "b"), job("d", "a"), job("e")], tmp_path, clock)

    assert clock.started == ["a", "b", "c", "e", "d"]
    assert clock.most == 2


def test_what_is_done_is_not_done_again_unless_it_is_another_command(tmp_path):
    go([job("a"), job("b")], tmp_path, Clock())
    clock = Clock()

    go([job("a"), job("b", command=("y",)), job("c")], tmp_path, clock)

    assert clock.started == ["b", "c"]


def test_a_failed_job_is_told_with_its_last_words_and_ends_the_others(tmp_path):
    words = "import sys, time; time.sleep(60) if sys.argv[1] == 'wait' else sys.exit('no disk')"
    launch = in_processes(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "_MAIN", words)
        with pytest.raises(TrainingError, match=r"step a: ended with exit code 1:\nno disk"):
            go([job("a"), job("b", command=("wait",))], tmp_path, launch)

    assert not (tmp_path / "done.json").exists()


def test_a_job_in_this_process_has_an_exit_code(tmp_path, capsys):
    assert here(job("a", command=("--version",)), tmp_path / "a.txt").poll() == 0
    assert here(job("a", command=("nothing",)), tmp_path / "a.txt").poll() == 2


def test_time_left_is_no_less_than_a_chain_of_needs():
    chain = [job("a", seconds=10), job("b", "a", seconds=10), job("c", seconds=1)]

    assert remaining(chain, lanes=2) == 20
    assert remaining([job(n, seconds=10) for n in "abcd"], lanes=2) == 20


def log(folder, *lines):
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_summary_counts_no_step_twice(tmp_path):
    log(
        tmp_path / "run",
        {"step": 10, "loss": 3.0, "seconds_per_step": 1.0},
        {"step": 20, "loss": 2.0, "seconds_per_step": 9.0},  # killed, done again
        {"step": 20, "loss": 2.0, "seconds_per_step": 2.0},
        {"step": 30, "loss": 1.0, "seconds_per_step": 3.0},
        {"step": 30, "validation.loss": 0.5},
    )
    path = tmp_path / "run" / "log.jsonl"
    text = path.read_text().splitlines()
    path.write_text("\n".join([*text[:2], text[0], *text[2:], '{"step": 3']))

    told = summary(tmp_path / "run", ("loss", "validation.loss", "other"))

    assert (told.steps, told.seconds, told.pace) == (30, 60.0, 2.0)
    assert told.figures == {"loss": 1.0, "validation.loss": 0.5}


def test_a_log_without_a_pace_is_timed_by_its_dialogues(tmp_path):
    log(tmp_path / "run", {"step": 10, "loss": 3.0, "speed.dialogues_per_s": 4.0})
    (tmp_path / "run" / "run.json").write_text('{"settings": {"batch": 8}}')

    assert summary(tmp_path / "run").pace == 2.0


def test_a_thinned_log_keeps_its_end_and_every_figure(tmp_path):
    lines = [{"step": n, "loss": n / 3} for n in range(1, 100)]
    log(tmp_path / "run", *lines, {"step": 99, "validation.loss": 1 / 3})

    kept = [json.loads(line) for line in thinned(tmp_path / "run", 10).splitlines()]

    assert 10 <= len(kept) <= 12
    assert kept[-2:] == [{"step": 99, "loss": 33.0}, {"step": 99, "validation.loss": 0.33333}]


def test_what_is_collected_names_no_folder_of_this_machine(tmp_path):
    place = Place(tmp_path / "cache", own=False)
    found = jobs(load_recipe(), place)
    run = tmp_path / "cache" / "mini-encode"
    log(run, {"step": 1, "loss": 1.0, "speed.seconds_per_step": 2.0})
    (run / "config.yaml").write_text(
        f"a: file:/home/me/nextgpt_mini/systems/../weights/x.safetensors\nb: {place.runs}/y\n"
        "c: /home/me/nextgpt_mini/systems/demo/demo.yaml\nd: file:/x/nextgpt_mini/weights/y\n"
    )

    table = rows(found)
    write(table, found, place, tmp_path / "out")

    assert [row["step"] for row in table] == ["encode"]
    config = (tmp_path / "out" / "encode" / "config.yaml").read_text()
    assert (
        config
        == "a: file:../weights/x.safetensors\nb: runs/y\nc: demo/demo.yaml\nd: file:../weights/y\n"
    )
    assert "| encode | 1 of " in (tmp_path / "out" / "README.md").read_text()
    assert sys.prefix not in (tmp_path / "out" / "recipe.json").read_text()
