# %% [markdown] key="title" lang="ja"
# # 03 ファインチューニング
#
# **説明27分、練習18分** ・ 前提：レッスン02（特徴抽出）。PyTorchの学習ループを一度でも書いたことがあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 事前学習済みのネットワークを、素のPyTorchでファインチューニングする
# - 学習率、勾配クリッピング、データ拡張を1つずつ調整して、同じ枚数の画像で正解率を伸ばす
# - ファインチューニングが割に合わない場面を、試す前に見分ける

# %% [markdown] key="title" lang="en"
# # 03 Fine-tuning
#
# **27 minutes of reading, 18 of exercises** · Before this: lesson 02 (feature extraction). It helps to have written a PyTorch training loop once.
#
# After this lesson you can
#
# - fine-tune a pretrained network in plain PyTorch
# - turn its knobs one by one (learning rate, gradient clipping, augmentation) and get more out of the same pictures
# - tell, before you try, where fine-tuning does not pay

# %% key="setup"
import copy
import math

import torch
from IPython.display import display
from torch import nn

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
preprocess = network.preprocess
lesson03 = tl.figures("03")
knobs = tl.stored("03_knobs")

# %% [markdown] key="idea" lang="ja"
# ## 借りた目を鍛え直す
#
# 野鳥の見分けで鍛えた目を持つ人が、工場の外観検査に移ったとします。輪郭や質感を見る力は、初日から役に立ちます。それでも、傷と継ぎ目のように紛らわしいものを見分けるには、目のほうも新しい仕事に慣らさなければなりません。
#
# レッスン02では、ネットワークの目にあたる**本体**（バックボーン）をそのまま借りて、答えを出す**出力層**（ヘッド）だけを学習しました。**ファインチューニング**（fine-tuning）では、借りた目も鍛え直します。出発点は事前学習の重みで、そこから本体も少しずつ動かします。

# %% [markdown] key="idea" lang="en"
# ## Training the borrowed eye
#
# Somebody with a bird-watcher's eye moves to quality inspection in a factory. A sense for outlines and textures helps from the first day. But to tell a scratch from a seam, the eye itself has to get used to the new work.
#
# In lesson 02 you borrowed the eye of a network, its **body** (the backbone), and trained only the **head** that gives the answers. In **fine-tuning** you train the borrowed eye as well: the body starts from its pretrained weights and moves on, a little at a time.

# %% key="three-ways"
tl.diagram("three_ways")

# %% [markdown] key="task" lang="ja"
# ## 題材：部品の外観検査
#
# 部品の表面を、良品と、欠陥4種（傷、へこみ、しみ、ひび）の5つのクラスに分けます。影、継ぎ目、リベット、小さな点は欠陥ではありません。ラベルを付けた**訓練データ**は1クラス40枚、合わせて200枚です。設定を選ぶための**検証データ**も200枚あり、**テストデータ**は最後の評価まで使いません。ネットワークが事前学習で見たのは生き物・模様・架空の文字の絵だけで、検査の画像は1枚も見ていません。
#
# まず、本体を凍結して出力層だけを学習した場合（**線形プローブ**）の正解率を求めます。これが、ファインチューニングで超えたい値です。

# %% [markdown] key="task" lang="en"
# ## The job: inspecting parts
#
# Each part is either sound (`ok` in the picture) or has one of four defects: a scratch, a dent, a stain or a crack. Shadows, seams, rivets and specks are no defects. You get 200 labelled pictures as **training data**, 40 of each of the five classes. Another 200 are **validation data**, on which to choose settings; the **test data** wait until the end. In pre-training, the network saw only drawings of creatures, patterns and invented letters.
#
# First comes the **linear probe**: the body stays frozen, and only the head is trained. Its accuracy is the number that fine-tuning has to beat.

# %% key="frozen" alt_ja="表面の5つの状態の見本。1行に1クラス、3枚ずつ。" alt_en="Samples of the five conditions of a surface, one a row, three pictures each."
surfaces = tl.load_task("surfaces", per_class=40, valid_per_class=40)
frozen = tl.probe(network, surfaces)
print(f"Frozen body, validation accuracy: {frozen.valid_acc:.0%}  (guessing: 20%)")
# ja: print(f"本体を凍結した場合の検証正解率：{frozen.valid_acc:.0%}（ランダムに答えた場合は20%）")
tl.show(surfaces, per_class=3)

# %% [markdown] key="page" lang="ja"
# ## ファインチューニングを1つの関数で
#
# 手順は3つです。①事前学習の本体と、いま `tl.probe` で学習した出力層（`frozen.head`、コードでは `model.fc`）から出発します。②すべての重みをオプティマイザーに渡します。③16枚ずつ、ふつうに学習します。学習率は、`OneCycleLR` が0の近くから上げ（**ウォームアップ**）、あとはゆっくり下げます。`clip` と `augment` は、あとの節で使うつまみです。
#
# > **予想してから実行**：同じ200枚で本体も学習させると、検証正解率はどのあたりになるでしょうか。

# %% [markdown] key="page" lang="en"
# ## Fine-tuning in one function
#
# There are three steps. ① Start from the pretrained body and the head that `tl.probe` has just trained (`frozen.head`, here `model.fc`). ② Give all weights to the optimizer. ③ Train as usual, in batches of 16. `OneCycleLR` raises the learning rate from near 0 (**warm-up**), then lowers it slowly. `clip` and `augment` are knobs for later sections.
#
# > **Predict, then run**: with the same 200 pictures, but the body learning as well, where will the validation accuracy be?

# %% key="predict-win"
tl.predict_first(
    "03-win",
    "Validation accuracy when the body learns as well",
    # ja: "本体も学習させたときの検証正解率",
    between=(20, 100),
    unit="%",
)


