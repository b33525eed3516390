"""Questions and their answers: fits, profiles, limits, scans, the plane, spectra."""
