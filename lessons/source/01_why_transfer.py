# %% [markdown] key="title" lang="ja"
# # 01 なぜ転移学習か
#
# **説明25分、練習とクイズ20分** ・ 前提：Pythonの関数と `for` 文が読めること。PyTorchの学習ループを一度書いたことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 同じネットワークを3とおりの始め方で学習させ、正解率を比べる
# - 転移学習の効果を、ラベルと時間の2つの面から、どれくらい確かかも含めて説明する
# - 自分のタスクで転移学習を使うべきかを、数枚のラベルで判断する

# %% [markdown] key="title" lang="en"
# # 01 Why transfer?
#
# **25 minutes of reading, 20 of exercises and quiz** · Before this: you can read Python functions and `for` loops. It helps to have written a training loop in PyTorch once.
#
# After this lesson you can
#
# - train one network from three different starts and compare them
# - say what transfer brings in labels and in time, and how sure that is
# - decide with a handful of labels whether a task of yours should use it

# %% key="setup"
import copy

import torch
from torch import nn

import tlhelpers as tl

tl.setup()
lesson01 = tl.figures("01")

# %% [markdown] key="idea" lang="ja"
# ## 目を借りる
#
# 返品された部品を、写真で10種類に分ける仕事を任されたとします。正解の名前（**ラベル**）を写真に付けられるのは、現場のベテランだけです。付けてもらえたのは、1種類につき5枚でした。これでネットワークを一から育てるのは無理です。
#
# 野鳥の見分けを長年続けた人は、初めて見る鳥でも、くちばしや尾の形にすぐ気づきます。覚えるのは新しい名前だけで、**目はもうできている**のです。**転移学習**（transfer learning）は、これと同じことをネットワークにさせます。
#
# - **事前学習**（pre-training）：データの多いタスク（**転移元**）で、目を育てておくこと
# - **転移学習**：その目を、データの少ないタスク（**転移先**）で使うこと
#
# **タスク**とは、モデルに解かせる問題のことです。目にあたる部分を**本体**（バックボーン）、名前を答える部分を**出力層**（ヘッド）と呼びます。下の図の鍵は「学習しても動かない」、破線は「ランダムな重みから始める」という印です。

# %% [markdown] key="idea" lang="en"
# ## Borrow an eye
#
# Suppose that you are asked to sort returned parts into ten kinds by photograph. Only one experienced colleague can say what a photograph shows. Such an answer is called a **label**, and you have five for each kind: far too few to train a network from nothing.
#
# Somebody who has watched birds for years notices the bill and the tail even of a bird never seen before. Only the name is new; **the eye is there already**. **Transfer learning** gives a network the same advantage:
#
# - **Pre-training** grows the eye on a task with plenty of data, the **source task**.
# - **Transfer learning** uses that eye on a task with little data, the **target task**.
#
# A **task** is what a model is asked to solve. The part of the network that is the eye is called the **backbone**, or body; the part that answers with a name is the **head**. In the diagram below, a padlock marks what training does not move, and a dashed frame what starts from random weights.

# %% key="borrow"
tl.diagram("borrow")

# %% [markdown] key="birds" lang="ja"
# ## 題材：鳥を10種類に分ける
#
# 部品の代わりに、この教材の絵の世界「図鑑」の鳥を使います。ネットワーク `zukan-resnet` が事前学習で見たのは、生き物・模様・架空の文字の絵104種類、合わせて41,600枚です。**鳥は1枚も見ていません。** これに対して、学習に使える鳥の**訓練データ**は10種類（**クラス**）×5枚の50枚です。下はそのうちの3種類です。
#
# ほかに、設定を選ぶための**検証データ**が1種類20枚、合わせて200枚あります。ですから、実際に使うラベルは、1種類につき「学習に5枚＋選択に20枚」です。正解した割合（**正解率**）は、学習にも選択にも使わない400枚の**テストデータ**で測ります。

# %% [markdown] key="birds" lang="en"
# ## The job: ten kinds of bird
#
# Birds from the drawn world of this course stand in for the parts. In pre-training the network `zukan-resnet` saw 41,600 drawings of 104 kinds: creatures, patterns, invented letters. **It has never seen a bird.** Its **training data** now are five pictures of each of ten kinds (or **classes**) of bird, 50 in all. Three of the kinds are below.
#
# There are also 20 pictures of each kind, 200 in all, for choosing settings: the **validation data**. So what we really use is "5 labels to learn from + 20 to choose with" of each kind. The share of right answers, the **accuracy**, is measured on 400 pictures that served for neither, the **test data**.

# %% key="task" alt_ja="鳥3種類の見本。1行に1種類、5枚ずつ。" alt_en="Samples of three kinds of bird, one kind in each row, five pictures each."
network = tl.backbone("zukan-resnet")
birds = tl.load_task("birds", per_class=5)
tl.show(birds, per_class=5, classes=[0, 4, 7])

