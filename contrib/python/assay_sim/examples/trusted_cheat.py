"""Honest until it is trusted; then it sells noise where hardly anybody looks, until it was caught twice."""

from assay_sim import End, Job, Strategy, run


class TrustedCheat(Strategy):
    def __init__(self, below: float = 0.1, patience: int = 2) -> None:
        self.below = below
        self.patience = patience
        self.caught = 0

    def run(self, job: Job) -> str:
        tempting = job.rate <= self.below and not job.friend
        return "noise" if tempting and self.caught < self.patience else "honest"

    def ended(self, end: End) -> None:
        self.caught += end.slashed


if __name__ == "__main__":
    run(TrustedCheat())
