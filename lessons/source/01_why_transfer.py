# %% [markdown] key="title" lang="ja"
# # 01 なぜ転移学習か
#
# **60分** ・ 前提:Pythonの関数と `for` 文が読めること。ニューラルネットワークを一度でも学習させたことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 転移学習の3つの利点を、自分のパソコンで測って、誤差の幅つきで説明する
# - その利点がどこで消えるかを示す
# - 事前学習・転移学習・ファインチューニングという言葉を使い分ける
# - 手元の問題がどの種類の転移にあたるかを判断する

# %% [markdown] key="title" lang="en"
# # 01 Why transfer?
#
# **60 minutes** · Before this: you can read Python functions and `for` loops. It helps to have trained a neural network once.
#
# After this lesson you can
#
# - measure the three benefits of transfer learning on your own computer, and state them with their uncertainty
# - show where the benefits end
# - tell pre-training, transfer learning and fine-tuning apart
# - say which kind of transfer a problem of yours is

# %% key="setup"
import tlhelpers as tl
from tlhelpers.lessons.why_transfer import figures as lesson01

tl.setup()

# %% [markdown] key="idea" lang="ja"
# ## 学んだことを、別の仕事に使う
#
# ベテランは、職場が変わっても、初日からまったく役に立たないわけではありません。初めての町でも、地図があれば迷いません。走り込みを積んだ選手は別の競技でもすぐに伸びますし、レシピをたくさん知っている料理人は、初めての食材でも見当がつきます。**転移学習**(transfer learning)は、これと同じことをモデルにさせます。
#
# - **事前学習**(pre-training):データがたくさんある問題で、あらかじめ学習しておくこと。
# - **転移学習**:そこで得たものを、データの少ない別の問題に使うこと。
#
# 手順は3つです。①事前学習済みモデルを選び、②出力層を新しい問題のものに取り替え、③新しいデータで学習させます。

# %% [markdown] key="idea" lang="en"
# ## Put what was learned to another use
#
# A veteran who changes jobs is not helpless on the first day. With a map you find your way in a town you have never seen. An athlete in good shape picks up another sport quickly, and a cook who knows many recipes has an idea what to do with an unknown ingredient. **Transfer learning** asks the same of a model.
#
# - **Pre-training**: learning beforehand on a problem with plenty of data.
# - **Transfer learning**: using what came out of it for another problem, one with little data.
#
# There are three steps: ① choose a pretrained model, ② replace its output layer with one for the new problem, ③ train on the new data.

# %% [markdown] key="world" lang="ja"
# ## 事前学習で見たもの
#
# この教材には、*図鑑*(zukan)という絵の世界があります。ネットワーク `zukan-resnet` は、その中の架空の生きもの・素材・記号(文字に似た印)を見分けるように事前学習してあります。下がその一部です。**鳥は一度も見ていません。**

# %% [markdown] key="world" lang="en"
# ## What was seen in pre-training
#
# This course carries a drawn world of its own, *zukan* (図鑑, an illustrated encyclopedia). The network `zukan-resnet` was pretrained to tell its imaginary creatures, materials and signs apart. Some of them are below. **It has never seen a bird.**

# %% key="source" alt_ja="事前学習に使った絵の見本。架空の生きもの、素材、記号が1行に5枚ずつ並んでいる。" alt_en="Samples of the pre-training pictures: imaginary creatures, materials and signs, five in a row."
source = tl.load_task("source", per_class=6, valid_per_class=1, test_per_class=1)
tl.show(source, per_class=5, classes=[0, 8, 30, 50, 58, 80])

# %% [markdown] key="birds" lang="ja"
# 新しい問題は、10種類の鳥を見分けることです。違いはくちばし・大きさ・尾・冠羽・翼の模様にあり、背景や体の色は手がかりになりません。ラベル付きの画像は **1種類につき5枚** しかありません。

# %% [markdown] key="birds" lang="en"
# The new problem is to tell ten kinds of bird apart. They differ in bill, size, tail, crest and the markings of the wing; background and body colour tell you nothing. There are only **five labelled pictures of each kind**.

# %% key="task" alt_ja="10種類の鳥の見本。1行に1種類、5枚ずつ。" alt_en="Samples of the ten birds, one kind a row, five pictures each."
task = tl.load_task("birds", per_class=5)
tl.show(task, per_class=5)

