# %% [markdown] key="title" lang="ja"
# # 07 事前学習モデルの選び方
#
# **説明28分、練習とクイズ17分** ・ 前提：レッスン02（特徴抽出）。レッスン06（負の転移）も済ませてあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 手元の少しの画像で、出発点になるネットワークを選ぶ
# - VGG、Inception、ResNetがもたらしたものと、近道があると深くできる理由を説明する
# - 学習する前の目安（k-NN、LEEPなど）を計算し、外れたときの損を見積もる
# - エラーの出ない間違いに気づく方法を説明する

# %% [markdown] key="title" lang="en"
# # 07 Choosing a pretrained model
#
# **28 minutes of reading, 17 of exercises and quiz** · Before this: lesson 02 (feature extraction); lesson 06 (negative transfer) helps.
#
# After this lesson you can
#
# - choose the network to start from by a few pictures of your own
# - say what VGG, Inception and ResNet brought, and why shortcuts let a network go deeper
# - compute what can be known before any training (k-NN, LEEP), and what a wrong choice costs
# - say how to notice mistakes that raise no error

# %% key="setup"
from IPython.display import display
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
lesson07 = tl.figures("07")
choice = tl.stored("07_choice")

# %% [markdown] key="idea" lang="ja"
# ## だれの目を借りるか
#
# 野鳥の見分けで鍛えた目は、虫を見分けるのにも役立つかもしれません。では、空から撮った畑や住宅地の写真ならどうでしょうか。布地の目利きの目のほうが、よさそうです。目を借りるときは、「いちばん有名な人」ではなく「自分の仕事に合う人」を探します。
#
# 事前学習済みモデルも同じです。公開されているものは何万もあり、名前、大きさ、元のデータと、そのデータでの正解率が並んでいます。このうちどれを見れば、自分の仕事での正解率がわかるのでしょうか。
#
# ## 題材：空から見た土地
#
# 測量会社が、空撮写真を6種類（農地、森林、市街地、川、砂漠、太陽光発電所）に分けたいと考えています。写真といっても、この教材の多くの画像と同じく、プログラムで描いた絵です。
#
# ラベルがあるのは、1種類につき**20枚**です。ほかに、検証データが10枚ずつあります。出発点の候補は3つで、どれも凍結したまま**線形プローブ**（レッスン02）で使います。
#
# | 名前 | 重みの数 | 見て育ったもの | 元の仕事での正解率 |
# |---|---|---|---|
# | `zukan-inception` | 146万 | 生き物・模様・文字、104種類 | 89% |
# | `zukan-vgg` | 127万 | 同じ104種類 | 97% |
# | `zukan-texture` | 101万 | 模様だけ、16種類 | 98% |

# %% [markdown] key="idea" lang="en"
# ## Whose eye will you borrow?
#
# An eye trained on birds may do well on insects, too. For fields and towns seen from the air, perhaps that of a dealer in fabrics is better. Borrow the eye that suits your work, not the most famous one.
#
# Tens of thousands of pretrained models are public, each with a name, a size, a source of data and an accuracy "at home", on that source. Which of these tells you the accuracy on *your* job?
#
# ## The job: land seen from the air
#
# A surveyor's office wants to sort photos from the air into six classes: farmland, forest, town, river, desert and solar park. (A program draws them, like most pictures here.) **20** of each class are labelled, and ten more for validation. Three pretrained candidates stay frozen under a **linear probe** (lesson 02).
#
# | name | weights | grew up on | accuracy at home |
# |---|---|---|---|
# | `zukan-inception` | 1.46 million | creatures, patterns, letters: 104 kinds | 89% |
# | `zukan-vgg` | 1.27 million | the same 104 kinds | 97% |
# | `zukan-texture` | 1.01 million | patterns only: 16 kinds | 98% |

# %% key="predict-first" alt_ja="空撮写真の見本。6種類を1枚ずつ横に並べ、上に名前を付けてある。" alt_en="Photos from the air: one of each of the six classes side by side, its name above."
aerial = tl.load_task("land_use", per_class=20, valid_per_class=10)
display(lesson07.draw_kinds(aerial))
tl.predict_first(
    "07-first",
    "Which is the most accurate on photos from the air, with 20 labels of each class?",
    # ja: "1種類20枚のラベルで、空撮写真の正解率がいちばん高いのはどれでしょうか",
    choices=("zukan-inception", "zukan-vgg", "zukan-texture"),
)

# %% key="first-run" alt_ja="空撮写真での、3つのネットワークのテスト正解率。1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy of three networks on photos from the air, one a row, as dots with 95% intervals."
names = ("zukan-inception", "zukan-vgg", "zukan-texture")
networks = {name: tl.backbone(name) for name in names}
today = {}
for name, network in networks.items():
    today[name] = tl.probe(network, aerial).test_acc
    print(f"{name}: {today[name]:.0%} of the test photos are right  (guessing: 17%)")
    # ja: print(f"{name}：テスト写真の正解率 {today[name]:.0%}（ランダムに答えた場合は17%）")
display(lesson07.draw_first(choice, names, live=today))
tl.see_prediction("07-first", max(today, key=today.get))

# %% [markdown] key="first-read" lang="ja" tags=["answer"]
# **いちばん大きいネットワークが、いちばん下でした。** `zukan-texture` は、模様しか見たことがないのに、104種類を見分けるInceptionより上です。空から見た土地は、形よりも模様で見分けられるからでしょう。
#
# 大きさで選べばInception、元の正解率で選べば `zukan-texture` になり、どちらも1位ではありません。1位はVGGでした。

# %% [markdown] key="first-read" lang="en" tags=["answer"]
# **The largest network comes last.** `zukan-texture` knows only patterns, and yet it is ahead of Inception with its 104 kinds. Land seen from the air is probably more pattern than shape.
#
# By size you would have taken Inception, by accuracy at home `zukan-texture`. Neither is the best: VGG is.

# %% key="widget"
tl.widget("07")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、3分）
#
# ウィジェットには、候補があと3つあります。形だけを見て育った `zukan-shape`、塗料の色だけを見て育った `zukan-paint`、1種類に400枚（VGGとInceptionは150枚）を見た `zukan-resnet` です。ここではテスト正解率を見ていますが、実際に選ぶときは検証データを使います。
#
# ラベルを20枚にし、ファイルの上限をいちばん小さくします。このとき、空撮写真と鳥の写真で正解率が最高なのは、それぞれどのネットワークでしょうか。名前を `small_aerial` と `small_birds` に入れてください（`"zukan-vgg"` のように書きます）。
#
# 次に、鳥の写真のまま、上限をいちばん大きく戻します。いま答えた小さいネットワークは、全体の最高より何ポイント低いでしょうか。`lost` に入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 3 minutes)
#
# The widget has three more candidates: `zukan-shape` grew up on outlines only, `zukan-paint` on colours of paint, `zukan-resnet` on 400 pictures of each kind (VGG and Inception on 150). It shows test accuracies; in earnest you choose by validation data.
#
# Take 20 labels and the smallest limit on the file. Which network is best now on photos from the air, and which on birds? Put their names (such as `"zukan-vgg"`) into `small_aerial` and `small_birds`.
#
# Then, still on birds, set the limit back to the largest. How many points is your small network below the best of all? Put them into `lost`.

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: small_aerial = ...
# PLACEHOLDER: small_birds = ...
# PLACEHOLDER: lost = ...
small_aerial = "zukan-texture"
small_birds = "zukan-shape"
lost = 20
### END SOLUTION
tl.check("07-a")

# %% [markdown] key="families" lang="ja"
# ## 3つの家系：VGG、Inception、ResNet
#
# 公開されている画像モデルの多くは、次の3つの考えのどれかを受け継いでいます。
#
# - **VGG**（Simonyan・Zisserman, 2014、[arXiv:1409.1556](https://arxiv.org/abs/1409.1556)）：3×3の小さなフィルターだけを、縦に16〜19層積みます。単純な作りですが、VGG-16の重みは1億3800万個もあります（大半は最後の3層）。
# - **Inception**（Szegedy ほか, 2014、GoogLeNetとも呼ばれます、[arXiv:1409.4842](https://arxiv.org/abs/1409.4842)）：大小のフィルターとプーリングを横に並べ、細かいものと大きなものを同時に見ます。
# - **ResNet**（He ほか, 2015、[arXiv:1512.03385](https://arxiv.org/abs/1512.03385)）：2層ごとに、入力をそのまま出力に足す**近道**（スキップ接続、skip connection）を付けます。これで100層を超えても学習できるようになりました。
#
# `zukan` のネットワークも、この設計を小さくして受け継いでいます。

