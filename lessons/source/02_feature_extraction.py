# %% [markdown] key="title" lang="ja"
# # 02 特徴抽出
#
# **説明20分、練習とクイズ25分** ・ 前提：レッスン01。PyTorchの学習ループを一度見たことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 事前学習済みモデルの本体を凍結し、新しい出力層だけを学習させ、保存して使う
# - 「凍結したつもり」で起きる失敗（BatchNormの更新）を見つけて防ぐ
# - 特徴を一度だけ計算して、学習を何倍も速くする

# %% [markdown] key="title" lang="en"
# # 02 Feature extraction
#
# **20 minutes of reading, 25 of exercises and quiz** · Before this: lesson 01. It helps to have seen a training loop in PyTorch once.
#
# After this lesson you can
#
# - freeze the body of a pretrained model, train only a new head, save it and use it
# - find and prevent the mistake of a body that is frozen in name only (BatchNorm)
# - compute features once, and train many times faster

# %% key="setup"
import copy
import tempfile
import time
from pathlib import Path

import torch
from IPython.display import display
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson02 = tl.figures("02")

# %% [markdown] key="idea" lang="ja"
# ## 目を借りて、名前だけ覚える
#
# 修理部品の窓口を想像してください。形のよく似た部品が何種類もあり、写真は1種類につき10枚、手元にあるのは普通のノートパソコンです。それでも、ものの見方をすでに知っているネットワークから「目」を借りれば、写真から品名を当てる仕組みは今日のうちに作れます。
#
# 野鳥観察を始めた人も、ものの見方を一から学び直したりはしません。輪郭や模様を見分ける目はもうあり、新しく覚えるのは鳥の名前だけです。**特徴抽出**（feature extraction）では、ネットワークを2つに分けて考えます。
#
# - **本体**（バックボーン、backbone）が目です。画像を数百個の数、つまり**特徴**（feature）に変えます。学習では動かしません。これを**凍結**（freeze）といいます。
# - **出力層**（ヘッド、head）が名前を覚える部分です。特徴からクラスごとの点数を出します。新しいものに取り替え、ここだけを学習させます。
#
# 部品の代わりに、10種類の鳥で練習しましょう。学習に使う**訓練データ**は1種類につき10枚、合わせて100枚です。目を貸してくれる `zukan-resnet` は、事前学習で104種類の絵を学びましたが、鳥は1枚も見ていません。

# %% [markdown] key="idea" lang="en"
# ## Borrow the eye, learn the names
#
# Picture the counter of a spare-parts shop: many similar parts, ten photos of each, an ordinary laptop. Borrow the eye of a network that already knows how to look, and by tonight the laptop names the part in a photo.
#
# A new bird-watcher can see already; only the names are new. **Feature extraction** splits a network in the same way:
#
# - The **body**, or **backbone**, is the eye. It turns a picture into a few hundred numbers, its **features**. We **freeze** it: training does not change it.
# - The **head** learns the names. It makes a score for each class from the features. We train only a new one.
#
# We practise on birds. The **training data** are ten labelled pictures of each of ten kinds, 100 in all. The eye is `zukan-resnet`, pretrained on 104 kinds of drawing, none of them a bird.

# %% key="birds" alt_ja="凍結した本体と新しい出力層の図。その下に、10種類の鳥のうち5種類の見本。1行に1種類、6枚ずつ。" alt_en="The frozen body and the new head; below, samples of five of the ten kinds of bird, one kind a row, six pictures each."
display(tl.diagram("body_and_head"))
draws = [tl.load_task("birds", 10, seed, test_per_class=25) for seed in tl.seeds(3)]
birds = draws[0]  # the other two are other pictures of the same ten kinds
# ja: birds = draws[0]  # 残りの2組は、同じ10種類の別の画像
tl.show(birds, classes=range(5))  # five of the ten kinds
# ja: tl.show(birds, classes=range(5))  # 10種類のうち5種類

# %% [markdown] key="widget-intro" lang="ja"
# 鳥を知らない目は、鳥を見分ける役に立つのでしょうか。ネットワークの各層は、画像をたくさんの小さなマップに変えます。これが**チャネル**（channel）で、それぞれ、自分の受け持つ模様があるところで明るくなります。下のウィジェットで層を選び、鳥をクリックしてください。その鳥に強く反応したチャネル8枚と、その層から見て似ている5羽が出ます。緑の枠は同じ種類です。
#
# ### 練習A（試す、5分）
#
# いちばん下の棒は、似ている5羽のうち同じ種類の割合を、60羽（1種類に6羽）すべてで平均したものです。割合が初めて50%を超える層の名前を（`"conv1"` のように引用符を付けて）`first_layer` に、出力層（ヘッド）に特徴を渡すのに最もよいと思う層の名前を `best_layer` に入れてください。

# %% [markdown] key="widget-intro" lang="en"
# Is an eye that knows no birds of any use for birds? Each layer turns a picture into small maps, its **channels**; each is bright where it finds its own pattern. Choose a layer and click a bird. You see the eight channels that it excites most, and the five birds that this layer finds most like it. A green frame marks those of its own kind.
#
# ### Exercise A (try, 5 minutes)
#
# The bars give the share of these five that are of the same kind, as a mean over all 60 birds, six of each kind. Put the name of the first layer above 50% into `first_layer` (in quotes, as in `"conv1"`), and the name of the layer that should feed the head into `best_layer`.

# %% key="widget"
tl.widget("02")

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: first_layer = ...
# PLACEHOLDER: best_layer = ...
first_layer = "layer3"
best_layer = "layer4"
### END SOLUTION
tl.check("02-a")

# %% [markdown] key="head-intro" lang="ja"
# ## 出力層を取り替え、残りを凍結する
#
# 最もよかったのは最後の `layer4` でした。そこで、出力層にはここの特徴を渡します。256枚のチャネルをそれぞれ平均した値が、256個の特徴 $f$ です。出力層は、$f$ に重み $W$ を掛け、バイアス $b$ を足して、10クラスの点数 $s$ を出します。
#
# $$s = W f + b$$
#
# 下の図は、チャネル2つ、クラス1つの場合を手で計算したものです。新しい出力層の重みは $10 \times 256$ 個、バイアスは10個なので、学習する**パラメータ**は2,570個だけです。残りは `requires_grad_(False)` にして、学習しても動かないようにします。

