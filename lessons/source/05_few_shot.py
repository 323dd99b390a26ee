# %% [markdown] key="title" lang="ja"
# # 05 フューショット学習
#
# **説明30分、練習15分** ・ 前提：レッスン02（特徴抽出）。ベクトルの平均と、2点の距離がわかれば十分です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 画像1枚から数枚だけで新しいクラスを見分ける仕組みを、素のPyTorchで作る
# - その正解率を、事前学習なしの場合と並べて報告する
# - 「知らない」と答える仕組みを作り、2種類の誤りを測って評価する

# %% [markdown] key="title" lang="en"
# # 05 Few-shot learning
#
# **30 minutes of reading, 15 of exercises** · Before this: lesson 02 (feature extraction), means and distances of vectors.
#
# After this lesson you can
#
# - recognise a new class from one picture or a few, in plain PyTorch
# - report its accuracy beside what is reached without pre-training
# - teach a network to say "I do not know", and measure both kinds of error that it then makes

# %% key="setup"
import torch
from IPython.display import display
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
lesson05 = tl.figures("05")
network = tl.backbone("zukan-resnet")  # frozen; it has never seen a bird
# ja: network = tl.backbone("zukan-resnet")  # 凍結した「目」。鳥は一度も見ていません
birds = tl.load_task("birds", per_class=1, valid_per_class=1)  # used: 40 test pictures a kind
# ja: birds = tl.load_task("birds", per_class=1, valid_per_class=1)  # 使うのはテスト画像、各40枚

# %% [markdown] key="idea" lang="ja"
# ## 図鑑の絵が1枚あれば
#
# 野鳥に詳しい人は、図鑑で1枚の絵を見ただけの鳥でも、野外で出会えば「あの鳥だ」とわかります。鳥のどこを見ればよいかを、目がもう知っているからです。
#
# 職場にも同じ仕事があります。たとえば倉庫では、カタログ写真1枚を手がかりに、返品された部品の型番を当てます。新しい部品のたびに、何千枚も撮って学習し直すわけにはいきません。
#
# このように、1クラスにつき1枚から数枚の例だけで新しいクラスを見分けることを、**フューショット学習**（few-shot learning、少数ショット学習）といいます。まずは自分の絵で試しましょう。
#
# 1. 欄Aには船、欄Bには花の見本が入っています。ネットワークに与える例は、この2枚だけです。
# 2. 3つ目の欄に入っている船を「全部消す」で消し、花を自分で描いてください。1画ごとに、どちらに近いかを答えます。
# 3. その花も消して、今度は魚を描いてみます。何と答えてほしいですか。実際には、何と答えるでしょうか。
# 4. 最後に、AとBも消して、好きな絵を描いてみましょう。

# %% [markdown] key="idea" lang="en"
# ## One picture in the guide
#
# A bird-watcher who has seen a bird only once, in a guide, knows it again outdoors. The eye has already learned what to look for.
#
# A warehouse has the same task. A part comes back, and one photograph in the catalogue has to tell which part it is.
#
# Telling new classes apart by one or a few examples of each is called **few-shot learning**. Try it with your own drawings.
#
# 1. Fields A and B hold a boat and a flower, the network's only examples.
# 2. Press "Clear" under the boat in the third field and draw a flower there. After every stroke the network says which is nearer.
# 3. Clear that, too, and draw a fish. What should the answer be, and what is it?
# 4. Clear A and B and draw what you like there.

# %% key="pad"
tl.widget("05_draw")

# %% [markdown] key="plane" lang="ja"
# **魚を描いても、答えは必ずAかBです。** いちばん近いものを選ぶだけだからです。この弱点は、あとの節で直します。
#
# ## しくみ：特徴の平均と距離
#
# 借りてきた目、つまり凍結したネットワークは、1枚の画像を256個の数に変えます。この数の列を**特徴**、または**埋め込み**（embedding）といいます。似た画像どうしは、特徴も近くなります。
#
# 答えのわかっている画像を**サポート集合**、答えを当てたい画像を**クエリ**といいます。クラスごとに、サポートの特徴の平均をとったものが**プロトタイプ**（prototype）です。クエリには、最も近いプロトタイプのクラスを答えます。やることはこれだけです。

# %% [markdown] key="plane" lang="en"
# **Even for a fish the answer is A or B**, because the network only picks the nearer one. Below we put that right.
#
# ## How it works: a mean and a distance
#
# The borrowed eye, a frozen network, turns a picture into 256 numbers: its **features**, or **embedding**. Similar pictures get features that lie close together.
#
# Pictures whose answer is known form the **support set**; those to be named are the **queries**. The mean of a class's support features is its **prototype**. A query gets the class of the nearest prototype.

# %% key="plane-diagram"
tl.diagram("prototypes")

# %% [markdown] key="formula" lang="ja"
# 図の計算を式にすると、こうなります（Snell ほか, 2017）。$f(x)$ は画像 $x$ の特徴、$S_c$ はクラス $c$ のサポート画像、$|S_c|$ はその枚数、$q$ はクエリです。
#
# $$p_c = \frac{1}{|S_c|}\sum_{x \in S_c} f(x), \qquad \hat{y}(q) = \arg\min_c \lVert f(q) - p_c \rVert^2$$
#
# 左の式がプロトタイプです。右の式は、距離の2乗が最小のクラスを選びます（レッスン04の最近傍クラス平均です）。重みは1つも学習せず、コードはたった2行です。

# %% [markdown] key="formula" lang="en"
# As a formula (Snell et al., 2017): $f(x)$ are the features of picture $x$, $S_c$ the support pictures of class $c$, $|S_c|$ their number, and $q$ is a query.
#
# $$p_c = \frac{1}{|S_c|}\sum_{x \in S_c} f(x), \qquad \hat{y}(q) = \arg\min_c \lVert f(q) - p_c \rVert^2$$
#
# The left formula is the prototype; the right one picks the class at the smallest squared distance, as the nearest class mean of lesson 04 does. No weight is trained, and the code is two lines.


# %% key="classify"
def classify(support, query):
    """support: (classes, pictures, features); query: (queries, features)."""
    # ja: """support：（クラス, 画像, 特徴）。query：（クエリ, 特徴）。"""
    prototypes = support.mean(1)
    return torch.cdist(query, prototypes).argmin(1)  # not squared: the nearest is the same
    # ja: return torch.cdist(query, prototypes).argmin(1)  # 2乗しなくても、最も近い相手は同じ


features = tl.extract_features(network, birds.test)  # of 400 pictures
# ja: features = tl.extract_features(network, birds.test)  # 400枚の特徴
kinds = torch.stack([features[birds.test.labels == kind] for kind in range(10)])  # (10, 40, 256)

