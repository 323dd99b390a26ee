# %% [markdown] key="title" lang="ja"
# # 05 少数ショット学習
#
# **60分** ・ 前提:レッスン02(特徴抽出)。ベクトルの平均と距離がわかれば十分です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 写真1、2枚だけから、個体やクラスを見分ける仕組みを作る
# - プロトタイプを素のPyTorchで計算し、論文の式と結びつける
# - 少数ショットの正解率を、NとK、2種類の95%区間、対照実験といっしょに報告する
# - 論文によくある数字と、新しい仕事で期待できる数字の違いを説明する

# %% [markdown] key="title" lang="en"
# # 05 Few-shot learning
#
# **60 minutes** · Before this: lesson 02 (feature extraction). You need the mean of vectors and the distance between two, no more.
#
# After this lesson you can
#
# - build something that recognises an individual, or a class, from one or two photographs
# - compute prototypes in plain PyTorch and find them again in the formula of the paper
# - report a few-shot accuracy properly: with its N and K, two kinds of 95% interval, and controls
# - tell the number that papers like to report from the one to expect on a new job

# %% key="setup"
import warnings
from dataclasses import replace

import torch
from torch.nn import functional as F

import tlhelpers as tl
from tlhelpers.lessons.few_shot import figures as lesson05
from tlhelpers.transfer.fewshot import sample_episodes

tl.setup()

# %% [markdown] key="individual" lang="ja"
# ## 写真1枚で、あの子だとわかるか
#
# 入口の機械は、登録写真1枚から本人を見分けます。一人ずつ何千枚も写真を集めて学習し直したりはしません。**前もって学んだ特徴** の上で、登録写真と目の前の写真がどれだけ似ているかを見るだけです。
#
# ここでは人の顔の代わりに、架空の生きものを使います。1行が1匹です。同じ個体でも、姿勢・場所・光は写真ごとに変わります。`zukan-resnet` は、この40匹を一度も見ていません。

# %% [markdown] key="individual" lang="en"
# ## One photograph: is this the same one?
#
# A gate recognises a person from one registered photograph. Nobody collects thousands of pictures of each person and trains again. It only asks how similar the photograph on file and the one in front of it are, in **features learned beforehand**.
#
# Instead of faces we take imaginary creatures, one individual a row. Pose, place and light change from photograph to photograph. `zukan-resnet` has seen none of these forty.

# %% key="creatures" alt_ja="架空の生きもの3匹の写真。1行が1匹で、姿勢・場所・光が変わる。" alt_en="Photographs of three imaginary creatures, one a row, in changing pose, place and light."
network = tl.backbone("zukan-resnet")
creatures = tl.load_task("novel", per_class=1, valid_per_class=1, test_per_class=12)
lesson05.show_individuals(creatures)

# %% [markdown] key="verify" lang="ja"
# 1枚目を登録し、残りの写真と比べます。比べ方は、特徴ベクトルどうしの **コサイン類似度**(向きの近さ)です。しきい値より似ていれば「同じ個体」と答えます。しきい値は前半の20匹だけで決め、後半の20匹で試します。同じ個体で決めて試すと、結果が甘くなるからです。
#
# > **予想してから実行**:会ったことのない20匹について、「同じか、別か」を何%正しく答えられるでしょうか。でたらめなら50%です。

# %% [markdown] key="verify" lang="en"
# The first photograph is registered and compared with the later ones by the **cosine similarity** of their feature vectors, that is, by direction. Above a threshold the answer is "the same individual". The threshold is chosen on the first twenty individuals and tried on the other twenty: chosen and tried on the same ones, it would flatter us.
#
# > **Predict, then run**: for twenty individuals never met before, how often will "same or another" be answered correctly? Guessing gives 50%.

# %% key="similarity"
features = tl.extract_features(network, creatures.test)
photos = F.normalize(features.unflatten(0, (12, 40)), dim=2)  # photograph, individual, feature


def compare(registered, later):
    """Similarities to the own registered photograph and to those of all the others."""
    every = later @ registered.T  # photograph, individual, registered individual
    own = torch.eye(every.shape[1], dtype=torch.bool)
    return every[:, own], every[:, ~own]


def answer_correctly(same, other, threshold):
    """The mean of two shares: own ones let in, others kept out."""
    return ((same > threshold).float().mean() + (other <= threshold).float().mean()).item() / 2


# %% key="verification" alt_ja="同じ個体と別の個体の類似度のヒストグラムと、しきい値の線。同じ個体の組は右に集まり、少し重なる。" alt_en="Histogram of similarities for the same individual and for others, with the threshold; the same lie to the right, with some overlap."
def choose_threshold(registered, later):
    pairs = compare(registered, later)
    return max(torch.linspace(0, 1, 201).tolist(), key=lambda t: answer_correctly(*pairs, t))


