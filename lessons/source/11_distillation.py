# %% [markdown] key="title" lang="ja"
# # 11 蒸留
#
# **説明30分、練習15分** ・ 前提：レッスン03（ファインチューニング）。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 大きなネットワークの答えを使って、11分の1の大きさのネットワークを育てる
# - 蒸留がいつ大きく効き、いつほとんど効かないかを、図から読み取る
# - 生徒が覚えてしまう近道（楽な手がかり）に気づき、ネットワークを小さくする方法を比べて選ぶ

# %% [markdown] key="title" lang="en"
# # 11 Distillation
#
# **30 minutes of reading, 15 of exercises** · Before this: lesson 03 (fine-tuning).
#
# After this lesson you can
#
# - teach a network of one eleventh the size with the answers of a large one
# - read from a figure when distillation gains much and when little
# - notice a student's shortcuts (easy clues), and choose among ways to make a network small

# %% key="setup"
import torch
from IPython.display import display

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson11 = tl.figures("11")

# %% [markdown] key="idea" lang="ja"
# ## 師匠と歩く
#
# 野鳥に詳しい師匠に、弟子が付いて歩きます。弟子の図鑑には、名前の付いた写真がわずかしかありません。でも師匠と森を歩けば、出会う鳥すべてが教材になります。「あれはカワセミ。くちばしはアカゲラに似ているけれど、背中の青が違う」。誰も名札を付けていない鳥について、師匠が答えてくれるからです。
#
# ネットワークでも同じことができます。大きくて正確な**教師**（teacher）の答えを、小さな**生徒**（student）がまねるように学習します。これが**蒸留**（distillation）です。転移学習では、借りた目の大きさは変わりません。蒸留なら、**小さくできます**。渡すのは重みではなく答えなので、生徒はどんな形のネットワークでもかまいません。

# %% [markdown] key="idea" lang="en"
# ## Out with a master
#
# An apprentice walks with an experienced bird-watcher. The apprentice's own book has only a few photos with names. But out in the woods every bird is a lesson: "That is a kingfisher. Its bill is a bit like a woodpecker's, but look at the blue back." No bird wears a name tag; the master answers instead.
#
# Networks can do the same. In **distillation**, a small network, the **student**, learns to give the answers of a large and accurate one, the **teacher**. Transfer keeps the size of the borrowed eye; distillation teaches a **smaller** one. Answers are handed over, not weights, so the student may have any shape.

# %% key="teacher-student"
tl.diagram("teacher_student")

# %% [markdown] key="job" lang="ja"
# ## 題材：餌台のカメラ
#
# 庭の餌台に、太陽電池で動く小さなカメラを置きます。ネットワークの重みに使えるメモリーは512 kBです。10種類の鳥について、名前の付いた写真が10枚ずつあります。5枚は学習に、5枚は設定を選ぶための検証に使います。カメラのカードには、名前のない写真も600枚たまっています。
#
# まず、教師を用意します。いつもの `zukan-resnet` を、名前の付いた写真でファインチューニングしたものです。工場の検査カメラや、玄関のカメラ付きドアホンでも、話はまったく同じです。正確なモデルは、その場所には大きすぎるのです。

# %% [markdown] key="job" lang="en"
# ## The job: a camera at a bird feeder
#
# A small solar camera hangs at a feeder in the garden. It has 512 kB of memory for a network's weights. You have 10 photos with names of each of ten kinds of bird: 5 to learn from, and 5 as validation data, to choose settings with. On the camera's card there are 600 more without names.
#
# First we need a teacher: our `zukan-resnet`, fine-tuned on the photos with names. A doorbell camera or a factory's inspection camera has the same trouble: the accurate model is too large for its place.

# %% key="teacher-run" alt_ja="鳥の写真の見本。1行に1種類、4枚ずつ。" alt_en="Samples of the photos of birds, one kind a row, four each."
birds = tl.load_task("birds", per_class=5, valid_per_class=5)
unnamed = tl.load_task("birds", per_class=60, seed=3000).train.inputs  # their names are not used
# ja: unnamed = tl.load_task("birds", per_class=60, seed=3000).train.inputs  # 名前は使いません
teacher = tl.fine_tune(network, birds, lr=0.01, read_test=False).model
small = tl.backbone("zukan-small", pretrained=False, num_classes=10)
models = {"Teacher": teacher, "Student": small}
# ja: models = {"教師": teacher, "生徒": small}
for name, model in models.items():
    count = sum(p.numel() for p in model.parameters())
    print(f"{name}: {count:,} weights, {lesson11.kilobytes(model):,.0f} kB")
    # ja: print(f"{name}：重み {count:,} 個、{lesson11.kilobytes(model):,.0f} kB")
tl.show(birds, classes=[0, 6, 8], per_class=4)

# %% [markdown] key="page" lang="ja"
# ## まず、やってみる
#
# 生徒はランダムな重みから始め、32枚ずつ300ステップ学習します。学び方は2通りです。
#
# - `tl.train_from_scratch`：名前の付いた50枚で、ふつうに学習します。
# - `tl.distill`：この50枚と名前のない600枚について、生徒の答えを、教師が出す確率（「ソフトな答え」）に近づけます。名前からは何も学びません。
#
# 学習率は、今日とは別に選んだ2組の写真で検証して決めました。どちらも1.0です。
#
# > **予想してから実行**：ラベルだけで学んだ生徒は、3枚に2枚ほど当てます。同じネットワークが教師から学ぶと、テスト正解率は何%になるでしょうか。

# %% [markdown] key="page" lang="en"
# ## Try it first
#
# The student starts from random weights and takes 300 steps of 32 photos, in one of two ways:
#
# - `tl.train_from_scratch` learns from the 50 photos with names.
# - `tl.distill` moves the student's answers towards the teacher's soft answers (its probabilities) for these 50 and the 600 without names, and reads no names.
#
# The learning rate, 1.0 for both, was chosen on the validation photos of two other random draws.
#
# > **Predict, then run**: with labels alone the student gets about two thirds right. What will the same network reach with the teacher?

# %% key="predict-win"
tl.predict_first("11-win", "Test accuracy of the taught student", between=(10, 100), unit="%")
# ja: tl.predict_first("11-win", "教わった生徒のテスト正解率", between=(10, 100), unit="%")

# %% key="win-run" alt_ja="小さなネットワークのテスト正解率を、ラベルだけ、教師から学んだ場合、教師自身の順に、1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy of the small network with labels alone and with a teacher, and of the teacher, one a row, as dots with 95% intervals."
alone = tl.train_from_scratch(small, birds, lr=1.0, max_steps=300)
taught = tl.distill(teacher, small, birds, unlabelled=unnamed, lr=1.0, max_steps=300)
print(f"Student, labels alone: {alone.test_acc:.0%}  →  with the teacher: {taught.test_acc:.0%}")
# ja: print(f"生徒、ラベルだけ：{alone.test_acc:.0%} → 教師から学ぶと：{taught.test_acc:.0%}")
ways = tl.stored("11_ways")
today = {"hard": alone.test_acc, "all": taught.test_acc, "teacher": taught.teacher_acc}
display(lesson11.draw_win(ways, live=today))
tl.see_prediction("11-win", round(100 * taught.test_acc))