# %% [markdown] key="guide" lang="ja"
# 鳥の図鑑を作りましょう。ネットワークが一度も見ていない5種類の鳥を、1枚ずつの絵で登録します。上の段がサポートで、名前がわかっています。下の10枚はクエリの一部で、順番は混ぜてあります。
#
# 1. まず、1番から10番までの名前を自分で当ててください。手がかりは、くちばし・尾・冠羽・翼です。背景や胴の色はあてになりません。
# 2. 次に予想です。各種類15枚、合わせて75枚のクエリのうち、ネットワークは何%を当てるでしょうか。ランダムに答えた場合は20%です。

# %% [markdown] key="guide" lang="en"
# Make a guide to five kinds of bird that the network has never seen, with one picture of each. The top row is the support; below are ten of the queries, shuffled.
#
# 1. Name birds 1 to 10 yourself, by bill, tail, crest and wing. Background and body colour tell you nothing.
# 2. Predict: of 75 queries, 15 of each kind, what share will the network name correctly? Guessing gives 20%.

# %% key="guide-show" alt_ja="上の段に鳥5種類のサポート画像が1枚ずつ、名前つき。下に番号つきのクエリ10枚。" alt_en="Top row: one support picture of each of five kinds of bird, with names. Below: ten numbered queries."
display(lesson05.show_guide(birds))
tl.predict_first("05-guide", "Share of the 75 named correctly", between=(20, 100), unit="%")
# ja: tl.predict_first("05-guide", "75枚のうち当たる割合", between=(20, 100), unit="%")


# %% key="score"
def score(images, shots):
    """The share of right answers; the first `shots` pictures of each kind are the support."""
    # ja: """正しい答えの割合。各種類のはじめの `shots` 枚がサポートです。"""
    support, query = images[:, :shots], images[:, shots:]
    truth = torch.arange(len(images)).repeat_interleave(query.shape[1])  # 0, 0, ..., 1, 1, ...
    return (classify(support, query.flatten(0, 1)) == truth).float().mean().item()


guide = score(kinds[:5, :16], shots=1)  # of each kind 1 support picture and 15 queries
# ja: guide = score(kinds[:5, :16], shots=1)  # 各種類、サポート1枚とクエリ15枚
print(lesson05.list_answers(birds))
tl.see_prediction("05-guide", round(100 * guide))

# %% [markdown] key="luck" lang="ja"
# **1枚ずつの絵だけで、8割を超える鳥が当たりました。** あなたは10枚のうち何枚当たりましたか。
#
# ## たまたまではないか
#
# 下のウィジェットには、3種類の鳥の絵が8枚ずつ並んでいます。クリックすると、その絵をサポートに加えたり外したりできます。プロトタイプ（◆）が動き、クエリの色が変わります。取り替えるときは、新しい絵を加えてから元の絵を外してください。1枚の取り替えで、正解率をどこまで上げられるでしょうか。

# %% [markdown] key="luck" lang="en"
# **With one picture of each kind, most birds were named correctly.** How many of the ten did you name?
#
# ## Was that luck?
#
# The widget offers eight pictures each of three kinds. Click one to add it to the support or to take it out: the prototypes (◆) move, the queries change colour. To exchange one, add the new picture, then take out the old. How far can a single exchange raise the share of right answers?

# %% key="widget"
tl.widget("05")

# %% [markdown] key="episodes" lang="ja"
# **絵を1枚替えるだけで、結果は大きく変わります。** いちばん効くのはオオハシを1枚目から6枚目に替えたときで、正解率は65%から92%に上がります。
#
# そこで、種類も画像も選び直して、図鑑を何百冊も作ります。1冊分の試験を**エピソード**といい、大きさは2つの数で表します。種類の数が **Nウェイ**（N-way）、1種類あたりのサポートの枚数が **Kショット**（K-shot）です。先ほどの図鑑は、5ウェイ1ショット（5-way 1-shot）です。

# %% [markdown] key="episodes" lang="en"
# **A single picture matters a lot.** The best exchange, the sixth toucan for the first, turns 65% into 92%.
#
# So make hundreds of guides, each with other kinds and pictures. The test of one guide is an **episode**. Two numbers tell its size: **N-way** is the number of kinds, **K-shot** the number of support pictures of each. The guide above was 5-way 1-shot.

# %% key="episode-diagram"
tl.diagram("episode")


# %% key="episodes-run" alt_ja="600エピソードの正解率のヒストグラム。平均、上の図鑑、ランダムに答えた場合を線で示す。" alt_en="Histogram of the accuracy of 600 episodes with the mean, the guide above and guessing as lines."
def episode(ways, shots):
    chosen, pictures = torch.randperm(10)[:ways], torch.randperm(40)[: shots + 15]
    return score(kinds[chosen][:, pictures], shots)


torch.manual_seed(0)
accuracies = [episode(ways=5, shots=1) for _ in range(600)]
lesson05.draw_luck(accuracies, guide)

# %% [markdown] key="luck-read" lang="ja"
# **平均は約79%ですが、1冊ごとの結果は、半分しか当たらないものから満点近くまであります。** そのため、フューショットの正解率は、1冊ではなく600エピソード以上の平均で報告します。`tl.few_shot` は、同じ計算を1行で行います。
#
# ## 枚数を増やす、事前学習を外す
#
# サポートを2枚、5枚、10枚と増やしましょう。事前学習のおかげかどうかも、それを使わない2つの**対照実験**で確かめます。**ランダムな重み**のネットワークと、**生の画素**どうしの距離です。

# %% [markdown] key="luck-read" lang="en"
# **The mean is about 79%, but a single guide gets anything from half to nearly all right.** So report the mean over 600 episodes or more. `tl.few_shot` measures it in one line.
#
# ## More pictures, and no pre-training
#
# Now take two, five and ten support pictures. Two **controls** show what is possible without pre-training: a network with **random weights**, and distances between **raw pixels**.

# %% key="controls" alt_ja="ショット数に対する鳥の正解率。事前学習済み、ランダムな重み、生の画素の3本の線と、ランダムに答えた場合の線。" alt_en="Accuracy on birds against the number of shots: lines for pretrained features, random weights, raw pixels and guessing."
torch.manual_seed(0)
untrained = tl.backbone("zukan-resnet", pretrained=False)
sources = {"pretrained": network, "random": untrained, "pixels": "pixels"}
results = {
    name: {shots: tl.few_shot(source, birds, n_way=5, n_shot=shots) for shots in (1, 2, 5, 10)}
    for name, source in sources.items()
}
lesson05.draw_controls(results)