# %% [markdown] key="families" lang="en"
# ## Three families: VGG, Inception, ResNet
#
# Most public networks for pictures carry on one of these ideas.
#
# - **VGG** (Simonyan and Zisserman, 2014, [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)) stacks nothing but small 3 × 3 filters, in 16 to 19 layers. That is simple, but VGG-16 is large: 138 million weights, most of them in its last three layers.
# - **Inception** (Szegedy et al., 2014, also called GoogLeNet, [arXiv:1409.4842](https://arxiv.org/abs/1409.4842)) puts filters of several sizes and a pooling layer side by side, and so sees fine and coarse detail at once.
# - **ResNet** (He et al., 2015, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)) adds the input of every two layers to their output, by a **shortcut** (skip connection). Networks of more than 100 layers became trainable.
#
# The `zukan` networks carry on these designs at a small scale.

# %% key="families-drawn"
tl.diagram("families")

# %% [markdown] key="skip" lang="ja"
# ## 近道があると、なぜ深くできるのか
#
# 層を増やしても、損はしないはずです。増やした層が「何もしない」ことを学べば、浅いときと同じになるからです。ところが、ふつうの層にとって「何もしない」は難しいのです。
#
# 1つのブロックが、入力 $x$ を重み $w$ 倍するだけだとしましょう。学習前の重みは0に近いので、$w=0.1$ とします。$x=3$ を入れて、ブロックを9個つなぐと、次のようになります。
#
# | ブロック | 9個つなぐと | 出力 | 「何もしない」重み |
# |---|---|---|---|
# | 近道なし | $w^9 x$ | $0.1^9 \times 3 = 0.000000003$（入力が消える） | ちょうど $w=1$ |
# | 近道あり | $(1+w)^9 x$ | $1.1^9 \times 3 \approx 7.1$（最後まで届く） | $w=0$（学習前に近い） |
#
# コードでの違いは、足し算1つです。
#
# ```python
# F.relu(layers(x))      # 近道なし
# F.relu(layers(x) + x)  # 近道あり
# ```
#
# **実際のネットワークではどうでしょうか。** BatchNorm（レッスン02）が値の大きさをそろえるので、入力は消えません。それでも、近道のないブロックは、「何もしない」ことを学ばなければなりません。
#
# 8層、14層、20層のネットワークに、それぞれに合う学習率で、同じ240枚を学習させました。図は、その**訓練データ**での正解率です（保存済み、初期値を変えて10回）。

# %% [markdown] key="skip" lang="en"
# ## Why do shortcuts let a network go deeper?
#
# More layers should do no harm: they could learn to do nothing. For an ordinary layer, that is hard.
#
# Say that a block only multiplies its input $x$ by a weight $w$. Before training, weights are close to 0. Take $w=0.1$ and $x=3$, and put nine blocks in a row:
#
# | block | nine in a row | output | does nothing at |
# |---|---|---|---|
# | plain | $w^9 x$ | $0.1^9 \times 3 = 0.000000003$ (the input is gone) | exactly $w=1$ |
# | with a shortcut | $(1+w)^9 x$ | $1.1^9 \times 3 \approx 7.1$ (it arrives) | $w=0$, near the start |
#
# In code, the difference is one sum:
#
# ```python
# F.relu(layers(x))      # plain
# F.relu(layers(x) + x)  # with a shortcut
# ```
#
# **And in real networks?** BatchNorm (lesson 02) keeps the input from vanishing, but a plain block still has to learn to do nothing. Networks of 8, 14 and 20 layers learned the same 240 pictures, each at its best learning rate. The figure shows their accuracy on this very **training data** (stored, 10 starts).

# %% key="skip-figure" alt_ja="層の数に対する訓練データの正解率。近道なしとありの2本の線。帯は95%信頼区間。" alt_en="Training accuracy against the number of layers: two lines, plain and with shortcuts, with bands for 95% intervals."
lesson07.draw_depth(tl.stored("07_depth"))

# %% [markdown] key="skip-read" lang="ja"
# **近道のない20層は、15エポックでは、自分の訓練データさえ覚えきれません。** 訓練データで下がるのですから、過学習ではありません。学習そのものがうまく進まないのです（He ほかは**劣化**（degradation）と呼びました）。
#
# ただし、**3倍**のエポック数では、近道なしも追いつきました。この大きさでは、近道は学習を速くするもののようです。論文の大きなネットワークでは、3倍学習しても差が残りました。
#
# ## 仕事が変われば、順位も変わる
#
# では、近道のあるResNetを選べば、いつも正解でしょうか。6つのネットワークを、6つの仕事（どれも描いた絵です）で比べます。ラベルは1クラス20枚です。図の上は凍結、下はファインチューニング（レッスン03）です。

# %% [markdown] key="skip-read" lang="en"
# **Without shortcuts, 20 layers cannot even learn their own training data in 15 epochs.** Over-fitting would not lower the accuracy on training data. Here training itself goes wrong (He et al. called it **degradation**).
#
# After **three times** the epochs, though, the plain network had caught up: at this size, it seems, shortcuts make learning faster. In the paper's large networks the gap stayed even then.
#
# ## Another job, another order
#
# So is ResNet always right? Here are six networks on six jobs (all drawn), with 20 labels of each class: frozen above, fine-tuned (lesson 03) below.

# %% key="targets-figure" alt_ja="6つの仕事での、6つのネットワークのテスト正解率。上は凍結、下はファインチューニング。仕事ごとに1列で、いちばん良いものが丸で囲まれている。点線はランダムに答えた場合。" alt_en="Test accuracy of six networks on six jobs, a column each, frozen above and fine-tuned below; the best one of each job is ringed and dotted lines mark guessing."
lesson07.draw_targets(choice, tl.stored("07_tuned"))

# %% key="claim-order" tags=["claim"]
gains = {}
for job in ("birds", "land_use"):
    runs = choice["targets"][job]
    pairs = zip(runs["zukan-shape"]["frozen"][1], runs["zukan-texture"]["frozen"][1])
    gains[job] = tl.interval([shape - texture for shape, texture in pairs])
tl.claim(
    f"zukan-shape beats zukan-texture on birds by {100 * gains['birds'].mean:.0f} points, and loses "
    f"to it by {-100 * gains['land_use'].mean:.0f} on photos from the air (stored, 10 draws)",
    # ja: f"zukan-shapeは、鳥ではzukan-textureを{100 * gains['birds'].mean:.0f}ポイント上回り、"
    # ja: f"空撮写真では{-100 * gains['land_use'].mean:.0f}ポイント下回りました（保存済み、10回）",
    gains["birds"].low > 0 and gains["land_use"].high < 0,
)
below = lesson07.lost_when_tuned(choice, tl.stored("07_tuned"))
frozen, chance = (tl.interval(list(below[way].values())) for way in ("frozen", "random"))
gain = tl.interval([below["random"][job] - below["frozen"][job] for job in below["frozen"]])
tl.claim(
    f"Fine-tuned, the network that is best frozen is {frozen.mean:.1f} points below the best "
    f"on average, and one chosen at random {chance.mean:.1f} "
    "(stored, 6 networks on 6 jobs)",
    # ja: f"凍結で1位のネットワークは、ファインチューニングしても、最高との差が平均{frozen.mean:.1f}"
    # ja: f"ポイントでした。ランダムに選ぶと、差は{chance.mean:.1f}ポイントです"
    # ja: "（保存済み、6つのネットワークと6つの仕事）",
    gain.low > 0,
)

# %% [markdown] key="targets-read" lang="ja"
# **いつもではありませんが、凍結では、6つの仕事のうち5つで `zukan-resnet` の平均が1位でした。** ただし、いちばん多くの画像を見たのも `zukan-resnet` です（枚数をそろえた比較は「さらに深く」）。
#
# **凍結では、平均の1位と2位はいつもResNetとVGGで、3位から下が仕事ごとに入れ替わります。** `zukan-shape` と `zukan-texture` は、設計も大きさも元の正解率（98%）も同じです。それなのに、鳥では形の目が、空撮写真では模様の目が上になりました。
#
# **ファインチューニングしても、1位はどの仕事でもこの2つのどちらかです。** ファインチューニングするつもりでも、候補は安い線形プローブで選べます。