# %% [markdown] key="win-read" lang="ja" tags=["answer"]
# **10回の平均で、67%が91%になりました。** しかも、11倍大きな教師（88%）より良いくらいです。教師が学んだのは50枚、生徒が教わったのは650枚です。枚数が多ければ、教師が個々の写真で間違えても打ち消し合います。
#
# 1回ごとに、写真をすべて選び直し、教師も学習し直しています。ラベルだけの生徒は、3倍の900ステップ学ぶと79%になります（「さらに深く：根気よく教える」）。

# %% [markdown] key="win-read" lang="en" tags=["answer"]
# **From 67% to 91%, on the mean of 10 draws.** This is even better than the teacher (88%), which is eleven times as large. The teacher had learned from 50 photos; its student was taught on 650, where slips on single photos even out.
#
# Every draw has other photos and a teacher of its own. With three times the steps labels alone come to 79% (see "Deeper: patience").

# %% [markdown] key="exercise-a" lang="ja"
# ## 生徒は、教師から何を聞いているのか
#
# 下のウィジェットで写真を選び、**温度**を上げてみましょう。教師の答えがなだらかになります。「実際に学習する」を押すと、その温度で生徒が学ぶ様子を見られます。
#
# ### 練習A（読み取る、3分）
#
# 写真3を選びます。`runner_up` には、教師の答えで2番目に確率の高い鳥の名前を、画面の表記のまま、引用符で囲んで入れてください。`below_half` には、温度を上げていったとき、1番目の鳥の確率が初めて50%を下回る温度を入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ## What does the student hear?
#
# Choose a photo in the widget below and raise the **temperature**, which makes the teacher's answers softer. "Run it live" trains a student at that temperature while you watch.
#
# ### Exercise A (read, 3 minutes)
#
# Choose photo 3. `runner_up` is the name of the bird that the teacher finds second most likely, in quotes and spelled as on the screen. `below_half` is the lowest of the widget's temperatures at which its most likely bird falls below 50%.

# %% key="widget"
tl.widget("11")

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: runner_up = ...
# PLACEHOLDER: below_half = ...
runner_up = "canary"
# ja: runner_up = "カナリア"
below_half = 4
### END SOLUTION
tl.check("11-a")

# %% [markdown] key="ex-a-why" lang="ja" tags=["solution"]
# 温度1では1番目の鳥が90%、カナリアが8%です。温度4では34%と19%になり、ほかの鳥も見えてきます。変わるのは差だけで、順番はどの温度でも同じです。16まで上げると15%と13%で、ほとんど区別がなくなります。

# %% [markdown] key="ex-a-why" lang="en" tags=["solution"]
# At temperature 1 the first bird has 90% and the canary 8%; at 4 they have 34% and 19%, and other birds come into sight. Only the gaps change: the order is the same at every temperature. At 16 it is 15% and 13%, which is hardly a difference.

# %% [markdown] key="soft" lang="ja"
# ## 温度：答えをなだらかにする
#
# ネットワークは、クラスごとに点数（**ロジット**）$z_c$ を出し、**ソフトマックス**で確率に直します。点数を先に**温度** $T$ で割ると、確率の差が小さくなります。
#
# $$p_c = \frac{e^{z_c/T}}{\sum_k e^{z_k/T}}$$
#
# 手で計算してみましょう。カワセミの写真に、教師がカワセミ8、アカゲラ4、カナリア0という点数を付けたとします。$T=1$ では98%、2%、0%で、ラベルとほとんど同じです。$T=4$ なら、点数は2、1、0になり、$e^2=7.4$、$e^1=2.7$、$e^0=1$ です。合計11.1で割ると67%、24%、9%になります。「カナリアよりアカゲラに似ている」ことが、はっきり伝わります。こうした確率を**ソフトな答え**、いちばん高いクラスだけを伝えるものを**ハードな答え**と呼びます。先ほどの生徒は、$T=4$ のソフトな答えで学びました（`tl.distill` は、指定がなければ4を使います）。

# %% [markdown] key="soft" lang="en"
# ## Temperature: softer answers
#
# A network gives each class a score $z_c$ (its **logit**), and the **softmax** turns scores into probabilities. Divide the scores by a **temperature** $T$ first, and the probabilities move closer together:
#
# $$p_c = \frac{e^{z_c/T}}{\sum_k e^{z_k/T}}$$
#
# By hand: for a photo of a kingfisher, the teacher gives 8 to the kingfisher, 4 to the woodpecker and 0 to the canary. At $T=1$ this is 98%, 2% and 0%: hardly more than the label. At $T=4$ the scores are 2, 1 and 0, with $e^2=7.4$, $e^1=2.7$ and $e^0=1$. Divided by their sum, 11.1, they become 67%, 24% and 9%: now it shows that this bird is more like a woodpecker than like a canary. Such probabilities are **soft answers**; an answer that names only the most likely class is a **hard answer**. Our student learned from soft answers at $T=4$, the default of `tl.distill`.

# %% key="soft-answers"
tl.diagram("soft_answers")

# %% [markdown] key="loss" lang="ja"
# ## 蒸留の損失
#
# 生徒の確率 $q$ を教師の確率 $p$ に近づけるには、**KLダイバージェンス**（2つの確率がどれだけ離れているか。等しければ0）を小さくします。
#
# $$L = T^2 \sum_c p_c \log\frac{p_c}{q_c}$$
#
# たとえば、教師の答えが上の $T=4$ のもので、まだ何も知らない生徒がどの鳥にも3分の1と答えるなら、和は（自然対数で）$0.67\log(3\cdot 0.67)+0.24\log(3\cdot 0.24)+0.09\log(3\cdot 0.09)=0.27$、損失はその16倍の4.3です。これを写真について平均します（Hinton ほか, 2015、[arXiv:1503.02531](https://arxiv.org/abs/1503.02531)）。$T^2$ を掛けるのは、そのままでは温度とともに勾配が小さくなるからです（「さらに深く：なぜ T² を掛けるか、温度はいくつがよいか」）。
#
# ### 練習B（書く、6分）
#
# この損失 `soft_loss(student, teacher, T)` を書きましょう。`student` と `teacher` は点数（写真の数×クラスの数のテンソル）、`T` は温度です。写真についての平均を、1つの数（次元のないテンソル）で返します。

# %% [markdown] key="loss" lang="en"
# ## The loss of distillation
#
# To bring the student's probabilities $q$ to the teacher's $p$, make the **KL divergence** small: how far apart two sets of probabilities are, 0 if they are equal.
#
# $$L = T^2 \sum_c p_c \log\frac{p_c}{q_c}$$
#
# For example, take the teacher's answers at $T=4$ from above, and a student that knows nothing yet and gives each bird a third. With the natural logarithm the sum is $0.67\log(3\cdot 0.67)+0.24\log(3\cdot 0.24)+0.09\log(3\cdot 0.09)=0.27$, and the loss is sixteen times that, 4.3. Then take the mean over the photos (Hinton et al., 2015, [arXiv:1503.02531](https://arxiv.org/abs/1503.02531)). Without $T^2$ the gradient would fade as the temperature rises (see "Deeper: why T²").
#
# ### Exercise B (write, 6 minutes)
#
# Write this loss, `soft_loss(student, teacher, T)`. `student` and `teacher` are scores, tensors with a row for each photo and a column for each class; `T` is the temperature. Return one number, a tensor without dimensions: the mean over the photos.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def soft_loss(student, teacher, T):
# PLACEHOLDER:     return ...
def soft_loss(student, teacher, T):
    p = (teacher / T).softmax(1)
    q = (student / T).softmax(1)
    return T**2 * (p * (p / q).log()).sum(1).mean()


