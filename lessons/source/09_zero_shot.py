# %% [markdown] key="title" lang="ja"
# # 09 ゼロショット学習
#
# **説明28分、練習17分** ・ 前提：レッスン02（特徴抽出）。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 学習で一度も見せていないクラスを、説明だけから見つける
# - 見たクラスも候補に入れると正解率がどれだけ崩れるかを測り、補正する
# - 小さなCLIPを作り、説明文の書き方で正解率がどれだけ変わるかを確かめる

# %% [markdown] key="title" lang="en"
# # 09 Zero-shot learning
#
# **28 minutes of reading, 17 of exercises** · Before this: lesson 02 (feature extraction).
#
# After this lesson you can
#
# - find a class that no training picture shows, by its description alone
# - measure and mend what collapses when seen and unseen names compete
# - build a small CLIP, and measure how much the wording of a description matters

# %% key="setup"
import torch
from IPython.display import display
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson09 = tl.figures("09")

# %% [markdown] key="idea" lang="ja"
# ## 図鑑の説明だけで、見たことのない鳥がわかる
#
# 野鳥に詳しい人は、レンジャクを一度も見たことがなくても、出会えばそれと気づきます。図鑑に「冠羽があり、翼が赤く、目のまわりに黒い帯がある」と書いてあったからです。冠羽も赤い翼も黒い帯も、ほかの鳥で見慣れています。初めてなのは、その組み合わせだけです。
#
# 学習用の画像が1枚もないクラスを見分けることを、**ゼロショット学習**（zero-shot learning）といいます。ラベルの代わりに使うのは、クラスの説明です。たとえば、明日から扱う新しい部品を、写真なしで、仕様書だけから見分ける仕事がこれにあたります。
#
# ## 題材：写真のないティラピア
#
# 10種類の魚に、1枚ずつ**カード**があります。高い体高（背から腹までの幅）、しま模様、緑色の背など、10項目のうち当てはまるものに印が付いています。ネットワークは凍結したままです。ネットワークが取り出した特徴から、カードの中身を当てる「読み取り器」を、9種類の写真50枚ずつで学習します。**ティラピアの写真は1枚も使いません。** そのあとで、10種類が40枚ずつ混ざった400枚のテスト写真から、ティラピアのカードに合うものを探します。
#
# 読み取った値は、印があれば1、なければ0に近くなります。図の1.3のように、はみ出すこともあります。

# %% [markdown] key="idea" lang="en"
# ## Knowing a bird from the field guide
#
# A bird-watcher has never met a waxwing, but knows it when one turns up: the field guide says a crest, a red wing, a dark mask around the eye. Each is familiar from other birds; only the combination is new.
#
# Recognising a class without a single training picture is called **zero-shot learning**; a description takes the place of labels. For example, a new part arrives tomorrow with a data sheet and no photos.
#
# ## The job: tilapia, and not one photo of it
#
# Each of ten species of fish has a **card** with ten lines to tick: deep body, stripes, and so on. The network stays frozen. From its features a "reader" learns to fill in the card, with 50 photos each of nine species. **None shows a tilapia.** Then we look for it among 400 test photos, 40 of each species.
#
# A reading near 1 means a tick, near 0 none; it may go beyond, like the 1.3 below.

# %% key="description"
tl.diagram("description")

# %% key="fish" alt_ja="学習に使う魚の写真。カクレクマノミ、フグ、チョウチョウウオが1行に3枚ずつ。" alt_en="Photos of fish to learn from: clownfish, pufferfish and butterflyfish, three each in a row."
fish = tl.load_task("fish", per_class=50)
tilapia = fish.classes["en"].index("tilapia")
shown = fish.train.labels != tilapia  # no photo of it is ever shown
# ja: shown = fish.train.labels != tilapia  # ティラピアの写真は見せない
print(f"The tilapia's card: {lesson09.ticks(fish, tilapia)}")
# ja: print(f"ティラピアのカード：{lesson09.ticks(fish, tilapia)}")
tl.show(fish, classes=[1, 7, 9], per_class=3)

# %% key="found" alt_ja="ティラピアのカードに最もよく合った10枚の写真と、その種名。" alt_en="The ten photos that fit the tilapia's card best, with their species."
features = tl.extract_features(network, fish.train)[shown]
read = lesson09.learn_reader(features, fish.attributes[fish.train.labels[shown]])
readings = read(tl.extract_features(network, fish.test))
best = (readings - fish.attributes[tilapia]).norm(dim=1).argsort()[:10]
lesson09.draw_found(fish, best)

# %% [markdown] key="found-read" lang="ja"
# **一度も見せていない魚が、説明だけで見つかりました。** 10枚ともティラピアです。ランダムに10枚選べば、1枚ほどしか当たりません。
#
# ただし、ティラピアはうまくいったほうの例です。10種類を順番に「見せない魚」にすると、見つかった10枚のうち本物は平均73%でした。画素から読み取っても50%、重みがランダムなネットワークでも32%なので、すべてが事前学習のおかげというわけではありません（種類別の図は「さらに深く」にあります）。
#
# 説明が間違っていたら、何が見つかるでしょうか。ウィジェットで、カードの項目をクリックして書き換えてみてください。

# %% [markdown] key="found-read" lang="en"
# **A fish that was never shown has been found by its description.** All ten photos show a tilapia; ten picked at random would hold about one.
#
# The tilapia is an easy case, though. With each species left out in turn, 73% of the photos found are right. A reader of bare pixels gets 50% and one of random weights 32%, so not all of it is owed to pre-training ("Deeper").
#
# What does a wrong description find? Click on the card in the widget.

# %% key="widget"
tl.widget("09")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（試す、4分）
#
# ウィジェットでティラピアのカード（高い体高、高い背びれ、しま模様、緑色の背）を作り、そこから始めます。
#
# - `needless`：4つの印のうち、1つだけ消しても、見つかるティラピアの数が減らない項目の名前
# - `mistaken`：緑色の背をオレンジ色の背に書き間違えたとき、最も多く見つかる魚の名前

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (try, 4 minutes)
#
# Start from the tilapia's card (deep body, tall dorsal fin, stripes, green back) in the widget.
#
# - `needless`: the one tick that you can take away without finding fewer tilapias
# - `mistaken`: the fish that you mostly find with "orange back" instead of "green back"

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: needless = ...
# PLACEHOLDER: mistaken = ...
needless = "tall dorsal fin"
# ja: needless = "高い背びれ"
mistaken = "butterflyfish"
# ja: mistaken = "チョウチョウウオ"
### END SOLUTION
tl.check("09-a")

