# %% [markdown] key="title" lang="ja"
# # 03 ファインチューニング
#
# **60分** ・ 前提:レッスン02(特徴抽出)。PyTorchの学習ループを一度でも書いたことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 事前学習済みのResNetを、素のPyTorchで2クラスにファインチューニングする
# - 役に立つ学習率と、事前学習を壊す学習率を、3つのものさしで見分ける
# - どこまで凍結を解くか、過学習をどう抑えるかを、思い込みではなく測定で決める
# - 設定は検証データで選び、テストデータは最後に1回だけ使う

# %% [markdown] key="title" lang="en"
# # 03 Fine-tuning
#
# **60 minutes** · Before this: lesson 02 (feature extraction). It helps to have written a PyTorch training loop once.
#
# After this lesson you can
#
# - fine-tune a pretrained ResNet to two classes in plain PyTorch
# - tell a learning rate that helps from one that destroys, by three measures
# - decide by measuring, not by belief, how much to unfreeze and how to hold back over-fitting
# - choose settings on validation data, and use the test data once, at the end

# %% key="setup"
import copy

import torch
from torch import nn

import tlhelpers as tl
from tlhelpers.lessons.fine_tuning import figures as lesson03
from tlhelpers.lessons.fine_tuning.experiments import Keeping, compare, flip_and_shift

tl.setup()

# %% [markdown] key="idea" lang="ja"
# ## 改装する
#
# 特徴抽出では、ネットワークの本体に手を触れませんでした。**ファインチューニング**(fine-tuning)では、本体の重みも新しい問題に合わせて動かします。車庫を住まいに改装するようなもので、うまくやれば住みやすくなり、乱暴にやれば柱まで壊します。
#
# まず1ページで最後まで通しましょう。犬と猫の2クラスです。

# %% [markdown] key="idea" lang="en"
# ## Rebuild the house
#
# Feature extraction left the body of the network alone. **Fine-tuning** moves its weights as well, so that they suit the new problem. It is like turning a garage into a flat: done well it is good to live in, done roughly it brings down a pillar.
#
# First the whole of it on one page, from start to end, with two classes: cats and dogs.

# %% key="pets" alt_ja="猫と犬の絵の見本。1行に1クラス、6枚ずつ。" alt_en="Samples of drawn cats and dogs, one class a row, six pictures each."
network = tl.backbone("zukan-resnet")
pets = tl.load_task("pets", per_class=50, valid_per_class=60)
tl.show(pets)

# %% [markdown] key="page-read" lang="ja"
# 上が猫、下が犬です。ラベル付きの画像は1クラス50枚あります。次の3つのセルは、PyTorchだけで書いてあります。①出力層を取り替え、②出力層は速く、本体はゆっくり学習するように2つのグループに分け、③ふつうに学習します。

# %% [markdown] key="page-read" lang="en"
# Cats above, dogs below, with 50 labelled pictures of each. The next three cells are PyTorch and nothing else: ① replace the output layer, ② make two groups, so that the new layer learns fast and the body slowly, ③ train as usual.

# %% key="page-head" tags=["nbval-check-output"]
model, preprocess = copy.deepcopy(network), network.preprocess
model.fc = nn.Linear(model.fc.in_features, pets.num_classes)
print(f"{sum(p.numel() for p in model.parameters() if p.requires_grad):,}")