### END SOLUTION
tl.check("11-b")

# %% [markdown] key="ex-b-why" lang="ja" tags=["solution"]
# PyTorchなら、`import torch.nn.functional as F` のあと、`T**2 * F.kl_div((student / T).log_softmax(1), (teacher / T).softmax(1), reduction="batchmean")` とも書けます。`reduction="mean"` は、クラスの数でも割ってしまうので注意してください。

# %% [markdown] key="ex-b-why" lang="en" tags=["solution"]
# After `import torch.nn.functional as F`, PyTorch has it as `T**2 * F.kl_div((student / T).log_softmax(1), (teacher / T).softmax(1), reduction="batchmean")`. Beware of `reduction="mean"`: it divides by the number of classes as well.

# %% [markdown] key="where" lang="ja"
# ## 効果はどこから来たのか
#
# 生徒には、2つの新しいものがありました。**ソフトな答え**と、**600枚の写真**です。1つずつ確かめましょう。同じ50枚をソフトな答えで学ぶ場合と、600枚を足してハードな答えで学ぶ場合です。
#
# > **予想してから実行**：ラベルだけの場合との差は、主にどちらから来たのでしょうか。

# %% [markdown] key="where" lang="en"
# ## Where does the gain come from?
#
# The student got two new things: **soft answers** and **600 photos**. Take them one at a time: soft answers for the same 50 photos, or 600 more photos with hard answers only.
#
# > **Predict, then run**: which of the two made most of the difference?

# %% key="predict-where"
kinds = ("soft answers", "more photos", "both alike")
# ja: kinds = ("ソフトな答え", "増やした写真", "両方とも同じくらい")
tl.predict_first("11-where", "Most of the gain over labels alone comes from", choices=kinds)
# ja: tl.predict_first("11-where", "ラベルだけの場合との差を、主に生んだのは", choices=kinds)

# %% key="where-run" alt_ja="生徒のテスト正解率を、学び方ごとに1行に1つずつ、点と95%信頼区間で示す。いちばん下は教師。" alt_en="Test accuracy of the student for each way of learning, one a row, as dots with 95% intervals; the teacher at the bottom."
# 0.3 is the best rate for hard answers (validation photos of the same two other draws).
# ja: # 学習率0.3は、ハードな答えで最も良かった値です（先ほどと同じ、別の2組の写真で検証）。
options = {"answers": "hard", "unlabelled": unnamed, "lr": 0.3, "max_steps": 300}
hard_more = tl.distill(teacher, small, birds, **options)
print(f"Today: hard answers, 600 more photos {hard_more.test_acc:.0%}")
# ja: print(f"今日：ハードな答え、写真600枚を追加 {hard_more.test_acc:.0%}")
display(lesson11.draw_ways(ways))
tl.see_prediction("11-where", kinds[1] if sum(ways["pseudo"]) > sum(ways["soft"]) else kinds[0])

# %% [markdown] key="where-read" lang="ja" tags=["answer"]
# **主役は、写真です。** 同じ50枚でも、ソフトな答えにすると67%が78%に上がります。「何に似ているか」まで伝わるので、写真1枚から学べることが増えるのです。けれども、600枚を足すと、ハードな答えだけでも92%です。14ポイントの差があります（95%信頼区間は9〜18ポイント）。600枚に正しい名前が付いていたら99%です。
#
# 蒸留といえば、ソフトな答えに隠れた知識（dark knowledge）が有名です。それも確かにありますが、いちばんの強みはもっと素朴です。教師は、名前のない写真にも答えてくれます。

# %% [markdown] key="where-read" lang="en" tags=["answer"]
# **It is mostly the photos.** On the same 50 photos, soft answers already lift 67% to 78%: they tell what a bird resembles, so that each photo teaches more. But with 600 more photos, hard answers alone reach 92%, 14 points more (95% interval of the difference: 9 to 18). With true names for these it would be 99%.
#
# Distillation is famous for the "dark knowledge" in soft answers. It is there; yet the greater strength is plainer. The teacher answers for photos that nobody has named.

# %% [markdown] key="amount" lang="ja"
# ## いつ大きく効き、いつほとんど効かないのか
#
# ここまでは、名前の付いた写真が1種類5枚、名前のない写真が600枚でした。どちらの枚数も変えてみましょう。
#
# > **見る前に考える**：名前の付いた写真が1種類30枚あっても、教師は役に立つでしょうか。名前のない写真は、何枚あれば足りるでしょうか。

# %% [markdown] key="amount" lang="en"
# ## When does it gain much, and when hardly anything?
#
# So far there were 5 photos of each kind with names and 600 without. Let us vary both numbers.
#
# > **Think before you look**: with 30 named photos of each kind, is a teacher still of use? And how many photos without names are enough?

# %% key="amount-figure" alt_ja="左：名前の付いた写真の枚数ごとのテスト正解率。ラベルだけの生徒、教わった生徒、教師。右：名前のない写真の枚数ごとの、教わった生徒の正解率。" alt_en="Left: test accuracy by the number of photos with names, for a student with labels alone, a taught student and the teacher. Right: by the number of photos without names, for the taught student."
lesson11.draw_amount(tl.stored("11_labels"), tl.stored("11_photos"), ways)

# %% [markdown] key="amount-read" lang="ja"
# **名前が少ないほど、教師のありがたみは大きくなります。** ラベルだけとの差は、1種類2枚なら47ポイント、5枚で25、10枚で7、30枚では2ポイントです。ラベルだけで足りるようになれば、教師に教わることはほとんど残りません。
#
# 名前のない写真は、50枚足すだけで86%、200枚で90%になります。600枚から2,000枚に増やしても、91%が93%になるだけです。

# %% [markdown] key="amount-read" lang="en"
# **The fewer names there are, the more a teacher is worth.** The gap to labels alone is 47 points with 2 photos of each kind, 25 with 5, 7 with 10 and 2 with 30. Once labels alone are enough, a teacher has little to add.
#
# 50 photos without names already give 86%, and 200 give 90%. From 600 to 2,000 the student only goes from 91% to 93%.

# %% [markdown] key="wrong" lang="ja"
# ## 答えは伝わる、理由は伝わらない
#
# 教師の答えが正しければ、生徒も正しい見方を身につけるでしょうか。餌台ごとに色の違う看板（隅の四角）を立て、種類ごとに決まった餌台で撮影したとします。名前の付いた写真では、看板の色だけで鳥の種類がわかってしまいます。この写真でファインチューニングした教師が、3人の生徒を教えます。違うのは、教わるときに使う、名前のない写真だけです。看板が元のまま、入れ替え、なし、の3通りです。
#
# > **見る前に考える**：看板を入れ替えた写真でテストすると、教師はどうなるでしょうか。生徒は？

