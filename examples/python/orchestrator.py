"""An orchestrator in one file: it stores a Secret, mounts it as a volume, follows the volume while the Secret changes, and
unmounts it.

The stubs are generated from Lantern's protos, not committed:

    pip install grpcio grpcio-tools
    python -m grpc_tools.protoc -I ../../proto --python_out=. --grpc_python_out=. \
      lantern/v1/projector.proto lantern/v1/objects.proto
    python orchestrator.py /run/lantern/lantern.sock /run/example
"""

import pathlib
import sys

import grpc
from lantern.v1 import objects_pb2, objects_pb2_grpc, projector_pb2, projector_pb2_grpc

TIMEOUT_SECONDS = 60
VOLUME_ID = "example-python"


def main(socket: str, directory: str) -> None:
    # Lantern refuses a socket path as :authority.
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(f"unix:{socket}", options) as channel:
        objects = objects_pb2_grpc.ObjectsStub(channel)
        projector = projector_pb2_grpc.ProjectorStub(channel)
        apply(objects, "first")
        target = pathlib.Path(directory, "secrets")
        secret = projector_pb2.SecretSource(secret_name="db", default_mode=0o400)
        definition = projector_pb2.VolumeDefinition(source=projector_pb2.VolumeSource(secret=secret))
        request = projector_pb2.MountRequest(volume_id=VOLUME_ID, target_path=str(target), definition=definition)
        # Mount can be repeated: the second call with this id and target finds the volume up to date, or refreshes it.
        projector.Mount(request, timeout=TIMEOUT_SECONDS)
        try:
            show(target)
            follow(objects, projector, target)
        finally:
            # An empty target stands for all of the volume's. Unmount can be repeated too.
            projector.Unmount(projector_pb2.UnmountRequest(volume_id=VOLUME_ID), timeout=TIMEOUT_SECONDS)


def follow(objects, projector, target: pathlib.Path) -> None:
    """Changes the Secret, and returns when the volume shows that."""
    request = projector_pb2.WatchVolumesRequest(volume_id=VOLUME_ID, include_existing=True)
    for event in projector.WatchVolumes(request, timeout=TIMEOUT_SECONDS):
        print("event:", projector_pb2.VolumeEvent.Type.Name(event.type))
        if event.type == projector_pb2.VolumeEvent.MOUNTED:
            # The watch is established, so this change is not missed.
            apply(objects, "second")
        elif event.type == projector_pb2.VolumeEvent.UPDATED:
            show(target)
            return
        elif event.type == projector_pb2.VolumeEvent.FAILED:
            raise RuntimeError(f"{event.reason}: {event.message}")


def apply(objects, password: str) -> None:
    secret = objects_pb2.Secret(data={"password": password.encode()})
    db = objects_pb2.Object(metadata=objects_pb2.ObjectMeta(name="db"), secret=secret)
    objects.Apply(objects_pb2.ApplyRequest(object=db), timeout=TIMEOUT_SECONDS)


def show(target: pathlib.Path) -> None:
    print("password:", (target / "password").read_text())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} SOCKET DIRECTORY")
    try:
        main(sys.argv[1], sys.argv[2])
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