# %% [markdown] key="starts" lang="ja"
# ## 3つの始め方
#
# 同じ50枚、同じ形のネットワークで、始め方だけを変えます。
#
# - **凍結**：借りた目をそのまま使い、新しい出力層だけを学習する（これを**線形プローブ**という）
# - **ファインチューニング**（fine-tuning）：まず凍結と同じように新しい出力層を学習し、続けて借りた目も鍛え直す
# - **ゼロから学習**：ランダムな重みから、目も出力層も一から育てる
#
# 重みを一度に動かす大きさ（**学習率**）は、どの始め方でも検証データで選びます。次の実行では、時間が足りずに負けることのないように、ゼロからの学習にファインチューニングの3倍の時間を与えます。図の `conv1` から `layer4` は、本体を入力側から順に5つに分けた段の名前です。
#
# > **予想してから実行**：ランダムに答えた場合の正解率（**チャンスレベル**）は10%です。ゼロから学習すると、何%になるでしょうか。

# %% [markdown] key="starts" lang="en"
# ## Three ways to start
#
# The 50 pictures and the shape of the network stay the same; only the start differs.
#
# - **Frozen**: the borrowed eye is used as it is, and nothing but a new head is trained. This is called a **linear probe**.
# - **Fine-tuned**: a new head is trained in the same way first; then training goes on and changes the borrowed eye as well (**fine-tuning**).
# - **Trained from scratch**: the network starts from random weights and has to grow the eye as well.
#
# How far the weights move at a time, the **learning rate**, is chosen on validation data for each start. In the run below, training from scratch gets three times as long as fine-tuning, so that it cannot lack time. In the diagram, `conv1` to `layer4` are the five stages of the body, from the picture onwards.
#
# > **Predict, then run**: guessing, the **chance level**, gives 10%. What accuracy will training from scratch reach?

# %% key="three-ways"
tl.diagram("three_ways")

# %% key="predict-start"
tl.predict_first(
    "01-scratch",
    "Test accuracy from scratch with 50 pictures",
    # ja: "50枚でゼロから学習したときのテスト正解率",
    between=(10, 100),
    unit="%",
)

# %% key="run"
frozen = tl.probe(network, birds)
tuned = tl.fine_tune(network, birds)
scratch = tl.train_from_scratch(network, birds)
print(f"Frozen        {frozen.test_acc:.0%} of the test pictures right")
# ja: print(f"凍結                  テスト正解率 {frozen.test_acc:.0%}")
print(f"Fine-tuned    {tuned.test_acc:.0%}")
# ja: print(f"ファインチューニング  テスト正解率 {tuned.test_acc:.0%}")
print(f"From scratch  {scratch.test_acc:.0%}")
# ja: print(f"ゼロから学習          テスト正解率 {scratch.test_acc:.0%}")
tl.see_prediction("01-scratch", round(100 * scratch.test_acc))

# %% [markdown] key="run-read" lang="ja"
# **同じ50枚でも、借りた目のほうがずっとよく見分けました。** 一度も鳥を見ていないのに、くちばしや尾の形に気づける目だったからです。ゼロから学習したネットワークは、その目まで50枚で育てなければなりません。凍結とファインチューニングのどちらが上かは、1回ではわかりません。あとで調べます。
#
# ## ラベルの枚数を変えてみる
#
# では、ラベルが何枚あればゼロからでも追いつくのでしょうか。つまみを動かして調べてください。値は**保存済み**の結果、つまり前もって10回測っておいた平均です。ゼロから学習するときも、ファインチューニングと同じ長さにして測ったので、1回だけの上の結果とは少し違います。
#
# ### 練習A（試す、4分）
#
# ウィジェットで「10種類の鳥」を選び、**凍結が1種類5枚で出す正解率**を読んでください（1%単位）。つまみを何枚に合わせると、**ゼロからの学習**が初めてそこに届くでしょうか。ラベルを1枚付けるのに1分かかるとして、10種類で何分節約できるかを `minutes_saved` に入れてください。選択用の20枚は、どちらにも必要なので数えません。

# %% [markdown] key="run-read" lang="en"
# **The borrowed eye got far more out of the same 50 pictures.** It had never seen a bird, but it could already see the shape of a bill or a tail. From scratch, the eye itself had to grow from 50 pictures. One run cannot tell whether it pays to train the borrowed eye; we come back to that.
#
# ## More labels, or fewer
#
# How many labels, then, does training from scratch need to catch up? Move the slider to find out. The widget shows **stored** results: means of ten runs that we made beforehand. There, scratch and fine-tuning trained equally long, so the numbers differ a little from those of your single run.
#
# ### Exercise A (try, 4 minutes)
#
# Choose "ten birds" in the widget and read, in whole per cents, what **frozen reaches with five labels** of each kind. At which number on the slider does **from scratch** first reach as much? If one label costs a minute, how many minutes does transfer save for the ten kinds? Put them into `minutes_saved`. The 20 labels for choosing do not count, as both need them.

# %% key="widget"
tl.widget("01")

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: minutes_saved = ...
minutes_saved = (10 - 5) * 10 * 1  # from scratch needs 10 of each kind for the same 87%
# ja: minutes_saved = (10 - 5) * 10 * 1  # ゼロから学習すると、同じ87%に届くのは1種類10枚
### END SOLUTION
tl.check("01-a")

