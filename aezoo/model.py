from __future__ import annotations
class Model:
    def __init__(self, spec, network):
        self.spec, self.network = spec, network
    def to(self, device):
        self.network.to(device); return self
