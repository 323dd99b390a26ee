"""Lesson 15: its exercises tell mistakes apart, its processes and scripts do what it says."""

import os
import re
import shutil
import stat
import subprocess
import sys
from statistics import fmean

import pytest
import torch
import yaml
from torch import nn

from tests.tiny import TinyNet
from tlhelpers.course.author.bilingual import JAPANESE
from tlhelpers.course.author.proofreading import core
from tlhelpers.course.author.reading import lesson_sources, read_lesson
from tlhelpers.course.exercises import check
from tlhelpers.course.results import stored
from tlhelpers.course.syllabus import lessons
from tlhelpers.lessons.scaling_up import experiments, figures, steps, widget
from tlhelpers.lessons.scaling_up.figures import (
    ZERO_FP16,
    accuracies_by_rule,
    draw_curves,
    first_rate,
    show_script,
)
from tlhelpers.lessons.scaling_up.steps import (
    Stepper,
    checkpointed,
    launch,
    run_here,
    started,
    two_nodes,
)
from tlhelpers.runtime.language import LANGUAGES, text
from tlhelpers.runtime.places import PACKAGE
from tlhelpers.runtime.store import StoreError
from tlhelpers.transfer.intervals import interval

FOLDER = PACKAGE / "lessons" / "scaling_up"
SUM = """
import json, os, sys
import torch
import torch.distributed as dist

if "RANK" in os.environ:
    dist.init_process_group("gloo")
    number = torch.tensor(float(dist.get_rank() + 1))
    dist.all_reduce(number)
    dist.destroy_process_group()
else:
    number = torch.tensor(3.0)
if os.environ.get("RANK", "0") == "0":
    with open(sys.argv[1], "w") as file:
        json.dump({"sum": float(number), "asked": sys.argv[2:]}, file)
"""


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("TLHELPERS_LANG", "en")


# --- the page -------------------------------------------------------------------------------


def test_the_legend_of_the_curves_shows_the_marks_that_are_drawn(monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "picture", lambda figure, alt: drawn.append(figure))
    draw_curves({"loss": [2.0, 1.0]}, {"loss": [2.0, 1.0]}, {})
    (axes,) = drawn[0].axes
    looks = [
        [(line.get_marker(), line.get_linestyle(), line.get_color()) for line in lines]
        for lines in (axes.get_lines(), axes.get_legend().get_lines())
    ]
    assert looks[0] == looks[1]


def test_the_stated_minutes_are_those_of_the_exercises():
    lesson = read_lesson(next(path for path in lesson_sources() if path.name.startswith("15")))
    page = "\n".join(block.sources["en"] for block in core(lesson) if block.kind == "prose")
    reading, exercises = re.search(r"(\d+) minutes of reading, (\d+) of exercises", page).groups()
    assert sum(map(int, re.findall(r"### Exercise .*?(\d+) minutes", page))) == int(exercises)
    assert int(reading) + int(exercises) == lessons()["15"].minutes


# --- the exercises --------------------------------------------------------------------------


def mean_of_means(answers):
    return sum(right.mean() for _, right in answers) / len(answers)


def once_in_each_process(answers):
    each = [dict(zip(rows.tolist(), right.tolist(), strict=True)) for rows, right in answers]
    return sum(sum(one.values()) for one in each) / sum(map(len, each))


def first_of_all(answers):
    count = len(torch.cat([rows for rows, _ in answers]).unique())
    return torch.cat([right for _, right in answers])[:count].mean()


def every_answer(answers):
    return torch.cat([right for _, right in answers]).mean()


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda answers: "half", "once_kind"),
        (lambda answers: 0.5, "once_plain"),
        (mean_of_means, "once_uneven"),
        (every_answer, "once_doubled"),
        (once_in_each_process, "once_doubled"),
        (first_of_all, "once_doubled"),
    ],
)
def test_each_mistake_in_counting_has_its_own_sentence(mistake, sentence):
    verdict = check("15-b", {"accuracy_of": mistake})
    assert not verdict.passed
    start = text(f"lesson15.{sentence}", given="@", wanted="@").split("@")[0]
    assert verdict.message.startswith(start)


