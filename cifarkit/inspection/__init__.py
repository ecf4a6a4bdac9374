"""What a network looks at: heat maps, a test of such maps, and the outputs of layers.

`grad_cam` and `occlusion` make heat maps, `randomised_similarity` tests whether a map depends on
what was learnt, and `activations` returns the output of a layer. No plotting, no training.
"""
