# %% [markdown] key="title" lang="ja"
# # 00 はじめに
#
# **説明15分、練習20分** ・ 前提：Pythonの変数・関数・`for` 文が読めること。
#
# ようこそ。この教材では、**転移学習**を自分の手で測りながら学びます。このレッスンを終えると、次のことができるようになります。
#
# - 自分のパソコンで教材が動くことを確かめる
# - レッスンの進め方（予想する・実行する・変えてみる）がわかる
# - 初めての転移学習を10秒ほどで試し、使わない場合と比べる

# %% [markdown] key="title" lang="en"
# # 00 Start here
#
# **15 minutes of reading, 20 of exercises** · Before this: you can read variables, functions and `for` loops in Python.
#
# Welcome. In this course you learn **transfer learning** by measuring it yourself. After this lesson you
#
# - have made sure that the course runs on your computer
# - know how to study it: predict, run, change
# - have done a first transfer, in about ten seconds, and compared it with doing without

# %% [markdown] key="how-to-run" lang="ja"
# ## まず動かしてみる
#
# この画面はノートブックです。灰色の枠が**セル**で、選んで `Shift` + `Enter` を押すと実行されます。上から順に実行してください。何を実行しても壊れることはありません。困ったときは、メニューの「カーネル」（裏で動いているPython）から再起動すれば、いつでも最初からやり直せます。
#
# 次のセルは、どのレッスンでも最初に実行する準備のセルです。

# %% [markdown] key="how-to-run" lang="en"
# ## Run something
#
# This is a notebook. The grey boxes are **cells**: select one and press `Shift` + `Enter` to run it. Run them from top to bottom. You cannot break anything; if you get lost, restart the kernel (the Python at work behind the page) from the menu and begin again at the top.
#
# The next cell makes things ready, as in every lesson.

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
# 表示したのは診断の結論だけです。画面上部の `+` で下に新しいセルを作り、`summary` とだけ書いて実行すると、メモリーやディスクなど、調べたことがすべて表で出ます。直したほうがよいものがあれば、その行に方法が書かれています。
#
# 必要なものは多くありません。GPUもインターネットもなくてかまいません。ふつうのノートパソコンで、どのセルもたいてい数秒、長くても30秒ほどで終わります。

# %% [markdown] key="doctor-read" lang="en"
# That was only the verdict. To see everything that was examined, from memory to disk, make a new cell below (`+` above the page), write `summary` and run it. Where something should be put right, its line says how.
#
# You need little: no GPU and no internet. On an ordinary laptop most cells take a few seconds, the longest about thirty.

# %% [markdown] key="study" lang="ja"
# ## 進め方：予想する・実行する・変えてみる
#
# 1. **予想する**。「予想してから実行」とあったら、その下の欄に予想を入れます。外れたときほど、よく覚えられます。
# 2. **実行する**。図を見て、予想と比べます。
# 3. **変えてみる**。数字を1つ変えて、もう一度実行します。元に戻したくなったら、ターミナル（メニューの「ファイル」→「新規」→「ターミナル」）で `tl reset 00` を実行すると、元のままの新しいコピーができます。
#
# では、さっそくやってみましょう。

# %% [markdown] key="study" lang="en"
# ## How to study: predict, run, change
#
# 1. **Predict.** Where it says "Predict, then run", enter your guess in the control below. You will remember best what you got wrong.
# 2. **Run.** Look at the figure and compare.
# 3. **Change.** Change one number and run again. If you want the original back, `tl reset 00` in a terminal (in the menu: File, New, Terminal) makes a fresh copy.
#
# Let us do it right away.

# %% [markdown] key="first" lang="ja"
# ## 初めての転移学習
#
# あるパン屋が、レジのカメラにパンを見分けさせたいと考えました。パンは10種類です（見分ける種類の1つ1つを**クラス**といいます）。写真に**ラベル**（正解の名前）を付けられたのは、1種類につき5枚です。全部で50枚では、**ニューラルネットワーク**（例から学ぶプログラム）に見分け方を一から教えるには足りません。
#
# そこで、別の**タスク**（ネットワークにさせる仕事）で学んだ「目」を、そのまま借ります。覚えさせるのは、新しい名前だけです。これが**転移学習**（transfer learning）です。図の鍵のマークは、学習しても中身が変わらないことを表します。

