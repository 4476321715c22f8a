"""Tokenizer, pre-training, transfer and the loop under them."""
