# %% [markdown] key="title" lang="ja"
# # 15 GPUから複数台へ
#
# **説明30分、練習15分** ・ 前提：レッスン02まで。
#
# このレッスンを終えると、次のことができるようになります。
#
# - メモリを占めるものを数え、収まる大きさのバッチを選ぶ

# %% [markdown] key="title" lang="en"
# # 15 From one GPU to many machines
#
# **30 minutes of reading, 15 of exercises** · Before this: lessons up to 02.
#
# After this lesson you can
#
# - count what fills the memory, and choose a batch that fits

# %% key="setup"
import tlhelpers as tl

tl.setup()

# %% [markdown] key="exercise-a" lang="ja"
# ## 練習
#
# 10クラスに5枚ずつラベルを付けると、ラベルは全部で何枚でしょうか。

# %% [markdown] key="exercise-a" lang="en"
# ## Exercise
#
# Ten classes get five labels each. How many labels is that?

# %% key="count" tags=["exercise"]
### BEGIN SOLUTION
# PLACEHOLDER: labelled = ...
labelled = 10 * 5
### END SOLUTION

tl.check("15-a")
