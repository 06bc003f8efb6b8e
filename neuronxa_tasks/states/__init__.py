"""Neuron states: where the neurons of a model are, and sentence vectors made of them."""
