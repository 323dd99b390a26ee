# %% [markdown] key="title" lang="ja"
# # 12 言語モデルの転移
#
# **説明24分、練習とクイズ21分** ・ 前提：レッスン02（特徴抽出）と03（ファインチューニング）。自然言語処理の経験はいりません。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 1クラス10通のラベルで問い合わせを仕分け、文字や単語を数えるだけのTF-IDFと公平に比べる
# - BERTの中身（トークン、埋め込み、アテンション、穴埋め）を説明し、アテンションを1つの文で計算する
# - 英語のラベルだけで日本語を分類し、言語モデルの転移が役に立たない場合も見分ける

# %% [markdown] key="title" lang="en"
# # 12 Transfer of language models
#
# **24 minutes of reading, 21 of exercises and quiz** · Before this: lessons 02 (feature extraction) and 03 (fine-tuning). No experience with language processing is needed.
#
# After this lesson you can
#
# - sort enquiries with ten labels a class, in a fair comparison with TF-IDF, which only counts
# - explain what is inside BERT (tokens, embeddings, attention, masked words), and compute attention on one sentence
# - sort Japanese mail with English labels alone, and tell where transfer of language models gains nothing

# %% key="setup"
import torch
from IPython.display import display
from torch.nn import functional as F
from transformers.utils import logging

import tlhelpers as tl

tl.setup()
logging.disable_progress_bar()
network = tl.backbone("zukan-bert")
bert, tokenizer = network.encoder, network.preprocess.tokenizer
lesson12 = tl.figures("12")

# %% [markdown] key="idea" lang="ja"
# ## 読んで鍛えた目を借りる
#
# あなたはネットショップのサポート部門に配属されました。届いたメールを、請求、配送、返品など6つの担当に振り分ける仕事です。ラベル付きの見本は、1クラスにつき10通しかありません。
#
# 野鳥の見分けで鍛えた目が部品の検査に役立ったように、**たくさんの文章を読んで鍛えた目**も借りられます。それが**言語モデル**です。ここで使う `zukan-bert` は、パラメータ約100万個の小さな **BERT** です。教材用に自動生成した約4万通のメールを、日本語と英語で読みました。大部分は、お店に届くメールです。
#
# 下の図は、文が分類されるまでの流れです。本体を凍結し、出力層だけを学習します。図の中の言葉は、このあと1つずつ説明します。

# %% [markdown] key="idea" lang="en"
# ## Borrowing an eye that has read a lot
#
# You have just joined the support team of an online shop. Mail has to go to one of six desks, such as billing, delivery or returns. You have ten labelled examples for each.
#
# The bird-watcher's eye served well in a factory. An **eye trained by reading** can be borrowed, too: this is a **language model**. Ours is `zukan-bert`, a small **BERT** of about a million parameters. It has read some forty thousand messages in English and Japanese, most of them mail to a shop (all generated for this course).
#
# The picture shows how a text is sorted. The body stays frozen; only the head is trained. Each word in the picture is explained below.

# %% key="enquiries"
display(tl.diagram("text_classifier"))
task = tl.load_task("enquiries", per_class=10)
for words, label in zip(task.train.inputs[:6], task.train.labels):
    print(f"[{task.class_names[label]}] {words}")

# %% [markdown] key="page" lang="ja"
# ## 比べる相手：TF-IDF
#
# BERTは、読んだことでどれだけ得をしているのでしょうか。それを知るために、何も読んでいない方法と比べます。テキスト分類の**ベースライン**として定番なのが、**TF-IDF**です。文字や単語の並びを数え、どの文にも出るものは軽く、珍しいものは重く見て、線形の分類器に渡します。たとえば「パスワード」がログインの文にしか出てこなければ、それだけで手がかりになります。
#
# どちらの方法も、同じ60通のラベルで学習し、同じ120通の検証データで設定を選びます。テストに使うのは、別の240通です。ランダムに答えると17%です。
#
# > **予想してから実行**：1クラス10ラベルで、TF-IDFは約40%を正しく仕分けます。凍結したBERTは何%でしょうか。

# %% [markdown] key="page" lang="en"
# ## Something to beat: TF-IDF
#
# What has BERT gained by reading? To tell, we compare it with a method that has read nothing. The standard **baseline** for sorting texts is **TF-IDF**. It counts short runs of characters or words; those found everywhere weigh little, rare ones much. A linear classifier learns from these counts. For example, "password" is a good clue if only login mail contains it.
#
# Both methods learn from the same 60 labelled texts and choose their settings on the same 120 validation texts. The test is on 240 others; guessing gives 17%.
#
# > **Predict, then run**: with ten labels a class, TF-IDF sorts about 40% of the test enquiries correctly. What share will the frozen BERT sort?

# %% key="predict-win"
tl.predict_first("12-win", "Test accuracy of the frozen BERT", between=(17, 100), unit="%")
# ja: tl.predict_first("12-win", "凍結したBERTのテスト正解率", between=(17, 100), unit="%")

# %% key="win" alt_ja="ゼロからのBERT、TF-IDF、凍結したBERTのテスト正解率を、1行に1つずつ、点と95%信頼区間で示す。" alt_en="Test accuracy of BERT from scratch, TF-IDF and frozen BERT, one a row, as a dot with its 95% interval."
tfidf = tl.tfidf_baseline(task)
frozen = tl.probe(network, task)
print(f"TF-IDF {tfidf.test_acc:.0%}  →  frozen BERT {frozen.test_acc:.0%}  (test data)")
# ja: print(f"TF-IDF {tfidf.test_acc:.0%} → 凍結したBERT {frozen.test_acc:.0%}（テストデータ）")
trained = tl.stored("12_contenders")
display(lesson12.draw_win(trained, live={"tfidf": tfidf.test_acc, "probe": frozen.test_acc}))
tl.see_prediction("12-win", round(100 * frozen.test_acc))

# %% [markdown] key="win-read" lang="ja" tags=["answer"]
# **同じ60通のラベルで、凍結したBERTはTF-IDFより23ポイント高い正解率になりました**（10回の平均。丸印は今日の1回です）。TF-IDFは、同じ文字の並びがもう一度出てこないと手がかりがありません。BERTの特徴では、「返金してほしい」と「お金を戻して」が近くに並びます。
#
# **なぜこんなに小さなモデルで勝てるのでしょうか。** お店に届くメールを、前もって読んでいたからです。テストの文は読んでいませんが、話題はよく似ています（「さらに深く：zukan-bertの作り方」）。事前学習がなければ、同じBERTでもTF-IDFに届きません（いちばん上の行）。

# %% [markdown] key="win-read" lang="en" tags=["answer"]
# **From the same labels, the frozen BERT gets 22 points more than TF-IDF**, on average over ten draws (the rings are today's). TF-IDF has nothing to go by unless the same characters come again. In BERT's features, "I want a refund" and "give me my money back" lie close together.
#
# **Why does so small a model win?** Because it has read mail to a shop before: not the test texts, but many of their subjects ("Deeper: how zukan-bert was made"). Without pre-training, the same BERT does not even reach TF-IDF (top row).

# %% [markdown] key="exercise-a" lang="ja"
# ## 自分の文で試す
#
# 下のウィジェットに、好きな文を入れてみましょう。2つの言語のラベル付きの文で学習したので、日本語でも英語でもかまいません。語の色は、**その語（画面で区切られた1つ分）を抜くと答えの確率がどう変わるか**を表します。青は答えを支持した語、橙色は反対した語です。いちばん下には、特徴の近いラベル付きの文が、言語を問わず並びます。
#
# 次に、お店と関係のない文を入れてみてください。「今日はいい天気ですね」は、81%の確率で「返品・交換」になります。6つのどれかを必ず選ぶからです。**確率が高くても、正しいとは限りません。**
#
# ### 練習A（試す、4分）
#
# **1語だけ**変えると別のクラスに移る2つの文を見つけ、`before` と `after` に入れてください。変える前に、どのクラスに移るかを予想しましょう。

# %% [markdown] key="exercise-a" lang="en"
# ## Your own sentences
#
# Type anything into the widget below, in English or Japanese: it has learned from labelled texts in both. The colour of a word says **how the probability of the answer changes without it**: blue words spoke for the answer, orange ones against it. At the bottom stand the labelled texts nearest to yours, in either language.
#
# Then try something unrelated. "Will it rain tomorrow?" goes to Delivery with 97%, since one of the six classes always wins. **A high probability is no guarantee of being right.**
#
# ### Exercise A (try, 4 minutes)
#
# Find two enquiries that differ in **one word only** and go to different classes. Put them into `before` and `after`. Before you change the word, predict where the text will go.

# %% key="widget"
tl.widget("12")

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: before = ...
# PLACEHOLDER: after = ...
before = "I want to cancel my order"
# ja: before = "注文をキャンセルしたい"
after = "I want to return my order"
# ja: after = "注文を返品したい"
### END SOLUTION
tl.check("12-a")

