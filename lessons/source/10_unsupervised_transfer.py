# %% [markdown] key="title" lang="ja"
# # 10 教師なし転移学習
#
# **説明28分、練習17分** ・ 前提：レッスン02（特徴抽出）。レッスン06（負の転移）も済ませてあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - ラベルのない画像を、借りた特徴だけで種類ごとに分け、その結果を疑う
# - 正常なデータだけから学び、欠陥や異質な文章を見つける
# - 異常がまれなときに警報がどうなるかを計算し、異常の例なしでしきい値を決める

# %% [markdown] key="title" lang="en"
# # 10 Unsupervised transfer
#
# **28 minutes of reading, 17 of exercises** · Before this: lesson 02 (feature extraction); lesson 06 (negative transfer) helps.
#
# After this lesson you can
#
# - sort unlabelled pictures into kinds with borrowed features alone, and doubt the result
# - learn from sound examples only, and find damage or odd messages
# - work out what becomes of your alarms when the event is rare, and set a threshold without one example of it

# %% key="setup"
import torch
from IPython.display import display
from sklearn.cluster import KMeans

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson10 = tl.figures("10")

# %% [markdown] key="idea" lang="ja"
# ## 名前を知らない鳥の写真を分ける
#
# 野鳥に詳しい人に、外国で撮った写真の束を渡したとします。知らない鳥ばかりで、名前は1つも言えません。それでも、「これとこれは同じ鳥だろう」と束を分けることはできます。ほかの鳥で鍛えた目が、くちばしや羽のどこを見ればよいかを知っているからです。
#
# 仕事でも、ラベルがまったくないことはよくあります。動き始めたばかりの生産ラインからは良品しか出ておらず、欠陥の写真は1枚もありません。問い合わせは毎日届きますが、誰も分類していません。このように、転移先にラベルが1つもないまま事前学習済みのネットワークを使うことを、**教師なし転移学習**（unsupervised transfer）といいます。転移先では、ネットワークの目に映ったものを、分けたり比べたりするだけです。

# %% [markdown] key="idea" lang="en"
# ## Sorting birds that nobody can name
#
# Hand an experienced bird-watcher a pile of photos from a country they have never been to. They cannot name a single bird, yet they can sort the pile: "these two are the same kind". An eye trained on other birds knows to look at bills and wings.
#
# At work, too, there are often no labels at all. A new production line has turned out nothing but good parts so far, so there is not one photo of a defect. Enquiries come in every day, and nobody has sorted them. Using a pretrained network where the target has no labels is called **unsupervised transfer**: we only sort and compare what its eye sees.

# %% [markdown] key="task" lang="ja"
# ## 題材：名前のない写真400枚
#
# 鳥の写真が400枚あります。実は10種類が40枚ずつですが、名前は使いません。最後に答え合わせをするときだけ見ます。
#
# 写真1枚を、本体が出す256個の数（特徴）にします。似た写真は、似た数の並び、つまり近い点になるはずです。近い点を集めてグループに分けることを**クラスタリング**（clustering）、1つのグループを**クラスター**と呼びます。いちばん基本的な方法は**k平均法**（k-means）です。①$k$ 個の中心を適当に置き、②どの点も最も近い中心のグループに入れ、③中心をそのグループの点の平均へ動かします。②と③を、動かなくなるまで繰り返します。
#
# 次のセルで10個に分け、クラスターごとに最も多い種類の名前を付けます。正しい名前が付く写真は、ランダムに分けると18%ほどです。

# %% [markdown] key="task" lang="en"
# ## The job: 400 photos without names
#
# The 400 photos show ten species of birds, 40 each, but we use the names only to check the result at the end.
#
# The body of the network turns a photo into 256 numbers, its features. Photos that look alike should have similar numbers: points that lie close together. Collecting close points into groups is called **clustering**, and one group is a **cluster**. The most basic way is **k-means**: ① put $k$ means (centres) anywhere, ② assign every point to the nearest mean, ③ move each mean to the average of its points. Repeat ② and ③ until nothing moves.
#
# The next cells sort the photos into ten clusters and give each cluster the name of its most frequent species. Sorted at random, about 18% of the photos would get the right name.

# %% key="heaps-diagram"
tl.diagram("heaps")

# %% key="heaps-run" alt_ja="大きいほうから4個のクラスターを1行に1つ並べた写真。どの行も、多くは同じ種類の鳥に見える。" alt_en="Photos of the four largest clusters, a row each. In every row most photos look like one kind of bird."
birds = tl.load_task("birds", per_class=40)
photos, names = birds.train.inputs, birds.train.labels
features = tl.extract_features(network, photos)
clusters = KMeans(10, n_init=10, random_state=0).fit_predict(features)
table = lesson10.crosstab(clusters, names)  # rows: clusters, columns: names
# ja: table = lesson10.crosstab(clusters, names)  # 行：クラスター、列：名前
right = table.max(1).values.sum() / len(names)
print(f"Photos with the right name: {right:.0%}")
# ja: print(f"正しい名前が付いた写真：{right:.0%}")
lesson10.show_clusters(photos, clusters)

# %% [markdown] key="heaps-read" lang="ja"
# **ラベルを1つも使わずに、ほとんどの写真が種類ごとに分かれました。** 図は、大きいほうから4個のクラスターの写真を6枚ずつ並べたものです。同じ行の中で違って見える鳥には、正しい名前が付いていません。ネットワークが事前学習で見たのは別の生き物や模様で、この10種の鳥は1枚も見ていません。
#
# ただし、この採点はあてになりません。クラスターを増やすだけで上がり、1枚ずつに分ければ100%になってしまうからです。
#
# ## 公平な採点：ペアを数える
#
# 写真を2枚ずつのペアにして、「同じクラスターに入ったか」と「同じ種類か」を比べます。たとえば鳥Aが3枚、鳥Bが3枚あり、こう分かれたとします。
#
# | | クラスター1 | クラスター2 |
# |---|---|---|
# | A | 3 | 0 |
# | B | 1 | 2 |
#
# 6枚から、ペアは15組作れます。4枚のクラスターの中には6組、2枚なら1組です。
#
# | どんなペアか | 組 |
# |---|---|
# | 同じクラスター | $6+1=7$ |
# | 同じ種類 | $3+3=6$ |
# | 両方とも同じ | $3+1=4$ |
# | 両方とも同じ：ランダムに分けた場合の平均（7組の15分の6） | $7\times6\div15=2.8$ |
# | 両方とも同じ：完全に分けた場合（7と6の平均とする約束） | $6.5$ |
#
# ランダムに分けた場合を0、完全な場合を1とする目盛りで、この例は $(4-2.8)\div(6.5-2.8)=0.32$ です。これが**調整ランド指数**（adjusted Rand index、**ARI**、Hubert・Arabie, 1985）で、クラスターを増やすだけでは上がりません。
#
# 次は、目を替えて比べましょう。画素をそのまま使う場合、事前学習をしていないランダムな重みの場合、そして事前学習済みの場合です。

# %% [markdown] key="heaps-read" lang="en"
# **Without a single label, most photos are sorted by species.** The picture shows six photos from each of the four largest clusters; a bird unlike its row has a wrong name. In pre-training the network saw other creatures and patterns, but none of these ten birds.
#
# Do not trust this score, though. It rises with the number of clusters, and is 100% when every photo is its own cluster.
#
# ## A fair mark: count pairs
#
# Take photos two at a time: same cluster? same species? For example, three photos of bird A and three of bird B were sorted like this:
#
# | | cluster 1 | cluster 2 |
# |---|---|---|
# | A | 3 | 0 |
# | B | 1 | 2 |
#
# Six photos make 15 pairs: 6 within a cluster of four, 1 within a cluster of two.
#
# | pairs that share | number |
# |---|---|
# | a cluster | $6+1=7$ |
# | a species | $3+3=6$ |
# | both | $3+1=4$ |
# | both, at random (of the 7, on average 6 in 15) | $7\times6/15=2.8$ |
# | both, sorted perfectly (by convention the mean of 7 and 6) | $6.5$ |
#
# Between random (0) and perfect (1) this result stands at $(4-2.8)/(6.5-2.8)=0.32$: the **adjusted Rand index**, **ARI** (Hubert and Arabie, 1985). More clusters do not raise it by themselves.
#
# Now compare three eyes: plain pixels, random weights, and the pretrained network.

