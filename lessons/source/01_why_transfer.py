# %% [markdown] key="title" lang="ja"
# # 01 なぜ転移学習か
#
# **説明25分、練習とクイズ20分** ・ 前提：Pythonの関数と `for` 文が読めること。PyTorchの学習ループを一度書いたことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 同じネットワークを3通りの始め方で学習させ、正解率を比べる
# - 転移学習の効果を、ラベルと時間の2つの面から、どれくらい確かかも含めて説明する
# - 自分のタスクで転移学習が使えるかを確かめる計画を立てる

# %% [markdown] key="title" lang="en"
# # 01 Why transfer?
#
# **25 minutes of reading, 20 of exercises and quiz** · Before this: you can read Python functions and `for` loops. It helps to have written a training loop in PyTorch once.
#
# After this lesson you can
#
# - train one network from three different starts and compare them
# - say what transfer brings in labels and in time, and how sure that is
# - plan a trial that shows whether a task of yours should use it

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
# 野鳥を長年見てきた人は、初めて見る鳥でも、くちばしや尾の形にすぐ気づきます。覚えるのは新しい名前だけで、**目はもうできている**のです。ネットワークも、同じように目を借りられます。
#
# - **事前学習**（pre-training）：データの多いタスク（**転移元**）で、目を育てておくこと
# - **転移学習**（transfer learning）：その目を、データの少ないタスク（**転移先**）で使うこと
#
# **タスク**とは、モデルに解かせる問題のことです。目にあたる部分を**本体**（バックボーン）、名前を答える部分を**出力層**（ヘッド）と呼びます。下の図は、次の節で使う例です。鍵は「学習しても動かない」、破線は「ランダムな**重み**（学習で変わる数）から始める」という印です。

# %% [markdown] key="idea" lang="en"
# ## Borrow an eye
#
# Suppose that you are asked to sort returned parts into ten kinds by photograph. The right answers, the **labels**, come from one experienced colleague, and you have five for each kind: far too few to train a network from nothing.
#
# Somebody who has watched birds for years notices the bill and the tail even of a bird never seen before. Only the name is new; **the eye is there already**. A network can borrow an eye, too:
#
# - **Pre-training** grows the eye on a task with plenty of data, the **source task**.
# - **Transfer learning** uses that eye on a task with little data, the **target task**.
#
# A **task** is what a model is asked to solve. The part of the network that is the eye is called the **backbone**, or body; the part that answers with a name is the **head**. The diagram shows the example of the next section: a padlock marks what training does not move, and a dashed frame what starts from random **weights** (the numbers that training changes).

# %% key="borrow"
tl.diagram("borrow")

# %% [markdown] key="birds" lang="ja"
# ## 題材：鳥を10種類に分ける
#
# 部品の代わりに、この教材の絵の世界「図鑑」の鳥を使います。ネットワーク `zukan-resnet` が事前学習で見たのは、生き物・模様・架空の文字の絵104種類、合わせて41,600枚です。**鳥は1枚も見ていません。** これに対して、学習に使える鳥の**訓練データ**は10種類（**クラス**）×5枚の50枚です。下はそのうちの3種類です。
#
# ほかに、設定を選ぶための**検証データ**が1種類20枚あります。正解した割合（**正解率**）は、どちらにも使わない400枚の**テストデータ**で測ります。ですから実際に使うラベルは、1種類につき「学習に5枚＋選択に20枚」です。このあと「5枚」と言うときは、学習に使う5枚のことです。

