"""Tests of what the image is made of, without a container engine (docker/verify has one)."""