# %% [markdown] key="contest" lang="ja"
# ## 3つの始め方を比べる
#
# 同じ50枚から、3とおりに学習します。
#
# - **凍結**:事前学習済みのネットワークは変えず、新しい出力層だけを学習する(くわしくはレッスン02)
# - **ファインチューニング**:事前学習の重みから始めて、全体を少しずつ学習する(レッスン03)
# - **ゼロから学習**:同じ形のネットワークを、ランダムな重みから学習する
#
# ファインチューニングとゼロからの学習には、同じ回数だけ画像を見せます。学習率は、それぞれに合うものを検証データで選んであります。1回では運に左右されるので、**ラベルを付ける50枚を引き直して3回** 行います。
#
# > **予想してから実行**:でたらめに答えると正解率は10%です。3つの正解率は、それぞれ何%くらいになるでしょうか。紙に書いてから実行してください。

# %% [markdown] key="contest" lang="en"
# ## Three ways to start
#
# From the same 50 pictures we learn in three ways.
#
# - **Frozen**: the pretrained network stays as it is, only a new output layer is trained (more in lesson 02)
# - **Fine-tuned**: starting from the pretrained weights, everything is trained a little (lesson 03)
# - **From scratch**: a network of the same shape, from random weights
#
# Fine-tuning and training from scratch see the same number of pictures. Each way has the learning rate that suited it best on validation data. A single run depends on luck, so we do it **three times, with 50 other labelled pictures each time**.
#
# > **Predict, then run**: guessing gives 10%. What accuracy will each of the three reach? Write it down before you run the cell.

# %% key="network" tags=["nbval-check-output"]
network = tl.backbone("zukan-resnet")
print(type(network).__name__, f"{sum(p.numel() for p in network.parameters()):,}")

# %% key="run"
training = {"epochs": 30, "batch_size": 32, "clip_norm": 1.0}
runs = {"fine_tune": [], "probe": [], "scratch": []}
tasks = [tl.load_task("birds", per_class=5, seed=seed) for seed in tl.seeds(3)]
for seed, task in enumerate(tasks):
    runs["probe"].append(tl.probe(network, task, seed=seed))
    runs["fine_tune"].append(
        tl.fine_tune(network, task, freeze_epochs=0, lr=0.03, lr_mult=5, seed=seed, **training)
    )
    runs["scratch"].append(tl.train_from_scratch(network, task, lr=0.03, seed=seed, **training))

accuracy = {start: [run.test_acc for run in results] for start, results in runs.items()}
lesson01.Starts(accuracy)

# %% [markdown] key="benefit-labels" lang="ja"
# ## 利点1:少ないラベルで足りる
#
# 下の図の帯は、前もって2枚から50枚までを5回ずつ測った結果(`tl results 01` で作り直せます)と、その95%信頼区間です。いま測った3回は白抜きの印で重ねました(時間を節約するため、今日の学習は4分の3の長さです)。

# %% [markdown] key="benefit-labels" lang="en"
# ## Benefit 1: fewer labels
#
# The bands below were measured beforehand, five times each from two to fifty labels (`tl results 01` repeats it), with their 95% intervals. Your three runs of just now are the hollow marks (trained three quarters as long, to save time).

# %% key="curves"
curves = tl.stored("01_birds")
print(curves["labels"])

# %% key="labels" alt_ja="1クラスあたりのラベル数とテスト正解率。ファインチューニングと凍結はラベルが少なくても高く、ゼロから学習は低く始まって20枚で凍結に追いつく。" alt_en="Test accuracy against labels per class. Fine-tuned and frozen are high with few labels; from scratch starts low and is level with frozen at twenty."
lesson01.draw_label_curves(curves, live=accuracy, at=5)

# %% [markdown] key="labels-read" lang="ja"
# 横軸は1クラスあたりのラベル数、縦軸はテスト正解率です。転移した2本は左端から高く、ゼロから学習した線は、20枚あたりで凍結の線に追いつきます。
#
# 「差がある」とだけ書くのは簡単です。次のセルは、今日の3回の差が平均で15ポイントを超え、その95%信頼区間が0を含まないことを確かめます。そうでなければ、エラーで止まります。

# %% [markdown] key="labels-read" lang="en"
# Labels per class run along the bottom, test accuracy goes up the side. The two lines that transfer start high at the left; the one from scratch catches up with the frozen one at about twenty labels.
#
# It is easy to write "there is a difference". The next cell checks that today's three differences are above 15 points on average, and that their 95% interval does not contain 0. If it were otherwise, the cell would stop with an error.

