# %% [markdown] key="title" lang="ja"
# # 11 蒸留
#
# **説明31分、練習16分** ・ 前提：レッスン03（ファインチューニング）。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 大きなネットワークの答えを使って、11分の1の大きさのネットワークを育てる
# - その効果が、答えのやわらかさから来るのか、増やした写真から来るのかを見分ける
# - 生徒が覚えてしまう近道に気づき、ほかの小さくする方法と比べて選ぶ

# %% [markdown] key="title" lang="en"
# # 11 Distillation
#
# **31 minutes of reading, 16 of exercises** · Before this: lesson 03 (fine-tuning).
#
# After this lesson you can
#
# - bring up a network of an eleventh of the size with the answers of a large one
# - tell whether the gain comes from softer answers or from more photos
# - notice the shortcuts that a student takes, and choose between this and other ways to make a network small

# %% key="setup"
import torch
from IPython.display import display
from torch import nn
from torch.nn import functional as F

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
preprocess = network.preprocess
lesson11 = tl.figures("11")

# %% [markdown] key="idea" lang="ja"
# ## 師匠と歩く
#
# 野鳥に詳しい師匠に、弟子が付いて歩きます。弟子の図鑑には、名前の付いた写真が100枚しかありません。でも師匠と森を歩けば、出会う鳥すべてが教材になります。「あれはカワセミ。くちばしはアカゲラに似ているけれど、背中の青が違う」。誰も名札を付けていない鳥について、師匠が答えてくれるからです。
#
# ネットワークでも同じことができます。大きくて正確な**教師**（teacher）の答えを、小さな**生徒**（student）がまねるように学習します。これが**蒸留**（distillation）です。転移学習では、借りた目と同じ大きさのネットワークができます。蒸留では、**大きさが縮みます**。渡すのは重みではなく答えなので、生徒はどんな形のネットワークでもかまいません。

# %% [markdown] key="idea" lang="en"
# ## Out with a master
#
# An apprentice walks with an experienced bird-watcher. The apprentice's own book has only 100 photos with names. But out in the woods every bird is a lesson: "That is a kingfisher. Its bill is a bit like a woodpecker's, but look at the blue back." No bird wears a name tag; the master answers instead.
#
# Networks can do the same. In **distillation**, a small network, the **student**, learns to give the answers of a large and accurate one, the **teacher**. Transfer gives you a network of the same size as the borrowed eye. Distillation makes it **smaller**: what is handed over is answers, not weights, so the student may have any shape.

# %% key="teacher-student"
tl.diagram("teacher_student")

# %% [markdown] key="job" lang="ja"
# ## 題材：餌台のカメラ
#
# 庭の餌台に、太陽電池で動く小さなカメラを置きます。使えるメモリーは512 kBです。10種類の鳥について、名前の付いた写真が10枚ずつあります（設定を選ぶための検証用に、さらに20枚ずつ）。カメラのカードには、名前のない写真も600枚たまっています。
#
# まず、教師を用意します。いつもの `zukan-resnet` を、名前の付いた100枚でファインチューニングしたものです。工場の検査カメラや、玄関の呼び鈴でも、話はまったく同じです。正確なモデルほど、その場所には大きすぎるのです。

# %% [markdown] key="job" lang="en"
# ## The job: a camera at a bird feeder
#
# A small camera, powered by the sun, hangs at a feeder in the garden. It has 512 kB of memory. Of ten kinds of bird there are 10 photos each with names (and 20 more of each as validation data, to choose settings with). On the camera's card there are 600 photos without names.
#
# First we need a teacher: our `zukan-resnet`, fine-tuned on the 100 photos with names. An inspection camera in a factory or a doorbell would have the same trouble: the accurate model is too large for the place where it is needed.

# %% key="teacher-run" alt_ja="鳥の写真の見本。1行に1種類、4枚ずつ。" alt_en="Samples of the photos of birds, one kind a row, four each."
birds = tl.load_task("birds", per_class=10)
unnamed = tl.load_task("birds", per_class=60, seed=3000).train.inputs  # their names are not used
# ja: unnamed = tl.load_task("birds", per_class=60, seed=3000).train.inputs  # 名前は使いません
teacher = tl.fine_tune(network, birds, lr=0.01, read_test=False).model
small = tl.backbone("zukan-small", pretrained=False, num_classes=10)
sizes = {"Teacher": teacher, "Student": small}
# ja: sizes = {"教師": teacher, "生徒": small}
for name, model in sizes.items():
    count = sum(p.numel() for p in model.parameters())
    print(f"{name}: {count:,} weights, {lesson11.kilobytes(model):,.0f} kB")
    # ja: print(f"{name}：重み {count:,} 個、{lesson11.kilobytes(model):,.0f} kB")
tl.show(birds, classes=[0, 6, 8], per_class=4)

# %% [markdown] key="page" lang="ja"
# ## 蒸留を1つの関数で
#
# 生徒はランダムな重みから始め、32枚ずつ300ステップ学習します。変えるのは、見せる写真と、損失（`loss_of`）だけです。
#
# - `by_label`：名前の付いた100枚で、ふつうに学習します。
# - `by_teacher`：700枚すべてについて、教師の答え `told` に近づけます。名前は1つも使いません。式は次の節で説明します。
#
# 学習率は、学び方ごとに別の写真の検証データで選び、どれも0.3になりました。比べる相手の学習率が合っていないと、蒸留が実際より良く見えてしまいます。
#
# > **予想してから実行**：生徒は教師の11分の1の大きさです。ラベルだけの場合は、下のセルが先に表示します。教師から学ぶと、テスト正解率は何%になるでしょうか。

