"""Why a model said what it said: attention, SHAP, LIME, gradients, occlusion."""

from xai import attention, cross_attention
from xai.attribution import Attribution
from xai.methods import METHODS, TRANSLATION_METHODS
from xai.sequence_attribution import SequenceAttribution

__all__ = ["METHODS", "TRANSLATION_METHODS", "Attribution", "SequenceAttribution", "attention", "cross_attention"]
