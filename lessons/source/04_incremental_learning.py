# %% [markdown] key="title" lang="ja"
# # 04 追加学習（継続学習）
#
# **説明24分、練習とクイズ21分** ・ 前提：レッスン03
#
# このレッスンを終えると、次のことができるようになります。
#
# - 学習済みのモデルに、前のクラスを忘れさせずに新しいクラスを教える
# - どれだけ忘れたかを、正解率の表（行列R）から計算する
# - 何を保管できるか、いまの特徴で足りるかを考えて、方法を選ぶ

# %% [markdown] key="title" lang="en"
# # 04 Incremental (continual) learning
#
# **24 minutes of reading, 21 of exercises and quiz** · Before this: lesson 03
#
# After this lesson you can
#
# - teach a trained model new classes and keep the old ones
# - compute how much was forgotten from a table of accuracies, the matrix R
# - choose a way by what you may keep, and by whether the features are good enough

# %% key="setup"
import copy

import torch
from IPython.display import display
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson04 = tl.figures("04")

# %% [markdown] key="arrive" lang="ja"
# ## 見分けるものは、後から増える
#
# 水族館の案内アプリが、ティラピア、カクレクマノミ、サバの3種類を見分けています。そこへ、マダイとデメキンがやって来ました。アプリには、前の3種類を忘れずに、新しい2種類を覚えてほしいところです。職場でも、問い合わせの項目や検査する欠陥の種類は、後から増えていきます。
#
# このように、後から来たものを覚えていくことを**追加学習**（incremental learning）、または**継続学習**（continual learning）といいます。野鳥の愛好家は、新しい鳥を覚えても、前に覚えた鳥を忘れません。ニューラルネットワークはどうでしょうか。
#
# 訓練データは1種類30枚です。下の図では、上の3行が前からいる3種類（古いクラス）、下の2行が新しい2種類（新しいクラス）です。

# %% [markdown] key="arrive" lang="en"
# ## There is always more to tell apart
#
# The app of an aquarium tells three fish apart: tilapia, clownfish and mackerel. Now sea bream and goldfish move in. The app must learn the two new ones without forgetting the three old ones. The same happens at work, when a new kind of enquiry or of defect turns up.
#
# This is **incremental learning**, also called **continual learning**. A bird-watcher who learns a new bird does not forget the others. Does a neural network?
#
# Each fish has 30 training pictures. Below, the first three rows are the old classes, the last two the new ones.

# %% key="fish" alt_ja="5種類の魚の見本。1行に1種類。上の3行が古いクラス、下の2行が新しいクラス。" alt_en="Samples of the five fish, one kind a row: three old classes, then two new ones."
fish = tl.load_task("fish", per_class=30, classes=range(5))
labels, truth = fish.train.labels, fish.valid.labels
old = (labels < 3).nonzero()[:, 0]  # the rows of the three old fish
# ja: old = (labels < 3).nonzero()[:, 0]  # 前の3種類の行番号
new = (labels >= 3).nonzero()[:, 0]
tl.show(fish, per_class=4)

# %% [markdown] key="mean" lang="ja"
# ## まず、忘れない方法
#
# レッスン02のように目を借り、クラスごとに、特徴の平均を1つだけ覚えます。新しい画像には、平均が最も近いクラスを答えます。これが**最近傍クラス平均**（nearest class mean、NCM）です。クラスが増えたら、平均を1つ足すだけで済みます。

# %% [markdown] key="mean" lang="en"
# ## First, a way that does not forget
#
# Borrow the eye, as in lesson 02, and remember one thing of each class: the mean of its features. A new picture gets the class whose mean is nearest. This is the **nearest class mean** (NCM). To add a class is to add one more mean.

# %% key="mean-diagram"
tl.diagram("new_means")

# %% [markdown] key="mean-words" lang="ja"
# たとえば、平均が $\mu_A=(2,2)$ と $\mu_B=(8,2)$ だとします。特徴が $(4,3)$ の画像は、Aまでの距離の2乗が $2^2+1^2=5$、Bまでが $4^2+1^2=17$ なので、Aと答えます。クラス $c$ の訓練画像が $n_c$ 枚、画像 $x$ の特徴が $\phi(x)$ なら、次の式になります。
#
# $$\mu_c=\frac{1}{n_c}\sum_{x \in c}\phi(x),\qquad \text{答え}=\arg\min_c \lVert \phi(x)-\mu_c\rVert$$
#
# $\arg\min_c$ は「値が最も小さくなる $c$」という意味です。コードでは、先に画像1枚ごとに特徴の長さを1にそろえ、向きだけを比べます。

# %% [markdown] key="mean-words" lang="en"
# For example, let the means be $\mu_A=(2,2)$ and $\mu_B=(8,2)$. A picture with features $(4,3)$ is at a squared distance of $2^2+1^2=5$ from A and $4^2+1^2=17$ from B, so the answer is A. With the features $\phi(x)$ of the $n_c$ training pictures of class $c$:
#
# $$\mu_c=\frac{1}{n_c}\sum_{x \in c}\phi(x),\qquad \text{answer}=\arg\min_c \lVert \phi(x)-\mu_c\rVert$$
#
# ($\arg\min_c$: the class with the smallest value.) The code first scales each picture's features to length 1, so that only direction counts.

# %% key="mean-code"
features = F.normalize(tl.extract_features(network, fish.train), dim=1)
checked = F.normalize(tl.extract_features(network, fish.valid), dim=1)


def old_and_new(answers):
    right = (answers == truth).float()
    return right[truth < 3].mean().item(), right[truth >= 3].mean().item()  # old fish, new fish
    # ja: return right[truth < 3].mean().item(), right[truth >= 3].mean().item()  # 前の3種類、新しい2種類


means = torch.stack([features[labels == c].mean(0) for c in range(5)])
kept, added = old_and_new(torch.cdist(checked, means).argmin(1))
print(f"Nearest mean: {kept:.0%} of the old fish and {added:.0%} of the new are right (validation)")
# ja: print(f"最近傍クラス平均：前の3種類 {kept:.0%}、新しい2種類 {added:.0%}（検証データの正解率）")

# %% [markdown] key="train-words" lang="ja"
# **新しい2種類が加わっても、前の3種類を見分けられました。** 何も学習していないので、忘れようがありません。ただし、これで足りるのは、借りた目に違いがもう見えているときだけです。見えていなければ、目を鍛えることになります。
#
# ## 学習すると、どうなるか
#
# 出力層の重みは、1行が1クラスに対応します。5クラスに増やそうとして `model.fc = nn.Linear(256, 5)` と書くのは、よくある間違いです。**学習済みの3行が消えてしまいます。** `tl.grow_head` は、5行の層を作り、前の3行をそこへ写します。

# %% [markdown] key="train-words" lang="en"
# **The two new fish are in, and the three old ones are still there.** Nothing was trained, so nothing could be forgotten. But this is enough only where the borrowed eye already sees the difference. Where it does not, the eye has to be trained.
#
# ## And with training?
#
# Each row of the head's weights belongs to one class. Writing `model.fc = nn.Linear(256, 5)` for five classes is a common mistake: **the three trained rows are gone.** `tl.grow_head` makes a layer of five rows and copies the old three into it.

