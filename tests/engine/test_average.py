from __future__ import annotations

import torch

from nlpkit.engine.loop import Average


def test_the_average_lags_behind_and_leaves_the_weights_alone() -> None:
    layer = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
    average = Average(layer, 0.5)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    average.update(layer, 1000)
    assert torch.allclose(average.tensors["weight"], torch.full((1, 2), 0.5))
    with average.in_place(layer):
        assert torch.allclose(layer(torch.ones(1, 2)), torch.tensor([[1.0]]))
    assert torch.allclose(layer(torch.ones(1, 2)), torch.tensor([[2.0]]))


def test_its_memory_is_short_in_the_first_steps() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    average = Average(layer, 0.999)
    before = average.tensors["weight"].clone()
    with torch.no_grad():
        layer.weight.add_(1.0)
    average.update(layer, 1)
    assert torch.allclose(average.tensors["weight"] - before, torch.tensor([[10 / 11]]))
