"""All attribution methods under one signature: `METHODS[name](model, text, target=None, *, seed=0, progress=...)`."""

from __future__ import annotations

from collections.abc import Callable

from xai.attention import explain_attention_rollout
from xai.attribution import Attribution
from xai.gradients import explain_input_x_gradient, explain_integrated_gradients
from xai.lime_values import explain_lime
from xai.occlusion import explain_occlusion
from xai.shap_values import explain_shap

METHODS: dict[str, Callable[..., Attribution]] = {
    "shap": explain_shap,
    "lime": explain_lime,
    "integrated_gradients": explain_integrated_gradients,
    "input_x_gradient": explain_input_x_gradient,
    "occlusion": explain_occlusion,
    "attention_rollout": explain_attention_rollout,
}
