# %% [markdown] key="title" lang="ja"
# # 06 負の転移とドメイン不一致
#
# **説明25分、練習20分** ・ 前提：レッスン02（特徴抽出）と03（ファインチューニング）
#
# このレッスンを終えると、次のことができるようになります。
#
# - 転移がかえって害になる「負の転移」を測る
# - 似ていないだけの転移元と、害になる転移元を区別する
# - 転移する前に、線形プローブで害を予想する
# - 害に気づいたとき、対策を取るか、転移元を替えるかを決める

# %% [markdown] key="title" lang="en"
# # 06 Negative transfer and domain mismatch
#
# **25 minutes of reading, 20 of exercises** · Before this: lessons 02 (feature extraction) and 03 (fine-tuning)
#
# After this lesson you can
#
# - measure negative transfer, a transfer that makes things worse
# - tell a source that only looks different from one that does harm
# - use a linear probe as a warning before a transfer
# - decide, once harm is seen, between a remedy and another source

# %% key="setup"
import copy

import torch
from IPython.display import display

import tlhelpers as tl

tl.setup()
lesson06 = tl.figures("06")
pairs = tl.stored("06_pairs")

# %% [markdown] key="idea" lang="ja"
# ## 見当違いの目
#
# ある工場の塗装ラインには、部品を**塗装の色**で仕分けるネットワーク（以下、**色見分けネット**）があります。傷があっても、材質が違っても、色が同じなら同じ箱に入れます。正解率は97%です。そこへ外観検査の話が来ました。同じ工場の、同じような部品の写真から、今度は**欠陥**を見つけます。「自社の部品で鍛えたネットワークがあるのだから、それを使おう」と考えるのは自然です。
#
# けれども、色だけを見るように鍛えた目は、欠陥を見ないように鍛えた目でもあります。こういう目から始めたために、ゼロから育てるより悪い結果になることを、**負の転移**（negative transfer）といいます。

# %% [markdown] key="idea" lang="en"
# ## An eye trained for something else
#
# On the paint line of a factory, a network, the **paint sorter**, sorts parts by the **colour** of their paint, whatever their material and however scratched they are. It is right 97% of the time. Now the factory wants its parts inspected for **defects**. "We have a network trained on our own parts, so let us use it" is a natural thought.
#
# But an eye trained to see nothing but colour has also been trained not to see defects. When a network that starts from such an eye ends up worse than one that starts from nothing, we speak of **negative transfer**.

# %% key="ignored"
tl.diagram("ignored")

# %% [markdown] key="task" lang="ja"
# ## 題材：色分けから外観検査へ
#
# 次のセルには、まず色見分けネットが学んだ写真（8色のうち2色）、続いて外観検査（図では「表面の検査」）の写真が出ます。見分けるのは、レッスン03と同じ5つのクラス（良品、傷、へこみ、しみ、ひび）で、ラベル付きの写真は1クラスにつき40＋40枚です（訓練＋検証）。2つの仕事の写真は、**とてもよく似ています**。
#
# まず本体を凍結し、出力層だけを学習します（線形プローブ）。比べるのは、次の3つの目です。
#
# - **色見分けネット**（`zukan-paint`）
# - **ランダムな重み**：同じ形で、何も学んでいないネットワーク
# - **`zukan-resnet`**：生き物・模様・架空の文字を学んだ、レッスン01からのネットワーク
#
# ランダムに答えれば20%です。結果の図では、点が保存済みの10回の平均、丸い輪が今日の1回です。

# %% [markdown] key="task" lang="en"
# ## The job: from sorting colours to inspection
#
# The next cell shows two of the eight colours that the paint sorter learned and, below them, the inspection ("surfaces" in the figures). It has the five classes of lesson 03: sound (`ok`), scratch, dent, stain and crack, with 40 + 40 labelled pictures of each (training + validation). To us, the two jobs **look very much alike**.
#
# First the body stays frozen and only a head is trained, a linear probe. Three eyes compete:
#
# - the **paint sorter** (`zukan-paint`)
# - **random weights**: a network of the same shape that never learned anything
# - **`zukan-resnet`**, the network of lesson 01, which learned creatures, patterns and invented letters
#
# Guessing gives 20%. In the figure of the results, a dot is the mean of ten stored runs, each with pictures drawn anew, and a ring is your own run.

# %% key="pictures" alt_ja="上は塗装の色の写真で、1行が1色。下は外観検査の写真で、1行が1クラス。" alt_en="Above, pictures for sorting colours, one colour a row; below, pictures for inspection, one class a row."
surfaces = tl.load_task("surfaces", per_class=40, valid_per_class=40)
paint = tl.load_task("paint", per_class=25, valid_per_class=1, test_per_class=1)
display(tl.show(paint, per_class=3, classes=[0, 5]))
display(tl.show(surfaces, per_class=3))
tl.predict_first(
    "06-probe",
    "Head only, the eye of the paint sorter is ...",
    # ja: "出力層だけを学習すると、色見分けネットの目は…",
    choices=("better than random weights", "about as good", "worse than random weights"),
    # ja: choices=("ランダムな重みより良い", "同じくらい", "ランダムな重みより悪い"),
)

# %% key="probes" alt_ja="3つの目の、出力層だけを学習したときの正解率。1行に1つ。" alt_en="Accuracy of three eyes with the head trained alone, one a row."
torch.manual_seed(0)
eyes = {
    "zukan-paint": tl.backbone("zukan-paint"),
    "scratch": tl.backbone("zukan-resnet", pretrained=False),
    "zukan-resnet": tl.backbone("zukan-resnet"),
}
today = {("frozen", name): tl.probe(eye, surfaces).test_acc for name, eye in eyes.items()}
display(lesson06.draw_starts(pairs, live=today))
tl.see_prediction("06-probe", "worse than random weights")
# ja: tl.see_prediction("06-probe", "ランダムな重みより悪い")

# %% [markdown] key="gap" lang="ja"
# **何も学んでいない目より悪い結果です。** 色見分けネットは、ランダムに答えるのとほとんど変わりません。一方、部品の写真を1枚も見たことのない `zukan-resnet` は、大きく上回りました。大事なのは、事前学習をしたかどうかでも、見た目が似ているかどうかでもなく、**何を見るように学んだか**です。
#
# ## 害かどうかを、どう決める？
#
# **始めるときの重み**だけが違う2回の学習を比べます。
#
# $$\text{ギャップ} = \text{正解率（ランダムな重みから）} - \text{正解率（転移元の重みから）}$$
#
# たとえば同じ画像で、ランダムな重みからは80%、転移元からは65%なら、ギャップは15ポイントです。画像を選び直してさらに2回測り、12ポイントと21ポイントになれば、3回の平均は16ポイント、95%信頼区間は5〜27です。判定には、この区間を使います。
#
# - 区間全体が0より上なら**害**（この例）
# - 区間全体が0より下なら**効果あり**
# - 区間が0をまたぐなら**まだわからない**
#
# 比較対象（ベースライン）は、出力層だけを学習するなら、ランダムな重みのプローブです。全体を学習するなら、**ゼロからの学習**です。

