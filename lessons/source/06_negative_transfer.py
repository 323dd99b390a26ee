# %% [markdown] key="title" lang="ja"
# # 06 負の転移とドメイン不一致
#
# **60分** ・ 前提：レッスン02（特徴抽出）と03（ファインチューニング）
#
# このレッスンを終えると、次のことができるようになります。
#
# - 転移がかえって害になる「負の転移」を、公平に学習し直した相手との差として測る
# - 見た目が違うこと（ドメイン不一致）と、害になること（負の転移）を区別する
# - 転移する前に測れる量を6つ計算し、どれがどのくらい警告になったかを言う
# - 害に気づいたとき、対策と転移元の交換のどちらがよいかを、測って決める

# %% [markdown] key="title" lang="en"
# # 06 Negative transfer and domain mismatch
#
# **60 minutes** · Before this: lessons 02 (feature extraction) and 03 (fine-tuning)
#
# After this lesson you can
#
# - measure negative transfer, a transfer that makes things worse, as a gap to a fairly tuned training from scratch
# - tell a source that merely looks different (domain mismatch) from one that harms (negative transfer)
# - compute six quantities before any transfer, and say which of them would have warned, and how well
# - decide by measuring, once harm is seen, between a remedy and another source

# %% key="setup"
import torch

import tlhelpers as tl
from tlhelpers.lessons.negative_transfer import figures as lesson06

tl.setup()

# %% [markdown] key="sorter" lang="ja"
# ## よくできたネットワークが、邪魔をする
#
# 犬種を見分けるネットワークは、毛並み・しっぽ・耳を見ます。胸部X線写真には、そのどれも写っていません。事前学習がいくらうまくいっていても、見ているものが違えば役に立たず、ときには**ゼロから学習するより悪く**なります。これが**負の転移**（negative transfer）です。
#
# ここでは、わざと困った転移元を用意しました。`zukan-paint` は、塗装の**色**8種を見分けるネットワークです。材質がちがっても、傷があっても、同じ色なら同じ答えを出すように学びました。下の絵がその訓練データです。見たことのない絵でも96.9%正解します。

# %% [markdown] key="sorter" lang="en"
# ## A good network gets in the way
#
# A network that tells breeds of dog looks at coat, tail and ears. A chest X-ray shows none of them. However well pre-training went, a network that looks at the wrong things is no help, and may do **worse than starting from scratch**. That is **negative transfer**.
#
# We have made an awkward source on purpose. `zukan-paint` tells eight **colours** of paint. Whatever the material, damaged or not, the same colour should get the same answer. Below is what it was trained on. On drawings it has never seen, it is right 96.9% of the time.

# %% key="paint" alt_ja="塗装の色の学習データ。1行が1色で、材質も傷の有無もさまざま。" alt_en="What the paint sorter was trained on: one colour a row, on any material, damaged or not."
samples = tl.load_task("paint", per_class=5, valid_per_class=1, test_per_class=1)
tl.show(samples, per_class=5, classes=[0, 3, 5, 7])

# %% [markdown] key="job" lang="ja"
# 新しい仕事は、表面の**傷**の検査です。良品・ひっかき傷・へこみ・しみ・ひびの5クラスで、1クラス30枚あります。材質も描き方も、塗装のデータとほとんど同じです。つまり、**見た目はとても近い**のです。

# %% [markdown] key="job" lang="en"
# The new job is to inspect surfaces for **damage**: sound, scratch, dent, stain or crack, with thirty pictures of each. Materials and drawing are nearly those of the paint pictures. To the eye the two are **very close**.

# %% key="surfaces" alt_ja="表面検査の5クラス。1行が1クラス。" alt_en="The five classes of surface inspection, one a row."
seeds = tl.seeds(3, first=10)
surfaces = {seed: tl.load_task("surfaces", per_class=30, seed=seed) for seed in seeds}
tl.show(surfaces[10], per_class=5)

# %% [markdown] key="frozen" lang="ja"
# まず凍結したまま使います（線形プローブ、レッスン02）。対照として、ふつうの事前学習をした `zukan-resnet` と、**ランダムな重み** のネットワークも測ります。
#
# > **予想してから実行**:ランダムに答えれば20%です。色を見分けるネットワークは、ランダムな重みより上でしょうか、下でしょうか。

# %% [markdown] key="frozen" lang="en"
# First frozen: a linear probe, as in lesson 02. Two controls stand beside it, the ordinary `zukan-resnet` and a network of **random weights**.
#
# > **Predict, then run**: guessing gives 20%. Will the network that knows colours be above or below random weights?

# %% key="probes"
networks = {name: tl.backbone(name) for name in ("zukan-resnet", "zukan-shape", "zukan-paint")}
torch.manual_seed(0)
networks["random"] = tl.backbone("zukan-resnet", pretrained=False)
frozen = {
    name: [tl.probe(network, surfaces[seed], seed=seed).test_acc for seed in seeds]
    for name, network in networks.items()
}
for name, accuracies in frozen.items():
    print(name, tl.interval(accuracies, share=True))

# %% key="claim-frozen" tags=["claim"]
lost = lesson06.difference(frozen["random"], frozen["zukan-paint"])
print(tl.interval(lost))
assert tl.interval(lost).mean > 0.05

# %% [markdown] key="gap" lang="ja"
# ランダムな重みより下です。けれども、ファインチューニングをすれば取り返せるかもしれません。そして「悪い」と言うには、比べる相手が要ります。相手は、**同じ構造を、同じ予算で、同じように調整して、ゼロから学習したもの**です。
#
# $$\text{ギャップ} = \text{正解率（ゼロから学習）} - \text{正解率（転移）}$$
#
# ギャップが0より上なら、その転移元は害になっています。区間が0をまたぐなら、まだ何とも言えません。
#
# 公平にするために、次のことをそろえます。エポック数・バッチ・勾配のクリッピングは同じです。学習率は、どちらも 0.03 と 0.1 のうち、別の写真（シード0）の検証データでよかったほうです。テストデータは選ぶのに使いません。

