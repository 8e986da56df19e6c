"""A folder for TF Serving's model server.

OUT/models.config              the models of the folder, for --model_config_file
OUT/ENTRY/serving.md           how to ask ENTRY, by REST and by gRPC
OUT/ENTRY/VERSION/             a SavedModel; see `saved_model.save`
    assets.extra/tf_serving_warmup_requests    what the server asks itself before it serves
"""

import importlib.util
import pathlib
import re

import numpy as np
import tensorflow as tf
from absl import logging

from tfgen import zoo
from tfgen.errors import UserError
from tfgen.export import saved_model, serving_guide
from tfgen.export.atomic import told_as_of_files, written_beside
from tfgen.sampling.portable import BATCH_SIZES

WARM_UP_FILE = "assets.extra/tf_serving_warmup_requests"
SERVER_FOLDER = "/models"  # where the server's container sees OUT


def export_entries(entries, out, version=1):
    """Write `out/<entry>/<version>/` of each `Entry`, and what is beside them; yield the paths.

    Raises `UserError` before anything is written if the name of an entry cannot stand in a server's
    address, or if the version of a single entry, or of all of several, exists. Of several, those
    that exist are left as they are, so that an export that was interrupted goes on.
    """
    out = pathlib.Path(out)
    for entry in entries:
        if not re.fullmatch(r"[\w.-]+", entry.name):
            raise UserError(
                f"'{entry.name}' cannot be the name of a served model; rename the entry's folder "
                "to letters, digits, dots, dashes and underscores."
            )
    there = [entry for entry in entries if (out / entry.name / str(version)).exists()]
    if there and len(there) == len(entries):
        saved_model.free_version(out / entries[0].name, version)
    for entry in there:
        logging.info("%s has version %d already, which stays as it is", entry.name, version)
    if not has_protos():
        logging.warning("no warm-up requests are written; these need: pip install 'tfgen[serving]'")
    return (_export(entry, out, version) for entry in entries if entry not in there)


def _export(entry, out, version):
    with written_beside(out / entry.name / str(version), replace=False) as beside:
        model = zoo.load(entry.path)
        endpoints = saved_model.save(model, beside)
        if has_protos():
            write_warm_up(endpoints, model.num_classes, entry.name, beside / WARM_UP_FILE)
        # The version comes last: where it stands, the export is whole.
        with written_beside(out / entry.name / "serving.md") as guide:
            guide.write_text(serving_guide.guide(entry, endpoints, out, version), encoding="utf-8")
        _write_config(out, [entry.name])
    # Once more, with what others exported meanwhile.
    _write_config(out, [])
    return out / entry.name / str(version)


def _write_config(out, more):
    with written_beside(out / "models.config") as config:
        config.write_text(models_config(out, more), encoding="utf-8")


def example_inputs(inputs, rows, num_classes):
    """Return name -> numpy array [rows, ...] that an endpoint with these inputs can take."""
    values = {}
    for name, spec in inputs.items():
        value = np.zeros([rows, *spec.shape[1:]], spec.dtype.as_numpy_dtype)
        if name == "seeds":
            value[:] = np.arange(rows)
        elif name == "labels":
            value[:] = np.arange(rows) % num_classes
        elif name == "known_mask":
            value[:, : value.shape[1] // 2] = True
        values[name] = value
    return values


def has_protos():
    """Tell whether tensorflow-serving-api is installed, whose messages the requests are."""
    return importlib.util.find_spec("tensorflow_serving") is not None


def write_warm_up(endpoints, num_classes, name, path):
    """Write requests for all endpoints, of the batch sizes that XLA compiles for, as a TFRecord."""
    from tensorflow_serving.apis import prediction_log_pb2

    logs = []
    for endpoint, (inputs, _) in endpoints.items():
        for rows in BATCH_SIZES:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = name
            request.model_spec.signature_name = endpoint
            for key, value in example_inputs(inputs, rows, num_classes).items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            logs.append(log.SerializeToString())
    path.parent.mkdir()
    with told_as_of_files(), tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log)


def models_config(out, more=()):
    """Return the ModelServerConfig, as text, of the models below `out` and of those named."""
    names = sorted({*more, *(path.parent.parent.name for path in out.glob("*/*/saved_model.pb"))})
    lines = [
        "# The models of this folder. Every export writes this file anew: keep what you change in",
        "# another, such as model_version_policy { all {} }, without which the largest version of",
        "# a model is served alone.",
        "model_config_list {",
    ]
    for name in names:
        lines.append(
            f'  config {{ name: "{name}" base_path: "{SERVER_FOLDER}/{name}" '
            'model_platform: "tensorflow" }'
        )
    return "\n".join([*lines, "}", ""])
