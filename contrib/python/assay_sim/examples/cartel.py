"""Peers that sell noise in half of their jobs and find what their friends sell true."""

from assay_sim import Check, Job, Strategy, run


class Cartel(Strategy):
    def run(self, job: Job) -> str:
        return "noise" if self.luck.random() < 0.5 else "honest"

    def check(self, check: Check) -> str:
        return "sold" if check.sold else "honest"


if __name__ == "__main__":
    run(Cartel())
