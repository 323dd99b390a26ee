# %% [markdown] key="title" lang="ja"
# # 15 1台のGPUから複数台へ
#
# **説明29分、練習16分** ・ 前提：レッスン03（ファインチューニング）。特徴の保存（レッスン02）も使います。
#
# このレッスンを終えると、次のことができるようになります。
#
# - 学習のメモリーを占めるものを数え、小さなカードに収める
# - 1つの学習を2つのプロセスで分け合い、結果が同じであることを確かめる
# - 台数を増やして得をするか、増やす前に計算する

# %% [markdown] key="title" lang="en"
# # 15 From one GPU to many machines
#
# **29 minutes of reading, 16 of exercises** · Before this: lesson 03 (fine-tuning), lesson 02 (cached features).
#
# After this lesson you can
#
# - count what fills the memory in training, and make it fit a small card
# - share one training between two processes, and check that nothing changes
# - work out beforehand whether more machines would pay

# %% key="setup"
import copy
import time

import torch
from IPython.display import display
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DistributedSampler

import tlhelpers as tl

tl.setup()
birds = tl.load_task("birds", per_class=20)
network = tl.backbone("zukan-resnet", num_classes=10).train()
images, labels = network.preprocess(birds.train.inputs), birds.train.labels
lesson15 = tl.figures("15")

# %% [markdown] key="idea" lang="ja"
# ## 机が狭い
#
# 野鳥に詳しい人が、写真128枚を机に並べて、鳥の見分け方を学び直しているとします。参考書（重み）だけでなく、書き込み（勾配）、覚え書き（オプティマイザーの記録）、そして写真1枚ごとの途中のメモ（**活性値**、activation）も机に載ります。机がいっぱいになったら、写真を減らすか、メモを捨てるか、仲間を呼ぶかです。
#
# 職場でも同じことが起こります。たとえば、手元では動いた外観検査のモデルが、現場の小さなGPUでは `CUDA out of memory` で止まってしまう場合です。ここでは「50 MBのカード」でこれを再現します（ネットワークが小さいので、カードも小さくしました）。

# %% [markdown] key="idea" lang="en"
# ## The desk is too small
#
# Think of a bird-watcher who learns from 128 photos on a desk. Beside them lie the field guide (the weights), pencilled corrections (the gradients), a notebook (the optimizer's notes), and for every photo a slip with intermediate results (the **activations**). When the desk is full, you take fewer photos, throw slips away, or call a friend.
#
# At work, a visual inspection model that trains on your computer stops on the site's small GPU with `CUDA out of memory`. We act this out with a small network and a "card" of 50 MB.

# %% key="memory"
tl.diagram("memory")

# %% [markdown] key="count-it" lang="ja"
# ## メモリーを数える
#
# まず手で数えます。重みは約101万個で、1個が4バイト（32ビット。この形式を**fp32**といいます）なので、約4 MBです。勾配も同じ数、オプティマイザーのAdamWは重み1個につき2つの数を覚えるので、その2倍の約8 MBです。ここまでで16 MBほど、つまりカードの3分の1です。残りは活性値で、写真の枚数に比例します。`tl.memory_plan` が数えてくれます。

# %% [markdown] key="count-it" lang="en"
# ## Counting the memory
#
# By hand: the 1.01 million weights take 4 bytes each (32 bits, called **fp32**): 4 MB. The gradients take as much. The optimizer AdamW remembers two numbers for each weight: 8 MB. Together: 16 MB, a third of the card. The rest are activations, which grow with the batch. `tl.memory_plan` counts them.

# %% key="count"
budget = 50  # MB
# ja: budget = 50  # カードの大きさ（MB）
plan = tl.memory_plan(network, images[:8], batch_size=128, optimizer="adamw")
print(plan)
tl.predict_first("15-batch", "How many photos fit into 50 MB at once?", between=(1, 128))
# ja: tl.predict_first("15-batch", "50 MBのカードに、一度に何枚の写真が収まるか", between=(1, 128))

# %% key="measure" alt_ja="左：学習1ステップの間のメモリーの変化。前向きの計算で増え、逆向きの計算で減る。右：数えた4種類の積み上げ棒。破線は50 MB。" alt_en="Left: memory over one training step; it rises in the forward pass and falls in the backward pass. Right: the four kinds that were counted, stacked. Dashed: 50 MB."
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
photos = images[:128].clone()  # nothing but the batch lies on the desk
# ja: photos = images[:128].clone()  # 机に載るのは、この128枚だけ
with tl.MemoryMeter(network, photos) as meter:
    loss = F.cross_entropy(network(photos), labels[:128])
    meter.mark("forward")
    loss.backward()
    meter.mark("backward")
    optimizer.step()
    meter.mark("update")
display(lesson15.draw_memory(meter, plan, budget))
tl.see_prediction("15-batch", plan.largest_batch(budget * 10**6), counted=True)

# %% [markdown] key="measure-read" lang="ja" tags=["answer"]
# **メモリーを占めるのは、ほとんどが活性値です。** 残りの3つを除くと、カードの空きは50−16＝34 MBです。写真1枚の活性値は59.7÷128＝0.47 MBなので、72枚まで収まります（重みの4.1 MBには、BatchNormの記憶も入っています）。
#
# 左の図では、前向きの計算（順伝播）で活性値がたまり、逆向きの計算（逆伝播）で使い終わったものから減っていきます。その間に、勾配が増えます。オプティマイザーの記録は、最初の更新でできて、その後ずっと残ります。つまり、2ステップ目からの最大は67＋8＝75 MBで、計算した76 MBをわずかに下回ります。
#
# もっと大きなネットワークでも同じでしょうか。ウィジェットで試してみてください。

# %% [markdown] key="measure-read" lang="en" tags=["answer"]
# **Activations fill most of it.** The other three leave 50 − 16 = 34 MB. A photo takes 59.7 / 128 = 0.47 MB, so 72 photos fit. (The 4.1 MB of parameters include BatchNorm's memory.)
#
# In the forward pass activations pile up; the backward pass lets go of what it has used, while gradients grow. The optimizer's notes appear in the first update and stay: from the second step on, the peak is 67 + 8 = 75 MB, just below the counted 76.
#
# Try larger networks in the widget.

# %% key="widget"
tl.widget("15")

# %% [markdown] key="exercise-a" lang="ja"
# ### 練習A（読み取る、4分）
#
# ウィジェットで調べて、答えを入れてください。装置は1台、数の形式は `fp32` です。
#
# - `largest`：写真を見分けるMobileNetV2を4 GBの範囲で学習するとき、バッチを何枚まで増やせるでしょうか（目盛りの値で答えます）。
# - `most_of_minilm`：文章を読むMiniLMでバッチが4のとき、いちばん多くを占めるのは `"parameters"`、`"gradients"`、`"optimizer"`、`"activations"` のどれでしょうか。

# %% [markdown] key="exercise-a" lang="en"
# ### Exercise A (read, 4 minutes)
#
# Set the widget to one device and `fp32`.
#
# - `largest`: with how large a batch (a position of the slider) can you train MobileNetV2 (for photos) within 4 GB?
# - `most_of_minilm`: MiniLM (for texts) learns with a batch of 4. What takes the most memory: `"parameters"`, `"gradients"`, `"optimizer"` or `"activations"`?

# %% key="ex-a" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: largest = ...
# PLACEHOLDER: most_of_minilm = ...
largest = 32
most_of_minilm = "optimizer"
### END SOLUTION
tl.check("15-a")

# %% [markdown] key="ex-a-why" lang="ja" tags=["solution"]
# MobileNetV2では、写真1枚の活性値が78 MB、32枚なら約2.5 GBで、重みなどの残りはその70分の1ほどです。次の節からの、バッチを分ける、数を短くする、計算し直す、という方法が効きます。MiniLMでは、重みが91 MBなのでAdamWの記録は182 MB、文章4件の活性値は4×36.6＝146 MBです。ここで効くのは、記録を減らす方法（LoRAや8ビットのオプティマイザー）です。何が占めているかで、打つ手が変わります。

