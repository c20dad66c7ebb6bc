"""The manifests of deploy/kubernetes: what they say, and whether it starts, without a cluster."""
