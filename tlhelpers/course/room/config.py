"""What JupyterHub reads at its start; `command.py` tells it in TLHELPERS_ROOM what was asked for.

Run by JupyterHub, which defines `get_config`. A learner's server and kernels run under an account
of their own, whose folder nobody else can enter; the state of the hub survives its end.
"""

# mypy: ignore-errors
from __future__ import annotations

import json
import os
import pwd
import resource
import subprocess
import sys
from pathlib import Path

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid

from tlhelpers.course.room import people

ROOM = json.loads(os.environ["TLHELPERS_ROOM"])
STATE = Path(ROOM["state"])


class CodeAuthenticator(Authenticator):
    """Lets in whoever gives the code that stands beside their name in people.json."""

    async def authenticate(self, handler, data):
        name = people.normal(data["username"])
        return name if people.is_right(people.read(STATE), name, data["password"]) else None


class RoomSpawner(LocalProcessSpawner):
    """Starts a learner's JupyterLab under the learner's account, within bounds."""

    def make_preexec_fn(self, name):
        become = set_user_setuid(people.account(name))
        memory = int(ROOM["memory"] * 2**30)

        def preexec():
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))  # of each kernel
            os.nice(5)
            become()

        return preexec

    def user_env(self, env):
        entry = pwd.getpwnam(people.account(self.user.name))
        folder = str(Path(entry.pw_dir) / "transfer-learning")
        return env | {
            **{"USER": entry.pw_name, "HOME": entry.pw_dir, "SHELL": entry.pw_shell},
            **{"TLHELPERS_WORK": folder, "TLHELPERS_LANG": ROOM["lang"]},
            **{"TLHELPERS_CACHE": str(Path(folder) / ".cache"), "PYTHONUTF8": "1"},
            **{"OMP_NUM_THREADS": str(ROOM["threads"]), "OMP_WAIT_POLICY": "PASSIVE"},
        }


def make_account(spawner):
    """Makes the learner's account where it is not there yet; only they can enter its folder."""
    name = people.account(spawner.user.name)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        home = Path(ROOM["homes"]) / name
        Path(ROOM["homes"]).mkdir(parents=True, exist_ok=True)
        command = ["useradd", "--create-home", "--home-dir", str(home), "--shell", "/bin/bash"]
        subprocess.run([*command, name], check=True)
        entry = pwd.getpwnam(name)
    os.chmod(entry.pw_dir, 0o700)


c = get_config()  # noqa: F821
c.JupyterHub.bind_url = ROOM["url"]
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = ROOM["cert"], ROOM["key"]
c.JupyterHub.db_url = f"sqlite:///{STATE}/hub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
c.JupyterHub.pid_file = f"{STATE}/hub.pid"
c.JupyterHub.cleanup_servers = False  # learners work on while the hub is down
c.JupyterHub.authenticator_class = CodeAuthenticator
c.JupyterHub.spawner_class = RoomSpawner
c.JupyterHub.concurrent_spawn_limit = 100  # a whole room comes in at once
c.ConfigurableHTTPProxy.command = ROOM["proxy"]
c.ConfigurableHTTPProxy.pid_file = f"{STATE}/proxy.pid"
c.Authenticator.allow_all = True  # whoever has a code
c.Authenticator.admin_users = {people.TEACHER}
c.Spawner.pre_spawn_hook = make_account
c.Spawner.cmd = [sys.executable, "-P", "-m", "tlhelpers.course.room.serve"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
c.Spawner.environment = {"PYTHONSAFEPATH": "1"}
if ROOM["idle_minutes"]:
    c.JupyterHub.services = [
        {
            "name": "idle-culler",
            "command": [
                *(sys.executable, "-m", "jupyterhub_idle_culler"),
                f"--timeout={60 * ROOM['idle_minutes']}",
            ],
        }
    ]
    c.JupyterHub.load_roles = [
        {
            "name": "idle-culler",
            "services": ["idle-culler"],
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        }
    ]