# %% [markdown] key="reader" lang="ja"
# ## 写真と説明をつなぐもの：属性を1つずつ読む
#
# クラスの説明を数字で書いたものを**シグネチャ**（signature）、その1つ1つの項目を**属性**（attribute）と呼びます。カードはシグネチャそのものです（印あり1、なし0）。
#
# 図は、属性を2つだけにした例です。写真を読むと、高い体高0.9、しま模様0.7でした。最も近いシグネチャは、距離 $\sqrt{0.1^2+0.3^2}=0.32$ のティラピアです。一度も見ていなくても、答えはティラピアになります。
#
# 読み取り器は、写真の特徴からカードの10項目を予測する線形回帰です。式とコードは「さらに深く：読み取り器の式」にあります。
#
# %% [markdown] key="reader" lang="en"
# ## What links a photo and a description: attributes, read one by one
#
# A description in numbers is called the class's **signature**, and each entry an **attribute**. A card is a signature: 1 for a tick, 0 for none.
#
# In the drawing, with two attributes, a photo reads 0.9 for deep body, 0.7 for stripes. The nearest signature, at $\sqrt{0.1^2+0.3^2}=0.32$, is the tilapia's: a fish never seen.
#
# The reader is a linear regression from the features of a photo to the ten entries of its card ("Deeper: the formula of the reader").
#
# %% key="reader-run" alt_ja="10の属性それぞれについて、ティラピアの写真40枚の読み、その平均、カードの値を並べた図。" alt_en="For each of ten attributes the readings of 40 photos of tilapias, their mean, and the entry of the card."
display(tl.diagram("signatures"))
lesson09.draw_readings(fish, readings)

# %% [markdown] key="reader-read" lang="ja"
# **よく読める属性と、読めない属性があります。** 高い体高は、体高の高いほかの魚から学べました。高い背びれは読めていません（カードは1、読みは0付近）。見せた9種類のうち背びれが高いのは3種類だけで、そのどれにも、ティラピアにはない二またの尾びれかオレンジ色の背がありました。背びれそのものではなく、そちらを手がかりに覚えたのでしょう。練習Aで、消しても困らなかったのはこのためです。
#
# この読みでも、カードに合う写真を**探す**ことはできました。しかし、写真の**名前を当てる**には足りません。ティラピアの写真40枚のうち、10枚のカードの中でティラピアのカードが最も近かったのは、2枚だけです（「さらに深く：どの魚なら見つかるか」）。
#
# ## 鳥24種、5種は写真なし
#
# 今度は、鳥24種に12の属性があります。19種を学習に使い、残りの5種は説明だけです。2つの方法を比べます。
#
# 1. **最も近いシグネチャ**：上と同じです。
# 2. **ESZSL**（Romera-Paredes・Torr, 2015）：写真 $x$ とシグネチャ $s$ の**相性** $x^\top V s$ を直接学びます。相性は、自分のクラスとは+1、ほかのクラスとは−1に近づけます。写真の答えは、相性が最も高い鳥です。たとえば相性がレンジャクと0.4、アオカケスと−0.3なら、レンジャクと答えます。行列 $V$ は式1つで求まります（「さらに深く：ESZSLを自分で書く」）。

# %% [markdown] key="reader-read" lang="en"
# **Some attributes are read well, others not.** A deep body was learned from other deep fish. The tall dorsal fin is not read: the card says 1, the readings stay near 0. Only three of the nine species shown have one, and each of them also has a forked tail or an orange back, which the tilapia lacks: the reader probably learned these instead. This is why Exercise A could do without it.
#
# Such readings are enough to **find** photos for a card, but not to **name** them: of 40 tilapias, only 2 are nearest to their own card among all ten ("Deeper: which fish can be found?").
#
# ## Twenty-four birds, five without a photo
#
# Of 24 birds with 12 attributes we learn from 19; five have a description only. Two methods:
#
# 1. **Nearest signature**, as above.
# 2. **ESZSL** (Romera-Paredes and Torr, 2015) learns how well a photo $x$ and a signature $s$ **go together**: $x^\top V s$ should be +1 with the photo's own class and −1 with any other, and the highest decides. For example, with 0.4 for the waxwing and −0.3 for the blue jay, the answer is waxwing. One formula gives the matrix $V$ ("Deeper: ESZSL by hand").

# %% key="birds-run" alt_ja="説明だけの鳥5種の正解率を、方法ごとに点と95%信頼区間で示す。左は12属性すべて、右は色の3属性を除いた場合。点線はランダムに答えた場合の20%。" alt_en="Accuracy on five unseen birds by method, as dots with 95% intervals: all twelve attributes at the left, without the three colours at the right. Dotted: guessing, 20%."
birds = tl.load_task("birds24", per_class=40)
unseen = [2, 6, 12, 19, 22]  # their photos are left out of training
# ja: unseen = [2, 6, 12, 19, 22]  # この5種の写真は学習に使わない
among_five = tl.zero_shot(network, birds, unseen, method="eszsl")
print("Never shown: " + ", ".join(among_five.per_class))
# ja: print("見せていない鳥：" + "、".join(among_five.per_class))
print(f"Right among these five names: {among_five.accuracy:.0%}")
# ja: print(f"この5種から選んだ正解率：{among_five.accuracy:.0%}")
splits = tl.stored("09_splits")
lesson09.draw_splits(splits, among_five.accuracy)


# %% key="claim-splits" tags=["claim"]
def lead(told, other):
    pairs = zip(splits[told]["zukan"], splits[told][other])
    return tl.interval([a - b for a, b in pairs])


colour, shape, weights = lead("all", "pixels"), lead("shape", "pixels"), lead("all", "random")
tl.claim(
    f"ESZSL on the pretrained network beats pixels by {100 * colour.low:.0f} to "
    f"{100 * colour.high:.0f} points, without colours by {100 * shape.low:.0f} to "
    f"{100 * shape.high:.0f}, and random weights by {100 * weights.low:.0f} to "
    f"{100 * weights.high:.0f} (stored, {colour.n} draws)",
    # ja: f"事前学習済みのESZSLは、画素より{100 * colour.low:.0f}〜{100 * colour.high:.0f}"
    # ja: f"ポイント、色なしでは{100 * shape.low:.0f}〜{100 * shape.high:.0f}ポイント、"
    # ja: f"ランダムな重みより{100 * weights.low:.0f}〜"
    # ja: f"{100 * weights.high:.0f}ポイント上でした（保存済み、{colour.n}回）",
    min(colour.low, shape.low, weights.low) > 0,
)

# %% [markdown] key="splits-read" lang="ja"
# **見たことのない5種を、平均83%で見分けました**（いちばん上の行）。ただし、画素だけでも64%です。翼の色だけで、かなり絞れてしまうのです。色の属性を説明から消すと、画素は42%に落ち、ネットワークは75%です。形は、ネットワークのほうがずっとよく読めています。
#
# どの5種を除くかで、正解率は大きく変わります（1回ごとの標準偏差は10ポイント）。1通りの分け方で測ったゼロショットの数字は、当てになりません。20回を平均すると、単純な「最も近いシグネチャ」（87%）はESZSLに負けていません。色なしでは5ポイント上です（95%信頼区間は2〜9）。単純な方法も、必ず試しましょう。
#
# ## 落とし穴：全部の名前から選ぶとき
#
# ここまでは「見せていない5種のどれか」と教えてから選ばせました。現場では、見た鳥も見ていない鳥も飛んできます。24種すべてから選ばせるのが、**一般化ゼロショット学習**（generalised zero-shot learning）です。

# %% [markdown] key="splits-read" lang="en"
# **Of five birds that were never shown, 83% are named right on average** (top row). Pixels alone reach 64%, for colour rules out a good deal. Without colours in the descriptions, pixels fall to 42%, the network only to 75%: it reads shapes much better.
#
# Do not trust one split: the standard deviation over draws is 10 points. Over 20 draws the plain nearest signature (87%) is no worse than ESZSL, and 5 points better without colours (95% interval 2 to 9): always try the simple method, too.
#
# ## The trap: choosing among all names
#
# So far only the five names were allowed. In the field, seen birds fly past, too. Choosing among all 24 is called **generalised zero-shot learning**.