# %% key="train"
def train(task, lr, clip=None, augment=None, epochs=12):
    model = copy.deepcopy(network)  # ①
    model.fc = copy.deepcopy(frozen.head)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)  # ②
    images, labels = task.train.inputs, task.train.labels
    steps = epochs * math.ceil(len(labels) / 16)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=lr, total_steps=steps, cycle_momentum=False
    )
    model.train()
    for _epoch in range(epochs):  # ③
        for rows in torch.randperm(len(labels)).split(16):
            batch = augment(images[rows]) if augment else images[rows]
            loss = nn.functional.cross_entropy(model(preprocess(batch)), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            schedule.step()
    return model.eval()


# %% key="page-run" alt_ja="凍結とファインチューニングのテスト正解率を、1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy of the frozen body and of fine-tuning, one a row, as a dot with its 95% interval."
torch.manual_seed(0)
model = train(surfaces, lr=0.01)
first = tl.evaluate(model, surfaces.valid)
print(f"Frozen {frozen.valid_acc:.0%}  →  fine-tuned {first:.0%}  (validation data)")
# ja: print(f"凍結 {frozen.valid_acc:.0%} → ファインチューニング {first:.0%}（検証データ）")
display(lesson03.draw_win(knobs, live={"rate": first}))
tl.see_prediction("03-win", round(100 * first))

# %% key="claim-win" tags=["claim"]
pairs = zip(knobs["rate"]["accuracy"], knobs["frozen"]["accuracy"])
gain = tl.interval([tuned - still for tuned, still in pairs])
tl.claim(
    f"Fine-tuning gains {100 * gain.mean:.0f} points over the frozen body "
    # ja: f"ファインチューニングで、凍結より{100 * gain.mean:.0f}ポイント上がりました"
    f"(stored, 95% interval from {100 * gain.low:.0f} to {100 * gain.high:.0f})",
    # ja: f"（保存済み、95%信頼区間は{100 * gain.low:.0f}〜{100 * gain.high:.0f}）",
    gain.low > 0,
)

# %% [markdown] key="win-read" lang="ja"
# **目を鍛え直すと、同じ200枚で正解率がはっきり上がりました。** 凍結した本体が持っているのは、生き物や模様や文字を見分けるために育った特徴だけです。本体も動かせば、欠陥を見分けるための特徴に育て直せます。
#
# 図の点は、画像をすべて選び直して測った10回の平均、線はその平均の95%信頼区間です。前もって測って教材に入れてあるので、「保存済み」の結果と呼びます。白抜きの丸は、いま実行した1回です。線の外に出ることもあります。

# %% [markdown] key="win-read" lang="en"
# **Training the eye gets clearly more out of the same 200 pictures.** The frozen body has only the features that it grew for creatures, patterns and letters. Once it may move, it can turn them into features for defects.
#
# In the figure, dots are means over 10 fresh draws of all pictures, and lines are 95% intervals of these means. Such "stored" results were measured beforehand and come with the course. The ring is the one run that you just made; it may lie outside the lines.

# %% [markdown] key="rate" lang="ja"
# ## つまみ1：学習率
#
# 1ステップごとに、重み $w$ は、損失を減らす向きへ動きます。どれだけ動くかを決めるのが**学習率**（learning rate）$\eta$ です。$g$ は勾配、つまり「$w$ を少し増やすと損失がどれだけ増えるか」です。
#
# $$w \leftarrow w - \eta\, g$$
#
# たとえば $w = 0.50$、$g = 2$ のとき、$\eta = 0.01$ なら $0.48$ になり、事前学習の値の近くにとどまります。$\eta = 1$ なら $-1.50$ で、元の値とはまったく別の値です。`train` では、これに前のステップの勢いを加えます（`momentum`、`nesterov`）。
#
# 学習率を動かして、2つの正解率を見てください。1つは表面の検査、もう1つは**転移元**（事前学習で学んだ104種類の絵）の正解率です。転移元は、学習後の本体に元の出力層を付け直して測りました。切り替えは「クリッピングなし」のままにします（**勾配クリッピング**は次の節で説明します）。

# %% [markdown] key="rate" lang="en"
# ## Knob 1: the learning rate
#
# At every step, each weight $w$ moves in the direction that lowers the loss. The **learning rate** $\eta$ decides how far. The gradient $g$ says how much the loss grows when $w$ grows a little.
#
# $$w \leftarrow w - \eta\, g$$
#
# For example, take $w = 0.50$ and $g = 2$. With $\eta = 0.01$ the weight becomes $0.48$, close to where pre-training left it. With $\eta = 1$ it becomes $-1.50$, and nothing is left of the old value. `train` adds some of the speed of the steps before (`momentum`, `nesterov`).
#
# Move the learning rate and watch two accuracies. One is on surfaces. The other is on the **source**, the 104 kinds of drawing from pre-training; for it, the old head is put back on the trained body. Leave the switch at "without clipping"; the next section explains **gradient clipping**.

# %% key="widget"
tl.widget("03")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、3分）
#
# ウィジェットの6つの学習率を、「クリッピングなし」で比べます。表面の検査の正解率が最も高くなる学習率を `best_rate` に入れてください。差が1ポイント以内なら、転移元の正解率が高いほうを選びます。`breaking_rate` には、正解率が凍結した本体を下回る学習率のうち、最も小さいものを入れます。（ここではテスト正解率を読みますが、自分のモデルでは検証データで選びます。）

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 3 minutes)
#
# Compare the six learning rates of the widget, without clipping. Put the one with the highest accuracy on surfaces into `best_rate`. Where two are within 1 point of each other, take the one that keeps more of the source. Put the lowest rate that ends below the frozen body into `breaking_rate`. (Here you read test accuracy; for a model of your own, choose on validation data.)

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: best_rate = ...
# PLACEHOLDER: breaking_rate = ...
best_rate = 0.01
breaking_rate = 0.3
### END SOLUTION
tl.check("03-a")

# %% [markdown] key="clip" lang="ja"
# ## つまみ2：勾配クリッピング
#
# 学習率が高いと、飛び抜けて大きな勾配がたった1つ現れただけで、重みが遠くへ飛ばされます。**勾配クリッピング**（gradient clipping）は、勾配の長さに上限 $c$ を設けます。向きは変えません。
#
# $$g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert}\right)$$
#
# $\lVert g \rVert$ は、すべての重みの勾配を並べたベクトルの長さです。たとえば $g = (3, 4)$ なら長さは5なので、上限 $c = 1$ では $(0.6, 0.8)$ に縮みます。長さが1以下の勾配は、そのまま使われます。`train` では `clip_grad_norm_` の行です。
#
# 10倍の学習率0.1で、クリッピングがない場合とある場合を比べましょう。

# %% [markdown] key="clip" lang="en"
# ## Knob 2: gradient clipping
#
# At a high learning rate, one unusually long gradient can throw the weights far away. **Gradient clipping** puts a limit $c$ on the length of the gradient and leaves its direction alone:
#
# $$g \leftarrow g \cdot \min\left(1, \frac{c}{\lVert g \rVert}\right)$$
#
# Here $\lVert g \rVert$ is the length of the vector that holds the gradients of all weights. For example, $g = (3, 4)$ has length 5, so a limit of $c = 1$ shrinks it to $(0.6, 0.8)$. A gradient of length 1 or less stays as it is. In `train` it is the line with `clip_grad_norm_`.
#
# Let us try ten times the learning rate, 0.1, without and with clipping.

# %% key="clip-run" alt_ja="学習率に対するテスト正解率。クリッピングなしとありの2本の線、凍結した本体と、ランダムに答えた場合の横線。帯は95%信頼区間。" alt_en="Test accuracy against the learning rate: two lines, without and with clipping, with bands for 95% intervals, and level lines for the frozen body and for guessing."
for clip in (None, 1.0):
    torch.manual_seed(0)
    clipped = train(surfaces, lr=0.1, clip=clip)
    accuracy = tl.evaluate(clipped, surfaces.valid)
    print(f"Learning rate 0.1, clip {clip}: validation accuracy {accuracy:.0%}")
    # ja: print(f"学習率 0.1、clip {clip}：検証正解率 {accuracy:.0%}")
lesson03.draw_rates(tl.stored("03_rates"))

# %% [markdown] key="clip-read" lang="ja"
# **クリッピングがあると、うまくいく学習率が大きいほうへずれます。** 図の学習率0.1では、10回の平均で65%が78%に上がりました。逆に0.003では8ポイント下がります。勾配が縮むぶん1ステップの歩幅も小さくなり、学習が足りなくなるのでしょう。それぞれいちばん良い学習率で比べると差は小さく、クリッピングなしで75%、ありで78%です。

# %% [markdown] key="clip-read" lang="en"
# **Clipping moves the good range to higher learning rates.** In the figure, with means over 10 draws, it lifts the accuracy at 0.1 from 65% to 78%. At 0.003 it costs 8 points: clipped steps are shorter and probably learn too little. Each at its best rate, the two lines are close: 75% without and 78% with clipping.

# %% [markdown] key="flips" lang="ja"
# ## つまみ3：データ拡張
#
# 200枚では、ネットワークはすぐに訓練データを丸暗記します（**過学習**）。そこで、見せるたびに画像を少し変えます。これが**データ拡張**（augmentation）です。条件は1つ、**ラベルが変わらないこと**です。たとえば、上下を逆にしても、ひびはひびのままです。けれども文字の「b」は、左右に反転すると「d」になってしまいます。
#
# 次のセルでは、反転を加え、学習も2倍の24エポックにします（`best`）。反転なしの `clipped`（上の2回目）と比べましょう。

# %% [markdown] key="flips" lang="en"
# ## Knob 3: augmentation
#
# With 200 pictures, the network soon knows its training data by heart (**over-fitting**). So change the pictures a little each time they are shown: this is **augmentation**. There is one condition: **the label must stay true**. For example, a crack is still a crack when it is turned upside down. A letter "b", however, becomes a "d" when it is mirrored.
#
# The next cell adds flips and trains twice as long, for 24 epochs (`best`). It compares this with the second run above, which had no flips (`clipped`).


