# %% [markdown] key="title" lang="ja"
# # 11 蒸留
#
# **60分** ・ 前提:レッスン02まで。
#
# このレッスンを終えると、次のことができるようになります。
#
# - (ここに学習目標を書きます)

# %% [markdown] key="title" lang="en"
# # 11 Distillation
#
# **60 minutes** · Before this: lessons up to 02.
#
# After this lesson you can
#
# - (write the aims here)

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

tl.check("11-a")