known, strangers = photos[:, :20], photos[:, 20:]
threshold = choose_threshold(known[0], known[2:])
same, other = compare(strangers[0], strangers[2:])
lesson05.draw_verification(same, other, threshold)

# %% [markdown] key="verification-read" lang="ja"
# 青は同じ個体の組、灰色は別の個体の組です。2つの山はだいたい分かれますが、重なりもあります。しきい値を右に動かすと他人を通しにくくなり、その代わり本人を断ることが増えます。どちらの誤りが困るかは、使い道で決まります。
#
# 次のセルでは、登録する写真を替えて5回くり返します。写真が2枚あるときは特徴を平均して登録し、しきい値も決め直します。平均した特徴との類似度は、1枚との類似度と分布が違うからです。

# %% [markdown] key="verification-read" lang="en"
# Blue are pairs of the same individual, grey pairs of two. The hills stand mostly apart, yet they overlap. Move the threshold to the right and fewer strangers get in, but more of the right ones are turned away. Which mistake matters more is decided by the use, not by the network.
#
# The next cell repeats this five times with other registered photographs. It also registers the mean of two, with a threshold of its own, since similarities to a mean are distributed differently.


# %% key="claim-verify" tags=["claim"]
def register_two(of, first):
    return F.normalize(of[first : first + 2].mean(0), dim=1)


threshold_of_two = choose_threshold(register_two(known, 0), known[2:])
one, two = [], []
for first in range(5):
    later = torch.cat([strangers[:first], strangers[first + 2 :]])
    one.append(answer_correctly(*compare(strangers[first], later), threshold))
    both = compare(register_two(strangers, first), later)
    two.append(answer_correctly(*both, threshold_of_two))
print(tl.interval(one, share=True), tl.interval(two, share=True))
assert tl.interval(one).low > 0.90 and tl.interval(two).low > 0.90

# %% [markdown] key="episode-text" lang="ja"
# ## NウェイKショットのエピソード
#
# 今度は「だれか」ではなく「どの種類か」を当てます。少数ショット学習では、**エピソード** という小さな試験を何百回もくり返します。
#
# - **Nウェイ**:N個のクラスをくじで選ぶ
# - **Kショット**:クラスごとにK枚、答えのわかる **サポート画像** をもらう
# - **クエリ**:同じクラスの別の画像。これを分類して採点する
#
# 下は鳥の5ウェイ1ショットのエピソードです。すき間の左が1枚だけのサポート画像、右がクエリの一部です。右の鳥の種類を、左の1枚だけから当てられますか。

# %% [markdown] key="episode-text" lang="en"
# ## The N-way K-shot episode
#
# From "who" to "which kind". Few-shot learning is examined in hundreds of small tests, called **episodes**.
#
# - **N-way**: N classes are drawn at random
# - **K-shot**: of each, K pictures come with their answer, the **support**
# - **Queries**: other pictures of the same classes, to be classified and marked
#
# Below is a 5-way 1-shot episode of birds: left of the gap the one support picture, right of it some of the queries. Could you name the birds on the right from the single one on the left?

# %% key="episode" alt_ja="鳥の5ウェイ1ショットのエピソード。左にサポート画像1枚、すき間の右にクエリ6枚。" alt_en="A 5-way 1-shot episode of birds: one support picture at the left, six queries right of the gap."
birds = tl.load_task("birds", per_class=1, valid_per_class=1)
rows = sample_episodes(birds.test.labels, n_way=5, n_shot=1, n_query=15, episodes=600, seed=0)
lesson05.show_episode(birds, rows[0], n_shot=1)

# %% [markdown] key="episode-read" lang="ja"
# くちばし・尾・冠羽・翼の色と模様が手がかりで、背景と体の色はあてになりません。1枚のサポート画像がたまたま変わった姿勢だと、そのエピソードは難しくなります。

# %% [markdown] key="episode-read" lang="en"
# Bill, tail, crest, and the colour and pattern of the wing tell; background and body colour do not. If the one support picture happens to show an odd pose, the episode is a hard one.

# %% [markdown] key="formula" lang="ja"
# ## プロトタイプ
#
# Snellら(2017)の方法は2行で書けます。クラス $c$ のサポート画像の集合を $S_c$、特徴を $f(x)$ とします。
#
# $$p_c = \frac{1}{|S_c|}\sum_{x \in S_c} f(x), \qquad \hat{y}(q) = \arg\min_c \lVert f(q) - p_c \rVert^2$$
#
# クラスの代表を特徴の平均、つまり **プロトタイプ** とし、クエリはユークリッド距離の2乗で最も近いプロトタイプのクラスにします。重みの更新は1回もありません。論文では特徴 $f$ 自体もエピソードで学習しますが、ここでは事前学習したものをそのまま使います。