# %% key="eyes-run" alt_ja="鳥、魚、手書き数字を10個のクラスターに分けたときのARI。画素、ランダムな重み、事前学習済みの3行。点線は0。" alt_en="ARI of ten clusters of birds, fish and handwritten digits; rows are pixels, random weights and pretrained features, a dotted line is 0."
torch.manual_seed(0)
blank = tl.backbone("zukan-resnet", pretrained=False)
live = {}
for eye, body in {"pixels": "pixels", "random": blank, "pretrained": network}.items():
    live[eye] = tl.cluster(body, birds, 10).ari
    print(f"Birds, {lesson10.name_of(eye)}: ARI {live[eye]:.2f}")
    # ja: print(f"鳥、{lesson10.name_of(eye)}：ARI {live[eye]:.2f}")
stored = tl.stored("10_heaps")
lesson10.draw_eyes(stored, live)

# %% key="claim-eyes" tags=["claim"]
ten = stored["ks"].index(10)
both = zip(stored["birds"]["pretrained"]["ari"][ten], stored["birds"]["random"]["ari"][ten])
gain = tl.interval([a - b for a, b in both])
tl.claim(
    f"On birds, pretrained features sort better than random ones by an ARI of {gain.low:.2f} "
    f"to {gain.high:.2f} (stored, 10 draws)",
    # ja: f"鳥では、事前学習済みの特徴のARIが、ランダムな重みより{gain.low:.2f}〜"
    # ja: f"{gain.high:.2f}高くなりました（保存済み、10回）",
    gain.low > 0.2,
)

# %% [markdown] key="eyes-read" lang="ja"
# **種類ごとに分かれるのは、事前学習で鍛えた目のおかげです。** 鳥と魚では、画素やランダムな重みは、ランダムに分けた場合とほとんど変わらず、借りた特徴は0.76前後です。一方、**手書き数字では画素のほうがわずかに上**でした（0.58と0.53）。数字は大きさも位置もそろった線の絵なので、画素のままでも比べられます。借りた目が役に立つかは、転移元と転移先の組で決まります（レッスン06）。
#
# ## クラスターはいくつ？
#
# ここまでは「10種類」と知っていました。何もわからないとき、$k$ はどう決めればよいでしょうか。よく使われる規則は、**シルエット係数**（silhouette）が最も高い $k$ を選ぶことです。ある点から、同じクラスターの点までの平均距離を $a$、いちばん近い別のクラスターの点までの平均距離を $b$ とすると、
#
# $$s = \frac{b-a}{\max(a, b)}$$
#
# です。たとえば $a=3, b=4$ なら $s=0.25$ で、クラスターが小さくまとまっているほど1に近づきます。これを全部の点で平均します。名前はいりません。ウィジェットで $k$ を動かしてみましょう。

# %% [markdown] key="eyes-read" lang="en"
# **The sorting is done by the pretrained eye.** On birds and fish, pixels and random weights do hardly better than chance, while borrowed features reach about 0.76. **On handwritten digits, pixels are slightly ahead** (0.58 against 0.53): digits are strokes of one size in one place, and can be compared as they are. Whether a borrowed eye helps depends on the pair of source and target (lesson 06).
#
# ## How many clusters?
#
# How would you choose $k$ if you did not know that there are ten species? The usual rule takes the $k$ with the highest **silhouette**. For one point, let $a$ be the mean distance to the points of its own cluster, and $b$ that to the points of the nearest other cluster. Then
#
# $$s = \frac{b-a}{\max(a, b)}$$
#
# For example, $a=3$ and $b=4$ give $s=0.25$; the tighter the clusters, the closer to 1. Average over all points. No names are needed. Move $k$ in the widget.

# %% key="widget"
tl.widget("10")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、3分）
#
# ウィジェットで「鳥」と「事前学習済み」を選び、$k$ を動かします。シルエット係数が最も高い $k$ を `k_by_rule` に、ARIが最も高い $k$ を `k_by_names` に入れてください（同じ値が2つあれば、どちらでもかまいません）。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 3 minutes)
#
# Choose birds and pretrained features in the widget and move $k$. Put the $k$ with the highest silhouette into `k_by_rule`, and the one with the highest ARI into `k_by_names`. If two tie, either will do.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: k_by_rule = ...
# PLACEHOLDER: k_by_names = ...
k_by_rule = 2
k_by_names = 10  # or 11: both have an ARI of 0.76
# ja: k_by_names = 10  # 11でも正解（ARIはどちらも0.76）
### END SOLUTION
tl.check("10-a")

# %% [markdown] key="how-many" lang="ja"
# **規則の答えは2、名前に最も合うのは10と11でした（ARIはどちらも0.76）。** 2つに分けることにも意味はあります。片方には主に翼にしまのある3種類が、もう片方にはしまのない種類が集まっています。しかし、シルエット係数はどの $k$ でもほとんど同じです（0.14〜0.17）。しかも $k=2$ では、**ランダムな重みのほうが高く**（0.26）、そのARIはほぼ0でした。地図に描いても決まりません。特徴を平面に描くときによく使われるt-SNEは、乱数からも島を作ります（「さらに深く：地図に見えるもの、作られるもの」）。$k$ は使い道から決めます。人が見て名前を付けるなら、多めに分けて、あとでまとめるほうが安全です。

# %% [markdown] key="how-many" lang="en"
# **The rule says 2; the names say 10 or 11 (both ARI 0.76).** Two clusters make sense as well: one holds mostly the three species with barred wings, the other the plain ones. But the silhouette hardly depends on $k$ (0.14 to 0.17), and at $k=2$ **random weights have a higher one** (0.26) with an ARI near 0. Nor does a map settle it: t-SNE, a popular way to draw features on a plane, makes islands even of random numbers ("Deeper: a map, what it shows and what it makes up"). Choose $k$ by its use. If people will name the clusters, take too many and merge them later.

# %% [markdown] key="damage" lang="ja"
# ## 欠陥を1枚も見せずに、欠陥を見つける
#
# 職場の例に移りましょう。新しい検査ラインには良品の写真が400枚ありますが、欠陥の写真は1枚もありません。そこで、「良品らしくないもの」を探します。これが**異常検知**（anomaly detection）です。
#
# すぐ思いつくのは、写真全体の特徴が良品の平均からどれだけ離れているかです。しかし、細い傷は写真のごく一部なので、全体の特徴では薄まってしまいます。
#
# そこで**PatchCore**（Roth ほか, 2022、[arXiv:2106.08265](https://arxiv.org/abs/2106.08265)）は、写真を縦横8つずつ、64個の区画（パッチ）に分け、ネットワークの途中の段（`layer2` と `layer3`）の特徴で表します。良品の区画は倉庫（メモリーバンク）にためておきます。次に、新しい部品の区画ごとに、倉庫の中で最も近い区画までの距離を測ります。その最大値が、部品の異常スコアです。

# %% [markdown] key="damage" lang="en"
# ## Finding damage without having seen any
#
# A new inspection line has 400 photos of sound parts and not one of a defect. So look for what is unlike a sound part: **anomaly detection**.
#
# The first idea is the distance of the whole photo's features from the mean of sound parts. But a scratch covers little of the photo, and is lost in the whole.
#
# So **PatchCore** (Roth et al., 2022, [arXiv:2106.08265](https://arxiv.org/abs/2106.08265)) cuts the photo into a grid of 8 × 8 = 64 patches, described by features from the middle of the network (`layer2` and `layer3`), and keeps those of sound parts in a memory bank. A part is as odd as its oddest patch: the one farthest from its nearest neighbour in the bank.