# %% [markdown] key="targets-read" lang="en"
# **Not always, but often: frozen, `zukan-resnet` has the highest mean on five of six jobs.** It has also seen the most pictures (see "Deeper").
#
# **Frozen, ResNet and VGG have the two highest means on every job; behind them, the order changes.** `zukan-shape` and `zukan-texture` share design, size and accuracy at home (98%). Yet shape is ahead on birds, and texture on photos from the air.
#
# **Fine-tuned, too, one of these two leads every job.** So a cheap probe can choose a network that you mean to fine-tune.

# %% [markdown] key="scores" lang="ja"
# ## 学習する前に、何がわかるか
#
# 候補が100個あれば、全部をファインチューニングしてみるわけにはいきません。線形プローブで選ぶにも、検証データのラベルがいります。学習も検証データもいらないのが、**転移可能性**（transferability）の目安です。ラベル付きの画像の特徴か、元の出力層の答えを、一度見るだけで計算できます。
#
# - **k-NN**（k近傍法。ここではk = 1）は、特徴を見ます。いちばん近いほかの画像が、同じクラスである割合です。
# - **LEEP**（Nguyen ほか, 2020、[arXiv:2002.12462](https://arxiv.org/abs/2002.12462)）は、元の出力層の答えを見ます。下の図の右では、元の出力層は「れんが」と「こけ」しか知りません。それでも、「れんが」と答えた画像の90%は市街地でした。この表から計算すると、「れんが」80%、「こけ」20%と答えた市街地の写真が、市街地である確率は0.78です。LEEPは、この確率の対数（ここでは −0.25）を、全部の画像で平均した値です。0に近いほど有望です。
#
# 目安を比べられるのは、同じ仕事の中だけです。値は、クラスの数などによっても変わるからです。

# %% [markdown] key="scores" lang="en"
# ## What can be known before any training?
#
# You cannot fine-tune a hundred candidates, and a probe needs validation labels, too. Scores of **transferability** need neither training nor validation: they look once at the features of your labelled pictures, or at the old head's answers.
#
# - **k-NN** (k nearest neighbours, here k = 1) looks at the features: for how many pictures is the nearest other picture of the same class?
# - **LEEP** (Nguyen et al., 2020, [arXiv:2002.12462](https://arxiv.org/abs/2002.12462)) looks at the old head's answers. In the drawing below, at the right, the old head knows only brick and moss. Yet 90% of the pictures that it calls brick are towns. From this table, a town called 80% brick and 20% moss gets a probability of 0.78 of being a town. LEEP is the mean logarithm of such probabilities (here −0.25): the closer to 0, the better.
#
# Compare scores within one job only: the number of classes, for example, changes them as well.

# %% key="proxies-drawn"
tl.diagram("proxies")

# %% key="scores-run"
for name in ("zukan-resnet", "zukan-shape", "zukan-paint"):
    networks[name] = tl.backbone(name)
tl.transferability(networks, aerial, ("leep", "knn"))

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（作る、5分）
#
# LEEPは `zukan-resnet` を1位にしました。k-NNでは、`zukan-resnet` と `zukan-texture` が並んでいます。けれども、6つの仕事の図（凍結）では80%と74%なので、`zukan-texture` を選べば6ポイントの損です。こうした、選び方による損を**後悔**（regret）といいます。たとえば、次の表を見てください。
#
# | ネットワーク | 正解率 | 目安 |
# |---|---|---|
# | A | **80%**（最高） | 0.4 |
# | B | 75% | **0.6**（目安が選ぶ） |
# | C | 60% | 0.1 |
#
# 目安が選ぶのはBなので、後悔は 80 − 75 = 5ポイントです。これを計算する関数 `regret(scores, accuracy)` を書いてください。どちらも `{名前: 値}` の辞書で、正解率は0〜1です。答えはポイントで返します。

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 5 minutes)
#
# LEEP puts `zukan-resnet` first; k-NN cannot decide between it and `zukan-texture`. In the figure of six jobs (frozen) they have 80% and 74%: whoever takes `zukan-texture` loses 6 points. Such a loss is the **regret** of a choice. For example:
#
# | network | accuracy | score |
# |---|---|---|
# | A | **80%** (best) | 0.4 |
# | B | 75% | **0.6** (chosen) |
# | C | 60% | 0.1 |
#
# The score chooses B: the regret is 80 − 75 = 5 points. Write `regret(scores, accuracy)`. Both are dictionaries `{name: value}` with accuracies from 0 to 1; return points.


# %% key="ex-b" tags=["exercise"] needs="setup"
def regret(scores, accuracy):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    chosen = max(scores, key=scores.get)
    return 100 * (max(accuracy.values()) - accuracy[chosen])
    ### END SOLUTION


tl.check("07-b")

# %% key="regret-figure" alt_ja="検証データのプローブ、LEEP、k-NN、ランダムな選択の平均の後悔。" alt_en="Mean regret of a probe on validation data, of LEEP, of k-NN and of a random choice."
lesson07.draw_regret(choice)

# %% [markdown] key="regret-read" lang="ja"
# **プローブで選ぶと、後悔は平均1.5ポイントで済みました。** ただし、プローブは検証データのラベル（1クラス10枚）を余分に使います。それのいらないLEEPとk-NNでも、3ポイント足らずです。
#
# **どの目安も、どこかで外れます。** LEEPは、鳥では10回のうち6回、最高より9ポイント低いInceptionを選びました。目安は候補を絞るのに使い、最後は検証データで選ぶのが安全です。
#
# ## エラーの出ない間違い
#
# 良いネットワークを選んでも、画像の渡し方を間違えれば台なしです。`zukan-resnet` で、5つの間違いを10回ずつ測りました（ラベルは1クラス20枚）。
#
# | 間違い | ネットワークに渡るもの |
# |---|---|
# | 青が先（BGR） | 色の順番が逆の画像 |
# | 白黒 | 色のない画像 |
# | 正規化なし | −2〜2にせず、0〜1のままの値 |
# | 0〜255のまま | 255で割っていない値 |
# | 大きさが半分 | 64×64ではなく、32×32の画像 |
#
# どの間違いも、2通りで測りました。学習は正しく、**使うときだけ**間違えた場合と、学習も含めて**はじめから**間違えた場合です。

# %% [markdown] key="regret-read" lang="en"
# **Whoever chooses by a probe has a regret of only 1.5 points on average.** But a probe needs validation labels (10 of each class). LEEP and k-NN do without, and their regret is not quite 3 points.
#
# **Every score is wrong somewhere.** On birds, LEEP took Inception in six of ten draws, 9 points below the best. So let scores make the short list, and validation data decide.
#
# ## Silent mistakes: no error is raised
#
# Even the best network fails when pictures are fed wrongly. We measured five mistakes with `zukan-resnet` (20 labels of each class, 10 draws).
#
# | mistake | what reaches the network |
# |---|---|
# | blue first (BGR) | colours in the wrong order |
# | grey | no colours |
# | not normalised | values from 0 to 1, not from −2 to 2 |
# | 0 to 255 | values not divided by 255 |
# | half the size | 32 × 32 pixels, not 64 × 64 |
#
# Each was made either **in use only**, after training on right pictures, or **from the start**, in training, too.

# %% key="predict-mistakes"
tl.predict_first(
    "07-mistakes",
    "On birds, which mistake costs least when it is made in use only?",
    # ja: "鳥の写真で、使うときだけ間違えた場合、損がいちばん小さいのはどの間違いでしょうか",
    choices=("blue first (BGR)", "grey", "not normalised", "0 to 255", "half the size"),
    # ja: choices=("青が先（BGR）", "白黒", "正規化なし", "0〜255のまま", "大きさが半分"),
)

# %% key="mistakes-figure" alt_ja="6通りの入力の渡し方での、鳥と空撮写真のテスト正解率。使うときだけ間違えた場合と、はじめから間違えた場合。" alt_en="Test accuracy on birds and on photos from the air for six ways to feed pictures: mistaken in use only, and from the start."
mistakes = tl.stored("07_mistakes")
display(lesson07.draw_mistakes(mistakes))
tl.see_prediction("07-mistakes", lesson07.cheapest_mistake(mistakes, "birds"))

# %% [markdown] key="mistakes-read" lang="ja" tags=["answer"]
# **使うときだけ範囲や大きさを間違えると、正解率はランダムに近いところまで落ちます。それでもエラーは出ません。** 鳥では、色の順番だけでも、正解率が半分以下になりました。損がいちばん小さいのは白黒です。
#
# **はじめから同じ間違いをしていれば、色の順番の損はほぼ消えます。** 出力層が、入れ替わった特徴で学ぶからです。範囲や大きさの間違いでは、それでも20ポイントを超える損が残りました。
#
# 学習はPython、使用はスマートフォンのアプリ、というときは、同じ画像を両方に渡し、ネットワークに入る直前の数値を比べてください。

