# %% [markdown] key="title" lang="ja"
# # 02 特徴抽出
#
# **60分** ・ 前提:レッスン01。PyTorchの学習ループを一度見たことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 事前学習済みモデルを凍結し、出力層を取り替えて学習・保存・読み込みまで、PyTorchだけで書く
# - 「凍結したつもり」の落とし穴、BatchNormと正規化を、測って見抜く
# - 特徴を一度だけ計算して、何倍も速く試行錯誤する
# - ネットワークの浅い層と深い層が何を見ているかを、絵で説明する

# %% [markdown] key="title" lang="en"
# # 02 Feature extraction
#
# **60 minutes** · Before this: lesson 01. It helps to have seen a training loop in PyTorch once.
#
# After this lesson you can
#
# - freeze a pretrained model, replace its head, train, save and load it, all in plain PyTorch
# - find out by measuring when a "frozen" network is not: BatchNorm and normalisation
# - compute features once and try things many times faster
# - show in pictures what early and late layers look at

# %% key="setup"
import copy
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl
from tlhelpers.lessons.feature_extraction import figures as lesson02

tl.setup()

# %% [markdown] key="idea" lang="ja"
# ## 目はそのまま、名前だけ覚える
#
# バードウォッチングを始めた人は、ものの見方を一から学び直したりはしません。縁や模様や形を見分ける目はもうあり、新しく覚えるのは鳥の名前だけです。**特徴抽出**(feature extraction)では、ネットワークを2つに分けて考えます。
#
# - **本体**(body):画像を数百個の数、つまり**特徴**に変える部分。事前学習のまま**凍結**します。
# - **出力層**(head):特徴からクラスを決める最後の1層。新しいものに取り替え、ここだけを学習します。
#
# 凍結した特徴の上で線形の出力層だけを学習することを、**線形プローブ**(linear probe)とも呼びます。まず、レッスン01で使った `zukan-resnet` の中身を見てみましょう。

# %% [markdown] key="idea" lang="en"
# ## Keep the eye, learn the names
#
# Somebody who takes up bird-watching does not learn to see all over again. The eye for edges, markings and shapes is there; only the names are new. **Feature extraction** splits a network in two:
#
# - the **body** turns a picture into a few hundred numbers, its **features**. It stays **frozen**, as pre-training left it.
# - the **head**, the last layer, decides on a class from these features. It is replaced by a new one, and only this one is trained.
#
# Training just a linear head on frozen features is also called a **linear probe**. Let us first look inside `zukan-resnet` of lesson 01.

# %% key="load" tags=["nbval-check-output"]
network = tl.backbone("zukan-resnet")
for name, part in network.named_children():
    print(f"{name:8} {sum(p.numel() for p in part.parameters()):9,}")

# %% [markdown] key="birds-intro" lang="ja"
# 名前の横は、その部分が持つパラメータの数です。並びは torchvision の ResNet と同じで、いちばん下の `fc` が出力層です。
#
# 新しい問題は5種類の鳥です。ラベル付きの画像は1種類につき10枚あります。

# %% [markdown] key="birds-intro" lang="en"
# Beside each name stands the number of its parameters. The parts are those of torchvision's ResNet; `fc` at the end is the head.
#
# The new problem: five kinds of bird, with ten labelled pictures of each.

# %% key="birds" alt_ja="5種類の鳥の見本。1行に1種類、6枚ずつ。" alt_en="Samples of five kinds of bird, one kind a row, six pictures each."
task = tl.load_task("birds", per_class=10, classes=[0, 1, 2, 3, 4])
tl.show(task)

# %% [markdown] key="head-intro" lang="ja"
# 1行が1種類です。では、出力層を取り替えて、残りを凍結します。
#
# > **予想してから実行**:学習するパラメータは、全体の何%くらいになるでしょうか。

# %% [markdown] key="head-intro" lang="en"
# Each row is one kind. Now replace the head and freeze the rest.
#
# > **Predict, then run**: what share of all parameters will be trained?

# %% key="head" tags=["nbval-check-output"]
model = copy.deepcopy(network)
model.fc = nn.Linear(model.fc.in_features, 5)  # the new head, with random weights

for parameter in model.parameters():
    parameter.requires_grad = False
for parameter in model.fc.parameters():
    parameter.requires_grad = True

trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in model.parameters())
print(tl.text("lesson02.count", trained=trained, total=total, share=trained / total))

# %% [markdown] key="train-intro" lang="ja"
# `requires_grad = False` のパラメータは、勾配が計算されないので動きません。オプティマイザーには出力層だけを渡します。あとはふつうの学習ループです。`model.eval()` が学習ループにあるのを不思議に思うかもしれませんが、理由はあとで測ります。

# %% [markdown] key="train-intro" lang="en"
# A parameter with `requires_grad = False` gets no gradient and does not move. The optimizer is given the head only; the rest is an ordinary training loop. You may wonder about `model.eval()` in training: we will measure the reason below.

# %% key="train"
torch.manual_seed(0)
images, labels = task.train.inputs, task.train.labels
optimizer = torch.optim.AdamW(model.fc.parameters(), lr=0.01)