# %% [markdown] key="wrong" lang="en"
# ## Answers are passed on, reasons are not
#
# If the teacher's answers are right, will the student look at the right thing? Suppose that every feeder has a sign in a colour of its own (the square in the corner), and that each kind of bird was photographed at one feeder only: in the photos with names, the colour of the sign gives the bird away. A teacher fine-tuned on these photos has three students. Only their photos without names differ: signs as before, mixed up, or none.
#
# > **Think before you look**: with the signs of the test photos mixed up, what becomes of the teacher? And of its students?

# %% key="colour-figure" alt_ja="看板のある写真で学んだ教師と、その3通りの生徒のテスト正解率。左は学習と同じ看板、右は看板を入れ替えた場合。" alt_en="Test accuracy of a teacher of photos with signs and of three students; with the signs as in training at the left, mixed up at the right."
lesson11.draw_colour(tl.stored("11_colour"), birds)

# %% [markdown] key="wrong-read" lang="ja"
# **近道を覚えたのは、教師ではなく生徒でした。** 教師は、事前学習で生き物を見分ける目ができていて、看板が入れ替わっても87%当てます。ところが、看板と鳥がいつも一緒の写真で教わった生徒は、93%から55%に落ちました。教師の答えは正しくても、「看板ではなく鳥を見なさい」とは言ってくれません。ゼロから学ぶ生徒には、看板のほうがやさしい手がかりなのです。
#
# 看板を入れ替えた写真では、教師の答えと看板の色が食い違うので、生徒は鳥を見るしかありません（90%）。看板のない写真でも90%でした。どんな写真で教えるかを選び、教師とは別の物差しで確かめることが大切です。
#
# ## 小さくする、ほかの方法
#
# ほかの方法でも、512 kBに収まるでしょうか。
#
# - **8ビット化**（int8）：重み1つを4バイトの小数ではなく1バイトの整数で持ちます。
# - **枝刈り**（pruning）：小さな重みの9割を0にして、もう一度学習します。残った重みは、値と位置を保存します。
# - **小さな事前学習済みモデル**：`zukan-small` という、教師と同じ絵で事前学習した小さなネットワークをファインチューニングします。

# %% [markdown] key="wrong-read" lang="en"
# **It is not the teacher that took the shortcut, but a student.** The teacher's eye was pretrained to tell creatures apart, and it still names 87% rightly with the signs mixed up. But the student that was taught on photos where sign and bird always go together falls from 93% to 55%. The teacher's answers were right, and yet they never say "look at the bird, not at the sign". To a student that starts from nothing, the sign is the easier clue.
#
# On photos with the signs mixed up, the answers do not go with the colours, and the student has to look at the bird (90%, as without signs). So choose with care the photos to teach on, and check with something other than the teacher.
#
# ## Other ways to make it small
#
# Can other ways bring a network into 512 kB, too?
#
# - **8 bits** (int8): keep each weight as a whole number in one byte, not as a fraction in four.
# - **Pruning**: set the smallest nine tenths of the weights to 0, and train on. Of those that are left, the value and the place are stored.
# - **A small pretrained network**: fine-tune `zukan-small`, pretrained on the same drawings as our teacher.

# %% key="small-run" alt_ja="8通りのネットワークの、左から順に、テスト正解率、大きさ、写真1枚あたりの時間（教師と生徒だけ）。1行に1つ。" alt_en="Eight networks, one a row: test accuracy, size, and of the teacher and the student the time for one photo."
both = {"teacher": teacher, "student": taught.model}
times = {name: lesson11.milliseconds(model, unnamed) for name, model in both.items()}
lesson11.draw_small(tl.stored("11_alternatives"), live=times)

# %% [markdown] key="small-read" lang="ja"
# **この中でカメラに収まったのは、小さなネットワークだけでした。** 教師は、8ビットにしても1,036 kB、重みの9割を0にしても637 kBです。蒸留した生徒は388 kB、さらに8ビットにすれば98 kBで、正解率は91%のままです。
#
# 小さな事前学習済みモデルは、同じラベルのファインチューニングだけで84%になります。ランダムな重みの67%より17ポイント高い値です（差の95%信頼区間は12〜22ポイント）。蒸留すれば、どちらから始めても91%です。名前のない写真がなければ事前学習が頼りになり、あれば教師に教わるほうが効きます。生徒は、答えるのも教師より速くなりました。
#
# ## 本物の写真では？
#
# 犬と猫、5種類の花の写真で、同じ比較をしました。教師は、ImageNetで事前学習したMobileNetV2（重み220万個、出力層だけ学習）です。生徒は、ここまでと同じ9万個のネットワークです。ラベルは1クラス20枚で、設定を選ぶ検証用に、もう20枚あります。

# %% [markdown] key="small-read" lang="en"
# **Of these, only the small network fits into the camera.** The teacher takes 1,036 kB even in 8 bits, and 637 kB with nine tenths of its weights at 0. The taught student takes 388 kB, or 98 kB in 8 bits, and stays at 91%.
#
# Fine-tuned on the same labels, the small pretrained network reaches 84%, 17 points more than random weights (95% interval of the difference: 12 to 22). Taught by the teacher, both come to 91%. Without more photos, pre-training helps a lot; with them, the teacher helps more. The student also answers faster than its teacher.
#
# ## And on real photographs?
#
# The same comparison on photos of cats and dogs, and of five kinds of flower. The teacher is a MobileNetV2 pretrained on ImageNet (2.2 million weights; its head alone was trained), and the student is the network of 90,000 weights from above. There are 20 labels a class, and 20 more to choose with.

# %% key="real-figure" alt_ja="本物の写真でのテスト正解率。左は犬と猫、右は花5種類。学び方ごとに点と95%信頼区間で示す。" alt_en="Test accuracy on real photos, cats and dogs at the left, five kinds of flower at the right, for each way of learning, as dots with 95% intervals."
lesson11.draw_real(tl.stored("11_real"))

# %% [markdown] key="real-read" lang="ja"
# **ここでも、効いたのは写真でした。** 名前のない写真1,400枚を足すと、犬と猫で54%が67%に、花で38%が53%に上がります（差の95%信頼区間は10〜17ポイントと11〜18ポイント）。ただし、同じ写真のソフトな答えだけでは、はっきりした差はありませんでした。
#
# それでも教師（93%と62%）には届かず、犬と猫では26ポイントも離れています。これほど差が大きいときは、写真で事前学習した小さなモデルも試してください。
#
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 工場の検査を、クラウドの大きなモデル（正解率97%）が行っています。通信が切れると止まるので、ラインの小さな装置（メモリー1 MB）でも動くようにしたい、と頼まれました。部品は5クラスに分けます。名前の付いた画像は1クラス40枚、名前のない画像は毎日2,000枚たまり、その95%は良品です。
#
# 計画を `plan` に書いてください。`"teacher"` は誰を教師にするか、`"student"` は生徒に何を使うか、`"photos"` はどの画像で教えるか、`"check"` は生徒が覚えた近道や間違いを、どうやって見つけるか、`"why"` は理由です。書き終えたら、解答例の採点表で見直しましょう。