# %% [markdown] key="mistakes-read" lang="en" tags=["answer"]
# **In use only, a wrong range or size leaves little more than guessing, and no error is raised.** On birds, even a wrong order of colours costs more than half of the accuracy. Grey costs least.
#
# **From the start, the wrong order of colours costs hardly anything**, because the head learns from the exchanged features. A wrong range or size still costs more than 20 points.
#
# If you train in Python and use the model in an app, feed both programs the same picture and compare the numbers just before the network.

# %% [markdown] key="real" lang="ja"
# ## 本物のモデルと写真では？
#
# ImageNet、鳥、虫で育った3つのMobileNetV2と、ずっと小さなSqueezeNetを比べます。どれも凍結したまま、ラベルは1クラス10枚です（画像を選び直して10回）。

# %% [markdown] key="real" lang="en"
# ## And real networks on real photographs?
#
# Here are three MobileNetV2, pretrained on ImageNet, on birds and on insects, and the smaller SqueezeNet. All are frozen, with 10 labels of each class (10 draws).

# %% key="real-figure" alt_ja="本物の4つのネットワークを6つの本物のデータで比べたテスト正解率。データごとに1列で、点線はランダムに答えた場合。" alt_en="Test accuracy of four real networks on six real sets of pictures, a column each; dotted lines mark guessing."
lesson07.draw_real(tl.stored("07_real"))

# %% [markdown] key="real-read" lang="ja"
# **まず試すなら、ImageNetです。** 3つのMobileNetV2の中では、6つのデータのうち5つで、ImageNetの平均がいちばん上でした。犬と猫では、鳥や虫で育ったものは、ランダムに答えた場合に近い正解率です。
#
# **ただし、本物のデータでも、1位は仕事で変わります。** 数字の画像では、小さなSqueezeNetが、ImageNetのMobileNetV2を9ポイント上回りました。アリとハチでは、虫で育ったモデルがImageNetに迫ります。