# %% [markdown] key="inside" lang="ja"
# ## 凍結の中身は10行
#
# `tl.probe` の中で起きていることを、PyTorchだけで書いてみましょう。①本体を複製して凍結し、②出力層を取り替え、③出力層だけを学習します。
#
# 出力層が受け取る256個の数を**特徴**といいます。鳥の絵を目がどう見たかを表す数です。`preprocess` は画素の値を事前学習のときと同じ範囲にそろえます。重みを動かすのは**オプティマイザー**で、`momentum` はそれまでの動きを引き継いで学習を速くします。

# %% [markdown] key="inside" lang="en"
# ## Frozen, in ten lines
#
# Here is what `tl.probe` does, in nothing but PyTorch: ① copy the body and freeze it, ② replace the head, ③ train the head alone.
#
# The 256 numbers that reach the head are called **features**: they say how the eye sees the picture. `preprocess` brings the pixels to the range that pre-training had. The **optimizer** moves the weights; its `momentum` carries on the movement of earlier steps and so speeds up training.

# %% key="inside-run"
torch.manual_seed(0)
model = copy.deepcopy(network).eval().requires_grad_(False)  # ①
model.fc = nn.Linear(256, 10)  # ②
images, labels = network.preprocess(birds.train.inputs), birds.train.labels
optimizer = torch.optim.SGD(model.fc.parameters(), lr=0.1, momentum=0.9)
for _step in range(60):  # ③
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"Frozen, by hand: {tl.evaluate(model, birds.test):.0%} of the test pictures right")
# ja: print(f"手書きの凍結：テスト正解率 {tl.evaluate(model, birds.test):.0%}")

# %% [markdown] key="exercise-b" lang="ja"
# **10行で、`tl.probe` と同じくらい当たりました。** `tl.probe` はこのほかに特徴の大きさをそろえ、学習率を検証データで選ぶので、88%という結果は上と少し違います。
#
# ファインチューニングに変えるには、2か所を書き換えます（`tl.fine_tune` はその前に、上のように出力層だけを学習しておきます）。
#
# - ①の `.eval().requires_grad_(False)` を `.train()` にする（目も学習させる）
# - オプティマイザーに、`model.fc.parameters()` ではなく `model.parameters()` を渡す
#
# ゼロから学習するなら、さらに①の `network` を `tl.backbone("zukan-resnet", pretrained=False)` に替えます。同じ形で、重みがランダムな本体です。
#
# ### 練習B（書く、6分）
#
# 効いているのは事前学習した重みでしょうか。それとも、ネットワークの形だけで十分なのでしょうか。比較対象（**ベースライン**）を作って確かめます。魚のタスク `fish` について、`network` と、同じ形でランダムな重みの本体を、どちらも線形プローブで測ってください。正解率の差を**ポイント**（%どうしの差）で `gain` に入れます。

# %% [markdown] key="exercise-b" lang="en"
# **Ten lines get as far as `tl.probe`**, which also brings the features to one scale and chooses the learning rate on validation data; so its 88% differ a little from what you see here.
#
# Two changes turn this into fine-tuning (`tl.fine_tune` first trains the head as here):
#
# - in ①, `.train()` in place of `.eval().requires_grad_(False)`, so that the eye moves as well
# - the optimizer gets `model.parameters()`, not only `model.fc.parameters()`
#
# For training from scratch, put `tl.backbone("zukan-resnet", pretrained=False)` in place of `network` in ① as well: a body of the same shape with random weights.
#
# ### Exercise B (write, 6 minutes)
#
# Is it the pretrained weights that help, or is the shape of the network enough? Find out with a **baseline**. For the task `fish`, measure a linear probe on `network` and one on a body of the same shape with random weights. Put the difference of their test accuracies, in **points** (per cent minus per cent), into `gain`.

# %% key="ex-b" tags=["exercise"] needs="setup,task"
fish = tl.load_task("fish", per_class=5)
### BEGIN SOLUTION
# PLACEHOLDER: gain = ...
untrained = tl.backbone("zukan-resnet", pretrained=False)
gain = 100 * (tl.probe(network, fish).test_acc - tl.probe(untrained, fish).test_acc)
### END SOLUTION
tl.check("01-b")

# %% [markdown] key="measure" lang="ja"
# ## どれくらい確かか
#
# ここまでに計算した結果は、どれも1回きりです。たまたま見やすい50枚が選ばれたのかもしれません。そこで、**画像を選び直して10回**測りました（訓練データだけでなく、検証データと1,000枚のテストデータもです）。どの回も、ファインチューニングとゼロからの学習に同じ50枚を渡したので、差を1回ごとに求められます。下の図が、その10回の結果です（保存済み）。選び方は番号（**シード**）で決まり、番号が同じなら誰でも同じ50枚になります。

# %% [markdown] key="measure" lang="en"
# ## How sure is that?
#
# Each result that you computed so far comes from a single run, and perhaps its 50 pictures happened to be easy ones. So we **drew the pictures anew, ten times**: those for validation and 1,000 for testing as well. Each time fine-tuning and scratch got the same 50, which gives one difference. All ten are in the diagram (stored). A draw has a number, its **seed**: with the same seed, anybody gets the same 50 pictures.

# %% key="redraws"
curves = tl.stored("01_birds")
lesson01.draw_redraws(curves)