@pytest.mark.parametrize(
    ("largest", "kind", "sentence"),
    [
        (33, "optimizer", "batch_unknown"),
        (512, "optimizer", "batch_over"),
        (1, "optimizer", "batch_under"),
        (None, "weights", "kind_unknown"),
        (None, "gradients", "kind_smaller"),
    ],
)
def test_the_widget_is_read_step_by_step(largest, kind, sentence):
    needed = {
        batch: sum(
            widget.memory(stored("15_cpu")["mobilenet_v2"], batch, "fp32", 1, "copied").values()
        )
        for batch in widget.BATCHES
    }
    right = max(batch for batch, size in needed.items() if size < 4 * widget.GB)
    given = {"largest": largest or right, "most_of_minilm": kind}
    verdict = check("15-a", given)
    assert not verdict.passed
    start = text(f"lesson15.{sentence}", batch="@", batches="@", kind="@", kinds="@")
    assert verdict.message[:12].startswith(start.split("@")[0][:12])
    assert check("15-a", {"largest": right, "most_of_minilm": "Optimizer"}).passed


def shared(weights, gpus, shared):
    sizes = {"parameters": 4, "gradients": 4, "optimizer": 8}
    each = sum(size / gpus if kind in shared else size for kind, size in sizes.items())
    return weights * each / 10**9


@pytest.mark.parametrize(
    ("gigabytes", "choice", "sentence"),
    [
        (lambda weights, gpus, shared: "112 GB", "ZeRO-1", "kind"),
        (lambda weights, gpus, shared: weights * 16, "ZeRO-1", "ddp"),
        (lambda weights, gpus, shared: 112, "ZeRO-1", "zero"),
        (lambda weights, gpus, shared: {0: 112, 1: 63}.get(len(shared), 7), "ZeRO-1", "fsdp"),
        (lambda weights, gpus, shared: {0: 112, 1: 63, 3: 14}[len(shared)], "ZeRO-1", "few"),
        (shared, "zero", "choice"),
        (shared, "DDP", "over"),
        (shared, "FSDP", "more"),
    ],
)
def test_each_mistake_in_sharing_out_has_its_own_sentence(gigabytes, choice, sentence):
    verdict = check("15-d", {"gigabytes": gigabytes, "choice": choice})
    assert not verdict.passed
    start = text(f"lesson15.share_{sentence}", given="@", wanted="@", choice=choice).split("@")[0]
    assert verdict.message.startswith(start)
    assert check("15-d", {"gigabytes": shared, "choice": "zero-1"}).passed


# --- memory ---------------------------------------------------------------------------------


def test_the_zone_that_is_drawn_as_lost_is_what_half_precision_turns_into_zero():
    edge = torch.tensor(ZERO_FP16)
    assert edge.half() == 0 and (edge * 1.001).half() > 0


def test_checkpoints_keep_less_and_give_the_same_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(
        *[nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16)) for _ in range(4)],
        nn.Linear(16, 2),
    )
    inputs = torch.randn(32, 16)
    whole = torch.autograd.grad(model(inputs).sum(), list(model.parameters()))
    lean = torch.autograd.grad(checkpointed(model)(inputs).sum(), list(model.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(whole, lean, strict=True))


def tiny_networks():
    return {"tiny": lambda: (TinyNet(10), lambda count: torch.randn(count, 3, 16, 16))}


def test_a_larger_batch_needs_more_at_its_peak(monkeypatch):
    monkeypatch.setattr(steps, "networks", tiny_networks)
    cpu = torch.device("cpu")
    small, large = (Stepper("tiny", batch, "fp32", cpu).peak() for batch in (64, 128))
    assert large > 1.5 * small


def test_the_experiments_of_memory_and_time_return_their_shape(monkeypatch):
    for module in (steps, experiments):
        monkeypatch.setattr(module, "networks", tiny_networks)
    monkeypatch.setattr(experiments, "SIZES", {"tiny": (4, 8)})
    made = experiments.cpu()["tiny"]
    assert made.keys() == stored("15_cpu")["zukan-resnet"].keys()
    assert made["fp32"].keys() == stored("15_cpu")["zukan-resnet"]["fp32"].keys()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StoreError, match="GPU"):
        experiments.gpu()


