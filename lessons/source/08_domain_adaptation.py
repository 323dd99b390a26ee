# %% [markdown] key="title" lang="ja"
# # 08 ドメイン適応
#
# **説明30分、練習15分** ・ 前提：レッスン02（特徴抽出）。ファインチューニング（レッスン03）も済ませてあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 見た目が変わって下がった正解率を、新しいラベルなしで取り戻す（AdaBN、3行）
# - そのために画像が何枚いるか、どんな集め方だと失敗するかを判断する
# - クラスの割合が変わったときの落とし穴を見抜き、対処する

# %% [markdown] key="title" lang="en"
# # 08 Domain adaptation
#
# **30 minutes of reading, 15 of exercises** · Before this: lesson 02 (feature extraction); lesson 03 (fine-tuning) helps.
#
# After this lesson you can
#
# - win back the accuracy that is lost when pictures look different, without one new label (AdaBN, three lines)
# - tell how many pictures that takes, and which collections of pictures spoil it
# - recognise the trap when the shares of the classes change, and get out of it

# %% key="setup"
import copy

import torch
from IPython.display import display
from torch import nn

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-resnet")
lesson08 = tl.figures("08")

# %% [markdown] key="idea" lang="ja"
# ## 目が暗さに慣れるまで
#
# 野鳥に詳しい人でも、日が暮れてすぐは、どの鳥も黒い影にしか見えません。けれども数分たつと、目が暗さに慣れて見分けられるようになります。その間、誰も鳥の名前を教えていません。見ているだけで、目が明るさの基準を合わせ直したのです。
#
# ネットワークも、同じことで困ります。たとえば、昼の写真で学んだ外観検査を夜勤でも使ったり、カメラを替えたりしたときです。ラベルを付け直すには何日もかかりますが、ラベルのない写真なら、装置を動かしていれば集まります。
#
# クラスは同じなのに見た目の違うデータの集まりを、それぞれ**ドメイン**（domain）と呼びます。ラベルのある**転移元**から、ラベルのない**転移先**へ、モデルを合わせ直すことを**ドメイン適応**（domain adaptation）といいます。

# %% [markdown] key="idea" lang="en"
# ## Until the eye is used to the dark
#
# At dusk even an experienced bird-watcher sees nothing but black shapes. After a few minutes the eye has adapted, and the birds can be told apart again. Nobody has named a bird meanwhile: by looking alone, the eye has set its idea of "bright" and "dark" anew.
#
# A visual inspection that learned by day gets into the same trouble at night, or with another camera. Naming new photos each time takes days; photos without names come in by themselves.
#
# Collections of data that have the same classes but look different are called **domains**. In **domain adaptation**, a model moves from a domain with labels (the source) to one without (the target).

# %% key="domains"
tl.diagram("domains")

# %% [markdown] key="task" lang="ja"
# ## 題材：水中カメラ
#
# 水中に置いた1台のカメラが、前を通る魚を撮影しています。10種類の魚について、昼の写真が50枚ずつあり、名前が付いています。まず、この写真でネットワークをファインチューニングします（`keep_batchnorm=False` の意味は、あとで説明します。`read_test=False` は、テストを次の行で行うための指定です）。
#
# 夜の写真も500枚ありますが、名前は付いていません。正解率は、別に取っておいたテスト用の写真で測ります。
#
# > **予想してから実行**：人の目には、夜の写真でも魚の形は見えます。このネットワークではどうでしょうか。

# %% [markdown] key="task" lang="en"
# ## The job: a camera under water
#
# A camera under water takes pictures of the fish that swim by. There are 50 daytime photos of each of ten species, with names, and we fine-tune the network on these. (`keep_batchnorm=False` is explained below; `read_test=False` leaves the test to the next line.)
#
# From the night there are 500 photos without names, and others for testing.
#
# > **Predict, then run**: a person still sees the shapes of the fish by night. What about this network?

# %% key="day" alt_ja="昼と夜の魚の写真。1行に1種類、3枚ずつ。夜は暗く、青みがかって、ざらついている。" alt_en="Photos of fish by day and by night, one species a row, three each. The night is dark, bluish and grainy."
day = tl.load_task("fish", per_class=50)
night = tl.load_task("fish", per_class=50, seed=1, style="night")
model = tl.fine_tune(network, day, lr=0.05, keep_batchnorm=False, read_test=False).model
by_day = tl.evaluate(model, day.test)
print(f"By day: {by_day:.0%} of the test photos are right  (guessing: 10%)")
# ja: print(f"昼：テスト写真の正解率 {by_day:.0%}（ランダムに答えた場合は10%）")
display(tl.show(day, classes=[3, 6], per_class=3))
tl.show(night, classes=[3, 6], per_class=3)

# %% key="predict-night"
tl.predict_first("08-night", "Accuracy of the same network by night", between=(0, 100), unit="%")
# ja: tl.predict_first("08-night", "同じネットワークの、夜の正解率", between=(0, 100), unit="%")

# %% key="night-run"
by_night = tl.evaluate(model, night.test)
answers = tl.predict(model, night.test).argmax(1)
most = answers.mode().values
count = (answers == most).sum()
print(f"By night: {by_night:.0%} of the test photos are right")
# ja: print(f"夜：テスト写真の正解率 {by_night:.0%}")
print(f"Most frequent answer: {day.class_names[most]}, for {count} of {len(answers)} photos")
# ja: print(f"最も多い答え：{day.class_names[most]}（{len(answers)} 枚のうち {count} 枚）")
tl.see_prediction("08-night", round(100 * by_night))

# %% [markdown] key="night-read" lang="ja" tags=["answer"]
# **ほとんど見分けられなくなりました。** 魚は変わっていないのに、大半の写真に同じ答えを返しています。エラーも警告も出ません。夜のラベルがなければ、答えの偏りを数えないかぎり気づけません。
#
# 直せるかどうか、次のウィジェットで確かめましょう。

# %% [markdown] key="night-read" lang="en" tags=["answer"]
# **It can hardly tell anything any more.** Most photos get one and the same answer, and there is no warning. Without labels, only counting the answers shows it.
#
# Try to mend it in the widget.

# %% key="widget"
tl.widget("08")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（試す、3分）
#
# 「適応」をオンにすると、ネットワークは目と同じように、流れてくる写真を見るだけで「ふつう」の基準を合わせ直します。「光の強さ」と「流れてくる写真」の枚数を変えて、次の2つを探してください。
#
# - `pays_from`：写真が8枚だけのとき、適応ありのほうが正解率が高くなる、いちばん明るい光（%）
# - `stream_needed`：光が20%のとき、適応ありで正解率が90%以上になる、いちばん少ない枚数
#
# `pays_from` より明るいと、適応で正解率が下がるのはなぜでしょうか。自分の言葉で説明してから、解答例を開いてください。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (try, 3 minutes)
#
# With "adaptation" on, the network does as the eye does: it sets its idea of what is ordinary anew by looking at the photos in the stream. Change "light" and "photos in the stream", and find two numbers:
#
# - `pays_from`: with only 8 photos, the brightest light (in percent) at which the accuracy is higher with adaptation than without
# - `stream_needed`: the smallest stream that reaches at least 90% at 20% of the light
#
# Why does adaptation cost accuracy in even brighter light? Answer, then open the solution.

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: pays_from = ...
# PLACEHOLDER: stream_needed = ...
pays_from = 60
stream_needed = 32
### END SOLUTION
tl.check("08-a")

# %% [markdown] key="ex-a-why" lang="ja" tags=["solution"]
# 明るければ、学習のときに何百枚もの写真で身に付けた「ふつう」の基準が、そのまま通用します。8枚だけで測り直した基準はそれより粗く、光が100%なら、適応で4ポイント下がります。暗いところでは、粗くても今の光に合った基準のほうが、合わない基準よりましです。

# %% [markdown] key="ex-a-why" lang="en" tags=["solution"]
# In good light the idea of what is ordinary, learned from hundreds of photos, is right. One measured on 8 photos is rougher: in full light that costs 4 points. In the dark, a rough idea of the present light is better than a precise one of the wrong light.

# %% [markdown] key="memory" lang="ja"
# ## 何がずれたのか：BatchNormの記憶
#
# ネットワークの途中には**BatchNorm**という層が何度も現れます。チャネル（特徴の1つ）ごとに、平均を引き、ばらつき（標準偏差）で割って、値の大きさをそろえる（正規化する）層です。平均とばらつきは、学習のときに覚えた値を使います。これが**BatchNormの記憶**です。今回は `keep_batchnorm=False` を付けて学習したので、昼の写真の値を覚えています（付けなければ、事前学習のときの値が残ります）。
#
# 手で計算してみましょう。あるチャネルの値が、昼は平均8、ばらつき2、光の弱い夜は平均3、ばらつき1だとします。夜のふつうの値3を昼の記憶で正規化すると $(3-8)/2=-2.5$ となり、「極端に小さい」ことになってしまいます。夜の記憶なら $(3-3)/1=0$、つまり昼の8と同じ「ふつう」です。

