"""How PyTorch's threads wait for each other; `import tlhelpers` loads this before torch.

They must sleep. By default they spin, and beside any other busy program a small network then takes
ten times as long. Where torch came first it is too late to say so (THREADS_SPIN), and
`runtime.device.set_threads` uses one thread, which waits for nobody.
"""

import os
import sys

THREADS_SPIN = "torch" in sys.modules and "OMP_WAIT_POLICY" not in os.environ

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
