"""What going on from a trained network gains with few tunes of one's own."""