# %% [markdown] key="first" lang="en"
# ## A first transfer
#
# A bakery would like its till to recognise bread by camera. There are ten kinds, or **classes**, and five photos of each have a **label**, the right name. Fifty photos are far too few to teach a **neural network** (a program that learns from examples) how to see.
#
# So borrow an "eye" that has learned on another **task**, another kind of work, and teach it nothing but the new names. That is **transfer learning**. The padlock in the diagram means that nothing in there changes.

# %% key="first-idea"
tl.diagram("first_idea")

# %% [markdown] key="seen" lang="ja"
# このレッスンでは、パンのかわりに、教材の中で描いた鳥で試します。借りるのは `zukan-resnet` というネットワークの目です。架空の生き物・模様・文字、合わせて104種類を見分けられるように、41,600枚の絵で**事前学習**（前もっての学習）を済ませてあります。どんな絵か、いくつか見てみましょう。

# %% [markdown] key="seen" lang="en"
# In this lesson, birds that the course has drawn take the place of the bread. We borrow the eye of a network called `zukan-resnet`. It was **pretrained** (trained beforehand) on 41,600 drawings, to tell apart 104 kinds of invented creatures, patterns and characters. Here are a few such drawings.

# %% key="seen-show" alt_ja="事前学習の絵の例。架空の生き物・模様・文字が1行ずつ。鳥はない。" alt_en="Pictures like those of pre-training: a row each of creatures, patterns and characters. No bird among them."
lesson00.show_seen()

# %% [markdown] key="birds-intro" lang="ja"
# 鳥に少し似た生き物はいますが、鳥は1枚もありません。では、新しいタスクの鳥です。1行に1種類、ラベル付きの画像が5枚ずつあります。違いは、くちばし・冠羽（頭の飾り羽）・足・尾の形と、翼の色や模様です。

# %% [markdown] key="birds-intro" lang="en"
# There is no bird among them, though a few creatures look rather like one. And now the birds of the new task, one kind a row, with five labelled pictures each. They differ in bill, crest, legs and tail, and in the colour and markings of the wing.

# %% key="birds" alt_ja="10種類の鳥の見本。1行に1種類、5枚ずつ。" alt_en="Samples of the ten birds, one kind a row, five pictures each."
task = tl.load_task("birds", per_class=5)
tl.show(task, per_class=5)

# %% [markdown] key="two-ways" lang="ja"
# 目がどれだけ役に立つかは、目を借りない単純な方法と比べるとわかります。このような比べる相手を**比較対象**（ベースライン）といいます。
#
# どちらの方法も、ラベル付きの50枚のうち、最も近い画像の名前を答えます。違うのは、何で近さを測るかだけです。目を借りないときは画素の値で、借りるときは、目が画像から作る256個の数で測ります。

# %% [markdown] key="two-ways" lang="en"
# How much does the eye help? To find out, compare it with a **baseline**, a simple way that does without.
#
# Both ways answer with the name of the nearest of the 50 labelled pictures. They differ only in what they compare: without the eye, the pixels; with it, the 256 numbers that the eye makes of each picture.

# %% key="two-ways-diagram"
tl.diagram("two_ways")

# %% [markdown] key="first-run" lang="ja"
# どちらの方法も、ラベルを付ける画像を選び直して3回測ります。**テスト正解率**は、学習に使っていない画像のうち、正しく答えた割合です。
#
# > **予想してから実行**：**ランダムに答えた場合**（チャンスレベル）は10%です。目を借りると、テスト正解率は何%になるでしょうか。

# %% [markdown] key="first-run" lang="en"
# Both are measured three times, each time with other labelled pictures. **Test accuracy** is the share of right answers on pictures not used for training.
#
# > **Predict, then run**: guessing gives 10%. What percentage will be right with the borrowed eye?

# %% key="predict-transfer"
tl.predict_first("00-transfer", "Accuracy with the borrowed eye", between=(0, 100), unit="%")
# ja: tl.predict_first("00-transfer", "目を借りたときの正解率", between=(0, 100), unit="%")

# %% key="transfer" alt_ja="目を借りた場合と、画素の近さだけで答えた場合のテスト正解率の棒グラフ。目を借りたほうがずっと高い。" alt_en="Bars of test accuracy: the borrowed eye far above the nearest pixels."
network = tl.backbone("zukan-resnet")
accuracy = {"eye": [], "pixels": []}
for seed in tl.seeds(3):
    birds = tl.load_task("birds", per_class=5, seed=seed)
    accuracy["eye"].append(tl.knn(network, birds, k=1).test_acc)  # with the eye
    # ja: accuracy["eye"].append(tl.knn(network, birds, k=1).test_acc)  # 目を借りる
    accuracy["pixels"].append(tl.knn("pixels", birds, k=1).test_acc)  # without it
    # ja: accuracy["pixels"].append(tl.knn("pixels", birds, k=1).test_acc)  # 借りない