# %% key="steps-figure" alt_ja="凍結から始めて、つまみを1つずつ調整したときのテスト正解率。下の行ほど後の段階。" alt_en="Test accuracy from the frozen body through one knob after another; lower rows are later steps."
def flips(images):
    for axis in (2, 3):
        chosen = torch.rand(len(images), 1, 1, 1) < 0.5
        images = torch.where(chosen, images.flip(axis), images)
    return images


torch.manual_seed(0)
best = train(surfaces, lr=0.1, clip=1.0, augment=flips, epochs=24)
names = ("Without flips, 12 epochs", "With flips, 24 epochs")
# ja: names = ("反転なし、12エポック", "反転あり、24エポック")
for name, tuned in zip(names, (clipped, best)):
    seen, fresh = (tl.evaluate(tuned, part) for part in (surfaces.train, surfaces.valid))
    print(f"{name}: training {seen:.0%}, validation {fresh:.0%}")
    # ja: print(f"{name}：訓練 {seen:.0%}、検証 {fresh:.0%}")
tested = tl.evaluate(best, surfaces.test)
print(f"At the end, once, on test data: {tested:.0%}")
# ja: print(f"最後に1回だけ、テストデータで：{tested:.0%}")
lesson03.draw_knobs(knobs, live={"recipe": tested})

# %% [markdown] key="recipe" lang="ja"
# **同じ200枚、同じネットワークで、正解率は62%から92%になりました。** 大きく効いたのは、本体を動かしたこと（12ポイント）と、画像を反転したこと（11ポイント）です。学習率0.1、クリッピング、反転、24エポックを合わせて、**全部入り**と呼びます。
#
# 訓練データは、反転を加えてもやはり丸暗記しています（100%）。それでも、見たことのない画像での正解率は大きく上がりました。
#
# ゼロからの学習は81%で、凍結より高くなりました。こちらも本体が動き、欠陥を見分ける特徴を育てられるからです。反転、クリッピング、24エポックも使い、学習率も同じように選びました。ですから、事前学習の効果は、92%と81%の差に表れています。

# %% [markdown] key="recipe" lang="en"
# **With the same 200 pictures and the same network, the accuracy went from 62% to 92%.** The two big gains came from letting the body move (12 points) and from flips (11 points). Rate 0.1, clipping, flips and 24 epochs together are the **full recipe**.
#
# Even with flips, the network knows its training data by heart (100%). On pictures that it has not seen, it does far better than without.
#
# Training from scratch reaches 81%, more than the frozen body, since here, too, the body can grow features for defects. It has the same flips, clipping and 24 epochs, and its rate was chosen in the same way. So what pre-training gave is the difference between 92% and 81%.

# %% [markdown] key="five-lines" lang="ja"
# ### 持ち帰る5か条
#
# 1. まず凍結して、線形プローブの正解率を測ります。これが超えるべき値です。
# 2. その出力層から始めて、全体を学習します。勾配は長さ1でクリップし、ウォームアップを付けます。
# 3. 学習率は3〜5倍おきに3〜4個試し、**検証データ**で選びます。端の値が選ばれたら、範囲を広げます。
# 4. ラベルを変えないデータ拡張を加え、そのぶん長く学習します。
# 5. テストデータで評価するのは、最後に1回だけです。
#
# `tl.fine_tune(network, surfaces)` は、学習率を3つ試す短い学習で、1〜3と5を手早く済ませます（範囲は広げません）。

# %% [markdown] key="five-lines" lang="en"
# ### Five lines to take home
#
# 1. Freeze first and measure the linear probe: it is the number to beat.
# 2. From that head, train everything. Clip gradients at length 1 and warm up.
# 3. Try three or four learning rates, each three to five times the one before, and choose on **validation data**. If the choice lies at the edge, widen the range.
# 4. Add augmentation that keeps the labels true, and train longer for it.
# 5. Use the test data once, at the end.
#
# `tl.fine_tune(network, surfaces)` does lines 1 to 3 and 5 in a short run with three rates; it leaves widening the range to you.

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# 検査ラインの照明は、日によって明るさが変わります。そこで、明るさを変えるデータ拡張を書きましょう。関数 `relight(images)` は、uint8の画像 `(n, 3, 縦, 横)` を受け取り、**1枚ごとに**0.4〜1.2からランダムに選んだ倍率を掛けます。結果は0〜255に収め（`clamp`）、uint8にして返します（`.to(torch.uint8)`）。

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# The lamp over the line is not equally bright every day. Write an augmentation for it: `relight(images)` takes uint8 pictures (n, 3, height, width) and multiplies **each picture** by its own random factor between 0.4 and 1.2. It keeps the values within 0 and 255 (`clamp`) and returns uint8 (`.to(torch.uint8)`).


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def relight(images):
# PLACEHOLDER:     return ...
def relight(images):
    factor = 0.4 + 0.8 * torch.rand(len(images), 1, 1, 1)
    return (images * factor).clamp(0, 255).to(torch.uint8)


### END SOLUTION
tl.check("03-b")

# %% [markdown] key="limits" lang="ja"
# ## 割に合わないのはどんなとき？
#
# ラベルが少ない場合、照明が変わった場合、元の仕事も続ける場合の3つです。

# %% [markdown] key="limits" lang="en"
# ## When does it not pay?
#
# Look at three cases: few labels, another light, and old work that must go on.

# %% key="labels-figure" alt_ja="ラベルの枚数に対するテスト正解率。左は表面、右は鳥で、凍結とファインチューニングの2本の線。" alt_en="Test accuracy against the number of labels, surfaces at the left and birds at the right, with a line each for frozen and fine-tuned."
lesson03.draw_labels(tl.stored("03_labels"))

# %% [markdown] key="labels-read" lang="ja"
# **表面では、ラベルが増えるほど差が開き、20枚からは横ばいでした。** 1クラス2枚ではまだ、上がったとは言いきれません。20枚では26ポイント上がりました。（学習はどの点も150ステップで、全部入りの半分ほどです。）
#
# **鳥では逆に、差が7ポイントから2ポイントに縮みました。** （7ポイントの大半は左右反転の効果で、反転のないレッスン01では、ほぼ互角でした。）鳥は転移元の生き物に似ているので、伸びしろが少ないのです。つまり、この2つで効果の大きさを決めたのは、**ラベルの枚数と、凍結した本体に残る伸びしろ**です。
#
# ただし、伸びしろがあれば必ず大きく上がるわけではありません。本物の花の写真（ぼやけたもの）では、80枚でも凍結は66%でしたが、ファインチューニングで上がったのは2〜3ポイントだけでした（「さらに深く：本物の写真とネットワーク」）。

# %% [markdown] key="labels-read" lang="en"
# **On surfaces, the gain grows with the labels, up to twenty or so.** With two labels of each class it is not sure yet; with twenty it is 26 points. (Each point had 150 training steps, about half of the full recipe.)
#
# **On birds the gain shrinks instead**, from 7 points to 2. (Most of the 7 come from mirroring: without it, in lesson 01, the two were level.) Birds resemble the creatures of the source, so the frozen body leaves less to gain. So what counted here was **how many labels there are, and how much room the frozen body leaves**.
#
# Room does not always turn into a gain. On real, but blurred photographs of flowers, the frozen body reached only 66% even with eighty labels, and fine-tuning added just 2 to 3 points ("Deeper: real photographs and networks").

# %% key="price-figure" alt_ja="上は暗い照明の良品3枚と、ひびのある部品3枚。下は3つの図で、新しいタスク、暗い照明での同じタスク、転移元のタスクの正解率を、方法ごとに点で示す。" alt_en="Above, three sound and three cracked parts in dim light. Below, three panels with points for each way: accuracy on the new task, on the same task in dim light, and on the source."
dark = tl.load_task("surfaces", per_class=3, style="night")
display(tl.show(dark, classes=[0, 4]))
lesson03.draw_price(knobs)