# %% [markdown] key="formula" lang="en"
# ## Prototypes
#
# The method of Snell et al. (2017) takes two lines. Let $S_c$ be the support of class $c$, and $f(x)$ the features of a picture.
#
# $$p_c = \frac{1}{|S_c|}\sum_{x \in S_c} f(x), \qquad \hat{y}(q) = \arg\min_c \lVert f(q) - p_c \rVert^2$$
#
# A class is represented by the mean of its features, its **prototype**, and a query gets the class of the prototype that is nearest in squared Euclidean distance. Not a single weight is updated. In the paper $f$ itself is trained with episodes, too; here we take it as pre-training left it.

# %% key="prototypes" tags=["nbval-check-output"]
bird_features = tl.extract_features(network, birds.test)
rows = sample_episodes(birds.test.labels, n_way=5, n_shot=5, n_query=15, episodes=600, seed=0)


def score_episode(images, n_shot):
    """The accuracy of one episode; images: features (n_way, n_shot + n_query, d)."""
    support, query = images[:, :n_shot], images[:, n_shot:]
    prototypes = support.mean(1)
    distances = (query[:, :, None] - prototypes).square().sum(3)  # class, query, prototype
    truth = torch.arange(len(images))[:, None]
    return (distances.argmin(2) == truth).float().mean()


print(bird_features[rows[0]].shape)

# %% [markdown] key="equal-text" lang="ja"
# `tl.few_shot` は同じ計算を全エピソードまとめて行います。本当に同じかどうか、600個すべてで確かめます。

# %% [markdown] key="equal-text" lang="en"
# `tl.few_shot` computes the same for all episodes at once. Is it really the same? We compare all 600.

# %% key="equal" tags=["claim"]
five_shot = tl.few_shot(network, birds, n_way=5, n_shot=5, n_query=15, episodes=600, seed=0)
by_hand = torch.stack([score_episode(bird_features[episode], n_shot=5) for episode in rows])
assert (by_hand - five_shot.accuracies).abs().mean() < 1e-3
five_shot

# %% [markdown] key="intervals" lang="ja"
# ## 2つの95%区間
#
# エピソードごとの正解率は大きくばらつきます。だから少なくとも600回行い、平均に95%区間をつけます。けれども、600回とも **同じ400枚** から選んでいます。エピソードを増やせば区間はいくらでも狭くなりますが、わかるのは「この400枚での平均」だけです。
#
# 新しい写真でも同じ結果になるかは、写真を撮り直さないとわかりません。そこで **シード** を変えて、写真を200枚ずつ5組、新しく描きます。何も学習していないので、学習用の画像をそのまま新しい試験に使えます。
#
# > **予想してから実行**:5組の平均は、1組目のエピソード区間の中に収まるでしょうか。

# %% [markdown] key="intervals" lang="en"
# ## Two kinds of 95% interval
#
# Accuracy varies widely from episode to episode. Hence at least 600 of them, and a 95% interval with the mean. But all 600 are drawn from **the same 400 pictures**. More episodes make that interval as narrow as you like, and still it speaks about these 400 only.
#
# Whether new photographs give the same, only new photographs can tell. So we change the **seed** and draw five new sets of 200. Nothing is trained, which leaves the training pictures free to serve as new tests.
#
# > **Predict, then run**: will the means of the five sets lie inside the first one's interval over episodes?


# %% key="pools" alt_ja="左は600エピソードの正解率の分布。右は写真5組の平均と区間、5組全体の区間。" alt_en="Left, the accuracies of 600 episodes; right, means and intervals of five sets of photographs and the interval over all five."
def draw_pool(seed):
    new = tl.load_task("birds", per_class=20, seed=seed, valid_per_class=1, test_per_class=1)
    return replace(new, test=new.train)


pools = [tl.few_shot(network, draw_pool(seed), n_way=5, n_shot=1) for seed in tl.seeds(5)]
lesson05.draw_episodes(pools[0], pools)

# %% [markdown] key="pools-read" lang="ja"
# 左は1組目の600エピソードです。右の青は各組の平均と **エピソードについての** 区間、赤は5つの平均から求めた **シードについての** 区間です。次のセルは、1組目のエピソードの区間、シードの区間、そして1組目の区間の外に出た組の数を表示します。
#
# 論文の表の「±」は、たいていエピソードの区間です。新しい写真で何が起きるかを言いたいなら、シードの区間を見てください。どちらの区間にも、鳥の種類やネットワークを替えたときのばらつきは入っていません。

# %% [markdown] key="pools-read" lang="en"
# Left are the 600 episodes of the first set. On the right, blue shows each set's mean with its interval **over episodes**; red is the interval **over seeds**, computed from the five means. The next cell prints the first set's interval over episodes, the interval over seeds, and how many of the five means lie outside the former.
#
# The "±" in the tables of papers is usually the interval over episodes. To say what new photographs will give, read the one over seeds. Neither covers what would change with other kinds of bird, or with another network.