# %% [markdown] key="page" lang="en"
# ## Distillation in one function
#
# The student starts from random weights and takes 300 steps of 32 photos. All that differs is which photos it sees, and the loss (`loss_of`):
#
# - `by_label` is ordinary training on the 100 photos with names.
# - `by_teacher` moves towards the teacher's answers, `told`, for all 700 photos. It uses no name at all; the next section explains the formula.
#
# The learning rate was chosen for each on validation data of another draw, and came out as 0.3 for all. A rival at a bad rate would make distillation look better than it is.
#
# > **Predict, then run**: the student has an eleventh of the teacher's weights. What will its test accuracy be when it learns from the teacher?

# %% key="predict-win"
tl.predict_first(
    "11-win",
    "Test accuracy of the student that learns from the teacher",
    # ja: "教師から学んだ生徒のテスト正解率",
    between=(10, 100),
    unit="%",
)


# %% key="win-run" alt_ja="小さなネットワークのテスト正解率を、ラベルだけ、教師から学んだ場合、教師自身の順に、1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy of the small network with labels alone and with a teacher, and of the teacher, one a row, as dots with 95% intervals."
def teach(pictures, loss_of, steps=300):
    torch.manual_seed(0)
    student = tl.backbone("zukan-small", pretrained=False, num_classes=10).train()
    optimizer = torch.optim.SGD(student.parameters(), lr=0.3, momentum=0.9, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=steps, cycle_momentum=False
    )
    for _step in range(steps):
        rows = torch.randint(len(pictures), (32,))
        loss = loss_of(student(preprocess(pictures[rows])), rows)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return student.eval()


def by_label(answers, rows):
    return F.cross_entropy(answers, birds.train.labels[rows])


def by_teacher(answers, rows, T=4):
    wanted = (told[rows] / T).log_softmax(1)
    given = (answers / T).log_softmax(1)
    return T**2 * (wanted.exp() * (wanted - given)).sum(1).mean()


photos = torch.cat([birds.train.inputs, unnamed])
told = tl.predict(teacher, photos)  # the teacher's answers (scores), once
# ja: told = tl.predict(teacher, photos)  # 教師の答え（点数）を1度だけ計算
student = teach(photos, by_teacher)
today = {
    "hard": tl.evaluate(teach(birds.train.inputs, by_label), birds.test),
    "all": tl.evaluate(student, birds.test),
    "teacher": tl.evaluate(teacher, birds.test),
}
print(f"Student, labels alone: {today['hard']:.0%}  →  with the teacher: {today['all']:.0%}")
# ja: print(f"生徒、ラベルだけ：{today['hard']:.0%} → 教師から学ぶと：{today['all']:.0%}")
ways = tl.stored("11_ways")
display(lesson11.draw_win(ways, live=today))
tl.see_prediction("11-win", round(100 * today["all"]))

# %% [markdown] key="win-read" lang="ja" tags=["answer"]
# **間違いが半分以下になりました。** 保存した結果では、100枚のうち9枚の間違いが4枚に減りました。しかも、11倍大きな教師（6枚）より良くなっています。教師は100枚しか見ていませんが、生徒は700枚で教わり、教師の迷いがならされたのでしょう。
#
# 図の点は、すべての写真を選び直し、教師も学習し直して測った6回の平均、線は95%信頼区間です（前もって測って保存した結果です）。丸印は今日の1回です。学習率は、どの学び方でも同じ候補から、別の写真の検証データで選んであります。
#
# 教師は何を伝えたのでしょうか。ウィジェットで写真を選び、**温度**を上げてみてください。「実行」を押すと、その温度で生徒が学ぶ様子が見られます。

# %% [markdown] key="win-read" lang="en" tags=["answer"]
# **The mistakes are more than halved.** In the stored draws, 9 wrong photos of 100 become 4. That is better than the teacher (6), which is eleven times as large: it had seen 100 photos, while its student was taught on 700, where the teacher's slips even out.
#
# In the figure, dots are means of 6 draws of all photos, each with a teacher of its own, and lines are 95% intervals (measured beforehand and stored); rings are today's run. For every way the learning rate was chosen from the same list, on validation data of another draw.
#
# What did the teacher tell? Choose a photo in the widget and raise the **temperature**. The button runs it live: you see a student learn at that temperature.

# %% key="widget"
tl.widget("11")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、3分）
#
# ウィジェットで写真1を選びます。`runner_up` には、教師が2番目にありそうだと答えた鳥の名前を、画面のとおりに引用符で囲んで入れてください。`below_half` には、教師の1番目の答えが50%を下回る、いちばん低い温度を入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 3 minutes)
#
# Choose photo 1 in the widget. `runner_up` is the name of the bird that the teacher finds second most likely, in quotes and spelled as on the screen. `below_half` is the lowest temperature at which its first answer falls below 50%.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: runner_up = ...
# PLACEHOLDER: below_half = ...
runner_up = "woodpecker"
# ja: runner_up = "アカゲラ"
below_half = 8
### END SOLUTION
tl.check("11-a")