# %% key="claim-labels" tags=["claim"]
gains = [tuned - fresh for tuned, fresh in zip(accuracy["fine_tune"], accuracy["scratch"])]
gain = tl.interval(gains)
print(gain)
assert gain.mean > 0.15 and gain.low > 0

# %% [markdown] key="benefit-time" lang="ja"
# ## 利点2:学習が早く終わる
#
# いまの実行の途中経過を見てみましょう。
#
# > **予想してから実行**:ファインチューニングは、何ステップくらいで、ゼロから学習した最後の正解率を追い越すでしょうか。

# %% [markdown] key="benefit-time" lang="en"
# ## Benefit 2: less training
#
# Look at how the same runs went along the way.
#
# > **Predict, then run**: after how many steps does fine-tuning pass the accuracy that training from scratch reaches in the end?

# %% key="time" alt_ja="学習ステップ数と検証正解率。ファインチューニングは最初の数十ステップで上がりきる。" alt_en="Validation accuracy against training steps. Fine-tuning is nearly done after the first few dozen steps."
histories = {start: [run.history for run in runs[start]] for start in ("fine_tune", "scratch")}
lesson01.draw_progress(histories)

# %% [markdown] key="time-read" lang="ja"
# 横軸は学習ステップ数、縦軸は検証正解率です。ゼロからの学習が最後にたどり着く高さを、ファインチューニングは早い段階で超えています。次のセルで、何倍速いかを数えます。

# %% [markdown] key="time-read" lang="en"
# Training steps run along the bottom, validation accuracy goes up the side. Fine-tuning passes early what scratch reaches at the very end. The next cell counts how many times sooner.

# %% key="claim-time" tags=["claim"]
sooner = [
    lesson01.steps_to_reach(fresh.history.best_acc, fresh.history)
    / lesson01.steps_to_reach(fresh.history.best_acc, tuned.history)
    for tuned, fresh in zip(runs["fine_tune"], runs["scratch"])
]
print([round(times, 1) for times in sooner])
assert min(sooner) >= 2

# %% [markdown] key="benefit-robust" lang="ja"
# ## 利点3:正解率が高い。見慣れない画像でも
#
# 学習時と同じような画像では、ファインチューニングが上でした。ただし、学習に使ったのはふつうの明るさの画像だけです。色あせた写真、夜の写真、線だけのスケッチを見せたら、どうなるでしょうか。新しい学習はせず、いまのモデルをそのまま使います。
#
# > **予想してから実行**:4つの条件のうち、転移の利点がなくなるのはどれでしょうか。

# %% [markdown] key="benefit-robust" lang="en"
# ## Benefit 3: higher accuracy, on unfamiliar pictures as well
#
# On pictures like those of training, fine-tuning was ahead. All of these had ordinary light. What if the models now see faded prints, pictures taken by night, or mere sketches? Nothing is trained anew; we use the models as they are.
#
# > **Predict, then run**: in which of the four conditions does the benefit of transfer disappear?

# %% key="robust" alt_ja="ふつう・色あせ・夜・スケッチの4条件でのテスト正解率。ファインチューニングとゼロから学習を、信頼区間つきの点で比べている。" alt_en="Test accuracy in four conditions, as trained, faded, night and sketch: fine-tuned against from scratch, as points with intervals."
scores = {start: {} for start in ("fine_tune", "scratch")}
for style in ("photo", "faded", "night", "sketch"):
    test = tl.load_task("birds", per_class=5, style=style).test
    for start in scores:
        scores[start][style] = [tl.evaluate(run.model, test) for run in runs[start]]
lesson01.draw_robustness(scores)

# %% [markdown] key="robust-read" lang="ja"
# 点は3回の平均、線は95%信頼区間です。どちらも、条件が変わると正解率が大きく落ちます。転移したからといって、見た目の違いに動じなくなるわけではありません。それでも平均を比べると、4つの条件のどれでも転移したほうが上です。次のセルは条件ごとの差を表示し、どの平均も3ポイントを超えることを確かめます。区間が0をまたぐ条件では、はっきりした差とまでは言えません。見た目の違いそのものへの対策は、**ドメイン適応**(レッスン08)で学びます。