# %% key="claim-bars" tags=["claim"]
over_seeds = tl.interval([pool.accuracy.mean for pool in pools], share=True)
first = pools[0].accuracy
outside = sum(not first.low <= pool.accuracy.mean <= first.high for pool in pools)
print(first, over_seeds, outside)
assert over_seeds.low > 0.70 and five_shot.accuracy.low > 0.90

# %% [markdown] key="shots-text" lang="ja"
# ## ショット数と4つの方法
#
# サポート画像を増やすと、どれだけよくなるでしょうか。4つの方法を比べます。
#
# - **プロトタイプ**:平均に近いクラス(ユークリッド距離の2乗)
# - **コサイン**:平均との向きが近いクラス
# - **最も近い1枚**:いちばん近いサポート画像のクラス
# - **学習した出力層**:エピソードごとに、サポート画像だけで線形の出力層を学習する
#
# > **予想してから実行**:1ショットのとき、プロトタイプと「最も近い1枚」の差は何ポイントでしょうか。

# %% [markdown] key="shots-text" lang="en"
# ## Shots, and four ways to classify
#
# How much better does it get with more support pictures? Four ways are compared.
#
# - **Prototypes**: the class whose mean is near (squared Euclidean distance)
# - **Cosine**: the class whose mean lies in a similar direction
# - **Nearest picture**: the class of the nearest support picture
# - **Trained head**: a linear output layer for each episode, trained on its support alone
#
# > **Predict, then run**: with one shot, how many points are there between prototypes and the nearest picture?

# %% key="shots" alt_ja="ショット数1〜10とクエリの正解率。4つの方法とも右上がりで、最初の数枚で大きく伸びる。" alt_en="Query accuracy for 1 to 10 shots; all four ways rise, most within the first few pictures."
ways = {
    method: {k: tl.few_shot(network, birds, 5, k, method=method) for k in (1, 2, 5, 10)}
    for method in ("prototypes", "cosine", "nearest", "head")
}
lesson05.draw_shots(ways)

# %% [markdown] key="shots-read" lang="ja"
# 帯はエピソードについての95%区間です。はじめの数枚の効果が大きく、その後は伸びがゆるやかになります。1ショットでは平均する相手がいないので、プロトタイプと「最も近い1枚」は定義から同じ答えになります。鳥では、枚数が増えると学習した出力層が前に出ます。どの特徴を重く見るかを、サポート画像から学べるだけの枚数がそろうからだと考えられます。

# %% [markdown] key="shots-read" lang="en"
# Bands are 95% intervals over episodes. The first few pictures matter most; then the lines flatten. With one shot there is nothing to average, so prototypes and the nearest picture give the same answers by definition. On these birds the trained head moves ahead as pictures are added; there are then, it seems, enough of them to learn which features to weigh.

# %% key="claim-shots" tags=["claim"]
by_mean, by_one, by_head = (ways[method] for method in ("prototypes", "nearest", "head"))
assert abs(by_mean[1].accuracy.mean - by_one[1].accuracy.mean) < 1e-3
assert by_mean[5].accuracy.low - by_mean[1].accuracy.high > 0.08
assert by_mean[10].accuracy.low > by_mean[5].accuracy.mean
assert by_head[10].accuracy.low > by_mean[10].accuracy.mean
print(by_mean[10].accuracy, by_head[10].accuracy)

# %% [markdown] key="controls" lang="ja"
# ## 対照実験:事前学習のおかげか
#
# 正解率が高くても、問題がやさしいだけかもしれません。同じエピソードを、特徴なし(**生の画素** どうしの距離)と、**ランダムな重み** のネットワークでも行います。
#
# > **予想してから実行**:この2つは、でたらめ(20%)よりどれだけ上でしょうか。

# %% [markdown] key="controls" lang="en"
# ## Controls: is it the pre-training?
#
# A high accuracy may just mean an easy task. The same episodes go to two controls: distances between **raw pixels**, without any features, and a network with **random weights**.
#
# > **Predict, then run**: how far above guessing (20%) will these two be?

# %% key="control" alt_ja="鳥での1・5ショットの正解率。事前学習済みが、ランダムな重みと生の画素を大きく上回る。" alt_en="Accuracy on birds with one and five shots: pretrained far above random network and pixels."
untrained = tl.backbone("zukan-resnet", pretrained=False)
controls = {}
for name, source in {"pretrained": network, "random": untrained, "pixels": "pixels"}.items():
    controls[name] = {
        "one_shot": tl.few_shot(source, birds, n_way=5, n_shot=1).accuracy,
        "five_shot": tl.few_shot(source, birds, n_way=5, n_shot=5).accuracy,
    }
lesson05.draw_points(controls, "lesson05.controls_alt", chance=0.2)