# %% [markdown] key="ex-a-why" lang="en" tags=["solution"]
# In MobileNetV2 the activations of one photo take 78 MB, those of 32 photos 2.5 GB, some 70 times as much as all the rest: a batch in parts, shorter numbers or computing again (the next sections) will help. MiniLM has 91 MB of weights, hence 182 MB of AdamW's notes, and 4 × 36.6 = 146 MB of activations for four texts. There, fewer notes help more (LoRA, or an optimizer in 8 bits). What fills the memory decides what to do about it.

# %% [markdown] key="accumulation" lang="ja"
# ## 少しずつ計算して足す：勾配の蓄積
#
# 損失がバッチの平均なら、勾配も写真ごとの勾配の平均です。たとえば4枚の勾配が1、3、2、6なら平均は3です。2枚ずつに分けると、$(1+3)/2=2$ と $(2+6)/2=4$ で、その平均もやはり3です。つまり、バッチを $k$ 個に分けて順に計算し、
#
# $$g=\sum_{i=1}^{k}\frac{n_i}{n}\,g_i \qquad (g_i\text{：}i\text{番目の部分の勾配、}n_i\text{：その枚数、}n\text{：全部の枚数})$$
#
# と足せば、大きなバッチと同じ勾配になります。これを**勾配の蓄積**（gradient accumulation、勾配累積とも）といいます。机に載るのは、一度に $n_i$ 枚分の活性値だけです。
#
# > **見る前に考える**：BatchNormはバッチの平均を使う層です。それでも同じになるでしょうか。

# %% [markdown] key="accumulation" lang="en"
# ## A little at a time: gradient accumulation
#
# If the loss is the mean over a batch, the gradient is the mean of the photos' gradients. Say the gradients of four photos are 1, 3, 2 and 6: their mean is 3. In two parts, $(1+3)/2=2$ and $(2+6)/2=4$, and their mean is 3 again. So a batch may be computed in $k$ parts and added up:
#
# $$g=\sum_{i=1}^{k}\frac{n_i}{n}\,g_i \qquad (g_i\text{: gradient of part }i,\; n_i\text{: its photos},\; n\text{: all photos})$$
#
# This is **gradient accumulation**. Only the activations of one part lie on the desk.
#
# > **Think before you look**: BatchNorm uses the mean of its batch. Does the equality still hold?


# %% key="accumulate"
def gradient(model, parts):
    model = copy.deepcopy(model)
    with tl.MemoryMeter(model) as meter:
        for rows in torch.arange(128).chunk(parts):
            loss = F.cross_entropy(model(images[rows]), labels[rows])
            (loss * len(rows) / 128).backward()  # gradients add up until they are cleared
            # ja: (loss * len(rows) / 128).backward()  # 消すまで、勾配は足されていく
    return torch.cat([p.grad.flatten() for p in model.parameters()]), meter.peak / 10**6


still = copy.deepcopy(network).eval()  # BatchNorm goes by its memory
# ja: still = copy.deepcopy(network).eval()  # BatchNormは記憶した値を使う
models = {"BatchNorm frozen": still, "BatchNorm by batch": network}
# ja: models = {"BatchNormを固定": still, "BatchNormがバッチを見る": network}
for name, model in models.items():
    (whole, large), (pieces, small) = gradient(model, 1), gradient(model, 8)
    apart = (whole - pieces).norm() / whole.norm()
    print(f"{name}: at once {large:.0f} MB, in 8 parts {small:.0f} MB; gradients {apart:.5%} apart")
    # ja: print(f"{name}：128枚を一度に {large:.0f} MB、16枚を8回 {small:.0f} MB。勾配の差 {apart:.5%}")

# %% [markdown] key="precision" lang="ja"
# **BatchNormを固定すれば、勾配は同じで、128枚がカードに収まります。** 最大でも18 MBで、オプティマイザーの記録を足しても26 MBです（勾配の差は、足す順番による丸めの誤差です）。BatchNormがバッチを見ていると、勾配が6分の1ほども変わります。16枚の平均は128枚の平均ではないからです。`tl.fine_tune` はBatchNormを固定します。`micro_batch=16` と書けば、勾配の蓄積もできます。
#
# ## 数を短くする：16ビット
#
# 1つの数を2バイトで持てば、活性値はおよそ半分になります。16ビットには2種類あります。**bf16**はfp32と同じ範囲を持つ代わりに、2〜3桁しか覚えません（$1+0.001$ は1になります）。**fp16**は3〜4桁を覚えますが、$3\times10^{-8}$ より小さい数は0になり、小さな勾配が消えます（対策は「さらに深く：fp16で失われるもの」で）。新しいGPUでは、bf16を選びます（`precision="bf16"`）。どちらの場合も重みと更新はfp32のままなので、**混合精度**と呼ばれます。
#
# ## 覚えずに計算し直す：チェックポイント
#
# メモを捨てて、必要になったら計算し直す方法もあります。**活性値のチェックポイント**（[arXiv:1604.06174](https://arxiv.org/abs/1604.06174)）です。各段の入力だけを残し、逆向きの計算のときに、その段をもう一度前向きに計算します。たとえば12層を3層ずつ4段に分けると、残すメモは4枚、作り直すメモは一度に3枚までなので、12枚ではなく7枚で足ります。その代わり、前向きの計算が2回になります。

# %% [markdown] key="precision" lang="en"
# **With BatchNorm frozen the gradient is the same**, up to rounding, **and 128 photos fit on the card**: 18 MB at most, and 26 with the optimizer's notes. While BatchNorm looks at the batch, the gradient changes by about a sixth: the mean of 16 photos is not that of 128. `tl.fine_tune` freezes it; its option `micro_batch=16` accumulates.
#
# ## Shorter numbers: 16 bits
#
# Numbers of two bytes about halve the activations. **bf16** has the range of fp32, but keeps two or three digits ($1+0.001$ is 1). **fp16** keeps three or four, but numbers smaller than $3\times10^{-8}$ become 0, so that small gradients vanish (see "Deeper: what fp16 loses"). On a recent GPU choose bf16 (`precision="bf16"`). Weights and updates stay in fp32 (**mixed precision**).
#
# ## Computing again instead of keeping: checkpoints
#
# With **activation checkpointing** ([arXiv:1604.06174](https://arxiv.org/abs/1604.06174)) every stage keeps its input only; its other slips are made again when the backward pass gets there. For example, with 12 layers in 4 stages of 3, 4 slips are kept and at most 3 are made again at a time: 7 instead of 12. The price is a second forward pass.


# %% key="checkpointing" alt_ja="4つのネットワークで、fp32を100%としたときの、1件あたりのメモリー（左）と時間（右）。bf16とチェックポイントを比べる。" alt_en="For four networks, memory of an example (left) and time (right), with fp32 as 100%: bf16 and checkpointing."
for precision in ("fp32", "bf16"):
    counted = tl.memory_plan(network, images[:8], precision=precision)
    print(f"{precision}: 50 MB hold {counted.largest_batch(50 * 10**6)} photos")
    # ja: print(f"{precision}：50 MBに収まる写真は {counted.largest_batch(50 * 10**6)} 枚")
lesson15.draw_savings(tl.stored("15_gpu")["networks"], device="H100")

