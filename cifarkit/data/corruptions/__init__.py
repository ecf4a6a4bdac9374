"""Corruptions: what can go wrong with a picture between the world and the network.

Kinds and strengths are those of CIFAR-10-C (Hendrycks and Dietterich 2019, arXiv 1903.12261), in
one file for each family. Each kind takes float32 `n 3 32 32` in [0, 1], a severity from 1 to 5
and the draws of these pictures, and returns as many pictures. What leaves [0, 1] is cut off later.
"""
