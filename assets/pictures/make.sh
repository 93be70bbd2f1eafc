#!/bin/sh
# Draws all pictures anew from the recorded demo. The table is in tests/it/pictures.rs.
cd "$(dirname "$0")/../.." && SAGEBRUSH_PICTURES=renew exec cargo test --test it pictures