# %% [markdown] key="memory" lang="en"
# ## What has moved: BatchNorm's memory
#
# Throughout the network, **BatchNorm** layers bring the values to about the same size: in each channel (one feature) they subtract a mean and divide by a spread (the standard deviation). Both are remembered from training: this is **BatchNorm's memory**. Our network remembers the photos of the day, since we trained it with `keep_batchnorm=False` (without it, the memory of pre-training is kept).
#
# For example, a channel has mean 8 and spread 2 by day, mean 3 and spread 1 in the weaker light of the night. With the memory of the day, an ordinary value of the night, 3, becomes $(3-8)/2=-2.5$: extremely low. With a memory of the night it becomes $(3-3)/1=0$: ordinary, like 8 by day.

# %% key="day-and-night"
tl.diagram("day_and_night")

# %% [markdown] key="adabn" lang="ja"
# ## AdaBN：記憶だけを測り直す
#
# それなら、記憶を夜の写真で測り直せばよいはずです。これが**AdaBN**（Li ほか, 2016、[arXiv:1603.04779](https://arxiv.org/abs/1603.04779)）です。BatchNormは、値 $x$ を次の式で変えます。
#
# $$y = \gamma\,\frac{x-\mu}{\sigma} + \beta$$
#
# 学習で決まった重み $\gamma$ と $\beta$ は、そのまま使います。取り替えるのは記憶だけで、$\mu$（平均）と $\sigma$（ばらつき）を転移先で測った値にします。ラベルも、損失も、勾配も使いません。要点は①〜③の3行です。

# %% [markdown] key="adabn" lang="en"
# ## AdaBN: measure the memory again
#
# So we measure the memory again on photos of the night. This is **AdaBN** (Li et al., 2016, [arXiv:1603.04779](https://arxiv.org/abs/1603.04779)). BatchNorm turns a value $x$ into
#
# $$y = \gamma\,\frac{x-\mu}{\sigma} + \beta$$
#
# The weights $\gamma$ and $\beta$, found in training, stay as they are. Only the memory is replaced: $\mu$ (mean) and $\sigma$ (spread) become those of the target. There is no label, loss or gradient; the lines ① to ③ are the whole method.


# %% key="adabn-run" alt_ja="昼、夜、AdaBN後の夜のテスト正解率を、1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy by day, by night, and by night after AdaBN, one a row, as dots with 95% intervals."
def adabn(model, pictures):
    adapted = copy.deepcopy(model)
    for layer in adapted.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()  # ① forget the day
            # ja: layer.reset_running_stats()  # ① 昼の記憶を消す
            layer.momentum = None  # plain average over batches
            # ja: layer.momentum = None  # 全バッチを同じ重みで平均
    adapted.train()  # ② BatchNorm measures what it sees
    # ja: adapted.train()  # ② 見たものを測るモード
    with torch.no_grad():
        # shuffled, so that every batch is a fair sample
        # ja: # どのバッチも偏らないように混ぜる
        for batch in pictures[torch.randperm(len(pictures))].split(250):
            adapted(network.preprocess(batch))  # ③ look at the night
            # ja: adapted(network.preprocess(batch))  # ③ 夜の写真を見せる
    return adapted.eval()


adapted = adabn(model, night.train.inputs)
after = tl.evaluate(adapted, night.test)
print(f"By night {by_night:.0%}  →  after AdaBN {after:.0%}")
# ja: print(f"夜 {by_night:.0%} → AdaBNのあと {after:.0%}")
styles = tl.stored("08_styles")
lesson08.draw_win(styles, live={"day": by_day, "before": by_night, "adabn": after})

# %% key="claim-adabn" tags=["claim"]
fish = styles["night"]
gain = tl.interval([a - b for a, b in zip(fish["adabn"], fish["before"])])
tl.claim(
    f"AdaBN wins back {100 * gain.low:.0f} to {100 * gain.high:.0f} points by night "
    "(stored, 10 draws of all pictures)",
    # ja: f"AdaBNで、夜の正解率が{100 * gain.low:.0f}〜{100 * gain.high:.0f}ポイント"
    # ja: "戻りました（保存済み、画像を選び直して10回）",
    gain.low > 0.15,
)

# %% [markdown] key="adabn-read" lang="ja"
# **失われた正解率のほとんどが、見せるだけで戻りました。** ネットワークは夜の魚を見分ける力を持っていたのに、「ふつう」の基準が昼のままだったのです。
#
# 図の塗りつぶした印と線は、すべての写真を選び直して10回、前もって測った平均と95%信頼区間です（「保存済み」と書きます）。丸印は今日の1回で、1回の値は平均より大きくばらつくので、線から外れることもあります。
#
# ## 写真は何枚いるか、どう集めるか
#
# 500枚も必要だったのでしょうか。ほとんどが同じ種類の魚でも、うまくいくのでしょうか。

# %% [markdown] key="adabn-read" lang="en"
# **Looking alone brings back most of what was lost.** The network could tell fish by night all along; only its idea of what is ordinary was still that of the day.
#
# The filled marks and intervals were measured beforehand ("stored") on 10 draws of all photos. Rings are today's run, which may lie off its line.
#
# ## How many photos, and which?
#
# Did it take all 500? And what if nearly all show one species?

# %% key="pool" alt_ja="左：ラベルなし写真の枚数に対する、AdaBN後の正解率。右：100枚のうち1種類が占める割合に対する正解率。破線は適応前、点線はランダムに答えた場合。" alt_en="Left: accuracy after AdaBN against the number of unlabelled photos. Right: against the share of one species among 100 photos. Dashed: before; dotted: guessing."
lesson08.draw_pool(tl.stored("08_pool"))

# %% [markdown] key="pool-read" lang="ja"
# **枚数は少なくて済みますが、偏りには弱いのです。** 4枚だけで39%から78%まで戻り、32枚でほぼ頭打ちになります。
#
# 同じ100枚でも、1種類が9割を占めると58%までしか戻りません。平均が「夜」ではなく「その魚」の平均になり、その魚の目印が、どの写真からも差し引かれてしまうからです。
#
# ## 線画では？
#
# 色や質感が消えた**線画**や、色あせた印刷でも、AdaBNで正解率は戻るでしょうか。

# %% [markdown] key="pool-read" lang="en"
# **A few photos are enough, but not if they are lopsided.** Four photos already bring the 39% back to 78%, and beyond 32 little is added.
#
# If 90 of 100 photos show one species, AdaBN reaches only 58%. The mean is then that species', not the night's: what marks the species is subtracted from every photo.
#
# ## And sketches?
#
# In a **sketch**, colour and surface are gone; in a faded print, the colours are pale. Does AdaBN help there, too?

# %% key="ways" alt_ja="魚の線画と、色あせた印刷（1行に1種類、3枚ずつ）。続いて、夜、色あせた印刷、線画のそれぞれで、適応前とAdaBN後のテスト正解率。破線は昼の正解率、点線はランダムに答えた場合。" alt_en="Fish as sketches and as faded prints, one species a row, three each; then test accuracy before and after AdaBN, for night, faded prints and sketches. Dashed: by day; dotted: guessing."
for style in ("sketch", "faded"):
    pictures = tl.load_task("fish", per_class=3, seed=1, style=style)
    display(tl.show(pictures, classes=[3, 6], per_class=3))
lesson08.draw_ways(styles)

# %% [markdown] key="ways-read" lang="ja"
# **線画では、AdaBNだけでは足りません。** 41%が64%に上がりますが、昼の99%には遠く届きません。一方、色あせた印刷は96%まで戻ります。光や色の濃さの変化は、平均とばらつきの変化なので、測り直せば直ります。線画では、手がかりの多くが消えてしまっています。
#
# ## 本物のデータでは？
#
# 手書き数字には、MNISTとUSPSという、集め方も解像度も違う2つの有名なデータがあります。片方で学び、もう片方で使います。写真では、ImageNetで事前学習したMobileNetV2に犬と猫を見分けさせ、光を弱めていきます。

# %% [markdown] key="ways-read" lang="en"
# **On sketches AdaBN is not enough.** It lifts 41% to 64% there, far below the 99% by day, while faded prints come back to 96%. Where light or colour fades, mean and spread change, and both can be measured again; in a sketch, many of the clues are gone.
#
# ## And on real data?
#
# MNIST and USPS are collections of handwritten digits: we learn on one and use the other. In photos, a MobileNetV2 pretrained on ImageNet tells cats from dogs while the light goes down.

# %% key="real-figure" alt_ja="本物のデータでのテスト正解率。左と中央は2つの手書き数字データの間の転移、右は光を弱めた犬と猫の写真。適応前とAdaBN後を比べる。" alt_en="Test accuracy on real data: between two collections of digits at the left and in the middle, and on photos of cats and dogs under less and less light at the right, before and after AdaBN."
lesson08.draw_real(tl.stored("08_real"))

# %% [markdown] key="real-read" lang="ja"
# **本物の写真も、暗くしただけなら戻ります。数字はあまり戻りません。** 犬と猫の写真では、光が10%になると正解率は50%、つまりランダムに答えたのと同じところまで落ちますが、AdaBNで80%に戻ります。明るい写真の84%に近い値です（写真が小さく、記憶も120枚だけで測ったので、レッスン01より低めです）。
#
# 数字では、失われた19〜24ポイントのうち5〜6ポイントしか戻りません。筆跡や線の太さの違いは、光と違って、平均とばらつきだけでは説明しきれないのでしょう。