# %% [markdown] key="limits-read" lang="ja"
# **照明が変わると、効果はほとんど消えます。** 中央の図は、同じ部品を暗い照明で撮った画像での正解率です。新しいタスクでは全部入りで30ポイント上がったのに、ここでは7ポイントで、それも確かとは言えません。ところが、練習Bのような `relight` を加えて学習すると、暗い照明でも60%になりました。使う場所で起こる変化を、データ拡張でまねしておくのです。
#
# ```python
# model = train(surfaces, lr=0.1, clip=1.0, augment=lambda x: relight(flips(x)), epochs=24)
# tl.evaluate(model, dark.test)  # 回によって最大26ポイント違った。何回かの平均で比べる
# ```
#
# **元の仕事は忘れてしまいます。** 右の図のとおり、転移元の正解率は97%から22%まで下がりました。元の仕事も続けるなら、元の重みを取っておくか、レッスン04の方法を使います。

# %% [markdown] key="limits-read" lang="en"
# **When the light changes, most of the gain is gone.** The middle panel shows the same parts under a dim lamp. On the new task, the full recipe gained 30 points; here 7 are left, and even these are not sure. But with a `relight` like yours in training, the accuracy in dim light is 60%: imitate with augmentation what will change where the model is used.
#
# ```python
# model = train(surfaces, lr=0.1, clip=1.0, augment=lambda x: relight(flips(x)), epochs=24)
# tl.evaluate(model, dark.test)  # single runs lay up to 26 points apart: compare means of several
# ```
#
# **The old work is forgotten.** In the right panel, the accuracy on the source falls from 97% to 22%. If the network must keep doing its old work, save a copy of the old weights or use the methods of lesson 04.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、9分。2人で話し合うのもおすすめです）
#
# 第2工場でも同じ部品を検査することになりました。照明は暗めで、ラベル付きの画像は今は1クラス2枚、2か月後に80枚になる予定です。第1工場の検査も、同じモデルで続けます。第1工場の200枚は残っています。
#
# 計画を `plan` に書いてください。正解は1つではありません。書き終えたら、解答例にある採点表で見直しましょう。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 9 minutes, also good in pairs)
#
# A second factory is to inspect the same parts. Its light is dim. It has 2 labelled pictures of each class now and will have 80 of each in two months. The same model must go on inspecting in the first factory as well, whose 200 pictures are still there.
#
# Write your plan into `plan`. There is more than one good plan; mark yours with the rubric in the solution.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "now": ...,  # "frozen" or "fine-tune"
# ja: # PLACEHOLDER:     "now": ...,  # "frozen" か "fine-tune"
# PLACEHOLDER:     "trained_on": ...,  # a list: the factories (1, 2) whose pictures you train on now
# ja: # PLACEHOLDER:     "trained_on": ...,  # 今、学習に使う画像の工場（1と2）のリスト
# PLACEHOLDER:     "augment": ...,  # a list: your augmentations, by name
# ja: # PLACEHOLDER:     "augment": ...,  # 使うデータ拡張の名前のリスト
# PLACEHOLDER:     "tested_on": ...,  # a list: the factories where you measure the accuracy
# ja: # PLACEHOLDER:     "tested_on": ...,  # 正解率を測る工場のリスト
# PLACEHOLDER:     "later": ...,  # what you change in two months, and on what condition
# ja: # PLACEHOLDER:     "later": ...,  # 2か月後に何を変えるか、変える条件は何か
# PLACEHOLDER:     "why": ...,  # your reasons, with numbers from the figures
# ja: # PLACEHOLDER:     "why": ...,  # 選んだ理由（図の数字も挙げる）
# PLACEHOLDER: }
plan = {
    "now": "fine-tune",
    "trained_on": [1],
    "augment": ["flips", "relight"],
    "tested_on": [1, 2],
    "later": "Train on the 80 as well. Change over if validation is better in both factories.",
    # ja: "later": "80枚も加えて学習し直します。両工場の検証で上回れば切り替えます。",
    "why": "The defects are the same. With relight, factory 1's pictures give 60% in dim light, "
    "frozen 37%. I keep it only if it beats the probe on validation data. "
    "The 10 dim pictures are kept for testing. A dim or turned crack is a crack.",
    # ja: "why": "欠陥は同じです。第1工場の画像とrelightで、暗くても60%です（凍結は37%）。まずプローブを測り、"
    # ja: "検証で上回れば切り替えます。暗い10枚は、テストに取っておきます。"
    # ja: "暗くても逆さでも、ひびはひびです。",
}
### END SOLUTION
tl.check("03-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 出発点 | 線形プローブを測らない | 測る | 測り、ファインチューニングに切り替える条件も書いた |
# | 学習する画像 | 第2工場だけ | 第1工場の画像を使う | 使う。暗い照明で何%になる見込みかも、図の数字で説明した |
# | データ拡張 | なし、またはラベルが変わるもの | 反転か明るさ | 両方。ラベルが変わらない理由も書いた |
# | テスト | 第2工場だけ | 両方の工場で、学習に使わない画像 | さらに、10枚でわかることの限界も書いた |
# | 2か月後 | 書いていない | 80枚を加えて学習し直す | 加えて、新しいモデルに切り替える条件がある |
#
# 7点以上なら、そのまま提案書に書けます。上の解答例は、2＋2＋2＋1＋2で9点です（10枚では1枚の正誤で10ポイント変わることに触れていません）。暗い画像の2枚だけを数えると、ラベルの図から「凍結」を選びたくなります。けれども、第1工場の200枚にも同じ欠陥が写っています。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | where you start | no linear probe | probe measured | and a condition for changing to fine-tuning |
# | pictures | second factory only | the first one's | and what they will bring in dim light, with numbers from the figure |
# | augmentation | none, or one that changes labels | flips or brightness | both, and why the labels stay true |
# | test | second factory only | both, on pictures not trained on | and how little 10 pictures can tell |
# | in two months | not mentioned | training again with the 80 | and a condition for changing to the new model |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 2 + 2 + 2 + 1 + 2 = 9: it does not say that with 10 pictures, each is worth 10 points. Whoever counts the 2 dim pictures alone will stay frozen, by the figure of labels. But the 200 of the first factory show the same defects.

# %% key="quiz"
tl.quiz("03")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - ファインチューニングは、事前学習の重みから出発して、本体も学習させることです。凍結した本体に伸びしろがあり、ラベルが1クラス20枚ほどあれば、大きく伸びることがあります。
# - 学習率は、低すぎれば学習が足りず、高すぎれば身に付けた特徴が崩れます。クリッピングがあると、高い学習率でも崩れにくくなります。
# - ラベルを変えないデータ拡張は、本体を動かすことと同じくらい効きました。
# - ラベルが1クラス2枚しかないときや、凍結でほぼ満点のときは、得られるものはわずかです。暗い照明では、効果がほとんど消えました。何も手を打たなければ、元の仕事は忘れてしまいます。
# - レッスン00の**戦略マップ**（`tl.strategy_map()`）は、これをもとに、まず試す方法を示します。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Fine-tuning starts from pretrained weights and trains the body, too. It can gain a lot where the frozen body leaves room and there are some twenty labels a class.
# - Too low a learning rate learns too little; too high a one destroys what was learned. Clipping protects at high rates.
# - Augmentation that keeps the labels true helped about as much as letting the body move.
# - There is little to gain with two labels a class, or where frozen is nearly perfect. In dim light, most of the gain was gone. And unless you see to it, the old work is forgotten.
# - The **strategy map** of lesson 00 (`tl.strategy_map()`) goes by this when it says what to try first.

# %% [markdown] key="deeper-real" lang="ja" tags=["deeper"]
# ## さらに深く：本物の写真とネットワーク
#
# 本物のResNet-18（torchvisionの重み）を使うには、最初のセルの1行を次のように替えます。あとのコードは、そのまま使えます。
#
# ```python
# network = tl.backbone("resnet18", size=96)
# ```
#
# `size=96` は、画像を96画素にしてからネットワークに渡す指定です。これでも、CPUでは学習するセルごとに数分かかります。指定しなければ224画素になり、さらに約6倍かかります。
#
# ここまでの画像は、どれもプログラムで描いたものです。そこで、本物の花の写真5種類と、ImageNetで事前学習したMobileNetV2でも、同じ比較をしました。MobileNetV2と衛星写真（EuroSAT）を取得済みのコンピューターなら、衛星写真でもその場で比べます。

# %% [markdown] key="deeper-real" lang="en" tags=["deeper"]
# ## Deeper: real photographs and networks
#
# To use the real ResNet-18 (torchvision's weights), change one line of the first cell. The rest of the code stays as it is.
#
# ```python
# network = tl.backbone("resnet18", size=96)
# ```
#
# With `size=96`, pictures are resized to 96 pixels for the network. Even so, a cell that trains takes some minutes on a CPU; without it, at 224 pixels, about six times as long.
#
# So far, a program drew all the pictures. Here is the same comparison on real photographs of five kinds of flower, with a MobileNetV2 pretrained on ImageNet. On a computer that has fetched MobileNetV2 and the satellite photos of EuroSAT, the cell also repeats the comparison on those.

# %% key="real-figure" tags=["hide-input"] alt_ja="本物の花の写真での、ラベルの枚数に対するテスト正解率（凍結とファインチューニング）と、3回それぞれの差。" alt_en="Test accuracy on real photographs of flowers against the number of labels, frozen and fine-tuned, and the gain in each of three draws."
display(lesson03.draw_real(tl.stored("03_real")))
if tl.live("mobilenet_v2", "eurosat"):
    few = {"valid_per_class": 10, "test_per_class": 20}
    earth = tl.load_task("eurosat", 10, source="public", **few)  # satellite photos
    # ja: earth = tl.load_task("eurosat", 10, source="public", **few)  # 衛星写真
    eye = tl.backbone("mobilenet_v2", size=64)
    still = tl.probe(eye, earth)
    tuned = tl.fine_tune(eye, earth, lr=0.01, epochs=6, head=still.head)
    print(
        "Satellite photos, 10 labels a class: "
        # ja: "衛星写真、1クラス10ラベル："
        f"frozen {still.test_acc:.0%}, fine-tuned {tuned.test_acc:.0%}"
        # ja: f"凍結 {still.test_acc:.0%}、ファインチューニング {tuned.test_acc:.0%}"
    )

# %% [markdown] key="real-read" lang="ja"
# **5枚では、5ポイント下がった回も8ポイント上がった回もありました。80枚では3回とも2〜3ポイント上がりました。** 表面の検査ほど大きな差ではありません。正解率そのものが控えめなのは、写真がぼやけていて、32×32画素ほどの細かさしかないためでしょう。
#
# ネットワークには**BatchNormの記憶**、つまり特徴の平均とばらつきの記録があり、`model.train()` の間は新しい画像で書き換わります。花の写真では、小さなバッチで乱れないように固定しました（レッスン02）。`model.train()` のあとに、次の2行を加えます。
#
# ```python
# for layer in model.modules():
#     if isinstance(layer, nn.BatchNorm2d): layer.eval()
# ```
#
# 表面の検査では固定していません。新しい画像で書き換わるままでも、92%に届きました。`tl.fine_tune` は、指定がなければ固定します。

# %% [markdown] key="real-read" lang="en"
# **At five labels, one draw lost 5 points and another gained 8; at eighty, fine-tuning gains 2 to 3 points in each of the three draws.** That is less than on the inspection line. The accuracies themselves are modest, probably because the photographs are blurred: they hold little more detail than 32 × 32 pixels.
#
# The network has a **BatchNorm memory**, a record of the mean and spread of its features, which new pictures overwrite after `model.train()`. For the flowers we kept it as it was, so that small batches do not disturb it (lesson 02). Two lines after `model.train()` do that:
#
# ```python
# for layer in model.modules():
#     if isinstance(layer, nn.BatchNorm2d): layer.eval()
# ```
#
# On the surfaces it was not kept: with a memory that follows the new pictures, the accuracy still reached 92%. `tl.fine_tune` keeps it unless you say otherwise.

# %% [markdown] key="deeper-depth" lang="ja" tags=["deeper"]
# ## さらに深く：どこまで学習するか
#
# ResNetの `layer1`〜`layer4` は、いくつかの層をまとめた**ステージ（段）**です。全部ではなく、後ろの段だけを学習することもできます。`requires_grad_(False)` で全体を凍結し、学習する段だけを元に戻します。
#
# ```python
# model.requires_grad_(False)
# for stage in (model.layer4, model.fc):
#     stage.requires_grad_(True)
# ```
#
# `train` では、`model.fc` の行のあとに入れます。凍結した段でも、BatchNormの記憶は `model.train()` の間に書き換わるので、その行のあとで、`model.bn1` と凍結した段を `eval()` に戻します（`model.layer1.eval()` など）。
#
# > **見る前に考える**：表面の検査では、後ろからどの段まで学習すれば足りるでしょうか。ヒントは、前のほうの段ほど輪郭や質感を見ていることです。

# %% [markdown] key="deeper-depth" lang="en" tags=["deeper"]
# ## Deeper: how much to train
#
# `layer1` to `layer4` of a ResNet are **stages** of several layers each. You need not train everything: the last stages alone can learn, too. Freeze the whole network with `requires_grad_(False)` and open the stages that are to learn.
#
# ```python
# model.requires_grad_(False)
# for stage in (model.layer4, model.fc):
#     stage.requires_grad_(True)
# ```
#
# In `train`, these lines belong right after the line of `model.fc`. Even in a frozen stage, `model.train()` lets the BatchNorm memory move, so right after that call, switch `model.bn1` and the frozen stages to evaluation again (`model.layer1.eval()` and so on).
#
# > **Think before you look**: down to which stage must you go for surfaces? A hint: the early stages see outlines and textures.

# %% key="depths" alt_ja="学習する範囲（出力層だけから全部まで）に対する、新しいタスク、暗い照明、転移元のテスト正解率。" alt_en="Test accuracy on the new task, in dim light and on the source against the stages that are trained, from the head alone to everything."
lesson03.draw_depths(tl.stored("03_depths"), knobs["frozen"])

# %% [markdown] key="depths-read" lang="ja"
# **`layer2` から後ろを学習すると、全部を学習したときとほぼ同じ正解率になり、しかも元の仕事を忘れにくくなりました。** 新しいタスクの正解率は、学習する段を増やすほど上がり、`layer2` からで89%になります。その先は、全部を学習しても89%です。一方、転移元は、`layer2` からなら50%残りますが、全部だと37%です。暗い照明でも、52%に対して41%です。
#
# どれも学習率0.1、クリッピング、反転、12エポックで、凍結した段は `eval()` のままです。出力層だけでも線形プローブの62%を上回るのは、おそらく反転を加えたからです。
#
# 6エポックと36エポック、クリッピングなし、AdamWでも測り直しましたが（10回）、結論はほぼ同じでした。例外は2つあります。AdamWでは、転移元がどちらでもほとんど残りません。36エポックでは、全部を学習したほうが、新しいタスクの正解率が1ポイント高くなります。
#
# 「まず最後の段だけ」という定石は、この題材には合いませんでした。質感や照明など入力が変わるときは前の段を、クラスが変わるときは後ろの段を動かすとよい、という報告があります（surgical fine-tuning、Lee ほか, 2022、[arXiv:2210.11466](https://arxiv.org/abs/2210.11466)）。

# %% [markdown] key="depths-read" lang="en"
# **Training from `layer2` on is about as accurate as training everything, and less is forgotten.** On the new task, the accuracy rises with every stage that is opened, until `layer2` on reaches 89%. Training everything gives 89% as well. But `layer2` on keeps 50% of the source, and everything only 37%; in dim light it is 52% against 41%.
#
# All have rate 0.1, clipping, flips and 12 epochs; frozen stages stay in `eval()`. Even the head alone is above the 62% of the linear probe, probably because it was trained with flips.
#
# We measured again with 6 and 36 epochs, without clipping and with AdamW (ten draws), and found the same, with two exceptions. With AdamW, hardly any of the source is left either way. After 36 epochs, training everything is 1 point ahead on the new task.
#
# The usual advice, "the last stage first", did not suit this job. It has been reported that early stages should move where the input changes, as with texture or light, and late ones where the classes do (surgical fine-tuning, Lee et al., 2022, [arXiv:2210.11466](https://arxiv.org/abs/2210.11466)).

# %% [markdown] key="deeper-head" lang="ja" tags=["deeper"]
# ## さらに深く：まず出力層、それから全体
#
# ランダムな出力層から始めると、最初の数十ステップの勾配は、まだ何も知らない出力層から本体へ流れ、できあがっている特徴を崩すおそれがあります。そこで、まず出力層だけを学習し、それから全体を学習する方法が提案されました（**LP-FT**、Kumar ほか, 2022、[arXiv:2202.10054](https://arxiv.org/abs/2202.10054)）。このレッスンの `train` も、この順番です。

# %% [markdown] key="deeper-head" lang="en" tags=["deeper"]
# ## Deeper: first the head, then everything
#
# With a random head, the gradients of the first few dozen steps come through a head that knows nothing yet, and can distort features that were good. Hence the proposal to train the head alone first and everything after that (**LP-FT**, Kumar et al., 2022, [arXiv:2202.10054](https://arxiv.org/abs/2202.10054)). `train` in this lesson does so as well.

# %% key="head-first"
tl.diagram("head_first")

# %% key="head-figure" alt_ja="線形プローブの出力層から始めた場合とランダムな出力層から始めた場合の、新しいタスク、暗い照明、転移元の正解率。" alt_en="Accuracy on the new task, in dim light and on the source, from the probe's head and from a random head."
lesson03.draw_heads(knobs)

# %% [markdown] key="head-read" lang="ja"
# **どちらから始めても、はっきりした差はありません。** 新しいタスクは92%と93%でした。学習が十分に長く、ウォームアップとクリッピングが最初の乱暴な勾配を抑えるためかもしれません（確かめてはいません）。線形プローブは、どのみち最初に測ります。その出力層を使えば、プローブより悪い所から始まることはありません。

# %% [markdown] key="head-read" lang="en"
# **The start of the head made no clear difference**: the new task ended at 92% with the probe's head and at 93% with a random one. Perhaps training is long enough, and warm-up and clipping hold back the rough first gradients; we have not tested this. You measure the linear probe first in any case: take its head, and you never start from a worse place than the probe.

# %% [markdown] key="deeper-stages" lang="ja" tags=["deeper"]
# ## さらに深く：元の仕事を忘れにくくする
#
# いちばん簡単なのは、前のほうの段を凍結しておくこと（「さらに深く：どこまで学習するか」）と、学習率を下げることです。ウィジェットの「クリッピングあり」で0.1から0.03に下げると、新しいタスクの正解率は78%から75%に下がるだけで、転移元は44%ではなく74%になります。本体をあまり動かさずに学ぶ工夫は、ほかにもあります。
#
# 入力に近い段ほど学習率を小さくする方法を、**層ごとの学習率**（discriminative learning rates、Howard・Ruder, 2018、[arXiv:1801.06146](https://arxiv.org/abs/1801.06146)）といいます。次のコードでは、`conv1` の0.01から出力層の0.1まで、1段ごとに同じ倍率で大きくします。

# %% [markdown] key="deeper-stages" lang="en" tags=["deeper"]
# ## Deeper: forgetting less
#
# The simplest ways are to leave the early stages frozen ("Deeper: how much to train") and to lower the learning rate. In the widget with clipping, going from 0.1 to 0.03 lowers the new task only from 78% to 75%, and the source is at 74% rather than 44%. There are other ways to learn while the body moves little.
#
# With **discriminative learning rates** (Howard and Ruder, 2018, [arXiv:1801.06146](https://arxiv.org/abs/1801.06146)), stages nearer to the input learn more slowly. In the code below, the rate grows by the same factor at every stage, from 0.01 at `conv1` to 0.1 at the head.

# %% key="rates-diagram"
tl.diagram("rates")

# %% key="rates-code"
model = copy.deepcopy(network)
model.fc = copy.deepcopy(frozen.head)
stages = {"conv1": nn.Sequential(model.conv1, model.bn1)}
for name in ("layer1", "layer2", "layer3", "layer4", "fc"):
    stages[name] = getattr(model, name)
groups = [
    {"params": stage.parameters(), "lr": 0.1 / 10 ** ((5 - depth) / 5)}
    for depth, stage in enumerate(stages.values())
]
for name, group in zip(stages, groups):
    print(f"{name}: learning rate {group['lr']:.3f}")
    # ja: print(f"{name}：学習率 {group['lr']:.3f}")

# %% [markdown] key="gradual" lang="ja"
# この学習率を使うには、`train` の3か所を変えます。
#
# 1. `model.fc` の行のすぐあとで、`stages` と `groups` を作ります（上のセルのものは、別の複製の重みです）。
# 2. オプティマイザーには、`model.parameters()` の代わりに `groups` を渡します。
# 3. `OneCycleLR` には、リスト `max_lr=[group["lr"] for group in groups]` を渡します。1つの数だと、どの段も同じ学習率になってしまいます。
#
# 後ろの段から1エポックに1段ずつ凍結を外していく方法を、**段階的な凍結解除**（gradual unfreezing、同じ論文）といいます。図とコードは最初の4エポックで、このあと `layer1`、`conv1` と続きます。`tl.fine_tune(..., unfreeze="gradual")` では出力層がもう学習済みなので、1エポック目から `layer4` も動かします。

# %% [markdown] key="gradual" lang="en"
# To use these rates, change `train` in three places.
#
# 1. Right after the line of `model.fc`, build `stages` and `groups`. (Those of the cell above belong to another copy of the network.)
# 2. Give `groups` to the optimizer in place of `model.parameters()`.
# 3. Give `OneCycleLR` a list, `max_lr=[group["lr"] for group in groups]`. A single number would set every stage to the same rate.
#
# In **gradual unfreezing** (same paper), one more stage is opened in each epoch, from the back to the front. The picture and the code show the first four epochs; `layer1` and `conv1` follow. `tl.fine_tune(..., unfreeze="gradual")` starts from a trained head, so there `layer4` learns from the first epoch on.

# %% key="gradual-diagram"
tl.diagram("gradual")

# %% key="gradual-code"
model.requires_grad_(False)
for epoch, stage in enumerate([model.fc, model.layer4, model.layer3, model.layer2]):
    stage.requires_grad_(True)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"epoch {epoch + 1}: {trained:,} weights learn")
    # ja: print(f"エポック{epoch + 1}：{trained:,} 個の重みを学習")