# %% [markdown] key="control-read" lang="ja"
# 点は平均、線はエピソードについての95%区間です(短いので、ほとんど点に隠れています)。対照の2つもでたらめよりは上ですが、事前学習した特徴には遠く及びません。同じ400枚、同じエピソードなので、差は特徴だけから生まれています。

# %% [markdown] key="control-read" lang="en"
# Dots are means, lines 95% intervals over episodes, so short that the dots nearly hide them. Both controls beat guessing, and both stay far below the pretrained features. Pictures and episodes are the same, so the difference comes from the features alone.

# %% key="claim-controls" tags=["claim"]
for shots in ("one_shot", "five_shot"):
    for control in ("random", "pixels"):
        assert controls["pretrained"][shots].low - controls[control][shots].high > 0.25
    print(controls["random"][shots], controls["pixels"][shots])

# %% [markdown] key="overlap" lang="ja"
# ## 知っているクラスで試してはいけない
#
# 「少ない枚数で新しいクラスを覚えた」と言うには、事前学習のクラスとテストのクラスが **重なっていない** ことが条件です。重なりがあると、`tl.few_shot` は警告します。

# %% [markdown] key="overlap" lang="en"
# ## Never test on classes it knows
#
# To say "it learned new classes from a few pictures", the classes of the test **must not be among** those of pre-training. Where they are, `tl.few_shot` warns.


# %% key="warning"
def measure(name, classes=range(10)):
    task = tl.load_task(name, 1, valid_per_class=1, test_per_class=20, classes=classes)
    return {
        "one_shot": tl.few_shot(network, task, n_way=5, n_shot=1).accuracy,
        "five_shot": tl.few_shot(network, task, n_way=5, n_shot=5).accuracy,
        "pixels_one_shot": tl.few_shot("pixels", task, n_way=5, n_shot=1).accuracy,
    }


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    domains = {"base": measure("source")}
print(caught[0].message)

# %% [markdown] key="honest" lang="ja"
# ## どの数字を報告するか
#
# 重なっていなければ、それで公平でしょうか。少数ショットの論文では、1つのデータセットのクラスを「学習用」と「新しいクラス」に分けることがよくあります。ここでいえば、事前学習と **同じ描き方** の新しい生きもの(`novel`)や新しい文字(`strokes`)で試すことにあたります。実際の仕事では、**別の世界** の画像がやってきます。鳥や魚は同じ教材の絵ですが、描き方が違います。本物の手書き数字と、表面の傷は、さらに遠くにあります。
#
# どのドメインにも、生の画素の対照をつけます。
#
# > **予想してから実行**:生の画素がネットワークに追いつくドメインは、あるでしょうか。

# %% [markdown] key="honest" lang="en"
# ## Which number to report
#
# No overlap, so all is fair? Papers on few-shot learning often split the classes of one data set into those to train on and "novel" ones. Here that means new creatures (`novel`) or new signs (`strokes`) from **the same generator** as in pre-training. A real job brings pictures from **another world**. Birds and fish are drawn for this course, too, but by other rules; real handwriting and the damage on surfaces are further away.
#
# Every domain gets raw pixels as its control.
#
# > **Predict, then run**: is there a domain in which raw pixels catch up with the network?

# %% key="same-generator"
for name in ("novel", "strokes"):
    domains[name] = measure(name)
print(domains["novel"]["one_shot"], domains["strokes"]["one_shot"])

# %% key="elsewhere"
for name in ("birds", "fish", "digits"):
    domains[name] = measure(name)

# %% key="domains" alt_ja="7つのドメインでの1・5ショットの正解率と、生の画素の1ショット。上の3つが高く、鳥と魚はその下、手書き数字では生の画素がネットワークに並び、表面の傷が最も低い。" alt_en="1-shot and 5-shot accuracy in seven domains, and pixels with one shot: the upper three highest, birds and fish lower, pixels level with the network on handwriting, surface damage lowest."
domains["surfaces"] = measure("surfaces", classes=range(5))
lesson05.draw_points(domains, "lesson05.domains_alt", chance=0.2)

# %% [markdown] key="domains-read" lang="ja"
# 上の3行は、事前学習で見たクラスと、同じ描き方の新しいクラスです。論文なら、この「新しい生きもの」の数字を報告するでしょう。計算に誤りはありませんが、別の世界にもそのまま通じるように読むと、期待しすぎになります。鳥や魚の数字のほうが、新しい仕事の見積もりとして正直です。
#
# 手書き数字では、**生の画素が1ショットでネットワークに並びます。** 位置も大きさもそろった数字では、画素の距離が十分に役立つのです。対照を置かなければ、この正解率を転移の手柄だと思い込むところでした。表面の傷では、どの方法もあまり役に立ちません。

# %% [markdown] key="domains-read" lang="en"
# The upper three lines are classes seen in pre-training and new classes by the same rules. A paper would report the one for new creatures. It is computed correctly; read as if it held for another world as well, it promises too much. The numbers on birds and fish are the more honest estimate for a new job.
#
# On handwriting, **raw pixels are level with the network at one shot**: the digits are all in place and of one size, so distances between pixels serve well. Without the control we would have credited transfer with that accuracy. On surface damage nothing helps much.