# %% [markdown] key="birds" lang="en"
# ## The job: ten kinds of bird
#
# Birds from the drawn world of this course stand in for the parts. In pre-training, the network `zukan-resnet` saw 41,600 drawings of 104 kinds: creatures, patterns, invented letters. **It has never seen a bird.** Its **training data** now are five pictures of each of ten kinds (or **classes**) of bird, 50 in all; three kinds are below.
#
# Another 20 pictures of each kind are for choosing settings: the **validation data**. The share of right answers, the **accuracy**, is measured on 400 further pictures, the **test data**. So what we really use is "5 labels to learn from + 20 to choose with" of each kind. From here on, "five labels" means the five to learn from.

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
# 重みを一度に動かす大きさ（**学習率**）は、どの始め方でも検証データで選びます。図の `conv1` から `layer4` は、本体を入力側から順に5つに分けた段の名前です。
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
# How far the weights move at a time, the **learning rate**, is chosen on validation data for each start. In the diagram, `conv1` to `layer4` are the five stages of the body, from the picture onwards.
#
# > **Predict, then run**: guessing, the **chance level**, gives 10%. What accuracy will training from scratch reach?

# %% key="three-ways"
tl.diagram("three_ways")

# %% key="predict-start"
tl.predict_first("01-scratch", "Test accuracy from scratch", between=(10, 100), unit="%")
# ja: tl.predict_first("01-scratch", "ゼロから学習したときの正解率", between=(10, 100), unit="%")

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
# では、ラベルが何枚あればゼロからでも追いつくのでしょうか。つまみを動かして調べてください。値は**保存済み**の結果、つまり前もって10回測った平均なので、1回だけの上の結果とは少し違います。
#
# ### 練習A（試す、4分）
#
# ウィジェットで「10種類の鳥」を選び、**凍結が1種類5枚で出す正解率**を読んでください（1%単位）。つまみを何枚に合わせると、**「ゼロから学習」の線**が初めてそこに届くでしょうか。ラベルを1枚付けるのに1分かかるとして、10種類で何分節約できるかを `minutes_saved` に入れてください。選択用の20枚はどちらにも必要なので、数えません。

# %% [markdown] key="run-read" lang="en"
# **The borrowed eye got far more out of the same 50 pictures.** It had never seen a bird, but it could already see the shape of a bill or a tail. From scratch, the eye itself had to grow from 50 pictures. One run cannot tell whether frozen or fine-tuned is better; we come back to that.
#
# ## More labels, or fewer
#
# How many labels does training from scratch need to catch up? Move the slider to find out. The results are **stored**: means of ten runs that we made beforehand, so they differ a little from your single run.
#
# ### Exercise A (try, 4 minutes)
#
# Choose "ten birds" in the widget and read, in whole per cents, what **frozen reaches with five labels** of each kind. At which number on the slider does the line **from scratch** first reach as much? If one label costs a minute, how many minutes does transfer save for the ten kinds? Put them into `minutes_saved`. Leave out the 20 labels for choosing: both need them.

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
# 出力層が受け取る256個の数を**特徴**といいます。目が鳥の絵をどう見たかを表す数です。`preprocess` は画素の値を事前学習のときと同じ範囲にそろえます（`tl.evaluate` の中でも同じことをします）。重みを動かすのは**オプティマイザー**で、`momentum` はそれまでの動きを引き継いで学習を速くします。

# %% [markdown] key="inside" lang="en"
# ## Frozen, in ten lines
#
# Here is the heart of `tl.probe` in plain PyTorch: ① copy the body and freeze it, ② replace the head, ③ train the head alone.
#
# The 256 numbers that reach the head are called **features**: they say how the eye sees the picture. `preprocess` brings the pixels to the range that pre-training had (`tl.evaluate` does so by itself). The **optimizer** moves the weights; its `momentum` carries on earlier movement and so speeds up training.

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
# **10行で、しかも50枚のラベルだけで、`tl.probe` に並びました。** `tl.probe` は出力層をいくつも学習し、検証データでいちばん良いものを選びます。
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
# 効いているのは事前学習した重みでしょうか。それとも、ネットワークの形だけで十分なのでしょうか。比較対象（**ベースライン**）を作って確かめます。魚のタスク `fish` について、`network` と、ランダムな重みの本体を、どちらも線形プローブで測ってください。正解率の差を**ポイント**（%どうしの差）で `gain` に入れます。