# %% key="grow-diagram"
tl.diagram("grow_head")

# %% [markdown] key="grow-words" lang="ja"
# 今度は、目も鍛えましょう。次のセルでは、まず `tl.fit`（レッスン03の学習ループを1行にまとめたもの）で前の3種類をファインチューニングし、出力層を5行に広げます。その後、古い画像はもう手元にないものとして、**新しい2種類の画像だけ**で学習します。前の3種類の正解率はどうなるでしょうか。先に予想してください。

# %% [markdown] key="grow-words" lang="en"
# The next cell fine-tunes eye and head on the three old fish with `tl.fit`, the training loop of lesson 03 in one line, and grows the head to five rows. After that we train on **the two new fish only**, as if the old pictures were gone. Predict first: what becomes of the three old ones?


# %% key="grow"
setting = {"batch_size": 16, "optimizer": "sgd", "lr": 0.02, "progress": False}
torch.manual_seed(0)
before = copy.deepcopy(network)
before.fc = nn.Linear(before.fc.in_features, 3)
tl.fit(before, fish.train.subset(old), epochs=6, valid=False, **setting)
tl.grow_head(before, 5)
kept, added = old_and_new(tl.predict(before, fish.valid).argmax(1))
print(f"Five rows, nothing new learned yet: {kept:.0%} of the old fish are right")
# ja: print(f"5行に広げた直後（新しい2種類は未学習）：前の3種類の正解率 {kept:.0%}")

# %% key="predict-forget"
tl.predict_first("04-forget", "Accuracy on the old fish afterwards", between=(0, 100), unit="%")
# ja: tl.predict_first("04-forget", "新しい2種類を学習した後の、前の3種類の正解率", between=(0, 100), unit="%")


# %% key="loop" alt_ja="クラスごとの小さな図が5枚。点線で新しいクラスが届き、古いクラスの正解率が変わっていく。" alt_en="Five small panels, one a class. At the dotted line new classes arrive, and the accuracy of the old ones changes."
def train_on(rows):
    model = copy.deepcopy(before)
    tl.fit(model, fish.train.subset(rows), epochs=6, valid=False, **setting)
    return old_and_new(tl.predict(model, fish.valid).argmax(1))


kept, added = train_on(new)
print(f"New pictures only: {kept:.0%} of the old fish, {added:.0%} of the new ones are right")
# ja: print(f"新しい画像だけで学習：前の3種類 {kept:.0%}、新しい2種類 {added:.0%}")
# the figure: the same again, measured every four steps ("kept_rows" copies the old rows)
# ja: # 図は、同じ学習をもう一度行い、4ステップごとに測ったもの（"kept_rows" は古い行を写す指定）
watched = tl.incremental(network, fish, (3, 2), "kept_rows", epochs=6, watch=4, **setting)
display(lesson04.draw_trace(watched.trace, fish.class_names, old=3))
tl.see_prediction("04-forget", round(100 * kept))

# %% [markdown] key="forget-read" lang="ja"
# **前の3種類は、20ステップ足らずで見分けられなくなりました。** これを**破局的忘却**（catastrophic forgetting）といいます。点線の後に見せる画像は、どれも「古いクラスではない」と教えます。それを打ち消す古い画像は、1枚もありません。
#
# ## 動かしてみる
#
# 実際には、更新は1回では終わりません。ウィジェットでは、10種類の鳥が2種類ずつ、5回に分けて届きます。「学習のしかた」と「届いたクラス」を選び、棒（いまの正解率）が丸印（届いた直後）からどれだけ下がったかを見てください。**LwF**は前のモデルの答えをまねる方法、**EWC**は大事な重みをばねで引き止める方法です（「さらに深く」で説明します）。

# %% [markdown] key="forget-read" lang="en"
# **Within twenty training steps the three old fish are gone.** This is **catastrophic forgetting**. After the dotted line every picture says "not one of the old classes", and no old picture speaks up against it.
#
# ## Try it
#
# In practice there is never just one update. In the widget, ten birds come in five updates of two. Choose "how it learns" and "what arrives", and see how far each bar (now) has fallen below its ring (when it was new). **LwF** imitates the old model's answers, and **EWC** holds important weights by springs; "Deeper" explains both.

# %% key="widget"
tl.widget("04")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、5分）
#
# 「届いたクラス」で最後の2種類（ショウジョウトキ、オオハシ）を選びます。画像を保管しない方法のうち、LwF、EWC、最近傍クラス平均を比べます。全クラスの平均が最も高いのはどれでしょうか。`"LwF"`、`"EWC"`、`"nearest mean"` のどれかを `best` に入れてください。`fell` には、LwFの古いクラスが届いた直後から何ポイント下がったかを入れます。どちらも、図の下の文を読めばわかります。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 5 minutes)
#
# At "what arrives", choose the last two (scarlet ibis, toucan). Compare three ways that keep no picture: `"LwF"`, `"EWC"` and `"nearest mean"`. Put the one with the highest average over all classes into `best`. Put into `fell` how many points LwF's old classes have lost since they were new. The sentence below the chart tells both.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: best = ...
# PLACEHOLDER: fell = ...
best = "nearest mean"
fell = 88 - 64
### END SOLUTION
tl.check("04-a")

# %% [markdown] key="replay" lang="ja"
# ## 少しだけ見せ直す：リプレイ
#
# 忘れたのは、古い画像が1枚も出てこなかったからです。それなら、少しだけ保管しておき、新しい画像に混ぜましょう。これを**リプレイ**（replay）といいます。論文では、保管した画像をbufferやmemoryと呼びます。
#
# ここでは、前の3種類を、30枚のうち5枚ずつ保管します。新しい画像は60枚なので、保管した15枚を4回ずつ使えば、ちょうど半々になります。

# %% [markdown] key="replay" lang="en"
# ## Show a few again: replay
#
# No old picture ever came back. So keep a small stock of them (in papers: buffer or memory) and mix it with the new ones: this is **replay**.
#
# Here we keep 5 of the 30 pictures of each old fish. There are 60 new pictures; the 15 old ones, shown four times each, make it half and half.

# %% key="replay-diagram"
tl.diagram("replay")

# %% key="replay-code"
for seed in tl.seeds(3):
    torch.manual_seed(seed)
    stock = torch.cat([old[labels[old] == c][torch.randperm(30)[:5]] for c in range(3)])
    mixed = torch.cat([new, stock.repeat(4)])  # half new, half old
    # ja: mixed = torch.cat([new, stock.repeat(4)])  # 新しい画像と古い画像が半々
    kept, added = train_on(mixed)
    print(f"Stock {seed + 1}, 5 of each: {kept:.0%} of the old fish, {added:.0%} of the new ones")
    # ja: print(f"5枚ずつ混ぜる（{seed + 1}回目）：前の3種類 {kept:.0%}、新しい2種類 {added:.0%}")