# %% [markdown] key="tokens" lang="ja"
# ## BERTの中身 1：トークンと埋め込み
#
# モデルが読むのは文字でも単語でもなく、**トークン**です。文をトークンに分けるものを**トークナイザー**といいます。よく出る並びは1つのトークンになり、珍しい語は細かく分かれます。知らない文字は `[UNK]`（不明）です。`▁` は空白の印で、文の先頭にも付きます。
#
# 次に、各トークンを、表から引いた128個の数に置き換えます。この数の並びが**埋め込み**（embedding）です。最初の図では、3つのマスで描きました。同じトークンなら、どの文でも同じ埋め込みです。

# %% [markdown] key="tokens" lang="en"
# ## Inside BERT 1: tokens and embeddings
#
# The model reads **tokens**; what cuts a text into them is the **tokenizer**. It turns capitals into small letters. Frequent words stay whole, rare ones fall into pieces, and characters that it does not know become `[UNK]` (unknown). The sign `▁` stands for a space, and leads the first word, too.
#
# Each token then becomes 128 numbers, looked up in a table: its **embedding** (the three boxes in the first picture). A token has the same embedding in every sentence.

# %% key="tokens-code"
samples = ("cancel my order please", "Was I overcharged?", "help 😀")
# ja: samples = ("請求が二重です", "追加料金でしょうか", "助けて😀")
for words in samples:
    print(f"{words}  →  {'  |  '.join(tokenizer.tokenize(words))}")

# %% [markdown] key="attention" lang="ja"
# ## BERTの中身 2：アテンション
#
# 埋め込みは、前後の語をまだ知りません。そこで**アテンション**（attention）が働きます。どの語も、文のすべての語に「私に関係があるのはどれですか」と問いかけ、受け取った情報を混ぜて、自分の新しいベクトルにします。下の図では「です」が問いかけ、「二重」から87%、「請求」から13%を受け取ります。

# %% [markdown] key="attention" lang="en"
# ## Inside BERT 2: attention
#
# An embedding knows nothing of the words around it. They come in with **attention**: every word asks all words of the sentence "which of you matters to me?" and mixes what they give into a new vector of its own. In the picture "please" asks. It takes 61% from "cancel" and 37% from "order".

# %% key="attention-diagram"
tl.diagram("attention")

# %% [markdown] key="attention-how" lang="ja"
# **相手をどう選ぶのでしょうか。** 各トークンは、いまのベクトルに学習済みの行列を掛けて、3本のベクトルを作ります。**クエリ** $q$（問いかけ）、**キー** $k$（名札）、**値** $v$（渡す中身）です。
#
# クエリとキーの内積から、相性を表す**点数** $s$ が決まります。点数を、合計が1になる重みに直すのが**softmax**です。$e^s$ を計算し、その合計（ここでは126）で割ります。
#
# | 「です」が問いかける相手 | 請求 | 二重 | そのほか |
# |---|---|---|---|
# | 点数 $s$ | 2.76 | 4.70 | −2.7以下 |
# | $e^s$ | 16 | 110 | ほぼ0 |
# | 重み | 13% | 87% | 0% |
#
# この重みで値を混ぜたものが、「です」の新しいベクトルになります。

# %% [markdown] key="attention-how" lang="en"
# **How does a word choose?** Each token makes three vectors from its present one, with learned matrices: a **query** $q$ (what it asks), a **key** $k$ (its name tag) and a **value** $v$ (what it has to give).
#
# The dot product of a query and a key tells how well they fit: the **score** $s$. **Softmax** turns scores into weights that add up to 1: take $e^s$, and divide by the sum of the row (here 3.13).
#
# | "please" asks | cancel | order | `[SEP]` (end of the text) | others |
# |---|---|---|---|---|
# | score $s$ | 0.64 | 0.15 | −2.77 | below −4 |
# | $e^s$ | 1.90 | 1.16 | 0.06 | 0.01 |
# | weight | 61% | 37% | 2% | 0% |
#
# The values, mixed by these weights, make the new vector of "please".

# %% [markdown] key="attention-formula" lang="ja"
# **すべての語をまとめて計算する**のが、次の式です。$Q$、$K$、$V$ は、各トークンの $q$、$k$、$v$ を1行ずつ並べた行列です。
#
# $$\text{attention}(Q, K, V) = \text{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# $d$ はクエリの長さで、ここでは32です。その平方根で割るのは、長いベクトルでも点数が大きくなりすぎないようにするためです。上の点数も、割ったあとの数です。
#
# `zukan-bert` は2層で、1層に4つのアテンションが並び（マルチヘッドアテンション）、128個の数を32個ずつ受け持ちます。次のセルでは、どこを見ているかが読み取りやすい、2層目の4つ目を計算します（`[CLS]` と `[SEP]` は、文の始まりと終わりの印です）。

# %% [markdown] key="attention-formula" lang="en"
# **For all words at once**, the queries, keys and values are the rows of $Q$, $K$ and $V$:
#
# $$\text{attention}(Q, K, V) = \text{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V$$
#
# $d$ is the length of a query, here 32. Dividing by its root keeps the scores of long vectors from growing too large; the scores above are divided already.
#
# `zukan-bert` has two layers of four attentions side by side (multi-head attention), which share the 128 numbers: 32 each. The next cell computes the fourth of layer 2, which is easy to read (`[CLS]` marks the beginning of the text).

# %% key="attention-code" alt_ja="アテンションの重みの表。行は問いかける語、列は情報をもらう相手の語。" alt_en="A grid of attention weights: rows are the words that ask, columns the words they take from."
batch = network.preprocess(["cancel my order please"])
# ja: batch = network.preprocess(["請求が二重です"])
words = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])
layer = bert.encoder.layer[1].attention.self  # layer 2
# ja: layer = bert.encoder.layer[1].attention.self  # 2層目
with torch.no_grad():
    x = bert(**batch, output_hidden_states=True).hidden_states[1][0]  # after layer 1
    # ja: x = bert(**batch, output_hidden_states=True).hidden_states[1][0]  # 1層目のあと
    q, k, v = (part(x)[:, -32:] for part in (layer.query, layer.key, layer.value))  # the 4th of 4
    # ja: q, k, v = (part(x)[:, -32:] for part in (layer.query, layer.key, layer.value))  # 4つ目
    scores = q @ k.T / 32**0.5
    weights = scores.softmax(1)
    new = weights @ v
for word, score, weight in zip(words, scores[-2], weights[-2]):
    print(f"{words[-2]} looks at {word}: score {score:.2f}, weight {weight:.0%}")
    # ja: print(f"{words[-2]} から見た {word}：点数 {score:.2f}、重み {weight:.0%}")
lesson12.draw_attention(weights, words)

# %% [markdown] key="masked" lang="ja"
# **ほとんどの語が「請求」と「二重」を見ています。** それだけでは用件のわからない「です」（枠で囲んだ行）も、用件を含んだベクトルになります。どこを見るかは、誰も教えていません。事前学習で身に付いたものです。アテンションの層を重ねたこの作りを **Transformer** といいます。出力層が受け取るのは、最後の層を出たベクトルの平均です。
#
# ## BERTの中身 3：穴埋めで学ぶ
#
# この目は、どうやって育ったのでしょうか。ラベルは使いません。文の1語を `[MASK]` で隠し、前後から当てさせます（**マスク言語モデル**）。隠した語そのものが正解になるので、どんな文章でも教材になります。下の図では、3つの語から選ばせました（コードは「さらに深く：隠した語を当てる」）。

# %% [markdown] key="masked" lang="en"
# **Nearly every word looks at "cancel" and "order".** So even "please" (framed), which names no desk, now carries what the mail is about. Nobody told it where to look: that came with pre-training. A network of such layers is a **Transformer**. The head gets the mean of the vectors that leave its last layer.
#
# ## Inside BERT 3: learning from masked words
#
# How did this eye grow? Without any label. One word of a sentence is hidden by `[MASK]`, and BERT has to guess it from both sides (**masked language modelling**). The hidden word is the right answer, so any text will do. In the picture it chooses among three words (the code is under "Deeper: guessing a masked word").