# %% [markdown] key="real-read" lang="en"
# **Again it was the photos.** With 1,400 more photos without names, cats and dogs rise from 54% to 67% and flowers from 38% to 53% (95% intervals of the differences: 10 to 17 and 11 to 18 points). Soft answers on the same photos made no clear difference here, though.
#
# The teacher stays ahead (93% and 62%), with cats and dogs by 26 points. Where the gap is that wide, try a small network pretrained on photos.
#
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# A large model in the cloud (97% right) inspects a factory's parts. When the connection fails, production stops. You are asked to bring the inspection to a small device beside the line (1 MB of memory). You have 40 named pictures of each of five classes; 2,000 without names come in every day, and 95% of these show good parts.
#
# Write your plan into `plan`: `"teacher"` and `"student"` say what you use for each, `"photos"` which pictures the student is taught on, `"check"` how you would find its shortcuts and mistakes, and `"why"` gives your reasons. Mark it with the rubric in the solution.


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
    "teacher": "The cloud's model, 97% right; an inspector names 40 pictures a week to find its slips.",
    # ja: "teacher": "クラウドのモデル（97%）。毎週40枚は検査員も答え、モデルの間違いを調べます。",
    "student": "A network of 0.4 MB, pretrained and from random weights; keep the better one.",
    # ja: "student": "0.4 MBの小型。事前学習済みとランダムな重みの両方を試し、良いほうを使います。",
    "photos": "Equal numbers of each of the teacher's answers: as they come, 95% show good parts.",
    # ja: "photos": "教師の答えごとに同じ枚数を選びます。そのままでは95%が良品だからです。",
    "check": "Fresh named pictures, another camera's too: teacher and student separately, by defect.",
    # ja: "check": "別のカメラも含む新しい画像に名前を付け、教師と生徒を欠陥ごとに別々に測ります。",
    "why": "600 photos took 67% to 91%; a shortcut took 93% to 55%, and only a new test showed it.",
    # ja: "why": "写真600枚で67%が91%に。近道では93%が55%に落ち、新しいテストでしか気づけません。",
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
# 上の計画は、5つとも2点です。7点以上なら、そのまま提案できます。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | teacher | no reason | an accurate model | and how its mistakes become known |
# | student | size not mentioned | fits into the memory | a pretrained one is compared, too |
# | pictures | those with names only | uses those without names | the shares (95% good) are made equal |
# | check | none | on fresh pictures | teacher and student separately, defect by defect |
# | reasons | none | refers to a figure | names numbers from a figure |
#
# The plan above gets 2 points on every line. With 7 or more, yours can go to your boss as it is.

# %% key="quiz"
tl.quiz("11")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 蒸留は、大きな教師の答えを、小さな生徒がまねる学習です。転移学習と違い、大きさが縮み、形も自由です。
# - 温度 $T$ で割ると答えがなだらかになり、「何に似ているか」まで伝わります。損失には $T^2$ を掛けます。
# - いちばん効いたのは、名前のない写真でした。教師が答えてくれるので、写真さえあれば学べます。名前の付いた写真が十分にあるなら、教師の出番はほとんどありません。
# - 伝わるのは答えで、理由ではありません。どんな写真で教えるかと、教師とは別の物差しが大切です。
# - 名前のない写真がないときは、小さな事前学習済みモデルから始めます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - In distillation a small student of any shape learns to answer as a large teacher does.
# - Divided by a temperature $T$, answers become softer and tell what a thing resembles. The loss is multiplied by $T^2$.
# - What helped most was photos without names: the teacher answers for them. Where enough photos have names, a teacher adds little.
# - Answers are passed on, reasons are not. What matters is which photos you teach on, and a check that does not come from the teacher.
# - Where there are no photos without names, start from a small pretrained network.

# %% [markdown] key="deeper-loop" lang="ja" tags=["deeper"]
# ## さらに深く：蒸留を自分の手で
#
# `tl.distill` の中身は、ふつうの学習のループです。違うのは損失だけです（練習Bの関数を使うなら、`soft_loss(answers, told[rows], T=4)` と書きます）。教師の答え `told` は、先に1度だけ計算しておきます（教師は評価モードのままで、学習しません）。

# %% [markdown] key="deeper-loop" lang="en" tags=["deeper"]
# ## Deeper: distillation step by step
#
# Inside `tl.distill` there is an ordinary training loop. Only the loss is another one (yours from exercise B would be `soft_loss(answers, told[rows], T=4)`). The teacher's answers, `told`, are computed once beforehand (the teacher stays in eval mode and does not learn).

# %% key="loop-run"
photos = torch.cat([birds.train.inputs, unnamed])
told = tl.predict(teacher, photos)  # scores: a row for each photo, a column for each bird
# ja: told = tl.predict(teacher, photos)  # 点数：1行が写真1枚、1列が鳥1種類
torch.manual_seed(0)
pupil = tl.backbone("zukan-small", pretrained=False, num_classes=10).train()
optimizer = torch.optim.SGD(pupil.parameters(), lr=1.0, momentum=0.9, nesterov=True)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=300)
for _step in range(300):
    rows = torch.randint(len(photos), (32,))
    answers = pupil(network.preprocess(photos[rows]))
    loss = lesson11.distillation_loss(answers, told[rows], temperature=4)  # or your soft_loss
    # ja: loss = lesson11.distillation_loss(answers, told[rows], temperature=4)  # soft_loss でも
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
    optimizer.step()
    schedule.step()
print(f"By hand: {tl.evaluate(pupil.eval(), birds.test):.0%}; tl.distill: {taught.test_acc:.0%}")
# ja: print(f"自分の手で：{tl.evaluate(pupil.eval(), birds.test):.0%}、tl.distill：{taught.test_acc:.0%}")

# %% [markdown] key="loop-read" lang="ja"
# **10行あまりで、ほぼ同じ結果になります**（1回ごとに数ポイントの違いは出ます）。`tl.distill` は、そのほかに、学習率を指定しなければ検証データで選び、データ拡張をするときは教師にも同じ画像を見せ、テスト画像がラベルなしの画像に混じっていれば止めます。

# %% [markdown] key="loop-read" lang="en"
# **A dozen lines come to about the same** (single runs differ by a few points). Beyond these, `tl.distill` chooses the learning rate on validation data if you give none, shows both networks the same pictures if you augment them, and stops if test pictures are among the unlabelled ones.

# %% [markdown] key="deeper-warm" lang="ja" tags=["deeper"]
# ## さらに深く：なぜ T² を掛けるか、温度はいくつがよいか
#
# 学習を進めるのは損失の**勾配**、つまり、点数を少し変えたときに損失がどれだけ変わるかです。学習前の生徒について、点数に対する勾配の長さを、$T^2$ のある場合とない場合で測ります（$T=1$ の長さを1とします）。

# %% [markdown] key="deeper-warm" lang="en" tags=["deeper"]
# ## Deeper: why T², and which temperature
#
# What drives learning is the **gradient** of the loss: how much the loss changes when the scores change a little. For a student before training, the cell measures the length of the gradient with respect to its scores, with $T^2$ and without (the length at $T=1$ is called 1).

# %% key="loss-run"
photos = torch.cat([birds.train.inputs, unnamed])
told = tl.predict(teacher, photos)
torch.manual_seed(0)
start = tl.backbone("zukan-small", pretrained=False, num_classes=10)
lengths = {}
for T in (1, 2, 4, 8, 16):
    answers = tl.predict(start, photos).requires_grad_()
    lesson11.distillation_loss(answers, told, T).backward()
    lengths[T] = float(answers.grad.norm())
    relative = lengths[T] / lengths[1]
    print(f"T = {T:2}: length {relative:.2f} with T², {relative / T**2:.3f} without")
    # ja: print(f"T = {T:2}：勾配の長さは、T²ありで {relative:.2f}、なしで {relative / T**2:.3f}")