# %% [markdown] key="l2sp" lang="ja"
# ふつうの**重み減衰**（weight decay）は、重みを少しずつ0へ引き寄せます。**L2-SP**（Li ほか, 2018、[arXiv:1802.01483](https://arxiv.org/abs/1802.01483)）は、0ではなく事前学習の値 $w_0$ へ引き戻す罰則です。$\alpha$ はばねの強さです。
#
# $$\text{損失} + \frac{\alpha}{2} \lVert w - w_0 \rVert^2$$
#
# 出力層は新しく付け替えるので、罰則に入れません。`train` では `loss` の行のあとに `loss = loss + l2_sp(model)` を加えます。
#
# たとえばデータが重みを力0.1で引き、$\alpha = 0.5$ なら、$0.1 = 0.5 \times (w - w_0)$ なので、$w_0$ から0.2だけ離れた所で釣り合います。

# %% [markdown] key="l2sp" lang="en"
# Ordinary **weight decay** pulls every weight a little towards 0. **L2-SP** (Li et al., 2018, [arXiv:1802.01483](https://arxiv.org/abs/1802.01483)) is a penalty that pulls it back to its pretrained value $w_0$ instead; $\alpha$ is the strength of the spring.
#
# $$\text{loss} + \frac{\alpha}{2} \lVert w - w_0 \rVert^2$$
#
# The head is a new one, so it is left out. In `train`, put `loss = loss + l2_sp(model)` after the line of the loss.
#
# For example, if the data pull a weight with a force of 0.1 and $\alpha = 0.5$, then $0.1 = 0.5 \times (w - w_0)$: it comes to rest 0.2 away from $w_0$.