# %% [markdown] key="gap" lang="en"
# Below random weights. But perhaps fine-tuning makes up for it. And to call something "worse", we need to say than what: than **the same architecture, with the same budget, tuned in the same way, trained from scratch**.
#
# $$\text{gap} = \text{accuracy (scratch)} - \text{accuracy (transfer)}$$
#
# A gap above 0 means that the source harms. Where its interval includes 0, we do not know yet.
#
# For a fair comparison both get the same epochs, batches and clipping of gradients. Each takes the better of two learning rates, 0.03 and 0.1, chosen on the validation data of other photographs (seed 0). The test data choose nothing.

# %% key="rates"
pairs = tl.stored("06_pairs")
row, column = pairs["sources"].index("zukan-paint"), pairs["targets"].index("surfaces")
scratch_lr, paint_lr = pairs["scratch_rates"][column], pairs["rates"][row][column]
equal = {"epochs": 10, "batch_size": 32, "clip_norm": 1.0, "valid_every": 2}
print(scratch_lr, paint_lr)

# %% [markdown] key="runs" lang="ja"
# 3組の写真で、ゼロから学習したものと、塗装の色のネットワーク全体をファインチューニングしたものを比べます。それぞれ十数秒かかります。
#
# > **予想してから実行**:ファインチューニングは追いつくでしょうか。

# %% [markdown] key="runs" lang="en"
# Three sets of photographs: training from scratch, and fine-tuning all of the paint sorter. Each cell takes some ten seconds.
#
# > **Predict, then run**: will fine-tuning catch up?

# %% key="scratch"
network = networks["zukan-paint"]
scratch = [
    tl.train_from_scratch(network, task, lr=scratch_lr, seed=seed, **equal)
    for seed, task in surfaces.items()
]
print(tl.interval((run.test_acc for run in scratch), share=True))

# %% key="tuned"
tuned = [
    tl.fine_tune(network, task, lr=paint_lr, lr_mult=1, freeze_epochs=0, seed=seed, **equal)
    for seed, task in surfaces.items()
]
print(tl.interval((run.test_acc for run in tuned), share=True))

# %% key="harm" alt_ja="表面の傷のテスト正解率。塗装の色のネットワークは、凍結してもファインチューニングしても、ゼロから学習を下回る。" alt_en="Test accuracy on surfaces: the paint sorter, frozen and fine-tuned, below training from scratch."
from_scratch = [run.test_acc for run in scratch]
fine_tuned = [run.test_acc for run in tuned]
contenders = {
    "scratch": from_scratch,
    "paint_frozen": frozen["zukan-paint"],
    "paint_tuned": fine_tuned,
    "random": frozen["random"],
    "resnet_frozen": frozen["zukan-resnet"],
}
lesson06.draw_contenders(contenders, chance=0.2, alt="lesson06.harm_alt")

# %% [markdown] key="harm-read" lang="ja"
# 点は平均、線は95%区間、丸は1回ごとの結果です。塗装の色のネットワークは、**凍結しても、ファインチューニングしても**、ゼロから学習したものを下回ります。一方、`zukan-resnet` は、凍結したままで、ゼロから学習したものを上回ります。「事前学習」だから役に立つのではなく、何を学んだかで決まるのです。なお、1クラス30枚では、ゼロから学習しても、ランダムな重みのプローブとあまり変わりません。その低い相手にさえ届かない、ということです。

# %% [markdown] key="harm-read" lang="en"
# Dots are means, lines 95% intervals, rings the single runs. The paint sorter, **frozen and fine-tuned**, stays below training from scratch. `zukan-resnet`, frozen, is above it. Pre-training as such does not help; what was learned in it decides. With thirty labels per class, by the way, training from scratch is little better than a probe on random weights. Even so modest an opponent the paint sorter does not reach.

# %% key="claim-harm" tags=["claim"]
gap = tl.interval(lesson06.difference(from_scratch, fine_tuned))
gain = tl.interval(lesson06.difference(frozen["zukan-resnet"], from_scratch))
print(gap, gain)
assert gap.mean > 0.06 and gain.mean > 0.02

# %% [markdown] key="one-call" lang="ja"
# 学習率の選び直しまで含めた同じ測定が、1つの関数になっています。`tl.negative_transfer_gap(network, task, seeds=5)` です（数分かかります）。ラベルを1クラス100枚、予算も5倍に増やした別の測定（10シード、`python -m tlhelpers measure paint`）では、ゼロから学習が73%、塗装の色のファインチューニングが38%、凍結が22%でした。ラベルを増やしても、この害は消えませんでした。

# %% [markdown] key="one-call" lang="en"
# The same, with the choice of the rates, is one call: `tl.negative_transfer_gap(network, task, seeds=5)` (a few minutes). In another measurement, with 100 labels per class and five times the budget (10 seeds, `python -m tlhelpers measure paint`), scratch reached 73%, the paint sorter fine-tuned 38% and frozen 22%. More labels did not remove the harm.

# %% [markdown] key="fair" lang="ja"
# ## 相手を弱くすれば、どんな転移も勝つ
#
# 負の転移を見逃す、いちばん多い原因は、**調整していない相手**です。下の図は、同じ3組の写真（シード0〜2）で、ゼロから学習するほうを2とおりに手抜きした結果です。1つは、ファインチューニング向けの小さい学習率 0.001 をそのまま使ったもの。もう1つは、勾配をクリップしないものです。
#
# > **予想してから実行**:学習率が0.001のとき、塗装の色のネットワークは「害がある」ように見えるでしょうか。

# %% [markdown] key="fair" lang="en"
# ## Against a weak opponent every transfer wins
#
# Negative transfer is most often overlooked because **the opponent was not tuned**. Below, training from scratch is treated carelessly in two ways, on one and the same three sets of photographs (seeds 0-2): once with the low rate of fine-tuning, 0.001, and once without clipping its gradients.
#
# > **Predict, then run**: at a rate of 0.001, will the paint sorter still look harmful?

# %% key="tuning" alt_ja="ゼロから学習の3とおりの正解率と、塗装の色のファインチューニング。学習率が低すぎると差が消える。" alt_en="Accuracy from scratch in three ways, and of the paint sorter fine-tuned: with too low a rate the gap is gone."
stored_scratch = pairs["scratch"][column]
careless = {"scratch": stored_scratch, **tl.stored("06_tuning")}
careless["paint_tuned"] = pairs["fine_tuned"][row][column]
lesson06.draw_contenders(careless, chance=0.2, alt="lesson06.tuning_alt")