# %% [markdown] key="measure-code" lang="ja"
# 差の平均 $m$ の両側に、誤差の幅を付けます。$s$ は差のばらつき（標準偏差）、$n$ は回数、$t$ は回数で決まる倍率です（10回なら2.26）。図の10回では $s = 6.4$ なので、幅は $2.26 \times 6.4 \div \sqrt{10}$ で、4.6ポイントほどになります。
#
# $$m \pm t \cdot \frac{s}{\sqrt{n}}$$
#
# これが**95%信頼区間**、図の帯です。**もっと何度も選び直したときの平均が、おそらくこの中にある**という範囲で、次の1回が入る範囲ではありません。図でも、10個の点のうち4個は帯の外にあります。区間が0をまたがなければ、差があると考えてよいでしょう。
#
# 下の1つ目のセルは、これを計算します（`tl.interval` も同じ計算をします）。2つ目は、同じ測り方で2枚から50枚までを調べた図です。

# %% [markdown] key="measure-code" lang="en"
# The mean difference $m$ gets a margin on either side. Here $s$ is the spread of the differences (standard deviation), $n$ how many there are, and $t$ a factor that depends on $n$ (2.26 for ten). In the diagram $s = 6.4$, so the margin is $2.26 \times 6.4 / \sqrt{10}$, some 4.6 points.
#
# $$m \pm t \cdot \frac{s}{\sqrt{n}}$$
#
# This is the **95% interval**, the band in the diagram: **the mean of very many draws is probably in there**. It is not the range of the next single result; four of the ten dots lie outside. Where the interval does not contain 0, we take the difference to be real.
#
# The first cell below computes it (as `tl.interval` does). The second draws the same measurement from two labels to fifty.

# %% key="measure-run"
five = curves["labels"].index(5)
pairs = zip(curves["fine_tune"][five], curves["scratch"][five])
gains = torch.tensor([100 * (tuned - scratch) for tuned, scratch in pairs])
mean, half = gains.mean(), 2.26 * gains.std() / len(gains) ** 0.5
print(f"Mean {mean:.0f} points, 95% interval from {mean - half:.0f} to {mean + half:.0f} points")
# ja: print(f"平均 {mean:.0f} ポイント、95%信頼区間は {mean - half:.0f}〜{mean + half:.0f} ポイント")

# %% key="labels-figure" alt_ja="1種類あたりのラベル数に対するテスト正解率。3つの始め方の線とチャンスレベルの点線。" alt_en="Test accuracy against labels of each kind: a line for each of the three starts, and a dotted line for chance."
lesson01.draw_label_curves(curves, "birds")

# %% [markdown] key="labels-read" lang="ja"
# ## 効果1：ラベルが少なくてすむ
#
# **ゼロから学習した場合との差は、ラベルが少ないほど大きくなります。** ファインチューニングは、5枚では31ポイント上ですが、20枚では3ポイントほどです。凍結とファインチューニングの差はわずかです。2枚では凍結が4ポイントほど上、10枚からはファインチューニングが2ポイントほど上で、5枚では、この図からはどちらが上とも言えません。
#
# ## 効果2：学習が早く終わる
#
# 上の図では、目も学習させる2つの始め方を、どちらもランダムな出力層から同じ長さだけ学習させました（5枚なら約80**ステップ**。1ステップで重みを1回動かします）。ゼロからの学習は、時間が足りなかっただけかもしれません。そこで、5枚のまま、長さだけを変えて測り直しました。学習率は、始め方と長さごとに選んであります（600ステップは180ステップと同じ）。
#
# 図の下の「✓」の行は、その条件が成り立つときだけ表示されます。

# %% [markdown] key="labels-read" lang="en"
# ## Benefit 1: fewer labels
#
# **The fewer the labels, the larger the lead over scratch.** Fine-tuned leads it by 31 points at five labels and by some 3 at twenty. Frozen and fine-tuned lie close together: frozen is some 4 points ahead at two labels, fine-tuning about 2 from ten on, and at five this figure cannot tell.
#
# ## Benefit 2: less training
#
# In the figure above, the two starts that move the eye began with a random head and took equally many **training steps** (about 80 with five labels), each of which moves the weights once. Perhaps scratch merely ran out of time? So we measured again, with five labels and other lengths of training. The learning rate was chosen for each start and length (600 steps kept that of 180).
#
# The line with ✓ below the figure is printed only if its condition holds.

# %% key="steps-figure" alt_ja="学習ステップ数に対するテスト正解率。ファインチューニングとゼロから学習の2本の線。" alt_en="Test accuracy against training steps, a line for fine-tuned and one for from scratch."
steps = tl.stored("01_steps")
lesson01.draw_steps(steps)

# %% key="claim-steps" tags=["claim"]
best = max(steps["scratch"], key=lambda length: sum(steps["scratch"][length]))
pairs = zip(steps["fine_tune"]["60"], steps["scratch"][best])
ahead = tl.interval([100 * (tuned - scratch) for tuned, scratch in pairs])
tl.claim(
    f"Fine-tuned for 60 steps leads scratch at its best length, {best} steps, by "
    # ja: f"60ステップのファインチューニングは、いちばん良い長さ（{best}ステップ）でゼロから学習した場合より"
    f"{ahead.mean:.0f} points, 95% interval from {ahead.low:.0f} to {ahead.high:.0f} (stored)",
    # ja: f"{ahead.mean:.0f}ポイント上です（95%信頼区間は{ahead.low:.0f}〜{ahead.high:.0f}、保存済み）",
    ahead.low > 0,
)