# %% [markdown] key="soft" lang="ja"
# ## 温度：答えをなだらかにする
#
# ネットワークは、クラスごとに点数（**ロジット**）$z_c$ を出し、**ソフトマックス**で確率に直します。点数を先に**温度** $T$ で割ると、確率の差が小さくなります。
#
# $$p_c = \frac{e^{z_c/T}}{\sum_k e^{z_k/T}}$$
#
# 手で計算してみましょう。カワセミの写真に、教師がカワセミ8、アカゲラ4、カナリア0という点数を付けたとします。$T=1$ では98%、2%、0%で、ラベルとほとんど同じです。$T=4$ なら、点数は2、1、0になり、$e^2=7.4$、$e^1=2.7$、$e^0=1$ です。合計11.1で割ると67%、24%、9%になります。「カナリアよりアカゲラに似ている」ことが、はっきり伝わります。こうした確率を**ソフトな答え**、いちばん高いクラスだけを伝えるものを**ハードな答え**と呼びます。

# %% [markdown] key="soft" lang="en"
# ## Temperature: softer answers
#
# A network gives each class a score $z_c$ (its **logit**), and the **softmax** turns scores into probabilities. Divide the scores by a **temperature** $T$ first, and the probabilities move closer together:
#
# $$p_c = \frac{e^{z_c/T}}{\sum_k e^{z_k/T}}$$
#
# Let us do it by hand. For a photo of a kingfisher, the teacher gives the kingfisher 8, the woodpecker 4 and the canary 0. At $T=1$ this is 98%, 2% and 0%: hardly more than the label. At $T=4$ the scores are 2, 1 and 0, with $e^2=7.4$, $e^1=2.7$ and $e^0=1$. Divided by their sum, 11.1, they become 67%, 24% and 9%: now it shows that this bird is more like a woodpecker than like a canary. Such probabilities are **soft answers**; naming the most likely class alone is a **hard answer**.

# %% key="soft-answers"
tl.diagram("soft_answers")

# %% [markdown] key="loss" lang="ja"
# ## 損失と、T² のわけ
#
# 生徒の確率 $q$ を教師の確率 $p$ に近づけるには、**KLダイバージェンス**（2つの確率がどれだけ離れているか。等しければ0）を小さくします。
#
# $$L = T^2 \sum_c p_c \log\frac{p_c}{q_c}$$
#
# これを写真について平均します（Hinton ほか, 2015、[arXiv:1503.02531](https://arxiv.org/abs/1503.02531)）。`by_teacher` の3行が、そのままこの式です。では、なぜ $T^2$ を掛けるのでしょうか。次のセルで、損失の勾配の大きさを、$T^2$ のある場合とない場合で比べます。

# %% [markdown] key="loss" lang="en"
# ## The loss, and why T²
#
# To bring the student's probabilities $q$ to the teacher's $p$, make the **KL divergence** small: how far apart two sets of probabilities are, 0 if they are equal.
#
# $$L = T^2 \sum_c p_c \log\frac{p_c}{q_c}$$
#
# Then take the mean over the photos (Hinton et al., 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531)). The three lines of `by_teacher` are this formula. But why $T^2$? The next cell measures the size of the loss's gradient with it and without.

# %% key="loss-run"
torch.manual_seed(0)
start = tl.backbone("zukan-small", pretrained=False, num_classes=10)
rows = torch.arange(100)
for T in (1, 2, 4, 8, 16):
    answers = tl.predict(start, photos[rows]).requires_grad_()
    by_teacher(answers, rows, T).backward()
    size = 100 * answers.grad.norm()
    print(f"T = {T:2}: gradient {size:6.2f} with T², {size / T**2:6.3f} without")
    # ja: print(f"T = {T:2}：勾配の大きさは、T²ありで {size:6.2f}、なしで {size / T**2:6.3f}")

# %% [markdown] key="where" lang="ja"
# **$T^2$ がないと、温度を上げるほど勾配が消えていきます。** 点数を $T$ で割ることが、生徒の側と教師の側で1回ずつ効き、勾配が $1/T^2$ になるからです。掛け戻しておけば、温度を変えても学習率を選び直さずに済みます。
#
# ## 効果はどこから来たのか
#
# 生徒には、2つの新しいものがありました。**ソフトな答え**と、**600枚の写真**です。分けて確かめましょう。同じ100枚でソフトな答えだけを使う場合、600枚を足してハードな答えだけを使う場合、と1つずつ変えます。
#
# > **予想してから実行**：ラベルだけの場合との差は、主にどちらから来たのでしょうか。

# %% [markdown] key="where" lang="en"
# **Without $T^2$ the gradient fades as the temperature rises.** The division by $T$ counts twice, once in the student's answers and once in the teacher's, which leaves $1/T^2$. Multiplied back, the gradient keeps its size, and the learning rate need not be chosen anew for each temperature.
#
# ## Where does the gain come from?
#
# The student got two new things: **soft answers** and **600 photos**. Take them one at a time: soft answers for the same 100 photos, or 600 more photos with hard answers only.
#
# > **Predict, then run**: which of the two made most of the difference?

# %% key="predict-where"
tl.predict_first(
    "11-where",
    "Most of the gain over labels alone comes from",
    # ja: "ラベルだけの場合との差は、主に",
    choices=("soft answers", "more photos", "both alike"),
    # ja: choices=("ソフトな答えから", "増やした写真から", "両方から同じくらい"),
)

# %% key="where-run" alt_ja="生徒のテスト正解率を、学び方ごとに1行に1つずつ、点と95%信頼区間で示す。いちばん下は教師。" alt_en="Test accuracy of the student for each way of learning, one a row, as dots with 95% intervals; the teacher at the bottom."
names = told.argmax(1)  # hard answers: the most likely bird alone
# ja: names = told.argmax(1)  # ハードな答え：いちばんありそうな鳥だけ


def by_name(answers, rows):
    return F.cross_entropy(answers, names[rows])


