# %% [markdown] key="title" lang="ja"
# # 07 事前学習モデルの選び方
#
# **説明31分、練習14分** ・ 前提：レッスン02（特徴抽出）。レッスン06（負の転移）も済ませてあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 手元の少しの画像で、出発点になるネットワークを選ぶ
# - VGG、Inception、ResNetがもたらしたものと、近道があると深くできる理由を説明する
# - 学習する前の目安（k-NN、LEEPなど）を計算し、外れたときの損を見積もる
# - エラーの出ない使い方の間違いに、どう気づくかを説明する

# %% [markdown] key="title" lang="en"
# # 07 Choosing a pretrained model
#
# **31 minutes of reading, 14 of exercises** · Before this: lesson 02 (feature extraction); lesson 06 (negative transfer) helps.
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
# 事前学習済みモデルも同じです。公開されているものは何万もあり、名前、大きさ、元のデータ、元の正解率が並んでいます。けれども、そのどれが自分の仕事での正解率を教えてくれるのでしょうか。
#
# ## 題材：空から見た土地
#
# 測量会社が、空撮写真を6種類（農地、森林、市街地、川、砂漠、太陽光発電所）に分けたいと考えています（このコースの多くの画像と同じく、プログラムで描いた絵です）。ラベルがあるのは、1種類につき**20枚**です。ほかに、設定を選ぶための検証データが10枚ずつあります。出発点の候補は3つ。どれも凍結したまま**線形プローブ**（レッスン02）で使います。
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
# Tens of thousands of pretrained models are public, each with a name, a size, a source of data and an accuracy there. Which of these tells you the accuracy on *your* job?
#
# ## The job: land seen from the air
#
# A surveyor's office wants to sort photos from the air into six classes (farmland, forest, town, river, desert, solar park). (A program draws them, like most pictures here.) **20** of each class are labelled, and ten more for validation. Three pretrained candidates stay frozen under a **linear probe** (lesson 02).
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
# **いちばん大きいネットワークが、いちばん下でした。** 模様しか見たことのない `zukan-texture` は、104種類を見分けるInceptionを6ポイントあまり上回り、VGGとの差は6ポイント足らずでした（保存済みの平均）。空から見た土地は、形よりも模様で見分けられるからでしょう。大きさで選べばInception、元の正解率で選べば `zukan-texture` になり、どちらも1位ではありません。

# %% [markdown] key="first-read" lang="en" tags=["answer"]
# **The largest network comes last.** `zukan-texture`, which knows only patterns, is a good 6 points above Inception and not quite 6 below VGG (stored means). Land seen from the air is probably more pattern than shape. By size you would have taken Inception, by accuracy at home `zukan-texture`: neither is the best.

# %% key="widget"
tl.widget("07")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、3分）
#
# ウィジェットには、候補があと3つあります。形だけを見て育った `zukan-shape`、塗料の色だけを見て育った `zukan-paint`、1種類に400枚（VGGとInceptionは150枚）を見た `zukan-resnet` です。ここではテスト正解率を見ていますが、実際に選ぶときは検証データを使います。
#
# ラベルを20枚にし、ファイルの上限をいちばん小さくします。このとき、空撮写真と鳥の写真で正解率が最高なのは、それぞれどのネットワークでしょうか。名前を `small_aerial` と `small_birds` に入れてください（`"zukan-vgg"` のように書きます）。次に、鳥の写真のまま、上限をいちばん大きく戻します。LEEPという目安（あとで説明します）が1位にするネットワークは、最高より何ポイント低いでしょうか（図の下の文に出ます）。`lost` に入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 3 minutes)
#
# The widget has three more candidates: `zukan-shape` grew up on outlines only, `zukan-paint` on colours of paint, `zukan-resnet` on 400 pictures of each kind (VGG and Inception on 150). It shows test accuracies; in earnest you choose by validation data.
#
# Take 20 labels and the smallest limit on the file. Which network is best now on photos from the air, and which on birds? Put their names (such as `"zukan-vgg"`) into `small_aerial` and `small_birds`. Then, still on birds, set the limit back to the largest. How many points below the best is the choice of LEEP, a score explained below (see the sentence under the picture)? Put it into `lost`.

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: small_aerial = ...
# PLACEHOLDER: small_birds = ...
# PLACEHOLDER: lost = ...
small_aerial = "zukan-texture"
small_birds = "zukan-shape"
lost = 9
### END SOLUTION
tl.check("07-a")

# %% [markdown] key="families" lang="ja"
# ## 3つの家系：VGG、Inception、ResNet
#
# 公開されている画像モデルの多くは、次の3つの考えのどれかを受け継いでいます。
#
# - **VGG**（Simonyan・Zisserman, 2014、[arXiv:1409.1556](https://arxiv.org/abs/1409.1556)）：3×3の小さなフィルターだけを、縦に16〜19層積みます。単純ですが、重みが多くなります（VGG-16は1億3800万個）。
# - **Inception**（Szegedy ほか, 2014、GoogLeNetとも呼ばれます、[arXiv:1409.4842](https://arxiv.org/abs/1409.4842)）：1×1、3×3、5×5のフィルターとプーリングを横に並べ、細かいものと大きなものを同時に見ます。GoogLeNetの重みは、VGG-16の20分の1ほどです。
# - **ResNet**（He ほか, 2015、[arXiv:1512.03385](https://arxiv.org/abs/1512.03385)）：2層ごとに、入力をそのまま出力に足す**近道**（スキップ接続、skip connection）を付けます。これで100層を超えても学習できるようになりました。
#
# `zukan` のネットワークが受け継いだのは設計で、大きさではありません（`zukan-inception` の重みは、`zukan-vgg` より多くなっています）。

# %% [markdown] key="families" lang="en"
# ## Three families: VGG, Inception, ResNet
#
# Most public networks for pictures carry on one of these ideas.
#
# - **VGG** (Simonyan and Zisserman, 2014, [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)) stacks nothing but small 3 × 3 filters, in 16 to 19 layers. That is simple, but takes many weights (138 million in VGG-16).
# - **Inception** (Szegedy et al., 2014, also called GoogLeNet, [arXiv:1409.4842](https://arxiv.org/abs/1409.4842)) puts filters of 1 × 1, 3 × 3 and 5 × 5 and a pooling layer side by side, and sees fine and coarse detail at once, with about a twentieth of VGG-16's weights.
# - **ResNet** (He et al., 2015, [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)) adds the input of every two layers to their output, by a **shortcut** (skip connection). Networks of more than 100 layers became trainable.
#
# The `zukan` networks carry on these designs, not their sizes: `zukan-inception` has more weights than `zukan-vgg`.

# %% key="families-drawn"
tl.diagram("families")

