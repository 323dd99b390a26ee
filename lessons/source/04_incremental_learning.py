# %% [markdown] key="title" lang="ja"
# # 04 追加学習（継続学習）
#
# **60分** ・ 前提：レッスン03。PyTorchの学習ループを読めること。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 3クラスのモデルを5クラスに広げ、古い行を失わずに出力層を大きくする
# - **破局的忘却**が起きる様子を、クラスごとに観察する
# - リプレイ・LwF・EWC・最近傍クラス平均・iCaRLを、正解率・保管量・計算時間で比べる
# - 追加学習の**3つの設定**を見分け、ある方法の評判がどの設定でのものかを確かめる
# - 正解率の行列 R から、平均正解率・後方転移・忘却を自分で計算する

# %% [markdown] key="title" lang="en"
# # 04 Incremental (continual) learning
#
# **60 minutes** · Before this: lesson 03. You can read a PyTorch training loop.
#
# After this lesson you can
#
# - grow a model from three to five classes without losing the rows of the old ones
# - watch **catastrophic forgetting** happen, class by class
# - compare replay, LwF, EWC, nearest mean and iCaRL by accuracy, memory and time
# - tell the **three scenarios** of incremental learning apart, and ask in which one a method earned its name
# - compute average accuracy, backward transfer and forgetting from the accuracy matrix R yourself

# %% key="setup"
import copy

import torch
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl
from tlhelpers.lessons.incremental_learning import figures as lesson04
from tlhelpers.transfer import forgetting

tl.setup()

# %% [markdown] key="arrive" lang="ja"
# ## 新しい魚が届く
#
# 魚市場の仕分け機は、ティラピア・カクレクマノミ・サバの3種類を見分けます。ある日、マダイとデメキンの注文が入りました。新しい2種類を覚え、しかも前の3種類を忘れないようにしなければなりません。これが**追加学習**（incremental learning）、または**継続学習**（continual learning）です。
#
# 下が5種類の魚です。上の3行が古いクラス、下の2行が新しいクラスです。学習に使う画像は1種類10枚で、そのうち5枚を表示しています。

# %% [markdown] key="arrive" lang="en"
# ## New fish arrive
#
# The sorting machine of a fish market tells three kinds apart: tilapia, clownfish and mackerel. One day sea bream and goldfish are ordered. The machine must learn the two new kinds, and must not forget the three old ones. This is **incremental learning**, also called **continual learning**.
#
# Below are the five fish, the three old kinds above the two new ones. We train on ten pictures of each; five of them are shown.

# %% key="fish" alt_ja="5種類の魚の見本。1行に1種類。上の3行が古いクラス、下の2行が新しいクラス。" alt_en="Samples of the five fish, one kind a row: three old classes, then two new ones."
fish = tl.load_task("fish", per_class=10, classes=range(5))
old_fish, new_fish = fish.only_classes([0, 1, 2]), fish.only_classes([3, 4])
new_fish.train.labels += 3
tl.show(fish, per_class=5)

# %% [markdown] key="first" lang="ja"
# まず、事前学習済みの `zukan-resnet` に3種類を教えます。ここまではレッスン03のファインチューニングです。

# %% [markdown] key="first" lang="en"
# First we teach three kinds to the pretrained `zukan-resnet`. So far this is the fine-tuning of lesson 03.

# %% key="first-three"
network = tl.backbone("zukan-resnet")
model = copy.deepcopy(network)
model.fc = nn.Linear(model.fc.in_features, 3)
tl.fit(
    model,
    old_fish.train,
    epochs=8,
    batch_size=16,
    optimizer="sgd",
    lr=0.02,
    progress=False,
)
old_labels = old_fish.valid.labels
right = (tl.predict(model, old_fish.valid).argmax(1) == old_labels).sum()
print(tl.text("lesson04.before", right=int(right), all=len(old_labels)))

# %% [markdown] key="mistake" lang="ja"
# ## よくある間違い：新しい `nn.Linear`
#
# 出力を5つにするため、`model.fc = nn.Linear(in_features, 5)` と書く例をよく見かけます。出力層の重みは1行が1クラスに対応し、その行にクラスの見分け方が入っています。新しい層では、**覚えたばかりの3行が捨てられ、5行ともランダムになります。** 正しくは、大きな層を作り、古い行を写します。
#
# > **予想してから実行**:まだ新しい魚は1枚も学習していません。新しい層と、行を写した層では、古い3種類の検証画像60枚のうち、それぞれ何枚に正解するでしょうか。

# %% [markdown] key="mistake" lang="en"
# ## The common mistake: a new `nn.Linear`
#
# To have five outputs, many examples write `model.fc = nn.Linear(in_features, 5)`. Each row of the output layer's weights belongs to one class and holds how that class is recognised. In the new layer **the three rows just learned are gone, and all five are random.** The right way is to make a larger layer and copy the old rows.
#
# > **Predict, then run**: no new fish has been learned yet. Of the 60 validation pictures of the three old kinds, how many will be right with the new layer, and how many with the copied rows?

# %% key="grow"
fresh = copy.deepcopy(model)
fresh.fc = nn.Linear(model.fc.in_features, 5)

kept = copy.deepcopy(model)
kept.fc = nn.Linear(model.fc.in_features, 5)
with torch.no_grad():
    kept.fc.weight[:3] = model.fc.weight
    kept.fc.bias[:3] = model.fc.bias

for name, grown in (("fresh", fresh), ("kept", kept)):
    right = (tl.predict(grown, old_fish.valid).argmax(1) == old_labels).sum()
    print(tl.text(f"lesson04.{name}", right=int(right), all=len(old_labels)))

# %% [markdown] key="rows-read" lang="ja"
# 行を写した層は、取り替える前の知識を保っています。この教材では `tl.grow_head(model, 5)` が同じことをします。出力層は新しいパラメータなので、**オプティマイザーも作り直す**のを忘れないでください。 torchvisionのResNet-18でも出力層の名前は `fc` なので、上の `tl.backbone("zukan-resnet")` を `tl.backbone("resnet18")` に替えれば、このノートブックのセルはそのまま動きます。

# %% [markdown] key="rows-read" lang="en"
# With the rows copied, what was known before is still there. In this course `tl.grow_head(model, 5)` does the same. The layer is a new parameter, so **the optimizer must be made anew**, too. The output layer of torchvision's ResNet-18 is called `fc` as well: with `tl.backbone("resnet18")` in place of `tl.backbone("zukan-resnet")` the cells of this page run as they stand.

