"""CUDA graphs of a network's passes: all their kernels are launched at once, and Python is out of the way.

The optimizer's step stays as it is: one fused kernel for all parameters, and clipping and loss scaling need the host.
"""

import torch

from bench.profile.subject import Phases, Subject

WARM_UP = 3
"""Steps on a side stream before a capture, in which libraries choose algorithms and take their workspaces (torch's notes)."""


def captured(subject: Subject) -> Phases:
    """The subject's phases, forward and backward as replays of graphs that share one pool of memory.

    Gradients are written anew by each replay, into the memory that the captured pass took for them.
    """
    stream = torch.cuda.Stream(subject.device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(subject.device))
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            subject.step()
    torch.cuda.current_stream(subject.device).wait_stream(stream)
    torch.cuda.synchronize(subject.device)
    pool = torch.cuda.graph_pool_handle()
    passes = [name for name in subject.phases if name != "optimizer"]
    graphs = {name: torch.cuda.CUDAGraph() for name in passes}
    for name, graph in graphs.items():
        with torch.cuda.graph(graph, pool=pool):
            subject.phases[name]()
    return {name: graphs[name].replay if name in graphs else phase for name, phase in subject.phases.items()}