# %% key="claim-domains" tags=["claim"]
novel, near, written = (domains[name] for name in ("novel", "birds", "digits"))
print(novel["one_shot"], near["one_shot"], written["one_shot"], written["pixels_one_shot"])
assert novel["one_shot"].low - near["one_shot"].high > 0.08
assert written["one_shot"].mean - written["pixels_one_shot"].mean < 0.10

# %% [markdown] key="real" lang="ja"
# ### 本物の手書き文字では
#
# ここまでは、ほとんどが描いた絵でした。**Omniglot** は、世界の文字を実際に人が手で書いたデータです。292文字を20人が1回ずつ書いています。どのネットワークも、これらの文字を学習したことはありません。
#
# > **予想してから実行**：120万枚の写真（ImageNet）で学んだMobileNetV2と、この教材の小さなネットワークでは、どちらが手書き文字をよく見分けるでしょうか。

# %% [markdown] key="real" lang="en"
# ### On real handwriting
#
# Almost everything so far was drawn. **Omniglot** holds characters of the world's alphabets as people really wrote them: 292 characters, each written once by twenty people. No network here was trained on any of them.
#
# > **Predict, then run**: MobileNetV2 learned from 1.2 million photographs (ImageNet), the course's small network from drawings. Which of them tells handwritten characters apart better?

# %% key="real-figure" alt_ja="Omniglotの文字での少数ショットの正解率を、4種類の特徴で比べた点と信頼区間。" alt_en="Few-shot accuracy on Omniglot's characters for four kinds of features, as points with intervals."
lesson05.draw_real(tl.stored("05_real"))

# %% [markdown] key="real-read" lang="ja"
# どの設定でも、**この教材のネットワークが、ImageNetのMobileNetV2を上回りました**（5-way 1-shotで76%対70%）。転移元の絵に「架空の文字」が入っていたからでしょう。大きさや知名度よりも、転移元に似たものがあったかどうかが効いています。どちらのネットワークも、生の画素（44%）とランダムな重み（37%）をはっきり上回ります。先ほどの数字は位置も大きさもそろっていましたが、ここではそろっていません。値は保存済みの結果です（文字の選び方を変えて10回。特徴は凍結したまま、プロトタイプで分類）。

# %% [markdown] key="real-read" lang="en"
# In every setting **the course's network beats MobileNetV2 from ImageNet** (76% against 70%, 5-way 1-shot). The likely reason is that its source held imaginary characters: whether the source held something alike counted for more than size or fame. Both are far above raw pixels (44%) and random weights (37%). The digits above were all in place and of one size; these characters are not. These are stored results: ten draws of characters, frozen features, prototypes.

# %% [markdown] key="yours" lang="ja"
# ## 自分の絵を2枚だけ教える
#
# 今度はあなたの番です。AとBの欄に、別々の絵を1つずつ、マウスか指で描いてください。3つ目の欄にどちらかをもう一度描くと、1画ごとに分類し直します。はじめに入っているのは見本です。「全部消す」で消せます。
#
# 欄の下の図では、2つのプロトタイプ(◆)を通る直線が横軸、その直線からの距離が縦軸です。こう置くと、どの絵からも、2つのプロトタイプまでの距離が正しく表せます。点線は両方から同じ距離の位置で、ここを越えると答えが変わります。「もう1枚」で同じクラスの絵を描き足すと、プロトタイプは平均へ動きます。絵は、位置と大きさをそろえてからネットワークに渡しています。
#
# > **予想してから実行**:Aが船、Bが花のとき、3つ目の欄に魚を描くと、答えはどうなるでしょうか。

# %% [markdown] key="yours" lang="en"
# ## Teach it with two drawings of your own
#
# Your turn. Draw one thing in field A and another in field B, with the mouse or a finger. Then draw one of them again in the third field: it is classified anew after every stroke. The fields start with examples; "Clear" removes them.
#
# In the map below the fields, the line through the two prototypes (◆) runs along the bottom, and the distance from that line goes up the side. Placed like this, the distance of every drawing to both prototypes is the true one. The dotted line is equally far from both: beyond it the answer changes. "Add another" lets you draw one more of the same class, and its prototype moves to the mean. Place and size of a drawing are evened out before the network sees it.
#
# > **Predict, then run**: A is a boat and B a flower. What will the answer be when you draw a fish in the third field?

# %% key="pad"
tl.widget("05_draw")