# %% key="masked-diagram"
tl.diagram("masked")

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、7分）
#
# 文をまとめて読むときは、短い文に詰め物（**パディング**）を付けて長さをそろえます。詰め物に意味はないので、重みを0にし、残りの重みの合計を1にします。
#
# そのようなアテンションを書きましょう。`q` と `k` の形は（トークン, d）、`v` は（トークン, m）、`mask` は（トークン）で、本物のトークンが1、パディングが0です。各トークンの新しいベクトル（トークン, m）を返してください。`x.masked_fill(条件, 値)` は、条件に合う所を値に置き換えます。

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 7 minutes)
#
# When texts are read together, short ones are filled up to one length with **padding**. It means nothing, so its weight must be 0, while the other weights still add up to 1.
#
# Write such an attention. `q` and `k` are (tokens, d), `v` is (tokens, m); `mask` is (tokens), 1 for a real token and 0 for padding. Return the new vectors of all tokens, (tokens, m). `x.masked_fill(condition, value)` puts `value` wherever `condition` holds.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def attend(q, k, v, mask):
# PLACEHOLDER:     return ...
def attend(q, k, v, mask):
    scores = q @ k.T / q.shape[1] ** 0.5
    scores = scores.masked_fill(mask == 0, -torch.inf)
    return scores.softmax(1) @ v


### END SOLUTION
tl.check("12-b")

# %% [markdown] key="ways" lang="ja"
# ## 効果はどこから来たのか
#
# 6つの方法を、同じラベル、同じ検証データ、同じテストデータで比べます。
#
# - **ゼロから**：同じBERTを、ランダムな重みから学習
# - **TF-IDF**：文字や単語を数えるだけ
# - **静的な単語埋め込み**：BERTの埋め込みの表だけを使い、文脈は見ない
# - **凍結**：本体をそのまま使う
# - **LoRA**：本体の横で、1%に満たない数のパラメータを学習（コードは「さらに深く」）
# - **ファインチューニング**：本体も学習

# %% [markdown] key="ways" lang="en"
# ## Where does the gain come from?
#
# We compare six ways, with the same labels, validation and test data.
#
# - **from scratch**: the same BERT, trained from random weights
# - **TF-IDF**: counting alone
# - **static word vectors**: BERT's table of embeddings alone, without context
# - **frozen**: the body as it is
# - **LoRA**: less than 1% of the parameters trained beside the body (code under "Deeper")
# - **fine-tuned**: the body trained as well

# %% key="ways-figure" alt_ja="1クラス10ラベルでの6つの方法のテスト正解率を、言語ごとに点と95%信頼区間で示す。" alt_en="Test accuracy of six ways with ten labels a class, a panel a language, as dots with 95% intervals."
lesson12.draw_ways(trained)

# %% [markdown] key="ways-read" lang="ja"
# **TF-IDFとの差は、事前学習から来ています。その大部分は、語を文脈の中で読む層のおかげです。** 静的な単語埋め込みは、単語の意味を知っていても、凍結したBERTよりTF-IDFに近い正解率です。事前学習をしないBERTは、正解率が最も低くなりました。60通だけでは、言葉を覚えられません。
#
# **ラベルが少ないときは、まず本体を凍結し、線形プローブから始めます。** LoRAやファインチューニングでさらに学習しても、ここでは、はっきりした効果はありません。

# %% [markdown] key="ways-read" lang="en"
# **The lead over TF-IDF comes from pre-training, and most of it from the layers that read words in context.** Static vectors, which know single words, stay closer to TF-IDF than to frozen BERT. Without pre-training the same BERT has the lowest accuracy: sixty texts are too few to learn a language.
#
# **With few labels, first freeze the body and train a linear probe.** Training more, with LoRA or fine-tuning, gains nothing certain here.

# %% [markdown] key="across" lang="ja"
# ## 英語のラベルで、日本語を仕分ける
#
# 英語の見本60通はありますが、日本語の見本は1通もないとします。`zukan-bert` は穴埋めのあと、原文とその訳文を近づける学習もしました。そのため、同じ意味の文は言語が違っても近くに並びます。
#
# 英語で学習した出力層は、日本語にも通じるでしょうか。英語のメールだけを読んだ「英語だけのBERT」とも比べます。

# %% [markdown] key="across" lang="en"
# ## English labels, Japanese mail
#
# Suppose you have the sixty English examples and none in Japanese. After the masked words, `zukan-bert` also learned to match texts with their translations. So texts of one meaning lie close together in either language.
#
# Will a head trained on English work for Japanese? For comparison, the "English-only BERT" has read no Japanese.

# %% key="across-code" alt_ja="日本語の問い合わせのテスト正解率を、方法ごとに点と95%信頼区間で示す。" alt_en="Test accuracy on Japanese enquiries, one way a row, as dots with 95% intervals."
moved = tl.load_task("enquiries", per_class=10, lang="en", test_lang="ja")
bilingual = tl.probe(network, moved).test_acc
lesson12.draw_across(tl.stored("12_across"), live={"both": bilingual})

# %% [markdown] key="across-read" lang="ja"
# **英語のラベルだけで、日本語のラベルを付けたときと同じくらい当たりました。** 英語だけのBERTは、ランダムに答えるのと変わりません。漢字はすべて `[UNK]`、かなは1文字ずつにしか見えないからです。

# %% [markdown] key="across-read" lang="en"
# **English labels sort Japanese mail about as well as Japanese ones.** The English-only BERT does no better than guessing: to it, every kanji is `[UNK]`, and kana come one by one.

# %% [markdown] key="real" lang="ja"
# ## 本物のモデルでは？
#
# `zukan-bert` が読んだのは、教材用に生成したメールだけです。そこで、大量の文章を読んだ本物の**文エンコーダー**（文を1本のベクトルにするモデル）も、凍結して測りました。英語のMiniLMと、日本語も読める多言語E5です。
#
# 本物のデータは2つあります。英語で書かれた銀行への質問（**Banking77**、77種類のうち10種類）と、日本語の記事の見出しと書き出し（**livedoorニュース**）です。

# %% [markdown] key="real" lang="en"
# ## And with real models?
#
# `zukan-bert` has read only what was generated for this course. So we froze two real **sentence encoders** (models that turn a text into one vector), which have read vast amounts of text: MiniLM for English, and multilingual E5 for Japanese as well.
#
# Two sets are real: **Banking77**, English questions to a bank (10 of its 77 intents, or kinds), and **livedoor news**, headlines and openings of Japanese articles.

# %% key="real-figure" tags=["hide-input"] alt_ja="3つのデータセットでの、1クラスのラベル数とテスト正解率。MiniLM、多言語E5、zukan-bert、TF-IDFの4本の線。" alt_en="Test accuracy against labels a class on three sets of texts, for MiniLM, multilingual E5, zukan-bert and TF-IDF."
display(lesson12.draw_encoders(tl.stored("12_encoders")))
if tl.live("sentence-transformers/all-MiniLM-L6-v2"):
    encoder = tl.backbone("sentence-transformers/all-MiniLM-L6-v2")
    mail = tl.load_task("enquiries", 10, lang="en")
    read, counted = tl.probe(encoder, mail, standardize=False), tl.tfidf_baseline(mail)
    print(f"English enquiries: MiniLM {read.test_acc:.0%}, TF-IDF {counted.test_acc:.0%}")
    # ja: print(f"英語の問い合わせ：MiniLM {read.test_acc:.0%}、TF-IDF {counted.test_acc:.0%}")

# %% [markdown] key="real-read" lang="ja"
# **銀行への質問なら、本物の文エンコーダーは、1クラス2ラベルでもよく当たります。** MiniLMは91%で、TF-IDFは75%です。TF-IDFが負けない場合も、3つあります。
#
# - **言語**が違う：英語だけを読んだMiniLMは、日本語では負けます。
# - **分野**が違う：お店のメールで学んだ `zukan-bert` は、銀行への質問でもニュースでも負けます。
# - **単語だけでわかる**：ニュースでは、20ラベルでTF-IDFがE5を上回ります。決まり文句の多い迷惑メッセージでも、同じ言語の中ではBERTが上とはいえません。ただし、言語をまたぐとBERTが上です（「さらに深く：迷惑メッセージを見分ける」）。

