"""One module per figure; each has `measure(lab, sizes)`."""
