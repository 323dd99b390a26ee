# %% [markdown] key="title" lang="ja"
# # 00 はじめに
#
# **20分** ・ 前提：Pythonの変数・関数・`for` 文が読めること。
#
# ようこそ。この教材では、**転移学習** を自分の手で測りながら学びます。このレッスンを終えると、次のことができるようになります。
#
# - 自分のパソコンで教材が動くことを確かめる
# - レッスンの進め方（予想する・実行する・変えてみる）がわかる
# - 初めての転移学習を10秒ほどで試す

# %% [markdown] key="title" lang="en"
# # 00 Start here
#
# **20 minutes** · Before this: you can read variables, functions and `for` loops in Python.
#
# Welcome. In this course you learn **transfer learning** by measuring it yourself. After this lesson you
#
# - have made sure that the course runs on your computer
# - know how to study it: predict, run, change
# - have done a first transfer, in about ten seconds

# %% [markdown] key="how-to-run" lang="ja"
# ## まず動かしてみる
#
# この画面はノートブックです。灰色の枠が **セル** で、選んで `Shift` + `Enter` を押すと実行されます。順番に上から実行してください。何を実行しても壊れることはありません。困ったときは、メニューの「カーネル」（裏で動いているPython）から再起動すれば、いつでも最初からやり直せます。
#
# 次のセルは、どのレッスンでも最初に実行する準備のセルです。

# %% [markdown] key="how-to-run" lang="en"
# ## Run something
#
# This is a notebook. The grey boxes are **cells**: select one and press `Shift` + `Enter` to run it. Run them from top to bottom. You cannot break anything; if you get lost, restart the kernel (the Python at work behind the page) from the menu and begin again at the top.
#
# The next cell comes first in every lesson. It makes things ready.

# %% key="setup"
from IPython.display import display

import tlhelpers as tl

tl.setup()
lesson00 = tl.figures("00")

# %% [markdown] key="doctor-intro" lang="ja"
# 使う計算装置、言語、モードが1行で表示されれば成功です。続いて、パソコンの状態を調べます。

# %% [markdown] key="doctor-intro" lang="en"
# If you see one line with the device, the language and the mode, it worked. Now let the doctor have a look at your computer.

# %% key="doctor"
summary = tl.doctor_summary()
print(str(summary).splitlines()[-1])

# %% [markdown] key="doctor-read" lang="ja"
# 表示したのは診断の結論だけです。下に新しいセルを作って `summary` とだけ書いて実行すると、メモリーやディスクなど、調べたことがすべて表で出ます。直したほうがよいものがあれば、その行に方法が書かれています。
#
# 必要なものは多くありません。GPUもインターネットもなくてかまいません。ふつうのノートパソコンで、どのセルもたいてい数秒、長くても30秒ほどで終わります。

# %% [markdown] key="doctor-read" lang="en"
# That was only the verdict. Make a new cell below, write `summary` and run it to see everything that was examined, from memory to disk. Where something should be put right, its line says how.
#
# You need little: no GPU and no internet. On an ordinary laptop most cells take a few seconds, the longest about thirty.

# %% [markdown] key="study" lang="ja"
# ## 進め方：予想する・実行する・変えてみる
#
# 1. **予想する**。「予想してから実行」とあったら、その下の欄に予想を入れます。外れたときほど、よく覚えられます。
# 2. **実行する**。図を見て、予想と比べます。
# 3. **変えてみる**。数字を1つ変えて、もう一度実行します。元に戻したくなったら、ターミナルで `tl reset 00` を実行すると、新しい写しができます。
#
# では、さっそくやってみましょう。

# %% [markdown] key="study" lang="en"
# ## How to study: predict, run, change
#
# 1. **Predict.** Where it says "Predict, then run", enter your guess in the control below. You will remember best what you got wrong.
# 2. **Run.** Look at the figure and compare.
# 3. **Change.** Change one number and run again. If you want the original back, `tl reset 00` in a terminal makes a fresh copy.
#
# Let us do it right away.

# %% [markdown] key="first" lang="ja"
# ## 初めての転移学習
#
# **転移学習**（transfer learning）とは、ある**タスク**（ネットワークにさせる仕事）で学んだネットワークを、別のタスクに役立てることです。ここでのタスクは、10種類の鳥を見分けることです。**ラベル**（正解の名前）の付いた画像は、1種類につき5枚だけです。鳥は教材の中で描かれたもので、違いは、くちばし・冠羽・足・尾の形と、翼の色や模様にあります。

# %% [markdown] key="first" lang="en"
# ## A first transfer
#
# With **transfer learning**, a network that has learned one **task**, one kind of work, is used for another. Here the task is to tell ten kinds of bird apart. Only five pictures of each have a **label**, the right name. The birds are drawn by the course; they differ in bill, crest, legs and tail, and in the colour and markings of the wing.

# %% key="birds" alt_ja="10種類の鳥の見本。1行に1種類、5枚ずつ。" alt_en="Samples of the ten birds, one kind a row, five pictures each."
task = tl.load_task("birds", per_class=5)
tl.show(task, per_class=5)