display(lesson00.draw_first_transfer(accuracy, chance=0.10))
reached = tl.interval([100 * one for one in accuracy["eye"]])
tl.see_prediction("00-transfer", round(reached.mean))

# %% [markdown] key="first-read" lang="ja"
# **鳥を見たことのない「目」が、鳥に役立ちました。** なぜそうなるのか、いつそうならないのかを、これから学びます。棒は3回の平均、黒い線は**95%信頼区間**（本当の平均がありそうな範囲。短いほど確か）です。
#
# 教材の中で「こうなります」と書いたことは、下のような確認セルで確かめます。成り立たなければ、エラーで止まります。ここでは、2つの正解率の差を**ポイント**（%どうしの差）で表し、3回の平均に95%信頼区間を付けて示します。

# %% [markdown] key="first-read" lang="en"
# **An eye that has never seen a bird helps with birds.** Why this is so, and when it is not, is what you will learn. The bars are means of three runs; the black lines are **95% intervals**, the range where the true mean probably lies. A short line means that the mean is well known.
#
# What the course claims is also checked, in cells like the next one: if it were not true, the cell would stop with an error. This one takes the difference of the two accuracies in **points** (per cent minus per cent), and gives its mean over the three runs with a 95% interval.

# %% key="claim-first" tags=["claim"]
pairs = zip(accuracy["eye"], accuracy["pixels"])
gain = tl.interval([100 * (eye - pixels) for eye, pixels in pairs])
tl.claim(
    f"The borrowed eye gains {gain.mean:.0f} points over pixels on average "
    # ja: f"目を借りると、画素の近さより平均{gain.mean:.0f}ポイント上がりました"
    f"(95% interval from {gain.low:.0f} to {gain.high:.0f})",
    # ja: f"（95%信頼区間は{gain.low:.0f}〜{gain.high:.0f}）",
    gain.low > 10,
)

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習：変えてみる
#
# 練習では、`...` を自分の答えに置き換えて実行すると、すぐに答え合わせができます。間違えても減点はなく、2回目からはヒントが出ます。下の解答例は、いつでも開けます。
#
# **A（試す）** 目を借りてラベルを1種類につき1枚だけ使う場合と、目を借りずに20枚使う場合とでは、どちらがよく当たるでしょうか。予想してから測りましょう。上の長いセルでは、`load_task` が画像を用意し（1種類の枚数は `per_class`）、コメントの付いた2行が正解率を測っています。1回ずつ測ったテスト正解率を、`with_eye` と `by_pixels` に入れてください。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercises: change something
#
# In an exercise, replace `...` with your answer and run the cell: it is checked at once. Mistakes cost nothing, and from the second attempt on there are hints. The solution below unfolds whenever you like.
#
# **A (try).** Which is better: one labelled picture of each kind with the borrowed eye, or twenty without it? Guess first. Then measure: in the long cell above, `load_task` gets the pictures (`per_class` of each kind), and the two lines with a comment measure the accuracy. Put the test accuracies of one run each into `with_eye` and `by_pixels`.

# %% key="ex-a" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: with_eye = ...
# PLACEHOLDER: by_pixels = ...
one = tl.load_task("birds", per_class=1)
with_eye = tl.knn(tl.backbone("zukan-resnet"), one, k=1).test_acc
twenty = tl.load_task("birds", per_class=20)
by_pixels = tl.knn("pixels", twenty, k=1).test_acc
### END SOLUTION
tl.check("00-a")

# %% [markdown] key="ex-a-why" lang="ja" tags=["solution"]
# ラベル付きの画像を6回選び直すと、目を借りて1枚ずつなら62〜73%、借りずに20枚ずつなら38〜44%でした。目を借りたほうが、20分の1のラベルでもよく当たりました。

# %% [markdown] key="ex-a-why" lang="en" tags=["solution"]
# In six draws of the labelled pictures, the eye reached 62 to 73% with one of each kind, and the nearest pixels 38 to 44% with twenty. So with the eye, a twentieth of the labels was worth more.

# %% [markdown] key="exercise-b" lang="ja"
# **B（書く）** 今度は、2つの方法に共通の「最も近い画像の名前を答える」を自分で書いてみましょう。`picture` は画素の数のリスト、`labelled` はラベル付きの画像で、（画素, 名前）の組のリストです。2枚の画像の距離は、同じ位置の画素の差を2乗して足したものとします。`[1, 3]` と `[2, 1]` なら、1² + 2² = 5です。距離が最も小さい画像の名前を返してください。