# %% [markdown] key="real-read" lang="en"
# **ImageNet is a good first guess.** Of the three MobileNetV2, its mean is the highest on five of six sets. On cats and dogs, the other two are near guessing.
#
# **But on real data, too, the winner changes with the job.** On digits, the small SqueezeNet is 9 points ahead of ImageNet's MobileNetV2. On ants and bees, the one from insects comes close.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 食品倉庫で、粘着シートに付いた虫8種類をカメラで見分けてほしい、と頼まれました。ラベル付きの写真は全部で160枚です。端末では1枚**50ミリ秒**、ファイルは**30 MB**までです。製品に組み込むので、重みと元の画像の両方のライセンスも問題になります。
#
# | 候補 | 転移元 | ファイル | 1枚の時間（CPU 1スレッド） |
# |---|---|---|---|
# | ResNet-50 | ImageNet | 98 MB | 79ミリ秒 |
# | MobileNetV2 | ImageNet | 14 MB | 17ミリ秒 |
# | MobileNetV2 | iNaturalistの虫 | 14 MB | 17ミリ秒 |
# | SqueezeNet | ImageNet | 5 MB | 11ミリ秒 |
#
# 計画を `plan` に書いてください。正解は1つではありません。書き終えたら、解答例の採点表で見直しましょう。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# A food warehouse wants a camera to tell apart eight kinds of insects on its sticky traps, with 160 labelled photos. The device allows **50 milliseconds** a photo and a file of **30 MB**. It goes into a product, so the licences of the weights and of the pictures behind them matter, too.
#
# | candidate | source | file | time a photo (one CPU thread) |
# |---|---|---|---|
# | ResNet-50 | ImageNet | 98 MB | 79 ms |
# | MobileNetV2 | ImageNet | 14 MB | 17 ms |
# | MobileNetV2 | insects of iNaturalist | 14 MB | 17 ms |
# | SqueezeNet | ImageNet | 5 MB | 11 ms |
#
# Write your `plan`, then mark it with the rubric; several can be good.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "shortlist": ...,  # the candidates that you keep
# ja: # PLACEHOLDER:     "shortlist": ...,  # 残す候補
# PLACEHOLDER:     "labels": ...,  # how you use the 160 labels
# ja: # PLACEHOLDER:     "labels": ...,  # 160枚をどう使い分けるか
# PLACEHOLDER:     "judge": ...,  # what you choose by
# ja: # PLACEHOLDER:     "judge": ...,  # 何で選ぶか
# PLACEHOLDER:     "checks": ...,  # how you would notice a silent mistake
# ja: # PLACEHOLDER:     "checks": ...,  # 間違いにどう気づくか
# PLACEHOLDER:     "why": ...,  # your reasons
# ja: # PLACEHOLDER:     "why": ...,  # 理由
# PLACEHOLDER: }
plan = {
    "shortlist": "The two MobileNetV2 and SqueezeNet: ResNet-50 is too large, and too slow here.",
    # ja: "shortlist": "MobileNetV2の2つとSqueezeNet。ResNet-50は大きすぎ、時間もかかりそうです。",
    "labels": "10 of each kind to learn from, 5 to choose with, 5 to test once.",
    # ja: "labels": "1種類につき10枚で学習、5枚で選択、5枚は最後に1回だけのテスト。",
    "judge": "A probe of each on the validation photos, and the milliseconds on the device.",
    # ja: "judge": "検証写真での線形プローブと、実際の端末での1枚あたりの時間。",
    "checks": "Feed one photo to both programs, compare the numbers that enter the network.",
    # ja: "checks": "同じ写真を学習用と端末のプログラムに渡し、ネットワークに入る数値を比べます。",
    "why": "Insects suggest iNaturalist, but only our own photos can tell; all licences are read.",
    # ja: "why": "虫で育った目が有望ですが、決めるのは自分の写真です。ライセンスも全部読みます。",
}
### END SOLUTION
tl.check("07-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# **採点表**（10点満点）
#
# | 観点 | 点 |
# |---|---|
# | 大きさか時間を理由にResNet-50を外し、ほかの候補は測るまで残す | 2 |
# | 学習、選択、テストのラベルを分け、枚数を書いている | 2 |
# | 検証データでの正解率と、端末での時間の両方で選ぶ | 2 |
# | 大きさ、色の順番、正規化のどれかを、数値で確かめる | 2 |
# | ライセンスに触れ、重みだけでなく元のデータの条件も見る | 1 |
# | 選んだあとの後悔（1位と2位の差）を見積もる | 1 |
#
# 上の解答例は9点です。1位と2位の差が小さければ安いほうを取る、と書けば10点になります。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# **Rubric** (10 points)
#
# | what | points |
# |---|---|
# | drops ResNet-50 for its size or its time, and keeps the others until they are measured | 2 |
# | labels to learn from, to choose with and to test are kept apart, with numbers | 2 |
# | chooses by accuracy on validation data and by time on the device | 2 |
# | checks size, order of colours or normalisation by comparing numbers | 2 |
# | speaks of licences, those of the source data included | 1 |
# | estimates what a wrong choice would cost (first against second) | 1 |
#
# The plan above earns 9. "Where first and second are close, I take the cheaper one" makes it 10.

# %% key="quiz"
tl.quiz("07")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - どのネットワークが合うかは、仕事ごとに変わります。大きさや元の正解率からは読み取れません。
# - 近道（スキップ接続）は、深いネットワークの学習そのものを助けます。過学習を防ぐものではありません。
# - 目安で候補を絞り、最後は検証データで選びます。目安の値は、仕事をまたいで比べません。
# - 色の順番、値の範囲、大きさの間違いは、エラーを出さずに正解率を下げます。入力の数値を見比べましょう。
# - 正解率だけでなく、時間、大きさ、ライセンスも見て決めます。差が小さければ、安いほうで構いません。
#
# 次に読むなら、**レッスン08**（見た目が変わったときのドメイン適応）か、**レッスン11**（大きなモデルを小さくする蒸留）です。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Which network suits changes with the job. Size and accuracy at home do not tell.
# - Shortcuts help a deep network to learn. They are no cure for over-fitting.
# - Scores give a short list; validation data decide. Never compare scores across jobs.
# - A wrong order of colours, range of values or size raises no error. Compare the numbers that go in.
# - Weigh accuracy against time, size and licence. Where the difference is small, take the cheaper one.
#
# Where next? **Lesson 08** (when the look changes) or **lesson 11** (distillation).

# %% [markdown] key="deeper-equal" lang="ja" tags=["deeper"]
# ## さらに深く：設計が勝ったのか、画像の数が勝ったのか
#
# 配布している `zukan-resnet` は1種類につき400枚、VGGとInceptionは150枚を見ています。勝ったのは設計でしょうか、それとも画像の数でしょうか。
#
# そこで、枚数をそろえて、3つの家系を事前学習し直しました。1種類**150枚**と**400枚**で、3個ずつです。どれも4エポックで、学習率は家系ごとのレシピのままです。（150枚のVGGだけは、以前にGPUで学習したものです。）

# %% [markdown] key="deeper-equal" lang="en" tags=["deeper"]
# ## Deeper: is it the design that wins, or the number of pictures?
#
# The `zukan-resnet` of the course has seen 400 pictures of each kind, VGG and Inception 150. Is it the design that wins, or the pictures?
#
# So we pretrained the three families anew on equally many pictures: three networks of each on **150** pictures of each kind, and three on **400**. All had four epochs and the learning rate of their family's recipe. (The VGG networks with 150 come from an earlier run on a GPU.)

# %% key="families-figure" alt_ja="1種類150枚と400枚で事前学習したResNet、VGG、Inceptionの、6つの仕事でのテスト正解率。上は凍結、下はファインチューニング。" alt_en="Test accuracy on six jobs of ResNet, VGG and Inception networks pretrained on 150 and on 400 pictures of each kind: frozen above, fine-tuned below."
lesson07.draw_families(tl.stored("07_families"))

# %% [markdown] key="families-read" lang="ja"
# **枚数をそろえると、すべての仕事で勝つ家系はありません。** 凍結した400枚のネットワークでは、2つの家系を比べた18通りのうち、差がはっきりした（95%信頼区間が0を含まない）のは4つだけです。しかも、空撮写真ではVGGがInceptionより上、胸部の絵では逆でした。ファインチューニングでは、ほとんどの差がはっきりしません。
#
# **画像を増やしたときの伸びは、家系で違います。** 400枚にすると、凍結での平均は、Inceptionが6ポイント、VGGが4ポイント上がりました。ResNetでは、はっきり上がったとはいえません（1ポイント、95%信頼区間は−3〜6）。
#
# **1個だけで比べると、順番を読み違えます。** 400枚の犬と猫では、1個目どうしを比べると、VGGがResNetより7ポイント上です。ところが、3個の平均では1ポイント下でした。

# %% [markdown] key="families-read" lang="en"
# **With equal pictures, no family wins every job.** Frozen, with 400 pictures, only 4 of 18 comparisons of two families are clear (a 95% interval without 0). On photos from the air, for example, VGG is ahead of Inception; on drawn X-rays it is behind. Fine-tuned, hardly any difference is clear.
#
# **More pictures do not help every family alike.** With 400 instead of 150, the frozen mean rises by 6 points for Inception and by 4 for VGG. For ResNet no rise is sure (1 point, 95% interval −3 to 6).
#
# **A single network of each can mislead.** On cats and dogs with 400 pictures, the first VGG is 7 points ahead of the first ResNet. By the mean of three, VGG is 1 point behind.

# %% [markdown] key="deeper-matched" lang="ja" tags=["deeper"]
# ## さらに深く：仕事に合わせた転移元
#
# 医療や金融では、その分野のデータで事前学習したモデルがよく使われます。TorchXRayVision（[arXiv:2111.00595](https://arxiv.org/abs/2111.00595)）は、CheXpert（[arXiv:1901.07031](https://arxiv.org/abs/1901.07031)）など、胸部X線画像で育ったモデルを集めたものです。FinBERT（[arXiv:1908.10063](https://arxiv.org/abs/1908.10063)）は、金融の文章で育ちました。汎用のImageNetは、医用画像の正解率をほとんど上げないという報告もあります（Transfusion、Raghu ほか, 2019、[arXiv:1902.07208](https://arxiv.org/abs/1902.07208)）。
#
# では、分野を合わせれば良くなるのでしょうか。私たちの絵と文の世界で測りました（実際の医療データや顧客のメールではありません）。
#
# - **画像**（5,200枚ずつ）：「胸部の絵（別の所見）」は、似た胸部の絵で、**別の**所見8種類（大きな心臓、たまった液体など）を学びました。比べる相手は、いろいろな104種類を見たもの、そのうち8種類を見たもの、未学習のものです。
# - **文章**（英語と日本語で6,000通ずつ、図は英語）：お店のメールか、旅行・日常・広告の文から、単語ベクトルを作りました。それを使って、お店への問い合わせを分類します。

# %% [markdown] key="deeper-matched" lang="en" tags=["deeper"]
# ## Deeper: a source that matches the job
#
# In medicine and finance, networks pretrained on data of the field are popular. TorchXRayVision ([arXiv:2111.00595](https://arxiv.org/abs/2111.00595)) gathers networks that grew up on chest X-rays, such as those of CheXpert ([arXiv:1901.07031](https://arxiv.org/abs/1901.07031)). FinBERT ([arXiv:1908.10063](https://arxiv.org/abs/1908.10063)) has read financial texts. ImageNet, a general source, hardly raises the accuracy on medical pictures, according to Transfusion (Raghu et al., 2019, [arXiv:1902.07208](https://arxiv.org/abs/1902.07208)).
#
# Does a source of the field do better? We measured it in our drawn world (no real medical data, no real mail).
#
# - **Pictures**, 5,200 for each source: "chests, other findings" learned eight **other** findings (a large heart, fluid and so on) on similar drawings of chests. The others learned 104 kinds of everything, 8 of these, or nothing.
# - **Texts**, 6,000 in English and Japanese for each source (the figure shows English): word vectors were made from a shop's mail, or from texts about travel, daily life and advertising. With them we sorted enquiries to the shop.

# %% key="matched-figure" alt_ja="左：胸部の絵のテスト正解率をラベルの数に対して、4つの転移元で比べる。右：問い合わせのテスト正解率を、3種類の文章から作った単語ベクトルで比べる。" alt_en="Left: test accuracy on drawn X-rays against labels, for four sources. Right: test accuracy on enquiries against labels, for word vectors from three kinds of text."
lesson07.draw_matched(tl.stored("07_xray"), tl.stored("07_mail"))

# %% [markdown] key="matched-read" lang="ja"
# **胸部の絵では、仕事に合う転移元は「そのうち8種類」より上で、「いろいろな104種類」とはほぼ同じでした。** 学んだ種類の数が同じ8種類との差は、8〜16ポイントです。104種類との差は1〜2ポイントで、はっきりしません。ファインチューニングでは、100枚のときに9ポイント上でした（95%信頼区間1〜17、図にはありません）。
#
# **文章でも、種類の多さが効きました。** お店のメール全体から作ったベクトルは、旅行や日常の文から作ったものより、10件のラベルで11ポイント上です。話題を4つに絞り、文の型の数を旅行や日常の文とそろえたメールでは、差は4ポイントに縮みます。日本語では1ポイントで、はっきりしません。なお、正解率は高くても36%で、そのまま実用にはなりません。
#
# 分野の合うモデルが手に入るなら、候補に加えて、汎用のモデルと並べて測りましょう。

# %% [markdown] key="matched-read" lang="en"
# **On drawn X-rays, the source that matches is ahead of "8 of these kinds", and level with "104 kinds of everything".** Its lead over 8 kinds, as many as it learned itself, is 8 to 16 points. Over 104 kinds it is 1 or 2, which is not clear. Fine-tuned, it leads these by 9 points with 100 labels (95% interval 1 to 17; not in the figure).
#
# **With texts, too, variety counts.** Vectors from all of the shop's mail are 11 points ahead of those from travel and daily life (with 10 labels). The mail on 4 subjects, with only as many sentence patterns as those texts, leads by 4 points. In Japanese it leads by 1, which is not clear. The accuracies themselves, 36% at most, are not for use.
#
# So where a network of your field exists, add it to the list, and measure it beside a general one.

# %% [markdown] key="deeper-scores" lang="ja" tags=["deeper"]
# ## さらに深く：目安のコードと式（k-NN、LEEP、Hスコア、LogME）
#
# **LEEP**を式にします。$n$ は画像の数、$y_i$ は $i$ 番目の画像の新しいクラス、$\theta_i(z)$ は、その画像に元の出力層が $z$ と答える確率です。$P(y \mid z)$ は、$z$ と答えた画像のうち $y$ だった割合で、図の表に当たります。
#
# $$\text{LEEP} = \frac{1}{n}\sum_{i=1}^{n} \log \sum_z P(y_i \mid z)\,\theta_i(z)$$
#
# 次のコードで、k-NNとLEEPを計算してみましょう。値は、上の表と同じになります。

# %% [markdown] key="deeper-scores" lang="en" tags=["deeper"]
# ## Deeper: the scores in code and formulas (k-NN, LEEP, H-score, LogME)
#
# Here is **LEEP** as a formula. There are $n$ pictures; $y_i$ is the new class of picture $i$, and $\theta_i(z)$ the probability with which the old head calls it $z$. $P(y \mid z)$ is the share of $y$ among the pictures called $z$ (the table of the drawing).
#
# $$\text{LEEP} = \frac{1}{n}\sum_{i=1}^{n} \log \sum_z P(y_i \mid z)\,\theta_i(z)$$
#
# The code computes k-NN and LEEP. The values are those of the table above.


# %% key="scores-code"
def knn(features, labels):
    unit = F.normalize(features, dim=1)
    closeness = (unit @ unit.T).fill_diagonal_(-1)  # a picture is not its own neighbour
    # ja: closeness = (unit @ unit.T).fill_diagonal_(-1)  # 自分自身は数えない
    return (labels[closeness.argmax(1)] == labels).float().mean()


def leep(answers, labels):
    joint = F.one_hot(labels).float().T @ answers  # how often class y meets answer z
    # ja: joint = F.one_hot(labels).float().T @ answers  # クラスyと答えzが出会う回数
    table = joint / joint.sum(0)  # P(y | z)
    return (answers @ table.T).gather(1, labels[:, None]).log().mean()


for name, network in networks.items():
    by_features = knn(tl.extract_features(network, aerial.train), aerial.train.labels)
    by_answers = leep(tl.predict(network, aerial.train).softmax(1), aerial.train.labels)
    print(f"{name}: k-NN {by_features:.0%}, LEEP {by_answers:.2f}")
    # ja: print(f"{name}：k-NN {by_features:.0%}、LEEP {by_answers:.2f}")

# %% [markdown] key="h-score" lang="ja"
# **Hスコア**（Bao ほか, 2019）は、クラスの平均どうしがどれだけ離れているかを、特徴全体のばらつきと比べます。大きいほど、クラスが分かれています。$f$ は特徴、$\bar f_y$ はクラス $y$ の平均、$\mathrm{cov}$ は共分散行列（特徴どうしがどれだけ一緒に動くかの表）、$\mathrm{tr}$ は対角成分の和です。
#
# $$H = \mathrm{tr}\left(\mathrm{cov}(f)^{-1}\,\mathrm{cov}(\bar f_y)\right)$$
#
# 画像が特徴の数より少ないと、この式は必ず最大値になります。そこで `tl.transferability` は、共分散を単純な形へ縮めた版（[arXiv:2110.06893](https://arxiv.org/abs/2110.06893)）を使います。

# %% [markdown] key="h-score" lang="en"
# The **H-score** (Bao et al., 2019) compares how far the class means lie apart with the spread of all features. The larger it is, the further apart the classes are. Here $f$ are the features, $\bar f_y$ is the mean of class $y$, $\mathrm{cov}$ a covariance matrix (how much each two of them vary together), and $\mathrm{tr}$ the sum of a matrix's diagonal.
#
# $$H = \mathrm{tr}\left(\mathrm{cov}(f)^{-1}\,\mathrm{cov}(\bar f_y)\right)$$
#
# With fewer pictures than features, this formula is always at its maximum. So `tl.transferability` uses a version with a shrunk covariance ([arXiv:2110.06893](https://arxiv.org/abs/2110.06893)).

# %% [markdown] key="logme" lang="ja"
# **LogME**（You ほか, 2021、[arXiv:2102.11005](https://arxiv.org/abs/2102.11005)）は、「特徴からラベルを線形に予測する」というモデルで、手元のラベルがどれだけもっともらしいかを表します。重みを1つに決めず、あらゆる重みで平均した確率（**エビデンス**、evidence）の対数です。そのため、特徴が多いだけでは高くなりません。
#
# $$\text{LogME} = \frac{1}{n} \max_{\alpha, \beta} \log p(y \mid F, \alpha, \beta)$$
#
# $F$ は特徴、$y$ はラベルです。$\alpha$ はデータを見る前の重みの、$\beta$ はノイズの、分散の逆数です。
#
# **広く使われているLogMEのコードには、誤りがあります。** 画像が特徴の数より少ないときに、式の1つの項が抜けるのです。すると、120枚の画像それぞれに意味のない乱数を512個ずつ割り当てただけで、約16になります（下の表と図の値は、どれも1未満です）。`tl.transferability` は正しい式を使います。

# %% [markdown] key="logme" lang="en"
# **LogME** (You et al., 2021, [arXiv:2102.11005](https://arxiv.org/abs/2102.11005)) asks how probable your labels are, if they follow linearly from the features. It does not fit one set of weights, but averages over all of them. This average is called the **evidence**, and LogME is its logarithm. So having many features is not enough for a high value.
#
# $$\text{LogME} = \frac{1}{n} \max_{\alpha, \beta} \log p(y \mid F, \alpha, \beta)$$
#
# $F$ are the features and $y$ the labels. $\alpha$ is one over the variance of the weights before any data are seen, and $\beta$ one over that of the noise.
#
# **The code of LogME in wide use has a mistake.** Where there are fewer pictures than features, it leaves out a term. For 120 pictures with 512 meaningless random numbers each it then gives about 16, while no network below reaches 1. `tl.transferability` uses the whole formula.

# %% key="scores-table"
tl.transferability(networks, aerial, ("logme", "h_score", "leep", "knn"))

# %% [markdown] key="table-read" lang="ja"
# **どれか1つの目安を信じきることはできません。** Hスコアは、この仕事で正解率が最下位の `zukan-shape` を2位にしています。
#
# 次の図は、LogMEと正解率の関係です。

# %% [markdown] key="table-read" lang="en"
# **Do not trust any one score.** The H-score puts `zukan-shape` second, although its accuracy is the lowest on this job.
#
# The next figure sets LogME against the accuracy.

# %% key="scores-figure" alt_ja="LogMEに対するテスト正解率。仕事ごとに1本の線で、線の位置は仕事によって大きく違う。" alt_en="Test accuracy against LogME, one line for each job; the lines lie far apart."
lesson07.draw_scores(choice)

# %% [markdown] key="scores-read" lang="ja"
# **同じ仕事の中では、LogMEが高いほど正解率もおおむね高くなります。仕事をまたぐと、そうはなりません。** クラスの数や特徴の大きさでも、LogMEの値が変わるからです。
#
# 次は、4つの目安とプローブの後悔です。

# %% [markdown] key="scores-read" lang="en"
# **Within one job, a higher LogME mostly goes with a higher accuracy. Across jobs it does not**, since its values also depend on the number of classes and on the scale of the features.
#
# And this is the regret of the four scores and of the probe.

# %% key="regret-all" alt_ja="4つの目安、プローブ、ランダムな選択の平均の後悔。左は1クラス5枚、右は20枚。" alt_en="Mean regret of four scores, of a probe and of a random choice, with 5 and with 20 labels a class."
lesson07.draw_regret(choice, every=True)

# %% [markdown] key="regret-all-read" lang="ja"
# **目安の中では、Hスコアの後悔がいちばん大きくなりました。** LogMEは、20枚ではLEEPやk-NNとほとんど変わりません。
#
# **目安は「いつもの選び方」にも勝たなければ、意味がありません。** 本物の6つのデータで、いつもImageNetのMobileNetV2を選ぶと、後悔は1.7ポイントです。これより良かった目安は、LEEP（1.0ポイント）だけでした。絵の6つの仕事でも、いつも `zukan-resnet` を選べば、プローブより後悔が小さくて済みます。ただし、いつもどれを選べばよいかは、測るまでわかりません。
#
# **ラベルが多いと、LogMEのほうがプローブより上手に選びました。** 絵の6つの仕事で、ラベルが1クラス60枚のとき、後悔はLogMEが1.1ポイント、プローブが2.3ポイントでした。プローブの検証データが、1クラス10枚のままだったからでしょう。ラベルが増えたら、検証データも増やしましょう。

# %% [markdown] key="regret-all-read" lang="en"
# **Of the scores, the H-score has the largest regret.** With 20 labels, LogME hardly differs from LEEP and k-NN.
#
# **A score must also beat a habit.** On the six real sets, whoever always takes ImageNet's MobileNetV2 has a regret of 1.7 points. Of the scores, only LEEP does better (1.0). On the six drawn jobs, too, always taking `zukan-resnet` has less regret than the probe. Before measuring, though, nobody knows which network to make a habit of.
#
# **With many labels, LogME chooses better than the probe.** With 60 labels of each class on the drawn jobs, the regret of LogME is 1.1 points and that of the probe 2.3, probably because the probe is still judged on 10 validation pictures of each class. If you have more labels, validate on more of them, too.

# %% [markdown] key="deeper-mistakes" lang="ja" tags=["deeper"]
# ## さらに深く：わざと間違えてみる
#
# 6通りの渡し方は、どれも1、2行で書けます。鳥で、出力層は正しい画像で学習し、使うときだけ間違えてみましょう。1回だけの結果なので、図の平均とは数ポイントずれます。
#
# 言語モデルにも同じ危険があります。そこでは、**トークナイザー**（文を区切る部品、レッスン12）が前処理に当たります。

# %% [markdown] key="deeper-mistakes" lang="en" tags=["deeper"]
# ## Deeper: feed it wrongly on purpose
#
# Each of the six ways to feed a network is a line or two. Here the head learns from birds that are fed correctly, and the mistake is made in use. It is one run, so it lies a few points off the means in the figure.
#
# Language models have the same danger. With them the **tokenizer**, which cuts texts into pieces (lesson 12), is the preprocessing that has to fit.

# %% key="mistakes-run"
network = tl.backbone("zukan-resnet")
birds = tl.load_task("birds", per_class=20, valid_per_class=10)
head = tl.probe(network, birds).head


def normalise(pictures):
    return (pictures.float() / 255 - 0.5) / 0.25


def grey(pictures):
    return normalise(pictures.float().mean(1, keepdim=True).expand(-1, 3, -1, -1))


feeds = {
    "right": normalise,
    # ja: "正しい": normalise,
    "blue first (BGR)": lambda pictures: normalise(pictures.flip(1)),
    # ja: "青が先（BGR）": lambda pictures: normalise(pictures.flip(1)),
    "grey": grey,
    # ja: "白黒": grey,
    "not normalised": lambda pictures: pictures.float() / 255,
    # ja: "正規化なし": lambda pictures: pictures.float() / 255,
    "0 to 255": lambda pictures: (pictures.float() - 0.5) / 0.25,
    # ja: "0〜255のまま": lambda pictures: (pictures.float() - 0.5) / 0.25,
    "half the size": lambda pictures: F.avg_pool2d(normalise(pictures), 2),
    # ja: "大きさが半分": lambda pictures: F.avg_pool2d(normalise(pictures), 2),
}
for name, feed in feeds.items():
    features = tl.extract_features(network, birds.test, preprocess=feed)
    right = (head(features).argmax(1) == birds.test.labels).float().mean()
    print(f"{name}: {right:.0%} of the birds are right")
    # ja: print(f"{name}：鳥の正解率 {right:.0%}")

# %% [markdown] key="deeper-towers" lang="ja" tags=["deeper"]
# ## さらに深く：20層を自分で学習させる
#
# 近道なしとありのブロックは、コードでは1か所しか違いません。これを9個積んだ20層のネットワークを、2つ学習させます。図のネットワークより作りを簡単にしたので、値は図とは違います。
#
# 近道のない19層のVGGは、なぜ学習できたのでしょうか。論文では、深い版は浅い版の重みから学習を始めました。

# %% [markdown] key="deeper-towers" lang="en" tags=["deeper"]
# ## Deeper: train 20 layers yourself
#
# A block without and one with a shortcut differ in one place. Nine of them make a network of 20 layers; we train one of each kind. They are simpler than the networks of the figure, so their accuracies differ from those.
#
# And how did VGG learn, with 19 plain layers? Its authors started the deep versions from the weights of a shallower one.


# %% key="skip-run"
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, shortcut):
        super().__init__()
        parts = []
        for _ in range(2):
            conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            parts += [conv, nn.BatchNorm2d(channels), nn.ReLU()]
        self.layers, self.shortcut = nn.Sequential(*parts[:-1]), shortcut

    def forward(self, x):
        y = self.layers(x)
        return F.relu(y + x if self.shortcut else y)  # the only difference
        # ja: return F.relu(y + x if self.shortcut else y)  # 違いはここだけ