# %% [markdown] key="gap" lang="en"
# **It is worse than an eye that never learned anything.** The paint sorter hardly beats guessing, while `zukan-resnet`, which has never seen a part, is far ahead. So neither pre-training as such nor pictures that look alike are enough. What counts is **what the eye learned to look at**.
#
# ## What counts as harm?
#
# We compare two runs that differ in one thing, **the weights at the start**:
#
# $$\text{gap} = \text{accuracy (from random weights)} - \text{accuracy (from the source)}$$
#
# For example, 80% from random weights and 65% from the source, on the same pictures, make a gap of 15 points. Let two more draws of pictures give 12 and 21. The mean gap is then 16 points, with a 95% interval of 5 to 27, and this interval decides:
#
# - all of it above 0: **harm** (as here)
# - all of it below 0: **help**
# - 0 inside: still **open**
#
# With only the head trained, the baseline is a probe on random weights. With everything trained, it is **training from scratch**.

# %% key="one-difference"
tl.diagram("one_difference")

# %% key="widget"
tl.widget("06")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、5分）
#
# ウィジェットは、色見分けネットから表面の検査への転移で始まります。転移先はそのままにして、4つの転移元を順に選んでください。**全体を学習**した場合のギャップの区間を読み、`verdicts` に `"harm"`（害）、`"help"`（効果あり）、`"open"`（まだわからない）のどれかを入れます。
#
# はじめて見る転移元が2つあります。`zukan-shape` は絵の輪郭だけ、`zukan-texture` は質感（模様）だけを見分けるように学びました。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 5 minutes)
#
# The widget opens with the paint sorter on surfaces. Keep this target and choose the four sources in turn. Read the interval of the gap with **everything trained**, and put `"harm"`, `"help"` or `"open"` into `verdicts`.
#
# Two sources are new: `zukan-shape` learned to tell drawings apart by their outlines alone, `zukan-texture` by their textures alone.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: verdicts = {
# PLACEHOLDER:     "zukan-resnet": ...,
# PLACEHOLDER:     "zukan-shape": ...,
# PLACEHOLDER:     "zukan-texture": ...,
# PLACEHOLDER:     "zukan-paint": ...,
# PLACEHOLDER: }
verdicts = {
    "zukan-resnet": "help",
    "zukan-shape": "help",
    "zukan-texture": "help",
    "zukan-paint": "harm",
}
### END SOLUTION
tl.check("06-a")

# %% [markdown] key="train" lang="ja"
# ## 全体を学習すれば、取り返せる？
#
# ウィジェットでは、取り返せませんでした。自分の手でも確かめましょう。レッスン03と同じ学習をする `train` を、色見分けネットとランダムな重みから1回ずつ走らせます（約20秒）。違いは `start` だけです。学習率は、ここではどちらも色見分けネットに合う0.3です。保存済みの10回では、それぞれが検証データで選んだ学習率を使っています。

# %% [markdown] key="train" lang="en"
# ## Does training everything make up for it?
#
# In the widget it did not. Check it yourself: `train`, the training of lesson 03, runs once from the paint sorter and once from random weights (about 20 seconds). Only `start` differs: both learn at a rate of 0.3, which suits the paint sorter. In the ten stored draws, each start uses the rate that it chose on validation pictures.


# %% key="gap-run" alt_ja="色見分けネット、ランダムな重み、zukan-resnetから始めた場合の正解率。出力層だけと、全体を学習した場合。" alt_en="Accuracy from the paint sorter, from random weights and from zukan-resnet, with the head trained alone and with everything trained."
def train(start):
    recipe = {"lr": 0.3, "epochs": 24, "batch_size": 16, "augment": lesson06.flips}
    everything = {"freeze_epochs": 0, "keep_batchnorm": False}  # all of it learns from step one
    # ja: everything = {"freeze_epochs": 0, "keep_batchnorm": False}  # 最初から全体を学習
    quiet = {"valid": False, "read_test": False, "progress": False}
    return tl.fine_tune(start, surfaces, **recipe, **everything, **quiet).model


trained = {name: train(eyes[name]) for name in ("zukan-paint", "scratch")}
for name, model in trained.items():
    today["fine_tuned", name] = tl.evaluate(model, surfaces.test)
gap = today["fine_tuned", "scratch"] - today["fine_tuned", "zukan-paint"]
print(f"The gap of your run: {100 * gap:.0f} points")
# ja: print(f"今日の1回のギャップ：{100 * gap:.0f}ポイント")
lesson06.draw_starts(pairs, ("frozen", "fine_tuned"), live=today)

# %% key="claim-gap" tags=["claim"]
from_scratch = pairs["fine_tuned"]["scratch"]["surfaces"]
from_paint = pairs["fine_tuned"]["zukan-paint"]["surfaces"]
lost = tl.interval([scratch - tuned for scratch, tuned in zip(from_scratch, from_paint)])
tl.claim(
    f"The mean gap lies between {100 * lost.low:.0f} and {100 * lost.high:.0f} points: "
    f"the paint sorter does harm (95% interval over {lost.n} stored draws)",
    # ja: f"ギャップの平均は{100 * lost.low:.0f}〜{100 * lost.high:.0f}ポイントで、"
    # ja: f"色見分けネットは害になりました（保存済みの{lost.n}回、95%信頼区間）",
    lost.low > 0,
)

# %% [markdown] key="inside" lang="ja"
# **全体を学習しても、取り返せませんでした。** 10回の平均で、ゼロからの学習より18ポイント下です。今日の1回のギャップは、平均の区間から外れることもあります。
#
# ## 何が起きている？
#
# 下の写真は**同じ部品**で、上が良品、下が欠陥のあるものです。違うのは欠陥の所だけです。欠陥を加えると、特徴はどれだけ動くでしょうか。その距離を、別々の良品どうしの距離で割ります。
#
# $$\text{反応} = \frac{\text{良品と、欠陥を加えた同じ部品の距離}}{\text{別々の良品どうしの距離（平均）}}$$
#
# たとえば特徴が2つで、良品Aが $(1, 0)$、良品Bが $(4, 4)$ なら、2つの距離は5です。欠陥を加えたAが $(1.6, 0.8)$ に動けば、動いた距離は1、反応は $1/5 = 0.2$ です。0なら、その欠陥は見えていません。

