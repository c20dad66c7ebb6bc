"""Checks Kubernetes manifests for what no validator knows: the program, and one another.

`python -m scripts.manifests` builds the overlays of deploy/kubernetes and looks at them;
`python -m scripts.manifests --secrets secrets.yaml FOLDER` does so with an operator's own.
"""