# %% key="patches-diagram"
sound = tl.load_task("surfaces", per_class=400, classes=[0]).train.inputs
line = tl.load_task("surfaces", per_class=3, test_per_class=60)
tl.diagram("patches")

# %% [markdown] key="oddest" lang="ja"
# 式で書くと、次のとおりです。
#
# $$s(\text{部品}) = \max_{\text{区画}}\ \min_{b\,\in\,\text{倉庫}} \lVert \text{区画} - b \rVert$$
#
# 次のセルでは、良品320枚の区画を倉庫に入れ（残りの80枚は、あとで使います）、テストの部品300個（うち良品60個）にスコアを付けます。採点には**AUROC**を使います。欠陥品と良品を1つずつ選んだとき、欠陥品のスコアのほうが高い割合です（単にAUCともいいます）。たとえば良品が1, 2, 4、欠陥品が3, 5なら、6組のうち、3が勝つのは2組、5が勝つのは3組なので、$5\div6=0.83$ です。コイン投げなら0.5、完全なら1です。

# %% [markdown] key="oddest" lang="en"
# As a formula:
#
# $$s(\text{part}) = \max_{\text{patches}}\ \min_{b\,\in\,\text{bank}} \lVert \text{patch} - b \rVert$$
#
# The next cell fills the bank from 320 sound parts (80 are kept for later) and scores 300 test parts, 60 of them sound. The mark is the **AUROC**: of one damaged and one sound part, how often does the damaged one have the higher score? (It is also called AUC.) For example, with sound parts at 1, 2, 4 and damaged ones at 3, 5 there are six pairs. The 3 wins two of them and the 5 wins three, so it is $5/6=0.83$. A coin gives 0.5, perfection 1.

# %% key="patches-run" alt_ja="上の段は部品、下の段は区画ごとの異常さを重ねた図。続いて、平均までの距離と最も異常な区画のAUROCを3つのネットワークで比べた図。" alt_en="Parts above, below them maps of how odd each patch is; then AUROC of the distance to the mean and of the oddest patch, by three networks."
bank = lesson10.patches_of(network, sound[:320])  # a row of features for each of 64 patches
# ja: bank = lesson10.patches_of(network, sound[:320])  # 1枚につき64区画、1行に1区画の特徴
bank = bank[torch.randperm(len(bank))[:10_000]]  # half of them are enough
# ja: bank = bank[torch.randperm(len(bank))[:10_000]]  # 半分あれば足りる


def odd_patches(images):
    apart = torch.cdist(lesson10.patches_of(network, images), bank)
    return apart.min(1).values.view(-1, 8, 8)


maps = odd_patches(line.test.inputs)
scores, damaged = maps.flatten(1).max(1).values, line.test.labels > 0
higher = scores[damaged][:, None] > scores[~damaged]
auroc = higher.float().mean().item()
print(f"AUROC of the oddest patch: {auroc:.2f}")
# ja: print(f"最も異常な区画のAUROC：{auroc:.2f}")
display(lesson10.show_damage(line, maps))
surfaces = tl.stored("10_surfaces")
lesson10.draw_methods(surfaces, ("mean", "patches"), auroc)

# %% key="claim-patches" tags=["claim"]
aurocs = {name: runs["auroc"] for name, runs in surfaces["methods"]["pretrained"].items()}
reached = tl.interval(aurocs["patches"])
ahead = tl.interval([a - b for a, b in zip(aurocs["patches"], aurocs["mean"])])
tl.claim(
    f"Learned from sound parts only, patches reach an AUROC of {reached.low:.2f} to {reached.high:.2f}, "
    f"{ahead.low:.2f} to {ahead.high:.2f} above the distance to the mean (stored, 10 draws)",
    # ja: f"良品だけから学んで、区画のAUROCは{reached.low:.2f}〜{reached.high:.2f}で、平均までの距離より"
    # ja: f"{ahead.low:.2f}〜{ahead.high:.2f}高くなりました（保存済み、10回）",
    reached.low > 0.85 and ahead.low > 0,
)

# %% [markdown] key="rare" lang="ja"
# **欠陥を1枚も見ていないのに、欠陥が見つかり、場所までわかります。** 写真は、それぞれの状態で最も異常とされた部品です（左端の良品は誤報になります）。明るい所ほど異常で、下の数字は、それよりスコアの低い良品の割合です。右端は、見逃される欠陥品です。最も異常な区画は、欠陥品の84%で本当に欠陥の上にあります（偶然なら23%）。
#
# 10回測ると、平均までの距離では0.65だったAUROCが、区画では0.89になりました（ランダムな重みでも、区画なら0.75です）。欠陥を無視するように育った**色見分けネット**（レッスン06）の目では、コイン投げに近いままです。
#
# ## まれな異常：AUROCが高くても、警報はほとんど誤報
#
# この検出器を現場で使ってみましょう。誤報が良品の5%までになるようにしきい値を決めると（決め方はこのあと）、10回の平均では、良品の4%で誤報が出て、欠陥品の43%が見つかりました。1日に10,000個の部品が流れ、欠陥品は1,000個に1個です。

# %% [markdown] key="rare" lang="en"
# **It has never seen damage, and yet it finds it, and says where.** The pictures show the oddest part of each condition (the sound one would be a false alarm) and, at the far right, a damaged part that goes unnoticed. Bright patches are odd; below stands the share of sound parts that are less odd. In 84% of the damaged parts the oddest patch lies on the damage itself (by chance: 23%).
#
# Over ten draws the AUROC is 0.89, against 0.65 for the distance to the mean (patches by random weights: 0.75). The **paint sorter**, brought up to ignore damage (lesson 06), stays close to a coin.
#
# ## Rare events: a good AUROC, and nearly all alarms are false
#
# Put this detector on the line. With a threshold set for at most 5% false alarms (how to set it comes next), over the ten draws 4% of the sound parts raise one, and 43% of the damaged parts are caught. 10,000 parts pass in a day, and one in 1,000 is damaged.

# %% key="predict-rare"
tl.predict_first(
    "10-rare",
    "Of the parts that raise an alarm, how many are damaged?",
    # ja: "警報が鳴った部品のうち、本当に欠陥品なのは？",
    choices=("about 1 in 100", "about 1 in 10", "about 1 in 2"),
    # ja: choices=("100件に1件ほど", "10件に1件ほど", "2件に1件ほど"),
)

# %% key="rare-run"
parts, rate, caught, false = 10_000, 1 / 1000, 0.43, 0.04
right = parts * rate * caught
wrong = parts * (1 - rate) * false
print(f"{right:.1f} right alarms, {wrong:.0f} false: {right / (right + wrong):.1%} are right")
# ja: print(f"正しい警報 {right:.1f} 件、誤報 {wrong:.0f} 件：正しいのは {right / (right + wrong):.1%}")
display(tl.diagram("rare"))
tl.see_prediction("10-rare", "about 1 in 100")
# ja: tl.see_prediction("10-rare", "100件に1件ほど")

# %% [markdown] key="rare-read" lang="ja"
# **100件の警報のうち、正しいのは1件ほどです。** 検出器が悪いのではありません。良品は欠陥品の999倍もあるので、その4%でも400件になり、4件の正しい警報が埋もれてしまいます。調べる前の異常の割合を**ベースレート**（base rate）、警報のうち正しいものの割合を**適合率**（precision）といいます。AUROCはベースレートに左右されないので、0.9という数字からは、この問題に気づけません。同じ検出器でも、欠陥品が10個に1個なら、警報の約半分が正しくなります。
#
# ## 異常を1つも見ずに、しきい値を決める
#
# 見つかる割合（43%）は、欠陥品がなければ測れません。でも**誤報の割合なら、良品だけで決められます。** 学習に使わなかった良品にスコアを付け、上位5%だけが超える値をしきい値にします。
#
# どの割合がよいかは費用で決まります。人が1個確認する手間を1とし、見逃し1個の損害をその何回分かで表します。ウィジェットの計算には、この教材の欠陥品で測った「見つかる割合」を使いました（新しいラインでは、仮の値を置くしかありません）。次の3つの場合に費用が最も低くなるしきい値を探してください。①欠陥品が1,000個に1個で、損害は1,000回分。②100個に1個で、100回分。③10個に1個で、10回分。

