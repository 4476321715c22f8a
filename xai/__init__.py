"""Why a model said what it said: attention, SHAP, LIME, gradients, occlusion."""

from xai import attention
from xai.attribution import Attribution
from xai.methods import METHODS

__all__ = ["METHODS", "Attribution", "attention"]
