"""The command that answers Label Studio with a model."""

from pathlib import Path
from typing import Annotated

import typer

from decouplednet.cli.options import Device, ModelFolder, Precision

Host = Annotated[str, typer.Option(help="Where to listen; others than this machine need --token.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0 for any free one.")]
Images = Annotated[
    Path | None,
    typer.Option(
        help="The folder that Label Studio serves as its local files "
        "(LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT there); without it they are fetched from it.",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        envvar="DECOUPLEDNET_TOKEN",
        help="Password that requests must bring as basic auth, with any user name; better given in "
        "the environment, as DECOUPLEDNET_TOKEN.",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Log warnings and faults alone.")]


def backend(
    model: ModelFolder,
    host: Host = "127.0.0.1",
    port: Port = 9090,
    images: Images = None,
    token: Token = None,
    device: Device = "auto",
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Answer Label Studio with MODEL: masks, polygons and tags of a project's images.

    Choices that somebody made on an image are its tags, as with predict --tags. Uploaded images
    are fetched from LABEL_STUDIO_URL with the token LABEL_STUDIO_API_KEY, both of the environment,
    and from nowhere else. The log is JSON, a line for each request.
    """
    from decouplednet.serve.run import Wanted, serve

    wanted = Wanted(
        model=model,
        host=host,
        port=port,
        images=images,
        token=token,
        device=device,
        precision=precision,
        quiet=quiet,
    )
    serve(wanted, typer.echo)
    typer.echo("stopped")
