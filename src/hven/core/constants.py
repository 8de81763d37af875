"""Constants of nature, as CODATA 2018 has them."""

BOLTZMANN_J_PER_K = 1.380649e-23
ATOMIC_MASS_KG = 1.66053906660e-27