# %% [markdown] key="rare-read" lang="en"
# **Of a hundred alarms about one is right.** The detector is not to blame: there are 999 times as many sound parts, and 4% of them make 400 false alarms, among which 4 right ones are lost. The share of odd parts is the **base rate**, and the share of alarms that are right is the **precision**. The AUROC does not depend on the base rate, so a figure of 0.9 does not warn you. With one damaged part in ten, half of the alarms would be right.
#
# ## A threshold without a single example of damage
#
# The share that is caught (43%) cannot be measured without damaged parts. **The share of false alarms can: it takes sound parts only.** Score sound parts that were not learned from, and put the threshold below their top 5%.
#
# Which share is best depends on the cost. The unit is one check by a person, and each alarm costs one. The widget takes the share caught from our test parts; on a new line you have to assume it. Find the cheapest threshold for three cases: 1 damaged part in 1,000 and a missed one at 1,000 checks; 1 in 100 at 100; 1 in 10 at 10.

# %% key="stream"
tl.widget("10_stream")

# %% [markdown] key="stream-read" lang="ja" tags=["answer"]
# **3つの場合とも、誤報を良品の30%まで許すしきい値が最も安くなります**（20%でもほぼ同じです）。部品1個あたりの損害（欠陥品の割合と、見逃し1個の損害の積）が、どれも1だからです。

# %% [markdown] key="stream-read" lang="en" tags=["answer"]
# **In all three cases a threshold with 30% false alarms is cheapest** (20% is hardly dearer), since the damage per part (share damaged times cost of a missed one) is 1 in each.

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# しきい値を決める関数 `quiet_threshold(scores, share)` を書きましょう。`scores` は良品のスコアが並んだテンソル、`share` は許す誤報の割合です。その割合の良品だけが超えるスコアを返します。たとえばスコアが1から10の10個で `share` が0.2なら、9と10だけが超える値、つまり8以上9未満の数です。
#
# 書けたら、次の2行をセルの最後に足します。倉庫に入れなかった80枚でしきい値を決めると、テストの良品60枚のうち、誤報は2、3枚（3〜5%）になるはずです。
#
# ```python
# held_out = odd_patches(sound[320:]).flatten(1).max(1).values
# (scores[~damaged] > quiet_threshold(held_out, 0.05)).float().mean()
# ```

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# Write the function that sets the threshold: `quiet_threshold(scores, share)`. `scores` is a tensor with the scores of sound parts, `share` the share of false alarms that you allow. Return a score above which only this share of sound parts lies. For example, with the scores 1 to 10 and a `share` of 0.2, only 9 and 10 lie above: any number from 8 to just below 9 will do.
#
# Then add these two lines at the end of the cell. They set the threshold on the 80 parts kept for later; 2 or 3 of the 60 sound test parts (3 to 5%) should raise an alarm.
#
# ```python
# held_out = odd_patches(sound[320:]).flatten(1).max(1).values
# (scores[~damaged] > quiet_threshold(held_out, 0.05)).float().mean()
# ```


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def quiet_threshold(scores, share):
# PLACEHOLDER:     return ...
def quiet_threshold(scores, share):
    allowed = int(len(scores) * share)
    return scores.sort(descending=True).values[allowed]


### END SOLUTION
tl.check("10-b")

# %% [markdown] key="real" lang="ja"
# ## 本物のデータでは？
#
# 文章でも、既知の文章のうち最も近いものまでの距離を異常スコアにできます。2つのデータで試しました。1つは、150種類の用件に答える窓口に届く**対象外の問い合わせ**（CLINC150、用件ごとに30件だけ学習）、もう1つは、通常のSMSだけから学んで見つける**迷惑SMS**です。特徴は3通りです。文を1つのベクトルに変える本物のネットワーク（**文エンコーダー**）のMiniLM、この教材の小さなzukan-bert、そして、単語を数えて珍しいものほど重く見る**TF-IDF**（事前学習なし）です。

# %% [markdown] key="real" lang="en"
# ## And on real data?
#
# The same works for messages: the score is the distance to the nearest known one. We tried it on two sets. One is **requests out of scope**: a help desk knows 150 kinds of request (CLINC150, 30 of each to learn from), and others come in as well. The other is **spam**, to be found after learning from ordinary text messages only. Messages are described by MiniLM, a real **sentence encoder** (a network that turns a text into one vector), by the small zukan-bert of this course, and by **TF-IDF**, which counts words (rare ones weigh more) and needs no pre-training.

# %% key="real-figure" alt_ja="対象外の問い合わせと迷惑SMSのAUROCを、3つの特徴で比べた図。" alt_en="AUROC for requests out of scope and for spam, by three encoders."
real = tl.stored("10_real")
lesson10.draw_real(real)

# %% [markdown] key="exercise-c" lang="ja"
# **対象外の問い合わせは見つかり、迷惑SMSは、このスコアでは見つかりませんでした。** 問い合わせでは、MiniLMのAUROCが0.96です。zukan-bertは0.73で、事前学習のないTF-IDF（0.75）と変わりません。
#
# 迷惑SMSは、どの特徴でも0.63以下です。通常のSMSは実にさまざまなので、宣伝文も、通常の文どうしと同じくらいの距離に収まってしまいます。コイン投げより低いzukan-bertの0.41は、迷惑SMSのほうが、新しい通常の文より既知の文に近いという意味です。スコアを通常の文の平均からの距離に替えると、zukan-bertは迷惑SMSで0.82まで上がりますが、問い合わせのほうは、どの特徴でも下がります（保存済み）。どのスコアが合うかは、見つけたいものの例が手元にいくつかないと選べません。**異常検知が見つけるのは「見慣れないもの」で、「悪いもの」ではありません。**
#
# ### 練習C（設計する、8分。2人で話し合うのもおすすめです）
#
# 銀行の問い合わせ窓口に、1日20,000通のメッセージが届きます。詐欺の新しい手口が混ざっても、すぐに気づきたいという相談です。過去のふつうのメッセージは100,000通ありますが、新しい手口の例は1通もなく、来るとしても1日に数通です。担当者が読めるのは1日200通までです。
#
# 計画を `plan` に書いてください。しきい値は数字で決めます。正解は1つではありません。