# %% [markdown] key="robust-read" lang="en"
# The points are means of three runs, the lines 95% intervals. Both lose a lot when conditions change: transfer does not make a model immune to a new look. Still, by their means, the transferred network is ahead in all four conditions. The next cell prints the difference in each and checks that every mean is above 3 points; where an interval includes 0, the difference is not a clear one. What to do about a new look is the subject of **domain adaptation** (lesson 08).

# %% key="claim-robust" tags=["claim"]
for style in scores["fine_tune"]:
    pairs = zip(scores["fine_tune"][style], scores["scratch"][style])
    gain = tl.interval([tuned - fresh for tuned, fresh in pairs])
    print(tl.text(f"lesson01.style_{style}"), gain)
    assert gain.mean > 0.03

# %% [markdown] key="end" lang="ja"
# ## 利点が消えるところ
#
# 今度は犬と猫の2クラスです。個体差が大きく、`zukan-resnet` の事前学習は鳥のときほど役に立ちません。ラベルを増やしていくと、どうなるでしょうか。
#
# > **予想してから実行**:1クラス200枚のラベルがあるとき、3本の線はどの順に並ぶでしょうか。

# %% [markdown] key="end" lang="en"
# ## Where the benefits end
#
# Now two classes, cats and dogs. Individuals differ a lot, and the pre-training of `zukan-resnet` is of less help here than with birds. What happens as labels are added?
#
# > **Predict, then run**: with 200 labels per class, in which order will the three lines be?

# %% key="pets" alt_ja="犬と猫でのラベル数とテスト正解率。ラベルが増えると、ゼロから学習した線が凍結の線を追い越す。" alt_en="Test accuracy on cats and dogs against labels per class. With many labels, the line from scratch passes the frozen one."
pets = tl.stored("01_pets")
tasks = [tl.load_task("pets", 200, seed, test_per_class=100) for seed in tl.seeds(3)]
probes = [tl.probe(network, task, seed=seed).test_acc for seed, task in enumerate(tasks)]
lesson01.draw_label_curves(pets, live={"probe": probes}, at=200)

# %% [markdown] key="pets-read" lang="ja"
# ラベルが少ないうちは転移した2本が上にあります。しかし200枚では、ゼロから学習した線がいちばん上に出ます。凍結したネットワークは、事前学習で覚えた特徴しか使えません。同じ回数だけ学習したファインチューニングも、入口に近い段ほど学習率を下げた(最大で5分の1)この図では、少し届きませんでした。ただし、これは調整しだいです。全体を同じ学習率にして10シードで測ると、ファインチューニングは93%、ゼロから学習は90%でした(`python -m tlhelpers measure pets`)。凍結したままでは、どちらにも抜かれます。**転移はいつでも得、というわけではありません。** ラベルが十分にあれば差は縮み、逆転することもあります。

# %% [markdown] key="pets-read" lang="en"
# With few labels the two lines that transfer lie on top. At 200, however, the line from scratch is on top. A frozen network can use only the features that pre-training gave it, and fine-tuning, with the same number of steps and rates that fall to a fifth towards the entrance, ended a little lower in this figure, too. That depends on the tuning, though: with one rate for the whole network, fine-tuning reached 93% against 90% from scratch over ten seeds (`python -m tlhelpers measure pets`). The frozen network falls behind both. **Transfer does not always pay.** With enough labels the difference shrinks, and it can turn round.

# %% key="claim-pets" tags=["claim"]
few, many = 0, -1
early = tl.interval([p - s for p, s in zip(pets["probe"][few], pets["scratch"][few])])
late = tl.interval([s - p for p, s in zip(pets["probe"][many], pets["scratch"][many])])
print(early, late)
assert early.mean > 0.03 and late.low > 0

# %% [markdown] key="real" lang="ja"
# ### 本物の写真では
#
# 教材の絵は、効果が見えるように私たちが作ったものです。大きさはこの教材だけの値で、持ち帰ってよいのは「どちらが上か」「どこで並ぶか」のほうです。そこで、同じ問いを本物でも確かめます。ImageNetの写真120万枚で学んだMobileNetV2を凍結して、2つの転移先に使います。猫と犬の写真2,000枚と、顕微鏡で見た血液細胞1,431枚です。比較対象は、縮めただけの画素と、何も学んでいない同じ形のネットワークです。
#
# > **予想してから実行**：写真で学んだ目は、猫と犬、血液細胞のどちらで役に立つでしょうか。

