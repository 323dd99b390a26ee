# %% [markdown] key="title" lang="ja"
# # 13 音声の転移
#
# **説明29分、練習16分** ・ 前提：レッスン02（特徴抽出）。ファインチューニング（レッスン03）も済ませてあると楽です。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 波形からログメル画像を1段ずつ作り、エラーの出ない間違いを直す
# - 1単語2件の録音から、新しい単語を聞き分けるモデルを作る
# - 声ごとに分け、正解率がいちばん低いグループも見えるテストを計画する
#
# 音が出ます。スピーカーかイヤホンを用意してください（なくても進められます。どの音にも画像が付いています）。

# %% [markdown] key="title" lang="en"
# # 13 Transfer for speech
#
# **29 minutes of reading, 16 of exercises** · Before this: lesson 02 (feature extraction); lesson 03 (fine-tuning) helps.
#
# After this lesson you can
#
# - turn a wave into a log-mel picture step by step, and mend a mistake that gives no error
# - build a model that tells new words apart, from two recordings of each
# - split by voice, and plan a test that shows the worst group
#
# This lesson makes sound: have loudspeakers or headphones ready. (It works without; every sound has its picture.)

# %% key="setup"
import torch
from IPython.display import display

import tlhelpers as tl

tl.setup()
network = tl.backbone("zukan-speech")
lesson13 = tl.figures("13")

# %% [markdown] key="idea" lang="ja"
# ## 耳も借りられる
#
# 野鳥に詳しい人は、目だけでなく耳も鍛えられています。初めて聞く鳥の声でも、2回も聞けば聞き分けられるようになります。
#
# コールセンターの音声メニューを考えましょう。「ご用件をお話しください」への返事が、5つの単語（billing 請求、delivery 配送、refund 返金、password パスワード、agent 担当者）のどれかを聞き分けます。録音は1単語に2件しかありません。
#
# 音は、まず**画像**にします。波形を短く区切り、どの高さの音がどれだけ強いかを並べたものが**スペクトログラム**です。ここで使うのはその一種の**ログメル**（log-mel）で、次の図の①〜④の手順は、あとで自分で計算します。あとは写真と同じで、鍛えられた本体に新しい出力層を付けます。本体 `zukan-speech` は、英単語40語（yes、no、stop など）を、合成した44種の声で聞いて事前学習しました。この5語は一度も聞いていません。
#
# ## 題材：5つの新しい単語
#
# 1単語に1件ずつ、再生してみてください。電話回線の雑音が、**SN比**（信号対雑音比、SNR）**10 dB**で入っています。声の強さ（パワー）が雑音の10倍、という意味です。20 dBなら100倍、0 dBなら同じ強さなので、SN比が小さいほど雑音は大きくなります。声は、音声合成ソフト（合成器）の espeak-ng で作りました。学習に使う声、設定を選ぶ声（1単語8件）、テストの声は、すべて別の声です。

# %% [markdown] key="idea" lang="en"
# ## Ears can be borrowed, too
#
# An experienced bird-watcher has trained ears as well as eyes. After hearing a new bird's call twice, they recognise it.
#
# Take the voice menu of a call centre. A customer says what the call is about, and the menu has to tell five words apart: *billing*, *delivery*, *refund*, *password* and *agent*. There are two recordings of each.
#
# A sound is first made into a **picture**: it is cut into short pieces, and for each piece we draw how strong low and high tones are. This is a **spectrogram**. Ours is a **log-mel** one; you will soon take its steps, ① to ④ in the diagram below, yourself. The rest is as with photos: a trained body gets a new head. Our body, `zukan-speech`, was pretrained on 40 English words (*yes*, *no*, *stop* ...) in 44 synthetic voices. It has never heard these five words.
#
# ## The job: five new words
#
# Play one of each. They come with telephone noise, at a **signal-to-noise ratio** (SNR) of **10 dB**: the speech has ten times the power of the noise. At 20 dB it has a hundred times, and at 0 dB both are equal, so fewer dB mean more noise. The voices are those of a synthesiser, espeak-ng. The voices to learn from, those to choose settings with (8 recordings of each word) and those of the test are all different.

# %% key="hear"
task = tl.load_words("calls", per_class=2)
print(f"{len(task.train)} recordings to learn from, {len(task.test)} to test on, 1 second each")
# ja: print(f"学習用 {len(task.train)} 件、テスト用 {len(task.test)} 件、どれも1秒")
display(tl.diagram("sound"))
display(tl.listen(task))
tl.predict_first(
    "13-frozen",
    "Two recordings of each word: accuracy of the frozen body with a new head (guessing: 20%)",
    # ja: "1単語2件で、凍結した本体に新しい出力層を付けたときの正解率（ランダムなら20%）",
    between=(0, 100),
    unit="%",
)

# %% key="win" alt_ja="左：1単語あたりの録音数に対するテスト正解率。右：2件ずつのときの全方法を1行ずつ、点と95%信頼区間で示す。" alt_en="Left: test accuracy against recordings of each word. Right: all ways at two recordings, one a row, as dots with 95% intervals."
frozen = tl.probe(network, task).test_acc
# one learning rate, the middle one of the three that the stored runs try
# ja: # ここでは待ち時間を減らすため、学習率は保存済みの測定で試した3つの真ん中だけにします
scratch = tl.train_from_scratch(network, task, lr=0.002, progress=False).test_acc
two = tl.stored("13_two")
display(lesson13.draw_shots(tl.stored("13_shots"), two, {"frozen": frozen, "scratch": scratch}))
tl.see_prediction("13-frozen", round(100 * frozen))

# %% key="claim-win" tags=["claim"]
gain = tl.interval([a - b for a, b in zip(two["frozen"], two["scratch"])])
tl.claim(
    f"With two recordings of each word, the frozen body is {100 * gain.low:.0f} to "
    f"{100 * gain.high:.0f} points above scratch (stored, 10 draws of voices)",
    # ja: f"1単語2件の録音では、凍結した本体の正解率がゼロからの学習を{100 * gain.low:.0f}〜"
    # ja: f"{100 * gain.high:.0f}ポイント上回りました（保存済み、声を選び直して10回）",
    gain.low > 0.20,
)

# %% [markdown] key="win-read" lang="ja" tags=["answer"]
# **借りた耳は、2件で覚えました。** 声を選び直した10回の平均で、凍結した本体の正解率は80%、ゼロから学ぶと42%です。ゼロからでは、10件ずつに増やしても79%にしかなりません（図の左）。2件なら、本体ごとファインチューニングしても78%で、凍結と変わりません。
#
# 右は、ほかの方法との比較です。**DTW**は、ニューラルネットワーク以前の音声認識で、話す速さの違いを吸収しながら最も近い録音を探します（「さらに深く：DTW」）。**帯域の平均**は、音の高さを40に区切り、それぞれの強さの平均とばらつきだけで見分けます。この2つも、絵で学んだネットワーク（レッスン02）も、ランダムな本体も、借りた耳には遠く及びません。事前学習なら何でもよいわけではなく、**単語を聞いた経験**が効いているのです。
#
# 設定は検証用の8件で選んだので、使ったラベルは1単語あたり2＋8件です。