# %% [markdown] key="tuning-read" lang="ja"
# 学習率が0.001では、ゼロから学習したネットワークもチャンスレベルと変わらず、害は**消えて見えます**。転移がよくなったのではなく、相手が弱くなっただけです。
#
# クリップの結果は、予想と逆かもしれません。この予算では、**クリップしないほうが高い** 正解率でした。塗装の色のほうをクリップなしで学習するとどうなるかは、対策の節で測ります。学習率もクリップの有無も、検証データで選ぶべき設定です。

# %% [markdown] key="tuning-read" lang="en"
# At a rate of 0.001 training from scratch is no better than guessing either, and the harm **seems to be gone**. Transfer has not become better; its opponent has become weaker.
#
# Clipping may surprise you: with this budget training from scratch was **more accurate without it**. What it does for the paint sorter is measured in the section on remedies. The rate and the clipping are both settings to be chosen on validation data.

# %% [markdown] key="mismatch" lang="ja"
# ## 似ていないのに、役に立つ
#
# 次は逆の場合です。転移元と転移先の見た目が違うことを、**ドメイン不一致**（domain mismatch）といいます。不一致は、負の転移とは別のことです。
#
# 転移元は4つです。`zukan-resnet`（架空の生きもの・素材・文字）、輪郭だけ、質感だけ、塗装の色だけを学んだネットワークです。転移先も4つです。表面の傷、胸部X線写真に似せた絵（医療データではありません）、空から見た土地利用、そして音です。
#
# 音は、画像ですらありません。短い音を作り、横に時間、縦に音の高さをとって、強さを明るさで描いた**スペクトログラム**にします。
#
# > **予想してから実行**:生きものの絵を見て育ったネットワークは、音のスペクトログラムで役に立つでしょうか。

# %% [markdown] key="mismatch" lang="en"
# ## Unlike, and useful all the same
#
# Now the other way round. That source and target look different is called **domain mismatch**. It is not the same as negative transfer.
#
# There are four sources: `zukan-resnet` (imaginary creatures, materials and signs) and networks that learned only outlines, only textures, only paint colours. And there are four targets: surface damage, drawings in the manner of chest X-rays (no medical data), land use seen from above, and sounds.
#
# Sounds are not even pictures. We compute short sounds and draw each as a **spectrogram**: time to the right, pitch upwards, brightness for loudness.
#
# > **Predict, then run**: will a network that grew up on drawings of creatures be of use on spectrograms?

# %% key="sounds" alt_ja="6種の音のスペクトログラム。1行が1種。" alt_en="Spectrograms of six kinds of sound, one kind a row."
sounds = {seed: tl.load_task("sounds", per_class=30, seed=seed) for seed in seeds}
tl.show(sounds[10], per_class=4)

# %% key="sound-probes" alt_ja="音のスペクトログラムでの線形プローブの正解率。" alt_en="Accuracy of linear probes on the spectrograms."
on_sounds = {
    name: [tl.probe(network, sounds[seed], seed=seed).test_acc for seed in seeds]
    for name, network in networks.items()
}
lesson06.draw_contenders(on_sounds, chance=1 / 6, alt="lesson06.sounds_alt")

# %% [markdown] key="sounds-read" lang="ja"
# ランダムな重みよりはっきり上なのは、ふつうの事前学習をした `zukan-resnet` だけです。輪郭と塗装の色のネットワークは、ランダムな重みと区間が重なり、違うとは言えません。絵で学んだ特徴が、音の絵にも少しは通じるということです。では、ゼロから学習したものと比べるとどうでしょうか。次の図で見ます。

# %% [markdown] key="sounds-read" lang="en"
# Only `zukan-resnet`, the ordinary source, is clearly above random weights. The intervals of the networks of outlines and of paint overlap with theirs: no difference can be claimed. Features learned on drawings do carry over to pictures of sound, a little. And compared with training from scratch? See the next figure.

# %% key="claim-sounds" tags=["claim"]
heard = lesson06.difference(on_sounds["zukan-resnet"], on_sounds["random"])
print(tl.interval(heard))
assert tl.interval(heard).mean > 0.04

# %% [markdown] key="pairs" lang="ja"
# ### 16組を並べる
#
# 下は、前もって測った16組のギャップです（1クラス30枚、3シード）。ゼロからの学習は、どの転移先でも学習率を選び、絵を延べ約1500枚見せています。転移のほうは、16組すべてを凍結で測り、表面の傷だけは全体のファインチューニングも測りました。**0より右（灰色）が害、左が得**です。
#
# > **予想してから実行**:いちばん害になる組と、いちばん役に立つ組はどれでしょうか。

# %% [markdown] key="pairs" lang="en"
# ### Sixteen pairs, side by side
#
# The gaps of sixteen pairs, measured beforehand (thirty labels per class, three seeds). Training from scratch had its rate chosen for each target, and saw some 1,500 pictures in all. Transfer is frozen for all sixteen pairs; on surfaces all layers were fine-tuned, too. **Right of zero, in grey, is harm; left is gain.**
#
# > **Predict, then run**: which pair harms most, and which helps most?

# %% key="pairs-figure" alt_ja="4つの転移元と4つの転移先のギャップ。凍結と、表面の傷ではファインチューニングも。95%区間つき。" alt_en="The gaps of four sources on four targets, frozen, and on surfaces fine-tuned as well, with 95% intervals."
lesson06.draw_pairs(pairs)

# %% [markdown] key="pairs-read" lang="ja"
# `zukan-resnet` は、表面の傷・X線写真・土地利用のどれでも役に立ちます。生きもの・素材・文字で学んだのに、です。**不一致は、負の転移ではありません。** 凍結よりもファインチューニングのほうが、さらに得をしています（表面の傷）。
#
# 区間まで含めて害だと言えるのは3組です。塗装の色→表面の傷（凍結でもファインチューニングでも）、輪郭→土地利用、輪郭→音です。輪郭のネットワークは、表面の傷では役に立っているように見えます。しかしこの図の相手は、勾配をクリップしたゼロからの学習です。先ほど測ったとおり、クリップしないほうが10ポイント高く（37%に対して47%）、その相手と比べると、凍結した輪郭のネットワークは約5ポイント**負け**ます。**相手の設定を1つ変えるだけで、得が害に変わりました。** 設定を変えても残るのは、塗装の色の害と `zukan-resnet` の得です。
#
# 音では、`zukan-resnet` の区間が0をまたぎます。得とも害とも言えません。ほかの3つは害の側に寄っています。残りの組も、0をまたぐものは「まだ言えない」です。