# %% [markdown] key="yours-code" lang="ja"
# 答えは必ずAかBになります。最も近いものを選ぶ方法は、「どちらでもない」とは言いません。
#
# 同じことをコードでも書けます。下のセルでは、1行が1本の線で、数字は左上 (0, 0) から右下 (1, 1) までの点の座標です。点を変えて、好きな絵にしてください。紙に描いて撮った写真でもかまいません。その場合は、点のリストの代わりに `"picture.png"` のようにファイル名を書きます。空のままでも、代わりの絵が入ります。
#
# サポート画像は1枚ずつです。クエリは、同じ絵を別の手ぶれで描き直したものです(ファイルの場合は、少し傾けたり、ずらしたりしたもの)。

# %% [markdown] key="yours-code" lang="en"
# The answer is always A or B: a method that picks the nearest never says "neither".
#
# The same can be written in code. In the next cell each line is one stroke of the pen; the numbers are points, from (0, 0) at the upper left to (1, 1) at the lower right. Change them as you like. A photographed drawing will do as well: write a file name such as `"picture.png"` in place of the list. Leave a drawing empty and it gets a stand-in.
#
# There is one support picture of each. The queries are the same drawings, made again by an unsteady hand (of a file: tilted and shifted a little).

# %% key="drawings"
boat = [
    [(0.1, 0.6), (0.9, 0.6), (0.7, 0.85), (0.3, 0.85), (0.1, 0.6)],
    [(0.5, 0.6), (0.5, 0.1), (0.8, 0.5), (0.5, 0.5)],
]
flower = [
    [(0.5, 0.95), (0.5, 0.5)],
    [(0.5, 0.5), (0.3, 0.4), (0.35, 0.2), (0.5, 0.1), (0.65, 0.2), (0.7, 0.4), (0.5, 0.5)],
    [(0.5, 0.8), (0.3, 0.65)],
]
drawings = {"A": boat, "B": flower}

# %% key="taught" alt_ja="2つの絵を別の手ぶれで描き直した12枚。それぞれに、当てたクラスの名前と正誤の印がつく。" alt_en="Twelve redrawn versions of the two drawings, each with the name it was given and a mark for right or wrong."
support = lesson05.draw_by_hand(drawings, hand=0)
queries = lesson05.draw_by_hand(drawings, hand=1, copies=6)
prototypes = tl.extract_features(network, support)  # one picture each: it is its own mean
distances = torch.cdist(tl.extract_features(network, queries), prototypes).square()
answers = distances.argmin(1)
lesson05.show_answers(queries, answers, list(drawings))

# %% [markdown] key="taught-read" lang="ja"
# 奇数番目がA、偶数番目がBの描き直しで、○は正解、×は誤りです。絵が2つともよく似ていたらどうなるでしょうか。船と、帆のない船で試してください。なお、描き直しは元の絵の写しなので、別の人が描いた船を当てるよりやさしい問題です。

# %% [markdown] key="taught-read" lang="en"
# Odd places are A drawn again, even places B; ○ is right, × wrong. What happens when the two drawings are alike? Try a boat and a boat without its sail. Note that redrawn copies make an easier question than a boat from somebody else's hand.

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# サポート画像をクリックして、足したり外したりしてください。プロトタイプ(◆)が動き、クエリの色が変わります。わざと変わった姿勢の1枚だけを選ぶと、どうなるでしょうか。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Click support pictures to add or remove them. The prototypes (◆) move, and the queries change colour. What happens if you pick a single odd one on purpose?

# %% key="widget"
tl.widget("05")

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** コサインで分類する関数を書いてください。`support` は(クラス, ショット, 特徴)、`query` は(クエリ, 特徴)の形です。プロトタイプとのコサインが最大になるクラスの番号を、クエリごとに返します。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** Write a function that classifies by cosine. `support` has the shape (classes, shots, features), `query` (queries, features). For each query return the number of the class whose prototype has the largest cosine with it.


# %% key="ex-a" tags=["exercise"] needs="setup"
def classify(support, query):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    prototypes = F.normalize(support.mean(1), dim=1)
    return (F.normalize(query, dim=1) @ prototypes.T).argmax(1)
    ### END SOLUTION


