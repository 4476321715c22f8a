"""Metrics by group and their intervals beside those of fairlearn's MetricFrame, on the validation tweets of UMSAB."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score, recall_score

from audit import AuditColumns, AuditConfig, AuditReport, AuditTable, audit_predictions
from audit.__main__ import main
from audit.predicting import predict_table
from audit.table import read_audit_table
from models.loading import load_classifier
from tests.audit.test_table_command import needs_corpora

fairlearn = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed; benchmarks/requirements.txt names it")
RESAMPLES = 200


@pytest.fixture(scope="module")
def tweets(tmp_path_factory: pytest.TempPathFactory) -> AuditTable:
    path = tmp_path_factory.mktemp("tweets") / "umsab.jsonl"
    assert main(["table", "umsab", "--output", str(path)]) == 0
    return predict_table(read_audit_table(path), AuditColumns(), load_classifier("toy"))


@pytest.fixture(scope="module")
def report(tweets: AuditTable) -> AuditReport:
    return audit_predictions(tweets, AuditColumns(cultures=("language",)), AuditConfig())


@needs_corpora
def test_groups_overall_and_intervals(tweets: AuditTable, report: AuditReport) -> None:
    columns = {name: np.array(tweets.texts(name).to_pylist()) for name in ("label", "prediction", "language")}
    metrics = {"accuracy": accuracy_score, "macro_f1": lambda gold, said: f1_score(gold, said, average="macro"),
               "recall_negative": lambda gold, said: recall_score(gold, said, labels=["negative"], average="macro")}
    frame = fairlearn.MetricFrame(metrics=metrics, y_true=columns["label"], y_pred=columns["prediction"], sensitive_features=columns["language"],
                                  n_boot=RESAMPLES, ci_quantiles=[0.025, 0.975], random_state=1)
    low, high = frame.by_group_ci
    apart = []
    for name in metrics:
        assert report.overall.metrics[name].value == pytest.approx(100 * frame.overall[name])
        difference = frame.difference()[name]
        assert report.gaps[name].value == pytest.approx(100 * difference)
        for group in report.by_culture:
            ours = group.metrics[name]
            assert ours.value == pytest.approx(100 * frame.by_group.loc[group.group, name])
            error = (ours.high - ours.low) / (2 * norm.ppf(0.975)) * np.sqrt(0.025 * 0.975 / RESAMPLES) / norm.pdf(norm.ppf(0.975))  # of a percentile
            apart += [(ours.low - 100 * low.loc[group.group, name]) / error, (ours.high - 100 * high.loc[group.group, name]) / error]
    assert len(apart) == 48 and np.sqrt(np.mean(np.square(apart))) < 1.5 and np.abs(apart).max() < 4