# %% [markdown] key="warm-read" lang="ja"
# **$T^2$ がないと、温度を上げるほど勾配が消えていきます。** $T$ で割ることが、2回効くからです。点数を変えたときの答えの動きが $1/T$ になり、生徒と教師の答えの差も $1/T$ ほどに縮むので、勾配は合わせて $1/T^2$ ほどになります。掛け戻しておけば、変化は3倍以内に収まり（掛けなければ100分の1まで下がります）、同じ学習率のままで温度を変えられます。

# %% [markdown] key="warm-read" lang="en"
# **Without $T^2$ the gradient fades as the temperature rises.** Dividing by $T$ counts twice: a change of the scores moves the answers $1/T$ as much, and the answers of student and teacher lie only about $1/T$ as far apart. That leaves about $1/T^2$. Multiplied back, the gradient stays within a factor of three, where it would fall to a hundredth, so that one learning rate can serve all temperatures.

# %% key="temperature-figure" alt_ja="温度ごとの生徒のテスト正解率。写真600枚を足した場合と、同じ50枚の場合。横線はラベルだけ。" alt_en="Test accuracy of the student by temperature, taught on 600 more photos and on the same 50; a line for labels alone."
lesson11.draw_temperature(tl.stored("11_temperature"), ways)

# %% [markdown] key="temperature-read" lang="ja"
# **どの温度でもよく学べますが、16は少し高すぎます。** 写真600枚を足した生徒は、温度1で92%、4で91%、16で90%です。同じ50枚では76%、78%、74%になりました（学習率は温度ごとに選びました）。1と4には、はっきりした差がありません。16は4をわずかに下回ります（差の95%信頼区間は0.1〜1.6ポイントと0.8〜6.8ポイント）。迷ったら4くらいから始め、検証データで選んでください。

# %% [markdown] key="temperature-read" lang="en"
# **Every temperature teaches well, and 16 is a little too high.** With 600 more photos the student reaches 92% at temperature 1, 91% at 4 and 90% at 16; on the same 50 photos 76%, 78% and 74% (each with a learning rate of its own). Between 1 and 4 there is no clear difference; 16 stays slightly below 4 (95% intervals of the differences: 0.1 to 1.6 and 0.8 to 6.8 points). When in doubt begin near 4, and choose by validation data.

# %% [markdown] key="deeper-patience" lang="ja" tags=["deeper"]
# ## さらに深く：根気よく教える、もっと小さな生徒に教える
#
# 学習をもっと長く続けたら、生徒はさらに伸びるでしょうか。良い教師は根気よく教える、という報告があります（Beyer ほか, 2022、[arXiv:2106.05237](https://arxiv.org/abs/2106.05237)）。また、生徒はどこまで小さくできるでしょうか。教師との能力の差（capacity gap）が大きすぎるときは、中くらいの大きさの**助手**（assistant）を間に置くとよい、という提案もあります（Mirzadeh ほか, 2020、[arXiv:1902.03393](https://arxiv.org/abs/1902.03393)）。ここでは、これまでの9万個の生徒が助手になり、いちばん小さい生徒に教えます。

# %% [markdown] key="deeper-patience" lang="en" tags=["deeper"]
# ## Deeper: patience, and even smaller students
#
# Does the student gain more if it learns for longer? A good teacher was found to be patient (Beyer et al., 2022, [arXiv:2106.05237](https://arxiv.org/abs/2106.05237)). And how small may a student be? Where the gap between its capacity and the teacher's is too wide (the capacity gap), an **assistant** of middle size is meant to bridge it (Mirzadeh et al., 2020, [arXiv:1902.03393](https://arxiv.org/abs/1902.03393)). Here our student of 90,000 weights becomes the assistant, and teaches the smallest one.

# %% key="patience-run" alt_ja="生徒のテスト正解率。左はステップ数ごと、右は重みの数ごと。" alt_en="Test accuracy of the student, by its steps at the left and by its number of weights at the right."
more = {"unlabelled": unnamed, "lr": 1.0, "max_steps": 300}
by_size = {taught.parameters: taught.test_acc}
# Channels of the four stages; so far the student had (16, 24, 32, 64).
# ja: # 4つの段のチャネル数です。これまでの生徒は (16, 24, 32, 64) でした。
for channels in ((8, 8, 12, 16), (2, 2, 3, 4)):
    tiny = lesson11.new_student(channels=channels)
    direct = tl.distill(teacher, tiny, birds, **more)
    by_size[direct.parameters] = direct.test_acc
assisted = tl.distill(taught.model, tiny, birds, **more).test_acc
print("Test accuracy of the smallest student:")
# ja: print("いちばん小さい生徒のテスト正解率：")
print(f"taught by the teacher {direct.test_acc:.1%}, by the assistant {assisted:.1%}")
# ja: print(f"教師に教わると {direct.test_acc:.1%}、助手に教わると {assisted:.1%}")
lesson11.draw_patience(tl.stored("11_patience"), ways, by_size, assisted, today)

# %% [markdown] key="patience-read" lang="ja"
# **根気で伸びるのは、教わった生徒ではなく、ラベルだけの生徒です。** ステップ数を3倍にすると、ラベルだけでは67%が79%に上がり、教わった生徒は91%のままです。教師がいると、学ぶのも早くなります。教わった生徒は、100ステップでもう93%です。教師に教わる効果は、100ステップで21、300で25、900で12ポイントです（900での95%信頼区間は9〜15）。ラベルだけの線が300でいったん下がる理由は、この測定からはわかりません。
#
# 重みも、もっと少なくて足ります。11,218個（教師の90分の1）でも92%で、助手に教わっても変わりません（10回の平均）。2,185個では84%ほどに下がり、ここでも助手の効果は見えません（右の図は1回だけの測定です）。CIFAR-100やImageNetのような、もっと難しい画像では、根気も助手も役に立つと上の論文は報告しています。

# %% [markdown] key="patience-read" lang="en"
# **It is labels alone that gain from patience, not the taught student.** With three times as many steps, labels alone rise from 67% to 79%, and the taught student stays at 91%. A teacher also makes learning faster: after 100 steps its student has 93% already. The teacher is worth 21 points after 100 steps, 25 after 300 and 12 after 900 (there the 95% interval is 9 to 15). Why labels alone dip at 300, these measurements do not tell.
#
# Fewer weights would do, too. With 11,218, a ninetieth of the teacher's, the student reaches 92%, taught by an assistant or not (10 draws). At 2,185 it falls to about 84%, and the assistant does not change that (right: one draw). On harder pictures, such as CIFAR-100 and ImageNet, the papers above found patience and assistants to help.

