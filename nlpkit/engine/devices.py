"""What this machine computes on."""

from __future__ import annotations

import torch


def describe() -> dict[str, str]:
    """Device and number formats, for ``nlpkit doctor``."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    bf16 = torch.cuda.is_bf16_supported() if gpus else bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return {
        "device": ", ".join(gpus) or ("mps" if torch.backends.mps.is_available() else "cpu"),
        "threads": str(torch.get_num_threads()),
        "bf16": "yes" if bf16 else "no (slow or missing here: train in fp32)",
    }