# %% [markdown] key="real" lang="en"
# ### On real photographs
#
# The course's drawings were made so that effects can be seen. Their sizes are ours; what you may carry away is which way is ahead, and where the lines meet. So here is the same question on real data. MobileNetV2, which learned from 1.2 million photographs (ImageNet), is frozen and used on two targets: 2,000 photographs of cats and dogs, and 1,431 blood cells under a microscope. The controls are pixels, merely shrunk, and the same network that never learned anything.
#
# > **Predict, then run**: where does an eye trained on photographs help, on cats and dogs or on blood cells?

# %% key="real-figure" alt_ja="猫と犬、血液細胞での、1クラスのラベル数と正解率。ImageNetの特徴、ランダムな重み、画素の3本の線。" alt_en="Accuracy against labels a class on cats and dogs and on blood cells, for ImageNet's features, random weights and pixels."
lesson01.draw_real(tl.stored("01_real"))

# %% [markdown] key="real-read" lang="ja"
# 猫と犬では、**ラベルが1クラス5枚でも92%** に届きます。画素とランダムな重みは、200枚でも60%に届きません。一方、血液細胞は色と大きさでほぼ見分けられるので、画素だけで93%（10枚）です。ImageNetの特徴がはっきり上に出るのは、ラベルが増えてからで、それも1ポイントあまりです。転移の効果は、転移先によってこれほど違います。レッスン06でくわしく見ます。
#
# 値は保存済みの結果です。ラベルを付ける写真とテストの写真を10回選び直しました。出力層の設定は、そのラベルだけを使った交差検証で決めています。

# %% [markdown] key="real-read" lang="en"
# On cats and dogs **five labels a class reach 92%**; pixels and random weights stay below 60% even with two hundred. Blood cells, however, can nearly be told apart by colour and size: pixels alone reach 93% with ten labels, and ImageNet's features are clearly ahead only when labels are many, by little more than one point. So much depends on the target; lesson 06 looks into it.
#
# These are stored results: the labelled and the test photographs were drawn ten times, and the head was chosen by cross-validation on those labels alone.

# %% [markdown] key="words" lang="ja"
# ## ことばの整理
#
# 転移学習は広い考え方で、ファインチューニングはその中の1つの技法です。車庫のある家にたとえると、車庫を住まいに**改装する**のがファインチューニング、車庫を**そのまま物置に使う**のが特徴抽出です。蒸留は目的が違い、モデルを小さくします。転移ではモデルの大きさは変わりません。
#
# | | 目的 | 学習する層 | データ | 計算量 | 使いどき |
# |---|---|---|---|---|---|
# | 特徴抽出 | 新しいタスク | 出力層だけ | 少ない | とても小さい | まず最初に試す |
# | ファインチューニング | 新しいタスク、または分布のずれへの対応 | 一部または全部 | 少し〜たくさん | 中くらい | 凍結では足りないとき |
# | 追加学習 | クラスやデータを後から増やす | 全部または一部 | 少しずつ届く | 届くたびに | 古いクラスも残したいとき |
# | ドメイン適応 | 同じタスクを新しい見た目で | 正規化層や全体 | 転移先のラベルなし | 小〜中 | 見た目だけが変わったとき |
# | 蒸留 | モデルを小さくする | 小さい生徒の全部 | ラベルなしでもよい | 中くらい | 端末に載せたいとき |

# %% [markdown] key="words" lang="en"
# ## Words, kept apart
#
# Transfer learning is the wide idea, fine-tuning one technique inside it. Think of a house with a garage: **turning the garage into a flat** is fine-tuning, **using it as it is for storage** is feature extraction. Distillation has another aim, a smaller model; in transfer the model keeps its size.
#
# | | aim | layers trained | data | cost | when |
# |---|---|---|---|---|---|
# | feature extraction | a new task | output layer only | little | very small | always try it first |
# | fine-tuning | a new task, or a shifted distribution | some or all | little to plenty | medium | when frozen is not enough |
# | incremental learning | more classes or data later on | all or some | arrives bit by bit | each time | when old classes must stay |
# | domain adaptation | the same task with a new look | normalisation, or all | no labels in the target | small to medium | when only the look changed |
# | distillation | a smaller model | all of a small student | labels not needed | medium | to fit a small device |