# %% [markdown] key="controls-read" lang="ja"
# **いちばん効くのは、はじめの数枚です。** 1枚から5枚に増やすと、約79%が94%になります。平均をとると、1枚ごとの当たり外れがならされるからです。
#
# **そして、効いているのは事前学習です。** 5枚のとき、よいほうの対照でも約45%にとどまります。
#
# ### 練習A（試す、4分）
#
# 種類を5から10に増やすと、正解率はどれだけ下がるでしょうか。1ショットと5ショットで測り、5ウェイの値から10ウェイの値を引いて `drops` に入れてください。2つの下がり方は、なぜ違うのでしょうか。
#
# 平均正解率は、`tl.few_shot(network, birds, n_way=..., n_shot=...).accuracy.mean` で、0から1の割合として得られます。

# %% [markdown] key="controls-read" lang="en"
# **The first few pictures matter most.** From one to five, the accuracy rises from about 79% to 94%, because a mean evens out the luck of single pictures.
#
# **And the credit goes to the pre-training**: with five pictures, the better control reaches only 45%.
#
# ### Exercise A (try, 4 minutes)
#
# How far does the accuracy fall with ten kinds instead of five? Measure it with one shot and with five, and put 5-way minus 10-way into `drops`. Why do the two falls differ?
#
# `tl.few_shot(network, birds, n_way=..., n_shot=...).accuracy.mean` is the mean accuracy, from 0 to 1.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: drops = {1: ..., 5: ...}
drops = {}
for shots in (1, 5):
    five = tl.few_shot(network, birds, n_way=5, n_shot=shots).accuracy.mean
    ten = tl.few_shot(network, birds, n_way=10, n_shot=shots).accuracy.mean
    drops[shots] = five - ten
### END SOLUTION
tl.check("05-a")

# %% [markdown] key="ex-a-why" lang="ja" tags=["solution"]
# 1ショットでは約12ポイント（0.12）、5ショットでは約5ポイント（0.05）下がります。種類が増えると、間違えうる相手も増えるからです。サポートが5枚あるとプロトタイプが安定するので、下がり方は小さくなります。

# %% [markdown] key="ex-a-why" lang="en" tags=["solution"]
# The fall is about 12 points (0.12) with one shot and about 5 points (0.05) with five. More kinds are more neighbours to be confused with; with five pictures the prototypes are steadier, so the fall is smaller.

# %% [markdown] key="door" lang="ja"
# ## 「知らない」と言わせる
#
# カタログにない部品が来たら、いちばん近い型番を答えるより「知らない」と言うべきです。そこで、登録した画像と十分に似ているものだけを通し、似ている度合いが**しきい値**に届かなければ断ります。
#
# 似ている度合いは、距離と違って値の範囲が決まっている**コサイン類似度**で測ります。2つの特徴の長さを1にそろえて、内積をとった値です。同じ向きなら1、直角なら0です。

# %% [markdown] key="door" lang="en"
# ## Teach it to say "I do not know"
#
# For a part outside the catalogue, "I do not know" is better than the nearest entry. So accept only what is similar enough to an entry, and reject what falls short of a **threshold**.
#
# **Cosine similarity**, which unlike a distance has a fixed scale, tells how alike two pictures are: bring both features to length 1 and take their dot product. The same direction gives 1, a right angle 0.

# %% key="threshold-diagram"
tl.diagram("threshold")

# %% [markdown] key="door-rates" lang="ja"
# 登録した画像と比べた結果は、次の4通りです。割合の名前は、顔や指紋の照合で使われてきたものです。どれも、その行の中での割合です。
#
# | | 通した | 断った |
# |---|---|---|
# | 同じ種類 | 正解：**TAR**（本人受入率、true accept rate） | 誤り：**FRR**（本人拒否率、false reject rate）= 1 − TAR |
# | 別の種類 | 誤り：**FAR**（他人受入率、false accept rate） | 正解 |
#
# 1. **登録**：種類ごとに、はじめの5枚の特徴の平均を登録します。
# 2. **しきい値**：はじめの5種類で、FARが5%になる値にします。別の種類との類似度の95%がこれより小さい、という値です（`quantile(0.95)`）。
# 3. **テスト**：残りの5種類で試します。しきい値を決めた鳥で試すと、評価が甘くなるからです。

# %% [markdown] key="door-rates" lang="en"
# A comparison with an entry can end in four ways. The names of the shares, each taken within its row, come from the recognition of faces and fingerprints:
#
# | | accepted | rejected |
# |---|---|---|
# | same kind | right: **TAR** (true accept rate) | error: **FRR** (false reject rate), 1 − TAR |
# | another kind | error: **FAR** (false accept rate) | right |
#
# 1. **Register**: the entry of a kind is the mean of its first five pictures.
# 2. **Choose the threshold** on the first five kinds, so that their FAR is 5%. It is the value below which 95% of the similarities to other kinds lie: `quantile(0.95)`.
# 3. **Test** on the last five kinds; on the same birds, the threshold would look too good.

# %% key="door-run" alt_ja="同じ種類と別の種類の類似度のヒストグラムと、しきい値。" alt_en="Histograms of similarities, of the same kind and of another kind, with the threshold."
unit = F.normalize(kinds, dim=2)  # every feature vector has length 1
# ja: unit = F.normalize(kinds, dim=2)  # 特徴ベクトルの長さを1にそろえます


def compare(vectors, registered):
    """Similarities of pictures 11-40 to their own entry and to others; 1-10 are for entries."""
    # ja: """11〜40枚目と、自分・ほかの種類の登録との類似度。1〜10枚目は登録用です。"""
    entries = F.normalize(vectors[:, :registered].mean(1), dim=1)
    similarity = entries @ vectors[:, 10:].mT  # shape: kind, entry, picture
    # ja: similarity = entries @ vectors[:, 10:].mT  # 形：種類、登録、画像
    own = torch.eye(len(vectors), dtype=torch.bool)  # True where entry and kind are the same
    # ja: own = torch.eye(len(vectors), dtype=torch.bool)  # 登録と種類が同じところだけTrue
    return similarity[own], similarity[~own]


threshold = compare(unit[:5], registered=5)[1].quantile(0.95).item()
same, other = compare(unit[5:], registered=5)
tar, far = (same >= threshold).float().mean(), (other >= threshold).float().mean()
print(f"Threshold {threshold:.2f}: TAR {tar:.0%}, FAR {far:.0%}")
# ja: print(f"しきい値 {threshold:.2f}：TAR {tar:.0%}、FAR {far:.0%}")
lesson05.draw_door(same, other, threshold)

# %% [markdown] key="door-read" lang="ja"
# **FARは5%になるように決めたのに、新しい種類では9%でした。** しきい値を決めた鳥とは違う鳥だからです。
#
# 図では、灰色の山のうちしきい値より右の部分がFAR、青い山の右の部分がTARです。しきい値を動かしても、一方の誤りが減れば、もう一方が増えます。
#
# **登録する枚数を増やせば、両方の誤りが減ります。** しきい値をFARが5%になるところに動かすと、TARは1枚の登録で約60%、5枚では約78%です（登録する絵を20回選び直した平均）。
#
# では、図鑑にまったく載っていないものはどうでしょうか。いま載っているのは残りの5種類なので、魚の絵200枚と、はじめの5種類の鳥を見せてみましょう。