# %% [markdown] key="head-intro" lang="en"
# ## Replace the head, freeze the rest
#
# The last layer, `layer4`, served best. The mean of each of its 256 channels is one feature. From these features $f$, the head's weights $W$ and bias $b$ make the scores $s$ of the ten classes:
#
# $$s = W f + b$$
#
# The picture below does it for two channels and one class. In all, the head has $10 \times 256$ weights and 10 biases: only 2,570 **parameters** are trained. `requires_grad_(False)` keeps the others where they are.


# %% key="head" alt_ja="2つのチャネルの平均が2個の特徴になり、出力層がその特徴から1クラスの点数を計算する図。" alt_en="Two channels become two features, and a head makes the score of one class of them."
def borrow(body, classes):
    model = copy.deepcopy(body)
    model.fc = nn.Linear(model.fc.in_features, classes)  # the new head
    # ja: model.fc = nn.Linear(model.fc.in_features, classes)  # 新しい出力層
    model.requires_grad_(False)
    model.fc.requires_grad_(True)
    return model


display(tl.diagram("head_by_hand"))
model = borrow(network, 10)
trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in model.parameters())
print(f"{trained:,} of {total:,} parameters are trained ({trained / total:.2%})")
# ja: print(f"パラメータ {total:,} 個のうち、{trained:,} 個を学習（{trained / total:.2%}）")

# %% [markdown] key="train-intro" lang="ja"
# あとは普通の学習ループ `fit` です。主な行の役割は次のとおりです。
#
# | コード | 役割 |
# |---|---|
# | `for _epoch in range(8)` | 100枚を1周する。これが1**エポック**（epoch） |
# | `.split(32)` | 32枚ずつ取り出す。一度に通すこの束が**バッチ**（batch） |
# | `F.cross_entropy` | 答えの外れ具合を測る。これが**損失**（loss） |
# | `loss.backward()` | 重みごとに、損失が減る向きを求める。それを示すのが**勾配**（gradient） |
# | `optimizer.step()` | **オプティマイザー**（optimizer、ここではよく使う `AdamW`）が、重みをその向きへ少し動かす。歩幅の目安が**学習率**（learning rate、`lr`） |
#
# `model.preprocess` は、画素の値を事前学習のときと同じ範囲にそろえる関数で、モデルに付いてきます。また、モデルには `train()` と `eval()` の2つのモードがあり、使うときは必ず `eval()` にします。ここでは学習中も `eval()` のままです。理由は「『凍結したつもり』に注意」の節で確かめます。
#
# 学習するのは全体の0.25%、画像は100枚だけです。これで、初めて見る鳥を言い当てられるでしょうか。ランダムに答えると、正解率は10%です。

# %% [markdown] key="train-intro" lang="en"
# The rest is an ordinary training loop, `fit`:
#
# | code | job |
# |---|---|
# | `for _epoch in range(8)` | goes through all 100 pictures; once is an **epoch** |
# | `.split(32)` | takes 32 pictures at a time: a **batch** |
# | `F.cross_entropy` | measures how far the answers are off: the **loss** |
# | `loss.backward()` | finds for each weight which way the loss falls: the **gradient** |
# | `optimizer.step()` | the **optimizer**, here `AdamW`, moves the weights a little that way; the **learning rate** `lr` sets how far |
#
# `model.preprocess` brings pixels to the range of the pre-training. A network also has two modes, `train()` and `eval()`. For use it must be in `eval()`; "Frozen, or so you think" shows why ours stays in `eval()` even in training.
#
# So 0.25% of the network learns, from 100 pictures. Is that enough to name new birds? (Guessing: 10%.)