# %% [markdown] key="real-read" lang="en"
# **On questions to a bank, a real encoder goes a long way with two labels a class.** MiniLM reaches 91% where TF-IDF has 75%. In three cases TF-IDF holds its own:
#
# - **Another language**: MiniLM, which read English only, is below TF-IDF on Japanese.
# - **Another domain**: `zukan-bert`, which read mail to a shop, is below it on bank questions and on news.
# - **Words that settle it**: on news, TF-IDF passes E5 at twenty labels. On spam, with its fixed phrases, BERT gains nothing certain within a language; across languages it leads ("Deeper: filtering out spam").

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、7分。2人で話し合うのもおすすめです）
#
# 旅行会社に、英語と日本語のメールが半々で届きます。5つの係に振り分け、迷惑メッセージは取り除きます。ラベル付きの見本は英語だけで、5つの係に8通ずつ、ほかに、迷惑メッセージとそうでないメールが10通ずつです。あと100通、日本語のメールにラベルを付ける予算があります。メールには、氏名や旅券番号が書かれています。
#
# 計画を `plan` に書いてください。選択肢はセルの中にあります（`"translate first"` は、英語に訳してから英語のモデルに渡す方法です）。$n$ 通でテストした正解率には、およそ $\pm 100/\sqrt{n}$ ポイントの幅があります。100通なら±10ポイントです。

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 7 minutes, also good in pairs)
#
# A travel agency's mail is half English, half Japanese. It goes to five desks, and spam is to be removed. The labelled examples are all English: 8 for each desk, 10 of spam and 10 of other mail. You can have 100 Japanese texts labelled. The mail holds names and passport numbers.
#
# Write your plan into `plan`; the cell names the choices (`"translate first"` means: into English, for an English model). A test of $n$ texts is exact to about $\pm 100/\sqrt{n}$ points: ±10 for 100 texts.

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "model": ...,  # "English encoder", "translate first" or "multilingual encoder"
# ja: # PLACEHOLDER:     "model": ...,  # "English encoder"、"translate first"、"multilingual encoder"
# PLACEHOLDER:     "body": ...,  # "frozen", "fine-tune" or "LoRA"
# ja: # PLACEHOLDER:     "body": ...,  # "frozen"、"fine-tune"、"LoRA"
# PLACEHOLDER:     "spam": ...,  # "TF-IDF" or "encoder"
# ja: # PLACEHOLDER:     "spam": ...,  # "TF-IDF" か "encoder"
# PLACEHOLDER:     "train": ...,  # how many of the 100 Japanese texts to train on
# ja: # PLACEHOLDER:     "train": ...,  # 日本語の100通のうち、学習に回す数
# PLACEHOLDER:     "test": ...,  # and how many to test on
# ja: # PLACEHOLDER:     "test": ...,  # テストに回す数
# PLACEHOLDER:     "why": ...,  # your reasons, and when you would switch to TF-IDF
# ja: # PLACEHOLDER:     "why": ...,  # 理由と、TF-IDFに切り替える条件
# PLACEHOLDER: }
plan = {
    "model": "multilingual encoder",
    "body": "frozen",
    "spam": "encoder",
    "train": 20,
    "test": 80,
    "why": "An English-only BERT gets 17% of Japanese mail right, a bilingual one 66%. With ten "
    "labels, moving the body gained nothing certain. Spam comes in both languages, so 20 Japanese texts "
    "train the filter; 80 tell the accuracy to about ± 11 points. If TF-IDF is as good, we "
    "take it. All of it runs on our own computer, and unsure mail goes to a person.",
    # ja: "why": "日本語の正解率は、英語だけのBERTが17%、2言語のBERTが66%です。10ラベルでは、本体を"
    # ja: "動かす効果ははっきりしません。迷惑メッセージは両方の言語で届くので、日本語の20通をフィルターの"
    # ja: "学習に使います。残りの80通でテストすれば、正解率は±11ポイントほどの幅でわかります。TF-IDFが"
    # ja: "並べばTF-IDFにします。すべて社内で動かし、確信の持てないメールは人に回します。",
}
### END SOLUTION
tl.check("12-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | モデル | 理由がない | 2つの言語を理由に挙げた | 図の数字、または翻訳の手間や情報の扱いで説明した |
# | 本体 | 理由がない | ラベルの数を理由に挙げた | 凍結から始め、動かすのはどんなときかを書いた |
# | 迷惑メッセージ | 理由がない | 言語をまたぐことに気づいた | 日本語の見本を集める、言語別に方法を分けるなどの案がある |
# | 日本語の100通 | 理由がない | 分け方の理由を挙げた | 正解率がどれくらいの幅でわかるかも書いた |
# | 運用 | 書いていない | TF-IDFに切り替える条件がある | 個人情報の扱いや、人に回すメールのことも書いた |
#
# 7点以上なら、そのまま提案書に書けます。解答例は2＋1＋2＋2＋2で9点です（どんなときに本体を動かすかを書いていません）。100通を全部テストに回す計画も、翻訳してから分類する計画も、理由があれば立派な答えです。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | model | no reason | two languages are the reason | with numbers from a figure, or with what translation costs and reveals |
# | body | no reason | the number of labels is the reason | frozen first, and when you would move it |
# | spam | no reason | it crosses languages | a way out, such as some Japanese examples, or a method for each language |
# | 100 Japanese texts | no reason | a reason for the shares | and how exactly the accuracy will be known |
# | use | nothing | when TF-IDF takes over | and what is done about personal data or unsure mail |
#
# With 7 points or more, your plan can go to the agency as it is. The plan above has 2 + 1 + 2 + 2 + 2 = 9: it does not say when it would move the body. All 100 texts for the test, or translation first, can be as good a plan with its reasons.

# %% key="quiz"
tl.quiz("12")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - BERTの事前学習は、隠した語を当てることです。ラベルはいりません。
# - BERTは、トークンの埋め込みにアテンションで文脈を取り込みます。
# - 少ないラベルでは、凍結した特徴と線形プローブから始めます。
# - 2つの言語を同じ空間に置くモデルなら、英語のラベルだけで日本語を分類できます。
# - 必ずTF-IDFと比べます。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - BERT is pretrained by guessing masked words, without labels.
# - It starts from the embeddings of tokens and brings in their context by attention.
# - With few labels, begin with frozen features and a linear probe.
# - A model that places two languages in one space sorts Japanese with English labels alone.
# - Always compare with TF-IDF.

# %% [markdown] key="deeper-real" lang="ja" tags=["deeper"]
# ## さらに深く：本物のモデルに替える
#
# `zukan-bert` は本物のBERTと同じ形式なので、ネットワークにつながっていれば、名前を変えるだけです（日本語のBERTには、ライブラリ `fugashi` と `unidic-lite` も必要です）。`tl.probe`、`tl.fine_tune`、`tl.lora` もそのまま動きます。3行のうち1つを選んでください。`network` は下のセルで使うので、`zukan-bert` のまま残しておきます。
#
# ```python
# real = tl.backbone("bert-base-uncased")  # 英語
# real = tl.backbone("tohoku-nlp/bert-base-japanese-v3")  # 日本語
# real = tl.backbone("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")  # 50言語
# tl.probe(real, tl.load_task("enquiries", per_class=10))
# ```
#
# ライブラリ `sentence-transformers` と `scikit-learn` だけでも、凍結した文エンコーダーに線形の出力層を付けられます。いまの現場で、まず試すべき組み合わせです。
#
# ```python
# from sentence_transformers import SentenceTransformer
# from sklearn.linear_model import LogisticRegression
#
# encoder = SentenceTransformer("intfloat/multilingual-e5-small")
# features = encoder.encode(task.train.inputs, prompt="query: ")  # どの文の前にも付ける
# head = LogisticRegression().fit(features, task.train.labels)
# ```
#
# 気を付けることが3つあります。①モデルとトークナイザーは、必ず同じ名前から読み込みます。②文の特徴は、パディングを除いた平均にします。MiniLMや多言語E5は、その平均で学習したモデルです。パディングまで平均したり、先頭のトークンだけを使ったりすると、学習したときと違う特徴になります。③言語に合うモデルを選びます。

# %% [markdown] key="deeper-real" lang="en" tags=["deeper"]
# ## Deeper: switching to real models
#
# `zukan-bert` has the format of a real BERT, so with a network connection another name is all it takes (the Japanese BERT also needs the libraries `fugashi` and `unidic-lite`). `tl.probe`, `tl.fine_tune` and `tl.lora` work as they stand. Take one of the three lines; the name `network` stays with `zukan-bert`, for the cells below.
#
# ```python
# real = tl.backbone("bert-base-uncased")  # English
# real = tl.backbone("tohoku-nlp/bert-base-japanese-v3")  # Japanese
# real = tl.backbone("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2")  # 50 languages
# tl.probe(real, tl.load_task("enquiries", per_class=10))
# ```
#
# The libraries `sentence-transformers` and `scikit-learn` alone will do for a frozen sentence encoder with a linear head. At work today, this is the combination to try first.
#
# ```python
# from sentence_transformers import SentenceTransformer
# from sklearn.linear_model import LogisticRegression
#
# encoder = SentenceTransformer("intfloat/multilingual-e5-small")
# features = encoder.encode(task.train.inputs, prompt="query: ")  # before each text
# head = LogisticRegression().fit(features, task.train.labels)
# ```
#
# Three things to mind. ① Load model and tokenizer by the same name, always. ② Take the mean without the padding, as MiniLM and multilingual E5 did in their training. With the padding in the mean, or with the first token alone, they give features that they were never trained to give. ③ Choose a model that knows your language.

# %% [markdown] key="deeper-tune" lang="ja" tags=["deeper"]
# ## さらに深く：ファインチューニングとLoRAを書く
#
# 文を受け取って点数を返すモデルと、学習の関数です。レッスン03と同じように、線形プローブの出力層から始めます。

# %% [markdown] key="deeper-tune" lang="en" tags=["deeper"]
# ## Deeper: fine-tuning and LoRA, written out
#
# Here is a model that takes texts and returns scores, and a function that trains it. As in lesson 03, it starts from the head of the linear probe.


# %% key="tune-code"
import copy

from torch import nn


class Classifier(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, copy.deepcopy(frozen.head)

    def forward(self, texts):
        batch = network.preprocess(texts)
        states = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(2)
        return self.head((states * mask).sum(1) / mask.sum(1))


def train(model, lr, epochs=15):
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=lr)
    model.train()
    for _epoch in range(epochs):
        for rows in torch.randperm(len(task.train)).split(16):
            texts, labels = task.train.batch(rows)
            loss = F.cross_entropy(model(texts), labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
    with torch.no_grad():
        answers = model.eval()(task.valid.inputs).argmax(1)
    return (answers == task.valid.labels).float().mean().item(), sum(w.numel() for w in learned)


torch.manual_seed(0)
tuned, moving = train(Classifier(copy.deepcopy(bert)), lr=2e-4)
print(f"Frozen {frozen.valid_acc:.0%}, fine-tuned {tuned:.0%} (validation); {moving:,} weights")
# ja: print(f"凍結 {frozen.valid_acc:.0%}、ファインチューニング {tuned:.0%}（検証）、重み {moving:,} 個")

# %% [markdown] key="lora" lang="ja"
# **LoRA** は、元の重み $W$ を凍結し、横に置いた細い行列2つの積だけを学習します。$W' = W + \frac{\alpha}{r} B A$ で、$r$ は**ランク**、$\alpha$ は差分の大きさを決める定数です。元の論文と同じく、アテンションのクエリと値を作る行列に付けます。

# %% [markdown] key="lora" lang="en"
# **LoRA** freezes a weight matrix $W$ and trains the product of two thin matrices beside it: $W' = W + \frac{\alpha}{r} B A$, with the **rank** $r$ and a constant $\alpha$ for the size of the difference. As in its paper, it goes to the matrices that make the queries and values of attention.

# %% key="lora-diagram"
tl.diagram("lora")


# %% key="lora-code"
class LoRALinear(nn.Module):
    def __init__(self, layer, rank=8, alpha=16):
        super().__init__()
        self.layer, self.scale = layer, alpha / rank
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)


torch.manual_seed(0)
adapted = copy.deepcopy(bert).requires_grad_(False)
for layer in adapted.encoder.layer:
    block = layer.attention.self
    block.query, block.value = LoRALinear(block.query), LoRALinear(block.value)
lora, small = train(Classifier(adapted), lr=2e-3)
print(f"LoRA {lora:.0%} (validation); {small:,} weights, {small / moving:.1%} of all")
# ja: print(f"LoRA {lora:.0%}（検証）、重み {small:,} 個（全体の {small / moving:.1%}）")

# %% [markdown] key="lora-read" lang="ja"
# ここではどちらも凍結に並ぶか、下回りました。ただし、凍結の数字は少し有利です。20通りの出力層のうち、この検証データで最も良かったものだからです。テストデータでの比較は、6つの方法の図にあります。
#
# LoRAで動く重みは、全体の1%未満です。本体を1つ置いておけば、仕事ごとに小さな差分だけを保存できます。数十億パラメータのモデルで効く工夫で、このような小さなモデルの正解率を上げるものではありません。

# %% [markdown] key="lora-read" lang="en"
# Both end below frozen here. But frozen is flattered: its head is the best of 20 on these very validation data. The figure of the six ways compares them on the test data.
#
# With LoRA, less than 1% of the weights move. One body can serve many jobs, each with its own small difference on disk. This pays with models of billions of parameters; it is not a way to more accuracy with one as small as ours.

# %% [markdown] key="deeper-spam" lang="ja" tags=["deeper"]
# ## さらに深く：迷惑メッセージを見分ける
#
# 仕分けの前に、迷惑メッセージを取り除きたくなりました。2択なので、ランダムに答えると50%です。図のいちばん下の行は、本物の携帯電話のメッセージ（SMS）です。
#
# > **予想してから実行**：迷惑メッセージでも、BERTはTF-IDFに勝つでしょうか。

# %% [markdown] key="deeper-spam" lang="en" tags=["deeper"]
# ## Deeper: filtering out spam
#
# Before mail is sorted, spam should be filtered out. There are two classes, so guessing gives 50%. The lowest row of the figure is real text messages (SMS).
#
# > **Predict, then run**: will BERT beat TF-IDF on spam as well?

# %% key="predict-spam"
tl.predict_first(
    "12-spam",
    "English spam, ten labels a class: which one is ahead?",
    # ja: "英語の迷惑メッセージ、1クラス10ラベル：上回るのはどちらでしょうか。",
    choices=("BERT", "TF-IDF", "neither for sure"),
    # ja: choices=("BERT", "TF-IDF", "どちらともいえない"),
)

# %% key="spam-figure" alt_ja="迷惑メッセージのテスト正解率。4つの場合のそれぞれで、凍結したBERTとTF-IDFを点と95%信頼区間で示す。" alt_en="Test accuracy on spam in four settings, frozen BERT and TF-IDF as dots with 95% intervals."
across = tl.stored("12_across")
display(lesson12.draw_spam(across, tl.stored("12_spam")))
gap = across["spam"]["en_to_en"]["probe - tfidf"]
ahead = "BERT" if gap["low"] > 0 else "TF-IDF" if gap["high"] < 0 else "neither for sure"
# ja: ahead = "BERT" if gap["low"] > 0 else "TF-IDF" if gap["high"] < 0 else "どちらともいえない"
tl.see_prediction("12-spam", ahead)

# %% [markdown] key="spam-read" lang="ja" tags=["answer"]
# **私たちの迷惑メッセージでは、同じ言語の中でBERTを使う効果は、はっきりしませんでした。** 平均はTF-IDFのほうが高いものの、差の95%信頼区間は0をまたぎます（英語で−13〜+7ポイント、日本語で−17〜+3ポイント。テストの文の選び方も考えに入れたので、図の信頼区間より広くなります）。迷惑メッセージには「当選」「至急」「%オフ」のような決まった文字の並びが多く、数える方法でも見つかるからでしょう。TF-IDFを選ぶのも、立派な結論です。
#
# 言語をまたぐと（3行目）、数える方法は手がかりを失い、BERTが10ポイント（1〜18）上回ります。本物のSMSでは、平均はBERTのほうが高く、信頼区間は重なっています。**どちらがよいかは、自分のデータで測るまでわかりません。**

# %% [markdown] key="spam-read" lang="en" tags=["answer"]
# **On our own spam, BERT gains nothing certain within a language.** TF-IDF has the higher means, but the 95% intervals of the difference contain 0 (English −13 to +7 points, Japanese −17 to +3; they allow for the choice of the test texts, too, so they are wider than the figure's). Spam is full of fixed strings such as "winner", "urgent" or "% off", and counting finds these as well. Choosing TF-IDF is a respectable conclusion.
#
# Across languages (third row), counting loses its clues, and BERT is ahead by 10 points (1 to 18). On real SMS, BERT has the higher mean, with intervals that overlap. **You do not know which is better until you measure on your own data.**

# %% [markdown] key="deeper-sure" lang="ja" tags=["deeper"]
# ## さらに深く：この結論はどれくらい確かか
#
# **測り方**
#
# - **データ**：ラベルを付ける文を10回選び直しました。検証とテストの文は、いつも同じです（手で書いた文なので、数に限りがあります）。
# - **設定**：線形プローブは20通り、TF-IDFは6通りから、検証データで選びました。ファインチューニング、LoRA、ゼロからの学習は、測定に使わない別の2回で、5つの学習率から選びました。ゼロからの学習は、ファインチューニングの3倍長くしてあります。
# - **本物のモデル**：どのモデルも出力層は同じで、設定はラベル付きの文だけを使った交差検証（文をいくつかに分け、残りで学習したものを1つずつで確かめる方法）で選びました。テストの文も選び直したので、問い合わせでの数字は、ほかの図と数ポイント違います。多言語E5は、語彙を日本語と英語に絞り、4ビットの重みから戻したものです。
#
# **本体を動かすと、凍結より何ポイント高くなるか**（かっこの中は95%信頼区間）
#
# | | 英語 | 日本語 |
# |---|---|---|
# | ファインチューニング | +0.9（−0.5〜2.5） | +1.0（−1.8〜3.8） |
# | LoRA | −0.1（−1.2〜0.9） | −3.4（−7.1〜0.2） |
#
# どの信頼区間も0をまたぎます。テストの文の選び方も考えに入れたので、ラベルを付ける文の選び方だけを考えた「6つの方法の図」の信頼区間より、広くなっています。
#
# **学習のしかたを変えると**：学習の長さを半分や3倍にしても、勾配クリッピングをなくしても、SGDにしても、凍結はゼロからの学習を32〜36ポイント上回ります。ファインチューニングも、平均では凍結より1〜2ポイント高いままです（10回ずつの測定、保存済み）。
#
# 次の図は、本物のモデルを、さらに2つの英語のデータで測ったものです。この教材の問い合わせと、音声アシスタントへの質問（CLINC150）です。

# %% [markdown] key="deeper-sure" lang="en" tags=["deeper"]
# ## Deeper: how sure is all this?
#
# **How it was measured**
#
# - **Data**: ten draws of the labelled texts. Validation and test texts stay the same: they were written by hand, and there are no more of them.
# - **Settings**: the linear probe chose among 20 settings and TF-IDF among 6, on the validation data. Fine-tuning, LoRA and training from scratch chose among 5 learning rates, on two draws that were not measured. Training from scratch is three times as long as fine-tuning.
# - **Real models**: all get the same head. Its settings are chosen by cross-validation on the labelled texts alone: each part of them judges what was learned from the rest. The test texts are drawn anew, too, so the numbers on our enquiries differ by a few points from the other figures. Multilingual E5 is a copy with its vocabulary cut down to Japanese and English, restored from weights of 4 bits.
#
# **Points above frozen, when the body moves** (95% interval)
#
# | | English | Japanese |
# |---|---|---|
# | fine-tuned | +0.9 (−0.5 to 2.5) | +1.0 (−1.8 to 3.8) |
# | LoRA | −0.1 (−1.2 to 0.9) | −3.4 (−7.1 to 0.2) |
#
# All four intervals contain 0. They allow for the choice of the test texts as well, so they are wider than those in the figure of the six ways, which allow for the choice of the labelled texts alone.
#
# **Trained in another way**: at half and three times the length, without gradient clipping and with SGD, frozen leads training from scratch by 32 to 36 points, and fine-tuning stays 1 to 2 points above frozen on average (ten draws each, stored).
#
# The next figure shows the real models on two more English sets: our enquiries, and CLINC150, questions to a voice assistant.

# %% key="more-sets" alt_ja="英語の問い合わせと、音声アシスタントへの質問での、1クラスのラベル数とテスト正解率。4つの方法の線。" alt_en="Test accuracy against labels a class on English enquiries and on questions to a voice assistant, a line for each of four methods."
lesson12.draw_more_encoders(tl.stored("12_encoders"))

# %% key="claim-win" tags=["claim"]
gaps = [trained[lang]["gaps"]["probe - tfidf"] for lang in ("en", "ja")]
least = min(gap["low"] for gap in gaps)
tl.claim(
    f"Frozen BERT beats TF-IDF by {100 * least:.0f} points or more in both languages "
    "(stored, lower end of the 95% intervals over labelled and test texts)",
    # ja: f"どちらの言語でも、凍結したBERTがTF-IDFを{100 * least:.0f}ポイント以上、上回りました"
    # ja: "（保存済み、ラベル付きの文とテストの文についての95%信頼区間の下端）",
    least > 0,
)

# %% [markdown] key="deeper-context" lang="ja" tags=["deeper"]
# ## さらに深く：同じ語が、文脈で別のベクトルになる
#
# 「確認」という語を、4つの文で比べましょう。1と2はログイン、3と4は請求の話です。表の数は、最後の層を出たベクトルの向きがどれだけ近いか（コサイン、1で同じ向き）です。埋め込みのままなら、すべて1です。

# %% [markdown] key="deeper-context" lang="en" tags=["deeper"]
# ## Deeper: one word, another vector in another context
#
# Take "address" in four sentences: 1 and 2 are about delivery, 3 and 4 about login. The figure compares its vectors after the last layer by their cosine (1 is the same direction). As embeddings, all four would be the same.

# %% key="context-code" alt_ja="同じ語の、4つの文でのベクトルどうしのコサインの表。" alt_en="A grid of cosines between the vectors of one word in four sentences."
word = "▁address"
# ja: word = "確認"
sentences = [
    "Please deliver to my new address",
    # ja: "パスワードの確認メールが届きません",
    "The parcel went to the wrong address",
    # ja: "ログインの確認コードが来ない",
    "My email address is not accepted at login",
    # ja: "請求の内訳を確認したい",
    "I cannot log in with my email address",
    # ja: "支払いの金額を確認したい",
]
batch = network.preprocess(sentences)
here = batch["input_ids"] == tokenizer.convert_tokens_to_ids(word)  # where the word stands
# ja: here = batch["input_ids"] == tokenizer.convert_tokens_to_ids(word)  # その語がある場所
with torch.no_grad():
    vectors = F.normalize(bert(**batch).last_hidden_state[here], dim=1)
lesson12.draw_context(vectors @ vectors.T, sentences)

# %% [markdown] key="context-read" lang="ja"
# **話題が同じなら近く、違えば離れました。** 語は1つでも、BERTは2つの使われ方を区別しています。

# %% [markdown] key="context-read" lang="en"
# **The vectors are close within a subject, and further apart across subjects.** BERT tells the two meanings of one word apart.

# %% [markdown] key="deeper-static" lang="ja" tags=["deeper"]
# ## さらに深く：BERTより前の単語埋め込み
#
# BERT（2018年）より前は、単語ごとに1本のベクトルを持つ**静的な単語埋め込み**（word2vecなど）が使われていました。似た使われ方をする語は、近い向きになります。`zukan-bert` の埋め込みの表でも確かめられます。語の切れ端が混ざるのは、表の単位が単語ではなくトークンだからです。訳文も読んだので、英語の語も近くに来ます。

# %% [markdown] key="deeper-static" lang="en" tags=["deeper"]
# ## Deeper: word vectors before BERT
#
# Before BERT (2018), people used **static word vectors** such as word2vec, one vector a word. Words used alike point the same way, as they do in `zukan-bert`'s table of embeddings. Some neighbours are pieces of words, since the table holds tokens; some are Japanese words of the same meaning (返金 is refund, パスワード password, 請求書 invoice), since it has read translations.

# %% key="nearest"
table = F.normalize(bert.get_input_embeddings().weight.detach(), dim=1)
samples = ("▁refund", "▁password", "▁invoice")
# ja: samples = ("返金", "荷物", "領収書")
for word in samples:
    near = (table @ table[tokenizer.convert_tokens_to_ids(word)]).topk(6).indices[1:]
    print(word, "→", ", ".join(tokenizer.convert_ids_to_tokens(near.tolist())))

# %% key="curves" alt_ja="1クラスのラベル数に対するテスト正解率。凍結したBERT、静的な単語埋め込み、TF-IDFの3本の線。" alt_en="Test accuracy against labels a class: frozen BERT, static word vectors and TF-IDF."
lesson12.draw_curves(tl.stored("12_enquiries"))

# %% [markdown] key="curves-read" lang="ja"
# **単語の意味を知っているだけでは、TF-IDFと大差ありません。** 文脈を読むBERTは、ラベルがいくつでも両方を上回りました。ただし、これは `zukan-bert` の表での結果です。大量の文章で学んだ単語埋め込みなら、もっと高くなるかもしれません。20ラベルの点に帯がないのは、用意した文をすべて使い、選び直しようがないからです。

# %% [markdown] key="curves-read" lang="en"
# **With the meaning of single words alone, the accuracy is not far from TF-IDF's.** BERT, which reads them in context, is ahead of both at every number of labels. This holds for `zukan-bert`'s own table; word vectors made from vast amounts of text may do better. There is no band at 20 labels because all texts are used there, and nothing is left to draw.

# %% [markdown] key="deeper-names" lang="ja" tags=["deeper"]
# ## さらに深く：クラス名だけで仕分ける（ラベルなし）
#
# ラベルが1つもなくても、クラスには名前があります。文の特徴とクラス名の特徴を比べ、最も近い名前を答えにします。これも**ゼロショット学習**の1つです。

# %% [markdown] key="deeper-names" lang="en" tags=["deeper"]
# ## Deeper: sorting by the names of the classes (no label at all)
#
# Even without a single label, classes have names. Compare the features of a text with those of the names and answer with the nearest. This is a kind of **zero-shot learning**.

# %% key="names-code" alt_ja="ラベルなしでの正解率を、4つのデータセットについてモデルごとに示す。" alt_en="Accuracy without labels on four sets of texts, a mark for each model."
names = F.normalize(tl.extract_features(network, task.class_names), dim=1)
texts = F.normalize(tl.extract_features(network, task.test.inputs), dim=1)
right = (texts @ names.T).argmax(1) == task.test.labels
print(f"zukan-bert by class names alone: {right.float().mean():.0%} (guessing: 17%)")
# ja: print(f"クラス名だけで仕分けたzukan-bert：{right.float().mean():.0%}（ランダムなら17%）")
lesson12.draw_names(tl.stored("12_names"))

# %% [markdown] key="names-read" lang="ja"
# **知っている言語と分野なら、クラス名だけでもかなり分類できます。** `zukan-bert` は、問い合わせの半分以上を正しく仕分けました（図は全480通、上に表示された数字はテストの240通での結果です）。クラス名を「届かない、遅い、追跡」のように説明的に書き換えると、もっと上がることもあります。ただし、言い換えを選ぶのにもラベル付きの検証データが必要です。

# %% [markdown] key="names-read" lang="en"
# **Where a model knows language and domain, the names of the classes alone go a long way.** `zukan-bert` is right on more than half of the enquiries (the figure counts all 480, the line above the 240 test texts). More telling names ("late, lost, tracking") may do better still, but choosing among wordings needs labelled validation data, too.

# %% [markdown] key="deeper-vanish" lang="ja" tags=["deeper"]
# ## さらに深く：静かに失われる文字
#
# 英語用のBERT（`bert-base-uncased`）は、分割の前に文字を整えます。日本語を通すと、どうなるでしょうか。

# %% [markdown] key="deeper-vanish" lang="en" tags=["deeper"]
# ## Deeper: characters that vanish in silence
#
# Before it cuts a text, the English `bert-base-uncased` tidies its characters up. What does that do to other languages?

# %% key="predict-vanish"
tl.predict_first(
    "12-vanish",
    "What does bert-base-uncased read in place of résumé?",
    # ja: "bert-base-uncasedは「ガス」を何と読むでしょうか。",
    choices=("résumé", "resume", "[UNK]"),
    # ja: choices=("ガス", "カス", "[UNK]"),
)

# %% key="vanish-code"
from tokenizers.normalizers import BertNormalizer

uncased = BertNormalizer(lowercase=True)  # what bert-base-uncased does before it cuts
# ja: uncased = BertNormalizer(lowercase=True)  # bert-base-uncasedが分割の前に行う処理
for words in ("Café Zoë", "résumé", "ガス", "まだ"):
    print(words, " → ", uncased.normalize_str(words))
for words in ("refund 返金 please", "help 😀", "привет"):
    ids = network.preprocess([words])["input_ids"][0]
    unknown = (ids == tokenizer.unk_token_id).sum().item()
    print(f"{words}: {unknown} of {len(ids) - 2} tokens unknown to zukan-bert")
    # ja: print(f"{words}：{len(ids) - 2} トークンのうち {unknown} 個が不明（zukan-bert）")
tl.see_prediction("12-vanish", uncased.normalize_str("résumé"))
# ja: tl.see_prediction("12-vanish", uncased.normalize_str("ガス"))

# %% [markdown] key="vanish-read" lang="ja" tags=["answer"]
# アクセント記号が取り除かれ、濁点も一緒に消えて、「ガス」は「カス」に、「まだ」は「また」になりました。エラーは出ません。日本語には、日本語用のトークナイザーを持つモデルを選びます。不明なトークンの割合を調べておけば、「読めなかったので人に回す」という判断ができます。

# %% [markdown] key="vanish-read" lang="en" tags=["answer"]
# Accents are stripped. A résumé is now something to resume, and Japanese loses the marks that tell "gas" (ガス) from "scum" (カス) and "not yet" (まだ) from "again" (また). There is no error. Take a model whose tokenizer was made for your language. If many tokens of a text are unknown, hand it to a person.

# %% [markdown] key="deeper-guess" lang="ja" tags=["deeper"]
# ## さらに深く：隠した語を当てる
#
# `guesser` は、同じBERTに事前学習のときの出力層を付けたものです。3つの語のどれが穴にふさわしいかと、4,902個のトークンすべての中で1位になったものを調べます。

# %% [markdown] key="deeper-guess" lang="en" tags=["deeper"]
# ## Deeper: guessing a masked word
#
# `guesser` is the same BERT with the output layer of its pre-training. It says which of three words fits the gap, and which one comes first among all 4,902 tokens.

# %% key="guess-code"
from transformers import AutoModelForMaskedLM

guesser = AutoModelForMaskedLM.from_pretrained(tokenizer.name_or_path, dtype=torch.float32).eval()
words = ["▁parcel", "▁refund", "▁password"]
# ja: words = ["荷物", "返金", "パスワード"]
ids = tokenizer.convert_tokens_to_ids(words)
for sentence in (
    "The [MASK] has not arrived yet.",
    # ja: "注文した[MASK]がまだ届きません。",
    "I sent the shoes back and wait for my [MASK].",
    # ja: "返品しました。[MASK]はいつですか。",
    "I forgot my [MASK] and cannot log in.",
    # ja: "私の[MASK]を忘れてログインできません。",
):
    batch = network.preprocess([sentence])
    hidden = batch["input_ids"] == tokenizer.mask_token_id
    with torch.no_grad():
        scores = guesser(**batch).logits[hidden][0]
    chances = scores[ids].softmax(0)
    odds = [f"{word.strip('▁')} {chance:.0%}" for word, chance in zip(words, chances)]
    first = tokenizer.convert_ids_to_tokens(scores.argmax().item())
    print(f"{sentence}  →  {', '.join(odds)} (of all tokens: {first})")
    # ja: print(f"{sentence}  →  {', '.join(odds)}（全トークンの1位：{first}）")

# %% [markdown] key="guess-read" lang="ja"
# **3つの語の中では、どの文でも意味の合う語が選ばれました。** 全トークンの中では、おかしな語が1位になることもあります。`zukan-bert` が穴埋めを練習したのは、400ステップだけだからです。

# %% [markdown] key="guess-read" lang="en"
# **Of the three words, each sentence gets the one that makes sense.** Among all tokens the first may be odd, since `zukan-bert` practised on gaps for 400 steps only.

# %% [markdown] key="deeper-gpt" lang="ja" tags=["deeper"]
# ## さらに深く：GPTは次の語を選ぶ
#
# GPTの仲間は、隠した語ではなく**次の語**を当てます。確率に従って次の語を選び、また選ぶ、と続けると文章になります。`zukan-gpt` で試しましょう。温度（`temperature`）を1より低くして、確率の高い語を選びやすくします。

# %% [markdown] key="deeper-gpt" lang="en" tags=["deeper"]
# ## Deeper: GPT draws the next word
#
# The family of GPT guesses the **next word** in place of a hidden one. Draw it by its probability, draw again, and a text comes out. Try it with `zukan-gpt`; a temperature below 1 makes likely words still more likely.

# %% key="gpt-code"
from transformers import AutoModelForCausalLM

logging.set_verbosity_error()  # a warning of transformers that does not concern us
# ja: logging.set_verbosity_error()  # ここでは関係のない警告を止める
reader = tl.backbone("zukan-gpt").preprocess.tokenizer
gpt = AutoModelForCausalLM.from_pretrained(reader.name_or_path, dtype=torch.float32).eval()
torch.manual_seed(0)
starts = ("My parcel", "Can I")
# ja: starts = ("注文した", "荷物が")
for start in starts:
    ids = reader(start, return_tensors="pt")["input_ids"][:, :-1].repeat(3, 1)  # no end sign
    # ja: ids = reader(start, return_tensors="pt")["input_ids"][:, :-1].repeat(3, 1)  # 終わりの印を除く
    drawn = gpt.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        temperature=0.7,
        max_new_tokens=16,
    )
    for words in reader.batch_decode(drawn, skip_special_tokens=True):
        print("·", words)