# %% [markdown] key="two" lang="ja"
# **bf16もチェックポイントもメモリーを減らしますが、チェックポイントでは、どのネットワークも時間が延びます。** 図は、GPU（NVIDIA H100）で測った保存済みの結果です。bf16では、1件あたりのメモリーがおよそ半分になります。時間は、MiniLMとResNet-50では15〜20%減り、小さな2つのネットワークでは7〜17%増えます。チェックポイントは、MobileNetV2のメモリーを3割まで減らしますが、時間が7割増えます。ただし、私たちのネットワークのメモリーはほとんど減りません。その理由は「さらに深く：チェックポイントを自分の手で」で確かめます。
#
# ## 仲間を呼ぶ：2つのプロセス
#
# 1台に収まっても遅いなら、分け合います。**データ並列**（data parallel）では、同じ重みを持つ複数のプロセスが、1つのバッチを分け、勾配の平均を取ってから同じ更新をします。蓄積を、順番にではなく同時に行うわけです。PyTorchのDDPがこれで、次のように起動します。
#
# ```
# torchrun --standalone --nproc-per-node=2 birds.py report.json
# ```
#
# GPUがなくても、CPUの2つのコアで試せます。次のセルは、`script` をまず1プロセスで実行し、次に `birds.py` として保存して、2プロセスで起動します。結果を `report.json` に書き出すのは、番号（`RANK`）が0のプロセスだけです。

# %% [markdown] key="two" lang="en"
# **Both save memory, but with checkpoints every network takes longer.** On this GPU (NVIDIA H100, stored), bf16 about halves the memory; MiniLM and ResNet-50 take 15 to 20% less time, the two smaller networks 7 to 17% more. Checkpoints bring MobileNetV2 down to 30% of the memory, for 70% more time. Our own network saves next to nothing (see "Deeper: checkpoints by hand").
#
# ## Calling a friend: two processes
#
# If it fits but is slow, share it. In **data-parallel** training, processes with the same weights split each batch, average their gradients and take the same step: accumulation, but side by side. PyTorch's DDP does this; `torchrun` launches it:
#
# ```
# torchrun --standalone --nproc-per-node=2 birds.py report.json
# ```
#
# Two CPU cores will do. The next cell runs `script` in one process, then saves it as `birds.py` and launches it in two. Only number 0 (`RANK`) writes `report.json`.

# %% key="launch" alt_ja="エポックごとの訓練損失。1プロセスと2プロセスの曲線が重なる。" alt_en="Training loss by epoch; the curves of one process and of two lie on each other."
script = """
import json, os, sys
import tlhelpers as tl

birds = tl.load_task("birds", per_class=20, valid_per_class=4, test_per_class=1)
trained = tl.fine_tune(
    tl.backbone("zukan-resnet"), birds, lr=0.02, epochs=4, freeze_epochs=0, batch_size=40,
    read_test=False,
)
if os.environ.get("RANK", "0") == "0":
    weights = [p.sum().item() for p in trained.model.parameters()]
    with open(sys.argv[1], "w") as file:
        json.dump({"loss": trained.history.train_loss, "weights": weights}, file)
"""
display(tl.diagram("data_parallel"))
alone = lesson15.run_here(script)
together = lesson15.launch(script, processes=2)
lesson15.draw_curves(alone, together, tl.stored("15_curves"))

# %% [markdown] key="evaluation" lang="ja"
# **2つのプロセスは、1つのときと同じことを学びます。** 差は丸めの誤差だけです。ただし条件が3つあります。バッチの大きさ（全体で40枚）とシードが同じこと、BatchNormを固定するか、全体で平均を取る（`sync_batchnorm=True`）こと、そして、どちらの学習でも、見せる写真の枚数が同じことです。
#
# ## 気づきにくい間違い：評価で同じ写真を2回数える
#
# テスト写真も分け合います。PyTorchの `DistributedSampler` は、どのプロセスにも同じ枚数が渡るように、足りない分を最初の写真で埋めます。すると、次の図のように、一部の写真が2回数えられます。線画にした鳥41枚で試しましょう（線画は難しいので、間違いも含まれます）。

# %% [markdown] key="evaluation" lang="en"
# **Two processes learn what one learns**, up to rounding, under three conditions: the batch (40 in all) and the seed are the same; BatchNorm is frozen, or averages over the whole batch (`sync_batchnorm=True`); and both runs see equally many photos.
#
# ## A silent mistake: counting photos twice
#
# Test photos are shared out as well. PyTorch's `DistributedSampler` fills up with the first photos again until all processes have equally many, so some count twice. We try it with 41 sketches of birds, which are hard.

# %% key="duplicates"
display(tl.diagram("test_shares"))
tuned = tl.fine_tune(
    tl.backbone("zukan-resnet"), birds, lr=0.02, epochs=8, freeze_epochs=0, read_test=False
).model
sketches = tl.load_task("birds", per_class=20, seed=3, style="sketch").test
test = sketches.subset(torch.randperm(len(sketches), generator=torch.manual_seed(1))[:41])
right = (tl.predict(tuned, test).argmax(1) == test.labels).float()
print(f"Each photo once: {right.mean():.1%} of {len(test)}")
# ja: print(f"1枚ずつ数えた正解率：{right.mean():.1%}（{len(test)} 枚）")
for world in (2, 8, 32):
    shares = [DistributedSampler(test, world, rank, shuffle=False) for rank in range(world)]
    seen = [row for share in shares for row in share]
    print(f"{world} processes: {right[seen].mean():.1%} of {len(seen)} answers")
    # ja: print(f"{world} プロセス：{right[seen].mean():.1%}（{len(seen)} 個の答え）")

# %% [markdown] key="exercise-b" lang="ja"
# ### 練習B（書く、6分）
#
# プロセスの数で正解率が変わってしまいました。正しく数える関数 `accuracy_of(answers)` を書きましょう。`answers` は、プロセスごとの `(rows, right)` のリストです。`rows` は写真の番号、`right` は正解なら1、不正解なら0のテンソルです。どの写真も1回だけ数えて、正解率を返します。たとえば、`rows` が `[0, 1]` と `[2, 0]`、`right` が `[1, 0]` と `[1, 1]` なら、写真は3枚で、正解率は2/3です。

# %% [markdown] key="exercise-b" lang="en"
# ### Exercise B (write, 6 minutes)
#
# The accuracy changed with the number of processes. Write a function `accuracy_of(answers)` that counts every photo once. `answers` is a list with `(rows, right)` of each process: tensors of photo numbers, and of 1 for a right answer and 0 for a wrong one. For example, the rows `[0, 1]` and `[2, 0]` with the answers `[1, 0]` and `[1, 1]` are three photos and give 2/3.


# %% key="ex-b" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def accuracy_of(answers):
# PLACEHOLDER:     return ...
def accuracy_of(answers):
    found = {}
    for rows, right in answers:
        for row, one in zip(rows.tolist(), right.tolist()):
            found[row] = one
    return sum(found.values()) / len(found)


### END SOLUTION
tl.check("15-b")

# %% [markdown] key="rates" lang="ja" tags=["deeper"]
# ## さらに深く：バッチを大きくしたら、学習率は？
#
# 台数が増えると、全体のバッチも大きくなりがちです。すると1エポックのステップ数が減り、学習が足りなくなります。よく知られた対策が**線形則**（[arXiv:1706.02677](https://arxiv.org/abs/1706.02677)）です。バッチを $k$ 倍にしたら、学習率も $k$ 倍にします（最初だけ少しずつ上げるウォームアップと組み合わせます）。控えめに$\sqrt{k}$倍にするのが**平方根則**です（図では、試した学習率のうち近いものにしています）。どこまで使えるでしょうか。どの点も、見せた写真の枚数は同じです。

# %% [markdown] key="rates" lang="en" tags=["deeper"]
# ## Deeper: a larger batch, and the learning rate?
#
# More devices often mean a larger batch in all, and thus fewer steps an epoch: too few to learn. The well-known cure is the **linear rule** ([arXiv:1706.02677](https://arxiv.org/abs/1706.02677)): with $k$ times the batch take $k$ times the rate, together with warm-up, in which the rate grows over the first steps. (The more cautious **square-root rule** takes $\sqrt{k}$ times; the figure rounds it to a rate that was tried.) How far does it carry? Every point of the figure has seen equally many photos.