# %% [markdown] key="pairs-read" lang="en"
# `zukan-resnet` helps on surfaces, X-rays and land use, although it learned from creatures, materials and signs. **Mismatch is not negative transfer.** Fine-tuned it gains still more (on surfaces).
#
# For three pairs the whole interval says harm: paint on surfaces (frozen and fine-tuned), outlines on land use, and outlines on sounds. The network of outlines seems to help on surfaces. But its opponent in this figure is training from scratch with clipped gradients. As measured above, without clipping that opponent is ten points better (47% against 37%), and then the frozen network of outlines is some five points **behind** it. **One setting of the opponent has turned gain into harm.** What stands with either opponent is the harm of paint and the gain of `zukan-resnet`.
#
# On sounds the interval of `zukan-resnet` includes 0: neither gain nor harm. The other three lean towards harm. Of every other pair whose interval includes 0 we cannot say yet.

# %% [markdown] key="real" lang="ja"
# ### 本物の写真では
#
# 同じことを、本物の重みと本物の画像で確かめます。転移元はImageNetの写真120万枚で学んだMobileNetV2です。比較対象は2つあります。形は同じで何も学んでいないネットワーク（ランダムな重み）と、縮めただけの生の画素です。
#
# > **予想してから実行**：ImageNetの特徴が生の画素に勝てないのは、5つのうちどれでしょうか。

# %% [markdown] key="real" lang="en"
# ### On real photographs
#
# Now the same with real weights and real pictures. The source is MobileNetV2, which learned from 1.2 million photographs (ImageNet). It has two controls: the same network that never learned anything (random weights), and raw pixels, merely shrunk.
#
# > **Predict, then run**: on which of the five targets do ImageNet's features fail to beat raw pixels?

# %% key="real-figure" alt_ja="5つの本物の転移先でのラベル数と正解率。ImageNetの特徴、ランダムな重み、画素の3本の線。" alt_en="Accuracy against labels a class on five real targets, for ImageNet's features, random weights and pixels."
lesson06.draw_real(tl.stored("06_real"))

# %% [markdown] key="real-read" lang="ja"
# 猫と犬、アリとハチでは、ImageNetの特徴が30〜40ポイントも上です。ところが **血液細胞と衣類では、生の画素に並ばれます**。細胞は色だけでほぼ見分けられ、衣類は位置のそろった小さな白黒画像だからです。害になったわけではありませんが、「有名なモデルを使ったから当たった」とも言えません。比較対象を置かなければ、血液細胞の98%を転移のおかげだと思い込むところでした。手書き文字では、ImageNetの特徴が9ポイントほど上です。
#
# 教材の絵で見たことは、本物でも同じでした。決まるのは、転移元と転移先の組み合わせです。値は保存済みの結果で、ラベルを付ける画像とテスト画像を10回選び直しています。

# %% [markdown] key="real-read" lang="en"
# On cats and dogs, and on ants and bees, ImageNet's features are 30 to 40 points ahead. **On blood cells and on clothes raw pixels are level with them**: cells can nearly be told apart by colour alone, and the clothes are small grey pictures, all in place. That is no harm, but neither was it the famous model that did it: without the controls we would have credited transfer with 98% on blood cells. On handwritten characters ImageNet's features lead by some nine points.
#
# So the real targets agree with the drawn ones: the pair of source and target decides. These are stored results, over ten draws of the labelled and of the test pictures.

# %% [markdown] key="inside" lang="ja"
# ## 何が起きているのか
#
# なぜ塗装の色のネットワークだけが、これほど困るのでしょうか。まず1層目のフィルターを見ます。1行が1つのネットワークです。

# %% [markdown] key="inside" lang="en"
# ## What happens inside
#
# Why does the paint sorter, and it alone, do so badly? First its first layer: the filters of four networks, one a row.

# %% key="filters" alt_ja="1層目のフィルター。塗装の色のネットワークは平らな色の板が多い。" alt_en="First-layer filters: those of the paint sorter are mostly flat patches of colour."
lesson06.show_filters(networks)

# %% [markdown] key="filters-read" lang="ja"
# 塗装の色のネットワークのフィルターは、ほとんどが平らな色の板です。5×5画素の色を平均するだけなので、細い傷はここで薄まります。ほかのネットワークには、縁や縞を見つけるフィルターがあります。
#
# 見た目だけで言い切らないために、測ってみましょう。下の図は、**同じ部品** の良品（上）と傷あり（下）です。違うのは傷のところだけです。

# %% [markdown] key="filters-read" lang="en"
# Most filters of the paint sorter are flat patches of colour. They average 5 × 5 pixels, and there a thin scratch fades. The others hold filters for edges and stripes.
#
# Looks are not enough, so let us measure. Below are **the same parts**, sound above and damaged below. They differ at the damage and nowhere else.

# %% key="twins" alt_ja="8個の部品。上が良品、下が同じ部品に傷をつけたもの。" alt_en="Eight parts, sound above, the same ones damaged below."
twins = [lesson06.draw_twins(count=32, seed=seed) for seed in seeds]
lesson06.show_twins(*twins[0])

# %% [markdown] key="response" lang="ja"
# 傷をつけると、特徴はどれだけ動くでしょうか。別々の良品どうしの距離を1として、段ごとに測ります。0なら、傷はそのネットワークに見えていません。
#
# > **予想してから実行**:塗装の色のネットワークは、どの段で傷を見失うでしょうか。

# %% [markdown] key="response" lang="en"
# How far does damage move the features? We measure it stage by stage, in units of the distance between two different sound parts. At 0 the network does not see the damage.
#
# > **Predict, then run**: at which stage does the paint sorter lose sight of the damage?