# %% [markdown] key="matrix" lang="ja"
# **1種類5枚を混ぜるだけで、前の3種類をほとんど忘れませんでした。** 5枚を選び直した3回とも、そうでした。
#
# ## 忘れた量を数にする
#
# 更新が続くときは、1回ごとに、それまでに届いた組（1回に届くクラスのまとまり）をすべて測り直し、表にします。これが**正解率の行列R**です。$R_{i,j}$ は、$i$ 回目の更新の後の、$j$ 組目の正解率を表します。たとえば、次の表を見てください。
#
# | | 1組目 | 2組目 | 3組目 |
# |---|---|---|---|
# | 1回目の後 | 80% | | |
# | 2回目の後 | 90% | 95% | |
# | 3回目の後 | 60% | 87% | 99% |
#
# - **平均正解率**は、最後の行の平均で、$(60+87+99)/3=82$%です。
# - **忘却**（forgetting）は、組ごとに「最後の回より前の最高」から「最後の値」を引き、平均したものです。1組目は $90-60=30$、2組目は $95-87=8$、平均は19ポイントです。最後に届いた組は数えません。最後のほうが高い組は、0とします。
#
# 平均の82%だけでは、この忘却に気づけません。次は、鳥の5回の更新で両方を測ります。リプレイは、1種類10枚のうち5枚を残します。

# %% [markdown] key="matrix" lang="en"
# **Five pictures of each keep nearly all of the old fish**, with each of the three stocks.
#
# ## Forgetting as a number
#
# After every update, measure all groups so far again (a group is the classes of one update). This gives a table, the **accuracy matrix R**: $R_{i,j}$ is the accuracy after update $i$ on group $j$. For example:
#
# | | group 1 | group 2 | group 3 |
# |---|---|---|---|
# | after update 1 | 80% | | |
# | after update 2 | 90% | 95% | |
# | after update 3 | 60% | 87% | 99% |
#
# - **Average accuracy** is the mean of the last row, $(60+87+99)/3=82$%.
# - **Forgetting** is, for each group, the best value before the last update minus the last value. Group 1 lost $90-60=30$, group 2 $95-87=8$, on average 19 points. The newest group is left out, and a group that gained counts as 0.
#
# The 82% alone would not show this loss. Let us measure both on the five updates of birds, where replay keeps 5 of the 10 pictures of each:

# %% key="live-stream" alt_ja="2つの方法の正解率行列。新しいデータだけでは対角線の下が暗く、リプレイでは下まで値が残る。" alt_en="Accuracy matrices of two methods: dark below the diagonal with new data only, values remain with replay."
birds = tl.load_task("birds", per_class=10, test_per_class=20)
naive = tl.incremental(network, birds, (2, 2, 2, 2, 2), "kept_rows", epochs=8, **setting)
live = tl.incremental(network, birds, (2, 2, 2, 2, 2), "replay", epochs=8, per_class=5, **setting)
runs = {"New data only": naive, "Replay": live}
# ja: runs = {"新しいデータだけ": naive, "リプレイ": live}
for name, run in runs.items():
    points = 100 * run.forgetting
    print(f"{name}: average {run.average_accuracy:.0%}, forgetting {points:.0f} points")
    # ja: print(f"{name}：平均正解率 {run.average_accuracy:.0%}、忘却 {points:.0f}ポイント")
lesson04.draw_matrices({"kept_rows": naive.accuracy, "replay": live.accuracy})

# %% [markdown] key="exercise-b" lang="ja"
# **新しいデータだけでは、対角線しか残りません。リプレイでは、いちばん下の行まで値が残ります。**
#
# ### 練習B（書く、6分）
#
# 更新が $T$ 回のとき、忘却は次の式で表せます。
#
# $$\frac{1}{T-1}\sum_{j<T}\max\left(0,\ \max_{j\le i<T}R_{i,j}-R_{T,j}\right)$$
#
# これを小数で返す関数 `lost(R)` を書いてください。`R` はテンソルで、まだ届いていない所は `nan`、行と列は0から数えます。上の3×3の表なら、答えは0.19です。

# %% [markdown] key="exercise-b" lang="en"
# **With new data only, nothing but the diagonal is left; with replay the values last down to the bottom row.**
#
# ### Exercise B (write, 6 minutes)
#
# For $T$ updates, forgetting is
#
# $$\frac{1}{T-1}\sum_{j<T}\max\left(0,\ \max_{j\le i<T}R_{i,j}-R_{T,j}\right)$$
#
# Write `lost(R)`, which returns it as a fraction: 0.19 for the 3 × 3 table above. `R` is a tensor, `nan` where a group has not come yet, with rows and columns counted from 0.


# %% key="ex-b" tags=["exercise"] needs="setup"
def lost(R):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    differences = [R[j:-1, j].max() - R[-1, j] for j in range(len(R) - 1)]
    return float(torch.stack(differences).clamp(min=0).mean())
    ### END SOLUTION


tl.check("04-b")

# %% [markdown] key="scenarios" lang="ja"
# ## 同じ「追加学習」でも、設定は3つある
#
# 論文の数字を比べる前に、テストで何が問われたのかを確かめましょう。問い方の違いを、設定（scenario）といいます。

# %% [markdown] key="scenarios" lang="en"
# ## Three scenarios under one name
#
# Before you compare numbers from papers, look at what was asked.

# %% key="scenarios-diagram"
tl.diagram("scenarios")

# %% [markdown] key="hard" lang="ja"
# **新しいデータだけで学習した後、前の3種類の正解率は、組を教えるかどうかで0%にも98%にもなります。**
#
# - クラス増分（class-incremental）では0%です。組は教えず、5種類すべてから選ばせます。
# - タスク増分（task-incremental）では98%です。どの組の画像かを、学習でもテストでも教えます。学習のsoftmaxは新しい2行だけで計算するので、「古いクラスではない」と教える画像がなくなります。
# - ドメイン増分（domain-incremental）では、クラスは同じまま、**ドメイン**（domain、画像が撮られた条件）が昼から夜のように変わります。
#
# 「さらに深く」では、3つの設定をすべて測ります。ほかの数字は、断りのない限り、いちばん難しいクラス増分で測ったものです。
#
# ## 平均だけでは足りないとき
#
# 魚では、最近傍クラス平均で十分でした。レッスン03の表面検査は、傷やへこみを見分ける、もっと難しい課題です（1クラス30枚で、学習は短く、反転もしないので、レッスン03ほどの正解率にはなりません）。こちらも、3クラスの後に2クラスが加わります。図の「全データ」は、更新のたびに、それまでの画像すべてで学習し直した結果です。「全データ（凍結）」では、そのとき出力層だけを学習しました。

# %% [markdown] key="hard" lang="en"
# **After training on new data only, 0% or 98% of the old fish are right: it depends on whether the group is told.**
#
# - Class-incremental, 0%: the group is not told, and the model chooses among all five fish.
# - Task-incremental, 98%: the group is told, in training and at the test. The softmax in training is over the two new rows only, so no picture says "not one of the old classes".
# - Domain-incremental: the classes stay, but the **domain** (the conditions under which pictures are taken) changes, for example from day to night.
#
# "Deeper" measures all three scenarios. All other numbers here are class-incremental, the hardest, unless said otherwise.
#
# ## When means are not enough
#
# For fish, the nearest class mean was all we needed. The surfaces of lesson 03, with their scratches and dents, are harder; with 30 pictures of each, shorter training and no flips, less is reached than there. Again three classes are learned, then two more. "All data" trains on every picture again at every update; "all data, frozen" trains only the head on them.

