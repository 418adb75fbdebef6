"""Pictures of explanations; knows no model."""