# %% [markdown] key="win-read" lang="en" tags=["answer"]
# **Borrowed ears learn from two recordings.** On average over ten draws of voices, the frozen body is right for 80%, scratch for 42%. Even with ten recordings of each word, scratch only reaches 79% (left panel). With two recordings, fine-tuning the whole body is no better than leaving it frozen (78%).
#
# At the right, **DTW** is speech recognition from before neural networks: it looks for the nearest recording while allowing for another speed ("Deeper: DTW"). **Means of bands** knows only how strong each of 40 pitch ranges is on average, and how much that varies. Both stay far behind, as do a network that learned on drawings (lesson 02) and a random body. It is **having heard words** that helps, not pre-training as such.
#
# Settings were chosen on the 8 validation recordings of each word, so a word takes 2 + 8 labels.

# %% [markdown] key="play" lang="ja"
# ## 聞く、見る、試す
#
# 次のウィジェットでは、事前学習で覚えた40語のうち、10の命令語（yes、stop など）を、初めての声で聞かせます。雑音をどこまで大きくすると、ネットワークは声1の no を聞き間違えるでしょうか。同じ声1でアクセントを「日本語」にすると、雑音がなくても聞き間違える単語が2つあります。どれでしょうか。自分の声で試すには、「さらに深く：自分の声と、自分の録音」へどうぞ。

# %% [markdown] key="play" lang="en"
# ## Hear it, see it, try it
#
# In the widget, voices that are new to the network say ten commands (*yes*, *stop* ...), all among the 40 words it knows. How much noise does it take until *no* in voice 1 is misheard? And which two words of voice 1 does it mishear in the Japanese accent even without noise? For your own voice see "Deeper: your own voice, your own recordings".

# %% key="widget"
tl.widget("13")

# %% [markdown] key="mel" lang="ja"
# ## 波形から画像へ、手を動かして
#
# 電話の音は、1秒あたり8,000個の数（**サンプル**）で表されます。**サンプリング周波数**は8 kHzです。このレッスンの最初の図の①〜④を、次のセルでは4行で計算します。
#
# - ① **切る**：32ミリ秒の窓に入る数は $8000\times0.032=256$ 個です。窓は10ミリ秒（80個）ずつずらすので、1秒で101個になります（①の前の行では、両端を少し伸ばしています）。
# - ② **高さに分ける**：フーリエ変換で、0〜4,000 Hzを129の高さに分け、それぞれの強さを窓ごとに求めます。その前に、ハン窓を掛けて、窓の両端の音をなめらかに小さくしておきます。
# - ③ **40の帯域にまとめる**：人の耳は、低い音の違いには敏感で、高い音の違いには大まかです。それを数で表すのが**メル尺度**です（$f$ は、Hzで表した周波数です）。
#
# $$\text{mel}(f) = 2595 \log_{10}(1 + f/700)$$
#
# たとえば100 Hzは150メル、200 Hzは283メルで、差は133メルです。同じ100 Hzの差でも、3,000 Hzと3,100 Hzでは30メルしか違いません。帯域の幅をメルでそろえると、Hzで見れば、低い音の帯域は狭く、高い音の帯域は広くなります。
#
# - ④ **対数を取る**：小さい音も、大きい音と並んで見えるようになります。これが**ログメル**（log-mel）の画像で、`tl.log_mel` の結果と同じものです。
#
# 左のオレンジの印が1つの窓で、中央はその256個の数、右のオレンジの線は同じ時刻です。右の図の下のほうの濃い縞が声、一面の灰色のざらつきが回線の雑音です。

# %% [markdown] key="mel" lang="en"
# ## From a wave to a picture, by hand
#
# One second of telephone sound is 8,000 numbers, its **samples**: the **sampling rate** is 8 kHz. The cell below takes steps ① to ④ of this lesson's first diagram, a line each.
#
# - ① **Cut.** A window of 32 ms holds $8000\times0.032=256$ numbers, and the next one starts 10 ms (80 numbers) later. One second, with a little sound added at both ends, gives 101 windows.
# - ② **Split into tones.** A Fourier transform tells the power of each window at 129 frequencies, from 0 to 4,000 Hz. The Hann window first fades each piece in and out.
# - ③ **Gather into 40 bands.** Our ears tell low tones apart finely and high ones roughly. The **mel scale** says so in numbers ($f$ in Hz):
#
# $$\text{mel}(f) = 2595 \log_{10}(1 + f/700)$$
#
# For example, 100 Hz is 150 mel and 200 Hz is 283: 133 apart. From 3,000 to 3,100 Hz it is only 30. All bands are equally wide in mel, so low bands are narrow in Hz and high ones are wide.
#
# - ④ **Take logarithms**, so that quiet parts show beside loud ones. This is a **log-mel** picture, the same as `tl.log_mel` makes.
#
# In the figure, orange marks one window and its moment. At the right, the dark stripes are the voice, the grey grain is noise.

# %% key="mel-run" alt_ja="左は1秒の波形と短い窓の位置、中央はその窓の256サンプル、右はログメル画像。" alt_en="At the left a wave of one second with a short window marked, in the middle its 256 samples, at the right the log-mel picture."
wave = task.train.inputs[:1]
padded = torch.nn.functional.pad(wave, (128, 128), mode="reflect")
windows = padded.unfold(1, 256, 80)  # ① 101 windows of 256 samples
# ja: windows = padded.unfold(1, 256, 80)  # ① 256サンプルの窓が101個
power = torch.fft.rfft(windows * torch.hann_window(256)).abs() ** 2  # ② 129 tones
# ja: power = torch.fft.rfft(windows * torch.hann_window(256)).abs() ** 2  # ② 129の高さ
bands = power @ lesson13.mel_filters(8000, 129).T  # ③ 40 bands (a table of 40 × 129 weights)
# ja: bands = power @ lesson13.mel_filters(8000, 129).T  # ③ 40の帯域（40×129の重みの表）
by_hand = torch.log(bands + 1e-6).mT  # ④ logarithm (1e-6: never of 0); each band a row
# ja: by_hand = torch.log(bands + 1e-6).mT  # ④ 対数（1e-6を足し、0を避ける）、1行が1帯域
difference = (by_hand - tl.log_mel(wave)).abs().max()
print(f"Shape {tuple(by_hand.shape)}; largest difference from tl.log_mel: {difference:.5f}")
# ja: print(f"形 {tuple(by_hand.shape)}、tl.log_mel との差は最大 {difference:.5f}")
lesson13.draw_sound(wave[0])

# %% [markdown] key="mistakes" lang="ja"
# ## エラーの出ない間違い
#
# 画像の作り方が事前学習のときと違っても、ネットワークは黙って答えます。40帯域の画像なら、長さもいくつでもかまいません。次のセルでは、10の命令語で3つの間違いをわざと起こします。サンプリング周波数16 kHzの音を8 kHzのつもりで読む、帯域を2,000 Hzで打ち切る、対数を取り忘れる、です。

# %% [markdown] key="mistakes" lang="en"
# ## Mistakes without an error
#
# If the picture is made in another way than in pre-training, the network still answers: any picture of 40 bands will do, however long. The next cell makes three such mistakes with the ten commands: sound sampled at 16 kHz but read as 8 kHz, bands that end at 2,000 Hz, and a forgotten logarithm.