# %% [markdown] key="inside" lang="en"
# **Training everything does not make up for it**: on average over ten draws, the paint sorter ends 18 points below training from scratch. The gap of your run is that of one draw, and may lie outside the interval of the mean.
#
# ## What is going on?
#
# The pictures below show **the same parts**, sound above and damaged below; only the defect differs. How far does it move the features? We divide that distance by the one between two different sound parts:
#
# $$\text{response} = \frac{\text{distance between a sound part and the same part with a defect}}{\text{mean distance between two different sound parts}}$$
#
# For example, sound part A has the features $(1, 0)$ and sound part B has $(4, 4)$, so they are 5 apart. A defect moves A to $(1.6, 0.8)$, a distance of 1, and the response is $1/5 = 0.2$. At 0, the defect is not seen.

# %% key="twins" alt_ja="6個の部品。上が良品、下が同じ部品に欠陥を加えたもの。" alt_en="Six parts, sound above, the same ones with a defect below."
sound, damaged = lesson06.draw_twins(count=64)
lesson06.show_twins(sound, damaged)


# %% key="response" alt_ja="欠陥への反応を、画像側から出力層側まで段ごとに示す3本の線。" alt_en="Response to a defect, stage by stage from the picture to the head: three lines."
def response(eye, stage):
    before = tl.extract_features(eye, sound, layer=stage)
    after = tl.extract_features(eye, damaged, layer=stage)
    moved = (after - before).norm(dim=1).mean()
    return float(moved / torch.pdist(before).mean())


stages = ("bn1", "layer1", "layer2", "layer3", "layer4")  # bn1 ends the first layer
# ja: stages = ("bn1", "layer1", "layer2", "layer3", "layer4")  # bn1は1層目の終わり
responses = {name: [response(eye, stage) for stage in stages] for name, eye in eyes.items()}
lesson06.draw_responses(responses)

# %% [markdown] key="response-read" lang="ja"
# **つまずきは、入口の1層目から始まっています。** 色見分けネットの反応は、1層目ですでに、ランダムな重みの6割足らずです。後ろの段でも取り戻せません。ランダムな重みは、何かを無視するように学んではいないので、欠陥がいくらか伝わります。

# %% [markdown] key="response-read" lang="en"
# **The trouble begins at the entrance, in the first layer.** Already there, the paint sorter responds little more than half as much as random weights do, and no later stage makes up for it. Random weights have not learned to ignore anything, so some of the defect comes through.

# %% [markdown] key="exercise-b" lang="ja"
# ## 対策：入口を作り直す
#
# 原因が1層目にあるなら、そこだけをランダムな重みに戻せばよいのではないでしょうか。
#
# ### 練習B（書く、6分）
#
# 関数 `renew_first(network)` を書いてください。返すのは `network` の**コピー**で、1層目（`conv1` と `bn1`）だけを、同じ形でランダムな重みのネットワークのものに替えます。そのネットワークの作り方は、`eyes` を作ったセルにあります。元の `network` は変えません。
#
# できたら、新しいセルに次の1行を書いて学習し（約10秒）、正解率を見てみましょう。70%前後になり、色見分けネットからそのまま学習したときを上回ります。
#
# ```python
# tl.evaluate(train(renew_first(eyes["zukan-paint"])), surfaces.test)
# ```
#
# 1回の結果は平均を大きく下回ることもあるので、次の図の10回の平均で判断します。

# %% [markdown] key="exercise-b" lang="en"
# ## A remedy: a new entrance
#
# If the first layer is to blame, why not give it random weights again?
#
# ### Exercise B (write, 6 minutes)
#
# Write a function `renew_first(network)`. It returns a **copy** of `network` in which the first layer, `conv1` and `bn1`, comes from a network of the same shape with random weights. (The cell that defines `eyes` makes such a network.) The original `network` must not change.
#
# Once it works, train it with this line in a new cell (about ten seconds). You get about 70%, more than your run from the unchanged paint sorter.
#
# ```python
# tl.evaluate(train(renew_first(eyes["zukan-paint"])), surfaces.test)
# ```
#
# One run can end well below the mean, so take the verdict from the next figure, which has ten draws.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def renew_first(network):
# PLACEHOLDER:     return ...
def renew_first(network):
    renewed = copy.deepcopy(network)
    fresh = tl.backbone("zukan-resnet", pretrained=False)
    renewed.conv1, renewed.bn1 = fresh.conv1, fresh.bn1
    return renewed


### END SOLUTION
tl.check("06-b")

# %% key="remedies" alt_ja="対策ごとの、表面の検査のテスト正解率。1行に1つ。" alt_en="Test accuracy on surfaces for each remedy, one a row."
lesson06.draw_remedies(pairs, tl.stored("06_remedies"))

# %% [markdown] key="remedies-read" lang="ja"
# **1層目を初期化するだけで、害はほぼ消えました。** 10回の平均で、ゼロからの学習とほぼ並びます。反対に、1層目だけを残してほかをすべて初期化すると、害の半分ほどが残りました。やはり、主な原因は入口でした。
#
# ただし、ゼロからの学習を**超えてはいません**。はっきり超えたのは、**転移元を替えた**場合だけでした。

# %% [markdown] key="remedies-read" lang="en"
# **A new first layer undoes nearly all of the harm**: over ten draws, it comes level with training from scratch. The other way round, with only the first layer kept and all the rest random, about half of the harm stays. The entrance was indeed the main cause.
#
# But the remedy does **not beat** training from scratch. Only **another source** clearly does.

# %% [markdown] key="mismatch" lang="ja"
# ## 似ていなくても、害とは限らない
#
# 転移元と転移先の見た目が違うことを、**ドメイン不一致**（domain mismatch）といいます。これは負の転移と同じことでしょうか。4つの転移元と4つの転移先で確かめます。
#
# まだ見ていない画像を先に並べます。`zukan-shape`（輪郭）と `zukan-texture`（質感）が学んだ画像と、3つの転移先（矢印の行）です。X線写真は描いたもので、医療データではありません。音は**スペクトログラム**で、横が時間、縦が音の高さです。
#
# その下の図では、1つの枠が1つの転移先、1行が1つの転移元です。区間全体が灰色の側に入れば害です。四角（全体を学習）は、表面の検査だけで測りました。