# %% [markdown] key="first-run" lang="ja"
# 1行が1種類です。`zukan-resnet` は、架空の生きものや記号を見分けるように **事前学習** されたネットワークで、鳥を見たことは一度もありません。その「目」をそのまま借りて、名前だけを覚えさせます。**比較対象**（ベースライン）は、目を借りず、画素の値が最も近い画像の名前を答える方法です。コードの `probe` が目を借りる方法、`knn` が画素の近さで答える方法です。どちらも、ラベルを付ける画像を選び直して3回測ります。**テスト正解率**は、学習に使っていない画像のうち、正しく答えた割合です。
#
# > **予想してから実行**：ランダムに答えれば10%です。目を借りると、何%に正解するでしょうか。

# %% [markdown] key="first-run" lang="en"
# Each row is one kind. `zukan-resnet` was **pretrained** to tell imaginary creatures and signs apart and has never seen a bird. We borrow its "eye" as it is and teach it only the names. For comparison, we also go without the eye and answer with the name of the picture whose pixels are nearest. In the code, `probe` is the way with the borrowed eye, and `knn` the one with the nearest pixels. Both are measured three times, each time with other labelled pictures. **Test accuracy** is the share right among pictures not used for training.
#
# > **Predict, then run**: guessing gives 10%. What percentage will be right with the borrowed eye?

# %% key="predict-transfer"
tl.predict_first(
    "00-transfer",
    "Accuracy with the borrowed eye",
    # ja: "目を借りたときの正解率",
    between=(0, 100),
    unit="%",
)

# %% key="transfer" alt_ja="転移ありと、画素の近さだけで答えた場合のテスト正解率の棒グラフ。転移ありのほうがずっと高い。" alt_en="Bars of test accuracy: with transfer far above the nearest pixels."
network = tl.backbone("zukan-resnet")
accuracy = {"probe": [], "pixels": []}
for seed in tl.seeds(3):
    birds = tl.load_task("birds", per_class=5, seed=seed)
    accuracy["probe"].append(tl.probe(network, birds).test_acc)
    accuracy["pixels"].append(tl.knn("pixels", birds).test_acc)
display(lesson00.draw_first_transfer(accuracy, chance=0.10))
reached = tl.interval([100 * one for one in accuracy["probe"]])
tl.see_prediction("00-transfer", round(reached.mean))

# %% [markdown] key="first-read" lang="ja"
# 棒は3回の平均、黒い線は**95%信頼区間**（本当の平均がありそうな範囲。短いほど確か）です。鳥を知らないネットワークの「目」が、鳥に役立ちました。なぜそうなるのか、いつそうならないのかを、これから学びます。
#
# 教材の中で「こうなります」と書いたことは、下のような確認セルで確かめます。成り立たなければ、エラーで止まります。

# %% [markdown] key="first-read" lang="en"
# The bars are means of three runs; the black lines are 95% intervals, the range where the true mean probably lies: the shorter, the surer. The eye of a network that knows no birds helps with birds. Why this is so, and when it is not, is what you will learn.
#
# What the course claims is also checked, in cells like the next one. If it were not true, the cell would stop with an error.

# %% key="claim-first" tags=["claim"]
pairs = zip(accuracy["probe"], accuracy["pixels"])
gain = tl.interval([100 * (eye - pixels) for eye, pixels in pairs])
tl.claim(
    f"The borrowed eye gains {gain.low:.0f} to {gain.high:.0f} points over pixels",
    # ja: f"目を借りると、画素の近さより{gain.low:.0f}〜{gain.high:.0f}ポイント上がりました",
    gain.low > 10,
)

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習とクイズ
#
# レッスンには練習があります。`...` を自分の答えに置きかえて実行すると、すぐに答え合わせができます。間違えても減点はなく、2回目からはヒントが出ます。下の解答例を開けば、いつでも答えを見られます。試しに1つどうぞ。
#
# **A.** 1回の学習に使った、ラベル付きの鳥の画像は全部で何枚ですか。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises and quizzes
#
# Lessons have exercises. Replace `...` with your answer and run the cell: it is checked at once. Mistakes cost nothing, and from the second attempt on there are hints. The solution below unfolds whenever you like. Here is one to try.
#
# **A.** How many labelled pictures of birds were used for training in one run?

# %% key="ex-a" tags=["exercise"] needs="setup,birds"
### BEGIN SOLUTION
# PLACEHOLDER: labelled = ...
labelled = 10 * 5
### END SOLUTION
tl.check("00-a")

# %% [markdown] key="progress-intro" lang="ja"
# ほとんどのレッスンの終わりには、5〜6問のクイズがあります。練習とクイズの記録は、あなたのパソコンの中（`work` フォルダー）だけに残り、どこにも送られません。いつでも次のセルで見られます。