# %% [markdown] key="deeper-teachers" lang="ja" tags=["deeper"]
# ## さらに深く：教師が正しくなかったら
#
# 教師が学ぶラベルを、2通りに変えてみます。
#
# - **ラベルの平滑化**（label smoothing）：正しいクラスを100%ではなく82%、ほかの9種類を2%ずつとして学習します。自信を持ちすぎないようにする工夫ですが、こうした教師の生徒は正解率が下がる、という報告があります（Müller ほか, 2019、[arXiv:1906.02629](https://arxiv.org/abs/1906.02629)）。
# - **誤ったラベル**：50枚のうち20枚に、別の鳥の名前を付けます。

# %% [markdown] key="deeper-teachers" lang="en" tags=["deeper"]
# ## Deeper: when the teacher is not right
#
# What if the teacher had learned from other labels? Two kinds:
#
# - **Smoothed labels** (label smoothing): the right class counts 82% in place of 100%, and each of the nine others 2%. It keeps a network from being too sure of itself, but such teachers have been found to teach worse (Müller et al., 2019, [arXiv:1906.02629](https://arxiv.org/abs/1906.02629)).
# - **Wrong labels**: 20 of the 50 photos have the name of another bird.

# %% key="teachers-figure" alt_ja="正しいラベル、平滑化したラベル、40%が誤ったラベルで学んだ教師と、それぞれの生徒のテスト正解率。" alt_en="Test accuracy of teachers of right labels, of smoothed ones and of labels of which 40% are wrong, and of their students."
lesson11.draw_teachers(tl.stored("11_teachers"), ways)

# %% [markdown] key="teachers-read" lang="ja"
# **生徒は、教師の間違いからは抜け出せません。** ラベルの4割が誤りだと、教師は51%、その生徒は53%です。1枚ごとの迷いはならされるので教師を2ポイントほど上回りますが（差の95%信頼区間は0.5〜3.6ポイント）、正しい教師の生徒（91%）には遠く及びません。それでも、同じ誤ったラベルだけで学んだ場合（34%）よりはずっと良くなりました。
#
# 平滑化では、報告のとおり、生徒の正解率が少し下がりました。同じ写真では78%が75%になります（差の95%信頼区間は0.6〜5.3ポイント）。「何に似ているか」の情報が教師の答えから薄れるためだ、と上の論文は説明しています。教師自身は88%が87%で、はっきりした差はありません。写真600枚を足すと91%が90%で、この差は信頼区間に0を含みます。

# %% [markdown] key="teachers-read" lang="en"
# **A student does not get away from its teacher's mistakes.** With 40% of the labels wrong, the teacher gets 51% of the photos right and its student 53%. Slips on single photos even out, which lifts it above its teacher by some 2 points (95% interval: 0.5 to 3.6); the student of right labels, with 91%, is far away. Still, it is much better than a network that learned from the same wrong labels alone (34%).
#
# Smoothing costs the student a little, as was reported: on the same photos 78% become 75% (95% interval of the difference: 0.6 to 5.3 points). The paper explains this by what smoothing takes out of the answers: what a thing resembles. The teacher itself shows no clear loss (87% in place of 88%). With 600 more photos 91% become 90%, and the interval of that difference includes 0.

# %% [markdown] key="deeper-texts" lang="ja" tags=["deeper"]
# ## さらに深く：文章の生徒
#
# 生徒は、教師と似た形でなくてもかまいません。教師は、お店への問い合わせ6種類を見分けるようにファインチューニングした `zukan-bert`（レッスン12）です。生徒は、単語の切れ端ごとに16個の数を持ち、その平均を出力層に渡すだけです。語順も文脈も見ません（fastText、[arXiv:1607.01759](https://arxiv.org/abs/1607.01759)）。ラベルは1種類5通、ラベルのないメールは1,200通です。

# %% [markdown] key="deeper-texts" lang="en" tags=["deeper"]
# ## Deeper: a student of texts
#
# The student need not resemble its teacher at all. Here the teacher is `zukan-bert` (lesson 12), fine-tuned to tell six kinds of enquiries to a shop apart. The student keeps 16 numbers for each piece of a word and hands their mean to the head: it sees neither the order of the words nor their context (fastText, [arXiv:1607.01759](https://arxiv.org/abs/1607.01759)). There are 5 labelled texts of each kind, and 1,200 messages without labels.

# %% key="texts-run" alt_ja="英語と日本語の問い合わせでのテスト正解率。平均ベクトルの生徒の4通りの学び方と、教師のzukan-bert。" alt_en="Test accuracy on enquiries in English and in Japanese: averaged vectors taught in four ways, and their teacher, zukan-bert."
mail = tl.load_task("enquiries", per_class=5, valid_per_class=5)
reader = tl.fine_tune(tl.backbone("zukan-bert"), mail, read_test=False).model
short = lesson11.AveragedVectors.like(reader, mail.num_classes)
learned = tl.distill(reader, short, mail, unlabelled=lesson11.letters(1200), lr=0.1, max_steps=300)
print(f"Today: teacher {learned.teacher_acc:.0%}, student {learned.test_acc:.0%}")
# ja: print(f"今日：教師 {learned.teacher_acc:.0%}、生徒 {learned.test_acc:.0%}")
lesson11.draw_texts(tl.stored("11_texts"))

# %% [markdown] key="texts-read" lang="ja"
# **文章でも、効いたのはラベルのないメールです。** 日本語で28%が53%に、英語で29%が49%になりました（教師は63%と58%）。同じ30通では、ソフトな答えにしても変わりません。30通だけでは、テストに出てくる単語の多くに出会わないからでしょう。生徒は316 kBで、教師（4,182 kB）の13分の1です。

# %% [markdown] key="texts-read" lang="en"
# **With texts, too, it is the messages without labels.** They lift 29% to 49% in English and 28% to 53% in Japanese (the teacher: 58% and 63%). On the same 30 texts soft answers change nothing, probably because many words of the test do not occur in them. The student takes 316 kB, a thirteenth of the teacher's 4,182 kB.

# %% [markdown] key="deeper-fidelity" lang="ja" tags=["deeper"]
# ## さらに深く：そっくりになることと、正しいこと
#
# 生徒が教師と同じ答えを出す割合（忠実度）と、正解率は別のものです。Stanton ほか（2021、[arXiv:2106.05945](https://arxiv.org/abs/2106.05945)）は、よく学んだ生徒でも教師とはかなり違う答えを出すことを示しました。

# %% [markdown] key="deeper-fidelity" lang="en" tags=["deeper"]
# ## Deeper: being alike and being right
#
# How often the student answers as the teacher does (its fidelity) is one thing, how often it is right another. Stanton et al. (2021, [arXiv:2106.05945](https://arxiv.org/abs/2106.05945)) showed that even good students differ a good deal from their teachers.

# %% key="fidelity-run"
said = {"hard": "labels alone", "soft": "soft, same photos", "pseudo": "hard, more photos"}
# ja: said = {"hard": "ラベルだけ", "soft": "ソフト、同じ写真", "pseudo": "ハード、写真追加"}
said["all"] = "soft, more photos"
# ja: said["all"] = "ソフト、写真追加"
for way, name in said.items():
    right, alike = tl.interval(ways[way]).mean, tl.interval(ways["agreement"][way]).mean
    print(f"{name}: right {right:.0%}, as the teacher {alike:.0%}  (stored, 10 draws)")
    # ja: print(f"{name}：正解 {right:.0%}、教師と同じ答え {alike:.0%}（保存済み、10回）")

