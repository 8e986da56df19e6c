"""serving.md: how to ask one exported entry, by REST and by gRPC."""

import json
import pathlib
import shlex

from tfgen.export.card import classes_text
from tfgen.export.markdown_table import table_lines

COMPILATION = "--xla_cpu_compilation_enabled=true"
MEANING = {
    "sample": "draws an image for each seed",
    "sample_png": "the same images, each a PNG file",
    "log_prob": "the exact log-likelihood, in nats per image",
    "complete": "draws the pixels where `known_mask` is false, given the known ones before them",
    "elbo": "a lower bound on the log-likelihood, in nats per image",
    "encode": "the codes of images",
    "decode": "the images of codes",
    "reconstruct": "images after encoding and decoding",
}


def run_command(folder):
    """Return the lines that start a server of a folder's models: gRPC on 8500, REST on 8501."""
    folder = shlex.quote(str(pathlib.Path(folder).resolve()))
    return [
        f"docker run -p 8500:8500 -p 8501:8501 -v {folder}:/models tensorflow/serving \\",
        f"    --model_config_file=/models/models.config {COMPILATION}",
    ]


def guide(entry, endpoints, folder, version):
    """Return serving.md.

    Args:
        entry: the `Entry`.
        endpoints: name -> (inputs, outputs), each name -> TensorSpec.
        folder: of the model server.
        version: of the SavedModel.
    """
    name, num_classes = entry.name, entry.info["num_classes"]
    summary = entry.info["summary"][:1].upper() + entry.info["summary"][1:]
    names = entry.info["class_names"]
    classes = f" `labels` are numbers of classes: {classes_text(names)}." if num_classes else ""
    row = json.dumps(dict.fromkeys(endpoints["sample"][0], 0))
    lines = [
        f"# {name}, version {version}",
        "",
        f"{summary}. Requests may be of any number of rows; an image follows from "
        f"its seed{' and label' if num_classes else ''} alone. Images are uint8, 0..255, on the "
        f"model's grid of {entry.info['levels']} levels.{classes}",
        "",
        *table_lines(
            ["endpoint", "what it does", "inputs", "output"],
            [
                [f"`{endpoint}`", MEANING[endpoint], _described(inputs), _described(outputs)]
                for endpoint, (inputs, outputs) in endpoints.items()
            ],
        ),
        "",
        "## Start a server",
        "",
        "```sh",
        *run_command(folder),
        "```",
        "",
        f"`{COMPILATION}` lets XLA compile the scans of autoregressive models, which then are "
        "several times faster, after a warm-up of seconds to minutes. A server without it gives "
        "the same images more slowly. Leave it out where the server cannot compile, as that of the "
        "image for GPUs (tensorflow/serving issue 2214).",
        "",
        "## REST",
        "",
        "```sh",
        f"""curl -d '{{"signature_name": "sample", "instances": [{row}]}}' \\""",
        f"    localhost:8501/v1/models/{name}:predict",
        "```",
        "",
        "```python",
        "import base64",
        "import json",
        "import urllib.request",
        "",
        "",
        "def predict(endpoint, **inputs):",
        f'    url = "http://localhost:8501/v1/models/{name}:predict"',
        '    body = json.dumps({"signature_name": endpoint, "inputs": inputs})',
        "    with urllib.request.urlopen(url, body.encode()) as response:",
        '        return json.load(response)["outputs"]',
        "",
        "",
        *_calls(endpoints, as_arrays=False),
    ]
    if "sample_png" in endpoints:
        lines += [
            'with open("image.png", "wb") as file:',
            '    file.write(base64.b64decode(sample_png[0]["b64"]))',
        ]
    lines += [
        "```",
        "",
        "## gRPC",
        "",
        "With `pip install tensorflow-serving-api`.",
        "",
        "```python",
        "import grpc",
        "import numpy as np",
        "import tensorflow as tf",
        "from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc",
        "",
        'channel = grpc.insecure_channel("localhost:8500")',
        "service = prediction_service_pb2_grpc.PredictionServiceStub(channel)",
        "",
        "",
        "def predict(endpoint, **inputs):",
        "    request = predict_pb2.PredictRequest()",
        f'    request.model_spec.name = "{name}"',
        "    request.model_spec.signature_name = endpoint",
        "    for key, value in inputs.items():",
        "        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))",
        "    (output,) = service.Predict(request, 60).outputs.values()  # within 60 s",
        "    return tf.make_ndarray(output)",
        "",
        "",
        *_calls(endpoints, as_arrays=True),
    ]
    if "sample_png" in endpoints:
        lines += ['with open("image.png", "wb") as file:', "    file.write(sample_png[0])"]
    return "\n".join([*lines, "```", ""])


def _calls(endpoints, as_arrays):
    """Return a line of Python for each endpoint, that asks it about two rows."""
    lines = []
    for endpoint, (inputs, _) in endpoints.items():
        values = []
        for key, spec in inputs.items():
            value = _rows(key, spec)
            if as_arrays:
                value = f"np.array({value}, np.{spec.dtype.name.replace('bool', 'bool_')})"
            values.append(f"{key}={value}")
        lines.append(f"{endpoint} = predict({', '.join([repr(endpoint), *values])})")
    return [line.replace("'", '"') for line in lines]


def _rows(key, spec):
    """Return two rows of an input as Python writes them."""
    if key in ("seeds", "labels"):
        return "[0, 1]"
    if key == "latents":
        return f"[[0.0] * {spec.shape[1]}] * 2"
    height, width = spec.shape[1:3]
    if key == "known_mask":
        known = height // 2
        return f"[[[True] * {width}] * {known} + [[False] * {width}] * {height - known}] * 2"
    return f"[[[{[0] * spec.shape[3]}] * {width}] * {height}] * 2"


def _described(specs):
    texts = []
    for name, spec in specs.items():
        shape = ", ".join("n" if size is None else str(size) for size in spec.shape)
        texts.append(f"`{name}` {spec.dtype.name} [{shape}]")
    return ", ".join(texts)