# %% key="hard-figure" alt_ja="魚と表面検査での5クラスの平均正解率。最近傍クラス平均、リプレイ、本体を凍結した全データ、全データを比べている。" alt_en="Mean accuracy over five classes on fish and on surfaces: nearest mean, replay, all data with the body frozen, and all data."
easy, hard = tl.stored("04_methods"), tl.stored("04_hard")
lesson04.draw_easy_and_hard(easy, hard, tl.stored("04_frozen"))

# %% [markdown] key="real" lang="ja"
# **魚では、最近傍クラス平均が「全データ」に並びました。表面検査では、「全データ」が約10ポイント上回りました。** そのうち約7ポイントは、出力層の学習だけで得られます。目も鍛えると、さらに約3ポイント増えます。ただし、この効果は学習の長さしだいです。「全データ」の学習を半分にすると、出力層だけの場合を下回ります。
#
# ## 本物の画像では？
#
# 衣類の写真（Fashion-MNIST）10種類が2種類ずつ、手書き文字（Omniglot）50文字が10文字ずつ届きます。リプレイが残すのは、衣類は1種類5枚、文字は1文字2枚です。本体はImageNetで事前学習したMobileNetV2で、**凍結したまま、出力層だけを学習します**。これなら、何も忘れないのでしょうか。

# %% [markdown] key="real" lang="en"
# **On fish, the nearest class mean keeps up with "all data". On surfaces, "all data" is about 10 points ahead.** Training the head alone gives about 7 of them, and training the eye as well about 3 more. What the eye adds depends on how long you train: with half the epochs, "all data" falls below the head alone.
#
# ## And on real pictures?
#
# Ten kinds of clothes (Fashion-MNIST) come two at a time, fifty handwritten characters (Omniglot) ten at a time. Replay keeps 5 pictures of each kind of clothes and 2 of each character. The body is a MobileNetV2 pretrained on ImageNet. **It stays frozen; only the head is trained.** Is nothing forgotten then?

# %% key="real-figure" alt_ja="本物の衣類と手書き文字での、更新のたびの、届いた全クラスの正解率。方法ごとに線が1本ずつ。" alt_en="Accuracy on all classes so far after each update, on real clothes and characters, a line for each way."
lesson04.draw_real(tl.stored("04_real"))

# %% [markdown] key="exercise-c" lang="ja"
# **本体を凍結しても、出力層が忘れます。** 選択肢が増えるので、どの線も下がります。しかし、新しいデータだけでは衣類33%、文字18%まで落ちます（全データなら78%と75%）。
#
# 最近傍クラス平均は76%と63%です。リプレイは、衣類ではそれを下回り、文字ではほぼ並びます。
#
# 事前学習の効果は、文字のほうに大きく出ました。事前学習なしの平均（破線）でも、衣類は67%に届きます。しかし、文字は、ランダムな重みで17%、画素そのもので35%にとどまります。
#
# ### 練習C（設計する、7分）
#
# ある通販会社が、問い合わせメールを12の項目に分類しています。事前学習済みの言語モデルの特徴を使い、正解率は93%です。3か月ごとに項目が2つ増え、新しい項目のメールは40通ずつ手に入ります。**メール本文は30日で削除する決まりです。**
#
# 計画を `plan` に書き、書き終えたら、解答例の採点表で採点しましょう。
#
# - `"method"`：`"nearest mean"`、`"replay"`、`"LwF"`、`"all data"` のどれか
# - `"keep"`：次の更新まで保管するもののリスト
# - `"tested_on"`：更新のたびに測るもののリスト（`"old"`、`"new"` など）
# - `"change_if"`：方法を変える条件
# - `"why"`：理由と、評価用のメールをどう用意するか

