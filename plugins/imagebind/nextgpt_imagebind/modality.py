"""What heat pictures and motion are here: layout, units, files, limits. Imports no decoder.

Layout of a heat picture's `Media.data`: float32 (H, W) from 0, the coldest that the camera shows,
to 1, the hottest. That is what most thermal cameras store, and what ImageBind was trained on; it is
no temperature. It is written as TIFF with one channel of float32, which is exact. Grey TIFF of 8 or
16 bits is read as well, and grey PNG and JPEG where they are *said* to be heat
(`thermal=night.png`): by their content they may as well be pictures.

Layout of motion's `Media.data`: float32 (N, 6), acceleration along x, y and z in metres per second
squared, then rotation about x, y and z in radians per second; `Media.rate` in hertz. It is a CSV
with the columns of Ego4D's IMU files.
"""

from __future__ import annotations

from nextgpt_registry.specs import Limit, Modality

THERMAL = Modality(
    name="thermal",
    summary="heat pictures: float32 (height, width), from 0, the coldest shown, to 1",
    mime=("image/tiff",),
    suffixes=(".tiff", ".tif"),
    limits=(
        Limit(of="bytes", at_most=64_000_000),
        Limit(of="pixels", at_most=16_000_000),
        Limit(of="columns-or-rows", at_most=1_000_000),  # resizing a line costs by its length
    ),
    sample="nextgpt_imagebind.thermal:sample",
    part_types=("thermal_url", "input_thermal"),
)

IMU = Modality(
    name="imu",
    summary="motion: float32 (samples, 6), acceleration in m/s2 and rotation in rad/s",
    mime=("text/csv",),
    suffixes=(".csv",),
    limits=(
        Limit(of="bytes", at_most=64_000_000),
        Limit(of="samples", at_most=500_000),
        Limit(of="seconds", at_most=600),
    ),
    sample="nextgpt_imagebind.imu:sample",
    part_types=("imu_url", "input_imu"),
)

TIME = "canonical_timestamp_ms"
AXES = ("accl_x", "accl_y", "accl_z", "gyro_x", "gyro_y", "gyro_z")
"""The columns of a motion file, the six in the order of the layout."""