# %% [markdown] key="real-read" lang="en"
# **Real photos in the dark come back; digits hardly do.** At 10% of the light, cats and dogs fall to 50% (guessing), and AdaBN brings them back to 80%, not far below the 84% of bright photos (less than in lesson 01: the photos are smaller, and BatchNorm's memory comes from only 120 of them).
#
# On digits, AdaBN wins back only 5 or 6 of the 19 to 24 points that were lost: another handwriting is probably more than another mean and spread.

# %% [markdown] key="shift" lang="ja"
# ## 落とし穴：クラスの割合が変わるとき
#
# 今度は夕暮れで、光は昼の半分です。しかも、1種類の魚が群れで通るため、写真の55%をその魚が占め、残りの9種類は5%ずつです（テスト写真も同じ割合です）。見た目ではなくクラスの割合が変わることを、**ラベルシフト**（label shift）といいます。
#
# > **予想してから実行**：10種類が同じ割合なら、夕暮れの正解率はAdaBNで18ポイントほど上がります。群れが通るときは、どうなるでしょうか。

# %% [markdown] key="shift" lang="en"
# ## The trap: when the class shares change
#
# At dusk there is half the light of the day. One species swims by in a school and makes up 55% of the photos, test photos included; the other nine have 5% each. A change of the classes' shares, rather than of their look, is called **label shift**.
#
# > **Predict, then run**: with all species in equal shares, AdaBN raises the accuracy at dusk by some 18 points. And while the school swims by?

# %% key="predict-shift"
choices = ("rises as much", "rises less", "falls")
# ja: choices = ("同じくらい上がる", "少しだけ上がる", "下がる")
tl.predict_first("08-shift", "By AdaBN, while the school swims by, the accuracy", choices=choices)
# ja: tl.predict_first("08-shift", "群れが通るとき、AdaBNで正解率は", choices=choices)

# %% key="shift-run" alt_ja="夕暮れでの適応前とAdaBN後のテスト正解率。左は10種類が同じ割合、右は1種類が55%の場合で、割合をそろえた場合も示す。" alt_en="Test accuracy at dusk before and after AdaBN: all species alike at the left; one at 55% at the right, also with shares made equal."
swarm = lesson08.swarm_at_dusk()
before = tl.evaluate(model, swarm.test)
after = tl.evaluate(adabn(model, swarm.train.inputs), swarm.test)
shift = tl.stored("08_shift")
display(lesson08.draw_shift(shift, live={"before": before, "adabn": after}))
tl.see_prediction("08-shift", choices[1] if after > before else choices[2])

# %% [markdown] key="shift-read" lang="ja" tags=["answer"]
# **今度は、AdaBNで正解率が下がりました。** 88%が77%になっています。AdaBNは群れの魚の平均を「ふつう」と見なすので、その魚の目印まで差し引いてしまいます。ほかの9種類は前よりよく当たりますが、写真の半分以上を占める群れの魚を外すことが増えました。
#
# **割合をそろえてから適応すると、99%になります。** ここでもラベルは使いません。適応前のネットワークに答えさせ、どの答えも同じ枚数になるように写真を選び、その写真でAdaBNを行います。どの答えも、大半が当たっていることが条件です（ここでは全体の88%が当たっています）。

# %% [markdown] key="shift-read" lang="en" tags=["answer"]
# **This time AdaBN costs accuracy**: 88% falls to 77%. It takes the school's mean for ordinary, so what marks this fish is subtracted, and it is often missed. The other nine are recognised more often than before, but most photos show the school.
#
# **With the shares made equal first, the network reaches 99%**, still without a label. Let the unadapted network answer, choose photos so that every answer comes equally often, and run AdaBN on these. This works where each answer is right for most of the photos that get it (here, for 88% of all).

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# 割合をそろえる関数 `equal_rows(answers)` を書きましょう。`answers` は、ネットワークの答え（クラス番号）が並んだテンソルです。現れたどの答えも同じ枚数になるように行番号を選び、テンソルで返します。枚数は、いちばん少ない答えに合わせます。たとえば `[7, 7, 7, 2]` なら、7の行（0、1、2）から1つと、2の行（3）を選びます。
#
# 道具は3つです。この例での結果も書いておきます。
#
# - `answers.unique(return_counts=True)`：答えの種類 `[2, 7]` と、それぞれの枚数 `[1, 3]`
# - `(answers == 7).nonzero()[:, 0]`：答えが7の行番号 `[0, 1, 2]`
# - `torch.cat([first, second])`：2つのテンソルを1つにつなぐ
#
# 書けたら、新しいセルを作って、群れの写真で試しましょう。
#
# ```python
# rows = equal_rows(tl.predict(model, swarm.train).argmax(1))
# mended = adabn(model, swarm.train.inputs[rows])
# print(f"{len(rows)}枚で適応：{tl.evaluate(mended, swarm.test):.0%}")
# ```

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# Write `equal_rows(answers)`, which makes the shares equal. `answers` is a tensor with the network's answers (class numbers). Return a tensor of row numbers in which every answer that occurs comes as often as the rarest one. For `[7, 7, 7, 2]`, return one of the rows 0, 1 and 2 (a 7), and row 3 (the 2).
#
# Three tools, with what they give for this example:
#
# - `answers.unique(return_counts=True)`: the answers `[2, 7]` and their counts `[1, 3]`
# - `(answers == 7).nonzero()[:, 0]`: the rows with a 7, `[0, 1, 2]`
# - `torch.cat([first, second])`: two tensors joined to one
#
# Then try it on the school, in a new cell:
#
# ```python
# rows = equal_rows(tl.predict(model, swarm.train).argmax(1))
# mended = adabn(model, swarm.train.inputs[rows])
# print(f"adapted to {len(rows)} photos: {tl.evaluate(mended, swarm.test):.0%}")
# ```


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def equal_rows(answers):
# PLACEHOLDER:     return ...
def equal_rows(answers):
    given, counts = answers.unique(return_counts=True)
    rows = [(answers == answer).nonzero()[: counts.min(), 0] for answer in given]
    return torch.cat(rows)


### END SOLUTION
tl.check("08-b")

# %% [markdown] key="ex-b-why" lang="ja" tags=["solution"]
# `given` には現れた答えが1つずつ、`counts` にはその枚数が入ります。それぞれの答えの行から、先頭の `counts.min()` 個だけを残しています。
#
# 作成時の1回では、300枚から70枚が選ばれ、正解率は99%になりました。

# %% [markdown] key="ex-b-why" lang="en" tags=["solution"]
# `given` has each answer once, and `counts` how often it came; of the rows of each answer, the first `counts.min()` stay.
#
# In one run of ours, 70 of the 300 photos stayed, and the accuracy was 99%.

# %% [markdown] key="shares-only" lang="ja"
# ## 割合だけが変わったとき
#
# [レッスン03](03_fine_tuning.ipynb)の検査ラインで、光はいつもどおりなのに、部品の80%が良品、4種の欠陥が5%ずつになりました。学習のときは、5つのクラスが20%ずつでした。見た目は変わっていないので、AdaBNが直せるものはなく、かえって77%が41%に下がります。
#
# こういうときは、**答えのほうを補正**します。各クラスの確率に「今の割合÷学習時の割合」を掛けます。良品なら4倍、それぞれの欠陥なら1/4倍です。今の割合がわからず、推定で済ませた場合でも、77%が84%に上がりました（全部を良品と答えるだけなら80%です。図は「さらに深く：答えを新しい割合に合わせる」）。