# %% [markdown] key="exercise-c" lang="en"
# **With the body frozen, the head still forgets.** All lines fall, as there is more to choose from. But new data only ends at 33% on clothes and 18% on characters, all data at 78% and 75%.
#
# The nearest class mean ends at 76% and 63%. Replay ends below it on clothes, and about level with it on characters.
#
# Pre-training matters more on characters. Means without it (dashed) still reach 67% on clothes, but on characters only 17% with random weights and 35% on bare pixels.
#
# ### Exercise C (design, 7 minutes)
#
# A web shop sorts enquiries into 12 categories, on features of a pretrained language model, and 93% are right. Every three months two categories are added, with 40 messages each. **Messages must be deleted after 30 days.**
#
# Write your plan into `plan`, then mark it with the rubric in the solution:
#
# - `"method"`: `"nearest mean"`, `"replay"`, `"LwF"` or `"all data"`
# - `"keep"`: a list of what you store until the next update
# - `"tested_on"`: a list of what you measure at every update, such as `"old"`, `"new"`
# - `"change_if"`: when you would change the method
# - `"why"`: your reasons, and which messages you will test on

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "method": ...,
# PLACEHOLDER:     "keep": ...,
# PLACEHOLDER:     "tested_on": ...,
# PLACEHOLDER:     "change_if": ...,
# PLACEHOLDER:     "why": ...,
# PLACEHOLDER: }
plan = {
    "method": "nearest mean",
    "keep": ["one mean for each category", "test messages, with consent"],
    # ja: "keep": ["項目ごとに平均を1つ", "同意を得た評価用メール"],
    "tested_on": ["old", "new"],
    "change_if": "Old or new categories fall below 85%.",
    # ja: "change_if": "新旧どちらかの項目が85%を下回ったら変えます。",
    "why": "At 93%, frozen features are good enough. I test on messages kept with consent.",
    # ja: "why": "凍結した特徴で93%なら、いまの特徴で足ります。評価には、同意を得て残したメールを使います。",
}
### END SOLUTION
tl.check("04-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 方法 | 古いメールの本文が要る | 本文が要らない | 本文が要らず、特徴が足りている根拠（93%）も挙げた |
# | 保管 | 何を残すか書いていない | 平均、またはモデル | 平均やモデルから個人がわからないかにも触れた |
# | 測定 | 新しい項目だけ | 新旧の両方 | 項目ごと、更新のたびに（行列R） |
# | 評価用メール | 触れていない | 30日以内のメールで測る | 同意を得たメールなど、長く使える評価データを用意する |
# | 変える条件 | ない | 「悪くなったら」 | 数字と、次に試す方法がある |
#
# 10点満点で7点以上なら、そのまま提案書に書けます。上の解答例は、2＋1＋1＋2＋1で7点です（条件に数字はありますが、次に試す方法がありません）。LwFを選ぶ計画も、凍結した特徴の平均と比べてから決めるなら、「方法」は2点です。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | method | needs old messages | needs none | and says why the features are good enough (93%) |
# | what is kept | not said | means, or the model | and whether they could reveal a person |
# | measuring | new categories only | old and new | each category, at every update (matrix R) |
# | test messages | not mentioned | those of the last 30 days | a lasting test set, such as messages kept with consent |
# | change | no condition | "if it gets worse" | a number, and the next method to try |
#
# With 7 of the 10 points or more, your plan can go to your boss as it is. The plan above has 2 + 1 + 1 + 2 + 1 = 7: its condition has a number, but no next method. LwF earns the 2 points for the method, too, if it is first compared with means of frozen features.

# %% key="quiz"
tl.quiz("04")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 新しいデータだけで学習すると、古いクラスをすぐに忘れます。出力層の行を写しても、本体を凍結しても、防げません。
# - まず、学習の要らない最近傍クラス平均を測ります。正解率が十分なら、それで済みます。
# - 足りなければ、すべて保管できるなら、全データで学習し直します。少ししか残せないなら、リプレイ（または「さらに深く」のiCaRL）を試し、最近傍クラス平均を上回るかを確かめます。
# - 古いクラスと新しいクラスは、更新のたびに別々に測ります。平均だけでは、忘却が見えません。
# - 論文の数字は、テストで組を教えた結果（タスク増分）か、教えなかった結果（クラス増分）かを確かめてから比べます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Trained on new data only, a network soon forgets the old classes. Copied rows and a frozen body do not prevent it.
# - First measure the nearest class mean. Where it is accurate enough, it will do.
# - Where it falls short, train on all data again, if you may keep them. If you may keep a few, try replay (or iCaRL, under "Deeper"), and check that it beats the nearest class mean.
# - At every update, measure old and new classes apart. An average hides forgetting.
# - Ask of every published number whether the group was told (task-incremental) or not (class-incremental).

# %% [markdown] key="deeper-scenarios" lang="ja" tags=["deeper"]
# ## さらに深く：3つの設定での測定
#
# 設定は、`tl.incremental(..., scenario="task")` のように指定します。ドメイン増分では、同じ5種類の魚を、昼、色あせた写真、夜の順に学習します。

# %% [markdown] key="deeper-scenarios" lang="en" tags=["deeper"]
# ## Deeper: the three scenarios, measured
#
# `tl.incremental(..., scenario="task")` chooses the scenario. In the domain-incremental one, the same five fish are learned by day, then from faded photos, then by night.

# %% key="scenarios-figure" alt_ja="最初に届いたものと最後に届いたものの正解率。3つの設定で4つの方法。" alt_en="Accuracy on what came first and what came last, for four methods in three scenarios."
lesson04.draw_scenarios(tl.stored("04_scenarios"))

# %% [markdown] key="scenarios-read" lang="ja"
# **タスク増分では、どの方法もほとんど忘れません。** ドメイン増分では、新しいデータだけでも、最初のドメインの86%が残ります。LwFとEWCではもっと残りますが（96%と98%）、そのぶん最後のドメインを覚えきれません（86%と61%）。リプレイは、どちらも94%以上です。EWCの強さはクラス増分で選んだままなので、ほかの設定では強すぎるのかもしれません。

# %% [markdown] key="scenarios-read" lang="en"
# **In the task-incremental scenario hardly anything is forgotten by any method.** In the domain-incremental one, even new data only keeps 86% on the first domain. LwF and EWC keep more (96% and 98%), but learn less of the last domain (86% and 61%); replay has at least 94% on both. EWC's strength was chosen for class-incremental learning, and may be too much elsewhere.

# %% [markdown] key="deeper-lwf" lang="ja" tags=["deeper"]
# ## さらに深く：画像を残さずに学習する（LwFとEWC）
#
# **LwF**（Learning without Forgetting）は、新しい画像を前のモデルにも見せ、古いクラスについて同じ答えを出すように学習します。別のモデルの答えをまねさせることを**蒸留**（distillation）といいます。2つの答えの隔たりは**KLダイバージェンス**（KL divergence）で測ります。古いクラスの出力を、前のモデルで $z^{\text{old}}$、いまのモデルで $z$ とします。$T=2$ は温度で、大きいほど答えの差がならされます（更新の回数 $T$ とは別です）。強さを $\lambda$ とすると、損失は次の式になります（交差エントロピーは、分類の学習で普通に使う損失です）。
#
# $$\text{新しいクラスどうしの交差エントロピー}+\lambda T^2\,\mathrm{KL}\left(\mathrm{softmax}(z^{\text{old}}/T)\,\Vert\,\mathrm{softmax}(z/T)\right)$$
#
# 次のセルでは、古いクラスの出力の1つだけが、2から0へずれます。損失は、それだけで増えます。

# %% [markdown] key="deeper-lwf" lang="en" tags=["deeper"]
# ## Deeper: training without kept pictures (LwF and EWC)
#
# **LwF** (Learning without Forgetting) shows the new pictures to the old model, too, and asks for the same answers on the old classes. To train one model on the answers of another is called **distillation**. The **KL divergence** says how far apart two such answers are. Let $z^{\text{old}}$ be the old model's outputs, $z$ the present ones for the old classes, $T=2$ a temperature (the higher, the more even the answers; not the $T$ updates of exercise B) and $\lambda$ a strength. The loss is (cross-entropy is the usual loss of a classifier)
#
# $$\text{cross-entropy among the new classes}+\lambda T^2\,\mathrm{KL}\left(\mathrm{softmax}(z^{\text{old}}/T)\,\Vert\,\mathrm{softmax}(z/T)\right)$$
#
# In the next cell a single output of the old classes drifts from 2 to 0, and the loss rises for this alone.


# %% key="lwf-code"
def lwf_loss(now, then, answers, strength=0.3, T=2.0):
    fresh = F.cross_entropy(now[:, 3:], answers - 3)
    wanted, given = F.softmax(then / T, 1), F.log_softmax(now[:, :3] / T, 1)
    return fresh + strength * T**2 * F.kl_div(given, wanted, reduction="batchmean")


then = torch.tensor([[2.0, 0.0, 0.0]])  # what the old model says of a new picture
# ja: then = torch.tensor([[2.0, 0.0, 0.0]])  # 新しい画像に対する、前のモデルの答え
for first in (2.0, 0.0):
    now = torch.tensor([[first, 0.0, 0.0, 3.0, 0.0]])
    print(f"First output {first}: loss {lwf_loss(now, then, torch.tensor([3])):.3f}")
    # ja: print(f"1つ目の出力 {first}：損失 {lwf_loss(now, then, torch.tensor([3])):.3f}")

# %% [markdown] key="ewc" lang="ja"
# **EWC**（elastic weight consolidation）は、古いクラスに大事な重みほど強いばねで、元の値 $w^*$ へ引き戻します。
#
# $$\text{損失}+\frac{\lambda}{2}\sum_k F_k\,(w_k-w^*_k)^2,\qquad F_k=\text{平均}_x\sum_c p(c\mid x)\left(\frac{\partial \log p(c\mid x)}{\partial w_k}\right)^2$$
#
# $F_k$ は**フィッシャー情報量**で、重みを動かしたときに、古い訓練画像 $x$ に対するモデル自身の答え $p(c\mid x)$ がどれだけ変わるかを表します。たとえば $\lambda=1$ なら、$F=4$ の重みを0.1動かすと罰則は $4\times 0.1^2/2=0.02$ です。

# %% [markdown] key="ewc" lang="en"
# **EWC** (elastic weight consolidation) pulls each weight back to its old value $w^*$ by a spring. The more a weight matters to the old classes, the stronger its spring.
#
# $$\text{loss}+\frac{\lambda}{2}\sum_k F_k\,(w_k-w^*_k)^2,\qquad F_k=\text{mean}_x\sum_c p(c\mid x)\left(\frac{\partial \log p(c\mid x)}{\partial w_k}\right)^2$$
#
# $F_k$ is the **Fisher information**: how much the model's own answers $p(c\mid x)$ to the old training pictures $x$ change with the weight. For example, with $\lambda=1$, moving a weight of $F=4$ by 0.1 costs $4\times 0.1^2/2=0.02$.


# %% key="ewc-code"
def ewc_penalty(w, start, fisher, strength=1.0):
    return strength / 2 * (fisher * (w - start).square()).sum()


start, fisher = torch.tensor([1.0, 1.0]), torch.tensor([4.0, 0.1])
for moved in ([1.1, 1.0], [1.0, 1.1]):
    penalty = ewc_penalty(torch.tensor(moved), start, fisher)
    print(f"Weights at {moved}: penalty {penalty:.4f}")
    # ja: print(f"重みが {moved} のとき：罰則 {penalty:.4f}")

# %% key="epochs-figure" alt_ja="4・8・24エポックでの、古いクラスと新しいクラスのテスト正解率。凍結した本体、LwF、EWC、リプレイの4枚。" alt_en="Test accuracy of old and new classes after 4, 8 and 24 epochs: frozen body, LwF, EWC and replay."
lesson04.draw_epochs(tl.stored("04_epochs"))

# %% [markdown] key="epochs-read" lang="ja"
# **LwFとEWCの良し悪しは、どこで学習を止めるかと、何と比べるかで変わります。** 魚（1クラス10枚）で、学習の長さだけを変えました（最初の3クラスの学習も同じだけ変えています）。
#
# - **EWC** は、ゆっくりですが、忘れます。8エポックと24エポックを比べると、新しいクラスは40%から92%に上がり、古いクラスは96%から84%に下がりました。
# - **LwF** は、24エポックでも古いクラスの96%を保ちます。しかし、左端の「本体を凍結」でも97%です。新しい2行どうしだけを競わせる（softmaxをこの2行だけで計算する）ので、古いクラスの点数が動かないからです。**LwF自身の効果は、新しいクラスの約15ポイントです（95%信頼区間は8〜22）。**
# - **リプレイ** は、8エポックから先、どちらも95%を超えます。
#
# LwFとEWCは、学習中にBatchNormを固定しています（レッスン03）。固定しないと、どちらも5クラスの平均で約6ポイント低くなりました（`tl.stored("04_batchnorm")`）。

# %% [markdown] key="epochs-read" lang="en"
# **How good LwF and EWC look depends on where you stop and on what you compare them with.** On fish, with 10 pictures of each, only the length of training changes, on the old classes as well as on the new.
#
# - **EWC** forgets slowly, but it forgets. From 8 to 24 epochs the new classes rise from 40% to 92%, and the old ones fall from 96% to 84%.
# - **LwF** keeps 96% of the old classes after 24 epochs. But "frozen body" at the left keeps 97%: its two new rows compete only among themselves (the softmax is over these two), so the scores of the old classes never move. **LwF's own merit is some 15 points on the new classes (95% interval 8 to 22).**
# - **Replay** is above 95% on both from 8 epochs on.
#
# LwF and EWC keep BatchNorm still while they learn (lesson 03). Without that, both are some 6 points lower on average over the five classes (`tl.stored("04_batchnorm")`).

# %% key="strengths" alt_ja="LwFとEWCの強さと、古いクラス・新しいクラスの検証正解率。" alt_en="Validation accuracy of old and new classes against the strength of LwF and of EWC."
strengths = tl.stored("04_strengths")["fish"]
lesson04.draw_strengths({method: strengths[method] for method in ("lwf", "ewc")})

# %% [markdown] key="strengths-read" lang="ja"
# **強くするほど、古いクラスは残りますが、新しいクラスを覚えにくくなります。** 縦線が選んだ強さで、8エポックと24エポックの平均が最も良かった値です。LwFは0.3、EWCは100万でした（$F$ がとても小さいので、大きな係数が要ります）。シード1つの結果なので、細かな上下に意味はありません。

# %% [markdown] key="strengths-read" lang="en"
# **The stronger the hold, the more is left of the old classes and the less is learned of the new.** The vertical line is the strength that was chosen, the best for 8 and 24 epochs together: 0.3 for LwF and a million for EWC, whose $F$ is very small. It is a single seed, so small ups and downs mean nothing.

# %% [markdown] key="deeper-replay" lang="ja" tags=["deeper"]
# ## さらに深く：残した画像をもっと生かす（DER++とiCaRL）
#
# **DER++** は、残した画像に正解ラベルと「そのときの答え $z$」を付けておき、いまの答え $h$ を両方に近づけます（$\alpha$ と $\beta$ は強さ）。
#
# $$\text{新しい画像の交差エントロピー}+\alpha\lVert z-h\rVert^2+\beta\,\text{残した画像の交差エントロピー}$$
#
# **iCaRL** は、残す画像（**保存した見本**、exemplar）を、その平均が全体の平均に近くなるように1枚ずつ選びます。学習では前のモデルの答えを蒸留し、新しい画像には、見本の特徴の平均が最も近いクラスを答えます。次は、見本の選び方です。

# %% [markdown] key="deeper-replay" lang="en" tags=["deeper"]
# ## Deeper: more out of the stock (DER++ and iCaRL)
#
# **DER++** keeps with each stored picture its label and the outputs $z$ that the model gave at the time, and draws today's outputs $h$ towards both, with strengths $\alpha$ and $\beta$:
#
# $$\text{cross-entropy on new pictures}+\alpha\lVert z-h\rVert^2+\beta\,\text{cross-entropy on stored ones}$$
#
# **iCaRL** picks its stored pictures, the **exemplars**, one by one so that their mean stays close to the mean of all. It also distils the old model's answers, and gives a new picture the class whose exemplar mean is nearest. This is how it picks:


# %% key="herd-code"
def herd(features, count):
    chosen, total = [], torch.zeros(features.shape[1])
    for k in range(1, count + 1):
        distance = (features.mean(0) - (total + features) / k).norm(dim=1)
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
        total = total + features[chosen[-1]]
    return chosen


points = torch.tensor([[0.0], [1.0], [4.0], [5.0], [9.0]])
print(f"Mean {points.mean():.1f}, exemplars at {[points[row].item() for row in herd(points, 3)]}")
# ja: print(f"平均 {points.mean():.1f}、見本の位置 {[points[row].item() for row in herd(points, 3)]}")

# %% [markdown] key="methods-intro" lang="ja"
# ### 魚で、全部の方法を比べる
#
# 訓練データは1クラス10枚で、リプレイ、DER++、iCaRLは、そのうち5枚ほどを残します。値は10回の平均、角括弧は95%信頼区間です。「保管するもの」は、モデルのほかに、次の更新まで残しておくデータの量です。

# %% [markdown] key="methods-intro" lang="en"
# ### Every method on fish
#
# There are 10 pictures of each class; replay, DER++ and iCaRL keep about 5 of them. The values are means of ten draws, with 95% intervals in brackets. "Kept" is what the next update needs besides the model.

# %% key="methods"
lesson04.Methods(easy)

# %% [markdown] key="methods-read" lang="ja"
# **リプレイ、iCaRL、最近傍クラス平均、全データの差は、5クラスの平均で2ポイント以内です。** 次の3点に気を付けて見比べてください。
#
# - 画像を残さない方法が、いつも小さいわけではありません。EWCのばねは16 MB、全画像は614 kB、平均は5 kBです。
# - 本体を凍結しても、新しい行を全クラスと競わせると、古いクラスは7%しか残りません。新しい行どうしだけなら、95%が残ります。
# - **DER++の行は、ほかの行と比べないでください。** `alpha` と `beta` の決め方を、テスト結果を一度見た後で変えたからです。

# %% [markdown] key="methods-read" lang="en"
# **Replay, iCaRL, nearest mean and all data are within 2 points of each other, on average over the five classes.** Mind three things:
#
# - No pictures does not always mean little memory: EWC's springs take 16 MB, all pictures 614 kB, the means 5 kB.
# - With the body frozen, 7% of the old classes are left if the new rows compete with all, and 95% if they compete among themselves.
# - **Do not compare the row of DER++ with the others.** We changed the way its `alpha` and `beta` are chosen after seeing its test results once.

# %% [markdown] key="deeper-hard" lang="ja" tags=["deeper"]
# ## さらに深く：表面検査と5回の更新を、全部の方法で
#
# 表面検査では、1クラス30枚のうち、リプレイは12枚を残します。LwFとEWCの強さも、DER++の `alpha` も、検証データで選ぶと0になりました。つまり、LwFとDER++は前の答えを使わず、EWCはばねを使いません（表の16 MBも不要になります）。

# %% [markdown] key="deeper-hard" lang="en" tags=["deeper"]
# ## Deeper: surfaces and five updates, every method
#
# On surfaces, replay keeps 12 of the 30 pictures of each class. The validation data chose a strength of 0 for LwF and EWC, and an `alpha` of 0 for DER++. So here LwF and DER++ go without old answers, and EWC without springs (the 16 MB in the table would not be needed).

# %% key="hard-table"
lesson04.Methods(hard)

# %% key="claim-hard" tags=["claim"]
frozen = lesson04.average(hard, "nearest_mean")
ahead = tl.interval([100 * (a - b) for a, b in zip(lesson04.average(hard, "joint"), frozen)])
tl.claim(
    f"On surfaces, all data is {ahead.low:.0f} to {ahead.high:.0f} points above nearest mean (stored)",
    # ja: f"表面検査では、全データが最近傍クラス平均を{ahead.low:.0f}〜{ahead.high:.0f}ポイント上回りました（保存済み）",
    ahead.low > 3,
)

# %% [markdown] key="hard-read" lang="ja"
# **表面検査で最近傍クラス平均をはっきり上回ったのは、全データとiCaRLです。** 差は、全データが6〜14ポイント、iCaRLが4〜10ポイントでした（5クラスの平均、10回の95%信頼区間）。
#
# 全データがどれだけ上回るかは、学習の長さしだいです。半分の5エポックでは、最近傍クラス平均を上回るとは言えず、「全データ（凍結）」を2〜8ポイント下回りました。3倍の長さ、勾配クリッピングなし、AdamWでは、どちらもはっきり上回りました（`tl.stored("04_stable")`、`tl.stored("04_frozen")`）。

# %% [markdown] key="hard-read" lang="en"
# **On surfaces all data and iCaRL are clearly ahead of the nearest class mean**, all data by 6 to 14 points and iCaRL by 4 to 10 (mean of the five classes, 95% intervals, ten draws).
#
# How far all data is ahead depends on the length of training. With half of it, 5 epochs, it has no provable lead over the nearest class mean, and is 2 to 8 points behind "all data, frozen". Trained three times as long, without gradient clipping, or with AdamW, it is clearly ahead of both (`tl.stored("04_stable")`, `tl.stored("04_frozen")`).

# %% key="stream-figure" alt_ja="更新のたびの、届いた全クラスの正解率。新しいデータだけの2本は下がり続け、リプレイと最近傍クラス平均は高く残る。" alt_en="Accuracy on all classes so far after each update: the two lines with new data only keep falling, replay and nearest mean stay high."
lesson04.draw_stream(tl.stored("04_stream"))

# %% [markdown] key="stream-read" lang="ja"
# **更新が5回続くうちに、差が広がります。** 10種類の鳥がすべて届いた後は、リプレイと最近傍クラス平均が90%、LwFが60%、EWCが26%、新しいデータだけが19%です（新しいデータだけの2本は重なっています）。
#
# 忘却の仲間に**後方転移**（backward transfer）があります。$\frac{1}{T-1}\sum_{j<T}(R_{T,j}-R_{j,j})$、つまり「最後−届いた直後」の平均で、負なら忘れています。上の3×3の表では、$(60-80)/2+(87-95)/2=-14$ ポイントです。忘却の19と違うのは、1組目が途中で良くなったからです。

# %% [markdown] key="stream-read" lang="en"
# **Over five updates the gaps widen.** When all ten birds have come, replay and nearest mean are at 90%, LwF at 60%, EWC at 26% and new data only at 19% (its two lines coincide).
#
# A relative of forgetting is **backward transfer**, $\frac{1}{T-1}\sum_{j<T}(R_{T,j}-R_{j,j})$: the last minus the first, negative where something was forgotten. In the 3 × 3 table above it is $(60-80)/2+(87-95)/2=-14$ points. It differs from the 19 of forgetting because group 1 became better on the way.

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法、文献
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 学習前から古いクラスが全滅 | 出力層を作り直した | `tl.grow_head` で行を写し、オプティマイザーも作り直す |
# | 最新の組だけ正解率が高い | 新しいデータだけで学習した | リプレイ、または最近傍クラス平均 |
# | 新しいクラスを覚えない | LwFやEWCが強すぎる | 実際に使う学習の長さで、検証データから強さを選び直す |
# | 画像を保管できない | 規則、契約 | 平均だけを残す。平均から何がわかるかも検討する |
#
# **最近よく使われる手法**
#
# - **凍結した大きな本体と平均**：クラスごとの平均が、多くの方法に並びます（Janson ほか, 2022、[arXiv:2210.04428](https://arxiv.org/abs/2210.04428)）。特徴の広がりも使うDeep SLDA（[arXiv:1909.01520](https://arxiv.org/abs/1909.01520)）とRanPAC（[arXiv:2307.02251](https://arxiv.org/abs/2307.02251)）は、その発展です。
# - **小さな部品を足す**：本体は凍結し、入力に添える短いベクトルの列（プロンプト）を学習するL2P（[arXiv:2112.08654](https://arxiv.org/abs/2112.08654)）。
# - **重みを足し合わせる**：別々のファインチューニングで重みが動いた分を足し合わせるtask arithmetic（[arXiv:2212.04089](https://arxiv.org/abs/2212.04089)）。
#
# **文献**
#
# - 忘却：McCloskey, Cohen, 1989. [doi:10.1016/S0079-7421(08)60536-8](https://doi.org/10.1016/S0079-7421(08)60536-8)
# - リプレイ：Robins, 1995. [doi:10.1080/09540099550039318](https://doi.org/10.1080/09540099550039318)、Chaudhry ほか, 2019. [arXiv:1902.10486](https://arxiv.org/abs/1902.10486)
# - 最近傍クラス平均：Mensink ほか, 2013. [doi:10.1109/TPAMI.2013.83](https://doi.org/10.1109/TPAMI.2013.83)
# - LwF：Li, Hoiem, 2016. [arXiv:1606.09282](https://arxiv.org/abs/1606.09282)、EWC：Kirkpatrick ほか, 2017. [arXiv:1612.00796](https://arxiv.org/abs/1612.00796)、フィッシャー情報量の求め方：van de Ven, 2025. [arXiv:2502.11756](https://arxiv.org/abs/2502.11756)
# - iCaRL：Rebuffi ほか, 2017. [arXiv:1611.07725](https://arxiv.org/abs/1611.07725)、DER++：Buzzega ほか, 2020. [arXiv:2004.07211](https://arxiv.org/abs/2004.07211)
# - 行列Rと後方転移：Lopez-Paz, Ranzato, 2017. [arXiv:1706.08840](https://arxiv.org/abs/1706.08840)、忘却：Chaudhry ほか, 2018. [arXiv:1801.10112](https://arxiv.org/abs/1801.10112)
# - 3つの設定：van de Ven, Tuytelaars, Tolias, 2022. [doi:10.1038/s42256-022-00568-3](https://doi.org/10.1038/s42256-022-00568-3)

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, what people use today, references
#
# | symptom | cause | cure |
# |---|---|---|
# | old classes gone before any training | the head was replaced | copy its rows with `tl.grow_head`, and make the optimizer anew |
# | only the newest group does well | trained on new data only | replay, or nearest class mean |
# | new classes are not learned | LwF or EWC too strong | choose the strength again on validation data, at the length of training that you use |
# | pictures may not be kept | rules, contracts | keep means only, and ask what a mean may reveal |
#
# **Today**
#
# - **A large frozen body and means** keep up with many methods (Janson et al., 2022, [arXiv:2210.04428](https://arxiv.org/abs/2210.04428)). Deep SLDA ([arXiv:1909.01520](https://arxiv.org/abs/1909.01520)) and RanPAC ([arXiv:2307.02251](https://arxiv.org/abs/2307.02251)) also use how features spread.
# - **Small parts that are added**: L2P freezes the body and learns prompts, a few vectors that are added to its input ([arXiv:2112.08654](https://arxiv.org/abs/2112.08654)).
# - **Adding weights**: task arithmetic adds up how far separate fine-tunings moved the weights ([arXiv:2212.04089](https://arxiv.org/abs/2212.04089)).
#
# **References**
#
# - Forgetting: McCloskey, Cohen, 1989. [doi:10.1016/S0079-7421(08)60536-8](https://doi.org/10.1016/S0079-7421(08)60536-8)
# - Replay: Robins, 1995. [doi:10.1080/09540099550039318](https://doi.org/10.1080/09540099550039318); Chaudhry et al., 2019. [arXiv:1902.10486](https://arxiv.org/abs/1902.10486)
# - Nearest class mean: Mensink et al., 2013. [doi:10.1109/TPAMI.2013.83](https://doi.org/10.1109/TPAMI.2013.83)
# - LwF: Li, Hoiem, 2016. [arXiv:1606.09282](https://arxiv.org/abs/1606.09282); EWC: Kirkpatrick et al., 2017. [arXiv:1612.00796](https://arxiv.org/abs/1612.00796); the Fisher information: van de Ven, 2025. [arXiv:2502.11756](https://arxiv.org/abs/2502.11756)
# - iCaRL: Rebuffi et al., 2017. [arXiv:1611.07725](https://arxiv.org/abs/1611.07725); DER++: Buzzega et al., 2020. [arXiv:2004.07211](https://arxiv.org/abs/2004.07211)
# - Matrix R and backward transfer: Lopez-Paz, Ranzato, 2017. [arXiv:1706.08840](https://arxiv.org/abs/1706.08840); forgetting: Chaudhry et al., 2018. [arXiv:1801.10112](https://arxiv.org/abs/1801.10112)
# - The three scenarios: van de Ven, Tuytelaars, Tolias, 2022. [doi:10.1038/s42256-022-00568-3](https://doi.org/10.1038/s42256-022-00568-3)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 導入と最近傍クラス平均7分 → 出力層を広げて忘れる6分 → ウィジェットと練習A 8分 → リプレイ3分 → 行列Rと練習B 9分 → 3つの設定と表面検査3分 → 本物の画像、練習C（2人組）9分。クイズ、まとめ、「さらに深く」は宿題です。時間が足りなければ、まず練習Bを宿題に回します。
#
# - **映すもの**：平均の図（「まず、忘れない方法」）、忘れていく5枚の図、3つの設定の図。
# - **2人組で**：魚を忘れる実験の前に、2人が別々に予想して理由を言い合います。練習Cは1人が提案、もう1人が採点表で採点します。
# - **答え**：練習Aは最近傍クラス平均と24ポイント（88%から64%）です。
# - **待ち時間**：2コアのCPUで、鳥の5回の更新が最も長く、10〜20秒ほどです。待つ間に、職場では画像やメールを何件、いつまで残せるかを話し合えます。
# - **遅れた人は**：先頭から、忘れていく5枚の図までのコードのセルを実行すれば、「まとめ」までのどの節からでも再開できます。
# - **よくある間違い**：「行を写せば忘れない」「本体を凍結すれば忘れない」。どちらも図で確かめます。
# - **測定の範囲**：保存した結果はシード0〜9で、訓練とテストの画像をどちらも選び直しています。強さはシード100の検証画像で選びました。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · opening and nearest mean 7 → growing the head, and forgetting 6 → widget and exercise A 8 → replay 3 → matrix R and exercise B 9 → scenarios and surfaces 3 → real pictures and exercise C (in pairs) 9. Quiz, key points and "Deeper" are homework. Short of time, make exercise B homework first.
#
# - **To project**: the diagram of means ("First, a way that does not forget"), the five panels of forgetting, the diagram of the three scenarios.
# - **In pairs**: before the fish are forgotten, both predict apart and give each other their reasons. In exercise C, one proposes and the other marks.
# - **Answers**: exercise A, nearest class mean and 24 points (88% to 64%).
# - **Waiting**: on two CPU cores the five updates of birds take longest, some 10 to 20 seconds. Discuss meanwhile how many pictures or messages may be kept where you work, and for how long.
# - **Whoever fell behind** runs the cells with code from the top to the five panels of forgetting, and can go on from any section up to the key points.
# - **Common mistakes**: "with the rows copied nothing is forgotten", "with the body frozen nothing is forgotten". The figures show both to be wrong.
# - **What was measured**: stored results with seeds 0 to 9, which redraw training and test pictures alike. Strengths were chosen on validation pictures of seed 100.
