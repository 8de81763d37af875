"""Which calibration is valid when."""