# %% key="predict-all"
tl.predict_first(
    "09-all",
    "Photos of the five unseen birds that are named right, with all 24 names allowed",
    # ja: "見せていない5種の写真の正解率（24種すべてから選ばせる場合）",
    between=(0, 100),
    unit="%",
)

# %% key="all-run" alt_ja="左：24種すべてから選んだときの、見た鳥と見ていない鳥の正解率とその調和平均を、補正なしと補正ありで比べる。右：補正を強めたときの、見ていない鳥と見た鳥の正解率の関係。" alt_en="Left: accuracy on seen and unseen birds among all 24 names, and their harmonic mean, with and without calibration. Right: accuracy on seen birds over that on unseen ones as the calibration grows."
everyone = tl.generalised_zero_shot(network, birds, unseen)
print(f"Unseen birds, five names to choose from: {among_five.accuracy:.0%}")
# ja: print(f"見ていない鳥、5種から選ぶ：{among_five.accuracy:.0%}")
print(f"Unseen birds, all 24 names to choose from: {everyone.plain['unseen']:.0%}")
# ja: print(f"見ていない鳥、24種から選ぶ：{everyone.plain['unseen']:.0%}")
names24 = tl.stored("09_generalised")
display(lesson09.draw_all_names(names24, everyone))
tl.see_prediction("09-all", round(100 * everyone.plain["unseen"]))

# %% key="claim-all" tags=["claim"]
before, after = names24["plain"]["unseen"], names24["calibrated"]["unseen"]
rest = tl.interval([a - 0.5 * b for a, b in zip(before, after)])
tl.claim(
    f"Among all names, unseen birds are named right less than half as often without calibration "
    f"as with it ({tl.interval(before).mean:.0%} against {tl.interval(after).mean:.0%}, "
    f"stored, {rest.n} draws)",
    # ja: f"全種から選ばせると、見ていない鳥の正解率は、補正なしでは補正ありの半分未満でした"
    # ja: f"（{tl.interval(before).mean:.0%}と{tl.interval(after).mean:.0%}、"
    # ja: f"保存済み、{rest.n}回）",
    rest.high < 0,
)

# %% [markdown] key="all-read" lang="ja" tags=["answer"]
# **見ていない鳥の名前は、なかなか出てきません。** 学習で点数が上がったのは、見た鳥だけだからです。
#
# 対処は単純です。見た鳥の点数から一定の値 $\delta$ を引いてから選びます（**calibrated stacking**、Chao ほか, 2016、[arXiv:1605.04253](https://arxiv.org/abs/1605.04253)）。たとえば点数が（見た鳥0.6、見ていない鳥0.5）のとき、$\delta=0.15$ を引くと（0.45、0.5）で、答えが入れ替わります。
#
# その代わり、見た鳥の正解率は下がります。右の図では、1本の線が1回の測定です。補正なし（四角）から $\delta$ を大きくするほど、右下へ進みます。青い点が、選んだ $\delta$ です。見た鳥の正解率 $a$ と見ていない鳥の正解率 $b$ は、どちらかが低いと低くなる**調和平均** $H=2ab/(a+b)$ にまとめます。$a=0.8, b=0.2$ なら $H=0.32$ です。$\delta$ は、見た鳥の一部を「見ていない役」にして選びます。見ていない鳥の写真で選んではいけません。

# %% [markdown] key="all-read" lang="en" tags=["answer"]
# **The names of unseen birds seldom come up**: training has raised only the scores of the birds that it saw.
#
# The cure: subtract a constant $\delta$ from the scores of seen birds before you choose (**calibrated stacking**, Chao et al., 2016, [arXiv:1605.04253](https://arxiv.org/abs/1605.04253)). For example, a seen bird has 0.6 and an unseen one 0.5; with $\delta=0.15$ it is 0.45 against 0.5.
#
# Seen birds pay for it. At the right, each curve is one draw and runs from its square to the lower right as $\delta$ grows; the blue dot is the $\delta$ chosen. The **harmonic mean** $H=2ab/(a+b)$ of the accuracies $a$ on seen and $b$ on unseen birds is low when either is: $a=0.8, b=0.2$ gives $H=0.32$. Choose $\delta$ with some seen birds playing the unseen, never on photos of unseen birds.

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# 補正して答える関数 `answer(scores, is_seen, delta)` を書きましょう。`scores` は行が写真、列が鳥の点数、`is_seen` は鳥ごとに見た（True）か見ていない（False）か、`delta` は引く値です。1枚ごとに、答えの鳥の番号を返します。
#
# 書けたら、見ていない鳥の名前で答えた枚数を数えてください。960枚のうち、本当に見ていない鳥なのは200枚です。枚数がこれに最も近くなる `delta` はどれでしょうか。
#
# ```python
# for delta in (0, 0.02, 0.05, 0.1):
#     answers = answer(everyone.scores, everyone.is_seen, delta)
#     print(delta, (~everyone.is_seen[answers]).sum().item())
# ```

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# Write `answer(scores, is_seen, delta)`, which answers with calibration. `scores` has a row for each photo and a column for each bird, `is_seen` says of each bird whether it was seen, `delta` is what is taken off. Return the number of one bird for each photo. Then count the answers that are unseen birds. In truth, 200 of the 960 photos show one: which `delta` comes closest?
#
# ```python
# for delta in (0, 0.02, 0.05, 0.1):
#     answers = answer(everyone.scores, everyone.is_seen, delta)
#     print(delta, (~everyone.is_seen[answers]).sum().item())
# ```


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def answer(scores, is_seen, delta):
# PLACEHOLDER:     return ...
def answer(scores, is_seen, delta):
    return (scores - delta * is_seen.float()).argmax(1)


### END SOLUTION
tl.check("09-b")

# %% [markdown] key="ex-b-why" lang="ja" tags=["solution"]
# 0.02のとき196枚で、200枚に最も近くなります。上の補正が選んだ値（`everyone.delta`）は0.036で、見ていない鳥の答えはもっと多くなります。枚数ではなく、調和平均が最も高くなる値を、見た鳥の一部を見ていない役にして選んだからです。

# %% [markdown] key="ex-b-why" lang="en" tags=["solution"]
# At 0.02 it is 196, the closest to 200. The calibration above chose 0.036 (`everyone.delta`) and gives such names more often: it looks for the highest harmonic mean, with seen birds playing the unseen, and not for the right number.

