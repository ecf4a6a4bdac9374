"""How a training computes: device, precision, compiling, CUDA graphs, processes."""