# %% [markdown] key="exercise-b" lang="en"
# **B (write).** Now write the rule of both ways yourself: answer with the name of the nearest. `picture` is a list of numbers, its pixels; `labelled` is a list of pairs, the pixels and the name of each labelled picture. The distance of two pictures is the sum of the squared differences of their pixels: for `[1, 3]` and `[2, 1]` it is 1² + 2² = 5. Return the name of the labelled picture at the smallest distance.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def nearest_name(picture, labelled):
# PLACEHOLDER:     return ...
def nearest_name(picture, labelled):
    smallest = float("inf")
    for pixels, name in labelled:
        distance = 0
        for mine, other in zip(picture, pixels):
            distance += (mine - other) ** 2
        if distance < smallest:
            smallest, nearest = distance, name
    return nearest


### END SOLUTION
tl.check("00-b")

# %% [markdown] key="ex-b-why" lang="ja" tags=["solution"]
# 上のグラフの灰色の棒は、これを画素の12,288個の数で行った結果です。画素のかわりに目の256個の数を入れると、同じ数行で青い棒になります（どちらも、各画像の数を、2乗の和が1になるようにそろえてから比べています）。レッスン05では、この考え方を使います。

# %% [markdown] key="ex-b-why" lang="en" tags=["solution"]
# The grey bar above is this rule on the 12,288 numbers of the pixels. Give it the 256 numbers of the eye instead, and the same few lines make the blue bar. (Both first scale the numbers of each picture so that their squares add up to 1.) Lesson 05 builds on that.

# %% [markdown] key="progress-intro" lang="ja"
# どのレッスンの終わりにも、短いクイズがあります。練習とクイズの記録は、あなたのパソコンの中（`work` フォルダー）だけに残り、どこにも送られません。いつでも次のセルで見られます。

# %% [markdown] key="progress-intro" lang="en"
# Every lesson ends with a short quiz. What you have done is kept on your computer only, in the folder `work`, and is sent nowhere. The next cell shows it at any time.

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
# 「自分の問題では何から試せばよいか」を先に知りたい人は、次の**戦略マップ**で、ラベルの数や、自分のデータ（**転移先**）と事前学習のデータ（**転移元**）の近さなどを選んでみてください。マップが示すのは出発点で、決めるのは測定です（レッスン06、14）。出てくることばは、どれもこの先のレッスンで説明します。いまは、自分の場所を見つけられれば十分です。

# %% [markdown] key="map-read" lang="en"
# There are sixteen lessons; from 01 on, each takes about 45 minutes. We suggest going by number. If you are in a hurry, 01 and 02 are enough to begin with; towards the end of 02 you can try photos of your own.
#
# Would you like to know what to try first on a problem of your own? Set the number of labels, how close your data (the target) are to those of pre-training (the source), and so on, in the **strategy map** below. It says where to begin; a measurement decides (lessons 06 and 14). Its words are all explained in the lessons; for now it is enough to find your place.

# %% key="strategy"
tl.strategy_map()

# %% [markdown] key="exercise-c" lang="ja"
# **C（設計する）** パン屋に戻りましょう。10種類のパンの写真が5枚ずつあり、借りられるのは、ふつうの写真で事前学習したネットワークです。新作のパンは毎月増え、今までのパンも残ります。まず戦略マップでこの状況を選び、すすめられた方法を見てください。
#
# 計画を `plan` に書きます。`"first"` は最初に試すこと、`"compare_with"` は比べる相手、`"tested_on"` はテストに使う写真、`"new_bread"` は新作が出たときにすること、`"why"` は理由です。書き終えたら、解答例の採点表で見直しましょう。