# %% [markdown] key="mismatch" lang="en"
# ## Different need not mean harmful
#
# When source and target look different, we speak of **domain mismatch**. Is that the same as negative transfer? Let us try four sources on four targets.
#
# The pictures show what you have not seen yet: what `zukan-shape` (outlines) and `zukan-texture` (textures) learned from and, with an arrow, three targets. The X-rays are drawings, not medical data. Sounds are shown as **spectrograms**, time to the right and pitch upwards.
#
# In the figure below them, a panel is a target and a row is a source. A source does harm where its whole interval lies on the grey side. Squares (everything trained) were measured on surfaces only.

# %% key="pairs-figure" alt_ja="上は新しい転移元2つと転移先3つの画像。下は16組のギャップ、出力層だけの場合と全体を学習した場合。" alt_en="Above, pictures of two sources and three targets. Below, the gaps of sixteen pairs, head only and everything trained."
display(lesson06.show_world())
lesson06.draw_pairs(pairs)

# %% [markdown] key="before" lang="ja"
# **16組のうち、はっきり害になったのは2組で、どちらも色見分けネットから始めたものです。** 1つはいちばん似て見える表面の検査、もう1つはX線写真です。一方 `zukan-resnet` は、畑も音も見たことがないのに、どの転移先でも役に立ちました。**不一致は、負の転移ではありません。**
#
# 目そのものに良し悪しがあるのでもありません。色見分けネットも、土地利用と音では役に立ちます。害になるかどうかは、**転移元と転移先の組み合わせ**で決まります。

# %% [markdown] key="before" lang="en"
# **Of sixteen pairs, two do clear harm, and both start from the paint sorter**: on surfaces, the pair that looks most alike, and on X-rays. `zukan-resnet` helps on every target, though it has never seen a field or a sound. **Mismatch is not negative transfer.**
#
# Nor is an eye good or bad as such. The paint sorter, too, helps on land use and on sounds: **the pair of source and target** decides.

# %% [markdown] key="known" lang="ja"
# ## 前もってわかる？
#
# **出力層だけの学習が、害を前もって知らせていました。** 表面の検査では、どの転移元でも、丸（出力層だけ）と四角（全体を学習）が、そろって0の右か、そろって左にあります。害の側にあるのは、色見分けネットだけです。プローブなら数秒で測れます。ただし、転移元4つだけの結果なので、目安にとどまります。

# %% [markdown] key="known" lang="en"
# ## Could we have known?
#
# **The head alone gave the warning.** On surfaces, circle (head only) and square (everything trained) lie on the same side of 0 for every source, and only the paint sorter is on the side of harm. A probe takes seconds. Four sources are a hint, though, not a proof.

# %% [markdown] key="real" lang="ja"
# ## 本物の写真では？
#
# 転移元は、ImageNetの写真で学んだMobileNetV2です。比較対象は、同じ形で何も学んでいないネットワークと、画像を縮めただけの**生の画素**の2つです。どれも出力層だけを学習します。手書き文字は、テスト用も含めて1文字に20枚しかないので、ラベルは7つまでです。インターネットにつながっていれば、衛星写真の結果も加わります。

# %% [markdown] key="real" lang="en"
# ## And on real pictures?
#
# The source is a MobileNetV2 that learned from the photographs of ImageNet. It has two baselines: the same network untrained, and **raw pixels** (the shrunken picture itself). Only a head is trained in each case. Each handwritten character has only 20 drawings, test pictures included, so there the labels end at 7. Online, the cell adds satellite photos.

# %% key="real-figure" tags=["hide-input"] alt_ja="5つの本物の転移先でのラベル数と正解率。ImageNetの特徴、ランダムな重み、画素の3本の線。" alt_en="Accuracy against labels a class on five real targets, for ImageNet's features, random weights and pixels."
display(lesson06.draw_real(tl.stored("06_real")))
if tl.live("mobilenet_v2", "eurosat"):
    few = {"valid_per_class": 10, "test_per_class": 20}
    bodies = {
        "pretrained": tl.backbone("mobilenet_v2", size=64),
        # ja: "事前学習済み": tl.backbone("mobilenet_v2", size=64),
        "untrained": tl.backbone("mobilenet_v2", size=64, pretrained=False),
        # ja: "ランダムな重み": tl.backbone("mobilenet_v2", size=64, pretrained=False),
        "pixels": "pixels",
        # ja: "画素": "pixels",
    }
    for labels in (2, 20):
        earth = tl.load_task("eurosat", labels, source="public", **few)
        found = [f"{name} {tl.probe(body, earth).test_acc:.0%}" for name, body in bodies.items()]
        counted = f"{labels} + 10 labels a class (training + validation)"
        # ja: counted = f"1クラス{labels}＋10ラベル（訓練＋検証）"
        print(f"Satellite photos, {counted}: {', '.join(found)}")
        # ja: print(f"衛星写真、{counted}：{', '.join(found)}")

# %% [markdown] key="checklist" lang="ja"
# **はっきりした害は、5つの転移先のどれにもありません。ただし、血液細胞と衣類では、生の画素との差がわずかです。** ImageNetがはっきり上回ったのは、動物と手書き文字です。血液細胞は1クラス50枚で98%に届きますが、画素でも97%でした。比較対象がなければ、98%をまるごと転移の成果だと思い込むところでした。
#
# ## 転移する前の5か条
#
# 1. **何を無視するように学んだ転移元か。** それは、新しい仕事に必要なものではありませんか。
# 2. **転移元が近く見えても、線形プローブをランダムな重みのプローブと比べる。** 下回ったら、別の転移元を試します。
# 3. **ゼロからの学習も、同じように調整する。** ステップ数をそろえ、設定は同じ候補から検証データで選びます。
# 4. **画像を選び直して数回測り、ギャップの区間で判断する。** テストデータは選ぶのに使いません。
# 5. **害があれば、まず転移元を替える。** 替えられなければ、ゼロから学習します。このレッスンの対策は、それを超えませんでした。