# %% [markdown] key="clip" lang="ja"
# ## 属性の表がないとき：小さなCLIP
#
# 属性の表は、誰かが作らなければなりません。一方、Webには、写真に添えた説明文がいくらでもあります。**CLIP**（Radford ほか, 2021、[arXiv:2103.00020](https://arxiv.org/abs/2103.00020)）は、写真と文の組だけから学びます。どちらもベクトルに変え、写真を自分の説明文に近づけ、ほかの説明文から離す**対照学習**（contrastive learning）です。
#
# バッチの写真 $i$ と文 $j$ の相性 $z_{ij}$ は、2つのベクトルのコサイン類似度に倍率を掛けた値です。倍率は10倍から始め、重みと一緒に学習します。損失は、自分の文を当てる交差エントロピー（$z$ の行）と、自分の写真を当てる交差エントロピー（$z$ の列）の平均です。
#
# $$L = \tfrac12\Big[\text{CE}(z, \text{行})+\text{CE}(z, \text{列})\Big]$$
#
# たとえば、組が2つ、倍率が10で、自分の文とのコサイン類似度が0.8、もう1つの文とは0.2なら、$z$ は8と2で、損失は $-\log\frac{e^8}{e^8+e^2}=0.002$ です。どちらとも同じなら $\log 2=0.69$ で、ランダムに選ぶのと変わりません。
#
# さまざまな特徴の鳥3,000羽と、その特徴のいくつかに触れた説明文を用意しました。24種のどれとも違う鳥ばかりで、種名は一度も出てきません。文は**TF-IDF**で数字にします。1〜3文字の並びを数え、珍しい並びほど重く見る方法です。そのあと、写真側も文側も線形層1つで、同じ64次元に移します。
#
# 学習が終わったら、文で鳥を探します。さらに、1種につき1文の説明で24種を見分けます。

# %% [markdown] key="clip" lang="en"
# ## Without a table of attributes: a small CLIP
#
# Somebody has to make a table of attributes; the web is full of pictures with captions. **CLIP** (Radford et al., 2021, [arXiv:2103.00020](https://arxiv.org/abs/2103.00020)) learns from such pairs alone: it turns both into vectors and pulls each picture towards its own caption, away from the others (**contrastive learning**).
#
# Let $z_{ij}$ be the cosine between the vectors of picture $i$ and caption $j$ in a batch, times a scale: 10 at first, then learned. The loss is the mean cross-entropy of finding each picture's own caption (rows of $z$) and each caption's own picture (columns):
#
# $$L = \tfrac12\Big[\text{CE}(z, \text{rows})+\text{CE}(z, \text{columns})\Big]$$
#
# For example, at scale 10, take two pairs with a cosine of 0.8 to the own caption and 0.2 to the other: $z$ is 8 and 2, and the loss $-\log\frac{e^8}{e^8+e^2}=0.002$. If both were alike, it would be $\log 2=0.69$ (guessing).
#
# Here are 3,000 drawn birds with captions of some features. None is of the 24 species, and no species is named. **TF-IDF** counts a caption's pieces of one to three letters (rare ones weigh more). One linear layer on each side leads to the same 64 dimensions ("map").
#
# Then we look for birds by a sentence, and tell the 24 species apart by one sentence each.

# %% key="clip-run"
display(tl.diagram("two_towers"))
pairs = lesson09.captioned_birds(3000)
print("Captions: " + " | ".join(pairs.captions[:3]))
# ja: print("説明文：" + " | ".join(pairs.captions[:3]))
words = TfidfVectorizer(analyzer="char", ngram_range=(1, 3)).fit(pairs.captions)
told = torch.tensor(words.transform(pairs.captions).toarray()).float()
seen = tl.extract_features(network, pairs.pictures)
mean, spread = seen.mean(0), seen.std(0) + 0.01
seen = (seen - mean) / spread


def clip_loss(pictures, captions, scale):
    z = scale * F.normalize(pictures, dim=1) @ F.normalize(captions, dim=1).T
    own = torch.arange(len(z))  # caption i belongs to picture i
    # ja: own = torch.arange(len(z))  # 説明文 i は写真 i のもの
    return (F.cross_entropy(z, own) + F.cross_entropy(z.T, own)) / 2


torch.manual_seed(0)
picture_map, caption_map = nn.Linear(256, 64), nn.Linear(told.shape[1], 64)
log_scale = nn.Parameter(torch.tensor(10.0).log())  # its exponential stays above 0
# ja: log_scale = nn.Parameter(torch.tensor(10.0).log())  # 指数をとるので、倍率は必ず正
weights = [*picture_map.parameters(), *caption_map.parameters(), log_scale]
optimizer = torch.optim.AdamW(weights, lr=0.01)
for _ in range(300):
    rows = torch.randperm(len(pairs))[:256]
    loss = clip_loss(picture_map(seen[rows]), caption_map(told[rows]), log_scale.exp())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% key="search-run" alt_ja="文に最もよく合った5枚の鳥。その下の図は、左が写真と説明文の組の数に対する24種の正解率（説明文を混ぜた対照はランダムな答えと同じ）、右が3,000組で学んだときの、文の書き方ごとの正解率。" alt_en="The five birds that fit the sentence best. Below: accuracy on 24 species over the number of pairs at the left, with shuffled captions at guessing; by the wording of the sentences after 3,000 pairs at the right."
def tell(sentences):
    letters = torch.tensor(words.transform(sentences).toarray()).float()
    return F.normalize(caption_map(letters), dim=1).detach()


asked = "a bird with long bill, crest, blue wing"  # write your bird here, in the captions' words
# ja: asked = "長いくちばし、冠羽、青い翼の鳥"  # 説明文にある言葉で、探したい鳥に書きかえましょう
looks = (tl.extract_features(network, birds.test) - mean) / spread
places = F.normalize(picture_map(looks), dim=1).detach()
best = (places @ tell([asked]).T)[:, 0].argsort(descending=True)[:5]
named = (places @ tell(lesson09.describe(birds)).T).argmax(1)
by_caption = (named == birds.test.labels).float().mean().item()
print(f"24 species by one sentence each: {by_caption:.0%} right  (guessing: 4%)")
# ja: print(f"24種を1文ずつで説明：正解率 {by_caption:.0%}（ランダムに答えた場合は4%）")
display(lesson09.draw_found(birds, best))
captions = tl.stored("09_pairs")
lesson09.draw_pairs(captions, (3000, by_caption))

# %% [markdown] key="pairs-read" lang="ja"
# **種名も属性の表もなしに、文から鳥が見つかります。** 5羽とも、頼んだ3つの特徴を備えています。24種を1文ずつで言い当てる正解率は、組が多ければ上がり、3,000組では10回の平均で68%です。写真と説明文の組み合わせをばらばらにすると4%ほど、つまりランダムな答えと同じです。学んだのは、どの言葉がどの写真に合うかなのです。
#
# **文の書き方で大きく変わります**（右の図）。見慣れない前置きを付けても下がりませんが、同じ意味の別の言葉（冠羽→頭の飾り羽など。色の言葉はそのまま）では32%に落ちます。種名だけで尋ねると4%で、ランダムと変わりません。本家のCLIPが種名だけで答えられるのは、4億組の説明文の中に種名があったからです。クラスを言い表す文を**プロンプト**と呼びます。
#
# ## 本物のデータでは？
#
# ImageNetで事前学習したMobileNetV2には、1,000クラスの出力層が付いています。そのうち118が犬種、5が飼い猫です。これをそのまま使えば、犬と猫は**ラベルを1枚も使わずに**見分けられるはずです。

