"""The figure of the paper, tensors only: encoder, head, saliency, bridge, deconvolution network."""
