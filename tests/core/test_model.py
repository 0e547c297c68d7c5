from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nextgpt_core.assembly.stages import STAGES
from nextgpt_core.llm.backbone import Backbone
from nextgpt_core.llm.lora import add_lora, linear_names
from nextgpt_core.model import NextGPT
from nextgpt_core.project import build_input, build_output
from nextgpt_core.prompt.compose import Composer, Prompt
from nextgpt_core.signal import SignalVocabulary
from nextgpt_core.training.forward import forward
from nextgpt_registry.config import Lora
from nextgpt_registry.errors import LockError
from nextgpt_registry.lock import Signals
from nextgpt_registry.media import Media
from nextgpt_registry.messages import MediaPart, Message
from nextgpt_registry.projections import INPUT_KINDS, OUTPUT_KINDS
from nextgpt_registry.specs import Condition

PICTURE = MediaPart("photo", Media("photo", b"cat"), caption="a cat")
DOG = MediaPart("photo", Media("photo", b"dog"))
TEXT = Condition(name="text", tokens=5, width=6)
SMALL = {"width": 8, "heads": 2, "ffn": 16}
Features = dict[tuple[str, str], torch.Tensor]


def make_model(backbone: Backbone, *, channels: tuple[str, ...] = ("photo", "items.v2")) -> NextGPT:
    torch.manual_seed(1)
    add_lora(backbone, Lora(r=2, targets=linear_names(backbone)[:1]))
    return NextGPT(
        backbone,
        SignalVocabulary.of(
            Signals(base=backbone.vocabulary).extended(dict.fromkeys(channels, (3, "")))
        ),
        inputs={
            c: build_input(INPUT_KINDS["linear"], tokens=2, width_in=4, width_llm=32)
            for c in channels
        },
        outputs={
            c: build_output(
                OUTPUT_KINDS["query"],
                {**SMALL, "layers": 1},
                width_llm=32,
                signals=3,
                conditions=(TEXT,),
            )
            for c in channels
        },
    )


@pytest.fixture
def model(make_backbone) -> NextGPT:
    return make_model(make_backbone("llama"))


def compose(model: NextGPT, *turns: Message, answer: bool = False) -> Prompt:
    vocabulary, ends = model.vocabulary, model.backbone.eos_ids
    composer = Composer(model.backbone.tokenizer, vocabulary, end_of_turn=ends)
    return composer.compose(turns, feature_tokens={"photo": 2}, answer=answer)


def x_to_x(model: NextGPT) -> Prompt:
    return compose(
        model,
        Message("user", ("Draw ", PICTURE, " again")),
        Message("assistant", ("Here: ", DOG, " and ", PICTURE)),
    )


def features(model: NextGPT) -> Features:
    raw_BTW = torch.randn(1, 2, 4, generator=torch.Generator().manual_seed(3))
    return {("photo", PICTURE.media.sha256): model.project_in("photo", raw_BTW)[0]}


# --- signals ---


def test_one_step_moves_signal_logits_and_no_other(backbone: Backbone) -> None:
    model = make_model(backbone)
    prompt = x_to_x(model)
    parameters = model.trainable(["signals"])["signals"]
    optimiser = torch.optim.SGD(parameters, lr=1.0)
    base = backbone.vocabulary
    final_1D = torch.randn(1, 32)
    before = model.logits(final_1D)

    forward(model, [prompt], features(model)).losses_N.mean().backward()
    optimiser.step()
    after = model.logits(final_1D)

    assert len(parameters) == 2
    assert all(p.grad.any() for p in parameters)
    assert torch.equal(after[:, :base], before[:, :base])
    assert (after[:, base:] != before[:, base:]).any()


def test_signals_start_no_likelier_than_other_tokens(backbone: Backbone) -> None:
    model = make_model(backbone)
    prompt = compose(model, Message("user", ("Hello there",)), answer=True)

    with torch.no_grad():
        final = backbone.run(model.embed(torch.tensor([prompt.ids]))).final_BTD[:, -1]
        logits_V = model.logits(final)[0]

    assert logits_V.argmax() < backbone.vocabulary
    assert logits_V[backbone.vocabulary :].unique().numel() == model.vocabulary.size


def test_signals_are_scaled_as_the_familys_tokens(make_backbone) -> None:
    backbone = make_backbone("gemma3")
    model = make_model(backbone)
    with torch.no_grad():
        model.rows.input[0] = backbone.embedding.weight[9]

    embedded = model.embed(torch.tensor([9, backbone.vocabulary]))

    torch.testing.assert_close(embedded[0], embedded[1])