# %% [markdown] key="pairs-read" lang="en"
# **Birds are found by sentences, without names or a table of attributes.** All five have a long bill and a blue wing, but only one the crest: the rest outweighs a missing crest. More pairs help: 3,000 reach 80% on the 24 species. With the captions shuffled it stays at guessing (4%): what was learned is which words go with which picture.
#
# **Wording matters** (at the right). Other words for the same thing (beak for bill; the colours stay) bring the accuracy down to 41%. A name alone gives 9%: it holds one word of the captions at most (*wagtail*: tail). The real CLIP knows names because they were in its 400 million captions. A sentence that describes a class is called a **prompt**.
#
# ## And on real data?
#
# MobileNetV2, pretrained on ImageNet, has a head of 1,000 classes: 118 are breeds of dogs, 5 are house cats. As it is, it should tell cats from dogs **without a single label**.

# %% key="real-figure" alt_ja="犬と猫、アリとハチの写真での正解率。横線はラベルなし、曲線は1クラスあたりのラベル枚数に対する線形プローブ。" alt_en="Accuracy on photos of cats and dogs and of ants and bees; level lines without labels, curves for a linear probe over labels of each class."
twin = tl.stored("09_real")
lesson09.draw_real(twin)

# %% [markdown] key="real-read" lang="ja"
# **犬と猫では、ラベルなしで94%です。** 比べたのは、犬種の確率の平均と、猫の確率の平均です。合計を比べると89%に下がります。迷った写真が、118対5の多数決で犬にされてしまうからです。ラベルなしの94%は**1クラスあたり5〜10枚のラベルに相当**し、もっとラベルがあれば線形プローブのほうが上です。アリとハチ（ImageNetに1クラスずつ）では、20枚ずつのラベル（90%）でも、ラベルなしの94%に届きません。出力層が、まさにこのクラスを学んでいたからです。
#
# ただし、厳密なゼロショットとはいえません。ネットワークは、品種名の付いた犬や猫を事前学習で見ています。ゼロショットの数字を見たら、事前学習に何が入っていたかを確かめましょう。

# %% [markdown] key="real-read" lang="en"
# **Cats and dogs: 94% without a label**, choosing the animal whose breeds have the higher mean probability. The higher sum gives only 89%: when in doubt, 118 breeds outvote 5. Zero-shot is **worth five to ten labels of each class**; with more, a linear probe is better. For ants and bees, which are ImageNet classes themselves, even 20 labels of each (90%) do not reach the 94% without any.
#
# Strictly speaking, this is not zero-shot: in pre-training the network saw dogs and cats, labelled by breed. So ask of any zero-shot figure what the pre-training held.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、7分。2人で話し合うのもおすすめです）
#
# 部品の倉庫に、写真が40枚ずつある部品が300種類あります。来週、12種類の新しい部品が加わります。届いているのは仕様書（材質、形、穴の数、色など）だけで、写真はありません。カメラの前には、古い部品も新しい部品も来ます。
#
# 計画を `plan` に書き、解答例の採点表で見直してください。正解は1つではありません。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 7 minutes, also good in pairs)
#
# A warehouse has 40 photos each of 300 kinds of parts. Next week 12 new kinds arrive, with data sheets (material, shape, holes, colour) but no photos. Old and new parts will pass the camera.
#
# Write your plan into `plan`, and mark it with the rubric in the solution.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "link": ...,  # what links photos and descriptions
# ja: # PLACEHOLDER:     "link": ...,  # 写真と説明を何でつなぐか
# PLACEHOLDER:     "test": ...,  # how you estimate accuracy before there are photos
# ja: # PLACEHOLDER:     "test": ...,  # 写真が届く前に正解率をどう見積もるか
# PLACEHOLDER:     "all_names": ...,  # how you choose among old and new names
# ja: # PLACEHOLDER:     "all_names": ...,  # 新旧すべての名前から選ばせる工夫
# PLACEHOLDER:     "labels": ...,  # when you label photos, and how many
# ja: # PLACEHOLDER:     "labels": ...,  # いつ、何枚の写真にラベルを付けるか
# PLACEHOLDER:     "why": ...,  # your reasons
# ja: # PLACEHOLDER:     "why": ...,  # 理由
# PLACEHOLDER: }
plan = {
    "link": "20 attributes from the data sheets, ESZSL; checked that no two parts are alike.",
    # ja: "link": "仕様書から20の属性を作り、ESZSLでつなぐ。同じ属性の部品がないことを確かめる。",
    "test": "Hold out 12 old kinds at random, ten times; pixels as a control.",
    # ja: "test": "古い部品から12種類を伏せて測る。10回繰り返し、画素とも比べる。",
    "all_names": "Calibrated stacking, delta chosen on old kinds that play the new.",
    # ja: "all_names": "calibrated stacking。古い部品を新しい役にして delta を選ぶ。",
    "labels": "Ten photos of each new kind in the first days, then a linear probe.",
    # ja: "labels": "最初の数日で新しい部品を10枚ずつ。そのあとは線形プローブに切り替える。",
    "why": "Zero-shot bridges the first days; it was worth a few labels on real photos.",
    # ja: "why": "ゼロショットは最初の数日のつなぎ。本物の写真では、ラベル数枚分の価値だった。",
}
### END SOLUTION
tl.check("09-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 何でつなぐか | 決めていない | 属性か文を選んだ | 区別できない部品の組を調べる手順がある |
# | 見積もり | しない、または新しい部品の写真を待つ | 古い部品を伏せて測る | 何通りも伏せ、対照（画素など）と比べる |
# | 全部の名前 | 触れていない | 崩れに触れた | 補正の強さを古い部品で選ぶ |
# | ラベル | いつまでも付けない | 付ける時期がある | 枚数と、切り替えの基準がある |
# | 理由 | なし | このレッスンの結果に触れた | 数字を挙げた |
#
# 7点以上なら、そのまま提案できます。上の解答例は2＋2＋2＋1＋1で8点です（切り替えの基準と数字がありません）。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | link | left open | attributes or sentences chosen | looks for parts that no description tells apart |
# | estimate | none, or waits for photos of new parts | holds out old kinds | several draws, beside a control such as pixels |
# | all names | not mentioned | mentions the collapse | chooses the calibration on old kinds |
# | labels | never | says when | says how many, and what shows that it is time to switch over |
# | reasons | none | a result of this lesson | with numbers |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 2 + 2 + 2 + 1 + 1 = 8: it does not say what shows that it is time to switch over, and names no number from a figure.

# %% key="quiz"
tl.quiz("09")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 学習用の写真がないクラスも、説明から見つけられます。属性はどれも知っていて、組み合わせだけが新しいからです。
# - 対照と必ず比べます。ここでは、画素だけでもかなり当たりました。どのクラスを除くかでも大きく変わるので、何通りも測ります。
# - 全部の名前から選ばせると、見ていないクラスの名前はなかなか出てきません。見たクラスの点数から一定の値を引き、調和平均で測ります。
# - CLIPは、写真と説明文の組から、言葉と写真の結び付きを学びます。説明文に出てこなかった言葉や名前はわかりません。
# - 本物の犬と猫では、ゼロショットに1クラス5〜10枚分のラベルの価値がありました。ラベルがもっとあれば、ラベルで学ぶほうが上です。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - A class without a training picture can be found by its description: the attributes are familiar, only their combination is new.
# - Compare with a control, over many splits. Here bare pixels alone went far.
# - Among all names, those of unseen classes seldom come up. Subtract a constant from the scores of seen ones, and judge by the harmonic mean.
# - CLIP learns from pairs of picture and caption. It knows only the captions' words.
# - On real cats and dogs, zero-shot was worth five to ten labels of each class; with more, labels win.

# %% [markdown] key="deeper-reader" lang="ja" tags=["deeper"]
# ## さらに深く：読み取り器の式
#
# 読み取り器は、標準化した特徴 $x$ から、カードを $xW+\bar{c}$ と予測します。
#
# $$W = (X^\top X + \alpha I)^{-1} X^\top (C - \bar{c})$$
#
# $X$ は写真の特徴を、$C$ はその写真のカードを1行ずつ並べた行列、$\bar{c}$ はカードの平均、$I$ は単位行列です。$\alpha$ は重みを小さく保つ強さで、ここでは100です（**リッジ回帰**）。

# %% [markdown] key="deeper-reader" lang="en" tags=["deeper"]
# ## Deeper: the formula of the reader
#
# From a photo's standardised features $x$ the reader predicts the card $xW+\bar{c}$:
#
# $$W = (X^\top X + \alpha I)^{-1} X^\top (C - \bar{c})$$
#
# Rows of $X$ are the features of photos, rows of $C$ their cards; $\bar{c}$ is the mean card, $I$ the identity matrix. $\alpha$, here 100, keeps the weights small (**ridge regression**).


# %% key="reader-code"
def learn_reader(features, cards, strength=100.0):
    mean, spread, middle = features.mean(0), features.std(0) + 0.01, cards.mean(0)
    x = (features - mean) / spread
    w = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1]), x.T @ (cards - middle))
    return lambda new: (new - mean) / spread @ w + middle