# %% key="page-train"
body = [p for name, p in model.named_parameters() if not name.startswith("fc.")]
groups = [{"params": model.fc.parameters(), "lr": 0.02}, {"params": body, "lr": 0.005}]
optimizer = torch.optim.SGD(groups, momentum=0.9, weight_decay=5e-4)
images, labels = pets.train.inputs, pets.train.labels
model.train()
for _epoch in range(6):
    for rows in torch.randperm(len(labels)).split(20):
        loss = nn.functional.cross_entropy(model(preprocess(images[rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

# %% key="page-valid"
model.eval()
with torch.inference_mode():
    answers = model(preprocess(pets.valid.inputs)).argmax(1)
page_accuracy = (answers == pets.valid.labels).float().mean().item()
print(f"{page_accuracy:.0%}")

# %% [markdown] key="page-torchvision" lang="ja"
# 表示した2つの数字は、学習するパラメータの個数と、検証データでの正解率です。本物の ResNet-18 とImageNetの重みでも、変わるのはネットワークと前処理を用意する1行だけです。
#
# ```python
# from torchvision.models import ResNet18_Weights, resnet18
#
# weights = ResNet18_Weights.DEFAULT
# model, preprocess = resnet18(weights=weights), weights.transforms()
# ```
#
# 古い解説記事には、次のような落とし穴があります。
#
# | よく見かける書き方 | 何が困るか | いまの書き方 |
# |---|---|---|
# | `resnet18(pretrained=True)` | どの重みか分からない。いずれ動かなくなる | `weights=ResNet18_Weights.DEFAULT` |
# | 平均・標準偏差を手で書き写す | 重みと前処理がずれても気づけない | `weights.transforms()` |
# | 検証の前に `model.eval()` を忘れる | BatchNormとドロップアウトが学習時のまま | 検証の前に必ず `model.eval()` |
# | `requires_grad = False` だけで凍結する | BatchNormの統計が動き続ける(レッスン02) | その部分を `eval()` にもしておく |
# | ゼロから学習するときの学習率をそのまま使う | 事前学習を壊す(次の節で測ります) | 本体はずっと小さい学習率にする |
# | テストデータでエポックを選ぶ | 成績が実力より良く見える | 検証データで選び、テストは最後に1回 |

# %% [markdown] key="page-torchvision" lang="en"
# The two numbers are the count of parameters that are trained and the accuracy on validation data. With the real ResNet-18 and its ImageNet weights, only the line changes that provides network and preprocessing:
#
# ```python
# from torchvision.models import ResNet18_Weights, resnet18
#
# weights = ResNet18_Weights.DEFAULT
# model, preprocess = resnet18(weights=weights), weights.transforms()
# ```
#
# Older tutorials hold some traps:
#
# | often seen | what is wrong with it | today |
# |---|---|---|
# | `resnet18(pretrained=True)` | does not say which weights; bound to stop working | `weights=ResNet18_Weights.DEFAULT` |
# | mean and standard deviation copied by hand | nobody notices when they do not fit the weights | `weights.transforms()` |
# | no `model.eval()` before validation | BatchNorm and dropout still behave as in training | always `model.eval()` first |
# | freezing by `requires_grad = False` alone | the statistics of BatchNorm go on moving (lesson 02) | put that part into `eval()` as well |
# | the learning rate of training from scratch | destroys the pre-training (measured in the next section) | a far lower rate for the body |
# | choosing the epoch on the test data | the result looks better than it is | choose on validation data, test once at the end |

# %% [markdown] key="surfaces" lang="ja"
# ## もっと遠い問題
#
# ここからは、ある工場の検査を題材にします。表面の5つの状態を見分ける問題で、ラベル付きの画像は1種類につき20枚です。事前学習で見た生きものや記号とは、かなり違って見えます。

# %% [markdown] key="surfaces" lang="en"
# ## A problem further away
#
# From here on we inspect surfaces in a factory. There are five conditions to tell apart and twenty labelled pictures of each. They look rather unlike the creatures and signs seen in pre-training.

# %% key="surfaces-show" alt_ja="表面の5つの状態の見本。1行に1種類、6枚ずつ。" alt_en="Samples of the five conditions of a surface, one a row, six pictures each."
seeds = tl.seeds(3, first=10)
surfaces = {seed: tl.load_task("surfaces", per_class=20, seed=seed) for seed in seeds}
tl.show(surfaces[10])

# %% [markdown] key="rig" lang="ja"
# 何度も比べるので、1つの関数にまとめます。中身は先ほどのページと同じで、違いは1つだけです。出力層を、ランダムな重みではなく線形プローブ(レッスン02)で学習した重みから始めます。**まず出力層、それから全体** という順番です(Kumar ほか, 2022)。

# %% [markdown] key="rig" lang="en"
# We shall compare many runs, so one function holds them all. It does what the page above did, with one difference: the output layer starts from the weights of a linear probe (lesson 02), not from random ones. **First the head, then everything** (Kumar et al., 2022).

# %% key="tune"
probes = {seed: tl.probe(network, task, seed=seed) for seed, task in surfaces.items()}


def tune(seed, body_lr, **options):
    settings = {"lr": 0.02, "freeze_epochs": 0, "epochs": 6, "batch_size": 16, "valid": False}
    settings |= {"head": probes[seed].head, "body_lr": body_lr, "seed": seed} | options
    return tl.fine_tune(network, surfaces[seed], **settings)


keeping = Keeping(network)
source_accuracy, _ = keeping(network)
print(f"{source_accuracy:.0%}")

# %% [markdown] key="measures" lang="ja"
# ## 役に立つ学習率と、壊す学習率
#
# 学習率の良し悪しを、3つのものさしで測ります。
#
# - **新しい問題**の正解率
# - **元の問題**の正解率:本体に元の出力層を戻して、事前学習の絵を見せる(いま表示した数字が、学習前の値です)
# - **CKA**:同じ絵に対する特徴が、学習の前後でどれだけ似ているか(1なら同じ、0なら無関係)
#
# > **予想してから実行**:本体の学習率を0.02にした場合と0.5にした場合で、3つの値はそれぞれどうなるでしょうか。

# %% [markdown] key="measures" lang="en"
# ## A rate that helps, and one that destroys
#
# Three measures tell what a learning rate did:
#
# - accuracy on the **new** problem
# - accuracy on the **source**: put the old output layer back on the body and show it pictures of pre-training (the number just printed is the one before any tuning)
# - **CKA**: how alike the features of the same pictures are before and after (1: the same, 0: unrelated)
#
# > **Predict, then run**: the body learns at 0.02, or at 0.5. What becomes of the three numbers?

# %% key="rates-run"
runs = {rate: [tune(seed, rate) for seed in seeds] for rate in (0.02, 0.5)}

# %% key="rates" alt_ja="本体の学習率に対する3つの値。新しい問題の正解率は中ほどの学習率で最も高く、元の問題の正解率とCKAは学習率が高いほど下がる。" alt_en="Three measures against the body's rate: the new accuracy is best at middle rates, source accuracy and CKA fall as the rate grows."
live = {}
for rate, results in runs.items():
    kept = [keeping(run.model) for run in results]
    live[rate] = {
        "accuracy": [run.test_acc for run in results],
        "source_accuracy": [source for source, _ in kept],
        "cka": [similarity for _, similarity in kept],
    }
grid = tl.stored("03_learning_rates")
lesson03.draw_rates(grid, live)

# %% [markdown] key="rates-read" lang="ja"
# 横軸は本体の学習率です。帯は前もって3回測った結果の95%信頼区間(`tl results 03` で作り直せます)、丸印は今日の3回です。左の図の学習率が低い側は、線形プローブの高さとほとんど変わりません。学習率を上げると新しい問題の正解率は少し上がりますが、上げすぎると下がり、元の問題の知識も特徴も失われます。0.02は役に立つ範囲の上の端です。引き直した画像によっては、この学習率でも正解率が10ポイント以上落ちる回があります。平均だけでなく、丸印のばらつきも見てください。この先の比較でも、まず0.02を使います。工夫や対策の差は、このばらつきと比べて読んでください。

# %% [markdown] key="rates-read" lang="en"
# The rate of the body runs along the bottom. Bands are 95% intervals of three runs measured beforehand (`tl results 03` repeats them), rings are today's three. At the low end, the accuracy on the left has hardly left that of the linear probe. As the rate grows the new accuracy rises a little; at too high a rate it falls, and both what was known of the source and the features are lost. At 0.02 we are at the upper end of what helps: with some draws of pictures a run loses ten points or more even there. Look at the spread of the rings, not only at the mean. The comparisons below start from 0.02 as well, so read every difference against this spread.

# %% key="claim-rates" tags=["claim"]
good, wild = live[0.02], live[0.5]
target_loss = tl.interval([a - b for a, b in zip(good["accuracy"], wild["accuracy"])])
source_loss = tl.interval([a - b for a, b in zip(good["source_accuracy"], wild["source_accuracy"])])
print(target_loss, source_loss)
assert target_loss.mean > 0.05 and source_loss.mean > 0.15
assert tl.interval(wild["cka"]).mean < tl.interval(good["cka"]).mean - 0.1

# %% [markdown] key="lr-find" lang="ja"
# ## 学習率の見当をつける
#
# 学習率を小さい値から少しずつ上げながら数十ステップだけ学習し、損失の下がり方を見る方法があります(Smith, 2015)。検証データもテストデータも使わず、数秒で見当がつきます。

# %% [markdown] key="lr-find" lang="en"
# ## A first guess at the rate
#
# Train for a few dozen steps while the rate grows from tiny to large, and watch the loss fall and then rise (Smith, 2015). It takes seconds and needs neither validation nor test data.

# %% key="lr-find-run" alt_ja="学習率を上げていったときの損失。はじめは平らで、途中から下がり、最後に上がる。最も急に下がる学習率に縦線がある。" alt_en="Loss while the rate grows: flat, then falling, rising at the end. An upright line marks the steepest fall."
start = tl.replace_head(copy.deepcopy(network), 5)
found = tl.lr_find(start, surfaces[10], steps=40, batch_size=16)
lesson03.draw_lr_find(found)

# %% [markdown] key="lr-find-read" lang="ja"
# 点線が、最も急に下がった学習率です。これは全体に同じ学習率を使う場合の目安にすぎません。線が左右に動くのも普通のことです。前の図では0.1ですでに正解率が下がっていたので、線よりずっと低めから始めるのが無難です。最後は検証データで決めます。

# %% [markdown] key="lr-find-read" lang="en"
# The dashed line marks the steepest fall. It is a rule of thumb for one rate everywhere, no more, and it moves about from run to run. In the figure before, 0.1 had already lost accuracy, so begin well below the line. Validation data have the last word.

# %% [markdown] key="depths" lang="ja"
# ## どこまで凍結を解くか
#
# 出力層だけ、最後の段まで、……、全部。学習する範囲を後ろから広げていきます。
#
# > **予想してから実行**:全部を学習するのと、最後の段だけを学習するのとでは、どちらの正解率が高いでしょうか。元の知識が残るのはどちらでしょうか。

# %% [markdown] key="depths" lang="en"
# ## How much to unfreeze
#
# The head alone, the last stage as well, ... everything: we let more and more stages learn, from the back to the front.
#
# > **Predict, then run**: which is more accurate, training everything or only the last stage? And which keeps more of what was known?

# %% key="depths-run" alt_ja="学習する段の数に対する、新しい問題と元の問題の正解率。" alt_en="New and source accuracy against the number of stages that are trained."
lesson03.draw_depths(
    grid,
    rate=0.02,
    live={"head": [probes[seed].test_acc for seed in seeds], "all": good["accuracy"]},
)

# %% [markdown] key="depths-read" lang="ja"
# 左端は線形プローブ、右端は全部を学習した場合です。右へ行くほど、動かせる重みが増えます。1クラス20枚のここでは、新しい問題で得るものは数ポイントで、ばらつきと見分けにくい大きさです。一方、元の問題の正解率は、全部を学習したところで大きく落ちます。**広く解けば解くほどよい、とは言えません。** 何ポイントのために何を失うのかを見て決めます。

# %% [markdown] key="depths-read" lang="en"
# At the left is the linear probe, at the right everything learns. The further right, the more weights may move. With twenty labels each, what the new problem gains here is a few points, hard to tell from the spread. The accuracy on the source, however, drops far where everything learns. **More is not simply better**: see how many points you get, and what you pay.

# %% key="claim-depths" tags=["claim"]
frozen = [probes[seed].test_acc for seed in seeds]
gain = tl.interval([tuned - still for tuned, still in zip(good["accuracy"], frozen)])
price = tl.interval([source_accuracy - kept for kept in good["source_accuracy"]])
print(gain, price)
assert gain.mean < 0.15 and price.mean > 0.2

# %% [markdown] key="ways" lang="ja"
# ## やさしく学習する工夫
#
# 段ごとに学習率を変える、後ろの段から順に凍結を解く、学習率をゆっくり上げ始める。よく勧められる工夫を、同じ条件で比べます。
#
# - **どこも同じ学習率**(0.02)
# - **段ごとの学習率**(discriminative):出力層は0.02、入力に近いほど小さく、最初の段では10分の1
# - **順に解凍**(gradual unfreezing):1エポックごとに1段ずつ
# - **ウォームアップなし**:はじめから0.02(ほかはすべて、0.02までゆっくり上げています)
# - **ランダムな出力層**から(ほかはすべて、線形プローブの出力層から)

# %% [markdown] key="ways" lang="en"
# ## Ways to go gently
#
# Another rate for each stage, one more stage an epoch, a slow start: ways that are often recommended, compared under equal conditions.
#
# - **one rate everywhere** (0.02)
# - **discriminative rates**: 0.02 at the head, less towards the input, a tenth at the first stage
# - **gradual unfreezing**: one more stage an epoch
# - **no warm-up**: 0.02 from the start (all others rise to 0.02 slowly)
# - from a **random head** (all others start from the head of the linear probe)

# %% key="ways-run" alt_ja="5つの学習のしかたについて、新しい問題と元の問題の正解率を、信頼区間つきの点で示す。" alt_en="New and source accuracy of five ways to tune, as points with intervals."
lesson03.draw_ways(tl.stored("03_ways"))

# %% [markdown] key="ways-read" lang="ja"
# 点は3回の平均、線は95%信頼区間です。左の図では、段ごとの学習率にしても正解率は上がっていません。順に解凍する方法は、平均ではやや低めです(6エポックでは足りないのかもしれません)。右の図では平均が大きく違います。元の問題の正解率は、どこも同じ学習率では平均42%しか残らないのに、段ごとの学習率では73%、順に解凍すると87%残りました。ウォームアップの有無や出力層の始め方では、はっきりした差は出ていません。段ごとの学習率と順の解凍で得られるのは **正解率ではなく、元の知識** です。段ごとの学習率については、今日の3回でも確かめましょう。

# %% [markdown] key="ways-read" lang="en"
# Points are means of three runs, lines 95% intervals. At the left, discriminative rates gain nothing; gradual unfreezing is a little lower by its mean (six epochs may be too few for it). At the right the means are far apart: one rate everywhere keeps 42% on the source, discriminative rates 73%, gradual unfreezing 87%. Warm-up and the start of the head made no clear difference. What discriminative rates and gradual unfreezing buy is **not accuracy but memory of the source**. Check it, for discriminative rates, with today's three runs.

# %% key="claim-ways" tags=["claim"]
graded = [tune(seed, None, lr_mult=10) for seed in seeds]
kept = [keeping(run.model)[0] for run in graded]
more_kept = tl.interval([a - b for a, b in zip(kept, good["source_accuracy"])])
more_accurate = tl.interval([a.test_acc - b.test_acc for a, b in zip(graded, runs[0.02])])
print(more_kept, more_accurate)
assert more_kept.mean > 0.05

# %% [markdown] key="overfit" lang="ja"
# ## 過学習と、その対策
#
# 100枚しかない訓練データは、すぐに丸暗記されます。次の数字は、訓練データとテストデータでの正解率です。

# %% [markdown] key="overfit" lang="en"
# ## Over-fitting and its remedies
#
# A hundred training pictures are soon learned by heart. The next cell prints accuracy on training and on test data.

# %% key="overfit-run"
trained = [tl.evaluate(run.model, surfaces[seed].train) for seed, run in zip(seeds, runs[0.02])]
print(f"{tl.interval(trained).mean:.0%} / {tl.interval(good['accuracy']).mean:.0%}")

# %% [markdown] key="remedies" lang="ja"
# 対策はいろいろあります。ここで効くのはどれでしょうか。
#
# - **データ拡張**:左右反転と、少しのずらし
# - **重み減衰**(weight decay):重みを0に引き寄せる
# - **L2-SP**:重みを0ではなく、事前学習の値に引き寄せる
# - **ドロップアウト**:出力層の手前で、特徴の半分をランダムに消す
# - **早期終了**:検証データの正解率が最も高いエポックの重みを使う(テストデータで選んではいけません)
#
# > **予想してから実行**:最も効くのはどれでしょうか。まったく効かないものはあるでしょうか。

# %% [markdown] key="remedies" lang="en"
# There are many remedies. Which of them help here?
#
# - **augmentation**: mirrored, and moved a little
# - **weight decay**: pulls weights towards zero
# - **L2-SP**: pulls weights towards their pretrained values instead
# - **dropout**: blots out half of the features before the head, at random
# - **early stopping**: takes the weights of the epoch that is best on validation data (never on test data)
#
# > **Predict, then run**: which remedy helps most? Is there one that does nothing?

# %% key="remedies-run" alt_ja="5つの対策による正解率の増減を、信頼区間つきの点で示す。0の線より右なら効いている。" alt_en="What five remedies add to the accuracy, as points with intervals; right of the zero line they help."
augmented = [tune(seed, 0.02, augment=flip_and_shift) for seed in seeds]
gains = [a.test_acc - b.test_acc for a, b in zip(augmented, runs[0.02])]
lesson03.draw_remedies(tl.stored("03_remedies"), live={"flip_and_shift": gains})

# %% [markdown] key="remedies-read" lang="ja"
# 横軸は、対策なしと比べたテスト正解率の差(ポイント)です。点は前もって測った3回の平均、線は95%信頼区間、丸印は今日の3回です。前もって測った3回では、はっきり効いたのはデータ拡張だけで、3回とも2〜5ポイント上がりました。重み減衰・L2-SP・早期終了の平均は0の近くにとどまり、ドロップアウトは回によって−2から+7まで動きました。今日の丸印は、これより大きくばらつくことがあります。比べる相手が大きく崩れた回では、どんな対策も効いたように見えるからです。対策は「効くはず」で選ばず、何度か測って確かめます。

# %% [markdown] key="remedies-read" lang="en"
# Points gained or lost in test accuracy against no remedy run along the bottom. Dots are means of three runs measured beforehand, with 95% intervals; rings are today's. In the runs measured beforehand only augmentation helped clearly, by 2 to 5 points each time. The means of weight decay, L2-SP and early stopping stayed near zero, and dropout went from −2 to +7 from run to run. Today's rings may scatter more than that: where the run without a remedy broke, any remedy looks good. Do not take one because it ought to help: measure, and more than once.

# %% [markdown] key="debate" lang="ja"
# ## 近いから調整するのか、遠いから調整するのか
#
# 「元の問題と似ているときこそファインチューニングが効く」という人もいれば、「違うときこそ必要だ」という人もいます。ラベルの数も関係しそうです。測ってみましょう。
#
# 3つの問題(鳥、表面、X線の模型)について、**ファインチューニングの正解率 − 線形プローブの正解率** を、ラベル5枚と50枚で測りました。近さのものさしは2つあります。元の絵と新しい絵を特徴から見分けられる度合い(proxy A-distance、レッスン06。2なら必ず見分けられる)と、線形プローブの正解率です。
#
# > **予想してから実行**:6つの組み合わせのうち、ファインチューニングが損になるのはどれでしょうか。

# %% [markdown] key="debate" lang="en"
# ## Tune because it is near, or because it is far?
#
# Some say that fine-tuning pays when the new problem resembles the source; others say that it is needed when it does not. The number of labels may matter, too. Measure it.
#
# For three problems (birds, surfaces, drawn X-ray phantoms) we measured **the accuracy of fine-tuning minus that of the linear probe**, with 5 labels and with 50. Two yardsticks say how far they are: how well source and target can be told apart by their features (proxy A-distance, lesson 06; at 2 always), and the accuracy of the linear probe.
#
# > **Predict, then run**: in which of the six cases does fine-tuning do harm?

# %% key="debate-run"
pairs = {name: [compare(network, name, 5, seed) for seed in seeds] for name in ("birds", "xray")}
gains = {name: [tuned - still for still, tuned in runs] for name, runs in pairs.items()}
distances = tl.stored("03_similarity")
lesson03.Table(lesson03.distance_rows(distances))

# %% key="debate-figure" alt_ja="3つの問題について、ファインチューニングとプローブの差を、ラベル5枚と50枚で比べた点と信頼区間。" alt_en="Fine-tuned minus frozen for three problems, with 5 and with 50 labels, as points with intervals."
lesson03.draw_similarity(distances, gains, at=5)

# %% [markdown] key="debate-read" lang="ja"
# 縦軸が0より上なら、ファインチューニングの勝ちです。丸印は今日の3回です。表を見ると、A-distanceではどの問題も同じくらい遠く、線形プローブの正解率のほうが違いをはっきり示しています。
#
# - **5枚**:鳥では凍結の勝ちで、今日の3回も同じです。X線は、前もって測った3回では凍結の勝ちですが、丸印のように、画像を引き直すと引き分けに近い回もあります。表面は引き分けです。ファインチューニングがはっきり勝った問題はありません。
# - **50枚**:鳥はほぼ同点です。凍結でも98%あり、伸びしろがありません。表面とX線では、実行ごとに勝ち負けが入れ替わりました。
#
# ここでは、どちらの説も裏づけられません。似ているかどうかの前に、**ラベルの数と、凍結に残された伸びしろ** を見るべきだ、というのがこの測定の答えです。ただし、学習率は0.02に固定し、1回に見せた画像は150〜1000枚だけです。50枚の結果は、もっと長く学習し、設定を検証データで選べば変わるかもしれません。

# %% [markdown] key="debate-read" lang="en"
# Above zero, fine-tuning wins; rings are today's runs. By A-distance, the table shows, all three are about equally far; the accuracy of the linear probe tells them apart better.
#
# - **5 labels**: frozen wins on the birds, in today's runs as well. On the X-rays it won in the three runs measured beforehand; with other pictures, as the rings show, it can come near a draw. The surfaces are a draw. Fine-tuning clearly won nowhere.
# - **50 labels**: the birds are nearly a draw, since frozen reaches 98% and leaves no room. On surfaces and X-rays, win and loss changed from run to run.
#
# Neither saying is borne out here. Before likeness, look at **how many labels there are, and how much room frozen leaves**: that is what this measurement answers. Mind its limits: the rate was fixed at 0.02 and a run saw 150 to 1,000 pictures. Longer training, with settings chosen on validation data, may change the results at 50 labels.

# %% key="claim-debate" tags=["claim"]
near, far = tl.interval(gains["birds"]), tl.interval(gains["xray"])
print(near, far)
assert near.mean < -0.05 and far.low < 0.05

# %% [markdown] key="lora" lang="ja"
# ## LoRA:差分だけを学習する
#
# 大きなモデルでは、全体を学習して問題ごとに丸ごと保存するのは大変です。**LoRA** は、元の重み $W$ を凍結したまま、その横に細い差分 $BA$ を足して、差分だけを学習します。
#
# $$W' = W + \frac{\alpha}{r} B A, \qquad A: r \times n, \quad B: m \times r$$
#
# $B$ は0から始まるので、学習前のモデルは元のままです。ここでは階数を $r = 8$ とします。

# %% [markdown] key="lora" lang="en"
# ## LoRA: learn only a difference
#
# With a large model it is costly to train all of it, and to keep a full copy for each problem. **LoRA** leaves the weight $W$ frozen and adds a thin difference $BA$ beside it, which alone is trained:
#
# $$W' = W + \frac{\alpha}{r} B A, \qquad A: r \times n, \quad B: m \times r$$
#
# $B$ starts at zero, so that the model is unchanged at first. Here the rank is $r = 8$.

# %% key="lora-run"
small = {"rank": 8, "lr": 0.002, "epochs": 6, "batch_size": 16, "valid": False}
lora = [tl.lora(network, surfaces[s], head=probes[s].head, seed=s, **small) for s in seeds]
lesson03.Table(lesson03.method_rows({"full": runs[0.02], "lora": lora}, frozen, 256))

# %% [markdown] key="lora-read" lang="ja"
# 表は、学習するパラメータの数、その保存に要る大きさ、テスト正解率です。LoRAが学習して保存するのは、全体の1割に届きません。次のセルには、その割合と、線形プローブからの正解率の差を示します。差の区間が0をまたいでいれば、正解率で得をしたとは言えません。LoRAの利点は、まず小ささにあります。

# %% [markdown] key="lora-read" lang="en"
# The table holds the number of trained parameters, the megabytes needed to store them, and the test accuracy. LoRA trains and stores less than a tenth of the network. The next cell prints that share, and the accuracy gained over the linear probe. Where that interval includes zero, accuracy was not gained: the first merit of LoRA is that it is small.

# %% key="claim-lora" tags=["claim"]
share = lora[0].trainable_parameters / runs[0.02][0].trainable_parameters
print(f"{share:.1%}", tl.interval([run.test_acc - still for run, still in zip(lora, frozen)]))
assert share < 0.1

# %% [markdown] key="search" lang="ja"
# ## 設定を選び、1回だけテストする
#
# 最後に、犬と猫に戻って本番のつもりで進めます。学習率と範囲の組を6とおり試し、**検証データだけ** を見て1つ選びます。テストデータは、選び終わってから1回だけ開きます。`read_test=False` の間は、テストデータを読みません。

# %% [markdown] key="search" lang="en"
# ## Choose settings, then test once
#
# Back to cats and dogs, and this time in earnest. Six pairs of rate and depth are tried, and one is chosen on **validation data alone**. The test data are opened once, when the choice is made. As long as `read_test=False`, they are not read.


# %% key="search-run"
def train_pets(body_lr, unfreeze, **options):
    settings = {"lr": 0.02, "freeze_epochs": 2, "epochs": 3, "batch_size": 16, "valid": False}
    settings |= {"body_lr": body_lr, "unfreeze": unfreeze}
    return tl.fine_tune(network, pets, **settings, **options)


choices = [(body_lr, unfreeze) for unfreeze in (1, "all") for body_lr in (0.005, 0.02, 0.1)]
scores = {choice: train_pets(*choice, read_test=False).valid_acc for choice in choices}
lesson03.Table(lesson03.search_rows(scores))

# %% key="final"
best = max(scores, key=scores.get)
final = train_pets(*best)
print(best, f"{final.valid_acc:.0%}", f"{final.test_acc:.0%}", final.test_reads)

# %% [markdown] key="final-read" lang="ja"
# 左から、選んだ設定(本体の学習率と、後ろから何段を学習したか)、検証正解率、テスト正解率、テストデータを読んだ回数です。6つの中から最大を選んだので、検証正解率には運の良さが混じっています。報告するのはテスト正解率のほうです。

# %% [markdown] key="final-read" lang="en"
# From the left: the settings chosen (the rate of the body, and how many stages were trained, counted from the head), validation accuracy, test accuracy, and how often the test data were read. The validation accuracy is the largest of six and owes something to luck; the test accuracy is the one to report.

# %% key="claim-final" tags=["claim"]
assert final.test_reads == 1
assert final.test_acc > 0.6

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# 本体の学習率と、学習する範囲を変えてみてください。「実際に学習する」を押すと、その設定で今ここで学習します。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Change the rate of the body and how much of it learns. "Run it live" trains here and now with these settings.

# %% key="widget"
tl.widget("03")

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** `student` の最後の段 `layer4` と出力層 `fc` だけを学習させます。ほかのパラメータはすべて凍結し、オプティマイザーに渡す `groups` を作ってください。`fc` の学習率は0.02、`layer4` の学習率はその10分の1です。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** Only the last stage `layer4` and the output layer `fc` of `student` are to learn. Freeze all other parameters and make the `groups` for an optimizer: `fc` at a rate of 0.02, `layer4` at a tenth of that.

# %% key="ex-a" tags=["exercise"] needs="setup,pets"
student = tl.replace_head(copy.deepcopy(network), 2)
### BEGIN SOLUTION
# PLACEHOLDER: groups = ...
student.requires_grad_(False)
student.layer4.requires_grad_(True)
student.fc.requires_grad_(True)
groups = [
    {"params": list(student.fc.parameters()), "lr": 0.02},
    {"params": list(student.layer4.parameters()), "lr": 0.002},
]
### END SOLUTION
tl.check("03-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** 新しい問題の正解率は高いほどよいのですが、元の問題の正解率も平均40%以上を保ちたいとします。全部を学習する場合(`grid` の各項目の最後の行)に、この条件を満たす学習率の中で、新しい問題の平均正解率が最も高いものを `gentle` に入れてください。

# %% [markdown] key="exercise-b" lang="en"
# **B.** You want the best accuracy on the new problem, but must keep a mean of at least 40% on the source. Everything is trained (the last row of each entry of `grid`). Among the rates that meet the condition, put the one with the highest mean accuracy on the new problem into `gentle`.

# %% key="ex-b" tags=["exercise"] needs="setup"
grid = tl.stored("03_learning_rates")
### BEGIN SOLUTION
# PLACEHOLDER: gentle = ...
rows = zip(grid["rates"], grid["accuracy"][-1], grid["source_accuracy"][-1])
allowed = {rate: tl.interval(new).mean for rate, new, old in rows if tl.interval(old).mean >= 0.4}
gentle = max(allowed, key=allowed.get)
### END SOLUTION
tl.check("03-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("03")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - ファインチューニングは、事前学習の重みから出発して本体も学習させることです。まず出力層、それから全体の順に進めます。
# - 本体の学習率がいちばん大事です。高すぎると、元の知識も特徴も失われます。
# - 段ごとの学習率や順に解凍する工夫は、元の知識を残す助けになります。新しい問題の正解率が上がるとは限りません。
# - 「近いから調整する」「遠いから調整する」は、ここではどちらも裏づけられませんでした。ラベルが5枚のとき、ファインチューニングがはっきり勝った問題はありませんでした。
# - 設定は検証データで選び、テストデータは最後に1回だけ読みます。
#
# **うまくいかないとき**
#
# - 損失が急に大きくなる、NaNになる:本体の学習率を10分の1にするか、`clip_norm=1.0` を付けます。
# - 線形プローブより悪くなる:ラベルが少なすぎるか、BatchNormの統計が数枚の画像に引きずられています。凍結に戻すか、`keep_batchnorm=True` を試します。
# - 訓練データでは100%なのにテストで低い:過学習です。データ拡張から試し、効いたかどうかを測ります。
# - 検証正解率よりテスト正解率がずっと低い:たくさんの設定の中から選びすぎです。検証データを増やします。
#
# **文献**
#
# - J. Howard, S. Ruder, *Universal Language Model Fine-tuning for Text Classification*, 2018. [arXiv:1801.06146](https://arxiv.org/abs/1801.06146)
# - A. Kumar ほか, *Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution*, 2022. [arXiv:2202.10054](https://arxiv.org/abs/2202.10054)
# - X. Li, Y. Grandvalet, F. Davoine, *Explicit Inductive Bias for Transfer Learning with Convolutional Networks*, 2018. [arXiv:1802.01483](https://arxiv.org/abs/1802.01483)
# - L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, 2015. [arXiv:1506.01186](https://arxiv.org/abs/1506.01186)
# - E. J. Hu ほか, *LoRA: Low-Rank Adaptation of Large Language Models*, 2021. [arXiv:2106.09685](https://arxiv.org/abs/2106.09685)
# - S. Kornblith ほか, *Similarity of Neural Network Representations Revisited*, 2019. [arXiv:1905.00414](https://arxiv.org/abs/1905.00414)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Fine-tuning starts from pretrained weights and trains the body, too: first the head, then everything.
# - The rate of the body matters most. Too high, and both the knowledge of the source and the features are lost.
# - Discriminative rates and gradual unfreezing help to keep the source. They need not make the new problem more accurate.
# - Neither "tune when it is near" nor "tune when it is far" was borne out here. With five labels, fine-tuning clearly won on none of the problems.
# - Choose settings on validation data, and read the test data once, at the end.
#
# **What can go wrong**
#
# - The loss jumps or becomes NaN: a tenth of the rate for the body, or `clip_norm=1.0`.
# - Worse than the linear probe: too few labels, or the statistics of BatchNorm follow a handful of pictures. Go back to frozen, or try `keep_batchnorm=True`.
# - 100% on training data, far less on test data: over-fitting. Try augmentation first, and measure whether it helped.
# - Test accuracy far below validation accuracy: chosen from too many settings. Use more validation data.
#
# **References**
#
# - J. Howard, S. Ruder, *Universal Language Model Fine-tuning for Text Classification*, 2018. [arXiv:1801.06146](https://arxiv.org/abs/1801.06146)
# - A. Kumar et al., *Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution*, 2022. [arXiv:2202.10054](https://arxiv.org/abs/2202.10054)
# - X. Li, Y. Grandvalet, F. Davoine, *Explicit Inductive Bias for Transfer Learning with Convolutional Networks*, 2018. [arXiv:1802.01483](https://arxiv.org/abs/1802.01483)
# - L. N. Smith, *Cyclical Learning Rates for Training Neural Networks*, 2015. [arXiv:1506.01186](https://arxiv.org/abs/1506.01186)
# - E. J. Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, 2021. [arXiv:2106.09685](https://arxiv.org/abs/2106.09685)
# - S. Kornblith et al., *Similarity of Neural Network Representations Revisited*, 2019. [arXiv:1905.00414](https://arxiv.org/abs/1905.00414)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 1ページの通し15分、学習率15分、凍結を解く範囲と工夫10分、過学習5分、近い・遠い10分、選び方とクイズ5分が目安です。
#
# - 予想を書かせてから実行します。とくに「どの対策が効くか」は、予想が割れて盛り上がります。
# - よくある間違い:出力層を取り替える前にオプティマイザーを作る(新しい出力層が学習されません)。検証の前に `model.eval()` を忘れる。テストデータで学習率を選ぶ。
# - 遅い教室では、学習するセルを実行する前に、帯の図(保存済みの結果)だけを見せて議論します。
# - 主張のセルは、シード10〜12のほかに、200〜202、300〜302、400〜402でも確かめました。本体の学習率0.02は不安定になる一歩手前で、3回のうち1回が崩れる組もあります。そのときも主張は成り立ちますが、区間は広くなります。
# - 議論の種:元の問題の正解率は、いつ大事でしょうか(元の用途にも使い続けるとき。レッスン04につながります)。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: the one page 15 minutes, learning rates 15, depth and gentle ways 10, over-fitting 5, near or far 10, choosing and quiz 5.
#
# - Have predictions written down first. Opinions differ most on which remedy helps.
# - Common mistakes: building the optimizer before the head is replaced (the new head never learns); no `model.eval()` before validation; choosing the rate on test data.
# - In a slow room, discuss the bands (stored results) before the training cells are run.
# - The claims were checked on seeds 200 to 202, 300 to 302 and 400 to 402 as well as on 10 to 12. The body's rate of 0.02 is at the edge of stability: in some sets one run in three breaks. The claims hold then, too, but the intervals are wide.
# - To discuss: when does accuracy on the source matter? (When the model must go on serving its old purpose; this leads to lesson 04.)