# %% [markdown] key="gpt-read" lang="ja"
# お店のメールらしい言葉が並びますが、意味の通らない文もあります。読んだメールに似た並びをまねているだけで、注文の記録を見ているわけではありません。大きなGPTは同じしくみでずっと滑らかに書きますが、**流暢さは正しさの証拠になりません。**

# %% [markdown] key="gpt-read" lang="en"
# The words are those of mail to a shop, and not every sentence holds together. The model imitates what it has read and looks up no order. A large GPT writes far more smoothly by the same mechanism: **fluency is no evidence of truth.**

# %% [markdown] key="deeper-made" lang="ja" tags=["deeper"]
# ## さらに深く：zukan-bertの作り方
#
# 埋め込みの表の出発点は、どのトークンが近くに並ぶかを数えて作った、静的な単語埋め込みです。400ステップの穴埋めのあと、1,000ステップかけて**文どうしの対応付け**を学びました。訳文（50%）、言い換え（20%）、同じメールの隣の文（30%）を近づけ、ほかの文とは離す学習です。
#
# 最後の30%には、注意が必要です。隣の文は同じ話題（配送の遅れ、二重請求、広告など19種類）なので、**話題ごとにまとめることを、あらかじめ少し教わっている**ことになります。話題の多くは、今回の6クラスとよく似ています。テストの文は読んでいませんが、20ポイントを超える差は、この相性の良さを含んだ数字です。だからこそ、本物のモデルとデータでの結果を添えました。