# %% [markdown] key="skip" lang="ja"
# ## 近道があると、なぜ深くできるのか
#
# 層を増やしても、損はしないはずです。増やした層が「何もしない」ことを学べば、浅いときと同じになるからです。ところが、ふつうの層にとって「何もしない」は難しいのです。1つのブロックが、入力 $x$ を重み $w$ 倍するだけだとしましょう。9個つなぐと、出力は次のようになります。
#
# $$\text{近道なし：} w^9 x \qquad \text{近道あり：} (1+w)^9 x$$
#
# 学習前の重みは、0に近い値です。たとえば $x=3$、$w=0.1$ で比べましょう。
#
# | ブロック | 出力 | 「何もしない」重み |
# |---|---|---|
# | 近道なし | $3 \times 0.1^9 = 0.000000003$（入力が消える） | ちょうど $w=1$ |
# | 近道あり | $3 \times 1.1^9 \approx 7.1$（最後まで届く） | $w=0$（学習前に近い） |
#
# コードでの違いは、足し算1つです。
#
# ```python
# F.relu(layers(x))      # 近道なし
# F.relu(layers(x) + x)  # 近道あり
# ```
#
# 実際のネットワークでは、BatchNorm（レッスン08）が値の大きさをそろえるので、入力は消えません。それでも、深いと学習しにくいのでしょうか。8層、14層、20層のネットワークに、それぞれに合う学習率で、**同じ240枚**を学習させました。図は、その**訓練データ**での正解率です（保存済み、初期値を変えて10回）。

# %% [markdown] key="skip" lang="en"
# ## Why do shortcuts let a network go deeper?
#
# More layers should do no harm: they could learn to do nothing. For an ordinary layer, that is hard. Let a block multiply its input $x$ by a weight $w$. After nine blocks the output is
#
# $$\text{plain: } w^9 x \qquad \text{with shortcuts: } (1+w)^9 x$$
#
# Before training, weights are close to 0. Take $x=3$ and $w=0.1$:
#
# | block | output | does nothing at |
# |---|---|---|
# | plain | $3 \times 0.1^9 = 0.000000003$ (the input is gone) | exactly $w=1$ |
# | with a shortcut | $3 \times 1.1^9 \approx 7.1$ (it arrives) | $w=0$, near the start |
#
# In code, the difference is one sum:
#
# ```python
# F.relu(layers(x))      # plain
# F.relu(layers(x) + x)  # with a shortcut
# ```
#
# In real networks, BatchNorm (lesson 08) keeps the input from vanishing. Is a deep one without shortcuts still hard to train? Networks of 8, 14 and 20 layers learned the same 240 pictures, each at its best learning rate. The figure shows their accuracy on this very **training data** (stored, 10 starts).

# %% key="skip-figure" alt_ja="層の数に対する訓練データの正解率。近道なしとありの2本の線。帯は95%信頼区間。" alt_en="Training accuracy against the number of layers: two lines, plain and with shortcuts, with bands for 95% intervals."
lesson07.draw_depth(tl.stored("07_depth"))

# %% key="claim-skip" tags=["claim"]
depth = tl.stored("07_depth")
pairs = zip(depth["residual"][-1], depth["plain"][-1])
gain = tl.interval([residual - plain for residual, plain in pairs])
tl.claim(
    f"In 15 epochs, shortcuts raise the training accuracy of 20 layers by {100 * gain.low:.0f} to "
    f"{100 * gain.high:.0f} points (stored, 10 starts)",
    # ja: f"20層・15エポックの学習で、近道は訓練データの正解率を{100 * gain.low:.0f}〜{100 * gain.high:.0f}"
    # ja: "ポイント上げました（保存済み、初期値を変えて10回）",
    gain.low > 0,
)

# %% [markdown] key="skip-read" lang="ja"
# **近道のない20層は、15エポックでは、自分の訓練データさえ覚えきれません。** 層を増やすと、94%、72%、52%と下がっていきます。訓練データで下がるのですから、過学習ではありません。学習そのものがうまく進まないのです（He ほかは**劣化**（degradation）と呼びました）。
#
# ところが**3倍**のエポック数では、近道なしも追いつきました（差は0〜2ポイント）。この大きさでは、近道は学習を速くするもののようです。論文の大きなネットワークでは、3倍学習しても差が残りました。
#
# ## 仕事が変われば、順位も変わる
#
# では、近道のあるResNetを選べば、いつも正解でしょうか。6つのネットワークを、6つの仕事（どれも描いた絵です）で比べます。ラベルは1クラス20枚で、上は凍結、下はファインチューニング（レッスン03）です。

# %% [markdown] key="skip-read" lang="en"
# **Without shortcuts, 20 layers cannot even learn their own training data in 15 epochs.** The deeper, the worse (94%, 72%, 52%). This is not over-fitting: training itself goes wrong (He et al. called it **degradation**).
#
# But after **three times** the epochs the plain network had caught up (0 to 2 points): at this size, it seems, shortcuts make learning faster. In the paper's large networks the difference stayed even then.
#
# ## Another job, another order
#
# So is ResNet always right? Here are six networks on six jobs (all drawn), with 20 labels of each class, frozen and fine-tuned (lesson 03).

# %% key="targets-figure" alt_ja="6つの仕事での、6つのネットワークのテスト正解率。上は凍結、下はファインチューニング。仕事ごとに1列で、いちばん良いものが丸で囲まれている。点線はランダムに答えた場合。" alt_en="Test accuracy of six networks on six jobs, a column each, frozen above and fine-tuned below; the best one of each job is ringed and dotted lines mark guessing."
lesson07.draw_targets(choice, tl.stored("07_tuned"))

# %% key="claim-order" tags=["claim"]
gains = {}
for job in ("birds", "land_use"):
    runs = choice["targets"][job]
    pairs = zip(runs["zukan-shape"]["frozen"][1], runs["zukan-texture"]["frozen"][1])
    gains[job] = tl.interval([shape - texture for shape, texture in pairs])
tl.claim(
    f"Shape beats texture on birds by {100 * gains['birds'].mean:.0f} points, and loses to it "
    f"by {-100 * gains['land_use'].mean:.0f} on photos from the air (stored, 10 draws)",
    # ja: f"形の目は、鳥では模様の目を{100 * gains['birds'].mean:.0f}ポイント上回り、空撮写真では"
    # ja: f"{-100 * gains['land_use'].mean:.0f}ポイント下回りました（保存済み、10回）",
    gains["birds"].low > 0 and gains["land_use"].high < 0,
)
lost = lesson07.lost_when_tuned(choice, tl.stored("07_tuned"))
frozen, chance = (tl.interval(list(lost[way].values())) for way in ("frozen", "random"))
gain = tl.interval([lost["random"][job] - lost["frozen"][job] for job in lost["frozen"]])
tl.claim(
    f"Fine-tuned, the network that is best frozen is {frozen.mean:.1f} points below the best, a "
    f"random one {chance.mean:.1f} "
    "(stored, 6 networks on 6 jobs, 5 draws)",
    # ja: f"ファインチューニングすると、凍結で最高だったものは最高より{frozen.mean:.1f}ポイント、"
    # ja: f"ランダムに選んだものは{chance.mean:.1f}ポイント下でした"
    # ja: "（保存済み、6つのネットワークと6つの仕事、5回）",
    gain.low > 0,
)