def tower(shortcut, channels=8):
    first = [nn.Conv2d(3, channels, 5, stride=4, padding=2), nn.BatchNorm2d(channels), nn.ReLU()]
    blocks = [Block(channels, shortcut) for _ in range(9)]  # 18 layers
    # ja: blocks = [Block(channels, shortcut) for _ in range(9)]  # 18層
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 6)]
    return nn.Sequential(*first, *blocks, *last)


more = tl.load_task("land_use", per_class=40)
learned = {}
for way, shortcut in (("plain", False), ("residual", True)):
    torch.manual_seed(0)
    model = tower(shortcut)
    tl.fit(model, more, epochs=15, batch_size=32, optimizer="sgd", lr=0.03, valid=False)
    learned[way] = tl.evaluate(model, more.train)
print(f"20 layers, on their own training data: plain {learned['plain']:.0%}")
# ja: print(f"20層、自分の訓練データで：近道なし {learned['plain']:.0%}")
print(f"with shortcuts {learned['residual']:.0%}")
# ja: print(f"近道あり {learned['residual']:.0%}")

# %% [markdown] key="skip-settings" lang="ja"
# **今日も、近道のあるほうがよく覚えました。** 図のネットワークで、エポック数を半分にしても、勾配クリッピングを加えても、AdamWに替えても、10回のどれでも近道のあるほうが上でした。