hard_more = tl.evaluate(teach(photos, by_name), birds.test)
print(f"Today: hard answers, 600 more photos {hard_more:.0%}")
# ja: print(f"今日：ハードな答え、写真600枚を追加 {hard_more:.0%}")
display(lesson11.draw_ways(ways))
outcome = "more photos" if sum(ways["pseudo"]) > sum(ways["soft"]) else "soft answers"
# ja: outcome = "増やした写真から" if sum(ways["pseudo"]) > sum(ways["soft"]) else "ソフトな答えから"
tl.see_prediction("11-where", outcome)


# %% key="claim-where" tags=["claim"]
def gain_over(first, second):
    return tl.interval([a - b for a, b in zip(ways[first], ways[second])])


more, same = gain_over("all", "hard"), gain_over("soft", "hard")
tl.claim(
    f"Soft answers on 600 more photos gain {100 * more.low:.1f} to {100 * more.high:.1f} points over "
    f"labels alone; on the same photos {100 * same.low:.1f} to {100 * same.high:.1f} (stored)",
    # ja: f"写真600枚を足したソフトな答えは、ラベルだけより{100 * more.low:.1f}〜"
    # ja: f"{100 * more.high:.1f}ポイント、同じ写真では{100 * same.low:.1f}〜{100 * same.high:.1f}ポイントの差（保存済み）",
    more.low > 0.02 and gain_over("all", "soft").low > 0,
)

# %% [markdown] key="where-read" lang="ja" tags=["answer"]
# **効いたのは、写真です。** 同じ100枚では、ソフトな答えにしても、はっきりした差はありません（95%信頼区間が0をまたぎます）。600枚を足すと、ハードな答えでもソフトな答えでも、同じように5ポイントほど上がりました。600枚に正しい名前が付いていたら99%です。教師の答えには、正しい名前の6割ほどの値打ちがあったことになります。
#
# 「同じ100枚では差がない」のほうは、学習率の候補しだいです。候補に1.0を加えると、検証データは、100枚で学ぶ2つの学び方にこれを選び、ラベルだけは88%、ソフトな答えは93%になりました（差は3〜8ポイント。`11_wide`、10回）。写真を足す得は、どちらの候補でも残ります（1.0を加えた場合は5〜11ポイント）。
#
# 蒸留といえば「やわらかい答えに隠れた知識」がよく話題になりますが、ここでの利点はもっと素朴です。教師は、名前のない写真にも答えてくれるのです。

# %% [markdown] key="where-read" lang="en" tags=["answer"]
# **It is the photos.** On the same 100 photos, soft answers make no clear difference (the interval contains 0). With 600 more photos, hard and soft answers alike gain some 5 points. With true names for these it would be 99%: the teacher's answers are worth about six tenths of that.
#
# That there is no difference on the same 100 photos depends on the rates one may choose from. With 1.0 on the list, the validation data choose it for both ways that learn from the 100 photos, and labels alone end at 88%, soft answers at 93% (3 to 8 points apart; `11_wide`, 10 draws). The gain of more photos stays with either list (5 to 11 points with 1.0 on it).
#
# Distillation is famous for the "dark knowledge" in soft answers. What helps here is plainer: the teacher answers for photos that nobody has named.

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# 蒸留の損失 `soft_loss(student, teacher, T)` を書きましょう。`student` と `teacher` は点数（写真の数×クラスの数のテンソル）、`T` は温度です。上の式のとおりに、クラスについて足し、写真について平均し、$T^2$ を掛けて、1つの数を返します。`by_teacher` を写すのではなく、`F.kl_div` か、自分の式で書いてみてください。

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# Write the loss of distillation, `soft_loss(student, teacher, T)`. `student` and `teacher` are scores, tensors with a row for each photo and a column for each class; `T` is the temperature. Follow the formula: add over the classes, take the mean over the photos, multiply by $T^2$, and return one number. Do not copy `by_teacher`; use `F.kl_div`, or a formula of your own.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def soft_loss(student, teacher, T):
# PLACEHOLDER:     return ...
def soft_loss(student, teacher, T):
    given, wanted = (student / T).log_softmax(1), (teacher / T).softmax(1)
    return T**2 * F.kl_div(given, wanted, reduction="batchmean")


### END SOLUTION
tl.check("11-b")

# %% [markdown] key="wrong" lang="ja"
# ## 答えは伝わる、理由は伝わらない
#
# 教師の答えが正しければ、生徒も正しい見方を身につけるでしょうか。餌台ごとに色の違う看板を立て、種類ごとに決まった餌台で撮影したとします。名前の付いた写真では、看板の色だけで鳥の種類がわかってしまいます。この写真でファインチューニングした教師が、3人の生徒を教えます。違うのはラベルなし写真だけです。看板が元のまま、看板を入れ替えた、看板なし、の3通りです。
#
# > **見る前に考える**：看板を入れ替えた写真でテストすると、教師はどうなるでしょうか。生徒は？

# %% [markdown] key="wrong" lang="en"
# ## Answers are passed on, reasons are not
#
# If the teacher's answers are right, will the student look at the right thing? Suppose that each feeder has a sign of another colour, and that each kind of bird was photographed at one feeder: in the photos with names, the colour of the sign gives the bird away. A teacher that was fine-tuned on these photos has three students. Only their unlabelled photos differ: with the signs as before, with the signs mixed up, and without signs.
#
# > **Think before you look**: with the signs of the test photos mixed up, what becomes of the teacher? And of its students?

