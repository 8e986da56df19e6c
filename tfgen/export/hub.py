"""An entry as a repository of the Hugging Face Hub: its files, and a card with the Hub's header."""

import json
import pathlib
import re
import shutil

from tfgen import download, manifest, zoo
from tfgen.errors import UserError
from tfgen.export import card
from tfgen.export.atomic import written_beside
from tfgen.names import looks_like_folder

LICENSE = "apache-2.0"  # of the zoo's entries; that of others is for their authors to state
TASK = "unconditional-image-generation"


def prepare(entry, address, out):
    """Write the folder `out` with what the Hub's `address` is to hold; return its files' names."""
    manifest.verify(entry)
    info = _public(entry.info)
    text = model_card(info, address, _license(entry))
    names = ["entry.json", *info["files"]]
    with written_beside(out) as beside:
        for name in names:
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry.path / name, beside / name)
        if info != entry.info:
            (beside / "entry.json").write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
        (beside / "README.md").write_text(text, encoding="utf-8")
    return ["README.md", *names]


def _public(info):
    """Return what an entry says of itself, but for where its author's images lie."""
    if not looks_like_folder(info["dataset"]):
        return info
    name = re.sub(r"[^\w.-]+", "-", pathlib.Path(info["dataset"]).name).strip(".") or "images"
    return {**info, "dataset": name, "recipe": {**info["recipe"], "dataset": name}}


def _license(entry):
    return LICENSE if entry.path in [ours.path for ours in zoo.entries()] else None


def model_card(info, address, license=None):
    """Return the README.md of an entry on the Hub: its card below the Hub's YAML header."""
    hub = download.hub()
    data = {"dataset_type": info["dataset"], "dataset_name": info["dataset"], "task_type": TASK}
    header = hub.ModelCardData(
        model_name=info["name"],
        license=license,
        library_name="keras",
        pipeline_tag=TASK,
        datasets=[info["dataset"]],
        tags=["tfgen", "tensorflow", "image-generation", info["family"].lower()],
        metrics=list(info["metrics"]),
        eval_results=[
            hub.EvalResult(
                **data,
                dataset_split=figure.get("split"),
                metric_type=name,
                metric_name=f"{name} ({figure['unit']})" if figure["unit"] else name,
                metric_value=figure["value"],
            )
            for name, figure in info["metrics"].items()
        ],
    )
    return f"---\n{header.to_yaml()}\n---\n\n{card.card(info, address)}"


def check_token():
    """Raise `UserError` unless there is a token to upload with."""
    if not download.hub().get_token():
        raise UserError(
            "there is no token of the Hub to upload with; run 'hf auth login', or set HF_TOKEN."
        )


def upload(folder, address):
    """Upload a prepared folder to an address of the Hub, in one commit; returns the commit's URL.

    The repository is made, private, if it is not there.
    """
    hub = download.hub()
    repo, revision, subfolder = download.hub_parts(address)
    check_token()
    try:
        interface = hub.HfApi(library_name="tfgen")
        interface.create_repo(repo, private=True, exist_ok=True)
        if revision:
            interface.create_branch(repo, branch=revision, exist_ok=True)
        return interface.upload_folder(
            repo_id=repo,
            revision=revision,
            folder_path=pathlib.Path(folder),
            path_in_repo=subfolder,
            commit_message="Add an entry of tfgen",
        )
    except Exception as error:  # of whatever HTTP library this version of the package is built on
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{address} takes no upload: {reason}") from error