# %% key="kinds" tags=["hide-input"] alt_ja="転移の種類の地図。左から、転移先にラベルなし(教師なし・トランスダクティブ・ゼロショット)、少し(少数ショット)、たくさん(帰納的)。" alt_en="Map of the kinds of transfer, from no labels in the target (unsupervised, transductive, zero-shot) over a few (few-shot) to many (inductive)."
lesson01.draw_kinds()

# %% [markdown] key="kinds-read" lang="ja"
# 転移の種類は、転移先にどれだけラベルがあるかでおおよそ分けられます。左ほどラベルがなく、右ほどたくさんあります。かっこの中はレッスン番号です。
#
# 身近な例で考えてみましょう。あなたの職場にいちばん近いのはどれですか。
#
# - **お店**:商品写真の分類に、一般の写真で学んだモデルを使う(帰納的)
# - **診療所**:別の病院の撮影装置で学んだモデルを、自院の画像に合わせる(トランスダクティブ)
# - **銀行**:金融の文章で事前学習した言語モデルで、問い合わせを仕分ける(帰納的)
# - **法律事務所**:新しい種類の契約書を、数件の見本だけで見分ける(少数ショット)
# - **防犯カメラ**:登録写真1枚から本人かどうかを判断する(少数ショット)
# - **コールセンター**:標準的な話し方で学んだ音声モデルを、方言や商品名に合わせる(帰納的)

# %% [markdown] key="kinds-read" lang="en"
# The kinds of transfer can be told apart, roughly, by how many labels the target has: none at the left, many at the right. Lesson numbers are in brackets.
#
# Think of examples near you. Which comes closest to your own work?
#
# - **A shop** sorts product pictures with a model that learned from everyday photographs (inductive)
# - **A clinic** fits a model that learned on another hospital's scanner to its own pictures (transductive)
# - **A bank** sorts enquiries with a language model pretrained on financial text (inductive)
# - **A law office** recognises a new kind of contract from a few samples (few-shot)
# - **A security camera** decides from one registered photograph whether this is the person (few-shot)
# - **A call centre** fits a speech model that learned standard speech to dialect and product names (inductive)

# %% [markdown] key="widget-intro" lang="ja"
# ## 動かしてみる
#
# つまみを左右に動かして、ラベルの数と3本の線の関係を確かめてください。「実際に学習する」を押すと、その枚数で今ここで学習し、途中経過を描きます。いつでも止められます。

# %% [markdown] key="widget-intro" lang="en"
# ## Try it
#
# Move the slider and watch what the number of labels does to the three lines. "Run it live" trains here and now with that many labels and draws how it goes; you can stop it at any time.

# %% key="widget"
tl.widget("01")

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# **A.** ファインチューニングが5枚で出した平均正解率に、ゼロからの学習が初めて届くのは、1クラス何枚のときでしょうか。`curves` から求めて、`needed` に入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises
#
# **A.** How many labels per class does training from scratch need before it first reaches the mean accuracy that fine-tuning has with five? Find it in `curves` and put it into `needed`.

# %% key="ex-a" tags=["exercise"] needs="setup,curves"
### BEGIN SOLUTION
# PLACEHOLDER: needed = ...
goal = tl.interval(curves["fine_tune"][curves["labels"].index(5)]).mean
reached = [tl.interval(runs).mean >= goal for runs in curves["scratch"]]
needed = curves["labels"][reached.index(True)]
### END SOLUTION
tl.check("01-a")

# %% [markdown] key="exercise-b" lang="ja"
# **B.** 効いているのは事前学習した重みでしょうか。それとも、ネットワークの形だけで十分なのでしょうか。魚のタスク `fish` で線形プローブを2回行い、事前学習済みのネットワークと、同じ形でランダムな重みのネットワークの正解率の差を `gain` に入れてください。

# %% [markdown] key="exercise-b" lang="en"
# **B.** Is it the pretrained weights that help, or would the shape of the network do? Probe the task `fish` twice, with the pretrained network and with one of the same shape with random weights, and put the difference of the accuracies into `gain`.

# %% key="ex-b" tags=["exercise"] needs="setup,network"
fish = tl.load_task("fish", per_class=5)
### BEGIN SOLUTION
# PLACEHOLDER: gain = ...
untrained = tl.backbone("zukan-resnet", pretrained=False)
gain = tl.probe(network, fish).test_acc - tl.probe(untrained, fish).test_acc
### END SOLUTION
tl.check("01-b")

