"""The pages: people and their glucose, and connecting a provider. Knows neither the store nor Elasticsearch."""