# %% [markdown] key="door-read" lang="en"
# **We asked for an FAR of 5%, yet it is 9%**, because the threshold was chosen on other birds.
#
# In the figure, the FAR is the part of the grey hill right of the threshold, the TAR that of the blue one. Moving the threshold only trades one error for the other.
#
# **More registered pictures make both errors rarer.** With the threshold moved to where the FAR is 5%, the TAR is about 60% with one picture and 78% with five (means over 20 draws of the pictures).
#
# And strangers? The guide now holds the last five kinds, so show it 200 pictures of fish, and the first five kinds of bird.

# %% key="fish-run"
fish = tl.load_task("fish", per_class=1, valid_per_class=1, test_per_class=20)
fish_features = tl.extract_features(network, fish.test)
entries = F.normalize(unit[5:, :5].mean(1), dim=1)
strangers = {"other birds": unit[:5].flatten(0, 1), "fish": fish_features}
# ja: strangers = {"ほかの鳥": unit[:5].flatten(0, 1), "魚": fish_features}
for name, vectors in strangers.items():
    most_similar = (F.normalize(vectors, dim=1) @ entries.T).amax(1)
    print(f"{name}: {(most_similar >= threshold).float().mean():.0%} get in")
    # ja: print(f"{name}：{(most_similar >= threshold).float().mean():.0%}が通りました")

# %% [markdown] key="fish-read" lang="ja"
# **知らないものの3分の1が、魚でも鳥でも通ってしまいました。** FARの9%は、1つの登録と比べたときの値です。図鑑には登録が5つあり、どれか1つに似ていれば通ります。5つの比較が独立なら $1 - (1 - 0.09)^5 \approx 38\%$ で、測った値とほぼ合います。登録が300種類なら、ほとんど何でも通ってしまいます。
#
# そこで、しきい値は、**登録をすべてそろえた状態で、本番で来そうな「知らないもの」** を使って決めます。
#
# ### 練習B（書く、6分）
#
# この決め方を、関数 `choose_threshold(unknown, entries, let_in)` に書きましょう。知らないもののうち `let_in` の割合だけが通る、というしきい値を返します。`unknown`（知らないもの）は（画像, 特徴）、`entries` は（登録, 特徴）の形で、どちらの特徴も、長さが1とはかぎりません。
#
# 書けたら、`strangers["ほかの鳥"]` と `let_in=0.05` でしきい値を決めてみてください。魚はまだどれだけ通るでしょうか。図鑑に載っている鳥（類似度は `same` にあります）は、どれだけ通るでしょうか。

# %% [markdown] key="fish-read" lang="en"
# **A third of the strangers get in, fish and birds alike.** The FAR of 9% is that of one entry, but a stranger has to resemble only one of five. If the five were independent, that would make $1 - (1 - 0.09)^5 \approx 38\%$, close to what was measured. With 300 entries, nearly every stranger would get in.
#
# So choose the threshold with **all entries in place, on strangers as they will really come**.
#
# ### Exercise B (write, 6 minutes)
#
# Do just that in `choose_threshold(unknown, entries, let_in)`. It returns the threshold at which only the share `let_in` of the unknown pictures gets in. `unknown` has the shape (pictures, features), `entries` (entries, features); their vectors need not have length 1.
#
# Then use it with `strangers["other birds"]` and `let_in=0.05`. How many fish still get in, and how many of the guide's own birds (`same` holds their similarities)?


# %% key="ex-b" tags=["exercise"] needs="setup"
def choose_threshold(unknown, entries, let_in):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    similarity = F.normalize(unknown, dim=1) @ F.normalize(entries, dim=1).T
    return similarity.amax(1).quantile(1 - let_in)
    ### END SOLUTION


tl.check("05-b")

# %% [markdown] key="ex-b-why" lang="ja" tags=["solution"]
# 確かめるコードは次のとおりです。
#
# ```python
# stricter = choose_threshold(strangers["ほかの鳥"], entries, let_in=0.05)
# most_similar = (F.normalize(fish_features, dim=1) @ entries.T).amax(1)
# print((most_similar >= stricter).float().mean(), (same >= stricter).float().mean())
# ```
#
# しきい値は0.90に上がり、通る魚は200枚のうち67枚から3枚に減ります。ただし、図鑑に載っている鳥も、通るのは92%から27%に減ってしまいます。
#
# 原因は1種類の鳥です。「ほかの鳥」のうちまだ通るものは、どれもセキレイで、図鑑のヤツガシラやアカゲラと同じしま模様の翼をもっています。このように紛らわしいものは、それ自体を1つの種類として登録しましょう。セキレイを6つ目の登録に加え、残りの4種類でしきい値を決め直すと、図鑑の鳥は69%が通り、通る魚は27枚になります。

# %% [markdown] key="ex-b-why" lang="en" tags=["solution"]
# Measure it with
#
# ```python
# stricter = choose_threshold(strangers["other birds"], entries, let_in=0.05)
# most_similar = (F.normalize(fish_features, dim=1) @ entries.T).amax(1)
# print((most_similar >= stricter).float().mean(), (same >= stricter).float().mean())
# ```
#
# The threshold rises to 0.90, and of the 200 fish 3 get in instead of 67. But of the guide's own birds, too, only 27% get in instead of 92%.
#
# A single kind is to blame: the other birds that still get in are all wagtails, which have the striped wing of the guide's hoopoe and woodpecker. So register such a look-alike as a kind of its own. With the wagtail as a sixth entry, and the threshold chosen on the other four kinds, 69% of the guide's own birds then get in, and 27 fish.

# %% [markdown] key="real" lang="ja"
# ## 本物の手書き文字では？
#
# **Omniglot** は、世界の文字を20人が実際に手で書いたデータです。どのネットワークも、これらの文字を学習していません。先ほどの2つの対照に加えて、2つの目を比べます。
#
# - MobileNetV2：約128万枚の写真（ImageNet）で学びました
# - この教材の小さな `zukan-resnet`：架空の生き物・模様・文字の絵で学びました

# %% [markdown] key="real" lang="en"
# ## And on real handwriting?
#
# **Omniglot** holds characters of the world's alphabets as twenty people wrote them; no network here was trained on them. Beside the two controls, compare two eyes:
#
# - MobileNetV2 learned from 1.28 million photographs (ImageNet)
# - the course's small `zukan-resnet` learned from drawings of invented creatures, patterns and characters

# %% key="real-figure" tags=["hide-input"] alt_ja="Omniglotの文字でのフューショットの正解率を、4種類の特徴で比べた点と信頼区間。" alt_en="Few-shot accuracy on Omniglot's characters for four kinds of features, as points with intervals."
real = tl.stored("05_real")
lesson05.draw_real(real)