# %% key="colour-figure" alt_ja="看板のある写真で学んだ教師と、その3通りの生徒のテスト正解率。左は学習と同じ看板、右は看板を入れ替えた場合。" alt_en="Test accuracy of a teacher of photos with signs and of three students; with the signs as in training at the left, mixed up at the right."
lesson11.draw_colour(tl.stored("11_colour"))

# %% [markdown] key="wrong-read" lang="ja"
# **近道を覚えたのは、教師ではなく生徒でした。** 事前学習で鳥を見る目ができている教師は、看板が入れ替わっても91%当てます。ところが、看板と鳥がいつも一緒の写真で教わった生徒は、98%から55%に落ちました。教師の答えは正しくても、「看板ではなく鳥を見なさい」とは言ってくれません。ゼロから学ぶ生徒には、看板のほうがやさしい手がかりなのです。
#
# 看板を入れ替えた写真では、教師の答えと看板の色が食い違うので、生徒は鳥を見るしかありません（95%）。看板のない写真でも93%でした（どれも3回）。教師が間違えていれば、その間違いも伝わります。どんな写真で教えるかと、教師とは別の物差しで確かめることが大切です。
#
# ## 小さくする、ほかの方法
#
# 512 kBに収めるには、ほかの手もあります。
#
# - **8ビット化**（int8）：重み1つを4バイトの小数ではなく1バイトの整数で持ちます。
# - **枝刈り**（pruning）：小さな重みの9割を0にして、もう一度学習します。
# - **小さな事前学習済みモデル**：`zukan-small` という、同じ絵で事前学習した小さなネットワークをファインチューニングします。

# %% [markdown] key="wrong-read" lang="en"
# **It is not the teacher that took the shortcut, but a student.** The teacher's eye was pretrained to see birds, and it is right for 91% even with the signs mixed up. But the student that was taught on photos where sign and bird always go together falls from 98% to 55%. The teacher's answers were right, and yet they never say "look at the bird, not at the sign". To a student that starts from nothing, the sign is the easier clue.
#
# On photos with the signs mixed up, the answers do not go with the colours, and the student has to look at the bird (95%). Without signs it reaches 93% (3 draws each). Where a teacher is wrong, its mistakes are passed on as well. So choose with care the photos to teach on, and check with something other than the teacher.
#
# ## Other ways to make it small
#
# There are other ways into 512 kB:
#
# - **8 bits** (int8): keep each weight as a whole number in one byte, not as a fraction in four.
# - **Pruning**: set the smallest nine tenths of the weights to 0, and train on.
# - **A small pretrained network**: fine-tune `zukan-small`, which was pretrained on the same drawings as our teacher.

# %% key="small-run" alt_ja="左：8通りのネットワークのテスト正解率と大きさ。右：教師と生徒の、写真1枚あたりの時間。" alt_en="Left: test accuracy and size of eight networks. Right: time for one photo, teacher and student."
times = {
    "teacher": lesson11.milliseconds(teacher, unnamed),
    "student": lesson11.milliseconds(student, unnamed),
}
for_one = "Milliseconds for one photo, on one thread of this computer"
# ja: for_one = "写真1枚にかかる時間（このコンピューターの1スレッド、ミリ秒）"
print(f"{for_one}: {times['teacher']:.1f} / {times['student']:.1f}")
# ja: print(f"{for_one}：{times['teacher']:.1f} / {times['student']:.1f}")
small_ways = tl.stored("11_alternatives")
lesson11.draw_small(small_ways, live=times)

# %% [markdown] key="small-read" lang="ja"
# **カメラに収まったのは、小さなネットワークだけでした。** 教師は、8ビットにしても1,036 kB、重みの9割を0にしても637 kBです（残った重みの位置も覚えておく必要があるからです）。蒸留した生徒は388 kB、さらに8ビットにすれば98 kBで、正解率は95%のままです。
#
# 小さな事前学習済みモデルは、ファインチューニングだけでも93%、蒸留を重ねると96%でした。3回の測定では、どれが上とまではいえません。手に入るなら、まずこれを試してください。時間は右の図のとおりで、教師より生徒が速く答えます。枝刈りで0にした重みは、そのままでは計算を速くしません。
#
# ## 本物の写真では？
#
# 教師を、ImageNetで事前学習したMobileNetV2（重み220万個、出力層だけ学習）に、生徒を、ここまでと同じ9万個のネットワークにして、犬と猫、5種類の花の写真で同じ比較をしました。ラベルは1クラス20枚（選ぶためにさらに20枚）です。

# %% [markdown] key="small-read" lang="en"
# **Only the small network fits into the camera.** The teacher takes 1,036 kB even in 8 bits, and 637 kB with nine tenths of its weights at 0 (the places of the others have to be kept, too). The student takes 388 kB, or 98 kB in 8 bits, and stays at 95%.
#
# The small pretrained network reaches 93% by fine-tuning alone and 96% with a teacher as well; 3 draws do not tell which is best. Where there is one, try it first. As for time, the right panel shows the student answering faster than its teacher. Weights of 0 do not make it faster by themselves.
#
# ## And on real photographs?
#
# The same comparison on photos of cats and dogs and of five kinds of flower: the teacher is a MobileNetV2 pretrained on ImageNet (2.2 million weights; its head alone was trained), the student the network of 90,000 weights from above. There are 20 labels a class, and 20 more to choose with.

# %% key="real-figure" alt_ja="本物の写真でのテスト正解率。左は犬と猫、右は花5種類。学び方ごとに点と95%信頼区間で示す。" alt_en="Test accuracy on real photos, cats and dogs at the left, five kinds of flower at the right, for each way of learning, as dots with 95% intervals."
lesson11.draw_real(tl.stored("11_real"))