model.eval()  # freezes BatchNorm as well
for epoch in range(15):
    for rows in torch.randperm(len(labels)).split(32):
        pixels = model.preprocess(images[rows])
        loss = F.cross_entropy(model(pixels), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        print(epoch + 1, f"{loss.item():.2f}")

# %% [markdown] key="save-intro" lang="ja"
# エポックと損失を表示しました。学習したモデルを保存します。形式は **safetensors** です。`torch.save` のファイル(pickle)と違って中にプログラムを仕込めないので、他人からもらったファイルも安心して開けます。
#
# 本体は変えていませんから、**出力層だけ** を保存する手もあります。

# %% [markdown] key="save-intro" lang="en"
# The numbers are epochs and loss. Now save the trained model, as **safetensors**: unlike the pickle that `torch.save` writes, such a file cannot carry a program, so a file from somebody else is safe to open.
#
# Since the body did not change, one may also keep the **head alone**.

# %% key="save" tags=["nbval-check-output"]
folder = Path(tempfile.mkdtemp())  # any folder of yours
save_file(model.state_dict(), folder / "birds.safetensors")
save_file(model.fc.state_dict(), folder / "birds-head.safetensors")

size = {file.stem: file.stat().st_size / 1000 for file in folder.iterdir()}
print(tl.text("lesson02.sizes", model=size["birds"], head=size["birds-head"]))

# %% [markdown] key="again-intro" lang="ja"
# 読み込むときは、同じ形のネットワークを先に作り、そこへ重みを入れます。もとのモデルとまったく同じ答えを出すことも確かめます。

# %% [markdown] key="again-intro" lang="en"
# To load, first build a network of the same shape and then put the weights in. We also check that it answers exactly as the original does.

# %% key="again" tags=["claim"]
restored = tl.backbone("zukan-resnet", pretrained=False)  # the shape, with random weights
restored.fc = nn.Linear(restored.fc.in_features, 5)
restored.load_state_dict(load_file(folder / "birds.safetensors"))
restored.eval()

pixels = restored.preprocess(task.valid.inputs[:8])
with torch.no_grad():
    assert torch.equal(restored(pixels), model(pixels))

# %% [markdown] key="predict-intro" lang="ja"
# 読み込んだモデルに、初めて見る鳥の名前を聞いてみましょう。`row` を変えれば、別の画像で試せます。

# %% [markdown] key="predict-intro" lang="en"
# Ask the restored model for the name of a bird it has never seen. Change `row` to try another picture.

# %% key="predict" alt_ja="鳥の画像1枚と、5クラスの確率の棒グラフ。" alt_en="One picture of a bird and a bar chart of the probabilities of the five classes."
row = 7
image, true = task.valid.inputs[row], task.valid.labels[row]
with torch.no_grad():
    logits = restored(restored.preprocess(image[None]))  # [None]: a batch of one
probabilities = logits.softmax(dim=1)[0]

names = task.class_names
predicted = names[probabilities.argmax()]
print(tl.text("lesson02.it_is", predicted=predicted, true=names[true]))
lesson02.draw_prediction(image, probabilities, names)

# %% [markdown] key="cost-intro" lang="ja"
# 棒の長さが、それぞれの名前に付いた確率です。
#
# ## いくらで済んだのか
#
# 出力層だけの学習と、全部の学習の費用を比べます。どちらも1エポックの時間を測ります。

# %% [markdown] key="cost-intro" lang="en"
# The bars show how probable the model takes each name to be.
#
# ## What did it cost?
#
# Compare training the head alone with training everything, one epoch of each by the clock.


# %% key="cost"
def time_epoch(model: nn.Module) -> float:
    chosen = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(chosen, lr=1e-4)
    start = time.perf_counter()
    for rows in torch.arange(len(labels)).split(32):
        loss = F.cross_entropy(model(model.preprocess(images[rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


everything = copy.deepcopy(model).requires_grad_(True)
cost = {}
for way, network_of_way in {"frozen": copy.deepcopy(model), "everything": everything}.items():
    count = sum(p.numel() for p in network_of_way.parameters() if p.requires_grad)
    kept = size["birds-head"] if way == "frozen" else size["birds"]
    seconds = min(time_epoch(network_of_way) for repeat in range(3))
    cost[way] = {"trained_parameters": count, "seconds_an_epoch": seconds, "kilobytes": kept}
lesson02.Lines(cost)

# %% [markdown] key="cost-read" lang="ja"
# パラメータと保存量は1%にもなりません。時間のほうは、凍結すると逆伝播がなくなるぶんだけ短くなります。それでも画像を毎回ネットワークに通すので、思ったほどは速くなりません。この無駄は、もう少し先でなくします。

# %% [markdown] key="cost-read" lang="en"
# Parameters and kilobytes shrink to less than a hundredth. Time shrinks only by the backward pass that is no longer needed: each picture still runs through the network every time. We shall get rid of this waste below.

# %% key="claim-cost" tags=["claim"]
share = cost["frozen"]["kilobytes"] / cost["everything"]["kilobytes"]
tl.claim(
    f"The head alone is {trained / total:.2%} of the parameters and {share:.2%} of the kilobytes.",
    # ja: f"出力層だけなら、パラメータは全体の {trained / total:.2%}、保存量は {share:.2%} です。",
    trained < 0.01 * total and share < 0.01,
)

# %% [markdown] key="torchvision" lang="ja"
# ## torchvisionのResNet-18でも同じページ
#
# ここまでのコードは、torchvisionの **ResNet-18** でもほとんど同じです。変わるのは、ネットワークの作り方と前処理の呼び方だけです。下のセルは、インターネットにつながなくても動くように `weights=None`(ランダムな重み)にしてあります。つながる環境では `weights=weights` に変えてください。
#
# 古い解説では、次の3つがよく間違っています。
#
# - `resnet18(pretrained=True)` は torchvision 0.13 から非推奨です。いまは重みを `ResNet18_Weights.IMAGENET1K_V1` のように名前で指定します。
# - `requires_grad = False` だけでは BatchNorm は凍結されません(次の節)。
# - 正規化の数値を手で書き写す必要はありません。`weights.transforms()` が、その重みに合った前処理を返します。

# %% [markdown] key="torchvision" lang="en"
# ## The same page with torchvision's ResNet-18
#
# With torchvision's **ResNet-18** the code above hardly changes: only how the network is made, and how preprocessing is called. So that it needs no internet, the cell below has `weights=None` (random weights). Where you are online, write `weights=weights`.
#
# Older tutorials often get three things wrong:
#
# - `resnet18(pretrained=True)` has been deprecated since torchvision 0.13. Weights now have names, such as `ResNet18_Weights.IMAGENET1K_V1`.
# - `requires_grad = False` alone does not freeze BatchNorm (next section).
# - The numbers for normalisation need not be copied by hand: `weights.transforms()` is the preprocessing that belongs to these weights.

# %% key="resnet18" tags=["nbval-check-output"]
from torchvision.models import ResNet18_Weights, resnet18

weights = ResNet18_Weights.IMAGENET1K_V1
large = resnet18(weights=None)  # online: weights=weights
preprocess = weights.transforms()

large.fc = nn.Linear(large.fc.in_features, 5)
large.requires_grad_(False)
large.fc.requires_grad_(True)
large.eval()

print(large(preprocess(images[:4])).shape)
large_trained = sum(p.numel() for p in large.parameters() if p.requires_grad)
large_total = sum(p.numel() for p in large.parameters())
print(
    tl.text(
        "lesson02.count",
        trained=large_trained,
        total=large_total,
        share=large_trained / large_total,
    )
)

# %% [markdown] key="drift-intro" lang="ja"
# ## 凍結したつもり:BatchNormのずれ
#
# BatchNormの層は、通った画像の平均と分散を覚えています。これはパラメータではなく**バッファー**なので、`requires_grad` とは関係がありません。`model.train()` の状態で画像を通すたびに、新しいデータのほうへ少しずつ動きます。
#
# 鳥10種類(1種類10枚)で、BatchNormを止めて学習した場合と、`model.train()` のまま学習した場合を比べます。ほかの条件はすべて同じです。
#
# > **予想してから実行**:ずれは、どの層で大きいでしょうか。正解率は変わるでしょうか。

# %% [markdown] key="drift-intro" lang="en"
# ## Frozen, or so you think: BatchNorm drifts
#
# A BatchNorm layer remembers the mean and variance of what passed through it. These are not parameters but **buffers**, and `requires_grad` does not concern them: in `model.train()` they move a little towards the new data with every batch.
#
# On ten kinds of bird, ten pictures of each, we train once with BatchNorm at rest and once in `model.train()`. All else is equal.
#
# > **Predict, then run**: in which layers is the drift large? Does the accuracy change?


# %% key="train-head"
def train_head(network: nn.Module, task: tl.Task, mode: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = copy.deepcopy(network)
    model.fc = nn.Linear(model.fc.in_features, task.num_classes)
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    model.train(mode == "train")  # the only difference
    images, labels = task.train.inputs, task.train.labels
    optimizer = torch.optim.AdamW(model.fc.parameters(), lr=0.01)
    for _ in range(8):
        for rows in torch.randperm(len(labels)).split(32):
            loss = F.cross_entropy(model(model.preprocess(images[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


# %% [markdown] key="drift-two" lang="ja"
# ずれた本体が、もとの仕事をまだできるかも調べます。凍結した本体は1つで、出力層だけを何個も付け替えて使うことがよくあるからです。

# %% [markdown] key="drift-two" lang="en"
# We also ask whether the body can still do its old job, because one frozen body often serves many heads.

# %% key="drift" alt_ja="左はBatchNorm各層の移動平均のずれ。右はずれの有無による正解率の比較。鳥でも事前学習のタスクでも、ずれると下がる。" alt_en="Left, the shift of the running mean in each BatchNorm layer. Right, accuracy with and without drift: it falls on birds and on the pre-training task."
source = tl.load_task("source", per_class=1, valid_per_class=1, test_per_class=2)
tasks = [tl.load_task("birds", 10, seed, test_per_class=25) for seed in tl.seeds(3)]
accuracy = {"birds": {"eval": [], "train": []}, "source": {"eval": [], "train": []}}
drifts, loop_seconds = [], []
for mode in ("eval", "train"):
    for seed, birds in enumerate(tasks):
        start = time.perf_counter()
        model = train_head(network, birds, mode, seed)
        if mode == "eval":
            loop_seconds.append(time.perf_counter() - start)
        else:
            drifts.append(lesson02.measure_drift(network, model))
        accuracy["birds"][mode].append(tl.evaluate(model, birds.test))
        model.fc = network.fc  # the old head again
        accuracy["source"][mode].append(tl.evaluate(model, source.test))
lesson02.draw_drift(drifts, accuracy)

# %% [markdown] key="drift-read" lang="ja"
# 左の図は、移動平均が何標準偏差ぶんずれたかです。`requires_grad` がすべて `False` の本体が、どの層でも動いています。とくに大きいのは、いちばん手前の `bn1` と、いちばん奥の `layer4` です。右の図の点は3回の平均、線は95%信頼区間です。平均すると、新しい出力層でも、もとの出力層でも、ずれた本体のほうが正解率は低くなっています。新しいタスクでの損は学習に使う画像の選び方によって大きく変わりますが、もとの仕事は毎回はっきり下手になります。

# %% [markdown] key="drift-read" lang="en"
# At the left you see by how many standard deviations the running means moved: a body with `requires_grad = False` throughout has moved in every layer, most in `bn1` at the front and in `layer4` at the back. At the right are means of three runs with 95% intervals. On average the body that drifted does worse, with the new head as with the old one. What it costs on the new task varies a lot with the pictures that were drawn; the old job clearly suffers every time.

# %% key="claim-drift" tags=["claim"]
loss_of = {
    name: tl.interval([a - b for a, b in zip(of_task["eval"], of_task["train"])])
    for name, of_task in accuracy.items()
}
for name, difference in loss_of.items():
    print(tl.text(f"lesson02.lost_{name}"), difference)
assert min(min(drift.values()) for drift in drifts) > 0
assert loss_of["birds"].mean > 0.01
assert loss_of["source"].mean > 0.02

# %% [markdown] key="freeze-intro" lang="ja"
# 防ぎ方は2つです。学習ループで本体を `eval()` にしておくか、`tl.freeze` を使います。`tl.freeze` で凍結した部分は、あとで誰かが `model.train()` を呼んでも eval のままです。`tl.assert_frozen` は、凍結したはずのものが1ビットでも動いたら知らせます。

# %% [markdown] key="freeze-intro" lang="en"
# There are two remedies: keep the body in `eval()` throughout the loop, or use `tl.freeze`. What it froze stays in eval mode even when somebody calls `model.train()` later on. `tl.assert_frozen` reports anything frozen that moves by a single bit.

# %% key="freeze" tags=["nbval-check-output"]
pixels = network.preprocess(images[:32])

careless = copy.deepcopy(network).requires_grad_(False)
try:
    with tl.assert_frozen(careless):
        careless.train()
        careless(pixels)
except AssertionError as error:
    print(error)

careful = tl.freeze(tl.replace_head(copy.deepcopy(network), 5))
with tl.assert_frozen(careful):
    careful.train()
    careful(pixels)
print("layer1:", careful.layer1.training, " fc:", careful.fc.training)

# %% [markdown] key="cache-intro" lang="ja"
# ## 特徴は一度だけ計算する
#
# 凍結した本体は、同じ画像にいつも同じ特徴を返します。それなら、最初に一度だけ計算して取っておけば十分です。下のループは「BatchNormのずれ」のときと同じ8エポックですが、画像ではなく特徴を読みます。
#
# > **予想してから実行**:ネットワークを通す回数は8回から1回に減ります。時間は何分の1になるでしょうか。

# %% [markdown] key="cache-intro" lang="en"
# ## Compute features only once
#
# A frozen body gives the same features for the same picture every time, so computing them once is enough. The loop below has the same 8 epochs as the one on drift, but it reads features instead of pictures.
#
# > **Predict, then run**: 8 passes through the network become one. By how much does the time shrink?


# %% key="cached"
def train_on_features(features: torch.Tensor, labels: torch.Tensor, seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    head = nn.Linear(features.shape[1], int(labels.max()) + 1)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01)
    for _ in range(8):
        for rows in torch.randperm(len(labels)).split(32):
            loss = F.cross_entropy(head(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head


def read_features(images: torch.Tensor) -> torch.Tensor:
    return tl.extract_features(network, images, cache=False)  # False: so that we can time it


# %% [markdown] key="cached-two" lang="ja"
# データ拡張をすると、事情が変わります。毎回ちがう画像になるなら、特徴も毎回計算し直しです。ここでは左右反転だけを使い、もとの画像と反転した画像の2組を先に計算しておきます。

# %% [markdown] key="cached-two" lang="en"
# Augmentation changes the bill: where pictures differ every time, so do their features. Here we mirror each picture only, and compute two sets beforehand, one plain and one mirrored.

# %% key="cached-run"
ways = {
    "loop": {"passes": 8, "seconds": sum(loop_seconds) / 3, "accuracy": accuracy["birds"]["eval"]}
}
for way, flips in {"cached": [False], "cached_flips": [False, True]}.items():
    seconds, right = [], []
    for seed, birds in enumerate(tasks):
        start = time.perf_counter()
        pictures = [birds.train.inputs.flip(3) if flip else birds.train.inputs for flip in flips]
        features = torch.cat([read_features(of_kind) for of_kind in pictures])
        head = train_on_features(features, birds.train.labels.repeat(len(flips)), seed)
        seconds.append(time.perf_counter() - start)
        answers = head(tl.extract_features(network, birds.test)).argmax(dim=1)
        right.append((answers == birds.test.labels).double().mean().item())
    ways[way] = {"passes": len(flips), "seconds": sum(seconds) / 3, "accuracy": right}
lesson02.Lines(ways)

# %% [markdown] key="cached-read" lang="ja"
# 同じループ、ほぼ同じ正解率で、時間だけが短くなりました。反転した画像も加えると、通す回数が1回増え、ここでは正解率も平均では上がっています。毎エポックでランダムに変える拡張なら、8回に逆戻りです。**まず特徴を保存して速く試し、必要なら手間をかけて拡張する**。この順番が得策です。

# %% [markdown] key="cached-read" lang="en"
# The same loop, practically the same accuracy, in a fraction of the time. Mirrored pictures cost one more pass and, on average, raise the accuracy here. An augmentation that draws anew in each epoch would take us back to 8 passes. So **try things fast with kept features first, and pay for augmentation where it is needed**.

# %% key="claim-cached" tags=["claim"]
times = ways["loop"]["seconds"] / ways["cached"]["seconds"]
apart = abs(sum(ways["loop"]["accuracy"]) - sum(ways["cached"]["accuracy"])) / 3
print(f"With kept features: {times:.1f} times as fast")
# ja: print(f"特徴を保存すると {times:.1f} 倍の速さです")
tl.claim(
    "The accuracy is the same within 3 points.",
    # ja: "正解率の差は3ポイント未満です。",
    apart < 0.03,
)

# %% [markdown] key="heads-intro" lang="ja"
# 特徴が手元にあれば、さらに欲張れます。学習率5とおり×重み減衰4とおり、合わせて20個の出力層を、1回の計算でまとめて学習します。検証データでいちばんよいものを選べば、それが `tl.probe` です。

# %% [markdown] key="heads-intro" lang="en"
# With features at hand we can ask for more: twenty heads, of five learning rates and four weight decays, trained side by side in one computation. Choose the best on validation data, and you have `tl.probe`.

# %% key="heads" tags=["claim"]
from tlhelpers.transfer.heads import Standardizer, fit_heads

plain = tl.extract_features(network, tasks[0].train)
features, labels_of = Standardizer(plain)(plain), tasks[0].train.labels
seconds = {}
for count, grid in {
    1: [(1.0,), (1e-4,)],
    20: [(0.3, 1, 3, 10, 30), (1e-5, 1e-4, 1e-3, 1e-2)],
}.items():
    start = time.perf_counter()
    fit_heads(features, labels_of, 10, *grid)
    seconds[count] = time.perf_counter() - start
print(f"1 head: {seconds[1]:.2f} s, 20 heads: {seconds[20]:.2f} s")
# ja: print(f"出力層1個:{seconds[1]:.2f} 秒、20個:{seconds[20]:.2f} 秒")

# %% [markdown] key="norm-intro" lang="ja"
# ## 正規化を合わせる
#
# ネットワークは、事前学習のときと同じ範囲の数を期待しています。画素の値(0〜255)をそのまま渡しても、エラーにはなりません。ただ正解率が下がります。
#
# 正規化は4とおり試します。①事前学習と同じ、②ImageNetの平均と標準偏差、③0〜1にするだけ、④0〜255のまま。間違え方も2とおり測ります。1つは、学習のときは正しく、**使うときだけ間違える** 場合です(実際の現場でよく起こります)。もう1つは、**はじめから終わりまで間違える** 場合です。
#
# > **予想してから実行**:使うときだけ間違える場合について、①〜④を正解率の高い順に並べてください。はじめから終わりまで間違える場合は、それより良くなるでしょうか。

# %% [markdown] key="norm-intro" lang="en"
# ## Normalisation must match
#
# A network expects numbers of the range it saw in pre-training. Raw pixel values from 0 to 255 raise no error; they only cost accuracy.
#
# We try four normalisations: ① that of pre-training, ② ImageNet's mean and deviation, ③ values scaled to 0 to 1, no more, ④ raw values from 0 to 255. And we measure two ways of getting it wrong: right in training but **wrong in use**, which happens a lot when a model is deployed, and **wrong throughout**.
#
# > **Predict, then run**: put ① to ④ in order of accuracy when the mistake is made in use. Is it better, or worse, to be wrong throughout?

# %% key="norm"
from tlhelpers.models.preprocess import Preprocess

normalisations = {
    "own": network.preprocess,
    "imagenet": Preprocess((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "unit": Preprocess((0, 0, 0), (1, 1, 1)),
    "raw": Preprocess((0, 0, 0), (1 / 255, 1 / 255, 1 / 255)),
}


def head_accuracy(head: nn.Module, task: tl.Task, preprocess: nn.Module) -> float:
    answers = head(tl.extract_features(network, task.test, preprocess=preprocess)).argmax(1)
    return (answers == task.test.labels).double().mean().item()


def with_preprocess(preprocess: nn.Module) -> nn.Module:
    return tl.attach_preprocess(copy.copy(network), preprocess)


outcome = {way: {"in_use": [], "throughout": []} for way in normalisations}
for seed, birds in enumerate(tasks):
    probes = {
        way: tl.probe(with_preprocess(preprocess), birds, seed=seed)
        for way, preprocess in normalisations.items()
    }
    for way, preprocess in normalisations.items():
        in_use = head_accuracy(probes["own"].head, birds, preprocess)
        outcome[way]["in_use"].append(in_use)
        outcome[way]["throughout"].append(probes[way].test_acc)
lesson02.Lines(outcome)

# %% [markdown] key="norm-read" lang="ja"
# 値の範囲を大きく間違えると、使うときの正解率は当てずっぽう(10%)の近くまで落ちます。はじめから終わりまで間違えた場合は、出力層がその特徴に合わせて学習するので6割ほどまで戻りますが、正しい正規化には遠く及びません。一方、ImageNetの平均と標準偏差は、このネットワークのものとたまたま近いので、ほとんど害がありません。**エラーが出ないこと** がいちばんの問題です。

# %% [markdown] key="norm-read" lang="en"
# With a range that is far off, accuracy in use drops close to guessing (10%). Wrong throughout is better, since the head learns to live with these features: about 60%, still far below the right normalisation. ImageNet's mean and deviation, by contrast, happen to be near those of this network and do next to no harm. The real trouble is that **no error is raised**.

# %% key="claim-norm" tags=["claim"]
harm = {
    way: tl.interval([a - b for a, b in zip(outcome["own"]["in_use"], outcome[way]["in_use"])])
    for way in ("unit", "raw")
}
print(*harm.values())
assert min(harm["unit"].low, harm["raw"].low) > 0.2

# %% [markdown] key="see-intro" lang="ja"
# ## 層は何を見ているか
#
# なぜ、鳥を見たことのないネットワークの特徴が、鳥に役立つのでしょうか。第1層のフィルターを、小さな絵として見てみます。

# %% [markdown] key="see-intro" lang="en"
# ## What do the layers look at?
#
# Why are the features of a network that never saw a bird any good for birds? Look at the filters of its first layer as little pictures.

# %% key="filters" alt_ja="第1層のフィルターを並べた図。明暗の境目のようなものや、色のかたまりが見える。" alt_en="The filters of the first layer in rows: borders of light and dark, and patches of colour."
lesson02.draw_filters(network)

# %% [markdown] key="maps-intro" lang="ja"
# 1枚が1つのフィルターです。明暗の境目に反応しそうなものや、色のかたまりに反応しそうなものがあります。どれも鳥だけのものではなく、どんな画像にもあるものです。
#
# 次に、1羽の鳥を通して、層ごとの反応を見ます。**フック**(hook)を使うと、途中の層の出力を取り出せます。

# %% [markdown] key="maps-intro" lang="en"
# Each little picture is one filter. Some look for borders of light and dark, others for patches of colour: nothing special to birds, but part of any picture.
#
# Next, send one bird through and watch the layers respond. A **hook** hands us the output of a layer inside.

# %% key="maps" alt_ja="鳥の画像と、各層で強く反応した4枚のマップ。はじめは輪郭が見え、深い層ほど粗くなる。" alt_en="A bird and the four strongest maps of each layer: outlines at first, coarser spots in deeper layers."
activations = {}


def keep(name: str):
    def hook(module, inputs, output):
        activations[name] = output

    return hook


layers = ("conv1", "layer1", "layer2", "layer3", "layer4")
hooks = [getattr(network, name).register_forward_hook(keep(name)) for name in layers]
with torch.no_grad():
    network(network.preprocess(image[None]))
for hook in hooks:
    hook.remove()
lesson02.draw_activations(image, activations)

# %% [markdown] key="near-intro" lang="ja"
# 左端が入力の画像です。明るいところほど強く反応しています。浅い層では鳥の輪郭がそのまま見えますが、深い層ではどこに何があるかが、粗い点にまとめられていきます。
#
# それで何がわかるようになるのでしょうか。ある層の特徴が近い画像を5枚ずつ探して、**同じ種類の鳥かどうか** を調べます。
#
# > **予想してから実行**:10種類なので、偶然なら約10%です。`layer1` と `layer4` では何%になるでしょうか。

# %% [markdown] key="near-intro" lang="en"
# The picture is at the left; the brighter a spot, the stronger the response. Early layers still show the outline of the bird; deeper ones sum up in a few coarse spots what is where.
#
# What is this good for? For each picture we look for the five whose features in a layer are nearest, and ask **whether they show the same kind of bird**.
#
# > **Predict, then run**: with ten kinds, chance gives about 10%. What will `layer1` and `layer4` give?

# %% key="near" alt_ja="1羽の鳥と、画素・layer1・layer4の特徴で近い5枚ずつ。深い層ほど同じ種類が並ぶ。" alt_en="One bird and its five nearest pictures by pixels, layer1 and layer4; the deeper, the more of the same kind."
neighbours, shares = {}, {}
for seed in tl.seeds(3):
    birds = tl.load_task("birds", per_class=20, seed=seed)
    for layer in ("pixels", "layer1", "layer2", "layer3", "layer4"):
        if layer == "pixels":
            features = birds.train.inputs.flatten(1) / 255 - 0.5
        else:
            features = tl.extract_features(network, birds.train, layer=layer)
        name = tl.text("lesson02.pixels") if layer == "pixels" else layer
        near = lesson02.nearest(features, k=5)
        same = birds.train.labels[near] == birds.train.labels[:, None]
        neighbours[name] = near
        shares.setdefault(name, []).append(same.double().mean().item())
shown = {name: neighbours[name] for name in (tl.text("lesson02.pixels"), "layer1", "layer4")}
lesson02.draw_neighbours(birds.train.inputs, shown, query=4)

# %% [markdown] key="near-read" lang="ja"
# 左端の鳥に近い画像を、画素そのもの、浅い層、深い層の順に並べました。画素では背景や色の似た画像が、深い層では同じ種類の鳥が集まりやすくなります。1羽だけでは印象にすぎないので、200枚すべてで数え、3回くり返します。

# %% [markdown] key="near-read" lang="en"
# The pictures nearest to the bird at the left, by the pixels themselves, an early layer and a late one. Pixels tend to find similar backgrounds and colours, the late layer birds of the same kind. One bird is only an impression, so we count all 200 pictures, three times over.

# %% key="shares" alt_ja="近い5枚のうち同じクラスの割合。画素から深い層へ進むほど高くなる。" alt_en="Share of the five nearest of the same class: it rises from pixels to the deepest layer."
lesson02.draw_shares(shares, chance=19 / 199)

# %% [markdown] key="shares-read" lang="ja"
# 縦軸は、近い5枚のうち同じ種類だった割合です。深い層ほど、「同じ種類の鳥は近くに集まる」ように並び直されています。だから、最後に線形の出力層を1枚足すだけでも、かなり見分けられるのです。

# %% [markdown] key="shares-read" lang="en"
# The line shows the share of the five nearest that are of the same kind. The deeper the layer, the closer birds of a kind lie together. This is why a single linear layer on top goes a long way.

# %% key="claim-shares" tags=["claim"]
gain = tl.interval([late - early for early, late in zip(shares["layer1"], shares["layer4"])])
print(gain)
assert gain.low > 0.1

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# 層を選び、鳥をクリックしてください。その層で強く反応したマップと、近い画像が表示されます。同じ種類が並ぶのはどの層からでしょうか。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Choose a layer and click a bird: you see the maps that respond most and the pictures nearest to it. From which layer on do birds of a kind stand together?

# %% key="widget"
tl.widget("02")

# %% [markdown] key="digits-intro" lang="ja"
# ## 本物の画像で
#
# ここまでは描いた絵でした。今度は **本物の手書き数字**(scikit-learn に入っている、43人が書いた数字)です。元は8×8画素しかない粗い画像を、拡大して使います。事前学習では一度も見ていません。

# %% [markdown] key="digits-intro" lang="en"
# ## Real input
#
# So far all pictures were drawn. Now comes **real handwriting**: the digits in scikit-learn, by 43 writers, only 8 × 8 pixels each and enlarged. None of them was seen in pre-training.

# %% key="digits" alt_ja="手書き数字の見本。0から9まで1行に1種類、5枚ずつのぼやけた画像。" alt_en="Handwritten digits, 0 to 9, one a row, five blurred pictures each."
digits = tl.load_task("digits", per_class=5, seed=10)
tl.show(digits, per_class=5)

# %% [markdown] key="digits-run-intro" lang="ja"
# 1つの数字につきラベルは5枚です。凍結・ファインチューニング・ゼロから学習を比べます。5枚を引き直した10回ぶんは、前もって測ってあります(`tl measure digits` で測り直せます。学習率は検証データで選びました)。今日は、その10回になかった5枚で1回だけ学習します。時間を節約するため、40エポックではなく25エポックです。
#
# > **予想してから実行**:架空の生きものや記号で学んだ特徴は、手書き数字の役に立つでしょうか。

# %% [markdown] key="digits-run-intro" lang="en"
# There are five labels a digit. We compare frozen, fine-tuned and from scratch. Ten runs, each with five other labels, were measured beforehand (`tl measure digits` repeats them; the learning rates were chosen on validation data). Today we train once, with five labels that are not among those ten, and for 25 epochs instead of 40, to save time.
#
# > **Predict, then run**: do features learned from imaginary creatures and signs help with handwriting?

# %% key="digits-run"
training = {"epochs": 25, "batch_size": 32, "clip_norm": 1.0, "valid": False}
tuned = tl.fine_tune(network, digits, freeze_epochs=0, lr=0.03, lr_mult=5, **training)
fresh = tl.train_from_scratch(network, digits, lr=0.03, **training)
today = {
    "probe": tl.probe(network, digits).test_acc,
    "fine_tune": tuned.test_acc,
    "scratch": fresh.test_acc,
    "pixels_only": tl.knn("pixels", digits).test_acc,
}

# %% key="digits-table"
earlier = lesson02.read_bars(tl.stored("bars_digits"), "digits, 5 labels")
tasks = [tl.load_task("digits", per_class=5, seed=seed) for seed in range(10)]
earlier["pixels_only"] = tl.interval([tl.knn("pixels", task).test_acc for task in tasks])
lesson02.Lines({way: {"ten_runs": earlier[way], "today": today[way]} for way in today})

# %% [markdown] key="digits-read" lang="ja"
# 左の列は前もって測った10回の平均と95%信頼区間、右の列は今日の1回です。10回の平均では、ファインチューニングがゼロからの学習を上回りました。絵で学んだ「目」は、本物の手書きにも少し役立ちます。凍結とゼロからの学習の差は、それよりずっと小さく、区間が重なっています。今日の1回だけなら、順番が入れ替わることもあります。
#
# ただし、いちばん簡単な方法も忘れないでください。**画素がいちばん近い画像の数字を答えるだけ** で、凍結やゼロからの学習に引けを取らない正解率が出ています。この数字はどれも中央に同じ大きさで置かれているので、画素の比較だけでもかなり当たるのです。転移の効果を言う前に、簡単な方法と必ず比べましょう。

# %% [markdown] key="digits-read" lang="en"
# At the left are means of the ten runs measured beforehand, with 95% intervals; at the right is today's single run. Over ten runs fine-tuning is ahead of training from scratch: an eye that learned from drawings is of some use for real handwriting. Frozen against scratch is a much smaller difference, and the intervals overlap. In a single run such as today's, the order may well change.
#
# But do not forget the simplest way. **Answering with the digit whose pixels are nearest** is no worse here than frozen features or training from scratch. All these digits are centred and of one size, so that comparing pixels goes a long way. Before you praise transfer, compare it with something simple.

# %% key="claim-digits" tags=["claim"]
print(earlier["ahead"])
assert earlier["ahead"].low > 0.02

# %% [markdown] key="real" lang="ja"
# ### 本物の写真では、どの層から読むか
#
# 同じことを、本物のMobileNetV2（ImageNet）と猫と犬の写真2,000枚で確かめます。19個のブロックのうち6か所で特徴を取り出し、それぞれに出力層を学習させました。
#
# > **予想してから実行**：入口に近い特徴と、出口に近い特徴では、どちらがどれくらい上でしょうか。

# %% [markdown] key="real" lang="en"
# ### Real photographs: which layer to read from
#
# The same with the real MobileNetV2 (ImageNet) and 2,000 photographs of cats and dogs. Features were taken at six of its nineteen blocks, and a head was trained on each.
#
# > **Predict, then run**: are features near the entrance or near the exit better, and by how much?

# %% key="real-layers" alt_ja="MobileNetV2の6つの深さで読んだ特徴の、猫と犬でのテスト正解率。ラベル10枚と50枚の2本の線。" alt_en="Test accuracy on cats and dogs of features read at six depths of MobileNetV2, with 10 and with 50 labels a class."
real = tl.stored("02_real")
lesson02.draw_layers(real)

# %% [markdown] key="real-layers-read" lang="ja"
# **深く読むほどよく**、10枚のラベルで57%から87%まで上がります。入口の特徴は、どの写真にもある輪郭や色しか語りません。出口の特徴は、ImageNetの1,000種類（犬だけで118種類）を見分けるために作られたもので、猫と犬にはうってつけです。転移先が写真から遠いときは、途中の層のほうがよいこともあります（レッスン06）。
#
# BatchNormのずれも本物で測りました。「凍結」したつもりの本体を訓練モードのまま60バッチ動かすと、正解率は95.0%から94.0%に下がりました（5回の平均）。大きくはありませんが、防ぐのはただです。値は保存済みの結果で、写真は96画素です。

# %% [markdown] key="real-layers-read" lang="en"
# **The deeper, the better**: from 57% to 87% with ten labels. Features at the entrance tell of edges and colours that every photograph has. Those at the exit were made to tell apart the thousand classes of ImageNet, 118 of them dogs, which suits cats and dogs perfectly. Where the target is far from photographs, a layer in the middle may serve better (lesson 06).
#
# BatchNorm's drift was measured on them, too: sixty batches through the "frozen" body left in train mode cost one point, 95.0% to 94.0% (mean of five draws). That is little, and to prevent it costs nothing. These are stored results, at 96 pixels.

# %% [markdown] key="photos-intro" lang="ja"
# ## あなたの写真と、ImageNetの重みで
#
# 同じことは本物の写真でもできます。`folder` に、クラスごとのフォルダーに分けた写真(またはそのzip)を指定してください。たとえば `folder="cats_and_dogs"` です。ImageNetで事前学習したResNet-18(約45 MB)を初回だけダウンロードします。指定しなければ、説明だけを表示して先へ進みます。

# %% [markdown] key="photos-intro" lang="en"
# ## With your photos and ImageNet weights
#
# The same works for real photos. Give `folder` the path of your pictures, one folder a class (or a zip of it), such as `folder="cats_and_dogs"`. A ResNet-18 pretrained on ImageNet, about 45 MB, is downloaded the first time. Without a folder the cell only says what it would do.

# %% key="photos"
found = lesson02.find_photos(folder=None)
if found:
    imagenet, photos = found
    frozen = tl.probe(imagenet, photos).test_acc
    control = tl.knn("pixels", photos).test_acc
    count = len(photos.train)
    print(tl.text("lesson02.photo_result", count=count, accuracy=frozen, pixels=control))

# %% [markdown] key="photos-read" lang="ja"
# この欄は、あなたの写真で測ったときにだけ数字が出ます。事前に測った例では、犬と猫の写真2,000枚で、ImageNetで学習したMobileNetV2の凍結した特徴が約97%(150ピクセル)に達しました。ランダムな重みでは約54%でした。レッスン14では、自分の写真をもっとくわしく調べます。

# %% [markdown] key="photos-read" lang="en"
# Numbers appear here only for photos of yours. In an example measured beforehand, with 2,000 photos of cats and dogs, the frozen features of a MobileNetV2 trained on ImageNet reached about 97% (150 pixels); random weights gave about 54%. Lesson 14 looks into your own photos in more depth.

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** 凍結したら、まず数えて確かめます。学習するパラメータ(`requires_grad` が True のもの)に含まれる値の個数を返す関数を完成させてください。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** After freezing, count. Complete the function so that it returns the number of values in the parameters that are trained, those with `requires_grad`.


# %% key="ex-a" tags=["exercise"] needs="setup"
def count_trained(model: nn.Module) -> int:
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
    ### END SOLUTION


tl.check("02-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** 画像1枚(uint8、形は (3, 64, 64))を受け取り、クラスの名前を返す関数を完成させてください。忘れやすいことが3つあります。

# %% [markdown] key="exercise-b" lang="en"
# **B.** Complete the function that takes one picture (uint8, shape (3, 64, 64)) and returns the name of its class. Three things are easily forgotten.


# %% key="ex-b" tags=["exercise"] needs="setup"
def classify(model: nn.Module, image: torch.Tensor, names: list[str]) -> str:
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    model.eval()
    with torch.no_grad():
        logits = model(model.preprocess(image[None]))
    return names[int(logits[0].argmax())]
    ### END SOLUTION


tl.check("02-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("02")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 特徴抽出では、本体を凍結し、取り替えた出力層だけを学習します。パラメータも保存量も、全体の1%に届きません。
# - 凍結とは、パラメータ **と** BatchNormの統計量の両方を止めることです。`model.eval()` か `tl.freeze` を使い、`tl.assert_frozen` で確かめます。
# - 凍結した特徴は一度計算すれば使い回せます。ランダムなデータ拡張をするなら、そのたびに計算し直しです。
# - 正規化は事前学習と同じものを使います。間違えてもエラーは出ません。
# - 深い層へ進むほど、同じ種類の画像の特徴は近くに集まります。だから、線形の出力層1枚でもかなり見分けられます。
#
# **うまくいかないとき**
#
# - 学習中はよいのに、使うと当たらない:前処理が違うか、`eval()` を忘れています。
# - 損失が下がらない:オプティマイザーに渡したのが古い出力層のままではありませんか。取り替えた **あと** に作ります。
# - 読み込みで名前や形が合わない:保存したときと同じクラス数の出力層を付けてから `load_state_dict` を呼びます。
# - 凍結のままでは正解率が頭打ちになる:特徴が問題に合っていません。レッスン03に進みましょう。
#
# **文献**
#
# - J. Donahue ほか, *DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition*, 2014. [arXiv:1310.1531](https://arxiv.org/abs/1310.1531)
# - A. S. Razavian ほか, *CNN Features off-the-shelf: an Astounding Baseline for Recognition*, 2014. [arXiv:1403.6382](https://arxiv.org/abs/1403.6382)
# - M. D. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, 2014. [arXiv:1311.2901](https://arxiv.org/abs/1311.2901)
# - G. Alain, Y. Bengio, *Understanding intermediate layers using linear classifier probes*, 2016. [arXiv:1610.01644](https://arxiv.org/abs/1610.01644)
# - S. Ioffe, C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift*, 2015. [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Feature extraction freezes the body and trains only the new head: less than 1% of the parameters, and of the kilobytes.
# - Frozen means parameters **and** the statistics of BatchNorm. Use `model.eval()` or `tl.freeze`, and make sure with `tl.assert_frozen`.
# - Frozen features are computed once and used again. Random augmentation means computing them anew each time.
# - Use the normalisation of pre-training. A wrong one raises no error.
# - The deeper the layer, the closer the features of one kind lie together: therefore a single linear layer goes a long way.
#
# **What can go wrong**
#
# - Good in training, wrong in use: the preprocessing differs, or `eval()` was forgotten.
# - The loss does not fall: did the optimizer get the old head? Build it **after** the replacement.
# - Names or shapes do not fit on loading: attach a head for as many classes as were saved, then call `load_state_dict`.
# - Frozen features stop short of the accuracy you need: they do not fit the problem. Go on to lesson 03.
#
# **References**
#
# - J. Donahue et al., *DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition*, 2014. [arXiv:1310.1531](https://arxiv.org/abs/1310.1531)
# - A. S. Razavian et al., *CNN Features off-the-shelf: an Astounding Baseline for Recognition*, 2014. [arXiv:1403.6382](https://arxiv.org/abs/1403.6382)
# - M. D. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, 2014. [arXiv:1311.2901](https://arxiv.org/abs/1311.2901)
# - G. Alain, Y. Bengio, *Understanding intermediate layers using linear classifier probes*, 2016. [arXiv:1610.01644](https://arxiv.org/abs/1610.01644)
# - S. Ioffe, C. Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift*, 2015. [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 凍結から予測まで15分、費用とtorchvision 8分、BatchNorm 10分、特徴の保存 7分、正規化 5分、層 8分、本物の画像とクイズ 7分が目安です。
#
# - 「凍結」ということばは、パラメータだけを指すと思われがちです。`assert_frozen` のエラー文を全員で読むと、バッファーの存在に気づけます。
# - よくある間違い:出力層を取り替える前にオプティマイザーを作る、`model.train()` を習慣で呼ぶ、確率をもう一度 softmax に通す、画像1枚をバッチにしない。
# - BatchNormの害はデータによります。新しい画像が事前学習のものと似ていれば小さくなり、バッチが小さいほど大きくなりがちです。「いつも害がある」とは教えないでください。
# - 遅い教室では「BatchNormのずれ」と「手書き数字」のセルを先に実行させておき、待ち時間に予想を話し合います。
# - 主張のセルは、シード0〜2のほかに、200〜202、300〜302、400〜402でも確かめました。手書き数字だけは、前もって測った10回(シード0〜9)で確かめています。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: from freezing to prediction 15 minutes, cost and torchvision 8, BatchNorm 10, kept features 7, normalisation 5, layers 8, real input and quiz 7.
#
# - "Frozen" is often taken to mean parameters only. Read the message of `assert_frozen` together: it reveals the buffers.
# - Common mistakes: building the optimizer before the head is replaced, calling `model.train()` by habit, a second softmax on probabilities, a single picture that is no batch.
# - The harm of BatchNorm drift depends on the data: less where the new pictures resemble those of pre-training, often more with small batches. Do not teach that it always hurts.
# - In a slow room, have the cells on drift and on handwriting run early and discuss predictions meanwhile.
# - The claims were checked on seeds 200 to 202, 300 to 302 and 400 to 402 as well as on 0 to 2; that on handwriting on the ten runs measured beforehand (seeds 0 to 9).