by_hand = learn_reader(features, fish.attributes[fish.train.labels[shown]])
apart = (by_hand(tl.extract_features(network, fish.test)) - readings).abs().max()
print(f"Largest difference from the readings above: {apart:.3f}")
# ja: print(f"上の読みとの最大の差：{apart:.3f}")

# %% [markdown] key="deeper-eszsl" lang="ja" tags=["deeper"]
# ## さらに深く：ESZSLを自分で書く
#
# ESZSLは、相性の表 $X V S^\top$ と正解の表 $Y$ の差を2乗して合計し、重みを小さく保つ罰則を加えたものを最小にします。答えは式1つで求まります。
#
# $$V = (X^\top X + \gamma I)^{-1}\, X^\top Y S\, (S^\top S + \lambda I)^{-1}$$
#
# $X$ は写真の特徴を、$S$ は19種のシグネチャを1行ずつ並べた行列です。$Y$ は写真（行）と鳥（列）ごとの±1、$I$ は単位行列、$\gamma$ と $\lambda$ は罰則の強さです。先に $x$ と $s$ から平均を引き、長さを1にそろえます。

# %% [markdown] key="deeper-eszsl" lang="en" tags=["deeper"]
# ## Deeper: ESZSL by hand
#
# ESZSL makes the squared difference between the table $X V S^\top$ of how well they go together and the right one, $Y$, as small as it can, with penalties that keep the weights small. One formula solves this:
#
# $$V = (X^\top X + \gamma I)^{-1}\, X^\top Y S\, (S^\top S + \lambda I)^{-1}$$
#
# Rows of $X$ are the features of photos, rows of $S$ the signatures of the 19 birds. $Y$ holds the ±1 of each photo (row) with each bird (column), $I$ is the identity matrix, and $\gamma$ and $\lambda$ set how strong the penalties are. The code first centres $x$ and $s$ and gives them length 1.


# %% key="eszsl-code"
def eszsl(x, labels, s, gamma=10.0, lam=1.0):
    y = 2 * F.one_hot(labels, len(s)).float() - 1  # +1: its own bird, -1: any other
    # ja: y = 2 * F.one_hot(labels, len(s)).float() - 1  # 自分の鳥は +1、ほかは -1
    left = torch.linalg.inv(x.T @ x + gamma * torch.eye(x.shape[1]))
    right = torch.linalg.inv(s.T @ s + lam * torch.eye(s.shape[1]))
    return left @ x.T @ y @ s @ right


known = birds.only_classes([c for c in range(24) if c not in unseen])
new = birds.only_classes(unseen)
photos, middle = tl.extract_features(network, known.train), known.attributes.mean(0)
x = F.normalize(photos - photos.mean(0), dim=1)
v = eszsl(x, known.train.labels, F.normalize(known.attributes - middle, dim=1))
test = F.normalize(tl.extract_features(network, new.test) - photos.mean(0), dim=1)
fits = test @ v @ F.normalize(new.attributes - middle, dim=1).T
by_hand = (fits.argmax(1) == new.test.labels).float().mean()
print(f"By hand: {by_hand:.0%}; tl.zero_shot: {among_five.accuracy:.0%}")
# ja: print(f"自分で書くと {by_hand:.0%}、tl.zero_shot では {among_five.accuracy:.0%}")

# %% [markdown] key="eszsl-read" lang="ja"
# 数ポイントの差は、準備の違いです。`tl.zero_shot` は特徴を標準化し、$\gamma$ と $\lambda$ を、見た鳥の一部を見ていない役にして選びます。

# %% [markdown] key="eszsl-read" lang="en"
# The few points between them come from the preparation: `tl.zero_shot` standardises the features, and chooses $\gamma$ and $\lambda$ with seen birds playing the unseen.

# %% [markdown] key="deeper-each" lang="ja" tags=["deeper"]
# ## さらに深く：どの魚なら見つかるか
#
# 10種類を順番に「見せない魚」にして、カードに合う10枚のうち本物が何枚あるかを測りました。

# %% [markdown] key="deeper-each" lang="en" tags=["deeper"]
# ## Deeper: which fish can be found?
#
# Each of the ten species is left out in turn; how many of the ten photos that fit its card best show it?

# %% key="each-figure" alt_ja="10種類の魚それぞれについて、見つかった10枚のうち本物の割合を、事前学習済み、ランダムな重み、画素で比べる。破線は平均。" alt_en="For each of ten fish the share of the photos found that show it: pretrained, random weights and pixels. Dashed: means."
nearest = torch.cdist(readings, fish.attributes).argmin(1)
named = int((nearest[fish.test.labels == tilapia] == tilapia).sum())
print(f"Photos of tilapias whose nearest of all ten cards is the tilapia's: {named} of 40")
# ja: print(f"10種類のカードのうち、ティラピアのカードが最も近かったティラピアの写真：40枚中 {named} 枚")
lesson09.draw_each(tl.stored("09_cards"), fish)

# %% [markdown] key="each-read" lang="ja"
# **9種類しか見せないと、見つかる魚と見つからない魚に分かれます。** サバ、デメキン、マダイは、画素のほうがよく見つかりました。10の属性を切り分けるには、9枚のカードは少なすぎます。2種類の魚にしかない属性もあり、その2種類に共通するほかの特徴と区別しにくいのです。鳥で19種を見せたときは、どの属性も4種以上に現れます。
#
# 図の上に出力された1行も見てください。カードに合う写真を**探す**ことはできても、1枚ごとに10種類から**名前を選ばせる**と、ティラピアとはほとんど答えません。「全部の名前から選ぶとき」の落とし穴は、魚にもあります。