# %% key="train"
def fit(model, inputs, labels):
    learning = [p for p in model.parameters() if p.requires_grad]  # the head alone
    # ja: learning = [p for p in model.parameters() if p.requires_grad]  # 出力層だけ
    optimizer = torch.optim.AdamW(learning, lr=0.01)
    for _epoch in range(8):
        for rows in torch.randperm(len(labels)).split(32):
            loss = F.cross_entropy(model(inputs[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


def train_head(body, task, mode="eval"):
    torch.manual_seed(0)
    model = borrow(body, task.num_classes).train(mode == "train")  # train(False) is eval()
    # ja: model = borrow(body, task.num_classes).train(mode == "train")  # train(False) は eval()
    return fit(model, model.preprocess(task.train.inputs), task.train.labels)


model = train_head(network, birds)
accuracy = tl.evaluate(model, birds.test)
print(f"Accuracy on {len(birds.test)} new pictures: {accuracy:.0%}")
# ja: print(f"初めて見る画像 {len(birds.test)} 枚での正解率：{accuracy:.0%}")

# %% [markdown] key="rivals-intro" lang="ja"
# これは本当に、借りた目のおかげでしょうか。同じ100枚で、2つの**比較対象**（ベースライン）と比べます。
#
# - **画素の近さ**：ラベル付きの画像のうち、画素が最も近いものの名前を答える
# - **ランダムな本体**：重みがランダムなままの、つまりまだ何も見たことのない目に、線形プローブ（`tl.probe`）を付ける。設定は `fit` より念入りに選ぶ
#
# 学習とテストに使う画像を選び直して、それぞれ3回測ります。図の線は**95%信頼区間**です（レッスン01）。3回だけなので、広めになります。

# %% [markdown] key="rivals-intro" lang="en"
# Is that thanks to the borrowed eye? On the same pictures we try two **baselines**:
#
# - **nearest by pixels**: the name of the labelled picture with the most similar pixels
# - **random body**: the same network with random weights, an eye that never saw anything. A linear probe (`tl.probe`) trains its head, more carefully than our `fit`
#
# Each is measured in three **draws**, three choices of pictures. With so few, the **95% intervals** (lesson 01) are wide.

# %% key="rivals" alt_ja="画素の近さ、ランダムな本体、借りた本体のテスト正解率。1行に1つ、点と95%信頼区間。" alt_en="Test accuracy of nearest pixels, of a random body and of the borrowed body, one a row, as points with 95% intervals."
untrained = tl.backbone("zukan-resnet", pretrained=False)
rivals = {
    "pixels": [tl.knn("pixels", task, k=1).test_acc for task in draws],
    "untrained": [tl.probe(untrained, task).test_acc for task in draws],
    "borrowed": [tl.evaluate(train_head(network, task), task.test) for task in draws],
}
lesson02.draw_rivals(rivals)

# %% key="claim-rivals" tags=["claim"]
ahead = tl.interval([a - b for a, b in zip(rivals["borrowed"], rivals["untrained"])])
tl.claim(
    f"The borrowed eye is {100 * ahead.mean:.0f} points ahead of the random body on average, "
    # ja: f"借りた目は、ランダムな本体より平均{100 * ahead.mean:.0f}ポイント上です"
    f"95% interval from {100 * ahead.low:.0f} to {100 * ahead.high:.0f} (3 draws)",
    # ja: f"（95%信頼区間は{100 * ahead.low:.0f}〜{100 * ahead.high:.0f}、画像を選び直して3回）",
    ahead.low > 0,
)

# %% [markdown] key="rivals-read" lang="ja"
# **同じ100枚でも、事前学習済みの本体がはるかに上でした。** 先ほどの92%は1組目だけの結果で、図の点は3組の平均です。ほかのランダムな重みを10通り試しても、61%が最高でした。
#
# ## 保存して、使う
#
# 本体は変わっていないので、**保存するのは出力層だけ**で足ります。使うときは、同じ本体に出力層を読み込みます。形式は**safetensors**です。`torch.save` のファイルと違い、中にプログラムを仕込めないので、人からもらったファイルも安心して開けます。

# %% [markdown] key="rivals-read" lang="en"
# **With the same 100 pictures, the pretrained body is far ahead.** (The 92% above was the first of the three draws.) Ten other random bodies reached 61% at most.
#
# ## Save it and use it
#
# **The head is all you need to save**; to use it, load it onto the same body. A **safetensors** file, unlike one from `torch.save`, cannot hide a program and is safe to open.

# %% key="save" alt_ja="鳥の画像1枚と、10クラスの確率の棒グラフ。" alt_en="One picture of a bird and a bar chart of the probabilities of the ten classes."
file = Path(tempfile.mkdtemp()) / "birds-head.safetensors"
save_file(model.fc.state_dict(), file)
print(f"Whole network: {4 * total / 1000:,.0f} kB, head: {file.stat().st_size / 1000:.0f} kB")
# ja: print(f"全体：{4 * total / 1000:,.0f} kB、出力層：{file.stat().st_size / 1000:.0f} kB")

restored = borrow(network, 10).eval()
restored.fc.load_state_dict(load_file(file))
image = birds.test.inputs[7:8]  # a batch of one picture
# ja: image = birds.test.inputs[7:8]  # 画像1枚のバッチ
with torch.no_grad():
    chances = restored(restored.preprocess(image)).softmax(dim=1)[0]
lesson02.draw_prediction(image[0], chances, birds.class_names, birds.test.labels[7])

# %% [markdown] key="exercise-b" lang="ja"
# `softmax` は、点数を合計1の確率に直します。
#
# ### 練習B（書く、7分）
#
# 窓口では、自信のないときは答えずに人に聞くほうが親切です。関数 `name_or_ask(model, images, names, sure)` を書いてください。uint8の画像 `(n, 3, 64, 64)` を受け取り、1枚ごとに、いちばん高い確率が `sure` 以上ならその品名を、届かなければ `None` を入れたリストを返します。前処理と `eval()` も忘れずに。

# %% [markdown] key="exercise-b" lang="en"
# `softmax` turns the scores into probabilities that add up to 1.
#
# ### Exercise B (write, 7 minutes)
#
# When the model is unsure, the counter had better ask a colleague. Write `name_or_ask(model, images, names, sure)`. It takes uint8 pictures (n, 3, 64, 64) and returns a list: for each picture its name if the highest probability is at least `sure`, otherwise `None`. Remember the preprocessing and `eval()`.


# %% key="ex-b" tags=["exercise"] needs="setup"
def name_or_ask(model, images, names, sure):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    model.eval()
    with torch.no_grad():
        highest, classes = model(model.preprocess(images)).softmax(dim=1).max(dim=1)
    pairs = zip(highest.tolist(), classes.tolist())
    return [names[k] if probability >= sure else None for probability, k in pairs]
    ### END SOLUTION


tl.check("02-b")

# %% [markdown] key="drift-intro" lang="ja"
# ## 「凍結したつもり」に注意
#
# 凍結した本体の中にも、まだ動くものがあります。**BatchNorm**（バッチ正規化）は、平均を引き、ばらつき（分散から求めます）で割って、値の大きさをそろえる層です。どの平均とばらつきを使うかは、モードで決まります。
#
# - `train()`：いま通っているバッチの値を使います。その値は**記憶**にも混ざるので、バッチのたびに記憶が動きます。
# - `eval()`：記憶してある値を使います。記憶は動きません。
#
# 記憶は重みではないので、`requires_grad_(False)` では止まりません。平均 $x$ のバッチが通るたびに、記憶の平均 $m$（**移動平均**）は1割だけ $x$ に近づきます。
#
# $$m \leftarrow 0.9\,m + 0.1\,x$$
#
# **予想してから実行**：本体の重みはすべて凍結し、`train()` のまま、新しい出力層に鳥を覚えさせます。そのあと元の出力層に戻すと、元の104種類の正解率は何ポイント下がるでしょうか。

# %% [markdown] key="drift-intro" lang="en"
# ## Frozen, or so you think
#
# One thing in a frozen body can still move. Its **BatchNorm** layers bring values to a common scale: they subtract a mean and divide by a spread (from the variance). The mode decides which mean and spread:
#
# - `train()`: those of the batch, which also go into the layer's **memory**
# - `eval()`: those in the memory, which rests
#
# The memory is not a weight, so `requires_grad_(False)` does not stop it. Every batch of mean $x$ moves the remembered mean $m$ (the **running mean**) a tenth of the way to $x$:
#
# $$m \leftarrow 0.9\,m + 0.1\,x$$
#
# **Predict, then run**: we train a head for birds, with the body frozen but in `train()`, and then put the old head back. How many points does that head lose on its 104 kinds?

# %% key="predict-drift"
display(tl.diagram("batchnorm"))
tl.predict_first("02-drift", "Points lost on the 104 old kinds", between=(0, 50), unit=" points")
# ja: tl.predict_first("02-drift", "元の104種類の正解率の下がり幅", between=(0, 50), unit="ポイント")

# %% key="drift" alt_ja="eval()とtrain()で学習したときの、元の104種類と鳥の正解率。1行に1つ、点と95%信頼区間。" alt_en="Accuracy on the 104 old kinds and on birds after training in eval() and in train(), as points with 95% intervals."
source = tl.load_task("source", per_class=1, valid_per_class=1, test_per_class=2)
scores_of = {"source": {}, "birds": {}}
for mode in ("eval", "train"):
    models = [train_head(network, task, mode=mode) for task in draws]
    scores_of["birds"][mode] = [tl.evaluate(m, t.test) for m, t in zip(models, draws)]
    for m in models:
        m.fc = network.fc  # the old head: does it still understand this body?
        # ja: m.fc = network.fc  # 元の出力層に戻し、この本体でもまだ通用するかを見る
    scores_of["source"][mode] = [tl.evaluate(m, source.test) for m in models]
before, after = network.state_dict(), models[0].state_dict()  # after "train"
# ja: before, after = network.state_dict(), models[0].state_dict()  # "train" のあと
changed = {name.split(".")[-1] for name in before if not before[name].equal(after[name])}
print("Changed in the body:", ", ".join(sorted(changed)))
# ja: print("本体で変わったもの：", ", ".join(sorted(changed)))
lesson02.draw_drift(scores_of)

# %% key="claim-drift" tags=["claim"]
loss_of = {
    name: tl.interval([a - b for a, b in zip(of_task["eval"], of_task["train"])])
    for name, of_task in scores_of.items()
}
lost, on_birds = loss_of["source"], loss_of["birds"]
tl.claim(
    f"On average the old kinds lose {100 * lost.mean:.0f} points (95% interval "
    f"{100 * lost.low:.0f} to {100 * lost.high:.0f}), the birds {100 * on_birds.mean:.0f} "
    f"({100 * on_birds.low:.0f} to {100 * on_birds.high:.0f}; 3 draws)",
    # ja: f"平均で、元の104種類は{100 * lost.mean:.0f}ポイント（95%信頼区間は"
    # ja: f"{100 * lost.low:.0f}〜{100 * lost.high:.0f}）、鳥は{100 * on_birds.mean:.0f}ポイント"
    # ja: f"（{100 * on_birds.low:.0f}〜{100 * on_birds.high:.0f}）下がりました（3回）",
    lost.low > 0,
)
tl.see_prediction("02-drift", round(100 * lost.mean))

# %% [markdown] key="drift-read" lang="ja"
# **本体の重みは1つも変わっていないのに、元の104種類の正解率は毎回下がりました。** 変わったのはBatchNormの記憶だけです（`num_batches_tracked` は、通ったバッチの数です）。けれども、元の出力層は、元の記憶でそろえた特徴しか知りません。本物のMobileNetV2でも同じことが起きます。猫と犬の出力層を学習させたあと、その学習に使った写真を `train()` のまま60バッチ通しただけで、正解率は24ポイント下がりました（10回の平均、保存済み）。
#
# 鳥の正解率まで下がったのは、鳥の出力層が、1バッチごとの平均とばらつきでそろえた特徴から学んだからです。枚数が少ないと、平均やばらつきは当てになりません。各エポックの最後のバッチにいたっては、4枚しかありません。
#
# 防ぐのは簡単です。`train_head` のように、出力層の学習中も本体を `eval()` にしておきます。

# %% [markdown] key="drift-read" lang="en"
# **Not one weight of the body has changed, only BatchNorm's memory, and yet the 104 old kinds lost every time.** (`num_batches_tracked` counts the batches.) The old head knows only features that were scaled by the old memory. A real MobileNetV2 suffers in the same way: we trained a head for cats and dogs, and then sixty batches of its own training photos, merely passed through the body in `train()`, made it 24 points worse (10 draws, stored).
#
# The birds lose, too, because their head learned from features that were scaled by one batch at a time. The mean and spread of so few pictures are noisy, most of all in the last batch of each epoch, which has only four.
#
# So keep the body in `eval()` while you train the head, as `train_head` does.

# %% [markdown] key="cache-intro" lang="ja"
# ## 特徴は一度だけ計算する
#
# 凍結した本体は、同じ画像にいつも同じ特徴を返します。それなら一度だけ計算して取っておけば、8エポックの学習で本体を通す画像は800枚から100枚に減ります。学習は同じ `fit` で、渡すのが画像か特徴かの違いだけです。

# %% [markdown] key="cache-intro" lang="en"
# ## Compute features only once
#
# A frozen body gives a picture the same features every time. Compute them once, and eight epochs send 100 pictures through the body instead of 800. The same `fit` then trains a head on the features.


# %% key="cached"
start = time.perf_counter()
train_head(network, birds)
middle = time.perf_counter()
features = tl.extract_features(network, birds.train, cache=False)  # (100, 256)
torch.manual_seed(0)
model.fc = fit(nn.Linear(256, 10), features, birds.train.labels)
end = time.perf_counter()
print(f"Pictures in every epoch: {middle - start:.1f} s, features once: {end - middle:.2f} s")
# ja: print(f"毎エポック画像から：{middle - start:.1f} 秒、特徴は一度だけ：{end - middle:.2f} 秒")
print(f"Accuracy: {accuracy:.0%} from pictures, {tl.evaluate(model, birds.test):.0%} from features")
# ja: print(f"正解率：画像から {accuracy:.0%}、特徴から {tl.evaluate(model, birds.test):.0%}")

# %% [markdown] key="real" lang="ja"
# **同じ正解率が、何分の1かの時間で手に入りました。** 学習率をいくつも試すときほど効きます。ただし、毎回ランダムに画像を変える**データ拡張**（augmentation）をするなら、特徴も毎回計算し直しです。
#
# ## 本物の写真で
#
# 本物の写真でも同じでしょうか。ImageNetの写真で事前学習したMobileNetV2の目を借りて、猫と犬を見分けます。本体には19個のブロックが並んでいます。そのうち6か所で特徴を取り出し、それぞれに出力層を学習させました。ラベルは1クラス10枚または50枚です（保存済み、10回の平均）。MobileNetV2と衛星写真のEuroSATがコンピューターにあれば、衛星写真でもその場で測ります。

# %% [markdown] key="real" lang="en"
# **The same accuracy in a fraction of the time.** This pays most when you try many settings. But **augmentation**, which changes the pictures at random, needs new features every time.
#
# ## Real photographs
#
# MobileNetV2, pretrained on photographs (ImageNet), lends its eye for cats and dogs. Of the 19 blocks of its body, we read six, and trained a head on the features of each, with 10 or 50 labels a class (stored, ten draws). If your computer has MobileNetV2 and the satellite photos of EuroSAT, the cell tries those, too.

# %% key="real-layers" tags=["hide-input"] alt_ja="MobileNetV2の6つの深さで読んだ特徴の、猫と犬でのテスト正解率。ラベル10枚と50枚の2本の線。" alt_en="Test accuracy on cats and dogs of features read at six depths of MobileNetV2, with 10 and with 50 labels a class."
display(lesson02.draw_layers(tl.stored("02_real")))
if tl.live("mobilenet_v2", "eurosat"):
    earth = tl.load_task("eurosat", 10, source="public")  # satellite photos, ten kinds of land
    # ja: earth = tl.load_task("eurosat", 10, source="public")  # 衛星写真、土地利用10種類
    eyes = {
        "pretrained": tl.backbone("mobilenet_v2", size=64),
        # ja: "事前学習済み": tl.backbone("mobilenet_v2", size=64),
        "untrained": tl.backbone("mobilenet_v2", size=64, pretrained=False),
        # ja: "ランダムな重み": tl.backbone("mobilenet_v2", size=64, pretrained=False),
        "pixels": "pixels",
        # ja: "画素": "pixels",
    }
    for name, eye in eyes.items():
        accuracy_live = tl.probe(eye, earth).test_acc
        print(f"Satellite photos, 10 labels a class, {name}: {accuracy_live:.0%}")
        # ja: print(f"衛星写真、1クラス10ラベル、{name}：{accuracy_live:.0%}")

# %% [markdown] key="exercise-c" lang="ja"
# **たった20枚のラベルで87%です。** 鳥と同じく、深いブロックほどよくなりました。なお、この目はImageNetで猫や犬をたくさん見ています。（もっと大きい写真を使ったレッスン01では、5枚ずつでも92%でした。）
#
# ### 練習C（設計する、7分）
#
# 部品の窓口に戻ります。取引先は3社で、部品は各社40種類、写真は1種類10枚です。各社のパソコンに、品名を当てる仕組みを配ります。計画を `plan` に書いてください。初めの3つは、このレッスンから答えが決まります。
#
# - `"bodies"`：本体を何種類用意するか
# - `"mode"`：学習中の本体のモード（`"eval"` か `"train"`）
# - `"head_kB"`：1社分の出力層の大きさ（特徴は256個、数1個は4バイト）
#
# あとの2つは自由です。書けたら、解答例の5つの観点で採点しましょう。
#
# - `"compare_with"`：比較対象のリスト。`"pixels"` と `"untrained"`（上で比べた2つ）、`"scratch"`（この写真だけで、本体ごとゼロから学習）から選ぶ
# - `"why"`：選んだ理由と弱点、配る量。自信がないときと、取引先がカメラを替えたときにどうするかも書く

# %% [markdown] key="exercise-c" lang="en"
# **87%, from 20 labels in all.** As with the birds, deeper is better. (This eye knows cats and dogs from ImageNet; with larger photos, five of each gave 92% in lesson 01.)
#
# ### Exercise C (design, 7 minutes)
#
# Back to the spare-parts counter. Three customers, each with 40 kinds of part and ten photos of each, want to name parts on their own computers. Fill in `plan`. Three entries follow from this lesson:
#
# - `"bodies"`: how many different bodies
# - `"mode"`: the mode of the body during training, `"eval"` or `"train"`
# - `"head_kB"`: the size of one customer's head (256 features, 4 bytes a number)
#
# Two are yours; the solution has five points to mark them by:
#
# - `"compare_with"`: a list of baselines from `"pixels"`, `"untrained"` (both as above) and `"scratch"` (the whole network, on these photos alone)
# - `"why"`: reasons for and against your choices, how much is sent, and what to do when the model is unsure or the camera changes

# %% key="ex-c" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: plan = {"bodies": ..., "mode": ..., "head_kB": ..., "compare_with": ..., "why": ...}
plan = {
    "bodies": 1,
    "mode": "eval",
    "head_kB": 41,  # (256 * 40 + 40) * 4 bytes
    # ja: "head_kB": 41,  # (256 * 40 + 40) * 4 バイト
    "compare_with": ["pixels", "scratch"],
    "why": "One shared body is tested once, but if it moves, all three heads suffer: eval(). "
    # ja: "why": "本体を共有すれば検査は1回で済みますが、動くと3社とも狂うので eval() にします。"
    "The body is sent once, 4 MB; after that a head is 41 kB, small enough to e-mail. "
    # ja: "本体4 MBを配るのは一度だけで、あとは1社41 kBの出力層をメールで送れます。"
    "Pixels show whether a network is needed at all, scratch whether borrowing pays. "
    # ja: "画素との比較でネットワークが要るかを、ゼロからとの比較で借りる価値を確かめます。"
    "Below a limit that we choose on photos kept apart, the counter asks a colleague. "
    # ja: "取り分けた写真で決めた確率の基準に届かなければ、人に聞きます。"
    "After a new camera: 50 new photos with labels; if it is worse, train the head again.",
    # ja: "カメラが替われば、新しい50枚にラベルを付けて測り、悪ければ出力層を学習し直します。",
}
### END SOLUTION
tl.check("02-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# 採点の観点（各1点）：①本体を共有する利点と危険を述べている。②配る量を数字で言っている。③比較対象を選んだ理由がある。④自信がないときの扱いを決めている。⑤写真の撮り方が変わったらどうするかを決めている。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# One point each: ① it names the benefit and the danger of a shared body; ② it says in numbers what is sent; ③ it gives a reason for the baseline; ④ it decides what happens when the model is unsure; ⑤ it decides what to do when photos are taken differently.

# %% [markdown] key="deeper" lang="ja" tags=["deeper"]
# ## さらに深く
#
# どの節も独立しています。飛ばしても、次のレッスンには差し支えありません。
#
# ### 凍結を守る2つの道具
#
# `tl.freeze` は本体を凍結します。誰かがあとで `train()` を呼んでも、本体は `eval()` のままです。`tl.assert_frozen` は、凍結したはずのものが動くとエラーで知らせます。

# %% [markdown] key="deeper" lang="en" tags=["deeper"]
# ## Deeper
#
# Each of these sections stands alone, and the next lesson does not need them.
#
# ### Two tools that keep things frozen
#
# `tl.freeze` freezes the body, and keeps it in `eval()` even when somebody calls `train()` later. `tl.assert_frozen` raises an error when something frozen has moved.

# %% key="freeze" tags=["nbval-check-output"]
careful = tl.freeze(borrow(network, 10))
with tl.assert_frozen(careful):
    careful.train()
    careful(careful.preprocess(birds.train.inputs[:32]))
print(f"layer4 in train mode: {careful.layer4.training}, head: {careful.fc.training}")
# ja: print(f"layer4が学習モードか：{careful.layer4.training}、出力層：{careful.fc.training}")

# %% [markdown] key="norm-intro" lang="ja"
# ### 前処理を間違えると
#
# ネットワークは、事前学習のときと同じ**前処理**（画素の値のそろえ方）を期待しています。使うときだけ前処理を間違えると、どうなるでしょうか。

# %% [markdown] key="norm-intro" lang="en"
# ### When the preprocessing is wrong
#
# A network expects the **preprocessing** of its pre-training, that is, pixel values brought to the same range. What happens when it is wrong only once the model is in use?


# %% key="norm"
def right_answers(prepare):
    with torch.no_grad():
        answers = model(prepare(birds.test.inputs)).argmax(1)
    return (answers == birds.test.labels).double().mean().item()


own = right_answers(model.preprocess)
unit = right_answers(lambda images: images.float() / 255)
raw = right_answers(lambda images: images.float())
print(f"As in pre-training: {own:.0%}, scaled to 0-1 only: {unit:.0%}, raw 0-255: {raw:.0%}")
# ja: print(f"事前学習と同じ：{own:.0%}、0〜1にしただけ：{unit:.0%}、0〜255のまま：{raw:.0%}")

# %% key="claim-norm" tags=["claim"]
tl.claim(
    "A wrong preprocessing costs more than half of the right answers, without an error message",
    # ja: "前処理を間違えると、正解が半分以下になりました。エラーは出ません",
    max(unit, raw) < own / 2,
)

# %% [markdown] key="maps-intro" lang="ja"
# 怖いのは、**エラーが出ないこと**です。前処理は重みと一緒に保存し、一緒に配りましょう。
#
# ### 層の中をのぞく
#
# ネットワークの各層は、画像のどこに何があるかを表す**マップ**を何枚も作ります。**フック**（hook）を使うと、途中のマップを取り出せます。1羽の鳥について、強く反応した順に、各層から4枚ずつ見てみましょう。明るいところほど、強く反応しています（明るさの目盛りはマップごとに違います）。鳥ではなく背景が光るマップも少なくありません。ネットワークは背景も見ているのです。

# %% [markdown] key="maps-intro" lang="en"
# What makes it dangerous is that **there is no error**. Keep the preprocessing with the weights, and hand them on together.
#
# ### A look inside the layers
#
# Each layer makes a number of **maps** that say what is where in the picture. A **hook** hands us the maps of a layer inside. Here are the four strongest of each layer for one bird: the brighter a spot, the stronger the response (each map has its own scale). In many of them it is the background that glows: a network sees surroundings, too.

# %% key="maps" alt_ja="鳥の画像と、各層で強く反応した4枚のマップ。はじめは輪郭が見え、深い層ほど粗くなる。" alt_en="A bird and the four strongest maps of each layer: outlines at first, coarser spots in deeper layers."
bird, maps, hooks = birds.test.inputs[7], {}, []
for name in ("conv1", "layer1", "layer2", "layer3"):

    def keep(module, inputs, output, name=name):
        maps[name] = output

    hooks.append(getattr(network, name).register_forward_hook(keep))
with torch.no_grad():
    network(network.preprocess(bird[None]))
for hook in hooks:
    hook.remove()
lesson02.draw_activations(bird, maps)

# %% [markdown] key="near-intro" lang="ja"
# 浅い層には鳥の輪郭がそのまま見えます。深い層では細かい位置は失われ、「だいたいどこに何があるか」だけが残ります。
#
# ### 同じ種類が集まるか
#
# はじめのウィジェットで見たことを、100枚ずつ3回、数えてみます。ある層の特徴が近い5枚のうち、同じ種類は何枚でしょうか。同じ種類の仲間が5羽ではなく9羽いるので、割合はウィジェットより高めになります。

# %% [markdown] key="near-intro" lang="en"
# Early layers still show the outline of the bird. Deeper ones only tell roughly what is where.
#
# ### Do birds of a kind come together?
#
# Now count what you saw in the widget at the beginning, in each of the three draws of 100 pictures: of the five pictures whose features are nearest in a layer, how many are of the same kind? Each bird now has nine others of its kind instead of five, so the shares are higher than in the widget.

# %% key="shares" alt_ja="近い5枚のうち同じ種類の割合を、layer1からlayer4まで示した線。点線はランダムに選んだ場合。" alt_en="Share of the five nearest that are of the same kind, from layer1 to layer4; guessing is dotted."
shares = {}
for layer in ("layer1", "layer2", "layer3", "layer4"):
    shares[layer] = []
    for task in draws:
        near = lesson02.nearest(tl.extract_features(network, task.train, layer=layer), k=5)
        same = task.train.labels[near] == task.train.labels[:, None]
        shares[layer].append(same.double().mean().item())
lesson02.draw_shares(shares, chance=9 / 99)

# %% key="claim-shares" tags=["claim"]
gain = tl.interval([late - early for early, late in zip(shares["layer1"], shares["layer4"])])
tl.claim(
    f"From layer1 to layer4 the share rises by {100 * gain.low:.0f} to {100 * gain.high:.0f} "
    # ja: f"layer1からlayer4までに、割合は{100 * gain.low:.0f}〜{100 * gain.high:.0f}ポイント上がりました"
    "points (95% interval, 3 draws)",
    # ja: "（95%信頼区間、画像を選び直して3回）",
    gain.low > 0,
)

# %% [markdown] key="digits-intro" lang="ja"
# **深い層ほど、同じ種類が近くに集まります。** だから、線形の出力層を1枚足すだけで見分けられるのです。
#
# ### うまくいかない例：手書き数字
#
# 本物の手書き数字（scikit-learnに入っている、13人が書いた数字）では、借りた目を凍結したまま使っても、得になりませんでした。元は8×8画素で、ラベルは1つの数字につき5枚、合わせて50枚です。どの方法も10回ずつ測りました。画素の近さはこのセルで測り、ほかは保存済みです。

# %% [markdown] key="digits-intro" lang="en"
# **The deeper the layer, the closer birds of a kind lie together.** That is why a single linear head can tell them apart.
#
# ### Where it fails: handwritten digits
#
# For real handwritten digits the borrowed eye, frozen, brings no gain. These are the digits in scikit-learn, by 13 writers, of 8 × 8 pixels each, with five labels a digit, 50 in all. Everything is measured in ten draws: the nearest pixels here, the rest stored.

# %% key="digits" alt_ja="手書き数字のテスト正解率。凍結、画素の近さ、ゼロから、ファインチューニングを、点と95%信頼区間で示す。" alt_en="Test accuracy on handwritten digits: frozen, nearest pixels, from scratch and fine-tuned, as points with 95% intervals."
digits = [tl.load_task("digits", per_class=5, seed=seed) for seed in range(10)]
by_pixels = [tl.knn("pixels", task, k=1).test_acc for task in digits]
lesson02.draw_digits(tl.stored("bars_digits"), by_pixels)

# %% [markdown] key="digits-read" lang="ja"
# **凍結した特徴は、画素の近さで答えるだけの方法に勝てず、ゼロからの学習ともほとんど差がありません。** 数字はどれも中央に同じ大きさで書かれているので、画素を比べるだけでもよく当たるのです。絵で育った目には、8×8画素の線は異質でした。目そのものを鍛え直すファインチューニング（レッスン03）なら、凍結した目もゼロからの学習も上回ります。**まず簡単な方法と比べる**。これが教訓です。
#
# ### 練習D（書く、6分）
#
# 鳥に戻りましょう。多くの数字と違い、鳥は左右に反転しても同じ種類のままです。反転した画像も使えば、ラベルは増やさずに訓練データを2倍にできます。しかも反転は1通りなので、特徴は前もって計算できます。関数 `with_mirrors(read, images, labels)` を書いてください。`read` は画像 `(n, 3, 縦, 横)` から特徴を計算する関数です。元の画像、反転した画像の順に並べた特徴と、同じ順のラベルを返します。`read` に渡せるのは、元の画像も反転した画像も1回ずつです。

# %% [markdown] key="digits-read" lang="en"
# **Frozen features do no better than the nearest pixels, and hardly better than training from scratch.** All digits are centred and of one size, so comparing pixels goes a long way. To an eye that grew up on drawings, strokes of 8 × 8 pixels are foreign. Fine-tuning, which trains the eye itself (lesson 03), is ahead of both the frozen eye and training from scratch. The moral: **first compare with something simple**.
#
# ### Exercise D (write, 6 minutes)
#
# Back to the birds: unlike most digits, a bird stays what it is in the mirror. Mirror every picture left to right, and the training data double without a single new label. As there is only one way to mirror, the features can be computed beforehand. Write `with_mirrors(read, images, labels)`, where `read` computes the features of pictures (n, 3, height, width). Return the features of the pictures, then those of their mirror images, and the labels in the same order. `read` may see each picture and each mirror image once.


# %% key="ex-d" tags=["exercise"] needs="setup"
def with_mirrors(read, images, labels):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    features = torch.cat([read(images), read(images.flip(3))])
    return features, labels.repeat(2)
    ### END SOLUTION


tl.check("02-d")

# %% [markdown] key="photos-intro" lang="ja"
# ### あなたの写真で
#
# `folder` に、クラスごとのフォルダーに分けた写真（またはそのzip）を指定してください。たとえば `folder="cats_and_dogs"` です。ImageNetで事前学習したResNet-18（約45 MB）を、初回だけダウンロードします。自分のプログラムで使うときは、次のようにtorchvisionから読み込みます。前処理は重みに付いてくるものを使います。このネットワークも、そのまま `train_head` に渡せます。特徴の数は256個ではなく512個になります。
#
# ```python
# from torchvision.models import ResNet18_Weights, resnet18
#
# weights = ResNet18_Weights.IMAGENET1K_V1
# network = resnet18(weights=weights)
# network.preprocess = weights.transforms()
# ```

# %% [markdown] key="photos-intro" lang="en"
# ### With your photos
#
# Give `folder` the path of your photos, one folder a class (or a zip of it), such as `folder="cats_and_dogs"`. A ResNet-18 pretrained on ImageNet, about 45 MB, is downloaded the first time. In a program of your own, you get it from torchvision, together with the preprocessing that belongs to its weights; `train_head` takes it as it is, and the head then reads 512 features in place of 256:
#
# ```python
# from torchvision.models import ResNet18_Weights, resnet18
#
# weights = ResNet18_Weights.IMAGENET1K_V1
# network = resnet18(weights=weights)
# network.preprocess = weights.transforms()
# ```

# %% key="photos"
found = lesson02.find_photos(folder=None)
if found:
    imagenet, photos = found
    frozen = tl.probe(imagenet, photos).test_acc
    pixels = tl.knn("pixels", photos, k=1).test_acc
    print(f"Frozen features: {frozen:.0%} right, nearest by pixels: {pixels:.0%}")
    # ja: print(f"凍結した特徴の正解率：{frozen:.0%}、画素の近さでは：{pixels:.0%}")

# %% [markdown] key="papers" lang="ja"
# ### 論文で読む
#
# **いまの研究では** ・ 大きな本体を凍結し、その上に線形の出力層を付ける方法は、いまも表現のよさを測るものさしです。たとえばDINOv2（[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)）やCLIP（[arXiv:2103.00020](https://arxiv.org/abs/2103.00020)）は、線形プローブの成績を報告しています。
#
# **文献**
#
# - J. Donahue ほか, *DeCAF*, 2014. [arXiv:1310.1531](https://arxiv.org/abs/1310.1531)
# - A. S. Razavian ほか, *CNN Features off-the-shelf*, 2014. [arXiv:1403.6382](https://arxiv.org/abs/1403.6382)
# - G. Alain, Y. Bengio, *Understanding intermediate layers using linear classifier probes*, 2016. [arXiv:1610.01644](https://arxiv.org/abs/1610.01644)
# - S. Ioffe, C. Szegedy, *Batch Normalization*, 2015. [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)

# %% [markdown] key="papers" lang="en"
# ### Papers
#
# **Today** · A linear head on a large frozen body is still the yardstick for good representations. For example, DINOv2 ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)) and CLIP ([arXiv:2103.00020](https://arxiv.org/abs/2103.00020)) report linear probes.
#
# **References**
#
# - J. Donahue et al., *DeCAF*, 2014. [arXiv:1310.1531](https://arxiv.org/abs/1310.1531)
# - A. S. Razavian et al., *CNN Features off-the-shelf*, 2014. [arXiv:1403.6382](https://arxiv.org/abs/1403.6382)
# - G. Alain, Y. Bengio, *Understanding intermediate layers using linear classifier probes*, 2016. [arXiv:1610.01644](https://arxiv.org/abs/1610.01644)
# - S. Ioffe, C. Szegedy, *Batch Normalization*, 2015. [arXiv:1502.03167](https://arxiv.org/abs/1502.03167)

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("02")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 特徴抽出では、目（本体）を借りて、名前（出力層）だけを学習します。学習して保存するのは、鳥では全体の0.25%だけでした。
# - 凍結とは、重み**と**BatchNormの記憶の両方を止めることです。本体は `eval()` にしておきます。
# - 凍結した特徴は、一度計算すれば使い回せます。
# - 効果があると言う前に、簡単な比較対象と比べます。
#
# **うまくいかないとき**
#
# - 損失が下がらない：オプティマイザーに古い出力層を渡していませんか。取り替えた**あと**に作ります。
# - 学習中はよいのに、使うと外れる：前処理が違うか、`eval()` を忘れています。
# - 正解率が頭打ちになる：借りた目が問題に合っていません。目を鍛え直しましょう（レッスン03）。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Feature extraction borrows the eye (the body) and learns only the names (the head): for the birds, 0.25% of the network.
# - Freeze the weights **and** BatchNorm's memory: keep the body in `eval()`.
# - Compute frozen features once, and reuse them.
# - Compare with a simple baseline before you claim a benefit.
#
# **What can go wrong**
#
# - The loss does not fall: build the optimizer **after** the head is replaced.
# - Good in training, wrong in use: check the preprocessing and `eval()`.
# - The accuracy gets stuck: the eye does not suit the problem. Train it (lesson 03).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 導入と練習A 10分、取り替えから保存まで 8分、練習B 7分、BatchNorm 5分、特徴の保存と本物の写真 4分、練習C 7分、クイズ 4分。
#
# - **映すもの**：本体と出力層の図、ウィジェット、BatchNormの図。
# - **2人で**：練習Cの `plan` を交換し、5つの観点で採点し合います。
# - **遅れた人は**：はじめから鳥の画像が出るところまでと、「出力層を取り替え、残りを凍結する」の節を最初の学習まで実行すれば、どの節からでも続けられます。
# - **よくある間違い**：出力層を取り替える前にオプティマイザーを作る。`model.train()` を習慣で呼ぶ。確率にもう一度softmaxをかける。画像1枚をバッチにしない。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · introduction and exercise A 10, from the new head to saving 8, exercise B 7, BatchNorm 5, kept features and real photographs 4, exercise C 7, quiz 4.
#
# - **Project** the diagram of body and head, the widget, and the diagram of BatchNorm.
# - **In pairs**: swap the plans of exercise C and mark them by the five points.
# - **Whoever fell behind** runs the code down to the birds, then "Replace the head, freeze the rest" down to the first training, and can go on from any section.
# - **Common mistakes**: building the optimizer before the head is replaced; calling `model.train()` by habit; a second softmax on probabilities; a single picture that is no batch.