# %% key="rates-figure" alt_ja="バッチの大きさに対するテスト正解率。学習率を変えない、平方根則、線形則、線形則とウォームアップ、その都度選ぶ、の5通り。点線はランダムに答えた場合。" alt_en="Test accuracy against batch size under five rules for the rate: kept, square root, linear, linear with warm-up, and chosen anew. Dotted: guessing."
lesson15.draw_rates(tl.stored("15_rates"))

# %% [markdown] key="rates-read" lang="ja"
# **線形則が使えたのは、バッチ8倍（64枚）までです。** 学習率を変えないと、8倍で69%まで下がりますが、線形則なら97%です。16倍では85%に下がり、32倍では43%に崩れて、平方根則の88%のほうが良くなります。最初の2割のステップで行ったウォームアップも、助けになりませんでした。検証データで選び直せば93%です（10回、保存済み）。
#
# 線形則は、最初に試す値と考えてください。図は、8枚のときの学習率を0.002とした場合です。8枚では同じくらい良い0.008から始めると、4倍で崩れました。

# %% [markdown] key="rates-read" lang="en"
# **The linear rule holds up to 8 times the batch (64).** There a rate that is kept falls to 69%, while the linear rule has 97%. At 16 times it is down to 85%, and at 32 times to 43%, where the square-root rule has 88%. Warm-up over the first fifth of the steps did not help. A rate chosen anew on validation photos still reaches 93% (ten draws, stored).
#
# So take the rule as the first rate to try. Here it starts from 0.002; from 0.008, which is as good at 8 photos, it broke at 4 times already.

# %% [markdown] key="amdahl" lang="ja"
# ## 何倍速くなるか：アムダールの法則
#
# GPUを2台にすると、時間は半分になるでしょうか。1台のコンピューターの中では、計算はGPUが分け合っても、写真を読み込むCPUとディスクは1つのままです。分け合えない部分が時間の割合で $s$ あると、GPU $n$ 台での速さは、次の倍率になります（**アムダールの法則**）。
#
# $$\text{倍率}=\frac{1}{s+(1-s)/n}$$
#
# たとえば $s=0.2$ なら、2台で $1/(0.2+0.4)=1.67$ 倍、何台あっても5倍までです。
#
# 手元の $s$ を測りましょう。200枚のJPEG（640×480画素）を1枚ずつ読んで、ネットワークの使う64×64画素に縮小し、そのあと学習を1ステップ行います。
#
# > **予想してから実行**：読み込みは、全体の時間の何%を占めるでしょうか。

# %% [markdown] key="amdahl" lang="en"
# ## How much faster? Amdahl's law
#
# Do two GPUs halve the time? In one computer they share out the computing, but one processor and one disk still load the photos. If a share $s$ of the time cannot be shared out, $n$ GPUs are
#
# $$\text{speed-up}=\frac{1}{s+(1-s)/n}$$
#
# times as fast (**Amdahl's law**). With $s=0.2$, two GPUs give $1/(0.2+0.4)=1.67$, and any number at most 5.
#
# Let us measure your $s$: 200 JPEG files of 640 × 480 pixels are read and made small; then comes one step of training.
#
# > **Predict, then run**: what share of the time does loading take?

# %% key="predict-loading"
tl.predict_first("15-loading", "Loading takes this share of the time", between=(0, 100), unit="%")
# ja: tl.predict_first("15-loading", "読み込みが全体の時間に占める割合", between=(0, 100), unit="%")

# %% key="speed" alt_ja="左：GPUの数に対する速さの倍率。読み込みの割合ごとの曲線と、理想の直線。右：凍結した本体で学習するCPU時間。1プロセス、2プロセス、特徴の保存を比べる。" alt_en="Left: speed-up against GPUs for shares of loading, and the ideal line. Right: CPU seconds of training on a frozen body with one process, with two, and on cached features."
files = lesson15.photo_files(birds.train.inputs)
start = time.perf_counter()
for file in files:
    Image.open(file).convert("RGB").resize((64, 64))
loaded = time.perf_counter()
F.cross_entropy(still(images), labels).backward()
done = time.perf_counter()
share = (loaded - start) / (done - start)
print(f"Loading takes {share:.0%} of a step: at most {1 / share:.2g} times as fast")
# ja: print(f"読み込みは1ステップの {share:.0%}：速くなっても最大 {1 / share:.2g} 倍")
display(lesson15.draw_amdahl(share, tl.stored("15_speed")))
tl.see_prediction("15-loading", round(100 * share))

# %% key="claim-cached" tags=["claim"]
seconds = tl.stored("15_speed")
gain = tl.interval([one / cached for one, cached in zip(seconds["one"], seconds["cached"])])
tl.claim(
    f"Cached features: at least {gain.low:.1f} times as fast as one process without (stored)",
    # ja: f"特徴を保存すると、保存しない1プロセスの{gain.low:.1f}倍以上の速さになりました（保存済み）",
    gain.low > 2,
)

# %% [markdown] key="cached-read" lang="ja" tags=["answer"]
# **この教材を作ったコンピューターでは、読み込みが時間の半分以上を占めたので、GPUが1000台でも2倍には届きません。** ここでは学習もCPUで行いました。GPUなら計算が速いので、読み込みの割合はさらに大きくなります。コンピューターが何台もあれば、読み込みも分け合えます。その場合の $s$ は、保存やテスト、勾配の送受信のように、全員で待つ時間です。
#
# 2台目を借りる前に、同じ計算を繰り返していないかも確かめてください。本体を凍結するなら、特徴は1回だけ計算して保存できます（レッスン02）。それだけで、CPU時間は1.7秒から0.2秒になりました（右の図）。2つのプロセスで分け合うと、1.7秒の半分ではなく、それぞれ1.3秒かかりました。分け合うための手間が加わるからです。

# %% [markdown] key="cached-read" lang="en" tags=["answer"]
# **On the computer that made this page, loading took more than half the time: even 1000 GPUs would not make it twice as fast.** (Beside a GPU, loading takes a larger share. Several computers share it; $s$ is then what all wait for, such as saving.)
#
# Before renting more machines, avoid repeated work: keeping the features of a frozen body (lesson 02) brought 1.7 CPU seconds down to 0.2 (right panel). Two processes took 1.3 each, as sharing has costs of its own.

# %% [markdown] key="price" lang="ja"
# ## いくらかかるか、増やさないほうがよいのはいつか
#
# 料金は「台数×時間×単価」、電力量は「台数×時間×消費電力」です。たとえば、1台で8時間かかる学習（$s=0.1$）を、1台1時間あたり400円、0.7 kWhのコンピューターで行うと、次のようになります。
#
# | 台数 | 時間 | 料金 | 電力量 |
# |---|---|---|---|
# | 1 | 8.0時間 | 3,200円 | 5.6 kWh |
# | 2 | 4.4時間 | 3,520円 | 6.2 kWh |
# | 8 | 1.7時間 | 5,440円 | 9.5 kWh |
#
# 速くはなりますが、安くはなりません。**増やす前に、上から順に試してください**：(1) 凍結して特徴を保存する、(2) 読み込みを速くする（写真を縮小しておく、DataLoaderの `num_workers` を増やす）、(3) bf16にする、(4) 小さなモデルで足りるか確かめる、(5) 勾配の蓄積やチェックポイントで1台に収める。それでも足りなければ、台数を増やします。