# %% [markdown] key="each-read" lang="en"
# **With only nine species to learn from, some fish are found and some are not.** Mackerel, goldfish and sea bream are even found better by bare pixels. Nine cards are too few to tell ten attributes apart: one that only two fish have is hard to tell from whatever else these two share. Among the 19 birds every attribute occurs in four species or more.
#
# See the line above the figure, too: **finding** photos that fit a card works, but asked to **name** a photo, the reader hardly ever says "tilapia". The trap of all names is there for fish as well.

# %% [markdown] key="deeper-auc" lang="ja" tags=["deeper"]
# ## さらに深く：どの属性が読めているか
#
# 見せていない5種の写真で、属性を1つずつ調べます。AUCは、「属性のある写真のほうが、ない写真より高く読まれる」割合です（1なら完全、0.5ならランダム）。

# %% [markdown] key="deeper-auc" lang="en" tags=["deeper"]
# ## Deeper: which attributes are read?
#
# On photos of the five unseen birds, look at the attributes one by one. The AUC is how often a photo with the attribute gets a higher reading than one without (1 is perfect, 0.5 is guessing).

# %% key="auc-run" alt_ja="見せていない5種の鳥での、属性ごとのAUC。点線は0.5。" alt_en="AUC of each attribute on five unseen birds. Dotted: 0.5."
known = birds.only_classes([c for c in range(24) if c not in unseen])
new = birds.only_classes(unseen)
photos = tl.extract_features(network, known.train)
read_bird = lesson09.learn_reader(photos, known.attributes[known.train.labels])
said = read_bird(tl.extract_features(network, new.test))
truth = new.attributes[new.test.labels]
varies = [k for k in range(12) if 0 < truth[:, k].mean() < 1]
areas = []
for k in varies:
    has, lacks = said[truth[:, k] == 1, k], said[truth[:, k] == 0, k]
    areas.append((has[:, None] > lacks).float().mean().item())
bird_words = lesson09.attribute_names(birds)
lesson09.draw_attributes([bird_words[k] for k in varies], areas)

# %% [markdown] key="auc-read" lang="ja"
# **11の属性のうち10は読めていますが、太いくちばしは逆向きに読まれています**（0.5未満）。ヤマセミはくちばしが太く、翼が青い鳥です。見せた19種のうち、くちばしが太くて翼の青い鳥は1種もいないので、読み違えたのでしょう。長いあしは、5種のどれにもないため測れません。読めない属性でしか違わない2種は、説明がどれほど正確でも区別できません。属性がまったく同じ2種は、`tl.zero_shot` がエラーで知らせます。

# %% [markdown] key="auc-read" lang="en"
# **Ten of eleven attributes are read, but the thick bill the wrong way round** (below 0.5). The crested kingfisher has a thick bill and a blue wing; of the 19 birds shown, none with a thick bill has a blue wing, which probably misleads the reader. Long legs cannot be measured, for none of the five has them. Two species that differ only in attributes that are not read cannot be told apart, however exact the description. Where two have exactly the same attributes, `tl.zero_shot` says so in an error.

# %% [markdown] key="deeper-hubs" lang="ja" tags=["deeper"]
# ## さらに深く：人気の名前（ハブ）
#
# 24種が同じ枚数ずつなら、どの名前も40回ずつ答えに出てくるはずです。実際に数えてみます。

# %% [markdown] key="deeper-hubs" lang="en" tags=["deeper"]
# ## Deeper: popular names (hubs)
#
# With as many photos of each of the 24 species, each name should come up 40 times. Count them:

# %% key="hubs-run" alt_ja="24種それぞれの名前が答えに出た回数を、補正なしと補正ありで比べる棒グラフ。右端の5種が見せていない鳥。点線は正しい回数。" alt_en="Bars: how often each of 24 names is given, without and with calibration. The five unseen birds stand at the right. Dotted: the true number."
lesson09.draw_answers(birds, everyone)

# %% [markdown] key="hubs-read" lang="ja"
# **補正なしでは見ていない鳥の名前が少なすぎ、補正すると今度は多すぎます。** これは5種を合わせた話で、ヤマセミだけは補正しても足りません。しかも、見た鳥の中にも人気の名前と、ほとんど出ない名前があります。多くの写真にとって「いちばん近い」点になる名前を**ハブ**と呼びます（高次元の近傍でよく起こります。[arXiv:1412.6568](https://arxiv.org/abs/1412.6568)）。正解率だけでなく、答えの偏りも見てください。

# %% [markdown] key="hubs-read" lang="en"
# **Without calibration the names of unseen birds come up too seldom, with it too often.** That is so of the five together; the crested kingfisher is still named too seldom. And among the seen birds, too, some names are popular while others hardly come up. A name that is nearest to many photos is called a **hub**, which is common among neighbours in high dimensions ([arXiv:1412.6568](https://arxiv.org/abs/1412.6568)). Look at how often each answer is given, not at the accuracy alone.

# %% [markdown] key="deeper-prompts" lang="ja" tags=["deeper"]
# ## さらに深く：温度と、文の平均
#
# CLIPの損失の倍率は、**温度**の逆数です（10倍なら温度は0.1）。温度が低いと、最も紛らわしい説明文との差だけが効きます。学習を始める温度を3通りに変えた結果と、4つの言い回しの平均を使った結果を並べます。

# %% [markdown] key="deeper-prompts" lang="en" tags=["deeper"]
# ## Deeper: temperature, and the mean of several sentences
#
# The scale in the loss is one over the **temperature**: 10 is a temperature of 0.1. At a low one only the most confusing captions count. Here is where three starts lead to, and what the mean over four wordings gives.

# %% key="prompts-run"
told_in = lesson09.in_this_language(captions)
for start, runs in told_in["temperatures"].items():
    print(f"Temperature at the start {start}: {tl.interval(runs, share=True)} right")
    # ja: print(f"始めの温度 {start}：正解率 {tl.interval(runs, share=True)}")
one, mean_of_four = told_in["wordings"]["caption"], told_in["ensemble"]
print(f"One wording: {tl.interval(one, share=True)} right")
# ja: print(f"言い回し1つ：正解率 {tl.interval(one, share=True)}")
print(f"Mean over four wordings: {tl.interval(mean_of_four, share=True)} right")
# ja: print(f"言い回し4つの平均：正解率 {tl.interval(mean_of_four, share=True)}")

# %% [markdown] key="prompts-read" lang="ja"
# **日本語の説明文では、4つの平均で5ポイント上がり、温度の出発点でも9ポイントの差が出ました**（3,000組、保存済み、10回）。英語では、どちらも1〜2ポイントです。どれを使うかは、テストではなく検証用のデータで選びます。CLIPの論文では、80通りの文の平均でImageNetの正解率が3.5ポイントほど上がったと報告されています。

# %% [markdown] key="prompts-read" lang="en"
# **Either makes a difference of one or two points here; with Japanese captions the mean adds 5 points, and the start makes 9** (3,000 pairs, stored, 10 draws). Choose such things on validation data, never on the test. For the real CLIP, the paper reports some 3.5 points on ImageNet from the mean over 80 wordings.