def test_a_new_channel_changes_no_other_channels_rows(make_backbone) -> None:
    one = make_model(make_backbone("qwen3"), channels=("photo",))
    two = make_model(make_backbone("qwen3"), channels=("photo", "smell"))

    assert torch.equal(one.rows.input, two.rows.input[:3])
    assert not torch.equal(two.rows.input[:3], two.rows.output[:3])


def test_a_signal_is_read_as_something_else_than_it_is_written_for(make_backbone) -> None:
    rows = make_model(make_backbone("llama")).rows  # whose own rows are both

    assert not torch.equal(rows.input, rows.output)


@torch.no_grad()
def test_rows_saved_without_outputs_are_those_of_a_tied_model(make_backbone) -> None:
    saved = scramble(make_model(make_backbone("llama"), channels=("photo",))).rows.state()
    old = {"photo.input": saved["photo.input"]}
    tied = make_model(make_backbone("llama"), channels=("photo",))
    untied = make_model(make_backbone("gpt_neox"), channels=("photo",))

    tied.rows.load(old)

    assert torch.equal(tied.rows.input, saved["photo.input"])
    assert torch.equal(tied.rows.output, saved["photo.input"])
    with pytest.raises(LockError, match=r"photo\.output: the checkpoint has no rows"):
        untied.rows.load(old)


@torch.no_grad()
def test_an_unknown_channel_is_read_like_the_known_and_never_written(make_backbone) -> None:
    known = scramble(make_model(make_backbone("qwen3"), channels=("photo", "smell")))
    model = make_model(make_backbone("qwen3"), channels=("photo", "smell", "taste", "touch"))
    fresh = model.rows.output.clone()

    model.rows.load(known.rows.state())

    photo, smell, taste, touch = model.rows.input.split(3)
    spread = (photo - smell).std()
    assert ((photo + smell) / 2 - taste).std() < 0.5 * spread
    assert not torch.equal(taste, touch)
    assert torch.equal(model.rows.output[6:], fresh[6:])
    assert torch.equal(model.rows.output[:6], known.rows.output)


# --- embedding and projecting ---


@torch.no_grad()
def test_features_and_signals_stand_in_their_places(model: NextGPT) -> None:
    prompt, projected = x_to_x(model), features(model)

    x_TD = model.embed(torch.tensor([prompt.ids]), prompt.rows(projected))[0]

    slot, group = prompt.features[0], prompt.groups[1]
    assert torch.equal(x_TD[slot.start : slot.start + 2], projected[slot.key])
    assert torch.equal(x_TD[group.start : group.start + 3], model.rows.input[:3])
    assert torch.equal(x_TD[0], model.backbone.embedding.weight[prompt.ids[0]])


@torch.no_grad()
def test_conditions_come_from_state_plus_embedding(model: NextGPT) -> None:
    hidden_BSD, ids_BS = torch.randn(2, 3, 32), torch.tensor([model.vocabulary.blocks[0].ids] * 2)

    conditions = model.project_out("photo", hidden_BSD, ids_BS)

    expected = model.outputs["photo"](hidden_BSD + model.rows.input[:3])
    assert conditions["text"].shape == (2, 5, 6)
    assert torch.equal(conditions["text"], expected["text"])


# --- training ---


@torch.no_grad()
def test_loss_and_states_are_in_step_where_media_are_read_and_made(backbone: Backbone) -> None:
    model = make_model(backbone)
    prompts = [
        compose(model, Message("user", ("Hi",)), Message("assistant", ("Yo",))),
        x_to_x(model),
    ]
    projected = features(model)

    out = forward(model, prompts, projected)

    losses, states = [], []
    for prompt in prompts:  # one by one, position by position
        run = backbone.run(model.embed(torch.tensor([prompt.ids]), prompt.rows(projected)))
        logp_TV = model.logits(run.final_BTD)[0].log_softmax(-1)
        losses += [-logp_TV[t - 1, y] for t, y in enumerate(prompt.labels) if y != -100]
        for t, token in enumerate(prompt.ids):
            if model.vocabulary.is_first(token):
                states.append(run.hidden_BTD[0, t : t + 3])
    torch.testing.assert_close(
        out.losses_N.mean(), torch.stack(losses).mean(), rtol=1e-4, atol=1e-4
    )
    assert len(out.labels_N) == len(losses)
    assert [(g.prompt, g.slot.part) for g in out.groups] == [(1, DOG), (1, PICTURE)]
    for group, state_SD in zip(out.groups, states, strict=True):
        assert group.ids_S.tolist() == list(model.vocabulary.blocks[0].ids)
        torch.testing.assert_close(group.hidden_SD, state_SD, rtol=1e-4, atol=1e-4)