# %% key="responses" alt_ja="傷への反応を段ごとに示す。塗装の色のネットワークは、どの段でもほぼ0。" alt_en="Response to damage, stage by stage: near zero everywhere in the paint sorter."
responses = {
    name: [lesson06.respond(network, *pair) for pair in twins] for name, network in networks.items()
}
lesson06.draw_responses(responses)

# %% [markdown] key="responses-read" lang="ja"
# 最初の段から、ほぼ0です。途中で見失うのではなく、**入口で捨てている** のです。ランダムな重みでさえ、もっと反応します。傷を無視することは、塗装の色を見分ける仕事では正しい振る舞いでした。それがそのまま、次の仕事の邪魔になります。
#
# よく言われる説明も確かめておきます。「死んだ特徴（どの絵でも0）が増えた」、「特徴が少数の方向につぶれた」という説明です。

# %% [markdown] key="responses-read" lang="en"
# Near zero from the first stage on. The damage is not lost on the way, it is **thrown away at the door**. Even random weights respond more. To ignore damage was the right thing to do when sorting paint; now it is what stands in the way.
#
# Two common explanations should be checked as well: that features have died (0 for every picture), and that they have collapsed onto a few directions.

# %% key="health"
rows = []
for name, network in networks.items():
    health = lesson06.measure_health(network, surfaces[10].train.inputs)
    dead, rank = f"{health['dead']:.0%}", f"{health['rank']:.0f}"
    rows.append(
        {"network": tl.text(f"lesson06.{name}"), "dead_features": dead, "effective_rank": rank}
    )
lesson06.Table(rows)

# %% [markdown] key="health-read" lang="ja"
# 塗装の色のネットワークに、死んだ特徴はありません。有効ランク（おもに使っている方向の数）は `zukan-resnet` より小さいものの、ランダムな重みと同じくらいです。ランダムな重みのほうが正解率は高いのですから、この2つだけでは説明になりません。
#
# では、ファインチューニングすれば見えるようになるでしょうか。先ほど学習したネットワークを調べます。

# %% [markdown] key="health-read" lang="en"
# No feature of the paint sorter is dead. Its effective rank (how many directions are mainly used) is below that of `zukan-resnet`, but much like that of random weights, whose probe was better. So neither of the two explains it.
#
# Does fine-tuning open its eyes? We look into the networks trained above.

# %% key="after"
task = surfaces[10]
after = {"tuned_before": networks["zukan-paint"]}
after |= {"tuned_after": tuned[0].model, "scratch_after": scratch[0].model}
rows = []
for name, network in after.items():
    moved = lesson06.respond(network, *twins[0])
    learned = "-" if name == "tuned_before" else f"{tl.evaluate(network, task.train):.0%}"
    flat = f"{lesson06.share_of_averaging(network):.0%}"
    cells = {"first_filters_flat": flat, "response": f"{moved[-1]:.2f}", "train_accuracy": learned}
    rows.append({"network": tl.text(f"lesson06.{name}"), **cells})
lesson06.Table(rows)

# %% [markdown] key="after-read" lang="ja"
# ファインチューニングのあとも、1層目はほとんど平均をとるだけのままです。**訓練データさえ**、ゼロから学習したものほど当てられません。過学習ではなく、学べていないのです。ここまでが測ってわかったことです。なぜ学習が入口まで届かないのか、その仕組みまでは、この測定からは言えません。

# %% [markdown] key="after-read" lang="en"
# After fine-tuning, the first layer still does little but average. The network does worse than scratch **even on the training data**: it does not over-fit, it fails to learn. So much is measured. By what mechanism learning fails to reach the entrance, these measurements cannot say.

# %% key="claim-inside" tags=["claim"]
last = {name: tl.interval(sets[-1] for sets in found) for name, found in responses.items()}
print({name: round(response.mean, 2) for name, response in last.items()})
assert last["zukan-paint"].mean < 0.2 < 0.4 < last["random"].mean
assert lesson06.share_of_averaging(tuned[0].model) > 0.6
fitted = [tl.evaluate(run.model, surfaces[seed].train) for seed, run in zip(seeds, tuned)]
fitted_scratch = [tl.evaluate(run.model, surfaces[seed].train) for seed, run in zip(seeds, scratch)]
unlearned = tl.interval(lesson06.difference(fitted_scratch, fitted))
print(unlearned)
assert unlearned.mean > 0.15

# %% [markdown] key="warn" lang="ja"
# ## 前もって気づけたか
#
# 転移する前に測れる量は、いろいろ提案されています。どれも訓練データ（と検証データ）だけで計算でき、テストデータは使いません。
#
# - **proxy A距離**:転移元の絵と転移先の絵を見分ける分類器を学習し、誤り率 $\epsilon$ から $2(1-2\epsilon)$ とします。0なら区別がつかず、2なら完全に別です。
# - **MMD**:2つの集まりの、特徴の分布の隔たり
# - **CKA**:特徴の似かたと、ラベルの似かたの一致
# - **LogME・LEEP**:特徴や元の出力から、ラベルがどれだけ説明できるか
# - **線形プローブ**:検証データの正解率。安いので、いちばん直接的です。ランダムな重みのプローブとの差も見ます。
#
# まず、proxy A距離をその場で計算します。
#
# > **予想してから実行**:塗装の色と表面の傷、生きものと表面の傷。近いのはどちらでしょうか。

# %% [markdown] key="warn" lang="en"
# ## Could we have known?
#
# Many quantities have been proposed that can be measured before a transfer. All of them need the training data (and validation data) only; the test data stay closed.
#
# - **Proxy A-distance**: train a classifier to tell source pictures from target pictures; with its error $\epsilon$ the distance is $2(1-2\epsilon)$. At 0 the two cannot be told apart, at 2 always.
# - **MMD**: how far apart two sets of features are distributed
# - **CKA**: whether what is alike in the features is alike in the labels
# - **LogME, LEEP**: how well features, or the answers of the old head, explain the labels
# - **Linear probe**: accuracy on the validation data. It is cheap and the most direct. We also look at its lead over a probe on random weights.
#
# First the proxy A-distance, computed here and now.
#
# > **Predict, then run**: paint and surface damage, or creatures and surface damage: which two are nearer?