# %% [markdown] key="fidelity-read" lang="ja"
# **教師に似るほど正しくなるとは限りません。** 写真600枚を足してソフトな答えで教わった生徒がいちばん教師に似ますが、正解率は、同じ写真のハードな答えと変わりません。そして、どちらの生徒も、教師と答えが食い違うところで、教師より多く正解しています。

# %% [markdown] key="fidelity-read" lang="en"
# **Being more alike is not being more right.** The student of soft answers on more photos is most like its teacher, and yet no more often right than that of hard answers. Where they differ from the teacher, both are right more often than it is.

# %% [markdown] key="deeper-int8" lang="ja" tags=["deeper"]
# ## さらに深く：8ビットを手で、そしてONNXで
#
# 1つのフィルター（出力の1チャネルを作る重み）を、いちばん大きい重みが127になるように割り、四捨五入して整数にします。たとえば最大が0.508なら、1目盛りは $0.508/127=0.004$ です。重み0.0213は $0.0213/0.004=5.3$ なので整数5、元に戻すと0.020になります。
#
# **ONNX**はネットワークを保存する共通の形式で、ONNX Runtimeはそれを動かすソフトです。

# %% [markdown] key="deeper-int8" lang="en" tags=["deeper"]
# ## Deeper: 8 bits by hand, and with ONNX
#
# Divide the weights of one filter (those that make one channel of the output) so that the largest becomes 127, and round to whole numbers. For example, if the largest is 0.508, one step is $0.508/127=0.004$. A weight of 0.0213 is $0.0213/0.004=5.3$ steps and becomes the number 5; turned back, that is 0.020.
#
# **ONNX** is a common file format for networks, and ONNX Runtime a program that runs them.

# %% key="int8-run"
rounded = lesson11.in_eight_bits(taught.model)
before, after = taught.test_acc, tl.evaluate(rounded, birds.test)
whole, bytes_each = lesson11.kilobytes(taught.model), lesson11.kilobytes_in_eight_bits(rounded)
print(f"32 bits: {before:.1%}, {whole:.0f} kB  →  8 bits: {after:.1%}, {bytes_each:.0f} kB")
# ja: print(f"32ビット：{before:.1%}、{whole:.0f} kB → 8ビット：{after:.1%}、{bytes_each:.0f} kB")
for line in lesson11.try_onnx(taught.model, birds):
    print(line)

# %% [markdown] key="int8-read" lang="ja"
# **重みを4分の1の大きさにしても、正解率はほとんど変わりません。** ONNXのファイルには計算の手順も入っていて、その分は8ビットにしても小さくなりません。ただし、小さくなれば速くなるとは限りません。この教材を作ったコンピューターのONNX Runtimeでは、8ビットのほうが32ビットより時間がかかりました（上の出力）。速くなるのは、整数の計算が得意な装置や実行環境を使うときです。ONNXの部分は `pip install onnx onnxscript onnxruntime` を済ませてあると動き、そうでなければ飛ばします。

# %% [markdown] key="int8-read" lang="en"
# **Weights of a quarter of the size cost next to no accuracy.** An ONNX file also lists the operations of the network, which do not shrink. Smaller is not yet faster, though: on the computer that made this page, ONNX Runtime took longer in 8 bits than in 32 (see the lines above). It gets faster where a device or a runtime is good at whole numbers. The part with ONNX runs after `pip install onnx onnxscript onnxruntime`, and is left out otherwise.

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
# - **教師も生徒も自分**：DINO（[arXiv:2104.14294](https://arxiv.org/abs/2104.14294)）は、ラベルのない画像で、少し前の自分を教師にします。
# - **言語モデル**：DistilBERTは教師のソフトな答えから、MiniLM（[arXiv:2002.10957](https://arxiv.org/abs/2002.10957)）は教師の内部の計算結果から学びました。最近は、大きなモデルの書いた文を小さなモデルに学ばせることもよくあります。教師の利用規約が許すかどうかも確かめてください。

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
# - **Teacher and student in one**: DINO ([arXiv:2104.14294](https://arxiv.org/abs/2104.14294)) learns from pictures without labels, with its own past as the teacher.
# - **Language models**: DistilBERT learned from its teacher's soft answers, MiniLM ([arXiv:2002.10957](https://arxiv.org/abs/2002.10957)) from values inside its teacher. Today small models often learn from what large ones write. See whether the teacher's terms of use allow it.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 師匠の話、題材、「まず、やってみる」9分（`teacher_student` の図を映す） → ウィジェットと練習A 4分 → 温度と損失、練習B 11分（8、4、0の計算を板書で） → 効果の出どころ5分 → いつ効くか4分 → 答えと理由、小さくする方法、本物の写真6分 → 練習C 6分（2人組）。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、練習Bを宿題に回します。
#
# - **映すもの**：「まず、やってみる」の図、ウィジェット（温度1と4）、「効果はどこから来たのか」の図、その次の節の枚数の図。
# - **2人組で**：1人が教師、1人が生徒になります。教師は写真を見て、10種類に合計100点を配ります。生徒は写真を見ずに、どの鳥か、何に似ているかを当てます。
# - **待ち時間**：2コアのCPUで、「まず、やってみる」の学習のセルが10秒ほど、「さらに深く」で生徒を小さくしていくセルがもう少し、ほかのセルは数秒です。
# - **遅れた人は**：先頭から「まず、やってみる」の図までのコードのセルを実行すれば、どの節からでも再開できます。
# - **よくある間違い**：効果をソフトな答えだけで説明する。ラベルだけの学習率やステップ数を選ばずに比べる（ステップ数を3倍にすると12ポイントほど上がる。蒸留の効果が実際より大きく見える）。教師より生徒が良くなったら誤りだと思う（写真が増えると、教師の1枚ごとの迷いがならされる）。枝刈りをすれば自動的に速くなると思う。
# - **議論の種**：教師が別の会社のモデルだったら、その答えで自社の生徒を育ててよいでしょうか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the master, the job, the first try 9 (project the `teacher_student` diagram) → widget and exercise A 4 → temperature, loss and exercise B 11 (do 8, 4, 0 on the board) → where the gain comes from 5 → when it gains much 4 → answers and reasons, other ways, real photos 6 → exercise C 6 (in pairs). Quiz, key points and "Deeper" are homework, or for whoever is early. Short of time, make exercise B homework.
#
# - **To project**: the figure under "Try it first", the widget at temperatures 1 and 4, the figure under "Where does the gain come from?", and the one of both numbers in the section after it.
# - **In pairs**: one is the teacher and shares out 100 points over the ten birds for a photo; the other, without seeing the photo, says which bird it is and what it resembles.
# - **Waiting**: on two CPU cores the cell that trains under "Try it first" takes some 10 seconds, the one under "Deeper" that makes students ever smaller somewhat longer, every other cell a few.
# - **Whoever fell behind** runs the cells with code from the top to the figure under "Try it first" and can go on from any section.
# - **Common mistakes**: explaining the gain by softness alone; comparing with labels alone at a bad rate or after few steps (three times as many add some 12 points), which makes the gain look larger than it is; taking a student that beats its teacher for an error (over many photos, the teacher's slips even out); believing that pruning makes a network faster by itself.
# - **To discuss**: the teacher is another company's model. May you bring up a student of your own on its answers?