# %% [markdown] key="deeper-made" lang="en" tags=["deeper"]
# ## Deeper: how zukan-bert was made
#
# Its table of embeddings began as static word vectors, made by counting which tokens stand near each other. After 400 steps of masked words it learned to **match whole texts** for 1,000 steps: a text is drawn near to its translation (50%), a paraphrase (20%) or its neighbour in the same message (30%), and away from others.
#
# The last 30% deserve a warning. Neighbours share a subject (late delivery, charged twice, advertising and so on, 19 in all), so **it has been taught a little to group texts by subject**, and most of the subjects are much like our six classes. It has not read the test texts, but a lead of more than 20 points includes this good match. This is why results of real models on real data stand beside it.

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないとき、最近よく使われる手法
#
# **うまくいかないとき**
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | 正解率がランダムな答えに近い | トークナイザーが言語や文字に合わない | `[UNK]` の割合を調べ、モデルを替える |
# | TF-IDFに負ける | 分野が遠い、手がかりが決まり文句 | TF-IDFを使う、分野の近いモデルを探す |
# | ファインチューニングで下がる | 本体の学習率が高すぎる | 2e-5〜2e-4から検証データで選ぶ |
# | 短い文だけ当たらない | パディングを平均に入れている | `attention_mask` を使う |
# | 無関係なメールに高い確率 | 6つのどれかを必ず選ぶ | 特徴が遠い文は人に回す |
#
# 自分のメールを使うときは、匿名化と利用の同意を先に済ませてください。
#
# **最近よく使われる手法**
#
# - **文エンコーダー**：文を1本のベクトルにするSentence-BERT（[arXiv:1908.10084](https://arxiv.org/abs/1908.10084)）の仲間。多言語E5（[arXiv:2402.05672](https://arxiv.org/abs/2402.05672)）、日本語のRuri（[arXiv:2409.07737](https://arxiv.org/abs/2409.07737)）など。凍結して線形の出力層を付けるのが出発点です。
# - **SetFit**（[arXiv:2209.11055](https://arxiv.org/abs/2209.11055)）：同じクラスの文どうしを近づける学習で、1クラス8通ほどから文エンコーダーを調整します。
# - **ModernBERT**（[arXiv:2412.13663](https://arxiv.org/abs/2412.13663)）：長い文を速く読む、新しい世代のBERT。
# - **指示に従う大規模言語モデル**（[arXiv:2203.02155](https://arxiv.org/abs/2203.02155)）：言葉で頼むだけで仕分けられ、ラベルなしで始められます。ただし、1通ごとの費用と待ち時間、社外にデータを送ってよいかを確かめ、同じテストデータでTF-IDFと比べてください。
#
# **もとの論文** ・ アテンションとTransformer（[arXiv:1706.03762](https://arxiv.org/abs/1706.03762)）、BERT（[arXiv:1810.04805](https://arxiv.org/abs/1810.04805)）、LoRA（[arXiv:2106.09685](https://arxiv.org/abs/2106.09685)）、Banking77（[arXiv:2003.04807](https://arxiv.org/abs/2003.04807)）。アテンションの図を「理由の説明」と見てよいかには議論があります（[arXiv:1902.10186](https://arxiv.org/abs/1902.10186)）。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and what people use today
#
# **What can go wrong**
#
# | symptom | cause | cure |
# |---|---|---|
# | accuracy near guessing | the tokenizer does not fit the language or script | look at the share of `[UNK]`, take another model |
# | TF-IDF wins | the domain is far away, or fixed phrases give the class away | use TF-IDF, or find a model of a nearer domain |
# | fine-tuning makes it worse | the learning rate of the body is too high | choose from 2e-5 to 2e-4 on validation data |
# | wrong on short texts only | padding counts in the mean | use the `attention_mask` |
# | high probability on unrelated mail | one of the six always wins | hand texts with far-off features to a person |
#
# Before you use mail of your own, remove names and ask for consent.
#
# **Today**
#
# - **Sentence encoders**: Sentence-BERT ([arXiv:1908.10084](https://arxiv.org/abs/1908.10084)) and its descendants turn a text into one vector, such as multilingual E5 ([arXiv:2402.05672](https://arxiv.org/abs/2402.05672)) or, for Japanese, Ruri ([arXiv:2409.07737](https://arxiv.org/abs/2409.07737)). Frozen, with a linear head, they are the place to start.
# - **SetFit** ([arXiv:2209.11055](https://arxiv.org/abs/2209.11055)) tunes a sentence encoder from some 8 labels a class, by drawing texts of the same class together.
# - **ModernBERT** ([arXiv:2412.13663](https://arxiv.org/abs/2412.13663)): a BERT of a new generation, for long texts, and fast.
# - **Large language models that follow instructions** ([arXiv:2203.02155](https://arxiv.org/abs/2203.02155)) sort mail if you ask in words, without any label. Mind the cost and the wait for each text, and whether data may leave the house, and measure them beside TF-IDF on the same test data.
#
# **Original papers** · attention and the Transformer ([arXiv:1706.03762](https://arxiv.org/abs/1706.03762)), BERT ([arXiv:1810.04805](https://arxiv.org/abs/1810.04805)), LoRA ([arXiv:2106.09685](https://arxiv.org/abs/2106.09685)), Banking77 ([arXiv:2003.04807](https://arxiv.org/abs/2003.04807)). Whether a picture of attention is an explanation is disputed ([arXiv:1902.10186](https://arxiv.org/abs/1902.10186)).

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 仕分けと最初の成功8分 → ウィジェットと練習A 6分 → トークンとアテンション8分 → 穴埋めと練習B 9分 → 効果の出どころと言語をまたぐ転移4分 → 本物のモデル2分 → 練習C 8分（2人組）。クイズ、まとめ、「さらに深く」は宿題か、早く終わった人向けです。時間が足りなければ、まず練習Bを、次に練習Aを宿題にします。
#
# - **映すもの**：図 `text_classifier` と `attention`、6つの方法の図。
# - **2人組で**：アテンションの節に進む前に、「請求が二重です」の「です」がどの語を見るとよいかを、互いに予想します。練習Cは1人が提案、もう1人が採点表で採点し、交代します。
# - **答え**：練習Aは「注文をキャンセルしたい」の「キャンセル」を「返品」に替えるなど。練習Bは、softmaxの前に、パディングの点数を −∞ にします。練習Cは採点表のとおりです。
# - **早く終わった人に**：「静かに失われる文字」がいちばん盛り上がります。実行する前に、「ガス」がどうなるかを聞いてください。
# - **待ち時間**：2コアのCPUで、本編のセルはどれも10秒以内です。
# - **遅れた人は**：先頭から「比べる相手：TF-IDF」の図までのセルを実行すれば、どの節からでも再開できます。
# - **よくある間違い**：「BERTは意味がわかるから勝つ」（分野が合っていました）。「確率が高いから正しい」（無関係な文でも高くなります）。「ファインチューニングは凍結に必ず勝つ」（ここではほとんど差がありません）。練習Bでは、softmaxのあとで重みを0にする誤りが多く見られます。
# - **議論の種**：TF-IDFで65%、BERTで62%の迷惑メッセージ判定（英語）を、あなたなら製品に載せますか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · sorting and the first success 8 → widget and exercise A 6 → tokens and attention 8 → masked words and exercise B 9 → where the gain comes from, and across languages 4 → real models 2 → exercise C 8 (in pairs). Quiz, key points and "Deeper" are homework, or for whoever is early. Short of time, make exercise B homework first, then exercise A.
#
# - **To project**: the diagrams `text_classifier` and `attention`, the figure of the six ways.
# - **In pairs**: before the section on attention, both guess which words of "cancel my order please" the last one should look at. In exercise C, one proposes a plan, the other marks it with the rubric, then they change places.
# - **Answers**: exercise A, for example "cancel" in "I want to cancel my order" becomes "return"; exercise B, the scores of padding become −∞ before the softmax; exercise C, by the rubric.
# - **For whoever is early**: "characters that vanish in silence" is the liveliest. Ask what will become of "résumé" before they run it.
# - **Waiting**: on two CPU cores no cell of the core takes more than 10 seconds.
# - **Whoever fell behind** runs the cells from the top to the figure under "Something to beat: TF-IDF" and can go on from any section.
# - **Common mistakes**: "BERT wins because it understands" (the domain matched); "a high probability means it is right" (unrelated texts get one, too); "fine-tuning always beats frozen" (here there is hardly any difference). In exercise B, many set the weights to 0 after the softmax.
# - **To discuss**: on our English spam, TF-IDF is right in 65% of cases and BERT in 62%. Would you put either into a product?