# %% key="distance"
for name, domain, each in (("zukan-paint", "paint", 19), ("zukan-resnet", "source", 2)):
    drawings = tl.load_task(domain, 1, valid_per_class=each, test_per_class=1).valid
    there = tl.extract_features(networks[name], drawings)
    here = tl.extract_features(networks[name], surfaces[10].train)
    print(name, round(tl.proxy_a_distance(there, here), 2), round(tl.mmd(there, here), 2))

# %% [markdown] key="distance-read" lang="ja"
# 左の数がproxy A距離、右がMMDです。塗装の色の絵と表面の傷の絵は、人の目にはよく似ていました。それでも分類器は、どちらの組もかなり見分けます。片方は害で片方は得なのに、距離はあまり違いません。写真の組を替えると、大小が変わることもあります（保存したシード0では1.87と1.58でした）。ほかの量もふくめて、次の図と表で確かめます。

# %% [markdown] key="distance-read" lang="en"
# The first number is the proxy A-distance, the second MMD. To our eyes the paint pictures and the damaged surfaces were much alike. Still the classifier tells both pairs apart fairly well. One pair harms, the other helps, and the distances hardly differ. With other photographs their order may change (1.87 and 1.58 with the stored seed 0). The figure and the table below look at the other quantities, too.

# %% key="warnings" alt_ja="前もって測った3つの量とギャップの散布図。1点が1組。" alt_en="The gap against three early warnings, one point for each pair."
lesson06.draw_warnings(pairs, ("distance", "logme", "probe_above_random"))

# %% key="warning-table"
lesson06.Table(lesson06.warning_rows(pairs))

# %% [markdown] key="warnings-read" lang="ja"
# 縦軸がギャップ（凍結）、横軸は右ほど「危険」になるように向きをそろえてあります。表の区間は、16組から重複を許して選び直すブートストラップによるものです。16組は転移元や転移先を共有しているので、実際の不確かさはもっと大きいはずです。
#
# - **線形プローブ** は全16組でよく当たりました。凍結の正解率を検証データで先に測ったようなものなので、当然です。だからこそ、まず測る価値があります。
# - **proxy A距離** の区間は0をまたぎます。X線写真では4つとも2に張り付き、何も区別できません。
# - **LogME** は、全体では当たらず、同じ転移先の中では転移元をよく並べました。値の大きさが転移先によって変わるので、転移先をまたいで比べてはいけないのです。
# - **CKA・LEEP・MMD** はその中間で、どれも外れた転移先があります。
#
# どの量も、転移元を **選ぶ** のには使えても、ゼロから学習に勝つかどうかは教えてくれません。ギャップの0がどこかは、相手を学習してみないとわからないのです。

# %% [markdown] key="warnings-read" lang="en"
# Upwards is the gap (frozen); along the bottom every signal is turned so that danger lies to the right. The intervals in the table are a bootstrap over the sixteen pairs. As pairs share their sources and targets, the true uncertainty is larger.
#
# - The **linear probe** did well over all pairs. Of course: it is the frozen accuracy itself, measured earlier, on validation data. That is why it is worth measuring first.
# - The interval of the **proxy A-distance** includes 0. On X-rays it sticks at 2 for all four sources and tells nothing.
# - **LogME** fails over all pairs, and yet it orders the sources of one target well. Its scale changes with the target, so it must not be compared across targets.
# - **CKA, LEEP and MMD** lie between; each of them failed on some target.
#
# All of them may help to **choose** a source. None says whether it will beat training from scratch: where the gap is 0, only training the opponent can tell.

# %% [markdown] key="remedies" lang="ja"
# ## 対策をするか、転移元を替えるか
#
# 害を和らげる方法も提案されています。塗装の色のネットワークと表面の傷で、どれも同じ予算で測りました。
#
# - **L2-SP**:重みが事前学習の値から離れすぎないように引き戻す
# - **BSS**:特徴の弱い方向を抑える
# - **浅く切る**:`conv1` と `bn1` だけを残し、上の段はランダムな重みから学習する
# - **入口を替える**:反対に、`conv1` と `bn1` だけをランダムな重みに戻す（先ほどの診断から考えた対策）
# - **クリップをやめる**、**学習率を10倍にする**（0.1 を 1.0 に）
# - **別の転移元**:`zukan-resnet`
#
# > **予想してから実行**:L2-SPは、良い転移元では過学習を防ぎます。悪い転移元では、何に引き戻すことになるでしょうか。

# %% [markdown] key="remedies" lang="en"
# ## A remedy, or another source?
#
# Several ways to soften the harm have been proposed. Here they are for the paint sorter on surfaces, all with the same budget.
#
# - **L2-SP** pulls the weights back to where pre-training left them
# - **BSS** suppresses weak directions of the features
# - **Cut early**: keep `conv1` and `bn1` only, and train the stages above from random weights
# - **New entrance**: the other way round, put only `conv1` and `bn1` back to random weights (what our diagnosis suggests)
# - **No clipping**, or **ten times the rate** (1.0 in place of 0.1)
# - **Another source**: `zukan-resnet`
#
# > **Predict, then run**: L2-SP prevents over-fitting where the source is good. Where the source is bad, what does it pull back to?

# %% key="remedies-figure" alt_ja="手当てごとの、表面の傷のテスト正解率。" alt_en="Test accuracy on surfaces for each remedy."
found = tl.stored("06_remedies")
contenders = {"scratch": stored_scratch, "paint_tuned": pairs["fine_tuned"][row][column]}
contenders |= dict(zip(found["remedies"], found["accuracy"]))
contenders["resnet_tuned"] = pairs["fine_tuned"][pairs["sources"].index("zukan-resnet")][column]
lesson06.draw_contenders(contenders, chance=0.2, alt="lesson06.remedies_alt")

# %% [markdown] key="remedies-read" lang="ja"
# L2-SPもBSSも、クリップをやめても、学習率を10倍にしても、塗装の色のネットワークはチャンスレベルの近くにとどまりました。L2-SPが引き戻す先は、害になっている出発点そのものです。`conv1` と `bn1` を **残して** 上を作り直しても、少ししか戻りません。反対に、`conv1` と `bn1` だけを **作り直す** と、平均ではゼロから学習の近くまで戻りました（ただし3回のばらつきは大きく、区間も広くなります）。先ほどの診断「入口で捨てている」と合う結果です。
#
# それでも、ゼロから学習を超えたわけではありません。はっきり超えたのは、**転移元を替えた** 場合だけです。