# %% [markdown] key="forget" lang="ja"
# ## 破局的忘却
#
# では、行を写したモデルを、**新しい2種類の画像だけ**で学習します。ごく普通の学習ループです。
#
# > **予想してから実行**:学習が終わったとき、古い3種類の正解率は何%でしょうか。

# %% [markdown] key="forget" lang="en"
# ## Catastrophic forgetting
#
# Now we train the model with its copied rows on pictures of **the two new kinds only**. It is a perfectly ordinary training loop.
#
# > **Predict, then run**: what accuracy will the three old kinds have at the end?

# %% key="loop"
torch.manual_seed(0)
optimizer = torch.optim.SGD(kept.parameters(), lr=0.02, momentum=0.9)
kept.train()
for _ in range(8):
    for rows in torch.randperm(len(new_fish.train)).split(10):
        images, labels = new_fish.train.batch(rows)
        loss = F.cross_entropy(kept(kept.preprocess(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
kept.eval()

answers = tl.predict(kept, fish.valid).argmax(1)
right = (answers == fish.valid.labels).float()
print(tl.text("lesson04.old_now", accuracy=f"{right[fish.valid.labels < 3].mean():.0%}"))
print(tl.text("lesson04.new_now", accuracy=f"{right[fish.valid.labels >= 3].mean():.0%}"))

# %% [markdown] key="watch-intro" lang="ja"
# 新しい2種類は覚えましたが、古い3種類はどうなったでしょうか。`tl.incremental` は同じ流れ（3クラス、続いて2クラス）をまとめて実行し、`watch=4` とすると4ステップごとに全クラスの検証正解率を記録します。

# %% [markdown] key="watch-intro" lang="en"
# The two new kinds are learned, but what has become of the three old ones? `tl.incremental` runs the same course of events (three classes, then two); with `watch=4` it notes the validation accuracy of every class every four steps.

# %% key="watch" alt_ja="クラスごとの小さな図が5枚。点線で新しいクラスが届き、古いクラスの正解率が変わっていく。" alt_en="Five small panels, one a class. At the dotted line new classes arrive, and the accuracy of the old ones changes."
training = {"epochs": 8, "batch_size": 16, "progress": False}
watched = tl.incremental(network, fish, (3, 2), "kept_rows", watch=4, **training)
lesson04.draw_trace(watched.trace, fish.class_names, old=3)

# %% [markdown] key="watch-read" lang="ja"
# 横軸は学習ステップ数、縦軸は検証正解率です。点線の左で最初の3クラスを、右で次の2クラスを学習しています。右側で青い線が落ちていくのが**破局的忘却**（catastrophic forgetting）です。新しい画像はどれも「古いクラスではない」と教えるのに、それを打ち消す画像が1枚もないからです。

# %% [markdown] key="watch-read" lang="en"
# Training steps run along the bottom, validation accuracy goes up the side. Left of the dotted line the first three classes are learned, right of it the other two. The fall of the blue lines at the right is **catastrophic forgetting**: every new picture says "not an old class", and there is none that would contradict it.

# %% [markdown] key="replay" lang="ja"
# ## 少しだけ見せ直す：リプレイ
#
# いちばん素直な対策は、古いクラスの画像を少し保管しておき、新しい画像に混ぜて見せ直すことです。これを**リプレイ**（replay）と呼びます。ここでは1クラス5枚だけ保管します。
#
# > **予想してから実行**:たった5枚で、古いクラスの正解率はどこまで戻るでしょうか。

# %% [markdown] key="replay" lang="en"
# ## Show a few again: replay
#
# The plainest remedy is to keep a few pictures of the old classes and to mix them with the new ones. This is **replay**. Here we keep just five pictures of each class.
#
# > **Predict, then run**: how far will the old classes come back with only five pictures?

# %% key="claim-replay" tags=["claim"]
saved = []
for seed in tl.seeds(3):
    task = tl.load_task("fish", per_class=10, seed=seed, classes=range(5))
    naive = tl.incremental(network, task, (3, 2), "kept_rows", seed=seed, **training)
    again = tl.incremental(network, task, (3, 2), "replay", per_class=5, seed=seed, **training)
    saved.append(float(again.accuracy[1, 0] - naive.accuracy[1, 0]))

gain = tl.interval([100 * one for one in saved])
tl.claim(
    f"Replay keeps {gain.mean:.0f} points [{gain.low:.0f}, {gain.high:.0f}] more of the old classes",
    # ja: f"リプレイで、古いクラスの正解率が{gain.mean:.0f}ポイント[{gain.low:.0f}, {gain.high:.0f}]高く保たれました",
    gain.low > 10,
)

# %% [markdown] key="replay-read" lang="ja"
# 古い3クラスのテスト正解率を、新データだけの場合と比べた差です。画像を選び直して3回測っても、差ははっきり残りました。

# %% [markdown] key="replay-read" lang="en"
# This is the difference in test accuracy on the three old classes, against new data only. It remains clear over three draws of the pictures.

# %% [markdown] key="ways" lang="ja"
# ## 方法を並べて比べる
#
# 忘れないための工夫は、何を残しておくかで大きく3つに分かれます。
#
# - **画像を保管する**:リプレイ。**DER++** は、その画像に対する以前の答えも残して、同じ答えを求めます。**iCaRL** は、代表的な画像を決まった枚数だけ残し、前のモデルの答えを蒸留し、特徴の平均がいちばん近いクラスを答えます。
# - **モデルを頼りにする**:**LwF** は、新しい画像に対する前のモデルの答えを蒸留します（レッスン11）。**EWC** は、古いクラスに重要な重みを、ばねのように元の値へ引き戻します。どの重みが重要かは、重みを動かしたときにモデル自身の答えがどれだけ変わるか（フィッシャー情報量）で測ります。
# - **平均だけを保管する**:**最近傍クラス平均** は本体を凍結したまま、クラスごとに特徴の平均を1つ覚えます。学習はしません。
#
# もう1つ、比べる相手として欠かせない対照があります。**本体を凍結** し、古い行にも触れず、新しい2行だけを学習する方法です。新しい行どうしだけで競わせれば、古いクラスはほとんど傷つきません。LwFやEWCの効果と呼べるのは、この対照を上回った分だけです。
#
# LwFとEWCでは、新しいクラスを学習する間、BatchNormを凍結しています。BatchNormの統計は重みではないので、どちらの方法でも引き止められず、新しい画像のほうへ動いてしまうからです。
#
# LwFとEWCには、調節できる「強さ」があります。下は、検証データで強さを変えた結果です（`tl results 04`）。学習の長さも2通り試しました。

# %% [markdown] key="ways" lang="en"
# ## The methods side by side
#
# What helps against forgetting falls into three groups, by what has to be kept.
#
# - **Keep pictures**: replay. **DER++** also keeps the answers that were given to them, and asks for the same answers. **iCaRL** keeps a fixed number of well-chosen exemplars, distils the answers of the old model, and answers with the class whose mean feature is nearest.
# - **Lean on the model**: **LwF** distils the old model's answers to the new pictures (lesson 11). **EWC** pulls the weights that matter to the old classes back to their values, like a spring. How much a weight matters is read from how the model's own answers change with it (the Fisher information).
# - **Keep means only**: **nearest mean** leaves the body frozen and remembers one mean feature a class. It trains nothing.
#
# One control belongs beside them: **freeze the body**, leave the old rows alone, and train the two new rows only. If these compete with each other only, the old classes are hardly harmed. What LwF or EWC can claim as their own is what they reach beyond this control.
#
# With LwF and EWC, BatchNorm is frozen while the new classes are learned. Its statistics are no weights, so neither method holds them back: they would drift to the new pictures.
#
# LwF and EWC have a strength to set. Below it was varied on validation data (`tl results 04`), for two lengths of training.

# %% key="strengths" alt_ja="LwFとEWCの強さと、古いクラス・新しいクラスの検証正解率。" alt_en="Validation accuracy of old and new classes against the strength of LwF and of EWC."
strengths = tl.stored("04_strengths")["fish"]
lesson04.draw_strengths({method: strengths[method] for method in ("lwf", "ewc")})

# %% [markdown] key="strengths-read" lang="ja"
# 横軸は強さ（対数）、縦軸は検証正解率、実線は8エポック、点線は24エポックです。シードは1つだけなので、細かな上下は気にしないでください。8エポックだけを見て強さを決めると、24エポックでは合わなくなります。そこで、2つの長さの平均がいちばん良い強さ（縦の線）を選びました。LwFは0.3、EWCは10の6乗です。
#
# 全部の方法を、学習の画像もテストの画像も選び直して5回ずつ測ったのが次の表です。

# %% [markdown] key="strengths-read" lang="en"
# Strength runs along the bottom (logarithmic), validation accuracy goes up the side; solid lines are 8 epochs, dotted ones 24. It is a single seed, so do not read small ups and downs. A strength chosen at 8 epochs alone does not fit at 24. We took the one that is best for both lengths together (the upright line): 0.3 for LwF, 10⁶ for EWC.
#
# The next table measures every method, five times each, with other training and test pictures every time.

# %% key="methods"
easy = tl.stored("04_methods")
lesson04.Methods(easy)

# %% [markdown] key="methods-read" lang="ja"
# 正解率は5回の平均と95%信頼区間（保存した結果）です。「保管するもの」は、次の更新までに、モデルのほかに残しておく量です。
#
# - 新しいデータだけの2つは、行を写しても写さなくても、古いクラスを忘れました。
# - リプレイとiCaRLは、古いクラスも新しいクラスもよく見分けます。残す画像は25枚、307 kBです。同じ枚数でも、DER++はこの長さの学習では古いクラスに79%しか届きません。
# - 本体を凍結した対照を見てください。新しい行どうしで競わせるだけで、古いクラスの97%が残ります。LwFの古いクラスの95%は、方法の効果ではなく、凍結した特徴と「新しい行どうし」の損失からほとんどただで手に入るものです。新しいクラスの平均は対照77%に対しLwF 84%ですが、区間は重なっています。
# - EWCは古いクラスを最もよく保ちますが、新しいクラスは43%しか覚えていません。ばねが強すぎるのか、学習が短すぎるのか。次の図で確かめます。
# - 画像を残さない方法が、いつも場所をとらないわけではありません。EWCのばねは16 MBで、すべての画像を残す「全データ」の614 kBよりはるかに大きな量です。
# - 最近傍クラス平均は、わずか5 kBと1秒足らずの計算で、ほかの方法に引けを取りません。

# %% [markdown] key="methods-read" lang="en"
# Accuracies are means of five runs with 95% intervals (stored results). "Kept" is what has to be there for the next step besides the model.
#
# - The two with new data only forgot the old classes, with copied rows as without.
# - Replay and iCaRL do well on old and new classes. They keep 25 pictures, 307 kB. With as many, DER++ gets the old classes no higher than 79% in a training of this length.
# - Look at the control with the frozen body. Letting the new rows compete among themselves keeps 97% of the old classes. LwF's 95% on the old side is thus no merit of its own: it comes almost free with frozen features and a loss over new rows only. On the new side LwF has 84% where the control has 77%, but the intervals overlap.
# - EWC holds the old classes best and learns only 43% of the new ones. Are the springs too strong, or was the training too short? The next figure tells.
# - Keeping no pictures does not always mean keeping little. The springs of EWC take 16 MB, far more than the 614 kB of "all data", which keeps every picture.
# - Nearest mean, with a mere 5 kB and less than a second of computing, is as good as any.

# %% [markdown] key="epochs" lang="ja"
# ## その結論は、学習の長さを変えても残るか
#
# 上の表は8エポック、つまり新しいクラスでは16回のステップで止めた結果です。方法の良し悪しが、止めたところで決まっていては困ります。強さは変えずに、両方の更新の長さだけを変えて測り直しました。
#
# > **予想してから実行**:3倍長く学習すると、EWCとLwFの古いクラスは、どうなるでしょうか。

# %% [markdown] key="epochs" lang="en"
# ## Does the verdict survive another length of training?
#
# The table above stops after 8 epochs, which for the new classes are 16 steps. A verdict on a method should not depend on where training happened to stop. So the lengths of both steps were changed, and the strengths left as they were.
#
# > **Predict, then run**: what becomes of the old classes under EWC and LwF when training lasts three times as long?

# %% key="epochs-figure" alt_ja="4・8・24エポックでの、古いクラスと新しいクラスのテスト正解率。凍結した本体、LwF、EWC、リプレイの4枚。" alt_en="Test accuracy of old and new classes after 4, 8 and 24 epochs: frozen body, LwF, EWC and replay."
lesson04.draw_epochs(tl.stored("04_epochs"))

# %% [markdown] key="epochs-read" lang="ja"
# 横軸はエポック数、縦軸はテスト正解率、帯は5回の95%信頼区間です（保存した結果）。
#
# - **EWC** の姿は、止めたところで変わります。8エポックでは古いクラス98%・新しいクラス43%、24エポックでは81%と93%です。忘れ方はゆるやかですが、忘れていることに変わりはありません。
# - **LwF** は24エポックで古いクラス96%・新しいクラス90%です。本体を凍結した対照は98%と74%なので、古いクラスを保つのは凍結だけで足り、**新しいクラスの約15ポイント（95%信頼区間は1〜30）がLwF自身の効果**です。
# - **リプレイ** は8エポックから先、どちらも97%以上です。
#
# EWCには有名な落とし穴があります。重みの重要さを、モデル自身の答えではなく正解ラベルで測る（経験フィッシャー）と、学習が進むほど値が0に近づき、ばねが消えてしまうのです。この教材の `fisher_information` は自分の答えで測り、値が消えかけると警告します。

# %% [markdown] key="epochs-read" lang="en"
# Epochs run along the bottom, test accuracy goes up the side, bands are 95% intervals of five runs (stored results).
#
# - What **EWC** looks like depends on where you stop. At 8 epochs it has 98% of the old classes and 43% of the new ones, at 24 epochs 81% and 93%. It forgets slowly, but it does forget.
# - **LwF** stands at 96% old and 90% new after 24 epochs. The frozen control has 98% and 74%. Keeping the old classes takes no more than freezing; **the roughly 15 points on the new classes (95% interval: 1 to 30) are LwF's own merit**.
# - **Replay** is at 97% or above on both from 8 epochs on.
#
# EWC has a well-known trap. Where the importance of a weight is measured with the true labels instead of the model's own answers (the empirical Fisher), it sinks towards 0 as training goes on, and the springs vanish. `fisher_information` in this course asks for the model's own answers, and warns where the values are about to vanish.

# %% [markdown] key="batchnorm" lang="ja"
# ## BatchNormを凍結しないと
#
# 次の表は、LwFとEWCを、**BatchNormだけ凍結せずに**測り直したものです。
#
# > **予想してから実行**:正解率が下がるのは、古いクラスでしょうか、新しいクラスでしょうか。

# %% [markdown] key="batchnorm" lang="en"
# ## With BatchNorm not frozen
#
# The next table measures LwF and EWC again, **with BatchNorm not frozen** and nothing else changed.
#
# > **Predict, then run**: will accuracy fall on the old classes, or on the new ones?

# %% key="batchnorm-table"
lesson04.Methods(tl.stored("04_batchnorm"))

# %% [markdown] key="batchnorm-read" lang="ja"
# 凍結しないと、LwFでもEWCでも、古いクラス・新しいクラスの平均が3〜10ポイント低くなりました。ただし、5回の測定を組にして比べた95%信頼区間は、4つとも0を含みます（たとえばLwFの新しいクラスは、凍結したほうが10ポイント高く、区間は−2〜22）。凍結は理にかなった用心ですが、この測定からは「効く」とまでは言えません。

# %% [markdown] key="batchnorm-read" lang="en"
# Without freezing, the means are 3 to 10 points lower, for LwF and for EWC, on old and on new classes. But all four 95% intervals of the paired differences over five runs contain 0 (on LwF's new classes, for example, freezing is 10 points ahead, with an interval from −2 to 22). To freeze is a sensible precaution; these runs do not show that it helps.

# %% [markdown] key="scenarios" lang="ja"
# ## 3つの設定
#
# 追加学習と呼ばれるものには、実は3つの設定（scenario）があります。
#
# - **クラス増分**（class-incremental）：新しいクラスが届き、それまでの全クラスから答えを選びます。ここまでの測定はすべてこれです。
# - **タスク増分**（task-incremental）：新しいクラスが届きますが、テストのとき、何回目に届いたクラスの画像かは教えてもらえます。選択肢はその回のクラスだけです。
# - **ドメイン増分**（domain-incremental）：クラスは同じで、画像のほうが変わります。ここでは同じ5種類の魚を、昼・色あせた写真・夜の順に学習します。
#
# LwFとEWCの論文は、クラス増分で測ったものではありません。`tl.incremental(..., scenario="task")` のように、設定を指定できます。
#
# > **予想してから実行**:「新データだけ」の素朴な方法は、どの設定でいちばん忘れるでしょうか。

# %% [markdown] key="scenarios" lang="en"
# ## Three scenarios
#
# What is called incremental learning is really three scenarios.
#
# - **class-incremental**: new classes come, and the answer is chosen among all classes met so far. All measurements up to here are of this kind.
# - **task-incremental**: new classes come, but at the test we are told with which step a picture's class came. Only the classes of that step can be the answer.
# - **domain-incremental**: the classes stay, the pictures change. Here the same five fish are learned by day, then from faded photos, then by night.
#
# The papers of LwF and EWC did not measure class-incremental learning. In `tl.incremental(..., scenario="task")` you say which one you mean.
#
# > **Predict, then run**: in which scenario does plain training on new data forget most?

# %% key="scenarios-figure" alt_ja="最初に届いたものと最後に届いたものの正解率。3つの設定で4つの方法。" alt_en="Accuracy on what came first and what came last, for four methods in three scenarios."
lesson04.draw_scenarios(tl.stored("04_scenarios"))

# %% [markdown] key="scenarios-read" lang="ja"
# 青は最初に届いたもの、朱は最後に届いたものの正解率で、5回の平均と95%信頼区間です（保存した結果）。
#
# - クラス増分では、新データだけの方法は古いクラスを全部忘れます（0%）。**同じモデルの学習でも、何回目のクラスかを教えてもらえるタスク増分では99%です。** 失われたのは特徴ではなく、主に、古いクラスと新しいクラスのどちらかを決める力だったのです。
# - ドメイン増分では、新データだけでも最初のドメインの89%が残ります。LwFは96%、EWCは97%まで保ちますが、そのぶん最後のドメインを覚えられません（83%と54%）。リプレイは98%と93%です。
#
# EWCの強さはクラス増分で選んだままなので、ほかの設定では強すぎる可能性があります。

# %% [markdown] key="scenarios-read" lang="en"
# Blue is what came first, red what came last; means of five runs with 95% intervals (stored results).
#
# - In the class-incremental scenario, new data alone loses all of the old classes (0%). **In the task-incremental one, where the step of a class is told, the same way of learning keeps 99%.** What was lost was not so much the features as the choice between old and new classes.
# - In the domain-incremental one, new data alone keeps 89% on the first domain. LwF holds 96% and EWC 97%, and pay for it on the last domain (83% and 54%). Replay has 98% and 93%.
#
# The strength of EWC is the one chosen for class-incremental learning; elsewhere it may be too much.

# %% [markdown] key="hard" lang="ja"
# ## 簡単なタスクと、難しいタスク
#
# 最初の表では、何も学習しない最近傍クラス平均で十分でした。魚は、`zukan-resnet` の特徴だけでもう見分けられるからです。では、金属表面の傷やへこみ（`surfaces`）ではどうでしょうか。難しいので、画像を1クラス30枚、学習を10エポックに増やします。リプレイが保管するのは、そのうち1クラス12枚です。LwFとEWCの強さは、このタスクの検証データで選び直しました。強さ0、つまり工夫を切った場合も候補です。
#
# > **予想してから実行**:表面検査でも、凍結した特徴の平均で足りるでしょうか。

# %% [markdown] key="hard" lang="en"
# ## An easy task and a hard one
#
# In the first table nearest mean, which trains nothing, was all we needed: the features of `zukan-resnet` tell fish apart as they are. What about scratches and dents on metal (`surfaces`)? They are hard, so we take 30 pictures of each class and train for 10 epochs. Replay keeps 12 of the 30. The strengths of LwF and EWC were chosen anew, on validation data of this task; 0, which switches the remedy off, was among them.
#
# > **Predict, then run**: will means of frozen features do on surfaces, too?

# %% key="hard-figure" alt_ja="魚と表面検査での5クラスの平均正解率。最近傍平均、LwF、EWC、リプレイ、全データを比べている。" alt_en="Mean accuracy over five classes on fish and on surfaces: nearest mean, LwF, EWC, replay and all data."
hard = tl.stored("04_hard")
lesson04.draw_easy_and_hard(easy, hard)

# %% [markdown] key="hard-read" lang="ja"
# 点は5回の平均、線は95%信頼区間です。左の魚では、最近傍クラス平均がほかの方法に引けを取りません。右の表面検査では、凍結した特徴では傷を見分けきれず、本体ごと学習した「全データ」が最近傍クラス平均を上回ります。それでも、学習するLwFとEWCは最近傍クラス平均に届きません。**検証データが選んだ強さは、LwFもEWCも0でした。** 蒸留もばねも、切ったほうが全体の正解率は高かったのです（ばねのないEWCでは、古いクラスが0%になります）。1クラス12枚のリプレイも、最近傍クラス平均とはっきり差がついたとは言えません。
#
# 忘れない工夫を入れたからといって、学習しない方法より良いとは限らないのです。次のセルは、最近傍クラス平均との差を、全データ（joint）、iCaRL、リプレイ、LwFについて表示します。どれも保存した結果です。

# %% [markdown] key="hard-read" lang="en"
# Points are means of five runs, lines 95% intervals. On fish, at the left, nearest mean holds its own against the rest. On surfaces, at the right, frozen features cannot tell the defects apart well enough, and "all data", which trains the body as well, is above nearest mean. Yet LwF and EWC, which train too, do not reach nearest mean. **For both, the strength that validation chose was 0:** accuracy over all classes was best with the remedy switched off (EWC without its springs has 0% on the old ones). Even replay, with 12 pictures of each class, is not clearly apart from nearest mean.
#
# A remedy against forgetting is not by itself better than not training at all. The next cell prints how far all data (joint), iCaRL, replay and LwF are from nearest mean; all of it stored.

# %% key="claim-hard" tags=["claim"]
frozen = torch.tensor(lesson04.average(hard, "nearest_mean"))
ahead = {
    method: tl.interval(100 * (torch.tensor(lesson04.average(hard, method)) - frozen))
    for method in ("joint", "icarl", "replay", "lwf")
}
for method, gap in ahead.items():
    print(f"{method}: {gap.mean:+.0f} points [{gap.low:+.0f}, {gap.high:+.0f}] from nearest mean")
    # ja: print(f"{method}：最近傍クラス平均との差 {gap.mean:+.0f}ポイント[{gap.low:+.0f}, {gap.high:+.0f}]")
tl.claim(
    "On surfaces (stored), all data is ahead of nearest mean, and LwF behind it",
    # ja: "表面検査（保存済み）では、全データは最近傍クラス平均より上、LwFは下です",
    ahead["joint"].low > 1 and ahead["lwf"].high < -1,
)

# %% [markdown] key="stream" lang="ja"
# ## 5回続けて届く
#
# 実際の現場では、更新は1回では終わりません。データを足し、学習し直し、評価し、また足します。今度は10種類の鳥が、2種類ずつ5回に分けて届きます。
#
# 各回の後に、それまでに届いた全クラスで測った正解率を表にしたものが**正解率の行列 R** です。R[i, j] は、i 回目の更新の後に、j 回目に届いたクラスを測った正解率です。

# %% [markdown] key="stream" lang="en"
# ## Five arrivals in a row
#
# In practice there is never just one update: add data, retrain, evaluate, repeat. Now ten kinds of bird arrive in five steps, two at a time.
#
# After each step we test all classes met so far. The table of these accuracies is the **accuracy matrix R**: R[i, j] is the accuracy on the classes that came with step j, measured after step i.

# %% key="live-stream"
birds = tl.load_task("birds", per_class=10, seed=3, test_per_class=20)
live = tl.incremental(network, birds, (2, 2, 2, 2, 2), "replay", per_class=5, seed=3, **training)
R = live.accuracy

# %% key="matrices" alt_ja="2つの方法の正解率行列。新データだけでは対角線の下が暗く、リプレイでは下まで値が残る。" alt_en="Accuracy matrices of two methods: dark below the diagonal with new data only, values remain with replay."
stream = tl.stored("04_stream")
naive_R = lesson04.matrices(stream, "kept_rows")[0]
lesson04.draw_matrices({"kept_rows": naive_R, "replay": R})

# %% [markdown] key="metrics" lang="ja"
# 行が更新の回、列が届いた回です。左（新データだけ、前もって測った1回）では、対角線、つまり届いたばかりのクラスから離れると値が下がります。右（リプレイ、いま測った結果）では、下の行まで値が残ります。
#
# この行列から4つの数を計算します。T は最後の更新です。
#
# - **平均正解率**:最後の行の平均
# - **後方転移**（backward transfer）:$\mathrm{mean}_{j<T}\,(R_{T,j}-R_{j,j})$。負なら忘れています
# - **忘却**（forgetting）:$\mathrm{mean}_{j<T}\,(\max_{j\le i<T} R_{i,j}-R_{T,j})$。いちばん良かったときと比べます
# - **最初−最後**:忘却のもう1つの定義で、後方転移の符号を変えたものです

# %% [markdown] key="metrics" lang="en"
# Rows are steps, columns are what came with each step. At the left (new data only, one run measured beforehand) values fall away from the diagonal, that is, from the classes that have just arrived. At the right (replay, measured just now) they remain down to the last row.
#
# Four numbers come from this matrix. T is the last step.
#
# - **Average accuracy**: the mean of the last row
# - **Backward transfer**: $\mathrm{mean}_{j<T}\,(R_{T,j}-R_{j,j})$; negative where something was forgotten
# - **Forgetting**: $\mathrm{mean}_{j<T}\,(\max_{j\le i<T} R_{i,j}-R_{T,j})$, compared with the best there was
# - **First minus last**: the other definition of forgetting, backward transfer with the sign changed

# %% key="by-hand" tags=["claim"]
last = R[-1]
average = last.mean()
backward = (last - R.diagonal())[:-1].mean()
best = torch.stack([R[j:-1, j].max() for j in range(len(R) - 1)])
forgotten = (best - last[:-1]).clamp(min=0).mean()

assert abs(average - forgetting.average_accuracy(R)) < 1e-5
assert abs(backward - forgetting.backward_transfer(R)) < 1e-5
assert abs(forgotten - forgetting.forgetting(R)) < 1e-5
assert abs(-backward - forgetting.first_minus_last(R)) < 1e-5
print(f"Average accuracy {average:.0%}, backward transfer {100 * backward:+.0f} points")
# ja: print(f"平均正解率 {average:.0%}、後方転移 {100 * backward:+.0f}ポイント")
print(f"Forgetting {100 * forgotten:.0f} points, first minus last {-100 * backward:.0f} points")
# ja: print(f"忘却 {100 * forgotten:.0f}ポイント、最初−最後 {-100 * backward:.0f}ポイント")

# %% [markdown] key="pays" lang="ja"
# 手で計算した値は、`tlhelpers.transfer.forgetting` の関数と一致しました。
#
# 最後に、5回の更新を通した比較です。

# %% [markdown] key="pays" lang="en"
# Computed by hand, these four agree with the functions in `tlhelpers.transfer.forgetting`.
#
# Now the comparison over all five steps.

# %% key="stream-figure" alt_ja="更新のたびの、届いた全クラスの正解率。新データだけの2本は下がり続け、リプレイと最近傍平均は高く残る。" alt_en="Accuracy on all classes so far after each step: the two lines with new data only keep falling, replay and nearest mean stay high."
lesson04.draw_stream(stream, live={"replay": R})

# %% [markdown] key="stream-read" lang="ja"
# 横軸は更新の回、縦軸は届いた全クラスの正解率です。帯は前もって測った5回の95%信頼区間、白抜きの印はいま実行した1回です。新データだけの2本はほとんど重なっています。更新を重ねるほど、見せ直しの効果がはっきりします。最後の正解率は、リプレイ89%、LwF 61%、EWC 26%、新データだけ19%です。2クラスに増えただけのときには見えなかった差が、5回続くと開きます。鳥でも、凍結した特徴の最近傍クラス平均はリプレイに並びます。`zukan-resnet` の特徴が、鳥を見分けるのに十分だからです。

# %% [markdown] key="stream-read" lang="en"
# Steps run along the bottom, accuracy on all classes so far goes up the side. Bands are 95% intervals of five runs made beforehand, hollow marks are the run just made. The two lines with new data only lie on top of each other. The more updates, the more clearly showing again pays: at the end replay stands at 89%, LwF at 61%, EWC at 26%, new data only at 19%. What one update hardly showed, five in a row do. On birds, too, nearest mean on frozen features keeps up with replay: the features of `zukan-resnet` are good enough for birds.

# %% key="claim-stream" tags=["claim"]
replayed, plain = (lesson04.matrices(stream, method) for method in ("replay", "kept_rows"))
gains = [100 * float(a[-1].mean() - b[-1].mean()) for a, b in zip(replayed, plain)]
gain = tl.interval(gains)
tl.claim(
    f"Replay ends {gain.mean:.0f} points [{gain.low:.0f}, {gain.high:.0f}] higher (stored)",
    # ja: f"最後の正解率は、リプレイで{gain.mean:.0f}ポイント[{gain.low:.0f}, {gain.high:.0f}]高くなりました（保存済み）",
    gain.low > 10,
)

# %% [markdown] key="real" lang="ja"
# ## 本物の画像では？
#
# ここまでは、教材のために描いた絵でした。本物の画像でも、5回に分けて届く流れを測りました（保存した結果）。衣類（Fashion-MNIST）10種類と、手書き文字（Omniglot）50文字です。1回に衣類は2種類、文字は10文字が届き、学習に使うのは衣類が1種類20枚、文字が1文字10枚です。リプレイは、そのうち5枚と2枚を残します。
#
# 本体は、写真（ImageNet）で事前学習したMobileNetV2です。**凍結したまま、出力層だけを学習します。** 学習率は方法ごとに、測定には使わない画像や文字で選びました。対照は、何も学んでいない同じ形のネットワークと、画素そのものの最近傍クラス平均です。線は、クラスの順番と画像を選び直した10回の平均、帯は95%信頼区間です。
#
# > **予想してから実行**：本体は動きません。それでも、新データだけの学習で古いクラスは忘れられるでしょうか。

# %% [markdown] key="real" lang="en"
# ## And on real pictures?
#
# So far everything was drawn for this course. The same stream of five steps was measured on real pictures (stored results): ten kinds of clothes (Fashion-MNIST), two a step, and fifty handwritten characters (Omniglot), ten a step. There are 20 pictures of each kind of clothes to learn from, and 10 of each character; replay keeps 5 and 2 of them.
#
# The body is a MobileNetV2, pretrained on photographs (ImageNet). **It stays frozen, and only the output layer is trained.** Each method's learning rate was chosen on pictures or characters that are not measured. The controls are nearest means of a network that never learned anything, and of bare pixels. Lines are means of ten draws of the order of the classes and of the pictures, bands their 95% intervals.
#
# > **Predict, then run**: the body does not move. Will training on new data alone still forget the old classes?

# %% key="real-figure" alt_ja="本物の衣類と手書き文字での、更新のたびの、届いた全クラスの正解率。新データだけは急に落ち、ほかの方法はゆるやかに下がる。" alt_en="Accuracy on all classes so far after each step, on real clothes and characters: new data only falls steeply, the other methods slowly."
real = tl.stored("04_real")
lesson04.draw_real(real)

# %% key="claim-real" tags=["claim"]
for name in ("clothes", "characters"):
    pairs = zip(real[name]["nearest_mean"]["5"], real[name]["kept_rows"]["5"])
    gain = tl.interval([100 * (mean - naive) for mean, naive in pairs])
    tl.claim(
        f"{name}: the nearest mean ends {gain.low:.0f} to {gain.high:.0f} points above new data "
        "only (stored)",
        # ja: f"{name}：最近傍クラス平均は、新データだけより{gain.low:.0f}〜{gain.high:.0f}ポイント"
        # ja: "上で終わりました（保存済み）",
        gain.low > 10,
    )

# %% [markdown] key="real-read" lang="ja"
# **絵の世界と同じでした。凍結した本体の上でも、出力層だけで破局的忘却が起きます。** 新データだけでは、最後に衣類33%、文字18%しか残りません。リプレイは70%と62%、全データは78%と75%です。学習しない最近傍クラス平均は76%と63%で、衣類ではリプレイを5〜7ポイント上回り、文字では差があるとは言えません。
#
# ただし、どれだけが特徴のおかげかは、データによります。衣類では、画素だけの最近傍クラス平均でも67%に届きます。忘れないのは、良い特徴よりも「平均を覚える」という方法の働きです。文字では画素が35%、ランダムな重みが17%で、ここでは事前学習が効いています。

# %% [markdown] key="real-read" lang="en"
# **It is as in the drawn world: on a frozen body, the output layer alone is enough for catastrophic forgetting.** With new data only, 33% is left on clothes and 18% on characters. Replay ends at 70% and 62%, all data at 78% and 75%. Nearest mean, which trains nothing, has 76% and 63%: on clothes it is 5 to 7 points above replay, on characters no difference can be claimed.
#
# How much of that the features deserve depends on the data, though. On clothes, nearest means of bare pixels reach 67%: that nothing is forgotten is owed to remembering means rather than to good features. On characters, pixels have 35% and random weights 17%; there pre-training does count.

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# 学習のしかたと更新の回を選んで、古いクラスの正解率が保たれるか、落ちるかを見てください。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Choose a method and a step, and see which old classes keep their accuracy and which lose it.

# %% key="widget"
tl.widget("04")

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** 線形層 `old` を受け取り、古いクラスの答えを変えずに `num_classes` 個の出力に広げた新しい層を返す関数 `grow` を書いてください。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** Write a function `grow` that takes a linear layer `old` and returns a new layer with `num_classes` outputs that answers as before for the old classes.


# %% key="ex-a" tags=["exercise"] needs="setup"
def grow(old, num_classes):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    larger = nn.Linear(old.in_features, num_classes)
    with torch.no_grad():
        larger.weight[: old.out_features] = old.weight
        larger.bias[: old.out_features] = old.bias
    return larger
    ### END SOLUTION


tl.check("04-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** 正解率の行列 R を受け取り、忘却（それまでの最高−最後、最後のグループを除く平均）を返す関数 `lost` を書いてください。

# %% [markdown] key="exercise-b" lang="en"
# **B.** Write a function `lost` that takes an accuracy matrix R and returns forgetting: the best before the last step minus the last, averaged over all groups but the last one.


# %% key="ex-b" tags=["exercise"] needs="setup"
def lost(R):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    differences = [R[j:-1, j].max() - R[-1, j] for j in range(len(R) - 1)]
    return float(torch.stack(differences).clamp(min=0).mean())
    ### END SOLUTION


tl.check("04-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("04")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 新しい `nn.Linear` は古いクラスの行を捨てます。行を写し、オプティマイザーを作り直します。
# - 行を写しても、新しいデータだけで学習すれば古いクラスは忘れられます。
# - 方法を比べるときは、凍結した対照を並べ、学習の長さを変えて確かめます。LwFやEWCの数字の多くは、対照や「止めた時点」で説明がつきます。
# - クラス増分・タスク増分・ドメイン増分は別の問題です。方法の評判は、どの設定で測ったものかとともに読みます。
# - 少しの画像を見せ直すだけで、大部分を防げます。特徴が十分に良いタスクなら、凍結した特徴の最近傍クラス平均で足ります。特徴を変える必要があるタスクでは足りません。
# - 正解率の行列 R から、平均正解率・後方転移・忘却を計算できます。平均だけを見ると、忘却は隠れてしまいます。
#
# **うまくいかないとき**
#
# - 古いクラスがいきなり全滅した：出力層を作り直していないか、行を写したかを確かめます。
# - LwFやEWCがうまく働かない：強さを、実際に使う学習の長さで、検証データから選んだかを確かめます。強すぎると新しいクラスを覚えにくく、弱すぎると古いクラスが消えます。
# - 画像を保管できない：平均だけを残す方法か、モデルだけを残す方法を使います。平均ベクトルから何がわかるかも検討します。
#
# **文献**
#
# - Z. Li, D. Hoiem, *Learning without Forgetting*, 2016. [arXiv:1606.09282](https://arxiv.org/abs/1606.09282)
# - J. Kirkpatrick ほか, *Overcoming catastrophic forgetting in neural networks*, 2017. [arXiv:1612.00796](https://arxiv.org/abs/1612.00796)
# - S.-A. Rebuffi ほか, *iCaRL: Incremental Classifier and Representation Learning*, 2017. [arXiv:1611.07725](https://arxiv.org/abs/1611.07725)
# - D. Lopez-Paz, M. Ranzato, *Gradient Episodic Memory for Continual Learning*, 2017. [arXiv:1706.08840](https://arxiv.org/abs/1706.08840)
# - A. Chaudhry ほか, *Riemannian Walk for Incremental Learning*, 2018. [arXiv:1801.10112](https://arxiv.org/abs/1801.10112)
# - M. McCloskey, N. J. Cohen, *Catastrophic Interference in Connectionist Networks*, 1989. [doi:10.1016/S0079-7421(08)60536-8](https://doi.org/10.1016/S0079-7421(08)60536-8)
# - A. Robins, *Catastrophic Forgetting, Rehearsal and Pseudorehearsal*, 1995. [doi:10.1080/09540099550039318](https://doi.org/10.1080/09540099550039318)
# - A. Chaudhry ほか, *On Tiny Episodic Memories in Continual Learning*, 2019. [arXiv:1902.10486](https://arxiv.org/abs/1902.10486)
# - P. Buzzega ほか, *Dark Experience for General Continual Learning*, 2020 (DER++). [arXiv:2004.07211](https://arxiv.org/abs/2004.07211)
# - T. Mensink ほか, *Distance-Based Image Classification*, 2013. [doi:10.1109/TPAMI.2013.83](https://doi.org/10.1109/TPAMI.2013.83)
# - P. Janson ほか, *A Simple Baseline that Questions the Use of Pretrained-Models in Continual Learning*, 2022. [arXiv:2210.04428](https://arxiv.org/abs/2210.04428)
# - G. M. van de Ven, T. Tuytelaars, A. S. Tolias, *Three types of incremental learning*, 2022. [doi:10.1038/s42256-022-00568-3](https://doi.org/10.1038/s42256-022-00568-3)
# - G. M. van de Ven, *On the Computation of the Fisher Information in Continual Learning*, 2025. [arXiv:2502.11756](https://arxiv.org/abs/2502.11756)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - A new `nn.Linear` throws the rows of the old classes away. Copy them, and make the optimizer anew.
# - Even with the rows copied, training on new data alone makes the old classes vanish.
# - To judge a method, put a frozen control beside it and change the length of training. Much of what LwF and EWC show is explained by the control, or by where one stopped.
# - Class-, task- and domain-incremental learning are different problems. Read a method's reputation together with the scenario in which it was measured.
# - Showing a few old pictures again prevents most of it. Where the features are good enough, nearest mean on frozen features will do; where they have to change, it will not.
# - Average accuracy, backward transfer and forgetting come from the accuracy matrix R. An average alone hides what was forgotten.
#
# **What can go wrong**
#
# - The old classes are gone at once: was the output layer replaced, and were the rows copied?
# - LwF or EWC does not do well: was the strength chosen on validation data, at the length of training you use? Too much of it and the new classes are learned badly, too little and the old ones vanish.
# - No picture may be kept: use a method that keeps means or the model only, and ask what a mean vector may reveal.
#
# **References**
#
# - Z. Li, D. Hoiem, *Learning without Forgetting*, 2016. [arXiv:1606.09282](https://arxiv.org/abs/1606.09282)
# - J. Kirkpatrick et al., *Overcoming catastrophic forgetting in neural networks*, 2017. [arXiv:1612.00796](https://arxiv.org/abs/1612.00796)
# - S.-A. Rebuffi et al., *iCaRL: Incremental Classifier and Representation Learning*, 2017. [arXiv:1611.07725](https://arxiv.org/abs/1611.07725)
# - D. Lopez-Paz, M. Ranzato, *Gradient Episodic Memory for Continual Learning*, 2017. [arXiv:1706.08840](https://arxiv.org/abs/1706.08840)
# - A. Chaudhry et al., *Riemannian Walk for Incremental Learning*, 2018. [arXiv:1801.10112](https://arxiv.org/abs/1801.10112)
# - M. McCloskey, N. J. Cohen, *Catastrophic Interference in Connectionist Networks*, 1989. [doi:10.1016/S0079-7421(08)60536-8](https://doi.org/10.1016/S0079-7421(08)60536-8)
# - A. Robins, *Catastrophic Forgetting, Rehearsal and Pseudorehearsal*, 1995. [doi:10.1080/09540099550039318](https://doi.org/10.1080/09540099550039318)
# - A. Chaudhry et al., *On Tiny Episodic Memories in Continual Learning*, 2019. [arXiv:1902.10486](https://arxiv.org/abs/1902.10486)
# - P. Buzzega et al., *Dark Experience for General Continual Learning*, 2020 (DER++). [arXiv:2004.07211](https://arxiv.org/abs/2004.07211)
# - T. Mensink et al., *Distance-Based Image Classification*, 2013. [doi:10.1109/TPAMI.2013.83](https://doi.org/10.1109/TPAMI.2013.83)
# - P. Janson et al., *A Simple Baseline that Questions the Use of Pretrained-Models in Continual Learning*, 2022. [arXiv:2210.04428](https://arxiv.org/abs/2210.04428)
# - G. M. van de Ven, T. Tuytelaars, A. S. Tolias, *Three types of incremental learning*, 2022. [doi:10.1038/s42256-022-00568-3](https://doi.org/10.1038/s42256-022-00568-3)
# - G. M. van de Ven, *On the Computation of the Fisher Information in Continual Learning*, 2025. [arXiv:2502.11756](https://arxiv.org/abs/2502.11756)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 出力層15分、忘却とリプレイ15分、方法の比較と難しいタスク15分、行列と5回の更新10分、クイズ5分が目安です。
#
# - 「行を写せば忘れない」という誤解がいちばん多く出ます。学習ループの前に、必ず予想を書かせてください。
# - リプレイの3回の測定がいちばん長いセルです。待つ間に、自分の職場で画像を何枚、いつまで保管してよいかを話し合えます。
# - 測定の範囲：保存した結果はシード0〜4で、学習とテストの画像をどちらも選び直しています。強さは、シード100の検証画像で、魚では8・24エポックの両方を見て選びました（DER++のalphaは、0から0.1までほとんど差がありません）。表面検査では、LwF・EWC・DER++のどれも0、つまり工夫を切った場合が選ばれました。リプレイの測定はシード0〜2、5回の更新の実演はシード3です。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: output layer 15 minutes, forgetting and replay 15, the methods and the hard task 15, matrix and stream 10, quiz 5.
#
# - The most common mistake is "with the rows copied nothing is forgotten". Have predictions written down before the training loop.
# - The three measurements of replay are the longest cell. While it runs, discuss how many pictures may be kept where you work, and for how long.
# - What was measured: stored results with seeds 0 to 4, which redraw training and test pictures alike. Strengths were chosen on validation pictures of seed 100, for fish at 8 and 24 epochs together (from 0 to 0.1 the alpha of DER++ makes hardly any difference). On surfaces validation chose 0 for LwF, EWC and DER++ alike: it switched them off. The replay claim uses seeds 0 to 2, the live stream seed 3.