# %% [markdown] key="checklist" lang="en"
# **ImageNet does clear harm on none of the five, but on blood cells and clothes raw pixels come close.** It is clearly ahead on animals and handwritten characters. On blood cells it reaches 98% with fifty labels a class, and pixels reach 97%. Without a baseline, we would have taken the whole 98% for a success of transfer.
#
# ## Five rules before you transfer
#
# 1. **What did the source learn to ignore?** Does the new job need it?
# 2. **Compare the linear probe with a probe on random weights, even where the source looks near.** If it is below, try another source.
# 3. **Tune training from scratch just as well**: the same steps, and the same settings to choose from on validation data.
# 4. **Measure the gap on several draws and judge by its interval.** Test data choose nothing.
# 5. **Where there is harm, change the source first.** If you cannot, start from scratch: no remedy here beat that.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、9分。2人で話し合うのもおすすめです）
#
# 織物工場で、布の**織りきず**（5種類、ラベル付き写真は1クラス60枚）を見つけたいと考えています。使えるネットワークは3つです。
#
# - `"imagenet"`：ImageNetの写真で学んだもの
# - `"dye"`：自社製。しわや折り目や織り方に関係なく、**染めの色**を99%見分ける
# - `"sheet-metal"`：取引先が、金属板の**傷**を見つけるために作ったもの
#
# どのネットワークを、どう試しますか。次のセルの `plan` に計画を書いてください。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 9 minutes, also good in pairs)
#
# A weaving mill wants to find **weaving faults** in cloth: five kinds, 60 labelled pictures of each. Three networks are at hand:
#
# - `"imagenet"`, trained on the photographs of ImageNet
# - `"dye"`, the mill's own: it names the **dye colour**, 99% right, whatever the creases, folds and weave
# - `"sheet-metal"`, made by a partner firm to find **scratches** on metal sheets
#
# Which would you try, and how? Write your plan into `plan` in the next cell.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "sources": ...,  # a list, in the order in which you try them
# ja: # PLACEHOLDER:     "sources": ...,  # 試す順に並べたリスト
# PLACEHOLDER:     "compare_with": ...,  # a list of baselines: "random probe", "scratch", "pixels"
# ja: # PLACEHOLDER:     "compare_with": ...,  # 比較対象のリスト："random probe"、"scratch"、"pixels"
# PLACEHOLDER:     "chosen_on": ...,  # what you choose on: "training", "validation" or "test"
# ja: # PLACEHOLDER:     "chosen_on": ...,  # 何で選ぶか："training"、"validation"、"test"
# PLACEHOLDER:     "if_harm": ...,  # how you tell harm, and what you do then
# ja: # PLACEHOLDER:     "if_harm": ...,  # どうなれば害と判断し、そのとき何をするか
# PLACEHOLDER:     "why": ...,  # the reasons for your order, and what keeps it fair
# ja: # PLACEHOLDER:     "why": ...,  # 順番の理由と、比較を公平にする工夫
# PLACEHOLDER: }
plan = {
    "sources": ["sheet-metal", "imagenet", "dye"],
    "compare_with": ["random probe", "scratch", "pixels"],
    "chosen_on": "validation",
    "if_harm": "If the interval of the gap over 5 draws is above 0, we take the next source; "
    "if none is left, we train from scratch.",
    # ja: "if_harm": "5回のギャップの区間が0より上なら、次の転移元に替えます。"
    # ja: "どれも害になるなら、ゼロから学習します。",
    "why": "Probes first, they take seconds. sheet-metal learned to see fine lines, and faults "
    "are lines, too; imagenet ignores little; dye learned to ignore the weave: it comes last. "
    "Scratch gets the same steps, and the same settings to choose from.",
    # ja: "why": "まず数秒で済むプローブで比べます。sheet-metalは細い線を見るように学び、"
    # ja: "織りきずも細い線です。imagenetが無視するものは少なく、dyeは織り方を無視するので最後です。"
    # ja: "ゼロからの学習も、同じステップ数で、同じ候補から設定を選びます。",
}
### END SOLUTION
tl.check("06-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 転移元の順番 | 見た目の近さだけで選んだ | `"dye"` を後ろに置いた | それぞれが何を見て、何を無視するかで説明した |
# | 比較対象 | 1つだけ | ランダムな重みのプローブとゼロからの学習 | 画素も入れた（色や位置だけで解ける場合がわかる） |
# | 公平さ | 触れていない | ゼロからの学習も調整する | 同じステップ数、同じ候補から検証データで選ぶ |
# | 判断 | 1回の結果だけ | 複数回の平均 | 差の区間で判断する |
# | 害のとき | 書いていない | 対策を試す | まず転移元を替え、なければゼロから |
#
# 上の解答例は、どの観点も2点で、合計10点です。`"imagenet"` を先にする計画も、理由があれば満点です。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | order of sources | by looks alone | `"dye"` comes late | explained by what each sees and ignores |
# | baselines | one only | random probe and scratch | and pixels, which show what colour or place alone can do |
# | fairness | not mentioned | scratch is tuned, too | same steps, same settings to choose from, on validation data |
# | verdict | one run | mean of several draws | the interval of the differences |
# | on harm | nothing | try a remedy | first another source, else from scratch |
#
# The plan above earns 2 in every row, 10 in all. `"imagenet"` first earns full marks, too, if there is a reason.

# %% key="quiz"
tl.quiz("06")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - **負の転移**とは、転移元の重みから始めると、同じように調整したゼロからの学習より悪くなることです。
# - 似て見えた色見分けネットは害になり、似ていない `zukan-resnet` は役に立ちました。大事なのは、目が**何を無視するように学んだか**です。
# - 1層目を初期化するか、3倍長く学習すると（「さらに深く」）、害はほぼ消えました。ただし、ゼロからの学習を超えたのは、転移元を替えたときだけです。
# - 転移する前に、線形プローブをランダムな重みのプローブと比べます。レッスン00の**戦略マップ**（`tl.strategy_map()`）も、転移元が遠くても近くても、この比較を勧めます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - **Negative transfer** means that training from the weights of a source ends worse than training from scratch, tuned just as well.
# - The paint sorter looked near and did harm; `zukan-resnet` looked far and helped. What counts is **what an eye has learned to ignore**.
# - A new first layer undid nearly all of the harm, and so did training three times as long (see "Deeper"). But only another source beat training from scratch.
# - Before you transfer, compare the linear probe with a probe on random weights. The **strategy map** of lesson 00 (`tl.strategy_map()`) asks for this whether the source is far or near.

# %% [markdown] key="deeper-why" lang="ja" tags=["deeper"]
# ## さらに深く：なぜ学習しても戻らない？
#
# 1層目のフィルターを見てみましょう。1行が1つのネットワークです。色見分けネットのフィルターは、多くがほぼ1色に塗られています。5×5画素の色を平均するだけなので、細い線は薄まってしまいます。
#
# 「平均するだけ」の割合は計算できます。フィルターの重みを色ごとの平均で置き換え、2乗和を比べます。たとえば重みが $(3, 1)$ なら平均は2で、$(2^2 + 2^2)/(3^2 + 1^2) = 80\%$ です。

# %% [markdown] key="deeper-why" lang="en" tags=["deeper"]
# ## Deeper: why does training not bring it back?
#
# Look at the filters of the first layer, one network a row. Many of the paint sorter's are painted in almost one colour. They average the colour of 5 × 5 pixels, and a thin line fades.
#
# How much of a filter "only averages" can be computed: in each colour, replace the weights by their mean, and compare the sums of squares. For example, the weights $(3, 1)$ have mean 2, and $(2^2 + 2^2)/(3^2 + 1^2) = 80\%$.


# %% key="filters" alt_ja="3つのネットワークの1層目のフィルター、1行に1つずつ。" alt_en="First-layer filters of three networks, a row each."
def averaging(eye):
    weights = eye.conv1.weight.detach()
    flat = weights.mean((2, 3), keepdim=True).expand_as(weights)
    return float(flat.square().sum() / weights.square().sum())


for name in ("zukan-paint", "scratch"):
    before, after = averaging(eyes[name]), averaging(trained[name])
    print(f"{name}: share that only averages, before training {before:.0%}, after it {after:.0%}")
    # ja: print(f"{name}：平均するだけの割合は、学習前 {before:.0%}、学習後 {after:.0%}")
    right = tl.evaluate(trained[name], surfaces.train)
    print(f"{name}: right on its own training pictures {right:.0%}")
    # ja: print(f"{name}：訓練データの正解率 {right:.0%}")
lesson06.show_filters(eyes)

# %% [markdown] key="filters-read" lang="ja"
# **全体を学習しても、入口は開ききりませんでした。** 平均するだけの割合は、色見分けネットでは学習後もおよそ半分、ゼロから学習したネットワークでは1割ほどです。しかも、**訓練データさえ**、ゼロからの学習ほどには当てられません。過学習だけでは説明がつかず、学びきれてもいないのです。
#
# なぜ学びきれないのかは、ここでは測っていません。前の学習のせいで新しいことを学ぶ力が落ちることは、**可塑性の低下**（loss of plasticity）として知られています（下の「いまの研究」）。

# %% [markdown] key="filters-read" lang="en"
# **Training everything opens the entrance only part of the way.** The share that only averages is still about half in the paint sorter, and about a tenth in the network trained from scratch. Even on its **own training pictures** the paint sorter stays behind scratch. So over-fitting is not the whole story: it also has trouble learning.
#
# The reason is not measured here. That earlier training can take away the ability to learn new things is known as **loss of plasticity** (see "Today" below).

# %% [markdown] key="deeper-sure" lang="ja" tags=["deeper"]
# ## さらに深く：この結論はどれくらい確かか
#
# - **設定**：表面の検査で全体を学習するときは、どの出発点も同じ5通りの設定（学習率と、勾配クリッピングの有無）から、測定には使わない画像の検証データで1つを選びました（記録は `pairs["tuning"]`）。ゼロからの学習が選んだ設定はレッスン03と違うので、正解率もあちらの81%に対し、こちらは78%です。
# - **転移元**：別のランダムな重みから色見分けネットを2つ事前学習し直しても、害は出ました。ギャップは22ポイントと14ポイントです（保存済み、それぞれ10回の平均）。
# - **測っていないこと**：ほかの3つの転移先は出力層だけの比較なので、ゼロからの学習に勝てるかどうかはわかりません。
#
# 次の図では、色見分けネット、`zukan-resnet`、ゼロからの学習の条件を変えました。

# %% [markdown] key="deeper-sure" lang="en" tags=["deeper"]
# ## Deeper: how sure is all this?
#
# - **Settings**: on surfaces, every start chose from the same five settings (a learning rate, with or without gradient clipping), on validation pictures of a draw that is not measured (`pairs["tuning"]` has the record). Scratch chose other settings than in lesson 03, so it is at 78% here and at 81% there.
# - **The source**: two more paint sorters, pretrained anew from other random weights, did harm as well, with gaps of 22 and 14 points (stored, means of ten draws each).
# - **Not measured**: on the other three targets only heads are compared, so nothing is said there about beating training from scratch.
#
# The next figure has other conditions for the paint sorter, `zukan-resnet` and scratch.

# %% key="stable-figure" alt_ja="条件を変えたときの、3つの出発点からの表面の検査のテスト正解率。1行に1つの条件。" alt_en="Test accuracy on surfaces from three starts under other conditions, one a row."
lesson06.draw_stable(pairs, tl.stored("06_stable"))

# %% [markdown] key="stable-read" lang="ja"
# **害の大きさは、学習の長さで変わります。** ステップ数を半分にすると、差は開きます。3倍にすると色見分けネットはほぼ追いつき、差の95%信頼区間は0をまたぎました。色見分けネットは戻れないのではなく、戻るのに時間がかかるのです。学習に使える時間が限られていれば、害は残ります。
#
# 長さが同じなら、学習率を変えても、別のオプティマイザーAdamWに替えても、害は残りました。`zukan-resnet` のほうは、どの条件でもゼロからの学習を上回りました。（「学習率0.03、クリッピングなし」は、この2つが自分で選んだ設定でもあるので、その行の値は1行目と同じです。）
#
# いちばん下の行は、比較対象を調整しない場合です。ファインチューニングでよく使われる学習率0.003では、ゼロからの学習は、1行目の色見分けネットにも遠く及びません。これと比べれば、色見分けネットに効果があるように見えてしまいます。**調整していない比較対象は、害を隠します。**

# %% [markdown] key="stable-read" lang="en"
# **How large the harm is depends on how long you train.** With half the steps the gap widens. With three times as many the paint sorter nearly catches up, and the 95% interval of the gap includes 0. It can find its way back, but only slowly: where training time is limited, the harm stays.
#
# At the usual length the harm stays, at other learning rates as well as with another optimizer, AdamW. `zukan-resnet`, on the other hand, is ahead of scratch under every condition. (It and scratch had chosen "rate 0.03, no clipping" themselves, so that row repeats their values in the first row.)
#
# The last row shows a baseline that was not tuned. At a learning rate of 0.003, as it is often used for fine-tuning, training from scratch stays far below the paint sorter in the first row. Next to that, the paint sorter would look like a gain: **an untuned baseline hides harm.**

# %% [markdown] key="deeper-distance" lang="ja" tags=["deeper"]
# ## さらに深く：近さで害を見抜ける？
#
# 近さを測るスコアの代表が**proxy A距離**（proxy A-distance）です。転移元の目から見て、2つのドメインがどれだけ違うかを表します。転移元の画像と転移先の画像を特徴から見分ける分類器を学習し、その誤り率を $\epsilon$ とします。
#
# $$d = 2\,(1 - 2\epsilon)$$
#
# たとえば10枚に1枚間違えるなら $d = 2 \times (1 - 0.2) = 1.6$ です。

# %% [markdown] key="deeper-distance" lang="en" tags=["deeper"]
# ## Deeper: can nearness tell harm?
#
# The best-known score of nearness is the **proxy A-distance**. It says how different two domains look to the eye of the source: train a classifier to tell pictures of the source from pictures of the target by their features, and call its error $\epsilon$. Then
#
# $$d = 2\,(1 - 2\epsilon)$$
#
# For example, a classifier that is wrong for one picture in ten gives $d = 2 \times (1 - 0.2) = 1.6$.

# %% key="a-distance"
tl.diagram("a_distance")

# %% [markdown] key="scores" lang="ja"
# 次の図は、表面の検査について、この距離（左）と、線形プローブがランダムな重みのプローブを上回った差（右）を比べます。縦軸はどちらも、全体を学習したときのギャップです。4つの転移元の横軸の値は1回の画像で計算し、縦軸は10回の平均です。丸い輪は、今日の1回で測った色見分けネットです。

# %% [markdown] key="scores" lang="en"
# For surfaces, the figure compares this distance (left) with the lead of the linear probe over a probe on random weights (right). Both panels have the same vertical axis, the gap with everything trained. The four sources were scored on one draw of pictures; their gaps are means of ten. The ring is the paint sorter in your own run.

# %% key="warnings" alt_ja="4つの転移元のギャップ。横軸は、左がproxy A距離、右がプローブの差の散布図。" alt_en="The gaps of four sources against the proxy A-distance, left, and against the lead of the probe, right."
there = tl.extract_features(eyes["zukan-paint"], paint.train.inputs)
here = tl.extract_features(eyes["zukan-paint"], surfaces.train.inputs)
distance = tl.proxy_a_distance(there, here)
ahead = today["frozen", "zukan-paint"] - today["frozen", "scratch"]
lesson06.draw_warnings(pairs, live={"distance": distance, "above_random": ahead, "gap": gap})

# %% [markdown] key="warnings-read" lang="ja"
# **害を前もって知らせたのは、近さではなくプローブでした。** 左の図では、害になった色見分けネットと、いちばん役に立った `zukan-resnet` が、ほぼ同じ距離に並んでいます。右の図では、プローブでランダムな重みを上回った3つは、全体を学習してもゼロからの学習を上回りました。下回った色見分けネットは、下回ったままです。

# %% [markdown] key="warnings-read" lang="en"
# **The probe gave the warning, nearness did not.** At the left, the paint sorter, which does harm, and `zukan-resnet`, which helps most, stand at nearly the same distance. At the right, the three eyes whose probe beat random weights also ended above scratch. The paint sorter's probe was below, and it ended below as well.

# %% [markdown] key="deeper-scores" lang="ja" tags=["deeper"]
# ## さらに深く：6つのスコア
#
# 次の表には、proxy A距離と線形プローブのほかに、学習の要らないスコアを4つ載せました。$y_i$ はラベル、$\theta_i$ は元の出力層の答え（確率）です。
#
# - **MMD**：2つのドメインの特徴の平均が、カーネル $k$ の空間でどれだけ離れているか。その2乗は $\overline{k(s,s')} + \overline{k(t,t')} - 2\,\overline{k(s,t)}$ です（$s, s'$ は転移元の、$t, t'$ は転移先の特徴）。カーネルの幅で値が変わるので、ドメインを混ぜて並べ替えたときの値から標準偏差の何倍離れているかで表します。
# - **CKA**：特徴どうしが似ている画像は、ラベルも同じか。特徴の内積の行列とラベルの内積の行列の、相関のような量です。
# - **LEEP**：元の出力層の答えから、ラベルがどれだけ言い当てられるか。$\frac1n\sum_i \log \sum_z P(y_i \mid z)\,\theta_i(z)$（$\theta_i(z)$ は元のクラス $z$ の確率、$P(y \mid z)$ は $z$ と答えたときにラベルが $y$ である割合）。
# - **LogME**：特徴からラベルへのベイズ線形回帰の、当てはまりのよさ（対数エビデンス）。
#
# 表の順位相関は、スコアが良いと見た順と、ギャップ（出力層だけを学習）の小さい順がどれだけ合うかです。1なら完全に合い、0なら無関係、−1なら逆の順です。転移先ごとに4つの転移元を並べて計算し、4つの転移先で平均しました。

# %% [markdown] key="deeper-scores" lang="en" tags=["deeper"]
# ## Deeper: six scores
#
# Besides the proxy A-distance and the linear probe, the table has four scores that need no training. Let $y_i$ be the labels and $\theta_i$ the answers (probabilities) of the old head.
#
# - **MMD**: how far the mean features of two domains lie apart, in the space of a kernel $k$; its square is $\overline{k(s,s')} + \overline{k(t,t')} - 2\,\overline{k(s,t)}$ ($s, s'$ are features from the source, $t, t'$ from the target). Its size depends on the width of the kernel, so we give it in standard deviations above what shuffled domains give.
# - **CKA**: do pictures with like features have like labels? A kind of correlation between the inner products of the features and those of the labels.
# - **LEEP**: how well the answers of the old head foretell the labels, $\frac1n\sum_i \log \sum_z P(y_i \mid z)\,\theta_i(z)$, where $\theta_i(z)$ is the probability of the old class $z$ and $P(y \mid z)$ how often label $y$ comes with an answer of $z$.
# - **LogME**: how well a Bayesian linear regression of the labels on the features fits, its log evidence.
#
# The rank correlation says how well a score puts the four sources of a target in order. It is 1 if that order is the one by gap (head only), −1 if it is the reverse, and 0 if the two have nothing in common. The table gives the mean over the four targets.

# %% key="scores-table"
lesson06.Table(lesson06.warning_rows(pairs))

# %% [markdown] key="scores-read" lang="ja"
# **LogMEは、どの転移先でも最良の転移元を当てました。** プローブも同じですが、この表のギャップは出力層だけを学習したものなので、ほぼ同じ測定を2回しているにすぎません。一方、MMDで最も近いのは、4つの転移先すべてで色見分けネットです。順位は、むしろ逆に近くなります。
#
# スコアは1回の画像で計算したものなので、表の小さな違いに意味はありません。

# %% [markdown] key="scores-read" lang="en"
# **LogME finds the best source on every target.** So does the probe, but that says little: the gap in this table is that of the head alone, so this is nearly the same thing measured twice. By MMD, on the other hand, the paint sorter is the nearest source to all four targets, and the order comes out closer to the reverse.
#
# The scores are from one draw of pictures, so small differences in the table mean nothing.

# %% [markdown] key="deeper-today" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、いまの研究
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | どんな転移元でも勝ってしまう | ゼロからの学習が調整されていない | 同じ候補から選び直し、3倍長くも試す |
# | 害なのか、ばらつきなのかわからない | 測った回数が少ない | 画像を選び直す回数を増やす |
# | 選んだ転移元が、あとで期待外れ | テストデータで選んだ | 検証データで選び、テストは最後に1回 |
# | proxy A距離がどの組でも2に近い | 特徴が多く、画像が少ない | 距離で選ばず、プローブで比べる |
# | 自分の画像でも害が心配 | 比較対象がない | `tl.negative_transfer_gap(network, task)` が、プローブ、ゼロから、全体の学習を、それぞれ検証データで調整して測る |
#
# **いまの研究**
#
# - **Transfusion**（Raghu ほか, 2019、[arXiv:1902.07208](https://arxiv.org/abs/1902.07208)）：ImageNetから医用画像への転移では、正解率がほとんど上がらず、小さなネットワークをゼロから学習しても並びました。このレッスンの血液細胞と同じ教訓です。
# - **可塑性の低下**（Dohare ほか, 2023、[arXiv:2306.13812](https://arxiv.org/abs/2306.13812)）：次々に学び続けたネットワークは、新しいタスクを学ぶ力を失うことがあります。前の学習の続きから始めたネットワークが、はじめからやり直したものよりテストデータで悪くなりうることは、Ash・Adams（2019、[arXiv:1910.08475](https://arxiv.org/abs/1910.08475)）が示し、重みを縮めてノイズを加える方法（shrink and perturb）を提案しました。
# - **定義と総説**：比較のしかたは Wang ほか（2019、[arXiv:1811.09751](https://arxiv.org/abs/1811.09751)）、総説は Zhang ほか（[arXiv:2009.00909](https://arxiv.org/abs/2009.00909)）。proxy A距離は Ben-David ほか（NIPS 2006）、CKAは Kornblith ほか（[arXiv:1905.00414](https://arxiv.org/abs/1905.00414)）、LogMEは You ほか（[arXiv:2102.11005](https://arxiv.org/abs/2102.11005)）、LEEPは Nguyen ほか（[arXiv:2002.12462](https://arxiv.org/abs/2002.12462)）です。

# %% [markdown] key="deeper-today" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and research today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | every source wins | scratch was not tuned | let it choose from the same settings, and train three times as long |
# | harm or just spread? | too few draws | draw the pictures more often |
# | the chosen source disappoints later | it was chosen on test data | choose on validation data, test once |
# | the proxy A-distance is near 2 for every pair | many features, few pictures | compare probes instead |
# | worried about your own pictures | no baseline | `tl.negative_transfer_gap(network, task)` tunes probe, scratch and fine-tuning, each on validation data, and measures them |
#
# **Today**
#
# - **Transfusion** (Raghu et al., 2019, [arXiv:1902.07208](https://arxiv.org/abs/1902.07208)): from ImageNet to medical pictures, transfer hardly raised accuracy, and small networks trained from scratch kept up. It is the lesson of our blood cells.
# - **Loss of plasticity** (Dohare et al., 2023, [arXiv:2306.13812](https://arxiv.org/abs/2306.13812)): a network that has learned one task after another can lose the ability to learn new ones. That going on from earlier training can end worse on test data than starting anew was shown by Ash and Adams (2019, [arXiv:1910.08475](https://arxiv.org/abs/1910.08475)), who propose to shrink the weights and add noise (shrink and perturb).
# - **Definition and survey**: the comparison is that of Wang et al. (2019, [arXiv:1811.09751](https://arxiv.org/abs/1811.09751)); a survey is Zhang et al. ([arXiv:2009.00909](https://arxiv.org/abs/2009.00909)). The proxy A-distance is by Ben-David et al. (NIPS 2006), CKA by Kornblith et al. ([arXiv:1905.00414](https://arxiv.org/abs/1905.00414)), LogME by You et al. ([arXiv:2102.11005](https://arxiv.org/abs/2102.11005)), LEEP by Nguyen et al. ([arXiv:2002.12462](https://arxiv.org/abs/2002.12462)).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方**
#
# | 分 | 内容 | 進め方 |
# |---|---|---|
# | 9 | 見当違いの目、題材、最初の比較 | 最初の図を映し、「この目にとって、傷は無視してよいものでした」と話します。予想の前に「似て見えれば安全か」を挙手で聞きます |
# | 9 | ギャップ、ウィジェット、練習A | 15・12・21ポイントの例を黒板で説明します。練習Aの答えは、上から効果あり3つ、最後が害 |
# | 7 | 全体の学習、1層目の反応 | 学習のセル（15〜30秒）を先に実行し、待つ間に反応の例（0.2）を計算します |
# | 6 | 練習B、対策 | 時間が足りなければ練習Bは宿題にし、図だけ読みます |
# | 5 | 16組、プローブの警告、本物の写真 | 太字の文と図だけを読みます |
# | 9 | 練習C | 2人組で、1人が提案、もう1人が採点し、交代します |
#
# クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。
#
# - **遅れた人は**：「害かどうかを、どう決める？」より前のセルをすべて実行すれば、どの節からでも再開できます（練習Bの学習と、「さらに深く」のフィルターと近さの図には、`def train` で始まるセルも必要です）。
# - **よくある間違い**：似ていないことと害を混同する。ゼロからの学習を調整しない。ファインチューニングすれば害は必ず消えると考える。
# - **議論の種**：皆さんの職場のモデルは、何を無視するように学んでいるでしょうか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes**
#
# | minutes | part | how |
# |---|---|---|
# | 9 | the wrong eye, the job, the first comparison | Project the first diagram and say: "For this eye, a scratch was something to ignore." Before the prediction, ask for a show of hands: is a source safe when its pictures look alike? |
# | 9 | gap, widget, exercise A | Do the example of 15, 12 and 21 points on the board. Answers to exercise A: three times help, then harm |
# | 7 | training everything, and the response of the first layer | Start the training cell first (15 to 30 seconds); meanwhile do the example of the response (0.2) |
# | 6 | exercise B and the remedy | Short of time, make exercise B homework and only read the figure |
# | 5 | sixteen pairs, the warning, real pictures | Read the sentences in bold and the figures |
# | 9 | exercise C | In pairs: one proposes, the other marks, then they change places |
#
# Quiz, key points and "Deeper" are homework, or for whoever is early.
#
# - **Whoever fell behind** runs the cells above "What counts as harm?" and can go on from any section (training in exercise B, and the filters and the figure of nearness under "Deeper", need the cell that begins with `def train` as well).
# - **Common mistakes**: believing that a source that looks different does harm; not tuning scratch; believing that fine-tuning always removes the harm.
# - **To discuss**: what have the models at your own workplace learned to ignore?