# %% [markdown] key="exercise-b" lang="en"
# **Ten lines, with the 50 labels alone, get as far as `tl.probe`.** `tl.probe` trains several heads and keeps the one that is best on the validation data.
#
# Two changes turn this into fine-tuning (`tl.fine_tune` first trains the head as here):
#
# - in ①, `.train()` in place of `.eval().requires_grad_(False)`, so that the eye moves as well
# - the optimizer gets `model.parameters()`, not only `model.fc.parameters()`
#
# For training from scratch, also put `tl.backbone("zukan-resnet", pretrained=False)` in place of `network` in ①: a body of the same shape with random weights.
#
# ### Exercise B (write, 6 minutes)
#
# Is it the pretrained weights that help, or is the shape of the network enough? Find out with a **baseline**. For the task `fish`, measure a linear probe on `network` and one on the body with random weights. Put the difference of their test accuracies, in **points** (per cent minus per cent), into `gain`.

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
# ここまでに計算した結果は、どれも1回きりです。たまたま見やすい50枚が選ばれたのかもしれません。そこで、訓練用の50枚も、検証とテスト（今度は1,000枚）の画像も、**すべて選び直して10回**測りました。どの回も、ファインチューニングとゼロからの学習に同じ50枚を渡したので、差を1回ごとに求められます。下の図が、その10回の結果です（保存済み）。選び方は番号（**シード**）で決まり、番号が同じなら誰でも同じ画像になります。

# %% [markdown] key="measure" lang="en"
# ## How sure is that?
#
# Each result that you computed so far comes from a single run, and perhaps its 50 pictures were easy ones. So we **drew all pictures anew, ten times**: for training, validation and testing (now 1,000). Each time, fine-tuning and scratch got the same 50, which gives one difference. The diagram shows all ten (stored). A draw has a number, its **seed**: the same seed gives everybody the same pictures.

# %% key="redraws"
lesson01.draw_redraws(tl.stored("01_birds"))

# %% [markdown] key="measure-read" lang="ja"
# ファインチューニングは、平均で31ポイント上でした。この平均のまわりの帯、26〜35ポイントが**95%信頼区間**です。**もっと何度も選び直したときの平均が、おそらくこの中にある**という範囲で、次の1回が入る範囲ではありません。図でも、10個の点のうち4個は帯の外にあります。区間が0をまたがなければ、差があると考えてよいでしょう（計算のしかたは、最後の「さらに深く」にあります）。
#
# ## 効果1：ラベルが少なくてすむ
#
# 次の図は、ウィジェットで見た3本の線です。今度は、まわりの帯（95%信頼区間）にも注目してください。

# %% [markdown] key="measure-read" lang="en"
# On average, fine-tuning is 31 points ahead. The band around this mean, from 26 to 35 points, is the **95% interval**: **the mean of very many draws is probably in there**. It is not the range of the next single result; four of the ten dots lie outside. Where the interval does not contain 0, we take the difference to be real. (The formula is under "Deeper", at the end.)
#
# ## Benefit 1: fewer labels
#
# You know these lines from the widget. Now look at their bands as well: they are 95% intervals.

# %% key="labels-figure" alt_ja="1種類あたりのラベル数に対するテスト正解率。3つの始め方の線とチャンスレベルの点線。" alt_en="Test accuracy against labels of each kind: a line for each of the three starts, and a dotted line for chance."
lesson01.draw_label_curves(tl.stored("01_birds"), "birds")