# %% [markdown] key="steps-read" lang="ja"
# **借りた目は、わずか10ステップで80%を超えます。ゼロからの学習は、試したどの長さでもそこに届きません。** 60ステップの66%が最高です。訓練用の50枚には、30ステップからすべて正解しているので、足りないのは時間ではなく、画像です。さらに長く続けると、その50枚にばかり合って、新しい鳥には合わなくなり（**過学習**）、10倍の600ステップでは11ポイント下がりました（区間は9〜13）。借りた目も60ステップから先はほとんど伸びないので、180ステップまで測りました。
#
# **効果の大きさは、比べる相手をどれだけよく調整したかでも変わります。** 1つ前の図で、ゼロからの学習が5枚で58%しかなかったのは、おもに学習率の違いのためです（前の図では0.1、この図の60ステップでは0.3）。オプティマイザーをAdamWに替えるとさらに良くなり、差は15ポイントに縮みます（区間は13〜16、保存済み）。

# %% [markdown] key="steps-read" lang="en"
# **Ten steps take the borrowed eye above 80%; from scratch, none of the lengths tried gets there.** Scratch does best after 60 steps, with 66%. From 30 on it gets all 50 training pictures right: what is lacking is pictures, not time. Trained on and on, it fits those 50 ever more closely and new birds less well (**over-fitting**): 600 steps bring it down by 11 points (interval 9 to 13). The borrowed eye hardly rises after 60 steps; we measured it up to 180.
#
# **How large the gain is also depends on how well its rival is tuned.** In the figure before, scratch has only 58% at five labels, mainly because its learning rate was 0.1 there, and 0.3 for 60 steps here. With AdamW, another optimizer, it does better still, and the lead shrinks to 15 points (interval 13 to 16; stored).

# %% [markdown] key="pets" lang="ja"
# ## 凍結が追い越されるところ
#
# 今度は、犬と猫の絵（図の中に見本）を見分けるタスクです。ラベルを1クラス200枚まで増やしてみます。

# %% [markdown] key="pets" lang="en"
# ## Where frozen is overtaken
#
# Take cats and dogs from the drawn world (two of each stand in the figure), and go up to 200 labels of each.

# %% key="pets-figure" alt_ja="犬と猫でのラベル数に対するテスト正解率。3つの始め方の線とチャンスレベルの点線。" alt_en="Test accuracy on cats and dogs against labels of each class: three lines, chance dotted."
pets = tl.stored("01_pets")
lesson01.draw_label_curves(pets, "pets")

# %% [markdown] key="pets-read" lang="ja"
# **ラベルが増えると、凍結したままの目は追い越されます。** 200枚では、ファインチューニングもゼロからの学習も92%に届きました。ゼロからの学習でさえ、凍結を5ポイント上回ります（区間は3〜7、保存済み。学習率は、別の1クラス100枚で選びました）。借りた目に犬と猫を見分ける力が足りなくても、凍結では育てられません。ラベルが少ないうちは凍結、増えたら目も鍛える、という順番です（レッスン03）。
#
# ## 本物の写真では？
#
# 図鑑の世界は、転移の効果が見えるように私たちが作り、調整したものです。**「何ポイント」という大きさは、この絵の世界だけのものです。ほかでも参考にできるのは順序だけです。** そこで、本物の写真でも測りました。使うのは、ImageNet（犬や猫を含む1,000種類、約128万枚の写真）で事前学習した小型のネットワークMobileNetV2で、凍結して特徴を取り出します。比較対象は、画素そのものと、ランダムな重みのままの同じネットワークです。

# %% [markdown] key="pets-read" lang="en"
# **As labels grow, an eye that stays frozen is overtaken.** With 200, fine-tuned and scratch both reach 92%, and even scratch leads frozen by 5 points (interval 3 to 7; stored, with 100 more of each class to choose the learning rates). If the borrowed eye misses something that tells cats from dogs, a frozen one cannot learn it. So freeze it while labels are few, and train it when there are more (lesson 03).
#
# ## And on real photographs?
#
# We built and tuned the drawn world so that effects can be seen. **The number of points belongs to our drawings; only the order may hold elsewhere.** So we measured on real photographs too, with MobileNetV2, a small network pretrained on ImageNet (some 1.28 million photographs of 1,000 kinds, dogs and cats among them) and frozen. The baselines are bare pixels, and the same network with random weights.

# %% key="real-figure" alt_ja="猫と犬、血液細胞での、ラベル数と正解率。ImageNetの特徴、ランダムな重み、画素の3本の線。" alt_en="Accuracy against labels on cats and dogs and on blood cells, for ImageNet's features, random weights and pixels."
lesson01.draw_real(tl.stored("01_real"))