# %% [markdown] key="scores" lang="ja"
# **凍結では、6つの仕事のうち5つで `zukan-resnet` が1位でした。** ただし、いちばん多くの画像を見たのも `zukan-resnet` です（枚数をそろえた比較は「さらに深く」）。**ほかの順位は、仕事ごとに入れ替わります。** `zukan-shape` と `zukan-texture` は、設計も大きさも元の正解率（98%）も同じなのに、どちらが上かは仕事によって違います。
#
# **ファインチューニングしても、順位はおおむねそのままです。** 凍結で最高だったものは、4つの仕事では最高のまま、残りの2つでも3ポイント以内の差です。ファインチューニングするつもりでも、候補は安い線形プローブで選べます。
#
# ## 学習する前に、何がわかるか
#
# 候補が100個あれば、全部をファインチューニングしてみるわけにはいきません。線形プローブで選ぶにも、検証データのラベルがいります。そこで、特徴や元の答えを一度見るだけの**転移可能性**（transferability）の目安を使います。比べられるのは、同じ仕事の中だけです。
#
# **k-NN**（k近傍法。ここではk = 1）は、「いちばん近いほかの画像が同じクラスか」の割合です。図の左（丸と三角が2つのクラス）では、10枚中8枚で80%になります。
#
# **LEEP**（Nguyen ほか, 2020、[arXiv:2002.12462](https://arxiv.org/abs/2002.12462)）は、元の出力層の答えから、新しいクラスがどれだけわかるかを見ます。図の右では、「れんが」と答えた画像の90%が市街地でした。そこで、ある市街地の写真に「れんが」80%、「こけ」20%と答えたなら、「市街地」の確率は0.78になります。LEEPは、その対数（ここでは −0.25）を全部の画像で平均した値です。0に近いほど良い目安です。

# %% [markdown] key="scores" lang="en"
# **Frozen, `zukan-resnet` is the best on five of six jobs**, but it has seen the most pictures (see "Deeper"). **Below it, the order changes with the job.** `zukan-shape` and `zukan-texture` share design, size and accuracy at home (98%), yet now one is ahead, now the other.
#
# **Fine-tuning keeps the order, by and large.** The best frozen network stays the best on four jobs, and within 3 points of it on the other two. So a cheap probe can choose a network that you mean to fine-tune.
#
# ## What can be known before any training?
#
# You cannot fine-tune a hundred candidates, and a probe needs validation labels, too. Scores of **transferability** do without: they look once at the features, or at the old head's answers. They compare networks within one job only.
#
# **k-NN** (k nearest neighbours, here k = 1) asks for how many pictures the nearest other picture is of the same class. At the left of the drawing (two classes) these are 8 of 10.
#
# **LEEP** (Nguyen et al., 2020, [arXiv:2002.12462](https://arxiv.org/abs/2002.12462)) asks how well the answers of the old head tell the new class. At the right, 90% of what it called brick are towns. So a photo of a town that it calls 80% brick and 20% moss has a probability of 0.78 of being a town. LEEP is the mean of the logarithms of these probabilities (here −0.25): the closer to 0, the better.

# %% key="proxies-drawn"
tl.diagram("proxies")


# %% key="scores-run"
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


for name in ("zukan-resnet", "zukan-shape", "zukan-paint"):
    networks[name] = tl.backbone(name)
for name, network in networks.items():
    by_features = knn(tl.extract_features(network, aerial.train), aerial.train.labels)
    by_answers = leep(tl.predict(network, aerial.train).softmax(1), aerial.train.labels)
    print(f"{name}: k-NN {by_features:.0%}, LEEP {by_answers:.2f}")
    # ja: print(f"{name}：k-NN {by_features:.0%}、LEEP {by_answers:.2f}")

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（作る、5分）
#
# k-NNでは `zukan-texture` と `zukan-resnet` が並びましたが、6つの仕事の図（凍結）では74%と80%でした。目安に従って選んだときの損を、**後悔**（regret）といいます。たとえば、次の表を見てください。
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
# k-NN cannot decide between `zukan-texture` and `zukan-resnet`, but in the figure of six jobs (frozen) they have 74% and 80%. What you lose by following a score is its **regret**. For example:
#
# | network | accuracy | score |
# |---|---|---|
# | A | **80%** (best) | 0.4 |
# | B | 75% | **0.6** (chosen) |
# | C | 60% | 0.1 |
#
# B is chosen: the regret is 80 − 75 = 5 points. Write `regret(scores, accuracy)`. Both are dictionaries `{name: value}` with accuracies from 0 to 1; return points.


# %% key="ex-b" tags=["exercise"] needs="setup"
def regret(scores, accuracy):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    chosen = max(scores, key=scores.get)
    return 100 * (max(accuracy.values()) - accuracy[chosen])
    ### END SOLUTION


tl.check("07-b")

# %% key="regret-figure" alt_ja="5つの目安とランダムな選択の平均の後悔。左は1クラス5枚、右は20枚。" alt_en="Mean regret of five scores and of a random choice, with 5 and with 20 labels a class."
lesson07.draw_regret(choice)

# %% key="claim-regret" tags=["claim"]
probe, chance = (lesson07.regret_by_job(choice, way, 1) for way in ("probe", "random"))
lost = tl.interval(list(probe.values()))
gain = tl.interval([chance[job] - probe[job] for job in probe])
tl.claim(
    f"Chosen by a probe on validation data, a network is {lost.mean:.1f} points below the best, "
    f"{gain.mean:.0f} points less than at random "
    "(stored, 6 networks on 6 jobs, 10 draws)",
    # ja: f"検証データのプローブで選ぶと、最高より平均{lost.mean:.1f}ポイント低いだけで、ランダムより"
    # ja: f"後悔が{gain.mean:.0f}ポイント小さくなりました"
    # ja: "（保存済み、6つのネットワークと6つの仕事、10回）",
    lost.mean < 3 and gain.low > 0,
)