# %% [markdown] key="shares-only" lang="en"
# ## If only the shares have changed
#
# The inspection line of [lesson 03](03_fine_tuning.ipynb) has its usual light, but 80% of its parts are good today, and each of four defects has 5%; in training, all five classes had 20%. There is no new look to adapt to, and AdaBN takes 77% down to 41%.
#
# **Correct the answers instead**: multiply each class's probability by its share today divided by its share in training, here by 4 for good parts and by 1/4 for each defect. Even with today's shares only estimated, 77% becomes 84%; calling every part good gives 80% ("Deeper: answers for new shares").

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# この検査ラインを、良品は**80%**のまま、夜勤では**昼の半分の光**で動かすことになりました。モデルは、昼勤のラベル付き写真（1クラス40枚）で学んだものです。夜勤の写真は一晩に2,000枚たまり、そのうち**50枚**までラベルを付けられます。
#
# 計画を `plan` に、1項目1文で書いてください。ウィジェットと図の数字（光の強さ、写真の偏り、割合の変化）を根拠に挙げます。正解は1つではありません。解答例に採点表があります。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# This line, still with **80% good parts**, gets a night shift in **half the light** of the day. Its model learned by day, from 40 labelled photos of each class. A night brings 2,000 photos; you may have **50** of them labelled.
#
# Write your plan into `plan`, a sentence each, with numbers from the widget and the figures (less light, lopsided photos, changed shares). Several plans are good; the solution has a rubric.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "adapt": ...,  # your way, and what speaks for it
# ja: # PLACEHOLDER:     "adapt": ...,  # 使う方法と、その根拠
# PLACEHOLDER:     "pool": ...,  # which photos it looks at
# ja: # PLACEHOLDER:     "pool": ...,  # 適応に使う写真の選び方
# PLACEHOLDER:     "labels": ...,  # what the 50 labels are for
# ja: # PLACEHOLDER:     "labels": ...,  # 50枚のラベルの使い道
# PLACEHOLDER:     "alarm": ...,  # what you would watch every night
# ja: # PLACEHOLDER:     "alarm": ...,  # 毎晩、何を見張るか
# PLACEHOLDER:     "way_back": ...,  # when you return to the unadapted model
# ja: # PLACEHOLDER:     "way_back": ...,  # 適応前のモデルに戻す条件
# PLACEHOLDER: }
plan = {
    "adapt": "AdaBN: half the light took the fish from 99% to 81%, and AdaBN brought them back.",
    # ja: "adapt": "AdaBN。魚では、半分の光で99%が81%に下がり、AdaBNで99%に戻りました。",
    "pool": "Equally many of each answer: with one species at 55%, AdaBN took 88% down to 77%.",
    # ja: "pool": "答えごとに同じ枚数。偏ったまま（1種類が55%）では、88%が77%に下がりました。",
    "labels": "50 photos, drawn where the models before and after AdaBN disagree; used once.",
    # ja: "labels": "適応の前と後で答えが食い違った写真50枚。判定に1回だけ使います。",
    "alarm": "The share of each answer, every night; a jump is looked at by a person.",
    # ja: "alarm": "答えの割合を毎晩記録し、急に変わったら人が確認します。",
    "way_back": "A missed defect costs 10 good parts; the model that is cheaper on the 50 stays.",
    # ja: "way_back": "欠陥の見逃し1つを良品の誤判定10個分と数え、50枚で損の少ないほうを残します。",
}
### END SOLUTION
tl.check("08-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 方法 | 理由がない | 光または割合の変化に合う方法 | 図の数字を挙げて選んだ |
# | 写真の選び方 | 全部そのまま | 偏りに触れた | 割合をそろえる手順がある、または適応しない理由を数字で示した |
# | ラベル50枚 | 学習と評価の両方に使い回す | 評価用に分けた | どの写真を選び、何回使うかも決めた |
# | 見張るもの | なし | 人が見る | 数字を毎晩記録し、しきい値も決めた |
# | 戻す条件 | なし | 触れた | 適応前と比べ、欠陥の見逃しと良品の誤判定を分けて数える |
#
# 7点以上なら、そのまま提案できます。上の解答例は、2＋2＋2＋1＋2で9点です（見張る数字のしきい値がありません）。
#
# このラインで測ると、次のようになりました。正しく分類した割合（10回の平均）です。欠陥は、種類まで当たったものだけを正解とします。
#
# | | 全部品 | 良品 | 欠陥 |
# |---|---|---|---|
# | 昼の光、適応前 | 77% | 79% | 71% |
# | 半分の光、適応前 | 80% | 89% | 46% |
# | 半分の光、割合をそろえてAdaBN | 73% | 74% | 68% |
# | 半分の光、適応せず、答えを良品80%に合わせて補正 | 83% | 95% | 35% |
#
# **正解率だけを見ていると、欠陥での間違いが隠れます。** 光が半分になると、正解率はかえって上がります。「良品」と答えることが増えるからで、そのぶん欠陥を見落とします。答えを補正すると、見落としはさらに増えます。
#
# 割合をそろえたAdaBNは、その逆です。一晩の2,000枚で、正しく分類できる欠陥が約90個増え、良品の誤判定も約240個増えます。欠陥1つが良品3個分より重ければ、適応したほうが得です（上の解答例では10個分と数えています）。何をどれだけ重く見るかを、数える前に決めておきましょう。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | method | no reason | fits the change of light or of shares | chosen with numbers from a figure |
# | photos | all of them as they come | mentions that they are lopsided | a procedure that makes shares equal, or a reason with numbers for not adapting |
# | 50 labels | used for learning and for testing | kept for testing | says which photos, and how often they are used |
# | alarm | none | somebody looks | a number is kept every night, with a limit |
# | way back | none | mentioned | compares with the unadapted model, missed defects and rejected good parts counted apart |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 2 + 2 + 2 + 1 + 2 = 9: its alarm has no limit.
#
# We measured on this line which share of the parts is named rightly (means of 10 draws). A defect taken for another defect counts as wrong.
#
# | | all parts | good parts | defects |
# |---|---|---|---|
# | full light, unadapted | 77% | 79% | 71% |
# | half the light, unadapted | 80% | 89% | 46% |
# | half the light, AdaBN on equal shares | 73% | 74% | 68% |
# | half the light, unadapted, answers corrected for 80% good | 83% | 95% | 35% |
#
# **Accuracy alone hides mistakes on the defects.** In half the light the accuracy even rises, since the network calls more parts good, defects among them. Correcting the answers makes it miss still more.
#
# AdaBN on equal shares does the opposite: of the 2,000 photos of a night, it gets some 90 more defects right and some 240 more good parts wrong. That pays if one defect weighs more than 3 good parts (10 in the plan above), so settle the weights before you count.

# %% key="quiz"
tl.quiz("08")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - クラスが同じでも見た目が変わると、正解率は何の警告もなく下がります。ラベルのない写真だけで合わせ直すのが、ドメイン適応です。
# - AdaBNは、BatchNormの記憶を新しい写真で測り直すだけです。光の変化なら数十枚の写真で効きますが、線画のように手がかり自体が消えると、十分には戻りません。
# - クラスの割合が変わると、AdaBNで正解率が下がることがあります。見た目も変わったなら割合をそろえてから適応し、割合だけなら答えを補正します。
# - 良くなったかどうかは、少数のラベルで確かめます。少ないクラスの間違いは正解率に表れにくいので、別に数えます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - When pictures look different, the accuracy falls without a warning. Domain adaptation moves the model with unlabelled pictures alone.
# - AdaBN measures BatchNorm's memory again. Against a change of light some dozens of pictures are enough; where the clues themselves are gone, as in a sketch, it falls short.
# - When the shares of the classes change, AdaBN may cost accuracy. If the look has changed, too, make the shares equal and then adapt; if not, correct the answers instead.
# - A few labels tell whether it paid. Count the mistakes on rare classes apart, since accuracy hides them.

# %% [markdown] key="deeper-layers" lang="ja" tags=["deeper"]
# ## さらに深く：どの層の記憶がずれたか
#
# AdaBNの前と後で、BatchNormの記憶を層ごとに比べます。左は平均がどれだけ動いたか（昼のばらつきの何倍か）、右はばらつきが昼の何倍になったかです。

# %% [markdown] key="deeper-layers" lang="en" tags=["deeper"]
# ## Deeper: which layers' memory was off
#
# Compare BatchNorm's memory before and after AdaBN, layer by layer. The left panel shows how far each mean has moved, in spreads of the day; the right one shows each spread by night, divided by that of the day.

# %% key="layers" alt_ja="BatchNorm層ごとの、平均の移動（昼のばらつきを単位とする）とばらつきの比。縦棒がチャネル、ひし形が中央値。" alt_en="For each BatchNorm layer the shift of the mean, in spreads of the day, and the ratio of spreads. Ticks are channels, diamonds medians."
first_only = copy.deepcopy(model)
first_only.bn1.load_state_dict(adapted.bn1.state_dict())
print(f"By night, only the first memory measured again: {tl.evaluate(first_only, night.test):.0%}")
# ja: print(f"夜、最初の記憶だけ測り直した場合：{tl.evaluate(first_only, night.test):.0%}")
lesson08.draw_layers(model, adapted)

# %% [markdown] key="layers-read" lang="ja"
# **最も大きくずれているのは最初の層ですが、そこだけ直しても足りません。** `bn1` では、夜の値のばらつきが昼の半分ほどしかありません。あとの層のずれは小さく見えますが、積み重なります。最初の記憶だけを測り直した正解率（図の上の行）は、すべての層を測り直した場合よりずっと低いままです。
#
# AdaBNは、鳥の写真にも効きます。夜に99%から41%へ下がった正解率が、94%まで戻りました（保存済み、10回）。

# %% [markdown] key="layers-read" lang="en"
# **The first layer is off most, but mending it alone is not enough.** In `bn1`, values vary by night only about half as much as by day. The later layers are off only a little, but it adds up: with the first memory alone measured again (the line above the figure), the accuracy stays far below that of all layers.
#
# AdaBN works for birds, too: their photos fell from 99% to 41% by night, and it brought them back to 94% (stored, 10 draws).

# %% [markdown] key="deeper-prior" lang="ja" tags=["deeper"]
# ## さらに深く：答えを新しい割合に合わせる
#
# 学習のときのクラスの割合（**事前確率**）を $\pi$、今の割合を $\pi'$ とします。ネットワークが出したクラス $c$ の確率 $p_c$ に割合の変化を掛け、合計が1になるようにそろえます（$\propto$ は「比例する」という記号です）。
#
# $$p'_c \propto p_c\,\frac{\pi'_c}{\pi_c}$$
#
# たとえば部品の検査で、学習では良品と傷が半々（$\pi=0.5, 0.5$）だったのに、現場では良品が80%（$\pi'=0.8, 0.2$）だとします。迷った答え $p=(0.4, 0.6)$ は $(0.4\times1.6,\ 0.6\times0.4)=(0.64, 0.24)$、合計を1にすると $(0.73, 0.27)$ で、良品に変わります。

# %% [markdown] key="deeper-prior" lang="en" tags=["deeper"]
# ## Deeper: answers for new shares
#
# Let $\pi$ be the shares of the classes in training (the **priors**) and $\pi'$ those of today. Multiply the network's probability $p_c$ of each class $c$ by the change of its share, and scale the results so that they sum to 1 (that is what $\propto$ means):
#
# $$p'_c \propto p_c\,\frac{\pi'_c}{\pi_c}$$
#
# For example, a network learned from as many good parts as scratched ones ($\pi=0.5, 0.5$), but on the line 80% are good ($\pi'=0.8, 0.2$). An undecided answer $p=(0.4, 0.6)$ becomes $(0.4\times1.6,\ 0.6\times0.4)=(0.64, 0.24)$, and scaled $(0.73, 0.27)$: a good part.

# %% [markdown] key="prior-guess" lang="ja"
# 今の割合がわからなくても、ラベルなしで推定できます（Saerens ほか, 2002）。補正した答えの平均を新しい割合とし、それで補正し直すことを繰り返します。次のセルでは、群れが通る夕暮れの割合を求めます。図の「補正」も、こうして求めた割合を使っています。

# %% [markdown] key="prior-guess" lang="en"
# If today's shares are not known, they can be estimated without labels (Saerens et al., 2002): take the mean of the corrected answers as the new shares, correct with these, and repeat. The next cell does so for the school at dusk. The figure's corrections use shares found in this way.

# %% key="prior-run" alt_ja="左：群れが通る夕暮れの魚、右：良品が80%の検査ラインでのテスト正解率を、方法ごとに点と95%信頼区間で示す。" alt_en="Test accuracy of each way as dots with 95% intervals: fish at dusk while one species swarms at the left, an inspection line with 80% good parts at the right."
answers = tl.predict(model, swarm.train).softmax(1)
learned = torch.full((10,), 0.1)
shares = learned
for _ in range(100):
    corrected = answers * shares / learned
    corrected = corrected / corrected.sum(1, keepdim=True)
    shares = corrected.mean(0)
print(f"Estimated share of {day.class_names[0]}: {shares[0]:.0%}  (true: 55%)")
# ja: print(f"推定した{day.class_names[0]}の割合：{shares[0]:.0%}（正しくは55%）")
lesson08.draw_remedies(shift)

# %% [markdown] key="prior-read" lang="ja"
# **何が変わったかによって、効く方法が違います。** 割合だけが変わった検査ライン（右）で正解率が上がるのは、答えの補正だけです。
#
# 光も変わった夕暮れ（左）では、割合をそろえたAdaBNが99%になります。補正だけでは光のずれが直りませんし、そのずれのせいで割合の推定も外れます。本当の割合を使っても87%で、適応前を上回りません。
#
# 補正には代償もあります。迷った答えが「良品」に寄るので、正しく分類した欠陥は71%から66%に減っています。
#
# 元のネットワークの学習のしかたを4通り変えても、結果は同じでした（エポックを半分や3倍にする、勾配クリッピングを外す、AdamWを使う。保存済み、10回ずつ）。AdaBNで夜の正解率は上がり、群れが通るときには下がります。割合をそろえれば群れの正解率が、答えを補正すれば検査ラインの正解率が上がります。

# %% [markdown] key="prior-read" lang="en"
# **Which way helps depends on what has changed.** On the inspection line (right) only the shares have changed, and correcting the answers is the only way that raises the accuracy.
#
# At dusk (left) the light has changed as well. Correcting the answers does nothing about the light, and the light has put the estimate off, too. Not even the true shares gain anything (87%), while AdaBN on equal shares reaches 99%.
#
# The correction has a price: since undecided answers go to "good", of the defects on the line 66% are named rightly instead of 71%.
#
# Four other trainings of the network say the same (half or three times the epochs, no gradient clipping, AdamW; stored, 10 draws each): AdaBN helps by night and costs accuracy while one species swarms; equal shares gain accuracy then, and the correction gains it on the line.

# %% [markdown] key="deeper-coral" lang="ja" tags=["deeper"]
# ## さらに深く：最後の特徴だけを合わせる
#
# BatchNormのないネットワーク（ViTなど）では、AdaBNは使えません。それでも、出力層の直前の特徴なら、夜の位置から昼の位置へ動かせます。
#
# たとえば、ある特徴が昼は平均5、ばらつき2、夜は平均1、ばらつき0.5だとします。夜の値1.5は、平均よりばらつき1個分だけ上です。昼で、平均よりばらつき1個分だけ上の値は7です。1つの式にすると $(1.5-1)/0.5\times 2+5=7$ になります。

# %% [markdown] key="deeper-coral" lang="en" tags=["deeper"]
# ## Deeper: moving the last features
#
# Where a network has no BatchNorm (ViT, for example), one can still move the features that enter the head, from where they lie by night to where they lie by day.
#
# For example, a feature has mean 5 and spread 2 by day, mean 1 and spread 0.5 by night. A value of 1.5 by night is one spread above the mean. By day, one spread above the mean is 7. In one line: $(1.5-1)/0.5\times 2+5=7$.

# %% key="cloud"
tl.diagram("cloud")

# %% key="coral-run"
d, n, test = (tl.extract_features(model, part) for part in (day.train, night.train, night.test))
moved = test - n.mean(0) + d.mean(0)
# + 0.01: no division by 0 where a feature never varies by night
# ja: # + 0.01 は、夜にまったく変わらない特徴で、0で割らないため
stretched = (test - n.mean(0)) / (n.std(0) + 0.01) * d.std(0) + d.mean(0)
for way, features in (
    ("as they are", test),
    # ja: ("そのまま", test),
    ("mean moved", moved),
    # ja: ("平均だけ", moved),
    ("spread stretched, too", stretched),
    # ja: ("ばらつきも", stretched),
):
    accuracy = (model.fc(features).argmax(1) == night.test.labels).double().mean()
    print(f"Accuracy by night, features {way}: {accuracy:.0%}")
    # ja: print(f"夜の正解率、特徴は{way}：{accuracy:.0%}")

# %% [markdown] key="coral-read" lang="ja"
# **平均を合わせる1行だけでかなり戻り、ばらつきも合わせるともう少し戻ります。** それでもAdaBNには届きません。途中の層で失われたものは、最後に動かしても戻らないからです。

# %% [markdown] key="coral-read" lang="en"
# **The one line that moves the mean brings back a good deal**, and stretching the spread a little more. Neither reaches AdaBN: what was lost on the way through the layers cannot be brought back at the end.

# %% [markdown] key="coral" lang="ja"
# **CORAL**（Sun ほか, 2016、[arXiv:1511.05547](https://arxiv.org/abs/1511.05547)）は、どの特徴とどの特徴が一緒に増減するかという、特徴どうしの関係まで合わせます。この関係を表すのが共分散で、夜が $C_n$、昼が $C_d$ です。$\mu_n$ と $\mu_d$ は平均です。
#
# $$x' = (x-\mu_n)\,C_n^{-1/2}\,C_d^{1/2}+\mu_d$$
#
# $C_n^{-1/2}$ が夜の関係を取り除き、$C_d^{1/2}$ が昼の関係を付けます。次の図は、論文と同じく逆向きに測りました。昼の特徴を夜に合わせ、そこで出力層を学習し直しています（`tl.adapt(model, day, night, method="coral")`、平均だけなら `"mean"`）。

# %% [markdown] key="coral" lang="en"
# **CORAL** (Sun et al., 2016, [arXiv:1511.05547](https://arxiv.org/abs/1511.05547)) aligns the relations between features, too: which of them rise and fall together. These stand in the covariance, $C_n$ by night and $C_d$ by day; $\mu_n$ and $\mu_d$ are the means:
#
# $$x' = (x-\mu_n)\,C_n^{-1/2}\,C_d^{1/2}+\mu_d$$
#
# Here $C_n^{-1/2}$ takes out the relations of the night, and $C_d^{1/2}$ puts in those of the day. The figure was measured as the paper does it, the other way round: the features of the day are moved to the night, and a new head learns there (`tl.adapt(model, day, night, method="coral")`, or `"mean"`).

# %% key="coral-figure" alt_ja="夜、色あせた印刷、線画のそれぞれで、適応前、平均だけ、CORAL、AdaBNのテスト正解率。破線は昼の正解率、点線はランダムに答えた場合。" alt_en="Test accuracy before, with the mean moved, with CORAL and with AdaBN, for night, faded prints and sketches. Dashed: by day; dotted: guessing."
lesson08.draw_coral(styles)

# %% [markdown] key="coral-figure-read" lang="ja"
# **最後の特徴を合わせるだけでも上がりますが、AdaBNには及びません。** CORALは、夜と色あせた印刷では、平均だけの場合を少し上回ります。BatchNormがなければ、まず平均を合わせてみましょう。ただし、光が10%の犬と猫の写真では効かなかったので、少数のラベルで確かめてください。

# %% [markdown] key="coral-figure-read" lang="en"
# **Moving the last features helps, and AdaBN helps more.** CORAL adds a little to the mean by night and on faded prints. Without BatchNorm, the mean is the first thing to try; check it with some labels, since on cats and dogs at 10% of the light it gained nothing.

# %% [markdown] key="deeper-labels" lang="ja" tags=["deeper"]
# ## さらに深く：ラベルを少し付けるほうが早い？
#
# 線画に名前を付けるとしたら、何枚でAdaBNを超えるでしょうか。AdaBNのあとの本体を凍結し、線画のラベルだけで出力層を学習しました（保存済み）。

# %% [markdown] key="deeper-labels" lang="en" tags=["deeper"]
# ## Deeper: would a few labels be the shorter way?
#
# If you had sketches named, how many would it take to pass AdaBN? The body after AdaBN is frozen, and a head learns from labelled sketches alone (stored).

# %% key="labels-run"
labels = tl.stored("08_labels")
for count, runs in zip(labels["counts"], labels["labels"]):
    print(f"Labels of each species: {count:2}  →  sketches right: {tl.interval(runs).mean:.0%}")
    # ja: print(f"1種類に{count:2}枚：線画の正解率 {tl.interval(runs).mean:.0%}")
print(f"AdaBN, no labels  →  sketches right: {tl.interval(labels['adabn']).mean:.0%}  (10 draws)")
# ja: print(f"AdaBN（ラベルなし）：{tl.interval(labels['adabn']).mean:.0%}（10回の平均）")

# %% [markdown] key="labels-read" lang="ja"
# **線画では、1種類に10枚のラベルがあればAdaBNをはっきり上回り、20枚なら78%になりました**（5枚では、差は確かとはいえません）。手がかりが変わってしまったときは、少しのラベルのほうが役に立ちます。線画100枚に名前を付けるのは、10分ほどの仕事です。

# %% [markdown] key="labels-read" lang="en"
# **On sketches, ten labels of each species are clearly better than AdaBN, and twenty reach 78%.** (The lead of five is not certain.) Where the clues themselves have changed, a few labels are worth more. Naming 100 sketches takes some ten minutes.

# %% [markdown] key="deeper-texts" lang="ja" tags=["deeper"]
# ## さらに深く：英語の迷惑メールフィルターを日本語で使う
#
# ドメインの違いは、言語の違いでもかまいません。英語のメッセージ20件（迷惑メールとそうでないものを10件ずつ）で学んだフィルターを、ラベルのない日本語のメッセージに使います。解く問題は同じで、ラベルは片方のドメインにしかありません。これが**トランスダクティブ転移**（レッスン01）のよく知られた例です。問い合わせの分類（6クラス）も同じように測りました。
#
# 文章を特徴に変える方法は2つです。1つは、3文字までの文字の並びを、珍しいものほど重く数える方法（**TF-IDF**）です。もう1つは、多言語の本物のモデルE5（[arXiv:2402.05672](https://arxiv.org/abs/2402.05672)）を、凍結して使う方法です。E5では、英語の特徴を、ラベルのない日本語60件の特徴に、平均（[arXiv:2004.05160](https://arxiv.org/abs/2004.05160)）またはCORALで合わせます。
#
# 比較のため、1クラス5件の日本語のラベルで出力層を学習する方法も測りました（出力層の設定は、学習に使ったのと同じ言語の、別のラベル付き文章で選びました。1クラスあたり英語は20件、日本語は5件です）。

# %% [markdown] key="deeper-texts" lang="en" tags=["deeper"]
# ## Deeper: an English spam filter reads Japanese mail
#
# Domains can be languages, too. A filter that learned from 20 English messages (10 spam, 10 not) is used on Japanese ones, which have no labels. The question is the same, and only one domain has labels: a textbook example of **transductive** transfer (lesson 01). We did the same with customer enquiries (six classes).
#
# We compare two ways to turn a text into features. One counts letters, up to three in a row, rare ones weighing more (**TF-IDF**). The other is the real multilingual model E5 ([arXiv:2402.05672](https://arxiv.org/abs/2402.05672)), frozen. Its features of the English texts are moved to those of 60 Japanese texts without labels, by the mean ([arXiv:2004.05160](https://arxiv.org/abs/2004.05160)) or by CORAL.
#
# For comparison, a head learns from 5 Japanese labels of each class. (The settings of each head were chosen on further labelled texts of the language it learned from: 20 of each class in English, 5 in Japanese.)

# %% key="texts-figure" alt_ja="英語で学んだ分類器の日本語での正解率。左は迷惑メール、右は問い合わせ。文字、E5、平均、CORAL、日本語のラベル5件を比べる。破線は英語での正解率、点線はランダムに答えた場合。" alt_en="Accuracy on Japanese texts of what learned in English, spam at the left and enquiries at the right: letters, E5, the mean moved, CORAL, and five Japanese labels. Dashed: on English texts; dotted: guessing."
texts = tl.stored("08_texts")
lesson08.draw_texts(texts)

# %% key="claim-texts" tags=["claim"]
spam = texts["spam"]["e5"]
gain = tl.interval([a - b for a, b in zip(spam["coral"], spam["before"])])
tl.claim(
    f"Japanese mail without labels gives the English spam filter {100 * gain.low:.0f} to "
    f"{100 * gain.high:.0f} points (stored, E5 with CORAL, 10 draws)",
    # ja: f"ラベルのない日本語のメールで、英語の迷惑メールフィルターが{100 * gain.low:.0f}〜"
    # ja: f"{100 * gain.high:.0f}ポイント良くなりました（保存済み、E5とCORAL、10回）",
    gain.low > 0,
)

# %% [markdown] key="texts-read" lang="ja"
# **迷惑メールでは、ラベルのない60件のほうが、1クラス5件のラベルより役に立ちました。** 英語で76%のフィルターは、日本語では70%に下がります。CORALなら76%に戻り、日本語のラベル5件ずつでは69%です。文字の並びだけでは57%止まりです（ランダムなら50%）。2つの言語に共通の文字が少ないからです。
#
# **問い合わせでは、合わせても変わりません。** はじめから70%で、CORALの上積みは確かとはいえません。
#
# なお、10回の測定で選び直したのは学習に使う文章で、テストの文章は同じです。

# %% [markdown] key="texts-read" lang="en"
# **For spam, sixty messages without labels were worth more than five labels of each class.** The filter that has 76% in English falls to 70% in Japanese. CORAL brings it back to 76%; five Japanese labels of each class give only 69%. Letters alone reach 57% (guessing: 50%), since the two languages share few of them.
#
# **For enquiries nothing changes**: they start at 70%, and CORAL's gain is not certain.
#
# The 10 draws renew the texts that are learned from; those of the test stay the same.

# %% [markdown] key="deeper-training" lang="ja" tags=["deeper"]
# ## さらに深く：学習しながら近づける（MMDとDANN）
#
# AdaBNは何も学習しません。昼のラベルで学習を続けながら、昼と夜の特徴を近づける方法もあります。損失に、2つのドメインの「離れ具合」を加えます。$\lambda$ はその強さです。
#
# $$\text{損失} = \text{交差エントロピー（昼）} + \lambda \cdot \text{離れ具合（昼, 夜）}$$
#
# 離れ具合の測り方が、MMDとDANNで違います。$\lambda=0$ なら、ただ学習を続けます（図の「学習を続けただけ」）。

# %% [markdown] key="deeper-training" lang="en" tags=["deeper"]
# ## Deeper: pulled together in training (MMD and DANN)
#
# AdaBN learns nothing. One can also go on training with the labels of the day, and meanwhile pull the features of day and night together. The loss then gets a second part, how far the two domains are apart, with a strength $\lambda$:
#
# $$\text{loss} = \text{cross-entropy(day)} + \lambda \cdot \text{distance(day, night)}$$
#
# MMD and DANN are two ways to measure the distance. At $\lambda=0$ training just goes on ("trained on" in the figure).


# %% [markdown] key="mmd" lang="ja"
# ### MMD：2つの点の集まりは似ているか
#
# **MMD**（学習に使ったのは Long ほか, 2015、[arXiv:1502.02791](https://arxiv.org/abs/1502.02791)）は、2つの点の近さ $k$ を使います。同じ点なら1、遠いほど0に近い値です。昼どうし、夜どうし、昼と夜の組で $k$ の平均（式の上線、コードの `close`）を取り、比べます。2つのドメインの点が同じように散らばっていれば、3つの平均は等しく、MMDは0になります。
#
# $$\text{MMD}^2 = \overline{k(昼,昼)} + \overline{k(夜,夜)} - 2\,\overline{k(昼,夜)}$$
#
# たとえば、平均が昼どうし0.8、夜どうし0.8、昼と夜0.3なら、$0.8+0.8-2\times0.3=1$ です。
#
# 次のセルの `d`、`n`、`stretched` は「さらに深く：最後の特徴だけを合わせる」のセルで作ります。先に実行してください。

# %% [markdown] key="mmd" lang="en"
# ### MMD: are the two clouds of points alike?
#
# **MMD** (used in training by Long et al., 2015, [arXiv:1502.02791](https://arxiv.org/abs/1502.02791)) asks how close two points are: their closeness $k$ is 1 where they are equal, and near 0 where they are far apart. It takes the mean of $k$ (the bar; `close` in the code) over pairs from the day, pairs from the night, and pairs of one each. If both domains lie alike, the three means are equal, and MMD is 0:
#
# $$\text{MMD}^2 = \overline{k(d,d)} + \overline{k(n,n)} - 2\,\overline{k(d,n)}$$
#
# For example, means of 0.8 within the day, 0.8 within the night and 0.3 across give $0.8+0.8-2\times0.3=1$.
#
# Run the cells under "Deeper: moving the last features" first: `d`, `n` and `stretched` come from there.


# %% key="training-code"
def mmd(d, n):
    both = torch.cat([d, n])
    width = torch.cdist(both, both).square().mean()  # the yardstick: the mean squared distance
    # ja: width = torch.cdist(both, both).square().mean()  # 距離の2乗の平均を物差しにする

    def close(a, b):
        return torch.exp(-torch.cdist(a, b).square() / width).mean()

    return close(d, d) + close(n, n) - 2 * close(d, n)


shuffled = torch.cat([d, stretched])[torch.randperm(len(d) + len(stretched))]
print(f"MMD², day and night: {mmd(d, n):.3f}")
# ja: print(f"MMD²、昼と夜：{mmd(d, n):.3f}")
print(f"MMD², day and night moved and stretched: {mmd(d, stretched):.3f}")
# ja: print(f"MMD²、昼とばらつきまで合わせた夜：{mmd(d, stretched):.3f}")
print(f"MMD², the same points shuffled: {mmd(shuffled[: len(d)], shuffled[len(d) :]):.3f}")
# ja: print(f"MMD²、同じ点を混ぜて分け直したとき：{mmd(shuffled[: len(d)], shuffled[len(d) :]):.3f}")

# %% [markdown] key="mmd-read" lang="ja"
# **平均とばらつきを合わせるだけで、MMD²は0.36から0.01に下がりました。** 最後の行は、両方の点を混ぜて2つに分け直した値で、「離れていない」ときの目安です。この物差しで見るかぎり、離れ具合はほとんど残っていません。

# %% [markdown] key="mmd-read" lang="en"
# **Moving the mean and stretching the spread takes MMD² from 0.36 to 0.01.** The last line says what "no distance" looks like here: the points of both are shuffled and parted anew. So by this yardstick hardly any distance is left.

# %% [markdown] key="dann" lang="ja"
# ### DANN：審判は昼と夜を見分けられるか
#
# **DANN**（Ganin ほか, 2016、[arXiv:1505.07818](https://arxiv.org/abs/1505.07818)）は、特徴から昼の写真か夜の写真かを当てる、小さな審判（ドメイン分類器）を一緒に学習させます。審判の勾配は、符号を逆にして本体に返します。そのため本体は審判とは反対のことを学び、見破られない特徴を探します。

# %% [markdown] key="dann" lang="en"
# ### DANN: can a critic tell day from night?
#
# **DANN** (Ganin et al., 2016, [arXiv:1505.07818](https://arxiv.org/abs/1505.07818)) trains a small critic (a domain classifier), which tells from the features whether a photo is from the day or the night. The critic's gradient goes back into the body with its sign turned, so the body learns the opposite. It looks for features that the critic cannot tell apart.


# %% key="dann-code"
class TurnGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features):
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