# %% [markdown] key="price" lang="en"
# ## What it costs, and when not to scale
#
# Money is machines × hours × price; energy likewise. Say a training takes 8 hours on one machine ($s=0.1$), at 4 euros and 0.7 kWh an hour:
#
# | machines | hours | money | energy |
# |---|---|---|---|
# | 1 | 8.0 | 32 € | 5.6 kWh |
# | 2 | 4.4 | 35 € | 6.2 kWh |
# | 8 | 1.7 | 54 € | 9.5 kWh |
#
# It gets faster, not cheaper. **Before you add machines, go down this list**: (1) freeze the body and cache its features, (2) make loading faster (smaller copies, more `num_workers` in DataLoader), (3) use bf16, (4) try a smaller model, (5) fit it on one device by accumulation or checkpoints. Then scale.

# %% [markdown] key="exercise-c" lang="ja"
# ### 練習C（設計する、6分。2人で話し合うのもおすすめです）
#
# 部品の検査で、ResNet-50を全層ファインチューニングします。写真は4万枚（448×448画素）です。1台のGPU（8 GB）では、バッチ16枚で1エポックに40分かかり、そのうち半分が読み込みです。バッチを32枚にしたいのですが、メモリーが足りません。上司は「GPUが4台載ったコンピューターを借りよう」と言います。
#
# 計画を `plan` に書いてください。
#
# - `"memory"`：メモリー不足をどう解決するか
# - `"speed"`：何から順に速くするか
# - `"machines"`：GPUを何台にするか（計算も書く）
# - `"check"`：結果が変わっていないことを、どう確かめるか
# - `"cost"`：4台借りる場合と比べた料金

# %% [markdown] key="exercise-c" lang="en"
# ### Exercise C (design, 6 minutes, also good in pairs)
#
# For visual inspection you fine-tune all of ResNet-50 on 40,000 photos of 448 × 448 pixels. On your one GPU (8 GB), with batches of 16, an epoch takes 40 minutes, half of it loading. You want 32, which runs out of memory. Your boss says: "Let us rent one computer with four GPUs."
#
# Write your plan into `plan`:
#
# - `"memory"`: how it fits
# - `"speed"`: what you speed up, in which order
# - `"machines"`: how many GPUs, with the calculation
# - `"check"`: how you see that the result is the same
# - `"cost"`: compared with renting four GPUs

# %% key="ex-c" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: plan = {
# PLACEHOLDER:     "memory": ...,
# PLACEHOLDER:     "speed": ...,
# PLACEHOLDER:     "machines": ...,
# PLACEHOLDER:     "check": ...,
# PLACEHOLDER:     "cost": ...,
# PLACEHOLDER: }
plan = {
    "memory": "bf16, and 2 x 16 photos accumulated with BatchNorm frozen.",
    # ja: "memory": "bf16にし、BatchNormを固定して16枚ずつ2回蓄積します。",
    "speed": "Loading, half of the time: small copies, say 4 times as fast; then bf16.",
    # ja: "speed": "まず半分を占める読み込み（縮小して保存し、たとえば4倍速く）、次にbf16です。",
    "machines": "One: 1 / (0.5 / 4 + 0.5) = 1.6 times. Four as it is: 1 / (0.5 + 0.5 / 4) = 1.6.",
    # ja: "machines": "1台で1÷(0.5÷4+0.5)=1.6倍。4台借りるだけでも1÷(0.5+0.5÷4)=1.6倍。",
    "check": "Same photos, same batch of 32, three seeds; each test photo counted once.",
    # ja: "check": "同じ写真、同じバッチ32枚、シード3つで比べ、テストは1枚1回だけ数えます。",
    "cost": "25 minutes an epoch either way; four GPUs cost four times as much for it.",
    # ja: "cost": "どちらも1エポック25分ですが、4台では料金が4倍になります。",
}
### END SOLUTION
tl.check("15-c")

# %% [markdown] key="ex-c-why" lang="ja" tags=["solution"]
# | 観点 | 0点 | 1点 | 2点 |
# |---|---|---|---|
# | メモリー | 写真を減らすだけ | 方法を1つ挙げた | 方法の代償（時間、BatchNorm）にも触れた |
# | 速さ | 台数だけ | 読み込みに触れた | 順番に理由がある |
# | 台数 | 計算なし | アムダールの法則を使った | 読み込みを直した後でも計算した |
# | 確かめ方 | なし | 正解率を比べる | 同じ枚数、シード、重複のない評価 |
# | 費用 | なし | 4台の料金 | 1台との比で示した |
#
# 7点以上なら、そのまま提案できます。上の解答例は、読み込みを直したあとで4台にした場合（$s=0.2$ で2.5倍）を計算していないので9点です。

# %% [markdown] key="ex-c-why" lang="en" tags=["solution"]
# | | 0 points | 1 point | 2 points |
# |---|---|---|---|
# | memory | fewer photos only | names one way | and what it costs (time, BatchNorm) |
# | speed | machines only | mentions loading | an order with reasons |
# | machines | no calculation | uses Amdahl's law | and again once loading is mended |
# | check | none | compares accuracies | equally many photos, seeds, no duplicates |
# | cost | none | the price of four | as a ratio to one |
#
# With 7 points or more, your plan can go to your boss as it is. The plan above has 9: it does not say what four GPUs would give once loading is mended ($s=0.2$, so 2.5 times).

# %% key="quiz"
tl.quiz("15")

# %% [markdown] key="summary" lang="ja"
# ## まとめ
#
# - 学習のメモリーは、重み、勾配、オプティマイザーの記録、活性値です。活性値はバッチに比例します。
# - 勾配の蓄積、16ビット、活性値のチェックポイントで、同じ学習が小さなカードに収まります。BatchNormには気をつけてください。
# - 2つのプロセスは、同じバッチなら1つと同じことを学びます。評価では、どの写真も1回だけ数えます。
# - 台数を増やす前に、特徴の保存、読み込み、小さなモデルを確かめます。増やせば速くはなりますが、安くはなりません。

# %% [markdown] key="summary" lang="en"
# ## Key points
#
# - Parameters, gradients, optimizer's notes and activations fill the memory; activations grow with the batch.
# - Accumulation, 16 bits and activation checkpoints fit the same training on a small card. Mind BatchNorm.
# - With the same batch, two processes learn what one learns. In evaluation, every photo counts once.
# - More machines make it faster, not cheaper. First look at cached features, loading and a smaller model.

# %% [markdown] key="deeper-checkpoints" lang="ja" tags=["deeper"]
# ## さらに深く：チェックポイントを自分の手で
#
# 活性値のチェックポイントは、段ごとに1行で付けられます。`layer1` から `layer4` までに付けて、CPUで測ってみましょう。

# %% [markdown] key="deeper-checkpoints" lang="en" tags=["deeper"]
# ## Deeper: checkpoints by hand
#
# Activation checkpoints take one line a stage. The next cell sets them on `layer1` to `layer4`, and measures on the CPU with and without them.


# %% key="checkpoints-run"
import functools

from torch.utils.checkpoint import checkpoint


def cost(model):
    with tl.MemoryMeter(model, photos) as meter:
        F.cross_entropy(model(photos), labels[:128]).backward()
    start = time.perf_counter()
    F.cross_entropy(model(photos), labels[:128]).backward()
    return f"{meter.peak / 10**6:.0f} MB, {time.perf_counter() - start:.2f} s"


photos = images[:128].clone()
lean = copy.deepcopy(still)
for stage in (lean.layer1, lean.layer2, lean.layer3, lean.layer4):
    stage.forward = functools.partial(checkpoint, stage.forward, use_reentrant=False)
print("128 photos, keeping everything:", cost(still))
# ja: print("128枚、すべて覚える：", cost(still))
print("128 photos, with checkpoints:  ", cost(lean))
# ja: print("128枚、チェックポイント：", cost(lean))

# %% [markdown] key="checkpoints-read" lang="ja"
# **メモリーは8分の1ほどしか減らず（H100では減りません）、時間は延びました。** 活性値の半分近くは、画像がまだ大きい `layer1` より前で生まれ、そこにはチェックポイントがないからです。深いネットワークなら、活性値が多くの段に分かれているので、ずっとよく効きます。