# %% [markdown] key="exercise-c" lang="en"
# **C (design).** Back to the bakery. It has five photos of each of ten kinds of bread, and the network to borrow was pretrained on ordinary photographs. Every month there is a new bread, and the old ones stay. Set this in the strategy map, and see what it suggests.
#
# Write your plan into `plan`: `"first"` is what to try first, `"compare_with"` what to compare it with, `"tested_on"` the photos for the test, `"new_bread"` what to do when a new bread comes, and `"why"` gives your reasons. Mark it with the rubric in the solution.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {"first": ..., "compare_with": ..., "tested_on": ...,
# PLACEHOLDER:         "new_bread": ..., "why": ...}
plan = {
    "first": "few-shot learning with prototypes",
    # ja: "first": "プロトタイプによるフューショット学習",
    "compare_with": "the nearest pixels, and an eye that has learned nothing, on the same photos",
    # ja: "compare_with": "画素の近さと、何も学んでいない目。写真は同じものを使う",
    "tested_on": "photos of other loaves, taken at the till on other days",
    # ja: "tested_on": "別の日に、レジで別のパンを撮った写真",
    "new_bread": "label five photos of it and add its prototype; the old kinds stay as they are",
    # ja: "new_bread": "新作の写真5枚にラベルを付け、そのプロトタイプを加える。今までのパンはそのまま残る",
    "why": "Five labels are few, and photos of bread are related to ordinary photographs.",
    # ja: "why": "ラベルは5枚と少なく、パンの写真はふつうの写真とやや近いから。",
}
### END SOLUTION
tl.check("00-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 最初に試すこと | 決めていない | マップにある方法を選んだ | ラベルの数と近さの両方から選んだ |
# | 比べる相手 | なし | ランダムに答えた場合だけ | 借りた目を使わない方法とも、同じ写真で比べる |
# | テスト | 学習に使った写真 | 残しておいた別の写真 | 本番に近い写真（別の日、レジの明るさ、別のパン） |
# | 新作のパン | 考えていない | 全部を最初から学習し直す | 今までのパンを忘れないようにしながら加える |
#
# 6点以上なら、すぐに試せる計画です。解答例は8点です。マップでは「1〜9個」「やや近い」「データが届き続ける」「古いクラスも残す」を選びます。**プロトタイプ**は、目が作る数を種類ごとに平均したものです。マップの「ランダムな重み」は、何も学んでいない目のことです。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | first | not decided | something from the map | chosen by the number of labels and by how close the source is |
# | comparison | none | guessing only | a way without the borrowed eye as well, on the same photos |
# | test | photos used for training | other photos, kept back | photos as they will come: other days, other loaves, the light of the till |
# | new bread | not thought of | learn everything again | add it in a way that does not forget the old ones |
#
# With 6 points or more you could begin tomorrow; the plan above has 8. In the map, set "1 to 9", "related", "data keep arriving" and "old classes must stay". A **prototype** is the mean of the eye's numbers for one kind; the map's "random weights" are an eye that has learned nothing.

# %% key="quiz"
tl.quiz("00")

# %% [markdown] key="next" lang="ja"
# ## まとめと次の一歩
#
# - セルは `Shift` + `Enter` で、上から順に実行します。
# - 予想する・実行する・変えてみる。この3つを繰り返します。
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
# **35分の進め方** ・ 実行の確認4分、初めての転移学習8分、練習A 6分、練習B 5分、地図4分、練習C 6分、クイズ2分が目安です。時間が足りなければ、練習BとCは宿題にします。
#
# - 全員の `tl.setup()` の1行が出るまで待ってから先へ進みます。出ない人には `tl doctor` を実行してもらいます。
# - 最初のセルは、ライブラリを読み込むので数秒から十数秒かかります。止まっているわけではないと、先に伝えておきましょう。
# - 映すもの：事前学習の絵と鳥の絵。「この目は、鳥のどこに気づくと思いますか」と尋ねてから、予想に進みます。
# - 2人組の課題：練習Cの計画を交換し、採点表で互いに採点します。
# - 遅れた人は、「初めての転移学習」から合流できます。準備のセルだけ実行すれば、続きが動きます。
# - よくある間違い：予想をせずに実行する。「正解率が高い＝鳥を知っている」と考える（ネットワークが知っているのは、形や模様の見分け方のほうです）。
# - 確認セルで確かめたシード：0〜2と、100〜102。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 35 minutes** · getting it to run 4 minutes, the first transfer 8, exercise A 6, exercise B 5, the maps 4, exercise C 6, the quiz 2. If time runs out, exercises B and C are homework.
#
# - Wait until everybody has the line of `tl.setup()`. Whoever has not, runs `tl doctor`.
# - The first cell loads libraries and takes from a few to some fifteen seconds. Say so beforehand.
# - Project the pictures of pre-training and the birds. Ask what such an eye may notice in a bird before everybody predicts.
# - For pairs: exchange the plans of exercise C, and mark each other's with the rubric.
# - Whoever fell behind can join at "A first transfer": the setup cell is all it needs.
# - Common mistakes: running without a prediction; believing that a high accuracy means knowing birds (what the network knows is how to tell shapes and markings apart).
# - Seeds on which the claim was checked: 0 to 2, and 100 to 102.