feature = torch.ones(1, requires_grad=True)
(3 * TurnGradient.apply(feature)).backward()  # a critic that multiplies by 3
# ja: (3 * TurnGradient.apply(feature)).backward()  # 3倍するだけの審判
print(f"The gradient 3 reaches the body as {feature.grad.item():.0f}")
# ja: print(f"勾配3が、本体には {feature.grad.item():.0f} として届きました")

# %% [markdown] key="pulled" lang="ja"
# AdaBNより良くなるでしょうか。図は、AdaBNだけ（92%）との差です。どれも最後にAdaBNを行うので、「近づける学習」の効果だけが残ります。

# %% [markdown] key="pulled" lang="en"
# Do they do better than AdaBN? The figure shows how many points each ends above AdaBN alone (92%). All of them end with AdaBN, too, so that only the effect of pulling together is left.

# %% key="training-figure" alt_ja="夜のテスト正解率とAdaBNだけとの差を、MMDとDANNの強さごとに、点と95%信頼区間で示す。" alt_en="Difference in accuracy by night from AdaBN alone, for MMD and DANN at their strengths, as dots with 95% intervals."
lesson08.draw_training(tl.stored("08_training"))

# %% [markdown] key="training-read" lang="ja"
# **MMDはAdaBNをわずかに上回り、DANNの差ははっきりしません。** $\lambda=1$ のMMDは、AdaBNだけより0.8ポイント上です。ほかの行の信頼区間は、どれも0を含みます。光の変化は平均とばらつきの変化なので、その大半はAdaBNがすでに片づけてしまったのでしょう。見た目がもっと複雑に変わる題材や、ここでの3エポックより長い学習では、違う結果になるかもしれません。