# %% [markdown] key="skip-settings" lang="en"
# **Here, too, the one with shortcuts learns more.** So do the networks of the figure at half the epochs, with clipped gradients and with AdamW: shortcuts were ahead in every one of ten starts.

# %% [markdown] key="deeper-gradient" lang="ja" tags=["deeper"]
# ## さらに深く：勾配は消えるのか、増えすぎるのか
#
# 近道の説明でよく聞くのは「勾配が消えるのを防ぐ」です。学習を始める前に、いちばん下の層の勾配の長さを測ってみます。

# %% [markdown] key="deeper-gradient" lang="en" tags=["deeper"]
# ## Deeper: does the gradient vanish, or grow too large?
#
# Shortcuts are often said to keep the gradient from vanishing. Here is how long the gradient of the lowest layer is before training begins.

# %% key="gradient-figure" alt_ja="学習前の、最初の層の勾配の長さを層の数に対して示す。近道なしのほうが、層とともに大きく増える。" alt_en="Length of the first layer's gradient before training against the number of layers: it grows faster without shortcuts than with them."
lesson07.draw_gradient(tl.stored("07_depth"))

# %% [markdown] key="gradient-read" lang="ja"
# **消えるのではなく、逆に大きくなりました。** 近道がないと、最初の層の勾配は、層が増えるほど長くなります。近道があると、増え方がゆるやかです。
#
# 手で計算した例には、BatchNormがありませんでした。値が縮むと、BatchNormはその小さなばらつきで割るので、勾配のほうは大きくなるのです。理論でも、同じことが示されています（[arXiv:1902.08129](https://arxiv.org/abs/1902.08129)）。He ほか自身も、勾配の消失が原因とは考えにくい、と書いています。
#
# では、何が悪いのでしょうか。隣り合う入力の勾配がばらばらになる（[arXiv:1702.08591](https://arxiv.org/abs/1702.08591)）、損失の地形がでこぼこになる（[arXiv:1712.09913](https://arxiv.org/abs/1712.09913)）、といった説明があります。このレッスンでは測っていません。

# %% [markdown] key="gradient-read" lang="en"
# **It does not vanish, it grows.** Without shortcuts, the gradient of the first layer gets longer with every layer; with shortcuts it grows more slowly.
#
# The calculation by hand had no BatchNorm. When values shrink, BatchNorm divides by their small spread, and so enlarges the gradient. Theory finds the same ([arXiv:1902.08129](https://arxiv.org/abs/1902.08129)), and He et al. themselves think vanishing gradients an unlikely cause.
#
# What is wrong, then? Gradients of neighbouring inputs may point anywhere ([arXiv:1702.08591](https://arxiv.org/abs/1702.08591)), or the loss may be a rugged landscape ([arXiv:1712.09913](https://arxiv.org/abs/1712.09913)). This lesson has not measured either.