def test_the_experiments_of_processes_return_their_shape(monkeypatch):
    answers = {"frozen": [2.0], "cached": [0.5], "loss": [1.0, 0.5]}
    monkeypatch.setattr(experiments, "launch", lambda *given, processes: answers)
    assert experiments.speed().keys() == stored("15_speed").keys()
    assert experiments.curves() == {"one": [[1.0, 0.5]] * 3, "two": [[1.0, 0.5]] * 3}
    monkeypatch.setattr(experiments, "launch", lambda *given, processes: None)
    with pytest.raises(RuntimeError, match="15_speed"):
        experiments.speed()


# --- the widget and the figures ---------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGUAGES)
def test_more_devices_share_activations_and_sharding_shares_the_rest(monkeypatch, lang):
    monkeypatch.setenv("TLHELPERS_LANG", lang)
    row = {"parameters": 100, "fp32": {"each": 10, "seconds": [0.1]}}
    alone = widget.memory(row, 8, "fp32", 1, "copied")
    assert alone == {"parameters": 100, "gradients": 100, "optimizer": 200, "activations": 80}
    copied, sharded = (widget.memory(row, 8, "fp32", 4, way) for way in ("copied", "sharded"))
    assert copied["activations"] == sharded["activations"] == 20
    assert copied["optimizer"] == 200 and sharded["optimizer"] == 50
    shown = widget.build({name: stored(name) for name in widget.RESULTS})
    slow = shown.view().says
    assert "MobileNetV2" in slow and shown.view().picture.startswith("<svg")
    assert shown.move(computer="gpu").says != slow
    assert "0.0" not in shown.move(computer="gpu", devices=8).says  # seconds, where it is fast


def test_each_rule_reads_the_run_at_its_own_rate():
    rates = [0.1, 0.2, 0.4, 0.8]
    valid = {0.1: 0.90, 0.2: 0.995, 0.4: 1.0, 0.8: 0.5}  # two are within a point of the best
    runs = {str(rate): [[valid[rate], rate]] for rate in rates}  # test accuracy tells the rate
    found = {"batches": [8, 16, 32], "rates": rates, "tried": {"8": runs, "16": runs, "32": runs}}
    found["warm"] = {"32": {str(rate): [[0.0, -rate]] for rate in rates}}
    assert first_rate(found) == 0.2
    read = {rule: [of_batch[0] for of_batch in v] for rule, v in accuracies_by_rule(found).items()}
    assert read["same"] == [0.2, 0.2, 0.2] and read["linear"] == [0.2, 0.4, 0.8]
    assert read["root"][2] == 0.4 and read["best"] == [0.4, 0.4, 0.4]
    assert read["warm"] == [0.2, 0.4, -0.8]


def test_the_text_says_what_each_rule_for_the_rate_reaches():
    lesson = read_lesson(next(iter(lesson_sources(names=["15"]))))
    (page,) = [block.sources["en"] for block in lesson.blocks if block.key == "rates-read"]
    found = stored("15_rates")
    rules = accuracies_by_rule(found)
    reached = {rule: [round(100 * fmean(runs)) for runs in of] for rule, of in rules.items()}
    times8, times16, times32 = (found["batches"].index(8 * times) for times in (8, 16, 32))
    kept, linear = reached["same"][times8], reached["linear"]
    assert f"falls to {kept}%, while the linear rule has {linear[times8]}%" in page
    assert f"down to {linear[times16]}%, and at 32 times to {linear[times32]}%" in page
    assert f"the square-root rule has {reached['root'][times32]}%" in page
    assert f"still reaches {reached['best'][times32]}% (ten draws" in page
    behind = zip(rules["root"][times32], rules["linear"][times32], strict=True)
    assert interval([root - linear for root, linear in behind]).low > 0


# --- several processes and machines -----------------------------------------------------------


