"""Wavelet families other than Haar, as filter banks, through pytorch-wavelets."""

import importlib
import warnings
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType

import torch
from torch import Tensor, nn

from blocks.spec import BlockError, nearest

MODE = "symmetric"  # the one padding that reconstructs maps smaller than the filters; the same as of our Haar transform


class FilterBank(nn.Module):
    """The discrete wavelet transform of a family such as ``db2`` or ``bior2.2``, and its inverse; mode ``symmetric``.

    The filters are buffers: they move with the module, in its dtype. Under autocast they run in full precision.
    Raises ``BlockError`` for a family that PyWavelets does not know.
    """

    def __init__(self, wavelet: str) -> None:
        super().__init__()
        families = _import("pywt").wavelist(kind="discrete")
        if wavelet not in families:
            raise BlockError(f"{wavelet!r} is not a wavelet{nearest(wavelet, families)}")
        library = _import("pytorch_wavelets")
        self.analysis = library.DWTForward(J=1, wave=wavelet, mode=MODE)
        self.synthesis = library.DWTInverse(wave=wavelet, mode=MODE)

    # The modules above hold the filters. What they compute is called by function: their own backward passes take the
    # transform's inverse for its adjoint, which is wrong at the borders, and autograd through the functions is right.

    def decompose(self, x: Tensor, levels: int) -> tuple[Tensor, list[Tensor]]:
        """The coarsest approximation (B, C, h, w), and the details (B, C, 3, h, w) of each level, coarse to fine."""
        lowlevel, bank = _import("pytorch_wavelets.dwt.lowlevel"), self.analysis
        details: list[Tensor] = []
        with _full_precision(x.device.type):
            x = x.to(bank.h0_col.dtype)
            for _ in range(levels):
                bands = lowlevel.afb2d(x, (bank.h0_col, bank.h1_col, bank.h0_row, bank.h1_row), MODE)
                bands = bands.unflatten(1, (-1, 4))
                x = bands[:, :, 0]
                details.insert(0, bands[:, :, 1:])
        return x, details

    def reconstruct(self, approximation: Tensor, details: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Back to maps of ``size`` = (H, W); a level's surplus row or column, where a side was odd, is cut off."""
        lowlevel, bank = _import("pytorch_wavelets.dwt.lowlevel"), self.synthesis
        filters = (bank.g0_col, bank.g1_col, bank.g0_row, bank.g1_row)
        x = approximation
        with _full_precision(x.device.type):
            for detail in details:
                x = x.to(bank.g0_col.dtype)[..., : detail.shape[-2], : detail.shape[-1]]
                x = lowlevel.sfb2d(x, *detail.to(x.dtype).unbind(2), filters, MODE)
        return x[..., : size[0], : size[1]]


def _full_precision(device: str) -> AbstractContextManager[object]:
    available = torch.amp.is_autocast_available(device)  # not on meta, which shapes and costs are found on
    return torch.autocast(device, enabled=False) if available else nullcontext()


def _import(name: str) -> ModuleType:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated as an API", UserWarning)
        return importlib.import_module(name)