# %% key="springs"
tl.diagram("springs")

# %% key="l2sp-code"
origin = {name: p.detach().clone() for name, p in network.named_parameters()}


def l2_sp(model, alpha=0.1):
    body = [(name, p) for name, p in model.named_parameters() if not name.startswith("fc.")]
    return alpha / 2 * sum((p - origin[name]).square().sum() for name, p in body)


moved = copy.deepcopy(network)
moved.fc = copy.deepcopy(frozen.head)
with torch.no_grad():
    moved.layer1[0].conv1.weight.add_(0.01)
print(f"Penalty before training: {l2_sp(network):.3f}, after a small move: {l2_sp(moved):.3f}")
# ja: print(f"罰則は、学習前が {l2_sp(network):.3f}、少し動かすと {l2_sp(moved):.3f}")

# %% key="frontier" alt_ja="新しいタスクの正解率に対する転移元の正解率。方法ごとに線が1本あり、点ごとに学習率の数字が付く。" alt_en="Accuracy on the source against accuracy on the new task: one line for each way, a dot with its number for each learning rate."
lesson03.draw_frontier(tl.stored("03_rates"), tl.stored("03_ways"))

# %% [markdown] key="frontier-read" lang="ja"
# **右上にあるほど、新しい仕事を覚え、元の仕事も忘れていません。** どの方法も、「どこも同じ学習率」の線をはっきりとは上回らず、段階的な凍結解除は、この長さ（12エポック）では左下でした。
#
# 同じ線の上の点は、学習率だけが違います（どれもクリッピングあり、L2-SPは $\alpha = 0.1$。層ごとの学習率では、出力層の値を書いてあります）。
#
# 学習率が最も低い0.003では、新しいタスクはほとんど上がらないのに、転移元は97%から80%に下がりました。重みがあまり動かなくても、BatchNormの記憶が新しい画像で書き換わるためだと考えられます。