# %% [markdown] key="deeper-texts" lang="ja" tags=["deeper"]
# ## さらに深く：文章を分類名だけで分ける
#
# **文エンコーダー**（文をベクトルに変えるモデル、レッスン12）で、問い合わせとニュースを、**分類名に最も近いもの**へ分けます。白抜きの印は、分類名を1文の説明に替えた場合です。

# %% [markdown] key="deeper-texts" lang="en" tags=["deeper"]
# ## Deeper: texts by the names of their classes
#
# **Sentence encoders** (lesson 12) give each enquiry or news item the class whose **name** is nearest. Hollow marks take one sentence about the class instead of its name.

# %% key="texts-figure" alt_ja="英語と日本語の問い合わせ、日本語のニュースを、分類名と1文の説明で分けた正解率。3つの文エンコーダーを比べる。" alt_en="Accuracy on English and Japanese enquiries and Japanese news by class name and by one sentence, for three encoders."
lesson09.draw_texts(twin)

# %% [markdown] key="texts-read" lang="ja"
# **E5なら、分類名だけで半分以上が当たります**（日本語の問い合わせ58%、ニュース51%。ランダムなら17%と11%）。分類名を1文の説明に替えると、E5は3つとも4〜11ポイント上がりました。日本語を知らないMiniLMは、日本語では30%に届きません。文字の並びを比べるだけのTF-IDFは25〜35%でした（いずれも1回の測定）。

# %% [markdown] key="texts-read" lang="en"
# **E5 sorts more than half of them right by the names alone** (58% of Japanese enquiries, 51% of news; guessing 17% and 11%). One sentence instead of the name adds 4 to 11 points with E5 in all three sets. MiniLM knows no Japanese and stays below 30% there; TF-IDF, which compares letters only, has 25 to 35% (each measured once).

# %% [markdown] key="deeper-today" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 数字が良すぎる | 「見ていない」クラスが事前学習に入っていた | 名前だけでなく、画像の重なりを調べる |
# | 全部の名前にすると崩れる | 見たクラスの点数が高い | 補正し、調和平均で測る |
# | 特定の2クラスを取り違える | 属性が同じか、読めない属性だけが違う | 属性を足す |
# | 分け方で数字が変わる | 伏せたクラスの難しさ | 10通り以上で測る |
# | プロンプトで数字が変わる | 説明文にない言い回し | 学習の説明文に近い文にする。テストで選ばない |
#
# **最近よく使われる手法**
#
# - **CLIPの仲間**：SigLIP（[arXiv:2303.15343](https://arxiv.org/abs/2303.15343)）は、softmaxの代わりに組ごとの○×で学びます。LiT（[arXiv:2111.07991](https://arxiv.org/abs/2111.07991)）は、このレッスンのように画像側を凍結します。
# - **語順は苦手**：「赤い翼と黄色いくちばし」と「黄色い翼と赤いくちばし」を取り違えることが知られています（[arXiv:2210.01936](https://arxiv.org/abs/2210.01936)）。
# - **ゼロショットから始めて、少しのラベルで仕上げる**：ファインチューニングした重みとゼロショットの重みを混ぜるWiSE-FT（[arXiv:2109.01903](https://arxiv.org/abs/2109.01903)）。
# - **評価の作法**：Xian ほか（[arXiv:1707.00600](https://arxiv.org/abs/1707.00600)）が、分け方と調和平均を定めました。

# %% [markdown] key="deeper-today" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | figures too good to be true | "unseen" classes were in the pre-training data | compare the pictures, not only the names |
# | it collapses with all names | seen classes score higher | calibrate, judge by the harmonic mean |
# | two classes are always confused | same attributes, or they differ only in one that is not read | add an attribute |
# | figures change with the split | some held-out classes are harder | measure ten splits or more |
# | figures change with the prompt | wording that no caption used | write as captions do; never choose on test data |
#
# **Today**
#
# - **CLIP's family**: SigLIP ([arXiv:2303.15343](https://arxiv.org/abs/2303.15343)) decides each pair by yes or no instead of a softmax. LiT ([arXiv:2111.07991](https://arxiv.org/abs/2111.07991)) freezes the picture side, as this lesson does.
# - **Order is a weakness**: such models confuse "red wing and yellow bill" with "yellow wing and red bill" ([arXiv:2210.01936](https://arxiv.org/abs/2210.01936)).
# - **Start from zero-shot, finish with a few labels**: WiSE-FT ([arXiv:2109.01903](https://arxiv.org/abs/2109.01903)) mixes fine-tuned weights with zero-shot ones.
# - **How to measure**: Xian et al. ([arXiv:1707.00600](https://arxiv.org/abs/1707.00600)) set the splits and the harmonic mean.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 図鑑の話と題材5分（`description` の図を映す） → ティラピア探し4分 → ウィジェットと練習A 6分 → 属性の読みとESZSL 7分（`signatures` の図を板書で計算） → 対照3分 → 全部の名前4分、練習B 6分 → CLIPと文で探す6分 → 本物のデータ4分。練習C、クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。練習Cを授業で行うなら、練習Bを宿題に回します。
#
# - **映すもの**：見つかったティラピアの写真、ウィジェット、「落とし穴：全部の名前から選ぶとき」の節の図。
# - **2人組で**：1人が魚を1つ思い浮かべてカードを書き、もう1人は見つかる前に魚の名前を当てます。交代しながら3回。
# - **待ち時間**：2コアのCPUで、鳥の描画と説明文付きの鳥の描画が数秒ずつ、ほかのセルは1〜2秒です。
# - **遅れた人は**：最初のセル、「題材：写真のないティラピア」の節の10枚の写真が見つかるまでのセル、「鳥24種、5種は写真なし」の節の最初のセルを実行すれば、「さらに深く」より前のどの節からでも再開できます。
# - **よくある間違い**：見ていない鳥の写真で $\delta$ を選ぶ。1通りの分け方だけで良し悪しを決める。CLIPが「意味」を知っていると思い込む（別の言葉で落ちる図を見せます）。
# - **議論の種**：写真が1枚もないのに「正解率は何%です」と言うには、どうすればよいでしょうか（見たクラスを伏せて測る）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the field guide and the job 5 (project the `description` diagram) → finding the tilapia 4 → widget and exercise A 6 → reading attributes, ESZSL 7 (do the numbers of `signatures` on the board) → controls 3 → all names 4, exercise B 6 → CLIP and search by sentence 6 → real data 4. Exercise C, quiz, key points and "Deeper" are homework, or for whoever is early; to do exercise C in class, make exercise B homework.
#
# - **To project**: the tilapias that were found, the widget, the figure under "The trap: choosing among all names".
# - **In pairs**: one thinks of a fish and writes its card, the other names the fish before the photos appear. Change places, three times.
# - **Waiting**: on two CPU cores, drawing the birds and the captioned birds takes some seconds each, every other cell one or two.
# - **Whoever fell behind** runs the first cell, those of "The job: tilapia, and not one photo of it" down to the ten photos found, and the first one of "Twenty-four birds, five without a photo", and can go on from any section before "Deeper".
# - **Common mistakes**: choosing $\delta$ on photos of unseen birds; judging by one split; believing that a CLIP knows what words mean (show how other words for the same thing fail).
# - **To discuss**: without a single photo, how can you state an accuracy? (Hold out seen classes.)
