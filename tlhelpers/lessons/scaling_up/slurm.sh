#!/usr/bin/env bash
# sbatch slurm.sh report.json checkpoints: the same training on 2 machines with 4 GPUs each
# ja: # sbatch slurm.sh report.json checkpoints：GPU 4台のコンピューターを2台使う、同じ学習
#SBATCH --job-name=birds
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=01:00:00
#SBATCH --requeue
set -euo pipefail

# The first machine of the job is where all others ask for their place.
# ja: # ジョブの1台目に全プロセスが集まり、番号をもらう
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)

# One torchrun a machine; each starts a process a GPU. Where a machine fails or is taken away, the
# job goes back into the queue, and on from the checkpoint in its folder, which all machines must
# see. The cores are named again, as the srun of newer versions does not take them from above.
# ja: # コンピューターごとに torchrun を1つ起動し、それがGPUごとに1つのプロセスを起動する。コンピューターが止まったり
# ja: # 回収されたりすると、ジョブは順番待ちに戻り、全員に見えるフォルダーのチェックポイントから続ける。
# ja: # 新しい版の srun は上の --cpus-per-task を引き継がないので、もう一度書く
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" torchrun \
    --nnodes="$SLURM_NNODES" \
    --nproc-per-node="$SLURM_GPUS_PER_NODE" \
    --rdzv-id="$SLURM_JOB_ID" \
    --rdzv-backend=c10d \
    --rdzv-endpoint="$first:29500" \
    birds.py "$@"