# %% [markdown] key="checkpoints-read" lang="en"
# **Only about an eighth of the memory is saved (on the H100 nothing), and the step takes longer.** Nearly half of the activations are made before `layer1`, where the pictures are still large and we set no checkpoint. In a deep network they are spread over many stages, so that checkpoints save far more.

# %% [markdown] key="deeper-half" lang="ja" tags=["deeper"]
# ## さらに深く：fp16で失われるもの
#
# 学習したネットワークで、段（`layer1` から `layer4`）から段へ渡される勾配を取り出して、fp16に入れてみます。

# %% [markdown] key="deeper-half" lang="en" tags=["deeper"]
# ## Deeper: what fp16 loses
#
# The next cell catches the gradients that pass between the stages (`layer1` to `layer4`) of the network trained above, and puts them into fp16.

# %% key="half" alt_ja="活性値の勾配の大きさの分布。そのままでは一部がfp16で0になる領域に入り、1024倍すると、ほとんど入らない。" alt_en="Histogram of the sizes of activations' gradients. As they are, some lie where fp16 turns them into 0; times 1024, hardly any."
caught = []
for stage in (tuned.layer1, tuned.layer2, tuned.layer3, tuned.layer4):
    stage.register_full_backward_hook(lambda layer, into, out: caught.append(out[0].flatten()))
F.cross_entropy(tuned(images), labels).backward()
gradients = torch.cat(caught)
gradients = gradients[gradients != 0]  # those that ReLU set to 0 do not count
# ja: gradients = gradients[gradients != 0]  # ReLUで0になったものは数えない
for scale in (1, 1024):
    lost = ((scale * gradients).half() == 0).float().mean()
    print(f"fp16, gradients times {scale}: {lost:.2%} of them become 0")
    # ja: print(f"fp16で勾配を {scale} 倍にすると、{lost:.2%} が0になる")
lesson15.draw_half(gradients)

# %% [markdown] key="half-read" lang="ja"
# **fp16では、小さな勾配（ここでは8%）が消えてしまいます。** そこで損失を1024倍してから逆向きに計算し、更新の直前に1024で割ります。これが**損失スケーリング**（[arXiv:1710.03740](https://arxiv.org/abs/1710.03740)）です。bf16は範囲がfp32と同じなので、その必要がありません。

# %% [markdown] key="half-read" lang="en"
# **In fp16 small gradients vanish**, here 8%. So the loss is multiplied by 1024 before the backward pass, and the gradients are divided by it before the update: **loss scaling** ([arXiv:1710.03740](https://arxiv.org/abs/1710.03740)). bf16 has the range of fp32 and needs none.

# %% [markdown] key="deeper-lora" lang="ja" tags=["deeper"]
# ## さらに深く：LoRAは何を減らすか
#
# LoRA（レッスン03）は、ごく一部の重みだけを学習します。勾配とオプティマイザーの記録はほとんど要らなくなります。活性値はどうでしょうか。

# %% [markdown] key="deeper-lora" lang="en" tags=["deeper"]
# ## Deeper: what LoRA saves
#
# LoRA (lesson 03) trains a tiny part of the weights. Gradients and optimizer's notes all but disappear. And the activations?

# %% key="lora-run"
body = tl.backbone("zukan-resnet")
lora = tl.lora(body, birds, rank=4, lr=1e-3, epochs=1, freeze_epochs=0, read_test=False).model
head = tl.freeze(copy.deepcopy(network))
trainings = {"everything": network, "LoRA, rank 4": lora, "the head alone": head}
# ja: trainings = {"すべての層": network, "LoRA（ランク4）": lora, "出力層だけ": head}
for name, model in trainings.items():
    kinds = tl.memory_plan(model, images[:8], batch_size=128)
    rest, kept = (kinds.gradients + kinds.optimizer) / 10**6, kinds.activations / 10**6
    print(f"{name}: gradients and notes {rest:.1f} MB, activations {kept:.0f} MB")
    # ja: print(f"{name}：勾配と記録 {rest:.1f} MB、活性値 {kept:.0f} MB")

# %% [markdown] key="lora-read" lang="ja"
# **LoRAは、活性値を減らしません。** 最初の層まで逆向きに計算するには、途中の活性値が要るからです。LoRA自身の層の分、少し増えさえします。出力層だけなら、活性値もほぼなくなります。LoRAが効くのは、重みが活性値より大きいネットワーク、つまり大きな言語モデルです。たとえば70億個の重みをAdamWで全部学習すると、重み・勾配・記録だけで $16\times7=112$ GBになります。

# %% [markdown] key="lora-read" lang="en"
# **LoRA saves none of the activations**; its own layers even add a little. To run backward to the first layers, what lies between has to be kept. With the head alone, activations all but disappear, too. LoRA pays where weights outweigh activations: in large language models. With 7 billion weights, AdamW on all of them takes $16\times7=112$ GB for parameters, gradients and notes alone.

# %% [markdown] key="deeper-gpu" lang="ja" tags=["deeper"]
# ## さらに深く：GPUでは
#
# GPUがあれば、次のセルは写真128枚の勾配をGPUで計算し、実際に使ったメモリーを示します。なければ、H100で測った保存済みの速さだけを示します。前に見たGPUの図も、このH100で測ったものです。

# %% [markdown] key="deeper-gpu" lang="en" tags=["deeper"]
# ## Deeper: on a GPU
#
# Where there is a GPU, the next cell computes the gradient of 128 photos there and prints the memory that it took. Elsewhere it only prints stored speeds: those of the H100 in the figure of memory and time.

# %% key="gpu"
if torch.cuda.is_available():
    card = copy.deepcopy(still).cuda()
    torch.cuda.reset_peak_memory_stats()
    F.cross_entropy(card(images[:128].cuda()), labels[:128].cuda()).backward()
    used = torch.cuda.max_memory_allocated() / 10**6
    print(f"{torch.cuda.get_device_name()}: at most {used:.0f} MB for 128 photos")
    # ja: print(f"{torch.cuda.get_device_name()}：写真128枚で最大 {used:.0f} MB")
for name, row in tl.stored("15_gpu")["networks"].items():
    each = {way: tl.interval(row[way]["seconds"]).mean for way in ("fp32", "bf16")}
    speeds = ", ".join(f"{way} {round(1 / s, -2):,.0f}" for way, s in each.items())
    print(f"H100, {name}: examples trained a second: {speeds} (stored)")
    # ja: print(f"H100、{name}：1秒あたりの学習件数 {speeds}（保存済み）")

# %% [markdown] key="gpu-read" lang="ja"
# **このGPUでは、bf16にすると、ResNet-50とMiniLMは2割ほど速くなり、小さな2つのネットワークはかえって少し遅くなりました。** 鳥の正解率は、bf16でもfp32と変わりませんでした（差は−0.1〜0.0ポイント、10回、保存済み）。
#
# 写真1枚のメモリーは、MobileNetV2ならCPUで78.1 MB、H100で78.7 MBと、ほぼ同じです。いつもそうとは限りません。MiniLMは1件あたり36.6 MBと21.0 MBでした。実際に学習する装置で測ってください。

# %% [markdown] key="gpu-read" lang="en"
# **On this GPU bf16 makes ResNet-50 and MiniLM about a fifth faster, but the two smaller networks a little slower.** The accuracy on birds is the same in bf16 and fp32 (a difference of −0.1 to 0.0 points, 10 draws, stored).
#
# In MobileNetV2 a photo takes 78.1 MB on the CPU and 78.7 MB on the H100. In MiniLM, however, a text takes 36.6 and 21.0 MB. So measure on the device that you will train on.