# %% [markdown] key="labels-read" lang="ja"
# **ゼロから学習した場合との差は、ラベルが少ないほど大きくなります。** ファインチューニングは、5枚では31ポイント上ですが、20枚では3ポイントほどです。凍結とファインチューニングの差はわずかで、5枚では、10回測ってもどちらが上か決まりません。
#
# ## 効果2：学習が早く終わる
#
# ゼロからの学習は、時間が足りなかっただけかもしれません。そこで、5枚のまま、学習の長さを変えて測りました。重みを1回動かすのが1**ステップ**です。ファインチューニングは180ステップまで、ゼロからの学習は600ステップまで測っています。学習率も長さごとに選び直したので（600ステップだけは180ステップのときと同じ）、正解率はラベル数の図の値とは違います。
#
# 図の下の「✓」の行は、信頼区間が0より上にあるときだけ表示されます。

# %% [markdown] key="labels-read" lang="en"
# **The fewer the labels, the larger the lead over scratch.** Fine-tuned leads by 31 points at five labels, by some 3 at twenty. Frozen and fine-tuned lie close together: at five labels, even ten draws do not decide between them.
#
# ## Benefit 2: less training
#
# Perhaps scratch merely ran out of time? So we measured again, with five labels and other lengths of training. A **training step** moves the weights once. Fine-tuning was measured up to 180 steps, scratch up to 600. The learning rate was chosen anew for each length (only 600 steps use the one of 180), so the accuracies differ from those in the figure of labels.
#
# The line with ✓ below the figure appears only if its interval lies above 0.

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
# **借りた目は、わずか10ステップで80%を超えます。ゼロからの学習は、試したどの長さでもそこに届きません。** 最高は60ステップの66%です。このときには、訓練用の50枚すべてに正解しています。足りないのは時間ではなく、画像なのです。さらに長く続けると、その50枚にばかり合って、新しい鳥には合わなくなります。これを**過学習**といい、600ステップでは11ポイント下がりました。

# %% [markdown] key="steps-read" lang="en"
# **Ten steps take the borrowed eye above 80%; from scratch, none of the lengths tried gets there.** Scratch does best after 60 steps, with 66%. By then it gets all 50 training pictures right: what is lacking is pictures, not time. Trained on and on, it fits those 50 ever more closely and new birds less well. This is **over-fitting**; 600 steps bring it down by 11 points.

# %% [markdown] key="pets" lang="ja"
# ## 凍結が追い越されるところ
#
# 今度は、犬と猫の絵を見分けるタスクです。学習に使うラベルを、1クラス200枚まで増やします。学習率を選ぶラベルは、別に1クラス100枚あります。

# %% [markdown] key="pets" lang="en"
# ## Where frozen is overtaken
#
# Now the task is to tell drawn cats from dogs, with up to 200 labels of each to learn from. Another 100 of each choose the learning rates.

# %% key="pets-figure" alt_ja="犬と猫でのラベル数に対するテスト正解率。3つの始め方の線とチャンスレベルの点線。" alt_en="Test accuracy on cats and dogs against labels of each class: three lines, chance dotted."
lesson01.draw_label_curves(tl.stored("01_pets"), "pets")

# %% [markdown] key="pets-read" lang="ja"
# **ラベルが増えると、凍結したままの目は追い越されます。** 200枚では、ファインチューニングもゼロからの学習も92%に届きました。ゼロからの学習でさえ、凍結を5ポイント上回っています。借りた目に犬と猫を見分ける力が足りなくても、凍結では育てられないからです。ラベルが少ないうちは凍結し、増えたら目も鍛える、という使い分けになります（レッスン03）。
#
# ## 本物の写真では？
#
# 図鑑の世界は、転移の効果が見えるように私たちが作り、調整したものです。**「何ポイント」という大きさは、この絵の世界だけのものです。** そこで、本物の写真でも測りました。使うのは、小型のネットワークMobileNetV2です。ImageNet（犬や猫を含む1,000種類、約128万枚の写真）で事前学習したものを、凍結して使います。比較対象は、画素にじかに付けた出力層と、ランダムな重みのままの同じネットワークです。

