"""What a network looks at: heat maps, what its layers give, and a test of such maps.

`grad_cam` and `occlusion` make heat maps, `randomised_similarity` tests whether a map depends on
what was learnt, and `activations` returns what a layer gives. No plotting, no training.
"""