# %% [markdown] key="training-read" lang="en"
# **MMD adds a little to AdaBN, DANN nothing certain.** With $\lambda=1$, MMD ends 0.8 points above AdaBN alone; the intervals of all other rows contain 0. What changes by night is mean and spread, and AdaBN has dealt with most of this already. Where the look changes in more complicated ways, or training is longer than the 3 epochs here, the result may differ.

# %% [markdown] key="deeper-tent" lang="ja" tags=["deeper"]
# ## さらに深く：自信を持たせる（TENT）と、その崩壊
#
# **TENT**（Wang ほか, 2021、[arXiv:2006.10726](https://arxiv.org/abs/2006.10726)）は、夜の写真で、ラベルなしに学習を続けます。正解はわからないので、代わりに答えの自信を高めます。つまり、迷いが大きいほど大きくなる**エントロピー** $H$ を小さくします。動かす重みは、BatchNormの $\gamma$ と $\beta$ だけです。$p_c$ をクラス $c$ の確率とすると、次の式になります。
#
# $$H = -\sum_c p_c \log p_c$$
#
# たとえば2クラスで $(0.5, 0.5)$ なら0.69、$(0.9, 0.1)$ なら0.33、$(1, 0)$ なら0です（自然対数で測るので、単位はナットです）。次のセルでは、論文の学習率0.001で、写真を1回ずつ見せます。