# %% [markdown] key="pets-read" lang="en"
# **As labels grow, an eye that stays frozen is overtaken.** With 200, fine-tuned and scratch both reach 92%; even scratch is 5 points above frozen. If the borrowed eye misses something that tells cats from dogs, a frozen one cannot learn it. So freeze it while labels are few, and train it when there are more (lesson 03).
#
# ## And on real photographs?
#
# We built and tuned the drawn world so that effects can be seen. **The number of points belongs to our drawings alone.** So we measured on real photographs too, with a frozen MobileNetV2. This small network was pretrained on ImageNet: some 1.28 million photographs of 1,000 kinds, dogs and cats among them. The baselines are a head on the bare pixels, and the same network with random weights.

# %% key="real-figure" alt_ja="猫と犬、血液細胞での、ラベル数と正解率。ImageNetの特徴、ランダムな重み、画素の3本の線。" alt_en="Accuracy against labels on cats and dogs and on blood cells, for ImageNet's features, random weights and pixels."
lesson01.draw_real(tl.stored("01_real"))

# %% [markdown] key="real-read" lang="ja"
# **猫と犬では、1クラス5枚のラベルで92%に届きました。** 画素とランダムな重みは、200枚でも60%未満です。ところが3種類の血液細胞は色と大きさで見分けられるので、画素だけでも1クラス10枚で93%になり、転移の効果はわずかです。効果は転移先しだいです（レッスン06）。
#
# ここでは、設定を選ぶためだけのラベルは使っていません。学習用のラベルを何組かに分け、1組ずつ交代で答え合わせに回す**交差検証**で選びました。

