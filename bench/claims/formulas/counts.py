"""Parameters and multiply–accumulates, against the number of elements of torch's tensors and the dispatcher's count."""

from torch import nn

from bench.claims.formulas.law import check, grid, verdict
from bench.claims.registry import Finding, quantity
from blocks import cost, out_shape

SMALL = (1, 2, 3)


def params(module: nn.Module) -> int:
    """Elements of all parameters."""
    return sum(param.numel() for param in module.parameters())


@quantity
def conv_params(stated: str) -> Finding:
    """Of a convolution with bias: a formula of kh, kw, Cin, Cout over 1–3 each."""
    cases = [
        (case, params(nn.Conv2d(case["Cin"], case["Cout"], (case["kh"], case["kw"]), device="meta")))
        for case in grid(kh=SMALL, kw=SMALL, Cin=SMALL, Cout=SMALL)
    ]
    return check(stated, cases, "elements of nn.Conv2d's parameters, kh, kw, Cin, Cout 1–3")


@quantity
def stack_params(stated: str, kernel: int, depth: int = 1) -> Finding:
    """Of ``depth`` convolutions from C to C channels without bias: a formula of C over 1–8."""
    cases = [(case, params(nn.Sequential(*_stack(case["C"], kernel, depth)))) for case in grid(C=range(1, 9))]
    biases = params(nn.Sequential(*_stack(1, kernel, depth, bias=True))) - cases[0][1]
    return check(stated, cases, f"elements of {depth} bias-free nn.Conv2d, C 1–8 (biases would add {biases} C)")


@quantity
def norm_params(stated: str, tensors: tuple[str, ...]) -> Finding:
    """Of batch normalisation: a formula of C over 1–8, and whether the parameters are the tensors that are named."""
    cases = [(case, params(nn.BatchNorm2d(case["C"], device="meta"))) for case in grid(C=range(1, 9))]
    finding = check(stated, cases, "elements of nn.BatchNorm2d's parameters, C 1–8")
    norm = nn.BatchNorm2d(1)
    learnt = [name for name, _ in norm.named_parameters()]
    if not finding.holds or set(tensors) == set(learnt):
        return finding
    kept = " and ".join(name for name, buffer in norm.named_buffers() if buffer.is_floating_point())
    computed = f"{stated} is {' and '.join(learnt)}, not {' and '.join(tensors)}"
    note = f"the count is right at C 1–8, but what nn.BatchNorm2d learns is {' and '.join(learnt)}; {kept} are buffers"
    return Finding(False, computed, note)


@quantity
def conv_macs(stated: str) -> Finding:
    """Of a convolution: a formula of Hout, Wout, Cout, kh, kw, Cin, over strides 1–2 and paddings 0–1."""
    cases = []
    for case in grid(kh=SMALL, kw=(1, 3), Cin=(1, 2), Cout=(1, 2), s=(1, 2), p=(0, 1)):
        conv = nn.Conv2d(case["Cin"], case["Cout"], (case["kh"], case["kw"]), case["s"], case["p"], device="meta")
        _, height, width = out_shape(conv, (case["Cin"], 5, 7))
        cases.append((case | {"Hout": height, "Wout": width}, cost(conv, (case["Cin"], 5, 7)).macs))
    return check(stated, cases, "dispatcher's count on 5×7 maps, kh, kw 1–3, Cin, Cout 1–2, s 1–2, p 0–1")


@quantity
def adds_nothing(option: str) -> Finding:
    """Whether an option of nn.Conv2d at 2 and 3 has the parameters, and the MACs for each output, that it has at 1."""
    refuted, count = [], 0
    for case in grid(k=(1, 2, 3, 5), value=(2, 3), C=SMALL):
        counts = []
        for value in (1, case["value"]):
            conv = nn.Conv2d(case["C"], 2, **({"kernel_size": case["k"]} | {option: value}), device="meta")  # type: ignore[arg-type]
            _, height, width = out_shape(conv, (case["C"], 16, 16))
            counts.append((params(conv), cost(conv, (case["C"], 16, 16)).macs / (height * width)))
        count += 1
        if counts[0] != counts[1]:
            at = f"k = {case['k']}, C = {case['C']}, {option} 1 → {case['value']}"
            refuted.append(f"{at}: parameters and MACs per pixel {counts[0]} → {counts[1]}")
    return verdict(count, refuted, f"numel and the dispatcher's MACs for each output pixel at {option} 1, 2, 3")


@quantity
def sharing(times: int, smallest: int = 8) -> Finding:
    """Whether a dense layer between the same maps has at least ``times`` the parameters, from sides of ``smallest`` on."""
    ratios = {}
    for case in grid(H=(smallest, 2 * smallest, 4 * smallest, 8 * smallest), k=(1, 3, 5), C=(1, 3, 16), F=(1, 8, 64)):
        inputs, outputs = case["C"] * case["H"] ** 2, case["F"] * case["H"] ** 2
        dense = params(nn.Linear(inputs, outputs, device="meta"))
        conv = params(nn.Conv2d(case["C"], case["F"], case["k"], padding="same", device="meta"))
        ratios[tuple(case.items())] = dense / conv
    low = min(ratios, key=lambda case: ratios[case])
    least, most = ratios[low], max(ratios.values())
    where = ", ".join(f"{name} = {value}" for name, value in low)
    note = f"nn.Linear against a 'same' nn.Conv2d, sides {smallest}–{8 * smallest}, k 1–5; the least at {where}"
    return Finding(least >= times, f"{least:,.0f} to {most:,.0f} times fewer", note)


@quantity
def separable_ratio(stated: str) -> Finding:
    """Parameters of depthwise and pointwise over those of one convolution: a formula of Cin, Cout, k; no biases."""
    cases = [(case, _separable(**case)) for case in grid(Cin=(1, 2, 3, 8), Cout=(1, 2, 3, 8, 64), k=(1, 2, 3, 5, 7))]
    return check(stated, cases, "elements of nn.Conv2d, Cin 1–8, Cout 1–64, k 1–7, without bias")


@quantity
def separable_reduction(width: int, kernel: int) -> float:
    """How many times fewer parameters a depthwise-separable convolution has (16 channels in; their number cancels)."""
    return 1 / _separable(16, width, kernel)


def _separable(Cin: int, Cout: int, k: int) -> float:  # noqa: N803
    depthwise = nn.Conv2d(Cin, Cin, k, groups=Cin, bias=False, device="meta")
    pointwise = nn.Conv2d(Cin, Cout, 1, bias=False, device="meta")
    return (params(depthwise) + params(pointwise)) / params(nn.Conv2d(Cin, Cout, k, bias=False, device="meta"))


def _stack(channels: int, kernel: int, depth: int, *, bias: bool = False) -> list[nn.Module]:
    return [nn.Conv2d(channels, channels, kernel, bias=bias, device="meta") for _ in range(depth)]
