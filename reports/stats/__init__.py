"""What may be concluded from few units: intervals that may be read at any time, the sample-ratio check, the readout."""