# %% [markdown] key="deeper-cost" lang="ja" tags=["deeper"]
# ## さらに深く：時間と大きさ、ライセンス
#
# torchvisionで公開されているモデルを、CPU 1スレッド、1枚あたりの時間で並べました。正解率は、公開元が発表しているImageNetの値（最初の重み、V1）です。

# %% [markdown] key="deeper-cost" lang="en" tags=["deeper"]
# ## Deeper: time, size and licence
#
# Here are networks that torchvision publishes, by the time for a picture on one CPU thread. Accuracies are those on ImageNet as published (of the first weights, V1).

# %% key="cost-figure" alt_ja="1枚あたりのミリ秒に対するImageNetの正解率。点の面積はファイルの大きさ。破線はパレート最適を結ぶ。" alt_en="Accuracy on ImageNet against milliseconds a picture; the area of a dot is the size of the file and a dashed line joins the Pareto front."
lesson07.draw_cost(tl.stored("07_cost"))

# %% [markdown] key="cost-read" lang="ja"
# **VGG-16は、MobileNetV2の10倍の時間と40倍近い大きさで、正解率はほぼ同じです。** 破線（**パレート最適**）に載っていないモデルを選ぶ理由は、ImageNetに限れば、ありません。ただし、自分の仕事での順位は、測ってみるまでわかりません。時間も、GPUや専用チップでは違う順番になるので、自分の機器で測ってください。
#
# **ライセンスは、重みのものと元の画像のものを、両方読みます。** torchvisionのコードはBSD-3ですが、重みには、元のデータに由来する条件が付くことがあります（torchvisionのREADMEの注意書き）。ImageNetの画像は、非商用の研究・教育での利用に限られています。製品に入れるなら、両方の条件を、導入の前に法務に確かめましょう。`tl.backbone(...).info.licence` に、わかっている範囲で書いてあります。

# %% [markdown] key="cost-read" lang="en"
# **VGG-16 takes ten times as long as MobileNetV2 and nearly 40 times the space, and is no more accurate.** As far as ImageNet goes, there is no reason to take a network off the dashed line (the **Pareto front**). On your own job, though, the order is open until you measure it. Times have another order, too, on a GPU or a special chip: measure on the device that you will use.
#
# **There are two licences to read: that of the weights and that of the pictures behind them.** The code of torchvision is under BSD-3, but its README warns that the weights may carry terms of their data. The pictures of ImageNet are for non-commercial research and education only. Before weights go into a product, have the terms of both checked by somebody who knows. `tl.backbone(...).info.licence` tells what is known.

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 論文より正解率がずっと低い | 前処理が事前学習と違う | `network.preprocess` を使い、入力の数値を見比べる |
# | 新しい重み（V2）に替えたら、凍結で下がった | ImageNetに合わせすぎた学習 | V1も試す（[arXiv:2010.16402](https://arxiv.org/abs/2010.16402)） |
# | 目安が全部同じ値になる | 画像が特徴より少ない | 縮めたHスコアかk-NNを使う |
# | LEEPが計算できない | 元の出力層がない（自己教師ありなど） | k-NN、LogME |
# | 選んだのに、テストで下がった | 少ない検証データで、たくさんの候補から選んだ | 候補を絞り、検証データを増やす |
#
# **最近よく使われる手法**
#
# - **まず試す候補**：自己教師ありのDINOv2（[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)）、画像と文で育ったSigLIP（[arXiv:2303.15343](https://arxiv.org/abs/2303.15343)）、畳み込みならConvNeXt（[arXiv:2201.03545](https://arxiv.org/abs/2201.03545)）。たくさんの出発点を比べた報告に [arXiv:2310.19909](https://arxiv.org/abs/2310.19909) があります。
# - **いろいろな仕事での比べ方**：VTAB（[arXiv:1910.04867](https://arxiv.org/abs/1910.04867)）は19の仕事の平均で比べます。平均が高いものが、自分の仕事で高いとは限りません。
# - **選び方**：候補が多いときの後悔を調べた研究 “Which Model to Transfer? Finding the Needle in the Growing Haystack”（[arXiv:2010.06402](https://arxiv.org/abs/2010.06402)）、目安の順位は設定しだいで入れ替わるという報告（[arXiv:2204.01403](https://arxiv.org/abs/2204.01403)）。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | far below the paper | preprocessing differs from pre-training | use `network.preprocess`, compare the numbers that go in |
# | newer weights (V2) are worse when frozen | trained to fit ImageNet itself | try V1, too ([arXiv:2010.16402](https://arxiv.org/abs/2010.16402)) |
# | a score has the same value for all | fewer pictures than features | the shrunk H-score, or k-NN |
# | LEEP cannot be computed | there is no old head (self-supervised) | k-NN, LogME |
# | chosen well, tested badly | many candidates, few validation pictures | a shorter list, more validation data |
#
# **Today**
#
# - **Candidates to try first**: DINOv2, trained without labels ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)); SigLIP, trained on pictures with texts ([arXiv:2303.15343](https://arxiv.org/abs/2303.15343)); ConvNeXt among convolutional networks ([arXiv:2201.03545](https://arxiv.org/abs/2201.03545)). A large comparison of starting points is [arXiv:2310.19909](https://arxiv.org/abs/2310.19909).
# - **Comparing over jobs**: VTAB ([arXiv:1910.04867](https://arxiv.org/abs/1910.04867)) takes the mean of 19. The best mean need not be the best on yours.
# - **Choosing**: a study of regret with many candidates, "Which model to transfer? Finding the needle in the growing haystack" ([arXiv:2010.06402](https://arxiv.org/abs/2010.06402)); and one that finds how the order of scores changes with the setting ([arXiv:2204.01403](https://arxiv.org/abs/2204.01403)).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ だれの目を借りるか、題材、最初の結果8分（予想を挙手で集める） → ウィジェットと練習A 6分 → 3つの家系と近道9分（3つの家系の図を映し、$0.1^9$ と $1.1^9$ を板書で計算） → 順位の入れ替わりと目安7分 → 練習B 5分 → 後悔の図とエラーの出ない間違い6分 → 本物のデータ4分。練習C、クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。
#
# - **映すもの**：ウィジェット、3つの家系の図、6つの仕事の図、エラーの出ない間違いの図。
# - **2人組で**：ウィジェットで1人が仕事を選び、もう1人が順位を予想します。交代しながら3回。練習Cは1人が提案し、もう1人が採点します。
# - **待ち時間**：2コアのCPUで、どのセルも数秒です（「さらに深く」で20層のネットワークを2つ学習するセルは5秒ほど）。
# - **遅れた人は**：最初のセルから「練習A」の手前までを実行すれば、近道の節からでも「学習する前に、何がわかるか」からでも再開できます。
# - **よくある間違い**：テストデータの正解率で選ぶ。仕事をまたいで目安を比べる。前処理を自分で書き直す。名前の新しさで選ぶ。
# - **議論の種**：候補が100個、ラベルが30枚なら、どう選べば後悔が小さいでしょうか（まずk-NNで10個に絞り、残りを検証データのプローブで選ぶ、など）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · whose eye, the job and the first result 8 (collect predictions by a show of hands) → widget and exercise A 6 → three families and shortcuts 9 (project the drawing of the families, do $0.1^9$ and $1.1^9$ on the board) → changing orders and scores 7 → exercise B 5 → regret and silent mistakes 6 → real data 4. Exercise C, the quiz, the key points and "Deeper" are homework, or for whoever is early.
#
# - **To project**: the widget, the drawing of the three families, the figure of six jobs, the figure of silent mistakes.
# - **In pairs**: with the widget, one chooses a job, the other predicts the order. Change places, three times. In exercise C one proposes, the other marks.
# - **Waiting**: on two CPU cores every cell takes a few seconds (the one under "Deeper" that trains two networks of 20 layers some 5).
# - **Whoever fell behind** runs the cells from the top to just before exercise A and can go on with the shortcuts or at "What can be known before any training?".
# - **Common mistakes**: choosing by accuracy on test data; comparing scores across jobs; writing the preprocessing anew; going by the newest name.
# - **To discuss**: with 100 candidates and 30 labels, how would you keep regret small? (For example, k-NN for a short list of ten, then a probe on validation data.)