# %% [markdown] key="frontier-read" lang="en"
# **The further up and to the right, the more is learned and the less is forgotten.** No way clearly beats "one rate everywhere", and gradual unfreezing lies below it at this length (12 epochs).
#
# Along a line only the learning rate differs (with discriminative rates, the number is the head's); all are with clipping, and L2-SP has $\alpha = 0.1$.
#
# At the lowest rate, 0.003, the new task gains hardly anything, and yet the source falls from 97% to 80%. The weights move little there; probably it is BatchNorm's memory, which the new pictures overwrite however small the learning rate is.

# %% [markdown] key="deeper-lora" lang="ja" tags=["deeper"]
# ## さらに深く：LoRA
#
# 数十億個の重みを持つモデルでは、タスクごとに全体を学習して保存するわけにはいきません。**LoRA**（Hu ほか, 2022）は、元の重み $W$（$m$ 行 $n$ 列）を凍結し、細い行列2つの積だけを学習します。
#
# $$W' = W + \frac{\alpha}{r} B A$$
#
# $A$ は $r$ 行 $n$ 列、$B$ は $m$ 行 $r$ 列、**ランク** $r$ は8ほどの小さな数、$\alpha$ は差分の大きさを決める定数です（L2-SPの $\alpha$ とは別）。$B$ は0から始まるので、学習前のモデルは元のままです。

# %% [markdown] key="deeper-lora" lang="en" tags=["deeper"]
# ## Deeper: LoRA
#
# A model with billions of weights cannot be trained and stored as a whole for every task. **LoRA** (Hu et al., 2022) freezes a weight matrix $W$ ($m$ rows, $n$ columns) and trains the product of two thin matrices instead:
#
# $$W' = W + \frac{\alpha}{r} B A$$
#
# $A$ has $r$ rows and $n$ columns, $B$ has $m$ rows and $r$ columns. The **rank** $r$ is a small number such as 8, and the constant $\alpha$ (not the one of L2-SP) sets the size of the difference. $B$ starts at zero, so the model is unchanged before training.

# %% key="lora-diagram"
tl.diagram("lora")


# %% key="lora-code"
class LoRALinear(nn.Module):
    def __init__(self, layer, rank=8, alpha=16):
        super().__init__()
        self.layer, self.scale = layer.requires_grad_(False), alpha / rank
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


adapted = LoRALinear(nn.Linear(512, 512, bias=False))
learned = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
print(f"Of {512 * 512:,} weights LoRA learns {learned:,}: {learned / 512**2:.1%}")
# ja: print(f"{512 * 512:,} 個の重みに対し、LoRAが学習するのは {learned:,} 個（{learned / 512**2:.1%}）")

# %% [markdown] key="lora-read" lang="ja"
# 学習して保存するのは、この層では3%ほど、図の小さい層では12.5%です。層が大きいほど、タスクごとに保存する割合は**小さく**なります（このレッスンでは、正解率は測っていません）。学習率は、全体を学習するときより大きめの値から試します。畳み込み層では、重みを行列に並べ直して同じことをします。`tl.lora(network, surfaces)` で試せます。

# %% [markdown] key="lora-read" lang="en"
# In this layer, about 3% of the weights are trained and stored; in the smaller one of the picture, 12.5%. The larger the layers, the **smaller** the share that you store for each task (this lesson has not measured the accuracy). Start from a higher learning rate than for training everything. In a convolution the weights are arranged as a matrix first. `tl.lora(network, surfaces)` does it for you.

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 損失が急に増える、NaNになる | 学習率が高すぎる | `clip` を付け、学習率を3分の1に |
# | 線形プローブより低い | ラベルが少ない、BatchNormの記憶が動いた | 凍結に戻す、本体を `eval()` にしておく（レッスン02） |
# | 訓練100%、検証で低い | 過学習 | ラベルを変えないデータ拡張 |
# | 出力層が学習されない | オプティマイザーを作ったあとで出力層を替えた | 替えてから作る |
# | 検証だけ良い | 試した設定が多すぎて、たまたま良かったものを選んだ | 検証データを増やす |
#
# **最近よく使われる手法**
#
# - **出発点**：自己教師ありのDINOv2（[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)）、画像と文で学んだSigLIP（[arXiv:2303.15343](https://arxiv.org/abs/2303.15343)）。どちらも `timm` から1行で読み込めます。まず凍結で試し、足りなければ鍛え直します。
# - **大きなモデル**：LoRA（[arXiv:2106.09685](https://arxiv.org/abs/2106.09685)）とライブラリ `peft`。差分だけを学習して保存します（上の「さらに深く：LoRA」）。
# - **平均して使う**：ファインチューニングした重みどうしを平均するmodel soups（[arXiv:2203.05482](https://arxiv.org/abs/2203.05482)）、元の重みと平均して別の条件での正解率を保つWiSE-FT（[arXiv:2109.01903](https://arxiv.org/abs/2109.01903)）。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | the loss jumps or becomes NaN | learning rate too high | `clip`, and a third of the rate |
# | worse than the linear probe | few labels, or BatchNorm's memory has moved | frozen again, or keep the body in `eval()` (lesson 02) |
# | 100% on training data, low on validation data | over-fitting | augmentation that keeps labels true |
# | the head does not learn | it was replaced after the optimizer had been built | build the optimizer last |
# | good on validation data only | chosen from so many settings that one was lucky | more validation data |
#
# **Today**
#
# - **Where to start**: DINOv2, trained without labels ([arXiv:2304.07193](https://arxiv.org/abs/2304.07193)), or SigLIP, trained on pictures with text ([arXiv:2303.15343](https://arxiv.org/abs/2303.15343)). `timm` loads either in one line. Try them frozen first; train the eye if that is not enough.
# - **Large models**: LoRA ([arXiv:2106.09685](https://arxiv.org/abs/2106.09685)) and the library `peft` train and store a small difference only (see "Deeper: LoRA" above).
# - **Averages**: model soups average fine-tuned weights ([arXiv:2203.05482](https://arxiv.org/abs/2203.05482)); WiSE-FT averages them with the old ones and keeps accuracy under other conditions ([arXiv:2109.01903](https://arxiv.org/abs/2109.01903)).