# %% [markdown] key="remedies-read" lang="en"
# With L2-SP or BSS, without clipping, at ten times the rate: the paint sorter stays near guessing. What L2-SP pulls back to is the very start that harms. To **keep** `conv1` and `bn1` and renew all above wins back little. To **renew** only `conv1` and `bn1`, on the contrary, brings the mean back near training from scratch (the three runs vary widely, and so the interval is wide). That agrees with the diagnosis: the damage is thrown away at the door.
#
# Even so it does not pass training from scratch. Only one thing clearly does: **another source**.

# %% [markdown] key="checklist" lang="ja"
# ## 持ち帰り用チェックリスト
#
# 転移する前と後に、上から順に確かめてください。
#
# 1. **転移元は何を無視するように学んだか。** その「何か」が、新しい仕事の手がかりではないか。
# 2. **入力の前提は合っているか。** 大きさ・色・正規化は、転移元と同じにする（レッスン02）。
# 3. **線形プローブを測ったか。** ランダムな重みのプローブより下なら、転移元を疑う。
# 4. **ゼロから学習も、同じ予算で調整したか。** 学習率も、クリップの有無も、検証データで選ぶ。
# 5. **ギャップに区間を付けたか。** 3シード以上で、シードごとの差から計算する。
# 6. **転移元を選ぶのに、テストデータを使っていないか。** 選ぶのは検証データで、テストは最後に1回。
# 7. **害があれば、まず転移元を替える。** 対策は、替えられないときに、測りながら使う。

# %% [markdown] key="checklist" lang="en"
# ## A checklist to take home
#
# Go through it from the top, before and after a transfer.
#
# 1. **What did the source learn to ignore?** Is it what the new job needs?
# 2. **Do its assumptions about the input hold?** Size, colour and normalisation as in pre-training (lesson 02).
# 3. **Has a linear probe been measured?** Below a probe on random weights, suspect the source.
# 4. **Was training from scratch tuned with the same budget?** Its rate, and whether to clip, chosen on validation data.
# 5. **Does the gap carry an interval?** At least three seeds, from the differences seed by seed.
# 6. **Did the test data help to choose the source?** Choose on validation data, and read the test once, at the end.
# 7. **Where there is harm, change the source first.** Remedies are for when you cannot; measure them, too.

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# 転移元と転移先を選んでください。3つの学び方の正解率と、ギャップの判定が変わります。区間が0をまたぐ組はどれでしょうか。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Choose a source and a target. The accuracies of three ways to learn change, and so does the verdict on the gap. For which pairs does the interval include zero?

# %% key="widget"
tl.widget("06")

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** 質感だけを学んだ `zukan-texture` を、表面の傷にファインチューニングしたときのギャップを求めてください。`scratch_runs` と `texture_runs` は、同じシードの順に並んだテスト正解率です。`gap` には95%区間（`tl.interval`）を、`verdict` には `"harm"`（害）・`"help"`（得）・`"open"`（まだ言えない）のどれかを入れます。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** Find the gap of `zukan-texture`, which knows textures only, fine-tuned on surfaces. `scratch_runs` and `texture_runs` hold test accuracies in the same order of seeds. Put the 95% interval (`tl.interval`) into `gap`, and one of `"harm"`, `"help"` and `"open"` (cannot be said yet) into `verdict`.

