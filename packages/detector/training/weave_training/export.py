"""A trained ensemble as ONNX: one input `features` [N, F] float32, two outputs `margin` and `probability` [N, 1] float32.

Nothing but the operators that `packages/detector/src/model/onnx.ts` reads: TreeEnsembleRegressor (BRANCH_LEQ and LEAF, SUM),
Mul, Add, Exp, Sigmoid. No ZipMap, no Cast. Every export is run by onnxruntime on rows of the caller's and compared with the
library itself before it is returned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from .calibrate import Platt, Steps

OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8
CHECKED_ROWS = 1000
PROBABILITY_TOLERANCE = 1e-6
# The operator adds the leaves of all trees in float32, LightGBM in float64.
MARGIN_TOLERANCE = 1e-5


def floor32(value: float) -> float:
    """The largest float32 <= a float64. For a float32 x, x <= value is then x <= floor32(value)."""
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > value else rounded)


@dataclass
class Ensemble:
    """The attributes of one TreeEnsembleRegressor."""

    rows: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    trees: int = 0

    def split(self, tree, node, feature, threshold, low, high, nan_goes_low):
        self.rows.append((tree, node, int(feature), floor32(threshold), "BRANCH_LEQ", low, high, int(bool(nan_goes_low))))

    def leaf(self, tree, node, weight):
        self.rows.append((tree, node, 0, 0.0, "LEAF", 0, 0, 0))
        self.weights.append((tree, node, float(np.float32(weight))))

    def node(self, source: str, target: str):
        tree, node, feature, value, mode, true, false, missing = map(list, zip(*self.rows))
        leaf_tree, leaf_node, weight = map(list, zip(*self.weights))
        return helper.make_node(
            "TreeEnsembleRegressor",
            [source],
            [target],
            domain="ai.onnx.ml",
            n_targets=1,
            aggregate_function="SUM",
            post_transform="NONE",
            nodes_treeids=tree,
            nodes_nodeids=node,
            nodes_featureids=feature,
            nodes_values=value,
            nodes_modes=mode,
            nodes_truenodeids=true,
            nodes_falsenodeids=false,
            nodes_missing_value_tracks_true=missing,
            target_treeids=leaf_tree,
            target_nodeids=leaf_node,
            target_ids=[0] * len(weight),
            target_weights=weight,
        )


def export_lightgbm(booster, calibration: Platt | Steps, rows) -> bytes:
    """A binary LightGBM booster (gbdt; no categorical or linear splits). The margin is its raw score."""
    model = booster.dump_model()
    if model["num_class"] != 1 or model["num_tree_per_iteration"] != 1 or model.get("average_output"):
        raise ValueError("Cannot export the booster: it has several classes or averages, wanted one sum")
    ensemble = Ensemble()
    for number, tree in enumerate(model["tree_info"]):
        _lightgbm_tree(ensemble, number, tree["tree_structure"])
    data = _model([ensemble.node("features", "margin")], [], booster.num_feature(), calibration)
    _check(data, calibration, rows, lambda x: booster.predict(x.astype(np.float64), raw_score=True, num_threads=1))
    return data


def _lightgbm_tree(ensemble: Ensemble, tree: int, root: dict) -> None:
    places, queue = {id(root): 0}, [root]
    for node in queue:  # breadth first; grows while it is read
        place = places[id(node)]
        if "split_index" not in node:
            ensemble.leaf(tree, place, node["leaf_value"])
            continue
        if node["decision_type"] != "<=":
            raise ValueError(f"Cannot export a split: it compares with {node['decision_type']}, wanted <=")
        for child in (node["left_child"], node["right_child"]):
            places[id(child)] = len(queue)
            queue.append(child)
        low, high = (places[id(node[side])] for side in ("left_child", "right_child"))
        if node["missing_type"] == "Zero":
            raise ValueError("Cannot export a split: it takes zero for missing, wanted NaN or none")
        # Where no value was missing in training, the library takes NaN for 0.
        nan_goes_low = node["default_left"] if node["missing_type"] == "NaN" else 0.0 <= node["threshold"]
        ensemble.split(tree, place, node["split_feature"], node["threshold"], low, high, nan_goes_low)


def export_isolation_forest(forest, calibration: Platt | Steps, rows) -> bytes:
    """A scikit-learn IsolationForest. The margin is its anomaly score 2^(-E[path] / c), in 0..1; higher is odder."""
    ensemble = Ensemble()
    count = len(forest.estimators_)
    unit = _path(forest.max_samples_)
    for number, (estimator, features) in enumerate(zip(forest.estimators_, forest.estimators_features_)):
        _isolation_tree(ensemble, number, estimator.tree_, features, count * unit)
    data = _model(
        [
            ensemble.node("features", "path"),
            helper.make_node("Mul", ["path", "minus_ln2"], ["scaled"]),
            helper.make_node("Exp", ["scaled"], ["margin"]),
        ],
        [("minus_ln2", -math.log(2))],
        forest.n_features_in_,
        calibration,
    )
    _check(data, calibration, rows, lambda x: -forest.score_samples(x))
    return data


def _isolation_tree(ensemble: Ensemble, number: int, tree, features, divisor: float) -> None:
    depth = {0: 0}
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    for node in range(tree.node_count):
        low, high = int(tree.children_left[node]), int(tree.children_right[node])
        if low == -1:
            ensemble.leaf(number, node, (depth[node] + _path(int(tree.n_node_samples[node]))) / divisor)
            continue
        depth[low] = depth[high] = depth[node] + 1
        feature = features[tree.feature[node]]
        ensemble.split(number, node, feature, float(tree.threshold[node]), low, high, missing[node])


def _path(samples: int) -> float:
    """Mean depth of an unsuccessful search in a binary search tree of so many samples."""
    if samples <= 1:
        return 0.0
    if samples == 2:
        return 1.0
    return 2.0 * (math.log(samples - 1) + np.euler_gamma) - 2.0 * (samples - 1) / samples


def _calibration_nodes(calibration: Platt | Steps):
    if isinstance(calibration, Platt):
        nodes = [
            helper.make_node("Mul", ["margin", "slope"], ["sloped"]),
            helper.make_node("Add", ["sloped", "intercept"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["probability"]),
        ]
        return nodes, [("slope", calibration.slope), ("intercept", calibration.intercept)]
    steps = Ensemble()
    queue = [(0, len(calibration.values))]  # node number → the half-open range of values that it decides between
    for place, (start, stop) in enumerate(queue):
        if stop - start == 1:
            steps.leaf(0, place, calibration.values[start])
            continue
        middle = (start + stop) // 2
        low, high = len(queue), len(queue) + 1
        queue += [(start, middle), (middle, stop)]
        steps.split(0, place, 0, float(calibration.edges[middle - 1]), low, high, False)
    return [steps.node("margin", "probability")], []


def _model(nodes, constants, features: int, calibration: Platt | Steps) -> bytes:
    more_nodes, more_constants = _calibration_nodes(calibration)
    graph = helper.make_graph(
        nodes + more_nodes,
        "detector",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", features])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("margin", "probability")],
        initializer=[
            helper.make_tensor(name, TensorProto.FLOAT, [1], [float(np.float32(value))])
            for name, value in constants + more_constants
        ],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="weave_training", ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def run(data: bytes, rows) -> tuple[np.ndarray, np.ndarray]:
    """(margin, probability), float32 [N], by onnxruntime in one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    margin, probability = session.run(["margin", "probability"], {"features": np.ascontiguousarray(rows, np.float32)})
    return margin[:, 0], probability[:, 0]


def _check(data: bytes, calibration: Platt | Steps, rows, library) -> None:
    """@raises ValueError when onnxruntime and the library differ: margins relative to their size from 1 on."""
    rows = np.ascontiguousarray(rows, np.float32)
    if len(rows) < CHECKED_ROWS:
        raise ValueError(f"Cannot check the export: {len(rows)} rows, wanted {CHECKED_ROWS} or more")
    margin, probability = run(data, rows)
    wanted = library(rows)
    gap = float(np.max(np.abs(margin - wanted) / np.maximum(1, np.abs(wanted))))
    if not gap <= MARGIN_TOLERANCE:
        raise ValueError(f"Cannot export: margins differ by {gap:.3g}, wanted at most {MARGIN_TOLERANCE}")
    # Steps get onnxruntime's margins: they may jump between two that differ by rounding.
    gap = float(np.max(np.abs(probability - calibration.apply(margin if isinstance(calibration, Steps) else wanted))))
    if not gap <= PROBABILITY_TOLERANCE:
        raise ValueError(f"Cannot export: probabilities differ by {gap:.3g}, wanted at most {PROBABILITY_TOLERANCE}")