# %% [markdown] key="real-read" lang="ja"
# **ここでも、効いたのは写真でした。** 名前のない写真1,400枚を足すと、犬と猫で54%が66%に、花で38%が54%に上がります（差の95%信頼区間は7〜17ポイントと9〜22ポイント、5回）。同じ写真のソフトな答えだけでは、はっきりした差はありません。鳥の絵ほど教師が正確でなく、40枚や100枚では答えを写し取る材料も足りないのでしょう。
#
# それでも教師（92%と62%）には遠く及びません。本物の写真をゼロから見分けるには、9万個の重みと1,400枚では足りないのです。こういう仕事では、小さくても事前学習済みのモデルから始めてください。
#
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 工場の検査を、クラウドの大きなモデル（正解率97%）が行っています。通信が切れると止まるので、ラインの小さな装置（メモリー1 MB）でも動くようにしたい、と頼まれました。名前の付いた画像は1クラス40枚、名前のない画像は毎日2,000枚たまり、その95%は良品です。
#
# 計画を `plan` に書いてください。`"teacher"` は誰を教師にするか、`"student"` は生徒に何を使うか、`"photos"` はどの画像で教えるか、`"check"` は生徒が覚えた近道や間違いをどう見つけるか、`"why"` は理由です。正解は1つではありません。書き終えたら、解答例の採点表で見直しましょう。

# %% [markdown] key="real-read" lang="en"
# **Again it was the photos.** With 1,400 more photos without names, cats and dogs rise from 54% to 66% and flowers from 38% to 54% (95% intervals of the differences: 7 to 17 and 9 to 22 points, 5 draws). Soft answers on the same photos make no clear difference here; 40 or 100 photos are probably too few to copy anything from.
#
# The teacher (92% and 62%) stays far away. To tell real photos apart from nothing takes more than 90,000 weights and 1,400 photos. For such work start from a pretrained network, however small.
#
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# A large model in the cloud inspects the parts of a factory and is right for 97%. When the line to the cloud breaks, the work stops. You are asked to bring it to a small device on the line (1 MB of memory). There are 40 pictures with names of each of five classes; 2,000 more without names come in every day, and 95% of these show good parts.
#
# Write your plan into `plan`: `"teacher"` and `"student"` say what you use for each, `"photos"` which pictures the student is taught on, `"check"` how you would find shortcuts and mistakes of the student, and `"why"` gives your reasons. There is more than one good plan; mark yours with the rubric in the solution.