# %% [markdown] key="quiz-intro" lang="ja"
# ## 確認クイズ

# %% [markdown] key="quiz-intro" lang="en"
# ## Quiz

# %% key="quiz"
tl.quiz("01")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 転移学習は、ある問題で学んだことを別の問題に使うことです。ファインチューニングや特徴抽出は、そのための技法です。
# - 利点は3つあります。少ないラベルで足り、学習が早く終わり、正解率が高くなります。どれも測れます。
# - 利点には終わりがあります。ラベルが十分にあると差は縮み、凍結したネットワークはゼロからの学習に抜かれることもあります。
# - 1回の結果は運に左右されます。シードを変えて何度か測り、区間をつけて読みます。
#
# **うまくいかないとき**
#
# - 転移したのに、ゼロからの学習とあまり変わらない:事前学習で見たものが、新しい問題と遠いのかもしれません(レッスン06)。
# - ファインチューニングで正解率が急に落ちる:学習率が高すぎることがほとんどです(レッスン03)。
# - 毎回ちがう結果になる:それが普通です。シードを固定して比べ、平均と区間で判断します。
#
# **文献**
#
# - S. J. Pan, Q. Yang, *A Survey on Transfer Learning*, 2010. [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191)
# - J. Yosinski ほか, *How transferable are features in deep neural networks?*, 2014. [arXiv:1411.1792](https://arxiv.org/abs/1411.1792)
# - S. Kornblith, J. Shlens, Q. V. Le, *Do Better ImageNet Models Transfer Better?*, 2019. [arXiv:1805.08974](https://arxiv.org/abs/1805.08974)
# - K. He, R. Girshick, P. Dollár, *Rethinking ImageNet Pre-training*, 2019. [arXiv:1811.08883](https://arxiv.org/abs/1811.08883)

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Transfer learning uses what was learned on one problem for another. Fine-tuning and feature extraction are techniques for it.
# - There are three benefits: fewer labels, less training, better accuracy. Each can be measured.
# - The benefits end. With enough labels the difference shrinks, and a frozen network can fall behind one trained from scratch.
# - A single run depends on luck. Measure with several seeds and read the interval.
#
# **What can go wrong**
#
# - Transfer is hardly better than scratch: what pre-training saw may be far from the new problem (lesson 06).
# - Accuracy collapses during fine-tuning: nearly always the learning rate is too high (lesson 03).
# - Every run gives another result: that is normal. Fix the seed to compare, and judge by mean and interval.
#
# **References**
#
# - S. J. Pan, Q. Yang, *A Survey on Transfer Learning*, 2010. [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191)
# - J. Yosinski et al., *How transferable are features in deep neural networks?*, 2014. [arXiv:1411.1792](https://arxiv.org/abs/1411.1792)
# - S. Kornblith, J. Shlens, Q. V. Le, *Do Better ImageNet Models Transfer Better?*, 2019. [arXiv:1805.08974](https://arxiv.org/abs/1805.08974)
# - K. He, R. Girshick, P. Dollár, *Rethinking ImageNet Pre-training*, 2019. [arXiv:1811.08883](https://arxiv.org/abs/1811.08883)

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **教える人へ** ・ 導入10分、3つの始め方15分、利点1〜3で20分、犬と猫10分、地図とクイズ5分が目安です。
#
# - 予想は必ず紙に書かせてから実行します。数を書いた人ほど、図をよく見ます。
# - よくある誤解:「転移学習=ファインチューニング」「転移すればいつでも得」「95%信頼区間=個々の実行の95%が入る幅」。
# - 「3つの始め方」のセルは2コアで20秒ほどかかります。遅い教室では、実行している間に予想を発表してもらうとちょうどよい長さです。
# - 議論の種:自分の職場で、ラベルを1枚付けるのに何分かかるでしょうか。利点1を時間に換算してみましょう。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **For teachers** · As a guide: introduction 10 minutes, the three starts 15, benefits 1 to 3 20, cats and dogs 10, map and quiz 5.
#
# - Have predictions written down before the cell is run. Whoever wrote a number looks at the figure.
# - Common mistakes: "transfer learning = fine-tuning"; "transfer always pays"; "a 95% interval holds 95% of the single runs".
# - The cell with the three starts takes about 20 seconds on two cores. In a slow room, let people present their predictions while it runs.
# - To discuss: how many minutes does one label cost where you work? Turn benefit 1 into hours.