# %% [markdown] key="regret-read" lang="ja"
# **20枚あれば、検証データのプローブで選んだときの後悔は、平均1.5ポイントでした。** ランダムに選べば15.3ポイントです。ただし、プローブだけは検証データのラベル（1クラス10枚）を余分に使っています。LogMEとHスコアは「さらに深く」で説明します。
#
# **どの目安も、どこかで外れます。** 右の20枚の図で、LEEPは空撮写真と文字では10回とも当てましたが、鳥では10回のうち6回、最高より9ポイント低いInceptionを選びました。目安は候補を絞るのに使い、最後は検証データで選ぶのが安全です。
#
# ## エラーの出ない間違い
#
# 良いネットワークを選んでも、前提の違う画像を渡せば台なしです。5つの間違いを測りました（保存済み）。青が赤より先（BGR）、白黒、値が0〜1のまま（正規化なし）、値が0〜255のまま、大きさが半分です。どれにも、使うときだけ間違えた場合（出力層は正しい画像で学習しています）と、はじめから間違えた場合があります。

# %% [markdown] key="regret-read" lang="en"
# **With 20 labels, choosing by a probe on validation data costs 1.5 points on average**, choosing at random 15.3. But the probe also uses the validation labels (10 of each class). (LogME and the H-score: see "Deeper".)
#
# **Every score is wrong somewhere.** LEEP found the best network for photos from the air and for characters in all ten draws; on birds it took Inception in six of ten, 9 points below the best. Let scores make the short list, and validation data decide.
#
# ## Silent mistakes: no error is raised
#
# Even the best network fails when pictures are fed wrongly. We measured five mistakes: blue before red (BGR), grey, values from 0 to 1 (not normalised) or from 0 to 255, half the size. Each was made in use only (the head had learned from right pictures) or from the start (stored).

# %% key="predict-mistakes"
tl.predict_first(
    "07-mistakes",
    "Birds, mistaken in use only: which mistake costs least?",
    # ja: "鳥で、使うときだけ間違えた場合、損がいちばん小さいのはどれでしょうか",
    choices=("blue first (BGR)", "grey", "not normalised", "0 to 255", "half the size"),
    # ja: choices=("青が先（BGR）", "白黒", "正規化なし", "0〜255のまま", "大きさが半分"),
)

# %% key="mistakes-figure" alt_ja="6通りの入力の渡し方での、鳥と空撮写真のテスト正解率。使うときだけ間違えた場合と、はじめから間違えた場合。" alt_en="Test accuracy on birds and on photos from the air for six ways to feed pictures: mistaken in use only, and from the start."
mistakes = tl.stored("07_mistakes")
display(lesson07.draw_mistakes(mistakes))
tl.see_prediction("07-mistakes", lesson07.cheapest_mistake(mistakes, "birds"))

# %% [markdown] key="mistakes-read" lang="ja" tags=["answer"]
# **使うときだけ範囲や大きさを間違えると、鳥の正解率は10〜18%に落ちます。それでもエラーは出ません**（ランダムなら10%）。色の順番だけでも、95%が45%になります。損がいちばん小さいのは白黒です（78%）。
#
# はじめから同じ間違いをしていれば、色の順番の損はほぼ消えます（94%）。出力層が、入れ替わった特徴で学ぶからです。範囲や大きさの間違いは、69〜73%までしか戻りません。
#
# 学習はPython、使用はスマートフォンのアプリ、というときは、同じ画像を両方に渡し、ネットワークに入る直前の数値を比べてください。

# %% [markdown] key="mistakes-read" lang="en" tags=["answer"]
# **In use only, a wrong range or size leaves 10 to 18% of the birds right (guessing: 10%), and no error is raised.** The order of colours alone turns 95% into 45%, and grey costs least (78%).
#
# From the start, a wrong order of colours costs hardly anything (94%): the head learns from the exchanged features. A wrong range or size still leaves only 69 to 73%.
#
# If you train in Python for an app, feed both the same picture and compare the numbers just before the network.

# %% [markdown] key="real" lang="ja"
# ## 本物のモデルと写真では？
#
# 転移元の違う3つのMobileNetV2と、ずっと小さなSqueezeNetを、凍結したまま、1クラス10枚のラベルで比べます（画像を選び直して10回）。

# %% [markdown] key="real" lang="en"
# ## And real networks on real photographs?
#
# Here are three MobileNetV2 (from ImageNet, birds and insects) and the smaller SqueezeNet, frozen, with 10 labels of each class (10 draws).

# %% key="real-figure" alt_ja="本物の4つのネットワークを6つの本物のデータで比べたテスト正解率。データごとに1列で、点線はランダムに答えた場合。" alt_en="Test accuracy of four real networks on six real sets of pictures, a column each; dotted lines mark guessing."
lesson07.draw_real(tl.stored("07_real"))

# %% [markdown] key="real-read" lang="ja"
# **まず試すならImageNetですが、本物のデータでも、1位は仕事で変わります。** 3つのMobileNetV2の中では、6つのデータのうち5つで、ImageNetの平均がいちばん上です。アリとハチ（どちらもImageNetの1,000種類に入っています）では、虫で育ったモデルが86%で、ImageNetの88%に迫ります。犬と猫では、ImageNetの95%に対し、鳥や虫で育ったものは58%と54%で、ランダム並みです。数字の画像では、小さなSqueezeNetがImageNetのMobileNetV2を9ポイント上回りました（95%信頼区間は5〜12）。