# %% [markdown] key="deeper-shard" lang="ja" tags=["deeper"]
# ## さらに深く：1台に収まらないモデルを分担する（ZeRO、FSDP）
#
# DDPでは、全員がすべてを持ちます。**ZeRO**（[arXiv:1910.02054](https://arxiv.org/abs/1910.02054)）と**FSDP**（[arXiv:2304.11277](https://arxiv.org/abs/2304.11277)）では、重み・勾配・記録を分担し、ある層を計算する間だけ、その層の重みを集めます。活性値は減りません。通信は増えるので、DDPで収まるならDDPを使います。

# %% [markdown] key="deeper-shard" lang="en" tags=["deeper"]
# ## Deeper: sharing out a model that does not fit (ZeRO, FSDP)
#
# In DDP everybody holds everything. **ZeRO** ([arXiv:1910.02054](https://arxiv.org/abs/1910.02054)) and **FSDP** ([arXiv:2304.11277](https://arxiv.org/abs/2304.11277)) share out parameters, gradients and notes, and bring the weights of a layer together only while it is computed. Activations stay as large as they were, and there is more to send: where DDP fits, use DDP.

# %% key="sharded"
tl.diagram("sharded")

# %% [markdown] key="shard-how" lang="ja"
# 上の `birds.py` はそのままで、起動の命令だけを変えます。2行目は、重みが10万個を超える部分ごとに集める、という指定です（これがないと、全部の重みを一度に集めます）。
#
# ```
# accelerate launch --num_processes 4 --use_fsdp --fsdp_version 2 \
#     --fsdp_auto_wrap_policy SIZE_BASED_WRAP --fsdp_min_num_params 100000 \
#     birds.py report.json
# ```
#
# GPUの代わりにCPUの2プロセスで試すと、学んだ結果は1プロセスのときと、丸めの誤差を除いて同じでした。GPU 4台では試していません。

# %% [markdown] key="shard-how" lang="en"
# `birds.py` above stays as it is; only the command that launches it changes. Its second line has each part with more than 100,000 weights brought together on its own; without that line, all weights would be brought together at once.
#
# ```
# accelerate launch --num_processes 4 --use_fsdp --fsdp_version 2 \
#     --fsdp_auto_wrap_policy SIZE_BASED_WRAP --fsdp_min_num_params 100000 \
#     birds.py report.json
# ```
#
# With two CPU processes in place of GPUs, the script learned what one process learns, up to rounding. We have not tried it on four GPUs.

# %% [markdown] key="exercise-d" lang="ja"
# ### 練習D（書く、6分）
#
# 70億個の重みを、AdamWで、1台80 GBのGPU 8台を使って学習します。重み1個につき、重みが4バイト、勾配が4バイト、記録が8バイトです（活性値は考えません）。GPU 1台あたりのメモリーを求める関数 `gigabytes(weights, gpus, shared)` を書きましょう。`shared` は分担するもののリストです。上の図のZeRO-1なら `["optimizer"]`、FSDPなら `["parameters", "gradients", "optimizer"]`、DDPなら `[]` です。
#
# そのうえで、80 GBに収まるものの中から、分担がいちばん少ない方法を `choice` に入れてください（`"DDP"`、`"ZeRO-1"`、`"FSDP"` のどれか）。

# %% [markdown] key="exercise-d" lang="en"
# ### Exercise D (write, 6 minutes)
#
# You train 7 billion weights with AdamW on 8 GPUs of 80 GB each. A weight takes 4 bytes itself, 4 for its gradient and 8 for its notes; leave activations aside. Write a function `gigabytes(weights, gpus, shared)` for the memory of one GPU. `shared` lists what is shared out: `["optimizer"]` for ZeRO-1 in the diagram, `["parameters", "gradients", "optimizer"]` for FSDP, `[]` for DDP.
#
# Then put into `choice` the way that shares out least and still fits into 80 GB: `"DDP"`, `"ZeRO-1"` or `"FSDP"`.


# %% key="ex-d" tags=["exercise"] needs="setup"
### BEGIN SOLUTION
# PLACEHOLDER: def gigabytes(weights, gpus, shared):
# PLACEHOLDER:     return ...
# PLACEHOLDER: choice = ...
def gigabytes(weights, gpus, shared):
    sizes = {"parameters": 4, "gradients": 4, "optimizer": 8}
    each = sum(size / gpus if kind in shared else size for kind, size in sizes.items())
    return weights * each / 10**9


choice = "ZeRO-1"  # 112 GB with DDP, 63 with ZeRO-1, 14 with FSDP
# ja: choice = "ZeRO-1"  # DDPは112 GB、ZeRO-1は63 GB、FSDPは14 GB
### END SOLUTION
tl.check("15-d")

# %% [markdown] key="deeper-machines" lang="ja" tags=["deeper"]
# ## さらに深く：2台以上のコンピューターと、途中で止まったとき
#
# コンピューターが2台なら、それぞれで `torchrun` を1つずつ起動します。全プロセスが同じアドレス（`--rdzv-endpoint`）に集まり、番号をもらいます。
#
# 台数が増え、時間が延びると、どれかが止まる確率も上がります。料金の安いコンピューター（スポットインスタンスなど）は、途中で回収されることもあります。そこで、途中経過を**チェックポイント**として保存しておき、止まったら同じ命令をもう一度実行します（同じ言葉ですが、活性値のチェックポイントとは別のものです）。
#
# ここでは、1つのプロセスが5ステップごとに保存し、12ステップ目で止まります。続きは「2台」で行います。1台の中で2つの `torchrun` を起動し、2台の待ち合わせを再現します。

# %% [markdown] key="deeper-machines" lang="en" tags=["deeper"]
# ## Deeper: two machines, and a run that is interrupted
#
# With two machines, each starts one `torchrun`. All processes meet at one address (`--rdzv-endpoint`) and are given their numbers.
#
# With more machines and longer runs, it becomes likely that one of them fails; cheap machines ("spot" or "preemptible") are even taken away on purpose. So the run is saved as a **checkpoint** now and then, and after a stop the same command is given again. (The word is the same as for activations, the thing is another.)
#
# Here one process saves the run every 5 steps and stops at step 12. "Two machines" finish it: two `torchrun`s on this computer that meet as two machines would.

# %% key="resume"
import contextlib
import tempfile

saving = "read_test=False, checkpoint=sys.argv[2], checkpoint_every=5,"
stopping = "after_step=lambda step, model: sys.exit() if step == 12 else None,"
resumable = script.replace("read_test=False,", saving)
failing = script.replace("read_test=False,", saving + stopping)
with tempfile.TemporaryDirectory() as folder:
    with contextlib.suppress(SystemExit):
        lesson15.run_here(failing, folder)
    resumed = lesson15.two_nodes(resumable, folder)
if resumed:
    weights = zip(alone["weights"], resumed["weights"])
    apart = max(abs(one - other) for one, other in weights)
    print(f"Resumed and uninterrupted: sums of weights differ by at most {apart:.0e}")
    # ja: print(f"再開した学習と、止めなかった学習：重みの和の差は最大 {apart:.0e}")

# %% [markdown] key="resume-read" lang="ja"
# **2台で再開しても、止めなかった学習と、丸めの誤差を除いて同じ結果になりました。** 2台は、10ステップ目の保存から再開しました。重みだけでなく、オプティマイザーの記録、乱数、バッチの順番まで保存してあるからです。

# %% [markdown] key="resume-read" lang="en"
# **Resumed on two machines, the run learned what the uninterrupted one learned**, up to rounding. It went on from what was saved at step 10: not only weights, but also the optimizer's notes, the random states and the place in the order of batches.

# %% [markdown] key="cluster" lang="ja"
# 共用のクラスターでは、順番待ちの仕組み（ジョブスケジューラー）に頼みます。**Slurm**なら、上の `resumable` を `birds.py` として保存し、次のスクリプトを、結果のファイルとチェックポイントの置き場所を付けて `sbatch` に渡します。Kubernetesでは、同じ考えをYAMLで書きます（`lesson15.show_script("kubernetes.yaml")`）。どちらも文法は確かめてあり、Slurmのほうは模擬環境で動かしましたが、本物のクラスターでは試していません。お使いのクラスターでは、ポート29500が開いているか、データとチェックポイントの置き場所が全員に見えるかを、最初に確かめてください。