# %% [markdown] key="deeper-tent" lang="en" tags=["deeper"]
# ## Deeper: making the answers sure (TENT), and how it collapses
#
# **TENT** (Wang et al., 2021, [arXiv:2006.10726](https://arxiv.org/abs/2006.10726)) goes on learning by night, without labels. Since the right answers are unknown, it makes the answers surer: it lowers their **entropy** $H$, which is large where an answer is undecided. Of the weights, only BatchNorm's $\gamma$ and $\beta$ move. With $p_c$ for the probability of class $c$,
#
# $$H = -\sum_c p_c \log p_c$$
#
# For example, with two classes $(0.5, 0.5)$ has 0.69, $(0.9, 0.1)$ has 0.33, and $(1, 0)$ has 0 (in nats, the unit of the natural logarithm). The next cell shows each photo once, at the paper's learning rate of 0.001.

# %% key="tent-code"
sure = copy.deepcopy(model).requires_grad_(False).train()
# of the weights, only BatchNorm's γ and β learn
# ja: # 重みのうち、BatchNormのγとβだけを学習する
scales = [
    layer.requires_grad_(True) for layer in sure.modules() if isinstance(layer, nn.BatchNorm2d)
]
optimizer = torch.optim.Adam([p for layer in scales for p in layer.parameters()], lr=0.001)
for rows in torch.randperm(len(night.train)).split(64):
    logits = sure(network.preprocess(night.train.inputs[rows]))
    entropy = -(logits.softmax(1) * logits.log_softmax(1)).sum(1).mean()
    optimizer.zero_grad()
    entropy.backward()
    optimizer.step()
# at the end, measure the memory with the new γ and β
# ja: # 最後に、新しいγとβで記憶を測り直す
after_tent = tl.evaluate(adabn(sure, night.train.inputs), night.test)
print(f"TENT, one pass over 500 photos: {after_tent:.0%} by night")
# ja: print(f"TENT、写真500枚を1回：夜の正解率 {after_tent:.0%}")

# %% [markdown] key="tent-rates" lang="ja"
# 論文の学習率では、うまくいきました。もっと大きくすると、どうなるでしょうか。図は、写真を3回ずつ見せた結果です（10回）。

# %% [markdown] key="tent-rates" lang="en"
# The paper's rate did well. What if the rate is higher? The figure is for three passes over the photos (10 draws).

# %% key="tent-figure" alt_ja="TENTの学習率に対する正解率と答えのエントロピー。左は夜、右は線画。" alt_en="Accuracy and entropy of the answers against TENT's learning rate, by night at the left and on sketches at the right."
tent = tl.stored("08_tent")
lesson08.draw_tent(tent)

# %% [markdown] key="tent-read" lang="ja"
# **自信と正しさは別物です。** 学習率0.1では、正解率が夜で36%、線画で20%まで崩れますが、エントロピーはずっと小さいままです。ほとんど全部に同じ答えを返せば、迷いはなくなるからです。0.01までの学習率なら、夜の正解率が1〜2ポイント上がります。
#
# ときどき元の重みへ戻す、自信のある写真だけで学ぶ（EATA、[arXiv:2204.02610](https://arxiv.org/abs/2204.02610)）、といった歯止めが提案されています。

