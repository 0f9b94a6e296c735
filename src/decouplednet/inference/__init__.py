"""From a trained network to label maps: fusion, prediction, the model folder."""