# %% [markdown] key="cluster" lang="en"
# A shared cluster has a queue. For **Slurm** save `resumable` as `birds.py`, and give the following script to `sbatch` with a report and a folder for the checkpoints; Kubernetes says the same in YAML (`lesson15.show_script("kubernetes.yaml")`). We have checked their syntax, and the first one with a stand-in for Slurm, not on a real cluster. There, see first that port 29500 is open between the machines, and that all of them see the folder of data and checkpoints.

# %% key="slurm"
lesson15.show_script("slurm.sh")

# %% [markdown] key="deeper-seeds" lang="ja" tags=["deeper"]
# ## さらに深く：プロセスごとのシード
#
# バッチの順番は、全プロセスで同じシードから決めます。違うと、同じ写真を重ねて配ってしまいます（重みの初期値は、DDPがプロセス0のものを全員に配ります）。反対に、データ拡張（反転など）とドロップアウトは、プロセスごとに別のシードにします。同じにすると、どのプロセスの写真も同じように反転されます。

# %% [markdown] key="deeper-seeds" lang="en" tags=["deeper"]
# ## Deeper: a seed for each process
#
# The order of batches comes from one seed for all: otherwise photos are handed out twice. (DDP itself hands out the initial weights of process 0.) Augmentation and dropout, on the other hand, want a seed for each process. With one for all, every process flips its photos in the same pattern:

# %% key="seeds"
both = {"one seed for all": (0, 0), "seed + rank": (0, 1)}
# ja: both = {"全員同じシード": (0, 0), "シード＋番号": (0, 1)}
for name, seeds in both.items():
    first, second = (torch.rand(1000, generator=torch.manual_seed(seed)) < 0.5 for seed in seeds)
    alike = (first == second).float().mean()
    print(f"{name}: two processes decide alike for {alike:.0%} of 1000 flips")
    # ja: print(f"{name}：1000回の反転のうち、2つのプロセスの判断が一致した割合 {alike:.0%}")

# %% [markdown] key="deeper-practice" lang="ja" tags=["deeper"]
# ## さらに深く：うまくいかないときと、その先
#
# | 症状 | 原因 | 対処 |
# |---|---|---|
# | GPUを増やしても速くならない | 読み込み、毎ステップの `.item()` | 割合 $s$ を測る。値を読むのは時々にする |
# | 測った時間が短すぎる | GPUの計算を待たずに時計を見た | `torch.cuda.synchronize()` してから測る |
# | 学習率が予定より早く下がる | スケジューラーが台数分だけ進んだ | 全体で1ステップに1回だけ進める |
# | 始まらずに止まったまま | アドレス・ポート・台数の不一致、ファイアウォール | `--rdzv-endpoint` とポートを確かめる |
# | 最後の保存で止まる | 1つのプロセスだけが全員の待つ場所を通らない | 全員が同じ順に待ち合わせる |
# | チェックポイントでBatchNormの記憶がずれる | 前向きの計算が2回になる | BatchNormを固定する |
#
# **最近よく使われるもの**：bf16と、8ビットのオプティマイザー（[arXiv:2110.02861](https://arxiv.org/abs/2110.02861)）。大きな言語モデルでは、4ビットの重みの横でLoRAを学習するQLoRA（[arXiv:2305.14314](https://arxiv.org/abs/2305.14314)）。活性値の読み書きを減らすFlashAttention（[arXiv:2205.14135](https://arxiv.org/abs/2205.14135)）。
#
# **この教材で扱わないこと**：質問応答、翻訳、音声の生成は扱いません。どれも転移学習ですが、出力が文や音声なので、評価の方法から、別に学ぶ必要があるからです。

# %% [markdown] key="deeper-practice" lang="en" tags=["deeper"]
# ## Deeper: when it goes wrong, and where it goes on
#
# | symptom | cause | cure |
# |---|---|---|
# | more GPUs are no faster | loading, or `.item()` in every step | measure $s$; read values now and then only |
# | timings are too good to be true | the clock was read before the GPU was done | `torch.cuda.synchronize()` first |
# | the rate falls earlier than planned | the scheduler stepped once a process | step it once for all of them |
# | it hangs at the start | address, port or number of machines differ, or a firewall | check `--rdzv-endpoint` and the port |
# | it hangs when saving | one process does not come to where the others wait | all meet in the same order |
# | BatchNorm's memory drifts with activation checkpoints | stages run forward twice | freeze BatchNorm |
#
# **Today**: bf16, and optimizers in 8 bits ([arXiv:2110.02861](https://arxiv.org/abs/2110.02861)); for large language models QLoRA ([arXiv:2305.14314](https://arxiv.org/abs/2305.14314)), LoRA beside weights of 4 bits; FlashAttention ([arXiv:2205.14135](https://arxiv.org/abs/2205.14135)), which moves fewer activations.
#
# **Out of scope of this course**: question answering, translation, and generating speech. They are transfer learning as well, but their outputs are sentences and sounds, and judging those takes a course of its own.

# %% [markdown] key="teacher" lang="ja" tags=["teacher"]
# **45分の進め方** ・ 机の話とメモリー7分（`memory` の図を映し、16 MBを板書で計算） → ウィジェットと練習A 6分 → 蓄積4分（1、3、2、6の計算を板書） → 16ビットとチェックポイント5分 → 2つのプロセス5分 → 評価の間違いと練習B 8分 → アムダールの法則と費用4分 → 練習C 6分（2人組）。時間が足りなければ、練習Bを宿題にします。10分余れば、「さらに深く」の学習率の節に進みます。
#
# - **映すもの**：メモリーの山の図、2本の曲線が重なる図、費用の表。
# - **2人組で**：ウィジェットで1人がネットワークとバッチを選び、もう1人は「収まるか」を先に答えます。
# - **待ち時間**：プロセスを起動するセルは、2コアのCPUで1回5〜10秒です（PyTorchの読み込みがほとんどです）。
# - **遅れた人は**：最初のセルと「少しずつ計算して足す」の節のセルを実行すれば、「仲間を呼ぶ」の節から再開できます。
# - **よくある間違い**：1プロセスの枚数（20枚）と全体の枚数（40枚）を取り違える。同じエポック数ではなく同じ時間で比べる。
# - **議論の種**：8台で1.7時間と、1台で8時間。締め切り、料金、電力量のどれを優先しますか。

# %% [markdown] key="teacher" lang="en" tags=["teacher"]
# **A plan for 45 minutes** · the desk and the memory 7 (project the `memory` diagram, do the 16 MB on the board) → widget and exercise A 6 → accumulation 4 (1, 3, 2, 6 on the board) → 16 bits and checkpoints 5 → two processes 5 → the mistake in evaluation and exercise B 8 → Amdahl and the costs 4 → exercise C 6 (in pairs). Short of time, make exercise B homework; with ten minutes more, take the rate of a larger batch (under "Deeper").
#
# - **To project**: the mountain of memory, the two curves on each other, the table of costs.
# - **In pairs**: with the widget, one chooses network and batch, the other says first whether it fits.
# - **Waiting**: a cell that launches processes takes 5 to 10 seconds on two CPU cores, nearly all of it for loading PyTorch.
# - **Whoever fell behind** runs the first cell and the one under "A little at a time", and goes on from "Calling a friend".
# - **Common mistakes**: taking the batch of one process (20) for that of all (40); comparing at equal time instead of equal photos.
# - **To discuss**: 1.7 hours on eight machines or 8 hours on one: what counts more, the deadline, the money or the energy?
