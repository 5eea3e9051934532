"""mkimage.py NAME:TAG BINARY OUT.tar [ENV=VALUE...]

Writes a docker-archive whose only content is one static binary. The environment is part of the image's configuration, so
images that differ in it have different digests, and the same arguments give the same digest.
"""
import hashlib
import io
import json
import platform
import sys
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content, mode in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def main(reference, binary, out, *env):
    with open(binary, "rb") as file:
        layer = tar([("app", file.read(), 0o755)])
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Env": list(env), "Entrypoint": ["/app"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer_digest]},
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    layer_name = layer_digest + "/layer.tar"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [reference], "Layers": [layer_name]}]).encode()
    with open(out, "wb") as file:
        file.write(tar([(config_name, config, 0o644), (layer_name, layer, 0o644), ("manifest.json", manifest, 0o644)]))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