# %% key="ex-c" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "teacher": ...,
# PLACEHOLDER:     "student": ...,
# PLACEHOLDER:     "photos": ...,
# PLACEHOLDER:     "check": ...,
# PLACEHOLDER:     "why": ...,
# PLACEHOLDER: }
plan = {
    "teacher": "The model in the cloud: it is accurate already, and answers for any picture.",
    # ja: "teacher": "クラウドのモデル。すでに正確で、どんな画像にも答えられます。",
    "student": "A small network that was pretrained, so that the teacher need not teach it to see.",
    # ja: "student": "小さな事前学習済みネットワーク。見る力から教えなくて済みます。",
    "photos": "Pictures without names, equal numbers of each of the teacher's answers.",
    # ja: "photos": "名前のない画像を、教師の答えごとに同じ枚数だけ選びます。",
    "check": "40 fresh pictures with names, some from another camera; teacher and student on each.",
    # ja: "check": "新しく名前を付けた画像40枚（別のカメラも含む）で、教師と生徒を両方測ります。",
    "why": "The gain comes from pictures; 95% good parts would teach little about defects.",
    # ja: "why": "効果は画像から来ます。95%が良品のままでは、欠陥をほとんど教えられません。",
}
### END SOLUTION
tl.check("11-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 教師 | 理由がない | 正確なモデルを選んだ | その間違いをどう知るかも書いた |
# | 生徒 | 大きさに触れない | メモリーに収まる | 事前学習済みも比べた |
# | 画像 | 名前付きだけ | 名前なしも使う | 偏り（95%が良品）をならした |
# | 確かめ方 | なし | 新しい画像で測る | 教師と生徒を別々に、欠陥ごとに測る |
# | 理由 | なし | 図に触れた | 図の数字を挙げた |
#
# 7点以上なら、そのまま提案できます。上の解答例は、1＋1＋2＋1＋1で6点です。何が足りないか、考えてみてください。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | teacher | no reason | an accurate model | and how its mistakes become known |
# | student | size not mentioned | fits into the memory | a pretrained one is compared, too |
# | pictures | those with names only | uses those without names | the shares (95% good) are made equal |
# | check | none | on fresh pictures | teacher and student apart, defect by defect |
# | reasons | none | refers to a figure | names numbers from a figure |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 1 + 1 + 2 + 1 + 1 = 6. What does it lack?

# %% key="quiz"
tl.quiz("11")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 蒸留は、大きな教師の答えを、小さな生徒がまねる学習です。転移学習と違い、大きさが縮み、形も自由です。
# - 温度 $T$ で割ると答えがなだらかになり、「何に似ているか」まで伝わります。損失には $T^2$ を掛けます。
# - ここで効いたのは、答えのやわらかさではなく、名前のない写真でした。教師が答えてくれるので、写真さえあれば学べます。
# - 伝わるのは答えで、理由ではありません。どんな写真で教えるかと、教師とは別の物差しが大切です。
# - 小さな事前学習済みモデルがあるなら、まずそれを試し、その上に蒸留を重ねます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - In distillation a small student learns to answer as a large teacher does. Unlike transfer, it makes the network smaller, of any shape.
# - Divided by a temperature $T$, answers become softer and tell what a thing resembles. The loss is multiplied by $T^2$.
# - What helped here was photos without names, not softness: with a teacher that answers, photos are all it takes.
# - Answers are passed on, reasons are not. What matters is which photos you teach on, and a check that does not come from the teacher.
# - Where a small pretrained network exists, try that first, and distil on top of it.

# %% [markdown] key="deeper-verb" lang="ja" tags=["deeper"]
# ## さらに深く：1行で蒸留する
#
# `tl.distill` は、ここまでの手順に、学習率を検証データで選ぶ手順を加えたものです。教師を評価モードにし、教師と生徒に同じ画像を見せ（データ拡張をしたときも）、テストデータがラベルなし写真に混じっていれば止めます。`agreement` は、テスト写真で教師と同じ答えを出した割合です。

# %% [markdown] key="deeper-verb" lang="en" tags=["deeper"]
# ## Deeper: distillation in one line
#
# `tl.distill` does what we did, and chooses the learning rate on validation data as well. It puts the teacher into eval mode, shows teacher and student the same pictures (augmented ones, too), and stops where test pictures are among the unlabelled ones. `agreement` is the share of test photos on which student and teacher say the same.

# %% key="verb-run"
taught = tl.distill(teacher, small, birds, unlabelled=unnamed, lr=0.1, epochs=4)
taught

# %% [markdown] key="deeper-fidelity" lang="ja" tags=["deeper"]
# ## さらに深く：そっくりになることと、正しいこと
#
# 生徒が教師と同じ答えを出す割合（忠実度）と、正解率は別のものです。Stantonら（2021、[arXiv:2106.05945](https://arxiv.org/abs/2106.05945)）は、よく学んだ生徒でも教師とはかなり違う答えを出すことを示しました。

# %% [markdown] key="deeper-fidelity" lang="en" tags=["deeper"]
# ## Deeper: being alike and being right
#
# How often the student answers as the teacher does (its fidelity) is one thing, how often it is right another. Stanton et al. (2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945)) showed that even good students differ a good deal from their teachers.

# %% key="fidelity-run"
labels = {"hard": "labels alone", "soft": "soft, same photos", "pseudo": "hard, more photos"}
# ja: labels = {"hard": "ラベルだけ", "soft": "ソフト、同じ写真", "pseudo": "ハード、写真追加"}
labels["all"] = "soft, more photos"
# ja: labels["all"] = "ソフト、写真追加"
for way, name in labels.items():
    right, alike = tl.interval(ways[way]).mean, tl.interval(ways["agreement"][way]).mean
    print(f"{name}: right {right:.0%}, as the teacher {alike:.0%}  (stored, 6 draws)")
    # ja: print(f"{name}：正解 {right:.0%}、教師と同じ答え {alike:.0%}（保存済み、6回）")

# %% [markdown] key="fidelity-read" lang="ja"
# **教師に似るほど正しくなるとは限りません。** ソフトな答えで教わった生徒がいちばん教師に似ますが、正解率はハードな答えと変わりません。そして、どちらも教師と答えが食い違うところで、教師より多く正解しています。

# %% [markdown] key="fidelity-read" lang="en"
# **Being more alike is not being more right.** The student of soft answers on more photos is most like its teacher, and yet no more often right than that of hard answers. Where they differ from the teacher, both are right more often than it is.

# %% [markdown] key="deeper-int8" lang="ja" tags=["deeper"]
# ## さらに深く：8ビットを手で、そしてONNXで
#
# 1つのチャネルの重みを、いちばん大きいものが127になるように割り、四捨五入して整数にします。たとえば最大が0.508なら、1目盛りは $0.508/127=0.004$ です。重み0.0213は $0.0213/0.004=5.3$ なので整数5、元に戻すと0.020になります。

# %% [markdown] key="deeper-int8" lang="en" tags=["deeper"]
# ## Deeper: 8 bits by hand, and with ONNX
#
# Divide the weights of one channel so that the largest becomes 127, and round to whole numbers. For example, if the largest is 0.508, one step is $0.508/127=0.004$. A weight of 0.0213 is $0.0213/0.004=5.3$ steps and becomes the number 5; turned back, that is 0.020.

# %% key="int8-run"
rounded = lesson11.in_eight_bits(student)
before, after = tl.evaluate(student, birds.test), tl.evaluate(rounded, birds.test)
whole, bytes_each = lesson11.kilobytes(student), lesson11.kilobytes_in_eight_bits(student)
print(f"32 bits: {before:.1%}, {whole:.0f} kB  →  8 bits: {after:.1%}, {bytes_each:.0f} kB")
# ja: print(f"32ビット：{before:.1%}、{whole:.0f} kB → 8ビット：{after:.1%}、{bytes_each:.0f} kB")
for line in lesson11.try_onnx(student, birds):
    print(line)

# %% [markdown] key="int8-read" lang="ja"
# **重みを4分の1にしても、正解率はほとんど変わりません。** ただし、大きさが減っても、それだけで速くなるわけではありません。整数のまま計算する実行環境（ONNX Runtimeや、装置に付属のもの）が必要です。`onnx`、`onnxscript`、`onnxruntime` が入っていれば、上のセルは生徒をONNX形式に書き出し、8ビットに変換して、このコンピューターのCPUで速さと正解率を測ります。入っていなければ、その旨を表示して飛ばします（`pip install onnx onnxscript onnxruntime`）。

# %% [markdown] key="int8-read" lang="en"
# **A quarter of the size costs next to no accuracy.** Smaller is not yet faster, though: that takes a runtime that computes in whole numbers, such as ONNX Runtime or the one that comes with the device. Where `onnx`, `onnxscript` and `onnxruntime` are installed, the cell above also writes the student as ONNX, turns it into 8 bits, and measures both on the CPU of this computer. Where they are not, it says so and goes on (`pip install onnx onnxscript onnxruntime`).

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 温度を上げると学ばなくなる | $T^2$ を掛けていない、`reduction="mean"` | `"batchmean"` と $T^2$ |
# | 生徒が教師とかけ離れる | 教師が学習モードのまま | `teacher.eval()`（`tl.distill` は自動） |
# | データ拡張を足すと悪くなる | 教師と生徒が違う画像を見ている | 同じ拡張画像に答えさせる |
# | 正解率が良すぎる | テスト画像で教えている | ラベルなし画像から除く |
# | 効果がない | ラベルなし画像が教師の知らない種類 | 現場の画像を集め、教師の正解率を測る |
#
# **最近よく使われる手法**
#
# - **ねばり強く、同じ画像で**：長い学習と、同じ拡張画像への答え（[arXiv:2106.05237](https://arxiv.org/abs/2106.05237)）。
# - **教師も生徒も自分**：DINO（[arXiv:2104.14294](https://arxiv.org/abs/2104.14294)）は、ラベルのない画像で、少し前の自分を教師にします。
# - **言語モデル**：大きなモデルの書いた文を小さなモデルに学ばせます。DistilBERT、MiniLM（[arXiv:2002.10957](https://arxiv.org/abs/2002.10957)）。教師の利用規約が許すかどうかも確かめてください。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | at high temperatures nothing is learned | no $T^2$, or `reduction="mean"` | `"batchmean"` and $T^2$ |
# | the student is far from its teacher | the teacher was left in training mode | `teacher.eval()` (`tl.distill` does it) |
# | augmentation makes it worse | teacher and student see different pictures | ask the teacher about the augmented one |
# | the accuracy is too good | test pictures were taught | take them out of the unlabelled ones |
# | no gain | the teacher does not know these pictures | collect those of the job, and measure the teacher on some |
#
# **Today**
#
# - **Patience and the same pictures**: long training, answers for the very pictures that the student sees ([arXiv:2106.05237](https://arxiv.org/abs/2106.05237)).
# - **Teacher and student in one**: DINO ([arXiv:2104.14294](https://arxiv.org/abs/2104.14294)) learns from pictures without labels, with its own past as the teacher.
# - **Language models**: small ones learn from what large ones write; DistilBERT, MiniLM ([arXiv:2002.10957](https://arxiv.org/abs/2002.10957)). See whether the teacher's terms of use allow it.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 師匠の話、題材、蒸留の関数10分（`teacher_student` の図を映す） → ウィジェットと練習A 5分 → 温度と $T^2$ 7分（8、4、0の計算を板書で） → 効果の出どころ6分 → 練習B 6分 → 答えと理由、小さくする方法、本物の写真6分 → 練習C 5分（2人組）。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、練習Bを宿題に回します。
#
# - **映すもの**：`win-run` の図、ウィジェット（温度1と4）、学び方の図（`where-run`）。
# - **2人組で**：1人が教師、1人が生徒になります。教師は写真を見て、10種類に合計100点を配ります。生徒は写真を見ずに、どの鳥か、何に似ているかを当てます。
# - **待ち時間**：2コアのCPUで、`win-run` が10秒ほど、ほかのセルは数秒です。
# - **遅れた人は**：`setup`、`teacher-run`、`win-run` を実行すれば、どの節からでも再開できます。
# - **よくある間違い**：効果を「やわらかい答え」だけで説明する。ラベルだけの学習率を合わせずに比べる（0.1だと70%ほどに下がり、蒸留の効果が何倍にも見える）。教師より生徒が良くなったら誤りだと思う（ばらつきの範囲で起こり、教師の答えのならしにもなる）。枝刈りをすれば自動的に速くなると思う。
# - **議論の種**：教師が別の会社のモデルだったら、その答えで自社の生徒を育ててよいでしょうか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the master, the job, the one function 10 (project the `teacher_student` diagram) → widget and exercise A 5 → temperature and $T^2$ 7 (do 8, 4, 0 on the board) → where the gain comes from 6 → exercise B 6 → answers and reasons, other ways, real photos 6 → exercise C 5 (in pairs). Quiz, key points and "Deeper" are homework, or for whoever is early. Short of time, make exercise B homework.
#
# - **To project**: the figure of `win-run`, the widget at temperatures 1 and 4, the figure of all ways (`where-run`).
# - **In pairs**: one is the teacher and shares out 100 points over the ten birds for a photo; the other, without seeing the photo, says which bird it is and what it resembles.
# - **Waiting**: on two CPU cores `win-run` takes some 10 seconds, every other cell a few.
# - **Whoever fell behind** runs `setup`, `teacher-run` and `win-run` and can go on from any section.
# - **Common mistakes**: explaining the gain by softness; comparing with labels alone at a rate of 0.1 (some 70% here), which makes the gain look several times as large; taking a student that beats its teacher for an error (it happens within the spread, and learning evens out some of the teacher's slips); believing that pruning makes a network faster by itself.
# - **To discuss**: the teacher is another company's model. May you bring up a student of your own on its answers?