def test_a_shared_beginning_changes_neither_loss_nor_gradients(backbone: Backbone) -> None:
    model = make_model(backbone)
    system = Message("system", ("You are a helpful assistant.",))
    asked = Message("user", ("Draw ", PICTURE, " again"))
    prompts = [
        compose(model, system, asked, Message("assistant", ("Here: ", DOG))),
        compose(
            model, system, Message("user", ("Hi",)), Message("assistant", ("A dog ", PICTURE, "!"))
        ),
    ]
    parameters = [p for group in model.trainable(STAGES["instruct"]).values() for p in group]

    def gradients(*batches: list[Prompt]) -> list[torch.Tensor]:
        model.zero_grad()
        outs = [forward(model, batch, features(model)) for batch in batches]
        total = sum(out.losses_N.sum() for out in outs)
        for group in (group for out in outs for group in out.groups):
            total = total + group.hidden_SD.square().sum()
        total.backward()
        return [total.detach(), *[p.grad for p in parameters if p.grad is not None]]

    together, apart = gradients(prompts), gradients(*[[prompt] for prompt in prompts])

    assert len(together) == len(apart) > 3
    for ours, theirs in zip(together, apart, strict=True):
        scale = float(theirs.abs().max())
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * scale + 1e-6)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_trains_its_parts_and_nothing_else(model: NextGPT, stage: str) -> None:
    trained = model.trainable(STAGES[stage])
    out = forward(model, [x_to_x(model)], features(model))
    loss = out.losses_N.mean() + sum(
        model.project_out("photo", g.hidden_SD[None], g.ids_S[None])["text"].square().mean()
        for g in out.groups
    )

    loss.backward()

    parameters = [p for group in trained.values() for p in group]
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in parameters}
    assert set(trained) == set(STAGES[stage])
    for part, group in trained.items():
        assert any(p.grad is not None and p.grad.any() for p in group), part
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


def test_a_batch_without_labels_has_no_loss(model: NextGPT) -> None:
    prompt = compose(model, Message("user", ("Hello there, you",)))

    for batch in ([prompt], [prompt, prompt]):
        out = forward(model, batch, {})

        assert (out.losses_N.sum().item(), len(out.labels_N)) == (0.0, 0)


def test_bfloat16_backbone_trains_float32_parts(make_backbone) -> None:
    backbone = make_backbone("llama")
    backbone.model.to(torch.bfloat16)
    model = make_model(backbone)
    model.trainable(STAGES["instruct"])

    forward(model, [x_to_x(model)], features(model)).losses_N.mean().backward()

    assert model.rows.input.grad.dtype is torch.float32
    assert all(p.dtype is torch.float32 for p in model.parameters() if p.requires_grad)


# --- saving ---


def scramble(model: NextGPT) -> NextGPT:
    for parameters in model.trainable(STAGES["instruct"]).values():
        for parameter in parameters:
            torch.nn.init.normal_(parameter)
    return model


@torch.no_grad()
def test_parts_go_out_and_in_by_name(backbone: Backbone, make_backbone, request) -> None:
    family = request.node.callspec.params["backbone"]
    trained, fresh = scramble(make_model(backbone)), make_model(make_backbone(family))

    fresh.load_by_part(trained.state_by_part())

    assert set(trained.state_by_part()) == {
        "lora", "signals", "project.photo", "project.items.v2"
    }  # fmt: skip
    prompt = x_to_x(trained)
    ours = forward(fresh, [prompt], features(fresh))
    assert torch.equal(ours.losses_N, forward(trained, [prompt], features(trained)).losses_N)


@torch.no_grad()
def test_signals_are_found_by_channel_whatever_their_ids(make_backbone) -> None:
    trained = scramble(make_model(make_backbone("qwen3"), channels=("photo", "smell")))
    other = make_model(make_backbone("qwen3"), channels=("smell", "photo"))

    other.load_by_part({"signals": trained.state_by_part()["signals"]})

    assert torch.equal(other.rows.output[:3], trained.rows.output[3:])
    assert torch.equal(other.rows.input[3:], trained.rows.input[:3])


Break = Callable[[dict[str, dict[str, torch.Tensor]]], None]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: s["signals"].update({"photo.input": torch.zeros(2, 32)}), r"wanted \(3, 32\)"),
        (lambda s: s["project.photo"].popitem(), "does not fit"),
        (lambda s: s["lora"].popitem(), "1 matrices differ"),
        (lambda s: s.update({"project.smell": {}}), "it has lora, signals, project.photo"),
    ],
)
def test_parts_that_do_not_fit_are_named(model: NextGPT, damage: Break, message: str) -> None:
    state = model.state_by_part()
    damage(state)

    with pytest.raises(LockError, match=message):
        model.load_by_part(state)
