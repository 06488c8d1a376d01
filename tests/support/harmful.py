"""A cell that does to its process whatever it is told to."""

CELL = """
import ctypes, os, resource, signal, sys, time
from torch import nn
from recurbench.cells.base import HiddenState, RecurrentCell

class Odd(RecurrentCell[HiddenState]):
    \"\"\"Does harm.\"\"\"
    name = "odd"

    def __init__(self, input_size: int, hidden_size: int = 8, *, harm: str = "none") -> None:
        super().__init__(input_size, hidden_size)
        self.harm, self.lin = harm, nn.Linear(input_size, hidden_size)

    def initial_state(self, batch_size):
        if self.training and self.harm == "state":
            raise ValueError("no state")
        return HiddenState(self._zeros(batch_size, self.hidden_size))

    def project(self, x):
        return self.lin(x)

    def recur(self, u, state):
        if self.training:
            print("about to do harm:", self.harm)
            exec(HARMS[self.harm])
        return u, HiddenState(u)

def fill_memory():
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), used + (1 << 29)))
    blocks = []
    while True:
        blocks.append(bytearray(1 << 28))

HARMS = {
    "none": "pass",
    "state": "pass",
    "kill": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminate": "os.kill(os.getpid(), signal.SIGTERM)",
    "segfault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "exit": "sys.exit(0)",
    "exit_at_once": "os._exit(0)",
    "memory": "fill_memory()",
    "raise": "raise ValueError('harm')",
    "stop_iteration": "raise StopIteration",
    "slow": "time.sleep(0.015)",
    "hang": "time.sleep(3600)",
    "stubborn": "[time.sleep(1) for _ in iter(int, 1)]",
    "close": "os.closerange(3, 200); time.sleep(3600)",
    "fork": "os.system('sleep 600 &'); os.kill(os.getpid(), signal.SIGKILL)",
}
"""