# %% key="ex-a" tags=["exercise"] needs="setup"
pairs = tl.stored("06_pairs")
place = pairs["sources"].index("zukan-texture"), pairs["targets"].index("surfaces")
scratch_runs = pairs["scratch"][place[1]]
texture_runs = pairs["fine_tuned"][place[0]][place[1]]
### BEGIN SOLUTION
# PLACEHOLDER: gap = ...
# PLACEHOLDER: verdict = ...
gap = tl.interval([a - b for a, b in zip(scratch_runs, texture_runs)])
verdict = "harm" if gap.low > 0 else "help" if gap.high < 0 else "open"
### END SOLUTION
tl.check("06-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** proxy A距離を求める関数を書いてください。`told` は分類器の答え、`domain` は正しい答えです。どちらも0（転移元）と1（転移先）が並んだ `torch.Tensor` で、絵の枚数は2つのドメインで違うことがあります。誤り率は **ドメインごとに計算して平均** します。

# %% [markdown] key="exercise-b" lang="en"
# **B.** Write a function for the proxy A-distance. `told` are the answers of the classifier, `domain` the right ones: tensors of 0 (source) and 1 (target). The two domains need not have the same number of pictures, so compute the error **for each domain and average the two**.


# %% key="ex-b" tags=["exercise"] needs="setup"
def a_distance(told, domain):
    ### BEGIN SOLUTION
    # PLACEHOLDER: return ...
    wrong = (told != domain).float()
    error = (wrong[domain == 0].mean() + wrong[domain == 1].mean()) / 2
    return 2 * (1 - 2 * error.item())
    ### END SOLUTION


tl.check("06-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("06")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 負の転移とは、同じように調整したゼロからの学習より悪くなることです。ギャップは、シードごとの差の平均と区間で書きます。
# - 見た目が近くても害になることがあり（塗装の色と傷）、遠くても役に立つことがあります。
# - 塗装の色のネットワークは、傷を入口で捨てていました。ふつうの予算のファインチューニングでは、取り戻せませんでした。
# - 前もって測る量は、当たるものも外れるものもあります。測って確かめるまで、1つだけを信じないでください。
# - 対策の多くは効きませんでした。効いたのは、診断に合わせて入口を作り直すことでしたが、転移元を替えるほうがずっと確かでした。
#
# **うまくいかないとき**
#
# - どんな転移元でも勝ってしまう：ゼロから学習するほうの学習率と、勾配をクリップするかどうかを選び直します。
# - 害があるのか、ばらつきなのかわからない：シードを増やします。区間が0をまたぐうちは、言い切れません。
# - テストデータがいちばん良い転移元を選んだ：その数字は良く出すぎます。検証データで選び直し、新しいテストで測ります。
# - proxy A距離が2に張り付く：特徴の次元が高く絵が少ないと、たいてい見分けられます。大小を比べられなくなったら、プローブを見ます。
#
# **文献**
#
# - Z. Wang, Z. Dai, B. Póczos, J. Carbonell, *Characterizing and Avoiding Negative Transfer*, 2019. [arXiv:1811.09751](https://arxiv.org/abs/1811.09751)
# - S. Ben-David ほか, *A theory of learning from different domains*, Machine Learning 79, 2010. [doi:10.1007/s10994-009-5152-4](https://doi.org/10.1007/s10994-009-5152-4)
# - S. Kornblith ほか, *Similarity of Neural Network Representations Revisited*, 2019. [arXiv:1905.00414](https://arxiv.org/abs/1905.00414)
# - K. You ほか, *LogME: Practical Assessment of Pre-trained Models for Transfer Learning*, 2021. [arXiv:2102.11005](https://arxiv.org/abs/2102.11005)
# - C. Nguyen ほか, *LEEP: A New Measure to Evaluate Transferability of Learned Representations*, 2020. [arXiv:2002.12462](https://arxiv.org/abs/2002.12462)
# - X. Li, Y. Grandvalet, F. Davoine, *Explicit Inductive Bias for Transfer Learning with Convolutional Networks*, 2018. [arXiv:1802.01483](https://arxiv.org/abs/1802.01483)
# - X. Chen ほか, *Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning*, NeurIPS 2019
# - J. Yosinski ほか, *How transferable are features in deep neural networks?*, 2014. [arXiv:1411.1792](https://arxiv.org/abs/1411.1792)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Negative transfer means: worse than training from scratch that was tuned in the same way. The gap is the mean of the differences seed by seed, with its interval.
# - A source that looks near may harm (paint and damage), and one that looks far may help.
# - The paint sorter threw the damage away at the door, and fine-tuning with an ordinary budget did not win it back.
# - Of what can be measured beforehand some warned and some did not. Do not trust one of them alone before you have checked it.
# - Most remedies did nothing. What did something was to renew the entrance, as the diagnosis suggested; another source was far better still.
#
# **What can go wrong**
#
# - Every source wins: choose the learning rate of training from scratch again, and whether to clip its gradients.
# - Harm or noise? Take more seeds. While the interval includes 0, nothing can be said.
# - The test data chose the best source: its number is too good. Choose on validation data, and measure on new test data.
# - The proxy A-distance sticks at 2: with many features and few pictures the domains can nearly always be told apart. When it no longer ranks anything, look at a probe.
#
# **References**
#
# - Z. Wang, Z. Dai, B. Póczos, J. Carbonell, *Characterizing and Avoiding Negative Transfer*, 2019. [arXiv:1811.09751](https://arxiv.org/abs/1811.09751)
# - S. Ben-David et al., *A theory of learning from different domains*, Machine Learning 79, 2010. [doi:10.1007/s10994-009-5152-4](https://doi.org/10.1007/s10994-009-5152-4)
# - S. Kornblith et al., *Similarity of Neural Network Representations Revisited*, 2019. [arXiv:1905.00414](https://arxiv.org/abs/1905.00414)
# - K. You et al., *LogME: Practical Assessment of Pre-trained Models for Transfer Learning*, 2021. [arXiv:2102.11005](https://arxiv.org/abs/2102.11005)
# - C. Nguyen et al., *LEEP: A New Measure to Evaluate Transferability of Learned Representations*, 2020. [arXiv:2002.12462](https://arxiv.org/abs/2002.12462)
# - X. Li, Y. Grandvalet, F. Davoine, *Explicit Inductive Bias for Transfer Learning with Convolutional Networks*, 2018. [arXiv:1802.01483](https://arxiv.org/abs/1802.01483)
# - X. Chen et al., *Catastrophic Forgetting Meets Negative Transfer: Batch Spectral Shrinkage for Safe Transfer Learning*, NeurIPS 2019
# - J. Yosinski et al., *How transferable are features in deep neural networks?*, 2014. [arXiv:1411.1792](https://arxiv.org/abs/1411.1792)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 害になる転移元15分、公平な比較5分、不一致と音10分、ネットワークの中10分、前もって測る量10分、対策とチェックリスト5分、クイズと練習5分が目安です。
#
# - 「近い見た目なら安全か」を先に挙手で聞いてから、塗装の色の結果を見せると印象に残ります。
# - よくある誤解：「似ていないから負の転移だ」（不一致は害とは別です）、「ファインチューニングすれば害は消える」（消えませんでした）、「L2-SPはいつでも安全だ」（戻る先が悪ければ、悪いところに戻ります）。
# - 遅い教室では、`seeds` はそのままにして、`scratch` と `tuned` のセルの間に「ギャップ」の説明をすると、待ち時間が気になりません。
# - 保存した結果はシード0〜2、本文で走らせるのはシード10〜12です。確認セルは、執筆に使っていないシード3組（20–22、30–32、40–42）でも成り立つことを確かめました。ファインチューニングのギャップの平均は16・15・14ポイントでしたが、40–42の区間は0をわずかにまたぎます（−1〜29）。3回では区間が広いので、確認セルは平均だけを見ています。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: the source that harms 15 minutes, fair comparison 5, mismatch and sounds 10, inside the network 10, early warnings 10, remedies and checklist 5, quiz and exercises 5.
#
# - Ask for a show of hands on "is a similar look safe?" before the result of the paint sorter.
# - Common mistakes: "it looks different, so this is negative transfer" (mismatch is not harm); "fine-tuning removes the harm" (it did not); "L2-SP is always safe" (it pulls back to wherever the start was).
# - On slow machines explain the gap while the cells `scratch` and `tuned` run.
# - Stored results have seeds 0-2, the cells run seeds 10-12. The claims also held on three sets of seeds not used while writing (20-22, 30-32, 40-42). The mean gap after fine-tuning was 16, 15 and 14 points; for 40-42 its interval just includes 0 (−1 to 29). Three runs make wide intervals, which is why the claim cells look at means.