# %% [markdown] key="progress-intro" lang="en"
# Most lessons end with a quiz of five or six questions. What you have done is kept on your computer only, in the folder `work`, and is sent nowhere. The next cell shows it at any time.

# %% key="progress"
tl.progress()

# %% [markdown] key="map-intro" lang="ja"
# ## 教材の地図

# %% [markdown] key="map-intro" lang="en"
# ## The map of the course

# %% key="map" tags=["hide-input"] alt_ja="教材の地図。始める・基本・選ぶ/合わせる・画像の外へ・実践の5段にレッスンが並ぶ。" alt_en="Map of the course in five rows, from beginning to practice."
lesson00.draw_map()

# %% [markdown] key="map-read" lang="ja"
# 全部で16のレッスンがあり、01からは1つ約45分です。番号の順に進むのがおすすめです。急ぐ人は、01と02だけでも十分に始められます。02の終わりのほうでは、自分の写真でも試せます。
#
# 「自分の問題では何から試せばよいか」を先に知りたい人は、次の **戦略マップ** で、ラベルの数や、事前学習に使った絵との近さを選んでみてください。どれも出発点の提案で、決めるのは測定です（レッスン06、14）。出てくることばは、どれもこの先のレッスンで説明します。いまは眺めるだけで十分です。

# %% [markdown] key="map-read" lang="en"
# There are sixteen lessons; from 01 on, each takes about 45 minutes. We suggest going by number. If you are in a hurry, 01 and 02 are enough to begin with; towards the end of 02 you can try photos of your own.
#
# Would you like to know what to try first on a problem of your own? Set the number of labels, how close your data (the target) are to those of pre-training (the source), and so on, in the **strategy map** below. It says where to begin; a measurement decides (lessons 06 and 14). Its words are all explained in the lessons; for now just have a look.

# %% key="strategy"
tl.strategy_map()

# %% [markdown] key="next" lang="ja"
# ## まとめと次の一歩
#
# - セルは `Shift` + `Enter` で、上から順に実行します。
# - 予想する・実行する・変えてみる。この3つをくり返します。
# - 別の問題で学んだネットワークが、少ないラベルの新しい問題に役立ちました。これが転移学習です。
#
# **うまくいかないとき**
#
# - セルの左が `[*]` のまま：計算中です。1分以上変わらなければ、カーネルを再起動してください。
# - 計算の途中でタブを閉じた：計算は続き、変数も残りますが、表示されるはずだった表や図は届きません。終わったころに、そのセルをもう一度実行してください。
# - `NameError` が出る：上のセルを飛ばしています。メニューから「すべてのセルを実行」を選びます。
# - そのほか：ターミナルで `tl doctor` を実行すると、直し方が表示されます。
#
# **文献** ・ 全体を見わたすなら：S. J. Pan, Q. Yang, *A Survey on Transfer Learning*, 2010. [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191)
#
# それでは、レッスン01「なぜ転移学習か」でお会いしましょう。

# %% [markdown] key="next" lang="en"
# ## Key points, and the next step
#
# - Run cells with `Shift` + `Enter`, from top to bottom.
# - Predict, run, change, and again.
# - A network that learned on one problem helped with a new one that has few labels. This is transfer learning.
#
# **What can go wrong**
#
# - `[*]` stays beside a cell: it is still at work. If nothing changes for more than a minute, restart the kernel.
# - You closed the tab while a cell was at work: it goes on and its variables stay, but what it was going to show is lost. Run the cell again once it has ended.
# - `NameError`: a cell above was skipped. Choose "Run All Cells" from the menu.
# - Anything else: `tl doctor` in a terminal says what to do.
#
# **References** · For an overview: S. J. Pan, Q. Yang, *A Survey on Transfer Learning*, 2010. [doi:10.1109/TKDE.2009.191](https://doi.org/10.1109/TKDE.2009.191)
#
# See you in lesson 01, "Why transfer?".

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **20分の進め方** ・ 実行の確認5分、初めての転移学習7分、練習と地図8分が目安です。
#
# - 全員の `tl.setup()` の1行が出るまで待ってから先へ進みます。出ない人には `tl doctor` を実行してもらいます。
# - 最初のセルは、ライブラリーを読み込むので数秒から十数秒かかります。止まっているわけではないと、先に伝えておきましょう。
# - よくある間違い：予想をせずに実行する。「正解率が高い=鳥を知っている」と考える（ネットワークが知っているのは、形や模様の見分け方のほうです）。
# - 確認セルで確かめたシード：0〜2と、100〜102。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 20 minutes** · getting it to run 5 minutes, the first transfer 7, exercise and map 8.
#
# - Wait until everybody has the line of `tl.setup()`. Whoever has not, runs `tl doctor`.
# - The first cell loads libraries and takes from a few to some fifteen seconds. Say so beforehand.
# - Common mistakes: running without a prediction; believing that a high accuracy means knowing birds (what the network knows is how to tell shapes and markings apart).
# - Seeds on which the claim was checked: 0 to 2, and 100 to 102.