# %% [markdown] key="real-read" lang="ja"
# **本物の文字でも、事前学習済みの特徴は2つの対照を大きく上回りました。** しかもここでは、小さなネットワークが有名なMobileNetV2を上回りました。事前学習に使った画像、つまり**転移元**に文字があったからかもしれません。
#
# ただし、**勝敗は条件しだいです。** 入力を大きくし、コサインで比べると逆転します（「さらに深く：勝敗は条件で変わる」）。
#
# ### 練習C（設計する、5分）
#
# 倉庫の部品は300種類で、カタログ写真が1枚ずつあります。返品の5%は、カタログにない他社の部品です。間違った棚に戻すと1件1万円、人が確かめれば1件100円かかります。
#
# 計画を `plan` に書いてください。
#
# - `"pictures"`：1種類あたり何枚登録するか
# - `"threshold_from"` と `"tested_on"`：しきい値を決めるデータと、最後のテストのデータ
# - `"if_unknown"`：断ったときにすること
# - `"why"`：理由（返品1000個の損得の計算も入れます）
#
# 書き終えたら、解答例にある採点表で見直しましょう。

# %% [markdown] key="real-read" lang="en"
# **On real characters, too, pretrained features are far above both controls.** And here the small network is even ahead of the famous MobileNetV2, perhaps because its **source**, the pictures of its pre-training, held characters.
#
# But **who wins depends on the settings**: with larger pictures, compared by cosine, MobileNetV2 leads ("Deeper: other settings, another winner").
#
# ### Exercise C (design, 5 minutes)
#
# The warehouse has one photograph of each of 300 kinds of part. Of the returns, 5% are other makers' parts, not in the catalogue. A part on the wrong shelf costs 70 euros, a look by a person 70 cents.
#
# Write your `plan`:
#
# - `"pictures"`: how many to register of each kind
# - `"threshold_from"` and `"tested_on"`: the data for the threshold, and those for the final test
# - `"if_unknown"`: what to do on a rejection
# - `"why"`: your reasons, with the costs of 1,000 returns
#
# Mark it with the rubric in the solution.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {"pictures": ..., "threshold_from": ..., "if_unknown": ...,
# PLACEHOLDER:         "tested_on": ..., "why": ...}
plan = {
    "pictures": 5,
    "threshold_from": "pictures of 200 kinds and of makers A-C, with all 300 entries in place",
    # ja: "threshold_from": "200種類と他社A〜Cの画像。登録は300種類すべてそろえる",
    "if_unknown": "a person looks; the picture of a part of ours joins its entry",
    # ja: "if_unknown": "人が確かめ、自社の部品ならその画像を登録に加える",
    "tested_on": "the other 100 kinds and makers D-F: TAR and FAR, reported with N = 300",
    # ja: "tested_on": "残りの100種類と他社D〜F。TARとFARをN = 300といっしょに報告する",
    "why": "On birds, 5 pictures raised the TAR from 60% to 78% at an FAR of 5%. Of 1,000 "
    "returns 50 are strangers. Letting in 2% of them is 1 part, 70 euros, a tenth of "
    "the 700 euros that it costs to look at everything.",
    # ja: "why": "鳥では、FAR 5%でのTARが5枚の登録で60%から78%に上がった。返品1000個のうち"
    # ja: "他社の部品は50個。通すのを2%以下にすれば1個、1万円の損で済み、"
    # ja: "全部を人が確かめる10万円の1割になる。",
}
### END SOLUTION
tl.check("05-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 枚数 | 1枚のまま | 数枚に増やす | 増やした効果を数字で説明した |
# | しきい値 | テストと同じ部品で決める | 別の種類で決める | 別の種類と他社の部品で、登録をすべてそろえて決める |
# | 損得 | 触れていない | FARを低くすると書いた | 1万円と100円から、通してよい割合の目標を計算した |
# | 断ったとき | 決めていない | 人が確かめる | 人が確かめ、自社の部品ならその画像を登録に加える |
# | テスト | 正解率だけ | TARとFAR | TARとFARを、N（種類の数）といっしょに報告する |
#
# **損得の計算例**：返品1000個のうち、他社の部品は50個です。全部を人が確かめると10万円、他社の部品を全部通すと50万円かかります。通すのを2%（1個）に抑えれば1万円です。全部を確かめるより9万円安く、その分で人が900件を確かめられます。断った他社の部品49件を除くと、851件です。しきい値を厳しくしたために断ってしまう自社の部品がこれに収まるかどうかは、200種類の画像で見積もります。なお、自社の部品どうしを取り違えても1件1万円かかります。この計算には入れていないので、テストで件数を数えておきましょう。
#
# 解答例の計画は、5つの観点がどれも2点で、10点です。7点以上なら、そのまま提案書に書けます。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | pictures | one, as it is | several | several, and what they gain, in numbers |
# | threshold | chosen on the parts of the test | on other kinds | on other kinds and makers, with all entries in place |
# | costs | not mentioned | the FAR has to be low | a goal for the strangers let in, worked out from the two costs |
# | rejection | not decided | a person looks | a person looks; the picture of a part of ours joins its entry |
# | test | accuracy alone | TAR and FAR | TAR and FAR, reported together with N |
#
# **The costs, worked out**: of 1,000 returns, 50 were made by others. A person looking at everything costs 700 euros; letting in all 50 costs 3,500. Letting in 2% of them, one part, costs 70. That leaves 630 of the 700, enough for 900 looks: 49 at rejected strangers, and 851 at your own parts that a strict threshold rejects. The pictures of the 200 kinds tell whether that is enough. One cost is left out of this sum: a part of your own that is taken for another one costs 70 euros, too. Count those in the test.
#
# The plan above gets 2 points in each row, 10 in all. With 7 points or more, yours can go to your boss as it is.

# %% key="quiz"
tl.quiz("05")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 事前学習した特徴があれば、1枚か数枚の画像で新しいクラスを見分けられます。プロトタイプは特徴の平均で、学習はいりません。
# - 正解率は、N・K・エピソード数といっしょに書き、生の画素とランダムな重みを対照に置きます。
# - いちばん近いものを選ぶだけでは、知らないものにも答えてしまいます。テストとは別のクラスで、登録をすべてそろえてしきい値を決め、TARとFARで評価します。
# - 人の顔に使うときは、同意と、誤りが起きたときの対応を先に決めてください。顔写真は個人情報です。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - On pretrained features, one picture or a few tell new classes apart. A prototype is a mean of features; nothing is trained.
# - Report an accuracy with N, K and the number of episodes, beside raw pixels and random weights.
# - Picking the nearest gives every stranger a name, too. Add a threshold, chosen with all entries in place and on classes outside the test, and report TAR and FAR.
# - For faces, which are personal data, first settle consent and what happens after an error.

# %% [markdown] key="deeper-random" lang="ja" tags=["deeper"]
# ## さらに深く：ランダムな重みは1例で足りるか
#
# ランダムな重みにも、当たり外れがあります。そこで、5通りのうち最もよいものと比べます。差は、2つの信頼区間の近いほうの端どうしで測ります。

# %% [markdown] key="deeper-random" lang="en" tags=["deeper"]
# ## Deeper: is one random network enough?
#
# Random weights may be lucky, too. So compare with the best of five such networks. The lead is measured between the ends of the two intervals that lie nearest to each other.

# %% key="claim-controls" tags=["claim"]
one = {name: by_shots[1].accuracy for name, by_shots in results.items()}
random = []
for seed in range(5):
    torch.manual_seed(seed)
    weights = tl.backbone("zukan-resnet", pretrained=False)
    random.append(tl.few_shot(weights, birds, n_way=5, n_shot=1).accuracy.high)
gap = one["pretrained"].low - max(*random, one["pixels"].high)
tl.claim(
    f"With one picture, pretrained features lead raw pixels and the best of five random networks "
    f"by {100 * gap:.0f} points or more",
    # ja: f"1枚のとき、事前学習済みの特徴の正解率は、生の画素よりも、5通りのランダムな重みの"
    # ja: f"どれよりも、{100 * gap:.0f}ポイント以上高くなりました",
    gap > 0.25,
)

# %% [markdown] key="deeper-eer" lang="ja" tags=["deeper"]
# ## さらに深く：すべてのしきい値を一度に見る
#
# しきい値を1つ決めると、FARとTARの組が1つ決まります。すべてのしきい値での組を線で結んだのが**ROC曲線**です。左上の近くを通るほど、2つの誤りが少なくなります。

# %% [markdown] key="deeper-eer" lang="en" tags=["deeper"]
# ## Deeper: all thresholds at once
#
# A threshold gives one pair of FAR and TAR. The **ROC curve** joins the pairs for all thresholds: the nearer it passes to the upper left corner, the fewer errors of both kinds.

# %% key="roc" alt_ja="登録1枚と5枚のROC曲線。" alt_en="ROC curves with one and with five registered pictures."
lesson05.draw_roc({count: compare(unit[5:], count) for count in (1, 5)})

# %% [markdown] key="eer-intro" lang="ja"
# **5枚の登録の曲線のほうが、左上の近くを通ります。** 曲線を1つの数で表すこともあります。左上の角と右下の角を結ぶ対角線と交わる点（●）ではFARとFRRが等しく、そこでの誤り率を**EER**（equal error rate）といいます。他人を通したくない入口では、「FAR 1%でのTAR」も報告します。

# %% [markdown] key="eer-intro" lang="en"
# **The curve with five pictures lies nearer to the corner.** A curve can also be summed up in one number. Where it meets the line from the upper left corner to the lower right (●), FAR and FRR are equal; that error is the **EER** (equal error rate). At a gate, where strangers must stay outside, people also report the TAR at an FAR of 1%.


# %% key="eer"
def equal_error(same, other):
    thresholds = torch.linspace(0, 1, 501)
    frr = torch.stack([(same < threshold).float().mean() for threshold in thresholds])
    far = torch.stack([(other >= threshold).float().mean() for threshold in thresholds])
    nearest = (frr - far).abs().argmin()
    return ((frr + far)[nearest] / 2).item()


for registered in (1, 5):
    same, other = compare(unit[5:], registered)
    tar = (same >= other.quantile(0.99)).float().mean()
    print(f"{registered} registered: EER {equal_error(same, other):.0%}, TAR {tar:.0%} at FAR 1%")
    # ja: print(f"登録{registered}枚：EER {equal_error(same, other):.0%}、FAR 1%でのTAR {tar:.0%}")


# %% key="claim-door" tags=["claim"]
def accepted_at(far, registered, birds):
    same, other = compare(birds, registered)
    return (same >= other.quantile(1 - far)).float().mean().item()


torch.manual_seed(0)
gains = []
for _draw in range(20):
    shuffled = unit[5:][:, torch.randperm(40)]
    gains.append(accepted_at(0.05, 5, shuffled) - accepted_at(0.05, 1, shuffled))
gain = tl.interval(gains)
tl.claim(
    f"At an FAR of 5%, five registered pictures raise the TAR by {100 * gain.low:.0f} to "
    f"{100 * gain.high:.0f} points (20 draws of the registered pictures)",
    # ja: f"FAR 5%でのTARは、5枚登録すると1枚より{100 * gain.low:.0f}〜{100 * gain.high:.0f}"
    # ja: "ポイント上がります（登録する画像を選び直して20回）",
    gain.low > 0,
)

# %% [markdown] key="deeper-ways" lang="ja" tags=["deeper"]
# ## さらに深く：平均のほかに3つの方法
#
# - **コサイン**：平均との向きが最も近いクラス
# - **最も近い1枚**：いちばん近いサポート画像のクラス
# - **学習した出力層**：エピソードごとに、サポートだけで線形の出力層を学習する

# %% [markdown] key="deeper-ways" lang="en" tags=["deeper"]
# ## Deeper: three ways besides the mean
#
# - **Cosine**: the class whose mean points most nearly the same way
# - **Nearest picture**: the class of the nearest support picture
# - **Trained head**: a linear head for each episode, trained on its support alone

# %% key="ways" alt_ja="ショット数に対する鳥の正解率。4つの分類方法の線。" alt_en="Accuracy on birds against the number of shots, a line for each of four ways to classify."
methods = ("prototypes", "cosine", "nearest", "head")
ways = {
    method: {shots: tl.few_shot(network, birds, 5, shots, method=method) for shots in (1, 2, 5, 10)}
    for method in methods
}
lesson05.draw_ways(ways)

# %% [markdown] key="ways-read" lang="ja"
# **1ショットでは、ほとんど差がありません。** 平均するものがないので、プロトタイプと「最も近い1枚」は定義から同じ答えです。10枚あれば、学習した出力層が少し上回ります。どの特徴を重く見るかを、サポートから学べるからでしょう。

# %% [markdown] key="ways-read" lang="en"
# **With one shot they hardly differ.** There is nothing to average, so prototypes and the nearest picture give the same answers by definition. With ten pictures the trained head is a little ahead, probably because it can learn from the support which features to weigh.

# %% [markdown] key="deeper-sets" lang="ja" tags=["deeper"]
# ## さらに深く：600エピソードの区間は何の区間か
#
# 600エピソードは、どれも**同じ400枚**から選んでいます。エピソードを増やせば区間はいくらでも狭くなりますが、わかるのは「この400枚での平均」だけです。新しい画像ではどうなるかを、各200枚、5組の新しい絵で確かめます。

# %% [markdown] key="deeper-sets" lang="en" tags=["deeper"]
# ## Deeper: what the interval over 600 episodes is about
#
# All 600 episodes are drawn from **the same 400 pictures**. More episodes make the interval as narrow as you like, and still it speaks about these 400 only. For new pictures, look at five new sets of 200 drawings.


# %% key="sets" alt_ja="画像5組の平均正解率とエピソードの信頼区間、組についての信頼区間、次の1組の予測範囲の帯。" alt_en="Mean accuracy of five sets of pictures, each with an interval over episodes; the interval over the sets; a band for a next set."
from dataclasses import replace


def measure_set(seed):
    drawn = tl.load_task("birds", per_class=20, valid_per_class=1, test_per_class=1, seed=seed)
    # Nothing is trained, so the training pictures may serve as a test.
    # ja: # 何も学習しないので、訓練用の画像で試験ができます。
    return tl.few_shot(network, replace(drawn, test=drawn.train), n_way=5, n_shot=1)


sets = [measure_set(seed) for seed in tl.seeds(5)]
lesson05.draw_sets(sets)

# %% [markdown] key="sets-read" lang="ja"
# **組どうしの差は、1組の区間の幅より大きくなりました。** 論文の表の「±」は、たいていエピソードの区間です。新しい画像の1組でどんな平均が出るかを言いたいときは、水色の**予測範囲**を使います。5つの平均の標準偏差を $s$、平均を $\bar{x}$、組の数を $n$ として、$\bar{x} \pm t_{n-1}\, s \sqrt{1 + 1/n}$ です。$t_{n-1}$ はt分布から決まる値です（95%なら $t_{4} = 2.78$）。予測範囲は、平均そのものの信頼区間より必ず広くなります。鳥の種類やネットワークを替えたときの違いは、どちらにも入っていません。

# %% [markdown] key="sets-read" lang="en"
# **The sets differ by more than the interval of any one of them.** The "±" in the tables of papers is usually the interval over episodes. To say what mean a new set of pictures may give, use the light blue **prediction range**. With the mean $\bar{x}$ and the standard deviation $s$ of the five means, and $n$ sets, it is $\bar{x} \pm t_{n-1}\, s \sqrt{1 + 1/n}$. Here $t_{n-1}$ comes from the t distribution (for 95%, $t_{4} = 2.78$). The range is always wider than the interval of the mean. Neither covers other kinds of bird, or another network.

# %% [markdown] key="deeper-domains" lang="ja" tags=["deeper"]
# ## さらに深く：どの数字を信じるか
#
# 「新しいクラス」にも、近いものと遠いものがあります。まず、事前学習に入っていたクラスでの数字は、フューショットとは言えません（`tl.few_shot` が警告します）。また論文では、1つのデータセットを「学習用のクラス」と「新しいクラス」に分けることがよくあります。ここでは「新しい生き物」（`novel`）と「新しい架空の文字」（`strokes`）がそれにあたり、事前学習の画像と同じプログラムで描いてあります。鳥と魚を描いたのは、別のプログラムです。

# %% [markdown] key="deeper-domains" lang="en" tags=["deeper"]
# ## Deeper: which number to believe
#
# "New classes" can be near or far. A number on classes that were in pre-training is not few-shot learning at all (`tl.few_shot` warns). And papers often split the classes of one data set into those to train on and "novel" ones. Here the new creatures (`novel`) and the new invented characters (`strokes`) are of that sort: they come from the program that drew the pictures of pre-training. Another one drew the birds and the fish.


# %% key="domains" alt_ja="6つのドメインでの1ショットと5ショットの正解率と、生の画素の1ショット。" alt_en="Accuracy in six domains with one and five support pictures, and of raw pixels with one."
def measure(name):
    classes = range(5) if name == "surfaces" else range(10)  # surfaces has only five
    # ja: classes = range(5) if name == "surfaces" else range(10)  # 表面の検査は5クラスだけ
    task = tl.load_task(name, 1, valid_per_class=1, test_per_class=20, classes=classes)
    return {
        "one_shot": tl.few_shot(network, task, n_way=5, n_shot=1).accuracy,
        "five_shot": tl.few_shot(network, task, n_way=5, n_shot=5).accuracy,
        "pixels_one_shot": tl.few_shot("pixels", task, n_way=5, n_shot=1).accuracy,
    }


domains = {
    name: measure(name) for name in ("novel", "strokes", "birds", "fish", "digits", "surfaces")
}
lesson05.draw_domains(domains)

# %% [markdown] key="domains-read" lang="ja"
# **「新しいクラス」での数字は、事前学習と同じプログラムの絵で最も高くなりました。** 表面の検査では、どの方法もあまり役に立ちません。フューショットの正解率を見たら、まず「新しいクラスの画像は、事前学習と同じところから来たものか」を確かめてください。
#
# **本物の手書き数字では、生の画素が1ショットでネットワークに並びます。** 数字の位置も大きさもそろっているからでしょう。対照を置かなければ、転移の効果だと思い込むところでした。

# %% [markdown] key="domains-read" lang="en"
# **Numbers on "new classes" are highest when the same program drew the pictures of pre-training.** In the inspection of surfaces, nothing helps much. Whenever you see a few-shot number, first ask whether the new classes come from the same place as the pre-training.
#
# **On real digits, raw pixels are level with the network at one shot**, probably because the digits are all in place and of one size. Without the control, transfer would have got the credit.

# %% [markdown] key="deeper-settings" lang="ja" tags=["deeper"]
# ## さらに深く：勝敗は条件で変わる
#
# 本物の文字の図では、MobileNetV2の入力は96画素で、平均との距離で比べました。入力を128画素にして、事前学習で見た大きさ（224画素）に近づけ、コサイン類似度でも比べてみます。数字は、1ショットで小さなネットワークが何ポイント上かで、下回ればマイナスです（保存済み、かっこ内は95%信頼区間）。必要なファイルがそろっていれば、衛星写真でもその場で比べ、1行加えます。

# %% [markdown] key="deeper-settings" lang="en" tags=["deeper"]
# ## Deeper: other settings, another winner
#
# In the figure of the real characters MobileNetV2 was given 96 pixels, and the distance to the mean decided. Give it 128, nearer to the 224 of its pre-training, and compare by cosine as well. The numbers are the lead of the small network at one shot, with a minus where it is behind (stored, 95% intervals in brackets). Where the files are at hand, the cell adds a line on satellite photos, measured on the spot.

# %% key="claim-real" tags=["claim"]
pairs = zip(real["zukan"]["5-way 1-shot"], real["imagenet"]["5-way 1-shot"])
lead = tl.interval([ours - theirs for ours, theirs in pairs])
tl.claim(
    f"5-way 1-shot, 96 pixels: the small network leads by {100 * lead.low:.0f} to "
    f"{100 * lead.high:.0f} points (stored, 10 draws of 100 characters)",
    # ja: f"5ウェイ1ショット、96画素で、小さなネットワークが{100 * lead.low:.0f}〜"
    # ja: f"{100 * lead.high:.0f}ポイント上回りました（保存済み、100文字を選び直して10回）",
    lead.low > 0,
)

# %% key="settings"
other = tl.stored("05_stable")["verdicts"]["characters"]
compared_by = {"prototypes": "distance", "cosine": "cosine"}
# ja: compared_by = {"prototypes": "距離", "cosine": "コサイン"}
for rule, by in compared_by.items():
    lead = tl.interval(other[f"{rule}, 1-shot, 128 px"])
    told = f"{lead.mean:+.1f} points [{lead.low:+.1f}, {lead.high:+.1f}]"
    # ja: told = f"{lead.mean:+.1f}ポイント [{lead.low:+.1f}, {lead.high:+.1f}]"
    print(f"128 pixels, by {by}: the small network's lead is {told}")
    # ja: print(f"128画素、{by}で比べたとき、小さなネットワークのMobileNetV2との差は {told}")
if tl.live("mobilenet_v2", "eurosat"):
    earth = tl.load_task("eurosat", 1, source="public", valid_per_class=1)  # satellite photos
    # ja: earth = tl.load_task("eurosat", 1, source="public", valid_per_class=1)  # 衛星写真
    eyes = (network, tl.backbone("mobilenet_v2", size=64))
    ours, theirs = (
        tl.few_shot(eye, earth, n_way=5, n_shot=1, episodes=200).accuracy.mean for eye in eyes
    )
    told = f"{100 * (ours - theirs):+.1f} points ({ours:.1%} against {theirs:.1%})"
    # ja: told = f"{100 * (ours - theirs):+.1f}ポイント（{ours:.1%}と{theirs:.1%}）"
    print(f"Satellite photos, by distance: the small network's lead is {told}")
    # ja: print(f"衛星写真、距離で比べたとき、小さなネットワークのMobileNetV2との差は {told}")

# %% [markdown] key="settings-read" lang="ja"
# **差は1.5ポイントに縮み、コサイン類似度では逆に2.7ポイント負けます。** 96画素での5〜7ポイントの差は、ネットワークだけで決まったのではありません。

# %% [markdown] key="settings-read" lang="en"
# **The lead shrinks to 1.5 points, and by cosine it turns into a loss of 2.7.** The 5 to 7 points at 96 pixels were not due to the networks alone.

# %% [markdown] key="references" lang="ja" tags=["deeper"]
# ## さらに深く：いまのフューショット学習と文献
#
# **いまは**：よい特徴と単純な分類器の組み合わせが、手の込んだフューショット専用の学習に並ぶことが示されました（Tian ほか, 2020、[arXiv:2003.11539](https://arxiv.org/abs/2003.11539)）。大きな事前学習モデルを簡単な手順で使っても、同じように高い正解率が得られています（Hu ほか, 2022、[arXiv:2204.07305](https://arxiv.org/abs/2204.07305)）。文章では、少数の例で埋め込みごと調整するSetFit（Tunstall ほか, 2022、[arXiv:2209.11055](https://arxiv.org/abs/2209.11055)）がよく使われます。
#
# - J. Snell, K. Swersky, R. Zemel, *Prototypical Networks for Few-shot Learning*, 2017. [arXiv:1703.05175](https://arxiv.org/abs/1703.05175)。論文では特徴 $f$ もエピソードで学習します。
# - O. Vinyals ほか, *Matching Networks for One Shot Learning*, 2016. [arXiv:1606.04080](https://arxiv.org/abs/1606.04080)
# - W.-Y. Chen ほか, *A Closer Look at Few-shot Classification*, 2019. [arXiv:1904.04232](https://arxiv.org/abs/1904.04232)
# - Y. Wang ほか, *SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning*, 2019. [arXiv:1911.04623](https://arxiv.org/abs/1911.04623)

# %% [markdown] key="references" lang="en" tags=["deeper"]
# ## Deeper: today, and references
#
# **Today**: good features with a simple classifier have kept up with elaborate training made for few-shot learning (Tian et al., 2020, [arXiv:2003.11539](https://arxiv.org/abs/2003.11539)), and so has a simple recipe around a large pretrained model (Hu et al., 2022, [arXiv:2204.07305](https://arxiv.org/abs/2204.07305)). For texts, SetFit (Tunstall et al., 2022, [arXiv:2209.11055](https://arxiv.org/abs/2209.11055)) is much used: it tunes the embedding itself on a few examples.
#
# - J. Snell, K. Swersky, R. Zemel, *Prototypical Networks for Few-shot Learning*, 2017. [arXiv:1703.05175](https://arxiv.org/abs/1703.05175). In the paper, $f$ itself is trained with episodes, too.
# - O. Vinyals et al., *Matching Networks for One Shot Learning*, 2016. [arXiv:1606.04080](https://arxiv.org/abs/1606.04080)
# - W.-Y. Chen et al., *A Closer Look at Few-shot Classification*, 2019. [arXiv:1904.04232](https://arxiv.org/abs/1904.04232)
# - Y. Wang et al., *SimpleShot: Revisiting Nearest-Neighbor Classification for Few-Shot Learning*, 2019. [arXiv:1911.04623](https://arxiv.org/abs/1911.04623)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 自分の絵4分、プロトタイプと図鑑7分、運とエピソード4分、枚数と対照3分、練習A 4分、「知らない」7分、練習B 6分、本物の文字とクイズ5分、練習C 5分。時間が足りなければ、練習Cを宿題にします。
#
# - 映すもの：図鑑の図。先へ進む前に、番号のついた鳥を全員で当て、その正解率をネットワークと比べます。
# - 2人組の課題：AとBに「ネットワークが間違えそうな2つの絵」を描き、相手に3つ目を描いてもらいます。
# - 遅れた人は、「知らない」の節から合流できます。`classify` のセルまで実行すれば、続きが動きます。
# - よくある誤解：「600エピソードも行ったから確かだ」（同じ画像です）、「類似度が高ければ必ず同じ種類だ」（しきい値しだいです）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · own drawings 4, prototypes and guide 7, luck and episodes 4, shots and controls 3, exercise A 4, "I do not know" 7, exercise B 6, real characters and quiz 5, exercise C 5. If time runs out, exercise C is homework.
#
# - Project the figure of the guide. Before going on, let everybody name the numbered birds, and compare their accuracy with the network's.
# - For pairs: draw two things in A and B that the network may confuse, and let your partner draw the third.
# - Whoever fell behind can join at "I do not know": the cells down to `classify` are all it needs.
# - Common mistakes: "600 episodes, so it is certain" (they are the same pictures); "very similar, so it must be the same kind" (that depends on the threshold).