# %% [markdown] key="real-read" lang="en"
# **ImageNet is a good first guess, but on real data, too, the winner changes with the job.** Of the three MobileNetV2, ImageNet's has the highest mean on five of six sets. On ants and bees (both among ImageNet's 1,000 kinds) the one from insects comes close, 86% to 88%. On cats and dogs ImageNet reaches 95%, while birds and insects are near guessing (58% and 54%). On digits the small SqueezeNet is 9 points ahead of ImageNet's MobileNetV2 (95% interval: 5 to 12).

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 食品倉庫で、粘着シートに付いた虫8種類をカメラで見分けてほしい、と頼まれました。ラベル付きの写真は全部で160枚です。端末では1枚**50ミリ秒**、ファイルは**30 MB**までです。製品に組み込むので、重みと元の画像の両方のライセンスも問題になります。時間は、このコースで測ったCPU 1スレッドの値です。
#
# | 候補 | 転移元 | ファイル | 1枚の時間 |
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
# A food warehouse wants a camera to tell apart eight kinds of insects on its sticky traps, with 160 labelled photos. The device allows **50 milliseconds** a photo and a file of **30 MB**. It goes into a product, so the licences of the weights and of the pictures behind them matter, too. Times were measured on one CPU thread.
#
# | candidate | source | file | time a photo |
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
    "why": "Insects suggest the second, but only our own photos can tell; all licences are read.",
    # ja: "why": "虫で育った目が有望ですが、決めるのは自分の写真です。ライセンスも全部読みます。",
}
### END SOLUTION
tl.check("07-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# **採点表**（10点満点）
#
# | 観点 | 点 |
# |---|---|
# | 大きさか時間を理由にResNet-50を外し、残りは元のデータだけで落とさない | 2 |
# | 学習、選択、テストのラベルを分け、枚数を書いている | 2 |
# | 検証データでの正解率（プローブかk-NN）と、端末での時間の両方で選ぶ | 2 |
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
# | drops ResNet-50 for its size or its time, and nothing else for its source alone | 2 |
# | labels to learn from, to choose with and to test are kept apart, with numbers | 2 |
# | chooses by accuracy on validation data (probe or k-NN) and by time on the device | 2 |
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
# - 目安で候補を絞れます。目安の良し悪しは後悔で測り、値は仕事をまたいで比べません。
# - 色の順番、値の範囲、大きさの間違いは、エラーを出さずに正解率を下げます。入力の数値を見比べましょう。
# - 最後は、正解率と、時間、大きさ、ライセンスの釣り合いで決めます。差が小さければ、安いほうで構いません。
#
# 次に読むなら、**レッスン08**（見た目が変わったときのドメイン適応）か、**レッスン11**（大きなモデルを小さくする蒸留）です。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Which network suits changes with the job. Size and accuracy at home do not tell.
# - Shortcuts help a deep network to learn. They are no cure for over-fitting.
# - Scores give a short list. Judge a score by its regret, and never compare its values across jobs.
# - A wrong order of colours, range of values or size raises no error. Compare the numbers that go in.
# - Weigh accuracy against time, size and licence. Where the difference is small, take the cheaper one.
#
# Where next? **Lesson 08** (when the look changes) or **lesson 11** (distillation).

# %% [markdown] key="deeper-equal" lang="ja" tags=["deeper"]
# ## さらに深く：設計が勝ったのか、画像の数が勝ったのか
#
# 配布している `zukan-resnet` は1種類につき400枚、VGGとInceptionは150枚を見ています。勝ったのは設計でしょうか、それとも画像の数でしょうか。3つの家系を、枚数をそろえて事前学習し直しました。1種類**150枚**と**400枚**で、初期値を変えて3個ずつです（どちらも4エポックなので、400枚のほうがステップも多くなります）。学習率は家系ごとのレシピのままです（VGGは0.05、ほかは0.1）。ネットワークは3組に分け、同じ組のものは同じ画像で転移とテストをしました。差は組ごとに求めます。

# %% [markdown] key="deeper-equal" lang="en" tags=["deeper"]
# ## Deeper: is it the design that wins, or the number of pictures?
#
# The `zukan-resnet` of the course has seen 400 pictures of each kind, VGG and Inception 150. Is it the design that wins, or the pictures? We pretrained all three families anew on equally many pictures: three networks of each family on **150** pictures of each kind and three on **400** (both for four epochs, so more pictures mean more steps, too). Learning rates are those of each family's recipe (0.05 for VGG, 0.1 for the others). The networks form three sets; those of one set are transferred and tested with the same pictures, so we take differences set by set.

# %% key="families-figure" alt_ja="1種類150枚と400枚で事前学習したResNet、VGG、Inceptionの、6つの仕事でのテスト正解率。上は凍結、下はファインチューニング。" alt_en="Test accuracy on six jobs of ResNet, VGG and Inception networks pretrained on 150 and on 400 pictures of each kind: frozen above, fine-tuned below."
lesson07.draw_families(tl.stored("07_families"))

# %% [markdown] key="families-read" lang="ja"
# **枚数をそろえると、すべての仕事で勝つ家系はありません。** 400枚で事前学習して凍結すると、2つの家系を比べた18通りのうち4つで、差の95%信頼区間が0を含みません（偶然なら1つほどです）。鳥と空撮写真ではVGGがInceptionより、部品の表面ではInceptionがResNetより、胸部の絵ではInceptionがVGGより上です。ResNetとVGGの差は、どの仕事でもはっきりしません。元の仕事での正解率は3つとも98〜99%で、この順番は読み取れません。
#
# **画像を増やすと正解率が上がりますが、上がり方は家系で違います。** 凍結した400枚のネットワークは、150枚のものより平均4ポイント上でした（家系と仕事の平均。3組での95%信頼区間は2〜6）。Inceptionは6ポイント（4〜9）、VGGは4ポイント（1〜6。150枚のものだけは、以前にGPUで学習しました）、ResNetは1ポイント（−3〜6）です。家系の名前だけで選ばず、何枚で育ったかも確かめましょう。
#
# **1個だけでは、順番を読み違えることがあります。** 400枚の犬と猫を1組目だけで比べると、VGGはResNetより7ポイント上です。ところが3組の平均では1ポイント下でした（−18〜16）。1個につき1回だけ測ったファインチューニングでは、150枚と400枚を合わせた36通りのうち34で、家系の差の信頼区間が0を含みます。

# %% [markdown] key="families-read" lang="en"
# **With equal pictures, no family wins every job.** Frozen, with 400 pictures, 4 of 18 comparisons of two families have a 95% interval without 0 (chance would give about one): VGG is ahead of Inception on birds and on photos from the air, Inception of ResNet on surfaces and of VGG on X-rays. Between ResNet and VGG no job shows a clear difference. Accuracy at home, 98 to 99% for all three, does not tell this order.
#
# **More pictures raise the accuracy, but not of every family alike.** Frozen, the networks with 400 pictures are 4 points above those with 150 (mean of families and jobs; 95% interval over the three sets 2 to 6): Inception by 6 (4 to 9), VGG by 4 (1 to 6; those with 150 come from an earlier run on a GPU), ResNet by 1 (−3 to 6). Do not choose by the name of a family alone: ask how many pictures the network has seen.
#
# **A single network of each can mislead.** On cats and dogs with 400 pictures, VGG is 7 points ahead of ResNet in the first set; by the mean of three, it is 1 point behind (−18 to 16). Fine-tuned, with one draw for each network, 34 of 36 comparisons of two families (with 150 and with 400) have an interval that contains 0.

# %% [markdown] key="deeper-matched" lang="ja" tags=["deeper"]
# ## さらに深く：仕事に合わせた転移元
#
# 医療や金融では、その分野のデータで事前学習したモデルがよく使われます。胸部X線画像で育ったモデルを集めたTorchXRayVision（[arXiv:2111.00595](https://arxiv.org/abs/2111.00595)、もとのデータの1つがCheXpert、[arXiv:1901.07031](https://arxiv.org/abs/1901.07031)）や、金融の文章で育ったFinBERT（[arXiv:1908.10063](https://arxiv.org/abs/1908.10063)）です。一方、Transfusion（Raghu ほか, 2019、[arXiv:1902.07208](https://arxiv.org/abs/1902.07208)）は、ImageNetでの事前学習は医用画像の正解率をほとんど上げず、小さなネットワークをゼロから学習しても並ぶ、と報告しました。
#
# 私たちの絵の世界で、画像の枚数をそろえて（5,200枚ずつ）比べます。「胸部の絵（別の所見）」は、同じような胸部の絵で、**別の**所見（大きな心臓、たまった液体など8種類）を学びました。文章では、お店の問い合わせメールと、旅行・日常・広告の文から、6,000通ずつで単語ベクトルを作り、問い合わせの分類に使いました。どれも、実際の医療データや顧客のメールではありません。

# %% [markdown] key="deeper-matched" lang="en" tags=["deeper"]
# ## Deeper: a source that matches the job
#
# In medicine and finance, networks pretrained on data of the field are popular: TorchXRayVision ([arXiv:2111.00595](https://arxiv.org/abs/2111.00595)) gathers networks that grew up on chest X-rays, such as those of CheXpert ([arXiv:1901.07031](https://arxiv.org/abs/1901.07031)), and FinBERT ([arXiv:1908.10063](https://arxiv.org/abs/1908.10063)) has read financial texts. On the other hand, Transfusion (Raghu et al., 2019, [arXiv:1902.07208](https://arxiv.org/abs/1902.07208)) reports that ImageNet pretraining hardly raises the accuracy on medical pictures, and that small networks trained from scratch keep up.
#
# We compare sources of our drawn world, 5,200 pictures each. The source "chests, other findings" learned eight **other** findings (a large heart, fluid and so on) on drawings of chests. For texts, we made word vectors from 6,000 messages each, of a shop's mail or about travel, daily life and advertising, and sorted customer enquiries with them. None of this is real medical data or real mail.

# %% key="matched-figure" alt_ja="左：胸部の絵のテスト正解率をラベルの数に対して、4つの転移元で比べる。右：問い合わせのテスト正解率を、3種類の文章から作った単語ベクトルで比べる。" alt_en="Left: test accuracy on drawn X-rays against labels, for four sources. Right: test accuracy on enquiries against labels, for word vectors from three kinds of text."
lesson07.draw_matched(tl.stored("07_xray"), tl.stored("07_mail"))

# %% [markdown] key="matched-read" lang="ja"
# **1クラス20枚では、仕事に合う転移元が「いろいろな104種類」を8ポイント上回りました**（95%信頼区間は5〜11。凍結、事前学習3回 × 画像の選び直し3回）。5枚では差が見えません（1ポイント、−4〜7）。ラベルが増えると差は縮むとよく言われますが、100枚でも8ポイント残りました（3〜13）。同じ5,200枚でも、8種類だけを見たものより、104種類を見たもののほうが100枚で6ポイント上でした（1〜11）。
#
# **文章のほうは、看板どおりではありませんでした。** お店のメール全体から作ったベクトルは、旅行や日常の文から作ったものより良くなります（英語10件で9ポイント、6〜12。日本語で6ポイント、2〜10）。ところが、文の型の数を11個にそろえた「4話題」のメールでは、差は2ポイントと1ポイントで、信頼区間は0を含みます。効いたのは、分野が合うことより、文の種類が多いことだったようです。なお、ここでの正解率は高くても35%で、実用の値ではありません。
#
# 分野の合うモデルが手に入るなら、候補に加えて、汎用のモデルと並べて測る。これが、Transfusionの警告を踏まえた使い方です。

# %% [markdown] key="matched-read" lang="en"
# **With 20 labels of each class, the source that matches is 8 points ahead of "104 kinds of everything" (95% interval 5 to 11)**: frozen networks, three of each source, with three draws of pictures each. With 5 labels there is no difference to be seen (1 point, −4 to 7). Such a lead is often said to shrink with more labels; at 100 it was still 8 points (3 to 13). Of networks that saw 5,200 pictures each, those with 104 kinds were 6 points above those with 8 (at 100 labels, 1 to 11).
#
# **With texts, the label on the box does not hold.** Vectors from all of the shop's mail are better than those from travel and daily life (with 10 English labels by 9 points, 6 to 12; Japanese by 6, 2 to 10). But mail on four subjects, with as many sentence patterns as the other texts (eleven), gains 2 points and 1, and the intervals contain 0. What helped seems to be less the field than the variety of sentences. The accuracies themselves, 35% at most, are not for use.
#
# So where a network of your field exists, add it to the list, and measure it beside a general one. That is what Transfusion's warning comes down to.

# %% [markdown] key="deeper-scores" lang="ja" tags=["deeper"]
# ## さらに深く：LEEPの式、LogMEとHスコア
#
# **LEEP**は、元の出力層の答え $z$（確率 $\theta(z)$）が新しいクラス $y$ をどれだけ言い当てるかを、対数の平均で表します。$n$ は画像の数、$P(y \mid z)$ は、$z$ と答えた画像のうち $y$ だった割合（図の表）です。
#
# $$\text{LEEP} = \frac{1}{n}\sum_{i=1}^{n} \log \sum_z P(y_i \mid z)\,\theta_i(z)$$
#
# **Hスコア**（Bao ほか, 2019）は、クラスの平均どうしがどれだけ離れているかを、特徴全体の散らばりで割って測ります。$f$ は特徴、$\bar f_y$ はそのクラスの平均、$\mathrm{cov}$ は共分散行列です。
#
# $$H = \mathrm{tr}\left(\mathrm{cov}(f)^{-1}\,\mathrm{cov}(\bar f_y)\right)$$
#
# 画像が特徴の数より少ないと、そのままでは必ず最大値になります。そこで `tl.transferability` は、共分散を単純な形へ縮めた版（[arXiv:2110.06893](https://arxiv.org/abs/2110.06893)）を使います。
#
# **LogME**（You ほか, 2021、[arXiv:2102.11005](https://arxiv.org/abs/2102.11005)）は、特徴からラベルを線形に説明するベイズモデルの**証拠**（evidence）、つまり「重みをすべて試して平均したときの、ラベルの確率」の対数です。特徴が多すぎても、過学習したぶんは差し引かれます。
#
# $$\text{LogME} = \frac{1}{n} \max_{\alpha, \beta} \log p(y \mid F, \alpha, \beta)$$
#
# $F$ は特徴、$y$ はラベル、$\alpha$ と $\beta$ は、重みの事前分布とノイズの散らばりの小ささ（分散の逆数）です。1行で計算できます。

# %% [markdown] key="deeper-scores" lang="en" tags=["deeper"]
# ## Deeper: LEEP's formula, LogME and the H-score
#
# **LEEP** tells how well the answers $z$ of the old head, with their probabilities $\theta(z)$, foretell the new class $y$, as a mean of logarithms. Here $n$ is the number of pictures, and $P(y \mid z)$ the share of $y$ among those that were called $z$ (the table of the drawing):
#
# $$\text{LEEP} = \frac{1}{n}\sum_{i=1}^{n} \log \sum_z P(y_i \mid z)\,\theta_i(z)$$
#
# The **H-score** (Bao et al., 2019) measures how far the class means lie apart, in units of the spread of all features. Here $f$ are the features, $\bar f_y$ the mean of a class, and $\mathrm{cov}$ a covariance matrix:
#
# $$H = \mathrm{tr}\left(\mathrm{cov}(f)^{-1}\,\mathrm{cov}(\bar f_y)\right)$$
#
# With fewer pictures than features the plain score is always at its maximum. So `tl.transferability` uses the version with a shrunk covariance ([arXiv:2110.06893](https://arxiv.org/abs/2110.06893)).
#
# **LogME** (You et al., 2021, [arXiv:2102.11005](https://arxiv.org/abs/2102.11005)) is the **evidence** of a Bayesian model that explains the labels linearly by the features: the logarithm of their probability when all weights are tried and averaged. Many features do not help by over-fitting.
#
# $$\text{LogME} = \frac{1}{n} \max_{\alpha, \beta} \log p(y \mid F, \alpha, \beta)$$
#
# $F$ are the features, $y$ the labels, $\alpha$ the precision of the weights' prior and $\beta$ that of the noise. One line computes it all.

# %% key="scores-table"
tl.transferability(networks, aerial, ("logme", "h_score", "leep", "knn"))

# %% key="scores-figure" alt_ja="LogMEに対するテスト正解率。仕事ごとに1本の線で、線の位置は仕事によって大きく違う。" alt_en="Test accuracy against LogME, one line for each job; the lines lie far apart."
lesson07.draw_scores(choice)

# %% [markdown] key="scores-read" lang="ja"
# **表では、Hスコアが、この仕事で最下位の `zukan-shape` を2位にしています。** どれか1つの目安を信じきらない理由です。
#
# **同じ仕事の中では、LogMEが高いほど正解率もおおむね高くなりました。仕事をまたぐと、そうはなりません。** LogMEは、クラスの数や特徴の大きさで値が変わるからです。0.2の鳥と−0.7の胸部の絵を比べても、意味はありません。
#
# **広く使われているコードには誤りがあります。** 画像が特徴より少ないとき、証拠の式の1つの項（$-\tfrac{d-k}{2} \log \alpha$、$d$ は特徴の数、$k$ はランク）が抜けていて、値が特徴の数とともに膨らみます。意味のない乱数（画像120枚、特徴512個、32クラス）では、正しい式の0.32に対して約16になります。`tl.transferability` は正しい式を使い、テストでも確かめています。
#
# **目安は「いつもの選び方」にも勝たなければなりません。** 絵の6つの仕事では、何も測らず、いつも `zukan-resnet` を選んでいれば、後悔は平均0.3ポイントで済みました。ただし、それがわかるのは後からです。本物のネットワーク4つと本物のデータ6つでは、何も測らず、いつもImageNetのMobileNetV2を選ぶと、後悔は平均1.7ポイントです（ランダムなら9.5ポイント）。これより良かったのはLEEP（1.0ポイント）だけで、LogMEは2ポイント、k-NNは3ポイント、Hスコアは5ポイントでした。目安の良し悪しも、仕事と候補しだいです。
#
# **ラベルだけが増えても、プローブの選び方は良くなりません。** 絵の6つの仕事で、1クラス10枚では、後悔はプローブが2.0ポイント、LogMEが2.9、k-NNが3.4で、はっきりした差はありません。60枚では、LogMEが1.1、k-NNが1.3に減るのに、プローブは2.3のままです（画像を選び直して10回。LogMEとの差は、95%信頼区間で0.4〜2.0）。プローブの検証データが、どちらも1クラス10枚だからでしょう。2クラスの犬と猫では、全部で20枚しかありません。ラベルが増えたら、検証データも増やしましょう。

# %% [markdown] key="scores-read" lang="en"
# **In the table, the H-score puts `zukan-shape` second, although it is the last on this job.** That is a reason not to trust any one score.
#
# **Within one job, a higher LogME mostly goes with a higher accuracy. Across jobs it does not**, since its values depend on the number of classes and on the scale of the features. Setting 0.2 on birds against −0.7 on X-rays means nothing.
#
# **The code in wide use has a mistake.** Where there are fewer pictures than features, a term of the evidence is missing ($-\tfrac{d-k}{2} \log \alpha$, with $d$ features and rank $k$), and the value swells with the number of features. For meaningless random numbers (120 pictures, 512 features, 32 classes) it gives about 16 where the formula gives 0.32. `tl.transferability` uses the whole formula, and a test compares it with the definition.
#
# **A score must also beat the habit.** On our six drawn jobs, always taking `zukan-resnet` would have cost 0.3 points, though that is known only afterwards. On the six real sets of pictures, always taking MobileNetV2 from ImageNet has a regret of 1.7 points, a random choice 9.5. Only LEEP does better (1.0); LogME loses 2 points, k-NN 3, the H-score 5. How good a score is depends on jobs and candidates, too.
#
# **More labels alone do not make a probe choose better.** On the drawn jobs, with 10 labels of each class, the regret of the probe is 2.0 points, of LogME 2.9 and of k-NN 3.4, with no clear difference. With 60, LogME comes down to 1.1 and k-NN to 1.3, but the probe stays at 2.3 (10 draws; behind LogME by 0.4 to 2.0, a 95% interval). Probably this is because it is judged on 10 validation pictures of each class all the same: on cats and dogs, two classes, these are only 20 pictures. Who has more labels should validate on more of them.

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
# 近道なしとありのブロックは、コードでは1か所しか違いません。これを9個積んだ20層のネットワークを、2つ学習させます。図のネットワークは論文と同じ3段で、学習率もそれぞれに選びましたが、ここでは1段で、学習率は同じです。そのため、今日の1回の値は図とは違います。
#
# 近道のない19層のVGGは、なぜ学習できたのでしょうか。論文では、深い版は浅い版の重みから学習を始めました。

# %% [markdown] key="deeper-towers" lang="en" tags=["deeper"]
# ## Deeper: train 20 layers yourself
#
# A block without and one with a shortcut differ in one place. Nine of them make a network of 20 layers; we train one of each kind. The networks of the figure have three stages, as in the paper, and a learning rate chosen for each. These have one stage and one learning rate, so today's numbers are not those of the figure.
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
# **今日も、近道のあるほうがよく覚えました。** エポック数を半分にしても、勾配を切り詰めても、AdamWに替えても、近道は図のネットワークで、初期値を変えた10回のどれでも14ポイント以上の差をつけます（平均では22〜38ポイント）。

# %% [markdown] key="skip-settings" lang="en"
# **Here, too, the one with shortcuts learns more.** At half the epochs, with clipped gradients or with AdamW, shortcuts put the networks of the figure ahead in every one of ten starts, by 14 points or more (22 to 38 on average).

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
# **消えるのではなく、逆に大きくなりました。** 近道がないと、最初の層の勾配は層が増えるほど長くなり（8層で0.4、20層で2.2）、近道があると、増え方がゆるやかです（0.4から1.3。20層では帯も重なりません）。
#
# 手で計算した例には、BatchNormがありませんでした。値が縮むと、BatchNormはその小さな散らばりで割るので、勾配のほうは大きくなるのです。BatchNormのある深いネットワークで勾配が増えることは、理論でも示されています（[arXiv:1902.08129](https://arxiv.org/abs/1902.08129)）。He ほか自身も、BatchNormがあるので勾配の消失が原因とは考えにくい、と書いています。
#
# では、何が悪いのでしょうか。隣り合う入力の勾配がばらばらになる（[arXiv:1702.08591](https://arxiv.org/abs/1702.08591)）、損失の地形がでこぼこになる（[arXiv:1712.09913](https://arxiv.org/abs/1712.09913)）、といった説明があります。このレッスンでは測っていません。

# %% [markdown] key="gradient-read" lang="en"
# **It does not vanish, it grows.** Without shortcuts the gradient of the first layer gets longer with the number of layers (0.4 with 8, 2.2 with 20); with shortcuts it grows more slowly (0.4 to 1.3; at 20 layers the bands lie apart).
#
# The calculation by hand had no BatchNorm: when values shrink, BatchNorm divides by their small spread, and so enlarges the gradient. Theory, too, finds growing gradients in deep networks with BatchNorm ([arXiv:1902.08129](https://arxiv.org/abs/1902.08129)), and He et al. themselves think that, with BatchNorm, vanishing gradients are an unlikely cause.
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
# **VGG-16は、MobileNetV2の10倍の時間と40倍近い大きさで、正解率はほぼ同じです。** ViT-B/16も、ConvNeXtの3倍以上の時間をかけて届きません。なお、GoogLeNetのファイルには学習のときだけ使う補助の出力層が2つ入っていて、なければ約半分の大きさです。破線（**パレート最適**）に載っていないモデルは、ImageNetに限れば選ぶ理由がないことになります。ただし、これは元の仕事での値です。自分の仕事での順位は、このレッスンのとおり、測ってみるまでわかりません。時間も、GPUや専用チップでは違う順番になります。自分の機器で測ってください。
#
# **ライセンスは2つ読みます。** torchvisionの重みはBSD-3ですが、ImageNetの画像は研究・教育目的での利用に限られています。重みが元の画像の条件をどこまで受け継ぐかは、はっきり決着していません。製品に入れるなら、重みと元データの両方の条件を、導入の前に法務に確かめましょう。`tl.backbone(...).info.licence` に、わかっている範囲で書いてあります。

# %% [markdown] key="cost-read" lang="en"
# **VGG-16 takes ten times as long as MobileNetV2 and nearly 40 times the space, and is no more accurate.** ViT-B/16 takes more than three times as long as ConvNeXt and stays below it. (GoogLeNet's file holds two side heads that only training uses; without them it would be half as large.) As far as ImageNet goes, there is no reason to take a network off the dashed line (the **Pareto front**). But that is accuracy at home; on your own job, as this lesson shows, the order is open until you measure it. Times, too, have another order on a GPU or a special chip: measure on the device that you will use.
#
# **There are two licences to read.** The weights of torchvision are under BSD-3, but the pictures of ImageNet are for research and education only. How far weights inherit the terms of their data is not settled. Before they go into a product, have the terms of both checked by somebody who knows. `tl.backbone(...).info.licence` tells what is known.

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
# **45分の進め方** ・ だれの目を借りるか、題材、最初の結果8分（予想を挙手で集める） → ウィジェットと練習A 6分 → 3つの家系と近道10分（`families` の図を映し、$0.1^9$ と $1.1^9$ を板書で計算） → 順位の入れ替わりと目安7分 → 練習B 5分 → 後悔の図とエラーの出ない間違い5分 → 本物のデータ4分。練習C、クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、`scores-run` は読むだけにします。
#
# - **映すもの**：ウィジェット、`families` の図、6つの仕事の図、エラーの出ない間違いの図。
# - **2人組で**：ウィジェットで1人が仕事を選び、もう1人が順位を予想します。交代しながら3回。練習Cは1人が提案し、もう1人が採点します。
# - **待ち時間**：2コアのCPUで、どのセルも数秒です（「さらに深く」で20層のネットワークを2つ学習するセルは5秒ほど）。
# - **遅れた人は**：`setup` から `first-run` までを実行すれば、近道の節からでも目安の節からでも再開できます。
# - **よくある間違い**：テストデータの正解率で選ぶ。仕事をまたいでLogMEを比べる。前処理を自分で書き直す。名前の新しさで選ぶ。
# - **議論の種**：候補が100個、ラベルが30枚なら、どう選べば後悔が小さいでしょうか（まずk-NNで10個に絞り、残りを検証データのプローブで選ぶ、など）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · whose eye, the job and the first result 8 (collect predictions by a show of hands) → widget and exercise A 6 → three families and shortcuts 10 (project `families`, do $0.1^9$ and $1.1^9$ on the board) → changing orders and scores 7 → exercise B 5 → regret and silent mistakes 5 → real data 4. Exercise C, the quiz, the key points and "Deeper" are homework, or for whoever is early. Short of time, only read `scores-run`.
#
# - **To project**: the widget, the diagram `families`, the figure of six jobs, the figure of silent mistakes.
# - **In pairs**: with the widget, one chooses a job, the other predicts the order. Change places, three times. In exercise C one proposes, the other marks.
# - **Waiting**: on two CPU cores every cell takes a few seconds (the one under "Deeper" that trains two networks of 20 layers some 5).
# - **Whoever fell behind** runs the cells from `setup` to `first-run` and can go on with the shortcuts or with the scores.
# - **Common mistakes**: choosing by accuracy on test data; comparing LogME across jobs; writing the preprocessing anew; going by the newest name.
# - **To discuss**: with 100 candidates and 30 labels, how would you keep regret small? (For example, k-NN for a short list of ten, then a probe on validation data.)