# %% key="mistakes-make"
commands = tl.load_words("commands", snr=20)
ten = lesson13.only_words(network, commands.classes["en"])  # its outputs for these ten words
# ja: ten = lesson13.only_words(network, commands.classes["en"])  # 出力をこの10語だけにする
waves, right = commands.test.inputs, commands.test.labels
slow = waves.repeat_interleave(2, 1)  # the same second, with 16,000 numbers
# ja: slow = waves.repeat_interleave(2, 1)  # 同じ1秒を、16,000個の数で
pictures = {
    "as in pre-training": tl.log_mel(waves),
    # ja: "事前学習と同じ": tl.log_mel(waves),
    "16 kHz read as 8 kHz": tl.log_mel(slow),
    # ja: "16 kHzを8 kHzとして読む": tl.log_mel(slow),
    "bands up to 2,000 Hz": tl.log_mel(waves, highest=2000.0),
    # ja: "2,000 Hzまでの帯域": tl.log_mel(waves, highest=2000.0),
    "no logarithm": tl.log_mel(waves).exp(),
    # ja: "対数を忘れる": tl.log_mel(waves).exp(),
}
mistakes = ("16 kHz read as 8 kHz", "bands up to 2,000 Hz", "no logarithm")
# ja: mistakes = ("16 kHzを8 kHzとして読む", "2,000 Hzまでの帯域", "対数を忘れる")
tl.predict_first("13-mistakes", "Which mistake costs most?", choices=mistakes)
# ja: tl.predict_first("13-mistakes", "正解率がいちばん下がる間違い", choices=mistakes)

# %% key="mistakes-run" alt_ja="正しい前処理と、気づきにくい3つの間違いでのテスト正解率を1行ずつ、点で示す。" alt_en="Test accuracy with the right front end and with each of three silent mistakes, one a row."
heard = {name: lesson13.share_right(ten, each, right) for name, each in pictures.items()}
display(lesson13.draw_mistakes(heard))
tl.see_prediction("13-mistakes", min(heard, key=heard.get))

# %% [markdown] key="mistakes-read" lang="ja"
# **どの間違いにも警告は出ず、正解率だけが大きく下がります。** 正しい画像なら91%ですが、サンプリング周波数を取り違えると27%、2,000 Hzで打ち切ると38%、対数を忘れると56%です。サンプリング周波数を取り違えると、音は半分の速さになり、1オクターブ低くなります。人なら、聞けばすぐに気づきます。
#
# 対策は、**前処理（波形から画像を作る手順）をモデルと一緒に配る**ことです。`network.preprocess` はそのためにあり、`tl.probe` などは必ずそれを通します。そこには⑤もあり、画像ごとに平均を0、標準偏差を1にそろえます（上では `share_right` が行いました。忘れると31%です）。自分のデータを使うときは、まず録音を1つ再生し、その画像も見てください。

# %% [markdown] key="mistakes-read" lang="en"
# **None gives a warning, and all cost a lot.** The right picture gives 91%. The wrong sampling rate leaves 27%, bands up to 2,000 Hz 38% and the missing logarithm 56%. At the wrong rate, every sound is half as fast and an octave lower. You would hear that at once.
#
# The cure is to **ship the front end** (the steps from wave to picture) **with the model**. `network.preprocess` holds it, and `tl.probe` and all others use it. It also has a step ⑤: each picture is brought to mean 0 and standard deviation 1 (above, `share_right` did this; without it, only 31% would be left). With your own data, first play one sound and look at its picture.

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（書く、5分）
#
# 正解率をいちばん下げた間違いを直しましょう。関数 `to_8khz(waves, rate)` を書いてください。`waves` は1行が1つの録音のテンソル、`rate` はサンプリング周波数で、8,000の倍数です。隣り合う `rate // 8000` 個のサンプルを平均し、8 kHzの波形を返します。
#
# たとえば `rate` が16,000なら、2.0, 4.0, 6.0, 8.0 という行は 3.0, 7.0 になります。（平均せずに1つおきに取ると、4,000 Hzより高い音が、もとは無かった低い音に化けます。平均すれば弱まります。）
#
# できたら、新しいセルに次の1行を書いて実行しましょう。取り違えた音の正解率が91%まで戻るはずです。
#
# ```python
# lesson13.share_right(ten, tl.log_mel(to_8khz(slow, 16_000)), right)
# ```

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (write, 5 minutes)
#
# Mend the mistake that cost most. Write a function `to_8khz(waves, rate)`: `waves` is a tensor with one recording a row, and `rate` is their sampling rate, a multiple of 8,000. Return the waves at 8 kHz, each sample the mean of `rate // 8000` neighbours.
#
# For example, at a rate of 16,000 a row of 2.0, 4.0, 6.0, 8.0 becomes 3.0, 7.0. (Taking every other sample would turn tones above 4,000 Hz into false low ones; the mean weakens them.)
#
# Once it works, run this line in a new cell: it should bring the misread sound back to 91%.
#
# ```python
# lesson13.share_right(ten, tl.log_mel(to_8khz(slow, 16_000)), right)
# ```


# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: def to_8khz(waves, rate):
# PLACEHOLDER:     return ...
def to_8khz(waves, rate):
    groups = waves.reshape(len(waves), -1, rate // 8000)
    return groups.mean(2)


### END SOLUTION
tl.check("13-a")

# %% [markdown] key="voices" lang="ja"
# ## 誰の声でテストするか
#
# 同じ人が同じ単語を何度も話すと、録音どうしはよく似ています。録音を無作為に分けると、テストと同じ声が学習にも入ってしまいます。これも**リーク**（漏れ）です（詳しくはレッスン14）。**声ごとに分ければ**、テストの声はすべて初めての声になり、初めてのお客様を相手にするときに近くなります。次の図では、1つの色が1つの声です。

# %% [markdown] key="voices" lang="en"
# ## Whose voice is the test?
#
# Recordings of one person saying one word are much alike. Split at random, the voices of the test are heard in training as well: a **leak** (lesson 14). Split **by voice**, every voice of the test is new, like a new customer's. In the diagram, each colour is one voice.

# %% key="leak" alt_ja="3つの方法のテスト正解率を1行ずつ、声ごとに分けた場合と無作為に分けた場合の2つの点で示す。左は合成の声、右は人の声。" alt_en="Test accuracy of three ways, one a row, as two dots: split by voice, and split at random. Synthetic voices at the left, people at the right."
display(tl.diagram("voices"))
lesson13.draw_leak(tl.stored("13_leak"), tl.stored("13_real"))

# %% [markdown] key="leak-read" lang="ja"
# **人の声では、無作為に分けると実力よりずっと良く見えます。** 右は、6人が話した英語の数字です（公開データ、[Free Spoken Digit Dataset](https://github.com/Jakobovski/free-spoken-digit-dataset)）。どの方法も、どちらの分け方でも、1語5件ずつから学んでいます。それでも、無作為に分けると、DTWは22ポイント、凍結した本体は10ポイントも高く出ます。左の合成の声では、大きくても3ポイントしか違いません。合成の声どうしは、人どうしよりずっと似ているからでしょう。
#
# ### 練習B（書く、5分）
#
# 声ごとに分ける関数 `split_by_voice(voices, away)` を書きましょう。`voices` は、録音ごとの話し手の名前のリストです。`away` 人を丸ごとテスト用に取り分け、学習用の行番号のリストと、テスト用の行番号のリストを、この順に返します。
#
# たとえば `split_by_voice(["ken", "emi", "ken"], 1)` なら、`([1], [0, 2])`（ken を取り分けた場合）です。

# %% [markdown] key="leak-read" lang="en"
# **With people, the random split makes every way look much better than it is.** At the right, six people say the digits in English (the public [Free Spoken Digit Dataset](https://github.com/Jakobovski/free-spoken-digit-dataset)). Each way learns from 5 recordings of each digit under both splits, but the random one gives DTW 22 points more and the frozen body 10. With our synthetic voices (left) it is 3 points at most, probably because they are far more alike than people are.
#
# ### Exercise B (write, 5 minutes)
#
# Write `split_by_voice(voices, away)`. `voices` lists who speaks in each recording. Hold out `away` people completely, and return two lists: the row numbers to learn from, and those to test on.
#
# For example, `split_by_voice(["ken", "emi", "ken"], 1)` is `([1], [0, 2])` if Ken is held out.


# %% key="ex-b" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: def split_by_voice(voices, away):
# PLACEHOLDER:     return ...
def split_by_voice(voices, away):
    held = sorted(set(voices))[-away:]
    train = [row for row, voice in enumerate(voices) if voice not in held]
    test = [row for row, voice in enumerate(voices) if voice in held]
    return train, test


### END SOLUTION
tl.check("13-b")

# %% [markdown] key="accent" lang="ja"
# ## 新しいアクセント
#
# 事前学習で聞いたのは、英語の4つのアクセント（図の「標準」）です。同じ10の命令語を、別の4つのアクセントでも聞かせます。ウィジェットで聞いた「日本語」は、日本語の音（イエス、ノー、レフト……）で読み上げたものです。合成のアクセントはプログラムの規則であり、特定の人々を表すものではありません。

# %% [markdown] key="accent" lang="en"
# ## A new accent
#
# Pre-training heard four accents of English (*standard* in the figure). Now voices with four others say the same ten commands. The Japanese one reads them with the sounds of Japanese (*iesu*, *noo*, *refuto* ...). Synthetic accents are rules of a program and stand for no group of people.

# %% key="accents" alt_ja="5つのアクセントの、新しいラベルなしのテスト正解率を1行ずつ、点と95%信頼区間で示す。破線は全体の平均。" alt_en="Test accuracy without any new label for each of five accents, one a row, as dots with 95% intervals; dashed: the mean of all."
accents = tl.stored("13_accents")
lesson13.draw_accents(accents)

# %% [markdown] key="accents-read" lang="ja"
# **全体の平均だけを見ると、いちばん困っている人が隠れます。** 全体では83%（破線）でも、日本語アクセントは60%しかありません。報告には、必ずいちばん低いグループの値を並べてください。実際の音声認識の製品でも、話者のグループによって誤りの割合が2倍近く違った、という調査があります（Koenecke ほか, 2020、[doi:10.1073/pnas.1915768117](https://doi.org/10.1073/pnas.1915768117)）。新しいアクセントも、1単語2件の録音で覚えられます（「さらに深く：新しいアクセントを覚え、前の話し方も残す」）。
#
# ## この耳に聞こえないもの
#
# この耳は、誰が話しても同じ単語だとわかるように鍛えられました。では、**誰が話しているか**を聞き分けさせたら？ 10の声を、コールセンターの5語で覚えさせ、別の7語でテストします。

# %% [markdown] key="accents-read" lang="en"
# **A mean over everybody hides those who fare worst.** All accents together reach 83% (dashed), but the Japanese one only 60%. Always put the worst group beside it. In commercial speech recognition, error rates differed by almost a factor of two between groups of speakers (Koenecke et al., 2020, [doi:10.1073/pnas.1915768117](https://doi.org/10.1073/pnas.1915768117)). Two recordings of each word teach the new accent ("Deeper: learn a new accent, keep the old one").
#
# ## What this ear does not hear
#
# The ear for words was trained to hear the same word whoever says it. What if we ask it **who is speaking**? It learns ten voices from the call centre's five words and is tested on seven other words.

# %% key="who" alt_ja="10の声を5件ずつの録音から聞き分ける正解率を、5つの方法について1行ずつ示す。" alt_en="Accuracy in telling ten voices apart from five recordings of each, for five ways, one a row."
lesson13.draw_who(tl.stored("13_who"))

# %% [markdown] key="who-read" lang="ja"
# **この耳には、誰の声かがほとんどわかりません。** 凍結した本体は16%で、ランダムに答えた場合（10%）と大差がありません。何も学んでいないランダムな本体でさえ43%、ゼロからの学習なら49%です。「誰が言っても stop は stop」と学ぶうちに、声の違いを捨ててしまったのです。ファインチューニングしても26%までしか戻りません。レッスン06の**負の転移**が、ここでも起きています（5件＋検証用3件、10回）。
#
# つまり、**事前学習に必要だった手がかりは残り、邪魔だった手がかりは薄れます。** 本体を選ぶときは、何を無視するよう鍛えられたかも考えましょう。
#
# ## 人の声では？
#
# 2つの公開データで確かめます。「誰の声でテストするか」の6人の数字と、41人が話した30の命令語（Speech Commands、[arXiv:1804.03209](https://arxiv.org/abs/1804.03209)）です。Googleが大量の音声で学習させた**埋め込み**（[arXiv:2002.01322](https://arxiv.org/abs/2002.01322)）も、凍結して並べます。

# %% [markdown] key="who-read" lang="en"
# **This ear hardly hears who is speaking.** The frozen body is right for 16%, not far from guessing (10%). Even a random body, which never learned anything, reaches 43%, and training from scratch 49%. While the ear learned that *stop* is *stop* whoever says it, it learned to throw voices away, and fine-tuning only gets back to 26%. This is lesson 06's **negative transfer** once more (5 recordings and 3 to choose with, 10 draws).
#
# **What the pre-training needed is kept, and what was in its way fades.** When you choose a body, also ask what it was trained to ignore.
#
# ## And with people?
#
# Two public sets: the six people's digits from above, and 30 commands said by 41 people (Speech Commands, [arXiv:1804.03209](https://arxiv.org/abs/1804.03209)). Beside our frozen body there is a frozen **embedding** that Google trained on a great deal of speech ([arXiv:2002.01322](https://arxiv.org/abs/2002.01322)).

# %% key="real-figure" alt_ja="人の声での正解率。左は数字、右は30の命令語。どちらも話者を分けてある。" alt_en="Accuracy with people who were held out: digits at the left, thirty commands at the right."
lesson13.draw_real(tl.stored("13_real"))

# %% [markdown] key="real-read" lang="ja"
# **合成の声で鍛えた耳は、人の声にも役立ちました。** 初めて聞く人の数字では、5件ずつで69%です（DTWは51%、帯域の平均は47%）。ただし、本物の声で学んだGoogleの埋め込みは92%と、はるかに上です。30の命令語では、2件ずつで55%と、埋め込み（53%）に並びました。なお、数字10語のすべてと命令語30語のうち27語は、事前学習の40語に入っています。ほかの単語に使うときは、試してから信じましょう。

# %% [markdown] key="real-read" lang="en"
# **An ear that was trained on synthetic voices helps with people, too.** On digits said by strangers it reaches 69% from five recordings each (DTW 51%, means of bands 47%). Google's embedding, trained on real voices, is far ahead there, with 92%. On the 30 commands ours is level with it: 55%, against 53%, from two recordings. All ten digits, and 27 of the 30 commands, are among the 40 words of its pre-training: test it on other words before you trust it.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 全国のお客様が携帯電話からかけてくる旅館の予約センターで、音声メニュー（「予約」「変更」「取消」「場所」「担当者」）を作ることになりました。録音は1単語50件まで集められます。
#
# 計画を `plan` に書いてください。`"recordings"` は誰の声をどう集めるか、`"network"` は何から始めるか、`"split"` はどう分けて測るか、`"report"` は何を報告するか、`"unknown"` はメニューにない言葉への備え（たとえば、自信が**しきい値**より低い答えは断ります。詳しくは「さらに深く：知らない単語を断る」）、`"why"` は理由です。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# A hotel group takes telephone bookings from all over the country, mostly from mobile phones. Build its voice menu: *book*, *change*, *cancel*, *directions*, *agent*. You can collect up to 50 recordings of each word.
#
# Write your plan into `plan`: `"recordings"` says whose voices you collect and how, `"network"` what you start from, `"split"` how you split and measure, `"report"` what you report, `"unknown"` what happens to words that are not on the menu (say, an answer counts only above a **threshold** of sureness: see "Deeper: turning unknown words away"), and `"why"` gives your reasons.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "recordings": ...,
# PLACEHOLDER:     "network": ...,
# PLACEHOLDER:     "split": ...,
# PLACEHOLDER:     "report": ...,
# PLACEHOLDER:     "unknown": ...,
# PLACEHOLDER:     "why": ...,
# PLACEHOLDER: }
plan = {
    "recordings": "25 people from five regions say each word twice over their own phones.",
    # ja: "recordings": "5つの地方の25人に、自分の携帯電話から各単語を2回ずつ話してもらいます。",
    "network": "A speech embedding that is frozen, with a new head; fine-tuned if it falls short.",
    # ja: "network": "音声の埋め込みを凍結して新しい出力層。足りなければファインチューニング。",
    "split": "By person: 10 to learn from, 5 to choose with, 10 to test on, two of each region.",
    # ja: "split": "人ごとに、学習10人、検証5人、テスト10人。どの地方もテストに2人入れます。",
    "report": "Accuracy with its interval, and the worst region beside it.",
    # ja: "report": "正解率と信頼区間、いちばん低い地方の値も並べます。",
    "unknown": "A threshold that lets 5% of other words pass, set on other people; then an agent.",
    # ja: "unknown": "別の人の別の言葉で、5%だけ通るしきい値を決めます。断ったら担当者につなぎます。",
    "why": "New callers are new voices on noisy lines: the test has to be like them.",
    # ja: "why": "お客様は初めての声で、回線には雑音があります。テストも同じでなければなりません。",
}
### END SOLUTION
tl.check("13-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | 録音 | 社員数人の声 | いろいろな人の声 | 人数、地方、回線も決めた |
# | 出発点 | ゼロから | 事前学習済みの本体 | 図の数字を挙げて選んだ |
# | 分け方 | 録音を無作為に | 人ごと | 人ごとで、検証用とテスト用も別の人 |
# | 報告 | 正解率1つ | 信頼区間も | いちばん低いグループも |
# | 未知の言葉 | なし | しきい値 | しきい値の決め方と、断った後の流れ |
#
# 7点以上なら、そのまま提案できます。上の解答例は、2＋1＋2＋2＋2で9点です。理由に図の数字（たとえば、人の声の数字での埋め込みの92%）を挙げれば、10点になります。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | part | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | recordings | a few colleagues | many different people | with numbers of people, regions and telephones |
# | start | from scratch | a pretrained body | chosen with numbers from a figure |
# | split | recordings at random | by person | by person, and other people to choose with |
# | report | one accuracy | with an interval | with the worst group beside it |
# | unknown words | nothing | a threshold | how it is set, and what happens then |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 2 + 1 + 2 + 2 + 2 = 9. With a number from a figure in its reasons, such as the embedding's 92% on people's digits, it would have 10.

# %% key="quiz"
tl.quiz("13")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 音は、ログメル画像にすれば写真と同じように転移できます。画像の作り方が違うと、エラーも出ないまま答えが外れます。
# - 単語を聞いて鍛えた耳は、新しい単語を2件の録音で覚えます。
# - 声ごとに分けて測り、いちばん低いグループの値も報告します。
# - 事前学習で邪魔だった手がかり（誰の声か）は、凍結した本体にはほとんど残っていません。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - As a log-mel picture, sound is transferred like photos. If the picture is made in another way, the answers are wrong without any error.
# - An ear that was trained on words learns new ones from two recordings.
# - Split by voice and report the worst group.
# - The frozen body has hardly kept what was in the way of its pre-training, such as who is speaking.

# %% [markdown] key="deeper-accent" lang="ja" tags=["deeper"]
# ## さらに深く：新しいアクセントを覚え、前の話し方も残す
#
# 日本語アクセントの録音を1単語2件か5件用意し、10の出力を残したままファインチューニングします。このとき、標準的な英語の録音を5件ずつ混ぜる**リプレイ**（レッスン04）も試します。

# %% [markdown] key="deeper-accent" lang="en" tags=["deeper"]
# ## Deeper: learn a new accent, keep the old one
#
# We fine-tune the body and its ten outputs on two or five recordings of each command in the Japanese accent, without and with **replay** (lesson 04): five recordings of each in standard English, mixed in.

# %% key="replay" alt_ja="日本語アクセントと標準的な英語の正解率を、学習前、ファインチューニング、リプレイありについて示す。左は1単語2件、右は5件。" alt_en="Accuracy on the Japanese accent and on standard English before, fine-tuned, and fine-tuned with replay; two recordings of each word at the left, five at the right."
replay = tl.stored("13_replay")
lesson13.draw_replay(replay)

# %% key="claim-accent" tags=["claim"]
known = accents["accents"]
drop = tl.interval([a - b for a, b in zip(known["standard"], known["japanese"])])
before, after = (replay["2"][way]["new"] for way in ("before", "tuned"))
regained = tl.interval([a - b for a, b in zip(after, before)])
tl.claim(
    f"The Japanese accent costs {100 * drop.low:.0f} to {100 * drop.high:.0f} points; two "
    f"recordings of each word win back {100 * regained.low:.0f} to {100 * regained.high:.0f} "
    "(stored, 10 draws)",
    # ja: f"日本語アクセントで{100 * drop.low:.0f}〜{100 * drop.high:.0f}ポイント下がり、1単語2件の"
    # ja: f"録音で{100 * regained.low:.0f}〜{100 * regained.high:.0f}ポイント戻りました"
    # ja: "（保存済み、10回）",
    drop.low > 0.20 and regained.low > 0.20,
)

# %% [markdown] key="replay-read" lang="ja"
# **2件ずつで新しいアクセントを覚え、リプレイで前の話し方もほぼ残りました。** 2件ずつでは、日本語アクセントが59%から84%に上がります（アクセントの図の60%とは、加えた雑音が違います）。標準的な英語は、リプレイなしでは93%から82%に下がりますが、ありなら89%です。5件ずつでは、なしが76%、ありが88%です。リプレイのせいで新しいアクセントの正解率が少し下がるのかどうかは、10回の測定ではわかりません。新しいお客様のために前からのお客様を失わないよう、**両方を測りましょう**。

# %% [markdown] key="replay-read" lang="en"
# **Two recordings teach the new accent, and replay keeps most of the old speech.** From two recordings of each word, the Japanese accent goes from 59% to 84% (the figure of the accents has 60%, under other noise). Without replay, standard English falls from 93% to 82%; with it, only to 89%. With five recordings, it is 76% without and 88% with replay. Ten draws cannot tell whether replay costs the new accent a little. Do not lose your old customers over the new ones: **measure both**.

# %% [markdown] key="deeper-net" lang="ja" tags=["deeper"]
# ## さらに深く：耳の中身は小さなContextNet
#
# 本体は**ContextNet**（Han ほか, 2020、[arXiv:2005.03191](https://arxiv.org/abs/2005.03191)）を小さくしたものです。畳み込み（小さなフィルターを入力の上で滑らせる計算。フィルターごとに1**チャネル**が出ます）は、時間の方向だけに進みます。工夫は2つです。
#
# **分離型の畳み込み**は、96チャネルどうしを5時刻分つなぐ代わりに、チャネルごとに5時刻を見てから、チャネルを混ぜます。重みは $96\times96\times5=46{,}080$ 個から $96\times5+96\times96=9{,}696$ 個に減ります。
#
# **SE**（squeeze-and-excitation）は、音全体を聞いてから、チャネルの音量を決めます。$x$ を特徴、$\bar{x}$ を全時刻の平均、$W_1, W_2$ を重みとすると、
#
# $$\text{SE}(x) = x \cdot \sigma(W_2\,\text{SiLU}(W_1 \bar{x}))$$
#
# です。SiLUは、負の値をほぼ0にして正の値を通すなめらかな関数で、$\sigma$ は0〜1の値を返します。「語尾が s なら、語頭のこの音に注目する」といった、離れた手がかりの組み合わせがこれでできます。

# %% [markdown] key="deeper-net" lang="en" tags=["deeper"]
# ## Deeper: the ear is a small ContextNet
#
# The body is a small **ContextNet** (Han et al., 2020, [arXiv:2005.03191](https://arxiv.org/abs/2005.03191)). A convolution slides small filters over its input, and each gives one **channel**; here they slide along time only. It has two ideas.
#
# A **separable convolution** does not connect all 96 channels with all 96 at five moments. It looks at five moments of each channel by itself, then mixes the channels. Instead of $96\times96\times5=46{,}080$ weights it needs $96\times5+96\times96=9{,}696$.
#
# **SE** (squeeze-and-excitation) listens to the whole sound before it decides how loud each channel is. With the features $x$, their mean over all time $\bar{x}$ and weights $W_1, W_2$:
#
# $$\text{SE}(x) = x \cdot \sigma(W_2\,\text{SiLU}(W_1 \bar{x}))$$
#
# where SiLU smoothly lets positive values pass and keeps negative ones near 0, and $\sigma$ gives values from 0 to 1. In this way clues from far apart come together: for example, an *s* at the end of the word can decide how much a sound at its start counts.

# %% key="net-diagram"
count = sum(weights.numel() for weights in network.parameters())
separable = network.blocks[0].convolutions[0]
print(f"zukan-speech: {count:,} weights; its first separable convolution:")
# ja: print(f"zukan-speech：重み {count:,} 個。最初の分離型の畳み込み：")
for layer in separable[:2]:
    print(f"{tuple(layer.weight.shape)}: {layer.weight.numel():,} weights")
    # ja: print(f"{tuple(layer.weight.shape)}：重み {layer.weight.numel():,} 個")
tl.diagram("contextnet")

# %% [markdown] key="deeper-japanese" lang="ja" tags=["deeper"]
# ## さらに深く：日本語の単語と、別の合成器
#
# 同じ本体で、日本語の10語（請求、配送、返金、解約、予約、変更、確認、住所、電話、担当）を覚えます。英語しか聞いたことのない耳です。右の図では、別の合成器 Open JTalk の声でテストします。espeak-ng が規則で計算した声であるのに対し、こちらは1人の女性の録音から学んだ統計で話します。

# %% [markdown] key="deeper-japanese" lang="en" tags=["deeper"]
# ## Deeper: Japanese words, and another synthesiser
#
# The same body learns ten Japanese words of a call centre. It has heard nothing but English. In the right panel the test is the voice of another synthesiser, Open JTalk: espeak-ng computes its voices by rule, while Open JTalk speaks with statistics learned from the recordings of one woman.

# %% key="japanese" alt_ja="日本語10語のテスト正解率。左は同じ合成器の別の声、右は別の合成器の声。" alt_en="Test accuracy on ten Japanese words: on other voices of the same synthesiser at the left, on another synthesiser at the right."
lesson13.draw_japanese(tl.stored("13_japanese"))

# %% [markdown] key="japanese-read" lang="ja"
# **英語で鍛えた耳は、日本語の単語も覚えました。ただし、同じ合成器の声に限ってです。** 10件ずつ学ぶと、ファインチューニングは91%、凍結は91%、ゼロからの学習は87%です。借りた耳のほうが上ですが、差は数ポイントしかありません。英語の5語では、同じ10件ずつで14〜15ポイントの差がありました（最初の結果の図）。差が縮んだ理由が、言語の違いなのか、単語の数（10語）なのか、単語の聞き分けやすさなのかは、この測定だけではわかりません。
#
# Open JTalkの声になると、順に22%、21%、19%まで下がり、ランダムに答えた場合（10%、点線）に近づきます。学習とテストで声を分けても、どちらも同じ合成器で**作られて**いれば、その合成器に特有の癖が手がかりになってしまうのでしょう。テストには、実際に使う場所で録った音を使ってください。（1単語10件＋検証用8件、10回の平均）

# %% [markdown] key="japanese-read" lang="en"
# **An ear trained on English learns Japanese words, too, but only in voices of the same synthesiser.** From ten recordings each, fine-tuning reaches 91%, the frozen body 91% and scratch 87%. The borrowed ear is ahead, but only by a few points. With the five English words, also from ten recordings each, it was 14 to 15 (first results figure). This measurement does not tell whether that is due to the language, to the number of words (ten) or to how alike they sound.
#
# On the voice of Open JTalk they fall to 22%, 21% and 19%, not far above guessing (10%, dotted). Even when training and test share no voice, voices **made** by one synthesiser probably share habits that a network takes for clues. Test on sound from where the model will be used. (10 recordings and 8 to choose with, 10 draws.)

# %% [markdown] key="deeper-dtw" lang="ja" tags=["deeper"]
# ## さらに深く：DTW、事前学習のいらない方法
#
# ゆっくりした「は・い・い・い」と速い「は・い」は、同じ単語です。**DTW**（動的時間伸縮、Sakoe・Chiba, 1978）は、片方を待たせながら2つを並べ、ずれの合計がいちばん小さい並べ方を探します。表の左上から順に、
#
# $$D[i,j] = d(x_i, y_j) + \min(D[i-1,j-1],\ D[i-1,j],\ D[i,j-1])$$
#
# を埋めるだけです。$d$ は2つの時刻のずれです。たとえば $x=(0,3,3)$ と $y=(0,3)$ なら、3が待つだけでずれは0です。順序が逆の $(3,0)$ では、待っても $3+0+3=6$ のずれが残ります。実際には、ログメルの1列を13個の数に要約した**MFCC**どうしを比べます。

# %% [markdown] key="deeper-dtw" lang="en" tags=["deeper"]
# ## Deeper: DTW, a way without pre-training
#
# Said slowly or fast, a word is the same word. **DTW** (dynamic time warping; Sakoe and Chiba, 1978) lays two recordings along each other, lets either wait, and looks for the way with the smallest total difference. From the upper left of a table it fills in
#
# $$D[i,j] = d(x_i, y_j) + \min(D[i-1,j-1],\ D[i-1,j],\ D[i,j-1])$$
#
# where $d$ is the difference of two moments. For example, $x=(0,3,3)$ and $y=(0,3)$ differ by 0: the 3 just waits. With $(3,0)$, the other order, waiting does not help: $3+0+3=6$. In earnest one compares **MFCC**, 13 numbers that sum up each column of the log-mel picture.


# %% key="dtw-run"
def warped(x, y):
    table = {(-1, -1): 0.0}
    for i, one in enumerate(x):
        for j, other in enumerate(y):
            steps = ((i - 1, j - 1), (i - 1, j), (i, j - 1))
            nearest = min(table.get(step, float("inf")) for step in steps)
            table[i, j] = abs(one - other) + nearest
    return table[len(x) - 1, len(y) - 1]


print(f"(0, 3, 3) and (0, 3) differ by {warped((0, 3, 3), (0, 3)):.0f}")
# ja: print(f"(0, 3, 3) と (0, 3) のずれ：{warped((0, 3, 3), (0, 3)):.0f}")
print(f"(0, 3, 3) and (3, 0) differ by {warped((0, 3, 3), (3, 0)):.0f}")
# ja: print(f"(0, 3, 3) と (3, 0) のずれ：{warped((0, 3, 3), (3, 0)):.0f}")

# %% [markdown] key="deeper-noise" lang="ja" tags=["deeper"]
# ## さらに深く：雑音、データ拡張、BatchNorm
#
# 静かな回線（20 dB）の録音10件ずつで学び、雑音の大きさを変えてテストします。0 dBでは、雑音の強さが声と同じです。学習中に録音を少しずらし、回線と雑音を変える**データ拡張**と、テストと同じ雑音のラベルなし録音100件でBatchNormの記憶を測り直す**AdaBN**（レッスン08）も試します。

# %% [markdown] key="deeper-noise" lang="en" tags=["deeper"]
# ## Deeper: noise, augmentation, BatchNorm
#
# Ten recordings of each word on a quiet line (20 dB) to learn from, then tests under more and less noise. At 0 dB the noise has as much power as the speech. Two remedies: **augmentation**, which shifts the recordings a little and varies line and noise during training, and **AdaBN** (lesson 08), which measures BatchNorm's memory again on 100 unlabelled recordings with the noise of the test.

# %% key="noise-figure" alt_ja="雑音なし、20、10、0 dBでのテスト正解率を、静かな録音で学んだ3つの方法について示す。" alt_en="Test accuracy without noise and at 20, 10 and 0 dB for three ways that learned on quiet recordings."
lesson13.draw_noise(tl.stored("13_noise"))

# %% [markdown] key="noise-read" lang="ja"
# **このネットワークは、はじめから雑音に強いのです。** 事前学習で0〜25 dBの雑音を聞いてきたので、静かな録音だけで学んでも、10 dBで93%、声と同じ強さの雑音（0 dB）でも81%です。雑音なしの90%が20 dBの95%より低いのは、事前学習にも学習用の録音にも必ず雑音が入っていて、無音の背景のほうが初めてだからでしょう。学習中に雑音を加えると0 dBで84%になりますが、10回の測定では差があるとは言いきれません（95%信頼区間は−1〜8ポイント）。
#
# AdaBNは、雑音があるときは正解率を下げました。20 dBで3ポイント（95%信頼区間は1〜6）、0 dBで6ポイント（1〜11）です。雑音なしでは差が見えません。レッスン08の夜の写真と違い、直すべきずれがないところに、100件から測った粗い平均を入れたからでしょう。

# %% [markdown] key="noise-read" lang="en"
# **This network copes with noise from the start.** In its pre-training it heard noise from 0 to 25 dB. Fine-tuned on quiet recordings alone, it is right for 93% at 10 dB, and for 81% with noise as strong as the speech (0 dB). Without any noise it is 90%, less than the 95% at 20 dB, probably because the pre-training and these recordings always had some, so that silence is what is new. Noise mixed in during training gives 84% at 0 dB, but 10 draws cannot tell this from no difference (95% interval −1 to 8 points).
#
# AdaBN costs accuracy wherever there is noise: 3 points at 20 dB (95% interval 1 to 6) and 6 at 0 dB (1 to 11). Without noise no difference shows. Unlike with the photos by night of lesson 08, there is probably nothing here to mend, and means of 100 recordings are rougher than those from the pre-training.

# %% [markdown] key="deeper-unknown" lang="ja" tags=["deeper"]
# ## さらに深く：知らない単語を断る
#
# お客様は、メニューにない言葉も話します。そこで、答えに点数を付け、**しきい値**を超えたものだけを受け付けます。しきい値は、知らない単語の5%だけが通るように決めます。点数の付け方は3通りです。いちばん高い確率（自信）、学習用の録音との近さ、そして「その他」という6番目のクラスです。しきい値を決めるときと試すときとでは、単語も声も別のものを使います。

# %% [markdown] key="deeper-unknown" lang="en" tags=["deeper"]
# ## Deeper: turning unknown words away
#
# Customers also say what is not on the menu. So an answer counts only if its score passes a **threshold**, set such that 5% of unknown words pass. There are three scores: the highest probability (sureness), the nearness to the recordings that were learned, and a sixth class, "other". The words and voices that set the threshold are not those that test it.

# %% key="unknown-figure" alt_ja="知らない単語を断る3つの方法を1行ずつ。知っている単語を受け付けた割合と、知らない単語を通した割合。" alt_en="Three ways to reject unknown words, one a row: the share of known words caught and of unknown words let through."
lesson13.draw_unknown(tl.stored("13_unknown"))

# %% [markdown] key="unknown-read" lang="ja"
# **数字1つでは、断り方の良し悪しはわかりません。** 6番目のクラスは、知っている単語の92%を正しく受け付けますが、知らない単語も半分近く通してしまいます。しきい値を決めた単語は、「その他」として学習した単語そのものなので、実際より簡単だったのです。近さは、約束どおり知らない単語を5%だけ通し、知っている単語の53%を正しく受け付けました。自信で決めると、知らない単語を通すのは同じくらい（6%）でも、知っている単語は32%しか正しく受け付けません。知らない単語にも自信を持って答えることが多く、しきい値をとても高くしなければならないからです。
#
# 実際の製品では、1時間あたりの誤受付の回数で約束します。その回数は、お客様がメニューにない言葉をどれだけ話すかによって決まります。

# %% [markdown] key="unknown-read" lang="en"
# **One number does not tell how good a rejection is.** The sixth class gets 92% of the known words right, but lets almost half of the unknown ones pass. Its threshold was set on the very words that it had learned as "other", and these were easier than words that are new to it. Nearness keeps its promise of 5% and gets 53% of the known words right. Sureness lets through about as few (6%), but gets only 32% right: the network is often sure of words it does not know, so the threshold has to be very high.
#
# A product would promise a number of false alarms an hour. How many there are depends on how often customers say what is not on the menu.

# %% [markdown] key="deeper-own" lang="ja" tags=["deeper"]
# ## さらに深く：自分の声と、自分の録音
#
# 次のセルを実行して「録音する」を押し、10の命令語のどれかを英語で言ってみましょう。録音ファイルをこの枠にドロップしてもかまいません。ネットワークは、何を聞いても10語のどれかで答えます。

# %% [markdown] key="deeper-own" lang="en" tags=["deeper"]
# ## Deeper: your own voice, your own recordings
#
# Run the next cell, press "Record", and say one of the ten commands; or drop a recording onto the frame. Whatever it hears, the network answers with one of its ten words.

# %% key="own-voice"
lesson13.own_voice()

# %% [markdown] key="own-read" lang="ja"
# **本物の声は、合成の声より難しいのです。** 人が話した同じ10語の録音（Speech Commands）100件では、正解は62件でした。標準的なアクセントの合成の声なら94%です。聞き間違えられても、あなたの発音のせいとは限りません。
#
# ### フォルダーに集めた録音
#
# 単語ごとのフォルダーに録音（WAV、FLAC、OGG、MP3）を入れます。ファイル名の先頭を話し手の名前にすると（`ken_1.wav`）、声ごとに分けられます。
#
# ```
# recordings/予約/ken_1.wav   recordings/予約/emi_1.wav   recordings/変更/ken_1.wav  ...
# ```
#
# ```python
# mine = tl.load_folder("recordings")   # 点検し、分け方を説明します
# ```
#
# ターミナルで `python -m tlhelpers try recordings` を実行すると、比較とレポートができます。スマートフォンの録音で十分ですが、M4Aは読めないので、WAVに変換してください（`ffmpeg -i memo.m4a memo.wav`）。

# %% [markdown] key="own-read" lang="en"
# **Real voices are harder for it than synthetic ones.** Of 100 recordings of the same ten words by people (Speech Commands), it is right for 62; with synthetic voices in the standard accent it is 94%. So if it mishears you, that need not be your pronunciation.
#
# ### A folder of recordings
#
# Put recordings (WAV, FLAC, OGG, MP3) into a folder for each word. Where a file name begins with who speaks (`ken_1.wav`), they are split by voice.
#
# ```
# recordings/book/ken_1.wav   recordings/book/emi_1.wav   recordings/change/ken_1.wav  ...
# ```
#
# ```python
# mine = tl.load_folder("recordings")   # looks at them, and says how they are split
# ```
#
# In a terminal, `python -m tlhelpers try recordings` compares the ways and writes a report. A smartphone records well enough, but M4A cannot be read: turn it into WAV (`ffmpeg -i memo.m4a memo.wav`).

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 突然、どの単語も外れる | サンプリング周波数の取り違え、ステレオをモノラルとして読んだ | 1つ再生し、モノラルにして、サンプリング周波数を事前学習とそろえる |
# | 検証では良いのに現場で外れる | 同じ声が両方に入っている | 声ごとに分け直す |
# | 短い単語だけ当たる | 無音の長さが手がかりになっている | 長さと位置をそろえ、ずらして学ぶ |
# | 特定の人だけ外れる | アクセント、高さ、話す速さ | グループ別に測り、その人たちの録音を足す |
# | 新しい単語の後、前の単語を忘れた | 破局的忘却 | 前の録音を混ぜる（レッスン04） |
#
# **最近よく使われる手法**
#
# - **自己教師ありの耳**：wav2vec 2.0（[arXiv:2006.11477](https://arxiv.org/abs/2006.11477)）と HuBERT（[arXiv:2106.07447](https://arxiv.org/abs/2106.07447)）は、書き起こしのない音声から学びます。その特徴に小さな出力層を付けるのが、いまの出発点です。
# - **Whisper**（[arXiv:2212.04356](https://arxiv.org/abs/2212.04356)）は、68万時間の書き起こし付き音声で学び、日本語も書き起こせます。
# - 少ない録音での単語認識：[arXiv:2104.01454](https://arxiv.org/abs/2104.01454)。話者の少ない方言の認識は、まだ解かれていない課題です。
#
# ```python
# from transformers import pipeline   # 初回は約1 GBをダウンロードします。音は16 kHzです
# write = pipeline("automatic-speech-recognition", "openai/whisper-small")
# write("recordings/予約/ken_1.wav")
#
# from transformers import AutoFeatureExtractor, AutoModel
# read = AutoFeatureExtractor.from_pretrained("facebook/wav2vec2-base")
# ear = AutoModel.from_pretrained("facebook/wav2vec2-base")
# sound = read(samples, sampling_rate=16_000, return_tensors="pt")   # samples：1件の波形
# features = ear(**sound).last_hidden_state.mean(1)   # 出力層に入れる特徴
# ```

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | suddenly every word is wrong | another sampling rate, or stereo taken for mono | play one; make it mono, at the rate of the pre-training |
# | fine on validation, poor in use | the same voices in both parts | split by voice |
# | only short words are right | the length of the silence is a clue | equal lengths and places; shift in training |
# | wrong for certain people | accent, pitch, speed | measure by group, add recordings of these people |
# | old words are lost after new ones | catastrophic forgetting | mix old recordings in (lesson 04) |
#
# **Today**
#
# - **Self-supervised ears**: wav2vec 2.0 ([arXiv:2006.11477](https://arxiv.org/abs/2006.11477)) and HuBERT ([arXiv:2106.07447](https://arxiv.org/abs/2106.07447)) learn from speech without any text. A small head on their features is the usual start today.
# - **Whisper** ([arXiv:2212.04356](https://arxiv.org/abs/2212.04356)) learned from 680,000 hours of speech with transcripts in many languages, and writes down what it hears.
# - Words from few recordings: [arXiv:2104.01454](https://arxiv.org/abs/2104.01454). Dialects with few speakers are still an open problem.
#
# ```python
# from transformers import pipeline   # downloads about 1 GB at first; sounds have 16 kHz
# write = pipeline("automatic-speech-recognition", "openai/whisper-small")
# write("recordings/book/ken_1.wav")
#
# from transformers import AutoFeatureExtractor, AutoModel
# read = AutoFeatureExtractor.from_pretrained("facebook/wav2vec2-base")
# ear = AutoModel.from_pretrained("facebook/wav2vec2-base")
# sound = read(samples, sampling_rate=16_000, return_tensors="pt")   # samples: one wave
# features = ear(**sound).last_hidden_state.mean(1)   # the features for a head
# ```

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 耳を借りる話、再生、最初の成功8分（1つは教室のスピーカーで流し、`sound` の図を映す） → ウィジェット4分 → 波形から画像へ8分（窓の256とメルの差を板書で計算） → 間違いと練習A 8分 → 声ごとの分け方と練習B 7分 → アクセント3分 → 聞こえないもの、人の声4分 → 練習C 3分で始め、残りは宿題。クイズ、まとめ、「さらに深く」も宿題か、早く終わった人向けです。
#
# **2人組で**：1人が目をつぶり、もう1人がウィジェットで単語を再生します。人が聞き取れなくなるdBと、ネットワークが間違えるdBを比べます。
#
# **ウィジェットの答え**：声1の no は、5 dBから go と聞き間違えられます。日本語アクセントの声1では、left と right です（声2では off も。声3は全問正解）。
#
# **待ち時間**：2コアのCPUで、いちばん長いセル（最初に学習するセル）が10〜25秒です。
#
# **遅れた人**：最初の ✓ の行まで実行したら、「誰の声でテストするか」へ進めます。
#
# **よくある誤解**：「録音を増やせば声ごとに分けなくてよい」。同じ5人の録音をいくら増やしても、6人目のことはわかりません。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **45 minutes** · Borrowed ears, listening and the first success 8 (play one over the loudspeakers, project the diagram `sound`) → widget 4 → from wave to picture 8 (the 256 of a window and the differences in mel on the board) → mistakes and exercise A 8 → whose voice, and exercise B 7 → accents 3 → what it does not hear, and people 4 → begin exercise C with 3, the rest at home. Quiz, key points and everything "Deeper" are homework, or for whoever is early.
#
# **In pairs**: one closes their eyes, the other plays words in the widget. Compare the dB at which the person fails with those at which the network fails.
#
# **Answers of the widget**: *no* in voice 1 is taken for *go* from 5 dB on. In the Japanese accent, voice 1 loses *left* and *right* (voice 2 *off* as well; voice 3 is heard right throughout).
#
# **Waiting**: on two CPU cores the longest cell (the first that trains) takes 10 to 25 seconds.
#
# **Whoever fell behind** can run everything up to the first ✓ and go on at "Whose voice is the test?".
#
# **A common mistake**: "with enough recordings I need not split by voice". However many recordings of the same five people there are, they say nothing about a sixth.