# %% [markdown] key="exercise-c" lang="en"
# **Requests out of scope stand out; spam, by this score, does not.** For requests, MiniLM has an AUROC of 0.96; zukan-bert, with 0.73, is no better than TF-IDF (0.75).
#
# Spam stays at 0.63 or below. Ordinary messages are so varied that an advertisement lies hardly farther from them than they lie from each other; for zukan-bert (0.41) it lies even nearer. Yet by the distance to the mean of ordinary messages, zukan-bert reaches 0.82 on spam, while all three encoders do worse on requests (stored). Which score suits cannot be chosen without some examples of what you look for. **Anomaly detection finds what is unfamiliar, not what is bad.**
#
# ### Exercise C (design, 8 minutes, also good in pairs)
#
# A bank's help desk gets 20,000 messages a day. It would like to notice at once when a new kind of fraud turns up, a few messages a day. There are 100,000 ordinary messages from the past and not one example. The team can read 200 messages a day.
#
# Write your plan into `plan`, with a number for the threshold. There is more than one good plan.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "known": ...,  # what it learns from
# ja: # PLACEHOLDER:     "known": ...,  # 学習に使うもの
# PLACEHOLDER:     "score": ...,  # how a message is scored
# ja: # PLACEHOLDER:     "score": ...,  # 異常スコアの計算方法
# PLACEHOLDER:     "threshold": ...,  # how the threshold is set, with a number
# ja: # PLACEHOLDER:     "threshold": ...,  # しきい値の決め方（数字で）
# PLACEHOLDER:     "check": ...,  # how you notice misses, or that it has grown stale
# ja: # PLACEHOLDER:     "check": ...,  # 見逃しや劣化に気づく方法
# PLACEHOLDER:     "why": ...,  # your reasons
# ja: # PLACEHOLDER:     "why": ...,  # 理由
# PLACEHOLDER: }
plan = {
    "known": "80,000 ordinary messages, old fraud taken out; 20,000 others set the threshold.",
    # ja: "known": "過去の詐欺を除いた80,000通。残りの20,000通は、しきい値用に取っておきます。",
    "score": "MiniLM. Nearest known message or the mean? 20 made-up frauds decide.",
    # ja: "score": "MiniLMを使います。最も近い文までか平均までかは、詐欺の見本20通で選びます。",
    "threshold": "The top 1% of held-out ordinary messages: 200 alarms a day, what the team can read.",
    # ja: "threshold": "取っておいた通常文の上位1%。1日200件で、担当者が読める数に合わせます。",
    "check": "Each week, staff write 20 made-up frauds and send them in: how many are caught?",
    # ja: "check": "毎週、担当者が作った詐欺の見本20通を流し、何通見つかるかを記録します。",
    "why": "With a few in 20,000, nearly all alarms are false; so the number read sets the limit.",
    # ja: "why": "20,000通に数通なら警報はほとんど誤報です。読める数からしきい値を決めます。",
}
### END SOLUTION
tl.check("10-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 学習に使うもの | 決めていない | 通常の文だけ | しきい値用を分け、混入にも触れた |
# | スコア | 方法がない | 距離など具体的 | 見本か図の数字で選んだ |
# | しきい値 | 勘で決める | 割合で決める | 読める数（200通）から計算した |
# | 気づく方法 | なし | 人が見る | 偽の例や警報の数を記録する |
# | 適合率 | 触れていない | 誤報が多いと書いた | 何件に1件かを見積もった |
#
# 7点以上なら、そのまま提案できます。上の解答例は、2＋2＋2＋2＋1で9点です（適合率の見積もりがありません）。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | learned from | not said | ordinary messages only | some held out for the threshold, stray fraud considered |
# | score | no method | a method such as a distance | chosen with examples or a figure's numbers |
# | threshold | by feeling | by a share | worked out from the 200 that can be read |
# | check | none | somebody looks | made-up examples or the number of alarms are recorded |
# | precision | not mentioned | says that most alarms are false | estimates how many |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 2 + 2 + 2 + 2 + 1 = 9: it does not estimate the precision.

# %% key="quiz"
tl.quiz("10")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 転移先にラベルがなくても、借りた特徴で分けたり比べたりできます。鳥と魚のARIは、ランダムな重みの0.1以下に対し、0.76ほどでした。数字では画素のほうがわずかに上でした。
# - クラスターの数は、データだけからは決まりません。よく使われる規則は、10種類の鳥を2つと答えました。
# - 異常検知は正常なデータだけで学びます。小さな異常は、全体の平均ではなく区画で見ます。
# - 異常がまれなら、良い検出器でも警報はほとんど誤報です。
# - しきい値は正常なデータだけで決められますが、見逃しは異常の例がなければ測れません。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Without labels in the target, borrowed features can still be sorted and compared: an ARI of about 0.76 on birds and fish, less than 0.1 with random weights. On digits, pixels are slightly ahead.
# - Data alone do not tell the number of clusters: the usual rule found two among ten species.
# - Anomaly detection learns from sound examples. Look for small damage in patches, not in the mean of the whole.
# - When the event is rare, nearly all alarms of a good detector are false.
# - Sound examples are enough to set the threshold; to measure what is missed, you need examples of damage.

# %% [markdown] key="deeper-maps" lang="ja" tags=["deeper"]
# ## さらに深く：地図に見えるもの、作られるもの
#
# 256個の数は目に見えないので、2つの数に縮めて地図にします。**PCA**（主成分分析）は、点が最も広がる2つの向きだけを残す、いわば影絵です。**t-SNE**（van der Maaten・Hinton, 2008）は、近い点どうしが近いままになるように、点を並べ直します。何個ほどの点を「近い」と見るかは、`perplexity` で決めます。きれいな島ができるので、論文や報告書でよく見かけます。
#
# 次のセルでは、t-SNEで2枚の地図を作ります。1枚は鳥の写真400枚、もう1枚は**何の構造もない点**400個です（乱数を3つずつ並べた点です）。

# %% [markdown] key="deeper-maps" lang="en" tags=["deeper"]
# ## Deeper: a map, what it shows and what it makes up
#
# Nobody can see 256 numbers, so shrink them to two and draw a map. **PCA** (principal component analysis) keeps only the two directions in which the points spread most: a shadow. **t-SNE** (van der Maaten and Hinton, 2008) places the points anew so that close ones stay close; how many count as close is set by `perplexity`. It makes beautiful islands, and you meet it in many papers and reports.
#
# The next cell draws two maps by t-SNE. One is of the 400 photos of birds, the other of 400 **points without any structure** (three random numbers each).

# %% key="maps-run" alt_ja="400個の点の地図が2枚、AとB。どちらの点も、いくつもの小さな島や筋に分かれて見える。" alt_en="Two maps of 400 points, A and B. In both the points seem to form many small islands and strings."
from sklearn.manifold import TSNE

torch.manual_seed(0)
noise = torch.randn(400, 3)
planes = [TSNE(perplexity=8, random_state=0).fit_transform(x) for x in (noise, features)]
display(lesson10.draw_maps(planes))
tl.predict_first("10-maps", "Which map shows pure noise?", choices=("A", "B"))
# ja: tl.predict_first("10-maps", "乱数の地図はどちらですか", choices=("A", "B"))

# %% key="maps-told" alt_ja="地図A、Bと、同じ鳥のPCAの地図C。Aは灰色、BとCは鳥の種類ごとに色分けされている。" alt_en="Maps A and B, and map C of the same birds by PCA. A is grey, B and C are coloured by species."
from sklearn.decomposition import PCA

planes.append(PCA(2).fit_transform(features))
for space, points in {
    "256 features": features,
    # ja: "256個の特徴": features,
    "t-SNE (map B)": planes[1],
    # ja: "t-SNE（地図B）": planes[1],
    "PCA (map C)": planes[2],
    # ja: "PCA（地図C）": planes[2],
}.items():
    points = torch.as_tensor(points)
    nearest = torch.cdist(points, points).fill_diagonal_(torch.inf).argmin(1)
    share = (names[nearest] == names).float().mean()
    print(f"Nearest neighbour of the same species, {space}: {share:.0%}  (by chance: 10%)")
    # ja: print(f"最も近い写真が同じ種類、{space}：{share:.0%}（偶然なら10%）")
display(lesson10.draw_maps(planes, colours=[None, names, names]))
tl.see_prediction("10-maps", "A")

# %% [markdown] key="maps-read" lang="ja"
# **島があるからといって、グループがあるとは限りません。** 地図Aの島や筋は、乱数から作られたものです。t-SNEは近いものを集めるので、偶然の濃淡まで島にしてしまいます（次元が少ないときの話です。乱数を256個ずつ並べた点なら、丸い雲が1つできるだけです）。島の大きさや、島と島の距離にも意味はありません。確かめるには、`perplexity` を30にして描き直します。乱数の島は溶け合い、鳥の島は残ります。
#
# **信用できるのは、隣に何があるかだけです。** 地図Bで隣にある写真は、元の256個の特徴と同じくらい、同じ種類です。PCAは島を作りませんが、影絵なので離れた鳥が重なり、隣が同じ種類なのは43%だけです。地図は、似た写真を探して眺めるために使い、グループの数を数えるためには使わないでください。

# %% [markdown] key="maps-read" lang="en"
# **Islands do not prove that there are groups.** Those of map A are made of random numbers. t-SNE gathers what is close, and turns even chance clumps into islands, at least in few dimensions (points of 256 random numbers each form one round cloud). The size of an island, and the distance between two of them, mean nothing either. One check is to draw the maps again with a perplexity of 30: the islands of noise melt together, those of the birds stay.
#
# **Trust such a map about neighbours only.** On map B, a photo's nearest neighbour is of its species as often as among all 256 features. PCA makes up no islands, but in its shadow birds that are far apart fall onto each other: only 43% of the neighbours share a species. Use a map to browse for similar pictures, not to count groups.

# %% [markdown] key="deeper-spread" lang="ja" tags=["deeper"]
# ## さらに深く：ばらつきを単位に測る
#
# 良品の特徴は、向きによって散らばり方が違います。いつも大きく変わる向き（部品の色など）へ2だけ離れていても普通ですが、ほとんど変わらない向きへ2離れていれば異常です。**マハラノビス距離**は、平均 $m$ からの差を、良品のばらつきで割って測ります。$C$ は共分散で、特徴ごとのばらつきの2乗と、2つの特徴がどれだけ一緒に動くかを並べた表です。
#
# $$s(x) = \sqrt{(x-m)^\top C^{-1} (x-m)}$$
#
# たとえば特徴が2つで、良品のばらつき（標準偏差）が10と0.5なら、$(10, 0)$ だけ離れた点は $10/10=1$、$(0, 5)$ だけ離れた点は $5/0.5=10$ です。ふつうの距離では逆に、前者のほうが遠く見えます。256個の特徴の $C$ は良品320個ではうまく求まらないので、単純な形へ少し近づけます（縮小推定、Ledoit・Wolf, 2004。異常検知での例は[arXiv:2005.14140](https://arxiv.org/abs/2005.14140)）。

# %% [markdown] key="deeper-spread" lang="en" tags=["deeper"]
# ## Deeper: distances in units of spread
#
# Sound parts vary more in some directions than in others. To be 2 away in a direction that always varies (the colour of the part, for example) is ordinary; to be 2 away where hardly anything varies is odd. The **Mahalanobis distance** divides the difference from the mean $m$ by the spread of sound parts. $C$ is their covariance, a table with the squared spread of each feature and how much each two vary together:
#
# $$s(x) = \sqrt{(x-m)^\top C^{-1} (x-m)}$$
#
# For example, take two features with spreads (standard deviations) of 10 and 0.5. A point that is off by $(10, 0)$ has $10/10=1$, one that is off by $(0, 5)$ has $5/0.5=10$. The plain distance would say the opposite. With 256 features and 320 parts, $C$ is poorly known and is pulled towards a simple one (shrinkage; Ledoit and Wolf, 2004; for anomalies see [arXiv:2005.14140](https://arxiv.org/abs/2005.14140)).

# %% key="spread-run" alt_ja="4つの方法のAUROCを、3つのネットワークで比べた図。" alt_en="AUROC of four methods by three networks."
from sklearn.covariance import LedoitWolf

ok = tl.extract_features(network, sound[:320])
tested = tl.extract_features(network, line.test)
fitted = LedoitWolf().fit(ok)
apart = tested - ok.mean(0)
inverse = torch.tensor(fitted.precision_, dtype=torch.float32)  # of the covariance C
# ja: inverse = torch.tensor(fitted.precision_, dtype=torch.float32)  # 共分散 C の逆行列
for way, values in {
    "plain": apart.norm(dim=1),
    # ja: "ふつうの距離": apart.norm(dim=1),
    "Mahalanobis": ((apart @ inverse) * apart).sum(1).sqrt(),
    # ja: "マハラノビス距離": ((apart @ inverse) * apart).sum(1).sqrt(),
}.items():
    wins = (values[damaged][:, None] > values[~damaged]).float().mean()
    print(f"{way}: AUROC {wins:.2f}")
    # ja: print(f"{way}：AUROC {wins:.2f}")
lesson10.draw_methods(surfaces)

# %% [markdown] key="spread-read" lang="ja"
# **ばらつきを単位にすると、写真全体の特徴でも0.85まで上がります**（10回の平均）。最も近い良品までの距離は0.81です。それでも、区画は少し高い0.89で、しかも場所を教えてくれます。

# %% [markdown] key="spread-read" lang="en"
# **In units of spread, even the features of the whole photo reach 0.85** (over ten draws). The distance to the nearest sound part has 0.81. Patches are a little ahead with 0.89, and they say where.

# %% [markdown] key="deeper-dirt" lang="ja" tags=["deeper"]
# ## さらに深く：良品に欠陥品が紛れていたら
#
# 「良品だけ」と言われて受け取ったデータに、欠陥品が混ざっていることはよくあります。左は、400個のうち0〜10%を欠陥品に入れ替えて学習した場合です。右は、良品の数を変えた場合です。

# %% [markdown] key="deeper-dirt" lang="en" tags=["deeper"]
# ## Deeper: what if damaged parts are among the known?
#
# Data that are said to be "sound parts only" often are not. At the left, 0 to 10% of the 400 known parts were exchanged for damaged ones. At the right, the number of sound parts changes.

# %% key="dirt-figure" alt_ja="左：良品に紛れた欠陥品の割合に対するAUROC。右：良品の個数に対するAUROC。区画とマハラノビス距離の2本。" alt_en="AUROC of patches and Mahalanobis distance: left against the share of damaged parts among the known, right against the number of sound parts."
stream = tl.stored("10_stream")
display(lesson10.draw_dirt(stream))
lesson10.draw_layers(stream)

# %% [markdown] key="dirt-read" lang="ja"
# **紛れ込みの影響は、ここでは小さめでした。** 10%混ざっても、AUROCの低下は3〜4ポイントほどです。この教材の傷はどれも形が違うので、倉庫に同じ傷が入っていることが少ないからでしょう。同じ欠陥が繰り返し出る現場では、もっと下がるかもしれません（ここでは測っていません）。**効いたのは良品の数です。** 25個では0.75、400個では0.89でした。
#
# 下の図は、区画の特徴を取り出す段の比較です。最もよく見えるのは `layer2` で、`layer3` を足しても大きくは変わりません（この2つの組み合わせは論文と同じもので、図を見て選んだのではありません）。`layer3` だけでは `layer1` にも及ばないので、「真ん中の段ほどよい」とは言えません。`layer4` には区画が4つしかありません。論文にならって、区画はそれぞれ周りの区画と平均するので、4つとも同じになり、写真全体を見ているのと変わりません。

# %% [markdown] key="dirt-read" lang="en"
# **Dirt in the data does little harm here.** With 10% of damaged parts among the known, the AUROC falls by 3 to 4 points. In this world no two scratches are alike, so the bank seldom holds the very same one. Where the same defect comes again and again, it may well do more (we have not measured it). **What counts is the number of sound parts**: 25 give 0.75, 400 give 0.89.
#
# The second figure compares the stages that patches can be taken from. `layer2`, alone or with `layer3`, sees most (the two together are the paper's choice; the figure did not choose them). `layer3` alone sees less than `layer1`, so "the middle is best" would be saying too much. `layer4` has only four patches. Each is averaged with its neighbours, as in the paper, so all four are the same: it sees the photo as a whole.

# %% [markdown] key="deeper-copies" lang="ja" tags=["deeper"]
# ## さらに深く：よく似たコピーを見つける
#
# ラベルのないデータには、同じ写真を少し変えたコピーが混ざっていることがあります。訓練とテストに分かれて入ると、成績が実際より良く見えます（レッスン14）。特徴でコピーを探せるでしょうか。ここでは、30枚の写真を8画素ずらしたコピーを作り、元の写真が「最も近い1枚」になるかを、画素と、ネットワークの3つの段で調べます。

# %% [markdown] key="deeper-copies" lang="en" tags=["deeper"]
# ## Deeper: finding near-copies
#
# Data without labels may hold copies of the same picture, slightly changed. When one lands in training and the other in the test, the result looks better than it is (lesson 14). Can features find them? Here 30 photos are copied and moved by 8 pixels. Is the original the nearest of the 400 photos, by pixels and by three stages of the network?

# %% key="copies-run"
copies = torch.roll(photos[:30], shifts=8, dims=2)  # moved down by 8 pixels
# ja: copies = torch.roll(photos[:30], shifts=8, dims=2)  # 下に8画素ずらす
spaces = {"pixels": (copies.flatten(1).float(), photos.flatten(1).float())}
# ja: spaces = {"画素": (copies.flatten(1).float(), photos.flatten(1).float())}
for layer in ("layer2", "layer3", "layer4"):
    pair = (tl.extract_features(network, images, layer=layer) for images in (copies, photos))
    spaces[layer] = tuple(pair)
for space, (moved, originals) in spaces.items():
    nearest = torch.cdist(moved, originals).argmin(1)
    hits = (nearest == torch.arange(30)).sum()
    print(f"{space}: the original is the nearest photo for {hits} of 30 copies")
    # ja: print(f"{space}：最も近い写真が元の写真だったコピー {hits} / 30 枚")

# %% [markdown] key="copies-read" lang="ja"
# **ずらしたコピーを探すなら前のほうの段、種類で分けるなら後ろの段です。** 画素は、少しずらしただけでほとんど使えなくなります。`layer2` はほとんどのコピーを見つけ、`layer4` はわずかしか見つけられません。後ろの段ほど「どの写真か」を忘れ、「どんな鳥か」を覚えているからです。何を「似ている」と見なすかは、段によって変わります。
#
# 本文の迷惑SMSのデータも、同じように調べました。完全に同じ文を除いたあとでも、テストの通常文の1%には、学習側によく似た文があります（TF-IDFのコサイン類似度が0.9を超えるもの）。それを除いても、TF-IDFのAUROCは0.59のままです。

# %% [markdown] key="copies-read" lang="en"
# **To find shifted copies take an early stage, to sort kinds a late one.** Pixels are of little use once a picture has moved. `layer2` finds nearly all the copies, `layer4` hardly any: the later the stage, the more it forgets which photo it was and keeps which kind of bird. What "similar" means depends on the stage.
#
# The text messages of the spam figure were checked as well. With exact duplicates removed, 1% of the tested ordinary ones still have a near-copy among the known (cosine similarity of TF-IDF above 0.9). Without them, the AUROC of TF-IDF stays at 0.59.

# %% [markdown] key="deeper-photos" lang="ja" tags=["deeper"]
# ## さらに深く：本物の写真のクラスター
#
# レッスンの最初と同じ比較を、本物の写真でします。目は、画素、ランダムな重み、ImageNetで事前学習したMobileNetV2です。

# %% [markdown] key="deeper-photos" lang="en" tags=["deeper"]
# ## Deeper: clusters of real photos
#
# The comparison of eyes from the beginning, on real photos: pixels, random weights, and MobileNetV2 pretrained on ImageNet.

# %% key="photos-figure" alt_ja="犬と猫、5種の花、衣類の写真のARIを、画素、ランダムな重み、ImageNetで比べた図。" alt_en="ARI of clusters of cats and dogs, five flowers and clothes, by pixels, random weights and ImageNet."
lesson10.draw_photos(real)

# %% [markdown] key="photos-read" lang="ja"
# **ImageNetの特徴は犬と猫をよく分け（0.65）、花は少ししか分けません（0.12）。** ImageNetには犬だけで100を超える品種があり、猫も何種類かいますが、花はごくわずかです。ここの花の写真がぼやけていることも、効いているかもしれません。白黒の小さな衣類の写真では、どの目も同じです（0.35〜0.38）。

# %% [markdown] key="photos-read" lang="en"
# **ImageNet features part cats from dogs (0.65), and flowers only a little (0.12).** ImageNet has more than a hundred breeds of dogs, a few of cats, and hardly any flowers; that these photos of flowers are blurred may count as well. On small grey photos of clothes, no eye is ahead (0.35 to 0.38).

# %% [markdown] key="deeper-simclr" lang="ja" tags=["deeper"]
# ## さらに深く：ラベルを付ける前に、学習を続ける（SimCLR）
#
# 目が転移先に合わないときは、どうすればよいでしょうか。ラベルのない画像なら、たくさんあります。**SimCLR**（Chen ほか, 2020、[arXiv:2002.05709](https://arxiv.org/abs/2002.05709)）は、同じ画像を2通りに変え（切り抜く、反転する、明るさを変える）、たくさんの画像の中から「元が同じもう1枚」を当てさせます。答えは自分で作れるので、ラベルはいりません。このように、データ自身から問題を作って学ぶことを**自己教師あり学習**といいます。
#
# 図鑑のネットワークに、ラベルのない部品の表面500枚で学習を続けさせ（15エポック）、そのあと1クラス5枚のラベル（検証用は別に20枚ずつ）で出力層を学習しました。

# %% [markdown] key="deeper-simclr" lang="en" tags=["deeper"]
# ## Deeper: learning on before the first label (SimCLR)
#
# What if the eye does not suit the target? Of pictures without labels there are plenty. **SimCLR** (Chen et al., 2020, [arXiv:2002.05709](https://arxiv.org/abs/2002.05709)) changes each picture in two ways (cut, mirrored, brighter) and asks the network to find, among many pictures, "the other one made from the same". The answers come for free, so no label is needed. Learning from questions that the data themselves provide is called **self-supervised learning**.
#
# We let the network go on learning from 500 unlabelled pictures of surfaces (15 epochs), and then trained a head with 5 labels a class (and 20 more of each for validation).

# %% key="continued-figure" alt_ja="1クラス5枚のラベルで学習した出力層の、表面でのテスト正解率。借りたまま、BatchNormの測り直しだけ、ラベルなしで学習を続けた場合。" alt_en="Test accuracy on surfaces of a head on five labels a class: as borrowed, BatchNorm measured anew, gone on learning without labels."
continued = tl.stored("10_simclr")
lesson10.draw_continued(continued)

# %% [markdown] key="continued-read" lang="ja"
# **ラベルなしで学習を続けておくと、そのあとの5枚のラベルがよく効きました。** 正解率は42%から53%に上がり、差は11ポイントです（95%信頼区間は5〜16、10回）。同じ画像でBatchNormを測り直すだけでは上がらない（−2、−6〜2）ので、学習の効果といえます。ただし、転移先も学習の長さも1つだけです。学習率は3つの候補から、別の3回分の検証データで選び、いちばん大きい値になりました。
#
# では、何を学んだのでしょうか。画像 $n$ 枚から、変化を付けた $2n$ 枚を作ります。$z_i$ は $i$ 枚目の出力を長さ1にそろえたもの、$j$ は元が同じもう1枚、$T$ は温度（小さいほど、近いものどうしの差を重く見る数）です。
#
# $$\text{損失} = -\log\frac{\exp(z_i\cdot z_j/T)}{\sum_{k\neq i}\exp(z_i\cdot z_k/T)}$$
#
# たとえば画像が2枚（変化を付けて4枚）で、相手との内積が1、ほかの2枚とは0、$T=0.5$ なら、$-\log\frac{e^2}{e^2+1+1}=0.24$ です。ランダムに答えれば $\log 3=1.10$ です。
#
# **何を「同じ」と見なすかは、変化の付け方が決めます。** 色を大きく変えて学ぶと、色を無視する目になります。翼の色で見分ける鳥では、かえって困ります。切り抜きを小さくすると、傷が写っていない切り抜きと、写っている切り抜きを「同じ」と教えることになります。`tl.continue_pretraining(network, images)` で試せます。

# %% [markdown] key="continued-read" lang="en"
# **Learning on without labels helps the five labels.** The accuracy rises from 42% to 53%, by 11 points (95% interval 5 to 16, 10 draws). Measuring BatchNorm anew on the same pictures gains nothing (−2, −6 to 2), so it is the learning that counts. This is one target and one length of training only; the learning rate was chosen from three, by the validation data of three other draws, and the highest won.
#
# What was learned? From $n$ pictures, $2n$ views are made. Let $z_i$ be the output for view $i$, scaled to length 1, $j$ the other view of the same picture, and $T$ the temperature (the smaller, the more the closest views count):
#
# $$\text{loss} = -\log\frac{\exp(z_i\cdot z_j/T)}{\sum_{k\neq i}\exp(z_i\cdot z_k/T)}$$
#
# For example, with two pictures (four views), a product of 1 with the partner and 0 with the two others, and $T=0.5$, it is $-\log\frac{e^2}{e^2+1+1}=0.24$. Guessing gives $\log 3=1.10$.
#
# **What counts as "the same" is decided by the changes.** An eye that learns under strong changes of colour will ignore colour, which does not help with birds that differ by the colour of their wings. And small cut-outs teach that a part with the scratch and one without it are "the same". Try it with `tl.continue_pretraining(network, images)`.

# %% key="simclr-run"
from torch.nn import functional as F


def contrast(first, second, temperature=0.2):
    z = F.normalize(torch.cat([first, second]), dim=1)
    alike = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    other = (torch.arange(len(z)) + len(first)) % len(z)
    return F.cross_entropy(alike, other)


example = torch.eye(2)
print(f"Two pictures, partners alike, T = 0.5: {contrast(example, example, 0.5):.2f}")
# ja: print(f"画像2枚、相手と一致、T = 0.5：{contrast(example, example, 0.5):.2f}")
flipped = tl.extract_features(network, photos[:100].flip(3))
loss, guess = contrast(features[:100], flipped), torch.tensor(199.0).log()
print(f"100 birds and their mirror images, before learning on: {loss:.2f} (guessing: {guess:.2f})")
# ja: print(f"鳥100枚とその左右反転、学習を続ける前：{loss:.2f}（ランダムなら {guess:.2f}）")

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | クラスターが明るさや背景で分かれる | 特徴の大きな差が、知りたい差とは別 | 特徴を替える、切り抜く、多めに分けて人がまとめる |
# | 地図に島があるのに意味がない | t-SNEが作った島 | 元の特徴で隣にあるものを確かめる、perplexityを変える |
# | AUROCは高いのに警報が誤報ばかり | 異常がまれ | ベースレートから適合率を計算し、読める件数でしきい値を決める |
# | ある日から警報が急に増えた | 照明や部品が変わった | 新しい良品でしきい値を測り直す（レッスン08） |
# | 特徴にNaNがあるというエラー | 壊れた画像 | エラー文の行番号の画像を調べる |
#
# **最近よく使われる手法**
#
# - **自己教師ありの目**：DINOv2（[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)）の特徴は、ラベルなしで学んだものですが、種類分けにも欠陥探しにもよく使われます。`timm` から1行で読み込めます。
# - **異常検知**：PatchCoreやその仲間をまとめたanomalib（[arXiv:2202.08341](https://arxiv.org/abs/2202.08341)）。この教材の `tl.anomaly`（スコアからしきい値まで行う関数）は、倉庫をランダムに間引き、スコアの重み付けを省いています。
# - **地図**：UMAP（[arXiv:1802.03426](https://arxiv.org/abs/1802.03426)）。t-SNEより速く、大きなデータで使われますが、島を作る点は同じです。ここではscikit-learnだけで済むt-SNEにしました。
# - **追加の事前学習**：文章では、対象分野の文で事前学習を続けると効きます（[arXiv:2004.10964](https://arxiv.org/abs/2004.10964)）。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | clusters follow brightness or background | the largest difference is not the one you want | other features, crop, or more clusters and a person who merges them |
# | islands on a map that mean nothing | t-SNE made them | check neighbours among the features, try another perplexity |
# | a high AUROC and nothing but false alarms | the event is rare | work out the precision from the base rate; set the threshold by what can be read |
# | alarms have doubled since yesterday | new light, new parts | measure the threshold again on new sound parts (lesson 08) |
# | an error about NaN in features | a broken picture | look at the row that the error names |
#
# **Today**
#
# - **Self-supervised eyes**: features of DINOv2 ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)) were learned without labels, and are widely used for sorting and for finding damage. `timm` loads it in one line.
# - **Anomalies**: anomalib ([arXiv:2202.08341](https://arxiv.org/abs/2202.08341)) collects PatchCore and its relatives. Our `tl.anomaly`, which goes from the bank to the threshold in one call, thins the bank at random and leaves out the weighting of the score.
# - **Maps**: UMAP ([arXiv:1802.03426](https://arxiv.org/abs/1802.03426)) is faster than t-SNE and common for large data; it makes islands, too. We took t-SNE because scikit-learn has it.
# - **Learning on**: for texts, too, pre-training continued on the target's own texts helps ([arXiv:2004.10964](https://arxiv.org/abs/2004.10964)).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 写真の束、最初の成功7分（`heaps` の図を映す） → ARIと目の比較5分（6枚の表を板書で計算） → ウィジェットと練習A 5分 → 欠陥を探す7分 → まれな異常5分（`rare` の図） → しきい値と練習B 10分 → 本物のデータ3分 → 練習C 3分で導入し、宿題に。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。60分あれば、2枚の地図（「さらに深く」、挙手で予想）を加えます。
#
# - **映すもの**：最初のクラスターの写真、欠陥の場所の図、`rare` の図、ウィジェット `10_stream`。
# - **2人組で**：ウィジェット `10_stream` で、1人が欠陥品の割合と損害を決め、もう1人が最も安いしきい値を予想します。
# - **待ち時間**：2コアのCPUで、どのセルも数秒です（t-SNEと良品400枚の描画が長め）。
# - **遅れた人は**：最初のセルに加えて、前半なら「題材：名前のない写真400枚」の節のセルを、後半なら「欠陥を1枚も見せずに、欠陥を見つける」の節のはじめの2つのセルを実行すれば、その先のどの節からでも再開できます。
# - **よくある間違い**：最も多い種類の割合（純度）で $k$ を選ぶ。t-SNEの島を数える。AUROCを「警報の正しさ」と読む。欠陥品を見てしきい値を決め、同じ欠陥品で測る。
# - **議論の種**：詐欺の例が1つも手に入らないとき、見逃しの割合はどうすれば見積もれるでしょうか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the pile of photos and the first success 7 (project the `heaps` diagram) → ARI and the three eyes 5 (do the table of six photos on the board) → widget and exercise A 5 → finding damage 7 → rare events 5 (the `rare` diagram) → threshold and exercise B 10 → real data 3 → begin exercise C in 3, the rest as homework. Quiz, key points and "Deeper" are homework, or for whoever is early. With an hour, add the two maps ("Deeper"; predict by a show of hands).
#
# - **To project**: the first clusters of photos, the pictures of where the damage is, the `rare` diagram, the widget `10_stream`.
# - **In pairs**: with the widget `10_stream`, one sets the share of damaged parts and the cost of a missed one, the other predicts the cheapest threshold.
# - **Waiting**: on two CPU cores every cell takes a few seconds; t-SNE and drawing 400 sound parts are the longest.
# - **Whoever fell behind** runs the first cell and, for the first half, those of "The job: 400 photos without names"; for the second half, the first two of "Finding damage without having seen any". From there one can go on with any section of that half.
# - **Common mistakes**: choosing $k$ by the share of the most frequent species (purity); counting the islands of t-SNE; reading the AUROC as "how many alarms are right"; setting the threshold on the very damaged parts that it is measured on.
# - **To discuss**: if not one example of fraud can be had, how would you estimate the share that is missed?
