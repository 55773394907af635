#!/usr/bin/env python3
"""Deletes what the stack and the builds have left in the checkout, and beside it."""

import shutil

import place

if __name__ == "__main__":
    for folder in (place.elsewhere(), place.local_dir(), place.CHECKOUT / "target", place.CHECKOUT / ".aws-sam"):
        shutil.rmtree(folder, ignore_errors=True)
