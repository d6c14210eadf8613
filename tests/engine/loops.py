"""The usual loop of a person's own."""

from torch.nn.functional import cross_entropy

from tests.rig import network, running, sgd


class Loop:
    """A model with its optimizer and the usual body of a loop."""

    def __init__(self, **options):
        self.model = network()
        self.optimizer = sgd(self.model, **options)

    def running(self, **options):
        return running(lambda _: self.optimizer, model=self.model, bare=True, **options)

    def train(self, batch):
        inputs, targets = batch
        self.optimizer.zero_grad()
        loss = cross_entropy(self.model(inputs), targets)
        loss.backward()
        self.optimizer.step()
        return loss