# %% [markdown] key="tent-read" lang="en"
# **Being sure is not being right.** At a rate of 0.1 the accuracy collapses, to 36% by night and 20% on sketches, and yet the entropy stays very low: whoever gives one answer to almost everything is never in doubt. Rates up to 0.01 do gain 1 to 2 points by night.
#
# Safeguards have been proposed, such as going back to the old weights from time to time, or learning from reliable photos only (EATA, [arXiv:2204.02610](https://arxiv.org/abs/2204.02610)).

# %% [markdown] key="deeper-chosen" lang="ja" tags=["deeper"]
# ## さらに深く：ラベルなしで設定を選ぶ
#
# ラベルがなければ、TENTの学習率をどう選べばよいでしょうか。4つの決め方を、線画での正解率で比べます（10回。前の節のセルを先に実行してください）。
#
# - **論文の値**：0.001をそのまま使う
# - **エントロピーが最小**：最も自信のある答えになるものを選ぶ
# - **自信があり、答えが偏らない**：1つ1つの答えのエントロピーは小さく、答え全体の平均のエントロピーは大きいものを選ぶ
# - **オラクル**（oracle、神託）：転移先のテストのラベルを見て選ぶ。実際には使えない

# %% [markdown] key="deeper-chosen" lang="en" tags=["deeper"]
# ## Deeper: choosing settings without labels
#
# How do you choose TENT's rate when there are no labels? We compare four rules by the accuracy on sketches that each ends at (10 draws; run the cells of the section before this one first):
#
# - **the paper's rate**: 0.001 as it is
# - **the lowest entropy**: the rate with the surest answers
# - **sure, but varied answers**: a low entropy of the single answers, and a high entropy of their mean
# - **the oracle**: the best by the labels of the target's test photos, which nobody has in practice

# %% key="chosen-run"
rules = {
    "paper": "the paper's rate, 0.001",
    # ja: "paper": "論文の値（0.001）",
    "entropy": "lowest entropy",
    # ja: "entropy": "エントロピーが最小",
    "both": "sure, but varied answers",
    # ja: "both": "自信があり、答えが偏らない",
    "oracle": "oracle, the best on test labels",
    # ja: "oracle": "オラクル（テストのラベルで選ぶ）",
}
for rule, name in rules.items():
    right = tl.interval(lesson08.chosen(tent, "sketch", rule))
    print(f"{name}: {right.mean:.0%} right, 95% interval {right.low:.0%} to {right.high:.0%}")
    # ja: print(f"{name}：正解率 {right.mean:.0%}、95%信頼区間 {right.low:.0%}〜{right.high:.0%}")

# %% [markdown] key="chosen-read" lang="ja"
# **エントロピーの小さいものを選ぶと、崩れた設定を選んでしまいます。** 答えの偏りも見れば、論文の値をそのまま使った場合に並びます。
#
# 論文で「オラクル」の値を見かけたら、割り引いて読んでください。ここでは、5つの学習率から選んだだけで、同じ方法が論文の値のときより1〜2ポイント良く見えます。設定が増えるほど、見かけの差は大きくなります。

# %% [markdown] key="chosen-read" lang="en"
# **The lowest entropy chooses settings that have collapsed.** A rule that also asks for varied answers does as well as the paper's own rate.
#
# When a paper reports what the oracle chose, read it with a discount: here it makes the same method look 1 to 2 points better than the paper's rate, with only five rates to choose from. The more settings are tried, the more flattering the oracle becomes.

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | AdaBNで下がった | 写真の偏り、クラスの割合の変化 | 割合をそろえてから適応する。割合だけの変化なら、答えを補正する |
# | AdaBNで何も変わらない | BatchNormがない（ViT、ConvNeXtはLayerNorm） | `tl.adapt(..., method="mean")` / `"coral"` |
# | 昼の正解率が下がった | 記憶は1つしか持てない | 昼用と夜用の記憶を別に保存する |
# | 論文どおりの効果が出ない | 転移先のラベルで設定を選んだ論文がある | ラベルなしで選んだ値で比べる（[arXiv:2111.15672](https://arxiv.org/abs/2111.15672)） |
# | 昼と夜の特徴は重なったのに、正解率が低い | 別のクラスどうしが重なった | 割合を疑う（[arXiv:1901.09453](https://arxiv.org/abs/1901.09453)） |
#
# どの方法も、`tl.adapt(model, day, night, method="dann")` のように1行で試せます。
#
# **最近よく使われる手法**
#
# - **はじめから頑健な目**：大規模に事前学習したモデル（DINOv2、[arXiv:2304.07193](https://arxiv.org/abs/2304.07193)、CLIP、[arXiv:2103.00020](https://arxiv.org/abs/2103.00020)）は、見た目の変化にもともと強く、まず試す価値があります。
# - **使いながら合わせる**：テスト時適応（TENTの仲間）。群れのような偏った流れに備えるNOTE（[arXiv:2208.05117](https://arxiv.org/abs/2208.05117)）。
# - **割合の補正**：BBSE（[arXiv:1802.03916](https://arxiv.org/abs/1802.03916)）は、混同行列を使って、答えの割合から本当の割合を逆算します。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | AdaBN makes it worse | lopsided photos, other class shares | make the shares equal, then adapt; if only the shares have changed, correct the answers |
# | AdaBN changes nothing | no BatchNorm (ViT and ConvNeXt have LayerNorm) | `tl.adapt(..., method="mean")` / `"coral"` |
# | the accuracy by day has fallen | there is only one memory | keep a memory for each domain |
# | a paper's gain does not show | its settings were chosen on labels of the target | compare with settings chosen without ([arXiv:2111.15672](https://arxiv.org/abs/2111.15672)) |
# | the features of day and night overlap, the accuracy is low | different classes lie on top of each other | suspect the shares ([arXiv:1901.09453](https://arxiv.org/abs/1901.09453)) |
#
# Each method takes one line, such as `tl.adapt(model, day, night, method="dann")`.
#
# **Today**
#
# - **An eye that is robust from the start**: models pretrained on very large data (DINOv2, [arXiv:2304.07193](https://arxiv.org/abs/2304.07193); CLIP, [arXiv:2103.00020](https://arxiv.org/abs/2103.00020)) mind a new look much less. Try them first.
# - **Adapting in use**: test-time adaptation, TENT's family; NOTE ([arXiv:2208.05117](https://arxiv.org/abs/2208.05117)) expects lopsided streams like our school of fish.
# - **Shares**: BBSE ([arXiv:1802.03916](https://arxiv.org/abs/1802.03916)) works back from the answers to the shares by the confusion matrix.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 目の順応、題材、夜の失敗7分（ドメインの図を映す） → ウィジェットと練習A 6分 → BatchNormの記憶とAdaBN 8分（平均8と3の例を板書で計算） → 枚数と偏り3分 → 線画と本物のデータ4分 → 割合の変化5分 → 練習B 6分 → 練習C 6分（2人組）。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、練習Bを宿題に回し、「落とし穴」の答えを開いて読むだけにします。
#
# - **映すもの**：夜の写真と「最も多い答え」の出力、ウィジェット、「落とし穴」の図。
# - **2人組で**：ウィジェットで1人が光を下げ、もう1人は適応をオンにする前に正解率を予想します。交代しながら3回。
# - **待ち時間**：2コアのCPUで、最初のファインチューニングが10秒ほど、ほかのセルは数秒です。
# - **遅れた人は**：`tl.setup()`、`day = ...`、その次の予想、`by_night = ...`、`def adabn` のセルを実行すれば、「さらに深く」以外のどの節からでも再開できます。
# - **よくある間違い**：`keep_batchnorm=False` を付け忘れる（記憶が事前学習のときのまま残り、AdaBNが2つのずれを同時に直そうとする）。テスト写真を適応にも使う。AdaBNのあとで昼の写真も同じモデルで測る。
# - **議論の種**：夜勤のラベルが1枚もないとき、AdaBNで良くなったか悪くなったかを、どうやって知ればよいでしょうか（答えの割合、少数のラベル、適応前の答えとの食い違い）。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the eye, the job and the failure by night 7 (project the picture of the three domains) → widget and exercise A 6 → BatchNorm's memory and AdaBN 8 (work out the example with means 8 and 3 on the board) → how many photos, and which 3 → sketches and real data 4 → changed shares 5 → exercise B 6 → exercise C 6 (in pairs). Quiz, key points and "Deeper" are homework, or for whoever is early. Short of time, make exercise B homework and only open and read the answer under "The trap".
#
# - **To project**: the photos of the night with the output "most frequent answer", the widget, the figure under "The trap".
# - **In pairs**: with the widget, one turns the light down, the other predicts the accuracy before adaptation is switched on. Change places, three times.
# - **Waiting**: on two CPU cores the first fine-tuning takes some 10 seconds, every other cell a few.
# - **Whoever fell behind** runs the cells with `tl.setup()`, `day = ...`, the prediction after it, `by_night = ...` and `def adabn`, and can go on from any section outside "Deeper".
# - **Common mistakes**: leaving out `keep_batchnorm=False` (the memory is then still that of pre-training, and AdaBN mends two shifts at once); adapting on the test photos; measuring the day with the network that was adapted to the night.
# - **To discuss**: without a single label from the night, how would you find out whether AdaBN helps or harms? (Shares of the answers, a few labels, how often the answers differ from those before.)