# %% [markdown] key="real-read" lang="en"
# **On cats and dogs, five labels of each reach 92%.** Pixels and random weights stay below 60% even with 200. The three kinds of blood cell, however, differ in colour and size: pixels alone reach 93% with ten labels of each, and transfer adds little. It depends on the target (lesson 06).
#
# No further labels were used to choose the settings here: in **cross-validation**, parts of the training labels take turns at checking what the others taught.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 最初の部品の仕事に戻ります。写真は10種類×5枚、ラベルは1枚1分、上司は「AIで分けられるか」を1週間後に知りたがっています。計画を `plan` に書いてください。正解は1つではありません。書き終えたら、解答例の採点表で見直しましょう。
#
# - `"start"`：最初に試す始め方（`"frozen"`、`"fine-tune"`、`"scratch"`）
# - `"baseline"`：比較対象
# - `"test_labels"`：テスト用に追加でラベルを付ける写真の合計枚数
# - `"stop_if"`：転移学習をあきらめる条件
# - `"why"`：理由、根拠にした図、追加のラベルにかかる時間、学習率などの設定を選ぶのに使うラベル、結果の確かさの調べ方

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# Back to the parts: five photographs of each of ten kinds, a minute for each label, and a boss who wants to know in a week whether "AI can sort them". Write your plan into `plan`. There is more than one good plan; mark yours with the rubric in the solution.
#
# - `"start"`: what you try first (`"frozen"`, `"fine-tune"` or `"scratch"`)
# - `"baseline"`: what you compare it with
# - `"test_labels"`: how many further photographs, in all, you would have labelled for testing
# - `"stop_if"`: when you would give transfer up
# - `"why"`: your reasons and a figure that supports them, what further labels cost, which labels choose the settings, and how you find out how sure the result is

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {"start": ..., "baseline": ..., "test_labels": ..., "stop_if": ..., "why": ...}
plan = {
    "start": "frozen",
    "baseline": "guessing (10%), and a head on the bare pixels",
    # ja: "baseline": "ランダムに答えた場合（10%）と、画素そのものに付けた出力層",
    "test_labels": 200,
    "stop_if": "the 95% interval of the lead over pixels is not above 0",
    # ja: "stop_if": "画素の方法との差の95%信頼区間が、0より上にないとき",
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
# | テスト | 訓練に使った写真 | 別の写真だが、少ないか、時間の計算がない | 別の写真、1種類10枚以上。かかる時間も計算した |
# | 設定の選び方 | テストの写真で | 決めた値のまま | 50枚の中の交差検証か、時間も数えた検証データ |
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

# %% [markdown] key="deeper-interval" lang="ja" tags=["deeper"]
# ## さらに深く：95%信頼区間の計算
#
# 差の平均 $m$ の両側に、誤差の幅を付けます。$s$ は差のばらつき（標準偏差）、$n$ は回数、$t$ は回数で決まる倍率です（10回なら2.26）。鳥の10回では $s = 6.4$ なので、幅は $2.26 \times 6.4 \div \sqrt{10}$ で、4.6ポイントほどになります。
#
# $$m \pm t \cdot \frac{s}{\sqrt{n}}$$
#
# 次のセルで計算してみましょう。`tl.interval` も同じ計算をします。

# %% [markdown] key="deeper-interval" lang="en" tags=["deeper"]
# ## Deeper: how the 95% interval is computed
#
# The mean difference $m$ gets a margin on either side. Here $s$ is the spread of the differences (standard deviation), $n$ how many there are, and $t$ a factor that depends on $n$ (2.26 for ten). In the ten draws of birds $s = 6.4$, so the margin is $2.26 \times 6.4 / \sqrt{10}$, some 4.6 points.
#
# $$m \pm t \cdot \frac{s}{\sqrt{n}}$$
#
# The cell computes it, as `tl.interval` does.

# %% key="measure-run"
curves = tl.stored("01_birds")
five = curves["labels"].index(5)
pairs = zip(curves["fine_tune"][five], curves["scratch"][five])
gains = torch.tensor([100 * (tuned - scratch) for tuned, scratch in pairs])
mean, half = gains.mean(), 2.26 * gains.std() / len(gains) ** 0.5
print(f"Mean {mean:.0f} points, 95% interval from {mean - half:.0f} to {mean + half:.0f} points")
# ja: print(f"平均 {mean:.0f} ポイント、95%信頼区間は {mean - half:.0f}〜{mean + half:.0f} ポイント")

# %% [markdown] key="deeper-shift" lang="ja" tags=["deeper"]
# ## さらに深く：見慣れない画像にも強いのか
#
# 2つのネットワークに、同じ鳥を、色あせた絵、夜の絵、スケッチにして見せます（図の下が見本です）。学習し直すことはしません。1つは5枚でファインチューニングしたもの、もう1つは15枚でゼロから学習したもので、ふつうの画像での正解率が近い2つです。

# %% [markdown] key="deeper-shift" lang="en" tags=["deeper"]
# ## Deeper: a third benefit, on unfamiliar pictures?
#
# Two networks now see the same birds faded, by night and as sketches, without further training; below the figure is one bird in each look. One was fine-tuned on five labels, the other trained from scratch on 15, so that on ordinary pictures they come close to each other.

# %% key="shift-figure" alt_ja="ふつう、色あせ、夜、スケッチでのテスト正解率。2つのネットワークの点と区間、チャンスレベルの点線。" alt_en="Test accuracy on ordinary, faded, night and sketch pictures: points with intervals for two networks, chance dotted."
lesson01.draw_shift(tl.stored("01_steps")["shift"])

# %% [markdown] key="shift-read" lang="ja"
# **見た目が変わると、どちらのネットワークも大きく崩れます。** ふつうの画像では、ゼロから学習したほうが上です（94%と90%）。色あせた絵では逆に、借りた目が5ポイント上です（差の区間は1〜10）。夜とスケッチでは、どちらが上とも言えません。
#
# ふつうの画像での正解率から予想されるよりも崩れにくいとき、その分を**実効的頑健性**（effective robustness）と呼びます（Taori ほか, 2020、[arXiv:2007.00644](https://arxiv.org/abs/2007.00644)）。とはいえ、色あせた絵での20%と15%は、どちらも仕事には使えません。**借りた目も万能ではありません。使う場所の画像で試しましょう。**

# %% [markdown] key="shift-read" lang="en"
# **Both networks break down when the look changes.** On ordinary pictures the one from scratch is ahead, with 94% against 90%. On faded ones the borrowed eye is 5 points ahead instead (interval of the difference: 1 to 10). By night and as sketches, neither can be said to be better.
#
# A network that does better on changed pictures than its accuracy on ordinary ones would suggest has **effective robustness** (Taori et al., 2020, [arXiv:2007.00644](https://arxiv.org/abs/2007.00644)). Still, 20% against 15% on faded pictures is of no use at work. **A borrowed eye is no cure-all: try it on pictures from where it will be used.**

# %% [markdown] key="deeper-world" lang="ja" tags=["deeper"]
# ## さらに深く：この世界と測り方
#
# 図鑑の絵はすべてプログラムが描いています。事前学習の題材や長さは、鳥などいくつかの転移先で効果が見えるように選びました。ですから「30ポイント」のような大きさは、発見ではなく設計の結果でもあります。また、転移元と鳥は同じ描き方なので、線や光の質が似ています。本物の写真での結果を各レッスンに添えているのは、このためです。
#
# 差の大きさは、学習のさせ方でも変わります。1種類5枚での差は、ラベル数の図では31ポイントですが、学習率を選び直した学習の長さの図では25ポイント、オプティマイザーを両方ともAdamWに替えると15ポイントでした（保存済み）。なお、保存済みの測定では、違いが本体だけになるように、ファインチューニングもランダムな出力層から始めています。

# %% [markdown] key="deeper-world" lang="en" tags=["deeper"]
# ## Deeper: how this world was made, and how we measured
#
# A program draws every picture. What the source contains and how long pre-training takes were chosen so that some targets, birds among them, show an effect. A size such as "30 points" is therefore partly our design, not a discovery. Source and birds also share their way of drawing, so their lines and light are alike. This is why each lesson sets a result on real data beside ours.
#
# How large a lead is also depends on how both are trained. With five labels of each kind it is 31 points in the figure of labels, 25 in the figure of training lengths, where the learning rates were chosen anew, and 15 with another optimizer for both, AdamW (stored). In the stored runs, fine-tuning starts with a random head as well, so that only the bodies differ.

# %% key="source" alt_ja="転移元の絵の見本。1行に1種類、5枚ずつ。" alt_en="Samples of the source task, one kind in each row, five pictures each."
source = tl.load_task("source", per_class=6, valid_per_class=1, test_per_class=1)
tl.show(source, per_class=5, classes=[0, 30, 58, 80])

# %% [markdown] key="deeper-kinds" lang="ja" tags=["deeper"]
# ## さらに深く：転移の種類
#
# 転移先にラベルがどれだけあるかで、大まかに分けられます。かっこの中はレッスン番号です。このレッスンの鳥（1種類5枚）は、右の2つの境目にあたります。職場の例を1つ挙げ、どこに入るかを隣の人と話し合ってみましょう。

# %% [markdown] key="deeper-kinds" lang="en" tags=["deeper"]
# ## Deeper: kinds of transfer
#
# The kinds can be told apart, roughly, by how many labels the target has; lesson numbers are in brackets. The birds of this lesson, with five labels of each kind, lie on the border of the two boxes on the right. Take a case from your own work and discuss with a neighbour where it belongs.

# %% key="kinds" alt_ja="転移の種類の地図。左から、転移先にラベルなし、少し、たくさん。" alt_en="Map of the kinds of transfer, from no labels in the target over a few to many."
lesson01.draw_kinds()

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、いま使われているもの
#
# | 症状 | 考えられる原因 | 対処 |
# |---|---|---|
# | 転移してもゼロから学習した場合と変わらない | 転移元と転移先で、見るべき所が違う | 別の本体を試す（レッスン06） |
# | ファインチューニングしても凍結と変わらない | ラベルが少ない | ラベルが増えるまでは、凍結のまま使う |
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
# | fine-tuning does no better than frozen | few labels | stay with frozen until there are more |
# | accuracy collapses in fine-tuning | learning rate too high | a third of it (lesson 03) |
# | another result each time | draw of pictures, random numbers | draw anew and judge by the interval |
#
# **Today**
#
# - For photographs, people start from an eye grown without labels, such as DINOv2 ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)), or one grown on pictures with text, such as CLIP ([arXiv:2103.00020](https://arxiv.org/abs/2103.00020)).
# - With enough labels and time, training from scratch can catch up (He et al., 2019, [arXiv:1811.08883](https://arxiv.org/abs/1811.08883)).
# - On medical images, transfer from photographs may bring little (Raghu et al., 2019, [arXiv:1902.07208](https://arxiv.org/abs/1902.07208)).
# - A map of the field: Pan and Yang, 2010, [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191). Do better eyes transfer better? Kornblith et al., 2019, [arXiv:1805.08974](https://arxiv.org/abs/1805.08974).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 目を借りる〜最初の成功10分 → ウィジェットと練習A 6分 → 10行のコードと練習B 8分 → どれくらい確かか3分 → 効果1、2と犬と猫5分 → 本物の写真2分 → 練習C 6分（2人組）、クイズ3分、質問2分。
#
# **ひとことで言うと**：目がもうできていれば、画像も時間も少しですみます。どれくらい得をするかは、画像を選び直して確かめます。
#
# - **映すもの**：「目を借りる」「3つの始め方」「どれくらい確かか」の図（最後の図では「帯は0をまたいでいますか」と尋ねる）、ウィジェット、学習の長さの図。
# - **時間が足りないとき**：まず練習B、次に犬と猫を宿題に回します。練習Cは残してください。
# - **2人組で**：練習Cを1人が提案し、もう1人が採点表で採点して、交代します。
# - **待ち時間**：「3つの始め方」で学習するセルには、CPUの1コアで15秒ほどかかります。その間に、何人かに予想の理由を聞きましょう。
# - **遅れた人は**：`tl.setup()` のセルと、鳥を表示するセルを実行すれば、どの節からでも再開できます。
# - **よくある間違い**：「転移学習＝ファインチューニング」「転移すればいつでも効果がある」「95%信頼区間は、1回ごとの結果の95%が入る幅」。
# - **議論の種**：自分の職場では、ラベル1枚に何分かかるでしょうか。効果1を時間に換算してみましょう。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · borrow an eye and the first success 10 → widget and exercise A 6 → ten lines and exercise B 8 → how sure 3 → benefits 1 and 2, cats and dogs 5 → real photographs 2 → exercise C 6 (in pairs), quiz 3, questions 2.
#
# **In one sentence**: with an eye that is there already, few pictures and little time are enough; drawing the pictures anew shows how much that saves.
#
# - **To project**: the diagrams under "Borrow an eye", "Three ways to start" and "How sure is that?" (ask whether the band holds 0), the widget, the figure of training lengths.
# - **If time runs short**: exercise B becomes homework, then the cats and dogs; keep exercise C.
# - **In pairs**: one proposes a plan for exercise C, the other marks it with the rubric, then they change places.
# - **While you wait**: the cell that trains under "Three ways to start" takes some 15 seconds on one CPU core. Ask a few people meanwhile why they predicted what they did.
# - **Whoever fell behind** runs the cell with `tl.setup()` and the one that shows the birds, and can go on from any section.
# - **Common mistakes**: "transfer learning = fine-tuning"; "transfer always pays"; "a 95% interval holds 95% of single results".
# - **To discuss**: how many minutes does one label cost where you work? Turn benefit 1 into hours.