# %% [markdown] key="real-read" lang="ja"
# **猫と犬では、1クラス5枚のラベルで92%に届きました。** 設定も、この同じラベルを何組かに分け、1組ずつ交代で答え合わせに回す**交差検証**で選びました。画素とランダムな重みは、200枚でも60%未満です。ところが3種類の血液細胞は色と大きさで見分けられるので、画素だけでも1クラス10枚で93%になり、転移の効果はわずかです。効果は転移先しだいです（レッスン06）。

# %% [markdown] key="real-read" lang="en"
# **On cats and dogs, five labels of each reach 92%.** Settings were chosen by **cross-validation**: parts of those same labels take turns at checking what the others taught. Pixels and random weights stay below 60% even with 200. The three kinds of blood cell, however, differ in colour and size: pixels alone reach 93% with ten labels of each, and transfer adds little. It depends on the target (lesson 06).

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 最初の部品の仕事に戻ります。写真は10種類×5枚、ラベルは1枚1分、上司は「AIで分けられるか」を1週間後に知りたがっています。計画を `plan` に書いてください。正解は1つではありません。書き終えたら、解答例の採点表で見直しましょう。
#
# - `"start"`：最初に試す始め方（`"frozen"`、`"fine-tune"`、`"scratch"`）
# - `"baseline"`：比較対象
# - `"test_labels"`：テスト用に追加でラベルを付ける写真の合計枚数
# - `"stop_if"`：転移学習をあきらめる条件
# - `"why"`：理由。学習率などの設定をどのラベルで選ぶか、結果の確かさをどう調べるかも書く

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# Back to the parts: five photographs of each of ten kinds, a minute for each label, and a boss who wants to know in a week whether "AI can sort them". Write your plan into `plan`. There is more than one good plan; mark yours with the rubric in the solution.
#
# - `"start"`: what you try first (`"frozen"`, `"fine-tune"` or `"scratch"`)
# - `"baseline"`: what you compare it with
# - `"test_labels"`: how many further photographs in all you have labelled for testing
# - `"stop_if"`: when you would give transfer up
# - `"why"`: your reasons, with a word on which labels choose the settings and how you find out how sure the result is

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {"start": ..., "baseline": ..., "test_labels": ..., "stop_if": ..., "why": ...}
plan = {
    "start": "frozen",
    "baseline": "guessing (10%), and a head on the bare pixels",
    # ja: "baseline": "ランダムに答えた場合（10%）と、画素そのものに付けた出力層",
    "test_labels": 200,
    "stop_if": "the 95% interval of the lead over pixels contains 0",
    # ja: "stop_if": "画素の方法との差の95%信頼区間が0をまたぐとき",
    "why": "In the figure of the ten birds, frozen keeps up with fine-tuning at five labels. "
    # ja: "why": "鳥10種類の図では、5枚なら凍結でもファインチューニングに並びます。"
    "Cross-validation on the 50 chooses its settings. "
    # ja: "設定は50枚の中の交差検証で選びます。"
    "200 tests are 20 of each kind and cost three hours and twenty minutes. "
    # ja: "テスト200枚は1種類20枚で、3時間20分で付けられます。"
    "Five times I draw the 50 anew from all 250 and test on the rest: that gives the interval.",
    # ja: "250枚から訓練用の50枚を5回選び直し、残りでテストして、区間を求めます。",
}
### END SOLUTION
tl.check("01-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 始め方 | ゼロから | 凍結かファインチューニング | 理由を、枚数と図で説明した |
# | 比較対象 | なし | ランダムに答えた場合 | 画素やランダムな重みも |
# | テスト | 訓練に使った写真 | 別の写真だが、少ないか、費用の計算がない | 別の写真、1種類10枚以上。費用も計算した |
# | 設定の選び方 | テストの写真で | 決めた値のまま | 50枚の中の交差検証か、費用も数えた検証データ |
# | やめる条件 | なし | 「だめなら」 | 数字で書いた |
# | 確かさ | 1回だけ | 何度か測る | 選び直して測り、区間も示す |
#
# 12点満点です。8点以上で、0点の観点がなければ、そのまま上司に見せられます。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | start | from scratch | frozen or fine-tuned | and why, with the number of labels and a figure |
# | baseline | none | guessing | pixels or random weights as well |
# | test | photographs from training | others, but fewer or without their cost | others, ten or more of each kind, with their cost |
# | settings | chosen on the tests | left as they are | cross-validation on the 50, or validation data with their cost |
# | giving up | never | "if it fails" | a condition in numbers |
# | how sure | one run | several runs | several draws, with an interval |
#
# Of 12 points, with 8 or more and no 0 you can show it to your boss as it is.

# %% key="quiz"
tl.quiz("01")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 転移学習は、転移元で育てた目を、転移先で使うことです。使い方には、凍結とファインチューニングがあります。
# - 効果は、ラベルが少ないほど大きく、学習も早く終わります。長く学習しても、画像の不足は補えません。
# - ラベルが増えると、凍結した本体は追い越されます。そのときは目も鍛えます。
# - 1回の結果で決めず、データを選び直し、差に区間を付けて判断します。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Transfer learning uses an eye grown on a source task for a target task, frozen or fine-tuned.
# - The fewer the labels, the larger the gain, and training is short. Longer training does not replace missing pictures.
# - With more labels, a frozen body is overtaken: then train it as well.
# - Do not decide on one result: draw the data anew and give the difference an interval.

# %% [markdown] key="deeper-shift" lang="ja" tags=["deeper"]
# ## さらに深く：見慣れない画像にも強いのか
#
# 同じ鳥を、色あせた絵（色と明暗の差が弱い）、夜の絵（暗く青い）、スケッチ（鉛筆の線）にして、5枚で学習した2つのネットワーク（ファインチューニングとゼロから学習）に、学習し直さずに見せます。公平に比べるために、15枚でゼロから学習し、ふつうの画像での正解率を近づけたものも加えました。

# %% [markdown] key="deeper-shift" lang="en" tags=["deeper"]
# ## Deeper: a third benefit, on unfamiliar pictures?
#
# Now two networks trained on five labels, one fine-tuned and one from scratch, see the same birds faded (weak colours and contrast), by night (dark and blue) and as sketches (pencil lines), without further training. To be fair, there is a third: trained from scratch on 15 labels, it comes closer on ordinary pictures.

# %% key="shift-figure" alt_ja="ふつう、色あせ、夜、スケッチでのテスト正解率。3つのネットワークの点と区間、チャンスレベルの点線。" alt_en="Test accuracy on ordinary, faded, night and sketch pictures: points with intervals for three networks, chance dotted."
lesson01.draw_shift(tl.stored("01_steps")["shift"])

# %% [markdown] key="shift-read" lang="ja"
# **どのネットワークも、見た目が変わると大きく崩れます。** ふつうの画像での正解率が近い2つ（塗りつぶした四角の90%と、白抜きの三角の94%）を比べてください。色あせた絵では、ふつうの画像で4ポイント下だった借りた目が、逆に5ポイント上です（区間は1〜10）。夜とスケッチでは、差の区間が0をまたぎます。このように、ふつうの画像での正解率から予想されるよりも崩れにくいとき、その上積みを**実効的頑健性**（effective robustness）と呼びます（Taori ほか, 2020、[arXiv:2007.00644](https://arxiv.org/abs/2007.00644)）。ただし、20%と15%では、どちらも仕事には使えません。**借りた目も万能ではなく、使う場所の画像で試す必要があります。** （塗りつぶした三角は、5枚で600ステップ、ゼロから学習したネットワークです。）

# %% [markdown] key="shift-read" lang="en"
# **Every network breaks down when the look changes.** Compare the two that are close to each other on ordinary pictures (filled squares at 90%, hollow triangles at 94%). On faded ones the borrowed eye, 4 points behind on ordinary pictures, is 5 ahead (interval 1 to 10); by night and as sketches the interval of the difference contains 0. If a network does better on changed pictures than its accuracy on ordinary ones would suggest, the surplus is called its **effective robustness** (Taori et al., 2020, [arXiv:2007.00644](https://arxiv.org/abs/2007.00644)). But 20% against 15% is of no use at work. **A borrowed eye is no cure-all: try it on pictures from where it will be used.** (Filled triangles: from scratch on five labels, 600 steps.)

# %% [markdown] key="deeper-world" lang="ja" tags=["deeper"]
# ## さらに深く：この世界はどう作られたか
#
# 図鑑の絵はすべてプログラムが描いています。事前学習の題材や長さは、鳥などいくつかの転移先で効果が見えるように選びました。ですから「30ポイント」のような大きさは、発見ではなく設計の結果でもあります。また、転移元と鳥は同じ描き方なので、線や光の質が似ています。本物の写真での結果を各レッスンに添えているのは、このためです。

# %% [markdown] key="deeper-world" lang="en" tags=["deeper"]
# ## Deeper: how this world was made
#
# A program draws every picture. What the source contains and how long pre-training takes were chosen so that some targets, birds among them, show an effect. A size such as "30 points" is therefore partly our design, not a discovery. Source and birds also share their way of drawing, so their lines and light are alike. This is why each lesson sets a result on real data beside ours.

# %% key="source" alt_ja="転移元の絵の見本。1行に1種類、5枚ずつ。" alt_en="Samples of the source task, one kind in each row, five pictures each."
source = tl.load_task("source", per_class=6, valid_per_class=1, test_per_class=1)
tl.show(source, per_class=5, classes=[0, 30, 58, 80])

# %% [markdown] key="deeper-kinds" lang="ja" tags=["deeper"]
# ## さらに深く：転移の種類
#
# 転移先にラベルがどれだけあるかで、大まかに分けられます。かっこの中はレッスン番号です。職場の例を1つ挙げ、どこに入るかを隣の人と話し合ってみましょう。

# %% [markdown] key="deeper-kinds" lang="en" tags=["deeper"]
# ## Deeper: kinds of transfer
#
# The kinds can be told apart, roughly, by how many labels the target has; lesson numbers are in brackets. Take a case from your own work and discuss with a neighbour where it belongs.

# %% key="kinds" alt_ja="転移の種類の地図。左から、転移先にラベルなし、少し、たくさん。" alt_en="Map of the kinds of transfer, from no labels in the target over a few to many."
lesson01.draw_kinds()

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、いま使われているもの
#
# | 症状 | 考えられる原因 | 対処 |
# |---|---|---|
# | 転移してもゼロから学習した場合と変わらない | 転移元と転移先で、見るべき所が違う | 別の本体を試す（レッスン06） |
# | ファインチューニングしても凍結と変わらない | ラベルが少ない | 凍結のまま使うか、長く学習する。鳥5枚で凍結との差は、30ステップなら2ポイント（区間は1〜4）、180ステップなら4ポイント（2〜5、保存済み） |
# | ファインチューニングで正解率が急に下がる | 学習率が高すぎる | 学習率を3分の1にする（レッスン03） |
# | 毎回ちがう結果になる | 画像の選び方と乱数 | 選び直して測り、区間で判断する |
#
# **いま使われているもの**
#
# - 写真なら、ラベルなしで育てた目DINOv2（[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)）や、画像と文章で育てたCLIP（[arXiv:2103.00020](https://arxiv.org/abs/2103.00020)）から始めるのが普通です。
# - ラベルと時間が十分なら、ゼロからでも追いつくことがあります（He ほか, 2019、[arXiv:1811.08883](https://arxiv.org/abs/1811.08883)）。
# - 医療画像では、写真からの転移の効果が小さいこともあります（Raghu ほか, 2019、[arXiv:1902.07208](https://arxiv.org/abs/1902.07208)）。
# - 分野の見取り図：Pan・Yang, 2010、[doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191)。良い目ほどよく転移するか：Kornblith ほか, 2019、[arXiv:1805.08974](https://arxiv.org/abs/1805.08974)。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# | symptom | likely cause | cure |
# |---|---|---|
# | transfer is no better than scratch | the target needs what the source never taught | try another body (lesson 06) |
# | fine-tuning does no better than frozen | few labels | stay with frozen, or train longer: on five birds of each kind, fine-tuning was 2 points ahead of frozen after 30 steps (interval 1 to 4) and 4 after 180 (2 to 5; stored) |
# | accuracy collapses in fine-tuning | learning rate too high | a third of it (lesson 03) |
# | another result each time | draw of pictures, random numbers | draw anew and judge by the interval |
#
# **Today**
#
# - For photographs, people start from an eye grown without labels, such as DINOv2 ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)), or from pictures with text, such as CLIP ([arXiv:2103.00020](https://arxiv.org/abs/2103.00020)).
# - With enough labels and time, training from scratch can catch up (He et al., 2019, [arXiv:1811.08883](https://arxiv.org/abs/1811.08883)).
# - On medical images, transfer from photographs may bring little (Raghu et al., 2019, [arXiv:1902.07208](https://arxiv.org/abs/1902.07208)).
# - A map of the field: Pan and Yang, 2010, [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191). Do better eyes transfer better? Kornblith et al., 2019, [arXiv:1805.08974](https://arxiv.org/abs/1805.08974).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 目を借りる〜最初の成功10分 → ウィジェットと練習A 6分 → 10行のコードと練習B 8分 → どれくらい確かか4分 → 効果1、2と犬と猫5分 → 本物の写真2分 → 練習C 6分（2人組）、クイズ4分。
#
# **ひとことで言うと**：目がもうできていれば、画像も時間も少しですみます。どれくらい得をするかは、画像を選び直して確かめます。
#
# - **映すもの**：図 `borrow`、`three_ways`、`redraws`（「帯は0をまたいでいますか」と尋ねる）、ウィジェット、学習の長さの図。
# - **時間が足りないとき**：まず練習B、次に犬と猫を宿題に回します。練習Cは残してください。
# - **2人組で**：練習Cを1人が提案し、もう1人が採点表で採点して、交代します。
# - **待ち時間**：セル `run` には、CPUの1コアで15秒ほどかかります。その間に、何人かに予想の理由を聞きましょう。
# - **遅れた人は**：`setup` と `task` を実行すれば、どの節からでも再開できます。
# - **よくある間違い**：「転移学習＝ファインチューニング」「転移すればいつでも効果がある」「95%信頼区間は、1回ごとの結果の95%が入る幅」。
# - **議論の種**：自分の職場では、ラベル1枚に何分かかるでしょうか。効果1を時間に換算してみましょう。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · borrow an eye and the first success 10 → widget and exercise A 6 → ten lines and exercise B 8 → how sure 4 → benefits 1 and 2, cats and dogs 5 → real photographs 2 → exercise C 6 (in pairs), quiz 4.
#
# **In one sentence**: an eye that is there already needs few pictures and little time; how much that brings, you find out by drawing anew.
#
# - **To project**: the diagrams `borrow`, `three_ways` and `redraws` (ask whether the band holds 0), the widget, the figure of training lengths.
# - **If time runs short**: exercise B becomes homework, then the cats and dogs; keep exercise C.
# - **In pairs**: one proposes a plan for exercise C, the other marks it with the rubric, then they change places.
# - **While you wait**: the cell `run` takes some 15 seconds on one CPU core. Ask a few people meanwhile why they predicted what they did.
# - **Whoever fell behind** runs `setup` and `task` and can go on from any section.
# - **Common mistakes**: "transfer learning = fine-tuning"; "transfer always pays"; "a 95% interval holds 95% of single results".
# - **To discuss**: how many minutes does one label cost where you work? Turn benefit 1 into hours.