def test_a_script_reports_from_this_process_and_its_arguments_are_put_back():
    before = list(sys.argv)
    assert run_here(SUM, "a", "b") == {"sum": 3.0, "asked": ["a", "b"]}
    assert sys.argv == before


@pytest.mark.slow
def test_two_processes_and_two_machines_reach_each_other(capsys):
    assert launch(SUM, "x", processes=2) == {"sum": 3.0, "asked": ["x"]}
    assert two_nodes(SUM, "x") == {"sum": 3.0, "asked": ["x"]}
    assert launch("1 / 0", processes=1) is None
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_a_program_that_leaves_no_report_is_told(capsys, tmp_path):
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert started(command, tmp_path / "report.json") is None
    assert "ended before" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_slurm_script_parses_and_starts_torchrun_with_what_slurm_tells(tmp_path):
    script = FOLDER / "slurm.sh"
    subprocess.run(["bash", "-n", script], check=True)
    stand_ins = {
        "scontrol": 'printf "node7\\nnode8\\n"',
        "srun": 'printf "%s\\n" "$1"; shift; "$@"',
        "torchrun": 'printf "%s\\n" "$@"',
    }
    for name, body in stand_ins.items():
        file = tmp_path / name
        file.write_text(f"#!/usr/bin/env bash\n{body}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    job = {"SLURM_JOB_NODELIST": "node[7-8]", "SLURM_NNODES": "2", "SLURM_JOB_ID": "42"}
    job |= {"SLURM_CPUS_PER_TASK": "16", "SLURM_GPUS_PER_NODE": "4"}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", script, "report.json", "checkpoints"],
        env=os.environ | job | {"PATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    wanted = ["--cpus-per-task=16", "--nnodes=2", "--nproc-per-node=4", "--rdzv-id=42"]
    wanted += ["--rdzv-backend=c10d", "--rdzv-endpoint=node7:29500"]
    assert done.stdout.split() == [*wanted, "birds.py", "report.json", "checkpoints"]


@pytest.mark.parametrize("name", ["slurm.sh", "kubernetes.yaml"])
def test_a_script_has_its_comments_in_the_language_of_the_learner(capsys, monkeypatch, name):
    shown = {}
    for lang in ("en", "ja"):
        monkeypatch.setenv("TLHELPERS_LANG", lang)
        show_script(name)
        shown[lang] = capsys.readouterr().out.splitlines()
    assert not any("# ja:" in line for lines in shown.values() for line in lines)
    pairs = list(zip(shown["en"], shown["ja"], strict=True))
    differing = [(en, ja) for en, ja in pairs if en != ja]
    assert differing and all(en.split("#")[0] == ja.split("#")[0] for en, ja in differing)
    comments = [ja.split("#", 1)[1] for _, ja in pairs if "#" in ja and not ja.startswith("#!")]
    assert all(JAPANESE.search(comment) for comment in comments if not comment.startswith("SBATCH"))


def test_the_kubernetes_job_lets_its_pods_find_each_other():
    service, job = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))
    spec = job["spec"]
    pod = spec["template"]["spec"]
    command = dict(
        part.split("=", 1) for part in pod["containers"][0]["command"] if part.startswith("--")
    )
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == spec["template"]["metadata"]["labels"]
    host, _, rest = command["--rdzv-endpoint"].partition(".")
    assert host == f"{job['metadata']['name']}-0"  # the name of the first pod of an indexed job
    assert rest.split(":")[0] == pod["subdomain"] == service["metadata"]["name"]
    assert int(command["--nnodes"]) == spec["completions"] == spec["parallelism"]
    *_, report, checkpoints = pod["containers"][0]["command"]
    kept = pod["containers"][0]["volumeMounts"][0]["mountPath"]
    assert checkpoints == kept and report.startswith(f"{kept}/")  # both outlive a pod
    gpus = pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    assert int(command["--nproc-per-node"]) == gpus
    assert {v["name"] for v in pod["volumes"]} == {
        mount["name"] for mount in pod["containers"][0]["volumeMounts"]
    }
