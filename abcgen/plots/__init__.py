"""Pictures of a training run; owns matplotlib, sees figures and names, no tune and no network."""