tl.check("05-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** クラスが10種類になると、1ショットの正解率は何ポイント下がるでしょうか。予想を書いてから `tl.few_shot` で測り、5ウェイの正解率から10ウェイの正解率を引いた値を `drop` に入れてください。

# %% [markdown] key="exercise-b" lang="en"
# **B.** By how much does 1-shot accuracy fall with ten classes instead of five? Write down a guess, measure it with `tl.few_shot`, and put the 5-way accuracy minus the 10-way accuracy into `drop`.

# %% key="ex-b" tags=["exercise"] needs="setup,creatures,episode"
### BEGIN SOLUTION
# PLACEHOLDER: drop = ...
five = tl.few_shot(network, birds, n_way=5, n_shot=1)
ten = tl.few_shot(network, birds, n_way=10, n_shot=1)
drop = five.accuracy.mean - ten.accuracy.mean
### END SOLUTION
tl.check("05-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("05")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 事前学習した特徴があれば、1枚か数枚の画像で新しいクラスを見分けられます。プロトタイプは特徴の平均で、学習はいりません。
# - 正解率は、N・K・クエリの数・エピソードの数といっしょに書きます。
# - エピソードの区間は「この画像での平均」の確かさ、シードの区間は「新しい画像でも同じか」の確かさです。
# - 生の画素とランダムな重みを対照に置きます。差がなければ、事前学習のおかげではありません。
# - 同じ描き方の新しいクラスより、別のドメインで測った数字のほうが、実際の仕事に近い見積もりです。
#
# **うまくいかないとき**
#
# - 1ショットの結果が大きくばらつく:サポート画像の当たり外れです。もう1、2枚足すのがいちばん効きます。
# - 論文の数字に届かない:ドメインの近さ、N、K、クラスの重なりを確かめます。
# - 見知らぬものにも、どれかのクラスを答えてしまう:最も近いものを選ぶ方法だからです。最初の節のように、しきい値を併用します。
# - 人の顔に使いたい:写真は個人情報です。本人の同意と、誤りが起きたときの手当てを先に決めてください。
#
# **文献**
#
# - J. Snell, K. Swersky, R. Zemel, *Prototypical Networks for Few-shot Learning*, 2017. [arXiv:1703.05175](https://arxiv.org/abs/1703.05175)
# - O. Vinyals ほか, *Matching Networks for One Shot Learning*, 2016. [arXiv:1606.04080](https://arxiv.org/abs/1606.04080)
# - W.-Y. Chen ほか, *A Closer Look at Few-shot Classification*, 2019. [arXiv:1904.04232](https://arxiv.org/abs/1904.04232)
# - Y. Wang ほか, *SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning*, 2019. [arXiv:1911.04623](https://arxiv.org/abs/1911.04623)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - On pretrained features, one picture or a few are enough to tell new classes apart. A prototype is a mean of features; nothing is trained.
# - An accuracy is reported with its N, its K, the number of queries and the number of episodes.
# - The interval over episodes says how sure we are about these pictures; the one over seeds, whether new pictures give the same.
# - Raw pixels and random weights are the controls. Without a difference to them, it was not the pre-training.
# - A number measured in another domain is a better estimate for a real job than one on new classes of the same generator.
#
# **What can go wrong**
#
# - 1-shot results vary widely: the luck of the support picture. One or two more help most.
# - A paper's number is out of reach: compare how near the domains are, N, K, and whether classes overlap.
# - It names a class even for something unknown: the nearest always wins. Add a threshold, as in the first section.
# - You want to use it on faces: photographs are personal data. First settle consent, and what happens after a wrong answer.
#
# **References**
#
# - J. Snell, K. Swersky, R. Zemel, *Prototypical Networks for Few-shot Learning*, 2017. [arXiv:1703.05175](https://arxiv.org/abs/1703.05175)
# - O. Vinyals et al., *Matching Networks for One Shot Learning*, 2016. [arXiv:1606.04080](https://arxiv.org/abs/1606.04080)
# - W.-Y. Chen et al., *A Closer Look at Few-shot Classification*, 2019. [arXiv:1904.04232](https://arxiv.org/abs/1904.04232)
# - Y. Wang et al., *SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning*, 2019. [arXiv:1911.04623](https://arxiv.org/abs/1911.04623)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 個体の見分け10分、エピソードとプロトタイプ15分、2つの区間10分、方法と対照10分、どの数字を報告するか5分、自分の絵とクイズ10分が目安です。
#
# - エピソードの図では、実行する前に参加者に右側の鳥を当ててもらいます。人の正解率と比べると盛り上がります。
# - よくある誤解:「600エピソードも行ったから確かだ」(同じ画像です)、「1ショットでもプロトタイプは最近傍と違う」(同じです)、「新しいクラスなら公平だ」(描き方が同じです)。
# - 遅い教室では、4つの方法のセルから `"head"` を外すと軽くなります。
# - 主張のセルは、執筆に使っていないシード3組(11–15、21–25、31–35)の新しい写真でも確かめてあります。手書き数字の比較だけは、テスト画像が決まっているので、この1組です。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: the individual 10 minutes, episodes and prototypes 15, the two intervals 10, ways and controls 10, which number to report 5, own drawings and quiz 10.
#
# - At the figure of the episode, let people name the birds on the right before going on, and compare their accuracy with the network's.
# - Common mistakes: "600 episodes, so it is certain" (they are the same pictures); "with one shot prototypes differ from the nearest neighbour" (they do not); "the classes are new, so it is fair" (the generator is the same).
# - On slow machines take `"head"` out of the cell with the four ways.
# - The claims were also checked on three sets of seeds not used while writing (11-15, 21-25, 31-35), each with new photographs. Only the comparison on handwriting rests on one set, since its test pictures are fixed.