# %% [markdown] key="deeper-sure" lang="ja" tags=["deeper"]
# ## さらに深く：この結論はどれくらい確かか
#
# 1回の結果は、どの画像が選ばれたかで何ポイントも変わります。そこで、どの図でも、画像をすべて選び直して何回か測りました。設定は、測定に使わない画像で選びました（`tl.stored("03_tuning")`）。
#
# 下の図では、全部入りとゼロからの学習を、条件を変えて測り直しました。学習を半分（12エポック）や3倍（72エポック）にした場合、クリッピングをやめた場合、別のオプティマイザー（AdamW）を使った場合です（あとの2つは、学習率を選び直しました）。
#
# 図にはありませんが、反転と `relight` の効果も、どの条件でも残りました。反転を加えると、加えない場合より11〜17ポイント、`relight` も加えると、暗い照明で反転だけの場合より15〜27ポイント高くなりました。残りの図で、同じように測り直したのは、学習する段を変えた図だけです。
#
# ラベルの枚数の図では、ファインチューニングにクリッピングと反転（鳥は左右だけ）を加え、どの点も150ステップ（全部入りの半分ほど）学習しました。凍結のほうは反転なしです。

# %% [markdown] key="deeper-sure" lang="en" tags=["deeper"]
# ## Deeper: how sure is all this?
#
# A single result changes by several points with the pictures that happen to be drawn. So every figure shows several fresh draws of all pictures. Settings were chosen on separate pictures, which no result uses (`tl.stored("03_tuning")`).
#
# The figure below measures the full recipe and training from scratch again, with half the training (12 epochs), three times as much (72), no clipping, or another optimizer, AdamW. For the last two, the learning rate was chosen anew.
#
# Not in the figure: flips and `relight` helped under all of these settings, too. Flips gained 11 to 17 points over the same training without them, and in dim light, `relight` gained 15 to 27 over flips alone. Of the other figures, only the one of stages was measured again in this way.
#
# In the figure of labels, fine-tuning has clipping, flips (birds: left to right only) and 150 steps at every point, about half of the full recipe; the frozen line has no flips.

# %% key="sure-figure" alt_ja="学習の長さ、クリッピング、オプティマイザーを変えたときの、ファインチューニングとゼロからのテスト正解率。1行に1条件。" alt_en="Test accuracy of fine-tuning and of scratch with other lengths of training, without clipping and with another optimizer, one a row."
lesson03.draw_checked(knobs, tl.stored("03_stable"))

# %% [markdown] key="sure-read" lang="ja"
# **どう変えても、ファインチューニングが凍結もゼロからの学習も上回りました。** ただし、ゼロからの学習との差は学習の長さで大きく変わります。12エポックでは19ポイント、24エポックでは11ポイント、72エポックでは5ポイントです（95%信頼区間は4〜7）。事前学習の効果は、学習を長くするほど小さくなるものの、この枚数では残りました。
#
# クリッピングなしでも、学習率を0.03に下げれば、ほぼ同じ正解率になります。反転を加えて長く学習した場合、クリッピングで最高の正解率が上がるとはいえませんでした。

# %% [markdown] key="sure-read" lang="en"
# **Under every change, fine-tuning stays ahead of frozen and of scratch.** How far it is ahead of scratch depends on the length of training, though: 19 points after 12 epochs, 11 after 24, and 5 after 72 (95% interval 4 to 7). The benefit of pre-training shrinks with more training, but with this many labels it does not vanish.
#
# Without clipping, but at a lower rate (0.03), fine-tuning does about as well. So with flips and longer training, nothing shows that clipping raises the best accuracy.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 目を鍛え直す、最初の成功9分（`three_ways` の図を映す） → 学習率とウィジェット、練習A 8分 → クリッピングと反転7分 → 練習B 6分 → 割に合わない場面6分 → 練習C 9分（2人組）。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、練習Bを宿題に回します。
#
# - **映すもの**：図 `three_ways`、ウィジェット、「つまみを1つずつ調整して」の図。
# - **2人組で**：ウィジェットのセルを実行する前に、学習率を上げると2つの正解率がどう動くかを互いに予想します。練習Cは1人が提案、もう1人が採点表で採点し、交代します。
# - **答え**：練習Aは0.01と0.3（30倍）です。0.03も1ポイント以内ですが、転移元は66%ではなく27%しか残りません。練習Bで多いのは、`torch.rand(1)` で全部の画像に同じ倍率を掛ける答え、練習Cで多いのは、第2工場の2枚だけを数えて凍結を選ぶ答えです。
# - **待ち時間**：2コアのCPUで、学習するセルは1つ10〜25秒ほどです。
# - **遅れた人は**：`tl.setup()`、`frozen = ...`、`def train` のセルを実行すれば、どの節からでも再開できます（「つまみ3」からなら、学習率0.1の2回を比べるセルも）。
# - **よくある間違い**：出力層を替える前にオプティマイザーを作る。検証の前の `eval()` を忘れる。テストデータで学習率を選ぶ。
# - **議論の種**：凍結で62%、ゼロからでも81%に届くのに、事前学習は何をもたらしたのでしょうか（同じ24エポックなら92%。ゼロからでは、72エポックでも90%です）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · training the eye and the first success 9 (project the `three_ways` diagram) → learning rate, widget and exercise A 8 → clipping and flips 7 → exercise B 6 → where it does not pay 6 → exercise C 9 (in pairs). Quiz, key points and "Deeper" are homework, or for whoever is early. Short of time, make exercise B homework.
#
# - **To project**: the diagram `three_ways`, the widget, the figure "Knob by knob".
# - **In pairs**: before running the widget's cell, both predict how the two accuracies move as the rate rises. In exercise C, one proposes a plan, the other marks it with the rubric, then they change places.
# - **Answers**: exercise A, 0.01 and 0.3 (30 times). 0.03 is within 1 point, but keeps 27% of the source, not 66%. In exercise B, many draw one factor for all pictures (`torch.rand(1)`). In exercise C, many count the second factory's 2 pictures only and stay frozen.
# - **Waiting**: on two CPU cores, a cell that trains takes some 10 to 25 seconds.
# - **Whoever fell behind** runs the cells with `tl.setup()`, `frozen = ...` and `def train` and can go on from any section (from "Knob 3", the cell with the two runs at rate 0.1 as well).
# - **Common mistakes**: building the optimizer before the head is replaced; no `eval()` before validation; choosing the learning rate on test data.
# - **To discuss**: scratch reaches 81% with the same pictures, frozen 62%. What, then, did pre-training bring? (92% at the same 24 epochs; from scratch, even 72 epochs reach 90% only.)
